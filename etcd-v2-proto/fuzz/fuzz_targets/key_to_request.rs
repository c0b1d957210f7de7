//! Any text as a key: `cargo +nightly fuzz run key_to_request corpus/key_to_request seeds/key_to_request`
#![no_main]

#[path = "../../tests/it/properties/keys.rs"]
mod keys;

libfuzzer_sys::fuzz_target!(|data: &[u8]| keys::key_to_request(data));
