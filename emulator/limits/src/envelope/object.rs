//! JSON objects, described on a sink member by member.

use std::fmt;

use super::Sink;

/// How a runtime writes JSON. The same answer takes more bytes from one than from another, so the limit is met earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// No spaces: `JSON.stringify`, `serde_json`, and AWS itself.
    Compact,
    /// A space after each comma and colon, UTF-8 as it is: Lambda's Python from 3.12 on.
    Python,
    /// A space after each comma and colon, and ASCII only: Lambda's Python up to 3.11.
    PythonAscii,
}

/// An object under way: writes commas and names.
pub struct Object<'s> {
    sink: &'s mut dyn Sink,
    style: Style,
    empty: bool,
}

/// Describes a compact object from its opening to its closing brace.
pub fn object(sink: &mut dyn Sink, members: impl FnOnce(&mut Object<'_>)) {
    object_in(Style::Compact, sink, members);
}

/// Describes an object as a given runtime would write it.
pub fn object_in(style: Style, sink: &mut dyn Sink, members: impl FnOnce(&mut Object<'_>)) {
    sink.raw("{");
    let mut object = Object { sink, style, empty: true };
    members(&mut object);
    object.sink.raw("}");
}

impl Object<'_> {
    /// A member that is JSON already: a number, `null`, `true`.
    pub fn raw(&mut self, name: &str, json: &str) {
        self.name(name).raw(json);
    }

    /// A text.
    pub fn string(&mut self, name: &str, text: &str) {
        let style = self.style;
        write_string(self.name(name), style, text);
    }

    /// The base64 of bytes.
    pub fn base64(&mut self, name: &str, bytes: &[u8]) {
        self.name(name).base64(bytes);
    }

    /// A text, or `null`.
    pub fn string_or_null(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.string(name, text),
            None => self.raw(name, "null"),
        }
    }

    /// An object inside.
    pub fn object(&mut self, name: &str, members: impl FnOnce(&mut Object<'_>)) {
        let style = self.style;
        object_in(style, self.name(name), members);
    }

    /// An array of texts.
    pub fn strings<'t>(&mut self, name: &str, texts: impl IntoIterator<Item = &'t str>) {
        let style = self.style;
        let sink = self.name(name);
        sink.raw("[");
        for (at, text) in texts.into_iter().enumerate() {
            if at > 0 {
                sink.raw(comma(style));
            }
            write_string(sink, style, text);
        }
        sink.raw("]");
    }

    /// An object of texts, or `null` when there is none.
    pub fn map_or_null<'t>(
        &mut self,
        name: &str,
        members: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) {
        let mut members = members.into_iter().peekable();
        if members.peek().is_none() {
            return self.raw(name, "null");
        }
        self.object(name, |map| {
            for (name, text) in members {
                map.string(name, text);
            }
        });
    }

    /// Begins a member; what is written next is its value.
    fn name(&mut self, name: &str) -> &mut dyn Sink {
        if !self.empty {
            self.sink.raw(comma(self.style));
        }
        self.empty = false;
        write_string(self.sink, self.style, name);
        self.sink.raw(if self.style == Style::Compact { ":" } else { ": " });
        self.sink
    }
}

fn comma(style: Style) -> &'static str {
    if style == Style::Compact { "," } else { ", " }
}

fn write_string(sink: &mut dyn Sink, style: Style, text: &str) {
    match style {
        Style::Compact | Style::Python => sink.string(text),
        Style::PythonAscii => sink.ascii_string(text),
    }
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("style", &self.style).finish_non_exhaustive()
    }
}
