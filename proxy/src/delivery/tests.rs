//! Tests of `delivery`, against an independent oracle: `serde_json` and `base64` build the envelope, and it is counted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::testing;

const CLASSIC: u64 = 6_291_556;

fn head(headers: &[(&str, &str)]) -> Head {
    Head { status: 200, headers: headers::of(headers) }
}

fn v2(max: u64) -> Envelope {
    Envelope { payload: Payload::V2, max }
}

/// The size of the smaller of the two envelopes, computed without this crate.
fn oracle(head: &Head, body: &[u8]) -> usize {
    let mut headers = serde_json::Map::new();
    for (name, value) in &head.headers {
        headers.insert(name.to_string(), json!(text_of(value)));
    }
    let envelope = |body: &str, base64: bool| {
        let value: Value = json!({
            "statusCode": head.status,
            "headers": headers,
            "body": body,
            "isBase64Encoded": base64,
        });
        value.to_string().len()
    };
    if body.is_empty() {
        return envelope("", false);
    }
    let base64 = envelope(&STANDARD.encode(body), true);
    match std::str::from_utf8(body) {
        Ok(text) => base64.min(envelope(text, false)),
        Err(_) => base64,
    }
}

fn bytes_of(response: &Response, payload: Payload) -> Vec<u8> {
    let posted: Value = serde_json::from_slice(&response.to_json(payload)).expect("it is JSON");
    let body = posted["body"].as_str().expect("there is a body");
    if posted["isBase64Encoded"] == json!(true) {
        STANDARD.decode(body).expect("it is base64")
    } else {
        body.as_bytes().to_vec()
    }
}

/// Checks the decision at exactly this limit and one below it.
fn check_tight(head: &Head, body: &[u8]) {
    let needed = oracle(head, body) as u64;
    let body = Bytes::copy_from_slice(body);
    let (response, _) = inline(head, &body, v2(needed)).expect("it fits exactly");
    assert_eq!(response.len(Payload::V2), needed);
    assert_eq!(response.to_json(Payload::V2).len() as u64, needed, "measured is what is posted");
    assert_eq!(bytes_of(&response, Payload::V2), body, "byte for byte");
    assert!(inline(head, &body, v2(needed - 1)).is_none(), "one byte less and it does not fit");
}

#[test]
fn z1_the_largest_inline_binary_body_is_exact_to_the_byte() {
    // `{"statusCode":200,"headers":{"content-type":"application/octet-stream"},"body":"","isBase64Encoded":true}`
    // takes 105 bytes: 4 * ceil(n / 3) may take 6,291,451, so n is 4,718,586.
    let head = head(&[("content-type", "application/octet-stream")]);
    let largest = Bytes::from(vec![0xff; 4_718_586]);
    let (response, delivery) = inline(&head, &largest, v2(CLASSIC)).expect("it fits");
    assert_eq!(delivery, Delivery::InlineBase64);
    assert_eq!(response.len(Payload::V2), 105 + 6_291_448);
    let over = Bytes::from(vec![0xff; 4_718_587]);
    assert!(inline(&head, &over, v2(CLASSIC)).is_none(), "one byte more overflows");
}

#[test]
fn z1_a_response_without_a_body_is_inline_exactly_if_its_headers_fit() {
    // `{"statusCode":200,"headers":{"content-type":"text/plain"},"body":"","isBase64Encoded":false}` takes 92 bytes.
    let head = head(&[("content-type", "text/plain")]);
    let (response, delivery) = inline(&head, &Bytes::new(), v2(92)).expect("it fits exactly");
    assert_eq!((response.len(Payload::V2), delivery), (92, Delivery::InlineText));
    assert!(inline(&head, &Bytes::new(), v2(91)).is_none(), "one byte less does not fit");
}

#[test]
fn z3_escapes_are_counted_and_the_smaller_form_is_chosen() {
    let head = head(&[]);
    for (piece, expected) in [
        ("a", Delivery::InlineText),
        ("é", Delivery::InlineText),
        ("\u{2028}", Delivery::InlineText),
        ("\"", Delivery::InlineBase64),
        ("\u{1}", Delivery::InlineBase64),
        ("\n", Delivery::InlineBase64),
    ] {
        let body = piece.repeat(1000);
        let (_, delivery) =
            inline(&head, &Bytes::from(body.clone()), v2(CLASSIC)).expect("it fits");
        assert_eq!(delivery, expected, "{piece:?}");
        check_tight(&head, body.as_bytes());
    }
}

#[test]
fn b1_only_valid_utf8_travels_as_text() {
    let head = head(&[("content-type", "application/json; charset=utf-8")]);
    for (body, text) in [
        (&b"\xef\xbb\xbf{\"a\":1}"[..], true),
        (b"{\"a\":\"\xff\"}", false),
        (b"caf\xe9", false),
        (b"\xff\xfe{\0}\0", false),
        (b"\xed\xa0\x80 and much more text behind the surrogate", false),
        (b"nul \0 in the middle of a long enough text", true),
        (b"", true),
    ] {
        let body = Bytes::from_static(body);
        let (response, delivery) = inline(&head, &body, v2(CLASSIC)).expect("it fits");
        assert_eq!(delivery == Delivery::InlineText, text, "{body:?}");
        assert_eq!(bytes_of(&response, Payload::V2), body);
    }
}

#[test]
fn z5_the_largest_of_too_large_headers_is_named() {
    let (long, single) = ("x".repeat(600), "x".repeat(1000));
    let lines = headers::of(&[
        ("content-type", "text/plain"),
        ("warning", &long),
        ("warning", &long),
        ("x-single", &single),
    ]);
    let refused = v2(2000).admit_headers(200, &lines).unwrap_err();
    let HeadersTooLarge { name, bytes, max } = refused;
    assert_eq!((name.as_str(), max), ("warning", 2000));
    assert!(bytes > 2000);
    assert!(v2(bytes).admit_headers(200, &lines).is_ok(), "exactly enough");
    assert!(v2(bytes - 1).admit_headers(200, &lines).is_err(), "one too few");
}

#[test]
fn z5_the_lines_of_a_header_are_counted_together() {
    // Two lines of 30 bytes are 60, less than the 100 of the other header.
    let (short, long) = ("x".repeat(30), "x".repeat(100));
    let lines = headers::of(&[("twice", &short), ("once", &long), ("twice", &short)]);
    let refused = v2(100).admit_headers(200, &lines).unwrap_err();
    assert_eq!(refused.name, "once");
}

#[test]
fn c1_a_compressible_body_is_delivered_inline() {
    let head = head(&[("content-type", "application/javascript"), ("etag", "\"e\"")]);
    let script = Bytes::from(b"function f(){return 'observability'};\n".repeat(320_000));
    assert!(script.len() > 12_000_000);
    assert!(inline(&head, &script, v2(CLASSIC)).is_none());
    let response = inline_gzip(&head, &script, v2(CLASSIC)).expect("it shrinks below the limit");
    assert!(v2(CLASSIC).admits(&response));
    assert_eq!(response.headers["content-encoding"], "gzip");
    let packed = bytes_of(&response, Payload::V2);
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut unpacked)
        .unwrap();
    assert_eq!(unpacked, script);
}

#[test]
fn c1_a_compressed_response_is_inline_exactly_if_its_envelope_fits() {
    let head = head(&[("content-type", "text/plain")]);
    // Digests hardly shrink, so the packed body is long.
    let body: String = (0..100_u32).map(|it| crate::digest::of(&it.to_be_bytes())).collect();
    let body = Bytes::from(body);
    let packed = compress::gzip(&body, usize::MAX).expect("there is room").len();
    assert!(packed > 3_000, "{packed} bytes");
    // `{"statusCode":200,"headers":{"content-type":"text/plain","content-encoding":"gzip","vary":"Accept-Encoding"},
    // "body":"","isBase64Encoded":true}` takes 142 bytes, and base64 four for every three.
    let needed = 142 + packed.div_ceil(3) as u64 * 4;
    let response = inline_gzip(&head, &body, v2(needed)).expect("it fits exactly");
    assert_eq!(response.to_json(Payload::V2).len() as u64, needed);
    assert!(inline_gzip(&head, &body, v2(needed - 1)).is_none(), "one byte less does not fit");
    assert!(inline_gzip(&head, &body, v2(141)).is_none(), "the headers alone do not fit");
}

#[test]
fn every_delivery_has_a_name_in_the_log() {
    for (delivery, name) in [
        (Delivery::InlineText, "inline-text"),
        (Delivery::InlineBase64, "inline-base64"),
        (Delivery::InlineGzip, "inline-gzip"),
        (Delivery::Redirect, "redirect"),
        (Delivery::Link, "link"),
        (Delivery::Refused, "refused"),
    ] {
        assert_eq!(delivery.name(), name);
    }
}

#[test]
fn z9_a_response_without_a_body_never_overflows() {
    for status in [100, 101, 199, 204, 205, 304] {
        assert!(is_bodyless(&Method::GET, status), "{status}");
    }
    for status in [200, 201, 203, 206, 300, 301, 400, 500] {
        assert!(!is_bodyless(&Method::GET, status), "{status}");
        assert!(is_bodyless(&Method::HEAD, status), "HEAD {status}");
    }
}

#[test]
fn r3_only_a_plain_success_becomes_a_303() {
    let asked = asked(&[("user-agent", "curl/8.5.0")]).expect("the headers are understood");
    for status in [200, 203, 206] {
        assert_eq!(asked.form(status, false), OverflowForm::Redirect, "{status}");
    }
    for status in [201, 202] {
        let OverflowForm::Refused(reason) = asked.form(status, false) else { panic!("{status}") };
        assert!(reason.contains(&status.to_string()), "{reason}");
    }
    for status in [301, 302, 303, 307, 308] {
        assert_eq!(asked.form(status, false), OverflowForm::Link, "{status}");
    }
    for mode in [OverflowMode::Link, OverflowMode::Redirect] {
        let asked = OverflowOptions { mode: Some(mode), ..OverflowOptions::default() };
        assert_eq!(
            asked.form(201, false),
            OverflowForm::Link,
            "who names X-Overflow expects a link"
        );
    }
    for status in [400, 403, 404, 409, 429, 500, 503] {
        assert_eq!(asked.form(status, false), OverflowForm::Problem, "{status}");
    }
}

fn asked(headers: &[(&str, &str)]) -> Result<OverflowOptions, UnknownMode> {
    OverflowOptions::of(&request(headers), &Clients::default())
}

fn request(headers: &[(&str, &str)]) -> Request {
    testing::request("GET", "/", headers)
}

/// The form of a successful response, for curl unless the headers name another client.
fn form(headers: &[(&str, &str)]) -> OverflowForm {
    let named = headers.iter().any(|(name, _)| *name == "user-agent");
    let curl = if named { &[][..] } else { &[("user-agent", "curl/8.5.0")] };
    asked(&[curl, headers].concat()).expect("the headers are understood").form(200, false)
}

#[test]
fn r5_x_overflow_chooses_the_form() {
    assert_eq!(form(&[]), OverflowForm::Redirect);
    assert_eq!(form(&[("X-Overflow", "redirect")]), OverflowForm::Redirect);
    assert_eq!(form(&[("x-overflow", "link")]), OverflowForm::Link);
    assert!(matches!(form(&[("x-overflow", "error")]), OverflowForm::Refused(_)));
    assert!(matches!(asked(&[("x-overflow", "both")]), Err(UnknownMode(_))));
}

#[test]
fn r5_a_client_that_is_not_known_to_follow_gets_an_error_with_advice_unless_it_chooses() {
    for headers in [
        &[("user-agent", "elasticsearch-js/8.19.2 (linux)")][..],
        &[("user-agent", "a program of ours")],
        &[("user-agent", "")],
    ] {
        for status in [200, 201, 202, 203, 206, 226] {
            let asked = asked(headers).expect("the headers are understood");
            let OverflowForm::Refused(reason) = asked.form(status, true) else {
                panic!("{headers:?} {status}");
            };
            for said in ["smaller pages", "http_compress", "X-Overflow: link", "OVERFLOW_CLIENTS"] {
                assert!(reason.contains(said), "{said}: {reason}");
            }
        }
        let with = |mode| form(&[headers, &[("x-overflow", mode)]].concat());
        assert_eq!((with("redirect"), with("link")), (OverflowForm::Redirect, OverflowForm::Link));
    }
}

#[test]
fn r5_a_cross_origin_script_with_cookies_is_advised_to_request_the_link() {
    let cors =
        [("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-site"), ("origin", "https://a")];
    assert_eq!(form(&cors), OverflowForm::Redirect, "without cookies the redirect works");
    let with_cookie = [&cors[..], &[("cookie", "a=1")]].concat();
    let OverflowForm::Refused(reason) = form(&with_cookie) else { panic!("a browser blocks it") };
    assert!(reason.contains("X-Overflow: link"), "{reason}");
    assert_eq!(
        form(&[&with_cookie[..], &[("x-overflow", "redirect")]].concat()),
        OverflowForm::Redirect
    );
    let own = [("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin"), ("cookie", "a=1")];
    assert_eq!(form(&own), OverflowForm::Redirect);
}

#[test]
fn r6_headers_that_s3_would_misinterpret_prevent_the_redirect() {
    for name in ["If-Match", "If-Unmodified-Since", "X-Amz-Date"] {
        let OverflowForm::Refused(reason) = form(&[(name, "x")]) else {
            panic!("{name} was redirected");
        };
        assert!(reason.contains(&name.to_ascii_lowercase()), "{reason}");
        assert!(matches!(
            form(&[(name, "x"), ("x-overflow", "redirect")]),
            OverflowForm::Refused(_)
        ));
        assert_eq!(form(&[(name, "x"), ("x-overflow", "link")]), OverflowForm::Link, "{name}");
    }
    for name in ["Range", "If-Range", "if-none-match", "If-Modified-Since"] {
        assert_eq!(
            form(&[(name, "x")]),
            OverflowForm::Redirect,
            "{name}: S3 has the representation that is meant"
        );
    }
    let part = asked(&[("range", "bytes=0-1"), ("user-agent", "curl/8.5.0")]).unwrap();
    assert!(matches!(part.form(206, false), OverflowForm::Refused(_)), "a part of the part");
    assert_eq!(form(&[("x-amz-cf-id", "set by CloudFront")]), OverflowForm::Redirect);
    assert_eq!(form(&[("x-amzn-trace-id", "set by the gateway")]), OverflowForm::Redirect);
}

#[test]
fn r6_a_request_for_a_stored_response_is_always_redirected() {
    let stored = |headers| OverflowOptions::of_stored(&request(headers), &Clients::default());
    for headers in [
        &[("user-agent", "elasticsearch-js/8.19.2 (linux)")][..],
        &[("if-match", "\"e\"")],
        &[("if-unmodified-since", "Thu, 01 Jan 2026 00:00:00 GMT")],
        &[("range", "bytes=0-1")],
    ] {
        let asked = stored(headers).expect("the headers are understood");
        assert_eq!(asked.form(200, false), OverflowForm::Redirect, "{headers:?}");
    }
    let signed = stored(&[("X-Amz-Date", "x")]).expect("the headers are understood");
    assert_eq!(signed.conflicting_header.as_deref(), Some("x-amz-date"));
    assert!(matches!(signed.form(200, false), OverflowForm::Refused(_)));
    let link = stored(&[("x-overflow", "link")]).expect("the headers are understood");
    assert_eq!(link.form(200, false), OverflowForm::Link);
    assert!(matches!(stored(&[("x-overflow", "both")]), Err(UnknownMode(_))));
}

#[test]
fn x6_parts_of_a_page_are_not_redirected_unless_configured() {
    for destination in ["script", "style", "worker", "font", "iframe", "frame"] {
        let asked =
            asked(&[("sec-fetch-dest", destination), ("sec-fetch-mode", "no-cors")]).unwrap();
        assert!(matches!(asked.form(200, false), OverflowForm::Refused(_)), "{destination}");
        assert_eq!(asked.form(200, true), OverflowForm::Redirect, "{destination}");
    }
    assert_eq!(form(&[("sec-fetch-dest", "empty")]), OverflowForm::Redirect);
    assert_eq!(form(&[("sec-fetch-dest", "image")]), OverflowForm::Redirect);
    let navigation = [("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")];
    assert_eq!(form(&[&navigation[..], &[("user-agent", "any")]].concat()), OverflowForm::Redirect);
}

#[test]
fn c3_gzip_is_accepted_only_where_it_is_named_with_a_weight() {
    for (value, expected) in [
        ("gzip", true),
        ("gzip, deflate, br, zstd", true),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", true),
        ("*", true),
        ("identity;q=1, gzip;q=0", false),
        ("identity;q=1, *;q=0", false),
        ("br, zstd", false),
        ("", false),
        ("gzip;q=0, *;q=1", false),
    ] {
        assert_eq!(asked(&[("accept-encoding", value)]).unwrap().accepts_gzip, expected, "{value}");
    }
}

proptest! {
    #[test]
    fn z1_a_response_is_inline_exactly_if_its_envelope_fits(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        text in "[\\x00-\\x7fé☃\u{2028}]{0,200}",
        value in "[ -~]{0,60}",
        slack in -3_i64..4,
    ) {
        let head = head(&[("content-type", "application/json"), ("warning", &value)]);
        for body in [body, text.into_bytes()] {
            let needed = oracle(&head, &body) as u64;
            let max = needed.checked_add_signed(slack).expect("the envelope is larger than 3 bytes");
            let body = Bytes::from(body);
            let placed = inline(&head, &body, v2(max));
            prop_assert_eq!(placed.is_some(), slack >= 0);
            if let Some((response, _)) = placed {
                prop_assert_eq!(bytes_of(&response, Payload::V2), body);
            }
        }
    }
}

proptest! {
    // Every case is a body of megabytes.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn z1_sizes_around_the_limit_of_lambda(offset in -64_i64..65, kind in 0_usize..4) {
        let head = head(&[("content-type", "application/octet-stream")]);
        let (piece, near): (&[u8], i64) = [
            (&b"a"[..], 6_291_446),
            (b"\xff", 4_718_586),
            ("é".as_bytes(), 6_291_446),
            (b"\"", 4_718_586),
        ][kind];
        let size = usize::try_from(near + offset).expect("it is positive");
        let mut body = piece.repeat(size / piece.len() + 1);
        body.truncate(size);
        let fits = oracle(&head, &body) as u64 <= CLASSIC;
        let body = Bytes::from(body);
        prop_assert_eq!(inline(&head, &body, v2(CLASSIC)).is_some(), fits);
    }
}

#[test]
fn b5_the_digest_of_a_compressed_response_is_of_the_compressed_bytes() {
    let stale = headers::of(&[("repr-digest", "sha-512=:of what was before:")]);
    let head = Head { status: 200, headers: stale };
    let body = Bytes::from(vec![b'a'; 10_000]);
    let envelope = Envelope { payload: Payload::V2, max: 1_000 };
    let response = inline_gzip(&head, &body, envelope).expect("it fits");
    let Body::Base64(packed) = &response.body else { panic!("{response:?}") };
    let digests: Vec<_> = response.headers.get_all(REPR_DIGEST).iter().collect();
    assert_eq!(digests, [&*digest::of(packed)]);
}
