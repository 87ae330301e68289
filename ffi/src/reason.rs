//! Why a request was refused: the functions of C about a reason.

use countersign::Reason;

use crate::reasons::countersign_reason;
use crate::text::countersign_str;

/// The reason with this number.
pub(crate) fn reason_of(number: u32) -> Option<Reason> {
    Reason::ALL.into_iter().find(|reason| u32::from(reason.number()) == number)
}

/// The word of a reason, such as `token_expired`: the same in challenges, metrics, logs and on the command line.
/// `accepted` for an accepted request, no text for a number that is not a reason. Valid for ever.
///
/// Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn countersign_reason_word(reason: u32) -> countersign_str<'static> {
    if reason == countersign_reason::Accepted as u32 {
        return countersign_str::of("accepted");
    }
    countersign_str::or_none(reason_of(reason).map(Reason::code))
}

/// The HTTP status of a reason, 200 for an accepted request, 500 for a number that is not a reason.
///
/// Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn countersign_reason_status(reason: u32) -> u16 {
    match reason_of(reason) {
        _ if reason == countersign_reason::Accepted as u32 => 200,
        Some(reason) => reason.status(),
        None => 500,
    }
}

/// How many reasons there are, `COUNTERSIGN_REASON_ACCEPTED` not counted: a host's own counters are an array of them.
///
/// Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn countersign_reason_count() -> usize {
    Reason::COUNT
}

/// The reason at `index`, in the order of the numbers; `COUNTERSIGN_REASON_INTERNAL_ERROR` past the last one.
///
/// Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn countersign_reason_at(index: usize) -> countersign_reason {
    Reason::ALL.get(index).map_or(countersign_reason::InternalError, |reason| (*reason).into())
}

/// The index of a reason in that order; that of `COUNTERSIGN_REASON_INTERNAL_ERROR` for a number that is not a reason.
///
/// Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn countersign_reason_index(reason: u32) -> usize {
    reason_of(reason).unwrap_or(Reason::InternalError).index()
}
