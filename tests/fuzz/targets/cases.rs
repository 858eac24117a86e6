//! What test tools print, and tests through them: read without a panic, in bounded memory, the same in any pieces.

use pontus_cases::{CASES_MAX, Format, Found, NAME_BYTES_MAX, Reader};

const FORMATS: [Format; 4] = [Format::Unittest, Format::Pytest, Format::Libtest, Format::Tap];

/// Reads `data` as the output of each tool.
pub fn run(data: &[u8]) {
    for format in FORMATS {
        let whole = read(format, [data].into_iter());
        is_bounded(&whole);
        assert_eq!(read(format, data.chunks(3)), whole, "{format:?}");
        assert_eq!(read(format, data.chunk_by(|a, b| a <= b)), whole, "{format:?}");
    }
}

fn read<'a>(format: Format, pieces: impl Iterator<Item = &'a [u8]>) -> Found {
    let mut reader = Reader::new(format);
    pieces.for_each(|piece| reader.push(piece));
    // Whoever waits is told meanwhile.
    let _ = reader.so_far();
    reader.finish()
}

fn is_bounded(found: &Found) {
    assert!(found.cases.len() <= CASES_MAX);
    let texts = found.cases.iter().map(|case| &case.name).chain(&found.complaint);
    for text in texts {
        assert!(text.len() <= NAME_BYTES_MAX, "{text:?}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}
