//! `cargo +nightly fuzz run session`
#![no_main]

#[path = "../../tests/fuzz/targets/session.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
