//! The request headers that are sent to the upstream: those that clients of Elasticsearch and OpenSearch, Kibana, Dashboards and
//! browsers need, and those of `UPSTREAM_HEADERS`. All others are dropped, because a server that trusts its proxy may take an
//! identity from a header, and there is no complete list of such headers.

use super::{is_hop_by_hop, is_ours, plain_name};
use crate::glob;

/// Names, and prefixes that end in `*`, in lower case and with `-`.
const ALLOWED: [&str; 61] = [
    // Representations, conditions, caches (RFC 9110 and 9111).
    "accept",
    "accept-charset",
    "accept-language",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "date",
    "digest",
    "content-digest",
    "repr-digest",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "pragma",
    "prefer",
    "range",
    "want-digest",
    "want-repr-digest",
    "warning",
    // The client, without its identity.
    "cookie",
    "dnt",
    "from",
    "origin",
    "referer",
    "save-data",
    "sec-ch-*",
    "sec-fetch-*",
    "sec-gpc",
    "upgrade-insecure-requests",
    "user-agent",
    "x-csrf-token",
    "x-requested-with",
    // Kibana and Dashboards: CSRF protection, versions, internal interfaces, tenants.
    "elastic-api-version",
    "kbn-*",
    "osd-*",
    "securitytenant",
    "security-tenant",
    "x-elastic-internal-origin",
    "x-kbn-context",
    "x-build-date",
    // Clients: names of tasks, telemetry, compatibility.
    "x-elastic-app-auth",
    "x-elastic-client-meta",
    "x-elastic-product-origin",
    "x-elastic-project-routing",
    "x-opaque-id",
    "x-opensearch-product-origin",
    // Traces.
    "b3",
    "baggage",
    "elastic-apm-traceparent",
    "traceparent",
    "tracestate",
    "x-b3-*",
    "x-cloud-trace-context",
    "x-correlation-id",
    "x-request-id",
    "x-trace-id",
];

/// Why a name cannot be forwarded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtraHeaderError {
    /// The name is neither a header name nor a prefix.
    #[error("`{0}` is not a header name, nor a prefix that ends in `*` such as `x-team-*`")]
    NotAName(String),
    /// The proxy sets the header itself.
    #[error(
        "`{0}` is set by the proxy and cannot be forwarded, because it could set the user's identity or change the request"
    )]
    Reserved(String),
}

/// Configured additional headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtraHeaders(Vec<String>);

impl ExtraHeaders {
    /// Reads names, separated by commas or spaces. A `*` at the end matches any rest.
    ///
    /// # Errors
    ///
    /// The first name that is not a header name, or that the proxy sets itself.
    pub fn read(text: &str) -> Result<ExtraHeaders, ExtraHeaderError> {
        let names = text.split([',', ' ', '\n']).filter(|name| !name.is_empty());
        names.map(extra).collect::<Result<_, _>>().map(ExtraHeaders)
    }

    /// Whether a header is sent to the upstream; the name as returned by [`plain_name`].
    pub(super) fn allows(&self, plain: &str) -> bool {
        let known = ALLOWED.iter().copied().chain(self.0.iter().map(String::as_str));
        !is_ours(plain)
            && !is_hop_by_hop(plain)
            && known.into_iter().any(|known| glob::matches(known, plain))
    }
}

fn extra(name: &str) -> Result<String, ExtraHeaderError> {
    let stem = name.strip_suffix('*').unwrap_or(name);
    let plain = plain_name(stem);
    if stem.is_empty()
        || http::HeaderName::from_bytes(stem.as_bytes()).is_err()
        || stem.contains('*')
    {
        return Err(ExtraHeaderError::NotAName(name.to_owned()));
    }
    if is_ours(&plain) || is_hop_by_hop(&plain) {
        return Err(ExtraHeaderError::Reserved(name.to_owned()));
    }
    Ok(plain_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_clients_and_dashboards_are_forwarded() {
        for name in [
            "content-type",
            "kbn-xsrf",
            "kbn-build-number",
            "osd-xsrf",
            "osd-version",
            "x-elastic-client-meta",
            "x-opaque-id",
            "x-elastic-internal-origin",
            "elastic-api-version",
            "securitytenant",
            "traceparent",
            "sec-fetch-site",
        ] {
            assert!(ExtraHeaders::default().allows(name), "{name}");
        }
    }

    #[test]
    fn headers_that_may_set_an_identity_are_dropped() {
        for name in [
            "authorization",
            "es-secondary-authorization",
            "x-client-ip",
            "true-client-ip",
            "cf-connecting-ip",
            "x-original-method",
            "x-pki-user",
            "x-ssl-client-s-dn",
            "ssl-client-cert",
            "proxy",
            "proxy-user",
            "x-forwarded-user",
            "x-amz-security-token",
            "x-never-heard-of",
            "via",
            "kbn",
        ] {
            assert!(!ExtraHeaders::default().allows(name), "{name}");
        }
    }

    #[test]
    fn configured_names_are_forwarded_except_those_that_the_proxy_sets() {
        let extra =
            ExtraHeaders::read("X-Team, x_shop-*\nidempotency-key").expect("they are names");
        for (name, expected) in [
            ("x-team", true),
            ("x-team-a", false),
            ("x-shop-", true),
            ("x-shop-a", true),
            ("idempotency-key", true),
        ] {
            assert_eq!(extra.allows(name), expected, "{name}");
        }
        // A star does not forward headers that the proxy sets.
        assert!(!ExtraHeaders::read("x-*").expect("a prefix").allows("x-forwarded-user"));
        for bad in [
            "*",
            "a*b",
            "a b:c",
            "x-forwarded-user",
            "Authorization",
            "x_amz_date",
            "connection",
            "é",
        ] {
            assert!(ExtraHeaders::read(bad).is_err(), "{bad}");
        }
    }
}
