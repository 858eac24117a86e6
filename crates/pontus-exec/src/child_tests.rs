//! Children that behave as badly as they can.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;
use std::thread;

use super::*;

/// Far beyond what any test takes: whoever waits this long has hung.
const LONG: Duration = Duration::from_secs(120);
/// What a test may take that would hang for [`LONG`] or for ever if the code were wrong.
const SOON: Duration = Duration::from_secs(60);

fn sh(script: &str) -> Job {
    let path = std::env::var_os("PATH").unwrap();
    Job {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        dir: std::env::temp_dir(),
        env: vec![("PATH".into(), path)],
        timeout: LONG,
        grace: LONG,
        merge: false,
    }
}

struct Seen {
    ended: Ended,
    out: String,
    err: String,
}

fn see(job: &Job, stop: &Stop) -> Seen {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = run(job, stop, &mut |stream, bytes| match stream {
        Stream::Out => out.extend_from_slice(bytes),
        Stream::Err => err.extend_from_slice(bytes),
    });
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Seen { ended: ended.unwrap(), out: text(out), err: text(err) }
}

/// Runs `job`, and calls `act` on another thread once the child has written its first line, with that line as a pid.
fn see_and(job: &Job, stop: &Stop, act: impl FnOnce(Pid) + Send) -> Seen {
    let (tell, hear) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || act(hear.recv_timeout(SOON).unwrap()));
        let mut out = String::new();
        let ended = run(job, stop, &mut |_, bytes| {
            let is_first = !out.contains('\n');
            out.push_str(std::str::from_utf8(bytes).unwrap());
            if is_first && out.contains('\n') {
                tell.send(pid_in(&out)).unwrap();
            }
        });
        Seen { ended: ended.unwrap(), out, err: String::new() }
    })
}

fn pid_in(out: &str) -> Pid {
    Pid::from_raw(out.lines().next().unwrap().parse().unwrap()).unwrap()
}

/// Waits until the process has ended; false when it does not.
fn ends(pid: Pid) -> bool {
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return true };
    let soon = Timespec::try_from(SOON).unwrap();
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&soon)).unwrap() == 1
}

fn is_running(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}

#[test]
fn exit_status_and_both_streams() {
    let seen = see(&sh("echo out; echo err >&2; exit 7"), &Stop::never());
    assert_eq!(seen.ended.how, How::Exited(7));
    assert_eq!((seen.out.as_str(), seen.err.as_str()), ("out\n", "err\n"));
    assert!(seen.ended.lasted < SOON);
}

#[test]
fn its_signal_is_named() {
    let seen = see(&sh("kill -KILL $$"), &Stop::never());
    assert_eq!(seen.ended.how, How::Signalled(9));
    assert_eq!(seen.ended.how.to_string(), "ended by SIGKILL");
}

#[test]
fn signal_names() {
    assert_eq!(signal_name(1), "SIGHUP");
    assert_eq!(signal_name(15), "SIGTERM");
    assert_eq!(signal_name(31), "SIGSYS");
    for number in [i32::MIN, -1, 0, 32, 64] {
        assert_eq!(signal_name(number), format!("signal {number}"));
    }
}

#[test]
fn a_timeout_asks_first() {
    let job = Job { timeout: Duration::from_millis(50), ..sh("exec sleep 1000") };
    let seen = see(&job, &Stop::never());
    assert_eq!(seen.ended.how, How::TimedOut);
    assert!(seen.ended.lasted >= job.timeout && seen.ended.lasted < SOON);
}

#[test]
fn a_timeout_beyond_the_clock_is_none() {
    let job = Job { timeout: Duration::MAX, grace: Duration::MAX, ..sh("exit 0") };
    assert_eq!(see(&job, &Stop::never()).ended.how, How::Exited(0));
}

#[test]
fn term_ignored_at_the_timeout_is_killed_after_the_grace() {
    let script = "trap '' TERM; echo deaf; while :; do sleep 1000; done";
    let (timeout, grace) = (Duration::from_secs(1), Duration::from_millis(100));
    let seen = see(&Job { timeout, grace, ..sh(script) }, &Stop::never());
    assert_eq!((seen.out.as_str(), seen.ended.how), ("deaf\n", How::TimedOut));
    assert!(seen.ended.lasted >= timeout + grace && seen.ended.lasted < SOON);
}

#[test]
fn stop_from_another_thread() {
    let stop = Stop::new().unwrap();
    let seen = see_and(&sh("echo $$; exec sleep 1000"), &stop, |_| stop.now());
    assert_eq!(seen.ended.how, How::Stopped);
    assert!(seen.ended.lasted < SOON);
}

#[test]
fn term_lets_it_clean_up() {
    let stop = Stop::new().unwrap();
    let script = "trap 'echo cleaned; exit 3' TERM; echo $$; sleep 1000 & wait";
    let seen = see_and(&sh(script), &stop, |_| stop.now());
    assert_eq!(seen.ended.how, How::Stopped);
    assert!(seen.out.ends_with("\ncleaned\n"), "{}", seen.out);
}

#[test]
fn a_stopped_child_sees_the_term() {
    let stop = Stop::new().unwrap();
    let script = "trap 'echo cleaned; exit 3' TERM; echo $$; kill -STOP $$; sleep 1000 & wait";
    let seen = see_and(&sh(script), &stop, |pid| {
        waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT).unwrap().unwrap();
        stop.now();
    });
    assert_eq!(seen.ended.how, How::Stopped);
    assert!(seen.out.ends_with("\ncleaned\n"), "{}", seen.out);
}

#[test]
fn said_before_it_starts_nothing() {
    let stop = Stop::new().unwrap();
    stop.now();
    let folder = tempfile::tempdir().unwrap();
    let job = Job { dir: folder.path().into(), ..sh("touch started") };
    assert_eq!(see(&job, &stop).ended, Ended { how: How::Stopped, lasted: Duration::ZERO });
    assert!(!folder.path().join("started").exists());
}

#[test]
fn endless_output_hides_no_deadline() {
    let job = Job { timeout: Duration::from_millis(200), ..sh("exec yes") };
    let (mut written, mut largest) = (0, 0);
    let ended = run(&job, &Stop::never(), &mut |_, bytes| {
        written += bytes.len();
        largest = largest.max(bytes.len());
    });
    let ended = ended.unwrap();
    assert_eq!(ended.how, How::TimedOut);
    assert!(ended.lasted < SOON);
    assert!(written > READ_BYTES && largest <= READ_BYTES);
}

#[test]
fn a_grandchild_in_the_group_ends_with_the_child() {
    let started = Instant::now();
    let seen = see(&sh("sleep 1000 & echo $!"), &Stop::never());
    assert_eq!(seen.ended.how, How::Exited(0));
    assert!(ends(pid_in(&seen.out)));
    assert!(started.elapsed() < SOON);
}

/// A process that leaves the group, tells its pid, and goes on with `then`; the child exits after that.
fn escapee(folder: &std::path::Path, then: &str) -> Job {
    let script = format!(
        "mkfifo gone; setsid sh -c 'echo $$; echo > gone; exec {then}' & read _ < gone; exit 5"
    );
    Job { dir: folder.into(), ..sh(&script) }
}

#[test]
fn a_grandchild_that_left_the_group_delays_by_the_leak_wait() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let seen = see(&escapee(folder.path(), "sleep 1000"), &Stop::never());
    let took = started.elapsed();
    let pid = pid_in(&seen.out);
    let was_held_open = is_running(pid);
    kill_process(pid, Signal::KILL).unwrap();
    assert_eq!(seen.ended.how, How::Exited(5));
    assert!(was_held_open && took >= LEAK_WAIT && took < SOON, "{took:?}");
}

#[test]
fn a_grandchild_that_left_the_group_and_writes_endlessly_too() {
    let folder = tempfile::tempdir().unwrap();
    let seen = see(&escapee(folder.path(), "yes"), &Stop::never());
    assert_eq!(seen.ended.how, How::Exited(5));
    assert!(ends(pid_in(&seen.out)), "its pipe is closed, which ends it");
}

#[test]
fn a_child_that_left_its_own_group_is_ended_too() {
    let stop = Stop::new().unwrap();
    let parent =
        "use POSIX; $| = 1; setpgid(0, getpgrp(getppid())) or die; print \"$$\\n\"; sleep 1000";
    let job = Job { program: "perl".into(), args: vec!["-e".into(), parent.into()], ..sh("") };
    let seen = see_and(&job, &stop, |_| stop.now());
    assert_eq!(seen.ended.how, How::Stopped);
    assert!(seen.ended.lasted < SOON);
}

#[test]
fn a_panicking_sink_leaves_no_child() {
    let pid = Mutex::new(None);
    let panicked = std::panic::catch_unwind(|| {
        run(&sh("echo $$; exec sleep 1000"), &Stop::never(), &mut |_, bytes| {
            *pid.lock().unwrap() = Some(pid_in(std::str::from_utf8(bytes).unwrap()));
            std::panic::resume_unwind(Box::new("the sink"));
        })
    });
    assert!(panicked.is_err());
    let pid = pid.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{}", pid.as_raw_nonzero())).exists(), "reaped");
}

#[test]
fn what_outlived_kill_is_reaped_by_a_later_run() {
    let (mut held, _pipes) = spawn(&sh("exec sleep 1000"), Stdio::null()).unwrap();
    held.leave_over();
    held.kill();
    await_exit(held.pid, KILL_WAIT);
    see(&sh("exit 0"), &Stop::never());
    assert!(!std::path::Path::new(&format!("/proc/{}", held.pid.as_raw_nonzero())).exists());
}

#[test]
fn what_is_missing_is_named() {
    let error = |job: &Job| run(job, &Stop::never(), &mut |_, _| {}).unwrap_err();
    let folder = tempfile::tempdir().unwrap();
    let missing = error(&Job { program: "no-such-program".into(), ..sh("") });
    assert!(matches!(missing, RunError::ProgramMissing { .. }));
    assert_eq!(missing.to_string(), "cannot run \"no-such-program\": there is no such program");

    let missing = error(&Job { dir: folder.path().join("nowhere"), ..sh("") });
    assert!(matches!(missing, RunError::DirMissing { .. }), "{missing}");
    let file = folder.path().join("script");
    // The shell writes it: a file that we have open for writing ourselves may be busy when it is to be run.
    let job = Job { dir: folder.path().into(), ..sh("echo '#! /no/such/interpreter -x' > script") };
    assert_eq!(see(&job, &Stop::never()).ended.how, How::Exited(0));
    let missing = error(&Job { dir: file.clone(), ..sh("") });
    assert!(matches!(missing, RunError::DirMissing { .. }), "{missing}");

    let refused = error(&Job { program: file.clone().into(), ..sh("") });
    assert!(matches!(refused, RunError::Spawn { .. }), "{refused}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let job = Job { program: "./script".into(), dir: folder.path().into(), ..sh("") };
    let missing = error(&job).to_string();
    assert!(missing.ends_with("its interpreter \"/no/such/interpreter\" is missing"), "{missing}");
}

#[test]
fn the_environment_is_what_was_given() {
    let job = Job {
        program: "/usr/bin/env".into(),
        args: vec![],
        env: vec![("B".into(), "2 words".into()), ("A".into(), "1".into())],
        ..sh("")
    };
    let seen = see(&job, &Stop::never());
    let mut lines: Vec<_> = seen.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["A=1", "B=2 words"]);
}

#[test]
fn standard_input_is_empty_and_no_pipe_of_ours_is_open() {
    let stop = Stop::new().unwrap();
    let ours = std::os::fd::AsRawFd::as_raw_fd(&stop.fd().unwrap());
    let ours = fs::read_link(format!("/proc/self/fd/{ours}")).unwrap();
    for merge in [false, true] {
        let script = "cat; echo .; for fd in /proc/$$/fd/*; do readlink $fd; done";
        let seen = see(&Job { merge, ..sh(script) }, &stop);
        let lines: Vec<_> = seen.out.lines().collect();
        assert_eq!((lines[0], lines[1]), (".", "/dev/null"));
        assert!(lines[2].starts_with("pipe:") && ours.to_str().unwrap().starts_with("pipe:"));
        // Whoever started the tests may have left descriptors open, so only our own pipes are looked for.
        let open = |target: &str| lines.iter().filter(|line| **line == target).count();
        assert_eq!((open(ours.to_str().unwrap()), open(lines[2])), (0, 1 + usize::from(merge)));
    }
}

#[test]
fn merged_output_keeps_its_order() {
    let script = "i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done";
    let seen = see(&Job { merge: true, ..sh(script) }, &Stop::never());
    let expected: String = (0..500).map(|i| format!("o{i}\ne{i}\n")).collect();
    assert_eq!((seen.out == expected, seen.err.as_str()), (true, ""));
}

#[test]
fn nothing_is_lost_of_much_output() {
    let script =
        "head -c 3000000 /dev/zero | tr '\\0' x; head -c 2000000 /dev/zero | tr '\\0' y >&2";
    let seen = see(&sh(script), &Stop::never());
    assert_eq!((seen.out.len(), seen.err.len()), (3_000_000, 2_000_000));
}

#[test]
fn a_child_reads_what_it_is_given_or_leaves_it() {
    let input = vec![b'x'; 3 * READ_BYTES];
    let with = |script: &str| {
        let mut out = Vec::new();
        let ended = run_with_input(&sh(script), &input, &Stop::never(), &mut |_, bytes| {
            out.extend_from_slice(bytes);
        });
        assert_eq!(ended.unwrap().how, How::Exited(0), "{script}");
        out
    };
    assert_eq!(with("cat"), input);
    assert_eq!(with("exec true"), b"");
}
