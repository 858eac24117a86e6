//! Holds `PROTOCOL.md` and the types together: neither may drift from the other.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use pontus_proto::{Greeting, Reply, Request, Side, Token, decode_reply, decode_request, encode};

const DOCUMENT: &str = include_str!("../PROTOCOL.md");
const MESSAGES: &str = include_str!("../src/message.rs");
const LIMITS: &str = include_str!("../src/limits.rs");

/// The lines of the document's code blocks that start with `mark`, without it.
fn examples(mark: &'static str) -> Vec<&'static str> {
    let blocks = DOCUMENT.split("```").skip(1).step_by(2);
    let lines: Vec<_> = blocks.flat_map(str::lines).filter_map(|l| l.strip_prefix(mark)).collect();
    assert!(lines.len() > 5, "the document has no examples");
    lines
}

/// The variants of `name` in the source, as they are written on the wire.
fn variants(name: &str) -> BTreeSet<String> {
    let start = MESSAGES.find(&format!("pub enum {name} {{")).unwrap();
    let body = &MESSAGES[start..start + MESSAGES[start..].find("\n}").unwrap()];
    let is_variant = |line: &&str| {
        line.starts_with("    ") && line.as_bytes().get(4).is_some_and(u8::is_ascii_uppercase)
    };
    let word = |line: &str| line.trim().split([' ', ',', '(']).next().unwrap().to_owned();
    body.lines().filter(is_variant).map(|line| snake_case(&word(line))).collect()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (at, c) in name.char_indices() {
        if c.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

fn type_of(line: &str) -> String {
    line.strip_prefix("{\"type\":\"").unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn each_request_prints_back_to_the_same_bytes() {
    for line in examples("> ") {
        let request = decode_request(line.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert_eq!(encode(&request).unwrap(), format!("{line}\n").into_bytes());
    }
}

#[test]
fn each_reply_prints_back_to_the_same_bytes() {
    for line in examples("< ") {
        let reply = decode_reply(line.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert_eq!(encode(&reply).unwrap(), format!("{line}\n").into_bytes());
    }
}

#[test]
fn each_message_occurs() {
    let seen = |mark| examples(mark).into_iter().map(type_of).collect::<BTreeSet<_>>();
    assert_eq!(variants("Request"), seen("> "));
    assert_eq!(variants("Request"), pontus_proto::KNOWN_TYPES.map(str::to_owned).into());
    assert_eq!(variants("Reply"), seen("< "));
}

#[test]
fn each_request_is_answered_in_its_example() {
    for block in DOCUMENT.split("```").skip(1).step_by(2) {
        let marks: Vec<_> = block.lines().skip(1).map(|line| &line[..1]).collect();
        assert!(marks.chunks(2).all(|pair| pair == [">", "<"]), "{block}");
    }
}

#[test]
fn each_code_has_its_row() {
    let table = DOCUMENT.split("## Refusals").nth(1).unwrap().split("## Limits").next().unwrap();
    let rows: BTreeSet<_> = first_cells(table).collect();
    assert_eq!(variants("Code"), rows);
}

#[test]
fn each_limit_equals_its_constant() {
    let table = DOCUMENT.split("## Limits").nth(1).unwrap();
    let documented: BTreeSet<_> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].parse::<u64>().unwrap())
        })
        .collect();
    let defined: BTreeSet<_> = LIMITS
        .lines()
        .filter_map(|line| line.strip_prefix("pub const "))
        .filter(|line| !line.contains("&str"))
        .map(|line| {
            let (name, rest) = line.split_once(':').unwrap();
            let value = rest.split_once('=').unwrap().1.trim_end_matches(';').replace('_', "");
            (name.to_owned(), value.split('*').map(|n| n.trim().parse::<u64>().unwrap()).product())
        })
        .collect();
    assert_eq!(documented, defined);
}

/// Whoever writes a peer from the document has an example to hold it against.
#[test]
fn the_proofs_of_the_example_hold() {
    let token = DOCUMENT.split("those for the token `").nth(1).unwrap().split('`').next().unwrap();
    let token: Token = token.parse().unwrap();
    let said = |kind: &str| {
        let lines = examples("> ").into_iter().chain(examples("< "));
        lines.into_iter().find(|line| type_of(line) == kind).unwrap().as_bytes()
    };
    let Request::Hello { role, name, nonce: Some(client), .. } =
        decode_request(said("hello")).unwrap()
    else {
        panic!("the first hello has a nonce")
    };
    let Reply::Challenge { nonce, proofs } = decode_reply(said("challenge")).unwrap() else {
        panic!("a challenge is a challenge")
    };
    let Request::Prove { proof } = decode_request(said("prove")).unwrap() else {
        panic!("a proof is a proof")
    };
    let greeting = Greeting { role, name, client, dispatcher: nonce };
    assert!(greeting.holds(Side::Dispatcher, &token, &proofs[0]));
    assert!(greeting.holds(Side::Client, &token, &proof));
}

#[test]
fn a_request_is_no_reply() {
    let line = encode(&Request::Ready {}).unwrap();
    assert!(decode_reply(&line).is_err());
}

/// What stands in code in the first cell of each row.
fn first_cells(table: &str) -> impl Iterator<Item = String> {
    table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|rest| Some(rest.split_once('`')?.0.to_owned()))
}
