//! *HTTP-redirect fetch* (4.5): the request that follows an answer.

use http::{Method, StatusCode};

use super::{NetworkError, origin};
use crate::client::{Answer, Call};

/// The request that an answer leads to; `None` if it is not a redirect or has no target.
///
/// A 303 makes every method but `GET` and `HEAD` a `GET` without body and without the headers that describe one; so do 301
/// and 302 with a `POST` (step 12). `Authorization` ends where another origin begins (step 13). Everything else goes on.
///
/// # Errors
///
/// [`NetworkError::Redirect`] to what is not HTTP (step 6), or to a URL with a user name in it (steps 9 and 10).
pub fn next(call: &Call, answer: &Answer) -> Result<Option<Call>, NetworkError> {
    let to_get = match answer.status {
        StatusCode::SEE_OTHER => !matches!(call.method, Method::GET | Method::HEAD),
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => call.method == Method::POST,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _ => return Ok(None),
    };
    let Some(location) = answer.header("location") else {
        return Ok(None);
    };
    let mut next = call.clone();
    next.url = resolve(&call.url, location)?;
    if to_get {
        next.method = Method::GET;
        next.body = bytes::Bytes::new();
    }
    let same = origin(&call.url) == origin(&next.url);
    next.headers.retain(|(name, _)| {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "host" | "content-length" => false,
            "authorization" => same,
            "content-encoding" | "content-language" | "content-location" | "content-type" => {
                !to_get
            }
            _ => true,
        }
    });
    Ok(Some(next))
}

/// The *location URL* (2.2.6) against the URL that it was got from; of relative ones those that begin with a slash.
pub(crate) fn resolve(base: &str, location: &str) -> Result<String, NetworkError> {
    let wrong = |what: &str| NetworkError::Redirect(format!("{what}: {location}"));
    let here = origin(base).ok_or_else(|| wrong("from no HTTP URL"))?;
    let url = match location.strip_prefix('/') {
        Some(rest) if rest.starts_with('/') => {
            let scheme = here.split("://").next().unwrap_or_default();
            format!("{scheme}:{location}")
        }
        Some(_) => format!("{here}{location}"),
        None => location.to_owned(),
    };
    let authority = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let authority = authority.ok_or_else(|| wrong("not to HTTP"))?.split('/').next();
    if authority.unwrap_or_default().contains('@') {
        return Err(wrong("with credentials in the URL"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(status: StatusCode, location: &str) -> Answer {
        let mut headers = http::HeaderMap::new();
        headers.insert("location", location.parse().unwrap());
        Answer { status, headers, body: bytes::Bytes::new() }
    }

    fn see_other(location: &str) -> Answer {
        redirect(StatusCode::SEE_OTHER, location)
    }

    #[test]
    fn see_other_makes_a_post_a_get_and_keeps_what_scripts_set() {
        let call = Call::post("http://a.localhost:1/x", "body")
            .header("Content-Type", "application/json")
            .header("authorization", "Basic x")
            .header("kbn-version", "7.10.2")
            .header("range", "bytes=0-1");
        let next = next(&call, &see_other("http://b.localhost:2/y?z=%2A")).unwrap().unwrap();
        assert_eq!(next.method, Method::GET);
        assert_eq!(next.url, "http://b.localhost:2/y?z=%2A");
        assert!(next.body.is_empty());
        let names: Vec<&str> = next.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["kbn-version", "range"]);
    }

    #[test]
    fn see_other_keeps_head_and_stays_with_its_origin() {
        let call = Call::new(Method::HEAD, "http://a.localhost:1/x").header("authorization", "B");
        let next = next(&call, &see_other("/y")).unwrap().unwrap();
        assert_eq!(next.method, Method::HEAD);
        assert_eq!(next.url, "http://a.localhost:1/y");
        assert_eq!(next.headers.len(), 1);
    }

    #[test]
    fn only_a_303_frees_every_method_of_its_body() {
        use StatusCode as S;
        for (status, method, then) in [
            (S::SEE_OTHER, Method::PUT, Method::GET),
            (S::SEE_OTHER, Method::DELETE, Method::GET),
            (S::FOUND, Method::POST, Method::GET),
            (S::FOUND, Method::PUT, Method::PUT),
            (S::MOVED_PERMANENTLY, Method::POST, Method::GET),
            (S::TEMPORARY_REDIRECT, Method::POST, Method::POST),
            (S::PERMANENT_REDIRECT, Method::DELETE, Method::DELETE),
        ] {
            let call = Call::new(method.clone(), "http://a.localhost:1/x").body("body");
            let next = next(&call, &redirect(status, "/y")).unwrap().unwrap();
            assert_eq!(next.method, then, "{status} {method}");
            assert_eq!(next.body.is_empty(), then == Method::GET, "{status} {method}");
        }
    }

    #[test]
    fn a_redirect_that_no_browser_follows_is_an_error() {
        let call = Call::get("http://a.localhost:1/x");
        for location in ["ftp://a/", "javascript:alert(1)", "data:,x", "http://user:word@a/"] {
            let error = next(&call, &see_other(location)).unwrap_err();
            assert!(matches!(error, NetworkError::Redirect(_)), "{location}: {error}");
        }
        let without = Answer { headers: http::HeaderMap::new(), ..see_other("/") };
        assert!(next(&call, &without).unwrap().is_none());
        let there = next(&call, &see_other("//b.localhost:2/y")).unwrap().unwrap();
        assert_eq!(there.url, "http://b.localhost:2/y");
    }
}
