//! A policy: what one route accepts. Made by the policy document only, so a policy without audience cannot be written.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::jose::algorithm::AlgorithmSet;
use crate::reason::Reason;
use crate::rules::facts::Facts;
use crate::rules::validity;
use crate::subject_pattern::SubjectPattern;
use crate::time::UnixSeconds;
use crate::token_kind::{TokenKind, TokenKinds};
use crate::trust::OriginIndex;
use crate::uri::OwnedOrigin;

/// The place of a policy in its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyIndex(pub(crate) usize);

/// What one route accepts.
#[derive(Debug)]
pub struct Policy {
    pub(crate) name: String,
    /// In document order; not empty.
    pub(crate) accept: Vec<AcceptedKind>,
    pub(crate) kinds: TokenKinds,
    /// Not empty.
    pub(crate) audience: Vec<Box<str>>,
    pub(crate) leeway_seconds: u64,
    pub(crate) binding: Binding,
    pub(crate) dpop: DpopPolicy,
    pub(crate) svid: SvidPolicy,
    /// What `htu` is compared to; the host's own view where absent.
    pub(crate) origin: Option<OwnedOrigin>,
    pub(crate) mode: Mode,
    pub(crate) challenge: ChallengePolicy,
}

/// One kind of token that a policy accepts, with its conditions.
#[derive(Debug)]
pub struct AcceptedKind {
    pub(crate) kind: TokenKind,
    /// The origins whose tokens pass, ascending; all of the right sort where the policy names none.
    pub(crate) origins: Option<Vec<OriginIndex>>,
    pub(crate) subjects: Vec<SubjectPattern>,
    pub(crate) scope: Vec<Box<str>>,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) max_lifetime_seconds: Option<u64>,
}

/// `binding.require`: what must bind a token. Whatever it says, a bound token needs its proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// Unbound tokens pass too.
    #[default]
    None,
    /// Bound to a DPoP key or to a certificate.
    Any,
    /// Bound to a DPoP key.
    Dpop,
    /// Bound to a certificate.
    Mtls,
}

/// `mode`: what the host does with a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Answers it.
    #[default]
    Enforce,
    /// Counts and logs it, and lets the request pass, for a migration.
    Shadow,
}

impl Mode {
    /// The word in policies and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
        }
    }
}

/// `dpop.nonce`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonceMode {
    /// No nonce is demanded; one that comes is ignored.
    #[default]
    Off,
    /// Every proof must carry one of ours.
    Required,
}

/// What a policy says of proofs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DpopPolicy {
    pub(crate) max_age_seconds: u64,
    pub(crate) future_seconds: u64,
    pub(crate) nonce: NonceMode,
    pub(crate) nonce_lifetime_seconds: u64,
    pub(crate) replay: ReplayMode,
    pub(crate) algorithms: AlgorithmSet,
    /// The largest modulus of an RSA key.
    pub(crate) max_rsa_bits: u64,
}

/// What happens to a proof that was used, and to one that the store has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplayMode {
    /// `"refuse"`: a used proof is refused; without room in the store, so is every new one.
    Refuse,
    /// `"danger_accept_when_full"`: without room, a new proof passes unremembered.
    AcceptWhenFull,
    /// `"danger_accept"`: proofs are not remembered.
    Accept,
}

/// What a policy says of JWT-SVIDs beyond their specification.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SvidPolicy {
    /// A token without `kid` may be verified by the only key that fits (specs: D2).
    pub(crate) single_candidate_key: bool,
    /// Unknown header parameters are ignored (specs: D3).
    pub(crate) ignore_unknown_headers: bool,
}

/// What a policy puts in its challenges.
#[derive(Debug, Default)]
pub(crate) struct ChallengePolicy {
    pub(crate) realm: Option<String>,
    pub(crate) resource_metadata: Option<String>,
    pub(crate) hide_description: bool,
}

impl Policy {
    /// Its name in the document.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the host does with a refusal.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What must bind a token.
    #[must_use]
    pub const fn binding(&self) -> Binding {
        self.binding
    }

    /// The audiences that are ours.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.audience.iter().map(AsRef::as_ref)
    }

    /// The kinds that it accepts, in document order.
    pub fn accept(&self) -> impl Iterator<Item = &AcceptedKind> {
        self.accept.iter()
    }

    /// What a proof may be signed with.
    #[must_use]
    pub const fn proof_algorithms(&self) -> AlgorithmSet {
        self.dpop.algorithms
    }

    /// The algorithms that any entry for `kind` allows.
    pub(crate) fn algorithms(&self, kind: TokenKind) -> AlgorithmSet {
        let entries = self.accept.iter().filter(|entry| entry.kind == kind);
        entries.fold(AlgorithmSet::default(), |all, entry| all.union(entry.algorithms))
    }

    /// The entry that lets the token in: the first of its kind whose conditions all hold.
    ///
    /// # Errors
    /// The reason of the entry that the token came furthest with; of equals, the first.
    #[inline(always)]
    pub(crate) fn admit(&self, facts: &Facts<'_>, now: UnixSeconds) -> Result<&AcceptedKind, Reason> {
        let mut furthest = (0, Reason::HeaderType);
        for entry in self.accept.iter().filter(|entry| entry.kind == facts.kind) {
            match entry.check(facts, now) {
                Ok(()) => return Ok(entry),
                Err((step, reason)) if step > furthest.0 => furthest = (step, reason),
                Err(_) => {}
            }
        }
        Err(furthest.1)
    }
}

/// Apart from the checks around it, which are compiled into the path of a cached token.
#[inline(never)]
fn is_listed(ascending: &[OriginIndex], origin: OriginIndex) -> bool {
    ascending.binary_search(&origin).is_ok()
}

impl AcceptedKind {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The origins whose tokens pass, ascending; `None` for all that sign the kind.
    #[must_use]
    pub fn origins(&self) -> Option<&[OriginIndex]> {
        self.origins.as_deref()
    }

    /// The scope that it demands, besides the policy's audience.
    pub fn scope(&self) -> impl Iterator<Item = &str> {
        self.scope.iter().map(AsRef::as_ref)
    }

    /// The conditions in order; an error says how many steps held before it.
    #[inline]
    fn check(&self, facts: &Facts<'_>, now: UnixSeconds) -> Result<(), (u8, Reason)> {
        if !self.algorithms.contains(facts.algorithm) {
            return Err((1, Reason::AlgorithmRefused));
        }
        if self.origins.as_ref().is_some_and(|origins| !is_listed(origins, facts.origin)) {
            return Err((2, Reason::SubjectRefused));
        }
        // An absent subject is an empty text here, and no pattern matches that.
        let subject = facts.subject_bytes();
        if !self.subjects.is_empty() && !self.subjects.iter().any(|pattern| pattern.matches_bytes(subject)) {
            return Err((3, Reason::SubjectRefused));
        }
        validity::check_lifetime(facts, now, self.max_lifetime_seconds).map_err(|reason| (4, reason))?;
        validity::check_scope(facts, &self.scope).map_err(|reason| (5, reason))
    }
}
