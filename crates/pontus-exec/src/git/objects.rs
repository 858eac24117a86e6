//! Whether an object is in a repository, and a commit, found out without git: a process costs a hundred times as much, and most
//! commits that a runner is asked to test are not there yet.
//!
//! Source: git's `Documentation/gitrepository-layout.txt` and `gitformat-pack.txt`. What is not plain here is left to git itself.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use super::path_of;

/// How far a repository may borrow from one that borrows itself; git's own limit.
const BORROWED_MAX: usize = 5;

/// What an index of a pack begins with, in the version that every git of the last fifteen years writes.
const HEADER: [u8; 8] = *b"\xfftOc\0\0\0\x02";

/// After the header, for each first byte of an id: how many objects there are up to and with it.
const COUNT_BYTES: u64 = 4;
const COUNTS: u64 = 256;

/// Where the ids begin.
const IDS_AT: u64 = HEADER.len() as u64 + COUNT_BYTES * COUNTS;

/// After the ids, for each of them a checksum, and where it is in the pack; one with its highest bit set is too far away for that.
const CHECKSUM_BYTES: u64 = 4;
const OFFSET_BYTES: u64 = 4;
const FAR: u32 = 1 << 31;

/// What stands before an object in a pack: three bits of the first byte say what it is.
const PACKED_COMMIT: u8 = 1;

/// What stands before a commit that is a file of its own, before its size.
const LOOSE_COMMIT: &[u8] = b"commit ";

/// As much of such a file as has that in it, however it is compressed.
const LOOSE_BYTES: u64 = 256;

/// Where an object is.
#[derive(Debug)]
pub(super) enum Found {
    /// A file of its own.
    Loose(PathBuf),
    /// In the pack of this index, at this place in it, from 0 in the order of ids.
    Packed { index: PathBuf, place: u64, id_bytes: u64 },
}

/// Where the object is among those that the repository with this folder of objects borrows: the folder itself is not looked at. None
/// where it is not.
///
/// # Errors
/// When that cannot be told.
pub(super) fn borrowed(objects: &Path, id: &str) -> io::Result<Option<Found>> {
    let list = fs::read(objects.join("info/alternates"))?;
    any_borrowed(objects, &list, id, 1)
}

fn any_borrowed(objects: &Path, list: &[u8], id: &str, depth: usize) -> io::Result<Option<Found>> {
    for line in list.split(|byte| *byte == b'\n') {
        let found = match line.first() {
            None | Some(b'#') => None,
            // A path that is quoted.
            Some(b'"') => return Err(io::ErrorKind::Unsupported.into()),
            Some(_) => find(&objects.join(path_of(line)), id, depth)?,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Looks into a folder of objects, and into what it borrows from.
fn find(objects: &Path, id: &str, depth: usize) -> io::Result<Option<Found>> {
    if depth > BORROWED_MAX {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let (first, rest) = id.split_at_checked(2).ok_or(io::ErrorKind::InvalidInput)?;
    let loose = objects.join(first).join(rest);
    if loose.try_exists()? {
        return Ok(Some(Found::Loose(loose)));
    }
    if let Some(packed) = find_packed(&objects.join("pack"), id)? {
        return Ok(Some(packed));
    }
    match fs::read(objects.join("info/alternates")) {
        Ok(list) => any_borrowed(objects, &list, id, depth + 1),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn find_packed(packs: &Path, id: &str) -> io::Result<Option<Found>> {
    let id = bytes_of(id).ok_or(io::ErrorKind::InvalidInput)?;
    for entry in fs::read_dir(packs)? {
        let index = entry?.path();
        if index.as_os_str().as_bytes().ends_with(b".idx")
            && let Some(place) = place_in(&index, &id)?
        {
            return Ok(Some(Found::Packed { index, place, id_bytes: id.len() as u64 }));
        }
    }
    Ok(None)
}

/// Where an index of a pack lists the object. Ids stand in it one after the other, in their order.
fn place_in(index: &Path, id: &[u8]) -> io::Result<Option<u64>> {
    let index = File::open(index)?;
    let mut header = [0; HEADER.len()];
    index.read_exact_at(&mut header, 0)?;
    if header != HEADER {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let byte = u64::from(id[0]);
    let begin = if byte == 0 { 0 } else { count(&index, byte - 1)? };
    let (mut low, mut high) = (begin, count(&index, byte)?);
    let mut found = vec![0; id.len()];
    while low < high {
        let middle = low.midpoint(high);
        index.read_exact_at(&mut found, IDS_AT + middle * id.len() as u64)?;
        match found.as_slice().cmp(id) {
            std::cmp::Ordering::Equal => return Ok(Some(middle)),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Ok(None)
}

/// How many objects there are whose ids begin with this byte or a lower one.
fn count(index: &File, byte: u64) -> io::Result<u64> {
    read_number(index, HEADER.len() as u64 + COUNT_BYTES * byte).map(u64::from)
}

fn read_number(file: &File, at: u64) -> io::Result<u32> {
    let mut number = [0; 4];
    file.read_exact_at(&mut number, at)?;
    Ok(u32::from_be_bytes(number))
}

impl Found {
    /// Whether it is certainly a commit. Of one that is packed as its difference from another, only git can tell.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn is_commit(&self) -> io::Result<bool> {
        match self {
            Found::Loose(path) => {
                let mut start = Vec::new();
                File::open(path)?.take(LOOSE_BYTES).read_to_end(&mut start)?;
                // It ends in the middle, so it comes back as what could not be finished.
                let text = decompress_to_vec_zlib_with_limit(&start, LOOSE_COMMIT.len());
                Ok(text.unwrap_or_else(|ended| ended.output).starts_with(LOOSE_COMMIT))
            }
            Found::Packed { index, place, id_bytes } => {
                let pack = File::open(index.with_extension("pack"))?;
                let index = File::open(index)?;
                let objects = count(&index, COUNTS - 1)?;
                let offsets_at = IDS_AT + objects * (id_bytes + CHECKSUM_BYTES);
                let offset = read_number(&index, offsets_at + place * OFFSET_BYTES)?;
                let mut first = [0];
                pack.read_exact_at(&mut first, u64::from(offset))?;
                Ok(offset & FAR == 0 && first[0] >> 4 & 7 == PACKED_COMMIT)
            }
        }
    }
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
        let found = borrowed(&world.path("borrower"), id).unwrap();
        let has = found.is_some();
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
    fn a_commit_is_told_from_what_leads_to_one() {
        each(|world| {
            world.file("file", "");
            let ids: Vec<String> = (0..9).map(|n| world.commit(&format!("commit {n}"))).collect();
            world.raw("up", &["tag", "-a", "-m", "x", "v1", &ids[0]]);
            let others = ["v1", "v1^{tree}", "v1:file"].map(|name| world.id("up", name));
            let objects = world.path("up/.git/objects");
            let is_commit =
                |id: &String| find(&objects, id, 1).unwrap().unwrap().is_commit().unwrap();
            assert!(ids.iter().all(is_commit), "loose");
            assert!(!others.iter().any(is_commit));
            // No object is packed as its difference from another.
            world.raw("up", &["-c", "pack.window=0", "repack", "-q", "-a", "-d"]);
            assert!(ids.iter().all(is_commit), "in a pack");
            assert!(!others.iter().any(is_commit));
        });
    }

    #[test]
    fn what_is_not_plain_is_left_to_git() {
        each(|world| {
            let id = world.unknown_id();
            let objects = world.path("clone/.git/objects");
            assert!(borrowed(&objects, &id).is_err(), "borrows nothing");
            let alternates = objects.join("info/alternates");
            let looks = |line: &str| {
                fs::write(&alternates, line).unwrap();
                borrowed(&objects, &id)
            };
            assert!(looks("../../../up/.git/objects\n").unwrap().is_none());
            for line in ["\"/quoted\"\n", "/not/there\n", "../objects\n"] {
                assert!(looks(line).is_err(), "{line}");
            }
            fs::write(world.path("up/.git/objects/pack/pack-1.idx"), "an old format").unwrap();
            assert!(looks("../../../up/.git/objects\n").is_err());
        });
    }
}
