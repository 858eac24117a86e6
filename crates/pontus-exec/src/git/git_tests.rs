//! What every call of git has in common.

use super::testing::{World, each, script};
use super::*;

use std::time::Instant;

/// What a test may take that would hang if the code were wrong.
const SOON: Duration = Duration::from_secs(60);

#[test]
fn our_environment_stays_outside() {
    let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
    let inherited =
        [pair("GIT_DIR", "/elsewhere"), pair("GIT_SSH_COMMAND", "evil"), pair("HOME", "/home/u")];
    let env =
        environment(inherited.into_iter().chain([pair("EDITOR", "vi"), pair("LC_ALL", "de")]));
    let expected = [
        pair("HOME", "/home/u"),
        pair("LC_ALL", "C"),
        pair("GIT_TERMINAL_PROMPT", "0"),
        pair("GIT_OPTIONAL_LOCKS", "0"),
    ];
    assert_eq!(env, expected);
    assert!(PASSED_ON.iter().all(|name| !name.starts_with("GIT_")));
}

/// The names of the variables that a call would get besides the inherited ones.
fn names_of(call: Call<'_>) -> Vec<String> {
    let job = call.job().unwrap();
    job.env.into_iter().filter_map(|(name, _)| name.into_string().ok()).collect()
}

#[test]
fn ssh_is_told_not_to_ask_unless_the_user_has_told_it_something() {
    each(|world| {
        let git = world.git("clone");
        let has_ssh = |git: &Git| {
            names_of(git.call("test", "fetch").over_network()).contains(&"GIT_SSH_COMMAND".into())
        };
        assert!(has_ssh(&git));
        world.raw("clone", &["config", "core.sshCommand", "ssh -i key"]);
        assert!(has_ssh(&git), "asked once");
        assert!(!has_ssh(&world.git("clone")));
        let local = names_of(git.call("test", "rev-parse"));
        assert!(!local.contains(&"GIT_SSH_COMMAND".into()));
        assert!(local.contains(&"GIT_ALLOW_PROTOCOL".into()));
    });
}

/// A clone whose origin is reached by a program that never answers; it leaves a file that it has run.
fn with_hung_origin(world: &World) -> Git {
    let command = world.path("hung");
    script(
        &command,
        &format!(
            "#!/bin/sh\necho \"$GIT_SSH_COMMAND\" > {0}.ran\nexec sleep 1000\n",
            command.display()
        ),
    );
    world.raw("clone", &["remote", "set-url", "origin", "ssh://nowhere.invalid/x"]);
    world.raw("clone", &["config", "core.sshCommand", command.to_str().unwrap()]);
    world.git("clone")
}

#[test]
fn a_hung_transport_ends_at_its_deadline() {
    each(|world| {
        let deadline = Duration::from_secs(1);
        let git = with_hung_origin(world).with_deadlines(LOCAL_DEADLINE, deadline);
        let started = Instant::now();
        let error = git.origin_heads().unwrap_err();
        assert!(matches!(error, GitError::TimedOut { after, .. } if after == deadline), "{error}");
        assert_eq!(error.to_string(), "cannot list origin's branches: git had not ended after 1s");
        assert!(started.elapsed() < SOON);
        let ran = std::fs::read_to_string(world.path("hung.ran")).unwrap();
        assert_eq!(ran, "\n", "the user's command, without ours");
    });
}

#[test]
fn a_stop_ends_a_hung_transport() {
    each(|world| {
        let stop = Stop::new().unwrap();
        let git = with_hung_origin(world).with_stop(stop.clone());
        // The transport's own program says when it hangs: the stop follows the line in this pipe.
        let fifo = world.path("fifo");
        std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        let hung = format!("#!/bin/sh\necho hung > {}\nexec sleep 1000\n", fifo.display());
        script(&world.path("hung"), &hung);
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(std::fs::read_to_string(&fifo).unwrap(), "hung\n");
                stop.now();
            });
            git.fetch_heads("refs/pontus/heads").unwrap_err()
        });
        assert!(matches!(error, GitError::Stopped { .. }), "{error}");
        assert!(matches!(git.git_dir(), Err(GitError::Stopped { .. })), "and what comes later");
    });
}

#[test]
fn a_missing_git_is_said_to_be_missing() {
    let git = Git { program: "no-such-git".into(), ..Git::in_clone("/") };
    assert!(matches!(git.git_dir(), Err(GitError::Missing { .. })));
    let error = Git::in_clone("/no/such/folder").git_dir().unwrap_err().to_string();
    assert!(error.ends_with(" in \"/no/such/folder\": there is no such folder"), "{error}");
}

/// A git that does what `body` says, whatever it is asked for.
fn fake(folder: &Path, body: &str) -> Git {
    let program = folder.join("git");
    script(&program, &format!("#!/bin/sh\n{body}\n"));
    Git { program: program.into(), ..Git::in_clone(folder) }
}

#[test]
fn answers_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let most = OUTPUT_BYTES_MAX;
    let git = fake(folder.path(), &format!("head -c {most} /dev/zero"));
    let call = |git: &Git| git.call("test", "x").output();
    assert_eq!(call(&git).unwrap().len(), most);
    let git = fake(folder.path(), &format!("head -c {} /dev/zero", most + 1));
    assert!(matches!(call(&git), Err(GitError::TooMuchOutput { .. })));
    let git = fake(
        folder.path(),
        "head -c 9000000 /dev/zero >&2; echo >&2; echo 'fatal: \x1b[1mlast' >&2; exit 9",
    );
    let answer = git.call("test", "x").answer().unwrap();
    assert_eq!(answer.complaints.len(), COMPLAINT_BYTES_MAX);
    let error = answer.into_error().to_string();
    assert_eq!(error, "cannot test: \\u{1b}[1mlast");
}

#[test]
fn other_ends_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let error = fake(folder.path(), "kill -KILL $$").git_dir().unwrap_err();
    assert_eq!(error.to_string(), "cannot find the repository: git was ended by SIGKILL");
    let error = fake(folder.path(), "exit 3").git_dir().unwrap_err();
    assert!(matches!(error, GitError::Failed { status: 3, .. }));
    for nonsense in ["", "echo x", "echo; echo /x"] {
        let error = fake(folder.path(), nonsense).git_dir().unwrap_err();
        assert!(matches!(error, GitError::BadAnswer { .. }), "{nonsense}: {error}");
    }
}

#[test]
fn the_version_is_not_limited_to_what_is_on_path() {
    each(|world| {
        let version = world.git("clone").call("test", "version").output().unwrap();
        assert_eq!(String::from_utf8(version).unwrap().trim_end(), world.raw(".", &["version"]));
    });
}
