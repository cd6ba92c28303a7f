//! Clients that are not browsers, each with the manners it has when it is redirected.
//!
//! | client | follows | method after a 303 | `Authorization` elsewhere | source |
//! | --- | --- | --- | --- | --- |
//! | `curl -L` | yes | `GET`, and `HEAD` stays | left out | curl's manual, `--location`; 7.83 and later compare port and scheme |
//! | `curl -X POST -L` | yes | what `-X` says, without the body | left out | curl's manual, `--location`: "the method set with --request overrides" |
//! | urllib3, as opensearch-py uses it | no (`redirect=False`) | | | opensearch-py, `connection/http_urllib3.py` |
//! | Python's requests | yes | `GET`, and `HEAD` stays | left out | `requests/sessions.py`, `rebuild_method`, `should_strip_auth` |
//! | reqwest | yes, 10 times | `GET`, and `HEAD` stays | left out, cookies too | reqwest, `redirect.rs`, `remove_sensitive_headers` |
//! | opensearch-js | no | | | opensearch-js, `lib/Transport.js`: below 400 is success |
//! | a client that keeps everything | yes | `GET` | kept | penpot#10776, awscurl#117 |

use std::io;

use http::{Method, StatusCode};

use crate::browser::{origin, redirect};
use crate::client::{Answer, Call, Client, Fetched};

/// A client that is not a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// `curl -L`
    Curl,
    /// `curl -X POST -L`
    CurlWithMethod,
    /// urllib3 with `redirect=False`: opensearch-py, elasticsearch-py.
    Urllib3,
    /// Python's requests.
    Requests,
    /// reqwest: opensearch-rs, elasticsearch-rs.
    Reqwest,
    /// opensearch-js, elasticsearch-js.
    OpensearchJs,
    /// Anything that sends all of its headers wherever it is led.
    KeepsEverything,
}

impl Agent {
    /// All of them.
    pub const ALL: [Agent; 7] = [
        Agent::Curl,
        Agent::CurlWithMethod,
        Agent::Urllib3,
        Agent::Requests,
        Agent::Reqwest,
        Agent::OpensearchJs,
        Agent::KeepsEverything,
    ];

    /// Whether it goes where a redirect leads.
    #[must_use]
    pub fn follows(self) -> bool {
        !matches!(self, Agent::Urllib3 | Agent::OpensearchJs)
    }

    /// What the client calls itself.
    #[must_use]
    pub fn user_agent(self) -> &'static str {
        match self {
            Agent::Curl | Agent::CurlWithMethod => "curl/8.5.0",
            Agent::Urllib3 => "elasticsearch-py/7.17.12 (Python 3.11.7)",
            Agent::Requests => "python-requests/2.34.2",
            Agent::Reqwest => "opensearch-rs/2.3.0",
            Agent::OpensearchJs => "opensearch-js/3.9.0 (linux 6.18.44 x64; Node.js v20.20.2)",
            Agent::KeepsEverything => "Java/17.0.10",
        }
    }

    /// A request with the client's name, unless it has one.
    #[must_use]
    pub fn named(self, call: &Call) -> Call {
        if call.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
            return call.clone();
        }
        call.clone().header("user-agent", self.user_agent())
    }

    /// Sends a request as this client does.
    ///
    /// # Errors
    ///
    /// As [`Client::follow`].
    pub async fn send(self, client: &Client, call: &Call) -> io::Result<Fetched> {
        client.follow(&self.named(call), |call, answer| self.next(call, answer)).await
    }

    /// The request that this client makes of an answer, if it goes on.
    ///
    /// # Errors
    ///
    /// When the answer leads to no HTTP URL.
    pub fn next(self, call: &Call, answer: &Answer) -> io::Result<Option<Call>> {
        let Some(location) = answer.header("location").filter(|_| self.follows()) else {
            return Ok(None);
        };
        let Some(to_get) = self.becomes_get(call, answer.status) else {
            return Ok(None);
        };
        let mut next = call.clone();
        next.url = redirect::resolve(&call.url, location).map_err(io::Error::other)?;
        if to_get {
            next.body = bytes::Bytes::new();
            if self != Agent::CurlWithMethod {
                next.method = Method::GET;
            }
        }
        let elsewhere = origin(&call.url) != origin(&next.url);
        next.headers.retain(|(name, _)| {
            let name = name.to_ascii_lowercase();
            match name.as_str() {
                "host" | "content-length" => false,
                "authorization" | "proxy-authorization" => {
                    !elsewhere || self == Agent::KeepsEverything
                }
                "cookie" => !(elsewhere && matches!(self, Agent::Reqwest | Agent::Requests)),
                "content-type" => !(to_get && matches!(self, Agent::Reqwest | Agent::Requests)),
                "content-encoding" => !(to_get && self == Agent::Reqwest),
                _ => true,
            }
        });
        Ok(Some(next))
    }

    /// Whether a redirect makes a `GET` of the request; `None` when the status is none.
    fn becomes_get(self, call: &Call, status: StatusCode) -> Option<bool> {
        let head = call.method == Method::HEAD;
        let post = call.method == Method::POST;
        match status {
            StatusCode::SEE_OTHER => Some(!head),
            // requests makes a `GET` of everything, "as browsers do"; the others of a `POST`.
            StatusCode::FOUND if self == Agent::Requests => Some(!head),
            StatusCode::FOUND | StatusCode::MOVED_PERMANENTLY => Some(post),
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => Some(false),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see_other() -> Answer {
        let mut headers = http::HeaderMap::new();
        headers.insert("location", "http://s3.localhost:2/k?X-Amz-Signature=s".parse().unwrap());
        Answer { status: StatusCode::SEE_OTHER, headers, body: bytes::Bytes::new() }
    }

    #[test]
    fn each_client_makes_its_own_of_a_303() {
        let call = Call::post("http://api.localhost:1/x", "{}")
            .header("content-type", "application/json")
            .header("authorization", "Basic x")
            .header("kbn-xsrf", "1");
        for (agent, method, names) in [
            (Agent::Curl, "GET", &["content-type", "kbn-xsrf"][..]),
            (Agent::CurlWithMethod, "POST", &["content-type", "kbn-xsrf"]),
            (Agent::Requests, "GET", &["kbn-xsrf"]),
            (Agent::Reqwest, "GET", &["kbn-xsrf"]),
            (Agent::KeepsEverything, "GET", &["content-type", "authorization", "kbn-xsrf"]),
        ] {
            let next = agent.next(&call, &see_other()).unwrap().expect("it follows");
            let sent: Vec<&str> = next.headers.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!((next.method.as_str(), sent.as_slice()), (method, names), "{agent:?}");
            assert!(next.body.is_empty(), "{agent:?}");
        }
        for agent in [Agent::Urllib3, Agent::OpensearchJs] {
            assert!(agent.next(&call, &see_other()).unwrap().is_none(), "{agent:?}");
        }
    }

    #[test]
    fn a_head_stays_one_for_everybody() {
        let call = Call::new(Method::HEAD, "http://api.localhost:1/x");
        for agent in Agent::ALL.into_iter().filter(|agent| agent.follows()) {
            let next = agent.next(&call, &see_other()).unwrap().expect("it follows");
            assert_eq!(next.method, Method::HEAD, "{agent:?}");
        }
    }
}
