//! The target `runtime_api` of `tests/src/fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hardcap_fuzz::fuzz::body("runtime_api")(data));
