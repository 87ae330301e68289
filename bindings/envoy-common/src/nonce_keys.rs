//! The keys of server nonces as text: one or two of 32 random bytes each, the key in use and the one before it.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use countersign::NonceKeys;
use countersign::internal::jose::base64url;

/// Reads one or two texts of base64url.
#[must_use]
pub fn decode<'t>(texts: impl Iterator<Item = &'t [u8]>) -> Option<Vec<[u8; 32]>> {
    let keys: Option<Vec<[u8; 32]>> = texts.map(base64url::decode_array).collect();
    keys.filter(|keys| matches!(keys.len(), 1 | 2))
}

/// The keys as engines take them; `None` for no key.
#[must_use]
pub fn in_force(keys: &[[u8; 32]]) -> Option<NonceKeys> {
    let (current, rest) = keys.split_first()?;
    Some(NonceKeys::new(current, rest.first()))
}

/// Reads lines of base64url.
///
/// # Errors
/// The expected value.
pub fn parse(bytes: &[u8]) -> Result<NonceKeys, String> {
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let keys = decode(lines).and_then(|keys| in_force(&keys));
    keys.ok_or_else(|| "expected one or two lines, each 32 bytes in base64url".to_owned())
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn one_or_two_keys() {
        let key = "A".repeat(43);
        assert!(parse(key.as_bytes()).is_ok());
        assert!(parse(format!("{key}\r\n{key}\n").as_bytes()).is_ok());
        for text in ["", "AAAA", &format!("{key}\n{key}\n{key}"), &format!("{key} {key}")] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
