//! Where used proofs are remembered: in the engine, in memory of the caller that processes share, or in a store of the caller.

use std::ffi::c_void;
use std::sync::atomic::AtomicU64;

use countersign::{
    AttachError, Engine, FirstUse, OutOfMemory, PolicyDocument, Replay, ReplayError, ReplayStore, ReplayWindow,
    UnixSeconds, replay_store_words,
};
use countersign_reload::seed;

use crate::boundary::{borrow_all, checked, guarded};
use crate::result::countersign_result;

/// Where an engine remembers the proofs that were used.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_replay_place {
    /// In memory of the engine, for all of its workers. A restarted process has forgotten them.
    Own = 0,
    /// In `memory`, which no other thread or process uses yet: it is wiped. Proofs made up to now are refused from then on, so that none passes twice
    /// that a lost store had seen.
    Initialise = 1,
    /// In `memory`, which was initialised before, here or in another process.
    Attach = 2,
    /// By calling `record_use`.
    Callback = 3,
}

/// The answer of a store of the caller. 0 is none of them; every other number counts as `UNAVAILABLE`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_first_use {
    /// No request used this proof before, and none will again.
    Recorded = 1,
    /// It was used before.
    Replayed = 2,
    /// The store has forgotten the proofs of that time; a fresh proof helps.
    Unknowable = 3,
    /// There is no room.
    Full = 4,
    /// The store did not answer: refused with `replay_store_unavailable` (503).
    Unavailable = 5,
    /// The room that is left is for other keys: refused with `proof_share_exceeded` (429).
    OverShare = 6,
}

/// Where used proofs are remembered. All zero: in the engine.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct countersign_replay {
    /// One of `countersign_replay_place`.
    pub place: u32,
    /// For `INITIALISE` and `ATTACH`: aligned to 8 bytes, valid and at the same address until the engine and all its workers
    /// are freed. It may be shared with other processes, which may die at any instruction.
    ///
    /// If it is a mapped file, allocate all its blocks before (`posix_fallocate`; `ftruncate` leaves holes): a hole that a full disk
    /// cannot fill ends the process by SIGBUS. A file that was used before a restart of the machine may lack the newest proofs:
    /// call `countersign_replay_refuse_until` after such a restart. Replace a file that processes use by a new one of
    /// that name (`rename`), never initialise it in place.
    pub memory: *mut c_void,
    /// Its length, from `countersign_replay_required_bytes`. Rounded down to whole words.
    pub memory_bytes: usize,
    /// For `CALLBACK`: claims `proof` (32 bytes, valid for the call) in one atomic step and answers with a
    /// `countersign_first_use`. The first 16 bytes name the client's key: bound how many proofs one key may have. Remember it for the window of the policies, counted from `issued_at`. A policy with `consume: observe` does not call it. Called by every worker's
    /// thread; it must not unwind.
    pub record_use: Option<
        unsafe extern "C" fn(context: *mut c_void, proof: *const u8, issued_at_seconds: u64, now_seconds: u64) -> u32,
    >,
    /// Handed to `record_use` as it is; must be usable by all threads until the engine and its workers are freed.
    pub context: *mut c_void,
}

/// How many bytes `memory` needs to remember so many shared proofs: 16 a proof and a little more.
///
/// A proof is shared for its window, so plan for the rate of requests times the window in seconds. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn countersign_replay_required_bytes(live_proofs: usize) -> usize {
    guarded(usize::MAX, || replay_store_words(live_proofs).saturating_mul(size_of::<u64>()))
}

/// Refuses the proofs made up to `now_seconds` in a store that was initialised before, in every process that uses it.
///
/// For a host that initialises a store and begins to use it later, and for one that joins a store which may have missed proofs: a
/// restart of the machine lost data that was not written to its file, or another store was used meanwhile. True proofs of the seconds
/// before `now_seconds` are refused too, and have to be made again.
///
/// Returns `OK`; `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`; `REPLAY_TOO_SMALL`, `REPLAY_NOT_INITIALISED`,
/// `REPLAY_OTHER_VERSION`, `REPLAY_OTHER_SIZE`. Thread-safe.
///
/// # Safety
/// `memory` is valid for `memory_bytes` bytes for the call, and written to only by replay stores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_replay_refuse_until(
    memory: *mut c_void,
    memory_bytes: usize,
    now_seconds: u64,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let words = SharedWords(unsafe { shared_words(memory, memory_bytes) }?);
        // Every store covers a window of nothing, and keeps its own.
        let any = ReplayWindow { max_age_seconds: 0, future_seconds: 0 };
        ReplayStore::attach(words, any).map_err(attach_result)?.refuse_until(UnixSeconds::new(now_seconds));
        Ok(())
    })
}

/// How full a replay store is and what it refuses, for metrics. Of a store of more than 4 MiB the numbers are estimates.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct countersign_replay_state {
    /// How many proofs it can hold at once; plan for half of it.
    pub slots: u64,
    /// How many used proofs could still be replayed, and so take room.
    pub live_proofs: u64,
    /// In how many of a thousand buckets a proof dated now is refused with `proof_history_unknown`: the store is new, or the clock was
    /// wrong for a while. 0 in good order.
    pub refusing_permille: u64,
    /// Until when such a proof is refused in some bucket, in seconds since 1970; now in good order.
    pub refusing_until_seconds: u64,
}

/// The caller's memory as words.
///
/// # Safety
/// Unless it is NULL or misaligned, `memory` is valid for `bytes` bytes while `'a` lasts, and written to only by replay stores.
unsafe fn shared_words<'a>(memory: *mut c_void, bytes: usize) -> Result<&'a [AtomicU64], countersign_result> {
    let count = bytes / size_of::<AtomicU64>();
    if count == 0 {
        return Err(countersign_result::ReplayTooSmall);
    }
    // SAFETY: the caller's promise; atomics may be written to by all.
    unsafe { borrow_all(memory.cast::<AtomicU64>().cast_const(), count) }
}

/// The caller's words, by the address that was promised to stay.
struct SharedWords<'a>(&'a [AtomicU64]);

impl AsRef<[AtomicU64]> for SharedWords<'_> {
    fn as_ref(&self) -> &[AtomicU64] {
        self.0
    }
}

impl countersign_replay {
    /// An engine for `document` with this store. `now_seconds` is when a new store began to be empty.
    ///
    /// # Safety
    /// What the members of `countersign_replay` promise.
    pub(crate) unsafe fn engine(
        &self,
        document: PolicyDocument,
        now: UnixSeconds,
    ) -> Result<Engine, countersign_result> {
        let window = Engine::replay_window(&document);
        let place = |wanted: countersign_replay_place| self.place == wanted as u32;
        if place(countersign_replay_place::Own) {
            return Engine::try_new(document, random_seed()?).map_err(|OutOfMemory| countersign_result::OutOfMemory);
        }
        if place(countersign_replay_place::Callback) {
            let record_use = self.record_use.ok_or(countersign_result::NullParameter)?;
            return Ok(Engine::with_replay(document, Box::new(CallerStore { record_use, context: self.context })));
        }
        let initialise = place(countersign_replay_place::Initialise);
        if !initialise && !place(countersign_replay_place::Attach) {
            return Err(countersign_result::InvalidValue);
        }
        // SAFETY: the caller promises the memory until the engine is gone.
        let words = SharedWords(unsafe { shared_words(self.memory, self.memory_bytes) }?);
        let store = if initialise {
            let store = ReplayStore::initialise(words, window, random_seed()?);
            store.inspect(|store| store.refuse_until(now))
        } else {
            ReplayStore::attach(words, window)
        };
        Ok(Engine::with_replay(document, Box::new(store.map_err(attach_result)?)))
    }
}

fn attach_result(fault: AttachError) -> countersign_result {
    match fault {
        AttachError::TooSmall => countersign_result::ReplayTooSmall,
        AttachError::NotInitialised => countersign_result::ReplayNotInitialised,
        AttachError::OtherVersion => countersign_result::ReplayOtherVersion,
        AttachError::OtherSize => countersign_result::ReplayOtherSize,
        AttachError::WindowTooNarrow => countersign_result::ReplayWindowTooNarrow,
    }
}

fn random_seed() -> Result<[u64; 2], countersign_result> {
    seed().map_err(|_| countersign_result::NoRandomness)
}

/// A store of the caller.
struct CallerStore {
    record_use: unsafe extern "C" fn(*mut c_void, *const u8, u64, u64) -> u32,
    context: *mut c_void,
}

// SAFETY: the caller promises that function and context may be used by all threads.
unsafe impl Send for CallerStore {}
// SAFETY: as above.
unsafe impl Sync for CallerStore {}

impl Replay for CallerStore {
    fn record_use(&self, proof: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> Result<FirstUse, ReplayError> {
        debug_assert_eq!(proof.len(), 32);
        // SAFETY: the caller gave a function of this type, and `proof` is 32 bytes for the time of the call.
        let answer = unsafe { (self.record_use)(self.context, proof.as_ptr(), issued_at.as_u64(), now.as_u64()) };
        match answer {
            _ if answer == countersign_first_use::Recorded as u32 => Ok(FirstUse::Recorded),
            _ if answer == countersign_first_use::Replayed as u32 => Ok(FirstUse::Replayed),
            _ if answer == countersign_first_use::Unknowable as u32 => Ok(FirstUse::Unknowable),
            _ if answer == countersign_first_use::Full as u32 => Ok(FirstUse::Full),
            _ if answer == countersign_first_use::OverShare as u32 => Ok(FirstUse::OverShare),
            _ => Err(ReplayError),
        }
    }
}
