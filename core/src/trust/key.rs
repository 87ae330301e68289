//! One key of a trust domain or issuer, and what names it.

use alloc::boxed::Box;

use crate::crypto::PublicKey;
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::header::CertificateHash;
use crate::trust::authority::AuthorityIndex;

/// `x5t` and `x5t#S256` of a key, in the order of [`CertificateHash::ALL`]; only where the policy selects keys by them.
pub(crate) type CertificateNames = [Option<Box<str>>; 2];

/// The identity of one key while it stays in its set.
///
/// A key that leaves its set and comes back is another key: `serial` is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHandle {
    pub(crate) authority: AuthorityIndex,
    /// The index in [`KeySet::slots`].
    pub(crate) slot: u32,
    pub(crate) serial: u64,
}

impl KeyHandle {
    /// A number that no other key of this process ever had, for logs.
    #[must_use]
    pub const fn serial(self) -> u64 {
        self.serial
    }
}

/// One public key that may sign tokens of one authority.
#[derive(Debug)]
pub struct TrustedKey {
    pub(crate) id: KeyHandle,
    pub(crate) key_id: Option<Box<str>>,
    /// Only where the policy selects keys by it.
    pub(super) certificate: Option<Box<CertificateNames>>,
    pub(crate) public: PublicKey,
    /// The algorithms that fit the key, or the one that its `alg` names, as far as the trust entry allows them.
    pub(crate) algorithms: AlgorithmSet,
    /// RFC 7638.
    pub(crate) thumbprint: [u8; 32],
}

impl TrustedKey {
    /// The identity of the key.
    #[must_use]
    pub const fn id(&self) -> KeyHandle {
        self.id
    }

    /// Whose key it is.
    #[must_use]
    pub const fn authority(&self) -> AuthorityIndex {
        self.id.authority
    }

    /// `kid`, if it has one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// `x5t` or `x5t#S256`, if it has one and the policy selects keys by it.
    pub(super) fn certificate_name(&self, hash: CertificateHash) -> Option<&str> {
        self.certificate.as_ref()?.get(hash.index())?.as_deref()
    }

    /// The key itself.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The algorithms that it may be used with.
    #[must_use]
    pub const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// Its RFC 7638 thumbprint.
    #[must_use]
    pub const fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }
}
