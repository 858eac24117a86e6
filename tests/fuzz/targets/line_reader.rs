//! Lines out of bytes: any chunking gives the same ones, and they are those that anybody would cut by hand.

use pontus_proto::{LineBuffer, LineTooLong};

/// Limits to read with: one that hardly anything fits into, one that some lines do, and the greeting's.
const LIMITS: [usize; 3] = [8, 64, pontus_proto::limits::GREETING_BYTES_MAX];

type Lines = (Vec<Vec<u8>>, Option<LineTooLong>);

/// Reads `data` in many ways.
pub fn run(data: &[u8]) {
    for bytes_max in LIMITS {
        let expected = by_hand(data, bytes_max);
        for step in [1, 2, 3, 7, 64, data.len().max(1)] {
            assert_eq!(in_pieces(data.chunks(step), bytes_max), expected, "in steps of {step}");
        }
        // The data itself says where it is cut.
        let cut = data.chunk_by(|a, b| a <= b);
        assert_eq!(in_pieces(cut, bytes_max), expected, "where bytes fall");
    }
}

/// The lines, up to the first that is too long.
fn in_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>, bytes_max: usize) -> Lines {
    let mut buffer = LineBuffer::default();
    let mut lines = Vec::new();
    for piece in pieces {
        buffer.push(piece);
        loop {
            match buffer.take_line(bytes_max) {
                Ok(Some(line)) => lines.push(line),
                Ok(None) => break,
                Err(error) => return (lines, Some(error)),
            }
        }
    }
    (lines, None)
}

fn by_hand(data: &[u8], bytes_max: usize) -> Lines {
    let mut lines = Vec::new();
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        let whole = line.strip_suffix(b"\n");
        let fits = if whole.is_some() { line.len() <= bytes_max } else { line.len() < bytes_max };
        match whole {
            _ if !fits => return (lines, Some(LineTooLong { bytes_max })),
            Some(whole) => lines.push(whole.to_vec()),
            None => {}
        }
    }
    (lines, None)
}
