//! How often somebody may try to log in: counted before a password is looked at, so that many at a time gain nothing.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::store::{EpochSeconds, Outage, Store};

/// How many failures there may be within a window, and how long that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Of one user from one address.
    pub pair: u64,
    /// From one address, whoever it is.
    pub address: u64,
    /// Of one user, from wherever. It is high, for with it a stranger keeps somebody out.
    pub user: u64,
    /// Seconds.
    pub window: u64,
}

/// An attempt that was counted.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Pair, address, user.
    keys: [String; 3],
}

/// Too many attempts: when there may be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Locked(pub(crate) EpochSeconds);

impl Attempt {
    /// Counts an attempt. A name that nobody has counts as any other.
    pub(crate) async fn count(
        store: &dyn Store,
        bounds: Bounds,
        user: &str,
        address: Option<&str>,
        now: EpochSeconds,
    ) -> Result<Result<Attempt, Locked>, Outage> {
        let keys = keys(user, address);
        let [pair, from, by] = &keys;
        let (pair, from, by) = tokio::try_join!(
            store.count(pair, now, bounds.window),
            store.count(from, now, bounds.window),
            store.count(by, now, bounds.window),
        )?;
        let over = [(pair, bounds.pair), (from, bounds.address), (by, bounds.user)];
        let over = over.into_iter().filter(|(attempts, max)| attempts.count > *max);
        match over.map(|(attempts, _)| attempts.ends).max() {
            Some(ends) => Ok(Err(Locked(ends))),
            None => Ok(Ok(Attempt { keys })),
        }
    }

    /// The attempt was none to be afraid of. What others tried at this address or with this name stays counted.
    pub(crate) async fn succeeded(&self, store: &dyn Store) -> Result<(), Outage> {
        let [pair, address, user] = &self.keys;
        tokio::try_join!(store.forgive(pair), store.uncount(address), store.uncount(user))?;
        Ok(())
    }
}

/// Hashes: people type passwords where names belong, and addresses say where somebody was.
fn keys(user: &str, address: Option<&str>) -> [String; 3] {
    let address = network(address.unwrap_or("unknown"));
    let key = |kind: &str, one: &str, other: &str| {
        hex::encode(Sha256::digest(format!("{kind}\0{one}\0{other}")))
    };
    [key("pair", user, &address), key("address", "", &address), key("user", user, "")]
}

/// An address of IPv6 is one of a network that is all one client's.
fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(IpAddr::V6(ip)) => ip.to_canonical().to_string(),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::memory::MemoryStore;

    const BOUNDS: Bounds = Bounds { pair: 2, address: 4, user: 5, window: 100 };

    async fn tries(
        store: &MemoryStore,
        user: &str,
        address: &str,
        now: u64,
    ) -> Result<Attempt, Locked> {
        Attempt::count(store, BOUNDS, user, Some(address), now).await.expect("the store works")
    }

    #[tokio::test]
    async fn a9_a_user_at_an_address_is_locked_until_the_window_ends() {
        let store = MemoryStore::default();
        for now in [10, 20] {
            assert!(tries(&store, "a", "192.0.2.1", now).await.is_ok(), "{now}");
        }
        assert_eq!(tries(&store, "a", "192.0.2.1", 30).await.unwrap_err(), Locked(110));
        assert!(tries(&store, "b", "192.0.2.1", 40).await.is_ok(), "another user");
        assert!(tries(&store, "a", "192.0.2.2", 40).await.is_ok(), "another address");
        assert_eq!(tries(&store, "a", "192.0.2.1", 109).await.unwrap_err(), Locked(110));
        assert!(tries(&store, "a", "192.0.2.1", 110).await.is_ok(), "it is over");
    }

    #[tokio::test]
    async fn a9_an_address_and_a_user_have_bounds_of_their_own() {
        let store = MemoryStore::default();
        for user in ["a", "b", "c", "d"] {
            assert!(tries(&store, user, "192.0.2.1", 0).await.is_ok());
        }
        assert!(tries(&store, "e", "192.0.2.1", 0).await.is_err(), "the address");
        for address in 10..14 {
            assert!(tries(&store, "a", &format!("192.0.2.{address}"), 0).await.is_ok());
        }
        assert!(tries(&store, "a", "192.0.2.99", 0).await.is_err(), "the user");
    }

    #[tokio::test]
    async fn a9_a_success_takes_back_its_own_attempt_and_no_other() {
        let store = MemoryStore::default();
        for user in ["x", "y", "z"] {
            assert!(tries(&store, user, "192.0.2.1", 0).await.is_ok());
        }
        for _ in 0..10 {
            let attempt = tries(&store, "mine", "192.0.2.1", 0).await.expect("never too many");
            attempt.succeeded(&store).await.unwrap();
        }
        assert!(tries(&store, "u", "192.0.2.1", 0).await.is_ok());
        assert!(tries(&store, "v", "192.0.2.1", 0).await.is_err(), "the three still count");
    }

    #[test]
    fn a9_neighbours_in_ipv6_are_one_address() {
        let of = |address| keys("a", Some(address))[1].clone();
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert!(keys("canary", None).iter().all(|key| !key.contains("canary")));
    }
}
