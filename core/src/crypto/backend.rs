//! The libraries that check signatures, as values: a build may have several, and features only add to them.

use super::Material;
#[cfg(feature = "aws-lc")]
use super::aws_lc;
#[cfg(feature = "ring")]
use super::ring;
#[cfg(feature = "rust-crypto-p256")]
use super::rust_crypto;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

/// A library that checks signatures. All give the same answers; they differ in speed and in what building them needs.
///
/// An engine takes [`Backend::DEFAULT`] unless it is made for another ([`Engine::with_backend`](crate::engine::Engine::with_backend)). One
/// more feature adds a value here and changes nothing that does not name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// ring, with P-521 from the `p521` crate.
    #[cfg(feature = "ring")]
    Ring,
    /// AWS-LC, by `aws-lc-rs`.
    #[cfg(feature = "aws-lc")]
    AwsLc,
    /// The crates of `RustCrypto` and `curve25519-dalek`.
    #[cfg(feature = "rust-crypto-p256")]
    RustCrypto,
}

impl Backend {
    /// Every backend of this build.
    pub const ALL: &'static [Self] = &[
        #[cfg(feature = "ring")]
        Self::Ring,
        #[cfg(feature = "aws-lc")]
        Self::AwsLc,
        #[cfg(feature = "rust-crypto-p256")]
        Self::RustCrypto,
    ];

    /// The first of [`ALL`](Self::ALL): ring wherever it is built in, which it is by default.
    #[cfg(feature = "ring")]
    pub const DEFAULT: Self = Self::Ring;
    /// The first of [`ALL`](Self::ALL).
    #[cfg(all(feature = "aws-lc", not(feature = "ring")))]
    pub const DEFAULT: Self = Self::AwsLc;
    /// The first of [`ALL`](Self::ALL).
    #[cfg(not(any(feature = "ring", feature = "aws-lc")))]
    pub const DEFAULT: Self = Self::RustCrypto;

    /// The name, as the feature names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "ring")]
            Self::Ring => "ring",
            #[cfg(feature = "aws-lc")]
            Self::AwsLc => "aws-lc",
            #[cfg(feature = "rust-crypto-p256")]
            Self::RustCrypto => "rust-crypto",
        }
    }

    /// The algorithms whose signatures it checks. For any other, [`PublicKey::verify`](super::PublicKey::verify) finds no signature valid:
    /// its keys are for [`HostSignatures`](super::HostSignatures) only.
    #[must_use]
    pub const fn algorithms(self) -> AlgorithmSet {
        match self {
            #[cfg(feature = "ring")]
            Self::Ring => AlgorithmSet::ALL,
            #[cfg(feature = "aws-lc")]
            Self::AwsLc => AlgorithmSet::ALL,
            #[cfg(feature = "rust-crypto-p256")]
            Self::RustCrypto => rust_crypto::ALGORITHMS,
        }
    }

    /// Whether its RSA keys are prepared when they are loaded, so that preparing them once more gains nothing (`benches/rsa.rs`).
    #[must_use]
    #[cfg_attr(not(feature = "hot-keys"), allow(dead_code))]
    pub(crate) const fn prepares_rsa(self) -> bool {
        match self {
            #[cfg(feature = "ring")]
            Self::Ring => false,
            #[cfg(feature = "aws-lc")]
            Self::AwsLc => true,
            #[cfg(feature = "rust-crypto-p256")]
            Self::RustCrypto => false,
        }
    }
}

impl Default for Backend {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A key as its backend keeps it.
pub(super) enum Key {
    #[cfg(feature = "ring")]
    Ring(ring::Key),
    #[cfg(feature = "aws-lc")]
    AwsLc(aws_lc::Key),
    #[cfg(feature = "rust-crypto-p256")]
    RustCrypto(rust_crypto::Key),
}

impl Key {
    pub(super) fn new(backend: Backend, material: &Material) -> Option<Self> {
        match backend {
            #[cfg(feature = "ring")]
            Backend::Ring => ring::Key::new(material).map(Self::Ring),
            #[cfg(feature = "aws-lc")]
            Backend::AwsLc => aws_lc::Key::new(material).map(Self::AwsLc),
            #[cfg(feature = "rust-crypto-p256")]
            Backend::RustCrypto => rust_crypto::Key::new(material).map(Self::RustCrypto),
        }
    }

    pub(super) const fn backend(&self) -> Backend {
        match self {
            #[cfg(feature = "ring")]
            Self::Ring(_) => Backend::Ring,
            #[cfg(feature = "aws-lc")]
            Self::AwsLc(_) => Backend::AwsLc,
            #[cfg(feature = "rust-crypto-p256")]
            Self::RustCrypto(_) => Backend::RustCrypto,
        }
    }

    /// The caller has checked that the algorithm fits and that the signature has its form.
    pub(super) fn verify(&self, material: &Material, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            #[cfg(feature = "ring")]
            Self::Ring(key) => key.verify(material, algorithm, message, signature),
            #[cfg(feature = "aws-lc")]
            Self::AwsLc(key) => key.verify(material, algorithm, message, signature),
            #[cfg(feature = "rust-crypto-p256")]
            Self::RustCrypto(key) => key.verify(material, algorithm, message, signature),
        }
    }
}
