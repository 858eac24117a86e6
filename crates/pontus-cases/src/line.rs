//! Lines: bytes as they come, cut where a line ends, as plain text.

use anstream::adapter::strip_bytes;

/// So much of a line is kept; the rest is dropped. A line that names a case or sums up is far shorter, and a test may
/// print without ever ending its line.
pub const LINE_BYTES_MAX: usize = 8 * 1024;

/// The line that has begun.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
}

impl Lines {
    /// Hands each line that ends in `bytes` to `read`. Empty ones are not worth it: no format gives them a meaning.
    pub fn push(&mut self, bytes: &[u8], mut read: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| is_end(*byte)) {
            let ends = piece.last().is_some_and(|byte| is_end(*byte));
            let text = if ends { &piece[..piece.len() - 1] } else { piece };
            let room = LINE_BYTES_MAX - self.line.len();
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                self.end(&mut read);
            }
        }
    }

    /// What stands after the last end of a line is a line too.
    pub fn finish(mut self, mut read: impl FnMut(&str)) {
        self.end(&mut read);
    }

    fn end(&mut self, read: &mut impl FnMut(&str)) {
        if !self.line.is_empty() {
            read(&plain(&self.line));
            self.line.clear();
        }
    }
}

/// A carriage return ends a line as well: alone it starts a progress bar over, and before a newline it ends a line of
/// Windows, where the empty line between the two is no line to us.
fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// A line as text, without the escape sequences of a terminal. Each line is looked at by itself, so that a sequence that
/// a test never ended hides the rest of its line and not the rest of the output.
fn plain(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    if text.contains('\x1b') {
        let stripped = strip_bytes(text.as_bytes()).into_vec();
        String::from_utf8_lossy(&stripped).into_owned()
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        let mut lines = Lines::default();
        lines.push(bytes, |line| all.push(line.to_owned()));
        lines.finish(|line| all.push(line.to_owned()));
        all
    }

    #[test]
    fn ends_of_lines() {
        assert_eq!(lines(b"a\r\nb\n\n10%\r20%\nend"), ["a", "b", "10%", "20%", "end"]);
        assert!(lines(b"\r\n\n").is_empty());
    }

    #[test]
    fn colours_and_bytes_that_are_no_text() {
        assert_eq!(lines(b"\x1b[31mred\x1b[0m \xff"), ["red \u{fffd}"]);
        assert_eq!(lines("\x1b]0;title\x07caf\u{e9} \x1b(B\x1b[mok".as_bytes()), ["café ok"]);
        assert_eq!(lines(b"\x1b]0;never ended\nnext"), ["", "next"]);
        assert_eq!(lines("\x1b[\u{85}\u{e9}x".as_bytes()).len(), 1);
    }

    #[test]
    fn a_long_line_is_cut() {
        let mut long = vec![b'x'; LINE_BYTES_MAX + 5];
        long.extend_from_slice(b"\nshort");
        assert_eq!(lines(&long).iter().map(String::len).collect::<Vec<_>>(), [LINE_BYTES_MAX, 5]);
    }
}
