//! Whoever comes to the port and does not speak the language: one clear line, no panic, no change.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use pontus_tests::{PATIENCE, Yard, last_line};

/// Sends `bytes` and returns all that comes back until the dispatcher closes or we have nothing more to say.
fn answer(yard: &Yard, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(yard.server()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A dispatcher that has heard enough may close before we have said it all.
    stream.write_all(bytes).ok();
    stream.shutdown(Shutdown::Write).ok();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).ok();
    String::from_utf8(heard).unwrap()
}

#[test]
fn garbage_on_the_port() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let code = |bytes: &[u8]| {
        let answer = answer(&yard, bytes);
        let lines: Vec<_> = answer.lines().collect();
        assert_eq!(lines.len(), 1, "{answer:?}");
        let code = lines[0].strip_prefix(r#"{"type":"error","code":""#).unwrap_or_default();
        code.split('"').next().unwrap().to_owned()
    };
    assert_eq!(code(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "malformed");
    assert_eq!(code(b"SSH-2.0-OpenSSH_9.2\r\n"), "malformed");
    assert_eq!(code(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"), "not_utf8");
    assert_eq!(code(b"\xff\xfe\n"), "not_utf8");
    assert_eq!(code(&vec![b'x'; 100_000]), "line_too_long");
    assert_eq!(code(b"{\"type\":\"ready\"}\n"), "unexpected");
    assert_eq!(code(b"{\"type\":\"dance\"}\n"), "unknown_type");
    let future = br#"{"type":"hello","protocol":99,"role":"runner"}"#;
    assert_eq!(code(&[&future[..], b"\n"].concat()), "protocol_version");
    assert_eq!(answer(&yard, b""), "");
    assert_eq!(answer(&yard, b"half a line"), "");

    // After all of that, an honest commit gets its verdict.
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    let _runner = yard.runner(&[]);
    let _observer = yard.observer(&[]);
    let result = yard.result(&dispatcher, &commit);
    assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
    assert!(!dispatcher.log().iter().any(|line| line.contains("panicked")));
}

#[test]
fn after_the_greeting_a_mistake_ends_nothing() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let stream = TcpStream::connect(yard.server()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut ask = |line: &str| {
        writeln!(&stream, "{line}").unwrap();
        lines.next().unwrap().unwrap()
    };
    let commit = "1".repeat(40);
    assert!(ask(r#"{"type":"hello","protocol":1,"role":"runner"}"#).contains("welcome"));
    assert!(ask("nonsense").contains(r#""code":"malformed""#));
    assert!(ask(r#"{"type":"ready"}"#).contains("register first"));
    let submit = format!(r#"{{"type":"submit","commit":"{commit}","project":"p"}}"#);
    assert!(ask(&submit).contains(r#""code":"unexpected""#));
    let report = format!(
        r#"{{"type":"report","commit":"{commit}","attempt":1,"report":{{"verdict":"passed","counts":{{"passed":1,"failed":0,"skipped":0}},"duration_ms":1,"output_bytes":0,"units":[]}}}}"#
    );
    assert!(ask(&report).contains(r#""code":"unexpected""#));
    let beat = format!(r#"{{"type":"beat","commit":"{commit}","attempt":1}}"#);
    assert!(ask(&beat).contains(r#""code":"stale""#));
    let long = "x".repeat(2 * 1024 * 1024);
    assert!(ask(&long).contains(r#""code":"line_too_long""#));
    assert!(yard.results().is_empty());
}

#[test]
fn one_connection_too_many_is_told_so() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&["--max-connections", "1"]);
    let hello = b"{\"type\":\"hello\",\"protocol\":1,\"role\":\"runner\"}\n";
    let mut first = TcpStream::connect(yard.server()).unwrap();
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    first.write_all(hello).unwrap();
    let mut line = String::new();
    BufReader::new(&first).read_line(&mut line).unwrap();
    assert!(line.contains("welcome"), "{line}");
    assert!(answer(&yard, hello).contains(r#""code":"too_many_connections""#));
}
