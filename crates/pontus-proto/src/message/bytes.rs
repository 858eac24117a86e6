//! Raw bytes in JSON.

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::display::Base64Display;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::ser::Formatter;

use self::engine::base64;

/// The quickest way that this machine's processor knows: a flood of output is coded and decoded, and hardly anything else.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
mod engine {
    use base64::engine::{Simd, general_purpose};

    /// Standard base64, with padding.
    pub fn base64() -> Simd {
        Simd::standard(general_purpose::PAD)
    }
}

/// The way that any processor knows.
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
mod engine {
    use base64::engine::general_purpose::{GeneralPurpose, STANDARD};

    /// Standard base64, with padding.
    pub fn base64() -> GeneralPurpose {
        STANDARD
    }
}

/// Raw bytes, base64 on the wire: a test may print anything. They are written through `BytesInBase64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

/// JSON in which bytes are a string of base64. Its own hand writes them straight into the line: a string of which nobody knew what
/// is in it would be searched, byte by byte, for what has to be escaped.
#[derive(Debug)]
pub struct BytesInBase64;

impl Formatter for BytesInBase64 {
    fn write_byte_array<W: ?Sized + io::Write>(
        &mut self,
        line: &mut W,
        bytes: &[u8],
    ) -> io::Result<()> {
        write!(line, "\"{}\"", Base64Display::new(bytes, &base64()))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(InBase64)
    }
}

/// Decodes the text where it lies.
struct InBase64;

impl de::Visitor<'_> for InBase64 {
    type Value = Bytes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
        base64().decode(text).map(Bytes).map_err(|_| de::Error::custom("data is not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Attempt;
    use crate::message::{Reply, decode_reply, encode};

    /// A processor's quicker ways begin at some length, and what is left over goes the slow one.
    #[test]
    fn any_number_of_bytes_is_standard_base64() {
        let all: Vec<u8> = (0..2_000_u32).map(|n| (n * n % 251) as u8).collect();
        for length in (0..300).chain(1_020..1_030).chain([all.len()]) {
            let data = Bytes(all[..length].to_vec());
            let plain = base64::engine::general_purpose::STANDARD.encode(&data.0);
            let line =
                encode(&Reply::Logged { attempt: Attempt(1), data: data.clone(), ended: true });
            let line = line.unwrap();
            let expected = format!(
                "{{\"type\":\"logged\",\"attempt\":1,\"data\":\"{plain}\",\"ended\":true}}\n"
            );
            assert_eq!(String::from_utf8_lossy(&line), expected);
            let Ok(Reply::Logged { data: decoded, .. }) = decode_reply(&line) else {
                panic!("{length} bytes cannot be decoded")
            };
            assert_eq!(decoded, data);
        }
    }
}
