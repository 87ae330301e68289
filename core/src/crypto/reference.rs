//! Who answers for a signature that no table answers for: the library, or a function of the host where that is faster.

use alloc::boxed::Box;
use core::fmt;

use super::{KeyKind, PublicKey, SignatureError};
use crate::jose::algorithm::Algorithm;

/// Checks signatures in place of the library: for a build whose host has native code for them, as a WebAssembly VM's proxy has.
pub trait HostSignatures: Send + Sync {
    /// Whether signatures of such keys by this algorithm are its to check. Must always answer alike.
    fn takes(&self, kind: KeyKind, algorithm: Algorithm) -> bool;

    /// Whether the signature holds; the last word, for good and for bad. Asked only for what it [takes](Self::takes): the algorithm
    /// fits the key, and the signature has the form and the range that [`PublicKey::verify`] demands.
    fn verify(&mut self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool;
}

/// The library, and the host where it was given.
#[derive(Default)]
pub(crate) struct Reference(Option<Box<dyn HostSignatures>>);

impl Reference {
    pub(crate) const fn host(host: Box<dyn HostSignatures>) -> Self {
        Self(Some(host))
    }

    /// Whether the host answers for such signatures.
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
                let holds = key.admits(algorithm, signature) && host.verify(key, algorithm, message, signature);
                if holds { Ok(()) } else { Err(SignatureError) }
            }
            _ => key.verify(algorithm, message, signature),
        }
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reference").field(if self.0.is_some() { &"host" } else { &"library" }).finish()
    }
}
