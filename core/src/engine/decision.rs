//! What the engine decided, and everything a host answers, forwards or logs of it.

use crate::engine::engine::Engine;
use crate::engine::outcome::{CacheTier, Outcome};
use crate::engine::state::TrustState;
use crate::engine::worker::Worker;
use crate::policy::TrustSource;
use crate::policy::{Mode, Policy};
use crate::reason::Reason;
use crate::record::{self, NamedClaim, VerifiedToken};
use crate::specs::common::presentation::Scheme;
use crate::specs::row::Used;
use crate::trust::{Authority, AuthorityIndex, TrustedKey};

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

    /// Whether the request is accepted without the credential that says who the client is, which the policy does not require.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.outcome().reason.is_none() && self.outcome().source.is_none()
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
        self.worker.record(place).and_then(VerifiedToken::unpack)
    }

    /// The claim that the policy hands to hosts under `name`, if the request is accepted and its first credential has it.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<NamedClaim<'d>> {
        let (_, slot) = self.policy?.attributes.iter().find(|(known, _)| known.as_ref() == name)?;
        // Without the rest of the record: a host may ask for many.
        let accepted = self.outcome().reason.is_none();
        accepted.then(|| record::named(self.worker.record(0)?, *slot))?
    }

    /// The record of the first credential, accepted or not, for logs.
    pub(crate) fn record(&self) -> Option<&'d [u8]> {
        self.worker.record(0)
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
        self.verified_token().and_then(|verified| self.key_id_of(&verified))
    }

    /// `kid` of the key that signed a credential of this decision, if the key has one.
    #[must_use]
    pub fn key_id_of(&self, verified: &VerifiedToken<'_>) -> Option<&'d str> {
        self.key(verified).and_then(TrustedKey::key_id)
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
