//! What S3 does for web pages: the table that decides who is answered, and the sandbox for what is shown as a document.
//!
//! S3 is the one service that browsers talk to. On AWS a page needs a key, or a URL that was made with one. Here a page has
//! one: `test`/`test` is published. So a signature counts as a permission only if its key is a secret, such as those of functions.
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
//! A POST or PUT that is presigned with a secret key still needs a CORS rule: AWS's clients in browsers cannot do without one.
//! A redirect to a presigned URL, which the proxy answers with, works: the key is a function's.
//!
//! An object that the browser renders as a document has the origin of the AWS port, and so of the control surface. It is sent
//! with `Content-Security-Policy: sandbox` and without `allow-same-origin`: the document then has an origin of its own, `null`,
//! and is as foreign as any other page. Scripts, forms, popups and downloads still work. Programs, images and scripts of a
//! page get AWS's exact headers; so do types that have no script of their own (a PDF is not shown in a sandbox).

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Response, header, request};

use super::auth::Verified;
use super::refusal::Refusal;
use hardcap_core::guard::{Caller, GuardRefusal};
use hardcap_core::keyring::PUBLISHED_KEY;

const SANDBOX: &str = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-presentation allow-scripts";

/// What a request is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// Nothing.
    Not,
    /// Something that does not prove the key: S3 refuses it in AWS's words.
    Wrongly,
    /// The key that everybody knows, in a header.
    Published,
    /// The key that everybody knows, in the URL.
    PublishedUrl,
    /// Any other key.
    Secret,
}

impl Signed {
    pub(super) fn of(verified: &Result<Verified, Refusal>) -> Signed {
        match verified {
            Err(refusal) if *refusal == Refusal::access_denied() => Signed::Not,
            Err(_) => Signed::Wrongly,
            Ok(verified) if verified.access_key_id != PUBLISHED_KEY => Signed::Secret,
            Ok(verified) if verified.presigned => Signed::PublishedUrl,
            Ok(_) => Signed::Published,
        }
    }
}

/// Decides whether a request that may come from a page is answered. `by_rule` is whether a CORS rule allows it.
///
/// # Errors
///
/// [`GuardRefusal`], for a page that nothing in the table allows.
pub(super) fn admit(
    caller: &Caller,
    head: &request::Parts,
    by_rule: bool,
    signed: Signed,
) -> Result<(), GuardRefusal> {
    let Some(refused) = GuardRefusal::page(caller) else { return Ok(()) };
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    let passes = match signed {
        Signed::Secret => reads,
        Signed::PublishedUrl => reads && opens_a_window(&head.headers),
        Signed::Wrongly => true,
        Signed::Published | Signed::Not => false,
    };
    if by_rule || passes { Ok(()) } else { Err(refused) }
}

/// Decides whether a form that may come from a page is taken, by the key that its policy is signed with.
///
/// # Errors
///
/// [`GuardRefusal`], for a page that signed with the published key.
pub(super) fn admit_form(caller: &Caller, by_rule: bool, key: &str) -> Result<(), GuardRefusal> {
    match GuardRefusal::page(caller) {
        Some(refused) if !by_rule && key == PUBLISHED_KEY => Err(refused),
        _ => Ok(()),
    }
}

fn opens_a_window(headers: &HeaderMap) -> bool {
    let is = |name, wanted: &str| headers.get(name).is_some_and(|value| value == wanted);
    is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document")
}

/// Puts an answer that a browser renders as a document into a sandbox.
pub(super) fn confine(head: &request::Parts, response: &mut Response<Body>) {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if is_document(&head.headers) && may_have_script(kind) {
        let sandbox = HeaderValue::from_static(SANDBOX);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, sandbox);
    }
}

/// Whether a browser asks for a document. One that does not say what it asks for, as to a host that is not loopback, asks for
/// HTML, which no client of S3 does.
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

/// Whether a document of this type can have a script that runs in the document's origin. A type that is missing or unknown can,
/// for browsers guess.
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
    fn a_page_is_answered_by_the_table() {
        use Signed::{Not, Published, PublishedUrl, Secret, Wrongly};
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
            (Method::GET, WINDOW, Not, false),
            (Method::PUT, &[], Wrongly, true),
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
    fn documents_that_can_have_scripts_are_sandboxed() {
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
