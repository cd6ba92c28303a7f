//! Members of inputs that several operations have: attributes, tags, the message. Pure.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::error::SnsError;
use super::form::Form;
use super::message::NewNotification;
use super::store::Texts;
use crate::queue::attribute::{AttributeValue, Attributes, MessageAttribute};

/// A required member. `shown` is its name in AWS's text.
pub(super) fn required<'f>(form: &'f Form, member: &str) -> Result<&'f str, SnsError> {
    form.get(member).ok_or_else(|| {
        SnsError::invalid(format!("{member} Reason: no value for required parameter"))
    })
}

/// `Tags`.
pub(super) fn tags(form: &Form) -> Result<Texts, SnsError> {
    let mut tags = Texts::new();
    for item in form.items("Tags") {
        let key = form.get(&format!("{item}.Key")).unwrap_or_default();
        let value = form.get(&format!("{item}.Value")).unwrap_or_default();
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(SnsError::invalid("Duplicated keys are not allowed."));
        }
    }
    Ok(tags)
}

/// The message of `Publish`, or of an entry of `PublishBatch`, whose members begin with `prefix`.
pub(super) fn message(form: &Form, prefix: &str) -> Result<NewNotification, SnsError> {
    let get = |member: &str| form.get(&format!("{prefix}{member}"));
    let owned = |member: &str| get(member).map(str::to_owned);
    let message = get("Message").ok_or_else(|| SnsError::missing("message"))?;
    Ok(NewNotification {
        message: message.to_owned(),
        subject: owned("Subject"),
        structure: owned("MessageStructure"),
        attributes: attributes(form, prefix)?,
        group: owned("MessageGroupId"),
        deduplication: owned("MessageDeduplicationId"),
    })
}

fn attributes(form: &Form, prefix: &str) -> Result<Attributes, SnsError> {
    let mut attributes = Attributes::new();
    for entry in form.entries(&format!("{prefix}MessageAttributes")) {
        let name = form.get(&format!("{entry}.Name")).unwrap_or_default();
        let value = |part: &str| form.get(&format!("{entry}.Value.{part}"));
        let Some(data_type) = value("DataType") else {
            return Err(SnsError::missing(&place_of(prefix, name)));
        };
        let value = match (value("StringValue"), value("BinaryValue")) {
            (_, Some(binary)) => {
                let invalid = |_| {
                    SnsError::attribute(format!("The message attribute '{name}' is not base64"))
                };
                AttributeValue::Binary(BASE64_STANDARD.decode(binary).map_err(invalid)?)
            }
            (text, None) => AttributeValue::String(text.unwrap_or_default().to_owned()),
        };
        let attribute = MessageAttribute { data_type: data_type.to_owned(), value };
        attributes.insert(name.to_owned(), attribute);
    }
    Ok(attributes)
}

/// The place of a missing data type, as AWS names it.
fn place_of(prefix: &str, name: &str) -> String {
    let entry = prefix.trim_end_matches('.').rsplit('.').next().filter(|it| !it.is_empty());
    let of_batch = |number| format!("publishBatchRequestEntries.{number}.member.");
    let before = entry.map_or(String::new(), of_batch);
    format!("{before}messageAttributes.{name}.member.dataType")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Form {
        Form::parse("", body.as_bytes())
    }

    #[test]
    fn a_message_has_its_attributes_in_order() {
        let message = message(
            &form("Message=m&MessageAttributes.entry.1.Name=b&MessageAttributes.entry.1.Value.DataType=Binary&MessageAttributes.entry.1.Value.BinaryValue=AgM%3D&MessageAttributes.entry.2.Name=a&MessageAttributes.entry.2.Value.DataType=String&MessageAttributes.entry.2.Value.StringValue=x"),
            "",
        )
        .unwrap();
        let names: Vec<&str> = message.attributes.keys().map(String::as_str).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(message.attributes["b"].value, AttributeValue::Binary(vec![2, 3]));
        assert_eq!(message.size(), 1 + (1 + 6 + 2) + (1 + 6 + 1));
    }

    #[test]
    fn a_missing_data_type_is_named_with_its_place() {
        let expected = |place: &str| {
            format!(
                "1 validation error detected: Value null at '{place}' failed to satisfy constraint: Member must not be null"
            )
        };
        let one = form(
            "Message=m&MessageAttributes.entry.1.Name=attr1&MessageAttributes.entry.1.Value.StringValue=x",
        );
        assert_eq!(
            message(&one, "").unwrap_err().to_string(),
            expected("messageAttributes.attr1.member.dataType")
        );
        let prefix = "PublishBatchRequestEntries.member.1.";
        let entry = form(&format!(
            "{prefix}Message=m&{prefix}MessageAttributes.entry.1.Name=attr1&{prefix}MessageAttributes.entry.1.Value.StringValue=x"
        ));
        assert_eq!(
            message(&entry, prefix).unwrap_err().to_string(),
            expected("publishBatchRequestEntries.1.member.messageAttributes.attr1.member.dataType")
        );
    }
}
