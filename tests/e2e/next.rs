//! The next attempt is unaffected by the last one, and so is the clone.

use std::fs;
use std::path::Path;

use pontus_tests::{Yard, git, last_line};

/// A unit that does all the harm that it can to the checkout that it finds itself in.
const VANDAL: &str = r#"#!/bin/bash
git config user.name vandal
git config core.hooksPath "$PWD/hooks"
git config filter.evil.smudge 'echo filtered'
git config core.attributesFile "$PWD/attributes"
git config core.excludesFile "$PWD/excludes"
mkdir -p hooks .git/info .git/hooks
printf '#!/bin/sh\ntouch %s/hooked\n' "$PWD" | tee hooks/post-checkout > .git/hooks/post-checkout
chmod +x hooks/post-checkout .git/hooks/post-checkout
echo '* filter=evil' | tee attributes > .git/info/attributes
git update-ref refs/heads/evil HEAD
git update-index --assume-unchanged tests/look
git rm -q --cached tests/data
echo changed > tests/look
echo changed > tests/data
rm -f tests/gone
touch .git/index.lock ../git/index.lock tests/.git
echo '!*' > .gitignore
mkdir -p not/kept ignored
touch not/kept/file ignored/file
mkdir -p read/only && touch read/only/file && chmod 500 read/only read
python3 - <<'P'
import os
os.mkdir('deep'); os.chdir('deep')
for _ in range(5000): os.mkdir('d'); os.chdir('d')
P
exit 0
"#;

const LOOK: &str = r#"#!/bin/bash
echo "name: $(git config --local user.name)"
echo "branches: $(git branch --list evil)"
echo "status: $(git status --short --ignored)"
ls -A
cat tests/data
"#;

#[test]
fn a_vandal_changes_nothing_for_the_next() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let files = [
        ("tests/vandal", VANDAL),
        ("tests/look", "#!/bin/sh\n"),
        ("tests/data", "as committed\n"),
        ("tests/gone", "as committed\n"),
        (".gitignore", "ignored/\n"),
    ];
    let first = yard.commit(&files);
    let before = clone_state(&yard);
    let _runner = yard.runner(&[]);
    let _observer = yard.observer(&[]);
    let result = yard.result(&dispatcher, &first);
    assert!(last_line(&result).starts_with("verdict: passed: "), "{result}");
    let second = yard.commit(&[("tests/vandal", "#!/bin/sh\n"), ("tests/look", LOOK)]);
    let result = yard.result(&dispatcher, &second);
    let seen = "=== tests/look\nname: \nbranches: \nstatus: \n.git\n.gitignore\ntests\n\
                as committed\n=== tests/look: passed";
    assert!(result.contains(seen), "{result}");
    assert_eq!(clone_state(&yard), before);
    git(&yard.runners(), &["fsck", "--strict"]);
}

/// What a user of the runner's clone would miss if it changed.
fn clone_state(yard: &Yard) -> [String; 4] {
    let clone = yard.runners();
    let git = |args: &[&str]| git(&clone, args);
    [
        git(&["status", "--porcelain", "--branch"]),
        git(&["config", "--local", "--list"]),
        git(&["for-each-ref", "refs/heads", "refs/remotes", "refs/tags"]),
        git(&["worktree", "list"]),
    ]
}

#[test]
fn the_clone_of_the_runner_is_left_alone() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let vandal = "#!/bin/sh\ngit config user.name vandal\ngit checkout -q -b mine\n\
                  echo x > left-behind\necho vandal > .git/hooks-are-not-here\nrm -f tests/look\n";
    let first = yard.commit(&[("tests/vandal", vandal), ("tests/look", "#!/bin/sh\nls\n")]);
    let before = clone_state(&yard);
    let _runner = yard.runner(&[]);
    let _observer = yard.observer(&[]);
    yard.result(&dispatcher, &first);
    let second = yard.commit(&[("tests/vandal", "#!/bin/sh\ngit status --short; git branch\n")]);
    let result = yard.result(&dispatcher, &second);
    assert!(last_line(&result).starts_with("verdict: passed: 2 passed"), "{result}");
    assert!(result.contains("=== tests/look\ntests\n=== tests/look: passed"), "{result}");
    assert!(!result.contains("mine"), "{result}");
    assert_eq!(clone_state(&yard), before);
}

/// As it is while another process fetches it, or after one was killed in the midst of that: git writes the commit first.
#[test]
fn a_commit_that_is_there_in_part_is_fetched_again() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    for missing in ["HEAD^{tree}", "HEAD:tests", "HEAD:tests/a.sh"] {
        let commit = yard.commit(&[("tests/a.sh", &format!("true # {missing}\n"))]);
        git(
            &yard.runners(),
            &["fetch", "-q", "--no-write-fetch-head", "--refmap=", "origin", &commit],
        );
        let object = git(&yard.master(), &["rev-parse", missing]);
        let path = Path::new(".git/objects").join(&object[..2]).join(&object[2..]);
        fs::remove_file(yard.runners().join(path)).unwrap();
        let runner = yard.runner(&[]);
        yard.hand_in(&[]);
        let result = yard.result(&dispatcher, &commit);
        assert!(last_line(&result).starts_with("verdict: passed: "), "{missing}: {result}");
        runner.wait_for("fetching again");
    }
}

#[test]
fn a_checkout_that_was_ruined_is_made_afresh() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let ruin =
        "#!/bin/sh\nrm -rf ../git/HEAD ../git/objects ../git/config\necho x > ../git/index\n";
    let first = yard.commit(&[("tests/ruin", ruin)]);
    let runner = yard.runner(&[]);
    let _observer = yard.observer(&[]);
    yard.result(&dispatcher, &first);
    let second = yard.commit(&[("tests/ruin", "#!/bin/sh\ntest -e tests/ruin\n")]);
    let result = yard.result(&dispatcher, &second);
    assert!(last_line(&result).starts_with("verdict: passed: 1 passed"), "{result}");
    runner.wait_for("checking");
}

#[test]
fn what_a_repository_wants_to_keep_is_kept() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let fill = "mkdir -p kept ignored untracked\ntouch kept/a ignored/a untracked/a\n";
    let files = [
        ("tests/a.sh", fill),
        ("tests/.pontus-keep", "# caches\n/kept/\n"),
        (".gitignore", "ignored/\nkept/\n"),
    ];
    let first = yard.commit(&files);
    let _runner = yard.runner(&[]);
    let _observer = yard.observer(&[]);
    yard.result(&dispatcher, &first);
    let second = yard.commit(&[("tests/a.sh", "ls kept ignored untracked\ntrue\n")]);
    let result = yard.result(&dispatcher, &second);
    assert!(result.contains("kept:\na\n"), "{result}");
    assert!(!result.contains("ignored:\n") && !result.contains("untracked:\n"), "{result}");
    // The list is that of the commit: one that keeps nothing finds nothing.
    let third = yard.commit(&[("tests/.pontus-keep", "")]);
    let result = yard.result(&dispatcher, &third);
    assert!(!result.contains("kept:\n"), "{result}");
}

#[test]
fn a_pipe_in_the_place_of_the_next_unit_holds_nobody_up() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let files = [
        ("tests/a", "#!/bin/sh\nrm tests/b.sh tests/c\nmkfifo tests/b.sh tests/c\n"),
        ("tests/b.sh", "true\n"),
        ("tests/c", "#!/bin/sh\n"),
    ];
    let commit = yard.commit(&files);
    let _runner = yard.runner(&["--unit-timeout", "1s"]);
    let _observer = yard.observer(&[]);
    let result = yard.result(&dispatcher, &commit);
    assert!(last_line(&result).starts_with("verdict: timed_out: "), "{result}");
}
