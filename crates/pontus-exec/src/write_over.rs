//! A file that is written again, and stays the file that it is: to make one anew costs a file system far more.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Writes a file over what is in it. One that is cut to nothing first is written to the disk at once by some file systems.
///
/// # Errors
/// Where there is none, and what the file system says.
pub fn write_over(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    file.write_all(content)?;
    let bytes = content.len() as u64;
    if file.metadata()?.len() == bytes { Ok(()) } else { file.set_len(bytes) }
}
