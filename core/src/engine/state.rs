//! The keys, revocations and nonce keys, which change while the engine runs.

use alloc::sync::Arc;

use crate::memory::revocation::{Revocations, RevocationsKnown};
use crate::specs::nonce::NonceKeys;
use crate::trust::BundleSet;

/// The keys, revocations and nonce keys that decisions use. They change while the engine runs; the host replaces the state as a whole.
///
/// [`Engine::empty_trust_state`](super::Engine::empty_trust_state) makes the first one, [`Engine::load`](super::Engine::load) changes it. A clone costs three
/// reference counts and is independent of the original: a host clones the current state, changes the clone and exchanges the two, while
/// other threads decide with the old one. A decision uses one trust state from its beginning to its end.
///
/// It belongs to the engine that made it; with another engine every decision is refused with `internal_error`. The engine does not check that
/// a state is the newest one.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use countersign::{Engine, PolicyDocument, Revocations, RevocationsKnown, TrustState, UnixSeconds};
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); } use example::*;
/// # let engine = Engine::new(PolicyDocument::parse(POLICY).map_err(|faults| faults[0].to_string())?, [3, 7]);
/// # let now = UnixSeconds::new(NOW);
///
/// let current: TrustState = engine.empty_trust_state();
/// let mut next = current.clone();
/// next.revocations = Arc::new(Revocations::builder().subject("example.org", "spiffe://example.org/ns/shop/sa/web").build());
/// // Fetched now; after an hour without a newer list every token is refused with `revocations_stale`.
/// next.revocations_known = RevocationsKnown::by_list(now, Some(3600));
/// assert!(current.revocations.is_empty() && !next.revocations.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrustState {
    /// The keys of all trust domains and issuers.
    pub bundles: Arc<BundleSet>,
    /// The revocations of the host.
    pub revocations: Arc<Revocations>,
    /// Until when `revocations` is current; afterwards every token with a valid signature is refused with `revocations_stale`.
    pub revocations_known: RevocationsKnown,
    /// The keys of server nonces (RFC 9449 §8); without them, a policy that requires a nonce refuses with `internal_error`.
    pub nonces: Option<Arc<NonceKeys>>,
}
