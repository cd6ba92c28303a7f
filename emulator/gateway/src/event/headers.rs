//! The headers of an event: those that each gateway drops, adds, joins and sorts.

use super::Shape;
use crate::request::ClientRequest;

/// Hop-by-hop headers, which are in no event. `Connection` is recorded (2024-08-02), the others are documented.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// A function URL always uses TLS. The values are those of a common client.
const TLS: [(&str, &str); 2] =
    [("X-Amzn-Tls-Cipher-Suite", "ECDHE-RSA-AES128-GCM-SHA256"), ("X-Amzn-Tls-Version", "TLSv1.2")];

/// The values of each header by name, sorted by name as AWS sends them (recorded on 2025-04-14).
///
/// Names that differ only in case are one header with the first spelling. In payload format 2.0 they are in lower case.
pub(super) fn of(
    shape: Shape,
    request: &ClientRequest,
    trace_root: &str,
) -> Vec<(String, Vec<String>)> {
    let mut headers: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |name: &str, value: &str| match headers
        .iter_mut()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
    {
        Some((_, values)) => values.push(value.to_owned()),
        None => headers.push((name.to_owned(), vec![value.to_owned()])),
    };
    for (name, value) in &request.headers {
        if is_forwarded(shape, name) {
            add(name, value);
        }
    }
    let forwarded_for = match request.header("x-forwarded-for") {
        Some(client) => format!("{client}, {}", request.source_ip),
        None => request.source_ip.clone(),
    };
    add("X-Amzn-Trace-Id", trace_root);
    add("X-Forwarded-For", &forwarded_for);
    add("X-Forwarded-Port", request.port());
    // Without `aws_hosts` the gateway has no TLS, and links that a function builds must work.
    add("X-Forwarded-Proto", request.scheme());
    if shape == Shape::Url {
        TLS.iter().for_each(|(name, value)| add(name, value));
    }
    if matches!(shape, Shape::HttpV2 | Shape::Url) {
        headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
    }
    headers.sort();
    headers
}

fn is_forwarded(shape: Shape, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        // Recorded on 2025-04-14: a REST API drops it, an HTTP API keeps it.
        "content-length" => shape != Shape::Rest,
        // Payload format 2.0 has a member of their own for them.
        "cookie" => !matches!(shape, Shape::HttpV2 | Shape::Url),
        // The gateway writes these itself.
        "x-amzn-trace-id" | "x-forwarded-for" | "x-forwarded-port" | "x-forwarded-proto" => false,
        name => !HOP_BY_HOP.contains(&name),
    }
}

/// The cookies of a request.
pub(super) fn cookies(request: &ClientRequest) -> Vec<&str> {
    request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"))
        .flat_map(|(_, value)| value.split(';'))
        .map(str::trim)
        .filter(|cookie| !cookie.is_empty())
        .collect()
}
