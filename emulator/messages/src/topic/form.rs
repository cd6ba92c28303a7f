//! The query protocol: a form with the members of the input, and XML back. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

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

/// The content of a result: elements in their order.
#[derive(Debug, Default)]
pub(super) struct Xml(Vec<(String, Content)>);

/// The content of an element.
#[derive(Debug)]
enum Content {
    Text(String),
    Elements(Xml),
}

impl Xml {
    /// An element with a text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), Content::Text(value.to_owned())));
    }

    /// An element with elements.
    pub(super) fn element(&mut self, name: &str, content: impl FnOnce(&mut Xml)) {
        let mut inner = Xml::default();
        content(&mut inner);
        self.0.push((name.to_owned(), Content::Elements(inner)));
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

    fn write(&self, out: &mut String) {
        for (name, content) in &self.0 {
            let _ = write!(out, "<{name}>");
            match content {
                Content::Text(text) => out.push_str(&escaped(text)),
                Content::Elements(inner) => inner.write(out),
            }
            let _ = write!(out, "</{name}>");
        }
    }

    /// The elements as JSON: `member` is the item of a list, `entry` that of a map. Names are sorted, as AWS sorts them.
    fn json(&self) -> Value {
        let is_all =
            |wanted: &str| !self.0.is_empty() && self.0.iter().all(|(name, _)| name == wanted);
        if is_all("member") {
            return self.0.iter().map(|(_, content)| content.json()).collect();
        }
        let mut members: BTreeMap<String, Value> = BTreeMap::new();
        for (name, content) in &self.0 {
            match content {
                Content::Elements(entry) if is_all("entry") => {
                    let entry = entry.json();
                    let key = entry["key"].as_str().unwrap_or_default().to_owned();
                    members.insert(key, entry["value"].clone());
                }
                content => {
                    members.insert(name.clone(), content.json());
                }
            }
        }
        Value::Object(members.into_iter().collect())
    }
}

impl Content {
    fn json(&self) -> Value {
        match self {
            Content::Text(text) => text.as_str().into(),
            Content::Elements(inner) => inner.json(),
        }
    }
}

/// The format of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Xml,
    /// For clients that accept JSON, such as API Gateway: its response is shown in the README of
    /// serverless-patterns/apigw-websocket-api-sns.
    Json,
}

/// The response of an operation. `result` is `None` for operations without an output.
pub(super) fn response(
    format: Format,
    operation: &str,
    result: Option<Xml>,
    request_id: &str,
) -> String {
    if format == Format::Json {
        let mut members: BTreeMap<String, Value> = BTreeMap::new();
        members.insert("ResponseMetadata".to_owned(), json!({ "RequestId": request_id }));
        if let Some(result) = result {
            let mut result = result.json();
            if operation == "Publish" && result["SequenceNumber"].is_null() {
                result["SequenceNumber"] = Value::Null;
            }
            members.insert(format!("{operation}Result"), result);
        }
        let members: Map<String, Value> = members.into_iter().collect();
        return json!({ format!("{operation}Response"): members }).to_string();
    }
    let mut text = format!("<{operation}Response xmlns=\"{NAMESPACE}\">");
    if let Some(result) = result {
        let _ = write!(text, "<{operation}Result>");
        result.write(&mut text);
        let _ = write!(text, "</{operation}Result>");
    }
    let _ = write!(
        text,
        "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    );
    text
}

/// The response of a call that failed. `party` is `Sender` or `Receiver`.
pub(super) fn error(
    format: Format,
    party: &str,
    code: &str,
    message: &str,
    request_id: &str,
) -> String {
    if format == Format::Json {
        let error = json!({ "Code": code, "Message": message, "Type": party });
        return json!({ "Error": error, "RequestId": request_id }).to_string();
    }
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
            response(Format::Xml, "Get", Some(xml), "ID"),
            "<GetResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><GetResult><A><entry><key>k</key><value>&lt;&amp;&gt;\u{fffd}&#xD;</value></entry></A></GetResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></GetResponse>"
        );
    }

    #[test]
    fn a_client_that_accepts_json_gets_the_elements_as_json() {
        let mut published = Xml::default();
        published.text("MessageId", "m");
        assert_eq!(
            response(Format::Json, "Publish", Some(published), "ID"),
            r#"{"PublishResponse":{"PublishResult":{"MessageId":"m","SequenceNumber":null},"ResponseMetadata":{"RequestId":"ID"}}}"#
        );
        let mut listed = Xml::default();
        listed.element("Topics", |xml| xml.element("member", |xml| xml.text("TopicArn", "a")));
        listed.map("Attributes", [("k", "v".to_owned())]);
        assert_eq!(
            response(Format::Json, "List", Some(listed), "ID"),
            r#"{"ListResponse":{"ListResult":{"Attributes":{"k":"v"},"Topics":[{"TopicArn":"a"}]},"ResponseMetadata":{"RequestId":"ID"}}}"#
        );
        assert_eq!(
            error(Format::Json, "Sender", "NotFound", "none", "ID"),
            r#"{"Error":{"Code":"NotFound","Message":"none","Type":"Sender"},"RequestId":"ID"}"#
        );
    }
}
