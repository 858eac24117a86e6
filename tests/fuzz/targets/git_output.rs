//! What git prints. Names of branches and files, messages and authors are a stranger's choice; where git prints ids, they
//! are ids, or the whole answer is none.

use pontus_exec::{name_in_url, printed};

/// No line that people are shown is longer, in characters: 400, each of which may be escaped as six.
const SHOWN_CHARS_MAX: usize = 400 * 6 + 1;

/// Reads `data` as each answer of git.
pub fn run(data: &[u8]) {
    if let Ok(id) = printed::id(data) {
        is_id(&id);
    }
    for head in printed::branches(data).unwrap_or_default() {
        is_id(&head.tip);
        assert!(!head.name.contains(&b'\n'));
    }
    if let Some(branch) = printed::current_branch(data) {
        assert!(!branch.contains('\n'));
    }
    for file in printed::files(data).unwrap_or_default() {
        assert!(!file.path.as_os_str().as_encoded_bytes().contains(&0));
    }
    for commit in printed::commits(data).unwrap_or_default() {
        is_id(&commit.id);
        is_id(&commit.tree);
        assert!(![commit.author, commit.subject].iter().any(|text| text.contains('\0')));
    }
    shown(&printed::complaint(data));
    let url = String::from_utf8_lossy(data);
    assert!(!name_in_url(&url).contains(['/', ':']));
}

fn is_id(text: &str) {
    assert!(text.parse::<pontus_proto::CommitId>().is_ok(), "{text:?}");
}

fn shown(line: &str) {
    assert!(!line.is_empty() && line.chars().count() <= SHOWN_CHARS_MAX);
    assert!(!line.chars().any(char::is_control), "{line:?}");
}
