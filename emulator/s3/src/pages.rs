//! Access of web pages to S3: the table that decides which requests are served, and the sandbox for rendered documents.
//!
//! S3 is the one service that browsers call directly. On AWS a page needs a key or a presigned URL. Here every page knows the
//! published key `test`/`test`, so a signature grants access only if its key is secret, such as a function's.
//!
//! | the page has | it may |
//! | --- | --- |
//! | an origin that is trusted (`--allow-origin`) | all that a program may |
//! | an origin and a method that a CORS rule of the bucket allows | what it has signed, as on AWS |
//! | a URL or a header signed with a secret key | GET and HEAD; the browser shows it to scripts only by a CORS rule |
//! | a form whose policy is signed with a secret key | upload what the policy permits |
//! | a URL presigned with the published key | open it in a window (GET, HEAD), which the page cannot look into |
//! | anything else | nothing: 403 |
//!
//! A presigned POST or PUT with a secret key still needs a CORS rule, because AWS's browser clients cannot work without one.
//! A redirect to a presigned URL, as the proxy sends it, works: the key is a function's.
//!
//! A document that the browser renders has the origin of the AWS port, and so of the control surface. Therefore it is sent with
//! `Content-Security-Policy: sandbox` and without `allow-same-origin`: the document gets its own origin, `null`, and is as
//! foreign as any other page. Scripts, forms, popups and downloads still work. Programs, and the images and scripts of a page,
//! get AWS's exact headers; so do types without scripts (browsers do not show a PDF in a sandbox).

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Response, header, request};

use super::auth::VerifiedRequest;
use super::refusal::Refusal;
use hardcap_core::guard::{Caller, GuardRefusal};
use hardcap_core::keyring::PUBLISHED_KEY;

const SANDBOX: &str = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-presentation allow-scripts";

/// The signature of a request, as far as it grants access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureKind {
    /// No signature.
    Unsigned,
    /// An invalid signature, which S3 refuses in AWS's words.
    Invalid,
    /// A signature in a header with the published key.
    Published,
    /// A presigned URL with the published key.
    PublishedUrl,
    /// A signature with any other key.
    Secret,
}

impl SignatureKind {
    pub(super) fn of(verified: &Result<VerifiedRequest, Refusal>) -> SignatureKind {
        match verified {
            Err(refusal) if *refusal == Refusal::access_denied() => SignatureKind::Unsigned,
            Err(_) => SignatureKind::Invalid,
            Ok(verified) if verified.access_key_id != PUBLISHED_KEY => SignatureKind::Secret,
            Ok(verified) if verified.presigned => SignatureKind::PublishedUrl,
            Ok(_) => SignatureKind::Published,
        }
    }
}

/// Decides whether a request that may come from a page is served. `by_rule` is whether a CORS rule allows it.
///
/// # Errors
///
/// [`GuardRefusal`] for a page that the table does not allow.
pub(super) fn admit(
    caller: &Caller,
    head: &request::Parts,
    by_rule: bool,
    signed: SignatureKind,
) -> Result<(), GuardRefusal> {
    let Some(refused) = GuardRefusal::page(caller) else { return Ok(()) };
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    let passes = match signed {
        SignatureKind::Secret => reads,
        SignatureKind::PublishedUrl => reads && opens_a_window(&head.headers),
        SignatureKind::Invalid => true,
        SignatureKind::Published | SignatureKind::Unsigned => false,
    };
    if by_rule || passes { Ok(()) } else { Err(refused) }
}

/// Decides whether a form that may come from a page is accepted, by the key that signed its policy.
///
/// # Errors
///
/// [`GuardRefusal`] for a page that signed with the published key.
pub(super) fn admit_form(caller: &Caller, by_rule: bool, key: &str) -> Result<(), GuardRefusal> {
    match GuardRefusal::page(caller) {
        Some(refused) if !by_rule && key == PUBLISHED_KEY => Err(refused),
        Some(_) | None => Ok(()),
    }
}

fn opens_a_window(headers: &HeaderMap) -> bool {
    let is = |name, wanted: &str| headers.get(name).is_some_and(|value| value == wanted);
    is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document")
}

/// Adds the sandbox to a response that a browser renders as a document.
pub(super) fn confine(head: &request::Parts, response: &mut Response<Body>) {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if is_document(&head.headers) && may_have_script(kind) {
        let sandbox = HeaderValue::from_static(SANDBOX);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, sandbox);
    }
}

/// Whether a browser requests a document. A browser that does not say so, as for a host other than loopback, requests HTML,
/// which no client of S3 does.
fn is_document(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match text("sec-fetch-dest") {
        Some(dest) => !matches!(
            dest,
            "" | "audio" | "empty" | "font" | "image" | "script" | "style" | "track" | "video"
        ),
        None => text("accept").is_some_and(|accept| accept.contains("text/html")),
    }
}

/// Whether a document of this type can contain a script that runs in the document's origin. A missing or unknown type can,
/// because browsers guess.
fn may_have_script(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (class, detail) = essence.split_once('/').unwrap_or_default();
    match class {
        "image" => detail.contains("svg") || detail.contains("xml") || detail.is_empty(),
        "audio" | "video" | "font" => detail.is_empty() || detail.contains("xml"),
        "application" => {
            !matches!(detail, "gzip" | "json" | "octet-stream" | "pdf" | "x-ndjson" | "zip")
        }
        "binary" => detail != "octet-stream",
        "text" => !matches!(detail, "css" | "csv" | "javascript" | "plain"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardcap_core::guard::Foreign;

    fn head(method: Method, headers: &[(&str, &str)]) -> request::Parts {
        let mut request = http::Request::builder().method(method).uri("/bucket/key");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    const WINDOW: &[(&str, &str)] =
        &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    const FRAME: &[(&str, &str)] = &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
    const IMAGE: &[(&str, &str)] = &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];

    #[test]
    fn pages_are_served_according_to_the_table() {
        use SignatureKind::{Invalid, Published, PublishedUrl, Secret, Unsigned};
        let pages = [
            Caller::OwnPage,
            Caller::ForeignPage(Foreign::Origin("https://evil.example".to_owned())),
            Caller::ForeignPage(Foreign::Origin("null".to_owned())),
            Caller::ForeignPage(Foreign::Site("cross-site".to_owned())),
        ];
        for (method, headers, signed, passes) in [
            (Method::GET, WINDOW, PublishedUrl, true),
            (Method::HEAD, WINDOW, PublishedUrl, true),
            (Method::GET, FRAME, PublishedUrl, false),
            (Method::GET, IMAGE, PublishedUrl, false),
            (Method::GET, &[], PublishedUrl, false),
            (Method::POST, WINDOW, PublishedUrl, false),
            (Method::PUT, &[], PublishedUrl, false),
            (Method::GET, WINDOW, Published, false),
            (Method::GET, WINDOW, Unsigned, false),
            (Method::PUT, &[], Invalid, true),
            (Method::GET, &[], Secret, true),
            (Method::HEAD, IMAGE, Secret, true),
            (Method::GET, FRAME, Secret, true),
            (Method::POST, WINDOW, Secret, false),
            (Method::PUT, &[], Secret, false),
            (Method::DELETE, &[], Secret, false),
        ] {
            let head = head(method, headers);
            for page in &pages {
                let verdict = admit(page, &head, false, signed);
                assert_eq!(verdict.is_ok(), passes, "{} {page:?} {signed:?}", head.method);
                assert_eq!(admit(page, &head, true, signed), Ok(()), "by a rule");
            }
            for other in [Caller::Program, Caller::User, Caller::TrustedPage(None)] {
                assert_eq!(admit(&other, &head, false, signed), Ok(()), "{other:?}");
            }
        }
        for page in &pages {
            assert!(admit_form(page, false, "test").is_err(), "{page:?}");
            assert_eq!(admit_form(page, true, "test"), Ok(()));
            assert_eq!(admit_form(page, false, "AKIAEXAMPLE"), Ok(()));
        }
        assert_eq!(admit_form(&Caller::Program, false, "test"), Ok(()));
    }

    #[test]
    fn documents_that_can_contain_scripts_are_sandboxed() {
        let as_document = [("sec-fetch-dest", "document")];
        for (headers, kind, is_sandboxed) in [
            (&as_document[..], "text/html", true),
            (&as_document, "TEXT/HTML; charset=utf-8", true),
            (&as_document, "image/svg+xml", true),
            (&as_document, "application/xhtml+xml", true),
            (&as_document, "application/xml", true),
            (&as_document, "text/xml", true),
            (&as_document, "multipart/related", true),
            (&as_document, "unknown/unknown", true),
            (&as_document, "*/*", true),
            (&as_document, "", true),
            (&as_document, "nonsense", true),
            (&as_document, "application/json", false),
            (&as_document, "application/pdf", false),
            (&as_document, "text/plain; charset=utf-8", false),
            (&as_document, "image/png", false),
            (&as_document, "binary/octet-stream", false),
            (&[("sec-fetch-dest", "iframe")], "text/html", true),
            (&[("sec-fetch-dest", "object")], "text/html", true),
            (&[("sec-fetch-dest", "embed")], "text/html", true),
            (&[("sec-fetch-dest", "image")], "image/svg+xml", false),
            (&[("sec-fetch-dest", "empty")], "text/html", false),
            (&[("sec-fetch-dest", "serviceworker")], "text/javascript", false),
            (&[("accept", "text/html,*/*;q=0.8")], "text/html", true),
            (&[("accept", "*/*")], "text/html", false),
            (&[], "text/html", false),
        ] {
            let mut response = Response::new(Body::empty());
            let value = HeaderValue::from_str(kind).unwrap();
            response.headers_mut().insert(header::CONTENT_TYPE, value);
            confine(&head(Method::GET, headers), &mut response);
            let policy = response.headers().get(header::CONTENT_SECURITY_POLICY);
            assert_eq!(policy.is_some(), is_sandboxed, "{headers:?} {kind}");
            assert!(policy.is_none_or(|policy| !policy.to_str().unwrap().contains("same-origin")));
        }
    }
}
