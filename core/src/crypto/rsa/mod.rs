//! RSA signatures (RFC 8017 §8): by a key that is prepared when it is imported, and by one of which nothing is.
//!
//! Nothing is allocated in a verification. Everything here takes time that depends on its inputs: signatures, digests and
//! public keys only, never a secret.

mod digit;
#[cfg(all(feature = "hot-keys", feature = "fast"))]
mod montgomery;
mod numbers;
mod padding;
#[cfg(all(feature = "hot-keys", feature = "fast"))]
mod prepared;
#[cfg(any(test, feature = "rust-crypto-p256"))]
mod unprepared;

use super::RSA_MODULUS_MAX_BITS;
use super::hash::HashAlgorithm;
use crate::jose::algorithm::Algorithm;

#[cfg(all(feature = "hot-keys", feature = "fast"))]
pub use prepared::RsaKey;
#[cfg(feature = "rust-crypto-p256")]
pub(super) use unprepared::verify;

#[cfg(test)]
#[cfg(all(feature = "hot-keys", feature = "fast"))]
mod tests;

/// How the digest of a message is encoded before it is signed (RFC 8017 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RSASSA-PKCS1-v1_5.
    Pkcs1,
    /// RSASSA-PSS, with MGF1 of the hash of the message and a salt as long as that hash.
    Pss,
}

impl Scheme {
    /// The scheme and the hash of an algorithm (RFC 7518 §3.3, §3.5); `None` for one that is not RSA's.
    pub(crate) const fn of(algorithm: Algorithm) -> Option<(Self, HashAlgorithm)> {
        match algorithm {
            Algorithm::Rs256 => Some((Self::Pkcs1, HashAlgorithm::Sha256)),
            Algorithm::Rs384 => Some((Self::Pkcs1, HashAlgorithm::Sha384)),
            Algorithm::Rs512 => Some((Self::Pkcs1, HashAlgorithm::Sha512)),
            Algorithm::Ps256 => Some((Self::Pss, HashAlgorithm::Sha256)),
            Algorithm::Ps384 => Some((Self::Pss, HashAlgorithm::Sha384)),
            Algorithm::Ps512 => Some((Self::Pss, HashAlgorithm::Sha512)),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa | Algorithm::Ed25519 => None,
        }
    }
}

// The digits that suit the machine.
#[cfg(target_pointer_width = "64")]
type Native = u64;
#[cfg(not(target_pointer_width = "64"))]
type Native = u32;

/// A modulus of the greatest length, in bytes.
const MAX_BYTES: usize = RSA_MODULUS_MAX_BITS / 8;
