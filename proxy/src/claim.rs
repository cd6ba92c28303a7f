//! The ids under which stored answers are asked for again, by their owners alone.
//!
//! An id is the last part of the key with a mark in it, a digest of the owner and the UUID. The mark is no secret and
//! proves nothing by itself: it stands at the object as well, and only where the id, the object and the one who asks agree is
//! there a link. What the id alone decides is which refusal is told: an answer that is gone, or one that never was.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// How much of the digest is the mark, in characters of hex.
const MARK: usize = 32;
/// The length of a UUID with its hyphens.
const UUID: usize = 36;

/// A stored answer as its owner names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The key of the object.
    pub key: String,
    /// What the object has to say of its owner.
    pub mark: String,
}

impl Claim {
    /// The claim of an owner on the key that was made for them; `None` for a key of another make.
    #[must_use]
    pub fn of_key(key: &str, owner: &str) -> Option<Claim> {
        let name = key.rsplit('/').next()?;
        let mark = mark(owner, parse(name.get(..UUID)?)?);
        Some(Claim { key: key.to_owned(), mark })
    }

    /// The claim that an owner makes with an id; `None` when it is not an id of theirs.
    #[must_use]
    pub fn of_id(prefix: &str, id: &str, owner: &str) -> Option<Claim> {
        let uuid = id.get(..UUID)?;
        let mark = mark(owner, parse(uuid)?);
        let suffix = id.get(UUID..)?.strip_prefix('-')?.strip_prefix(&mark)?;
        let plain = match suffix.strip_prefix('.') {
            Some(suffix) => suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            None => suffix.is_empty(),
        };
        plain.then(|| Claim { key: format!("{prefix}/{uuid}{suffix}"), mark })
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> String {
        let name = self.key.rsplit('/').next().unwrap_or_default();
        let (uuid, suffix) = name.split_at(UUID.min(name.len()));
        format!("{uuid}-{}{suffix}", self.mark)
    }
}

/// A UUID in the only spelling that keys have.
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
    fn an_id_leads_its_owner_to_the_key_and_nobody_else() {
        for path in ["/report.csv", "/_search"] {
            let key = new_key("overflow", path);
            let claim = Claim::of_key(&key, "alice").expect("the key is one of ours");
            assert_eq!(claim.key, key);
            let id = claim.id();
            assert_eq!(Claim::of_id("overflow", &id, "alice"), Some(claim));
            assert_eq!(Claim::of_id("overflow", &id, "bob"), None, "{id}");
        }
    }

    #[test]
    fn whatever_is_no_id_claims_nothing() {
        let key = new_key("overflow", "/a.csv");
        let id = Claim::of_key(&key, "alice").expect("the key is one of ours").id();
        let upper = id.to_ascii_uppercase();
        let slash = format!("{id}/x");
        let dots = id.replace(".csv", ".c.sv");
        let bare = id.replace('-', "");
        for wrong in ["", "1", "..", &id[..UUID], &id[..60], &upper, &slash, &dots, &bare] {
            assert_eq!(Claim::of_id("overflow", wrong, "alice"), None, "{wrong}");
        }
        assert_eq!(Claim::of_key("overflow/1", "alice"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_id_leaves_the_prefix(id in ".{0,100}", owner in ".*") {
            if let Some(claim) = Claim::of_id("overflow", &id, &owner) {
                prop_assert!(!claim.key["overflow/".len()..].contains('/'));
            }
        }
    }
}
