//! `cargo +nightly fuzz run git_output`
#![no_main]

#[path = "../../tests/fuzz/targets/git_output.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
