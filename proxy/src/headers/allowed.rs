//! Which headers of a request go upstream: those that clients of Elasticsearch and OpenSearch, Kibana, Dashboards and browsers are
//! known to need, and those of `UPSTREAM_HEADERS`. Everything else stays here, for a header may say who somebody is to a
//! server that trusts its proxy, and nobody knows the names of all of these.

use super::{is_hop_by_hop, is_ours, plain_name};
use crate::glob;

/// Names, and prefixes with `*` at the end, in lower case and with `-`.
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
    // Who asks, as far as it is not about rights.
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
    // Kibana and Dashboards: protection against other sites, versions, internal interfaces, tenants.
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

/// Further headers that go upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra(Vec<String>);

impl Extra {
    /// Reads names that are separated by commas or spaces; `*` at the end stands for any rest.
    ///
    /// # Errors
    ///
    /// A sentence about the first that is not a name, or is one that this proxy decides.
    pub fn read(text: &str) -> Result<Extra, String> {
        let names = text.split([',', ' ', '\n']).filter(|name| !name.is_empty());
        names.map(extra).collect::<Result<_, _>>().map(Extra)
    }

    /// Whether a header goes upstream; its name as [`plain_name`] has it.
    pub(super) fn allows(&self, plain: &str) -> bool {
        let known = ALLOWED.iter().copied().chain(self.0.iter().map(String::as_str));
        !is_ours(plain)
            && !is_hop_by_hop(plain)
            && known.into_iter().any(|known| glob::matches(known, plain))
    }
}

fn extra(name: &str) -> Result<String, String> {
    let stem = name.strip_suffix('*').unwrap_or(name);
    let plain = plain_name(stem);
    if stem.is_empty()
        || http::HeaderName::from_bytes(stem.as_bytes()).is_err()
        || stem.contains('*')
    {
        return Err(format!(
            "`{name}` is not the name of a header, nor one with `*` at its end such as `x-team-*`"
        ));
    }
    if is_ours(&plain) || is_hop_by_hop(&plain) {
        return Err(format!(
            "`{name}` is decided by this proxy and cannot be let through: it could say who somebody is, or what is asked"
        ));
    }
    Ok(plain_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_and_dashboards_need_goes_upstream() {
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
            assert!(Extra::default().allows(name), "{name}");
        }
    }

    #[test]
    fn what_may_say_who_somebody_is_does_not() {
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
            assert!(!Extra::default().allows(name), "{name}");
        }
    }

    #[test]
    fn further_names_are_configured_and_none_of_ours_is() {
        let extra = Extra::read("X-Team, x_shop-*\nidempotency-key").expect("they are names");
        for (name, expected) in [
            ("x-team", true),
            ("x-team-a", false),
            ("x-shop-", true),
            ("x-shop-a", true),
            ("idempotency-key", true),
        ] {
            assert_eq!(extra.allows(name), expected, "{name}");
        }
        // A star lets nothing through that this proxy decides.
        assert!(!Extra::read("x-*").expect("a prefix").allows("x-forwarded-user"));
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
            assert!(Extra::read(bad).is_err(), "{bad}");
        }
    }
}
