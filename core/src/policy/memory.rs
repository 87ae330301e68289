//! `memory`: how much memory an engine and its workers may take.

use crate::limits;
use crate::policy::reader::{Members, Reader};

/// The sizes of the engine's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemorySizes {
    /// Of each worker's cache of verified tokens.
    pub(super) token_cache_bytes: usize,
    /// How many live proofs the replay store has room for.
    pub(super) replay_proofs: usize,
    /// Of each worker's tables for keys that are used often.
    pub(super) hot_key_bytes: usize,
}

const MEMBERS: &[&str] = &["token_cache_bytes", "replay_proofs", "hot_key_bytes"];

impl MemorySizes {
    /// Reads the member `memory` of a document; `None` where this machine cannot address as much.
    pub(super) fn read(reader: &mut Reader, document: &Members<'_, '_>) -> Option<Self> {
        let members = document.get("memory").and_then(|value| reader.members(&document.at("memory"), value, MEMBERS));
        let mut size = |row| usize::try_from(reader.number_of(members.as_ref(), row)).ok();
        Some(Self {
            token_cache_bytes: size(&limits::TOKEN_CACHE_BYTES)?,
            hot_key_bytes: size(&limits::HOT_KEY_BYTES)?,
            replay_proofs: size(&limits::REPLAY_PROOFS)?,
        })
    }
}
