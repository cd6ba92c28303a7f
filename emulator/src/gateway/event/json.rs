//! JSON objects, described on a sink.

use hardcap_limits::envelope::Sink;

/// An object under way: writes commas and names.
pub(crate) struct Object<'s> {
    sink: &'s mut dyn Sink,
    empty: bool,
}

/// Describes an object from its opening to its closing brace.
pub(crate) fn object(sink: &mut dyn Sink, members: impl FnOnce(&mut Object<'_>)) {
    sink.raw("{");
    let mut object = Object { sink, empty: true };
    members(&mut object);
    object.sink.raw("}");
}

impl Object<'_> {
    fn name(&mut self, name: &str) -> &mut dyn Sink {
        if !self.empty {
            self.sink.raw(",");
        }
        self.empty = false;
        self.sink.string(name);
        self.sink.raw(":");
        self.sink
    }

    /// A member that is JSON already: a number, `null`, `true`.
    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        self.name(name).raw(json);
    }

    /// A text.
    pub(crate) fn string(&mut self, name: &str, text: &str) {
        self.name(name).string(text);
    }

    /// The base64 of bytes.
    pub(crate) fn base64(&mut self, name: &str, bytes: &[u8]) {
        self.name(name).base64(bytes);
    }

    /// A text, or `null`.
    pub(crate) fn string_or_null(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.string(name, text),
            None => self.raw(name, "null"),
        }
    }

    /// An object inside.
    pub(crate) fn object(&mut self, name: &str, members: impl FnOnce(&mut Object<'_>)) {
        object(self.name(name), members);
    }

    /// An array of texts.
    pub(crate) fn strings<'t>(&mut self, name: &str, texts: impl IntoIterator<Item = &'t str>) {
        let sink = self.name(name);
        sink.raw("[");
        for (at, text) in texts.into_iter().enumerate() {
            if at > 0 {
                sink.raw(",");
            }
            sink.string(text);
        }
        sink.raw("]");
    }

    /// An object of texts, or `null` when there is none.
    pub(crate) fn map_or_null<'t>(
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_nest_and_texts_are_escaped() {
        let mut text = Vec::new();
        object(&mut text, |outer| {
            outer.string("a\"", "b\n");
            outer.object("inner", |_| {});
            outer.strings("list", ["1", "2"]);
            outer.map_or_null("none", []);
            outer.map_or_null("map", [("k", "v")]);
            outer.raw("n", "1");
        });
        let expected =
            r#"{"a\"":"b\n","inner":{},"list":["1","2"],"none":null,"map":{"k":"v"},"n":1}"#;
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
