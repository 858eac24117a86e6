//! Lines out of bytes, however the bytes were cut on their way, and never more than a limit of them.

/// A line that is longer than allowed. What follows it cannot be trusted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the line is longer than {bytes_max} bytes")]
pub struct LineTooLong {
    /// The limit, newline included.
    pub bytes_max: usize,
}

/// Room that is kept for the next line. What a longer one took is given back: thousands of connections should cost what they
/// hold, not what they once held.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// Bytes that have arrived and are not yet taken as lines.
///
/// It holds at most the limit given to [`take_line`](Self::take_line) and one push more, because the reader asks for a
/// line before it pushes again.
#[derive(Debug, Default)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// Where the next line starts.
    start: usize,
    /// Up to where no newline was found.
    searched: usize,
}

impl LineBuffer {
    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
            if self.bytes.len() + bytes.len() <= KEPT_BYTES_MAX {
                self.bytes.shrink_to(KEPT_BYTES_MAX);
            }
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole line without its newline, or `None` where more bytes are needed.
    ///
    /// # Errors
    /// [`LineTooLong`] as soon as the line cannot fit into `bytes_max` any more.
    pub fn take_line(&mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, LineTooLong> {
        let new = &self.bytes[self.searched..];
        // Whether it is there at all is found many bytes at a time, and of a long line's pieces most have none.
        let has_newline = new.contains(&b'\n');
        let newline = if has_newline { new.iter().position(|byte| *byte == b'\n') } else { None };
        let Some(end) = newline.map(|at| self.searched + at) else {
            self.searched = self.bytes.len();
            let fits = self.bytes.len() - self.start < bytes_max;
            return if fits { Ok(None) } else { Err(LineTooLong { bytes_max }) };
        };
        if end + 1 - self.start > bytes_max {
            return Err(LineTooLong { bytes_max });
        }
        if self.start == 0 && end + 1 == self.bytes.len() {
            // Of those who speak in turns nothing follows the line: what was gathered is the line.
            let mut line = std::mem::take(self).bytes;
            line.truncate(end);
            return Ok(Some(line));
        }
        let line = self.bytes[self.start..end].to_vec();
        self.start = end + 1;
        self.searched = self.start;
        self.forget_if_empty();
        Ok(Some(line))
    }

    /// How many bytes no line was made of yet.
    pub fn pending_bytes(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether bytes are left that no line was made of.
    pub fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Gives the memory of one long line back: thousands of idle connections should cost what they hold.
    fn forget_if_empty(&mut self) {
        if self.is_empty() {
            *self = LineBuffer::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of `bytes` when they arrive in pieces of `step`.
    fn lines_in_steps(bytes: &[u8], step: usize) -> Vec<Vec<u8>> {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for piece in bytes.chunks(step) {
            buffer.push(piece);
            while let Some(line) = buffer.take_line(16).unwrap() {
                lines.push(line);
            }
        }
        lines
    }

    #[test]
    fn any_cut_gives_the_same_lines() {
        let bytes = b"one\n\ntwo three\n\xff\xfe\nlast without an end";
        let whole: Vec<Vec<u8>> =
            [&b"one"[..], b"", b"two three", b"\xff\xfe"].map(<[u8]>::to_vec).into();
        for step in 1..12 {
            assert_eq!(lines_in_steps(&bytes[..20], step), whole, "in steps of {step}");
        }
    }

    #[test]
    fn the_limit_counts_the_newline() {
        let mut buffer = LineBuffer::default();
        buffer.push(b"1234567\n12345678\n");
        assert_eq!(buffer.take_line(8), Ok(Some(b"1234567".to_vec())));
        assert_eq!(buffer.take_line(8), Err(LineTooLong { bytes_max: 8 }));
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_grows() {
        let mut buffer = LineBuffer::default();
        buffer.push(b"1234567");
        assert_eq!(buffer.take_line(8), Ok(None));
        buffer.push(b"8");
        assert_eq!(buffer.take_line(8), Err(LineTooLong { bytes_max: 8 }));
    }

    #[test]
    fn a_long_line_leaves_no_room_behind() {
        let mut buffer = LineBuffer::default();
        let long = [vec![b'x'; 1_000_000], b"\nhalf".to_vec()].concat();
        buffer.push(&long);
        assert_eq!(buffer.take_line(1_000_001).unwrap().unwrap().len(), 1_000_000);
        buffer.push(b" a line");
        assert!(buffer.bytes.capacity() <= KEPT_BYTES_MAX);
        buffer.push(b"\n");
        assert_eq!(buffer.take_line(100), Ok(Some(b"half a line".to_vec())));
    }

    #[test]
    fn an_empty_buffer_holds_no_memory() {
        let mut buffer = LineBuffer::default();
        buffer.push(b"12345\n");
        buffer.take_line(8).unwrap();
        assert!(buffer.is_empty());
        assert_eq!(buffer.bytes.capacity(), 0);
    }
}
