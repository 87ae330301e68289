//! What changes while the engine runs.

use alloc::sync::Arc;

use crate::memory::revocation::{Revocations, RevocationsKnown};
use crate::specs::nonce::NonceKeys;
use crate::trust::BundleSet;

/// Everything that changes while the engine runs; the host swaps it whole.
///
/// Cheap to clone. A decision sees one trust state from its beginning to its end.
#[derive(Clone, Debug)]
pub struct TrustState {
    /// The keys of all trust domains and issuers.
    pub bundles: Arc<BundleSet>,
    /// What the host has revoked.
    pub revocations: Arc<Revocations>,
    /// Whether that is known now; where it is not, every token is refused with `revocations_stale` after its signature was checked.
    pub revocations_known: RevocationsKnown,
    /// The keys of server nonces; without them, a policy that demands a nonce refuses with `internal_error`.
    pub nonces: Option<Arc<NonceKeys>>,
}
