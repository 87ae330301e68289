//! Who checks a signature that no table answers for: the library of the key, or another verifier in its place.

use alloc::boxed::Box;
use core::fmt;

use super::{KeyKind, PublicKey, SignatureError};
use crate::jose::algorithm::Algorithm;

/// Checks signatures: a library of this build ([`Backend`](super::Backend)), or a function of the host in its place, as a WebAssembly VM's proxy
/// has one in native code.
pub trait SignatureVerifier: Send + Sync {
    /// Whether signatures of such keys by this algorithm are its to check. Must always answer alike.
    fn takes(&self, kind: KeyKind, algorithm: Algorithm) -> bool;

    /// Whether the signature holds; the last word, for good and for bad. Asked only for what it [takes](Self::takes): the algorithm
    /// fits the key, and the signature has the form and the range that [`PublicKey::verify`] demands.
    fn verify(&mut self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool;
}

/// The verifiers of one worker: the host's where it was given and takes the signature, else the library of the key.
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
