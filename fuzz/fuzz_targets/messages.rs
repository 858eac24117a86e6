//! `cargo +nightly fuzz run messages`
#![no_main]

#[path = "../../tests/fuzz/targets/messages.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
