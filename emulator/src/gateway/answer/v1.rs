//! Answers of payload format 1.0: to a REST API, which is strict, and to an HTTP API, which is not.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;

use super::members::{Header, Members};
use super::{Answer, Malformed, Wanted, body, decodes, status};

/// Recorded on 2024-11-15: unknown members are refused; so are `[]`, a bare string and a list that is none. No status
/// is 200, and so is `{}` (2024-02-23). Values of `multiValueHeaders` come first.
pub(super) fn rest(wanted: Wanted<'_>, posted: &Bytes) -> Result<Answer, Malformed> {
    let members = Members::read(posted)?;
    let foreign = members.unknown.clone();
    let foreign = foreign.or_else(|| members.cookies.map(|_| "cookies".to_owned()));
    let foreign = foreign.or_else(|| members.error_message.map(|_| "errorMessage".to_owned()));
    if let Some(name) = foreign {
        return Err(Malformed(format!("`{name}` is not a member of an answer")));
    }
    let mut answer = Answer::new(status(&members)?.unwrap_or(StatusCode::OK));
    for (name, value) in multi_before_single(members.multi_headers()?, members.single_headers()?) {
        answer.append(&remapped(&name), &value)?;
    }
    let is_base64 = members.is_base64()? && decodes(wanted);
    answer.body = body(posted, members.text_body()?, is_base64)?;
    Ok(answer.default_content_type("application/json"))
}

/// Official (developer guide, response-transfer-mode-lambda, 2025-11): `statusCode`, `headers`, `multiValueHeaders` and
/// `cookies`. UNCONFIRMED: other members, and the content type of an answer that names none.
pub(super) fn head(members: &Members<'_>) -> Result<Answer, Malformed> {
    let mut answer = Answer::new(status(members)?.unwrap_or(StatusCode::OK));
    for (name, value) in multi_before_single(members.multi_headers()?, members.single_headers()?) {
        answer.append(&remapped(&name), &value)?;
    }
    for cookie in members.cookie_list()? {
        answer.append("set-cookie", &cookie.0)?;
    }
    Ok(answer.default_content_type("application/json"))
}

/// Recorded with AWS on an HTTP API: unknown members do not matter, and a status must be there.
pub(super) fn http(posted: &Bytes) -> Result<Answer, Malformed> {
    let members = Members::read(posted)?;
    let status = status(&members)?.ok_or_else(|| Malformed("there is no statusCode".to_owned()))?;
    let mut answer = Answer::new(status);
    for (name, value) in members.single_headers()?.into_iter().chain(members.multi_headers()?) {
        answer.append(&name, &value)?;
    }
    answer.body = body(posted, members.text_body()?, members.is_base64()?)?;
    Ok(answer.default_content_type("text/plain; charset=utf-8"))
}

/// Recorded on 2025-04-14: names come in the order of `headers`, and the values of `multiValueHeaders` before theirs.
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

/// Headers that a REST API keeps for itself: the function's value comes under another name.
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

fn remapped(name: &str) -> Cow<'_, str> {
    if REMAPPED.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return format!("x-amzn-Remapped-{name}").into();
    }
    name.into()
}
