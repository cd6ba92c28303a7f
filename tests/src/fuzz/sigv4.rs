//! Signatures of requests for S3, in a header and in a URL.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use hardcap_core::context::Platform;
use hardcap_core::keyring::Keyring;
use hardcap_core::uri;
use hardcap_limits::Limits;
use hardcap_s3::fuzz::{RefusalCode, verify};
use http::request::Parts;
use http::{HeaderValue, Request};

use super::input::Input;

static PLATFORM: LazyLock<Platform> =
    LazyLock::new(|| Platform::new("us-east-1", Limits::current(), Keyring::new(&[])));
const METHODS: [&str; 4] = ["GET", "PUT", "POST", "DELETE"];
const PARAMETERS: [&str; 6] =
    ["uploads", "partNumber", "a", "x-amz-meta-b", "\u{e9} +", "versionId"];

/// What AWS's own signer has signed is accepted, and not once anything of it is changed; what nobody signed is not accepted.
pub fn sigv4(data: &[u8]) {
    let mut input = Input::new(data);
    if input.is_set() {
        signed(&mut input);
    } else {
        unsigned(&mut input);
    }
}

fn signed(input: &mut Input<'_>) {
    let presigned = input.is_set();
    let change = input.byte();
    let method = *input.choose(&METHODS);
    let mut url =
        format!("http://localhost/bucket/{}", uri::encode(input.text(40).as_bytes(), true));
    let pairs: Vec<String> = (0..input.below(4))
        .map(|_| {
            let name = *input.choose(&PARAMETERS);
            format!(
                "{}={}",
                uri::encode(name.as_bytes(), false),
                uri::encode(input.text(20).as_bytes(), false)
            )
        })
        .collect();
    if !pairs.is_empty() {
        url = format!("{url}?{}", pairs.join("&"));
    }
    let meta: String = input.text(30).chars().filter(|c| (' '..='~').contains(c)).collect();
    let headers = [("host", "localhost"), ("x-amz-meta-a", meta.trim())];
    let Some(mut head) = sign_by_sdk((method, &url), &headers, presigned) else { return };
    let accepted = verify(&head, &PLATFORM);
    let verified = accepted.unwrap_or_else(|code| panic!("{code}: {head:?}"));
    assert_eq!((verified.access_key_id.as_str(), verified.presigned), ("test", presigned));
    let names = verified.query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    for name in names {
        let name = name.to_ascii_lowercase();
        assert!(!name.starts_with("x-amz-"), "{name} is of the claim: {}", verified.query);
    }
    let what = spoil(&mut head, change, presigned);
    let refused = verify(&head, &PLATFORM);
    assert!(refused.is_err(), "{what} was changed, and the signature still holds: {head:?}");
}

/// A request, signed by the signer of AWS's SDK.
fn sign_by_sdk(
    (method, url): (&str, &str),
    headers: &[(&str, &str)],
    presigned: bool,
) -> Option<Parts> {
    let identity = Credentials::new("test", "test", None, None, "fuzz").into();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if presigned {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(60));
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    }
    let now = UNIX_EPOCH + Duration::from_millis(PLATFORM.clock.wall().0);
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("s3")
        .time(now)
        .settings(settings)
        .build()
        .ok()?;
    let body = SignableBody::UnsignedPayload;
    let signable = SignableRequest::new(method, url, headers.iter().copied(), body).ok()?;
    let (instructions, _) = sign(signable, &params.into()).ok()?.into_parts();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).ok()?;
    instructions.apply_to_request_http1x(&mut request);
    Some(request.into_parts().0)
}

/// Changes one thing that is signed, and says which.
fn spoil(head: &mut Parts, change: u8, presigned: bool) -> &'static str {
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (what, target) = match change % 6 {
        0 => {
            head.method = if head.method == http::Method::GET {
                http::Method::PUT
            } else {
                http::Method::GET
            };
            ("the method", target.clone())
        }
        1 => ("the path", format!("{path}x?{query}")),
        2 => ("the query", format!("{path}?{query}&more=1")),
        3 => {
            head.headers.insert("x-amz-meta-a", HeaderValue::from_static("another value"));
            ("a header", target.clone())
        }
        4 => {
            head.headers.insert("x-amz-meta-more", HeaderValue::from_static("1"));
            ("the list of headers", target.clone())
        }
        _ if presigned => ("the signature", flipped(&target, "X-Amz-Signature=", change)),
        _ => {
            let value = head.headers["authorization"].to_str().unwrap_or_default();
            let value = flipped(value, "Signature=", change);
            head.headers.insert("authorization", value.parse().expect("a header"));
            ("the signature", target.clone())
        }
    };
    head.uri = target.parse().expect("a target");
    what
}

/// One digit of the signature behind `name` is another one.
fn flipped(text: &str, name: &str, which: u8) -> String {
    let at = text.find(name).map_or(0, |at| at + name.len()) + usize::from(which / 6);
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Lines of headers, and a target.
fn unsigned(input: &mut Input<'_>) {
    let method = *input.choose(&METHODS);
    let text = String::from_utf8_lossy(input.rest()).into_owned();
    let mut lines = text.lines();
    let mut request = Request::builder().method(method).uri(lines.next().unwrap_or_default());
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request = request.header(name, value.trim());
    }
    let Ok(request) = request.header("host", "localhost").body(()) else { return };
    let head = request.into_parts().0;
    match verify(&head, &PLATFORM) {
        Err(RefusalCode(code)) => {
            assert!(code.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{code}")
        }
        Ok(verified) => panic!("nobody has signed {head:?}: {verified:?}"),
    }
}
