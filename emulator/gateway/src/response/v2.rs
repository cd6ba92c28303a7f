//! Responses of payload format 2.0: for an HTTP API and a function URL. Without a status, the whole response is the body.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::members::{self, Members};
use super::{MalformedResponse, ProxyResponse, body, status};

const JSON: &str = "application/json";

/// Recorded on 2025-04-14: JSON without a status is the unchanged body of a 200; a string loses its quotes.
pub(super) fn http(posted: &Bytes) -> Result<ProxyResponse, MalformedResponse> {
    let Ok(members) = Members::read(posted) else {
        return Ok(inferred(string_or_all(posted)));
    };
    if members.status_code.is_none() {
        // Recorded on AWS: a response that looks like a function error is one.
        if members.error_message.is_some() {
            return Err(MalformedResponse("errorMessage without statusCode".to_owned()));
        }
        return Ok(inferred(posted.clone()));
    }
    let mut response = proxied(&members)?;
    // UNCONFIRMED: a body that is not a string.
    response.body = body(posted, members.text_body()?, members.is_base64()?)?;
    Ok(response.default_content_type("text/plain; charset=utf-8"))
}

/// Recorded on 2025-11-24: as on an HTTP API, but AWS rewrites JSON without white space, and a body may be an object.
pub(super) fn url(posted: &Bytes) -> Result<ProxyResponse, MalformedResponse> {
    let members = Members::read(posted).ok();
    if members.is_none() {
        let valid = serde_json::from_slice::<&serde_json::value::RawValue>(posted);
        valid.map_err(|error| MalformedResponse(error.to_string()))?;
    }
    let Some(members) = members.filter(|known| known.status_code.is_some()) else {
        let is_string = posted.trim_ascii_start().starts_with(b"\"");
        let body = if is_string { string_or_all(posted) } else { compact(posted).into() };
        return Ok(inferred(body));
    };
    let mut response = proxied(&members)?;
    response.body = match members.body {
        Some(json) if !json.starts_with('"') => compact(json.as_bytes()).into(),
        _ => body(posted, members.text_body()?, members.is_base64()?)?,
    };
    Ok(response.default_content_type(JSON))
}

/// UNCONFIRMED: the default content type is that of a stream without metadata.
pub(super) fn head(members: &Members<'_>) -> Result<ProxyResponse, MalformedResponse> {
    Ok(proxied(members)?.default_content_type("application/octet-stream"))
}

fn proxied(members: &Members<'_>) -> Result<ProxyResponse, MalformedResponse> {
    let mut response = ProxyResponse::new(status(members)?.unwrap_or(StatusCode::OK));
    for (name, value) in members.single_headers()? {
        response.append(&name, &value)?;
    }
    for cookie in members.cookie_list()? {
        response.append(header::SET_COOKIE.as_str(), &cookie.0)?;
    }
    Ok(response)
}

fn inferred(body: Bytes) -> ProxyResponse {
    let mut response = ProxyResponse::new(StatusCode::OK);
    response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response.body = body;
    response
}

/// A JSON string without quotes and escapes; anything else unchanged, even if it is not JSON (UNPROVEN).
fn string_or_all(posted: &Bytes) -> Bytes {
    match serde_json::from_slice::<members::JsonText<'_>>(posted) {
        Ok(text) => text.into_bytes(posted),
        Err(_) => posted.clone(),
    }
}

/// JSON without the white space between its tokens.
fn compact(json: &[u8]) -> Vec<u8> {
    let mut compact = Vec::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for &byte in json {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        compact.push(byte);
    }
    compact
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_removed_between_tokens_only() {
        let json = br#" { "a \" b" : [ 1 , "c\\" , " d" ] } "#;
        assert_eq!(compact(json), br#"{"a \" b":[1,"c\\"," d"]}"#);
    }
}
