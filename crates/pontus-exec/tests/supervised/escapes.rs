//! Ways to get away: each is gone when the run has returned, which it does at once.

use pontus_exec::{How, Stop};

use crate::harness::{Test, tests};
use crate::scene::{Helper, LONG, SOON, Scene, is_there, see, see_and, state};

pub const TESTS: &[Test] = tests![
    each_way_to_get_away_ends_with_the_unit,
    one_that_closes_its_descriptors,
    many_orphans_are_reaped_while_the_unit_runs,
    a_stop_ends_a_whole_tree,
    one_that_supervises_itself,
    a_deep_and_wide_tree,
];

/// What gets away says `away` to the lifeline and anything to `told`; after that the unit exits.
const WAYS: [(&str, &str); 10] = [
    ("a child in the group", "sh -c 'echo away >&9; echo > told; exec sleep 1000' &"),
    ("setsid, keeping the pipes", "setsid sh -c 'echo away >&9; echo > told; exec sleep 1000' &"),
    ("setsid, and writing for ever", "setsid sh -c 'echo away >&9; echo > told; exec yes' &"),
    (
        "a daemon",
        "perl -MPOSIX -e 'exit if fork; setsid; exit if fork; chdir \"/proc\"; close STDIN; \
         close STDOUT; close STDERR; system \"echo away >&9\"; system \"echo > $ARGV[0]\"; \
         sleep 1000' $PWD/told",
    ),
    (
        "deaf to all signals",
        "setsid sh -c 'trap \"\" TERM HUP INT QUIT USR1 USR2 ALRM PIPE CHLD TSTP; \
         echo away >&9; echo > told; while :; do sleep 1000; done' &",
    ),
    (
        "stopping itself",
        "setsid sh -c 'echo away >&9; kill -STOP $$' &
         until grep -q State:.T /proc/$!/status; do :; done; echo > told &",
    ),
    (
        "forking continually",
        "setsid perl -e 'system \"echo away >&9; echo > told\"; while (time < $^T + 20) { exit if fork }' &",
    ),
    (
        "forking continually, sixteen of them",
        "perl -MPOSIX -e 'for (1..16) { next if fork; setsid; while (time < $^T + 20) { exit if fork } exit } \
         system \"echo away >&9; echo > told\"' &",
    ),
    (
        "a parent that starts another child for each that dies",
        "setsid perl -e '$| = 1; system \"echo away >&9; echo > told\"; \
         while () { my $pid = fork // next; $pid or sleep 1000; waitpid $pid, 0 }' &",
    ),
    (
        "a child that takes its parent's place, with another child",
        "setsid perl -e 'system \"echo away >&9; echo > told\"; \
         while () { pipe R, W; if (fork) { close R; sleep 1000 } close W; read R, $x, 1 }' &",
    ),
];

fn each_way_to_get_away_ends_with_the_unit() {
    for (way, script) in WAYS {
        let mut scene = Scene::new();
        let seen = see(&scene.job(&format!("{script}\nread _ < told; exit 5")), &Stop::never());
        let (words, is_all_gone) = scene.look();
        assert!(is_all_gone, "{way}: somebody is left");
        let ended = seen.result.unwrap();
        assert_eq!((ended.how, words.as_str()), (How::Exited(5), "away\n"), "{way}");
        assert!(seen.took - ended.lasted < SOON, "{way}: {:?} of {ended:?}", seen.took);
    }
}

fn one_that_closes_its_descriptors() {
    let scene = Scene::new();
    let away = "setsid perl -MPOSIX -e 'open T, \">told\"; syswrite T, \"$$\\n\"; \
                POSIX::close($_) for 0..255; sleep 1000' &
                read pid < told; until [ -z \"$(ls /proc/$pid/fd)\" ]; do :; done; echo $pid";
    let seen = see(&scene.job(away), &Stop::never());
    assert_eq!(seen.result.unwrap().how, How::Exited(0));
    let pid = seen.out.trim();
    assert!(pid.parse::<u32>().is_ok() && !is_there(pid), "{pid}");
}

/// The unit's parent is its supervisor; it waits until it is that one's only child.
fn many_orphans_are_reaped_while_the_unit_runs() {
    let orphans = "exec perl -e '
        for (1..2000) { my $pid = fork // die; if (!$pid) { fork; exit } waitpid $pid, 0 }
        my $lists = sprintf \"/proc/%d/task/%d/children\", getppid, getppid;
        while () { open my $list, $lists or die; last if <$list> eq \"$$ \" }
        print \"alone\"'";
    let scene = Scene::new();
    let seen = see(&scene.job(orphans), &Stop::never());
    assert_eq!((seen.result.unwrap().how, seen.out.as_str()), (How::Exited(0), "alone"));
}

fn a_stop_ends_a_whole_tree() {
    let mut scene = Scene::new();
    let script = "for i in 1 2 3; do setsid sh -c 'sleep 1000 & sleep 1000 & wait' & done
                  setsid sh -c 'echo $$; kill -STOP $$' & echo $!; wait";
    let stop = Stop::new().unwrap();
    let seen = see_and(&scene.job(script), &stop, &mut |pid| {
        while state(pid) != Some('T') {
            std::thread::yield_now();
        }
        stop.now();
    });
    assert_eq!(seen.result.unwrap().how, How::Stopped);
    assert!(scene.look().1 && seen.took < LONG);
}

/// A runner that is tested by a runner: the inner supervisor is a child-subreaper too.
fn one_that_supervises_itself() {
    for how in ["kill -9 $!", "kill -9 $(cat /proc/$!/task/*/children)", "true"] {
        let mut scene = Scene::new();
        let ourselves = std::env::current_exe().unwrap();
        let inner = "setsid sh -c \"echo > told; sleep 1000\" & sleep 1000";
        let script =
            format!("{} helper '{inner}' 100000 & read _ < told; {how}", ourselves.display());
        let seen = see(&scene.job(&script), &Stop::never());
        assert_eq!(seen.result.unwrap().how, How::Exited(0));
        assert!(scene.look().1, "{how}");
    }
    let mut scene = Scene::new();
    let script = "setsid sleep 1000 & echo ready; sleep 1000";
    let mut helper = Helper::start(&scene, &["setsid"], script, LONG);
    assert_eq!(helper.line(), "ready");
    helper.child.kill().unwrap();
    helper.child.wait().unwrap();
    assert!(scene.all_gone_within(SOON));
}

fn a_deep_and_wide_tree() {
    let mut scene = Scene::new();
    let script = "perl -MPOSIX -e 'for (1..60) { last if fork; setsid }
                  for (1..2) { fork } select undef, undef, undef, 1000' &
                  perl -e 'for (1..100) { fork or sleep 1000 } system \"echo > told\"; sleep 1000' &
                  read _ < told";
    let seen = see(&scene.job(script), &Stop::never());
    assert!(scene.look().1);
    let ended = seen.result.unwrap();
    assert!(seen.took - ended.lasted < SOON, "{:?} of {ended:?}", seen.took);
}
