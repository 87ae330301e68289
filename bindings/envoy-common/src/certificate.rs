//! The client certificate, by its SHA-256: of the connection, or sent by the hop before the proxy (`x-forwarded-client-cert`).

/// The source of the client certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateSource {
    /// The TLS connection of the request.
    #[default]
    Connection,
    /// `x-forwarded-client-cert`, which the connection manager must be configured to accept from trusted hops only.
    Forwarded,
    /// None: certificate-bound tokens are refused.
    Nowhere,
}

/// The field of [`CertificateSource::Forwarded`].
pub const FORWARDED: &str = "x-forwarded-client-cert";

/// Sixty-four hexadecimal digits.
#[must_use]
pub fn digest(hex: &[u8]) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let (pairs, rest) = hex.as_chunks::<2>();
    if pairs.len() != out.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The `Hash` of the one element of `x-forwarded-client-cert`.
///
/// Several elements (separated by commas) are several hops: which of them is the client depends on how each is configured, so
/// there is none to rely on. Neither is there in a text with quotes that do not match, or with two hashes.
///
/// Nor in one of more than [`FORWARDED_BYTES`].
#[must_use]
pub fn forwarded(value: &[u8]) -> Option<[u8; 32]> {
    let mut found = None;
    let mut rest = Some(value).filter(|value| value.len() <= FORWARDED_BYTES)?;
    // One look at each byte and nothing kept of the pairs: the names in a certificate are as long as its owner likes.
    loop {
        while let [b';', after @ ..] = rest {
            rest = after;
        }
        match rest {
            [] => return found,
            [b'h' | b'H', ..] if rest.get(..HASH.len()).is_some_and(|name| name.eq_ignore_ascii_case(HASH)) => {
                let (hash, after) = rest.get(HASH.len()..)?.split_at_checked(64)?;
                if found.replace(digest(hash)?).is_some() {
                    return None;
                }
                match after {
                    [] | [b';', ..] => rest = after,
                    _ => return None,
                }
            }
            _ => rest = behind_pair(rest)?,
        }
    }
}

/// The rest after the pair at the front, from its `;` on; `None` if another element follows, or if a quote stays open.
fn behind_pair(text: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b';' => break,
            b',' => return None,
            b'"' => at = quote_end(text, at + 1)?,
            _ => {}
        }
        at += 1;
    }
    text.get(at..)
}

/// The index at which the quote closes whose inside begins at `at`.
fn quote_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The longest value that is read, in bytes: a chain of certificates is a few thousand. It is read before the first signature check.
pub const FORWARDED_BYTES: usize = 16 * 1024;

/// The name of a pair with its sign; Envoy writes no space around that.
const HASH: &[u8] = b"hash=";

/// As [`str::split_once`], for bytes and without the search of the standard library, which is 3 KiB of code.
#[must_use]
pub fn split_once<'t, const N: usize>(text: &'t [u8], at: &[u8; N]) -> Option<(&'t [u8], &'t [u8])> {
    const { assert!(N > 0) };
    let place = text.windows(N).position(|window| window == at)?;
    Some((text.get(..place)?, text.get(place + N..)?))
}

#[cfg(test)]
mod tests {
    use std::borrow::ToOwned;
    use std::format;
    use std::string::String;

    use super::*;

    const HEX: &str = "00ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1E";

    #[test]
    fn a_digest_is_sixty_four_digits() {
        assert!(digest(HEX.as_bytes()).is_some_and(|bytes| bytes[..3] == [0, 255, 1] && bytes[31] == 0x1e));
        for hex in ["", "00", &HEX[1..], &format!("{HEX}00"), &HEX.replace('f', "g")] {
            assert_eq!(digest(hex.as_bytes()), None, "{hex}");
        }
    }

    #[test]
    fn only_one_hop_is_believed() {
        let hash = digest(HEX.as_bytes());
        for value in [
            format!("Hash={HEX}"),
            format!("By=spiffe://a/b;hash={HEX};Subject=\"CN=a,O=\\\"b;c\\\"\";URI=spiffe://c"),
            format!(";;Subject=\"a\\\"b;Hash=0\";;Hash={HEX};"),
            format!("{};Hash={HEX}", "x".repeat(FORWARDED_BYTES - 70)),
        ] {
            assert_eq!(forwarded(value.as_bytes()), hash, "{value}");
        }
        for value in [
            String::new(),
            "By=spiffe://a/b".to_owned(),
            "Hash=00".to_owned(),
            format!("Hash={HEX},Hash={HEX}"),
            format!("Hash={HEX};Hash={HEX}"),
            format!("Hash={HEX};Subject=\"open"),
            format!("Subject=\";Hash={HEX}\""),
            format!("Hash={HEX};Subject=\"open\\"),
            format!("Hash={HEX};Subject=\"open\\\""),
            format!("Hash={HEX}a"),
            format!("Hash={HEX}\""),
            format!("Hash=00;Hash={HEX}"),
            format!("{};Hash={HEX}", "x".repeat(FORWARDED_BYTES)),
        ] {
            assert_eq!(forwarded(value.as_bytes()), None, "{value}");
        }
    }
}
