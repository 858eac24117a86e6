//! One supervisor, one job after the other.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use pontus_exec::{Ended, How, Job, Spare, Stop, run_under};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Test, tests};
use crate::scene::{Scene, is_alive};

pub const TESTS: &[Test] = tests![
    one_supervisor_does_job_after_job,
    what_a_job_leaves_is_gone_before_the_next,
    whoever_holds_a_job_s_output_has_no_say_in_the_next,
    who_was_asked_to_end_its_job_gets_no_other,
    a_supervisor_that_died_meanwhile_is_replaced,
];

/// What a job prints in which the shell says who its supervisor is.
fn run(spare: &mut Option<Spare>, job: &Job) -> (Ended, String) {
    let mut out = Vec::new();
    let ended = run_under(spare, job, &Stop::never(), &mut |bytes| out.extend(bytes)).unwrap();
    (ended, String::from_utf8(out).unwrap())
}

fn one_supervisor_does_job_after_job() {
    let scene = Scene::new();
    let mut spare = Some(Spare::start().unwrap());
    let (ended, first) = run(&mut spare, &scene.job("echo $PPID; exit 3"));
    assert_eq!(ended.how, How::Exited(3));
    for status in 0..5 {
        let (ended, out) = run(&mut spare, &scene.job(&format!("echo $PPID; exit {status}")));
        assert_eq!((ended.how, &out), (How::Exited(status), &first));
    }
    let (ended, _) = run(&mut spare, &scene.job("kill -SEGV $$"));
    assert_eq!(ended.how, How::Signalled(11));
    assert_eq!(run(&mut spare, &scene.job("echo $PPID")).1, first);
    drop(spare);
    assert!(!is_alive(first.trim()));
}

fn what_a_job_leaves_is_gone_before_the_next() {
    let scene = Scene::new();
    let mut spare = None;
    let (_, out) = run(&mut spare, &scene.job("setsid sleep 1000 & echo $!; echo $PPID"));
    let [left, supervisor] = out.lines().collect::<Vec<_>>().try_into().unwrap();
    assert!(!is_alive(left));
    // Without a pipe, which the shell itself would have open for a moment.
    let job = scene.job(
        "echo $PPID; umask; ulimit -n; trap; pwd; env; ls /proc/$$/fd > open; cat open; rm open",
    );
    let (_, next) = run(&mut spare, &job);
    let (_, fresh) = run(&mut None, &job);
    assert_eq!(next.lines().next(), Some(supervisor));
    assert!(next.lines().skip(1).eq(fresh.lines().skip(1)), "{next}: {fresh}");
}

fn whoever_holds_a_job_s_output_has_no_say_in_the_next() {
    let scene = Scene::new();
    let (mut spare, mut held, mut out) = (None, None, Vec::new());
    // As if a job had handed it to a service.
    let mut hold = |bytes: &[u8]| {
        out.extend(bytes);
        let pid = String::from_utf8(out.clone()).unwrap();
        if held.is_none() && pid.ends_with('\n') {
            let path = format!("/proc/{}/fd/1", pid.trim());
            held = Some(File::options().write(true).open(path).unwrap());
            std::fs::write(scene.dir.path().join("go"), "").unwrap();
        }
    };
    let job = scene.job("echo $$; until [ -e go ]; do sleep 0.01; done");
    run_under(&mut spare, &job, &Stop::never(), &mut hold).unwrap();
    let (mut held, mut heard) = (held.unwrap(), Vec::new());
    let mut write = |bytes: &[u8]| {
        // There is nobody who reads it.
        held.write_all(b"stranger\n").ok();
        heard.extend(bytes);
    };
    let job = scene.job("echo first; sleep 0.1; echo last");
    run_under(&mut spare, &job, &Stop::never(), &mut write).unwrap();
    assert_eq!(String::from_utf8(heard).unwrap(), "first\nlast\n");
}

fn who_was_asked_to_end_its_job_gets_no_other() {
    let scene = Scene::new();
    let mut spare = None;
    run(&mut spare, &scene.job("true"));
    assert!(spare.is_some());
    let job = Job { timeout: Duration::from_millis(50), ..scene.job("sleep 1000") };
    assert_eq!(run(&mut spare, &job).0.how, How::TimedOut);
    assert!(spare.is_none());
    run(&mut spare, &scene.job("true"));
    let missing = Job { program: "there/is/none".into(), ..scene.job("") };
    run_under(&mut spare, &missing, &Stop::never(), &mut |_| {}).unwrap_err();
    assert!(spare.is_none());
}

fn a_supervisor_that_died_meanwhile_is_replaced() {
    let scene = Scene::new();
    let mut spare = None;
    let (_, first) = run(&mut spare, &scene.job("echo $PPID"));
    let pid = Pid::from_raw(first.trim().parse().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    while is_alive(first.trim()) {
        std::thread::yield_now();
    }
    let (ended, second) = run(&mut spare, &scene.job("echo $PPID"));
    assert_eq!(ended.how, How::Exited(0));
    assert_ne!(first, second);
}
