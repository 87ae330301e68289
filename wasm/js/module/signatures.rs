//! Signatures that the host checks: the native library behind Node's `crypto` is faster than WebAssembly where no table answers.

use alloc::vec::Vec;

use countersign::{Algorithm, KeyKind, PublicKey, SignatureVerifier};

/// The host's function: algorithm by its place among the algorithms, key as SubjectPublicKeyInfo in DER, message, signature.
pub(crate) type Verify = fn(u32, &[u8], &[u8], &[u8]) -> bool;

/// The host's function, for the algorithms that it said it takes.
pub(crate) struct HostSignatures {
    verify: Verify,
    /// One bit for each algorithm, by its place.
    algorithms: u32,
    key: Vec<u8>,
}

impl HostSignatures {
    pub(crate) const fn new(verify: Verify, algorithms: u32) -> Self {
        Self { verify, algorithms, key: Vec::new() }
    }
}

impl SignatureVerifier for HostSignatures {
    fn takes(&self, _kind: KeyKind, algorithm: Algorithm) -> bool {
        self.algorithms & 1 << algorithm.index() != 0
    }

    fn verify(&mut self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.key.clear();
        key.spki_der(&mut self.key);
        (self.verify)(u32::from(algorithm.index()), &self.key, message, signature)
    }
}
