//! How the proxy packs an answer: the event that it reads, and the envelope that it posts.

use bytes::Bytes;
use hardcap_limits::envelope::Payload;
use hardcap_proxy::delivery::{Delivery, Envelope, inline, inline_gzip};
use hardcap_proxy::event::Request;
use hardcap_proxy::headers::{accepts_gzip, append, text_of};
use hardcap_proxy::response::Head;
use http::{HeaderMap, HeaderName};

use super::input::Input;

/// An answer that is posted fits, is as large as predicted, and is not posted only where no form of it fits; any text is an
/// event or an error.
pub fn delivery(data: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<Request>(data) {
        assert!(request.body.len() <= data.len(), "{request:?}");
        let _ = request.header("host");
        return;
    }
    let mut input = Input::new(data);
    let payload = *input.choose(&[Payload::V1, Payload::V2]);
    let max = u64::from(input.byte()) * 3;
    let gzip = accepts_gzip(&input.text(20));
    let names = ["content-type", "etag", "vary", "set-cookie", "repr-digest"];
    let mut headers = HeaderMap::new();
    for _ in 0..input.below(4) {
        let &name = input.choose(&names);
        append(&mut headers, HeaderName::from_static(name), &input.text(20));
    }
    let head = Head { status: 200, headers };
    let body = Bytes::copy_from_slice(input.rest());
    let envelope = Envelope { payload, max };
    let forms = || {
        let text = std::str::from_utf8(&body).ok();
        let texts: Vec<_> =
            head.headers.iter().map(|(name, value)| (name.as_str(), text_of(value))).collect();
        let lines: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, &**text)).collect();
        let length = |body| {
            let response =
                hardcap_limits::envelope::ProxyResponse { status: 200, headers: &lines, body };
            response.to_json(payload).len() as u64
        };
        let text = text.map(|text| length(hardcap_limits::envelope::ProxyBody::Text(text)));
        let base64 = length(hardcap_limits::envelope::ProxyBody::Base64(&body));
        text.into_iter().chain((!body.is_empty()).then_some(base64)).min()
    };
    match inline(&head, &body, envelope) {
        Some((answer, delivery)) => {
            let posted = answer.to_json(payload);
            assert_eq!(answer.len(payload), posted.len() as u64);
            assert!(posted.len() as u64 <= max, "{} of {max}", posted.len());
            assert_eq!(Some(posted.len() as u64), forms(), "{delivery:?} is not the smallest");
            assert_ne!(delivery, Delivery::InlineGzip);
        }
        None => assert!(forms().is_none_or(|least| least > max), "{:?} would fit {max}", forms()),
    }
    if gzip && let Some(answer) = inline_gzip(&head, &body, envelope) {
        assert!(answer.to_json(payload).len() as u64 <= max);
    }
}
