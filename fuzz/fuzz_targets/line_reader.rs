//! `cargo +nightly fuzz run line_reader`
#![no_main]

#[path = "../../tests/fuzz/targets/line_reader.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
