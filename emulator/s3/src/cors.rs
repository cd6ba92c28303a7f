//! CORS of a bucket: preflights, which are unsigned, and the headers of other responses.

use hardcap_core::config::{BucketCorsRule, CorsRefusal, check_cors_rule_count};
use http::{HeaderMap, HeaderValue, StatusCode, header, request};
use s3s::dto::{CORSConfiguration, CORSRule};

use super::address::Address;
use super::refusal::Refusal;
use super::store::ObjectStore;

/// Answers a preflight.
///
/// # Errors
///
/// If there is no origin, no such bucket, no CORS configuration, or no matching rule.
pub(super) fn preflight(
    store: &ObjectStore,
    address: &Address,
    head: &request::Parts,
) -> Result<HeaderMap, Refusal> {
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::ORIGIN).ok_or_else(Refusal::origin_needed)?;
    let method = text(header::ACCESS_CONTROL_REQUEST_METHOD);
    let refused = |refusal: Refusal, resource: &str| {
        // Without a requested method, errors name the request's own method (recorded 2023-07-31).
        refusal
            .with("Method", method.unwrap_or("OPTIONS"))
            .with("ResourceType", resource.to_owned())
    };
    let Some(bucket) = address.bucket.as_deref().and_then(|name| store.bucket(name).ok()) else {
        return Err(refused(Refusal::cors_no_bucket(), "BUCKET"));
    };
    let settings = bucket.settings();
    let Some(rules) = &settings.cors else {
        return Err(refused(Refusal::cors_not_enabled(), "BUCKET"));
    };
    let requested = text(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    let requested: Vec<&str> =
        requested.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    method
        .and_then(|method| matching(rules, origin, method, &requested))
        .map(|rule| answer(rule, origin, &requested))
        .ok_or_else(|| refused(Refusal::cors_not_allowed(), address.resource_type()))
}

/// The CORS headers of a response; empty if no rule matches.
pub(super) fn actual(store: &ObjectStore, address: &Address, head: &request::Parts) -> HeaderMap {
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let found = || {
        let origin = text(header::ORIGIN)?;
        let bucket = store.bucket(address.bucket.as_deref()?).ok()?;
        let settings = bucket.settings();
        let rule = matching(settings.cors.as_ref()?, origin, head.method.as_str(), &[])?;
        Some(answer(rule, origin, &[]))
    };
    found().unwrap_or_default()
}

/// Whether a rule allows the request of a page. Its preflight, if one is needed, gets the same decision.
pub(super) fn allows(store: &ObjectStore, address: &Address, head: &request::Parts) -> bool {
    !actual(store, address, head).is_empty()
}

/// The first rule that allows the origin, the method and the headers.
fn matching<'a>(
    rules: &'a CORSConfiguration,
    origin: &str,
    method: &str,
    headers: &[&str],
) -> Option<&'a CORSRule> {
    rules.cors_rules.iter().find(|rule| {
        let allowed = rule.allowed_headers.as_deref().unwrap_or_default();
        rule.allowed_origins.iter().any(|pattern| fits(pattern, origin))
            && rule.allowed_methods.iter().any(|allowed| allowed == method)
            && headers.iter().all(|name| {
                let name = name.to_ascii_lowercase();
                allowed.iter().any(|pattern| fits(&pattern.to_ascii_lowercase(), &name))
            })
    })
}

/// Whether a text matches a pattern with at most one `*`.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            text.len() >= before.len() + after.len()
                && text.starts_with(before)
                && text.ends_with(after)
        }
    }
}

fn answer(rule: &CORSRule, origin: &str, requested: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    if rule.allowed_origins.iter().any(|allowed| allowed == "*") {
        put(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    } else {
        put(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        put(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    }
    put(header::ACCESS_CONTROL_ALLOW_METHODS, &rule.allowed_methods.join(", "));
    if !requested.is_empty() {
        let names = requested.join(", ").to_ascii_lowercase();
        put(header::ACCESS_CONTROL_ALLOW_HEADERS, &names);
    }
    if let Some(exposed) = rule.expose_headers.as_deref().filter(|names| !names.is_empty()) {
        put(header::ACCESS_CONTROL_EXPOSE_HEADERS, &exposed.join(", "));
    }
    if let Some(seconds) = rule.max_age_seconds {
        put(header::ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
    }
    put(header::VARY, "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
    headers
}

/// The most characters of the id of a rule (S3 API reference, `CORSRule`).
const ID_MAX: usize = 255;

/// Validates rules before they are stored.
///
/// # Errors
///
/// As [`check_cors_rule_count`] and [`BucketCorsRule::check`]; if an id is too long, whose code is UNCONFIRMED.
pub(super) fn check(rules: &CORSConfiguration) -> Result<(), Refusal> {
    let rules = &rules.cors_rules;
    check_cors_rule_count(rules.len()).map_err(refused)?;
    for rule in rules {
        if rule.id.as_ref().is_some_and(|id| id.chars().count() > ID_MAX) {
            return Err(Refusal::malformed_xml());
        }
        configured(rule).check().map_err(refused)?;
    }
    Ok(())
}

/// A rule as templates have it.
fn configured(rule: &CORSRule) -> BucketCorsRule {
    let list = |names: &Option<Vec<String>>| names.clone().unwrap_or_default();
    BucketCorsRule {
        allowed_origins: rule.allowed_origins.clone(),
        allowed_methods: rule.allowed_methods.clone(),
        allowed_headers: list(&rule.allowed_headers),
        expose_headers: list(&rule.expose_headers),
        max_age_seconds: None,
    }
}

fn refused(refusal: CorsRefusal) -> Refusal {
    match refusal {
        CorsRefusal::Schema(_) => Refusal::malformed_xml(),
        CorsRefusal::Invalid { text, .. } => {
            Refusal::new(StatusCode::BAD_REQUEST, "InvalidRequest", text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_with_one_star_at_any_position() {
        assert!(fits("*", "http://any"));
        assert!(fits("http://*.origin.com", "http://test.origin.com"));
        assert!(!fits("http://*.origin.com", "http://origin.com"));
        assert!(!fits("http://a*a", "http://a"));
        assert!(!fits("https://a.com", "https://a.com:443"));
        assert!(!fits("https://a.com", "https://A.com"));
    }
}
