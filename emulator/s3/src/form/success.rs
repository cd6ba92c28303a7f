//! The response to a successful form upload. Pure.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request};

use crate::address::Address;
use crate::refusal::escape;
use hardcap_core::uri;

/// The stored object.
#[derive(Debug)]
pub(super) struct StoredObject<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    /// The entity tag without quotes.
    pub(super) etag: &'a str,
    pub(super) location: String,
}

/// The response that the form requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct SuccessAction<'a> {
    /// `success_action_redirect`, or its older name `redirect`.
    pub(super) redirect: Option<&'a str>,
    /// `success_action_status`
    pub(super) status: Option<&'a str>,
}

/// The object's URL, with the slashes of its key encoded too, as in AWS's responses.
pub(super) fn location(head: &request::Parts, address: &Address, key: &str) -> String {
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let path_style = head.uri.path().len() > 1;
    let bucket = address.bucket.as_deref().filter(|_| path_style);
    let bucket = bucket.map(|bucket| format!("/{bucket}")).unwrap_or_default();
    let key = uri::encode(key.as_bytes(), false);
    format!("http://{}{bucket}/{key}", host.unwrap_or("localhost"))
}

/// 303 to the form's redirect, else the requested status: 200 or 204 without a body, 201 with a document.
pub(super) fn response(
    stored: &StoredObject<'_>,
    wish: &SuccessAction<'_>,
    headers: HeaderMap,
) -> Response<Body> {
    let redirect = wish.redirect.and_then(|to| redirected(to, stored));
    let (status, body) = match (&redirect, wish.status) {
        (Some(_), _) => (StatusCode::SEE_OTHER, Body::empty()),
        (None, Some("200")) => (StatusCode::OK, Body::empty()),
        (None, Some("201")) => (StatusCode::CREATED, Body::from(document(stored))),
        (None, _) => (StatusCode::NO_CONTENT, Body::empty()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if status == StatusCode::CREATED {
        let xml = HeaderValue::from_static("application/xml");
        response.headers_mut().insert(header::CONTENT_TYPE, xml);
    }
    let location = redirect.or_else(|| HeaderValue::try_from(&stored.location).ok());
    response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
    response
}

/// The form's redirect with the stored object in its query; `None` if it is not a web address.
fn redirected(to: &str, stored: &StoredObject<'_>) -> Option<HeaderValue> {
    if !["http://", "https://"].iter().any(|scheme| to.starts_with(scheme)) {
        return None;
    }
    let sign = if to.contains('?') { '&' } else { '?' };
    let encode = |text: &str| uri::encode(text.as_bytes(), false);
    let (bucket, key) = (encode(stored.bucket), encode(stored.key));
    let etag = encode(&format!("\"{}\"", stored.etag));
    HeaderValue::try_from(format!("{to}{sign}bucket={bucket}&key={key}&etag={etag}")).ok()
}

fn document(stored: &StoredObject<'_>) -> String {
    let etag = format!("\"{}\"", stored.etag);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{}</Location><Bucket>{}</Bucket>\
         <Key>{}</Key><ETag>{}</ETag></PostResponse>",
        escape(&stored.location),
        escape(stored.bucket),
        escape(stored.key),
        escape(&etag)
    )
}
