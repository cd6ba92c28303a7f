//! The lineage in a trace header: how often a chain of requests has passed each function. Pure.
//!
//! AWS documents that the header contains the lineage, but not its format. `Lineage=1:6e5eb7d9:0` was recorded (2025-04-14).
//! UNCONFIRMED: the fields are a version, a hash and a count of earlier passes, and a chain through several functions separates
//! them with `|`.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

const FIELD: &str = "Lineage=";
const VERSION: &str = "1";
const HASH_BYTES: usize = 8;
/// The maximum number of functions in a lineage, which keeps the header small. The oldest are dropped.
const FUNCTIONS_MAX: usize = 32;

/// A function in a lineage: the start of the hash of its ARN, in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed([u8; HASH_BYTES]);

impl Passed {
    /// The function with this ARN.
    pub(super) fn function(arn: &str) -> Passed {
        let mut hash = [0; HASH_BYTES];
        // The lengths match, so this cannot fail.
        let _ = hex::encode_to_slice(&Sha256::digest(arn)[..HASH_BYTES / 2], &mut hash);
        Passed(hash)
    }

    fn is(self, hash: &str) -> bool {
        self.0 == hash.as_bytes()
    }
}

impl std::fmt::Display for Passed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

/// The number of invocations of a function in the chain of a trace header, including the requested one.
pub(super) fn invocations(trace: &str, function: Passed) -> u64 {
    let earlier = entries(trace).find(|(of, _)| function.is(of));
    earlier.map_or(1, |(_, count)| count.saturating_add(2))
}

/// The trace header for a function: the invoker's, with this invocation added to its lineage.
pub(super) fn extended(trace: &str, function: Passed) -> String {
    let known: Vec<(&str, u64)> = entries(trace).collect();
    let earlier = known.iter().find(|(of, _)| function.is(of));
    let passes = earlier.map_or(0, |(_, count)| count.saturating_add(1));
    let others = || known.iter().filter(|(of, _)| !function.is(of));
    let forgotten = (others().count() + 1).saturating_sub(FUNCTIONS_MAX);
    let mut extended = String::with_capacity(trace.len() + FIELD.len() + 2 * HASH_BYTES);
    for field in trace.split(';').filter(|field| !field.is_empty() && !is_lineage(field)) {
        extended.push_str(field);
        extended.push(';');
    }
    extended.push_str(FIELD);
    // Writing to a text cannot fail.
    for (hash, count) in others().skip(forgotten) {
        let _ = write!(extended, "{VERSION}:{hash}:{count}|");
    }
    let _ = write!(extended, "{VERSION}:{function}:{passes}");
    extended
}

/// Hash and count of each function. Invalid parts are omitted, because any client can send a header. boto3 quotes the separator
/// (`add_recursion_detection_header` of botocore 1.44).
fn entries(trace: &str) -> impl Iterator<Item = (&str, u64)> {
    let lineage = trace.split(';').find(|field| is_lineage(field)).unwrap_or_default();
    let lineage = lineage.trim().strip_prefix(FIELD).unwrap_or_default();
    lineage.split('|').flat_map(|part| part.split("%7C")).filter_map(|entry| {
        let (before, count) = entry.rsplit_once(':')?;
        let hash = before.rsplit(':').next()?;
        let is_hash = hash.len() == HASH_BYTES && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then_some((hash, count.parse().ok()?))
    })
}

fn is_lineage(field: &str) -> bool {
    field.trim_start().starts_with(FIELD)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:loop";
    const OTHER: &str = "arn:aws:lambda:us-east-1:000000000000:function:other";
    fn invocations(trace: &str, arn: &str) -> u64 {
        super::invocations(trace, Passed::function(arn))
    }

    fn extended(trace: &str, arn: &str) -> String {
        super::extended(trace, Passed::function(arn))
    }

    #[test]
    fn a_separator_that_boto3_has_quoted_separates_as_well() {
        let trace = extended(&extended(&extended(ROOT, ARN), OTHER), ARN);
        let quoted = extended(&trace, OTHER).replace('|', "%7C");
        assert_eq!((invocations(&quoted, ARN), invocations(&quoted, OTHER)), (3, 3));
        assert_eq!(extended(&quoted, ARN), extended(&quoted.replace("%7C", "|"), ARN));
    }

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";

    #[test]
    fn a_header_without_a_lineage_is_the_first_pass() {
        assert_eq!(invocations(ROOT, ARN), 1);
        let extended = extended(ROOT, ARN);
        let hash = Passed::function(ARN);
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
        let most = format!("Lineage=1:{}:{}", Passed::function(ARN), u64::MAX);
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
