//! Permits: how many executions may be under way, for a function that reserves some and for the whole account.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardcap_limits::{Count, Exceeded};

use crate::stop::Throttle;
use hardcap_core::context::Context;

/// The executions under way in the account.
#[derive(Debug, Default)]
pub(super) struct Account {
    under_way: Mutex<UnderWay>,
}

#[derive(Debug, Default)]
struct UnderWay {
    /// Of functions that reserve nothing.
    unreserved: u64,
    /// Of all functions.
    all: u64,
    /// The sum of what functions reserve: others cannot use it.
    reserved: u64,
}

/// The executions under way of one function, whatever becomes of its code meanwhile.
#[derive(Debug)]
pub(super) struct Executions {
    account: Arc<Account>,
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    under_way: u64,
    reserved: Option<u64>,
}

/// The right to one execution; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    of: Arc<Executions>,
    is_unreserved: bool,
}

impl Account {
    /// What functions reserve, all together.
    pub(super) fn reserved(&self) -> u64 {
        lock(&self.under_way).reserved
    }
}

impl Executions {
    pub(super) fn new(account: Arc<Account>, reserved: Option<u32>) -> Arc<Executions> {
        let executions = Executions { account, own: Mutex::default() };
        executions.set_reserved(reserved.map(u64::from));
        Arc::new(executions)
    }

    /// Reserves executions, if that leaves enough to functions that reserve none.
    pub(super) fn reserve(&self, ctx: &Context, wanted: u32) -> Result<(), Exceeded> {
        let wanted = u64::from(wanted);
        let mut own = lock(&self.own);
        let mut account = lock(&self.account.under_way);
        let reserved = account.reserved - own.reserved.unwrap_or(0) + wanted;
        let left = ctx.limits.lambda_concurrency.max.0.saturating_sub(reserved);
        // A function that reserves none takes nothing from the others.
        if wanted > 0 {
            ctx.admit_least(&super::rules::unreserved_min(&ctx.limits), Count(left))?;
        }
        own.reserved = Some(wanted);
        account.reserved = reserved;
        Ok(())
    }

    /// Reserves nothing any more: the function shares with others.
    pub(super) fn release(&self) {
        self.set_reserved(None);
    }

    fn set_reserved(&self, reserved: Option<u64>) {
        let mut own = lock(&self.own);
        let before = std::mem::replace(&mut own.reserved, reserved);
        let mut account = lock(&self.account.under_way);
        account.reserved = account.reserved - before.unwrap_or(0) + reserved.unwrap_or(0);
    }

    /// One execution more, or none: nobody waits for one.
    ///
    /// A reservation is the most that its function may have, and what no other function can take from it.
    pub(super) fn permit(self: &Arc<Self>, ctx: &Context) -> Result<Permit, Throttle> {
        let mut own = lock(&self.own);
        if own.reserved.is_some_and(|reserved| own.under_way >= reserved) {
            return Err(Throttle::Function);
        }
        let mut account = lock(&self.account.under_way);
        let limit = &ctx.limits.lambda_concurrency;
        let (limit, observed) = if own.reserved.is_some() {
            (*limit, account.all + 1)
        } else {
            let shared = limit.max.0.saturating_sub(account.reserved);
            (limit.lowered_to(Count(shared)), account.unreserved + 1)
        };
        ctx.admit(&limit, Count(observed)).map_err(|_| Throttle::Account)?;
        let is_unreserved = own.reserved.is_none();
        own.under_way += 1;
        account.all += 1;
        account.unreserved += u64::from(is_unreserved);
        Ok(Permit { of: Arc::clone(self), is_unreserved })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        lock(&self.of.own).under_way -= 1;
        let mut account = lock(&self.of.account.under_way);
        account.all -= 1;
        account.unreserved -= u64::from(self.is_unreserved);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use hardcap_limits::Limits;

    use super::*;
    use hardcap_core::context::Platform;
    use hardcap_core::keyring::Keyring;

    fn context(concurrency: u64) -> Context {
        let mut limits = Limits::classic();
        limits.set("lambda_concurrency", concurrency).unwrap();
        Platform::new("us-east-1", limits, Keyring::default()).context()
    }

    #[test]
    fn a_reservation_is_the_most_a_function_may_have() {
        let ctx = context(1000);
        let executions = Executions::new(Arc::default(), Some(2));
        let first = executions.permit(&ctx).unwrap();
        let _second = executions.permit(&ctx).unwrap();
        assert_eq!(executions.permit(&ctx).unwrap_err(), Throttle::Function);
        drop(first);
        assert!(executions.permit(&ctx).is_ok(), "a permit that is given back is free");
    }

    #[test]
    fn a_reservation_of_zero_lets_nothing_through() {
        let executions = Executions::new(Arc::default(), Some(0));
        assert_eq!(executions.permit(&context(1000)).unwrap_err(), Throttle::Function);
    }

    #[test]
    fn others_share_what_is_not_reserved() {
        let ctx = context(3);
        let account = Arc::<Account>::default();
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
        let executions = Executions::new(Arc::default(), None);
        let _only = executions.permit(&ctx).unwrap();
        let _ = executions.permit(&ctx);
        let seen = &ctx.recorder.totals().limits["lambda_concurrency"];
        assert_eq!((seen.highest, seen.max, seen.refused), (2, 1, 1));
    }

    #[test]
    fn a_small_account_must_leave_all_of_its_concurrency() {
        let ctx = context(10);
        let one = Executions::new(Arc::default(), None);
        let exceeded = one.reserve(&ctx, 1).unwrap_err();
        assert_eq!((exceeded.observed, exceeded.max), (9, 10));
        one.reserve(&ctx, 0).expect("nothing takes nothing from the others");
    }

    #[test]
    fn reservations_leave_a_hundred_to_the_others() {
        // lambda_unreserved_min
        let ctx = context(1000);
        let account = Arc::<Account>::default();
        let one = Executions::new(Arc::clone(&account), None);
        let other = Executions::new(Arc::clone(&account), Some(300));
        assert_eq!(one.reserve(&ctx, 601).unwrap_err().observed, 99);
        assert_eq!(account.reserved(), 300, "what was refused changes nothing");
        one.reserve(&ctx, 600).unwrap();
        one.reserve(&ctx, 599).expect("its own reservation is not in its way");
        other.release();
        assert_eq!(account.reserved(), 599);
        one.reserve(&ctx, 900).unwrap();
        other.reserve(&ctx, 0).expect("nothing takes nothing from the others");
    }
}
