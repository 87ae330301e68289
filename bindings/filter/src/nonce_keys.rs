//! The keys of server nonces as text: one or two of 32 random bytes each, the key in use and the one before it.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use countersign::jose::base64url;
use countersign::rules::nonce::NonceKeys;

/// Reads lines of base64url.
///
/// # Errors
/// What was expected.
pub fn parse(bytes: &[u8]) -> Result<NonceKeys, String> {
    let expected = || "expected one or two lines, each 32 bytes in base64url".to_owned();
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let keys: Option<Vec<[u8; 32]>> = lines.map(base64url::decode_array).collect();
    match keys.as_deref() {
        Some([current]) => Ok(NonceKeys::new(current, None)),
        Some([current, previous]) => Ok(NonceKeys::new(current, Some(previous))),
        _ => Err(expected()),
    }
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
