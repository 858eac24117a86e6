//! The shapes that scripts rely on.

use pontus_proto::{Attempt as AttemptId, Verdict, WaitsFor};
use serde_json::Value;

use super::super::testing::{attempt, shown, units};
use super::*;

fn value(document: &impl Serialize) -> Value {
    serde_json::from_str(&line(document)).unwrap()
}

#[test]
fn a_commit_with_all_that_is_known_of_it() {
    let shown = shown();
    let commit = value(&Show::new(&shown, &units()[..2]));
    let expected = r##"{
        "commit": "abababababababababababababababababababab", "project": "test_repo", "branch": "main",
        "state": "done", "waits_for": null, "verdict": "failed", "reason": null,
        "counts": {"passed": 2, "failed": 2, "skipped": 2}, "duration_ms": 3412, "usual_ms": 3300,
        "previous": "babababababababababababababababababababa",
        "skipped_commits": ["cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"], "skipped_unnamed": 8999, "labels": ["gpu"],
        "about": {"tree": "efefefefefefefefefefefefefefefefefefefef", "subject": "Count from one",
            "author": "Ada <ada@example.org>", "committed": "2026-11-22T14:13:03.000Z"},
        "timings": {"queued": "2026-11-22T14:14:03.000Z", "assigned": "2026-11-22T14:14:05.600Z",
            "checked_out": "2026-11-22T14:14:05.641Z", "first_output": "2026-11-22T14:14:05.655Z",
            "done": "2026-11-22T14:14:09.101Z"},
        "attempts": [
            {"attempt": 1, "runner": "oak/1", "fate": "lost", "verdict": null, "started": "2026-11-22T14:14:03.040Z",
                "checked_out_ms": null, "first_output_ms": null, "ended": "2026-11-22T14:14:05.540Z"},
            {"attempt": 2, "runner": "elm/1", "fate": "reported", "verdict": "failed",
                "started": "2026-11-22T14:14:05.600Z", "checked_out_ms": 41, "first_output_ms": 55,
                "ended": "2026-11-22T14:14:09.100Z"}],
        "units": [
            {"unit": "tests/test_a.py", "outcome": "failed", "exit": 1, "duration_ms": 112,
                "counts": {"passed": 1, "failed": 1, "skipped": 1}, "cases": [
                    {"name": "test_yes (test_a.A.test_yes)", "outcome": "passed", "duration_ms": 12},
                    {"name": "test_no <&\"#\\ 'ü' # TODO", "outcome": "failed", "duration_ms": null},
                    {"name": "test_later", "outcome": "skipped", "duration_ms": 0}]},
            {"unit": "tests/lying.t", "outcome": "failed", "exit": 0, "duration_ms": 112,
                "counts": {"passed": 0, "failed": 1, "skipped": 0},
                "cases": [{"name": "all is well", "outcome": "passed", "duration_ms": null}]}]
    }"##;
    assert_eq!(commit, serde_json::from_str::<Value>(expected).unwrap());
}

#[test]
fn what_is_not_known_is_null_and_no_key_is_lost() {
    let mut shown = shown();
    let all = value(&Show::new(&shown, &[]));
    shown.decided = None;
    shown.usual_ms = None;
    shown.attempts.clear();
    shown.waits_for = Some(WaitsFor::Labels);
    shown.submission.branch = None;
    shown.submission.previous = None;
    shown.submission.about = None;
    let queued = value(&Show::new(&shown, &[]));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&queued), keys(&all));
    assert_eq!(keys(&queued["timings"]), keys(&all["timings"]));
    for key in ["branch", "verdict", "reason", "duration_ms", "usual_ms", "previous", "about"] {
        assert_eq!(queued[key], Value::Null, "{key}");
    }
    assert_eq!(queued["waits_for"], "labels");
    assert_eq!(queued["counts"]["passed"], 0);
    assert_eq!(queued["attempts"], Value::Array(vec![]));
    assert_eq!(queued["timings"]["assigned"], Value::Null);
}

#[test]
fn it_can_be_read_back() {
    let commit = Show::new(&shown(), &units());
    assert_eq!(serde_json::from_str::<Show>(&line(&commit)).unwrap(), commit);
    assert_eq!(line(&commit).matches('\n').count(), 1);
}

#[test]
fn timings_are_of_the_attempt_that_counts() {
    let mut shown = shown();
    // Somebody asked for a retry, which runs: the verdict before it is history.
    shown.decided = None;
    shown.attempts.push(attempt(3, "oak/1", shown.submitted_ms + 60_000, None));
    let running = value(&Show::new(&shown, &[]));
    assert_eq!(running["timings"]["assigned"], "2026-11-22T14:15:03.000Z");
    assert_eq!(running["timings"]["done"], Value::Null);
    // Cancelled before anybody had it.
    let mut shown = super::super::testing::shown();
    shown.attempts.clear();
    let decided = shown.decided.as_mut().unwrap();
    (decided.verdict, decided.attempt) = (Verdict::Cancelled, AttemptId(0));
    let cancelled = value(&Show::new(&shown, &[]));
    assert_eq!(cancelled["timings"]["assigned"], Value::Null);
    assert_eq!(cancelled["timings"]["done"], "2026-11-22T14:14:09.101Z");
}
