//! SHA-2 and HMAC by a library with ring's interface: the parent says which.

use super::library::{digest, hmac};
#[cfg(any(feature = "hot-keys", feature = "rust-crypto-p256"))]
use crate::crypto::hash::HashAlgorithm;

/// Writes the digest of the parts to the front of `out`.
#[cfg(any(feature = "hot-keys", feature = "rust-crypto-p256"))]
pub(in crate::crypto) fn digest(hash: HashAlgorithm, parts: &[&[u8]], out: &mut [u8; 64]) {
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
pub(in crate::crypto) struct Sha256(digest::Context);

impl Sha256 {
    pub(in crate::crypto) fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub(in crate::crypto) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(in crate::crypto) fn finish(self) -> [u8; 32] {
        bytes_of(self.0.finish().as_ref())
    }
}

pub(in crate::crypto) struct Hmac(hmac::Key);

impl Hmac {
    pub(in crate::crypto) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    pub(in crate::crypto) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
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
