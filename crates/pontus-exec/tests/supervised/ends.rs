//! The ends of a supervised run: how they are told, what they give, and what they take.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use pontus_exec::{Ended, How, Job, RunError, Stop, run, run_supervised, run_under};

use crate::harness::{Test, tests};
use crate::scene::{LONG, SOON, Scene, is_alive, see, see_and};

pub const TESTS: &[Test] = tests![
    statuses_and_signals_are_named,
    both_streams_are_one_and_nothing_is_lost,
    a_timeout_gives_everybody_the_grace_and_one_term,
    a_timeout_kills_after_the_grace,
    a_stopped_unit_sees_the_term,
    an_end_before_the_stop_counts,
    said_before_it_starts_nothing,
    what_is_missing_is_named,
    a_job_as_long_as_may_be,
    a_panicking_sink_leaves_nobody,
    many_at_once,
];

fn how(script: &str) -> How {
    see(&Scene::new().job(script), &Stop::never()).result.unwrap().how
}

fn statuses_and_signals_are_named() {
    assert_eq!(how("exit 0"), How::Exited(0));
    assert_eq!(how("exit 77"), How::Exited(77));
    assert_eq!(how("exit 255"), How::Exited(255));
    assert_eq!(how("kill -KILL $$"), How::Signalled(9));
    assert_eq!(how("kill -SEGV $$"), How::Signalled(11));
    assert_eq!(how("kill -TERM $$").to_string(), "ended by SIGTERM");
}

fn both_streams_are_one_and_nothing_is_lost() {
    let script = "i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done
                  head -c 3000000 /dev/zero | tr '\\0' x >&2";
    let seen = see(&Scene::new().job(script), &Stop::never());
    let expected: String = (0..500).map(|i| format!("o{i}\ne{i}\n")).collect();
    assert!(seen.out.starts_with(&expected));
    assert_eq!(seen.out.len(), expected.len() + 3_000_000);
}

/// Two processes, one of them out of the group. Each says what it hears, and stays long enough to hear it twice.
fn a_timeout_gives_everybody_the_grace_and_one_term() {
    let script = "exec perl -MPOSIX -e '
        my $pid = fork; setsid if !$pid; my $who = $pid ? \"child\" : \"grandchild\";
        my $heard = 0; $SIG{TERM} = sub { $heard++ };
        $pid ? <STDIN> : 0;
        select undef, undef, undef, 0.05 until $heard;
        select undef, undef, undef, $pid ? 0.1 : 0.3;
        select undef, undef, undef, 0.1;
        syswrite STDOUT, \"$who heard $heard\\n\"; exit 3'";
    let mut scene = Scene::new();
    let job = Job { timeout: Duration::from_millis(500), ..scene.job(script) };
    let seen = see(&job, &Stop::never());
    let ended = seen.result.unwrap();
    assert_eq!(ended.how, How::TimedOut);
    assert_eq!(seen.out, "child heard 1\ngrandchild heard 1\n");
    assert!(ended.lasted >= Duration::from_millis(500) && seen.took < LONG && scene.look().1);
}

fn a_timeout_kills_after_the_grace() {
    let script = "setsid sh -c 'trap \"\" TERM; echo > told; while :; do sleep 1000; done' &
                  read _ < told; trap '' TERM; while :; do sleep 1000; done";
    for script in [script.to_owned(), format!("{script} & wait")] {
        let mut scene = Scene::new();
        let (timeout, grace) = (Duration::from_millis(500), Duration::from_millis(300));
        let seen = see(&Job { timeout, grace, ..scene.job(&script) }, &Stop::never());
        let least = timeout + grace;
        assert_eq!(seen.result.unwrap().how, How::TimedOut);
        assert!(seen.took >= least && seen.took < least + SOON, "{:?}", seen.took);
        assert!(scene.look().1);
    }
}

fn a_stopped_unit_sees_the_term() {
    let scene = Scene::new();
    let script =
        "trap 'echo cleaned; exit 3' TERM; (until grep -q 'State:.T' /proc/$$/status; do :; done
                  echo stopped) & kill -STOP $$; wait";
    let stop = Stop::new().unwrap();
    let seen = see_and(&scene.job(script), &stop, &mut |_| stop.now());
    assert_eq!(seen.result.unwrap().how, How::Stopped);
    assert_eq!(seen.out, "stopped\ncleaned\n");
}

/// The supervisor sleeps through the unit's end and is woken by the stop: it looks before it acts.
fn an_end_before_the_stop_counts() {
    let (scene, stop) = (Scene::new(), Stop::new().unwrap());
    let seen = see_and(&scene.job("echo $$; kill -STOP $PPID; exit 4"), &stop, &mut |pid| {
        while is_alive(pid) {
            std::thread::yield_now();
        }
        stop.now();
    });
    assert_eq!(seen.result.unwrap().how, How::Exited(4));
}

fn said_before_it_starts_nothing() {
    let (scene, stop) = (Scene::new(), Stop::new().unwrap());
    stop.now();
    let ended = see(&scene.job("touch started"), &stop).result.unwrap();
    assert_eq!(ended, Ended { how: How::Stopped, lasted: Duration::ZERO });
    assert!(!scene.dir.path().join("started").exists());
}

fn what_is_missing_is_named() {
    let scene = Scene::new();
    let dir = scene.dir.path();
    let error = |job: &Job| see(job, &Stop::never()).result.unwrap_err().to_string();
    let run_error = |job: &Job| run(job, &Stop::never(), &mut |_, _| {}).unwrap_err().to_string();
    // The shell writes it: a file that we have open for writing ourselves may be busy when it is to be run.
    let script = "echo '#! /no/such/interpreter -x' > script; cp script closed";
    assert_eq!(see(&scene.job(script), &Stop::never()).result.unwrap().how, How::Exited(0));
    fs::set_permissions(dir.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
    let job = |program: &str| Job { program: program.into(), ..scene.job("") };
    let jobs = [
        (job("no-such-program"), "there is no such program"),
        (job("./script"), "its interpreter \"/no/such/interpreter\" is missing"),
        (job("./closed"), "Permission denied (os error 13)"),
        (Job { dir: dir.join("nowhere"), ..job("sh") }, "there is no such folder"),
        (Job { dir: dir.join("script"), ..job("sh") }, "there is no such folder"),
        (Job { args: vec!["x".repeat(200_000).into()], ..job("sh") }, "(os error 7)"),
        (Job { args: vec!["x".repeat(9_000_000).into()], ..job("sh") }, "(os error 7)"),
    ];
    for (job, end) in jobs {
        let said = error(&job);
        assert!(said.ends_with(end), "{said}");
        assert_eq!(said, run_error(&job));
    }
    let said = error(&job("nul\0"));
    assert!(said.ends_with("Invalid argument (os error 22)"), "{said}");
}

/// More than the pipe to the supervisor holds at once.
fn a_job_as_long_as_may_be() {
    let scene = Scene::new();
    let mut job = scene.job("echo $# ${#1} ${#LONG}");
    job.args.push("0".into());
    job.args.extend((0..10).map(|_| "x".repeat(100_000).into()));
    job.env.push(("LONG".into(), "y".repeat(100_000).into()));
    let seen = see(&job, &Stop::never());
    assert_eq!(seen.out, "10 100000 100000\n");
}

fn a_panicking_sink_leaves_nobody() {
    let mut scene = Scene::new();
    let job = scene.job("setsid sh -c 'echo > told; sleep 1000' & read _ < told; echo; sleep 1000");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        run_supervised(&job, &Stop::never(), &mut |_| resume_unwind(Box::new("the sink")))
    }));
    assert!(panicked.is_err() && scene.look().1);
}

fn many_at_once() {
    std::thread::scope(|scope| {
        for worker in 0..8 {
            scope.spawn(move || {
                for turn in 0..10 {
                    let mut scene = Scene::new();
                    let script = format!("setsid sleep 1000 & echo {worker} {turn}; exit {turn}");
                    let seen = see(&scene.job(&script), &Stop::never());
                    assert_eq!(seen.result.unwrap().how, How::Exited(turn));
                    assert_eq!((seen.out, scene.look().1), (format!("{worker} {turn}\n"), true));
                }
            });
        }
    });
}

/// `cargo test -p pontus-exec --test supervised -- measure`: what a supervisor costs.
pub fn measure() -> ExitCode {
    const TURNS: u32 = 300;
    let job = Job { program: "/bin/true".into(), args: vec![], ..Scene::new().job("") };
    let job = Job { dir: "/".into(), ..job };
    let time = |turn: &dyn Fn() -> Result<Ended, RunError>| {
        let started = Instant::now();
        (0..TURNS).for_each(|_| assert_eq!(turn().unwrap().how, How::Exited(0)));
        started.elapsed() / TURNS
    };
    let stop = Stop::never();
    for _ in 0..3 {
        let alone = time(&|| run(&job, &stop, &mut |_, _| {}));
        let supervised = time(&|| run_supervised(&job, &stop, &mut |_| {}));
        let spare = RefCell::new(None);
        let again = time(&|| run_under(&mut spare.borrow_mut(), &job, &stop, &mut |_| {}));
        eprintln!("alone {alone:?}, supervised {supervised:?}, by one supervisor {again:?}");
    }
    ExitCode::SUCCESS
}
