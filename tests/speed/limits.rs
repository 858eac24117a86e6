//! Physical limits: what the disk and the loopback take by themselves.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use pontus_tests::Yard;
use rusqlite::Connection;

use crate::crew::any_commit;

/// What a database writes at least: a page.
const PAGE: [u8; 4096] = [7; 4096];

/// Does nothing for so long.
pub fn let_pass(time: Duration) {
    let begun = Instant::now();
    // A thread that has ended may wake us once.
    while let Some(left) = time.checked_sub(begun.elapsed()) {
        thread::park_timeout(left);
    }
}

/// Does something again and again for so long; how often a second.
pub fn rate(time: Duration, mut something: impl FnMut()) -> f64 {
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < time {
        something();
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// A page of a file that is there, written over and made durable.
pub struct Fsync(File);

impl Fsync {
    pub fn in_folder(folder: &Path) -> Fsync {
        let file = File::create(folder.join("fsync")).unwrap();
        (0..256).for_each(|page| file.write_all_at(&PAGE, page * 4096).unwrap());
        file.sync_all().unwrap();
        Fsync(file)
    }

    pub fn once(&mut self) {
        self.0.write_all_at(&PAGE, 0).unwrap();
        self.0.sync_data().unwrap();
    }
}

/// A row a transaction, as durable as a dispatcher's.
pub struct Sqlite {
    database: Connection,
    row: u32,
}

impl Sqlite {
    pub fn in_folder(folder: &Path) -> Sqlite {
        let database = Connection::open(folder.join("rows.db")).unwrap();
        let mode: String =
            database.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
        let table = "CREATE TABLE IF NOT EXISTS rows (id TEXT NOT NULL PRIMARY KEY, text TEXT) STRICT, WITHOUT ROWID";
        database.execute_batch(&format!("PRAGMA synchronous = FULL; {table}")).unwrap();
        let mut sqlite = Sqlite { database, row: 0 };
        sqlite.make_log();
        sqlite
    }

    /// Makes its log longer than it gets by itself. Until then rows come at a third of the speed: a log that grows is another limit.
    fn make_log(&mut self) {
        self.commit();
        let path = self.database.path().unwrap().to_owned() + "-wal";
        let log = File::options().write(true).open(path).unwrap();
        let bytes = log.metadata().unwrap().len();
        log.write_all_at(&vec![0; 8 << 20], bytes).unwrap();
        log.sync_all().unwrap();
    }

    pub fn commit(&mut self) {
        self.row += 1;
        let mut insert = self.database.prepare_cached("INSERT INTO rows VALUES (?1, ?2)").unwrap();
        insert.execute((any_commit(self.row).to_string(), "a commit that was handed in")).unwrap();
    }
}

/// A line of a usual length to another thread and back.
pub struct Loopback(TcpStream);

impl Loopback {
    pub fn new() -> Loopback {
        let (stream, mut other) = connection();
        thread::spawn(move || {
            let mut line = [0; 128];
            while other.read_exact(&mut line).is_ok() && other.write_all(&line).is_ok() {}
        });
        Loopback(stream)
    }

    pub fn round_trip(&mut self) {
        let mut line = [0; 128];
        self.0.write_all(&line).unwrap();
        self.0.read_exact(&mut line).unwrap();
    }
}

/// The least that any server of this shape does for a hand-out: a thread for each connection, one that has the database, a single row,
/// and no word of a protocol.
pub struct Relay {
    from: TcpStream,
    to: TcpStream,
}

impl Relay {
    pub fn in_folder(folder: &Path) -> Relay {
        let (from, mut observer) = connection();
        let (to, mut runner) = connection();
        let (rows, lines) = channel();
        thread::spawn(move || {
            let mut line = [0; 128];
            while observer.read_exact(&mut line).is_ok() && rows.send(line).is_ok() {}
        });
        let mut sqlite = Sqlite::in_folder(folder);
        thread::spawn(move || {
            for line in lines {
                sqlite.commit();
                if runner.write_all(&line).is_err() {
                    return;
                }
            }
        });
        Relay { from, to }
    }

    pub fn hand_out(&mut self) {
        let mut line = [0; 128];
        self.from.write_all(&line).unwrap();
        self.to.read_exact(&mut line).unwrap();
    }
}

/// Both ends of one.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let other = listener.accept().unwrap().0;
    for stream in [&stream, &other] {
        stream.set_nodelay(true).unwrap();
    }
    (stream, other)
}

/// So many bytes from a pipe to a file, and onto the disk: megabytes a second.
pub fn pipe_to_file(yard: &Yard, bytes: u64) -> f64 {
    let path = yard.path().join("piped");
    let begun = Instant::now();
    let script = format!("head -c {bytes} /dev/zero | cat > piped; sync -d piped");
    let mut shell = yard.command_of("sh");
    assert!(shell.arg("-c").arg(script).status().unwrap().success());
    let took = begun.elapsed();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes);
    std::fs::remove_file(path).unwrap();
    bytes as f64 / 1e6 / took.as_secs_f64()
}
