//! Stores of used proofs.

use alloc::sync::Arc;
use core::sync::atomic::AtomicU64;

use crate::memory::replay::{FirstUse, ReplayState, ReplayStore};
use crate::time::UnixSeconds;

/// The store did not answer. This is a fault of the server, so the response is a 5xx and never `invalid_dpop_proof`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayError;

/// A store of used proofs: the engine's own, one in shared memory, or the host's.
pub trait Replay: Send + Sync {
    /// Records the use of `proof` by this request, in one atomic step: [`FirstUse::Recorded`] for the first request, and for no other.
    ///
    /// The first 16 bytes of `proof` are those of the client key's thumbprint, the others those of a SHA-256 over the thumbprint and the
    /// proof's `jti`. It must be remembered at least as long
    /// as the proof can still be accepted, which is the widest window of all policies counted from `issued_at`. A store that bounds how many
    /// proofs one key may have in it answers [`FirstUse::OverShare`].
    ///
    /// # Errors
    /// [`ReplayError`] if the store does not answer.
    fn record_use(&self, proof: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> Result<FirstUse, ReplayError>;

    /// Whether `proof` was used before, as far as the store knows. Records nothing: for policies with `consume: observe`, whose proofs another
    /// checker uses up. A store that cannot say so answers `false`.
    ///
    /// # Errors
    /// [`ReplayError`]
    fn was_used(&self, proof: &[u8; 32], issued_at: UnixSeconds) -> Result<bool, ReplayError> {
        let _unused = (proof, issued_at);
        Ok(false)
    }

    /// How full the store is and what it refuses at `now`, if it can say so: for gauges and logs, not for requests.
    fn state(&self, now: UnixSeconds) -> Option<ReplayState> {
        let _unused = now;
        None
    }
}

impl<S: AsRef<[AtomicU64]> + Send + Sync> Replay for ReplayStore<S> {
    fn record_use(&self, proof: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> Result<FirstUse, ReplayError> {
        Ok(Self::record_use(self, proof, issued_at, now))
    }

    fn was_used(&self, proof: &[u8; 32], issued_at: UnixSeconds) -> Result<bool, ReplayError> {
        Ok(Self::was_used(self, proof, issued_at))
    }

    fn state(&self, now: UnixSeconds) -> Option<ReplayState> {
        Some(Self::state(self, now))
    }
}

/// A store that several engines share, as when a host loads a new policy document and must not forget used proofs.
impl<R: Replay + ?Sized> Replay for Arc<R> {
    fn record_use(&self, proof: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> Result<FirstUse, ReplayError> {
        (**self).record_use(proof, issued_at, now)
    }

    fn was_used(&self, proof: &[u8; 32], issued_at: UnixSeconds) -> Result<bool, ReplayError> {
        (**self).was_used(proof, issued_at)
    }

    fn state(&self, now: UnixSeconds) -> Option<ReplayState> {
        (**self).state(now)
    }
}
