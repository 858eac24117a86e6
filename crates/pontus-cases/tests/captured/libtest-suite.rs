//! An integration test with each outcome that libtest knows. Becomes `tests/suite.rs` for the capture.

#[test]
fn passes() {
    eprint!("hello ");
}

#[test]
fn fails() {
    // What a tool that was run inside would say is part of the failure's section.
    eprintln!("running 2 tests\ntest inner ... ok\ntest inner_fails ... FAILED\n");
    eprintln!("test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n");
    panic!("the message\ntest fails ... ok");
}

#[test]
fn fails_with_error() -> Result<(), String> {
    Err("an error".into())
}

#[test]
#[should_panic]
fn should_panic_and_does_not() {}

#[test]
#[should_panic(expected = "this")]
fn panics_as_it_should() {
    panic!("this");
}

#[test]
#[ignore]
fn ignored() {}

#[test]
#[ignore = "needs a network, or two"]
fn ignored_with_a_reason() {}
