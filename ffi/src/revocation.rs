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

/// As `countersign_engine_revoke`, but what was revoked by these two functions before holds no more. A watched file still does.
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

/// Says until when it is known what is revoked, in seconds since 1970, that moment included; after it tokens are refused with
/// `revocations_stale`. 0: it is not known yet; `UINT64_MAX`, as in the beginning: until this is called again.
///
/// A host that asks somebody for a list says 0 before the first one, and after each one when the next must have come.
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
                notice.tell(&format!("the policy knows no {authority}"));
            }
            Ok(())
        }
        Err(faults) => {
            for fault in faults {
                notice.tell(&fault.to_string());
            }
            Err(countersign_result::RevocationsFaulty)
        }
    }
}
