//! Deaths of those who were to see to it: the runner's, and the supervisor's.

use std::time::Duration;

use pontus_exec::{How, Job, RunError, Stop};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::harness::{Test, tests};
use crate::scene::{Helper, LONG, SOON, SPARE, Scene, is_alive, see};

pub const TESTS: &[Test] = tests![
    when_the_runner_is_killed_nobody_is_left,
    when_the_runner_is_killed_during_the_grace,
    when_the_runner_is_killed_there_is_no_grace,
    when_the_runner_is_killed_its_spare_leaves,
    when_the_supervisor_is_killed_the_runner_says_so,
    when_the_supervisor_is_stopped_the_end_wakes_it,
    all_other_signals_leave_the_supervisor_alone,
    ctrl_c_reaches_neither_supervisor_nor_unit,
];

/// Everybody that this starts is deaf to TERM.
const DEAF_TREE: &str = "trap '' TERM HUP INT
    setsid sh -c 'echo > told; while :; do sleep 1000; done' & read _ < told
    perl -MPOSIX -e 'exit if fork; setsid; exit if fork; system \"echo > told\"; sleep 1000'
    read _ < told
    setsid perl -e 'system \"echo > told\"; while (time < $^T + 20) { exit if fork }' & read _ < told
    echo ready; while :; do sleep 1000; done";

fn when_the_runner_is_killed_nobody_is_left() {
    let mut scene = Scene::new();
    let mut helper = Helper::start(&scene, &["env"], DEAF_TREE, LONG);
    assert_eq!(helper.line(), "ready");
    assert!(!scene.look().1);
    helper.child.kill().unwrap();
    assert!(scene.all_gone_within(SOON));
    helper.child.wait().unwrap();
}

fn when_the_runner_is_killed_during_the_grace() {
    let script =
        "setsid perl -e '$SIG{TERM} = sub { syswrite STDOUT, \"asked\\n\" }; sleep 1000 while 1'";
    let mut scene = Scene::new();
    let mut helper = Helper::start(&scene, &["env"], script, Duration::from_millis(500));
    assert_eq!(helper.line(), "asked");
    helper.child.kill().unwrap();
    assert!(scene.all_gone_within(SOON));
    helper.child.wait().unwrap();
}

fn when_the_runner_is_killed_there_is_no_grace() {
    let mut scene = Scene::new();
    let script = "trap 'echo asked >&9' TERM; echo ready; while :; do sleep 1000 & wait; done";
    let mut helper = Helper::start(&scene, &["env"], script, LONG);
    assert_eq!(helper.line(), "ready");
    helper.child.kill().unwrap();
    assert_eq!(helper.line(), "");
    helper.child.wait().unwrap();
    assert!(scene.all_gone_within(SOON));
}

fn when_the_runner_is_killed_its_spare_leaves() {
    let scene = Scene::new();
    let mut helper = Helper::start(&scene, &["env"], SPARE, LONG);
    let (kept, dropped) = (helper.line(), helper.line());
    assert!(is_alive(&kept) && !is_alive(&dropped) && kept != dropped);
    helper.child.kill().unwrap();
    helper.child.wait().unwrap();
    // Its error output, which it closes at its end, is the helper's alone; so there is nothing to wait for but the process.
    let pidfd = Pid::from_raw(kept.parse().unwrap())
        .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    if let Some(pidfd) = pidfd {
        let soon = Timespec::try_from(SOON).unwrap();
        poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&soon)).unwrap();
    }
    assert!(!is_alive(&kept));
}

fn when_the_supervisor_is_killed_the_runner_says_so() {
    let mut scene = Scene::new();
    let script = "sleep 1000 & (setsid sleep 1000 & echo $!; wait) &
                  echo $$; kill -9 $PPID; sleep 1000; sleep 1000";
    let seen = see(&scene.job(script), &Stop::never());
    let error = seen.result.unwrap_err();
    assert!(matches!(error, RunError::SupervisorLost { .. }));
    let said = "cannot tell how \"/bin/sh\" ended: its supervisor was ended by SIGKILL";
    assert_eq!(error.to_string(), said);
    assert!(scene.all_gone_within(SOON));
    assert!(seen.out.lines().all(|pid| !is_alive(pid)) && seen.took < LONG);
}

fn when_the_supervisor_is_stopped_the_end_wakes_it() {
    let mut scene = Scene::new();
    let script = "setsid sleep 1000 & kill -STOP $PPID; sleep 1000";
    let job = Job { timeout: Duration::from_millis(500), ..scene.job(script) };
    let seen = see(&job, &Stop::never());
    assert_eq!(seen.result.unwrap().how, How::TimedOut);
    assert!(scene.look().1 && seen.took < LONG);
}

fn all_other_signals_leave_the_supervisor_alone() {
    let script = "perl -e 'for (1..64) { kill $_, getppid if $_ != 9 && $_ != 19 }
                  print getppid' > all
                  for signal in HUP INT QUIT TERM USR1 USR2 PIPE ALRM TSTP; do kill -$signal $PPID; done
                  exit 3";
    // From the shell's child to the shell's parent, which is the supervisor.
    let script = script.replace("getppid if", "$ENV{S} if").replace("perl", "S=$PPID perl");
    let broken = [4, 5, 6, 7, 8, 11, 31].map(|signal| format!("$_ != {signal}")).join(" && ");
    let script = script.replace("$_ != 9 ", &format!("$_ != 9 && {broken} "));
    let seen = see(&Scene::new().job(&script), &Stop::never());
    assert_eq!((seen.result.unwrap().how, seen.out.as_str()), (How::Exited(3), ""));
}

fn ctrl_c_reaches_neither_supervisor_nor_unit() {
    let scene = Scene::new();
    // In a session, hence a group, of its own, which is signalled as a terminal would.
    let script = "echo ready; read _ < told; exit 6";
    let mut helper = Helper::start(&scene, &["setsid"], script, LONG);
    assert_eq!(helper.line(), "ready");
    let group = Pid::from_child(&helper.child);
    for _ in 0..3 {
        kill_process_group(group, Signal::INT).unwrap();
    }
    std::fs::write(scene.dir.path().join("told"), "\n").unwrap();
    assert_eq!(helper.rest(), "exit status 6\n");
}
