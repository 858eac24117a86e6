//! Looks at real repositories whose origin does not answer.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pontus_cli::{Server, Trust};

use super::*;

fn git(dir: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").env_remove("GIT_DIR");
    command.args(["-c", "user.name=A", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]);
    assert!(command.args(args).status().unwrap().success(), "{args:?}");
}

/// Nobody can listen there.
fn nobody() -> Server {
    let trust = Trust { token_file: None, no_auth: true };
    Server { dispatcher_server: "127.0.0.1:0".to_owned(), trust }
}

#[test]
fn an_origin_that_hangs_is_given_up_at_its_deadline_and_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let (up, clone) = (folder.path().join("up"), folder.path().join("clone"));
    git(folder.path(), &["init", "-q", "up"]);
    git(&up, &["commit", "-q", "--allow-empty", "-m", "first"]);
    git(folder.path(), &["clone", "-q", "up", "clone"]);
    git(&clone, &["config", "remote.origin.uploadpack", "exec sleep 1000;"]);
    let config = Config {
        repos: vec![Repo { path: clone.clone(), name: String::new() }],
        stop: Stop::new().unwrap(),
        dispatcher: nobody().try_into().unwrap(),
        interval: Duration::from_secs(5),
        branches: vec!["main".parse().unwrap()],
        every_commit: false,
        project: None,
        once: true,
    };
    let mut observer = Observer::open(&config, &config.repos[0]).unwrap();
    let git_in_clone = Git::in_clone(&clone);
    let short = Duration::from_millis(500);
    let hasty = git_in_clone.with_deadlines(Duration::from_secs(60), short);
    observer.upstream = Upstream::open("", &hasty, true, &config.branches).unwrap();
    let started = Instant::now();
    let said = observer.look().into_result("").unwrap_err().to_string();
    assert_eq!(said, "cannot list origin's branches: git had not ended after 500ms");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    git(&clone, &["config", "--unset", "remote.origin.uploadpack"]);
    observer.upstream = Upstream::open("", &observer.git, true, &config.branches).unwrap();
    let error = observer.look().into_result("").unwrap_err();
    assert!(
        error.is::<ClientError>(),
        "origin is well, and only the dispatcher is missed: {error}"
    );
}
