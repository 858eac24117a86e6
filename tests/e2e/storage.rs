//! The disk fills up, fails or is taken away: nothing that was acknowledged is forgotten, and nothing else is acknowledged.

use std::fs;
use std::path::PathBuf;

use pontus_proto::{ClientError, Code, Reply, Request};
use pontus_tests::{
    Failing, SmallDisk, Speaker, Yard, end_of, made_up, passed, program, submission,
};

const MIB: u64 = 1024 * 1024;

/// Hands a commit in that nobody takes.
fn refused(yard: &Yard, number: u32) -> Code {
    Speaker::client(yard).refused(&Request::Submit(submission(number, "p")))
}

/// The commits that are known, by their numbers.
fn known(yard: &Yard) -> Vec<u32> {
    let status = Speaker::client(yard).status(100);
    let number = |commit: String| u32::from_str_radix(&commit[..8], 16).unwrap();
    let mut known: Vec<_> =
        status.commits.into_iter().map(|line| number(line.commit.to_string())).collect();
    known.sort_unstable();
    known
}

/// A path below the results folder.
fn results(yard: &Yard, name: &str) -> PathBuf {
    yard.path().join("test_results").join(name)
}

#[test]
fn a_full_disk_acknowledges_nothing_until_it_has_room() {
    let yard = Yard::new();
    // Room for the database's log, and for what the dispatcher tries to write before it believes that there is some.
    let Some(disk) = SmallDisk::new(&yard, 6 * MIB as usize) else { return };
    let command = || disk.command(&yard, &program("dispatcher"));
    let (first, second) = (command(), command());
    let mut dispatcher = yard.dispatcher_by(first, &[]);
    let queued = || Speaker::client(&yard).status(0).queued;
    Speaker::client(&yard).submit(submission(1, "p"));
    // Nobody hears anything more before the log is made.
    assert_eq!(queued(), 1);
    disk.fill(&yard, 0);
    // What there is room for in the database's log, or in a page that it has already, is taken still.
    let mut number = 2;
    while Speaker::client(&yard).try_ask(&Request::Submit(submission(number, "p"))).is_ok() {
        number += 1;
    }
    dispatcher.wait_for("nothing is acknowledged until it can be");
    assert_eq!(refused(&yard, number), Code::StorageFull);
    assert_eq!(queued(), u64::from(number) - 1);
    disk.empty(&yard);
    dispatcher.wait_for("the disk takes something again");
    Speaker::client(&yard).submit(submission(number, "p"));
    dispatcher.kill();
    let _dispatcher = yard.dispatcher_by(second, &[]);
    assert_eq!(queued(), u64::from(number));
}

#[test]
fn a_disk_that_fills_up_while_a_result_is_written() {
    let yard = Yard::new();
    // Room for the database's log, for the output, and for that once more.
    let Some(disk) = SmallDisk::new(&yard, 12 * MIB as usize) else { return };
    let command = disk.command(&yard, &program("dispatcher"));
    let dispatcher = yard.dispatcher_by(command, &[]);
    let mut client = Speaker::client(&yard);
    client.submit(submission(1, "p"));
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let attempt = runner.take();
    let piece = vec![b'x'; MIB as usize / 2];
    (0..6).for_each(|piece_number| runner.print(attempt, piece_number * MIB / 2, &piece));
    // The verdict has room. Its runner has not said how much there is to be, so the result is a copy, which has none.
    disk.fill(&yard, MIB);
    assert_eq!(client.ask(&Request::Cancel { commit: attempt.0 }), Reply::Done {});
    dispatcher.wait_for("trying until it can be");
    let result = disk.path(&yard, &made_up(1).to_string());
    assert!(!result.exists(), "a result is there whole or not at all");
    disk.empty(&yard);
    dispatcher.wait_for(": verdict cancelled");
    let text = fs::read(result).unwrap();
    assert_eq!(text.iter().filter(|byte| **byte == b'x').count() as u64, 3 * MIB);
}

#[test]
fn a_result_has_room_where_its_output_had() {
    let yard = Yard::new();
    let Some(disk) = SmallDisk::new(&yard, 8 * MIB as usize) else { return };
    let command = disk.command(&yard, &program("dispatcher"));
    let dispatcher = yard.dispatcher_by(command, &[]);
    Speaker::client(&yard).submit(submission(1, "p"));
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let attempt = runner.take();
    let piece = vec![b'x'; MIB as usize / 2];
    (0..6).for_each(|piece_number| runner.print(attempt, piece_number * MIB / 2, &piece));
    // There is room for the verdict, not for as much again.
    disk.fill(&yard, MIB);
    assert_eq!(runner.report(attempt, 3 * MIB), Reply::Recorded {});
    dispatcher.wait_for(": verdict passed");
    let text = fs::read(disk.path(&yard, &made_up(1).to_string())).unwrap();
    assert_eq!(text.iter().filter(|byte| **byte == b'x').count() as u64, 3 * MIB);
}

#[test]
fn a_file_system_that_gives_no_second_name_has_results_all_the_same() {
    let yard = Yard::new();
    // The token has its name already.
    yard.dispatcher(&[]).stop();
    let paths = [results(&yard, &format!(".pontus/output/{}.1", made_up(1)))];
    let calls = Failing { calls: "linkat", how: "error=EPERM", paths: &paths };
    let Some(command) = calls.command(&yard, &program("dispatcher")) else { return };
    let dispatcher = yard.dispatcher_by(command, &[]);
    Speaker::client(&yard).submit(submission(1, "p"));
    let mut runner = Speaker::runner(&yard, "oak", "p", &[]);
    let attempt = runner.take();
    runner.print(attempt, 0, b"hello");
    assert_eq!(runner.report(attempt, 5), Reply::Recorded {});
    let result = yard.result(&dispatcher, &made_up(1).to_string());
    let (_, printed) = result.split_once("\n\n").unwrap();
    assert!(printed.starts_with("hello\n\nverdict: passed: "), "{result}");
}

#[test]
fn a_disk_that_is_full_from_the_start() {
    let yard = Yard::new();
    let Some(disk) = SmallDisk::new(&yard, MIB as usize) else { return };
    disk.fill(&yard, 0);
    let command = disk.command(&yard, &program("dispatcher"));
    let (code, line) = end_of(yard.try_dispatcher_by(command, &[]));
    assert_eq!(code, Some(74), "{line}");
    disk.empty(&yard);
    disk.fill(&yard, 16 * 1024);
    let command = disk.command(&yard, &program("dispatcher"));
    let (code, line) = end_of(yard.try_dispatcher_by(command, &[]));
    assert_eq!(code, Some(74), "{line}");
}

#[test]
fn a_sync_that_fails_ends_the_dispatcher() {
    let yard = Yard::new();
    // The next start has nothing to repair then.
    yard.dispatcher(&[]).stop();
    let calls = Failing { calls: "fsync,fdatasync", how: "error=EIO", paths: &[] };
    let Some(command) = calls.command(&yard, &program("dispatcher")) else { return };
    let dispatcher = yard.dispatcher_by(command, &[]);
    assert_eq!(refused(&yard, 1), Code::Stopping);
    let (code, line) = end_of(dispatcher);
    assert_eq!(code, Some(74));
    assert!(line.starts_with("dispatcher: cannot rely on the disk: "), "{line}");
    let _dispatcher = yard.dispatcher(&[]);
    assert!(
        known(&yard).iter().all(|number| *number == 1),
        "what was not acknowledged may be there"
    );
    Speaker::client(&yard).submit(submission(2, "p"));
}

/// Has a commit reported whose dispatcher cannot sync the file at `path`, by a `call` that fails. Ends when that has. What its runner hears;
/// none where nothing can be made to fail here.
fn report_unsynced(yard: &Yard, call: &str, path: &str) -> Option<Result<Reply, ClientError>> {
    // The next start has nothing to repair then.
    yard.dispatcher(&[]).stop();
    let paths = [results(yard, path)];
    let calls = Failing { calls: call, how: "error=EIO", paths: &paths };
    let command = calls.command(yard, &program("dispatcher"))?;
    let dispatcher = yard.dispatcher_by(command, &[]);
    Speaker::client(yard).submit(submission(1, "p"));
    let mut runner = Speaker::runner(yard, "oak", "p", &[]);
    let attempt = runner.take();
    runner.print(attempt, 0, b"hello\n");
    let heard = runner.try_ask(&passed(attempt, 6));
    let (code, line) = end_of(dispatcher);
    assert_eq!(code, Some(74));
    assert!(line.contains("cannot sync "), "{line}");
    Some(heard)
}

#[test]
fn a_result_that_cannot_be_synced_ends_the_dispatcher() {
    let yard = Yard::new();
    if let Some(heard) =
        report_unsynced(&yard, "fsync", &format!(".pontus/output/{}.1", made_up(1)))
    {
        // The verdict was on the disk before, and the output.
        assert!(matches!(heard, Ok(Reply::Recorded {})), "{heard:?}");
        let dispatcher = yard.dispatcher(&[]);
        let result = yard.result(&dispatcher, &made_up(1).to_string());
        assert!(result.contains("\nhello\n"), "{result}");
    }
}

#[test]
fn output_that_cannot_be_synced_ends_the_dispatcher_before_its_verdict() {
    let yard = Yard::new();
    let output = format!(".pontus/output/{}.1", made_up(1));
    if let Some(heard) = report_unsynced(&yard, "fdatasync", &output) {
        let is_refused = matches!(heard, Err(ClientError::Refused { code: Code::Stopping, .. }));
        assert!(is_refused, "{heard:?}");
        let _dispatcher = yard.dispatcher(&[]);
        assert_eq!(Speaker::client(&yard).status(1).running, 1);
    }
}

#[test]
fn a_quota_is_a_full_disk() {
    let yard = Yard::new();
    // The next start has nothing to repair then.
    yard.dispatcher(&[]).stop();
    let paths = [results(&yard, ".pontus/pontus.db-wal"), results(&yard, ".pontus/room.new")];
    let calls = "write,pwrite64";
    let calls = Failing { calls, how: "error=EDQUOT:when=1", paths: &paths };
    let Some(command) = calls.command(&yard, &program("dispatcher")) else { return };
    let dispatcher = yard.dispatcher_by(command, &[]);
    assert_eq!(refused(&yard, 1), Code::StorageFull);
    dispatcher.wait_for("the disk takes something again");
    Speaker::client(&yard).submit(submission(1, "p"));
}
