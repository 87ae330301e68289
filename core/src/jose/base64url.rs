//! Strict base64url without padding (RFC 7515 §2, RFC 4648 §5), and the padded standard form of `x5c`.
//!
//! Every octet string has exactly one accepted spelling: no `=`, no white space, no stray trailing bits.
//!
//! Written here because the libraries that `no_std` allows are slower. Nanoseconds for a header of 60, a payload of 600 and a signature
//! of 64 bytes (`cargo bench -p countersign-benches --bench base64`, AMD EPYC with AVX2): this decoder 20, 165 and 20; `base64` 0.23
//! 30, 242 and 29; `base64-simd` 0.8 without `std` 25, 235 and 26. With `std`, where it can ask the processor for AVX2, `base64-simd`
//! takes 12, 70 and 13: 0.1 µs of the 10 that a new token takes, for three crates in which 550 lines name `unsafe`.

use core::fmt;
use core::str;

/// Why a text is not base64 in its one accepted spelling.
///
/// When several apply, the length is named first, then the caller's slice, then the alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base64Error {
    /// A character outside the alphabet, white space and misplaced `=` included.
    Alphabet,
    /// A length that no octet string encodes to.
    Length,
    /// The last character carries bits that belong to no octet, and they are not zero (RFC 4648 §3.5).
    TrailingBits,
    /// The slice of the caller is shorter than the decoded octets.
    OutputTooShort,
}

impl fmt::Display for Base64Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alphabet => "a character outside the base64 alphabet",
            Self::Length => "a length that base64 cannot have",
            Self::TrailingBits => "non-zero trailing bits in the last base64 character",
            Self::OutputTooShort => "the output is shorter than the decoded bytes",
        })
    }
}

impl core::error::Error for Base64Error {}

/// How many bytes `encoded_len` unpadded characters decode to; `None` for a length that cannot occur.
///
/// Looks at no character, so a text of this length may still be refused.
#[must_use]
pub const fn decoded_len(encoded_len: usize) -> Option<usize> {
    let whole = encoded_len / 4 * 3;
    match encoded_len % 4 {
        0 => Some(whole),
        2 => Some(whole + 1),
        3 => Some(whole + 2),
        _ => None,
    }
}

/// How many unpadded characters `n` bytes encode to, stopping at the largest `usize`.
#[must_use]
pub const fn encoded_len(n: usize) -> usize {
    let tail = match n % 3 {
        0 => 0,
        1 => 2,
        _ => 3,
    };
    (n / 3).saturating_mul(4).saturating_add(tail)
}

/// Decodes unpadded base64url (RFC 7515 §2) into the front of `out` and returns that front.
///
/// Variable time: tokens and public keys are not secret. After an error `out` contains some of the decoded bytes.
///
/// # Errors
/// [`Base64Error::Length`] for a length that no encoding has, [`Base64Error::OutputTooShort`], or the fault of a character.
///
/// ```
/// let mut out = [0; 8];
/// let decoded = countersign::internal::jose::base64url::decode(b"SGk", &mut out)?;
/// assert_eq!(decoded, b"Hi");
/// # Ok::<(), countersign::internal::jose::base64url::Base64Error>(())
/// ```
pub fn decode<'o>(encoded: &[u8], out: &'o mut [u8]) -> Result<&'o mut [u8], Base64Error> {
    let len = decoded_len(encoded.len()).ok_or(Base64Error::Length)?;
    let out = out.get_mut(..len).ok_or(Base64Error::OutputTooShort)?;

    #[cfg(not(feature = "fast"))]
    let (rest, out_rest) = (encoded, &mut *out);
    // The error bit is looked at once per block, so the inner loop has no branch on its input.
    #[cfg(feature = "fast")]
    let (rest, out_rest) = {
        let (blocks, rest) = encoded.as_chunks::<BLOCK>();
        let (out_blocks, out_rest) = out.as_chunks_mut::<BLOCK_BYTES>();
        for (block, out_block) in blocks.iter().zip(out_blocks) {
            if decode_block(block, out_block) & REFUSED != 0 {
                return Err(Base64Error::Alphabet);
            }
        }
        (rest, out_rest)
    };

    let (quads, tail) = rest.as_chunks::<4>();
    let (out_triples, out_tail) = out_rest.as_chunks_mut::<3>();
    let mut seen = 0;
    for (quad, triple) in quads.iter().zip(out_triples) {
        let bits = decode_quad(*quad);
        seen |= bits;
        let [_, x, y, z] = bits.to_be_bytes();
        *triple = [x, y, z];
    }
    // A missing character counts as `A`: it adds no bits, so what remains below the last octet are the trailing bits.
    let (bits, trailing) = match *tail {
        [a, b] => (decode_quad([a, b, b'A', b'A']), 0xffff),
        [a, b, c] => (decode_quad([a, b, c, b'A']), 0xff),
        _ => (0, 0),
    };
    if (seen | bits) & REFUSED != 0 {
        return Err(Base64Error::Alphabet);
    }
    if bits & trailing != 0 {
        return Err(Base64Error::TrailingBits);
    }
    let [_, x, y, _] = bits.to_be_bytes();
    for (to, from) in out_tail.iter_mut().zip([x, y]) {
        *to = from;
    }
    Ok(out)
}

/// Decodes unpadded base64url that must be exactly `N` bytes, such as a coordinate or a thumbprint.
#[must_use]
pub fn decode_array<const N: usize>(encoded: &[u8]) -> Option<[u8; N]> {
    if decoded_len(encoded.len()) != Some(N) {
        return None;
    }
    let mut out = [0; N];
    decode(encoded, &mut out).ok()?;
    Some(out)
}

/// Decodes padded standard base64 (RFC 4648 §4), the form of `x5c` (RFC 7515 §4.1.6), into the front of `out`.
///
/// Padding is required, white space is refused.
///
/// # Errors
/// As [`decode`].
pub fn decode_standard_padded<'o>(encoded: &[u8], out: &'o mut [u8]) -> Result<&'o mut [u8], Base64Error> {
    if !encoded.len().is_multiple_of(4) {
        return Err(Base64Error::Length);
    }
    let unpadded = match encoded {
        [front @ .., b'=', b'='] | [front @ .., b'='] => front,
        whole => whole,
    };
    let len = decoded_len(unpadded.len()).ok_or(Base64Error::Length)?;
    let out = out.get_mut(..len).ok_or(Base64Error::OutputTooShort)?;
    let mut pending = 0_u32;
    let mut pending_bits = 0_u32;
    let mut unwritten = out.iter_mut();
    for &character in unpadded {
        let sextet = sextet(character, b'+', b'/').ok_or(Base64Error::Alphabet)?;
        pending = (pending << 6) | sextet;
        pending_bits += 6;
        if pending_bits >= 8 {
            pending_bits -= 8;
            if let Some(to) = unwritten.next() {
                *to = (pending >> pending_bits) as u8;
            }
            pending &= (1 << pending_bits) - 1;
        }
    }
    if pending != 0 {
        return Err(Base64Error::TrailingBits);
    }
    Ok(out)
}

/// Encodes `bytes` as unpadded base64url into the front of `out`; `None` when `out` is too short.
pub fn encode<'o>(bytes: &[u8], out: &'o mut [u8]) -> Option<&'o str> {
    let out = out.get_mut(..encoded_len(bytes.len()))?;
    encode_exactly(bytes, out);
    str::from_utf8(out).ok()
}

/// Encodes a SHA-256 sized value, such as a thumbprint (RFC 7638) or `ath` (RFC 9449 §4.2), into its 43 characters.
#[must_use]
pub fn encode_array_32(bytes: &[u8; 32]) -> [u8; 43] {
    let mut out = [0; 43];
    encode_exactly(bytes, &mut out);
    out
}

/// `out` is as long as `encoded_len(bytes.len())`; bytes beyond are not changed.
fn encode_exactly(bytes: &[u8], out: &mut [u8]) {
    let (triples, tail) = bytes.as_chunks::<3>();
    let (out_quads, out_tail) = out.as_chunks_mut::<4>();
    for (&[x, y, z], quad) in triples.iter().zip(out_quads) {
        *quad = encode_quad(x, y, z);
    }
    let quad = match *tail {
        [x] => encode_quad(x, 0, 0),
        [x, y] => encode_quad(x, y, 0),
        _ => return,
    };
    for (to, from) in out_tail.iter_mut().zip(quad) {
        *to = from;
    }
}

fn encode_quad(x: u8, y: u8, z: u8) -> [u8; 4] {
    let bits = u32::from_be_bytes([0, x, y, z]);
    [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift) as usize & 63])
}

/// Decodes one block; the result has a bit of [`REFUSED`] when a character was outside the alphabet.
#[cfg(feature = "fast")]
#[inline(always)]
fn decode_block(block: &[u8; BLOCK], out: &mut [u8; BLOCK_BYTES]) -> u32 {
    let mut seen = 0;
    // Four times 48 bits, then three times 64: three wide stores instead of 24 narrow ones. A refused character spoils
    // its neighbours too, which does not matter: the whole text is refused.
    let mut sextuples = [0_u64; 4];
    let (octets, _) = block.as_chunks::<8>();
    for (octet, sextuple) in octets.iter().zip(&mut sextuples) {
        let characters = u64::from_le_bytes(*octet);
        let high = decode_quad((characters as u32).to_le_bytes());
        let low = decode_quad(((characters >> 32) as u32).to_le_bytes());
        seen |= high | low;
        *sextuple = u64::from(high) << 24 | u64::from(low);
    }
    let [a, b, c, d] = sextuples;
    let words = [a << 16 | b >> 32, b << 32 | c >> 16, c << 48 | d];
    let (out_words, _) = out.as_chunks_mut::<8>();
    for (to, word) in out_words.iter_mut().zip(words) {
        *to = word.to_be_bytes();
    }
    seen
}

/// Four characters as 24 bits, or with a bit of [`REFUSED`].
#[cfg(not(feature = "fast"))]
#[inline(always)]
fn decode_quad([a, b, c, d]: [u8; 4]) -> u32 {
    // A character outside the alphabet is -1: however far it is shifted, its sign is where `REFUSED` is.
    let sextet = |character: u8| i32::from(SEXTETS[usize::from(character)]).cast_unsigned();
    sextet(a) << 18 | sextet(b) << 12 | sextet(c) << 6 | sextet(d)
}

/// Four characters as 24 bits, or with a bit of [`REFUSED`].
#[cfg(feature = "fast")]
#[inline(always)]
fn decode_quad([a, b, c, d]: [u8; 4]) -> u32 {
    FIRST[usize::from(a)] | SECOND[usize::from(b)] | THIRD[usize::from(c)] | FOURTH[usize::from(d)]
}

/// The six bits of a character, where `c62` and `c63` are the two characters in which the alphabets differ.
const fn sextet(character: u8, c62: u8, c63: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        other if other == c62 => 62,
        other if other == c63 => 63,
        _ => return None,
    };
    Some(value as u32)
}

#[cfg(feature = "fast")]
const fn shifted_sextets(shift: u32) -> [u32; 256] {
    let mut table = [REFUSED; 256];
    let mut character = 0;
    while character < table.len() {
        if let Some(value) = sextet(character as u8, b'-', b'_') {
            table[character] = value << shift;
        }
        character += 1;
    }
    table
}

/// Set in a table where the character is outside the alphabet.
const REFUSED: u32 = 1 << 31;

/// Characters per check of the error bit, and the bytes they become.
#[cfg(feature = "fast")]
const BLOCK: usize = 32;
#[cfg(feature = "fast")]
const BLOCK_BYTES: usize = BLOCK / 4 * 3;

// One table per position, shifted in advance: four loads and three ORs per quad, 4 KiB that stay in the first cache.
#[cfg(feature = "fast")]
static FIRST: [u32; 256] = shifted_sextets(18);
#[cfg(feature = "fast")]
static SECOND: [u32; 256] = shifted_sextets(12);
#[cfg(feature = "fast")]
static THIRD: [u32; 256] = shifted_sextets(6);
#[cfg(feature = "fast")]
static FOURTH: [u32; 256] = shifted_sextets(0);

// In a proxy's VM, where the size of the code counts: one table for all, and -1 where the character is outside the alphabet.
#[cfg(not(feature = "fast"))]
static SEXTETS: [i8; 256] = {
    let mut table = [-1; 256];
    let mut character = 0;
    while character < table.len() {
        if let Some(value) = sextet(character as u8, b'-', b'_') {
            table[character] = value as i8;
        }
        character += 1;
    }
    table
};

static ALPHABET: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests;
