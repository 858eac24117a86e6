//! `cargo +nightly fuzz run ids`
#![no_main]

#[path = "../../tests/fuzz/targets/ids.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
