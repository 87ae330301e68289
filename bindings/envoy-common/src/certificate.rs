//! The client certificate, by its SHA-256: of the connection, or told by a hop before us (`x-forwarded-client-cert`).

/// Where the client certificate comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateSource {
    /// The TLS connection of the request.
    #[default]
    Connection,
    /// `x-forwarded-client-cert`, which the connection manager must be told to take from trusted hops only.
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
#[must_use]
pub fn forwarded(value: &[u8]) -> Option<[u8; 32]> {
    let mut found = None;
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    // One look at each byte and nothing kept of the pairs: the names in a certificate are as long as its owner likes.
    for (at, byte) in value.iter().chain([&b';']).enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return None,
            b';' if !quoted => {
                if let Some((name, hash)) = value.get(start..at).and_then(|pair| pair.split_at_checked(HASH.len()))
                    && name.eq_ignore_ascii_case(HASH)
                    && found.replace(digest(hash)?).is_some()
                {
                    return None;
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    // Past the last pair, unless a quote stays open.
    found.filter(|_| start > value.len())
}

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
        for value in
            [format!("Hash={HEX}"), format!("By=spiffe://a/b;hash={HEX};Subject=\"CN=a,O=\\\"b;c\\\"\";URI=spiffe://c")]
        {
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
        ] {
            assert_eq!(forwarded(value.as_bytes()), None, "{value}");
        }
    }
}
