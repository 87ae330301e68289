//! Without the feature `hot-keys` every signature is checked by the library.

use crate::crypto::{PublicKey, Reference, SignatureError};
use crate::jose::algorithm::Algorithm;

/// What became of the tables: there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HotKeyCounts {}

/// The keys of one worker that are used often: none is known.
#[derive(Debug)]
pub(crate) struct HotKeys {
    reference: Reference,
}

impl HotKeys {
    pub(crate) fn new(_max_table_bytes: usize, _seed: [u64; 2]) -> Self {
        Self { reference: Reference::default() }
    }

    pub(crate) fn ask(&mut self, reference: Reference) {
        self.reference = reference;
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
        self.reference.verify(key, algorithm, message, signature)
    }
}
