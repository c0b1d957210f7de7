//! Any answer to any keys request: `cargo +nightly fuzz run keys_answer corpus/keys_answer seeds/keys_answer`
#![no_main]

#[allow(dead_code, reason = "the other target uses the rest")]
#[path = "../../tests/it/properties/answers.rs"]
mod answers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| answers::keys_answer(data));
