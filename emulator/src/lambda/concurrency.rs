//! Permits: how many executions may be under way, for a function that reserves some and for the whole account.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardcap_limits::Count;

use crate::context::Context;
use crate::stop::Throttle;

/// The executions under way in the account.
#[derive(Debug, Default)]
pub(super) struct Account {
    under_way: Mutex<UnderWay>,
    /// The sum of what functions reserve: others cannot use it.
    reserved: u64,
}

#[derive(Debug, Default)]
struct UnderWay {
    /// Of functions that reserve nothing.
    unreserved: u64,
    /// Of all functions.
    all: u64,
}

/// The executions under way of one function.
#[derive(Debug)]
pub(super) struct Executions {
    account: Arc<Account>,
    reserved: Option<u64>,
    under_way: Mutex<u64>,
}

/// The right to one execution; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    of: Arc<Executions>,
}

impl Account {
    pub(super) fn new(reserved: u64) -> Arc<Account> {
        Arc::new(Account { under_way: Mutex::default(), reserved })
    }
}

impl Executions {
    pub(super) fn new(account: Arc<Account>, reserved: Option<u32>) -> Arc<Executions> {
        let reserved = reserved.map(u64::from);
        Arc::new(Executions { account, reserved, under_way: Mutex::default() })
    }

    /// One execution more, or none: nobody waits for one.
    ///
    /// A reservation is the most that its function may have, and what no other function can take from it.
    pub(super) fn permit(self: &Arc<Self>, ctx: &Context) -> Result<Permit, Throttle> {
        let mut own = lock(&self.under_way);
        if self.reserved.is_some_and(|reserved| *own >= reserved) {
            return Err(Throttle::Function);
        }
        let mut account = lock(&self.account.under_way);
        let limit = &ctx.limits.lambda_concurrency;
        let (limit, observed) = if self.reserved.is_some() {
            (*limit, account.all + 1)
        } else {
            let shared = limit.max.0.saturating_sub(self.account.reserved);
            (limit.lowered_to(Count(shared)), account.unreserved + 1)
        };
        ctx.admit(&limit, Count(observed)).map_err(|_| Throttle::Account)?;
        *own += 1;
        account.all += 1;
        account.unreserved += u64::from(self.reserved.is_none());
        Ok(Permit { of: Arc::clone(self) })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *lock(&self.of.under_way) -= 1;
        let mut account = lock(&self.of.account.under_way);
        account.all -= 1;
        account.unreserved -= u64::from(self.of.reserved.is_none());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use hardcap_limits::Limits;

    use super::*;
    use crate::context::Platform;
    use crate::keyring::Keyring;

    fn context(concurrency: u64) -> Context {
        let mut limits = Limits::classic();
        limits.set("lambda_concurrency", concurrency).unwrap();
        Platform::new("us-east-1", limits, Keyring::default()).context()
    }

    #[test]
    fn a_reservation_is_the_most_a_function_may_have() {
        let ctx = context(1000);
        let executions = Executions::new(Account::new(2), Some(2));
        let first = executions.permit(&ctx).unwrap();
        let _second = executions.permit(&ctx).unwrap();
        assert_eq!(executions.permit(&ctx).unwrap_err(), Throttle::Function);
        drop(first);
        assert!(executions.permit(&ctx).is_ok(), "a permit that is given back is free");
    }

    #[test]
    fn a_reservation_of_zero_lets_nothing_through() {
        let executions = Executions::new(Account::new(0), Some(0));
        assert_eq!(executions.permit(&context(1000)).unwrap_err(), Throttle::Function);
    }

    #[test]
    fn others_share_what_is_not_reserved() {
        let ctx = context(3);
        let account = Account::new(1);
        let reserving = Executions::new(Arc::clone(&account), Some(1));
        let (one, other) =
            (Executions::new(Arc::clone(&account), None), Executions::new(account, None));
        let _first = one.permit(&ctx).unwrap();
        let second = other.permit(&ctx).unwrap();
        assert_eq!(one.permit(&ctx).unwrap_err(), Throttle::Account);
        let _kept = reserving.permit(&ctx).expect("what is reserved is still there");
        drop(second);
        assert!(one.permit(&ctx).is_ok());
    }

    #[test]
    fn the_record_shows_the_limit_and_what_was_asked() {
        let ctx = context(1);
        let executions = Executions::new(Account::new(0), None);
        let _only = executions.permit(&ctx).unwrap();
        let _ = executions.permit(&ctx);
        let seen = &ctx.recorder.totals().limits["lambda_concurrency"];
        assert_eq!((seen.highest, seen.max, seen.refused), (2, 1, 1));
    }
}
