//! Reports of the replay store to the host: how full it is, and a line for its log when it refuses.

use core::fmt::{self, Display, Formatter};
use core::sync::atomic::{AtomicU64, Ordering};

use crate::memory::replay::ReplayState;
use crate::reason::Reason;
use crate::time::UnixSeconds;

/// When each reason was last logged.
#[derive(Debug, Default)]
pub(super) struct ReplayNotices {
    /// Seconds since 1970, plus one; 0 for never.
    last: [AtomicU64; Self::REASONS.len()],
}

impl ReplayNotices {
    const REASONS: [Reason; 4] = [
        Reason::ReplayStoreFull,
        Reason::ReplayStoreUnavailable,
        Reason::ProofHistoryUnknown,
        Reason::ProofShareExceeded,
    ];
    const PERIOD_SECONDS: u64 = 60;

    /// The notice that is due for a refusal at `now`; `state` returns how full the store is.
    pub(super) fn due(
        &self,
        reason: Reason,
        now: UnixSeconds,
        state: impl FnOnce() -> Option<ReplayState>,
    ) -> Option<ReplayNotice> {
        let index = Self::REASONS.iter().position(|known| *known == reason)?;
        self.is_due(index, now).then(|| ReplayNotice { reason, state: state(), now })
    }

    fn is_due(&self, index: usize, now: UnixSeconds) -> bool {
        let Some(last) = self.last.get(index) else { return false };
        let before = last.load(Ordering::Relaxed);
        let this = now.as_u64().saturating_add(1);
        // A clock that went back must not silence the log until it catches up.
        let due = before == 0 || this < before || this - before >= Self::PERIOD_SECONDS;
        due && last.compare_exchange(before, this, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// A line for the host's log: the replay store refuses proofs, with the cause and the remedy. [`Display`] writes it.
#[derive(Clone, Copy, Debug)]
pub struct ReplayNotice {
    reason: Reason,
    state: Option<ReplayState>,
    now: UnixSeconds,
}

impl Display for ReplayNotice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { reason, state, now } = self;
        write!(f, "requests are refused with {reason}: ")?;
        match reason {
            Reason::ReplayStoreFull => f.write_str("the replay store has no room for a proof; give it more")?,
            Reason::ProofShareExceeded => f.write_str(
                "a client key has many proofs in the replay store, and the room left is for other keys; if it should send so many, give the \
                 store more room",
            )?,
            Reason::ProofHistoryUnknown => f.write_str(
                "the replay store does not know all proofs of this time: it is new, or the clock of the server was wrong for a while",
            )?,
            _ => f.write_str("the replay store does not answer")?,
        }
        let Some(state) = state else { return Ok(()) };
        write!(f, " ({} of {} slots hold live proofs", state.live_proofs, state.slots)?;
        if state.refusing_permille > 0 {
            let (whole, tenth) = (state.refusing_permille / 10, state.refusing_permille % 10);
            write!(
                f,
                "; {whole}.{tenth} % of the buckets refuse proofs dated {now}, until {} at most",
                state.refusing_until
            )?;
        }
        f.write_str(")")
    }
}
