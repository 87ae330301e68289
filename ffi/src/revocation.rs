//! Revocations, pushed by the host.

use countersign::{RevocationsKnown, UnixSeconds};
use countersign_reload::RevocationDocument;

use crate::boundary::{borrow, checked};
use crate::bytes::countersign_bytes;
use crate::engine::countersign_engine;
use crate::notice::countersign_notice;
use crate::result::countersign_result;

/// Revokes what `document` says besides everything that is revoked already.
///
/// `{"all_before":N,"authorities":[{"issuer" or "trust_domain":"...","before":N,"keys":["kid"],"subjects":["sub",
/// {"subject":"sub","before":N}],"tokens":["jti"]}]}`; every member but the authority's name may be absent. Decisions that begin
/// after it returned see it, on every thread. The notice is given the authorities that the policy document does not know.
///
/// Returns `OK`; `REVOCATIONS_FAULTY` after telling why; `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe.
///
/// # Safety
/// `engine` is an engine, `document` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_revoke(
    engine: *const countersign_engine,
    document: countersign_bytes,
    notice: countersign_notice,
) -> countersign_result {
    // SAFETY: the caller's promise.
    checked(|| unsafe { push(engine, document, notice, false) })
}

/// As `countersign_engine_revoke`, and withdraws all revocations of earlier calls of these two functions. A watched file still applies.
///
/// # Safety
/// As `countersign_engine_revoke`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_replace_revocations(
    engine: *const countersign_engine,
    document: countersign_bytes,
    notice: countersign_notice,
) -> countersign_result {
    // SAFETY: the caller's promise.
    checked(|| unsafe { push(engine, document, notice, true) })
}

/// Sets until when the revocations are current, in seconds since 1970, inclusive; afterwards tokens are refused with
/// `revocations_stale`. 0: they are not known yet; `UINT64_MAX`, the initial value: until the next call.
///
/// A host that fetches a list sets 0 before the first one, and after each one the time by which the next must have come.
///
/// Returns `OK`; `NULL_PARAMETER`, `MISALIGNED`. Thread-safe.
///
/// # Safety
/// `engine` is an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_set_revocations_known(
    engine: *const countersign_engine,
    until_seconds: u64,
) -> countersign_result {
    let known = match until_seconds {
        0 => RevocationsKnown::NotYet,
        u64::MAX => RevocationsKnown::ForGood,
        last => RevocationsKnown::Until(UnixSeconds::new(last)),
    };
    checked(|| {
        // SAFETY: the caller's promise.
        unsafe { borrow(engine) }?.shared.set_revocations_known(known);
        Ok(())
    })
}

/// # Safety
/// As `countersign_engine_revoke`.
unsafe fn push(
    engine: *const countersign_engine,
    document: countersign_bytes,
    notice: countersign_notice,
    replace: bool,
) -> Result<(), countersign_result> {
    // SAFETY: the caller's promise.
    let (engine, bytes) = unsafe { (borrow(engine)?, document.read()?) };
    match RevocationDocument::read(bytes) {
        Ok(document) => {
            let unknown =
                if replace { engine.shared.replace_revocations(&document) } else { engine.shared.revoke(&document) };
            for authority in unknown {
                notice.report(&format!("the policy knows no {authority}"));
            }
            Ok(())
        }
        Err(faults) => {
            for fault in faults {
                notice.report(&fault.to_string());
            }
            Err(countersign_result::RevocationsFaulty)
        }
    }
}
