//! The id of a test as unittest prints it: `test_x (module.Class.test_x)`, before Python 3.11 `test_x (module.Class)`.

/// A description at the start of a line.
#[derive(Debug, PartialEq, Eq)]
pub struct Id {
    /// `module.Class.test_x`.
    pub name: String,
    /// The same with what a subtest adds to it, where the line is that of a subtest.
    pub subtest: Option<String>,
    /// Whether it is a test, and not what is done before or after the tests of a class or a module.
    pub is_counted: bool,
}

const FIXTURES: [&str; 4] = ["setUpClass", "tearDownClass", "setUpModule", "tearDownModule"];

/// Unittest's own classes, whose tests stand for a module that could not be loaded or skipped itself.
const LOADER: &str = "unittest.loader.";

impl Id {
    /// Reads a whole text as a description. Two spaces before it make it a subtest's, which has a message, parameters
    /// or both behind it.
    pub fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix("  ");
        let (method, rest) = inner.unwrap_or(text).split_once(" (")?;
        let (class, rest) = rest.split_once(')')?;
        let is_word = |word: &str| !word.is_empty() && !word.contains([' ', '(']);
        let is_sub = rest.starts_with([' ']) && rest.ends_with([')', ']']) && inner.is_some();
        if !is_word(method) || !is_word(class) || !(rest.is_empty() || is_sub) {
            return None;
        }
        let name = name(method, class);
        let subtest = inner.map(|_| format!("{name}{rest}"));
        Some(Self { name, subtest, is_counted: !FIXTURES.contains(&method) })
    }
}

fn name(method: &str, class: &str) -> String {
    let is_whole = class.strip_suffix(method).is_some_and(|rest| rest.ends_with('.'));
    if class.starts_with(LOADER) {
        method.to_owned()
    } else if is_whole {
        class.to_owned()
    } else {
        format!("{class}.{method}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<(String, Option<String>)> {
        Id::parse(text).map(|id| (id.name, id.subtest))
    }

    #[test]
    fn descriptions() {
        let whole = |name: &str| Some((name.to_owned(), None));
        assert_eq!(names("test_x (m.C.test_x)"), whole("m.C.test_x"));
        assert_eq!(names("test_x (m.C)"), whole("m.C.test_x"));
        assert_eq!(names("setUpModule (m)"), whole("m.setUpModule"));
        assert_eq!(names("test_m (unittest.loader._FailedTest)"), whole("test_m"));
        assert_eq!(names("test_m (unittest.loader._FailedTest.test_m)"), whole("test_m"));
        let sub = Some(("m.C.t".to_owned(), Some("m.C.t [a] (i=1)".to_owned())));
        assert_eq!(names("  t (m.C.t) [a] (i=1)"), sub);
        for text in
            ["", "a b (c)", "FAIL: t (m.C)", "t (a b)", "t (m.C) [a]", "t ()", " (c)", "t (m"]
        {
            assert_eq!(names(text), None, "{text}");
        }
    }
}
