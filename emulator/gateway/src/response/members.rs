//! The members of a function's response, borrowed from the posted bytes.

use std::borrow::Cow;
use std::fmt;

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::MalformedResponse;
use hardcap_core::plain_json;
use hardcap_core::serve::pool;

/// The members that gateways know, as JSON. `null` is the same as an absent member. The last of repeated members applies.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Members<'p> {
    pub(super) status_code: Option<&'p str>,
    pub(super) headers: Option<&'p str>,
    pub(super) multi_value_headers: Option<&'p str>,
    pub(super) cookies: Option<&'p str>,
    pub(super) body: Option<&'p str>,
    pub(super) is_base64_encoded: Option<&'p str>,
    pub(super) error_message: Option<&'p str>,
    /// The first member of another name.
    pub(super) unknown: Option<String>,
}

impl<'p> Members<'p> {
    /// Reads an object.
    pub(super) fn read(posted: &'p [u8]) -> Result<Members<'p>, MalformedResponse> {
        let Some(plain) = plain_json::members(posted) else { return Members::parse(posted) };
        let mut members = Members::default();
        for (name, value) in plain {
            members.set(name, value);
        }
        Ok(members)
    }

    /// The same for every JSON.
    fn parse(posted: &'p [u8]) -> Result<Members<'p>, MalformedResponse> {
        serde_json::from_slice(posted).map_err(|error| MalformedResponse(error.to_string()))
    }

    fn set(&mut self, name: &str, json: &'p str) {
        let member = match name {
            "statusCode" => &mut self.status_code,
            "headers" => &mut self.headers,
            "multiValueHeaders" => &mut self.multi_value_headers,
            "cookies" => &mut self.cookies,
            "body" => &mut self.body,
            "isBase64Encoded" => &mut self.is_base64_encoded,
            "errorMessage" => &mut self.error_message,
            other => {
                self.unknown.get_or_insert_with(|| other.to_owned());
                return;
            }
        };
        *member = Some(json).filter(|json| *json != "null");
    }

    /// `isBase64Encoded`: a boolean, or its text (as sent by Zappa up to 0.45.1).
    pub(super) fn is_base64(&self) -> Result<bool, MalformedResponse> {
        let Some(raw) = self.is_base64_encoded else { return Ok(false) };
        match raw.trim_matches('"') {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            other => Err(MalformedResponse(format!("isBase64Encoded {other} is not a boolean"))),
        }
    }

    /// The body, which must be a string.
    pub(super) fn text_body(&self) -> Result<Option<JsonText<'p>>, MalformedResponse> {
        self.body.map(|raw| text(raw, "body")).transpose()
    }

    /// `headers`: strings or booleans.
    pub(super) fn single_headers(&self) -> Result<Vec<Header<'p>>, MalformedResponse> {
        let Some(raw) = self.headers else { return Ok(Vec::new()) };
        let pairs: Pairs<'p> = read(raw, "headers")?;
        pairs.0.into_iter().map(|(name, raw)| Ok((name, header_value(raw.get())?))).collect()
    }

    /// `multiValueHeaders`: lists of strings or booleans.
    pub(super) fn multi_headers(&self) -> Result<Vec<Header<'p>>, MalformedResponse> {
        let Some(raw) = self.multi_value_headers else { return Ok(Vec::new()) };
        let pairs: Pairs<'p> = read(raw, "multiValueHeaders")?;
        let mut all = Vec::new();
        for (name, raw) in pairs.0 {
            let values: Vec<&'p RawValue> = read(raw.get(), &name)?;
            for value in values {
                all.push((name.clone(), header_value(value.get())?));
            }
        }
        Ok(all)
    }

    /// `cookies`: a list of strings.
    pub(super) fn cookie_list(&self) -> Result<Vec<JsonText<'p>>, MalformedResponse> {
        let Some(raw) = self.cookies else { return Ok(Vec::new()) };
        read(raw, "cookies")
    }
}

/// A header's name and value.
pub(super) type Header<'p> = (Cow<'p, str>, Cow<'p, str>);

/// A string of the response: a slice of it if it has no escapes.
#[derive(Debug)]
pub(super) struct JsonText<'p>(pub(super) Cow<'p, str>);

impl JsonText<'_> {
    /// The bytes of the text, shared with the posted bytes if they are the same.
    pub(super) fn into_bytes(self, posted: &Bytes) -> Bytes {
        match self.0 {
            Cow::Borrowed(text) => posted.slice_ref(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        }
    }

    /// The decoded bytes of a base64 text.
    pub(super) fn decoded(self) -> Option<Bytes> {
        match self.0 {
            Cow::Borrowed(text) => {
                let mut decoded = pool::take(text.len() / 4 * 3);
                STANDARD.decode_append(text, &mut decoded).ok()?;
                Some(pool::freeze(decoded))
            }
            // A text with escapes (`\/`, as PHP writes it) has already been copied to remove them.
            Cow::Owned(text) => {
                let mut decoded = text.into_bytes();
                let length = STANDARD.decode_inplace(&mut decoded).ok()?.len();
                decoded.truncate(length);
                Some(decoded.into())
            }
        }
    }
}

impl<'p> Deserialize<'p> for JsonText<'p> {
    fn deserialize<D: Deserializer<'p>>(deserializer: D) -> Result<JsonText<'p>, D::Error> {
        struct Strings;
        impl<'p> Visitor<'p> for Strings {
            type Value = JsonText<'p>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'p str) -> Result<JsonText<'p>, E> {
                Ok(JsonText(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<JsonText<'p>, E> {
                Ok(JsonText(Cow::Owned(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<JsonText<'p>, E> {
                Ok(JsonText(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(Strings)
    }
}

/// Reads a string; `what` names it in errors.
pub(super) fn text<'p>(json: &'p str, what: &str) -> Result<JsonText<'p>, MalformedResponse> {
    let inside = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    // The whole response has been parsed: a string without escapes is the text between its quotes.
    match inside.filter(|inside| memchr::memchr(b'\\', inside.as_bytes()).is_none()) {
        Some(inside) => Ok(JsonText(Cow::Borrowed(inside))),
        None => read(json, what),
    }
}

fn read<'p, T: Deserialize<'p>>(json: &'p str, what: &str) -> Result<T, MalformedResponse> {
    serde_json::from_str(json).map_err(|error| MalformedResponse(format!("{what}: {error}")))
}

/// Recorded on 2024-11-15: a boolean becomes `true` or `false`.
///
/// UNCONFIRMED: a number becomes its text. AWS's own sample returns one (`apigw-method-cache` of aws-samples/serverless-patterns), and
/// `serverless-express` does for `Content-Length` (CodeGenieApp/serverless-express#685).
/// One report contradicts this: a 502 for a numeric `Content-Length` on a deployed site (netlify/netlify-dev-plugin#144).
fn header_value(json: &str) -> Result<Cow<'_, str>, MalformedResponse> {
    match json {
        boolean @ ("true" | "false") => Ok(Cow::Borrowed(boolean)),
        number if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            Ok(Cow::Borrowed(number))
        }
        _ => text(json, "a header's value").map(|text| text.0),
    }
}

/// An object as a list, which keeps the order and repeated names.
struct Pairs<'p>(Vec<(Cow<'p, str>, &'p RawValue)>);

impl<'p> Deserialize<'p> for Pairs<'p> {
    fn deserialize<D: Deserializer<'p>>(deserializer: D) -> Result<Pairs<'p>, D::Error> {
        struct Objects;
        impl<'p> Visitor<'p> for Objects {
            type Value = Pairs<'p>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'p>>(self, mut map: M) -> Result<Pairs<'p>, M::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<JsonText<'p>, &'p RawValue>()? {
                    pairs.push((name.0, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Objects)
    }
}

impl<'p> Deserialize<'p> for Members<'p> {
    fn deserialize<D: Deserializer<'p>>(deserializer: D) -> Result<Members<'p>, D::Error> {
        struct Objects;
        impl<'p> Visitor<'p> for Objects {
            type Value = Members<'p>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'p>>(self, mut map: M) -> Result<Members<'p>, M::Error> {
                let mut members = Members::default();
                // Ignored values must be JSON too: `IgnoredAny` would accept strings that are not UTF-8.
                while let Some((name, json)) = map.next_entry::<JsonText<'p>, &'p RawValue>()? {
                    members.set(&name.0, json.get());
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Objects)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn decoded(text: &str) -> [Option<Bytes>; 2] {
        [Cow::Borrowed(text), Cow::Owned(text.to_owned())].map(|text| JsonText(text).decoded())
    }

    #[test]
    fn base64_is_decoded_with_and_without_escapes() {
        for length in [0, 1, 2, 3, 3071, 3072, 3073, 9999] {
            let bytes: Vec<u8> = (0..length).map(|at: u32| at.to_le_bytes()[0] ^ 0xff).collect();
            let [plain, escaped] =
                decoded(&base64::engine::general_purpose::STANDARD.encode(&bytes));
            assert_eq!(plain.as_deref(), Some(bytes.as_slice()), "{length}");
            assert_eq!(escaped, plain, "{length}");
        }
        for text in ["YQ==".repeat(2000).as_str(), "a*b=", "YQ=", "YQ", "YR==", "=", " YQ=="] {
            assert_eq!(decoded(text), [None, None], "{text:.10}");
        }
    }

    proptest::proptest! {
        #[test]
        fn exactly_what_rfc_4648_calls_canonical_is_base64(text in "[A-Da-d+/=_ -]{0,12}") {
            let expected = base64::engine::general_purpose::STANDARD.decode(&text).ok().map(Bytes::from);
            proptest::prop_assert_eq!(decoded(&text), [expected.clone(), expected]);
        }
    }

    #[test]
    fn a_body_without_escapes_is_a_slice_of_the_posted_bytes() {
        let posted = Bytes::from_static(br#"{"body":"hello"}"#);
        let body = Members::read(&posted).unwrap().text_body().unwrap().unwrap();
        let bytes = body.into_bytes(&posted);
        assert_eq!(bytes, "hello");
        assert_eq!(bytes.as_ptr(), posted[9..].as_ptr());
    }

    proptest::proptest! {
        #[test]
        fn members_are_the_same_in_one_pass_as_by_the_parser(
            json in r#"\{("(statusCode|headers|body|cookies|x|\\u0062ody)":("[a\\n"é]{0,3}"|[0-9\-.e]{1,3}|null|true|\{\}|\["a"\]),?){0,4}\}?"#,
        ) {
            let (read, parsed) = (Members::read(json.as_bytes()), Members::parse(json.as_bytes()));
            proptest::prop_assert_eq!(read.map_err(|error| error.to_string()), parsed.map_err(|error| error.to_string()));
        }
    }

    #[test]
    fn the_last_of_two_members_applies() {
        let members = Members::read(br#"{"statusCode":200,"statusCode":201}"#).unwrap();
        assert_eq!(members.status_code, Some("201"));
    }
}
