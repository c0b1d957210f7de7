//! Refusals with any body: `cargo +nightly fuzz run error_body corpus/error_body seeds/error_body`
#![no_main]

#[allow(dead_code, reason = "the other target uses the rest")]
#[path = "../../tests/it/properties/answers.rs"]
mod answers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| answers::error_body(data));
