//! Somebody removes, replaces, locks or forbids what the dispatcher works in, while it works there or before.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pontus_proto::{Bytes, Code, Reply, Request, State};
use pontus_tests::{
    Checkpoint, Process, SmallDisk, Speaker, Yard, end_of, last_line, made_up, passed, program,
    submission,
};

/// A path below the results folder.
fn results(yard: &Yard, name: &str) -> PathBuf {
    yard.path().join("test_results").join(name)
}

/// How many commits are known.
fn known(yard: &Yard) -> usize {
    Speaker::client(yard).status(100).commits.len()
}

#[test]
fn each_file_of_the_database_may_be_removed() {
    for name in ["pontus.db-wal", "pontus.db-shm", "pontus.db", "lock"] {
        let yard = Yard::new();
        let mut dispatcher = yard.dispatcher(&[]);
        Speaker::client(&yard).submit(submission(1, "p"));
        fs::remove_file(results(&yard, ".pontus").join(name)).unwrap();
        dispatcher.wait_for("test_results has been made anew");
        // At once: what was acknowledged lies in files that the next start finds.
        dispatcher.kill();
        let dispatcher = yard.dispatcher(&[]);
        assert_eq!(known(&yard), 1, "{name}");
        Speaker::client(&yard).submit(submission(2, "p"));
        drop(dispatcher);
        let _dispatcher = yard.dispatcher(&[]);
        assert_eq!(known(&yard), 2, "{name}");
    }
}

#[test]
fn a_folder_that_was_removed_is_made_anew_and_tests_go_on() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let checkpoint = Checkpoint::new();
    let flood = "#!/bin/bash\nfor n in {1..20000}; do echo \"line $n\"; done\n";
    let commit = yard.commit(&[("tests/flood", &[flood, &checkpoint.stay()].concat())]);
    let _runner = yard.runner(&[]);
    yard.hand_in(&[]);
    let (visitor, _) = checkpoint.arrival();
    let mut onlooker = Speaker::client(&yard);
    assert_eq!(onlooker.status(9).running, 1);
    fs::remove_dir_all(yard.path().join("test_results")).unwrap();
    dispatcher.wait_for("test_results has been made anew");
    visitor.leave_with(0);
    let result = yard.result(&dispatcher, &commit);
    let lines = result.lines().filter(|line| line.starts_with("line ")).count();
    assert_eq!(lines, 20_000, "the runner sends again what was lost");
    assert!(result.contains("attempt   1\n"), "{}", last_line(&result));
    // Whoever only looked on all the while sees what is there now.
    assert_eq!(onlooker.status(9).commits[0].state, State::Done);
}

#[test]
fn output_that_was_removed_is_sent_again() {
    for name in [".pontus/output/", ".pontus/output"] {
        let yard = Yard::new();
        let dispatcher = yard.dispatcher(&[]);
        Speaker::client(&yard).submit(submission(1, "p"));
        let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
        let attempt = runner.take();
        runner.print(attempt, 0, b"hello\n");
        if name.ends_with('/') {
            fs::remove_file(results(&yard, name).join(format!("{}.1", made_up(1)))).unwrap();
        } else {
            fs::remove_dir_all(results(&yard, name)).unwrap();
        }
        assert_eq!(runner.report(attempt, 6), Reply::Kept { output_bytes: 0 });
        runner.print(attempt, 0, b"hello\n");
        assert_eq!(runner.report(attempt, 6), Reply::Recorded {});
        let result = yard.result(&dispatcher, &made_up(1).to_string());
        assert!(result.contains("\nhello\n"), "{result}");
    }
}

#[test]
fn a_result_does_not_want_the_folder_of_output_to_be_left_alone() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    Speaker::client(&yard).submit(submission(1, "p"));
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let attempt = runner.take();
    fs::remove_dir_all(results(&yard, ".pontus/output")).unwrap();
    assert_eq!(runner.report(attempt, 0), Reply::Recorded {});
    let result = yard.result(&dispatcher, &made_up(1).to_string());
    assert!(last_line(&result).starts_with("verdict"), "{result}");
}

/// Gives each the other's name, so that there is no moment without either.
fn exchange(one: &Path, other: &Path) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

#[test]
fn a_file_in_the_folder_s_place_is_borne_until_it_goes() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    Speaker::client(&yard).submit(submission(1, "p"));
    let (folder, aside) = (yard.path().join("test_results"), yard.path().join("aside"));
    fs::write(&aside, "in the way").unwrap();
    exchange(&folder, &aside);
    dispatcher.wait_for("is not ours any more, and cannot be made anew");
    let again = Request::Submit(submission(2, "p"));
    assert_eq!(Speaker::client(&yard).refused(&again), Code::StorageFull);
    // It comes back as it was.
    exchange(&folder, &aside);
    dispatcher.wait_for("test_results is there again");
    Speaker::client(&yard).submit(submission(2, "p"));
    // Once more, and this time it does not come back.
    exchange(&folder, &aside);
    dispatcher.wait_for_many("is not ours any more, and cannot be made anew", 2);
    assert_eq!(fs::read(&folder).unwrap(), b"in the way");
    fs::remove_file(&folder).unwrap();
    dispatcher.wait_for("test_results has been made anew");
    assert_eq!(known(&yard), 2);
}

#[test]
fn a_dispatcher_whose_folder_another_has_taken_leaves_it_to_that_one() {
    let yard = Yard::new();
    let first = yard.dispatcher(&[]);
    fs::rename(yard.path().join("test_results"), yard.path().join("aside")).unwrap();
    // Nobody looks at the first one's folder meanwhile.
    first.signal(rustix::process::Signal::STOP);
    let mut other = yard.command("dispatcher");
    let other = Process::start("dispatcher", other.args(["--port", "0"]));
    other.wait_for("listening on ");
    first.signal(rustix::process::Signal::CONT);
    let (code, line) = end_of(first);
    assert_eq!(code, Some(3));
    assert!(line.contains(&format!("the dispatcher with process id {} ", other.id())), "{line}");
    // What was moved away is whole.
    let mut moved = yard.command("dispatcher");
    let moved = Process::start("dispatcher", moved.args(["--port", "0", "--results-dir", "aside"]));
    moved.wait_for("listening on ");
}

#[test]
fn another_database_in_its_place_is_not_overwritten() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let database = results(&yard, ".pontus/pontus.db");
    fs::remove_file(&database).unwrap();
    let backup = yard.path().join("backup");
    fs::write(&backup, "precious").unwrap();
    fs::rename(&backup, &database).unwrap();
    // It may have been mended in between: then the backup came too late, and takes its place again.
    dispatcher.wait_for("pontus.db is another file now");
    assert_eq!(fs::read(&database).unwrap(), b"precious");
}

/// Keeps the database locked for writing until it is killed.
fn writer(yard: &Yard) -> Child {
    let script = "import sqlite3, sys\n\
        database = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
        database.execute('BEGIN IMMEDIATE')\n\
        print('locked', flush=True); sys.stdin.read()";
    let mut command = yard.command_of("python3");
    command.args(["-c", script]).arg(results(yard, ".pontus/pontus.db"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "locked\n");
    child
}

#[test]
fn a_database_that_somebody_has_locked_is_waited_for() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let mut writer = writer(&yard);
    let again = Request::Submit(submission(1, "p"));
    assert_eq!(Speaker::client(&yard).refused(&again), Code::StorageFull);
    dispatcher.wait_for("database is locked; nothing is acknowledged until it can be");
    assert_eq!(known(&yard), 0, "looking is possible all the while");
    writer.kill().unwrap();
    writer.wait().unwrap();
    dispatcher.wait_for("the disk takes something again");
    Speaker::client(&yard).submit(submission(1, "p"));
}

/// The dispatcher without the privilege to write where it may not.
fn unprivileged(yard: &Yard) -> Command {
    if !rustix::process::geteuid().is_root() {
        return yard.command("dispatcher");
    }
    let mut command = yard.command_of("setpriv");
    command.arg("--bounding-set=-dac_override,-dac_read_search").arg(program("dispatcher"));
    command
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_folder_that_is_read_only_for_a_while() {
    let yard = Yard::new();
    let command = unprivileged(&yard);
    let dispatcher = yard.dispatcher_by(command, &[]);
    let mut client = Speaker::client(&yard);
    client.submit(submission(1, "p"));
    client.submit(submission(2, "p"));
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let attempt = runner.take();
    let folders = ["", ".pontus", ".pontus/output"].map(|name| results(&yard, name));
    folders.iter().for_each(|folder| allow(folder, 0o555));
    // The verdict is on the disk, and the result comes later.
    assert_eq!(runner.report(attempt, 0), Reply::Recorded {});
    dispatcher.wait_for("Permission denied (os error 13); trying until it can be");
    // Nothing of the second commit's output is taken, and its runner keeps it.
    let attempt = runner.take();
    let data = Bytes(b"hello".to_vec());
    let output = Request::Output { commit: attempt.0, attempt: attempt.1, offset: 0, data };
    assert_eq!(runner.refused(&output), Code::StorageFull);
    folders.iter().for_each(|folder| allow(folder, 0o755));
    dispatcher.wait_for(&format!("{}: verdict passed", made_up(1)));
    runner.print(attempt, 0, b"hello");
    assert_eq!(runner.report(attempt, 5), Reply::Recorded {});
    yard.result(&dispatcher, &made_up(2).to_string());
}

#[test]
fn a_disk_that_is_read_only_from_the_start() {
    let yard = Yard::new();
    let Some(disk) = SmallDisk::new(&yard, 1024 * 1024) else { return };
    let mount = disk.command(&yard, Path::new("mount"));
    let status = { mount }.args(["-o", "remount,ro", "test_results"]).status();
    assert!(status.unwrap().success());
    let command = disk.command(&yard, &program("dispatcher"));
    let (code, line) = end_of(yard.try_dispatcher_by(command, &[]));
    assert_eq!(code, Some(74), "{line}");
    assert!(line.contains("Read-only file system"), "{line}");
}

#[test]
fn a_database_that_is_damaged_or_not_ours_is_refused_and_left_alone() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    let mut client = Speaker::client(&yard);
    (1..200).for_each(|number| client.submit(submission(number, "p")));
    let database = results(&yard, ".pontus/pontus.db");
    drop(client);
    dispatcher.stop();
    let whole = fs::read(&database).unwrap();
    let garbled: Vec<u8> =
        whole.iter().enumerate().map(|(at, byte)| if at < 4096 { *byte } else { 0 }).collect();
    let damages = [&whole[..whole.len() / 2], &garbled, &[b'x'; 5000], b"SQLite"];
    for damaged in damages {
        fs::write(&database, damaged).unwrap();
        let (code, line) = end_of(yard.try_dispatcher_by(yard.command("dispatcher"), &[]));
        assert_eq!(code, Some(3), "{line}");
        assert!(line.contains(&format!("cannot use {}: ", database.display())), "{line}");
        assert_eq!(fs::read(&database).unwrap(), damaged, "{line}");
    }
    fs::write(&database, whole).unwrap();
    let _dispatcher = yard.dispatcher(&[]);
    assert_eq!(known(&yard), 100);
}

#[test]
fn a_result_s_name_that_is_taken_is_waited_for_and_tells_the_newest_verdict() {
    let yard = Yard::new();
    let dispatcher = yard.dispatcher(&[]);
    let mut client = Speaker::client(&yard);
    client.submit(submission(1, "p"));
    let taken = results(&yard, &made_up(1).to_string());
    fs::create_dir(&taken).unwrap();
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let attempt = runner.take();
    assert_eq!(runner.report(attempt, 0), Reply::Recorded {});
    dispatcher.wait_for("trying until it can be");
    assert_eq!(client.ask(&Request::Retry { commit: made_up(1) }), Reply::Done {});
    let attempt = runner.take();
    assert_eq!(runner.ask(&passed(attempt, 0)), Reply::Recorded {});
    dispatcher.wait_for_many("trying until it can be", 2);
    fs::remove_dir(&taken).unwrap();
    let result = yard.result(&dispatcher, &made_up(1).to_string());
    assert!(result.contains("\nattempt   2\n"), "{result}");
}
