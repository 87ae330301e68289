//! A decision that waits for an answer, and the body of a request as its host reads it.

use std::sync::Arc;

use countersign::{BodyReader, Pending, Question, UseOnce};

use crate::boundary::{Output, borrow, check, checked, guarded, take};
use crate::bytes::countersign_bytes;
use crate::engine::countersign_engine;
use crate::question::countersign_question;
use crate::result::countersign_result;
use crate::text::countersign_str;

/// A decision that waits for the answer to a question. It keeps its engine alive: the worker that began it decides other requests
/// meanwhile, and may be freed. One thread at a time may use it.
///
/// Each is given once to a `countersign_worker_resume_…` or to `countersign_pending_free`, and is gone then.
pub struct countersign_pending {
    engine: Arc<countersign_engine>,
    waits: Pending,
}

/// The body of a request, for a decision that waits for it. Holds at most `countersign_pending_body_limit` bytes of it, and none where the
/// policy asks only for its digest. One thread at a time may use it.
pub struct countersign_body {
    /// The reader, or why a chunk could not be taken: a body with a part left out must not be validated.
    reader: Result<BodyReader, countersign_result>,
}

/// What a shared store answered about a proof.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_use_once {
    /// It did not know the proof, and does now: both in one atomic step.
    First = 1,
    /// It knew the proof.
    Used = 2,
    /// It did not answer in time, or not as it should.
    Unavailable = 3,
}

impl countersign_use_once {
    pub(crate) fn read(number: u32) -> Result<UseOnce, countersign_result> {
        match number {
            _ if number == Self::First as u32 => Ok(UseOnce::First),
            _ if number == Self::Used as u32 => Ok(UseOnce::Used),
            _ if number == Self::Unavailable as u32 => Ok(UseOnce::Unavailable),
            _ => Err(countersign_result::InvalidValue),
        }
    }
}

impl countersign_pending {
    pub(crate) fn into_raw(engine: &Arc<countersign_engine>, waits: Pending) -> *mut Self {
        Box::into_raw(Box::new(Self { engine: Arc::clone(engine), waits }))
    }

    /// What the caller gave away.
    ///
    /// # Safety
    /// Unless it is NULL or misaligned, `pending` came from [`into_raw`](Self::into_raw) and is given back once.
    pub(crate) unsafe fn take(pending: *mut Self) -> Result<Pending, countersign_result> {
        // SAFETY: the caller's promise.
        unsafe { take(pending) }.map(|pending| pending.waits)
    }
}

impl countersign_body {
    /// What the caller gave away.
    ///
    /// # Safety
    /// Unless it is NULL or misaligned, `body` came from `countersign_body_new` and is given back once.
    pub(crate) unsafe fn take(body: *mut Self) -> Result<BodyReader, countersign_result> {
        // SAFETY: the caller's promise.
        unsafe { take(body) }?.reader
    }
}

/// What the decision waits for. `COUNTERSIGN_QUESTION_NONE` for NULL.
///
/// # Safety
/// `pending` is NULL, or a waiting decision that was not given away, here and in every getter below.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_pending_question(pending: *const countersign_pending) -> countersign_question {
    guarded(countersign_question::None, || {
        // SAFETY: the caller's promise.
        let Ok(pending) = (unsafe { borrow(pending) }) else { return countersign_question::None };
        match pending.waits.question() {
            Question::UseOnce { .. } => countersign_question::UseOnce,
            Question::Introspect { .. } => countersign_question::Introspect,
            Question::Body { .. } => countersign_question::Body,
        }
    })
}

/// To `USE_ONCE`: what names the proof, 32 bytes, and for how many seconds at least the shared store must remember it. In Valkey or Redis:
/// `SET proof 1 NX EX seconds`. Answer with `countersign_worker_resume_use_once`.
///
/// Returns `OK`, `NOT_FOUND` where the question is another, `NULL_PARAMETER`, `MISALIGNED`.
///
/// # Safety
/// As `countersign_pending_question`; `proof_out` has room for 32 bytes, `seconds_out` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_pending_use_once(
    pending: *const countersign_pending,
    proof_out: *mut [u8; 32],
    seconds_out: *mut u64,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (pending, to, lifetime) = unsafe { (borrow(pending)?, Output::at(proof_out)?, Output::at(seconds_out)?) };
        let Question::UseOnce { proof, seconds } = pending.waits.question() else {
            return Err(countersign_result::NotFound);
        };
        to.write(*proof);
        lifetime.write(seconds);
        Ok(())
    })
}

/// To `INTROSPECT`: the https URI to which the host posts the token, which is what follows the scheme in Authorization, as RFC 7662 §2.1 says,
/// with its own credentials for that issuer. Answer with `countersign_worker_resume_introspected` or
/// `countersign_worker_resume_introspection_failed`. None where the question is another. Valid as long as `pending`.
///
/// # Safety
/// As `countersign_pending_question`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_pending_introspection_uri<'a>(
    pending: *const countersign_pending,
) -> countersign_str<'a> {
    guarded(countersign_str::NONE, || {
        // SAFETY: the caller's promise.
        let Ok(pending) = (unsafe { borrow(pending) }) else { return countersign_str::NONE };
        let Question::Introspect { authority } = pending.waits.question() else { return countersign_str::NONE };
        let source = pending.engine.shared.engine().document().source(authority.as_usize());
        let endpoint = source.and_then(|source| source.introspection());
        countersign_str::or_none(endpoint.map(|endpoint| endpoint.uri()))
    })
}

/// To `BODY`: the longest body in bytes that the policy takes. Read it with `countersign_body_new`; answer with
/// `countersign_worker_resume_body`. 0 where the question is another.
///
/// # Safety
/// As `countersign_pending_question`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_pending_body_limit(pending: *const countersign_pending) -> usize {
    guarded(0, || {
        // SAFETY: the caller's promise.
        match unsafe { borrow(pending) }.map(|pending| pending.waits.question()) {
            Ok(Question::Body { most_bytes }) => most_bytes,
            _ => 0,
        }
    })
}

/// Frees a decision that is not resumed: its request is refused, which the engine counts as `decision_abandoned`. NULL is nothing to do.
///
/// # Safety
/// `pending` was not given away before, and no thread is in a call with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_pending_free(pending: *mut countersign_pending) {
    guarded((), || {
        // SAFETY: the caller's promise.
        drop(unsafe { take(pending) });
    });
}

/// Begins to read the body that `pending` waits for. `pending` may be resumed or freed before the body is.
///
/// Returns `OK` and writes the body, to be given once to `countersign_worker_resume_body` or `countersign_body_free`; `NOT_FOUND` where the
/// question is another, `NULL_PARAMETER`, `MISALIGNED`.
///
/// # Safety
/// As `countersign_pending_question`; `body_out` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_body_new(
    pending: *const countersign_pending,
    body_out: *mut *mut countersign_body,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (pending, output) = unsafe { (borrow(pending)?, Output::at(body_out)?) };
        let Question::Body { .. } = pending.waits.question() else { return Err(countersign_result::NotFound) };
        let mut policies = pending.engine.shared.engine().document().policies();
        let policy = policies.find(|(index, _)| *index == pending.waits.policy());
        let asked = policy.and_then(|(_, policy)| policy.body()).ok_or(countersign_result::NotFound)?;
        output.write(Box::into_raw(Box::new(countersign_body { reader: Ok(BodyReader::new(asked)) })));
        Ok(())
    })
}

/// Takes the next chunk of the body, as the host passes it on. Returns whether the body is still within the limit: after false the host may
/// stop reading, and the decision will be a refusal. False for a chunk that cannot be memory too: `countersign_worker_resume_body` then fails
/// with the result of that. False for NULL.
///
/// # Safety
/// `body` is NULL or a body that was not given away and no other thread uses; `chunk` points to as many bytes as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_body_feed(body: *mut countersign_body, chunk: countersign_bytes) -> bool {
    guarded(false, || {
        if check(body.cast_const()).is_err() {
            return false;
        }
        debug_assert!(!body.is_null() && body.is_aligned());
        // SAFETY: neither NULL nor misaligned, and by the caller's promise no other thread uses it.
        let body = unsafe { &mut *body };
        // SAFETY: the caller's promise.
        match (unsafe { chunk.read() }, &mut body.reader) {
            (Ok(chunk), Ok(reader)) => reader.feed(chunk),
            (Err(fault), reader) => {
                *reader = Err(fault);
                false
            }
            (Ok(_), Err(_)) => false,
        }
    })
}

/// Frees a body that answers nothing. NULL is nothing to do.
///
/// # Safety
/// `body` was not given away before, and no thread is in a call with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_body_free(body: *mut countersign_body) {
    guarded((), || {
        // SAFETY: the caller's promise.
        drop(unsafe { take(body) });
    });
}
