//! What a real browser gets, and what it shows: Chromium.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chromium;
mod discover;
mod live;
mod login;
mod strangers;
