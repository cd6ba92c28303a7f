//! Attributes of messages: their size, their digest, and the rules for names and types.

use indexmap::IndexMap;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

/// The attributes of a message by name, in the order of the sender.
pub type Attributes = IndexMap<String, MessageAttribute>;

/// An attribute of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, with a custom label after a dot: `Number.float`.
    pub data_type: String,
    /// The value.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// `StringValue`
    String(String),
    /// `BinaryValue`
    Binary(Vec<u8>),
}

impl MessageAttribute {
    /// An attribute of the type `String`.
    #[must_use]
    pub fn string(value: &str) -> MessageAttribute {
        MessageAttribute {
            data_type: "String".to_owned(),
            value: AttributeValue::String(value.to_owned()),
        }
    }

    /// An attribute of the type `Number`.
    #[must_use]
    pub fn number(value: u64) -> MessageAttribute {
        MessageAttribute {
            data_type: "Number".to_owned(),
            value: AttributeValue::String(value.to_string()),
        }
    }
}

impl AttributeValue {
    /// The bytes that are measured and digested.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            AttributeValue::String(text) => text.as_bytes(),
            AttributeValue::Binary(bytes) => bytes,
        }
    }
}

/// The bytes that attributes add to a message: names, types and values (SQS developer guide, message metadata).
#[must_use]
pub fn size(attributes: &Attributes) -> usize {
    let of = |(name, attribute): (&String, &MessageAttribute)| {
        name.len() + attribute.data_type.len() + attribute.value.as_bytes().len()
    };
    attributes.iter().map(of).sum()
}

/// The MD5 of a body, in hexadecimal.
#[must_use]
pub fn body_digest(body: &str) -> String {
    hex::encode(Md5::digest(body))
}

/// The MD5 of attributes that clients verify: by name, each text after its length in four bytes, and the kind of the value as
/// one byte (SQS developer guide, "Calculating the MD5 message digest for message attributes").
#[must_use]
pub fn digest(attributes: &Attributes) -> String {
    let mut names: Vec<&String> = attributes.keys().collect();
    names.sort();
    let mut md5 = Md5::new();
    for name in names {
        let MessageAttribute { data_type, value } = &attributes[name];
        add(&mut md5, name.as_bytes());
        add(&mut md5, data_type.as_bytes());
        md5.update(match value {
            AttributeValue::String(_) => [1],
            AttributeValue::Binary(_) => [2],
        });
        add(&mut md5, value.as_bytes());
    }
    hex::encode(md5.finalize())
}

fn add(md5: &mut Md5, bytes: &[u8]) {
    md5.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    md5.update(bytes);
}

/// Whether a text has only the characters that SQS accepts: `#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`.
#[must_use]
pub fn has_valid_characters(text: &str) -> bool {
    text.chars().all(|c| match c {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        c => c >= ' ',
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(value: &[u8]) -> MessageAttribute {
        MessageAttribute {
            data_type: "Binary".to_owned(),
            value: AttributeValue::Binary(value.to_vec()),
        }
    }

    /// The digests are those of LocalStack's snapshots of AWS (test_sqs, recorded 2024-04-30 and later).
    #[test]
    fn digests_of_bodies_and_attributes_are_those_of_aws() {
        assert_eq!(body_digest("test"), "098f6bcd4621d373cade4e832627b4f6");
        let foo = Attributes::from([("Foo".to_owned(), MessageAttribute::string("Bar"))]);
        assert_eq!(digest(&foo), "ae7155c6026991b6d54b11589678bf9c");
        let trace = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
        let attr = Attributes::from([("attr1".to_owned(), binary(trace))]);
        assert_eq!(digest(&attr), "8cbe4db156db8a94db8b801b7addb984");
    }

    #[test]
    fn the_order_of_attributes_does_not_change_the_digest() {
        let [a, b] = ["a", "b"].map(|name| (name.to_owned(), MessageAttribute::string(name)));
        let there = Attributes::from([a.clone(), b.clone()]);
        assert_eq!(digest(&there), digest(&Attributes::from([b, a])));
    }

    #[test]
    fn names_types_and_values_count_in_bytes() {
        let attributes = Attributes::from([
            ("n\u{e9}".to_owned(), MessageAttribute::number(200)),
            ("b".to_owned(), binary(&[0, 1])),
        ]);
        assert_eq!(size(&attributes), (3 + 6 + 3) + (1 + 6 + 2));
    }

    #[test]
    fn control_characters_and_two_noncharacters_are_invalid() {
        for text in ["", "\t\n\r", " ~\u{7f}\u{e000}\u{fffd}\u{10000}\u{10ffff}"] {
            assert!(has_valid_characters(text), "{text:?}");
        }
        for text in ["\0", "\u{8}", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
            assert!(!has_valid_characters(text), "{text:?}");
        }
    }
}
