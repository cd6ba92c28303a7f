//! How an answer reaches the client: inline in the cheapest faithful form, or through S3.
//!
//! Every decision is taken on the exact bytes that would be posted. So nothing is refused that would fit, and nothing goes
//! to S3 that would fit: at the largest inline size, one byte more overflows.

use bytes::Bytes;
use hardcap_limits::envelope::{Payload, base64_capacity};

use crate::answer::{Answer, Body, Head, Text};
use crate::clients::{self, Clients};
use crate::compress;
use crate::digest::{self, REPR_DIGEST};
use crate::event::Request;
use crate::headers::{self, Lines};

/// How an answer reaches the client.
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
    /// A problem in place of the answer; with a link into S3 where the answer is stored.
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

/// The headers of an answer fill the envelope alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the headers of the answer take {bytes} bytes of {max}; the largest is `{name}`")]
pub struct HeadersTooLarge {
    /// The header with the most bytes.
    pub name: String,
    /// The envelope without a body.
    pub bytes: u64,
    /// What Lambda accepts.
    pub max: u64,
}

/// `X-Overflow` holds something unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("X-Overflow: `{0}` is none of `redirect`, `link` and `error`")]
pub struct UnknownMode(pub String);

/// What the function may post.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// The shape that the front door expects.
    pub payload: Payload,
    /// The largest answer that Lambda accepts, inclusive, in bytes.
    pub max: u64,
}

impl Envelope {
    /// Whether an answer may be posted.
    #[must_use]
    pub fn admits(&self, answer: &Answer) -> bool {
        answer.len(self.payload) <= self.max
    }

    /// Refuses headers that leave no room for any body.
    ///
    /// # Errors
    ///
    /// [`HeadersTooLarge`], which names the largest.
    pub fn admit_headers(&self, status: u16, lines: &Lines) -> Result<(), HeadersTooLarge> {
        let bare = Answer { status, headers: lines.clone(), body: Body::Empty };
        let bytes = bare.len(self.payload);
        if bytes <= self.max {
            return Ok(());
        }
        let mut totals: Vec<(&str, usize)> = Vec::new();
        for (name, value) in lines {
            match totals.iter_mut().find(|(known, _)| known == name) {
                Some((_, total)) => *total += value.len(),
                None => totals.push((name, value.len())),
            }
        }
        let largest = totals.into_iter().max_by_key(|(_, total)| *total);
        let name = largest.map(|(name, _)| name.to_owned()).unwrap_or_default();
        Err(HeadersTooLarge { name, bytes, max: self.max })
    }
}

/// The smaller of text and base64, if it fits. Text is possible for valid UTF-8 only, whatever the type says.
#[must_use]
pub fn inline(head: &Head, body: &Bytes, envelope: Envelope) -> Option<(Answer, Delivery)> {
    if body.is_empty() {
        let answer = head.with(Body::Empty);
        return envelope.admits(&answer).then_some((answer, Delivery::InlineText));
    }
    // Neither form is shorter than the body.
    if body.len() as u64 > envelope.max {
        return None;
    }
    let text = Text::of(body).map(|text| (head.with(Body::Text(text)), Delivery::InlineText));
    let base64 = Some((head.with(Body::Base64(body.clone())), Delivery::InlineBase64));
    let measured = [text, base64].into_iter().flatten();
    measured
        .map(|(answer, delivery)| (answer.len(envelope.payload), answer, delivery))
        .filter(|(length, ..)| *length <= envelope.max)
        // On a tie the text, which comes first, needs no decoding at the gateway.
        .min_by_key(|(length, ..)| *length)
        .map(|(_, answer, delivery)| (answer, delivery))
}

/// The answer compressed, if that makes it fit. The caller has made sure that the client accepts gzip.
#[must_use]
pub fn inline_gzip(head: &Head, body: &Bytes, envelope: Envelope) -> Option<Answer> {
    let mut head = head.clone();
    compress::mark(&mut head.headers);
    // A digest is of the bytes as they travel; this one has the length of the true one.
    let digested = headers::get(&head.headers, REPR_DIGEST).is_some();
    if digested {
        headers::set(&mut head.headers, REPR_DIGEST, digest::of(&[]));
    }
    let bare = head.with(Body::Base64(Bytes::new())).len(envelope.payload);
    let room = base64_capacity(envelope.max.checked_sub(bare)?).0;
    let packed = compress::gzip(body, usize::try_from(room).unwrap_or(usize::MAX))?;
    if digested {
        headers::set(&mut head.headers, REPR_DIGEST, digest::of(&packed));
    }
    let answer = head.with(Body::Base64(packed));
    envelope.admits(&answer).then_some(answer)
}

/// What a client said about answers that are too large for it to get inline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `X-Overflow`.
    pub mode: Option<Mode>,
    /// Whether `Accept-Encoding` permits gzip.
    pub accepts_gzip: bool,
    /// A header that S3 would act upon after a redirect, and wrongly.
    pub troublesome: Option<String>,
    /// Whether the request asks for a part of the answer.
    pub ranged: bool,
    /// Whether a browser loads this as a part of a page, where a policy forbids other hosts.
    pub is_asset: bool,
    /// Whether a script of another origin asks with its cookies, which no redirect to another host survives.
    pub is_credentialed: bool,
    /// Whether the client is known to follow redirects.
    pub follows: bool,
    /// How the client calls itself.
    pub client: Option<String>,
}

/// The values of `X-Overflow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 303 to S3.
    Redirect,
    /// The status of the upstream, and the link as JSON.
    Link,
    /// 406, and the link in the problem.
    Error,
}

/// What becomes of an answer that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// 303.
    Redirect,
    /// The upstream's status, with the link as JSON.
    Link,
    /// The upstream's status, an error, as a problem that holds the link.
    Problem,
    /// 406, for this reason, as a problem that holds the link.
    Refused(String),
}

/// The values of `Sec-Fetch-Dest` for parts of a page that policies keep to their own host, or that become part of the page.
/// A navigation (`document`) is none of them: the browser shows what it is led to.
const DESTINATIONS: [&str; 8] =
    ["script", "style", "worker", "sharedworker", "serviceworker", "font", "iframe", "frame"];
/// Conditions about an ETag or a date that the stored object cannot meet. `Range`, `If-Range`, `If-None-Match` and
/// `If-Modified-Since` do no harm: S3 has the whole representation, under another ETag, as of now.
const CONDITIONAL: [&str; 2] = ["if-match", "if-unmodified-since"];

impl Asked {
    /// Reads the headers of a request.
    ///
    /// # Errors
    ///
    /// [`UnknownMode`] for a mode that does not exist.
    pub fn of(request: &Request, clients: &Clients) -> Result<Asked, UnknownMode> {
        let mode = request.header("x-overflow").map(|text| match text.trim() {
            "redirect" => Ok(Mode::Redirect),
            "link" => Ok(Mode::Link),
            "error" => Ok(Mode::Error),
            _ => Err(UnknownMode(text.to_owned())),
        });
        let troublesome = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        let troublesome =
            troublesome.filter(|name| is_signed(name) || CONDITIONAL.contains(&name.as_str()));
        let destination = request.header("sec-fetch-dest").unwrap_or_default();
        let encodings: Vec<&str> = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"))
            .map(|(_, value)| value.as_str())
            .collect();
        Ok(Asked {
            mode: mode.transpose()?,
            accepts_gzip: headers::accepts_gzip(&encodings.join(",")),
            troublesome: troublesome.into_iter().next(),
            ranged: request.header("range").is_some(),
            is_asset: DESTINATIONS.contains(&destination),
            is_credentialed: request.header("cookie").is_some()
                && request.header("sec-fetch-mode") == Some("cors")
                && matches!(request.header("sec-fetch-site"), Some("cross-site" | "same-site")),
            follows: clients.follows(request),
            client: clients::name_of(request),
        })
    }

    /// Reads the headers of a request for an answer that is stored already. It is the object that is asked for, so what is
    /// said about its bytes, such as `Range`, S3 understands as it was meant.
    ///
    /// # Errors
    ///
    /// As [`Asked::of`].
    pub fn of_stored(request: &Request, clients: &Clients) -> Result<Asked, UnknownMode> {
        let asked = Asked::of(request, clients)?;
        let mut names = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        let troublesome = names.find(|name| is_signed(name));
        // Who asks for a link by its address goes where it leads.
        Ok(Asked { troublesome, follows: true, ..asked })
    }

    /// The form of an answer with this status, once it is stored.
    #[must_use]
    pub fn form(&self, status: u16, redirect_assets: bool) -> Form {
        if status >= 400 {
            return Form::Problem;
        }
        // A 201 or 202 has a `Location` of its own, and so has a redirect of the upstream.
        let redirectable = matches!(status, 200 | 203 | 206..=299);
        match self.mode {
            Some(Mode::Link) => return Form::Link,
            Some(Mode::Redirect) if !redirectable => return Form::Link,
            Some(Mode::Error) => {
                return Form::Refused("The request asks for `X-Overflow: error`.".to_owned());
            }
            // A client that is redirected does not look at the body.
            None if (300..400).contains(&status) => return Form::Link,
            Some(Mode::Redirect) | None => {}
        }
        match self.obstacle(status, redirectable, redirect_assets) {
            Some(reason) => Form::Refused(reason),
            None => Form::Redirect,
        }
    }

    /// Why a redirect would not lead to the answer, or not be noticed.
    fn obstacle(&self, status: u16, redirectable: bool, redirect_assets: bool) -> Option<String> {
        let name =
            self.troublesome.as_deref().or((self.ranged && status == 206).then_some("range"));
        if let Some(name) = name {
            return Some(format!(
                "The request holds `{name}`, which would follow a redirect to S3 and be misunderstood there. \
                 Send it without, or with `X-Overflow: link`."
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
                "A script of another origin asks with cookies, and a browser blocks that redirect to S3. \
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

    /// What a client can do that a redirect does not reach.
    fn advice(&self) -> String {
        let client = match &self.client {
            Some(name) => format!("The client `{name}`"),
            None => "A client without `User-Agent`".to_owned(),
        };
        format!(
            "{client} is not known to follow redirects, so it is not redirected to the answer. Ask for smaller pages \
             (`size`) or fewer fields (`_source`, `filter_path`); accept gzip (`http_compress=True`, \
             `compression: true`), which fits while the compressed answer does; or send `X-Overflow: link` for the link \
             as JSON, or `X-Overflow: redirect` if the client follows. The operator can add the client to \
             OVERFLOW_CLIENTS."
        )
    }
}

/// Whether S3 takes a header for a part of what has to be signed.
fn is_signed(name: &str) -> bool {
    // CloudFront adds `x-amz-cf-id` on its own; the client never saw it.
    name.starts_with("x-amz-") && !name.starts_with("x-amz-cf-")
}

/// Whether an answer has no body whatever its headers say.
#[must_use]
pub fn is_bodyless(method: &http::Method, status: u16) -> bool {
    method == http::Method::HEAD || status < 200 || matches!(status, 204 | 205 | 304)
}

#[cfg(test)]
mod tests;
