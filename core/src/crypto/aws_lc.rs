//! The backend on AWS-LC, which keeps parsed keys.
//!
//! AWS-LC is C and allocates from the C heap in each verification: the digest context, and for ECDSA the signature in
//! DER, which is the only form its parsed keys take.

use alloc::boxed::Box;

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm};
use aws_lc_rs::{digest, hmac};

#[cfg(feature = "hot-keys")]
use super::hash::HashAlgorithm;
use super::{Curve, Material};
use crate::jose::algorithm::Algorithm;

pub(super) const NAME: &str = "aws-lc";

/// A parsed key is bound to one algorithm in this library, so an RSA key is held six times over.
pub(super) enum Key {
    Rsa(Box<[ParsedPublicKey; 6]>),
    Point(ParsedPublicKey),
}

impl Key {
    pub(super) fn new(material: &Material) -> Option<Self> {
        match material {
            Material::Rsa { n, e } => {
                let components = RsaPublicKeyComponents { n, e };
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

    /// The caller has checked that the algorithm fits and that the signature has its form.
    pub(super) fn verify(&self, _: &Material, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
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

/// Writes the digest of the parts to the front of `out`.
#[cfg(feature = "hot-keys")]
pub(super) fn digest(hash: HashAlgorithm, parts: &[&[u8]], out: &mut [u8; 64]) {
    let mut context = digest::Context::new(match hash {
        HashAlgorithm::Sha256 => &digest::SHA256,
        HashAlgorithm::Sha384 => &digest::SHA384,
        HashAlgorithm::Sha512 => &digest::SHA512,
    });
    for part in parts {
        context.update(part);
    }
    for (to, from) in out.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
}

#[derive(Clone)]
pub(super) struct Sha256(digest::Context);

impl Sha256 {
    pub(super) fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        bytes_of(self.0.finish().as_ref())
    }
}

pub(super) struct Hmac(hmac::Key);

impl Hmac {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    pub(super) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        bytes_of(context.sign().as_ref())
    }
}

/// The 32 bytes of a digest whose type does not say that there are 32.
fn bytes_of(digest: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(digest) {
        *to = *from;
    }
    bytes
}
