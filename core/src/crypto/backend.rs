//! The libraries that check signatures, as values: a build may have several, and features only add to them.

use super::verifier::SignatureVerifier;
use super::{KeyKind, Material, PublicKey};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};

/// The interface of a library's file: the calls into it, and the algorithms they verify.
pub(super) trait Library: Sized {
    /// The name, as the feature names it.
    const NAME: &'static str;
    /// The algorithms whose signatures it checks.
    const ALGORITHMS: AlgorithmSet = AlgorithmSet::ALL;
    /// Whether its RSA keys are prepared when they are loaded, so that preparing them once more gains nothing (`benches/rsa.rs`).
    const PREPARES_RSA: bool = false;

    /// A key as the library keeps it.
    fn new(material: &Material) -> Option<Self>;

    /// Whether the signature holds. The caller has checked that the algorithm fits and that the signature has its form.
    fn verify(&self, material: &Material, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool;
}

/// One row a library: `Name in its file if feature, "meaning";`, the one that is taken by default first.
macro_rules! backends {
    ($($backend:ident in $file:ident if $feature:literal, $meaning:literal;)+) => {
        $(
            #[cfg(feature = $feature)]
            use super::$file;
        )+

        /// A library that checks signatures. All give the same answers; they differ in speed and in what building them needs.
        ///
        /// An engine takes [`Backend::DEFAULT`] unless it is made for another ([`Engine::with_backend`](crate::Engine::with_backend)). One
        /// more feature adds a value here and changes nothing that does not name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Backend {
            $(
                #[doc = $meaning]
                #[cfg(feature = $feature)]
                $backend,
            )+
        }

        impl Backend {
            /// Every backend of this build.
            pub const ALL: &'static [Self] = &[$(
                #[cfg(feature = $feature)]
                Self::$backend,
            )+];

            /// The name, as the feature names it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(
                        #[cfg(feature = $feature)]
                        Self::$backend => <$file::Key as Library>::NAME,
                    )+
                }
            }

            /// The algorithms whose signatures it checks. For any other, [`PublicKey::verify`] finds no signature valid: its keys are for
            /// another [`SignatureVerifier`] only.
            #[must_use]
            pub const fn algorithms(self) -> AlgorithmSet {
                match self {
                    $(
                        #[cfg(feature = $feature)]
                        Self::$backend => <$file::Key as Library>::ALGORITHMS,
                    )+
                }
            }

            #[must_use]
            #[cfg_attr(not(feature = "hot-keys"), allow(dead_code))]
            pub(crate) const fn prepares_rsa(self) -> bool {
                match self {
                    $(
                        #[cfg(feature = $feature)]
                        Self::$backend => <$file::Key as Library>::PREPARES_RSA,
                    )+
                }
            }
        }

        /// A key as its backend keeps it.
        pub(super) enum Key {
            $(
                #[cfg(feature = $feature)]
                $backend($file::Key),
            )+
        }

        impl Key {
            pub(super) fn new(backend: Backend, material: &Material) -> Option<Self> {
                match backend {
                    $(
                        #[cfg(feature = $feature)]
                        Backend::$backend => <$file::Key as Library>::new(material).map(Self::$backend),
                    )+
                }
            }

            pub(super) const fn backend(&self) -> Backend {
                match self {
                    $(
                        #[cfg(feature = $feature)]
                        Self::$backend(_) => Backend::$backend,
                    )+
                }
            }

            /// The caller has checked that the algorithm fits and that the signature has its form.
            pub(super) fn verify(
                &self,
                material: &Material,
                algorithm: Algorithm,
                message: &[u8],
                signature: &[u8],
            ) -> bool {
                match self {
                    $(
                        #[cfg(feature = $feature)]
                        Self::$backend(key) => key.verify(material, algorithm, message, signature),
                    )+
                }
            }
        }
    };
}

backends! {
    Ring in ring if "ring", "ring, with P-521 from the `p521` crate.";
    AwsLc in aws_lc if "aws-lc", "AWS-LC, by `aws-lc-rs`.";
    RustCrypto in rust_crypto if "rust-crypto-p256", "The crates of `RustCrypto` and `curve25519-dalek`.";
}

impl Backend {
    /// The first of [`ALL`](Self::ALL): ring wherever it is built in, which it is by default.
    pub const DEFAULT: Self = Self::ALL[0];
}

impl Default for Backend {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A library of this build checks the keys that were imported for it.
impl SignatureVerifier for Backend {
    fn takes(&self, _: KeyKind, algorithm: Algorithm) -> bool {
        self.algorithms().contains(algorithm)
    }

    fn verify(&mut self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        key.backend() == *self && key.key.verify(&key.material, algorithm, message, signature)
    }
}
