//! The backend on AWS-LC, which keeps parsed keys.
//!
//! AWS-LC is C and allocates from the C heap in each verification: the digest context, and for ECDSA the signature in
//! DER, which is the only form its parsed keys take. A counter of Rust's allocations does not see that; it sees what parsing
//! a key takes, once for each key.

use alloc::boxed::Box;

#[cfg(any(test, not(feature = "ring")))]
use aws_lc_rs as library;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm};

use super::backend::Library;
use super::{Curve, Material};
use crate::jose::algorithm::Algorithm;

// aws-lc-rs has ring's interface for hashes, so one file serves both. Beside ring, ring hashes.
#[cfg(any(test, not(feature = "ring")))]
#[allow(clippy::duplicate_mod)] // loaded twice on purpose, over another library each time
#[path = "ring_hashes.rs"]
mod hashes;
#[cfg(all(any(feature = "hot-keys", feature = "rust-crypto-p256"), any(test, not(feature = "ring"))))]
pub(super) use hashes::digest;
#[cfg(any(test, not(feature = "ring")))]
pub(super) use hashes::{Hmac, Sha256};

/// A parsed key is bound to one algorithm in this library, so an RSA key is held six times over.
pub(super) enum Key {
    Rsa(Box<[ParsedPublicKey; 6]>),
    Point(ParsedPublicKey),
}

impl Library for Key {
    const NAME: &'static str = "aws-lc";
    // Parsed keys, see above.
    const PREPARES_RSA: bool = true;

    fn new(material: &Material) -> Option<Self> {
        match material {
            Material::Rsa { n, e } => {
                let components = RsaPublicKeyComponents { n: n.bytes(), e: e.bytes() };
                let parse = |parameters: &'static RsaParameters| components.to_parsed_public_key(parameters).ok();
                // In the order of `rsa_index`.
                Some(Self::Rsa(Box::new([
                    parse(&signature::RSA_PKCS1_2048_8192_SHA256)?,
                    parse(&signature::RSA_PKCS1_2048_8192_SHA384)?,
                    parse(&signature::RSA_PKCS1_2048_8192_SHA512)?,
                    parse(&signature::RSA_PSS_2048_8192_SHA256)?,
                    parse(&signature::RSA_PSS_2048_8192_SHA384)?,
                    parse(&signature::RSA_PSS_2048_8192_SHA512)?,
                ])))
            }
            Material::Ec { curve, .. } => {
                let verification: &'static dyn VerificationAlgorithm = match curve {
                    Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
                    Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
                    Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED,
                };
                ParsedPublicKey::new(verification, material.ec_point()).ok().map(Self::Point)
            }
            Material::Ed25519 { x } => ParsedPublicKey::new(&signature::ED25519, x).ok().map(Self::Point),
        }
    }

    fn verify(&self, _: &Material, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let key = match self {
            Self::Rsa(keys) => rsa_index(algorithm).and_then(|index| keys.get(index)),
            Self::Point(key) => Some(key),
        };
        key.is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }
}

fn rsa_index(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::Rs256 => Some(0),
        Algorithm::Rs384 => Some(1),
        Algorithm::Rs512 => Some(2),
        Algorithm::Ps256 => Some(3),
        Algorithm::Ps384 => Some(4),
        Algorithm::Ps512 => Some(5),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa | Algorithm::Ed25519 => None,
    }
}
