//! The worker: the caches of one thread.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use countersign::engine::Decision;
use countersign_live::{LiveWorker, seed};

use crate::boundary::{Output, borrow, checked, guarded};
use crate::decision::countersign_decision;
use crate::engine::countersign_engine;
use crate::request::countersign_request;
use crate::result::countersign_result;

/// The caches of one thread. It may move to another thread, but no two may be in a call with it at once.
pub struct countersign_worker {
    engine: Arc<countersign_engine>,
    state: AtomicU8,
    /// Owned; a pointer, because the decision borrows from it.
    worker: NonNull<LiveWorker>,
    /// Borrows from `engine` and `worker`.
    decision: UnsafeCell<countersign_decision>,
}

const IDLE: u8 = 0;
const DECIDING: u8 = 1;
/// A fault was caught inside: what it left behind is not used again.
const BROKEN: u8 = 2;

/// What a worker's memory holds, for metrics.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct countersign_worker_counts {
    /// Verified tokens in the cache.
    pub cached_tokens: u64,
    /// Keys whose signatures are checked by a table or a prepared key.
    pub promoted_keys: u64,
    /// Signatures that were checked so.
    pub table_checks: u64,
    /// Prepared keys that made room for keys that are used more.
    pub evicted_keys: u64,
    /// Prepared keys that disagreed with the library; must stay 0.
    pub banned_keys: u64,
    /// The memory of all prepared keys, in bytes.
    pub table_bytes: u64,
}

/// Makes a worker. All memory that its decisions need is allocated here, but for the texts of challenges.
///
/// Returns `OK` and writes the worker, to be freed by `countersign_worker_free`; `NULL_PARAMETER`, `MISALIGNED`,
/// `NO_RANDOMNESS`. Thread-safe.
///
/// # Safety
/// `engine` is an engine, `worker_out` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_worker_new(
    engine: *const countersign_engine,
    worker_out: *mut *mut countersign_worker,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (known, output) = unsafe { (borrow(engine)?, Output::at(worker_out)?) };
        let seed = seed().map_err(|_| countersign_result::NoRandomness)?;
        let worker = NonNull::from(Box::leak(Box::new(LiveWorker::new(&known.live, seed))));
        // SAFETY: `engine` came from `Arc::into_raw` and is not freed during the call; the worker holds a share of its own.
        let engine = unsafe {
            Arc::increment_strong_count(engine);
            Arc::from_raw(engine)
        };
        let decision = UnsafeCell::new(countersign_decision::default());
        let worker = countersign_worker { engine, state: AtomicU8::new(IDLE), worker, decision };
        output.write(Box::into_raw(Box::new(worker)));
        Ok(())
    })
}

/// Frees a worker and its decision. NULL is nothing to do.
///
/// # Safety
/// `worker` came from `countersign_worker_new`, was not freed before, and no thread is in a call with it or its decision.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_worker_free(worker: *mut countersign_worker) {
    guarded((), || {
        if !worker.is_null() {
            debug_assert!(worker.is_aligned());
            // SAFETY: by the caller's promise this is the pointer of `Box::into_raw`, given back once.
            drop(unsafe { Box::from_raw(worker) });
        }
    });
}

impl Drop for countersign_worker {
    fn drop(&mut self) {
        self.decision.get_mut().forget();
        debug_assert!(self.worker.is_aligned());
        // SAFETY: leaked in `countersign_worker_new`, freed here only; the decision that borrowed from it is gone.
        drop(unsafe { Box::from_raw(self.worker.as_ptr()) });
    }
}

/// Judges a request by a policy of `countersign_engine_policy`.
///
/// The decision is valid until the next call with this worker, and must be read by the same thread. A request that cannot
/// be judged is a failed call without a decision: refuse it with status 500.
///
/// Returns `OK` and writes the decision, for accepted and for refused requests; `POLICY_UNKNOWN`, `NULL_PARAMETER`,
/// `MISALIGNED`, `WRONG_SIZE`, `INVALID_LENGTH`, `INVALID_VALUE`, `WORKER_BUSY`, `PANIC`. Takes no lock and allocates
/// nothing, but for the first call after a change of keys or revocations, which takes over the new snapshot.
///
/// # Safety
/// `worker` is a worker that no other thread uses; `request` and all that it points to is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_worker_decide(
    worker: *mut countersign_worker,
    policy: u32,
    request: *const countersign_request,
    decision_out: *mut *const countersign_decision,
) -> countersign_result {
    // SAFETY: the caller's promise.
    let Ok(this) = (unsafe { borrow(worker.cast_const()) }) else {
        return if worker.is_null() { countersign_result::NullParameter } else { countersign_result::Misaligned };
    };
    // No exchange: two threads at once break the promise above, and this tells most of them; a store's callback that calls
    // back, it always tells.
    match this.state.load(Ordering::Relaxed) {
        IDLE => this.state.store(DECIDING, Ordering::Relaxed),
        BROKEN => return countersign_result::Panic,
        _ => return countersign_result::WorkerBusy,
    }
    let result = checked(|| {
        // SAFETY: the caller's promise.
        let (output, asked) = unsafe { (Output::at(decision_out)?, borrow(request)?) };
        // SAFETY: the caller's promise.
        let asked = unsafe { asked.read() }?;
        let place = usize::try_from(policy).map_err(|_| countersign_result::PolicyUnknown)?;
        let policy = *this.engine.policies.get(place).ok_or(countersign_result::PolicyUnknown)?;
        debug_assert_eq!(this.state.load(Ordering::Relaxed), DECIDING);
        // SAFETY: `DECIDING` was entered from `IDLE` by the one thread that may use this worker.
        let slot = unsafe { &mut *this.decision.get() };
        slot.forget();
        // SAFETY: as above, and nothing borrows from the worker now that the last decision is forgotten.
        let live_worker = unsafe { &mut *this.worker.as_ptr() };
        let decision = live_worker.decide(&this.engine.live, policy, &asked);
        // SAFETY: it borrows from `this.engine` and `this.worker`, which stay where they are until the worker is freed, and
        // which nobody writes to before this slot is forgotten. It keeps nothing of the request.
        slot.keep(unsafe { std::mem::transmute::<Decision<'_>, Decision<'static>>(decision) });
        output.write(this.decision.get().cast_const());
        Ok(())
    });
    this.state.store(if result == countersign_result::Panic { BROKEN } else { IDLE }, Ordering::Relaxed);
    result
}

/// Goes on preparing keys that are used often, for about so many point additions (some 0.3 µs each), in a moment when no
/// request waits. Without it, requests do it in small steps. Returns whether anything is left to do. Ends the decision.
///
/// # Safety
/// `worker` is NULL or a worker that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_worker_build_tables(worker: *mut countersign_worker, additions: u32) -> bool {
    guarded(false, || {
        // SAFETY: the caller's promise.
        let Ok(this) = (unsafe { borrow(worker.cast_const()) }) else { return false };
        if this.state.load(Ordering::Relaxed) != IDLE {
            return false;
        }
        debug_assert_eq!(this.state.load(Ordering::Relaxed), IDLE);
        // SAFETY: nobody is deciding, and no other thread uses this worker.
        unsafe {
            (*this.decision.get()).forget();
            (*this.worker.as_ptr()).build_tables(additions)
        }
    })
}

/// What the worker's memory holds.
///
/// Returns `OK`, `NULL_PARAMETER`, `MISALIGNED`, `WORKER_BUSY`.
///
/// # Safety
/// `worker` is a worker that no other thread uses, `counts_out` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_worker_count(
    worker: *const countersign_worker,
    counts_out: *mut countersign_worker_counts,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (this, output) = unsafe { (borrow(worker)?, Output::at(counts_out)?) };
        if this.state.load(Ordering::Relaxed) == DECIDING {
            return Err(countersign_result::WorkerBusy);
        }
        debug_assert_ne!(this.state.load(Ordering::Relaxed), DECIDING);
        // SAFETY: nobody writes to it, because nobody is deciding.
        let worker = unsafe { this.worker.as_ref() }.worker();
        let hot = worker.hot_keys();
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        output.write(countersign_worker_counts {
            cached_tokens: number(worker.cached_tokens()),
            promoted_keys: number(hot.promoted),
            table_checks: hot.table_checks,
            evicted_keys: hot.evicted,
            banned_keys: hot.banned,
            table_bytes: number(hot.table_bytes),
        });
        Ok(())
    })
}
