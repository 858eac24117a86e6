//! A test that takes its process with it. Becomes `tests/abort.rs` for the capture.

#[test]
fn a_passes() {}

#[test]
fn b_aborts() {
    std::process::abort();
}

#[test]
fn c_never() {}
