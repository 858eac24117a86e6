//! Whoever comes to the port and does not speak the language: one clear line, no panic, no change.

use std::time::{Duration, Instant};

use pontus_proto::limits::{GREETING_BYTES_MAX, GREETING_MS_MAX};
use pontus_proto::{Reply, Request, Role};
use pontus_tests::{PATIENCE, Yard, last_line};

use crate::peer::{Peer, code};

const COMMIT: &str = "1f7a7a472abf3dd9643fd615f6da379c4acb3e3a";

/// Bytes that are no message, and what is said to them.
const NO_MESSAGES: [(&[u8], &str); 12] = [
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "malformed"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", "not_utf8"),
    (b"\xff\xfe\n", "not_utf8"),
    (b"\n", "malformed"),
    (b"null\n", "malformed"),
    (b"[]\n", "malformed"),
    (b"{\"type\":\"dance\"}\n", "unknown_type"),
    (b"{\"type\":\"hello\"}\n", "malformed"),
    // Not even looked into.
    (b"{\"type\":\"submit\",\"commit\":7}\n", "unexpected"),
    (b"{\"type\":\"hello\",\"type\":\"hello\"}\n", "malformed"),
    (b"{\"type\":\"prove\",\"proof\":\"00\"}\n", "malformed"),
];

/// The requests that the protocol's document shows, each with its type.
fn examples() -> Vec<(&'static str, &'static str)> {
    let document = include_str!("../../crates/pontus-proto/PROTOCOL.md");
    let lines = document.lines().filter_map(|line| line.strip_prefix("> "));
    let examples: Vec<_> = lines.map(|line| (line.split('"').nth(3).unwrap(), line)).collect();
    assert!(examples.len() > 25, "{examples:?}");
    examples
}

/// Whether a role may ever say this.
fn may(role: Role, kind: &str) -> bool {
    match kind {
        "hello" | "prove" => false,
        "register" | "ready" | "beat" | "output" | "report" | "give_back" => role == Role::Runner,
        "submit" => role != Role::Runner,
        _ => role == Role::Client,
    }
}

/// What would have changed if somebody had been obeyed: all that clients are told of.
fn state(yard: &Yard) -> (Reply, Reply) {
    let mut client = yard.connect(Role::Client);
    let status = client.ask(&Request::Status { commits: 500 }).unwrap();
    (status, client.ask(&Request::Runners { after: None }).unwrap())
}

#[test]
fn what_is_no_greeting_gets_one_line() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let before = state(&yard);
    let hello = |field: &str| format!(r#"{{"type":"hello","protocol":1,"role":"client"{field}}}"#);
    let deep = |depth| hello(&format!(r#","x":{}{}"#, "[".repeat(depth), "]".repeat(depth)));
    let lines = [
        (
            r#"{"type":"hello","protocol":99,"role":"runner","name":"elm"}"#.to_owned(),
            "protocol_version",
        ),
        (
            r#"{"type":"hello","protocol":0,"role":"runner","name":"elm"}"#.to_owned(),
            "protocol_version",
        ),
        (r#"{"type":"hello","protocol":-1,"role":"client"}"#.to_owned(), "malformed"),
        (r#"{"type":"hello","protocol":1e999,"role":"client"}"#.to_owned(), "malformed"),
        (
            r#"{"type":"hello","protocol":99999999999999999999,"role":"client"}"#.to_owned(),
            "malformed",
        ),
        (r#"{"type":"hello","protocol":"1","role":"client"}"#.to_owned(), "malformed"),
        (r#"{"type":"hello","protocol":1,"role":"god"}"#.to_owned(), "malformed"),
        (format!(r#"{{"type":"prove","proof":"{}"}}"#, "0".repeat(64)), "unexpected"),
        (hello(r#","role":"client""#), "malformed"),
        (hello(r#","name":"""#), "malformed"),
        (hello(r#","name":"a\nb""#), "malformed"),
        (hello(r#","name":"\ud800""#), "malformed"),
        (hello(r#","name":"\u001b[31m""#), "malformed"),
        (hello(&format!(r#","name":"{}""#, "x".repeat(256))), "malformed"),
        (hello(r#","nonce":"short""#), "malformed"),
        (hello(r#","nonce":7"#), "malformed"),
        (deep(1_000), "malformed"),
        // Unknown fields are ignored: what remains is a greeting that proves nothing.
        (hello(r#","x":1,"x":[{"y":null}]"#), "unauthorized"),
        (deep(100), "unauthorized"),
    ];
    let lines = lines.map(|(line, code)| (format!("{line}\n").into_bytes(), code));
    let long = vec![b'x'; 100_000];
    let all = lines.iter().map(|(line, code)| (&line[..], *code)).chain(NO_MESSAGES);
    for (bytes, expected) in all.chain([(&long[..], "line_too_long")]) {
        let answer = Peer::new(&yard.server()).last_words(bytes);
        assert_eq!(answer.lines().count(), 1, "{answer:?} to {:?}", String::from_utf8_lossy(bytes));
        assert_eq!(code(&answer), expected, "{answer} to {:?}", String::from_utf8_lossy(bytes));
        assert!(!answer.trim_end().contains(char::is_control));
    }
    assert_eq!(Peer::new(&yard.server()).last_words(b""), "");
    assert_eq!(Peer::new(&yard.server()).last_words(b"half a line"), "");
    assert_eq!(state(&yard), before);
    assert!(!dispatcher.log().iter().any(|line| line.contains("panicked")));

    // After all of that, an honest commit gets its verdict.
    let commit = yard.commit(&[("tests/a.sh", "true\n")]);
    let _runner = yard.runner(&[]);
    let _observer = yard.observer(&[]);
    let result = yard.result(&dispatcher, &commit);
    assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
}

#[test]
fn a_greeting_has_one_deadline_and_short_lines() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    // Half of the time is gone before hello is said, which wins none.
    let whole = Duration::from_millis(GREETING_MS_MAX);
    let mut late = Peer::new(&yard.server());
    let dialled = Instant::now();
    late.stream().set_read_timeout(Some(whole / 2)).unwrap();
    assert!(late.stream().peek(&mut [0]).is_err(), "nobody speaks to us first");
    late.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    late.challenged(Role::Client);
    assert_eq!(code(&late.hear()), "silent");
    assert!(dialled.elapsed() < whole * 3 / 2, "{:?}", dialled.elapsed());

    let hello = |bytes: usize| {
        let hello = r#"{"type":"hello","protocol":1,"role":"client","x":""}"#;
        let padding = "x".repeat(bytes - hello.len() - 1);
        hello.replace(r#""x":"""#, &format!(r#""x":"{padding}""#))
    };
    let mut peer = Peer::new(&yard.server());
    assert_eq!(code(&peer.ask(&hello(GREETING_BYTES_MAX))), "unauthorized");
    let mut peer = Peer::new(&yard.server());
    assert_eq!(code(&peer.ask(&hello(GREETING_BYTES_MAX + 1))), "line_too_long");
}

#[test]
fn each_message_before_the_greeting() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let before = state(&yard);
    for (kind, example) in examples() {
        let mut peer = Peer::new(&yard.server());
        if kind != "hello" {
            let answer = peer.ask(example);
            assert_eq!(code(&answer), "unexpected", "{answer} to {example}");
            assert_eq!(peer.ask(example), "", "the connection has ended");
            peer = Peer::new(&yard.server());
        }
        peer.challenged(Role::Client);
        let answer = peer.ask(example);
        let refused = ["unexpected", "unauthorized"].contains(&code(&answer));
        assert!(refused, "{answer} to {example}");
        assert_eq!(peer.ask(example), "", "the connection has ended");
    }
    assert_eq!(state(&yard), before);
    assert!(!dispatcher.log().iter().any(|line| line.contains("panicked")));
}

#[test]
fn each_message_of_another_role() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let before = state(&yard);
    for role in [Role::Observer, Role::Runner, Role::Client] {
        let mut peer = Peer::greeted(&yard.server(), role, &yard.token());
        for (kind, example) in examples() {
            if !may(role, kind) {
                let answer = peer.ask(example);
                assert_eq!(code(&answer), "unexpected", "{role:?}: {answer} to {example}");
            }
        }
    }
    // And of the right role, in the wrong state.
    let mut runner = Peer::greeted(&yard.server(), Role::Runner, &yard.token());
    for (kind, example) in examples() {
        if may(Role::Runner, kind) && kind != "register" {
            let answer = runner.ask(example);
            assert!(["unexpected", "stale"].contains(&code(&answer)), "{answer} to {example}");
        }
    }
    assert_eq!(state(&yard), before);
    assert!(yard.results().is_empty());
    assert!(!dispatcher.log().iter().any(|line| line.contains("panicked")));
}

#[test]
fn after_the_greeting_a_mistake_ends_nothing() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let before = state(&yard);
    let mut peer = Peer::greeted(&yard.server(), Role::Client, &yard.token());
    let submit =
        |field: &str| format!(r#"{{"type":"submit","commit":"{COMMIT}","project":"p"{field}}}"#);
    let list = |item: &str, count| vec![item; count].join(",");
    let commits = list(&format!(r#""{COMMIT}""#), 1_001);
    let mistakes = [
        "nonsense".to_owned(),
        r#"{"type":"submit""#.to_owned(),
        submit(r#","commit":"x""#),
        submit(r#","branch":"\ud800""#),
        submit(r#","branch":"a\u009bb""#),
        submit(r#","branch":"""#),
        submit(r#","branch":7"#),
        submit(r#","labels":["a\nb"]"#),
        submit(&format!(r#","labels":[{}]"#, list(r#""a""#, 33))),
        submit(&format!(r#","skipped":[{commits}]"#)),
        submit(r#","skipped_unnamed":-1"#),
        submit(r#","skipped_unnamed":1e99"#),
        submit(r#","about":{"tree":"../../etc/passwd"}"#),
        submit(&format!(r#","branch":{}"#, "[".repeat(100_000))),
        r#"{"type":"submit","commit":"../../etc/passwd","project":"p"}"#.to_owned(),
        r#"{"type":"submit","commit":"--upload-pack=x","project":"p"}"#.to_owned(),
        format!(r#"{{"type":"submit","commit":"{COMMIT}","project":"a\u0000b"}}"#),
        format!(r#"{{"type":"submit","commit":"{}","project":"p"}}"#, COMMIT.to_uppercase()),
        r#"{"type":"status","commits":-1}"#.to_owned(),
        r#"{"type":"status","commits":501}"#.to_owned(),
        r#"{"type":"status","commits":4294967296}"#.to_owned(),
        r#"{"type":"find","prefix":"%"}"#.to_owned(),
        r#"{"type":"drain","runner":"\u001b[2J"}"#.to_owned(),
    ];
    for mistake in &mistakes {
        let answer = peer.ask(mistake);
        let shown: String = mistake.chars().take(100).collect();
        assert_eq!(code(&answer), "malformed", "{answer} to {shown}");
        assert!(!answer.contains(char::is_control), "{answer}");
    }
    assert_eq!(code(&peer.ask(r#"{"type":"dance"}"#)), "unknown_type");
    assert!(peer.ask(r#"{"type":"runners","x":1,"x":2}"#).starts_with(r#"{"type":"runners""#));
    assert_eq!(code(&peer.ask(&"x".repeat(2 * 1024 * 1024))), "line_too_long");
    assert_eq!(peer.ask(r#"{"type":"runners"}"#), "", "the connection has ended");
    assert_eq!(state(&yard), before);
    assert!(yard.results().is_empty());
    assert!(!dispatcher.log().iter().any(|line| line.contains("panicked")));
}

#[test]
fn one_connection_too_many_is_told_so() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&["--max-connections", "1"]);
    let first = Peer::greeted(&yard.server(), Role::Client, &yard.token());
    let mut second = Peer::new(&yard.server());
    let (_, greeting) = second.challenged(Role::Client);
    let proof = greeting.prove(pontus_proto::Side::Client, &yard.token());
    let answer = second.ask(&crate::peer::line(&Request::Prove { proof }));
    assert_eq!(code(&answer), "too_many_connections");
    drop(first);
}
