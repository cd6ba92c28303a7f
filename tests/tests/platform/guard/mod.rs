//! Web pages are kept away from every port that is not an API or a function URL: the requests that a browser would send, by hand.
//! What a real browser sends is in `tests/tests/real/browser/strangers.rs`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod allowed;
mod calls;
mod refused;
mod s3;
