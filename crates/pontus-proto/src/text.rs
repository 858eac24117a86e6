//! How Pontus writes things for people, and reads what they write: durations, sizes, text from strangers.

use std::time::Duration;

/// `text` with every character escaped that [is obeyed](is_obeyed), so that it can be shown on a terminal or in one line of a log.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Whether whoever shows `c` does something instead: control characters, ends of lines and paragraphs, and what turns the
/// direction of the text around it, by which a line can be made to read as another.
pub fn is_obeyed(c: char) -> bool {
    let reorders = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends_a_line = matches!(c, '\u{2028}' | '\u{2029}');
    c.is_control() || reorders || ends_a_line
}

/// A duration as results show it: `3.412s`.
pub fn seconds(duration: Duration) -> String {
    format!("{:.3}s", duration.as_secs_f64())
}

/// Reads `500ms`, `5s`, `10m`, `1h`.
///
/// # Errors
/// One sentence for the person who typed it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    parse_quantity(text, &units)
        .filter(|ms| *ms > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "a duration is written 500ms, 5s, 10m or 1h".to_owned())
}

/// Reads `64KiB`, `16MiB`, `1GiB` and `512B`, in bytes.
///
/// # Errors
/// One sentence for the person who typed it.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
    parse_quantity(text, &units).ok_or_else(|| "a size is written 64KiB or 16MiB".to_owned())
}

/// Checks that `text` is `HOST:PORT`, and gives it back. Whether there is such a host is asked at each dial.
///
/// # Errors
/// One sentence for the person who typed it.
pub fn parse_address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(port) if port > 0 => Ok(text.to_owned()),
        _ => Err("an address is written HOST:PORT, as in localhost:8888".to_owned()),
    }
}

/// A whole number with the first of `units` that it ends with, as a multiple of the smallest one.
fn parse_quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) =
        units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let digits_only = number.bytes().all(|c| c.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| digits_only)?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let read = |text| parse_duration(text).ok().map(|d| d.as_millis());
        assert_eq!(read("500ms"), Some(500));
        assert_eq!(read("5s"), Some(5_000));
        assert_eq!(read("10m"), Some(600_000));
        assert_eq!(read("1h"), Some(3_600_000));
        for text in ["", "5", "s", "0s", "-5s", "+5s", "1.5s", "5 s", "5d", "99999999999999999999h"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("16MiB"), Ok(16_777_216));
        assert_eq!(parse_size("10B"), Ok(10));
        assert!(parse_size("16MB").is_err());
        assert!(parse_size("99999999999GiB").is_err());
    }

    #[test]
    fn addresses() {
        for text in ["localhost:8888", "127.0.0.1:1", "[::1]:8888"] {
            assert_eq!(parse_address(text), Ok(text.to_owned()));
        }
        for text in ["", "localhost", ":8888", "localhost:", "localhost:0", "localhost:22x"] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn text_is_not_reordered() {
        for c in "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".chars() {
            assert_eq!(escaped(&format!("a{c}b")), format!("a\\u{{{:x}}}b", u32::from(c)));
        }
        // Their neighbours, and letters that are read from right to left by themselves.
        let harmless = "\u{200d}\u{2010}\u{2027}\u{202f}\u{2065}\u{206a}\u{5d0}\u{627}";
        assert_eq!(escaped(harmless), harmless);
    }

    #[test]
    fn control_characters_are_shown_not_sent() {
        assert_eq!(escaped("a\u{1b}[31m\r\nä\u{9b}"), "a\\u{1b}[31m\\r\\nä\\u{9b}");
        assert_eq!(seconds(Duration::from_millis(3_412)), "3.412s");
    }
}
