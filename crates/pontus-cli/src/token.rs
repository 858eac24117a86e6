//! The file of the token: where it is, that nobody else can read it, and what it says.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use pontus_proto::Token;
use pontus_proto::limits::TOKENS_MAX;
use rustix::fs::OFlags;
use rustix::process::geteuid;

/// What is read of it. A token is 65 bytes with its newline.
const FILE_BYTES_MAX: u64 = 4096;

/// From one tick of a file system's clock to the next: a few milliseconds as a rule, a second on the coarsest that knows modes.
const TICK: Duration = Duration::from_secs(1);

/// Where the token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// The file that the user named, else the one that all programs of the same user find.
    ///
    /// # Errors
    /// Where the user named none and has no home.
    pub fn new(given: Option<&Path>) -> Result<TokenFile> {
        let path = match given {
            Some(path) => path.to_owned(),
            None => default_path(
                std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from),
                std::env::home_dir(),
            )
            .context("cannot tell where the token is: there is no HOME; give --token-file")?,
        };
        Ok(TokenFile { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tokens in it: the first is used, a second is accepted too.
    ///
    /// # Errors
    /// One line that says what is wrong with it and what to do; never what stands in it.
    pub fn read(&self) -> Result<Vec<Token>> {
        let shown = self.path.display();
        let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let file = match open(&self.path) {
            Err(error) if is_missing(&error) && self.path.is_symlink() => {
                bail!(
                    "the token {shown} is a link to nothing: remove it, or what it is a link to is missing"
                )
            }
            Err(error) if is_missing(&error) => {
                bail!("there is no token at {shown}: start the dispatcher, or copy its token there")
            }
            opened => opened.with_context(|| format!("cannot read the token {shown}"))?,
        };
        check(&self.path, &file.metadata()?, geteuid().as_raw())?;
        let mut text = String::new();
        let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
        read.with_context(|| format!("cannot read the token {shown}"))?;
        tokens(&text).with_context(|| format!("{shown} is no token"))
    }

    /// Makes it, with a token of its own, where there is none. Nothing that is there is touched, no link followed.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn make(&self) -> Result<()> {
        if self.path.symlink_metadata().is_ok() {
            return Ok(());
        }
        let make = || -> io::Result<()> {
            let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let folder = parent.unwrap_or(Path::new("."));
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            put(&self.path, &Token::from_bytes(random()?))?;
            File::open(folder)?.sync_all()
        };
        let shown = self.path.display();
        make().with_context(|| {
            format!("cannot make the token {shown} (--token-file names another place)")
        })
    }

    /// What changes whenever the file does, once it is [settled](Mark::is_settled).
    ///
    /// # Errors
    /// What the file system says.
    pub fn mark(&self) -> io::Result<Mark> {
        let found = fs::metadata(&self.path)?;
        // The time of its last change rises with a new mode, too.
        let changed = (found.ctime(), found.ctime_nsec());
        Ok(Mark { id: (found.dev(), found.ino()), bytes: found.size(), changed })
    }
}

/// Tells two states of a file apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    id: (u64, u64),
    bytes: u64,
    /// Seconds since 1970, and nanoseconds.
    changed: (i64, i64),
}

impl Mark {
    /// Whether another change after `at` is sure to leave another mark. One that follows within the same tick of the file system's
    /// clock is not.
    pub fn is_settled(&self, at: SystemTime) -> bool {
        let changed = u64::try_from(self.changed.0).map(Duration::from_secs).unwrap_or_default();
        // Where that is yet to come, the clock is not one to go by.
        at.duration_since(UNIX_EPOCH + changed).is_ok_and(|age| age > 2 * TICK)
    }
}

fn default_path(config: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    // A relative path is not valid there, says the XDG Base Directory Specification.
    let config = config.filter(|path| path.is_absolute());
    let home = home.filter(|path| path.is_absolute());
    let config = config.or_else(|| Some(home?.join(".config")))?;
    Some(config.join("pontus").join("token"))
}

/// Opening what is no file might take for ever, or do something.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

fn random<const COUNT: usize>() -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Writes it beside, whole and synced, and gives it its name only if nobody else has by then. What it is called until then nobody
/// else calls theirs, and it is not in the way of the next start where this one is killed.
fn put(path: &Path, token: &Token) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{:016x}", u64::from_ne_bytes(random()?)));
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = writeln!(file, "{}", token.to_line()).and_then(|()| file.sync_all());
    let named = written.and_then(|()| match fs::hard_link(&beside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    fs::remove_file(&beside).and(named)
}

/// Whoever can read it can be us.
fn check(path: &Path, found: &Metadata, us: u32) -> Result<()> {
    let shown = path.display();
    if !found.is_file() {
        bail!("{shown} is no token: it is no file");
    }
    if found.mode() & 0o077 != 0 {
        bail!("others may read the token {shown}: chmod 600 {shown}");
    }
    // Root reads what is anybody's, and anybody what root owns is root's to give.
    if ![us, 0].contains(&found.uid()) {
        bail!(
            "the token {shown} belongs to another user, who may read it: copy it to a file of your own"
        );
    }
    Ok(())
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let lines: Vec<&str> =
        text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        bail!("it is empty; remove it, and the dispatcher makes a new one at its next start");
    }
    if lines.len() > TOKENS_MAX {
        bail!("it has {} lines, and at most {TOKENS_MAX} tokens are accepted", lines.len());
    }
    lines.into_iter().map(|line| Ok(line.parse()?)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::Barrier;
    use std::thread;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    fn file(folder: &Path) -> TokenFile {
        TokenFile { path: folder.join("pontus/token") }
    }

    fn refusal(text: &str, mode: u32) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile { path: folder.path().join("token") };
        fs::write(&file.path, text).unwrap();
        fs::set_permissions(&file.path, fs::Permissions::from_mode(mode)).unwrap();
        format!("{:#}", file.read().unwrap_err())
    }

    #[test]
    fn it_is_made_once_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        assert!(format!("{:#}", file.read().unwrap_err()).contains("start the dispatcher"));
        file.make().unwrap();
        let made = file.read().unwrap();
        assert_eq!(made.len(), 1);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&file.path), mode(&folder.path().join("pontus"))), (0o600, 0o700));
        file.make().unwrap();
        assert_eq!(file.read().unwrap(), made);
        assert_eq!(fs::read_dir(folder.path().join("pontus")).unwrap().count(), 1);
    }

    /// Two dispatchers may be started at once, or one be killed while it makes it.
    #[test]
    fn whoever_makes_it_at_the_same_time_has_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (file, start) = (file(folder.path()), Barrier::new(8));
        let make = || {
            start.wait();
            file.make().unwrap();
            file.read().unwrap()
        };
        let made: Vec<_> = thread::scope(|scope| {
            let making: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            making.into_iter().map(|making| making.join().unwrap()).collect()
        });
        assert!(made.iter().all(|tokens| *tokens == made[0]));
        assert_eq!(fs::read_dir(folder.path().join("pontus")).unwrap().count(), 1);
    }

    #[test]
    fn what_belongs_to_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        file.make().unwrap();
        let found = fs::metadata(file.path()).unwrap();
        let refused = |us| check(file.path(), &found, us).is_err();
        assert!(!refused(found.uid()));
        // Whatever root owns only root can have opened.
        assert_eq!(refused(found.uid() + 1), found.uid() != 0);
    }

    #[test]
    fn a_link_is_not_followed_when_it_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let (file, elsewhere) = (file(folder.path()), folder.path().join("elsewhere"));
        fs::create_dir(folder.path().join("pontus")).unwrap();
        symlink(&elsewhere, &file.path).unwrap();
        file.make().unwrap();
        assert!(!elsewhere.exists());
        assert!(format!("{:#}", file.read().unwrap_err()).contains("a link to nothing: remove it"));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let line = "a5".repeat(32);
        assert!(refusal(&line, 0o640).contains("chmod 600 "));
        assert!(refusal(&line, 0o604).contains("chmod 600 "));
        assert!(refusal("\n", 0o600).contains("it is empty"));
        for text in ["a5", &line.to_uppercase(), &format!("{line}\nshort"), &format!("{line}0")] {
            let said = refusal(text, 0o600);
            assert!(said.contains("64 lower-case hex digits"), "{said}");
            assert!(!said.contains(text), "{said}");
        }
        assert!(refusal(&format!("{line}\n").repeat(3), 0o600).contains("at most 2"));
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        for path in [folder.path(), Path::new("/dev/null"), &pipe] {
            let file = TokenFile { path: path.to_owned() };
            assert!(format!("{:#}", file.read().unwrap_err()).contains("it is no file"));
        }
    }

    #[test]
    fn a_new_mode_is_a_new_mark() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        file.make().unwrap();
        let before = file.mark().unwrap();
        assert!(!before.is_settled(SystemTime::now()), "it may change again within the same tick");
        assert!(before.is_settled(SystemTime::now() + 4 * TICK));
        assert!(!before.is_settled(UNIX_EPOCH), "clocks are set back");
        // The clock of a file system ticks a few hundred times a second.
        while file.mark().unwrap() == before {
            fs::set_permissions(&file.path, fs::Permissions::from_mode(0o644)).unwrap();
        }
    }

    #[test]
    fn a_second_line_is_accepted_too() {
        let two = format!("{}\n{}\n", "a5".repeat(32), "5a".repeat(32));
        assert_eq!(tokens(&two).unwrap().len(), 2);
    }

    #[test]
    fn it_is_where_the_user_s_configuration_is() {
        let path = |config: &str, home: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
            default_path(some(config), some(home)).map(|path| path.display().to_string())
        };
        assert_eq!(path("/c", "/h").unwrap(), "/c/pontus/token");
        assert_eq!(path("", "/h").unwrap(), "/h/.config/pontus/token");
        assert_eq!(path("relative", "/h").unwrap(), "/h/.config/pontus/token");
        assert_eq!(path("", ""), None);
    }
}
