//! The backend in pure Rust, for WebAssembly and wherever no C compiler is: no assembly, no source of randomness.
//!
//! RSA allocates its numbers when a key is imported and in each verification; ECDSA and EdDSA allocate nothing.

use hmac::{KeyInit as _, Mac as _};
use p256::ecdsa::signature::Verifier as _;
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Digest as _, Sha384, Sha512};

#[cfg(feature = "hot-keys")]
use super::hash::HashAlgorithm;
use super::{Curve, Material, RSA_MODULUS_MAX_BITS, RSA_MODULUS_MIN_BITS};
use crate::jose::algorithm::Algorithm;

pub(super) const NAME: &str = "rust-crypto";

pub(super) enum Key {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Rsa(RsaPublicKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl Key {
    pub(super) fn new(material: &Material) -> Option<Self> {
        let point = material.ec_point();
        match material {
            Material::Ec { curve: Curve::P256, .. } => {
                p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok().map(Self::P256)
            }
            Material::Ec { curve: Curve::P384, .. } => {
                p384::ecdsa::VerifyingKey::from_sec1_bytes(point).ok().map(Self::P384)
            }
            Material::Ec { curve: Curve::P521, .. } => {
                p521::ecdsa::VerifyingKey::from_sec1_bytes(point).ok().map(Self::P521)
            }
            Material::Rsa { n, e } => RsaPublicKey::new_with_size_limits(
                BoxedUint::from_be_slice_vartime(n.bytes()),
                BoxedUint::from_be_slice_vartime(e.bytes()),
                RSA_MODULUS_MIN_BITS..=RSA_MODULUS_MAX_BITS,
            )
            .ok()
            .map(Self::Rsa),
            Material::Ed25519 { x } => ed25519_dalek::VerifyingKey::from_bytes(x).ok().map(Self::Ed25519),
        }
    }

    /// The caller has checked that the algorithm fits and that the signature has its form.
    pub(super) fn verify(&self, _: &Material, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::P521(key) => p521::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Rsa(key) => verify_rsa(key, algorithm, message, signature),
            // The strict rules on A and R are the caller's; what is left is the equation without cofactor.
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}

fn verify_rsa(key: &RsaPublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    use sha2::Sha256;
    let outcome = match algorithm {
        Algorithm::Rs256 => key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature),
        Algorithm::Rs384 => key.verify(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(message), signature),
        Algorithm::Rs512 => key.verify(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(message), signature),
        Algorithm::Ps256 => key.verify(Pss::<Sha256>::new(), &Sha256::digest(message), signature),
        Algorithm::Ps384 => key.verify(Pss::<Sha384>::new(), &Sha384::digest(message), signature),
        Algorithm::Ps512 => key.verify(Pss::<Sha512>::new(), &Sha512::digest(message), signature),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa | Algorithm::Ed25519 => return false,
    };
    outcome.is_ok()
}

/// Writes the digest of the parts to the front of `out`.
#[cfg(feature = "hot-keys")]
pub(super) fn digest(hash: HashAlgorithm, parts: &[&[u8]], out: &mut [u8; 64]) {
    match hash {
        HashAlgorithm::Sha256 => write_digest::<sha2::Sha256>(parts, out),
        HashAlgorithm::Sha384 => write_digest::<Sha384>(parts, out),
        HashAlgorithm::Sha512 => write_digest::<Sha512>(parts, out),
    }
}

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
