//! Identifiers in AWS's formats, derived from names so that they are the same in every run.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use sha2::{Digest as _, Sha256};

const LOWER_AND_DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// The id of a function URL: 32 letters and digits.
pub(crate) fn url_id(logical_id: &str) -> String {
    letters(&["url", logical_id], 32)
}

/// The id of a resource: six letters and digits, such as `g76y15`.
pub(crate) fn resource_id(logical_id: &str, path: &str) -> String {
    letters(&["resource", logical_id, path], 6)
}

/// The id of a deployment: six letters and digits.
pub(crate) fn deployment_id(logical_id: &str, stage: &str) -> String {
    letters(&["deployment", logical_id, stage], 6)
}

/// The id in `x-amz-apigw-id` and `Apigw-Requestid`: 16 characters, such as `JCIudEUfPHcEhog=`, derived from the request id.
pub(crate) fn extended_request_id(request_id: &str) -> String {
    URL_SAFE.encode(&Sha256::digest(request_id)[..11])
}

fn letters(of: &[&str], length: usize) -> String {
    let mut digest = Sha256::new();
    for part in of {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    let digest = digest.finalize();
    let letter = |byte: &u8| char::from(LOWER_AND_DIGITS[usize::from(*byte) % 36]);
    digest.iter().take(length).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_lengths_of_aws_ids() {
        assert_eq!(url_id("FunctionUrl").len(), 32);
        assert_eq!(resource_id("Api", "/{proxy+}").len(), 6);
        let extended = extended_request_id("4acd49e9-9210-4d04-8e04-0f26a4e92537");
        assert_eq!(extended.len(), 16, "{extended}");
        assert!(extended.ends_with('='), "{extended}");
    }

    #[test]
    fn ids_are_stable_and_differ_by_name() {
        assert_eq!(url_id("Url"), url_id("Url"));
        assert_ne!(url_id("Url"), url_id("Other"));
    }
}
