//! The backend in pure Rust, for WebAssembly and wherever no C compiler is: signatures by `countersign-reference`, hashes by `sha2`.

use countersign_reference::{Key as Reference, RsaScheme};
use hmac::{KeyInit as _, Mac as _};
use sha2::Digest as _;

#[cfg(feature = "hot-keys")]
use super::hash::HashAlgorithm;
use super::{Curve, Material, RSA_MODULUS_MAX_BITS, RSA_MODULUS_MIN_BITS};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

pub(super) const NAME: &str = "rust-crypto";

#[cfg(feature = "rust-crypto")]
pub(super) const ALGORITHMS: AlgorithmSet = AlgorithmSet::ALL;
#[cfg(not(feature = "rust-crypto"))]
pub(super) const ALGORITHMS: AlgorithmSet = AlgorithmSet::ALL.without(Algorithm::Es384).without(Algorithm::Es512);

/// A key, or none for a curve that only the host checks.
pub(super) struct Key(Option<Reference>);

impl Key {
    pub(super) fn new(material: &Material) -> Option<Self> {
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

    /// The caller has checked that the algorithm fits and that the signature has its form. The strict rules on A and R of EdDSA are the
    /// caller's too.
    pub(super) fn verify(&self, _: &Material, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
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

/// Writes the digest of the parts to the front of `out`.
#[cfg(feature = "hot-keys")]
pub(super) fn digest(hash: HashAlgorithm, parts: &[&[u8]], out: &mut [u8; 64]) {
    match hash {
        HashAlgorithm::Sha256 => write_digest::<sha2::Sha256>(parts, out),
        HashAlgorithm::Sha384 => write_digest::<sha2::Sha384>(parts, out),
        HashAlgorithm::Sha512 => write_digest::<sha2::Sha512>(parts, out),
    }
}

#[cfg(feature = "hot-keys")]
fn write_digest<H: sha2::Digest>(parts: &[&[u8]], out: &mut [u8; 64]) {
    let mut hash = H::new();
    for part in parts {
        hash.update(part);
    }
    for (to, from) in out.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
}

#[derive(Clone)]
pub(super) struct Sha256(sha2::Sha256);

impl Sha256 {
    pub(super) fn new() -> Self {
        Self(sha2::Sha256::new())
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Keyed once, cloned for each tag.
pub(super) struct Hmac(hmac::Hmac<sha2::Sha256>);

impl Hmac {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        // A key is padded with zeros to one block of the hash (RFC 2104 §2); given whole, no length can be refused.
        Self(hmac::Hmac::new(&block.into()))
    }

    pub(super) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}
