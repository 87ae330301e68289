//! JWK thumbprints (RFC 7638, and RFC 8037 §2 for OKP) with SHA-256.

use crate::crypto::{Curve, KeyMaterial, Sha256};
use crate::jose::base64url;

/// The SHA-256 thumbprint of a key.
///
/// RFC 7638 §3: the required members only, in lexicographic order, without white space. The numbers are encoded again
/// from their bytes; since only their one right encoding is ever accepted, that is the text that the key was written in.
/// Does not distinguish a public key from a private one: both have the same thumbprint (§3.2.1).
#[must_use]
pub fn thumbprint(material: &KeyMaterial<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    match material {
        KeyMaterial::Ec { curve, x, y } => {
            let name = match curve {
                Curve::P256 => "P-256",
                Curve::P384 => "P-384",
                Curve::P521 => "P-521",
            };
            hash.update(br#"{"crv":""#);
            hash.update(name.as_bytes());
            hash.update(br#"","kty":"EC","x":""#);
            encode_into(&mut hash, x);
            hash.update(br#"","y":""#);
            encode_into(&mut hash, y);
        }
        KeyMaterial::Rsa { n, e } => {
            hash.update(br#"{"e":""#);
            encode_into(&mut hash, e);
            hash.update(br#"","kty":"RSA","n":""#);
            encode_into(&mut hash, n);
        }
        KeyMaterial::Ed25519 { x } => {
            hash.update(br#"{"crv":"Ed25519","kty":"OKP","x":""#);
            encode_into(&mut hash, x);
        }
    }
    hash.update(br#""}"#);
    hash.finish()
}

fn encode_into(hash: &mut Sha256, bytes: &[u8]) {
    // 48 bytes are 64 characters, so every piece but the last encodes without a remainder.
    for piece in bytes.chunks(48) {
        let mut text = [0; 64];
        hash.update(base64url::encode(piece, &mut text).unwrap_or_default().as_bytes());
    }
}
