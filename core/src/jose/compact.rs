//! The compact serialization of a JWS (RFC 7515 §7.1): three parts, two periods, nothing else.

use crate::reason::Reason;

/// One JWS cut at its two periods; nothing is decoded yet.
///
/// Does not check the alphabet of the parts (decoding does) nor any of their contents. The JSON serializations and JWE
/// (five parts) are refused here: RFC 8725 §3.3 and 8725bis §3.14 require formats to be distinguished before any parsing.
#[derive(Clone, Copy, Debug)]
pub struct CompactJws<'t> {
    text: &'t [u8],
    payload_at: usize,
    signature_at: usize,
}

impl<'t> CompactJws<'t> {
    /// Cuts `text`, whose length the caller has already bounded.
    ///
    /// # Errors
    /// [`Reason::TokenMalformed`] unless there are exactly two periods and header and payload are not empty. An empty
    /// signature is left to the signature check, so that `alg: none` is refused for its algorithm.
    pub fn parse(text: &'t [u8]) -> Result<Self, Reason> {
        // RFC 7515 §5.2 step 1: "Parse the JWS representation". At most three periods are looked for, so a text of a
        // million periods costs no more than one without (CVE-2025-27144).
        let first = period(text, 0).ok_or(Reason::TokenMalformed)?;
        let second = period(text, first + 1).ok_or(Reason::TokenMalformed)?;
        if period(text, second + 1).is_some() {
            return Err(Reason::TokenMalformed);
        }
        if first == 0 || second == first + 1 {
            return Err(Reason::TokenMalformed);
        }
        Ok(Self { text, payload_at: first + 1, signature_at: second + 1 })
    }

    /// The encoded header.
    #[must_use]
    pub fn header(&self) -> &'t [u8] {
        self.text.get(..self.payload_at - 1).unwrap_or_default()
    }

    /// The encoded payload.
    #[must_use]
    pub fn payload(&self) -> &'t [u8] {
        self.text.get(self.payload_at..self.signature_at - 1).unwrap_or_default()
    }

    /// The encoded signature.
    #[must_use]
    pub fn signature(&self) -> &'t [u8] {
        self.text.get(self.signature_at..).unwrap_or_default()
    }

    /// The signed bytes: header, period, payload, exactly as received (RFC 7515 §5.2 step 8).
    #[must_use]
    pub fn signing_input(&self) -> &'t [u8] {
        self.text.get(..self.signature_at - 1).unwrap_or_default()
    }
}

/// The first period from `at` on, eight bytes at a step.
fn period(text: &[u8], mut at: usize) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk) ^ (ONES * b'.' as u64);
        if word.wrapping_sub(ONES) & !word & (ONES << 7) != 0 {
            break;
        }
        at += 8;
    }
    text.get(at..)?.iter().position(|byte| *byte == b'.').map(|offset| at + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts() {
        let jws = CompactJws::parse(b"a.bb.ccc").unwrap();
        assert_eq!((jws.header(), jws.payload(), jws.signature()), (&b"a"[..], &b"bb"[..], &b"ccc"[..]));
        assert_eq!(jws.signing_input(), b"a.bb");
        assert_eq!(CompactJws::parse(b"a.b.").unwrap().signature(), b"");
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in ["", ".", "..", "a", "a.b", "a.b.c.d", "a.b.c.d.e", ".b.c", "a..c", "a.b.c.", "{}", "...."] {
            assert_eq!(CompactJws::parse(text.as_bytes()).err(), Some(Reason::TokenMalformed), "{text}");
        }
    }
}
