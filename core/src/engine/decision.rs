//! What the engine decided, and everything a host answers, forwards or logs of it.

use crate::engine::audit::AuditRecord;
use crate::engine::challenge;
use crate::engine::engine::Engine;
use crate::engine::state::TrustState;
use crate::engine::worker::Worker;
use crate::limits;
use crate::memory::record_cache::RecordRef;
use crate::policy::TrustSource;
use crate::policy::{Mode, Policy};
use crate::reason::Reason;
use crate::record::{self, NamedClaim, VerifiedToken};
use crate::specs::common::presentation::Scheme;
use crate::specs::nonce::NONCE_CHARS;
use crate::specs::proof::{ProofFacts, Used};
use crate::trust::{Authority, AuthorityIndex, TrustedKey};

/// Where the attributes of a token came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheTier {
    /// No token was looked up.
    #[default]
    None,
    /// The token was verified before, by a key that still stands.
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

/// Where the record of the token is.
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
    pub(crate) scheme: Option<Scheme>,
    pub(crate) source: Option<Source>,
    pub(crate) tier: CacheTier,
    pub(crate) proof: Option<ProofFacts>,
    pub(crate) next_nonce: Option<[u8; NONCE_CHARS]>,
    pub(crate) refresh: Option<AuthorityIndex>,
    /// The issuer that must be asked about the token.
    pub(crate) introspect: Option<AuthorityIndex>,
    /// The lengths of the records of the credentials beside the first; 0 for none.
    others: [u16; MAX_OTHERS],
    /// The place in `accept` of the entry whose condition refused the token.
    pub(crate) refusing_entry: Option<usize>,
}

impl Outcome {
    /// The record of the credential at `place` in the policy.
    pub(crate) fn record<'w>(&self, worker: &'w Worker, place: usize) -> Option<&'w [u8]> {
        let length = match (place.checked_sub(1), self.source) {
            (None, Some(Source::Cache(entry))) => return Some(worker.token_cache.record(entry)),
            (None, Some(Source::Fresh(length))) => length,
            (None, None) => 0,
            (Some(other), _) => usize::from(*self.others.get(other)?),
        };
        if length == 0 { None } else { worker.records.get(place)?.get(..length) }
    }

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

/// One decision, valid until the worker's next one.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'d> {
    engine: &'d Engine,
    trust_state: &'d TrustState,
    policy: Option<&'d Policy>,
    /// Where the outcome and the token's record are.
    worker: &'d Worker,
}

impl<'d> Decision<'d> {
    pub(crate) fn new(
        engine: &'d Engine,
        trust_state: &'d TrustState,
        policy: Option<&'d Policy>,
        worker: &'d Worker,
    ) -> Self {
        Self { engine, trust_state, policy, worker }
    }

    /// Why the request is refused, or `None` if it is accepted.
    ///
    /// In shadow mode too: whether the host lets a refused request pass is [`Decision::lets_pass`].
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        self.outcome().reason
    }

    /// Whether the request may go on: it is accepted, or the policy is in shadow mode.
    #[must_use]
    pub fn lets_pass(&self) -> bool {
        self.outcome().reason.is_none() || self.policy.is_some_and(|policy| policy.mode == Mode::Shadow)
    }

    /// The HTTP status to answer with: 200 stands for "go on".
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.outcome().reason {
            None => 200,
            Some(reason) => reason.status(),
        }
    }

    /// The policy that judged.
    #[must_use]
    pub const fn policy(&self) -> Option<&'d Policy> {
        self.policy
    }

    /// What the token says, if the request is accepted: nobody acts on a refused token by mistake.
    #[must_use]
    pub fn verified_token(&self) -> Option<VerifiedToken<'d>> {
        if self.outcome().reason.is_none() { self.any_verified_token() } else { None }
    }

    /// What the token says, accepted or not, for logs: its signature was verified, but some later check may have failed.
    #[must_use]
    pub(crate) fn any_verified_token(&self) -> Option<VerifiedToken<'d>> {
        self.verified_credential(0)
    }

    /// What the credential called `name` in the policy says, if the request is accepted and has it.
    #[must_use]
    pub fn credential(&self, name: &str) -> Option<VerifiedToken<'d>> {
        let place = self.policy?.credentials().position(|credential| credential.name() == name)?;
        if self.outcome().reason.is_none() { self.verified_credential(place) } else { None }
    }

    /// What the credential at `place` in the policy says, accepted or not, for logs.
    pub(crate) fn verified_credential(&self, place: usize) -> Option<VerifiedToken<'d>> {
        self.outcome().record(self.worker, place).and_then(VerifiedToken::unpack)
    }

    /// The claim that the policy hands to hosts under `name`, if the request is accepted and its first credential has it.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<NamedClaim<'d>> {
        let (_, slot) = self.policy?.attributes.iter().find(|(known, _)| known.as_ref() == name)?;
        // Without the rest of the record: a host may ask for many.
        let outcome = self.outcome();
        outcome.reason.is_none().then(|| record::named(outcome.record(self.worker, 0)?, *slot))?
    }

    /// The SHA-256 of the request's body, where the policy asks for it.
    #[must_use]
    pub fn body_digest(&self) -> Option<&'d [u8; 32]> {
        self.worker.body.as_ref()?.digest.as_ref()
    }

    /// The JSON-RPC method that the request's body calls, where the policy names tools.
    #[must_use]
    pub fn rpc_method(&self) -> Option<&'d str> {
        Some(&self.worker.body.as_ref()?.call.as_ref()?.method)
    }

    /// The tool that it calls, by the method `tools/call`.
    #[must_use]
    pub fn tool(&self) -> Option<&'d str> {
        self.worker.body.as_ref()?.call.as_ref()?.tool.as_deref()
    }

    /// The trust domain or issuer that vouches for the accepted token.
    #[must_use]
    pub fn issuer(&self) -> Option<&'d Authority> {
        self.verified_token().and_then(|verified| self.issuer_of(&verified))
    }

    /// The trust domain or issuer that vouches for a credential of this decision.
    #[must_use]
    pub fn issuer_of(&self, verified: &VerifiedToken<'_>) -> Option<&'d Authority> {
        self.authority(verified.authority)
    }

    /// `kid` of the key that signed the accepted token, if the key has one.
    #[must_use]
    pub fn key_id(&self) -> Option<&'d str> {
        self.verified_token().and_then(|verified| self.key(&verified)).and_then(TrustedKey::key_id)
    }

    /// The RFC 7638 thumbprint of the key that signed the accepted token.
    #[must_use]
    pub fn key_thumbprint(&self) -> Option<&'d [u8; 32]> {
        self.verified_token().and_then(|verified| self.key(&verified)).map(TrustedKey::thumbprint)
    }

    /// The scheme that the token came under, accepted or not.
    #[must_use]
    pub const fn scheme(&self) -> Option<Scheme> {
        self.outcome().scheme
    }

    /// The trust domain or issuer for which the host should fetch a new document now: a token names a key that is not in the
    /// one it has, or it has none, or one that is too old. At most once in that source's `min_refresh_seconds`.
    #[must_use]
    pub fn wants_refresh(&self) -> Option<(AuthorityIndex, &'d Authority)> {
        let index = self.outcome().refresh?;
        self.authority(index).map(|authority| (index, authority))
    }

    /// Whether the attributes came from the token cache.
    #[must_use]
    pub const fn cache_tier(&self) -> CacheTier {
        self.outcome().tier
    }

    /// The SHA-256 thumbprint of the key that signed the proof, if a proof was verified.
    #[must_use]
    pub fn proof_key_thumbprint(&self) -> Option<&'d [u8; 32]> {
        self.outcome().proof.as_ref().map(|proof| &proof.key_thumbprint)
    }

    /// What the replay store knows the proof by since this decision: for [`Request::with_used_proof`](super::Request::with_used_proof),
    /// if the same client request is judged by another policy too, with the same replay store. `None` where no proof was recorded.
    #[must_use]
    pub fn used_proof(&self) -> Option<&'d [u8; 32]> {
        self.outcome().proof.as_ref().filter(|proof| proof.use_once != Used::No).map(|proof| &proof.handed_on)
    }

    /// Hands each header field of the answer to `field`: the challenges of a refusal, and a nonce where there is one.
    ///
    /// The values are valid field values and never hold a byte of the request.
    ///
    /// # Errors
    /// What `field` returns first; [`core::fmt::Error`] never comes from here.
    #[inline]
    pub fn write_headers(
        &self,
        field: &mut dyn FnMut(&str, &dyn core::fmt::Display) -> core::fmt::Result,
    ) -> core::fmt::Result {
        if self.outcome().reason.is_none() && self.outcome().next_nonce.is_none() {
            return Ok(()); // most requests, and nothing of `challenge` is touched for them
        }
        let Some(policy) = self.policy else { return Ok(()) };
        challenge::write(policy, self.outcome(), field)
    }

    /// The record of this decision for logs.
    #[must_use]
    pub fn audit(&self) -> AuditRecord<'_> {
        AuditRecord::new(self)
    }

    pub(crate) const fn outcome(&self) -> &'d Outcome {
        &self.worker.outcome
    }

    pub(crate) fn authority(&self, index: AuthorityIndex) -> Option<&'d Authority> {
        self.engine.document.source(index.as_usize()).map(TrustSource::authority)
    }

    pub(crate) fn key(&self, verified: &VerifiedToken<'_>) -> Option<&'d TrustedKey> {
        self.trust_state.bundles.key(verified.key)
    }
}
