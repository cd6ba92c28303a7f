//! JSON objects, described member by member.

use std::fmt;

use super::Sink;

/// The JSON style of a runtime. It determines the size of a response, and so the largest body that fits a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// No spaces: `JSON.stringify`, `serde_json`, and AWS itself.
    Compact,
    /// A space after each comma and colon, UTF-8 unescaped: Lambda's Python since 3.12.
    Python,
    /// A space after each comma and colon, and ASCII only: Lambda's Python up to 3.11.
    PythonAscii,
}

/// An object under construction: adds commas and names.
pub struct Object<'s> {
    sink: &'s mut dyn Sink,
    style: Style,
    empty: bool,
}

/// Describes a compact object, braces included.
pub fn object(sink: &mut dyn Sink, members: impl FnOnce(&mut Object<'_>)) {
    object_in(Style::Compact, sink, members);
}

/// Describes an object in the style of a runtime.
pub fn object_in(style: Style, sink: &mut dyn Sink, members: impl FnOnce(&mut Object<'_>)) {
    sink.raw("{");
    let mut object = Object { sink, style, empty: true };
    members(&mut object);
    object.sink.raw("}");
}

impl Object<'_> {
    /// Adds a member whose value is already JSON: a number, `null`, `true`.
    pub fn raw(&mut self, name: &str, json: &str) {
        self.name(name).raw(json);
    }

    /// Adds a string.
    pub fn string(&mut self, name: &str, text: &str) {
        let style = self.style;
        write_string(self.name(name), style, text);
    }

    /// Adds a string with the base64 encoding of bytes.
    pub fn base64(&mut self, name: &str, bytes: &[u8]) {
        self.name(name).base64(bytes);
    }

    /// Adds a string or `null`.
    pub fn string_or_null(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.string(name, text),
            None => self.raw(name, "null"),
        }
    }

    /// Adds a nested object.
    pub fn object(&mut self, name: &str, members: impl FnOnce(&mut Object<'_>)) {
        let style = self.style;
        object_in(style, self.name(name), members);
    }

    /// Adds an array of strings.
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

    /// Adds an object of strings, or `null` if there are none.
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

    /// Starts a member. Its value must be written next.
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
