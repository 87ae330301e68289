//! The decision, and everything that a host answers, forwards or logs of it.

use crate::engine::engine::Engine;
use crate::engine::outcome::{CacheTier, Outcome};
use crate::engine::state::TrustState;
use crate::engine::worker::Worker;
use crate::policy::TrustSource;
use crate::policy::{Mode, Policy};
use crate::reason::Reason;
use crate::record::{self, NamedClaim, VerifiedToken};
use crate::specs::common::presentation::AuthScheme;
use crate::specs::row::Used;
use crate::specs::settings::ReplayMode;
use crate::trust::{Authority, AuthorityIndex, TrustedKey};

/// The outcome of one request: accepted, or refused for one [`Reason`].
///
/// It borrows the worker, the engine and the trust state for `'d`, so it is valid until the worker's next decision. Attributes of a token are
/// available only if the request is accepted; [`audit`](Self::audit) also names the subject of a refused token whose signature was verified.
///
/// A host lets the request pass if [`lets_pass`](Self::lets_pass) is true. Otherwise it answers with [`status`](Self::status) and the header
/// fields of [`write_headers`](Self::write_headers). An accepted request may have a header field too: a fresh `DPoP-Nonce`.
///
/// # Examples
/// ```
/// use countersign::{Attribute, Decision};
/// # use countersign::{Engine, PolicyDocument, Request, UnixSeconds, Worker};
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); } use example::*;
///
/// fn answer(decision: &Decision<'_>) -> Result<(u16, Vec<String>), std::fmt::Error> {
///     let mut fields = Vec::new();
///     decision.write_headers(&mut |name, value| {
///         fields.push(format!("{name}: {value}"));
///         Ok(())
///     })?;
///     Ok((decision.status(), fields))
/// }
///
/// # let engine = Engine::new(PolicyDocument::parse(POLICY).map_err(|faults| faults[0].to_string())?, [3, 7]);
/// # let mut worker = Worker::new(&engine, [3, 7]);
/// # let trust_state = engine.empty_trust_state();
/// # let workloads = engine.document().policy("workloads").ok_or("unknown")?;
/// # let request = Request::new(b"GET", b"https://api.example/orders", [], UnixSeconds::new(NOW));
/// let decision = worker.decide(&engine, &trust_state, workloads, &request);
/// assert!(!decision.lets_pass());
/// let (status, fields) = answer(&decision)?;
/// assert_eq!((status, fields[0].as_str()), (401, "www-authenticate: Bearer realm=\"workloads\""));
/// assert_eq!(Attribute::Reason.of(&decision).map(|value| value.to_string()), Some("credential_missing".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Decision<'d> {
    engine: &'d Engine,
    trust_state: &'d TrustState,
    policy: Option<&'d Policy>,
    /// It has the outcome and the token's record.
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
    /// The same in shadow mode, in which [`lets_pass`](Self::lets_pass) is nevertheless true.
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        self.outcome().reason
    }

    /// Whether the request may go on: it is accepted, or the policy is in shadow mode.
    #[must_use]
    pub fn lets_pass(&self) -> bool {
        self.outcome().reason.is_none() || self.policy.is_some_and(|policy| policy.mode == Mode::Shadow)
    }

    /// The HTTP status to answer with; 200 if the request is accepted.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.outcome().reason {
            None => 200,
            Some(reason) => reason.status(),
        }
    }

    /// The policy of the decision; `None` if it does not exist, or the trust state is of another engine.
    #[must_use]
    pub const fn policy(&self) -> Option<&'d Policy> {
        self.policy
    }

    /// The verified token, if the request is accepted. With several credentials, the first of the policy.
    #[must_use]
    pub fn verified_token(&self) -> Option<VerifiedToken<'d>> {
        if self.outcome().reason.is_none() { self.any_verified_token() } else { None }
    }

    /// Whether the request is accepted without the credential that says who the client is, which the policy does not require.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.outcome().reason.is_none() && self.outcome().source.is_none()
    }

    /// The token, accepted or not, for logs: its signature was verified, but a later check may have failed.
    #[must_use]
    pub(crate) fn any_verified_token(&self) -> Option<VerifiedToken<'d>> {
        self.verified_credential(0)
    }

    /// The verified token of the credential with this name in the policy, if the request is accepted and has it.
    #[must_use]
    pub fn credential(&self, name: &str) -> Option<VerifiedToken<'d>> {
        let place = self.policy?.credentials().position(|credential| credential.name() == name)?;
        if self.outcome().reason.is_none() { self.verified_credential(place) } else { None }
    }

    /// The token of the credential at this index of the policy, accepted or not, for logs.
    pub(crate) fn verified_credential(&self, place: usize) -> Option<VerifiedToken<'d>> {
        self.worker.record(place).and_then(VerifiedToken::unpack)
    }

    /// The claim that the policy maps to the attribute `name`, if the request is accepted and its first credential has it.
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

    /// The SHA-256 of the body, if the policy has `body_digest`.
    #[must_use]
    pub fn body_digest(&self) -> Option<&'d [u8; 32]> {
        self.worker.body.as_ref()?.digest.as_ref()
    }

    /// The JSON-RPC method that the body calls, if the policy has `tools`; for a refused request too.
    #[must_use]
    pub fn rpc_method(&self) -> Option<&'d str> {
        Some(&self.worker.body.as_ref()?.call.as_ref()?.method)
    }

    /// The tool that the body calls by the method `tools/call`, if the policy has `tools`; for a refused request too.
    #[must_use]
    pub fn tool(&self) -> Option<&'d str> {
        self.worker.body.as_ref()?.call.as_ref()?.tool.as_deref()
    }

    /// The trust domain or issuer whose key verified the accepted token.
    #[must_use]
    pub fn issuer(&self) -> Option<&'d Authority> {
        self.verified_token().and_then(|verified| self.issuer_of(&verified))
    }

    /// The trust domain or issuer whose key verified a credential of this decision.
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

    /// The authentication scheme of the token, accepted or not.
    #[must_use]
    pub const fn scheme(&self) -> Option<AuthScheme> {
        self.outcome().scheme
    }

    /// The trust domain or issuer whose document the host should fetch now: a token names a key that is not in the current document, or there
    /// is none, or it is too old. At most once in the `min_refresh_seconds` of that source, over all threads.
    #[must_use]
    pub fn wants_refresh(&self) -> Option<(AuthorityIndex, &'d Authority)> {
        let index = self.outcome().refresh?;
        self.authority(index).map(|authority| (index, authority))
    }

    /// Whether the token was in the token cache.
    #[must_use]
    pub const fn cache_tier(&self) -> CacheTier {
        self.outcome().tier
    }

    /// The value by which this decision recorded the proof in the replay store; `None` if none was recorded. For
    /// [`Request::with_used_proof`](crate::Request::with_used_proof), if the same client request is validated under another policy too.
    #[must_use]
    pub fn used_proof(&self) -> Option<&'d [u8; 32]> {
        self.outcome().proof.as_ref().filter(|proof| proof.use_once != Used::No).map(|proof| &proof.handed_on)
    }

    /// Whether a proof was verified and not used up, because the policy says `consume: observe`.
    #[must_use]
    pub fn observes_proof(&self) -> bool {
        let observes = self.policy.is_some_and(|policy| policy.dpop.replay == ReplayMode::Observe);
        observes && self.outcome().proof.is_some()
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
