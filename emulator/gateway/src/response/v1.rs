//! Responses of payload format 1.0: for a REST API, which is strict, and for an HTTP API, which is not.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;

use super::members::{Header, Members};
use super::{MalformedResponse, ProxyResponse, ResponseRules, body, decodes, status};

/// Recorded on 2024-11-15: unknown members are refused, and so are `[]`, a bare string and a list of another type. Without a
/// status it is 200, also for `{}` (2024-02-23). Values of `multiValueHeaders` come first.
pub(super) fn rest(
    rules: ResponseRules<'_>,
    posted: &Bytes,
) -> Result<ProxyResponse, MalformedResponse> {
    let members = Members::read(posted)?;
    let foreign = members.unknown.clone();
    let foreign = foreign.or_else(|| members.cookies.map(|_| "cookies".to_owned()));
    let foreign = foreign.or_else(|| members.error_message.map(|_| "errorMessage".to_owned()));
    if let Some(name) = foreign {
        return Err(MalformedResponse(format!("`{name}` is not a member of a proxy response")));
    }
    let mut response = ProxyResponse::new(status(&members)?.unwrap_or(StatusCode::OK));
    for (name, value) in multi_before_single(members.multi_headers()?, members.single_headers()?) {
        response.append(&remapped(&name), &value)?;
    }
    let is_base64 = members.is_base64()? && decodes(rules);
    response.body = body(posted, members.text_body()?, is_base64)?;
    Ok(response.default_content_type("application/json"))
}

/// Official (developer guide, response-transfer-mode-lambda, 2025-11): `statusCode`, `headers`, `multiValueHeaders` and
/// `cookies`. UNCONFIRMED: other members, and the default content type.
pub(super) fn head(members: &Members<'_>) -> Result<ProxyResponse, MalformedResponse> {
    let mut response = ProxyResponse::new(status(members)?.unwrap_or(StatusCode::OK));
    for (name, value) in multi_before_single(members.multi_headers()?, members.single_headers()?) {
        response.append(&remapped(&name), &value)?;
    }
    for cookie in members.cookie_list()? {
        response.append("set-cookie", &cookie.0)?;
    }
    Ok(response.default_content_type("application/json"))
}

/// Recorded on an HTTP API of AWS: unknown members are ignored, and the status is required.
pub(super) fn http(posted: &Bytes) -> Result<ProxyResponse, MalformedResponse> {
    let members = Members::read(posted)?;
    let status =
        status(&members)?.ok_or_else(|| MalformedResponse("statusCode is missing".to_owned()))?;
    let mut response = ProxyResponse::new(status);
    for (name, value) in members.single_headers()?.into_iter().chain(members.multi_headers()?) {
        response.append(&name, &value)?;
    }
    response.body = body(posted, members.text_body()?, members.is_base64()?)?;
    Ok(response.default_content_type("text/plain; charset=utf-8"))
}

/// Recorded on 2025-04-14: names have the order of `headers`, and the values of `multiValueHeaders` precede those of `headers`.
fn multi_before_single<'p>(mut multi: Vec<Header<'p>>, single: Vec<Header<'p>>) -> Vec<Header<'p>> {
    let mut merged = Vec::with_capacity(multi.len() + single.len());
    for (name, value) in single {
        let same = |(other, _): &mut Header<'p>| other.eq_ignore_ascii_case(&name);
        merged.extend(multi.extract_if(.., same));
        merged.push((name, value));
    }
    merged.extend(multi);
    merged
}

/// Headers that a REST API reserves: the function's value gets another name.
///
/// `Connection`, `Content-Length`, `Date`, `Server`, `X-Amzn-RequestId` and `X-Forwarded-For` are seen in a response of
/// 2026-03-24; the others are in the list of known issues (2023-06-29).
const REMAPPED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-md5",
    "date",
    "expect",
    "host",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "www-authenticate",
    "x-amzn-requestid",
    "x-forwarded-for",
];

/// The name under which a REST API sends a header.
pub(crate) fn remapped(name: &str) -> Cow<'_, str> {
    if REMAPPED.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return format!("x-amzn-Remapped-{name}").into();
    }
    name.into()
}
