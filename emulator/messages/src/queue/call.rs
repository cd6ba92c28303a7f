//! Requests: AWS JSON 1.0, and the query protocol, whose forms become the same input.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Map, Value, json};

use super::error::{self, SqsError};
use super::input::Input;

/// The maximum number of fields of a form: far more than any call needs.
const FIELDS_MAX: usize = 2_000;
/// The maximum number of levels of a field's name: `SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue`.
const LEVELS_MAX: usize = 6;

/// The protocol of a call, in which it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Json,
    /// The query protocol, answered in XML.
    Query,
    /// The query protocol, answered in JSON, which the client accepts.
    QueryInJson,
}

/// A call of an operation.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) protocol: Protocol,
    pub(super) action: String,
    pub(super) input: Result<Input, SqsError>,
    /// The scheme and host of the URLs of queues in the response: those by which the client has reached this one.
    pub(super) base: String,
    /// The trace header of the request.
    pub(super) trace: Option<String>,
}

impl Call {
    /// Reads a call.
    pub(super) fn read(head: &Parts, body: &Bytes) -> Call {
        let text = |name: &str| {
            let value = head.headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let host = text("host").or_else(|| head.uri.authority().map(ToString::to_string));
        let base = format!("http://{}", host.unwrap_or_default());
        let trace = text("x-amzn-trace-id");
        if let Some(target) = text("x-amz-target") {
            let action = target.rsplit('.').next().unwrap_or_default().to_owned();
            let body: &[u8] = if body.is_empty() { b"{}" } else { body };
            let input = serde_json::from_slice(body)
                .map_err(|error| SqsError::api(&error::SERIALIZATION, error.to_string()));
            return Call { protocol: Protocol::Json, action, input, base, trace };
        }
        let query = head.uri.query().unwrap_or_default().as_bytes();
        let fields = form_urlencoded::parse(query).chain(form_urlencoded::parse(body));
        let fields: Vec<(String, String)> = fields
            .take(FIELDS_MAX)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let action = fields.iter().find(|(name, _)| name == "Action");
        let action = action.map(|(_, value)| value.clone()).unwrap_or_default();
        let input = Tree::of(&fields).input(head.uri.path());
        let protocol = match crate::accepts_json(&head.headers) {
            true => Protocol::QueryInJson,
            false => Protocol::Query,
        };
        Call { protocol, action, input, base, trace }
    }
}

/// The fields of a form by the parts of their names.
#[derive(Debug, Default)]
struct Tree {
    value: Option<String>,
    inner: BTreeMap<String, Tree>,
}

/// How a field of a form becomes a member of the input.
enum Shape {
    Text,
    Number,
    Texts,
    /// `Attribute.1.Name` and `Attribute.1.Value`.
    Map(&'static str, &'static str),
    /// As a map, whose values are objects of texts.
    Objects,
    Entries,
}

/// The name in a form, the member, and its shape. Names: SDK models of SQS from before 2023-11-08 (`locationName`).
const FIELDS: &[(&str, &str, Shape)] = &[
    ("QueueUrl", "QueueUrl", Shape::Text),
    ("QueueName", "QueueName", Shape::Text),
    ("QueueNamePrefix", "QueueNamePrefix", Shape::Text),
    ("NextToken", "NextToken", Shape::Text),
    ("MaxResults", "MaxResults", Shape::Number),
    ("MaxNumberOfMessages", "MaxNumberOfMessages", Shape::Number),
    ("WaitTimeSeconds", "WaitTimeSeconds", Shape::Number),
    ("Attribute", "Attributes", Shape::Map("Name", "Value")),
    ("Tag", "Tags", Shape::Map("Key", "Value")),
    ("TagKey", "TagKeys", Shape::Texts),
    ("AttributeName", "AttributeNames", Shape::Texts),
    ("MessageAttributeName", "MessageAttributeNames", Shape::Texts),
    ("MessageSystemAttributeName", "MessageSystemAttributeNames", Shape::Texts),
    ("SendMessageBatchRequestEntry", "Entries", Shape::Entries),
    ("DeleteMessageBatchRequestEntry", "Entries", Shape::Entries),
    ("ChangeMessageVisibilityBatchRequestEntry", "Entries", Shape::Entries),
];

/// The fields that a call and the entries of its batch have.
const ENTRY_FIELDS: &[(&str, &str, Shape)] = &[
    ("Id", "Id", Shape::Text),
    ("MessageBody", "MessageBody", Shape::Text),
    ("DelaySeconds", "DelaySeconds", Shape::Number),
    ("MessageAttribute", "MessageAttributes", Shape::Objects),
    ("MessageSystemAttribute", "MessageSystemAttributes", Shape::Objects),
    ("MessageDeduplicationId", "MessageDeduplicationId", Shape::Text),
    ("MessageGroupId", "MessageGroupId", Shape::Text),
    ("ReceiptHandle", "ReceiptHandle", Shape::Text),
    ("VisibilityTimeout", "VisibilityTimeout", Shape::Number),
];

impl Tree {
    fn of(fields: &[(String, String)]) -> Tree {
        let mut tree = Tree::default();
        for (name, value) in fields {
            let parts = name.split('.').take(LEVELS_MAX);
            let place =
                parts.fold(&mut tree, |at, part| at.inner.entry(part.to_owned()).or_default());
            place.value = Some(value.clone());
        }
        tree
    }

    fn input(&self, path: &str) -> Result<Input, SqsError> {
        let mut input = self.members(FIELDS)?;
        input.extend(self.members(ENTRY_FIELDS)?);
        // The path names the queue, as in the URLs that the SDKs of this protocol call.
        if path.len() > 1 {
            input.entry("QueueUrl").or_insert_with(|| json!(path));
        }
        serde_json::from_value(Value::Object(input))
            .map_err(|error| SqsError::api(&error::SERIALIZATION, error.to_string()))
    }

    fn members(&self, fields: &[(&str, &str, Shape)]) -> Result<Map<String, Value>, SqsError> {
        let mut members = Map::new();
        for (name, member, shape) in fields {
            // LocalStack's snapshot of AWS, 2024-06-06: an attribute's field may have the plural name too.
            let plural =
                || self.inner.get(&format!("{name}s")).filter(|_| member.ends_with("Attributes"));
            let Some(tree) = self.inner.get(*name).or_else(plural) else { continue };
            let value = match shape {
                Shape::Text => json!(tree.text()),
                Shape::Number => {
                    let text = tree.text();
                    let number = text.parse::<i64>();
                    json!(
                        number.map_err(|_| {
                            SqsError::invalid(text, name, "Must be an integer.")
                        })?
                    )
                }
                Shape::Texts => tree.items().map(|item| json!(item.text())).collect(),
                Shape::Map(key, value) => {
                    tree.pairs(key).map(|(key, item)| (key, json!(item.of_text(value)))).collect()
                }
                Shape::Objects => {
                    tree.pairs("Name").map(|(key, item)| (key, item.object())).collect()
                }
                Shape::Entries => {
                    let entries = tree.items().map(|item| item.members(ENTRY_FIELDS));
                    Value::Array(entries.map(|entry| Ok(Value::Object(entry?))).collect::<Result<
                        _,
                        SqsError,
                    >>(
                    )?)
                }
            };
            members.insert((*member).to_owned(), value);
        }
        Ok(members)
    }

    fn text(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }

    fn of_text(&self, name: &str) -> &str {
        self.inner.get(name).map(Tree::text).unwrap_or_default()
    }

    /// The items of a list, in the order of their numbers.
    fn items(&self) -> impl Iterator<Item = &Tree> {
        let mut items: Vec<(u32, &Tree)> = self
            .inner
            .iter()
            .filter_map(|(number, item)| Some((number.parse().ok()?, item)))
            .collect();
        items.sort_by_key(|(number, _)| *number);
        items.into_iter().map(|(_, item)| item)
    }

    /// The items of a map with their keys.
    fn pairs(&self, key: &str) -> impl Iterator<Item = (String, &Tree)> {
        self.items().map(move |item| (item.of_text(key).to_owned(), item))
    }

    /// The members of an attribute's value.
    fn object(&self) -> Value {
        let value = self.inner.get("Value");
        let members = value.into_iter().flat_map(|value| &value.inner);
        members.map(|(name, item)| (name.clone(), json!(item.text()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> Input {
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Tree::of(&fields).input("/000000000000/q").unwrap()
    }

    #[test]
    fn the_fields_of_an_attribute_may_have_the_plural_name() {
        for name in ["MessageAttribute", "MessageAttributes"] {
            let input = form(&[
                (&format!("{name}.1.Name"), "agent"),
                (&format!("{name}.1.Value.DataType"), "String"),
                (&format!("{name}.1.Value.StringValue"), "me"),
            ]);
            assert!(format!("{input:?}").contains("agent"), "{name}: {input:?}");
        }
    }

    #[test]
    fn a_form_of_a_batch_becomes_the_entries_in_the_order_of_their_numbers() {
        let input = form(&[
            ("SendMessageBatchRequestEntry.10.Id", "last"),
            ("SendMessageBatchRequestEntry.2.Id", "second"),
            ("SendMessageBatchRequestEntry.2.MessageBody", "b"),
            ("SendMessageBatchRequestEntry.2.DelaySeconds", "5"),
            ("SendMessageBatchRequestEntry.2.MessageAttribute.1.Name", "n"),
            ("SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.DataType", "String"),
            ("SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.StringValue", "v"),
        ]);
        let entries = input.entries.unwrap();
        let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_deref()).collect();
        assert_eq!(ids, [Some("second"), Some("last")]);
        assert_eq!(entries[0].delay_seconds, Some(5));
        assert_eq!(input.queue_url.as_deref(), Some("/000000000000/q"));
    }

    #[test]
    fn a_form_of_attributes_becomes_a_map() {
        let input = form(&[
            ("QueueName", "q"),
            ("Attribute.1.Name", "DelaySeconds"),
            ("Attribute.1.Value", "5"),
            ("Tag.1.Key", "a"),
            ("Tag.1.Value", "b"),
        ]);
        assert_eq!(input.attributes.unwrap()["DelaySeconds"], "5");
        assert_eq!(input.tags.unwrap()["a"], "b");
    }
}
