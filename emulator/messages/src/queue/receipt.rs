//! Receipt handles: they name a message of a queue and one receipt of it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

/// The first bytes of a handle: in base64 `AQEB`, as on AWS.
const START: [u8; 3] = [1, 1, 1];

/// What a handle names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    /// The place of the message in its queue.
    pub(super) place: u64,
    /// The receipt.
    pub(super) nonce: u64,
}

impl Receipt {
    /// The handle for a message of the queue `queue`.
    pub(super) fn handle(self, queue: &str) -> String {
        let mut bytes = START.to_vec();
        bytes.extend(digest(queue));
        bytes.extend(self.place.to_be_bytes());
        bytes.extend(self.nonce.to_be_bytes());
        BASE64_STANDARD.encode(bytes)
    }

    /// What a handle names. `None` if it is not a handle of this queue.
    pub(super) fn parse(handle: &str, queue: &str) -> Option<Receipt> {
        let bytes = BASE64_STANDARD.decode(handle).ok()?;
        let rest = bytes.strip_prefix(&START)?.strip_prefix(&digest(queue))?;
        let (place, nonce) = rest.split_at_checked(8)?;
        Some(Receipt {
            place: u64::from_be_bytes(place.try_into().ok()?),
            nonce: u64::from_be_bytes(nonce.try_into().ok()?),
        })
    }
}

fn digest(queue: &str) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(queue).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_names_its_message_in_its_own_queue_only() {
        let receipt = Receipt { place: 7, nonce: u64::MAX };
        let handle = receipt.handle("q");
        assert!(handle.starts_with("AQEB"), "{handle}");
        assert_eq!(Receipt::parse(&handle, "q"), Some(receipt));
        assert_eq!(Receipt::parse(&handle, "r"), None);
        for other in ["", "garbage", "AQEB", &handle[4..], &format!("{handle}AAAA")] {
            assert_eq!(Receipt::parse(other, "q"), None, "{other}");
        }
    }
}
