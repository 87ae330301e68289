//! The parts of a decision, in the worker's memory.

use crate::limits;
use crate::memory::record_cache::RecordRef;
use crate::reason::Reason;
use crate::specs::common::presentation::AuthScheme;
use crate::specs::nonce::NONCE_CHARS;
use crate::specs::row::ProofFacts;
use crate::trust::AuthorityIndex;

/// Whether a token was in the token cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheTier {
    /// No token was looked up.
    #[default]
    None,
    /// The token was verified before, by a key that is still trusted.
    Hit,
    /// The token was verified now, or could not be.
    Miss,
}

impl CacheTier {
    /// The word in audit records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }
}

/// The location of the token's record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    Cache(RecordRef),
    /// In the worker's room for the credential, with this length.
    Fresh(usize),
}

/// How many credentials may come beside the first.
pub(crate) const MAX_OTHERS: usize = limits::CREDENTIALS - 1;

/// The parts of a decision as they become known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) reason: Option<Reason>,
    pub(crate) scheme: Option<AuthScheme>,
    pub(crate) source: Option<Source>,
    pub(crate) tier: CacheTier,
    pub(crate) proof: Option<ProofFacts>,
    pub(crate) next_nonce: Option<[u8; NONCE_CHARS]>,
    pub(crate) refresh: Option<AuthorityIndex>,
    /// The issuer that must be asked about the token.
    pub(crate) introspect: Option<AuthorityIndex>,
    /// The lengths of the records of the credentials beside the first; 0 for none.
    pub(super) others: [u16; MAX_OTHERS],
    /// The credential that is judged, or that was refused, by its place in the policy.
    pub(crate) credential: usize,
    /// The place in its `accept` of the entry whose condition refused it.
    pub(crate) refusing_entry: Option<usize>,
}

impl Outcome {
    /// Notes that the worker's room for the credential at `place` holds a record of this length; 0 for none.
    pub(crate) fn set_fresh(&mut self, place: usize, length: usize) {
        match place.checked_sub(1) {
            None => self.source = (length > 0).then_some(Source::Fresh(length)),
            Some(other) => {
                if let (Some(known), Ok(length)) = (self.others.get_mut(other), u16::try_from(length)) {
                    *known = length;
                }
            }
        }
    }
}
