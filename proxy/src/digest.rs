//! `Repr-Digest` (RFC 9530), for clients that request it. It proves that the bytes are unchanged from end to end.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderName;
use sha2::{Digest as _, Sha256};

use crate::event::Request;
use crate::headers;
use crate::response::Head;

/// The header that contains the digest.
pub const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// The value of [`REPR_DIGEST`]. Its length is constant.
#[must_use]
pub fn of(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)))
}

/// Whether `Want-Repr-Digest` asks for SHA-256 with a weight from 1 to 10.
#[must_use]
pub fn is_wanted(request: &Request) -> bool {
    let wants = request.header("want-repr-digest").unwrap_or_default().split(',');
    wants.map(str::trim).filter_map(|want| want.split_once('=')).any(|(algorithm, weight)| {
        algorithm.trim().eq_ignore_ascii_case("sha-256")
            && matches!(weight.trim().parse(), Ok(1..=10_u8))
    })
}

/// The head of a response, with the digest of its body if the request asks for it and the upstream did not send one.
#[must_use]
pub fn stated<'a>(request: &Request, head: &'a Head, body: &Bytes) -> Cow<'a, Head> {
    if !is_wanted(request) || head.headers.contains_key(REPR_DIGEST) {
        return Cow::Borrowed(head);
    }
    let mut head = head.clone();
    headers::set(&mut head.headers, REPR_DIGEST, &of(body));
    Cow::Owned(head)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;

    use super::*;

    fn request(wants: &str) -> Request {
        let headers = json!({ "Want-Repr-Digest": wants });
        let event = json!({ "httpMethod": "GET", "path": "/", "headers": headers });
        serde_json::from_value(event).expect("it is an event")
    }

    #[test]
    fn b5_a_digest_is_sent_on_request_and_the_upstreams_own_is_kept() {
        // RFC 9530, appendix B.1, has this digest of this content.
        let body = Bytes::from_static(b"{\"hello\": \"world\"}\n");
        let expected = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        assert_eq!(of(&body), expected);
        let head = Head { status: 200, headers: HeaderMap::new() };
        for (wants, stated_) in [
            ("sha-256=1", true),
            ("sha-512=10, SHA-256 = 3", true),
            ("sha-256=0", false),
            ("sha-512=1", false),
            ("sha-256", false),
            ("", false),
        ] {
            let head = stated(&request(wants), &head, &body);
            let given = headers::get(&head.headers, REPR_DIGEST);
            assert_eq!(given.as_deref(), stated_.then_some(expected), "{wants}");
        }
        let mut own = HeaderMap::new();
        headers::set(&mut own, REPR_DIGEST, "sha-512=:x:");
        let head = Head { status: 200, headers: own };
        let head = stated(&request("sha-256=1"), &head, &body);
        assert_eq!(headers::get(&head.headers, REPR_DIGEST).as_deref(), Some("sha-512=:x:"));
    }
}
