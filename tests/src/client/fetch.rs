//! Follows redirects as the Fetch standard does, so that what a browser would get is what a test gets.

use std::io;

use http::{Method, StatusCode};

use super::{Answer, Call, Client, Digested, Origin};

/// A browser gives up at the next one.
const REDIRECTS_MAX: usize = 20;

/// An answer and the redirects on the way to it.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The answers that redirected, in order.
    pub redirects: Vec<Answer>,
    /// The last request: what was asked where the redirects led.
    pub call: Call,
    /// The answer.
    pub answer: Answer,
}

impl Client {
    /// Sends, and follows redirects.
    ///
    /// # Errors
    ///
    /// As [`Client::send`], and when there are more than 20 redirects or one without a usable `Location`.
    pub async fn fetch(&self, call: &Call) -> io::Result<Fetched> {
        let mut call = call.clone();
        let mut redirects = Vec::new();
        loop {
            let answer = self.send(&call).await?;
            let Some(next) = redirected(&call, &answer)? else {
                return Ok(Fetched { redirects, call, answer });
            };
            redirects.push(answer);
            if redirects.len() > REDIRECTS_MAX {
                return Err(io::Error::other(format!("{} redirects in a circle", call.url)));
            }
            call = next;
        }
    }

    /// As [`Client::fetch`] for a body of any size: one answer, at most one redirect.
    ///
    /// # Errors
    ///
    /// As [`Client::digest`] and [`Client::fetch`].
    pub async fn fetch_digest(&self, call: &Call) -> io::Result<Digested> {
        let digested = self.digest(call).await?;
        let head = Answer {
            status: digested.status,
            headers: digested.headers.clone(),
            body: bytes::Bytes::new(),
        };
        match redirected(call, &head)? {
            Some(next) => self.digest(&next).await,
            None => Ok(digested),
        }
    }
}

/// The request that follows an answer, if it is a redirect.
///
/// A 303 makes every method but `GET` and `HEAD` a `GET` without body and without the headers that describe one, and so
/// do 301 and 302 with a `POST`. Everything else stays, except `Authorization` when the redirect leads elsewhere.
fn redirected(call: &Call, answer: &Answer) -> io::Result<Option<Call>> {
    let to_get = match answer.status {
        StatusCode::SEE_OTHER => !matches!(call.method, Method::GET | Method::HEAD),
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => call.method == Method::POST,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _ => return Ok(None),
    };
    let Some(location) = answer.header("location") else {
        return Ok(None);
    };
    let (from, _) = Origin::of(&call.url)?;
    let mut next = call.clone();
    next.url = if location.starts_with('/') && !location.starts_with("//") {
        format!("http://{}:{}{location}", from.host, from.port)
    } else {
        location.to_owned()
    };
    let (to, _) = Origin::of(&next.url)?;
    if to_get {
        next.method = Method::GET;
        next.body = bytes::Bytes::new();
    }
    next.headers.retain(|(name, _)| {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "host" | "content-length" => false,
            "authorization" => from == to,
            "content-encoding" | "content-language" | "content-location" | "content-type" => {
                !to_get
            }
            _ => true,
        }
    });
    Ok(Some(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see_other(location: &str) -> Answer {
        let mut headers = http::HeaderMap::new();
        headers.insert("location", location.parse().unwrap());
        Answer { status: StatusCode::SEE_OTHER, headers, body: bytes::Bytes::new() }
    }

    #[test]
    fn see_other_makes_a_post_a_get_and_keeps_what_scripts_set() {
        let call = Call::post("http://a.localhost:1/x", "body")
            .header("Content-Type", "application/json")
            .header("authorization", "Basic x")
            .header("kbn-version", "7.10.2")
            .header("range", "bytes=0-1");
        let next = redirected(&call, &see_other("http://b.localhost:2/y?z=%2A")).unwrap().unwrap();
        assert_eq!(next.method, Method::GET);
        assert_eq!(next.url, "http://b.localhost:2/y?z=%2A");
        assert!(next.body.is_empty());
        let names: Vec<&str> = next.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["kbn-version", "range"]);
    }

    #[test]
    fn see_other_keeps_head_and_stays_with_its_origin() {
        let call = Call::new(Method::HEAD, "http://a.localhost:1/x").header("authorization", "B");
        let next = redirected(&call, &see_other("/y")).unwrap().unwrap();
        assert_eq!(next.method, Method::HEAD);
        assert_eq!(next.url, "http://a.localhost:1/y");
        assert_eq!(next.headers.len(), 1);
    }
}
