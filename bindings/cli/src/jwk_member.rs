//! Which member of a key a fault is about.

use countersign::JwkError;
use countersign::internal::jose::base64url;
use countersign::internal::limits;
use serde_json::Value;

/// The name of the member that makes `fault` of the key, where the fault is one of a single member.
pub(crate) fn at_fault(key: &Value, fault: JwkError) -> Option<&'static str> {
    const STRINGS: [&str; 9] = ["use", "kty", "crv", "x", "y", "n", "e", "kid", "alg"];
    let key = key.as_object()?;
    let needed: &[&str] = match key.get("kty").and_then(Value::as_str) {
        Some("EC") => &["crv", "x", "y"],
        Some("RSA") => &["n", "e"],
        Some("OKP") => &["crv", "x"],
        _ => &[],
    };
    let is_absent = |value: Option<&Value>| value.is_none_or(Value::is_null);
    match fault {
        JwkError::CertificateMismatch => Some("x5c"),
        JwkError::Malformed => {
            // In a set `null` is absent.
            let is_string = |value: Option<&Value>| value.is_none_or(|value| value.is_string() || value.is_null());
            let no_string = STRINGS.into_iter().find(|name| !is_string(key.get(*name)));
            no_string.or_else(|| (!is_absent(key.get("key_ops"))).then_some("key_ops"))
        }
        JwkError::MemberMissing => needed.iter().copied().find(|name| is_absent(key.get(*name))),
        JwkError::Encoding => {
            let coordinate = match key.get("crv").and_then(Value::as_str) {
                Some("P-256" | "Ed25519") => Some(32),
                Some("P-384") => Some(48),
                Some("P-521") => Some(66),
                _ => None,
            };
            let is_number = |name: &str, text: &str| {
                let mut buffer = vec![0; text.len()];
                let Ok(bytes) = base64url::decode(text.as_bytes(), &mut buffer) else { return false };
                match name {
                    "n" | "e" => {
                        let most = if name == "n" { limits::RSA_MODULUS_BITS / 8 } else { EXPONENT_BYTES };
                        bytes.first().is_some_and(|byte| *byte != 0) && bytes.len() <= most
                    }
                    _ => coordinate.is_none_or(|length| bytes.len() == length),
                }
            };
            let numbers = needed.iter().copied().filter(|name| *name != "crv");
            let mut texts = numbers.filter_map(|name| Some((name, key.get(name)?.as_str()?)));
            texts.find(|(name, text)| !is_number(name, text)).map(|(name, _)| name)
        }
        _ => None,
    }
}

/// The longest public exponent that the engine reads.
const EXPONENT_BYTES: usize = 66;
