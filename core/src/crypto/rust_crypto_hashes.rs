//! SHA-2 and HMAC in pure Rust.

use hmac::{KeyInit as _, Mac as _};
use sha2::Digest as _;

use crate::crypto::hash::HashAlgorithm;

/// Writes the digest of the parts to the front of `out`.
pub(in crate::crypto) fn digest(hash: HashAlgorithm, parts: &[&[u8]], out: &mut [u8; 64]) {
    match hash {
        HashAlgorithm::Sha256 => write_digest::<sha2::Sha256>(parts, out),
        HashAlgorithm::Sha384 => write_digest::<sha2::Sha384>(parts, out),
        HashAlgorithm::Sha512 => write_digest::<sha2::Sha512>(parts, out),
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
pub(in crate::crypto) struct Sha256(sha2::Sha256);

impl Sha256 {
    pub(in crate::crypto) fn new() -> Self {
        Self(sha2::Sha256::new())
    }

    pub(in crate::crypto) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(in crate::crypto) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Keyed once, cloned for each tag.
pub(in crate::crypto) struct Hmac(hmac::Hmac<sha2::Sha256>);

impl Hmac {
    pub(in crate::crypto) fn new(key: &[u8; 32]) -> Self {
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        // A key is padded with zeros to one block of the hash (RFC 2104 §2); given whole, no length can be refused.
        Self(hmac::Hmac::new(&block.into()))
    }

    pub(in crate::crypto) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}
