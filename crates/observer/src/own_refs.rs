//! The names of our own refs in the clone: a branch's name below one of our folders.
//!
//! Each branch has a folder, so that `release` and a later `release/1` do not get into each other's way, as refs would; the
//! ref in it is called `@`. A part of a branch's name that is made of `@` alone gets one more, so that `release/@` does not
//! either.

use pontus_proto::BranchName;

/// What we have fetched of origin's branches.
pub const SEEN: &str = "refs/pontus/seen";

/// How far each branch has been handed in: its cursor.
pub const SUBMITTED: &str = "refs/pontus/submitted";

/// The ref of a branch below `folder`.
pub fn ref_of(folder: &str, branch: &BranchName) -> String {
    let parts = branch.as_str().split('/').map(|part| {
        let more = if is_at_signs(part) { "@" } else { "" };
        format!("{part}{more}/")
    });
    format!("{folder}/{}@", parts.collect::<String>())
}

/// The branch whose ref below `folder` this is; none where it is not one of ours.
pub fn branch_of(folder: &str, full_ref: &str) -> Option<BranchName> {
    let name = full_ref.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix("/@")?;
    let parts: Option<Vec<&str>> = name
        .split('/')
        .map(|part| {
            if is_at_signs(part) {
                part.strip_suffix('@').filter(|p| !p.is_empty())
            } else {
                Some(part)
            }
        })
        .collect();
    parts?.join("/").parse().ok()
}

fn is_at_signs(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|c| c == b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (branch, expected) in [
            ("main", "refs/pontus/seen/main/@"),
            ("release/1", "refs/pontus/seen/release/1/@"),
            ("release/@", "refs/pontus/seen/release/@@/@"),
            ("@/@@/@x", "refs/pontus/seen/@@/@@@/@x/@"),
            ("-x", "refs/pontus/seen/-x/@"),
        ] {
            let branch: BranchName = branch.parse().unwrap();
            assert_eq!(ref_of(SEEN, &branch), expected);
            assert_eq!(branch_of(SEEN, expected), Some(branch));
        }
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        for full_ref in [
            "refs/pontus/seen/main",
            "refs/pontus/seen/@/@",
            "refs/pontus/submitted/main/@",
            "refs/pontus/seen/@",
        ] {
            assert_eq!(branch_of(SEEN, full_ref), None, "{full_ref}");
        }
    }
}
