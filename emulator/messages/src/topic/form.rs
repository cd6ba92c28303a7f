//! The query protocol: a form with the members of the input, and XML back. Pure.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use indexmap::IndexMap;

/// The namespace of SNS's responses (the SDK's model, `xmlNamespace`).
const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// The fields of a call, decoded: those of the query and those of the body.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(IndexMap<String, String>);

impl Form {
    pub(super) fn parse(query: &str, body: &[u8]) -> Form {
        let fields = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(body));
        Form(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of a member.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The prefixes of the items of a list: `Tags.member.1`, `Tags.member.2` and so on.
    pub(super) fn items(&self, list: &str) -> Vec<String> {
        self.numbered(&format!("{list}.member"))
    }

    /// The prefixes of the entries of a map: `Attributes.entry.1` and so on.
    pub(super) fn entries(&self, map: &str) -> Vec<String> {
        self.numbered(&format!("{map}.entry"))
    }

    /// A map of texts: `Attributes.entry.1.key` and `Attributes.entry.1.value`.
    pub(super) fn map(&self, map: &str) -> IndexMap<String, String> {
        let field = |entry: &str, part: &str| self.get(&format!("{entry}.{part}"));
        let pairs = self.entries(map).into_iter().filter_map(|entry| {
            let value = field(&entry, "value").unwrap_or_default();
            Some((field(&entry, "key")?.to_owned(), value.to_owned()))
        });
        pairs.collect()
    }

    /// The prefixes of the members from 1 to the first number that is missing.
    fn numbered(&self, prefix: &str) -> Vec<String> {
        let number = |name: &String| {
            let rest = name.strip_prefix(prefix)?.strip_prefix('.')?;
            rest.split('.').next()?.parse::<usize>().ok()
        };
        let numbers: BTreeSet<usize> = self.0.keys().filter_map(number).collect();
        let members = (1..).take_while(|it| numbers.contains(it));
        members.map(|number| format!("{prefix}.{number}")).collect()
    }
}

/// XML that is being written: the content of a result.
#[derive(Debug, Default)]
pub(super) struct Xml(String);

impl Xml {
    /// An element with a text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        let _ = write!(self.0, "<{name}>{}</{name}>", escaped(value));
    }

    /// An element with elements.
    pub(super) fn element(&mut self, name: &str, content: impl FnOnce(&mut Xml)) {
        let _ = write!(self.0, "<{name}>");
        content(self);
        let _ = write!(self.0, "</{name}>");
    }

    /// A map of texts.
    pub(super) fn map<'m>(
        &mut self,
        name: &str,
        entries: impl IntoIterator<Item = (&'m str, String)>,
    ) {
        self.element(name, |xml| {
            for (key, value) in entries {
                xml.element("entry", |xml| {
                    xml.text("key", key);
                    xml.text("value", &value);
                });
            }
        });
    }
}

/// The response of an operation. `result` is `None` for operations without an output.
pub(super) fn response(operation: &str, result: Option<Xml>, request_id: &str) -> String {
    let result = result.map_or(String::new(), |Xml(content)| {
        format!("<{operation}Result>{content}</{operation}Result>")
    });
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\">{result}<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
         </{operation}Response>"
    )
}

/// The response of a call that failed. `party` is `Sender` or `Receiver`.
pub(super) fn error(party: &str, code: &str, message: &str, request_id: &str) -> String {
    let message = escaped(message);
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{party}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>"
    )
}

/// A text in XML. XML 1.0 has no form for most control characters; they become U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\r' => escaped.push_str("&#xD;"),
            '\t' | '\n' => escaped.push(c),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_maps_are_numbered_fields() {
        let body = "Tags.member.1.Key=a&Tags.member.2.Key=b&Attributes.entry.1.key=x+y&Attributes.entry.1.value=%26&Tags.member.4.Key=c";
        let form = Form::parse("Action=CreateTopic", body.as_bytes());
        assert_eq!(form.get("Action"), Some("CreateTopic"));
        assert_eq!(form.items("Tags"), ["Tags.member.1", "Tags.member.2"]);
        assert_eq!(form.map("Attributes"), IndexMap::from([("x y".to_owned(), "&".to_owned())]));
        assert_eq!(form.items("Missing"), [""; 0]);
    }

    #[test]
    fn texts_are_escaped() {
        let mut xml = Xml::default();
        xml.map("A", [("k", "<&>\u{1}\r".to_owned())]);
        assert_eq!(
            response("Get", Some(xml), "ID"),
            "<GetResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><GetResult><A><entry><key>k</key><value>&lt;&amp;&gt;\u{fffd}&#xD;</value></entry></A></GetResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></GetResponse>"
        );
    }
}
