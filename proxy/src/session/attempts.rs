//! Login attempts, counted before the password is verified, so that parallel attempts gain nothing.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::store::{EpochSeconds, SessionStore, SessionStoreError};

/// The limits of failed logins within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginLimits {
    /// Failures of one user from one address.
    pub pair: u64,
    /// Failures from one address.
    pub address: u64,
    /// Failures of one user from any address. It is high, because other people can use it to lock the user out.
    pub user: u64,
    /// The window, in seconds.
    pub window: u64,
}

/// A counted attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Pair, address, user.
    keys: [String; 3],
}

/// Too many attempts; the time of the next allowed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Locked(pub(crate) EpochSeconds);

impl Attempt {
    /// Counts an attempt. An unknown user counts like a known one.
    pub(crate) async fn count(
        store: &dyn SessionStore,
        bounds: LoginLimits,
        user: &str,
        address: Option<&str>,
        now: EpochSeconds,
    ) -> Result<Result<Attempt, Locked>, SessionStoreError> {
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

    /// Removes a successful attempt from the counts. Attempts of others at this address or with this name remain.
    pub(crate) async fn succeeded(
        &self,
        store: &dyn SessionStore,
    ) -> Result<(), SessionStoreError> {
        let [pair, address, user] = &self.keys;
        tokio::try_join!(store.forgive(pair), store.uncount(address), store.uncount(user))?;
        Ok(())
    }
}

/// The keys are hashes, because users type passwords into the name field, and addresses are personal data.
fn keys(user: &str, address: Option<&str>) -> [String; 3] {
    let address = network(address.unwrap_or("unknown"));
    let key = |kind: &str, one: &str, other: &str| {
        hex::encode(Sha256::digest(format!("{kind}\0{one}\0{other}")))
    };
    [key("pair", user, &address), key("address", "", &address), key("user", user, "")]
}

/// The address, or the /64 network of an IPv6 address, which belongs to one client.
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

    const BOUNDS: LoginLimits = LoginLimits { pair: 2, address: 4, user: 5, window: 100 };

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
    async fn a9_an_address_and_a_user_have_separate_limits() {
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
    async fn a9_a_successful_login_removes_only_its_own_attempt() {
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
    fn a9_ipv6_addresses_of_one_network_count_as_one() {
        let of = |address| keys("a", Some(address))[1].clone();
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert!(keys("canary", None).iter().all(|key| !key.contains("canary")));
    }
}
