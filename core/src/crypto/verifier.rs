//! The verifier of signatures without a precomputed table: the library of the key, or a function of the host.

use alloc::boxed::Box;
use core::fmt;

use super::{KeyKind, PublicKey, SignatureError};
use crate::jose::algorithm::Algorithm;

/// Verifies signatures in place of the library of this build ([`Backend`](super::Backend)): a function of the host, as the proxy around a WebAssembly VM
/// has one in native code.
pub trait SignatureVerifier: Send + Sync {
    /// Whether it verifies signatures of this algorithm with such keys. Must always return the same value for the same arguments.
    fn takes(&self, kind: KeyKind, algorithm: Algorithm) -> bool;

    /// Whether the signature is valid; no other check follows. Called only for keys and algorithms that it [takes](Self::takes): the algorithm
    /// fits the key, and the signature has the form and the range that [`PublicKey::verify`] requires.
    fn verify(&mut self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool;
}

/// The verifiers of one worker: the host's if it has one that takes the signature, else the library of the key.
#[derive(Default)]
pub(crate) struct Verifiers(Option<Box<dyn SignatureVerifier>>);

impl Verifiers {
    pub(crate) const fn with_host(host: Box<dyn SignatureVerifier>) -> Self {
        Self(Some(host))
    }

    /// Whether the host checks such signatures.
    #[cfg_attr(not(feature = "hot-keys"), allow(dead_code))]
    pub(crate) fn is_host(&self, kind: impl FnOnce() -> KeyKind, algorithm: Algorithm) -> bool {
        self.0.as_ref().is_some_and(|host| host.takes(kind(), algorithm))
    }

    /// As [`PublicKey::verify`].
    pub(crate) fn verify(
        &mut self,
        key: &PublicKey,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        match &mut self.0 {
            Some(host) if host.takes(key.kind(), algorithm) => {
                key.verify_by(&mut **host, algorithm, message, signature)
            }
            _ => key.verify_by(&mut key.backend(), algorithm, message, signature),
        }
    }
}

impl fmt::Debug for Verifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verifiers").field(if self.0.is_some() { &"host" } else { &"library" }).finish()
    }
}
