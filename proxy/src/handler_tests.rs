//! Tests of `handler`.
