//! Sessions: begun, found again, ended.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dynamo::DynamoStore;
use super::store::{EpochSeconds, Kept, Outage, Store};
use super::{Identify, Identity, Passwords, Sealed, SessionsConfig, Settings, Ticket, User};
use crate::clock::{Clock, SystemClock};
use crate::cookie::Cookie;
use crate::event::Request;

/// How many sessions are remembered; with more, the table is asked more often.
const KNOWN_MAX: usize = 1_000;

/// Somebody's session, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub user: User,
    /// When the login was.
    pub since: EpochSeconds,
    /// When it ends, whatever happens.
    pub ends: EpochSeconds,
    /// When it ends unless it is used.
    pub idle_ends: EpochSeconds,
}

/// What the table said of a session.
#[derive(Clone, Debug)]
struct Known {
    user: User,
    since: EpochSeconds,
    /// When the table was asked.
    asked: EpochSeconds,
}

/// All sessions.
pub struct Sessions {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) identify: Arc<dyn Identify>,
    clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    known: Mutex<HashMap<[u8; 32], Known>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Sessions {
    /// Sessions of people with passwords in a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, settings: Settings, clock: Arc<dyn Clock>) -> Sessions {
        let identify = Arc::new(Passwords::new(Arc::clone(&store)));
        Sessions { store, identify, clock, settings, known: Mutex::default() }
    }

    /// Sessions where a configuration says they are.
    pub(crate) async fn of(config: &SessionsConfig, region: &str) -> Sessions {
        let store = Arc::new(DynamoStore::of(&config.table, region).await);
        Sessions::new(store, config.settings.clone(), Arc::new(SystemClock))
    }

    pub(crate) fn now(&self) -> EpochSeconds {
        self.clock.now() / 1000
    }

    /// The ticket that a request brings.
    pub(crate) fn ticket(&self, request: &Request) -> Option<Ticket> {
        Ticket::read(self.settings.cookies.value(request, Cookie::Session)?)
    }

    /// The session of a request; `None` when there is none, or none any more.
    ///
    /// # Errors
    ///
    /// [`Outage`] when the table would have to be asked and does not answer: then it is not known.
    pub async fn find(&self, request: &Request) -> Result<Option<Session>, Outage> {
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

    /// What the table says of a ticket, and that it is used.
    async fn ask(&self, ticket: &Ticket, now: EpochSeconds) -> Result<Option<Known>, Outage> {
        let key = ticket.key();
        let Some(kept) = self.store.session(&key).await? else {
            return Ok(None);
        };
        let Some(sealed) = ticket.open(&kept.sealed) else {
            return Ok(None);
        };
        let idle = now >= kept.seen.saturating_add(self.settings.idle.as_secs());
        let known = |role| Known {
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

    /// Begins a session. What was logged in before with this browser ends: a ticket that was there before a login, whoever
    /// put it there, is never good after it.
    pub(crate) async fn begin(
        &self,
        identity: Identity,
        before: Option<Ticket>,
    ) -> Result<(Ticket, Session), Outage> {
        let now = self.now();
        let ticket = Ticket::new();
        let Identity { user, stamp } = identity;
        let sealed = ticket.seal(&Sealed { user: user.name.clone(), stamp, since: now });
        let kept = Kept { sealed, seen: now, forget: self.ends(now) };
        self.store.keep(&ticket.key(), kept).await?;
        if let Some(before) = before {
            self.end(&before).await?;
        }
        let known = Known { user, since: now, asked: now };
        self.remember(ticket.fingerprint(), known.clone(), now);
        let session = self.session_at(known, now);
        Ok((ticket, session))
    }

    /// Ends a session, in the table and here.
    pub(crate) async fn end(&self, ticket: &Ticket) -> Result<(), Outage> {
        self.known().remove(&ticket.fingerprint());
        self.store.revoke(&ticket.key()).await
    }

    fn ends(&self, since: EpochSeconds) -> EpochSeconds {
        since.saturating_add(self.settings.lifetime.as_secs())
    }

    fn session(&self, known: Known, now: EpochSeconds) -> Option<Session> {
        (now < self.ends(known.since)).then(|| self.session_at(known, now))
    }

    fn session_at(&self, known: Known, now: EpochSeconds) -> Session {
        let ends = self.ends(known.since);
        let idle_ends = now.saturating_add(self.settings.idle.as_secs()).min(ends);
        Session { user: known.user, since: known.since, ends, idle_ends }
    }

    fn remember(&self, fingerprint: [u8; 32], known: Known, now: EpochSeconds) {
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

    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
