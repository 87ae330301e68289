//! The worker: the caches of one thread.

use std::alloc::{Layout, alloc_zeroed};
use std::cell::UnsafeCell;
use std::ptr::{NonNull, null, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use countersign::{Answer, Decision, OutOfMemory, PolicyIndex, Request, Step};
use countersign_reload::{SharedEngine, SharedWorker, seed};

use crate::boundary::{Output, borrow, checked, guarded};
use crate::bytes::countersign_bytes;
use crate::decision::countersign_decision;
use crate::engine::countersign_engine;
use crate::pending::{countersign_body, countersign_pending, countersign_use_once};
use crate::request::countersign_request;
use crate::result::countersign_result;

/// The caches of one thread. It may move to another thread, but no two may be in a call with it at once.
pub struct countersign_worker {
    engine: Arc<countersign_engine>,
    state: AtomicU8,
    /// Owned; a pointer, because the decision borrows from it.
    worker: NonNull<SharedWorker>,
    /// Borrows from `engine` and `worker`.
    decision: UnsafeCell<countersign_decision>,
}

const IDLE: u8 = 0;
const DECIDING: u8 = 1;
/// A fault was caught inside: the state it left is not used again.
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

/// Makes a worker. All memory that its decisions need is allocated here, but for the texts of challenges, tables of keys that are used often
/// (`hot_key_bytes` in all), and what waits.
///
/// Returns `OK` and writes the worker, to be freed by `countersign_worker_free`; `OUT_OF_MEMORY` where the process cannot have
/// `token_cache_bytes`; `NULL_PARAMETER`, `MISALIGNED`, `NO_RANDOMNESS`. Thread-safe.
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
        let worker = SharedWorker::try_new(&known.shared, seed, &mut zeroed);
        let worker = worker.map_err(|OutOfMemory| countersign_result::OutOfMemory)?;
        let worker = NonNull::from(Box::leak(Box::new(worker)));
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

/// As many zero bytes, if there is memory for them. Pages that the system gives take no memory until they are written to.
fn zeroed(count: usize) -> Option<Box<[u8]>> {
    let layout = Layout::array::<u8>(count).ok()?;
    if layout.size() == 0 {
        return Some(Box::default());
    }
    debug_assert_ne!(layout.size(), 0);
    // SAFETY: the layout is not empty.
    let first = NonNull::new(unsafe { alloc_zeroed(layout) })?;
    // SAFETY: allocated for as many bytes by the allocator and with the layout of a boxed slice, and all of them are zero.
    Some(unsafe { Box::from_raw(NonNull::slice_from_raw_parts(first, count).as_ptr()) })
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

/// Runs `work` in a worker, unless a call with it is running or left it broken.
///
/// # Safety
/// Unless it is NULL or misaligned, `worker` is a worker that no other thread uses.
unsafe fn enter(
    worker: *mut countersign_worker,
    work: impl FnOnce(&countersign_worker) -> Result<(), countersign_result>,
) -> countersign_result {
    // SAFETY: the caller's promise.
    let this = match unsafe { borrow(worker.cast_const()) } {
        Ok(this) => this,
        Err(fault) => return fault,
    };
    // No exchange: two threads at once break the promise above, and this detects most of them; a store's callback that calls
    // back is always detected.
    match this.state.load(Ordering::Relaxed) {
        IDLE => this.state.store(DECIDING, Ordering::Relaxed),
        BROKEN => return countersign_result::Panic,
        _ => return countersign_result::WorkerBusy,
    }
    let result = checked(|| work(this));
    this.state.store(if result == countersign_result::Panic { BROKEN } else { IDLE }, Ordering::Relaxed);
    result
}

impl countersign_worker {
    /// Ends the last decision, and gives the place of the next one, the caches and the engine.
    ///
    /// # Safety
    /// In the `work` of [`enter`], and once in it.
    #[allow(clippy::mut_from_ref)] // the state is the lock
    unsafe fn parts(&self) -> (&mut countersign_decision, &mut SharedWorker, &SharedEngine) {
        debug_assert_eq!(self.state.load(Ordering::Relaxed), DECIDING);
        // SAFETY: `DECIDING` was entered from `IDLE` by the one thread that may use this worker.
        let slot = unsafe { &mut *self.decision.get() };
        slot.forget();
        // SAFETY: as above, and nothing borrows from the worker now that the last decision is forgotten.
        let worker = unsafe { &mut *self.worker.as_ptr() };
        (slot, worker, &self.engine.shared)
    }

    fn policy(&self, number: u32) -> Result<PolicyIndex, countersign_result> {
        let place = usize::try_from(number).map_err(|_| countersign_result::PolicyUnknown)?;
        self.engine.policies.get(place).copied().ok_or(countersign_result::PolicyUnknown)
    }
}

/// Keeps a decision where its getters find it.
///
/// # Safety
/// `slot` is of the worker whose parts `decision` borrows from.
unsafe fn keep(slot: &mut countersign_decision, decision: Decision<'_>) {
    // SAFETY: it borrows from the engine and the caches of one worker, which stay where they are until the worker is freed, and which no
    // call writes to before this slot is forgotten. It keeps nothing of the request.
    slot.keep(unsafe { std::mem::transmute::<Decision<'_>, Decision<'static>>(decision) });
}

/// Judges a request by a policy of `countersign_engine_policy`, for hosts that answer no question: a policy that needs to know more than the
/// request, see `countersign_worker_begin`, refuses with `decision_abandoned` or `introspection_unavailable`.
///
/// The decision is valid until the next call with this worker, and must be read by the same thread. A request that cannot
/// be judged is a failed call without a decision: refuse it with status 500.
///
/// Returns `OK` and writes the decision, for accepted and for refused requests; `POLICY_UNKNOWN`, `NULL_PARAMETER`,
/// `MISALIGNED`, `WRONG_SIZE`, `INVALID_LENGTH`, `INVALID_VALUE`, `WORKER_BUSY`, `PANIC`. Takes no lock and allocates
/// nothing, but for the first call after a change of keys or revocations, which takes over the new trust state.
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
    let work = |this: &countersign_worker| {
        // SAFETY: the caller's promise.
        let (output, asked) = unsafe { (Output::at(decision_out)?, borrow(request)?) };
        let judge = |policy, asked: &Request<'_>| {
            // SAFETY: in the work of `enter`, once.
            let (slot, worker, engine) = unsafe { this.parts() };
            // SAFETY: both are of this worker.
            unsafe { keep(slot, worker.decide(engine, policy, asked)) };
        };
        // SAFETY: the caller's promise.
        unsafe { asked.with(|asked| this.policy(policy).map(|policy| judge(policy, asked))) }??;
        output.write(this.decision.get().cast_const());
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { enter(worker, work) }
}

/// Makes a step, after which the decision is made or waits: `judge` has what `given` found in the worker or was given by the caller.
///
/// # Safety
/// `worker` is a worker that no other thread uses; `request` and all that it points to, and the outputs, are valid for the call.
unsafe fn step<G>(
    worker: *mut countersign_worker,
    given: impl FnOnce(&countersign_worker) -> Result<G, countersign_result>,
    request: *const countersign_request,
    decision_out: *mut *const countersign_decision,
    pending_out: *mut *mut countersign_pending,
    judge: impl for<'d> FnOnce(&'d mut SharedWorker, &'d SharedEngine, &Request<'_>, G) -> Step<'d>,
) -> countersign_result {
    let work = |this: &countersign_worker| {
        let given = given(this)?;
        // SAFETY: the caller's promise.
        let (decision, pending) = unsafe { (Output::at(decision_out)?, Output::at(pending_out)?) };
        // SAFETY: the caller's promise.
        let asked = unsafe { borrow(request) }?;
        let judge = |asked: &Request<'_>| {
            // SAFETY: in the work of `enter`, once.
            let (slot, worker, engine) = unsafe { this.parts() };
            match judge(worker, engine, asked, given) {
                Step::Decided(made) => {
                    // SAFETY: both are of this worker.
                    unsafe { keep(slot, made) };
                    (this.decision.get().cast_const(), null_mut())
                }
                Step::Waits(waits) => (null(), countersign_pending::into_raw(&this.engine, waits)),
            }
        };
        // SAFETY: the caller's promise.
        let (made, waits) = unsafe { asked.with(judge) }?;
        decision.write(made);
        pending.write(waits);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { enter(worker, work) }
}

/// Continues a decision that waited for `answer`. In every case `pending` is freed.
///
/// # Safety
/// As [`step`]; `pending` was not given away before, and no thread is in a call with it.
unsafe fn resume(
    worker: *mut countersign_worker,
    pending: *mut countersign_pending,
    request: *const countersign_request,
    answer: Result<Answer<'_>, countersign_result>,
    decision_out: *mut *const countersign_decision,
    pending_out: *mut *mut countersign_pending,
) -> countersign_result {
    // SAFETY: the caller's promise.
    let pending = unsafe { countersign_pending::take(pending) };
    let given = |_: &countersign_worker| Ok((pending?, answer?));
    // SAFETY: the caller's promise.
    unsafe {
        step(worker, given, request, decision_out, pending_out, |worker, engine, asked, (pending, answer)| {
            worker.resume(engine, pending, asked, answer)
        })
    }
}

/// Judges a request as `countersign_worker_decide` does, for hosts that can find out what a policy needs to know beside it: what the issuer of
/// an opaque token answers, the body, whether a proof was used on another machine. The engine does no I/O: the decision waits for the host.
///
/// Writes exactly one of the outputs, and NULL to the other. The decision is as that of `countersign_worker_decide`. A waiting decision is
/// asked for its question, and given to a `countersign_worker_resume_…` with the answer, or to `countersign_pending_free`; it may wait again,
/// for another answer. Until it is made, the request is not accepted.
///
/// Returns `OK`, for accepted, refused and waiting requests; otherwise as `countersign_worker_decide`. Allocates what waits.
///
/// # Safety
/// As `countersign_worker_decide`; both outputs are valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_worker_begin(
    worker: *mut countersign_worker,
    policy: u32,
    request: *const countersign_request,
    decision_out: *mut *const countersign_decision,
    pending_out: *mut *mut countersign_pending,
) -> countersign_result {
    let given = |this: &countersign_worker| this.policy(policy);
    // SAFETY: the caller's promise.
    unsafe {
        step(worker, given, request, decision_out, pending_out, |worker, engine, asked, policy| {
            worker.begin(engine, policy, asked)
        })
    }
}

/// Goes on with a decision that waited for a shared store; `answer` is a `countersign_use_once`.
///
/// These hold for all `countersign_worker_resume_…`. `worker` may be any worker of the engine that began the decision; with one of another
/// engine the decision is a refusal with `internal_error`, and so it is where the decision waits for another answer. `request` is the same
/// request as at the beginning, never another one: what was verified then is not verified again; `now_seconds` goes on. The token is judged
/// once more by the keys and revocations of now.
///
/// Returns `OK` and writes exactly one of the outputs and NULL to the other, as `countersign_worker_begin`; `NULL_PARAMETER`, `MISALIGNED`,
/// `WRONG_SIZE`, `INVALID_LENGTH`, `INVALID_VALUE`, `WORKER_BUSY`, `PANIC`: refuse the request with status 500. Whatever it returns,
/// `pending` is gone; after a failed call it counts as `decision_abandoned`.
///
/// # Safety
/// As `countersign_worker_begin`; `pending` was not given away before, and no thread is in a call with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_worker_resume_use_once(
    worker: *mut countersign_worker,
    pending: *mut countersign_pending,
    request: *const countersign_request,
    answer: u32,
    decision_out: *mut *const countersign_decision,
    pending_out: *mut *mut countersign_pending,
) -> countersign_result {
    let answer = countersign_use_once::read(answer).map(Answer::UseOnce);
    // SAFETY: the caller's promise.
    unsafe { resume(worker, pending, request, answer, decision_out, pending_out) }
}

/// Goes on with a decision that waited for the issuer of its token: `answer` is the body of its response with status 200, as received over
/// TLS. It must be about the token of `request`: the engine cannot see whether it is.
///
/// Otherwise as `countersign_worker_resume_use_once`.
///
/// # Safety
/// As `countersign_worker_resume_use_once`; `answer` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_worker_resume_introspected(
    worker: *mut countersign_worker,
    pending: *mut countersign_pending,
    request: *const countersign_request,
    answer: countersign_bytes,
    decision_out: *mut *const countersign_decision,
    pending_out: *mut *mut countersign_pending,
) -> countersign_result {
    // SAFETY: the caller's promise.
    let answer = unsafe { answer.read() }.map(Answer::Introspected);
    // SAFETY: the caller's promise.
    unsafe { resume(worker, pending, request, answer, decision_out, pending_out) }
}

/// Goes on with a decision that waited for the issuer of its token, where there was no response in time, one with another status than 200,
/// or one that is too long: the request is refused with `introspection_unavailable`.
///
/// Otherwise as `countersign_worker_resume_use_once`.
///
/// # Safety
/// As `countersign_worker_resume_use_once`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_worker_resume_introspection_failed(
    worker: *mut countersign_worker,
    pending: *mut countersign_pending,
    request: *const countersign_request,
    decision_out: *mut *const countersign_decision,
    pending_out: *mut *mut countersign_pending,
) -> countersign_result {
    // SAFETY: the caller's promise.
    unsafe { resume(worker, pending, request, Ok(Answer::IntrospectionFailed), decision_out, pending_out) }
}

/// Goes on with a decision that waited for the body of its request: `body` took all of it by `countersign_body_feed`, the very bytes that the
/// receiver of the request will read; a request without a body has one of no bytes.
///
/// Otherwise as `countersign_worker_resume_use_once`: whatever it returns, `body` is gone too. A body of which a chunk could not be taken
/// gives the result of that chunk.
///
/// # Safety
/// As `countersign_worker_resume_use_once`, for `body` too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_worker_resume_body(
    worker: *mut countersign_worker,
    pending: *mut countersign_pending,
    request: *const countersign_request,
    body: *mut countersign_body,
    decision_out: *mut *const countersign_decision,
    pending_out: *mut *mut countersign_pending,
) -> countersign_result {
    // SAFETY: the caller's promise.
    let answer = unsafe { countersign_body::take(body) }.map(Answer::Body);
    // SAFETY: the caller's promise.
    unsafe { resume(worker, pending, request, answer, decision_out, pending_out) }
}

/// Gives up a decision that waits, for a host that has no answer: a refusal with `decision_abandoned`, which has challenge and audit record as
/// any other. A pending decision that is freed instead is counted alike, and leaves no record.
///
/// Returns `OK` and writes the decision, which is valid as that of `countersign_worker_decide`; `NULL_PARAMETER`, `MISALIGNED`, `WORKER_BUSY`,
/// `PANIC`. In every case `pending` is freed.
///
/// # Safety
/// `worker` is a worker that no other thread uses; `pending` was not given away before, and no thread is in a call with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_worker_abandon(
    worker: *mut countersign_worker,
    pending: *mut countersign_pending,
    decision_out: *mut *const countersign_decision,
) -> countersign_result {
    // SAFETY: the caller's promise.
    let pending = unsafe { countersign_pending::take(pending) };
    let work = |this: &countersign_worker| {
        // SAFETY: the caller's promise.
        let output = unsafe { Output::at(decision_out) }?;
        let pending = pending?;
        // SAFETY: in the work of `enter`, once.
        let (slot, worker, engine) = unsafe { this.parts() };
        // SAFETY: both are of this worker.
        unsafe { keep(slot, worker.abandon(engine, pending)) };
        output.write(this.decision.get().cast_const());
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { enter(worker, work) }
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
        // SAFETY: no decision is in progress, and no other thread uses this worker.
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
        // SAFETY: no thread writes to it, because no decision is in progress.
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
