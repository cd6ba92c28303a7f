//! The log of a gateway: one line for each request, with the reason of a refusal.

use std::fmt::{self, Write as _};

use hardcap_core::context::LimitShare;
use hardcap_limits::{Millis, Party, grouped};
use http::request::Parts;
use http::{StatusCode, header};

use super::frontend::Frontend;
use super::refusal::GatewayError;
use hardcap_core::nearest::nearest;

/// The maximum length of a path in a line.
const PATH_MAX_CHARS: usize = 200;
/// A limit is named in the line of a request that has used at least this share of it, in percent.
const NEAR_PERCENT: u64 = 80;
/// The maximum number of routes that the line of a request without a route names.
const ROUTES_MAX: usize = 10;

/// A request and its response.
pub(super) struct Exchange<'a> {
    /// The logical id of the API or function URL.
    pub(super) api: &'a str,
    pub(super) head: &'a Parts,
    pub(super) status: StatusCode,
    pub(super) took: Millis,
    /// The size of the response body in bytes; `None` for a stream.
    pub(super) sent: Option<u64>,
    /// The reason, if the request was refused.
    pub(super) error: Option<&'a GatewayError>,
    /// The limit of which the request has used the largest share.
    pub(super) nearest: Option<LimitShare>,
    pub(super) frontend: &'a Frontend,
}

impl fmt::Display for Exchange<'_> {
    /// `POST /orders 413 in 12 ms, 10,485,761 bytes in, 39 bytes out (Api): …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, path) = (&self.head.method, shortened(self.head.uri.path()));
        write!(f, "{method} {path} {} in {} ms", self.status.as_u16(), self.took.0)?;
        if let Some(received) = declared(self.head) {
            write!(f, ", {} in", bytes(received))?;
        }
        match self.sent {
            Some(sent) => write!(f, ", {} out", bytes(sent))?,
            None => f.write_str(", streamed")?,
        }
        write!(f, " ({})", self.api)?;
        match self.error {
            None => match self.near() {
                None => Ok(()),
                Some(near) => write!(f, ", {}", described(&near)),
            },
            Some(GatewayError::NoRoute) => write!(f, ": {}", self.no_route()),
            Some(error) => {
                write!(f, ": {error}")?;
                // The text of API Gateway's execution log, if it is known.
                match error.exceeded().and_then(|it| it.refusal(Party::GatewayLog)) {
                    Some(refusal) => write!(f, "; execution log: {}", refusal.body.trim_end()),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Exchange<'_> {
    /// The nearest limit, if the request was close to it.
    pub(super) fn near(&self) -> Option<LimitShare> {
        self.nearest.filter(|share| share.percent() >= NEAR_PERCENT)
    }

    /// The length that the request declares for its body, in bytes.
    pub(super) fn received(&self) -> Option<u64> {
        declared(self.head)
    }

    fn no_route(&self) -> String {
        let keys = self.frontend.route_keys();
        let asked = format!("{} {}", self.head.method, self.head.uri.path());
        let are = if keys.len() == 1 { "route is" } else { "routes are" };
        let mut text = match nearest(&asked, keys.iter().map(String::as_str)) {
            Some(near) => format!("no such route; did you mean {near}? The {are} "),
            None => format!("no such route; the {are} "),
        };
        let named: Vec<&str> = keys.iter().take(ROUTES_MAX).map(String::as_str).collect();
        text += &named.join(", ");
        if keys.len() > ROUTES_MAX {
            let _ = write!(text, " and {} more", keys.len() - ROUTES_MAX);
        }
        text
    }
}

/// The length that a request declares for its body.
fn declared(head: &Parts) -> Option<u64> {
    head.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `92 % of lambda_sync_response (5,800,000 of 6,291,556 bytes)`
fn described(share: &LimitShare) -> String {
    let LimitShare { row, observed, max } = share;
    let (percent, max) = (share.percent(), row.unit.of(*max));
    format!("{percent} % of {} ({} of {max})", row.name, grouped(*observed))
}

fn bytes(number: u64) -> String {
    match number {
        1 => "1 byte".to_owned(),
        number => hardcap_limits::Unit::Bytes.of(number),
    }
}

fn shortened(path: &str) -> String {
    match path.char_indices().nth(PATH_MAX_CHARS) {
        None => path.to_owned(),
        Some((at, _)) => format!("{}…", &path[..at]),
    }
}
