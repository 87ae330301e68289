//! The backend in pure Rust, for WebAssembly and wherever no C compiler is: signatures by `countersign-reference`, hashes by
//! `sha2`.

use super::backend::Library;
use super::{Curve, Material, RSA_MODULUS_MAX_BITS, RSA_MODULUS_MIN_BITS};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use countersign_reference::{Key as Reference, RsaScheme};

// Beside another library, that one hashes.
#[cfg(any(test, not(any(feature = "ring", feature = "aws-lc"))))]
#[path = "rust_crypto_hashes.rs"]
mod hashes;
#[cfg(all(feature = "hot-keys", any(test, not(any(feature = "ring", feature = "aws-lc")))))]
pub(super) use hashes::digest;
#[cfg(any(test, not(any(feature = "ring", feature = "aws-lc"))))]
pub(super) use hashes::{Hmac, Sha256};

#[cfg(feature = "rust-crypto")]
const ALGORITHMS: AlgorithmSet = AlgorithmSet::ALL;
#[cfg(not(feature = "rust-crypto"))]
const ALGORITHMS: AlgorithmSet = AlgorithmSet::ALL.without(Algorithm::Es384).without(Algorithm::Es512);

/// A key, or none for a curve that only the host checks.
pub(super) struct Key(Option<Reference>);

impl Library for Key {
    const NAME: &'static str = "rust-crypto";
    const ALGORITHMS: AlgorithmSet = ALGORITHMS;

    fn new(material: &Material) -> Option<Self> {
        let coordinates = material.ec_point().get(1..).unwrap_or_default();
        let key = match material {
            Material::Ec { curve: Curve::P256, .. } => Reference::p256(coordinates),
            #[cfg(feature = "rust-crypto")]
            Material::Ec { curve: Curve::P384, .. } => Reference::p384(coordinates),
            #[cfg(feature = "rust-crypto")]
            Material::Ec { curve: Curve::P521, .. } => Reference::p521(coordinates),
            #[cfg(not(feature = "rust-crypto"))]
            Material::Ec { curve: Curve::P384 | Curve::P521, .. } => return Some(Self(None)),
            Material::Rsa { n, e } => Reference::rsa(n.bytes(), e.bytes(), RSA_MODULUS_MIN_BITS..=RSA_MODULUS_MAX_BITS),
            Material::Ed25519 { x } => Reference::ed25519(x),
        };
        key.map(|key| Self(Some(key)))
    }

    // The strict rules on A and R of EdDSA are the caller's too.
    fn verify(&self, _: &Material, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Some(key) = &self.0 else { return false };
        let scheme = match algorithm {
            Algorithm::Rs256 => RsaScheme::Pkcs1Sha256,
            Algorithm::Rs384 => RsaScheme::Pkcs1Sha384,
            Algorithm::Rs512 => RsaScheme::Pkcs1Sha512,
            Algorithm::Ps256 => RsaScheme::PssSha256,
            Algorithm::Ps384 => RsaScheme::PssSha384,
            Algorithm::Ps512 => RsaScheme::PssSha512,
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa | Algorithm::Ed25519 => {
                return key.verify(message, signature);
            }
        };
        key.verify_rsa(scheme, message, signature)
    }
}
