//! `cargo +nightly fuzz run cases`
#![no_main]

#[path = "../../tests/fuzz/targets/cases.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
