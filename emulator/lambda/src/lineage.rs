//! The lineage in a trace header: how often a chain of requests has passed each function. Pure.
//!
//! AWS documents that the header contains the lineage, but not its format. `Lineage=1:6e5eb7d9:0` was recorded (2025-04-14).
//! UNCONFIRMED: the fields are a version, a hash and a count of earlier passes, and a chain through several functions separates
//! them with `|`.

use sha2::{Digest as _, Sha256};

const FIELD: &str = "Lineage=";
const VERSION: &str = "1";
/// The maximum number of functions in a lineage, which keeps the header small. The oldest are dropped.
const FUNCTIONS_MAX: usize = 32;

/// The number of invocations of a function in the chain of a trace header, including the requested one.
pub(super) fn invocations(trace: &str, arn: &str) -> u64 {
    let hash = hash(arn);
    let earlier = entries(trace).find(|(of, _)| *of == hash);
    earlier.map_or(1, |(_, count)| count.saturating_add(2))
}

/// The trace header for a function: the invoker's, with this invocation added to its lineage.
pub(super) fn extended(trace: &str, arn: &str) -> String {
    let own = hash(arn);
    let passes = invocations(trace, arn) - 1;
    let mut lineage: Vec<(&str, u64)> = entries(trace).filter(|(of, _)| *of != own).collect();
    let forgotten = (lineage.len() + 1).saturating_sub(FUNCTIONS_MAX);
    lineage.drain(..forgotten);
    lineage.push((&own, passes));
    let lineage: Vec<String> =
        lineage.iter().map(|(hash, count)| format!("{VERSION}:{hash}:{count}")).collect();
    let mut fields: Vec<&str> =
        trace.split(';').filter(|field| !field.is_empty() && !is_lineage(field)).collect();
    let lineage = format!("{FIELD}{}", lineage.join("|"));
    fields.push(&lineage);
    fields.join(";")
}

/// Hash and count of each function. Invalid parts are omitted, because any client can send a header.
fn entries(trace: &str) -> impl Iterator<Item = (&str, u64)> {
    let lineage = trace.split(';').find(|field| is_lineage(field)).unwrap_or_default();
    let lineage = lineage.trim().strip_prefix(FIELD).unwrap_or_default();
    lineage.split('|').filter_map(|entry| {
        let (before, count) = entry.rsplit_once(':')?;
        let hash = before.rsplit(':').next()?;
        let is_hash = hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then_some((hash, count.parse().ok()?))
    })
}

fn is_lineage(field: &str) -> bool {
    field.trim_start().starts_with(FIELD)
}

fn hash(arn: &str) -> String {
    hex::encode(&Sha256::digest(arn)[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:loop";
    const OTHER: &str = "arn:aws:lambda:us-east-1:000000000000:function:other";
    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";

    #[test]
    fn a_header_without_a_lineage_is_the_first_pass() {
        assert_eq!(invocations(ROOT, ARN), 1);
        let extended = extended(ROOT, ARN);
        let hash = hash(ARN);
        assert_eq!(extended, format!("{ROOT};Lineage=1:{hash}:0"));
    }

    #[test]
    fn each_function_counts_its_own_passes() {
        let mut trace = ROOT.to_owned();
        for pass in 1..=16 {
            assert_eq!(invocations(&trace, ARN), pass);
            trace = extended(&trace, ARN);
            trace = extended(&trace, OTHER);
        }
        assert_eq!(invocations(&trace, ARN), 17);
        assert!(trace.starts_with(ROOT) && trace.matches("Lineage=").count() == 1, "{trace}");
    }

    #[test]
    fn the_lineage_of_a_gateway_is_kept() {
        let trace = format!("{ROOT};Lineage=1:6e5eb7d9:0");
        assert!(extended(&trace, ARN).contains("Lineage=1:6e5eb7d9:0|1:"));
    }

    #[test]
    fn an_invalid_header_is_ignored() {
        for lineage in
            ["", ":", "|||", "1:zz:1", "1:00000000:-1", "1:00000000:99999999999999999999", "x"]
        {
            let trace = format!("{ROOT};Lineage={lineage}");
            assert_eq!(invocations(&trace, ARN), 1, "{lineage}");
        }
        let most = format!("Lineage=1:{}:{}", hash(ARN), u64::MAX);
        assert_eq!(invocations(&most, ARN), u64::MAX);
        let _ = extended(&most, ARN);
    }

    #[test]
    fn the_header_stays_small() {
        let mut trace = ROOT.to_owned();
        for function in 0..1000 {
            trace = extended(&trace, &format!("{ARN}{function}"));
        }
        assert!(trace.len() < 600, "{}", trace.len());
    }
}
