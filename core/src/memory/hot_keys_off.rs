//! Without the feature `hot-keys` every signature is checked by the library.

use crate::crypto::{PublicKey, SignatureError, Verifiers};
use crate::jose::algorithm::Algorithm;

/// Counts of precomputed tables: there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HotKeyCounts {}

/// The keys of one worker that are used often: none is known.
#[derive(Debug)]
pub(crate) struct HotKeys {
    verifiers: Verifiers,
}

impl HotKeys {
    pub(crate) fn new(_max_table_bytes: usize, _seed: [u64; 2]) -> Self {
        Self { verifiers: Verifiers::default() }
    }

    pub(crate) fn ask(&mut self, verifiers: Verifiers) {
        self.verifiers = verifiers;
    }

    pub(crate) const fn counts(&self) -> HotKeyCounts {
        HotKeyCounts {}
    }

    pub(crate) const fn build(&mut self, _additions: u32) -> bool {
        false
    }

    pub(crate) fn verify(
        &mut self,
        key: &PublicKey,
        _thumbprint: &[u8; 32],
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.verifiers.verify(key, algorithm, message, signature)
    }
}
