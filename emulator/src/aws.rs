//! The AWS port: one address for every AWS API, so that `AWS_ENDPOINT_URL` is all a client needs.

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use tower::ServiceExt as _;

use crate::s3::S3;

/// The APIs behind one port. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    lambda: Router,
    s3: S3,
    control: Router,
}

/// Which API a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Control,
    Lambda,
    S3,
}

impl Aws {
    pub(crate) fn new(lambda: Router, s3: S3, control: Router) -> Aws {
        Aws { lambda, s3, control }
    }

    /// Hands a request to the API that it is for.
    pub(crate) async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        match service(request.uri().path()) {
            Service::Control => route(&self.control, request).await,
            Service::Lambda => route(&self.lambda, request).await,
            Service::S3 => self.s3.handle(request).await,
        }
    }
}

async fn route(router: &Router, request: Request<Incoming>) -> Response<Body> {
    match router.clone().oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Lambda's paths begin with the date of their API version, which no bucket's name can look like by accident: a bucket
/// called `2015-03-31` would be hidden, and only below its `functions/`.
fn service(path: &str) -> Service {
    let mut segments = path.trim_start_matches('/').split('/');
    match (segments.next().unwrap_or_default(), segments.next()) {
        ("_hardcap", _) => Service::Control,
        (version, Some("functions" | "account-settings" | "event-source-mappings" | "tags"))
            if is_api_version(version) =>
        {
            Service::Lambda
        }
        _ => Service::S3,
    }
}

fn is_api_version(segment: &str) -> bool {
    segment.len() == 10
        && segment.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_service() {
        for (path, expected) in [
            ("/2015-03-31/functions/echo/invocations", Service::Lambda),
            ("/2021-11-15/functions/echo/response-streaming-invocations", Service::Lambda),
            ("/_hardcap/health", Service::Control),
            ("/", Service::S3),
            ("/bucket/key", Service::S3),
            ("/2015-03-31", Service::S3),
            ("/2015-03-3x/functions/f", Service::S3),
            ("/bucket/_hardcap/health", Service::S3),
        ] {
            assert_eq!(service(path), expected, "{path}");
        }
    }
}
