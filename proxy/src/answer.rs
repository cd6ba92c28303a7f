//! An answer as the front door gets it: described once, so that what is measured and what is posted cannot differ.

use bytes::Bytes;
use hardcap_limits::envelope::{Length, Sink};

use crate::headers::Lines;

/// The body of an answer, in the form in which it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// Valid UTF-8, as a JSON string.
    Text(Text),
    /// Any bytes, as base64.
    Base64(Bytes),
}

/// Bytes that are known to be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Bytes);

impl Text {
    /// The bytes as text, when they are UTF-8.
    #[must_use]
    pub fn of(bytes: &Bytes) -> Option<Text> {
        std::str::from_utf8(bytes).is_ok().then(|| Text(bytes.clone()))
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("it was checked when it was made")
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Bytes::from(text))
    }
}

/// The shape of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Payload 1.0: `headers` and `multiValueHeaders`.
    V1,
    /// Payload 2.0: `headers` and `cookies`.
    V2,
}

/// A proxy response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header lines.
    pub headers: Lines,
    /// The body.
    pub body: Body,
}

impl Answer {
    /// How many bytes the answer takes once it is posted.
    #[must_use]
    pub fn len(&self, shape: Shape) -> u64 {
        let mut length = Length::default();
        self.describe(shape, &mut length);
        length.bytes().0
    }

    /// The answer as it is posted.
    #[must_use]
    pub fn to_json(&self, shape: Shape) -> Vec<u8> {
        let length = usize::try_from(self.len(shape)).expect("it is a sum of lengths in memory");
        let mut json = Vec::with_capacity(length);
        self.describe(shape, &mut json);
        json
    }

    fn describe(&self, shape: Shape, sink: &mut impl Sink) {
        sink.raw("{\"statusCode\":");
        sink.raw(&self.status.to_string());
        match shape {
            Shape::V1 => self.describe_headers_v1(sink),
            Shape::V2 => self.describe_headers_v2(sink),
        }
        sink.raw(",\"body\":");
        match &self.body {
            Body::Empty => sink.raw("\"\",\"isBase64Encoded\":false}"),
            Body::Text(text) => {
                sink.string(text.as_str());
                sink.raw(",\"isBase64Encoded\":false}");
            }
            Body::Base64(bytes) => {
                sink.base64(bytes);
                sink.raw(",\"isBase64Encoded\":true}");
            }
        }
    }

    /// A name that occurs once stands in `headers`; the others in `multiValueHeaders`, line by line.
    fn describe_headers_v1(&self, sink: &mut impl Sink) {
        let (once, many): (Vec<_>, Vec<_>) =
            self.by_name().into_iter().partition(|(_, values)| values.len() == 1);
        let once = once.iter().map(|(name, values)| (*name, values[0]));
        sink.raw(",\"headers\":{");
        members(sink, once, |sink, value| sink.string(value));
        sink.raw("}");
        if !many.is_empty() {
            sink.raw(",\"multiValueHeaders\":{");
            members(sink, many.iter().map(|(name, values)| (*name, values)), |sink, values| {
                list(sink, values);
            });
            sink.raw("}");
        }
    }

    /// Payload 2.0 has one value a name, which is a comma-separated list; only cookies have a list of their own.
    fn describe_headers_v2(&self, sink: &mut impl Sink) {
        let (cookies, others): (Vec<_>, Vec<_>) =
            self.by_name().into_iter().partition(|(name, _)| *name == "set-cookie");
        sink.raw(",\"headers\":{");
        let others = others.iter().map(|(name, values)| (*name, values.join(", ")));
        members(sink, others, |sink, value| sink.string(&value));
        sink.raw("}");
        if let Some((_, cookies)) = cookies.first() {
            sink.raw(",\"cookies\":");
            list(sink, cookies);
        }
    }

    /// The values of each name, in the order in which the names first occur.
    fn by_name(&self) -> Vec<(&str, Vec<&str>)> {
        let mut names: Vec<(&str, Vec<&str>)> = Vec::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            match names.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value),
                None => names.push((name, vec![value])),
            }
        }
        names
    }
}

fn members<'a, S: Sink, V>(
    sink: &mut S,
    pairs: impl Iterator<Item = (&'a str, V)>,
    write: impl Fn(&mut S, V),
) {
    for (at, (name, value)) in pairs.enumerate() {
        if at > 0 {
            sink.raw(",");
        }
        sink.string(name);
        sink.raw(":");
        write(sink, value);
    }
}

fn list(sink: &mut impl Sink, values: &[&str]) {
    sink.raw("[");
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            sink.raw(",");
        }
        sink.string(value);
    }
    sink.raw("]");
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
