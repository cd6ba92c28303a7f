//! Concurrency permits, for functions with reserved concurrency and for the account.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardcap_limits::{Count, Exceeded};

use crate::stop::ThrottleReason;
use hardcap_core::context::Context;

/// The running executions of the account.
#[derive(Debug, Default)]
pub(super) struct Account {
    under_way: Mutex<UnderWay>,
}

#[derive(Debug, Default)]
struct UnderWay {
    /// Executions of functions without reserved concurrency.
    unreserved: u64,
    /// Executions of all functions.
    all: u64,
    /// The sum of all reservations, which other functions cannot use.
    reserved: u64,
}

/// The running executions of one function, independent of changes of its code.
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

/// The permit for one execution; returned on drop.
#[derive(Debug)]
pub(super) struct Permit {
    of: Arc<Executions>,
    is_unreserved: bool,
}

impl Account {
    /// The sum of all reservations.
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

    /// Reserves executions, if enough unreserved concurrency remains.
    pub(super) fn reserve(&self, ctx: &Context, wanted: u32) -> Result<(), Exceeded> {
        let wanted = u64::from(wanted);
        let mut own = lock(&self.own);
        let mut account = lock(&self.account.under_way);
        let reserved = account.reserved - own.reserved.unwrap_or(0) + wanted;
        let left = ctx.limits.lambda_concurrency.max.0.saturating_sub(reserved);
        // An unlimited request reserves nothing, so it always fits.
        if wanted > 0 {
            ctx.admit_least(&super::rules::unreserved_min(&ctx.limits), Count(left))?;
        }
        own.reserved = Some(wanted);
        account.reserved = reserved;
        Ok(())
    }

    /// Removes the reservation: the function uses unreserved concurrency again.
    pub(super) fn release(&self) {
        self.set_reserved(None);
    }

    fn set_reserved(&self, reserved: Option<u64>) {
        let mut own = lock(&self.own);
        let before = std::mem::replace(&mut own.reserved, reserved);
        let mut account = lock(&self.account.under_way);
        account.reserved = account.reserved - before.unwrap_or(0) + reserved.unwrap_or(0);
    }

    /// Acquires a permit, or fails at once.
    ///
    /// A reservation is the function's maximum, and no other function can use it.
    pub(super) fn permit(self: &Arc<Self>, ctx: &Context) -> Result<Permit, ThrottleReason> {
        let mut own = lock(&self.own);
        if own.reserved.is_some_and(|reserved| own.under_way >= reserved) {
            return Err(ThrottleReason::Function);
        }
        let mut account = lock(&self.account.under_way);
        let limit = &ctx.limits.lambda_concurrency;
        let (limit, observed) = if own.reserved.is_some() {
            (*limit, account.all + 1)
        } else {
            let shared = limit.max.0.saturating_sub(account.reserved);
            (limit.lowered_to(Count(shared)), account.unreserved + 1)
        };
        ctx.admit(&limit, Count(observed)).map_err(|_| ThrottleReason::Account)?;
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
    fn a_reservation_is_the_maximum_of_its_function() {
        let ctx = context(1000);
        let executions = Executions::new(Arc::default(), Some(2));
        let first = executions.permit(&ctx).unwrap();
        let _second = executions.permit(&ctx).unwrap();
        assert_eq!(executions.permit(&ctx).unwrap_err(), ThrottleReason::Function);
        drop(first);
        assert!(executions.permit(&ctx).is_ok(), "a permit that is given back is free");
    }

    #[test]
    fn a_reservation_of_zero_throttles_every_invocation() {
        let executions = Executions::new(Arc::default(), Some(0));
        assert_eq!(executions.permit(&context(1000)).unwrap_err(), ThrottleReason::Function);
    }

    #[test]
    fn functions_without_reservation_share_the_unreserved_concurrency() {
        let ctx = context(3);
        let account = Arc::<Account>::default();
        let reserving = Executions::new(Arc::clone(&account), Some(1));
        let (one, other) =
            (Executions::new(Arc::clone(&account), None), Executions::new(account, None));
        let _first = one.permit(&ctx).unwrap();
        let second = other.permit(&ctx).unwrap();
        assert_eq!(one.permit(&ctx).unwrap_err(), ThrottleReason::Account);
        let _kept = reserving.permit(&ctx).expect("what is reserved is still there");
        drop(second);
        assert!(one.permit(&ctx).is_ok());
    }

    #[test]
    fn the_record_shows_the_limit_and_the_requested_number() {
        let ctx = context(1);
        let executions = Executions::new(Arc::default(), None);
        let _only = executions.permit(&ctx).unwrap();
        let _ = executions.permit(&ctx);
        let seen = &ctx.recorder.totals().limits["lambda_concurrency"];
        assert_eq!((seen.highest, seen.max, seen.refused), (2, 1, 1));
    }

    #[test]
    fn a_small_account_cannot_reserve_concurrency() {
        let ctx = context(10);
        let one = Executions::new(Arc::default(), None);
        let exceeded = one.reserve(&ctx, 1).unwrap_err();
        assert_eq!((exceeded.observed, exceeded.max), (9, 10));
        one.reserve(&ctx, 0).expect("nothing takes nothing from the others");
    }

    #[test]
    fn reservations_leave_a_hundred_executions_unreserved() {
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
