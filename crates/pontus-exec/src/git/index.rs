//! A checkout's index, read without git: what it tracks. Most commits ask nothing else, and a process costs a hundred times as much.
//!
//! Source: git's `Documentation/gitformat-index.txt`. What is not plain here is left to git itself.

use std::path::PathBuf;

use super::path_of;
use super::questions::{Mode, Tracked};

/// Up to the first entry.
const HEADER_BYTES: usize = 12;

/// What an entry begins with: times and other facts of the file, the mode among them.
const FACTS_BYTES: usize = 40;
const MODE_AT: usize = 24;

/// In an entry's flags: that more of them follow, and on which side of a merge it stands.
const EXTENDED: u16 = 0x4000;
const STAGE: u16 = 0x3000;

/// Each entry takes a multiple of so many bytes.
const ALIGNMENT: usize = 8;

/// All paths of an index, in their order, where ids have `id_bytes`; none where it is of a kind that only git can read.
pub(super) fn tracked(index: &[u8], id_bytes: usize) -> Option<Vec<Tracked>> {
    let (header, rest) = index.split_at_checked(HEADER_BYTES)?;
    let (version, count) = (number(header, 4)?, number(header, 8)?);
    if !header.starts_with(b"DIRC") || !matches!(version, 2 | 3) {
        return None;
    }
    let mut rest = rest.get(..rest.len().checked_sub(id_bytes)?)?;
    let mut all = Vec::new();
    for _ in 0..count {
        let (entry, bytes) = entry(rest, id_bytes)?;
        all.push(entry);
        rest = rest.get(bytes..)?;
    }
    has_only_optional_extensions(rest).then_some(all)
}

/// An entry, and how many bytes it takes.
fn entry(bytes: &[u8], id_bytes: usize) -> Option<(Tracked, usize)> {
    let flags_at = FACTS_BYTES + id_bytes;
    let flags = u16::from_be_bytes(*bytes.get(flags_at..)?.first_chunk()?);
    let path_at = flags_at + if flags & EXTENDED == 0 { 2 } else { 4 };
    let path = bytes.get(path_at..)?;
    let end = path.iter().position(|byte| *byte == 0)?;
    let mode = mode(number(bytes, MODE_AT)?).filter(|_| flags & STAGE == 0)?;
    // At least one zero ends the path.
    let length = (path_at + end + 1).next_multiple_of(ALIGNMENT);
    Some((Tracked { mode, path: PathBuf::from(path_of(&path[..end])) }, length))
}

fn mode(mode: u32) -> Option<Mode> {
    match mode {
        0o100_755 => Some(Mode::Executable),
        0o100_644 => Some(Mode::File),
        0o120_000 => Some(Mode::Link),
        0o160_000 => Some(Mode::Submodule),
        _ => None,
    }
}

/// One whose name begins with a small letter changes what the entries mean.
fn has_only_optional_extensions(mut rest: &[u8]) -> bool {
    while let Some(first) = rest.first() {
        let length = number(rest, 4).and_then(|bytes| usize::try_from(bytes).ok());
        let next = length.and_then(|length| rest.get(length.checked_add(8)?..));
        let (true, Some(next)) = (first.is_ascii_uppercase(), next) else { return false };
        rest = next;
    }
    true
}

/// Four bytes, the highest first.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, each, script};
    use super::*;

    fn read(world: &World) -> (Vec<u8>, usize) {
        let index = std::fs::read(world.path("up/.git/index")).unwrap();
        (index, if world.is_sha256() { 32 } else { 20 })
    }

    #[test]
    fn it_is_what_git_lists() {
        each(|world| {
            for length in 1..20 {
                world.file(&format!("tests/{}", "n".repeat(length)), "a\n");
            }
            script(&world.path("up/run"), "#!/bin/sh\n");
            std::os::unix::fs::symlink("run", world.path("up/link")).unwrap();
            let id = world.commit("files");
            let listed = world.git("up").tracked(&id, "tests").unwrap();
            let (index, id_bytes) = read(world);
            let all = tracked(&index, id_bytes).unwrap();
            let (tests, others): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|file| file.path.starts_with("tests"));
            assert_eq!(tests, listed);
            let modes: Vec<_> =
                others.iter().map(|file| (file.mode, file.path.to_str().unwrap())).collect();
            assert_eq!(modes, [(Mode::Link, "link"), (Mode::Executable, "run")]);
        });
    }

    #[test]
    fn what_is_not_plain_is_left_to_git() {
        each(|world| {
            world.file("a", "a\n");
            world.commit("a file");
            let (whole, id_bytes) = read(world);
            let all = tracked(&whole, id_bytes);
            assert!(all.is_some());
            for cut in 0..whole.len() {
                let read = tracked(&whole[..cut], id_bytes);
                assert!(read.is_none() || read == all, "only an extension may be missing");
            }
            for kind in ["--split-index", "--index-version=4"] {
                world.raw("up", &["update-index", kind]);
                assert_eq!(tracked(&read(world).0, id_bytes), None, "{kind}");
                world.raw("up", &["update-index", "--no-split-index", "--index-version=2"]);
                assert_eq!(tracked(&read(world).0, id_bytes), all, "{kind}");
            }
        });
    }
}
