//! The parts of a request: the function, the query, the body.

use axum::body::Body;
use bytes::Bytes;
use hardcap_limits::{Bytes as ByteCount, Limit};
use http::{HeaderMap, Request};
use serde::de::DeserializeOwned;

use super::answer::{Problem, access_denied, invalid, not_found, over_limit, unreadable};
use super::code::package_length;
use hardcap_core::config::ACCOUNT_ID;
use hardcap_core::context::Context;
use hardcap_core::function_name::{FunctionName, LATEST};
use hardcap_core::percent;
use hardcap_core::serve::{self, ReadError};
use hardcap_lambda::naming;

/// The maximum size of a request without code, in bytes. AWS publishes no number.
const BODY_MAX: usize = 1024 * 1024;

/// The query of any operation.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters {
    pub(super) qualifier: Option<String>,
    pub(super) marker: Option<String>,
    pub(super) max_items: Option<String>,
    pub(super) function_version: Option<String>,
    pub(super) revision_id: Option<String>,
}

impl Parameters {
    /// Parses a query.
    pub(super) fn read(query: &str) -> Parameters {
        let pairs = percent::query_pairs(query, &['&']);
        let find = |wanted: &str| {
            pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
        };
        Parameters {
            qualifier: find("Qualifier"),
            marker: find("Marker"),
            max_items: find("MaxItems"),
            function_version: find("FunctionVersion"),
            revision_id: find("RevisionId"),
        }
    }
}

/// The function that the path and the query name, in this region and account.
///
/// # Errors
///
/// Those of [`naming::named`], and AWS's refusal of a function elsewhere; recorded on 2023-11-20 and 2024-03-27.
pub(super) fn named(
    text: &str,
    qualifier: Option<&str>,
    region: &str,
) -> Result<FunctionName, Problem> {
    let named = naming::named(text, qualifier, region)?;
    if named.region != region {
        let elsewhere = &named.region;
        return Err(not_found(format!(
            "Functions from '{elsewhere}' are not reachable in this region ('{region}')"
        )));
    }
    if named.account != ACCOUNT_ID {
        return Err(access_denied());
    }
    Ok(named)
}

/// The refusal for a missing function, version or alias. Its text has the qualifier if one was given.
pub(super) fn function_not_found(named: &FunctionName) -> Problem {
    let arn = named.arn();
    let arn = match &named.qualifier {
        Some(_) => arn.as_str(),
        None => arn.trim_end_matches(LATEST).trim_end_matches(':'),
    };
    not_found(format!("Function not found: {arn}"))
}

/// Reads a body whose size is limited by a row for the operation.
pub(super) async fn limited_body(
    ctx: &Context,
    headers: &HeaderMap,
    body: Body,
    (limit, operation): (&Limit<ByteCount>, &str),
) -> Result<Bytes, Problem> {
    match serve::read_body(headers, body, limit).await {
        Ok(body) => {
            let _ = ctx.admit(limit, ByteCount::of(&body));
            Ok(body)
        }
        Err(ReadError::TooLarge(exceeded)) => {
            let _ = ctx.admit(limit, ByteCount(exceeded.observed));
            Err(over_limit(&exceeded, &[("operation", operation)]))
        }
        Err(ReadError::CutShort(why) | ReadError::Idle(why)) => Err(invalid(why)),
    }
}

/// Reads a body that contains a package.
///
/// Recorded on 2025-11-25: the package is measured before the request. So reading continues up to a maximum after a request is
/// too large, to find out whether its package is too large as well.
pub(super) async fn body_with_package(
    ctx: &Context,
    headers: &HeaderMap,
    body: Body,
    (limit, operation): (&Limit<ByteCount>, &str),
) -> Result<Bytes, Problem> {
    let read_on = Limit { max: ByteCount(limit.max.0.saturating_mul(2)), ..*limit };
    let (observed, body) = match serve::read_body(headers, body, &read_on).await {
        Ok(body) => (ByteCount::of(&body), body),
        Err(ReadError::TooLarge(exceeded)) => (ByteCount(exceeded.observed), Bytes::new()),
        Err(ReadError::CutShort(why) | ReadError::Idle(why)) => return Err(invalid(why)),
    };
    if observed > limit.max
        && let Some(package) = package_length(&body)
    {
        let admitted = ctx.admit(&ctx.limits.lambda_zip, package);
        admitted.map_err(|exceeded| over_limit(&exceeded, &[]))?;
    }
    let admitted = ctx.admit(limit, observed);
    admitted.map_err(|exceeded| over_limit(&exceeded, &[("operation", operation)]))?;
    Ok(body)
}

/// Reads the small body of an operation as its input. An empty body is an empty object.
pub(super) async fn input<T: DeserializeOwned>(request: Request<Body>) -> Result<T, Problem> {
    let body = serve::read_at_most(request.into_body(), BODY_MAX).await;
    let body = body.ok_or_else(|| {
        invalid(format!("the request is cut short, or has more than {BODY_MAX} bytes"))
    })?;
    let body = if body.is_empty() { b"{}".as_slice() } else { &body };
    serde_json::from_slice(body).map_err(|error| unreadable(&error))
}
