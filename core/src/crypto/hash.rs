//! The hashes that signatures name, over bytes in parts.

use super::hashes;

/// A hash of the SHA-2 family (FIPS 180-4 §6).
#[derive(Copy, Clone, Eq, PartialEq, Debug, Hash)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// The length of a digest in bytes.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of the parts, one after the other.
    #[must_use]
    pub fn digest(self, parts: &[&[u8]]) -> Digest {
        let mut bytes = [0; 64];
        hashes::digest(self, parts, &mut bytes);
        Digest { bytes, len: self.digest_len() }
    }
}

/// A digest, as long as its hash makes it.
#[derive(Copy, Clone, Debug)]
pub struct Digest {
    /// Zeros from `len` on.
    bytes: [u8; 64],
    len: usize,
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}
