//! `memory`: how much memory an engine and its workers may take.

use crate::policy::reader::{Members, Reader};

/// The sizes of what the engine remembers.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemorySizes {
    /// Of each worker's cache of verified tokens.
    pub(super) verdict_cache_bytes: usize,
    /// How many live proofs the replay store has room for.
    pub(super) replay_proofs: usize,
    /// Of each worker's tables for keys that are used often.
    pub(super) hot_key_bytes: usize,
}

const MEMBERS: &[&str] = &["verdict_cache_bytes", "replay_proofs", "hot_key_bytes"];
const DEFAULT_VERDICT_CACHE_BYTES: u64 = 8 * 1024 * 1024;
const DEFAULT_REPLAY_PROOFS: u64 = 65_536;
/// Thirty keys of 256 KiB.
const DEFAULT_HOT_KEY_BYTES: u64 = 8 * 1024 * 1024;
const MOST_BYTES: u64 = 1 << 31;
/// A proof takes 16 bytes.
const MOST_PROOFS: u64 = MOST_BYTES / 16;

impl MemorySizes {
    /// Reads the member `memory` of a document; `None` where this machine cannot address as much.
    pub(super) fn read(reader: &mut Reader, document: &Members<'_, '_>) -> Option<Self> {
        let (mut cache, mut proofs, mut tables) =
            (DEFAULT_VERDICT_CACHE_BYTES, DEFAULT_REPLAY_PROOFS, DEFAULT_HOT_KEY_BYTES);
        if let Some(value) = document.get("memory")
            && let Some(memory) = reader.members(&document.at("memory"), value, MEMBERS)
        {
            cache = reader.number(&memory, "verdict_cache_bytes", cache, (0, MOST_BYTES));
            tables = reader.number(&memory, "hot_key_bytes", tables, (0, MOST_BYTES));
            proofs = reader.number(&memory, "replay_proofs", proofs, (64, MOST_PROOFS));
        }
        Some(Self {
            verdict_cache_bytes: usize::try_from(cache).ok()?,
            replay_proofs: usize::try_from(proofs).ok()?,
            hot_key_bytes: usize::try_from(tables).ok()?,
        })
    }
}
