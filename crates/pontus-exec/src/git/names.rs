//! Names that may be given to git: an id, a ref, a folder. What passes here is never read as an option, a pattern
//! or an expression.

use super::error::GitError;

/// No longer than a path may be in the repository's own folder.
const REF_BYTES_MAX: usize = 1024;

/// A full object id.
pub(super) fn is_id(text: &str) -> bool {
    let is_digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    matches!(text.len(), 40 | 64) && text.bytes().all(is_digit)
}

pub(super) fn check_id(text: &str) -> Result<(), GitError> {
    check(is_id(text), "a commit id", text)
}

/// A full ref, `refs/…`, by git's own rules.
pub(super) fn check_ref(text: &str) -> Result<(), GitError> {
    let is_full = text.strip_prefix("refs/").is_some_and(is_ref_path);
    check(is_full, "a full ref name", text)
}

/// A folder of a commit, from its root.
pub(super) fn check_folder(text: &str) -> Result<(), GitError> {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    let is_folder = text.split('/').all(is_part) && !text.contains('\0');
    check(is_folder, "a folder of a commit", text)
}

/// One revision as users type it. Which of them name a commit is git's to say; what is refused here would have it answer
/// another question: all but a commit (`^x`), or a search that takes in what we put behind it (`:/x`).
pub(super) fn check_revision(text: &str) -> Result<(), GitError> {
    let is_one = !text.is_empty() && !text.starts_with(['^', ':']) && !text.contains('\0');
    check(is_one && text.len() <= REF_BYTES_MAX, "a revision", text)
}

/// The rules of `git check-ref-format`.
fn is_ref_path(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let is_bad = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    text.len() <= REF_BYTES_MAX
        && text.split('/').all(is_part)
        && !text.contains(is_bad)
        && !text.contains("..")
        && !text.contains("@{")
        && !text.ends_with('.')
}

fn check(is_good: bool, what: &'static str, text: &str) -> Result<(), GitError> {
    if is_good { Ok(()) } else { Err(GitError::bad_argument(what, text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        assert!(is_id("0123456789abcdef0123456789abcdef01234567"));
        assert!(is_id(&"f".repeat(64)));
        for text in ["", "--upload-pack=x", "HEAD", &"F".repeat(40), &"a".repeat(39)] {
            assert!(!is_id(text), "{text}");
        }
        let error = check_id("--upload-pack=\u{1b}x").unwrap_err().to_string();
        assert_eq!(error, "cannot use \"--upload-pack=\\u{1b}x\" as a commit id");
    }

    #[test]
    fn refs() {
        for text in ["refs/heads/main", "refs/pontus/ä/日本", "refs/heads/-x", "refs/heads/@"] {
            assert!(check_ref(text).is_ok(), "{text}");
        }
        let bad = [
            "",
            "refs/",
            "main",
            "-x",
            "--refs/x",
            "refs/heads/",
            "refs//x",
            "refs/a..b",
            "refs/a b",
            "refs/.a",
            "refs/a.lock/b",
            "refs/a.",
            "refs/a@{1}",
            "refs/*",
            "refs/a:b",
            "+refs/a",
            "refs/a\nb",
            "refs/a\u{7f}",
            "refs/a^",
            "refs/a~1",
            "refs/a?",
            "refs/a[",
            "refs/a\\b",
        ];
        for text in bad {
            assert!(check_ref(text).is_err(), "{text}");
        }
        assert!(check_ref(&format!("refs/{}", "x".repeat(REF_BYTES_MAX))).is_ok());
        assert!(check_ref(&format!("refs/{}", "x".repeat(REF_BYTES_MAX + 1))).is_err());
    }

    #[test]
    fn revisions() {
        for text in ["HEAD", "main~3", "v1^{commit}", "@{-1}", "-x", "größe 1"] {
            assert!(check_revision(text).is_ok(), "{text}");
        }
        for text in ["", "^HEAD", ":/begin", ":path", "a\0b", &"x".repeat(REF_BYTES_MAX + 1)] {
            assert!(check_revision(text).is_err(), "{text}");
        }
    }

    #[test]
    fn folders() {
        assert!(check_folder("tests").is_ok() && check_folder("a b/tests").is_ok());
        for text in ["", "/", "/tests", "tests/", "../x", "a/../b", "./a", "a\0b"] {
            assert!(check_folder(text).is_err(), "{text}");
        }
    }
}
