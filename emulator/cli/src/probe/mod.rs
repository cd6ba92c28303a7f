//! `hardcap probe`: finds the exact size at which a local or deployed URL starts to fail, and the limit that explains it.

mod explanation;
mod search;

use std::fmt;
use std::io::Read as _;

use bytes::{Bytes, BytesMut};
use hardcap_limits::Limits;
use http::{Method, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};

pub use explanation::{Direction, Edge, Encoding, Explanation, candidates, explain};
pub use search::{Found, Search};

use crate::client::{Client, ClientError, http_url};
use crate::explain::{Cause, Explained, Rank};
use hardcap_limits::grouped;

/// The placeholder for the size in a URL.
const PLACEHOLDER: &str = "{size}";
/// The part of a failing response that is shown, in bytes.
const EXCERPT_BYTES: usize = 200;

/// The target of a probe.
#[derive(Clone, Debug)]
pub struct Target {
    /// The URL; `{size}` in it is replaced by the size.
    pub url: String,
    /// The request's method.
    pub method: Method,
    /// Headers to send, such as a cookie.
    pub headers: Vec<(String, String)>,
    /// Whether the size is that of the request body or of the response.
    pub direction: Direction,
    /// The first size to try.
    pub start: u64,
    /// The largest size to try.
    pub max: u64,
}

/// An error of a probe.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The URL does not depend on the size.
    #[error(
        "`{0}` has no {{size}}: put it where the size goes, as in http://127.0.0.1:3000/dev/giant?size={{size}}"
    )]
    NoPlaceholder(String),
    /// The URL or a header cannot be sent.
    #[error(
        "`{0}` cannot be requested: {1}; write a URL such as http://127.0.0.1:3000/hello?size={{size}}"
    )]
    Malformed(String, String),
    /// The target did not respond to two attempts.
    #[error("{0} did not respond: {1}")]
    Unreachable(String, String),
    /// The trust anchors of the system cannot be read.
    #[error("no https: the system's certificates cannot be read: {0}")]
    NoCertificates(std::io::Error),
}

/// One request and its response.
#[derive(Clone, Debug)]
pub struct Try {
    /// The requested size.
    pub size: u64,
    /// The status.
    pub status: StatusCode,
    /// The received part of the body.
    pub body: Bytes,
    /// The headers of the response.
    pub headers: Vec<(String, String)>,
    /// False if the body broke off, or is shorter than the size although smaller ones were complete: a stream was cut.
    pub whole: bool,
}

impl Try {
    fn passed(&self) -> bool {
        self.status.is_success() && self.whole
    }

    /// Whether the body has exactly the requested size.
    fn is_exact(&self) -> bool {
        self.size > 0 && self.body.len() as u64 == self.size
    }

    /// The status and the beginning of the body, on one line.
    #[must_use]
    pub fn excerpt(&self) -> String {
        if self.status.is_success() && !self.whole {
            let length = grouped(self.body.len() as u64);
            return format!("{} cut off after {length} bytes", self.status.as_u16());
        }
        let start = &self.body[..self.body.len().min(EXCERPT_BYTES)];
        // Control characters of a server must not reach the terminal.
        let text = crate::explain::input::shown(&String::from_utf8_lossy(start), EXCERPT_BYTES);
        format!("{} {text}", self.status.as_u16()).trim_end().to_owned()
    }

    /// The text of the response about the limit, with its status and headers.
    fn explained(&self, limits: &Limits) -> Explained {
        let mut text = format!("HTTP/1.1 {}\n", self.status.as_u16());
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\n");
        }
        let start = &self.body[..self.body.len().min(4 * EXCERPT_BYTES)];
        text += &format!("\n{}\n", String::from_utf8_lossy(start));
        Explained::new(text.as_bytes(), limits)
    }

    /// The body of the function, if the gateway compressed it.
    fn decoded(&self) -> Option<Vec<u8>> {
        let coding =
            self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        let mut body = Vec::new();
        let most = 1 << 30;
        let read = match coding.map(|(_, value)| value.to_ascii_lowercase())?.as_str() {
            "gzip" => flate2::read::MultiGzDecoder::new(self.body.as_ref())
                .take(most)
                .read_to_end(&mut body),
            "deflate" => {
                flate2::read::ZlibDecoder::new(self.body.as_ref()).take(most).read_to_end(&mut body)
            }
            _ => return None,
        };
        read.is_ok().then_some(body)
    }
}

/// The result of a probe.
#[derive(Clone, Debug)]
pub struct Probed {
    /// The cutoff, if there is one.
    pub found: Found,
    /// The last request that passed, and the first that failed.
    pub edge: (Option<Try>, Option<Try>),
    /// The number of requests.
    pub requests: u32,
    /// The limits that explain the cutoff, the most likely first.
    pub explanations: Vec<Explanation>,
    /// If no limit explains it: the arithmetic of each limit, a sentence each.
    pub arithmetic: Vec<String>,
    /// The causes that the failing response names, the most likely first.
    pub causes: Vec<Cause>,
}

/// Finds the cutoff of a target. `progress` gets each request and its outcome.
///
/// # Errors
///
/// [`ProbeError`] if the target cannot be requested or does not respond. A refusal by the target is not an error.
pub async fn probe(
    target: &Target,
    limits: &Limits,
    mut progress: impl FnMut(&Try),
) -> Result<Probed, ProbeError> {
    if !target.url.contains(PLACEHOLDER) && target.direction == Direction::Download {
        return Err(ProbeError::NoPlaceholder(target.url.clone()));
    }
    let client = Client::new().map_err(ProbeError::NoCertificates)?;
    let mut search = Search::new(target.start, target.max);
    let (mut passed, mut failed) = (None, None);
    let (mut requests, mut exact) = (0, false);
    let found = loop {
        let size = match search.next() {
            Ok(size) => size,
            Err(found) => break found,
        };
        let mut attempt = request(&client, target, size).await?;
        requests += 1;
        exact |= target.direction == Direction::Download && attempt.is_exact();
        attempt.whole &= !exact || attempt.body.len() as u64 >= size;
        progress(&attempt);
        search.note(size, attempt.passed());
        let side = if attempt.passed() { &mut passed } else { &mut failed };
        *side = Some(attempt);
    };
    let explanations = explanations(target, limits, passed.as_ref(), failed.as_ref());
    let arithmetic = match (&passed, &failed) {
        (Some(passed), Some(_)) if explanations.is_empty() => arithmetic(target, limits, passed),
        _ => Vec::new(),
    };
    let causes = failed.as_ref().map(|failed| causes(failed.explained(limits))).unwrap_or_default();
    Ok(Probed { found, edge: (passed, failed), requests, explanations, arithmetic, causes })
}

/// The causes that a response names.
fn causes(explained: Explained) -> Vec<Cause> {
    explained.findings.into_iter().next().map(|finding| finding.causes).unwrap_or_default()
}

/// A cause as a line: `function_error (likely): …`.
#[must_use]
pub fn described(cause: &Cause) -> String {
    format!("{} ({}): {}", cause.name, cause.rank, cause.why)
}

/// The bodies that may explain the cutoff: as received, and before the gateway compressed it.
fn bodies(target: &Target, passed: &Try) -> Vec<Vec<u8>> {
    match target.direction {
        Direction::Download => {
            [passed.decoded(), Some(passed.body.to_vec())].into_iter().flatten().collect()
        }
        Direction::Upload => vec![upload(passed.size)],
    }
}

fn edge<'b>(target: &Target, passed: &Try, body: &'b [u8]) -> Edge<'b> {
    let length = |headers: &[(String, String)]| -> u64 {
        headers.iter().map(|(name, value)| (name.len() + value.len() + 8) as u64).sum()
    };
    let around = match target.direction {
        Direction::Download => length(&passed.headers),
        Direction::Upload => length(&target.headers) + target.url.len() as u64,
    };
    // Only if the body has the requested size is the next size one byte more.
    let exact = target.direction == Direction::Upload || body.len() as u64 == passed.size;
    Edge { direction: target.direction, body, exact, around }
}

fn explanations(
    target: &Target,
    limits: &Limits,
    passed: Option<&Try>,
    failed: Option<&Try>,
) -> Vec<Explanation> {
    let (Some(passed), Some(_)) = (passed, failed) else { return Vec::new() };
    let bodies = bodies(target, passed);
    let found = bodies.iter().map(|body| explain(limits, &edge(target, passed, body)));
    found.flatten().collect()
}

fn arithmetic(target: &Target, limits: &Limits, passed: &Try) -> Vec<String> {
    let bodies = bodies(target, passed);
    let lines = bodies.iter().flat_map(|body| candidates(limits, &edge(target, passed, body)));
    lines.map(|one| one.arithmetic()).collect()
}

/// The body of an upload: text that JSON does not escape.
fn upload(size: u64) -> Vec<u8> {
    vec![b'x'; usize::try_from(size).unwrap_or(usize::MAX)]
}

async fn request(client: &Client, target: &Target, size: u64) -> Result<Try, ProbeError> {
    let url = target.url.replace(PLACEHOLDER, &size.to_string());
    let malformed = |error: String| ProbeError::Malformed(target.url.clone(), error);
    let uri = http_url(&url).map_err(|error| malformed(error.to_string()))?;
    let body = match target.direction {
        Direction::Download => Bytes::new(),
        Direction::Upload => Bytes::from(upload(size)),
    };
    let mut builder = Request::builder().method(target.method.clone()).uri(uri);
    for (name, value) in &target.headers {
        builder = builder.header(name, value);
    }
    let request = builder.body(Full::new(body)).map_err(|error| malformed(error.to_string()))?;
    // The server may just have closed a connection that was kept open, so the request is sent once more.
    for last in [false, true] {
        match exchange(client, request.clone()).await {
            Ok((head, body, whole)) => {
                let text = |value: &http::HeaderValue| {
                    String::from_utf8_lossy(value.as_bytes()).into_owned()
                };
                let headers =
                    head.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
                let headers = headers.collect();
                return Ok(Try { size, status: head.status, headers, body, whole });
            }
            Err(error) if last => return Err(ProbeError::Unreachable(url, error.to_string())),
            Err(_) => {}
        }
    }
    unreachable!("the last try returns")
}

/// The head of the response, its body, and whether the body is complete.
async fn exchange(
    client: &Client,
    request: Request<Full<Bytes>>,
) -> Result<(http::response::Parts, Bytes, bool), ClientError> {
    let (head, mut body) = client.begin(request).await?.into_parts();
    let mut received = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => received.extend_from_slice(&data),
            Ok(Err(_)) => {}
            Err(_) => return Ok((head, received.freeze(), false)),
        }
    }
    Ok((head, received.freeze(), true))
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed) = &self.edge;
        let shown =
            |attempt: &Option<Try>| attempt.as_ref().map_or_else(|| "?".to_owned(), Try::excerpt);
        match self.found {
            Found::Cutoff { passes } => writeln!(
                f,
                "cutoff: {} passes ({}), {} fails ({})",
                grouped(passes),
                passed.as_ref().map_or(0, |attempt| attempt.status.as_u16()),
                grouped(passes + 1),
                shown(failed)
            )?,
            Found::EverythingPasses { max } => {
                return write!(f, "no cutoff: everything up to {} passes", grouped(max));
            }
            Found::NothingPasses { failed: size } => {
                write!(f, "nothing passes, not even {size}: {}", shown(failed))?;
                return self.render_causes(f);
            }
        }
        if self.explanations.is_empty() {
            f.write_str("no limit of the table explains it by its size; another --limits date might. The arithmetic:")?;
            for line in &self.arithmetic {
                write!(f, "\n  {line}")?;
            }
            return self.render_causes(f);
        }
        let lines: Vec<String> = self
            .explanations
            .iter()
            .map(|explanation| format!("explained by {explanation}"))
            .collect();
        f.write_str(&lines.join("\n"))?;
        self.render_causes(f)
    }
}

impl Probed {
    /// The causes of the failing response. If a limit explains the size to the byte, the causes that the response cannot exclude are
    /// left out.
    fn render_causes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_explained = self.explanations.iter().any(|one| one.exact);
        let is_shown = |cause: &&Cause| !is_explained || cause.rank == Rank::Certain;
        let mut shown = self.causes.iter().filter(is_shown).take(4).peekable();
        if shown.peek().is_none() {
            return Ok(());
        }
        f.write_str("\nthe failing response has these possible causes:")?;
        shown.try_for_each(|cause| write!(f, "\n  {}", described(cause)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of a download whose last response has this size, and whose first failing one is the general error of a gateway.
    fn probed(size: usize) -> Probed {
        let target = Target {
            url: "http://localhost/?size={size}".to_owned(),
            method: Method::GET,
            headers: Vec::new(),
            direction: Direction::Download,
            start: 1_024,
            max: 67_108_864,
        };
        let limits = Limits::current();
        let attempt = |status: u16, body: Vec<u8>| Try {
            size: size as u64,
            status: StatusCode::from_u16(status).unwrap(),
            body: body.into(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            whole: true,
        };
        let passed = attempt(200, vec![b'x'; size]);
        let failed = attempt(500, br#"{"message":"Internal Server Error"}"#.to_vec());
        let causes = causes(failed.explained(&limits));
        let explanations = explanations(&target, &limits, Some(&passed), Some(&failed));
        Probed {
            found: Found::Cutoff { passes: size as u64 },
            edge: (Some(passed), Some(failed)),
            requests: 36,
            explanations,
            arithmetic: Vec::new(),
            causes,
        }
    }

    #[test]
    fn a_cutoff_that_a_limit_explains_to_the_byte_has_no_list_of_possible_causes() {
        let exact = probed(6_291_488);
        assert!(exact.causes.len() > 1, "{exact:?}");
        let text = exact.to_string();
        assert!(text.contains("explained by lambda_sync_response, 6,291,556 bytes: "), "{text}");
        assert!(!text.contains("possible causes"), "{text}");
    }

    #[test]
    fn a_cutoff_that_no_limit_explains_has_a_list_of_possible_causes() {
        let text = probed(1_000_000).to_string();
        assert!(text.contains("no limit of the table explains it by its size"), "{text}");
        assert!(text.contains("possible causes:\n  missing_permission (likely)"), "{text}");
    }
}
