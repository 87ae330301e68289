//! The client certificate of the connection, by the proxy's properties.

use alloc::vec;
use alloc::vec::Vec;
use countersign::internal::crypto::sha256;
use countersign::internal::jose::base64url;
use countersign_envoy_common::certificate::{digest, split_once};

use crate::host::Host;

/// Its SHA-256: that of the proxy, or computed from the certificate where a proxy has only that.
pub(crate) fn peer_certificate<H: Host>(host: &H) -> Option<[u8; 32]> {
    match host.property(&["connection", "sha256_peer_certificate_digest"]) {
        // Empty where the client presented none.
        Some(hex) if !hex.is_empty() => digest(&hex),
        Some(_) => None,
        None => host.property(&["connection", "peer_certificate"]).and_then(|pem| of_pem(&pem)),
    }
}

/// The SHA-256 of the first certificate in a PEM text (RFC 7468), which some proxies encode as part of a URL.
fn of_pem(pem: &[u8]) -> Option<[u8; 32]> {
    let plain = unescape(pem)?;
    let text = str::from_utf8(&plain).ok()?.as_bytes();
    let (_, rest) = split_once(text, b"-----BEGIN CERTIFICATE-----")?;
    let (base64, _) = split_once(rest, b"-----END CERTIFICATE-----")?;
    Some(sha256(&decode(base64)?))
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    if !text.starts_with(b"-----BEGIN%20") {
        return Some(text.to_vec());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'%' {
            let mut digit = || char::from(*bytes.next()?).to_digit(16);
            out.push(u8::try_from(digit()? << 4 | digit()?).ok()?);
        } else {
            out.push(*byte);
        }
    }
    Some(out)
}

/// RFC 4648 §4, with line breaks between.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let encoded: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let mut out = vec![0; encoded.len()];
    let length = base64url::decode_standard_padded(&encoded, &mut out).ok()?.len();
    out.truncate(length);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_in_pem_is_hashed_as_its_der() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAEC\n/w==\n-----END CERTIFICATE-----\n";
        let expected = Some(sha256(&[0, 1, 2, 0xff]));
        assert_eq!(of_pem(pem.as_bytes()), expected);
        let escaped = pem.replace(' ', "%20").replace('\n', "%0A").replace('=', "%3D").replace('/', "%2F");
        assert_eq!(of_pem(escaped.as_bytes()), expected);
        for text in ["", "-----BEGIN CERTIFICATE-----\n?", "-----BEGIN CERTIFICATE-----\n-----END", "-----BEGIN%20%"] {
            assert_eq!(of_pem(text.as_bytes()), None);
        }
    }
}
