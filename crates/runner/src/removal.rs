//! Removes what a test may have made, however hard that is.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use pontus_exec::{Job, Stop};

/// How long removing a tree may take that is too deep for us.
const REMOVAL: Duration = Duration::from_secs(600);

/// Removes a file, a link or a whole folder, where there is one.
///
/// # Errors
/// What the file system says.
pub fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).or_else(|_| remove_stubborn(path)),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Removes a folder that a test has made too deep for open descriptors and paths, or read-only: the system's own tools can.
fn remove_stubborn(path: &Path) -> io::Result<()> {
    for (program, args) in [("chmod", ["-R", "u+rwX"].as_slice()), ("rm", &["-r", "-f"])] {
        let job = Job {
            program: program.into(),
            args: args
                .iter()
                .map(OsStr::new)
                .chain([OsStr::new("--"), path.as_os_str()])
                .map(OsStr::to_owned)
                .collect(),
            dir: "/".into(),
            env: std::env::vars_os().collect(),
            timeout: REMOVAL,
            grace: Duration::ZERO,
            merge: true,
        };
        let ended = pontus_exec::run(&job, &Stop::never(), &mut |_, _| {});
        ended.map_err(io::Error::other)?;
    }
    // Whatever rm could not do, this says why.
    match fs::symlink_metadata(path) {
        Ok(_) => fs::remove_dir_all(path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_very_deep_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("deep");
        let dig = "import os, sys\nos.mkdir(sys.argv[1]); os.chdir(sys.argv[1])\n\
                   for _ in range(5000): os.mkdir('d'); os.chdir('d')\n";
        let status = std::process::Command::new("python3").arg("-c").arg(dig).arg(&deep).status();
        assert!(status.unwrap().success());
        remove(&deep).unwrap();
        assert!(!deep.exists());
        remove(&deep).unwrap();
    }
}
