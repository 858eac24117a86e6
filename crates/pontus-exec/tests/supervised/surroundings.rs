//! What a unit finds around it: nothing of ours.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

use pontus_exec::{How, Job, Stop, run_supervised};

use crate::harness::{Test, tests};
use crate::scene::{Helper, LONG, Scene, see};

pub const TESTS: &[Test] = tests![
    no_signal_is_ignored_or_blocked,
    standard_input_is_empty_and_nothing_else_is_open,
    it_has_its_group_and_a_session_without_a_terminal,
    the_environment_is_what_was_given,
    bytes_that_are_no_text_are_kept,
];

/// All signals below 32 but ILL, FPE, KILL, SEGV, STOP, and CHLD, which some shells reset.
const IGNORABLE: u64 = 0x7ffa_fa77;

/// Signals 32 and 33, which the C library's `posix_spawn` itself ignores, and which nobody else can use.
const OF_THE_C_LIBRARY: u64 = 0x1_8000_0000;

/// Starts its arguments with all signals ignored and blocked that can be, and descriptors left open.
const HOSTILE: [&str; 5] = [
    "perl",
    "-MPOSIX",
    "-e",
    "$^F = 255; open my $one, \"/dev/null\"; open my $two, \"/dev/null\"; POSIX::dup2(0, 200);
     for (keys %SIG) { $SIG{$_} = \"IGNORE\" unless /^(KILL|STOP|ILL|FPE|SEGV|NUM3[23]|__.*)$/ }
     sigprocmask(SIG_BLOCK, POSIX::SigSet->new(1..31)); exec @ARGV or die",
    "--",
];

fn no_signal_is_ignored_or_blocked() {
    let scene = Scene::new();
    let script = "exec cat /proc/self/status";
    // Without a supervisor in between they are ignored, or this shows nothing.
    let words = HOSTILE.into_iter().chain(["sh", "-c", script]).collect::<Vec<_>>();
    let alone = Command::new(words[0]).args(&words[1..]).output().unwrap();
    let alone = String::from_utf8(alone.stdout).unwrap();
    assert_eq!(mask(&alone, "SigIgn") & IGNORABLE, IGNORABLE);

    assert_ne!(mask(&alone, "SigBlk"), 0);
    let out = Helper::start(&scene, &HOSTILE, script, LONG).rest();
    assert_eq!(mask(&out, "SigIgn") & !OF_THE_C_LIBRARY, 0, "{out}");
    assert_eq!(mask(&out, "SigBlk"), 0, "{out}");
    assert_eq!(mask(&out, "SigCgt"), 0, "{out}");
}

fn mask(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(line.trim_start_matches([':', '\t']), 16).unwrap()
}

fn standard_input_is_empty_and_nothing_else_is_open() {
    let scene = Scene::new();
    let script = "cat; exec 9>&-; exec perl -e 'for (0..1023) {
        print \"$_ \", readlink(\"/proc/self/fd/$_\") =~ s/\\d+//gr, \"\\n\" if -l \"/proc/self/fd/$_\" }'";
    let out = Helper::start(&scene, &HOSTILE, script, LONG).rest();
    assert_eq!(out, "0 /dev/null\n1 pipe:[]\n2 pipe:[]\nexit status 0\n");
}

fn it_has_its_group_and_a_session_without_a_terminal() {
    let script = "echo $$; exec cut -d ' ' -f 5-7 /proc/self/stat";
    let seen = see(&Scene::new().job(script), &Stop::never());
    let words: Vec<&str> = seen.out.split_whitespace().collect();
    let [pid, group, session, terminal] = words[..] else { panic!("{}", seen.out) };
    assert_eq!((pid, terminal), (group, "0"));
    // Out of `/proc`, since a session that began outside of our namespace of processes is number 0.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ours = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(3)).unwrap();
    assert!(session != pid && session != ours, "{words:?}");
}

fn the_environment_is_what_was_given() {
    let job = Job {
        program: "/usr/bin/env".into(),
        args: vec![],
        env: vec![("B".into(), "2 words\n".into()), ("A".into(), "".into())],
        ..Scene::new().job("")
    };
    let seen = see(&Job { dir: "/".into(), ..job }, &Stop::never());
    let mut lines: Vec<_> = seen.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["", "A=", "B=2 words"]);
}

fn bytes_that_are_no_text_are_kept() {
    let bytes = b"\xff\xfe \n\t'\"\\x".to_vec();
    let scene = Scene::new();
    let mut job = scene.job("printf %s \"$1$VALUE\"");
    job.args.extend(["sh".into(), OsString::from_vec(bytes.clone())]);
    job.env.push(("VALUE".into(), OsString::from_vec(bytes.clone())));
    let mut out = Vec::new();
    let ended = run_supervised(&job, &Stop::never(), &mut |piece| out.extend(piece)).unwrap();
    assert_eq!((ended.how, out), (How::Exited(0), bytes.repeat(2)));
}
