//! Drivers that say anything: `cargo +nightly fuzz run events corpus/events seeds/events`
#![no_main]

#[path = "../../tests/it/properties/events.rs"]
mod events;

libfuzzer_sys::fuzz_target!(|data: &[u8]| events::events(data));
