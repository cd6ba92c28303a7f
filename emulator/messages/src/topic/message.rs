//! A message: as it is published, and as each kind of subscriber gets it. Pure.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hardcap_core::clock::EpochMillis;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::error::SnsError;
use crate::queue::attribute::{self, AttributeValue, Attributes, MessageAttribute};

/// The maximum length of the name of an attribute, in bytes (LocalStack's snapshots of AWS, `too_long_name`).
const NAME_MAX: usize = 256;

/// A message that is published.
#[derive(Clone, Debug, Default)]
pub struct NewNotification {
    /// `Message`.
    pub message: String,
    /// `Subject`.
    pub subject: Option<String>,
    /// `MessageStructure`: `json` if the message has a text for each protocol.
    pub structure: Option<String>,
    /// `MessageAttributes`.
    pub attributes: Attributes,
    /// `MessageGroupId`.
    pub group: Option<String>,
    /// `MessageDeduplicationId`.
    pub deduplication: Option<String>,
}

impl NewNotification {
    /// A message with a text alone.
    #[must_use]
    pub fn new(message: String) -> NewNotification {
        NewNotification { message, ..NewNotification::default() }
    }

    /// The bytes that are compared with the limit: message and attributes, without the subject (LocalStack's snapshots of AWS,
    /// `test_publish_too_long_message`).
    #[must_use]
    pub fn size(&self) -> usize {
        self.message.len() + attribute::size(&self.attributes)
    }

    /// The text for a protocol: its own, or that for all.
    pub(super) fn text_for(&self, protocol: &str) -> String {
        if self.structure.is_none() {
            return self.message.clone();
        }
        let texts: Map<String, Value> = serde_json::from_str(&self.message).unwrap_or_default();
        let text = texts.get(protocol).and_then(Value::as_str);
        text.or_else(|| texts.get("default").and_then(Value::as_str)).unwrap_or_default().to_owned()
    }

    /// The deduplication id of a FIFO topic: the given one, or the SHA-256 of the message.
    pub(super) fn deduplication_id(&self) -> String {
        let digest = || hex::encode(Sha256::digest(&self.message));
        self.deduplication.clone().unwrap_or_else(digest)
    }

    /// The rules for a message that do not depend on its topic. Subjects and sizes are limits of the table.
    pub(super) fn check(&self) -> Result<(), SnsError> {
        let subject = self.subject.as_deref();
        let is_invalid = |subject: &str| subject.is_empty() || subject.contains(char::is_control);
        if subject.is_some_and(is_invalid) {
            return Err(SnsError::invalid("Subject"));
        }
        if self.message.is_empty() {
            return Err(SnsError::invalid("Empty message"));
        }
        match self.structure.as_deref() {
            None => {}
            Some("json") => check_structure(&self.message)?,
            // UNCONFIRMED: the text.
            Some(_) => return Err(SnsError::invalid("MessageStructure")),
        }
        self.attributes.iter().try_for_each(|(name, attribute)| check_attribute(name, attribute))
    }
}

/// A message for each protocol must be an object with a text `default`.
fn check_structure(message: &str) -> Result<(), SnsError> {
    let Ok(texts) = serde_json::from_str::<Map<String, Value>>(message) else {
        let text = "Message Structure - JSON message body failed to parse";
        return Err(SnsError::invalid(text));
    };
    match texts.get("default").is_some_and(Value::is_string) {
        true => Ok(()),
        false => {
            Err(SnsError::invalid("Message Structure - No default entry in JSON message body"))
        }
    }
}

/// The rules for an attribute. Texts: LocalStack's snapshots of AWS, `test_empty_or_wrong_message_attributes`.
fn check_attribute(name: &str, attribute: &MessageAttribute) -> Result<(), SnsError> {
    if name.len() >= NAME_MAX {
        let text = format!("Length of message attribute name must be less than {NAME_MAX} bytes.");
        return Err(SnsError::attribute(text));
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if let Some(other) = name.chars().find(|c| !is_allowed(*c)) {
        return Err(SnsError::attribute(format!(
            "Invalid non-alphanumeric character '#x{:X}' was found in the message attribute name. Can only include alphanumeric \
             characters, hyphens, underscores, or dots.",
            u32::from(other)
        )));
    }
    let place = if name.starts_with('.') { Some("starting") } else { None };
    if let Some(place) = place.or(name.ends_with('.').then_some("ending")) {
        let text = format!("Invalid message attribute name {place} with character '.' was found.");
        return Err(SnsError::attribute(text));
    }
    if name.contains("..") {
        let text = "Message attribute name can not have successive '.' character.";
        return Err(SnsError::attribute(text));
    }
    let data_type = &attribute.data_type;
    let kind = data_type.split('.').next().unwrap_or_default();
    let field = match kind {
        "String" | "Number" => "String",
        "Binary" => "Binary",
        _ => {
            return Err(SnsError::attribute(format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is \
                 Binary, Number, and String."
            )));
        }
    };
    if attribute.value.as_bytes().is_empty() {
        return Err(SnsError::attribute(format!(
            "The message attribute '{name}' must contain non-empty message attribute value for message attribute type \
             '{data_type}'."
        )));
    }
    let given = match attribute.value {
        AttributeValue::String(_) => "String",
        AttributeValue::Binary(_) => "Binary",
    };
    if given != field {
        let text = format!(
            "The message attribute '{name}' with type '{data_type}' must use field '{field}'."
        );
        return Err(SnsError::attribute(text));
    }
    Ok(())
}

/// A message on its way to one subscriber.
#[derive(Clone, Debug)]
pub(super) struct Notification<'a> {
    pub(super) region: &'a str,
    pub(super) message_id: &'a str,
    /// Only of a FIFO topic.
    pub(super) sequence: Option<&'a str>,
    pub(super) topic_arn: &'a str,
    pub(super) subscription_arn: &'a str,
    pub(super) subject: Option<&'a str>,
    pub(super) message: &'a str,
    pub(super) at: EpochMillis,
    pub(super) attributes: &'a Attributes,
}

impl Notification<'_> {
    /// The event of a function, with the members of a recorded one (LocalStack's snapshots of AWS,
    /// `test_python_lambda_subscribe_sns_topic`), in the order of the developer guide of Lambda.
    pub(super) fn event(&self) -> String {
        let sns = json!({
            "Type": "Notification",
            "MessageId": self.message_id,
            "TopicArn": self.topic_arn,
            "Subject": self.subject,
            "Message": self.message,
            "Timestamp": timestamp(self.at),
            "SignatureVersion": "1",
            "Signature": self.signature(),
            "SigningCertUrl": self.certificate_url(),
            "UnsubscribeUrl": self.unsubscribe_url(),
            "MessageAttributes": shown(self.attributes),
        });
        let record = json!({
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": self.subscription_arn,
            "Sns": sns,
        });
        json!({ "Records": [record] }).to_string()
    }

    /// The body of a queue's message, with the spaces and line ends of AWS. A FIFO topic does not sign (LocalStack's snapshots of
    /// AWS, `test_message_to_fifo_sqs`).
    pub(super) fn envelope(&self) -> String {
        let mut members =
            vec![("Type", "Notification".to_owned()), ("MessageId", self.message_id.to_owned())];
        members.extend(self.sequence.map(|sequence| ("SequenceNumber", sequence.to_owned())));
        members.push(("TopicArn", self.topic_arn.to_owned()));
        members.extend(self.subject.map(|subject| ("Subject", subject.to_owned())));
        members.push(("Message", self.message.to_owned()));
        members.push(("Timestamp", timestamp(self.at)));
        if self.sequence.is_none() {
            members.push(("SignatureVersion", "1".to_owned()));
            members.push(("Signature", self.signature()));
            members.push(("SigningCertURL", self.certificate_url()));
        }
        members.push(("UnsubscribeURL", self.unsubscribe_url()));
        let members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\" : {}", Value::from(value.as_str())))
            .collect();
        let mut envelope = format!("{{\n  {}", members.join(",\n  "));
        if !self.attributes.is_empty() {
            let attributes: Vec<String> = shown(self.attributes)
                .into_iter()
                .map(|(name, value)| format!("{} : {value}", Value::from(name)))
                .collect();
            envelope.push_str(",\n  \"MessageAttributes\" : {\n    ");
            envelope.push_str(&attributes.join(",\n    "));
            envelope.push_str("\n  }");
        }
        envelope.push_str("\n}");
        envelope
    }

    /// As many characters as a signature has. hardcap has no key of AWS, so it does not verify.
    fn signature(&self) -> String {
        let mut bytes = Vec::with_capacity(256);
        for part in 0..8_u8 {
            let digest = Sha256::new().chain_update([part]).chain_update(self.message_id);
            bytes.extend_from_slice(&digest.finalize());
        }
        BASE64_STANDARD.encode(bytes)
    }

    fn certificate_url(&self) -> String {
        format!(
            "https://sns.{}.amazonaws.com/SimpleNotificationService-{}.pem",
            self.region,
            "0".repeat(32)
        )
    }

    fn unsubscribe_url(&self) -> String {
        format!(
            "https://sns.{}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={}",
            self.region, self.subscription_arn
        )
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownAttribute<'a> {
    r#type: &'a str,
    value: String,
}

/// Attributes as notifications have them: the type, and the text or the base64 of the bytes.
fn shown(attributes: &Attributes) -> Map<String, Value> {
    let shown = |(name, attribute): (&String, &MessageAttribute)| {
        let value = match &attribute.value {
            AttributeValue::String(text) => text.clone(),
            AttributeValue::Binary(bytes) => BASE64_STANDARD.encode(bytes),
        };
        let shown = ShownAttribute { r#type: &attribute.data_type, value };
        (name.clone(), json!(shown))
    };
    attributes.iter().map(shown).collect()
}

/// `2024-05-14T16:49:28.123Z`
fn timestamp(at: EpochMillis) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    at.to_utc().format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, data_type: &str, value: AttributeValue) -> NewNotification {
        let attribute = MessageAttribute { data_type: data_type.to_owned(), value };
        let attributes = Attributes::from([(name.to_owned(), attribute)]);
        NewNotification { attributes, ..NewNotification::new("m".to_owned()) }
    }

    fn text(value: &str) -> AttributeValue {
        AttributeValue::String(value.to_owned())
    }

    #[test]
    fn an_invalid_attribute_is_refused_with_awss_text() {
        let long = "a".repeat(256);
        for (name, data_type, value, expected) in [
            (
                "attr1",
                "String",
                text(""),
                "The message attribute 'attr1' must contain non-empty message attribute value for message attribute type 'String'.",
            ),
            (
                "attr1",
                "String",
                AttributeValue::Binary(vec![1]),
                "The message attribute 'attr1' with type 'String' must use field 'String'.",
            ),
            (
                "attr1",
                "Binary",
                text("x"),
                "The message attribute 'attr1' with type 'Binary' must use field 'Binary'.",
            ),
            (
                "attr1",
                "InvalidType",
                text("x"),
                "The message attribute 'attr1' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.",
            ),
            (
                &long,
                "String",
                text("x"),
                "Length of message attribute name must be less than 256 bytes.",
            ),
            (
                "a^b",
                "String",
                text("x"),
                "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
            ),
            (
                ".a",
                "String",
                text("x"),
                "Invalid message attribute name starting with character '.' was found.",
            ),
            (
                "a.",
                "String",
                text("x"),
                "Invalid message attribute name ending with character '.' was found.",
            ),
            (
                "a..b",
                "String",
                text("x"),
                "Message attribute name can not have successive '.' character.",
            ),
        ] {
            let error = with(name, data_type, value).check().unwrap_err().parts();
            assert_eq!(error, (400, "ParameterValueInvalid", expected.to_owned()));
        }
        with("a.b-c_1", "Number.int", text("5")).check().unwrap();
    }

    #[test]
    fn a_message_for_each_protocol_has_a_default() {
        let json = |message: &str| NewNotification {
            structure: Some("json".to_owned()),
            ..NewNotification::new(message.to_owned())
        };
        let message = json(r#"{"default": "d", "sqs": "q", "lambda": 5}"#);
        message.check().unwrap();
        assert_eq!(message.text_for("sqs"), "q");
        assert_eq!(message.text_for("lambda"), "d");
        for (message, expected) in [
            ("{}", "Message Structure - No default entry in JSON message body"),
            (r#"{"default": {}}"#, "Message Structure - No default entry in JSON message body"),
            ("{", "Message Structure - JSON message body failed to parse"),
        ] {
            let expected = format!("Invalid parameter: {expected}");
            assert_eq!(json(message).check().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn an_envelope_has_the_form_of_aws() {
        let attributes = with("n", "Number", text("1")).attributes;
        let notification = Notification {
            region: "us-east-1",
            message_id: "ID",
            sequence: None,
            topic_arn: "T",
            subscription_arn: "T:S",
            subject: Some("a \"b\""),
            message: "m\u{e9}",
            at: EpochMillis(1_715_705_368_123),
            attributes: &attributes,
        };
        let signature = notification.signature();
        assert_eq!(signature.len(), 344);
        let expected = format!(
            "{{\n  \"Type\" : \"Notification\",\n  \"MessageId\" : \"ID\",\n  \"TopicArn\" : \"T\",\n  \"Subject\" : \"a \\\"b\\\"\",\n  \"Message\" : \"m\u{e9}\",\n  \"Timestamp\" : \"2024-05-14T16:49:28.123Z\",\n  \"SignatureVersion\" : \"1\",\n  \"Signature\" : \"{signature}\",\n  \"SigningCertURL\" : \"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-00000000000000000000000000000000.pem\",\n  \"UnsubscribeURL\" : \"https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=T:S\",\n  \"MessageAttributes\" : {{\n    \"n\" : {{\"Type\":\"Number\",\"Value\":\"1\"}}\n  }}\n}}"
        );
        assert_eq!(notification.envelope(), expected);
        let fifo = Notification { sequence: Some("1"), ..notification }.envelope();
        let fifo: Value = serde_json::from_str(&fifo).unwrap();
        assert_eq!((&fifo["SequenceNumber"], &fifo["Signature"]), (&json!("1"), &Value::Null));
    }
}
