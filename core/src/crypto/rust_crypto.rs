//! The backend in pure Rust, for WebAssembly and wherever no C compiler is: RSA here, other signatures by
//! `countersign-fallback`, hashes by `sha2`.

use super::backend::Library;
use super::rsa::{self, Scheme};
use super::{Curve, Material};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use countersign_fallback::Key as Reference;

// Beside another library, that one hashes.
#[cfg(any(test, not(any(feature = "ring", feature = "aws-lc"))))]
#[path = "rust_crypto_hashes.rs"]
mod hashes;
#[cfg(any(test, not(any(feature = "ring", feature = "aws-lc"))))]
pub(super) use hashes::{Hmac, Sha256, digest};

#[cfg(feature = "rust-crypto")]
const ALGORITHMS: AlgorithmSet = AlgorithmSet::ALL;
#[cfg(not(feature = "rust-crypto"))]
const ALGORITHMS: AlgorithmSet = AlgorithmSet::ALL.without(Algorithm::Es384).without(Algorithm::Es512);

/// A key of the libraries; none for RSA, which needs nothing but its numbers, and for a curve that only the host checks.
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
            Material::Rsa { .. } => return Some(Self(None)),
            Material::Ed25519 { x } => Reference::ed25519(x),
        };
        key.map(|key| Self(Some(key)))
    }

    /// The strict rules on A and R of EdDSA are the caller's too.
    fn verify(&self, material: &Material, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (&self.0, material, Scheme::of(algorithm)) {
            (_, Material::Rsa { n, e }, Some((scheme, hash))) => {
                let digest = hash.digest(&[message]);
                rsa::verify((n.bytes(), e.value()), (scheme, hash), digest.as_ref(), signature)
            }
            (Some(key), _, None) => key.verify(message, signature),
            _ => false,
        }
    }
}
