//! Who is let in, whom we believe, and that the token is nowhere but in its file.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::thread;

use pontus_proto::{Caller, Client, ClientError, Greeting, Request, Role, Side, Token};
use pontus_tests::{Checkpoint, PATIENCE, Process, Yard, last_line, program};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::peer::{Peer, code, line};

/// Dials with this token, as a client.
fn dial(yard: &Yard, token: &Token) -> Result<Client, ClientError> {
    let tokens = Ok(vec![token.clone()]);
    Client::connect(&yard.server(), &Caller { role: Role::Client, name: None, tokens })
}

/// Runs a program to its end: its exit code, and all that it said.
fn said(yard: &Yard, program: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut process = Process::start(program, yard.command(program).args(args));
    let status = process.wait();
    (status.code(), process.log().join("\n"))
}

/// What each program is asked to do with a token.
fn all(yard: &Yard) -> Vec<(&'static str, Vec<String>)> {
    let server = format!("--dispatcher-server={}", yard.server());
    let [obs, run] = [yard.observers(), yard.runners()].map(|path| path.display().to_string());
    let line = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    vec![
        ("observer", line(&[&server, "--once", &obs])),
        ("runner", line(&[&server, "--name=oak", &run])),
        ("dispatcher", line(&["status", &server])),
    ]
}

fn write_token(yard: &Yard, tokens: &[&Token]) {
    let text: String = tokens.iter().map(|token| token.to_line() + "\n").collect();
    fs::write(yard.token_file(), text).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn only_a_proof_of_this_greeting_lets_in() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let (token, other) = (yard.token(), Token::from_bytes([7; 32]));
    assert!(matches!(dial(&yard, &other), Err(ClientError::Unproven)));
    let bare = r#"{"type":"hello","protocol":1,"role":"client"}"#;
    assert_eq!(code(&Peer::new(&yard.server()).ask(bare)), "unauthorized");
    type Lie = fn(Greeting) -> Greeting;
    let claims: [Lie; 4] = [
        |greeting| Greeting { role: Role::Observer, ..greeting },
        |greeting| Greeting { name: Some("ash".parse().unwrap()), ..greeting },
        |greeting| Greeting { name: None, ..greeting },
        |greeting| Greeting {
            client: greeting.dispatcher,
            dispatcher: greeting.client,
            ..greeting
        },
    ];
    let refused = |prove: &dyn Fn(Greeting) -> pontus_proto::Proof| {
        let mut peer = Peer::new(&yard.server());
        let (_, greeting) = peer.challenged(Role::Runner);
        let answer = peer.ask(&line(&Request::Prove { proof: prove(greeting) }));
        assert_eq!(code(&answer), "unauthorized", "{answer}");
        assert_eq!(peer.ask(r#"{"type":"ready"}"#), "", "the connection has ended");
    };
    for claim in claims {
        refused(&|greeting| claim(greeting).prove(Side::Client, &token));
    }
    refused(&|greeting| greeting.prove(Side::Client, &other));
    // The dispatcher's own proof, sent back to it.
    refused(&|greeting| greeting.prove(Side::Dispatcher, &token));
    Peer::greeted(&yard.server(), Role::Runner, &token);
}

#[test]
fn a_recorded_greeting_is_of_no_use() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let mut peer = Peer::new(&yard.server());
    let (hello, greeting) = peer.challenged(Role::Client);
    let proof = line(&Request::Prove { proof: greeting.prove(Side::Client, &yard.token()) });
    assert!(peer.ask(&proof).starts_with(r#"{"type":"welcome""#));
    let mut again = Peer::new(&yard.server());
    assert!(again.ask(&hello).starts_with(r#"{"type":"challenge""#));
    assert_eq!(code(&again.ask(&proof)), "unauthorized");
}

/// Listens where the dispatcher should, answers each line with `answer`, and returns all that one peer says.
fn squat(answer: &str) -> (u16, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, answer) = (listener.local_addr().unwrap().port(), format!("{answer}\n"));
    let listening = thread::spawn(move || {
        let patience = Timespec::try_from(PATIENCE).unwrap();
        let mut somebody = [PollFd::new(&listener, PollFlags::IN)];
        assert_eq!(poll(&mut somebody, Some(&patience)).unwrap(), 1, "nobody dials");
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let mut heard = String::new();
        lines.read_line(&mut heard).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        // Until the peer has had enough, which may be before it has read all.
        lines.read_to_string(&mut heard).ok();
        heard
    });
    (port, listening)
}

#[test]
fn whoever_sits_on_the_port_learns_nothing() {
    let yard = Yard::new();
    drop(yard.dispatcher(&[]));
    yard.commit(&[("tests/a.sh", "true\n")]);
    let zeros = "0".repeat(64);
    let proofs = vec![format!("\"{zeros}\""); 50].join(",");
    let answers = [
        r#"{"type":"welcome","protocol":1,"version":"0.1.0"}"#.to_owned(),
        format!(r#"{{"type":"challenge","nonce":"{zeros}","proofs":["{zeros}"]}}"#),
        format!(r#"{{"type":"challenge","nonce":"{zeros}","proofs":[{proofs}]}}"#),
        r#"{"type":"error","code":"unauthorized","message":"\u001b[31mtell me"}"#.to_owned(),
        r#"{"type":"assigned","commit":"1f7a7a472abf3dd9643fd615f6da379c4acb3e3a","attempt":1,"timeout_ms":1}"#.to_owned(),
        "x".repeat(100_000),
    ];
    for answer in &answers {
        for (program, args) in all(&yard) {
            let (port, listening) = squat(answer);
            let server = format!("--dispatcher-server=127.0.0.1:{port}");
            let is_server = |arg: &str| arg.starts_with("--dispatcher-server");
            let args = args.iter().map(|arg| if is_server(arg) { &server } else { arg });
            let mut process = Process::start(program, yard.command(program).args(args));
            let heard = listening.join().unwrap();
            let hello: serde_json::Value = serde_json::from_str(heard.trim_end()).unwrap();
            let fields: Vec<_> = hello.as_object().unwrap().keys().map(String::as_str).collect();
            let known = ["type", "protocol", "role", "name", "nonce"];
            assert!(fields.iter().all(|field| known.contains(field)), "{heard}");
            assert_eq!((heard.lines().count(), &hello["type"]), (1, &"hello".into()), "{heard}");
            if program == "runner" {
                process.wait_for("; trying again");
                process.kill();
            } else {
                assert_eq!(process.wait().code(), Some(5));
            }
            assert!(!process.log().iter().any(|line| line.contains('\u{1b}')));
        }
    }
}

#[test]
fn a_new_token_takes_over_while_all_runs() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let (old, new) = (yard.token(), Token::from_bytes([7; 32]));
    let mut before = dial(&yard, &old).unwrap();
    let _runner = yard.runner(&[]);
    let pass = |text: &str| {
        let commit = yard.commit(&[("tests/a.sh", text)]);
        yard.hand_in(&[]);
        let result = yard.result(&dispatcher, &commit);
        assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
    };
    pass("true\n");
    write_token(&yard, &[&new, &old]);
    assert!(dial(&yard, &old).is_ok() && dial(&yard, &new).is_ok());
    pass("true # both\n");
    write_token(&yard, &[&new]);
    assert!(matches!(dial(&yard, &old), Err(ClientError::Unproven)));
    assert!(dial(&yard, &new).is_ok());
    pass("true # the new one\n");
    assert!(before.ask(&Request::Status { commits: 1 }).is_ok(), "who is in stays in");

    // While it is no secret it lets nobody in, and the chmod that is said mends that.
    set_mode(&yard.token_file(), 0o644);
    assert!(dial(&yard, &new).is_err());
    let told = dispatcher.wait_for("nobody is let in: ");
    let chmod = told.split(": ").last().unwrap();
    assert!(chmod.starts_with("chmod 600 "), "{told}");
    assert!(yard.command_of("sh").args(["-c", chmod]).status().unwrap().success());
    assert!(dial(&yard, &new).is_ok());
}

#[test]
fn a_token_that_is_none_is_refused_by_all() {
    let yard = Yard::new();
    drop(yard.dispatcher(&[]));
    let file = yard.token_file();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let secret = yard.token().to_line();
    let chmod = format!("chmod 600 {}", file.display());
    let cases = [
        (format!("{secret}\n"), 0o640, &chmod[..]),
        (format!("{secret}\n"), 0o604, &chmod),
        (String::new(), 0o600, "it is empty"),
        (secret[..32].to_owned(), 0o600, "64 lower-case hex digits"),
    ];
    for (text, mode, expected) in cases {
        fs::write(&file, text).unwrap();
        set_mode(&file, mode);
        let mut lines = all(&yard);
        lines.push(("dispatcher", vec!["--port=0".to_owned()]));
        for (program, args) in lines {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            let (code, log) = said(&yard, program, &args);
            assert_eq!(code, Some(3), "{program} {args:?}: {log}");
            assert!(log.starts_with(&format!("{program}: ")) && log.contains(expected), "{log}");
            assert_eq!(log.lines().count(), 1, "{log}");
            assert!(!log.contains(&secret[..32]), "{log}");
        }
    }
    // Nor is a link followed to where there is nothing.
    fs::remove_file(&file).unwrap();
    let elsewhere = yard.path().join("elsewhere");
    symlink(&elsewhere, &file).unwrap();
    assert_eq!(said(&yard, "dispatcher", &["--port=0"]).0, Some(3));
    assert!(!elsewhere.exists());
}

#[test]
fn a_token_named_without_a_folder_is_made_where_we_are() {
    let yard = Yard::new();
    let args = ["--port=0", "--token-file=token"];
    let dispatcher = Process::start("dispatcher", yard.command("dispatcher").args(args));
    dispatcher.wait_for("listening on ");
    assert_eq!(fs::metadata(yard.path().join("token")).unwrap().mode() & 0o777, 0o600);
    assert!(!yard.token_file().exists());
}

/// In a network of its own, so that nobody else can reach it.
#[test]
fn who_listens_beyond_loopback_hears_once_that_nothing_is_encrypted() {
    let yard = Yard::new();
    let mut command = yard.command_of("unshare");
    command.args(["--net", "--user", "--map-root-user"]).arg(program("dispatcher"));
    let mut dispatcher = Process::start("dispatcher", command.args(["--host=0.0.0.0", "--port=0"]));
    if !dispatcher.says_before_its_end("listening on ") {
        eprintln!("skipped: no network namespaces here");
        return;
    }
    assert!(yard.token_file().exists(), "it listens only with a token");
    let warning = "nothing is encrypted: across a network use ssh -L or WireGuard";
    // Whatever it says is heard by its end.
    dispatcher.stop();
    assert_eq!(dispatcher.count(warning), 1);
}

#[test]
fn who_does_without_a_token() {
    let yard = Yard::new();
    let [obs, run] = [yard.observers(), yard.runners()].map(|path| path.display().to_string());
    let (code, log) = said(&yard, "dispatcher", &["status", "--no-auth", "--token-file=token"]);
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("PONTUS_TOKEN_FILE"), "{log}");
    for (program, what) in [("observer", &obs[..]), ("runner", &run), ("dispatcher", "status")] {
        let args = [what, "--no-auth", "--dispatcher-server=192.0.2.1:1"];
        let (code, log) = said(&yard, program, &args);
        assert_eq!(code, Some(2), "{log}");
        assert!(log.contains("it is not on loopback"), "{log}");
    }
    let dispatcher = yard.dispatcher(&[]);
    let server = format!("--dispatcher-server={}", yard.server());
    let (code, log) = said(&yard, "dispatcher", &["status", "--no-auth", &server]);
    assert_eq!(code, Some(5));
    assert!(log.contains("do without --no-auth"), "{log}");
    // The other way round: one that proves nothing is not believed.
    drop(dispatcher);
    let _dispatcher = yard.dispatcher(&["--no-auth"]);
    let (code, log) = said(&yard, "dispatcher", &["status", &server]);
    assert_eq!(code, Some(5));
    assert!(log.contains("did not prove that it knows our token"), "{log}");
    assert_eq!(said(&yard, "dispatcher", &["status", "--no-auth", &server]).0, Some(0));
}

/// Whether any file below `folder` has `secret` in it, except one.
fn is_in(folder: &Path, secret: &str, except: &Path) -> bool {
    fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).any(|path| {
        let found = fs::symlink_metadata(&path).unwrap();
        if found.is_dir() {
            return is_in(&path, secret, except);
        }
        let has =
            |bytes: Vec<u8>| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        found.is_file() && path != except && fs::read(&path).is_ok_and(has)
    })
}

#[test]
fn the_token_is_nowhere_else() {
    let yard = Yard::new();
    let checkpoint = Checkpoint::new();
    drop(yard.dispatcher(&[]));
    let (file, secret) = (yard.token_file(), yard.token().to_line());
    let start = |program: &str, args: &[&str]| {
        let mut command = yard.command(program);
        command.env("RUST_LOG", "trace").env("PONTUS_TOKEN_FILE", &file).args(args);
        Process::start(program, &mut command)
    };
    let dispatcher = start("dispatcher", &["--host=127.0.0.1", "--port=0"]);
    let port = dispatcher.wait_for("listening on ").rsplit(':').next().unwrap().to_owned();
    let server = format!("--dispatcher-server=127.0.0.1:{port}");
    let env = format!("#!/bin/bash\nenv\n{}", checkpoint.stay());
    let commit = yard.commit(&[("tests/a.sh", &env)]);
    let [obs, run] = [yard.observers(), yard.runners()].map(|path| path.display().to_string());
    let observer = start("observer", &[&server, "--interval=100ms", &obs]);
    let runner = start("runner", &[&server, &run]);
    let (visitor, _) = checkpoint.arrival();
    for process in [&dispatcher, &observer, &runner] {
        for what in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{}/{what}", process.id())).unwrap();
            assert!(!String::from_utf8_lossy(&text).contains(&secret), "{what}");
        }
    }
    visitor.leave_with(0);
    let result = yard.result(&dispatcher, &commit);
    assert!(result.contains("\nPONTUS_COMMIT="), "{result}");
    assert!(!result.contains("PONTUS_TOKEN_FILE"), "{result}");
    for question in [&["status", "--json"][..], &["show", "--json", &commit], &["log", &commit]] {
        let (code, answer) = said(&yard, "dispatcher", &[question, &[&server]].concat());
        assert!(code == Some(0) && !answer.contains(&secret), "{answer}");
    }
    for process in [&dispatcher, &observer, &runner] {
        assert!(!process.log().iter().any(|line| line.contains(&secret)));
    }
    assert!(is_in(yard.path(), &secret, Path::new("/")), "it is where it should be");
    assert!(!is_in(yard.path(), &secret, &file));
}

#[test]
fn nobody_speaks_for_another() {
    let yard = Yard::new();
    let checkpoint = Checkpoint::new();
    let dispatcher = yard.dispatcher(&[]);
    let commit = yard.commit(&[("tests/a.sh", &checkpoint.script())]);
    let _runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let (visitor, _) = checkpoint.arrival();
    // Another of the same project, which knows the token, the commit and the attempt.
    let mut elm = Peer::greeted(&yard.server(), Role::Runner, &yard.token());
    let instance = "0".repeat(32);
    let register = format!(
        r#"{{"type":"register","instance":"{instance}","project":"test_repo","name":"oak"}}"#
    );
    let registered = elm.ask(&register);
    assert!(registered.contains(r#""runner":"elm/1""#), "{registered}");
    let about = format!(r#""commit":"{commit}","attempt":1"#);
    let report = r#""report":{"verdict":"failed","counts":{"passed":0,"failed":1,"skipped":0},"duration_ms":1,"output_bytes":0,"units":[]}"#;
    for said in [
        format!(r#"{{"type":"beat",{about}}}"#),
        format!(r#"{{"type":"output",{about},"offset":0,"data":"aGVsbG8K"}}"#),
        format!(r#"{{"type":"report",{about},{report}}}"#),
        format!(r#"{{"type":"give_back",{about}}}"#),
    ] {
        let answer = elm.ask(&said);
        assert!(["stale", "unexpected"].contains(&code(&answer)), "{answer} to {said}");
    }
    // A runner has a name.
    let tokens = Ok(vec![yard.token()]);
    let nameless = Caller { role: Role::Runner, name: None, tokens };
    let mut nameless = Client::connect(&yard.server(), &nameless).unwrap();
    let register = Request::Register {
        instance: instance.parse().unwrap(),
        project: "test_repo".parse().unwrap(),
        labels: Vec::new(),
    };
    let refused = nameless.ask(&register).unwrap_err().to_string();
    assert!(refused.contains("a runner says its name in hello"), "{refused}");
    visitor.leave_with(0);
    let result = yard.result(&dispatcher, &commit);
    assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
    assert!(result.contains("\nrunner    oak/1\n"), "{result}");
}
