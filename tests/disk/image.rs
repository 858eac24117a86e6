//! What a disk may hold when the power has failed: all that was synced, and of the rest as much as luck will have it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use fastrand::Rng;

use crate::writes::{Change, Node, ROOT, Write, Writes, change_bytes};

/// What becomes of writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    /// None of them is there.
    None,
    /// All of them are.
    All,
    /// So many of the oldest in a hundred are.
    Oldest(usize),
    /// Each is or is not, and so is each part of it of so many bytes, and the file has its new length in any case.
    Each(usize),
}

impl Luck {
    /// Any.
    pub fn draw(rng: &mut Rng) -> Luck {
        match rng.u8(0..6) {
            0 => Luck::None,
            1 => Luck::All,
            2 => Luck::Oldest(rng.usize(0..100)),
            3 => Luck::Each(4096),
            _ => Luck::Each(512),
        }
    }
}

/// A disk after the power has failed.
#[derive(Debug, Default)]
pub struct Image {
    names: BTreeMap<Node, BTreeMap<OsString, Node>>,
    contents: BTreeMap<Node, Vec<u8>>,
}

impl Image {
    /// What is left of `writes` where the power fails at this line of their trace.
    pub fn of(writes: &Writes, at: usize, luck: Luck, rng: &mut Rng) -> Image {
        let mut image = Image::default();
        let begun: Vec<_> = writes.writes.iter().filter(|write| write.begun < at).collect();
        let is_durable = |write: &Write| writes.is_durable(write, at);
        let mut left = match luck {
            Luck::Oldest(percent) => {
                begun.iter().filter(|write| !is_durable(write)).count() * percent / 100
            }
            Luck::None => 0,
            _ => usize::MAX,
        };
        for write in begun {
            match luck {
                _ if is_durable(write) => image.apply(write),
                Luck::Each(part) => image.apply_by_luck(write, part, rng),
                _ if left > 0 => {
                    left -= 1;
                    image.apply(write);
                }
                _ => {}
            }
        }
        image
    }

    fn apply(&mut self, Write { node, change, .. }: &Write) {
        match change {
            Change::Name(name, named) => {
                self.names.entry(*node).or_default().insert(name.clone(), *named);
            }
            Change::Unname(name) => {
                self.names.entry(*node).or_default().remove(name);
            }
            _ => change_bytes(self.contents.entry(*node).or_default(), change),
        }
    }

    /// A write may be torn into parts; everything else is done or not.
    fn apply_by_luck(&mut self, write: &Write, part: usize, rng: &mut Rng) {
        let Change::Write(at, bytes) = &write.change else {
            if rng.bool() {
                self.apply(write);
            }
            return;
        };
        let (content, end) =
            (self.contents.entry(write.node).or_default(), *at as usize + bytes.len());
        if rng.bool() {
            content.resize(content.len().max(end), 0);
        }
        let mut from = *at as usize;
        while from < end {
            let to = end.min((from / part + 1) * part);
            if rng.bool() {
                let torn = bytes[from - *at as usize..to - *at as usize].to_vec();
                change_bytes(content, &Change::Write(from as u64, torn));
            }
            from = to;
        }
    }

    /// Puts it into a folder.
    pub fn lay_out(&self, writes: &Writes, folder: &Path) {
        self.lay_out_node(writes, ROOT, folder);
    }

    fn lay_out_node(&self, writes: &Writes, node: Node, path: &Path) {
        for (name, node) in self.names.get(&node).into_iter().flatten() {
            let path = path.join(name);
            if writes.folders.contains(node) {
                fs::create_dir(&path).unwrap();
                self.lay_out_node(writes, *node, &path);
            } else {
                let content = self.contents.get(node).map_or(&[][..], Vec::as_slice);
                fs::write(&path, content).unwrap();
            }
        }
    }
}
