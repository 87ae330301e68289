//! The words before the buckets: how a store is initialised, and how another thread or process joins it. Plain numbers and one trait,
//! so that model checkers run this very file.
//!
//! The word that makes the header valid is cleared first and written last, each write a release. A process that reads it valid, with
//! acquire, then reads the header and the empty slots that were written before it. A process that dies in between leaves memory that
//! no process can attach to.

use core::fmt;

use super::protocol::{EMPTY, ReplayWindow};

/// A word that one process writes and others wait for.
pub(super) trait HeaderWord {
    /// Writes the word; a reader of it by `read_published` sees all writes before it too.
    fn publish(&self, value: u64);
    /// Reads the word, and makes all writes before it visible.
    fn read_published(&self) -> u64;
}

/// Makes an empty store of the words.
pub(super) fn initialise<W: HeaderWord>(words: &[W], window: ReplayWindow, seed: [u64; 2]) {
    for word in words {
        word.publish(EMPTY);
    }
    write(words, window, seed);
}

/// Writes the header before slots that are empty, the word that makes it valid last.
pub(super) fn write<W: HeaderWord>(words: &[W], window: ReplayWindow, [s0, s1]: [u64; 2]) {
    let window = u64::from(window.max_age_seconds) << 32 | u64::from(window.future_seconds);
    for (at, value) in [
        (LENGTH_AT, words.len() as u64),
        (WINDOW_AT, window),
        (SEED_AT, s0),
        (SEED_AT + 1, s1),
        (FLOOR_AT, 0),
        (MAGIC_AT, MAGIC),
    ] {
        if let Some(word) = words.get(at) {
            word.publish(value);
        }
    }
}

/// The window and the seed of a store that was initialised before; its window must cover `needed`.
pub(super) fn read<W: HeaderWord>(words: &[W], needed: ReplayWindow) -> Result<(ReplayWindow, [u64; 2]), AttachError> {
    let read = |at: usize| words.get(at).map_or(0, W::read_published);
    match read(MAGIC_AT) {
        MAGIC => {}
        other if other >> 16 == MAGIC >> 16 => return Err(AttachError::OtherVersion),
        _ => return Err(AttachError::NotInitialised),
    }
    if read(LENGTH_AT) != words.len() as u64 {
        return Err(AttachError::OtherSize);
    }
    let window = read(WINDOW_AT);
    let window = ReplayWindow { max_age_seconds: (window >> 32) as u32, future_seconds: window as u32 };
    if !window.covers(needed) {
        return Err(AttachError::WindowTooNarrow);
    }
    Ok((window, [read(SEED_AT), read(SEED_AT + 1)]))
}

/// Why memory cannot serve as a replay store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttachError {
    /// Fewer words than [`replay_store_words`](super::replay_store_words) asks for one proof.
    TooSmall,
    /// It was not initialised, or not to the end.
    NotInitialised,
    /// It was initialised by a version with another layout.
    OtherVersion,
    /// It was initialised with another number of words.
    OtherSize,
    /// A policy accepts proofs for longer than the store remembers them.
    WindowTooNarrow,
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooSmall => "the memory is too small for a replay store",
            Self::NotInitialised => "the memory holds no replay store",
            Self::OtherVersion => "the replay store has the layout of another version",
            Self::OtherSize => "the replay store was initialised with another size",
            Self::WindowTooNarrow => "the replay store forgets proofs while a policy still accepts them",
        })
    }
}

impl core::error::Error for AttachError {}

/// One cache line before the buckets.
pub(super) const HEADER_WORDS: usize = 8;
pub(super) const MAGIC_AT: usize = 0;
pub(super) const LENGTH_AT: usize = 1;
/// `max_age_seconds` in the high half, `future_seconds` in the low one.
pub(super) const WINDOW_AT: usize = 2;
pub(super) const SEED_AT: usize = 3;
/// Proofs with an `iat` before it are refused in all buckets. Alone among the words of the header it changes.
pub(super) const FLOOR_AT: usize = 5;

/// `csrply` and the version of the layout.
pub(super) const MAGIC: u64 = 0x6373_7270_6c79_0002;
