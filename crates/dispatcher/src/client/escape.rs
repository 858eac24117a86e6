//! What tests printed, safe to be shown on a terminal.
//!
//! Colours are left out: escaped they would make a mess of what they were to make clear. Everything else that a terminal
//! obeys is shown as it is written in Rust, and so are bytes that are no UTF-8.

use std::str;

use pontus_proto::is_obeyed;

/// The longest colour that is waited for. Those of tools have a dozen bytes.
const COLOUR_BYTES_MAX: usize = 64;

/// Output that comes in pieces, cut anywhere.
#[derive(Debug, Default)]
pub struct Escape {
    /// The beginning of a character, of a colour or of the end of a line.
    pending: Vec<u8>,
}

impl Escape {
    /// What can be shown of it now.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let rest = self.pending.split_off(whole_bytes(&self.pending));
        shown(&std::mem::replace(&mut self.pending, rest))
    }

    /// What is left when no more comes.
    pub fn finish(&mut self) -> String {
        shown(&std::mem::take(&mut self.pending))
    }
}

/// How many of the bytes mean the same whatever follows.
fn whole_bytes(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(COLOUR_BYTES_MAX);
    let escape = bytes[tail..].iter().rposition(|byte| *byte == 0x1b).map(|at| tail + at);
    let colour = escape.filter(|at| is_colours_beginning(&bytes[*at..]));
    let line_end = bytes.ends_with(b"\r").then(|| bytes.len() - 1);
    let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    let is_cut = str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
    let character = is_cut.then(|| bytes.len() - last.len());
    colour.or(line_end).or(character).unwrap_or(bytes.len())
}

fn is_colours_beginning(bytes: &[u8]) -> bool {
    match bytes {
        [_] => true,
        [_, b'[', parameters @ ..] => parameters.iter().all(is_parameter),
        _ => false,
    }
}

fn is_parameter(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b';' | b':')
}

fn shown(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        show_text(chunk.valid(), &mut shown);
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}

fn show_text(mut text: &str, shown: &mut String) {
    while let Some(c) = text.chars().next() {
        let bytes = match colour_bytes(text) {
            Some(bytes) => bytes,
            None if text.starts_with("\r\n") => 1,
            None => {
                if is_obeyed(c) && !matches!(c, '\n' | '\t') {
                    shown.extend(c.escape_default())
                } else {
                    shown.push(c)
                }
                c.len_utf8()
            }
        };
        text = &text[bytes..];
    }
}

/// How long the colour is with which `text` begins, if it does.
fn colour_bytes(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.bytes().position(|byte| !is_parameter(&byte))?;
    (parameters.as_bytes()[end] == b'm').then_some("\u{1b}[".len() + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &[u8] =
        b"\x1b[1;31mred\x1b[0m\ttab\r\n50%\r\x1b]0;title\x07\x1b[2J\xff gr\xc3\xb6\xc3\x9fer \xc2\x9b\xe2\x80\xae\xd8\x9c\x1b";
    const SHOWN: &str = "red\ttab\n50%\\r\\u{1b}]0;title\\u{7}\\u{1b}[2J\\xff größer \\u{9b}\\u{202e}\\u{61c}\\u{1b}";

    #[test]
    fn a_terminal_obeys_nothing_of_it_however_it_is_cut() {
        for step in 1..=PRINTED.len() {
            let mut escape = Escape::default();
            let pieces = PRINTED.chunks(step).map(|piece| escape.push(piece));
            let text = pieces.collect::<String>() + &escape.finish();
            assert_eq!(text, SHOWN, "in steps of {step}");
        }
    }

    #[test]
    fn nothing_is_kept_for_long() {
        let mut escape = Escape::default();
        assert_eq!(escape.push(b"a\xc3"), "a");
        assert_eq!(escape.push(b"x"), "\\xc3x");
        assert_eq!(escape.push(b"\x1b["), "");
        let long = "1".repeat(COLOUR_BYTES_MAX);
        assert_eq!(escape.push(long.as_bytes()), format!("\\u{{1b}}[{long}"));
        assert_eq!(escape.finish(), "");
    }
}
