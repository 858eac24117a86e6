//! What other programs make of what we print: readers of reports, terminals, shells, man.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pontus_tests::{Checkpoint, Process, Yard};

use crate::clients::{Asked, ask, asking, refused, told};

const CASES: &str = "\
import unittest

class Cases(unittest.TestCase):
    def test_no(self):
        self.fail('<&\"')

    @unittest.skip('later')
    def test_later(self):
        pass

    def test_yes(self):
        pass
";

/// A commit with cases and without, one of them failed, and its yard.
fn tested(files: &[(&str, &str)]) -> (Yard, Process, String) {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let commit = yard.commit(files);
    yard.hand_in(&[]);
    let _runner = yard.runner(&[]);
    yard.result(&dispatcher, &commit);
    (yard, dispatcher, commit)
}

fn saved(yard: &Yard, name: &str, text: &str) -> PathBuf {
    let path = yard.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// What a program prints, who has to be content.
fn printed(yard: &Yard, program: &str, args: &[&str]) -> String {
    let asked = Asked::from(yard.command_of(program).args(args).output().unwrap());
    assert_eq!(asked.code, Some(0), "{asked:?}");
    asked.out
}

#[test]
fn perl_reads_our_tap() {
    let files = [("tests/test_cases.py", CASES), ("tests/b.sh", "exit 77\n")];
    let (yard, _dispatcher, commit) = tested(&files);
    let tap = told(&yard, &["show", &commit, "--format", "tap"]);
    let file = saved(&yard, "report.tap", &tap);
    let read = "use TAP::Parser; my $p = TAP::Parser->new({source => shift}); $p->run; \
                print join ' ', $p->good_plan, scalar $p->passed, scalar $p->failed, \
                scalar $p->skipped, scalar $p->parse_errors";
    let numbers = printed(&yard, "perl", &["-e", read, file.to_str().unwrap()]);
    assert_eq!(numbers, "1 3 1 2 0", "{tap}");

    // A verdict that no test stands behind is no good news either.
    let (yard, _dispatcher, commit) = tested(&[("README", "no tests\n")]);
    let tap = told(&yard, &["show", &commit, "--format", "tap"]);
    let file = saved(&yard, "report.tap", &tap);
    let numbers = printed(&yard, "perl", &["-e", read, file.to_str().unwrap()]);
    assert_eq!(numbers, "1 0 1 0 0", "{tap}");
}

#[test]
fn python_reads_our_junit() {
    let files = [("tests/test_cases.py", CASES), ("tests/b.sh", "exit 77\n")];
    let (yard, _dispatcher, commit) = tested(&files);
    let xml = told(&yard, &["show", &commit, "--format", "junit"]);
    let file = saved(&yard, "report.xml", &xml);
    let read = "import sys, xml.etree.ElementTree as t\n\
                for s in t.parse(sys.argv[1]).getroot():\n \
                  print(s.get('name'), *(s.get(k) for k in ('tests', 'failures', 'errors', 'skipped')))\n \
                  print(*(p.get('value') for p in s.iter('property')))\n";
    let said = printed(&yard, "python3", &["-c", read, file.to_str().unwrap()]);
    let properties = format!("{commit} test_repo main oak/1 1");
    let expected =
        format!("tests/b.sh 1 0 0 1\n{properties}\ntests/test_cases.py 3 1 0 1\n{properties}\n");
    assert_eq!(said, expected, "{xml}");
}

#[test]
fn a_report_waits_for_the_verdict() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let commit = "a1".repeat(20);
    told(&yard, &["submit", &commit, "--project", "p"]);
    for format in ["tap", "junit"] {
        let line = refused(&yard, &["show", &commit, "--format", format], 3);
        assert!(line.ends_with("it has no verdict yet; wait for it"), "{line}");
    }
}

/// Runs a program in a terminal of its own. What it shows there one over the other is told in lines.
const TERMINAL: &str = "\
import os, pty, sys
show = lambda terminal: os.read(terminal, 1024).replace(b'\\r', b'\\n')
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], show)))
";

/// A subcommand in a terminal.
fn on_a_terminal(yard: &Yard, args: &[&str]) -> Command {
    let program = asking(yard, args);
    let mut command = yard.command_of("python3");
    command.args(["-c", TERMINAL]).arg(program.get_program()).args(program.get_args());
    command.env("PONTUS_DISPATCHER_SERVER", yard.server());
    command.env("TERM", "xterm").env_remove("NO_COLOR");
    command
}

#[test]
fn a_terminal_has_colours_and_obeys_no_test() {
    let evil = "#!/bin/sh\nprintf '\\033[31mred\\033[0m \\033[2J\\033]0;title\\007 \\377\\n'\n";
    let (yard, _dispatcher, commit) = tested(&[("tests/evil", evil)]);
    let shown = |args: &[&str]| Asked::from(on_a_terminal(&yard, args).output().unwrap()).out;
    let log = shown(&["log", &commit]);
    let escaped = "red \\u{1b}[2J\\u{1b}]0;title\\u{7} \\xff\n";
    assert!(log.contains(escaped) && !log.contains('\u{1b}'), "{log:?}");
    assert!(shown(&["status"]).contains("\u{1b}[32mpassed\u{1b}[0m"));
    assert!(!told(&yard, &["status"]).contains('\u{1b}'));
    let output = on_a_terminal(&yard, &["status"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!Asked::from(output).out.contains('\u{1b}'));
    let shown = shown(&["show", &commit, "--json"]);
    assert_eq!(shown.trim_end(), told(&yard, &["show", &commit, "--json"]).trim_end());
}

#[test]
fn a_terminal_shows_how_far_it_is() {
    let yard = Yard::new();
    let _dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let commit = yard.commit(&[("tests/wait", &checkpoint.script())]);
    yard.hand_in(&[]);
    let mut waiting = Process::start("wait", &mut on_a_terminal(&yard, &["wait", &commit]));
    waiting.wait_for("queued: no runner for its project, ");
    let _runner = yard.runner(&[]);
    let (visitor, _) = checkpoint.arrival();
    waiting.wait_for("s, 0 passed, 0 failed, 0 skipped, tests/wait on oak/1");
    visitor.leave_with(1);
    assert_eq!(waiting.wait().code(), Some(1));
    waiting.wait_for("verdict: \u{1b}[31mfailed\u{1b}[0m: 0 passed, 1 failed, 0 skipped in ");
}

#[test]
fn shells_and_man_take_what_is_generated() {
    let yard = Yard::new();
    let bash = told(&yard, &["--generate", "bash"]);
    let script = format!("set -e\n{bash}\ncomplete -p dispatcher");
    let said = printed(&yard, "bash", &["-c", &script]);
    assert!(said.contains("_dispatcher"), "{said}");
    for shell in ["zsh", "fish"] {
        let completions = told(&yard, &["--generate", shell]);
        assert!(completions.contains("dispatcher-server"), "{shell}");
    }
    let manual = told(&yard, &["--generate", "man"]);
    for title in ["status", "wait", "submit"] {
        let title = format!(".SH \"DISPATCHER {}\"\n", title.to_uppercase());
        assert!(manual.contains(&title), "{title}");
    }
    assert_eq!(manual.matches("\n.TH ").count(), 1);
    assert_eq!(ask(&yard, &["--generate", "powershell"]).code, Some(2));
}

#[test]
fn what_is_generated_does_not_depend_on_the_environment() {
    let yard = Yard::new();
    for (program, variables) in [
        ("dispatcher", ["PONTUS_PORT=1", "PONTUS_KEEP=1"]),
        ("observer", ["PONTUS_INTERVAL=1s", "PONTUS_BRANCH=x"]),
        ("runner", ["PONTUS_NAME=x", "PONTUS_SLOTS=2"]),
    ] {
        for document in ["man", "bash"] {
            let generated = |variables: &[&str]| {
                let mut command = yard.command(program);
                command.envs(variables.iter().filter_map(|variable| variable.split_once('=')));
                Asked::from(command.args(["--generate", document]).output().unwrap())
            };
            let (bare, set) = (generated(&[]), generated(&variables));
            assert_eq!((set.code, set.err.as_str()), (Some(0), ""), "{program}: {set:?}");
            assert!(set.out == bare.out && set.out.contains(program), "{program} {document}");
        }
    }
}
