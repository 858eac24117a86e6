//! What a user sees who types something wrong, or reads `--help`.

use pontus_tests::{Process, Yard};

fn said(yard: &Yard, program: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut process = Process::start(program, yard.command(program).args(args));
    let status = process.wait();
    (status.code(), process.log().join("\n"))
}

#[test]
fn each_program_tells_its_version_and_protocol() {
    let yard = Yard::new();
    for program in ["dispatcher", "observer", "runner"] {
        let version = format!("{program} {} (protocol 1)", env!("CARGO_PKG_VERSION"));
        assert_eq!(said(&yard, program, &["--version"]), (Some(0), version));
        assert_eq!(said(&yard, program, &["--no-such-flag"]).0, Some(2));
    }
}

#[test]
fn options_that_cannot_be_meant() {
    let yard = Yard::new();
    let (code, log) = said(&yard, "dispatcher", &["--lease", "1ms"]);
    assert_eq!(code, Some(2));
    assert_eq!(log, "dispatcher: cannot keep a lease of 1ms: give at least 100ms");
    let (code, log) = said(&yard, "dispatcher", &["--no-auth", "--host", "0.0.0.0"]);
    assert_eq!(code, Some(2));
    assert!(log.contains("only loopback is safe"), "{log}");
    let (code, _) = said(&yard, "runner", &["--project", "x", ".", "."]);
    assert_eq!(code, Some(2));
    let (code, log) = said(&yard, "runner", &["--output-limit", "2GiB", "."]);
    assert_eq!(code, Some(2));
    assert!(log.contains("at most 1GiB can be kept"), "{log}");
    for label in ["", "=linux", "gpu,,os=linux", "a\nb"] {
        let (code, log) = said(&yard, "runner", &["--label", label, "."]);
        assert_eq!(code, Some(2));
        assert!(log.contains("for '--label <KEY[=VALUE]>': a label "), "{log}");
    }
    let many: Vec<_> = (0..33).map(|number| number.to_string()).collect();
    let (code, log) = said(&yard, "runner", &["--label", &many.join(","), "test_repo"]);
    assert_eq!(code, Some(2));
    assert_eq!(log, "runner: cannot have 33 labels: give at most 32");
    // The exit code tells also where standard error takes nothing.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = yard.command("dispatcher").args(["--lease", "1ms"]).stderr(full).status();
    assert_eq!(status.unwrap().code(), Some(2));
}

#[test]
fn a_folder_that_is_no_clone() {
    let yard = Yard::new();
    for program in ["observer", "runner"] {
        let (code, log) = said(&yard, program, &["."]);
        assert_eq!(code, Some(3));
        assert!(log.starts_with(&format!("{program}: cannot ")), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
        let (code, log) = said(&yard, program, &["no/such/folder"]);
        assert_eq!(code, Some(3));
        assert_eq!(log.lines().count(), 1, "{log}");
    }
}

#[test]
fn a_port_that_is_taken() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let port = yard.server().rsplit(':').next().unwrap().to_owned();
    let (code, log) = said(&yard, "dispatcher", &["--port", &port, "--results-dir", "other"]);
    let expected = format!("dispatcher: cannot listen on 127.0.0.1:{port}: address already in use");
    assert_eq!(code, Some(3));
    assert!(log.starts_with(&expected), "{log}");
}

#[test]
fn a_second_dispatcher_on_the_same_results() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let (code, log) = said(&yard, "dispatcher", &["--port", "0"]);
    assert_eq!(code, Some(3));
    assert!(log.contains("the dispatcher with process id "), "{log}");
}

#[test]
fn an_observer_that_looks_once_says_what_it_could_not() {
    let yard = Yard::new();
    let mut observer = yard.observer(&["--once"]);
    assert_eq!(observer.wait().code(), Some(5));
    observer.wait_for("observer: cannot reach the dispatcher at ");
}

#[test]
fn standard_output_has_one_line() {
    let yard = Yard::new();
    let mut command = yard.command("dispatcher");
    // Whoever reads it may also be gone.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = command.args(["--port", "0"]).stdout(writer).spawn().unwrap();
    let lock = yard.path().join("test_results/.pontus/lock");
    while std::fs::read_to_string(&lock).is_err() {
        std::thread::yield_now();
    }
    assert!(child.try_wait().unwrap().is_none(), "a closed pipe is no reason to end");
    child.kill().unwrap();
    child.wait().unwrap();
    drop(yard.dispatcher(&[]));
}
