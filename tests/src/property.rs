//! Property tests whose cases wait more than they compute: several run at once.

use std::panic::resume_unwind;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

/// Checks a property in so many threads at once, each with the cases of `config`. Each thread draws cases of its own, with a fixed seed too.
///
/// # Panics
///
/// If a case fails, with its minimal form.
pub fn in_threads<S: Strategy>(
    threads: u64,
    config: &Config,
    values: impl Fn() -> S + Sync,
    property: impl Fn(S::Value) -> Result<(), TestCaseError> + Sync,
) {
    let check = |thread: u64| {
        let mut config = config.clone();
        if let RngSeed::Fixed(seed) = config.rng_seed {
            config.rng_seed = RngSeed::Fixed(seed.wrapping_add(thread));
        }
        TestRunner::new(config).run(&values(), &property).map_err(|error| error.to_string())
    };
    std::thread::scope(|scope| {
        let check = &check;
        let running: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || check(thread))).collect();
        for thread in running {
            let held = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            held.unwrap_or_else(|error| panic!("{error}"));
        }
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn each_thread_draws_other_cases_also_with_a_fixed_seed() {
        let (config, drawn) = (
            Config {
                cases: 2,
                rng_seed: RngSeed::Fixed(7),
                failure_persistence: None,
                ..Config::default()
            },
            Mutex::new(BTreeSet::new()),
        );
        in_threads(
            8,
            &config,
            || proptest::num::u64::ANY,
            |value| {
                drawn.lock().unwrap().insert(value);
                Ok(())
            },
        );
        assert_eq!(drawn.into_inner().unwrap().len(), 16);
    }

    #[test]
    fn a_case_that_fails_in_one_thread_fails_the_test_with_its_minimal_form() {
        let config = Config { cases: 50, failure_persistence: None, ..Config::default() };
        let failed = catch_unwind(AssertUnwindSafe(|| {
            in_threads(
                2,
                &config,
                || 0..100_u32,
                |value| match value {
                    0..5 => Ok(()),
                    _ => Err(TestCaseError::fail("too large")),
                },
            );
        }));
        let failed = failed.expect_err("the property does not hold");
        let text = failed.downcast_ref::<String>().expect("a text");
        assert!(text.contains("too large") && text.contains("minimal failing input: 5"), "{text}");
    }
}
