//! The delivery of a response: inline in the smaller lossless form, or through S3.
//!
//! Decisions use the exact bytes that would be posted. So a response that fits is neither refused nor stored: at the largest
//! inline size, one byte more overflows.

use bytes::Bytes;
use hardcap_limits::envelope::{Payload, base64_capacity};
use http::{HeaderMap, HeaderName};

use crate::clients::{self, Clients};
use crate::compress;
use crate::digest::{self, REPR_DIGEST};
use crate::event::Request;
use crate::headers::{self, text_of};
use crate::response::{Body, Head, Response, Text};

/// The delivery of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// As a JSON string.
    InlineText,
    /// As base64.
    InlineBase64,
    /// Compressed by the proxy, as base64.
    InlineGzip,
    /// A 303 to a link into S3.
    Redirect,
    /// The upstream's status, and a link into S3.
    Link,
    /// A problem document instead of the response, with a link into S3 if the response is stored.
    Refused,
}

impl Delivery {
    /// The name in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Delivery::InlineText => "inline-text",
            Delivery::InlineBase64 => "inline-base64",
            Delivery::InlineGzip => "inline-gzip",
            Delivery::Redirect => "redirect",
            Delivery::Link => "link",
            Delivery::Refused => "refused",
        }
    }
}

/// The headers of a response exceed the envelope by themselves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the headers of the response have {bytes} bytes of at most {max}; the largest is `{name}`")]
pub struct HeadersTooLarge {
    /// The header with the most bytes.
    pub name: String,
    /// The size of the envelope without a body, in bytes.
    pub bytes: u64,
    /// Lambda's limit, in bytes.
    pub max: u64,
}

/// The value of `X-Overflow` is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("X-Overflow: `{0}` is not `redirect`, `link` or `error`")]
pub struct UnknownMode(pub String);

/// The limit of the posted response.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// The form that the API expects.
    pub payload: Payload,
    /// The largest response that Lambda accepts, inclusive, in bytes.
    pub max: u64,
}

impl Envelope {
    /// Whether a response fits.
    #[must_use]
    pub fn admits(&self, response: &Response) -> bool {
        response.len(self.payload) <= self.max
    }

    /// Refuses headers that leave no room for any body.
    ///
    /// # Errors
    ///
    /// [`HeadersTooLarge`], which names the largest.
    pub fn admit_headers(&self, status: u16, headers: &HeaderMap) -> Result<(), HeadersTooLarge> {
        let bare = Response { status, headers: headers.clone(), body: Body::Empty };
        let bytes = bare.len(self.payload);
        if bytes <= self.max {
            return Ok(());
        }
        let total = |name: &HeaderName| -> usize {
            headers.get_all(name).iter().map(|value| text_of(value).len()).sum()
        };
        let largest = headers.keys().max_by_key(|name| total(name));
        let name = largest.map(HeaderName::to_string).unwrap_or_default();
        Err(HeadersTooLarge { name, bytes, max: self.max })
    }
}

/// The response inline, in the smaller of text and base64, if it fits. Text requires valid UTF-8, whatever the content type.
#[must_use]
pub fn inline(head: &Head, body: &Bytes, envelope: Envelope) -> Option<(Response, Delivery)> {
    if body.is_empty() {
        let response = head.with(Body::Empty);
        return envelope.admits(&response).then_some((response, Delivery::InlineText));
    }
    // Neither form is shorter than the body.
    if body.len() as u64 > envelope.max {
        return None;
    }
    let text = Text::of(body).map(|text| (head.with(Body::Text(text)), Delivery::InlineText));
    let base64 = Some((head.with(Body::Base64(body.clone())), Delivery::InlineBase64));
    let measured = [text, base64].into_iter().flatten();
    measured
        .map(|(response, delivery)| (response.len(envelope.payload), response, delivery))
        .filter(|(length, ..)| *length <= envelope.max)
        // On a tie text is chosen, which the gateway need not decode.
        .min_by_key(|(length, ..)| *length)
        .map(|(_, response, delivery)| (response, delivery))
}

/// The response compressed inline, if it fits. The caller must check that the client accepts gzip.
#[must_use]
pub fn inline_gzip(head: &Head, body: &Bytes, envelope: Envelope) -> Option<Response> {
    let mut head = head.clone();
    compress::mark(&mut head.headers);
    // The digest is of the compressed bytes; this placeholder has the same length.
    let digested = head.headers.contains_key(REPR_DIGEST);
    if digested {
        headers::set(&mut head.headers, REPR_DIGEST, &digest::of(&[]));
    }
    let bare = head.with(Body::Base64(Bytes::new())).len(envelope.payload);
    let room = base64_capacity(envelope.max.checked_sub(bare)?).0;
    let packed = compress::gzip(body, usize::try_from(room).unwrap_or(usize::MAX))?;
    if digested {
        headers::set(&mut head.headers, REPR_DIGEST, &digest::of(&packed));
    }
    let response = head.with(Body::Base64(packed));
    envelope.admits(&response).then_some(response)
}

/// The client's preferences and properties for responses that do not fit inline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverflowOptions {
    /// `X-Overflow`.
    pub mode: Option<OverflowMode>,
    /// Whether `Accept-Encoding` permits gzip.
    pub accepts_gzip: bool,
    /// A header that S3 would misinterpret after a redirect.
    pub conflicting_header: Option<String>,
    /// Whether the request has `Range`.
    pub has_range: bool,
    /// Whether a browser loads this as part of a page, whose policy may forbid other hosts.
    pub is_asset: bool,
    /// Whether a script of another origin sends cookies, for which browsers block a redirect to another host.
    pub is_credentialed: bool,
    /// Whether the client is known to follow redirects.
    pub follows: bool,
    /// The client's `User-Agent`.
    pub client: Option<String>,
}

/// The values of `X-Overflow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverflowMode {
    /// 303 to S3.
    Redirect,
    /// The status of the upstream, and the link as JSON.
    Link,
    /// 406, and the link in the problem.
    Error,
}

/// The form of the response in place of a stored one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverflowForm {
    /// 303.
    Redirect,
    /// The upstream's status, with the link as JSON.
    Link,
    /// The upstream's error status, as a problem that contains the link.
    Problem,
    /// 406 with this reason, as a problem that contains the link.
    Refused(String),
}

/// The values of `Sec-Fetch-Dest` for parts of a page, which page policies may restrict to the page's own host. A navigation
/// (`document`) is not restricted.
const DESTINATIONS: [&str; 8] =
    ["script", "style", "worker", "sharedworker", "serviceworker", "font", "iframe", "frame"];
/// Conditions that the stored object cannot meet. `Range`, `If-Range`, `If-None-Match` and `If-Modified-Since` are harmless: S3
/// has the whole representation, with another ETag and the current date.
const CONDITIONAL: [&str; 2] = ["if-match", "if-unmodified-since"];

impl OverflowOptions {
    /// Reads the headers of a request.
    ///
    /// # Errors
    ///
    /// [`UnknownMode`] for an unknown value of `X-Overflow`.
    pub fn of(request: &Request, clients: &Clients) -> Result<OverflowOptions, UnknownMode> {
        let mode = request.header("x-overflow").map(|text| match text.trim() {
            "redirect" => Ok(OverflowMode::Redirect),
            "link" => Ok(OverflowMode::Link),
            "error" => Ok(OverflowMode::Error),
            _ => Err(UnknownMode(text.to_owned())),
        });
        let conflicting_header = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        let conflicting_header = conflicting_header
            .filter(|name| is_signed(name) || CONDITIONAL.contains(&name.as_str()));
        let destination = request.header("sec-fetch-dest").unwrap_or_default();
        let encodings: Vec<&str> = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"))
            .map(|(_, value)| value.as_str())
            .collect();
        Ok(OverflowOptions {
            mode: mode.transpose()?,
            accepts_gzip: headers::accepts_gzip(&encodings.join(",")),
            conflicting_header: conflicting_header.into_iter().next(),
            has_range: request.header("range").is_some(),
            is_asset: DESTINATIONS.contains(&destination),
            is_credentialed: request.header("cookie").is_some()
                && request.header("sec-fetch-mode") == Some("cors")
                && matches!(request.header("sec-fetch-site"), Some("cross-site" | "same-site")),
            follows: clients.follows(request),
            client: clients::name_of(request),
        })
    }

    /// Reads the headers of a request for a stored response. The request is for the object itself, so S3 interprets headers such as
    /// `Range` as intended.
    ///
    /// # Errors
    ///
    /// As [`OverflowOptions::of`].
    pub fn of_stored(request: &Request, clients: &Clients) -> Result<OverflowOptions, UnknownMode> {
        let options = OverflowOptions::of(request, clients)?;
        let mut names = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        let conflicting_header = names.find(|name| is_signed(name));
        // A request for the link itself is always redirected.
        Ok(OverflowOptions { conflicting_header, follows: true, ..options })
    }

    /// The form of the response in place of a stored one with this status.
    #[must_use]
    pub fn form(&self, status: u16, redirect_assets: bool) -> OverflowForm {
        if status >= 400 {
            return OverflowForm::Problem;
        }
        // A 201 or 202 has a `Location` of its own, and so has a redirect of the upstream.
        let redirectable = matches!(status, 200 | 203 | 206..=299);
        match self.mode {
            Some(OverflowMode::Link) => return OverflowForm::Link,
            Some(OverflowMode::Redirect) if !redirectable => return OverflowForm::Link,
            Some(OverflowMode::Error) => {
                return OverflowForm::Refused("The request has `X-Overflow: error`.".to_owned());
            }
            // A client that follows the upstream's redirect ignores the body.
            None if (300..400).contains(&status) => return OverflowForm::Link,
            Some(OverflowMode::Redirect) | None => {}
        }
        match self.obstacle(status, redirectable, redirect_assets) {
            Some(reason) => OverflowForm::Refused(reason),
            None => OverflowForm::Redirect,
        }
    }

    /// Why the client cannot be redirected to the stored response.
    fn obstacle(&self, status: u16, redirectable: bool, redirect_assets: bool) -> Option<String> {
        let name = self
            .conflicting_header
            .as_deref()
            .or((self.has_range && status == 206).then_some("range"));
        if let Some(name) = name {
            return Some(format!(
                "The request has the header `{name}`, which S3 would misinterpret after a redirect. \
                 Send the request without the header, or with `X-Overflow: link`."
            ));
        }
        if self.mode.is_some() {
            return None;
        }
        if !self.follows {
            return Some(self.advice());
        }
        if !redirectable {
            return Some(format!(
                "The upstream's status is {status}, which a redirect would hide. `X-Overflow: link` keeps it."
            ));
        }
        if self.is_credentialed {
            return Some(
                "A script of another origin sent cookies, and browsers block its redirect to S3. \
                 Send `X-Overflow: link`, and fetch the link without credentials."
                    .to_owned(),
            );
        }
        (self.is_asset && !redirect_assets).then(|| {
            "A browser loads this as part of a page, where redirects to another host are blocked. \
             OVERFLOW_REDIRECT_ASSETS=true permits them."
                .to_owned()
        })
    }

    /// The advice for a client that is not known to follow redirects.
    fn advice(&self) -> String {
        let client = match &self.client {
            Some(name) => format!("The client `{name}`"),
            None => "A client without `User-Agent`".to_owned(),
        };
        format!(
            "{client} is not known to follow redirects, so it is not redirected to the response. Request smaller pages \
             (`size`) or fewer fields (`_source`, `filter_path`); accept gzip (`http_compress=True`, \
             `compression: true`), if the compressed response fits; or send `X-Overflow: link` for the link \
             as JSON, or `X-Overflow: redirect` if the client follows. The operator can add the client to \
             OVERFLOW_CLIENTS."
        )
    }
}

/// Whether S3 requires a header to be signed.
fn is_signed(name: &str) -> bool {
    // CloudFront adds `x-amz-cf-id`; the client does not see it.
    name.starts_with("x-amz-") && !name.starts_with("x-amz-cf-")
}

/// Whether a response has no body, whatever its headers say.
#[must_use]
pub fn is_bodyless(method: &http::Method, status: u16) -> bool {
    method == http::Method::HEAD || status < 200 || matches!(status, 204 | 205 | 304)
}

#[cfg(test)]
mod tests;
