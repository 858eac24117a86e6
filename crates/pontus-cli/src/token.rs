//! The file of the token: where it is, that nobody else can read it, and what it says.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pontus_proto::Token;
use pontus_proto::limits::TOKENS_MAX;

/// What is read of it. A token is 65 bytes with its newline.
const FILE_BYTES_MAX: u64 = 4096;

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
        // Opening what is no file may take for ever.
        if fs::metadata(&self.path).is_ok_and(|found| !found.is_file()) {
            bail!("{shown} is no token: it is no file");
        }
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("there is no token at {shown}: start the dispatcher, or copy its token there")
            }
            opened => opened.with_context(|| format!("cannot read the token {shown}"))?,
        };
        check(&self.path, &file.metadata()?)?;
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
            let folder = self.path.parent().unwrap_or(Path::new("."));
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(io::Error::other)?;
            put(&self.path, &Token::from_bytes(bytes))?;
            File::open(folder)?.sync_all()
        };
        make().with_context(|| format!("cannot make the token {}", self.path.display()))
    }

    /// What changes whenever the file does.
    ///
    /// # Errors
    /// What the file system says.
    pub fn mark(&self) -> io::Result<Mark> {
        let found = fs::metadata(&self.path)?;
        // The time of its last change rises with a new mode, too.
        Ok(Mark(found.dev(), found.ino(), found.size(), found.ctime(), found.ctime_nsec()))
    }
}

/// Tells two states of a file apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64, u64, u64, i64, i64);

fn default_path(config: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    // A relative path is not valid there, says the XDG Base Directory Specification.
    let config = config.filter(|path| path.is_absolute());
    let home = home.filter(|path| path.is_absolute());
    let config = config.or_else(|| Some(home?.join(".config")))?;
    Some(config.join("pontus").join("token"))
}

/// Writes it beside, whole and synced, and gives it its name only if nobody else has by then.
fn put(path: &Path, token: &Token) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = writeln!(file, "{}", token.to_line()).and_then(|()| file.sync_all());
    let named = written.and_then(|()| match fs::hard_link(&beside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    fs::remove_file(&beside).and(named)
}

/// Whoever can read it can be us.
fn check(path: &Path, found: &Metadata) -> Result<()> {
    let shown = path.display();
    if found.mode() & 0o077 != 0 {
        bail!("others may read the token {shown}: chmod 600 {shown}");
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

    #[test]
    fn a_link_is_not_followed_when_it_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let (file, elsewhere) = (file(folder.path()), folder.path().join("elsewhere"));
        fs::create_dir(folder.path().join("pontus")).unwrap();
        symlink(&elsewhere, &file.path).unwrap();
        file.make().unwrap();
        assert!(!elsewhere.exists());
        assert!(file.read().is_err());
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
        for path in [folder.path(), Path::new("/dev/null")] {
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
