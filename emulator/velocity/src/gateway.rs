//! `$input` and `$util`.

use std::cell::OnceCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::budget::{Budget, MEMBER_SIZE};
use crate::methods::pattern::weight;
use crate::path::{Path, Selected};
use crate::value::Value;
use crate::{Inputs, RenderError};

/// What a template reads, with the body parsed once.
#[derive(Debug)]
pub(crate) struct Request<'r> {
    inputs: &'r Inputs<'r>,
    body: OnceCell<Option<serde_json::Value>>,
}

impl<'r> Request<'r> {
    pub(crate) fn new(inputs: &'r Inputs<'r>) -> Request<'r> {
        Request { inputs, body: OnceCell::new() }
    }

    /// `$input.body`. An empty body is `{}`: LocalStack's recording of AWS, 2025-03-19.
    pub(crate) fn body(&self, budget: &mut Budget) -> Result<Value, RenderError> {
        let body = if self.inputs.body.is_empty() { "{}" } else { self.inputs.body };
        budget.allocate(body.len())?;
        Ok(Value::text(body))
    }

    /// A method of `$input`.
    pub(crate) fn method(
        &self,
        name: &str,
        arguments: &[Value],
        budget: &mut Budget,
    ) -> Result<Value, RenderError> {
        let first = match arguments.first() {
            Some(argument) => Some(argument.to_text(budget)?),
            None => None,
        };
        Ok(match (name, first) {
            ("body", None) => self.body(budget)?,
            ("json", path) => {
                let selected = self.selected(path.as_deref().unwrap_or("$"), budget)?;
                // LocalStack's tests on AWS: nothing is an empty text in JSON.
                let json = selected.map(|selected| selected.json(budget)).transpose()?;
                Value::text(json.unwrap_or_else(|| "\"\"".to_owned()))
            }
            ("path", Some(path)) => match self.selected(&path, budget)? {
                Some(selected) => selected.value(budget)?,
                None => Value::Null,
            },
            ("params", None) => {
                let all = [
                    ("path", self.inputs.path),
                    ("querystring", self.inputs.query),
                    ("header", self.inputs.headers),
                ];
                let mut maps = Vec::new();
                for (name, pairs) in all {
                    maps.push((name, map_of(pairs, budget)?));
                }
                Value::map_of(maps.into_iter())
            }
            ("params", Some(name)) => {
                let value = self.parameter(&name, budget)?;
                budget.allocate(value.len())?;
                Value::text(value)
            }
            _ => Value::Null,
        })
    }

    /// A parameter. Official: searched in the path, the query and the headers, in this order.
    fn parameter(&self, name: &str, budget: &mut Budget) -> Result<&'r str, RenderError> {
        let inputs = self.inputs;
        budget.spend((inputs.path.len() + inputs.query.len() + inputs.headers.len()) / 16)?;
        let exact = |pairs: &'r [(String, String)]| {
            pairs.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        let header = || {
            let mut headers = inputs.headers.iter();
            headers.rfind(|(known, _)| known.eq_ignore_ascii_case(name)).map(|it| it.1.as_str())
        };
        Ok(exact(inputs.path).or_else(|| exact(inputs.query)).or_else(header).unwrap_or_default())
    }

    /// The part of the body that a path selects; `None` if it selects nothing, or if the body is not JSON.
    fn selected(
        &self,
        path: &str,
        budget: &mut Budget,
    ) -> Result<Option<Selected<'_>>, RenderError> {
        budget.read(path)?;
        if path.contains("=~") {
            // A filter compiles its patterns.
            budget.spend(64 + weight(path) / 2)?;
        }
        let body = self.body.get_or_init(|| {
            let body = if self.inputs.body.is_empty() { "{}" } else { self.inputs.body };
            serde_json::from_str(body).ok()
        });
        match (body, Path::parse(path)) {
            (Some(body), Some(path)) => path.select(body, budget),
            _ => Ok(None),
        }
    }
}

fn map_of(pairs: &[(String, String)], budget: &mut Budget) -> Result<Value, RenderError> {
    let size = |(name, value): &(String, String)| name.len() + value.len() + MEMBER_SIZE;
    budget.items(pairs.len())?;
    budget.allocate(pairs.iter().map(size).sum())?;
    Ok(Value::map_of(
        pairs.iter().map(|(name, value)| (name.as_str(), Value::text(value.as_str()))),
    ))
}

/// A method of `$util`.
pub(crate) fn util(
    name: &str,
    arguments: &[Value],
    budget: &mut Budget,
) -> Result<Value, RenderError> {
    let [argument] = arguments else { return Ok(Value::Null) };
    let text = argument.to_text(budget)?;
    budget.read(&text)?;
    let result = match name {
        "escapeJavaScript" => escape_java_script(&text),
        "parseJson" => {
            budget.spend(text.len() / 8)?;
            return match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(value) => Value::of_json(&value, budget),
                Err(_) => Ok(Value::Null),
            };
        }
        "urlEncode" => form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>(),
        "urlDecode" => {
            // The whole text is one name: `&` and `=` are not separators here.
            let bytes = text.replace('&', "%26").replace('=', "%3D");
            let decoded = form_urlencoded::parse(bytes.as_bytes()).next();
            decoded.map_or_else(String::new, |(name, _)| name.into_owned())
        }
        "base64Encode" => STANDARD.encode(text.as_bytes()),
        "base64Decode" => match STANDARD.decode(text.trim()) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(_) => return Ok(Value::Null),
        },
        _ => return Ok(Value::Null),
    };
    budget.allocate(result.len())?;
    Ok(Value::text(result))
}

/// As `StringEscapeUtils.escapeJavaScript` of Apache Commons Lang 2, whose single quotes AWS's guide asks to replace again.
fn escape_java_script(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '"' | '\\' | '/' | '\'' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\u{8}' => escaped.push_str("\\b"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\u{c}' => escaped.push_str("\\f"),
            '\r' => escaped.push_str("\\r"),
            ' '..='\u{7f}' => escaped.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    // Writing to a string cannot fail.
                    let _ = write!(escaped, "\\u{unit:04X}");
                }
            }
        }
    }
    escaped
}
