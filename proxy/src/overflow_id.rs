//! Ids of stored responses, which only the owner of a response can use.
//!
//! An id is the last part of the object's key with a mark inserted: a digest of the owner and the UUID. The mark is not a secret
//! and proves nothing by itself. It is also metadata of the object. A link is given only if the id, the object and the user
//! agree. The id alone decides only between two refusals: "gone" and "unknown".

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The length of the mark, in hexadecimal digits of the digest.
const MARK: usize = 32;
/// The length of a UUID with its hyphens.
const UUID: usize = 36;

/// A stored response as its owner names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverflowId {
    /// The key of the object.
    pub key: String,
    /// The mark of the owner, which the object's metadata must contain.
    pub mark: String,
}

impl OverflowId {
    /// The id of a new key for an owner; `None` if the key does not come from [`crate::key::new_key`].
    #[must_use]
    pub fn of_key(key: &str, owner: &str) -> Option<OverflowId> {
        let name = key.rsplit('/').next()?;
        let mark = mark(owner, parse(name.get(..UUID)?)?);
        Some(OverflowId { key: key.to_owned(), mark })
    }

    /// Reads an id that an owner sent; `None` if it is not an id of this owner.
    #[must_use]
    pub fn of_id(prefix: &str, id: &str, owner: &str) -> Option<OverflowId> {
        let uuid = id.get(..UUID)?;
        let mark = mark(owner, parse(uuid)?);
        let suffix = id.get(UUID..)?.strip_prefix('-')?.strip_prefix(&mark)?;
        let plain = match suffix.strip_prefix('.') {
            Some(suffix) => suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            None => suffix.is_empty(),
        };
        plain.then(|| OverflowId { key: format!("{prefix}/{uuid}{suffix}"), mark })
    }

    /// The id, as it is part of a URL.
    #[must_use]
    pub fn id(&self) -> String {
        let name = self.key.rsplit('/').next().unwrap_or_default();
        let (uuid, suffix) = name.split_at(UUID.min(name.len()));
        format!("{uuid}-{}{suffix}", self.mark)
    }
}

/// A UUID in the one spelling that keys use.
fn parse(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|uuid| uuid.to_string() == text)
}

fn mark(owner: &str, uuid: Uuid) -> String {
    let digest = Sha256::new().chain_update(uuid.as_bytes()).chain_update(owner).finalize();
    let mut mark = hex::encode(digest);
    mark.truncate(MARK);
    mark
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::new_key;

    #[test]
    fn an_id_gives_the_key_to_its_owner_only() {
        for path in ["/report.csv", "/_search"] {
            let key = new_key("overflow", path);
            let overflow_id = OverflowId::of_key(&key, "alice").expect("the key has a UUID");
            assert_eq!(overflow_id.key, key);
            let id = overflow_id.id();
            assert_eq!(OverflowId::of_id("overflow", &id, "alice"), Some(overflow_id));
            assert_eq!(OverflowId::of_id("overflow", &id, "bob"), None, "{id}");
        }
    }

    #[test]
    fn a_text_that_is_not_an_id_is_refused() {
        let key = new_key("overflow", "/a.csv");
        let id = OverflowId::of_key(&key, "alice").expect("the key has a UUID").id();
        let upper = id.to_ascii_uppercase();
        let slash = format!("{id}/x");
        let dots = id.replace(".csv", ".c.sv");
        let bare = id.replace('-', "");
        for wrong in ["", "1", "..", &id[..UUID], &id[..60], &upper, &slash, &dots, &bare] {
            assert_eq!(OverflowId::of_id("overflow", wrong, "alice"), None, "{wrong}");
        }
        assert_eq!(OverflowId::of_key("overflow/1", "alice"), None);
    }

    proptest! {
        #[test]
        fn every_id_stays_below_the_prefix_without_a_panic(id in ".{0,100}", owner in ".*") {
            if let Some(overflow_id) = OverflowId::of_id("overflow", &id, &owner) {
                prop_assert!(!overflow_id.key["overflow/".len()..].contains('/'));
            }
        }
    }
}
