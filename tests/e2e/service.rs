//! Behind `nohup`, `&` and a service manager: whoever looked at the dispatcher may leave, and it may be killed and started again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use pontus_proto::Request;
use pontus_tests::{PATIENCE, Process, Speaker, Yard, program, project_root, submission};
use rustix::process::{Pid, Signal, kill_process};

/// Who hears how the dispatcher is, as a service manager does.
struct Manager(UnixDatagram);

impl Manager {
    fn of(yard: &Yard) -> Manager {
        let socket = UnixDatagram::bind(yard.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager(socket)
    }

    fn heard(&self) -> String {
        let mut heard = [0; 100];
        let bytes = self.0.recv(&mut heard).unwrap();
        String::from_utf8(heard[..bytes].to_vec()).unwrap()
    }
}

/// A command that starts a dispatcher which is heard of by the manager alone: on the yard's port, and started `by` others.
fn unseen(yard: &Yard, by: &[&str]) -> Command {
    let words = by.iter().map(|word| (*word).to_owned());
    let mut words = words.chain([program("dispatcher").to_str().unwrap().to_owned()]);
    let mut command = yard.command_of(words.next().unwrap());
    command.args(words).env("NOTIFY_SOCKET", yard.path().join("notify"));
    let port = yard.server().rsplit(':').next().unwrap().to_owned();
    command.args(["--host", "127.0.0.1", "--port", &port]);
    command
}

#[test]
fn a_service_manager_hears_when_it_listens_and_when_it_stops() {
    let yard = Yard::new();
    let manager = Manager::of(&yard);
    let mut dispatcher = Process::start("dispatcher", &mut unseen(&yard, &[]));
    assert_eq!(manager.heard(), "READY=1");
    Speaker::client(&yard).submit(submission(1, "p"));
    dispatcher.stop();
    assert_eq!(manager.heard(), "STOPPING=1");
}

#[test]
fn nobody_need_listen_to_what_it_prints() {
    let closed = || {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    type Streams<'a> = (&'a [&'a str], fn() -> Stdio, fn() -> Stdio);
    let none: &[&str] = &["sh", "-c", "exec \"$0\" \"$@\" <&- >&- 2>&-"];
    let ways: [Streams<'_>; 3] =
        [(&[], closed, closed), (&[], full, full), (none, Stdio::null, Stdio::null)];
    for (by, out, err) in ways {
        let yard = Yard::new();
        let manager = Manager::of(&yard);
        let mut command = unseen(&yard, by);
        let mut child = command.stdout(out()).stderr(err()).spawn().unwrap();
        assert_eq!(manager.heard(), "READY=1");
        let mut client = Speaker::client(&yard);
        client.submit(submission(1, "p"));
        assert_eq!(client.status(1).queued, 1);
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn a_hangup_ends_it_unless_somebody_wanted_otherwise() {
    let yard = Yard::new();
    // These tests may be run by nohup themselves.
    let mut default = yard.command_of("env");
    default.arg("--default-signal=HUP").arg(program("dispatcher"));
    let mut dispatcher = yard.dispatcher_by(default, &[]);
    dispatcher.signal(Signal::HUP);
    assert_eq!(dispatcher.wait().signal(), Some(Signal::HUP.as_raw()));

    let mut nohup = yard.command_of("nohup");
    nohup.arg(program("dispatcher"));
    let mut dispatcher = yard.dispatcher_by(nohup, &[]);
    dispatcher.signal(Signal::HUP);
    Speaker::client(&yard).submit(submission(1, "p"));
    dispatcher.stop();
}

/// A terminal in which a program runs until the terminal is closed, by killing this. It does as a terminal does, whoever started it.
const TERMINAL: &str = "\
import os, pty, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
pid, terminal = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
try:
    while os.read(terminal, 1024): pass
except OSError: pass
";

/// Kills a process when the test is over, however that ends.
struct Killed(Pid);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        kill_process(self.0, Signal::KILL).ok();
    }
}

#[test]
fn a_terminal_that_is_closed_takes_only_those_along_who_want_it() {
    for (nohup, survives) in [(&["nohup"][..], true), (&[], false)] {
        let yard = Yard::new();
        let manager = Manager::of(&yard);
        let by = [&["python3", "-c", TERMINAL], nohup].concat();
        let mut terminal = Process::start("terminal", &mut unseen(&yard, &by));
        assert_eq!(manager.heard(), "READY=1");
        let lock = fs::read_to_string(yard.path().join("test_results/.pontus/lock")).unwrap();
        let dispatcher = Killed(Pid::from_raw(lock.trim().parse().unwrap()).unwrap());
        let mut onlooker = Speaker::runner(&yard, "oak", "q", &[]);
        terminal.kill();
        if survives {
            // Its hangup has come by the time that it has ended in order.
            Speaker::client(&yard).submit(submission(1, "p"));
            kill_process(dispatcher.0, Signal::TERM).unwrap();
            assert_eq!(manager.heard(), "STOPPING=1");
        }
        // The connection ends with it.
        assert!(onlooker.try_ask(&Request::Ready {}).is_err());
    }
}

#[test]
fn killed_with_connections_open_it_has_its_port_back_at_once() {
    let yard = Yard::new();
    let mut dispatcher = yard.dispatcher(&[]);
    for round in 1..=3 {
        let mut clients: Vec<_> = (0..10).map(|_| Speaker::client(&yard)).collect();
        let mut mute: Vec<_> =
            (0..10).map(|_| TcpStream::connect(yard.server()).unwrap()).collect();
        mute.iter_mut().for_each(|stream| stream.write_all(b"{\"type\":\"hel").unwrap());
        let mut runner = Speaker::runner(&yard, "oak", "q", &[]);
        let polling = std::thread::spawn(move || runner.try_ask(&Request::Ready {}).is_err());
        clients.iter_mut().for_each(|client| drop(client.status(1)));
        dispatcher.kill();
        // It says that it listens, or else the test ends here.
        dispatcher = yard.dispatcher(&[]);
        assert!(polling.join().unwrap());
        Speaker::client(&yard).submit(submission(round, "p"));
    }
}

#[test]
fn systemd_takes_the_services_of_the_examples() {
    let yard = Yard::new();
    let mut command = yard.command_of("systemd-analyze");
    command.args(["verify", "--user"]).env("XDG_RUNTIME_DIR", yard.path());
    for entry in fs::read_dir(project_root().join("examples/systemd")).unwrap() {
        let path = entry.unwrap().path();
        // Our programs may not be where users have them.
        let folder = program("").to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap().replace("%h/.cargo/bin/", &folder);
        let copy = yard.path().join(path.file_name().unwrap());
        fs::write(&copy, text).unwrap();
        command.arg(copy);
    }
    let Ok(output) = command.output() else {
        eprintln!("skipped: there is no systemd-analyze");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("Failed to initialize manager") {
        eprintln!("skipped: {said}");
        return;
    }
    assert!(output.status.success() && said.is_empty(), "{said}");
}
