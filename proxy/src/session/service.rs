//! Sessions: creation, lookup and end.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dynamo::DynamoStore;
use super::store::{EpochSeconds, SessionRecord, SessionStore, SessionStoreError};
use super::{
    Identify, Identity, Passwords, SessionData, SessionSettings, SessionTicket, SessionsConfig,
    User,
};
use crate::clock::{Clock, SystemClock};
use crate::cookie::Cookie;
use crate::event::Request;

/// The maximum number of cached sessions. With more, the table is read more often.
const KNOWN_MAX: usize = 1_000;

/// The current state of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The user.
    pub user: User,
    /// The time of the login.
    pub since: EpochSeconds,
    /// The end of its maximum lifetime.
    pub ends: EpochSeconds,
    /// The time at which the session ends if it is not used.
    pub idle_ends: EpochSeconds,
}

/// A cached session.
#[derive(Clone, Debug)]
struct CachedSession {
    user: User,
    since: EpochSeconds,
    /// The time at which the table was read.
    asked: EpochSeconds,
}

/// All sessions.
pub struct Sessions {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) identify: Arc<dyn Identify>,
    clock: Arc<dyn Clock>,
    pub(crate) settings: SessionSettings,
    known: Mutex<HashMap<[u8; 32], CachedSession>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Sessions {
    /// Sessions of users with passwords in a store.
    #[must_use]
    pub fn new(
        store: Arc<dyn SessionStore>,
        settings: SessionSettings,
        clock: Arc<dyn Clock>,
    ) -> Sessions {
        let identify = Arc::new(Passwords::new(Arc::clone(&store)));
        Sessions { store, identify, clock, settings, known: Mutex::default() }
    }

    /// Sessions as configured.
    pub(crate) async fn of(config: &SessionsConfig, region: &str) -> Sessions {
        let store = Arc::new(DynamoStore::of(&config.table, region).await);
        Sessions::new(store, config.settings.clone(), Arc::new(SystemClock))
    }

    pub(crate) fn now(&self) -> EpochSeconds {
        self.clock.now() / 1000
    }

    /// The ticket of a request.
    pub(crate) fn ticket(&self, request: &Request) -> Option<SessionTicket> {
        SessionTicket::read(self.settings.cookies.value(request, Cookie::Session)?)
    }

    /// The session of a request; `None` if there is none, or if it has ended.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError`] if the table must be read and is unavailable. Then it is unknown whether the session exists.
    pub async fn find(&self, request: &Request) -> Result<Option<Session>, SessionStoreError> {
        let Some(ticket) = self.ticket(request) else {
            return Ok(None);
        };
        let now = self.now();
        let fingerprint = ticket.fingerprint();
        let fresh = self.known().get(&fingerprint).cloned().filter(|known| {
            (known.asked..known.asked + self.settings.recheck.as_secs()).contains(&now)
        });
        if let Some(known) = fresh {
            return Ok(self.session(known, now));
        }
        self.known().remove(&fingerprint);
        let Some(known) = self.ask(&ticket, now).await? else {
            return Ok(None);
        };
        self.remember(fingerprint, known.clone(), now);
        Ok(self.session(known, now))
    }

    /// Reads the session of a ticket from the table and records its use.
    async fn ask(
        &self,
        ticket: &SessionTicket,
        now: EpochSeconds,
    ) -> Result<Option<CachedSession>, SessionStoreError> {
        let key = ticket.key();
        let Some(kept) = self.store.session(&key).await? else {
            return Ok(None);
        };
        let Some(sealed) = ticket.open(&kept.sealed) else {
            return Ok(None);
        };
        let idle = now >= kept.seen.saturating_add(self.settings.idle.as_secs());
        let known = |role| CachedSession {
            user: User { name: sealed.user.clone(), role },
            since: sealed.since,
            asked: now,
        };
        if idle || now >= self.ends(sealed.since) {
            return Ok(None);
        }
        let Some(role) = self.identify.still(&sealed).await? else {
            return Ok(None);
        };
        let alive = self.store.touch(&key, now).await?;
        Ok(alive.then(|| known(role)))
    }

    /// Begins a session and ends the one before it: a ticket from before the login, set by anyone, is not valid after it.
    pub(crate) async fn begin(
        &self,
        identity: Identity,
        before: Option<SessionTicket>,
    ) -> Result<(SessionTicket, Session), SessionStoreError> {
        let now = self.now();
        let ticket = SessionTicket::new();
        let Identity { user, stamp } = identity;
        let sealed = ticket.seal(&SessionData { user: user.name.clone(), stamp, since: now });
        let kept = SessionRecord { sealed, seen: now, forget: self.ends(now) };
        self.store.keep(&ticket.key(), kept).await?;
        if let Some(before) = before {
            self.end(&before).await?;
        }
        let known = CachedSession { user, since: now, asked: now };
        self.remember(ticket.fingerprint(), known.clone(), now);
        let session = self.session_at(known, now);
        Ok((ticket, session))
    }

    /// Ends a session, in the table and in the cache.
    pub(crate) async fn end(&self, ticket: &SessionTicket) -> Result<(), SessionStoreError> {
        self.known().remove(&ticket.fingerprint());
        self.store.revoke(&ticket.key()).await
    }

    fn ends(&self, since: EpochSeconds) -> EpochSeconds {
        since.saturating_add(self.settings.lifetime.as_secs())
    }

    fn session(&self, known: CachedSession, now: EpochSeconds) -> Option<Session> {
        (now < self.ends(known.since)).then(|| self.session_at(known, now))
    }

    fn session_at(&self, known: CachedSession, now: EpochSeconds) -> Session {
        let ends = self.ends(known.since);
        let idle_ends = now.saturating_add(self.settings.idle.as_secs()).min(ends);
        Session { user: known.user, since: known.since, ends, idle_ends }
    }

    fn remember(&self, fingerprint: [u8; 32], known: CachedSession, now: EpochSeconds) {
        let mut all = self.known();
        if all.len() >= KNOWN_MAX {
            let oldest = now.saturating_sub(self.settings.recheck.as_secs());
            all.retain(|_, known| known.asked > oldest);
        }
        if all.len() >= KNOWN_MAX {
            all.clear();
        }
        all.insert(fingerprint, known);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 32], CachedSession>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
