//! The rows of the tables of specifications: what the file of each specification gives.

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::header::{Typ, UnverifiedHeader};
use crate::jose::json::NameTable;
use crate::memory::hot_keys::HotKeys;
use crate::memory::proof_keys::ProofKeys;
use crate::memory::replay::Replay;
use crate::reason::Reason;
use crate::request::Request;
use crate::specs::check::Trace;
use crate::specs::claims::{ClaimSet, UnverifiedClaims};
use crate::specs::common::confirmation::Confirmation;
use crate::specs::common::presentation::AuthScheme;
use crate::specs::nonce::{NONCE_CHARS, NonceKeys};
use crate::specs::settings::{DpopSettings, ProfileSettings};
use crate::time::UnixSeconds;
use crate::uri::OwnedOrigin;

/// What the checks of one kind of token are; its specification's file has the constant.
#[derive(Debug)]
pub(crate) struct Profile {
    /// The word in policies and decisions.
    pub(crate) name: &'static str,
    /// What to call a token of the kind.
    pub(crate) title: &'static str,
    /// The values of `typ` that name it (RFC 8725 §3.11). Two profiles that share one are distinguished by the subject: see
    /// [`TokenKinds::resolve`](crate::specs::profile::TokenKinds::resolve).
    pub(crate) types: &'static [Typ],
    /// The algorithms that the specification allows (specs: D4; allow-lists are per kind, not global).
    pub(crate) algorithms: AlgorithmSet,
    /// Whose keys verify it.
    pub(crate) keys: Keys,
    /// Where a request carries it.
    pub(crate) place: Place,
    /// The claims without which it is refused.
    pub(crate) required: ClaimSet,
    /// The claims of these that an entry of a policy may let its tokens go without; `aud` only where another claim takes its place.
    pub(crate) may_lack: ClaimSet,
    /// Whether its specification has `scope` as one string.
    pub(crate) scope_is_text: bool,
    /// The claims that its record keeps.
    pub(crate) kept: ClaimSet,
    /// Checks of the header beyond those that all kinds share.
    pub(crate) check_header: fn(&UnverifiedHeader<'_>, &ProfileSettings) -> Result<(), Reason>,
    /// Checks of the claims' values beyond those that all kinds share.
    pub(crate) check_claims: fn(&UnverifiedClaims<'_>) -> Result<(), Reason>,
    /// What its specification, or the policy, leaves to a validator.
    pub(crate) latitude: fn(&ProfileSettings) -> Latitude,
    /// The prefix of its rules' ids.
    pub(crate) rules: &'static str,
}

/// Whose keys verify a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Those of the trust domain in its subject.
    SubjectTrustDomain,
    /// Those of the issuer in `iss`.
    Issuer,
    /// The same; without `iss`, those of the one issuer that the policy names for the kind.
    PinnedIssuer,
    /// None: the issuer that the policy names answers for it.
    Answer,
}

/// Where a request carries a token of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In `Authorization`, or in a header field that the policy names.
    Anywhere,
    /// Only in a header field that the policy names: it authenticates no client.
    OwnHeader,
}

/// What a validator may let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latitude {
    /// A token without `kid` may be verified by the only key that fits.
    pub(crate) single_candidate_key: bool,
    /// Header parameters that the reader does not know are ignored.
    pub(crate) unknown_headers: bool,
}

impl Latitude {
    /// What RFC 7515 has: `kid` is optional (§4.1.4), and unknown parameters are ignored (§4).
    pub(crate) const JOSE: Self = Self { single_candidate_key: true, unknown_headers: true };
}

/// What the checks of one method are; its specification's file has the constant.
#[derive(Debug)]
pub(crate) struct ProofMethod {
    /// The word in policies, decisions and logs.
    pub(crate) name: &'static str,
    /// The member of `cnf` that demands it (RFC 7800 §3.1).
    pub(crate) confirmation: &'static str,
    /// The header fields that a host must pass on for it.
    pub(crate) header_fields: &'static [&'static str],
    /// The scheme of its own that a token may come under.
    pub(crate) scheme: Option<AuthScheme>,
    /// What a token is bound to by this method.
    pub(crate) bound_to: for<'a> fn(&Confirmation<&'a [u8; 32]>) -> Option<&'a [u8; 32]>,
    /// The checks.
    pub(crate) check: fn(&mut Proof<'_>) -> Result<(), Reason>,
    /// The prefix of its rules' ids.
    pub(crate) rules: &'static str,
}

/// What a proof is checked with, lent for one decision.
pub(crate) struct Proof<'p> {
    /// The request that carries it.
    pub(crate) request: &'p Request<'p>,
    /// What the token is bound to by the method.
    pub(crate) bound_to: &'p [u8; 32],
    /// SHA-256 of the token's text.
    pub(crate) token_hash: Option<&'p [u8; 32]>,
    /// `dpop` of the policy.
    pub(crate) settings: &'p DpopSettings,
    /// `origin` of the policy.
    pub(crate) origin: Option<&'p OwnedOrigin>,
    /// The keys of this server's nonces.
    pub(crate) nonces: Option<&'p NonceKeys>,
    /// The store of used proofs.
    pub(crate) replay: &'p dyn Replay,
    /// The worker's memory.
    pub(crate) memory: ProofMemory<'p>,
    /// Takes what a verified proof says.
    pub(crate) verified: &'p mut Option<ProofFacts>,
    /// Takes the nonce that the answer hands out.
    pub(crate) next_nonce: &'p mut Option<[u8; NONCE_CHARS]>,
    /// Follows the checks.
    pub(crate) trace: &'p mut dyn Trace,
}

/// The parts of a worker's memory that a proof is read and checked in.
pub(crate) struct ProofMemory<'p> {
    pub(crate) keys: &'p mut ProofKeys,
    pub(crate) hot_keys: &'p mut HotKeys,
    pub(crate) names: &'p mut NameTable,
    pub(crate) header: &'p mut [u8],
    pub(crate) payload: &'p mut [u8],
    pub(crate) signature: &'p mut [u8],
}

/// The attributes of a verified proof.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProofFacts {
    pub(crate) replay_key: [u8; 32],
    pub(crate) issued_at: UnixSeconds,
    /// How far it is known that this request is the one that uses it.
    pub(crate) use_once: Used,
    /// For a further decision about the same client request: see [`Used::handed_on`].
    pub(crate) handed_on: [u8; 32],
}

/// Which store says that a request is the one that uses a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    /// None.
    No,
    /// The one of this engine.
    Here,
    /// That of several machines too.
    Everywhere,
}

impl Used {
    /// The 32 bytes by which a host hands on what a decision found: the proof's name, or its complement where the shared store was asked too.
    fn handed_on(self, replay_key: &[u8; 32]) -> [u8; 32] {
        match self {
            Self::No | Self::Here => *replay_key,
            Self::Everywhere => replay_key.map(|byte| !byte),
        }
    }

    /// What the decision before found of the proof, by the bytes that the host handed on.
    pub(crate) fn before(handed_on: Option<&[u8; 32]>, replay_key: &[u8; 32]) -> Self {
        match handed_on {
            Some(name) if *name == Self::Everywhere.handed_on(replay_key) => Self::Everywhere,
            Some(name) if name == replay_key => Self::Here,
            _ => Self::No,
        }
    }
}

impl ProofFacts {
    /// Notes which store says that this request is the one that uses the proof.
    pub(crate) fn note_use(&mut self, by: Used) {
        self.use_once = by;
        self.handed_on = by.handed_on(&self.replay_key);
    }
}
