//! Whether the query of a URI has a parameter of a name. Every request is asked this before its first signature check, and a client chooses
//! the query: so it is not read byte by byte, and names that are almost the one that is looked for are compared up to a bound.

use super::FormDecoded;
use crate::limits;

/// Whether the query of `uri` has a parameter of this name, such as `access_token` (RFC 6750 §2.3).
///
/// Parameters are separated by `&`; names are compared after form decoding (`+` and percent-encoding), with regard to case.
/// Takes any bytes, reads the query up to `#`, and does not look at bodies or at values.
///
/// A query whose names begin as `name` does with more characters than [`limits::QUERY_NAME_CHARS`] together counts as one that has the
/// parameter: it was made to be compared. Names that have no more than one character in common with it are not counted.
#[must_use]
#[inline]
pub fn has_query_parameter(uri: &[u8], name: &[u8]) -> bool {
    // Most requests have no query, and this runs before each of them is judged.
    uri.contains(&b'?') && query_has_parameter(uri, name)
}

fn query_has_parameter(uri: &[u8], name: &[u8]) -> bool {
    let uri = uri.get(..find(uri, 0, b'#')).unwrap_or_default();
    let mut rest = uri.get(find(uri, 0, b'?') + 1..).unwrap_or_default();
    let mut in_common = 0;
    while !rest.is_empty() {
        let (ends, seen) = match rest.first_chunk() {
            Some(chunk) => (places(*chunk, b'&'), 16),
            None => (0, 0),
        };
        // A name is written with as many bytes as it has characters, or more: a parameter that ends within them is another one, and so is
        // each that begins and ends there.
        let within = if name.len() < 16 { ends & ((1 << (8 * name.len())) - 1) } else { ends };
        if within != 0 {
            let last = 15 - within.leading_zeros() as usize / 8;
            rest = rest.get(last + 1..).unwrap_or_default();
            continue;
        }
        let (same, after) = common(rest, name);
        if same == name.len() {
            match after {
                [b'=', ..] => return true,
                // A parameter without a name and without a value is no parameter, just a doubled `&`.
                [] | [b'&', ..] if same > 0 => return true,
                _ => {}
            }
        }
        if same > USUAL {
            in_common += same;
            if in_common > limits::QUERY_NAME_CHARS {
                return true;
            }
        }
        let end = if ends == 0 { find(rest, seen, b'&') } else { ends.trailing_zeros() as usize / 8 };
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    false
}

/// How many characters a name has in common with another by chance.
const USUAL: usize = 1;

/// How many characters `encoded` begins with as `name` does, once it is decoded, and the rest after them.
fn common<'e>(encoded: &'e [u8], name: &[u8]) -> (usize, &'e [u8]) {
    let mut rest = encoded;
    for (same, wanted) in name.iter().enumerate() {
        match rest {
            // An unescaped character other than the wanted one.
            [byte, ..] if byte != wanted && !matches!(byte, b'%' | b'+') => return (same, rest),
            _ => {}
        }
        let mut decoded = FormDecoded { rest };
        if decoded.next() != Some(*wanted) {
            return (same, rest);
        }
        rest = decoded.rest;
    }
    (name.len(), rest)
}

const ONES: u128 = u128::from_ne_bytes([1; 16]);
const LOW_BITS: u128 = ONES * 0x7f;

/// The high bit of each byte that is `wanted`, and no other bit.
const fn places(chunk: [u8; 16], wanted: u8) -> u128 {
    let differences = u128::from_le_bytes(chunk) ^ u128::from_ne_bytes([wanted; 16]);
    !(((differences & LOW_BITS) + LOW_BITS) | differences | LOW_BITS)
}

/// Where the first `wanted` from `at` on is; the length of `bytes` if there is none. Sixteen bytes at a step.
fn find(bytes: &[u8], mut at: usize, wanted: u8) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = places(*chunk, wanted);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 16;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| *byte == wanted).map_or(bytes.len(), |place| at + place)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// As the function is meant, parameter by parameter.
    fn slowly(uri: &[u8], name: &[u8]) -> bool {
        let uri = uri.split(|byte| *byte == b'#').next().unwrap();
        let Some(mark) = uri.iter().position(|byte| *byte == b'?') else { return false };
        uri[mark + 1..].split(|byte| *byte == b'&').any(|parameter| {
            let encoded = parameter.split(|byte| *byte == b'=').next().unwrap();
            !parameter.is_empty() && FormDecoded { rest: encoded }.eq(name.iter().copied())
        })
    }

    #[test]
    fn it_says_what_a_reader_of_each_parameter_says() {
        let pieces: [&[u8]; 16] = [
            b"access_token",
            b"access%5Ftoken",
            b"%61ccess_token",
            b"access_toke",
            b"&",
            b"&&",
            b"=",
            b"a",
            b"%",
            b"%6",
            b"#",
            b"?",
            b"bbbbbbbbbbbbbbbbb",
            b"n",
            b"+",
            b"\xff",
        ];
        let mut random = 1_u64;
        let mut found = 0;
        for _ in 0..200_000 {
            let mut uri = b"/?".to_vec();
            for _ in 0..8 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                uri.extend_from_slice(pieces[usize::try_from(random >> 60).unwrap()]);
            }
            for name in [b"access_token".as_slice(), b"a", b"an", b"bbbbbbbbbbbbbbbbb", b""] {
                let expected = slowly(&uri, name);
                assert_eq!(has_query_parameter(&uri, name), expected, "{:?}", uri.escape_ascii());
                found += usize::from(expected);
            }
        }
        assert!(found > 10_000, "{found}");
    }

    #[test]
    fn names_that_are_almost_it_are_compared_up_to_a_bound() {
        let of = |count: usize, parameter: &[u8]| [b"/?".as_slice(), &parameter.repeat(count)].concat();
        let most = limits::QUERY_NAME_CHARS / 11;
        assert!(!has_query_parameter(&of(most, b"access_toke=&"), b"access_token"));
        assert!(has_query_parameter(&of(most + 1, b"access_toke=&"), b"access_token"));
        // Names of an application have little in common with it.
        for usual in [b"attributes%5B%5D=1&".as_slice(), b"filter=1&", b"a=1&", b"very_long_name_of_a_parameter=1&"] {
            let query = of(65_536 / usual.len(), usual);
            assert!(!has_query_parameter(&query, b"access_token"), "{:?}", usual.escape_ascii());
            let last: Vec<u8> = [query.as_slice(), b"access%5ftoken"].concat();
            assert!(has_query_parameter(&last, b"access_token"));
        }
    }
}
