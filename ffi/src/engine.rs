//! The engine: one policy document, compiled, with the newest keys. Shared by all threads.

use std::sync::Arc;

use countersign::internal::document::DocumentKind;
use countersign::{NonceKeys, Policy, PolicyDocument, PolicyIndex, UnixSeconds};
use countersign_reload::{SharedEngine, nonce_keys};

use crate::boundary::{Output, borrow, check_size, checked, guarded};
use crate::bytes::countersign_bytes;
use crate::notice::countersign_notice;
use crate::question::countersign_question;
use crate::reason::reason_of;
use crate::replay::{countersign_replay, countersign_replay_state};
use crate::result::countersign_result;
use crate::text::countersign_str;

/// A compiled policy document with counters, keys and the replay store. Every function on it is thread-safe.
pub struct countersign_engine {
    pub(crate) shared: SharedEngine,
    pub(crate) policies: Vec<PolicyIndex>,
}

impl countersign_engine {
    /// The policy of this number.
    pub(crate) fn policy(&self, number: u32) -> Option<&Policy> {
        let place = usize::try_from(number).ok()?;
        self.shared.engine().document().policies().nth(place).map(|(_, policy)| policy)
    }
}

/// What an engine is made from. Set it to zero first, then `size`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct countersign_engine_config {
    /// `sizeof(countersign_engine_config)`.
    pub size: usize,
    /// The policy document, JSON.
    pub policy: countersign_bytes,
    /// The time, in seconds since 1970.
    pub now_seconds: u64,
    /// Where used proofs are remembered.
    pub replay: countersign_replay,
    /// Takes each fault of the document, one a line, with its JSON pointer; and each key of an inline trust document that is dropped.
    pub notice: countersign_notice,
}

/// Makes an engine.
///
/// Nonces are made with a random key until `countersign_engine_set_nonce_keys`. Files are read from
/// `countersign_engine_watch_trust_files` on. Reads no file itself.
///
/// Returns `OK` and writes the engine, to be freed by `countersign_engine_free`; `POLICY_FAULTY` after telling every fault;
/// `OUT_OF_MEMORY` where the process cannot have the memory of `replay_proofs`;
/// `WRONG_SIZE`, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`, `INVALID_VALUE`, `NO_RANDOMNESS`; those of the replay
/// store (`REPLAY_…`).
///
/// # Safety
/// `config` and the memory it points to are valid for the call, the replay store's memory and callback for as long as the engine
/// and its workers shared.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_new(
    config: *const countersign_engine_config,
    engine_out: *mut *const countersign_engine,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let output = unsafe { Output::at(engine_out) }?;
        // SAFETY: the caller's promise; the size is looked at before any other member.
        let size = unsafe { borrow(config.cast::<usize>()) }?;
        check_size::<countersign_engine_config>(*size)?;
        // SAFETY: the caller's promise, for a structure of this size.
        let config = unsafe { borrow(config) }?;
        // SAFETY: the caller's promise.
        let text = unsafe { config.policy.read() }?;
        let document = PolicyDocument::parse(text).map_err(|faults| policy_faulty(&config.notice, &faults))?;
        let now = UnixSeconds::new(config.now_seconds);
        // SAFETY: the caller's promise.
        let engine = unsafe { config.replay.engine(document, now) }?;
        let policies = engine.document().policies().map(|(index, _)| index).collect();
        let shared = SharedEngine::new(engine, now, &mut |line| config.notice.report(line))
            .map_err(|faults| policy_faulty(&config.notice, &faults))?;
        shared.set_nonce_keys(nonce_keys().map_err(|_| countersign_result::NoRandomness)?);
        output.write(Arc::into_raw(Arc::new(countersign_engine { shared, policies })));
        Ok(())
    })
}

/// Reports every fault.
fn policy_faulty(notice: &countersign_notice, faults: &[impl ToString]) -> countersign_result {
    for fault in faults {
        notice.report(&fault.to_string());
    }
    countersign_result::PolicyFaulty
}

/// Frees an engine. Its workers keep what they need of it, so they may be freed later. NULL is ignored.
///
/// # Safety
/// `engine` came from `countersign_engine_new`, was not freed before, and no thread is in a call with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_free(engine: *const countersign_engine) {
    guarded((), || {
        if !engine.is_null() {
            debug_assert!(engine.is_aligned());
            // SAFETY: by the caller's promise this is the pointer of `Arc::into_raw`, given back once.
            drop(unsafe { Arc::from_raw(engine) });
        }
    });
}

/// The longest policy document that is read, in bytes. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn countersign_policy_document_bytes() -> usize {
    DocumentKind::Policy.bytes().most
}

/// Finds a policy by its name: the number that `countersign_worker_decide` takes.
///
/// Returns `OK`, `POLICY_UNKNOWN`, `NOT_UTF8`, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe.
///
/// # Safety
/// `engine` is an engine, `name` and `policy_out` are valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_policy(
    engine: *const countersign_engine,
    name: countersign_bytes,
    policy_out: *mut u32,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (engine, output, name) = unsafe { (borrow(engine)?, Output::at(policy_out)?, name.read_text()?) };
        let index = engine.shared.engine().document().policy(name).ok_or(countersign_result::PolicyUnknown)?;
        let place = engine.policies.iter().position(|known| *known == index);
        let number = place.and_then(|place| u32::try_from(place).ok());
        output.write(number.ok_or(countersign_result::PolicyUnknown)?);
        Ok(())
    })
}

/// The name of a policy by its number; none past the last one. Valid until the engine and its workers are freed. Thread-safe.
///
/// # Safety
/// `engine` is NULL or an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_policy_name<'a>(
    engine: *const countersign_engine,
    policy: u32,
) -> countersign_str<'a> {
    guarded(countersign_str::NONE, || {
        // SAFETY: the caller's promise.
        let Ok(engine) = (unsafe { borrow(engine) }) else { return countersign_str::NONE };
        countersign_str::or_none(engine.policy(policy).map(Policy::name))
    })
}

/// Whether a policy has an `origin`: what clients see in front of a request's path, which DPoP proofs are compared with. Of
/// `countersign_request.uri` only path and query count then, and it may be these alone: put no base path of the host's before them.
///
/// False for a policy that does not exist. Thread-safe.
///
/// # Safety
/// `engine` is NULL or an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_policy_has_origin(engine: *const countersign_engine, policy: u32) -> bool {
    guarded(false, || {
        // SAFETY: the caller's promise.
        let Ok(engine) = (unsafe { borrow(engine) }) else { return false };
        engine.policy(policy).is_some_and(Policy::has_origin)
    })
}

/// Whether a policy is to expect tokens that are bound to a DPoP key alone: it demands no certificate, and accepts access tokens or
/// demands a binding.
///
/// Such a policy without an `origin` needs one of the host's configuration in `countersign_request.uri`. If scheme and host there are
/// what the client sent, a proof that was made for another server is accepted for this one. Warn of it when the configuration is read.
///
/// False for a policy that does not exist. Thread-safe.
///
/// # Safety
/// `engine` is NULL or an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_policy_takes_proofs(
    engine: *const countersign_engine,
    policy: u32,
) -> bool {
    guarded(false, || {
        // SAFETY: the caller's promise.
        let Ok(engine) = (unsafe { borrow(engine) }) else { return false };
        engine.policy(policy).is_some_and(Policy::takes_proofs)
    })
}

/// Whether a decision by a policy may wait for the answer to `question`, a `countersign_question`. For a host that refuses a configuration
/// in which it cannot answer.
///
/// False for a policy or a question that does not exist. Thread-safe.
///
/// # Safety
/// `engine` is NULL or an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_policy_asks(
    engine: *const countersign_engine,
    policy: u32,
    question: u32,
) -> bool {
    guarded(false, || {
        // SAFETY: the caller's promise.
        let Ok(engine) = (unsafe { borrow(engine) }) else { return false };
        engine.policy(policy).is_some_and(|policy| match question {
            _ if question == countersign_question::UseOnce as u32 => policy.asks_shared_store(),
            _ if question == countersign_question::Introspect as u32 => policy.introspects(),
            _ if question == countersign_question::Body as u32 => policy.body().is_some(),
            _ => false,
        })
    })
}

/// The name of the credential at `index` that a policy asks for, the one that says who the client is first: for
/// `countersign_decision_credential_text`. None past the last one and for a policy that does not exist. Valid as long as
/// `countersign_engine_header_field`. Thread-safe.
///
/// # Safety
/// `engine` is NULL or an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_credential_name<'a>(
    engine: *const countersign_engine,
    policy: u32,
    index: usize,
) -> countersign_str<'a> {
    guarded(countersign_str::NONE, || {
        // SAFETY: the caller's promise.
        let Ok(engine) = (unsafe { borrow(engine) }) else { return countersign_str::NONE };
        let named = engine.policy(policy).and_then(|policy| policy.credentials().nth(index));
        countersign_str::or_none(named.map(|credential| credential.name()))
    })
}

/// The header field at `index` that a policy reads a credential from, in small letters, beside Authorization and DPoP; none past the last
/// one and for a policy that does not exist. For a host that passes on only the fields that are asked for. Valid until the engine and
/// its workers are freed. Thread-safe.
///
/// # Safety
/// `engine` is NULL or an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_header_field<'a>(
    engine: *const countersign_engine,
    policy: u32,
    index: usize,
) -> countersign_str<'a> {
    guarded(countersign_str::NONE, || {
        // SAFETY: the caller's promise.
        let Ok(engine) = (unsafe { borrow(engine) }) else { return countersign_str::NONE };
        countersign_str::or_none(engine.policy(policy).and_then(|policy| policy.header_fields().nth(index)))
    })
}

/// The header field at `index` that the host takes out of a request before the request goes on to its receiver, in small letters: those of
/// the credentials with `remove`. None past the last one and for a policy that does not exist. Valid as long as
/// `countersign_engine_header_field`. Thread-safe.
///
/// # Safety
/// `engine` is NULL or an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_removed_field<'a>(
    engine: *const countersign_engine,
    policy: u32,
    index: usize,
) -> countersign_str<'a> {
    guarded(countersign_str::NONE, || {
        // SAFETY: the caller's promise.
        let Ok(engine) = (unsafe { borrow(engine) }) else { return countersign_str::NONE };
        let removed = engine.policy(policy).and_then(|policy| {
            let mut removed = policy.credentials().filter(|credential| credential.is_removed());
            removed.nth(index).map(|credential| credential.from().field())
        });
        countersign_str::or_none(removed)
    })
}

/// Writes what is left of `value`, a value of the field `countersign_engine_removed_field` at the same `index`, once the credential is out of
/// it: other cookies, other WebSocket subprotocols. `rest_out` has room for `value.length` bytes; the host passes the field on with them, or
/// without the field where `*length_out` is 0. For several credentials in one field, a host calls it for each with what the last left.
///
/// Returns `OK`, `NOT_FOUND` past the last one and for a policy that does not exist, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`.
/// Thread-safe.
///
/// # Safety
/// `engine` is NULL or an engine; `value` and the outputs are valid for the call, and do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_removed_rest(
    engine: *const countersign_engine,
    policy: u32,
    index: usize,
    value: countersign_bytes,
    rest_out: *mut u8,
    length_out: *mut usize,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (engine, length) = unsafe { (borrow(engine)?, Output::at(length_out)?) };
        // SAFETY: as above.
        let value = unsafe { value.read() }?;
        let removed = engine
            .policy(policy)
            .and_then(|policy| policy.credentials().filter(|credential| credential.is_removed()).nth(index));
        let rest = removed.ok_or(countersign_result::NotFound)?.from().without(value);
        if !rest.is_empty() {
            if rest_out.is_null() {
                return Err(countersign_result::NullParameter);
            }
            // SAFETY: the caller's promise: room for as many bytes as `value` has, which `rest` never has more of, apart from `value`.
            unsafe { std::ptr::copy_nonoverlapping(rest.as_ptr(), rest_out, rest.len().min(value.len())) };
        }
        length.write(rest.len().min(value.len()));
        Ok(())
    })
}

/// Sets the keys of DPoP nonces: 32 secret, random bytes each. `previous` may be NULL.
///
/// Hosts of several processes give all of them the same keys, and a new one now and then, with the one before it.
/// Returns `OK`, `NULL_PARAMETER`. Thread-safe.
///
/// # Safety
/// `engine` is an engine; `current`, and `previous` unless NULL, point to 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_set_nonce_keys(
    engine: *const countersign_engine,
    current: *const u8,
    previous: *const u8,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise; bytes have no alignment.
        let (engine, current) = unsafe { (borrow(engine)?, borrow(current.cast::<[u8; 32]>())?) };
        // SAFETY: as above; NULL means that there is none.
        let previous = unsafe { borrow(previous.cast::<[u8; 32]>()) }.ok();
        engine.shared.set_nonce_keys(NonceKeys::new(current, previous));
        Ok(())
    })
}

/// How many requests the workers of this engine accepted. Thread-safe.
///
/// # Safety
/// `engine` is NULL or an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_accepted(engine: *const countersign_engine) -> u64 {
    // SAFETY: the caller's promise.
    guarded(0, || unsafe { borrow(engine) }.map_or(0, |engine| engine.shared.engine().accepted()))
}

/// How many requests the workers of this engine refused for a reason. Thread-safe.
///
/// # Safety
/// `engine` is NULL or an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_refused(engine: *const countersign_engine, reason: u32) -> u64 {
    guarded(0, || {
        // SAFETY: the caller's promise.
        let Ok(engine) = (unsafe { borrow(engine) }) else { return 0 };
        reason_of(reason).map_or(0, |reason| engine.shared.engine().refused(reason))
    })
}

/// Writes how full the replay store of an engine is and what it refuses at `now_seconds`. It reads up to 4 MiB: for metrics, not on the path of
/// requests.
///
/// Returns `OK`; `NOT_FOUND` for a store of the caller (`CALLBACK`); `NULL_PARAMETER`, `MISALIGNED`. Thread-safe.
///
/// # Safety
/// `engine` is an engine, `state_out` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_replay_state(
    engine: *const countersign_engine,
    now_seconds: u64,
    state_out: *mut countersign_replay_state,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (engine, output) = unsafe { (borrow(engine)?, Output::at(state_out)?) };
        let state = engine.shared.engine().replay_state(UnixSeconds::new(now_seconds));
        let state = state.ok_or(countersign_result::NotFound)?;
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        output.write(countersign_replay_state {
            slots: number(state.slots),
            live_proofs: number(state.live_proofs),
            refusing_permille: state.refusing_permille.into(),
            refusing_until_seconds: state.refusing_until.as_u64(),
        });
        Ok(())
    })
}

/// For the host's log, after a request was refused for `reason`: if the replay store refuses proofs, reports it to `notice` in one line, at most
/// once a minute for each such reason.
///
/// Returns `OK` if it reported a line, `NOT_FOUND` if none is due; `NULL_PARAMETER`, `MISALIGNED`. Thread-safe.
///
/// # Safety
/// `engine` is an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_replay_notice(
    engine: *const countersign_engine,
    reason: u32,
    now_seconds: u64,
    notice: countersign_notice,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let engine = unsafe { borrow(engine) }?.shared.engine();
        let now = UnixSeconds::new(now_seconds);
        let line = reason_of(reason).and_then(|reason| engine.replay_notice(reason, now));
        notice.report(&line.ok_or(countersign_result::NotFound)?.to_string());
        Ok(())
    })
}
