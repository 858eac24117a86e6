//! Whether an object is in a repository, found out without git: a process costs a hundred times as much, and most commits that a
//! runner is asked to test are not there yet.
//!
//! Source: git's `Documentation/gitrepository-layout.txt` and `gitformat-pack.txt`. What is not plain here is left to git itself.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::path_of;

/// How far a repository may borrow from one that borrows itself; git's own limit.
const BORROWED_MAX: usize = 5;

/// What an index of a pack begins with, in the version that every git of the last fifteen years writes.
const HEADER: [u8; 8] = *b"\xfftOc\0\0\0\x02";

/// After the header, for each first byte of an id: how many objects there are up to and with it.
const COUNT_BYTES: u64 = 4;
const COUNTS: u64 = 256;

/// Whether the object is among those that the repository with this folder of objects borrows: the folder itself is not looked at.
///
/// # Errors
/// When that cannot be told.
pub(super) fn borrows(objects: &Path, id: &str) -> io::Result<bool> {
    let list = fs::read(objects.join("info/alternates"))?;
    any_borrowed(objects, &list, id, 1)
}

fn any_borrowed(objects: &Path, list: &[u8], id: &str, depth: usize) -> io::Result<bool> {
    for line in list.split(|byte| *byte == b'\n') {
        match line.first() {
            None | Some(b'#') => {}
            // A path that is quoted.
            Some(b'"') => return Err(io::ErrorKind::Unsupported.into()),
            Some(_) if has(&objects.join(path_of(line)), id, depth)? => return Ok(true),
            Some(_) => {}
        }
    }
    Ok(false)
}

/// Whether a folder of objects, or one that it borrows from, has it.
fn has(objects: &Path, id: &str, depth: usize) -> io::Result<bool> {
    if depth > BORROWED_MAX {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let (first, rest) = id.split_at_checked(2).ok_or(io::ErrorKind::InvalidInput)?;
    if objects.join(first).join(rest).try_exists()? || is_packed(&objects.join("pack"), id)? {
        return Ok(true);
    }
    match fs::read(objects.join("info/alternates")) {
        Ok(list) => any_borrowed(objects, &list, id, depth + 1),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_packed(packs: &Path, id: &str) -> io::Result<bool> {
    let id = bytes_of(id).ok_or(io::ErrorKind::InvalidInput)?;
    for entry in fs::read_dir(packs)? {
        let entry = entry?;
        if entry.file_name().as_bytes().ends_with(b".idx") && lists(&entry.path(), &id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an index of a pack lists the object. Ids stand in it one after the other, in their order.
fn lists(index: &Path, id: &[u8]) -> io::Result<bool> {
    let index = File::open(index)?;
    let mut header = [0; HEADER.len()];
    index.read_exact_at(&mut header, 0)?;
    if header != HEADER {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let counts_at = HEADER.len() as u64;
    let count = |byte: u64| {
        let mut count = [0; COUNT_BYTES as usize];
        index.read_exact_at(&mut count, counts_at + COUNT_BYTES * byte)?;
        io::Result::Ok(u64::from(u32::from_be_bytes(count)))
    };
    let byte = u64::from(id[0]);
    let begin = if byte == 0 { 0 } else { count(byte - 1)? };
    let ids_at = counts_at + COUNT_BYTES * COUNTS;
    let (mut low, mut high) = (begin, count(byte)?);
    let mut found = vec![0; id.len()];
    while low < high {
        let middle = low.midpoint(high);
        index.read_exact_at(&mut found, ids_at + middle * id.len() as u64)?;
        match found.as_slice().cmp(id) {
            std::cmp::Ordering::Equal => return Ok(true),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Ok(false)
}

fn bytes_of(id: &str) -> Option<Vec<u8>> {
    let (pairs, []) = id.as_bytes().as_chunks::<2>() else { return None };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, each};
    use super::*;

    /// Whether a repository that borrows from `clone` has the object, as we see it and as git does.
    fn has_it(world: &World, id: &str) -> bool {
        let info = world.path("borrower/info");
        fs::create_dir_all(&info).unwrap();
        let line = format!("# a remark\n{}\n", world.path("clone/.git/objects").display());
        fs::write(info.join("alternates"), line).unwrap();
        let has = borrows(&world.path("borrower"), id).unwrap();
        let git = world.command("clone").args(["cat-file", "-e", id]).output().unwrap();
        assert_eq!(has, git.status.success(), "{id}");
        has
    }

    #[test]
    fn loose_packed_and_borrowed_objects_are_found() {
        each(|world| {
            let ids: Vec<String> = (0..50).map(|n| world.commit(&format!("commit {n}"))).collect();
            assert!(!has_it(world, &ids[0]));
            world.git("clone").fetch_heads("refs/pontus").unwrap();
            assert!(ids.iter().all(|id| has_it(world, id)), "loose");
            world.raw("clone", &["repack", "-q", "-a", "-d"]);
            assert!(ids.iter().all(|id| has_it(world, id)), "in a pack");
            // Each is like one that is there, but for its last digit.
            for id in &ids {
                let other = if id.ends_with('0') { '1' } else { '0' };
                assert!(!has_it(world, &format!("{}{other}", &id[..id.len() - 1])));
            }
            let new = world.commit("new");
            assert!(!has_it(world, &new));
            let up = world.path("up/.git/objects");
            fs::write(world.path("clone/.git/objects/info/alternates"), up.as_os_str().as_bytes())
                .unwrap();
            assert!(has_it(world, &new), "in what the clone borrows from");
        });
    }

    #[test]
    fn what_is_not_plain_is_left_to_git() {
        each(|world| {
            let id = world.unknown_id();
            let objects = world.path("clone/.git/objects");
            assert!(borrows(&objects, &id).is_err(), "borrows nothing");
            let alternates = objects.join("info/alternates");
            let looks = |line: &str| {
                fs::write(&alternates, line).unwrap();
                borrows(&objects, &id)
            };
            assert!(!looks("../../../up/.git/objects\n").unwrap());
            for line in ["\"/quoted\"\n", "/not/there\n", "../objects\n"] {
                assert!(looks(line).is_err(), "{line}");
            }
            fs::write(world.path("up/.git/objects/pack/pack-1.idx"), "an old format").unwrap();
            assert!(looks("../../../up/.git/objects\n").is_err());
        });
    }
}
