//! `$input` and `$util`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;

use crate::Inputs;
use crate::path::json_path;
use crate::value::Value;

/// A property of `$input`.
pub(crate) fn input_property(inputs: &Inputs<'_>, name: &str) -> Value {
    match name {
        // LocalStack's snapshot of AWS, 2025-03-19.
        "body" if inputs.body.is_empty() => Value::text("{}"),
        "body" => Value::text(inputs.body),
        _ => Value::Null,
    }
}

/// A method of `$input`.
pub(crate) fn input_method(inputs: &Inputs<'_>, name: &str, arguments: &[Value]) -> Value {
    let first = arguments.first().map(Value::to_text);
    match (name, first) {
        ("body", None) => input_property(inputs, "body"),
        ("json", path) => {
            let selected = selected(inputs, path.as_deref().unwrap_or("$"));
            // LocalStack's tests on AWS: nothing is an empty text in JSON.
            Value::text(selected.map_or_else(|| "\"\"".to_owned(), |value| value.to_string()))
        }
        ("path", Some(path)) => {
            selected(inputs, &path).map_or(Value::Null, |value| Value::of_json(&value))
        }
        ("params", None) => {
            let members =
                [("path", inputs.path), ("querystring", inputs.query), ("header", inputs.headers)];
            let maps = members.map(|(name, pairs)| (name.to_owned(), map_of(pairs)));
            Value::map(maps.into_iter().collect())
        }
        ("params", Some(name)) => {
            // Official: searched in the path, the query and the headers, in this order.
            let exact = |pairs: &[(String, String)]| {
                pairs.iter().rfind(|(known, _)| *known == name).map(|(_, value)| value.clone())
            };
            let header = || {
                let mut headers = inputs.headers.iter();
                headers.rfind(|(known, _)| known.eq_ignore_ascii_case(&name)).map(|it| it.1.clone())
            };
            let value = exact(inputs.path).or_else(|| exact(inputs.query)).or_else(header);
            Value::text(value.unwrap_or_default())
        }
        _ => Value::Null,
    }
}

/// The part of the body that a path selects; `None` if there is none, or the body is not JSON.
fn selected(inputs: &Inputs<'_>, path: &str) -> Option<serde_json::Value> {
    let body = if inputs.body.is_empty() { "{}" } else { inputs.body };
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    json_path(&body, path).ok().flatten()
}

fn map_of(pairs: &[(String, String)]) -> Value {
    let pairs = pairs.iter().map(|(name, value)| (name.clone(), Value::text(value.as_str())));
    Value::map(pairs.collect::<IndexMap<_, _>>())
}

/// A method of `$util`.
pub(crate) fn util_method(name: &str, arguments: &[Value]) -> Value {
    let Some(first) = arguments.first() else { return Value::Null };
    let text = first.to_text();
    match name {
        "escapeJavaScript" => Value::text(escape_java_script(&text)),
        "parseJson" => serde_json::from_str(&text)
            .map_or(Value::Null, |value: serde_json::Value| Value::of_json(&value)),
        "urlEncode" => {
            Value::text(form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>())
        }
        "urlDecode" => {
            // The whole text is one name: `&` and `=` are not separators here.
            let bytes = text.replace('&', "%26").replace('=', "%3D");
            let decoded = form_urlencoded::parse(bytes.as_bytes()).next();
            Value::text(decoded.map_or_else(String::new, |(name, _)| name.into_owned()))
        }
        "base64Encode" => Value::text(STANDARD.encode(text)),
        "base64Decode" => {
            let decoded = STANDARD.decode(text.trim()).ok();
            let text = decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            text.map_or(Value::Null, Value::text)
        }
        _ => Value::Null,
    }
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
            ' '..='~' => escaped.push(c),
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
