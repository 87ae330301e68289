//! The backend on ring, with P-521 from the `p521` crate.
//!
//! ring keeps no parsed keys: it reads the point or the modulus again with each signature. RSA allocates its numbers
//! inside ring; the others allocate nothing.

use ::ring as library;
use ::ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use p521::ecdsa::signature::Verifier as _;

use super::backend::Library;
use super::{Curve, Material};
use crate::jose::algorithm::Algorithm;

// aws-lc-rs has ring's interface for hashes, so one file serves both.
#[allow(clippy::duplicate_mod)] // loaded twice on purpose, over another library each time
#[path = "ring_hashes.rs"]
mod hashes;
#[cfg(any(feature = "hot-keys", feature = "rust-crypto-p256"))]
pub(super) use hashes::digest;
pub(super) use hashes::{Hmac, Sha256};

/// The key that ring does not have: one on P-521.
pub(super) enum Key {
    Unparsed,
    P521(p521::ecdsa::VerifyingKey),
}

impl Library for Key {
    const NAME: &'static str = "ring";

    fn new(material: &Material) -> Option<Self> {
        match material {
            Material::Ec { curve: Curve::P521, .. } => {
                p521::ecdsa::VerifyingKey::from_sec1_bytes(material.ec_point()).ok().map(Self::P521)
            }
            _ => Some(Self::Unparsed),
        }
    }

    fn verify(&self, material: &Material, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let rsa = |parameters: &signature::RsaParameters| match material {
            Material::Rsa { n, e } => signature::RsaPublicKeyComponents { n: n.bytes(), e: e.bytes() }
                .verify(parameters, message, signature)
                .is_ok(),
            _ => false,
        };
        let point = |verification: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(verification, key).verify(message, signature).is_ok()
        };
        match algorithm {
            Algorithm::Rs256 => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Ps256 => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::Ps384 => rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::Ps512 => rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Algorithm::Es256 => point(&signature::ECDSA_P256_SHA256_FIXED, material.ec_point()),
            Algorithm::Es384 => point(&signature::ECDSA_P384_SHA384_FIXED, material.ec_point()),
            Algorithm::Es512 => match (self, p521::ecdsa::Signature::from_slice(signature)) {
                (Self::P521(key), Ok(signature)) => key.verify(message, &signature).is_ok(),
                _ => false,
            },
            Algorithm::EdDsa | Algorithm::Ed25519 => match material {
                Material::Ed25519 { x } => point(&signature::ED25519, x),
                _ => false,
            },
        }
    }
}
