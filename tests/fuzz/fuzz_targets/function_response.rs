//! The target `function_response` of `tests/src/fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hardcap_fuzz::fuzz::body("function_response")(data));
