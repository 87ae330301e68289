//! How a worker judges a request: each credential, what ties them, what binds the first, and the answers of the host.

use alloc::boxed::Box;

use crate::crypto;
use crate::engine::body::BodyFacts;
use crate::engine::engine::Engine;
use crate::engine::outcome::{CacheTier, Outcome, Source};
use crate::engine::pending::{Answer, Pending, UseOnce, WaitsFor};
use crate::engine::state::Snapshot;
use crate::engine::token::{self, TokenBuffers};
use crate::engine::worker::Worker;
use crate::jose::json::JsonObject;
use crate::memory::record_cache::RecordRef;
use crate::memory::revocation::{Presented, RevokedBy};
use crate::policy::{Binding, CredentialPolicy, From, Policy};
use crate::reason::Reason;
use crate::record::{self, Facts};
use crate::request::Request;
use crate::specs::check::{Check, Trail};
use crate::specs::common::confirmation::Unenforceable;
use crate::specs::common::presentation::{self, Credential, Scheme};
use crate::specs::common::{actor, spiffe_ids, validity};
use crate::specs::introspection;
use crate::specs::profile::TokenKind;
use crate::specs::proof::ProofKind;
use crate::specs::row::{Claimed, Keys, Proof, ProofMemory};
use crate::spiffe_id;
use crate::time::UnixSeconds;
use crate::trust::OriginIndex;

impl Worker {
    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    pub(super) fn go_on(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        pending: Pending,
        request: &Request<'_>,
        answer: Answer<'_>,
        trail: &mut impl Trail,
    ) -> Result<(), Reason> {
        let Pending { waits_for, outcome, records, body, .. } = pending;
        if let WaitsFor::Introspect { origin } = waits_for {
            self.outcome.scheme = outcome.scheme;
            let answer = match answer {
                Answer::Introspected(answer) => answer,
                Answer::IntrospectionFailed => return Err(Reason::IntrospectionUnavailable),
                _ => return Err(Reason::InternalError),
            };
            let length = self.take_answer(engine, origin, request, answer)?;
            return self.judge(engine, snapshot, policy, request, Some(length), trail);
        }
        self.restore(outcome, &records, body)?;
        for (expected, record) in policy.credentials().zip(&records).filter(|(_, record)| !record.is_empty()) {
            let facts = Facts::unpack(record).ok_or(Reason::InternalError)?;
            if !still_stands(&facts, engine, snapshot, policy, expected, request.now) {
                return Err(Reason::KeyUnknown);
            }
            check_further(&facts, engine, snapshot, policy, expected, request.now, trail)?;
        }
        match (waits_for, answer) {
            (WaitsFor::Body { .. }, Answer::Body(reader)) => {
                trail.enter(Check::Body);
                let body = reader.finish()?;
                let tools = policy.body.as_ref().and_then(|body| body.tools.as_deref());
                let tool = body.call.as_ref().and_then(|call| call.tool.as_deref());
                let is_let_in = match (tools, tool) {
                    (Some(tools), Some(tool)) => tools.iter().any(|pattern| pattern.matches(tool)),
                    _ => true,
                };
                self.body = Some(body);
                if is_let_in { Ok(()) } else { Err(Reason::ToolRefused) }
            }
            (WaitsFor::UseOnce { .. }, Answer::UseOnce(answer)) => {
                trail.enter(Check::ProofReplay);
                match answer {
                    UseOnce::First => {
                        let proof = self.outcome.proof.as_mut().ok_or(Reason::InternalError)?;
                        proof.claimed(Claimed::Everywhere);
                        Ok(())
                    }
                    UseOnce::Used => Err(Reason::ProofReplayed),
                    UseOnce::Unavailable => Err(Reason::ReplayStoreUnavailable),
                }
            }
            _ => Err(Reason::InternalError),
        }
    }

    /// Puts what was known when a decision began to wait back into the worker.
    pub(super) fn restore(
        &mut self,
        outcome: Outcome,
        records: &[Box<[u8]>],
        body: Option<BodyFacts>,
    ) -> Result<(), Reason> {
        self.outcome = outcome;
        self.body = body;
        for (place, (record, room)) in records.iter().zip(&mut self.records).enumerate() {
            room.get_mut(..record.len()).ok_or(Reason::InternalError)?.copy_from_slice(record);
            self.outcome.set_fresh(place, record.len());
        }
        Ok(())
    }

    /// Puts what the issuer `origin` answered about the token of `request` into its record and into the cache; the length of the record.
    fn take_answer(
        &mut self,
        engine: &Engine,
        origin: OriginIndex,
        request: &Request<'_>,
        answer: &[u8],
    ) -> Result<usize, Reason> {
        let credential = Credential::read(request.authorization, request.uri)?;
        let source = engine.document.source(origin.as_usize()).ok_or(Reason::InternalError)?;
        let endpoint = source.introspection.as_ref().ok_or(Reason::InternalError)?;
        let (claims, good_until) =
            introspection::read(answer, source.origin.name(), &mut self.names, request.now, endpoint.cache_seconds)?;
        if !TokenKind::Introspected.profile().required.is_within(claims.present()) {
            return Err(Reason::ClaimMissing);
        }
        let current = claims.actor.map(actor::check).transpose()?.flatten();
        let record = self.records.first_mut().ok_or(Reason::InternalError)?;
        let hash = || crypto::sha256(credential.token);
        let length = record::pack_introspected(&claims, current, hash, origin, good_until, record)?;
        let length = match core::str::from_utf8(answer) {
            Ok(text) if !engine.document.named_claims.is_empty() => {
                let payload = JsonObject::from_checked(text.trim_matches([' ', '\t', '\n', '\r']));
                record::add_named(record, length, &engine.document.named_claims, payload)?
            }
            _ => length,
        };
        if endpoint.cache_seconds > 0 {
            let _cached = self.verdicts.insert(credential.token, record.get(..length).unwrap_or_default());
        }
        Ok(length)
    }

    /// `given` is the length of the first record, where it was made by an answer.
    pub(super) fn judge(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Request<'_>,
        given: Option<usize>,
        trail: &mut impl Trail,
    ) -> Result<(), Reason> {
        trail.enter(Check::Presentation);
        let expected = &policy.credential;
        let credential = match &expected.from {
            From::Authorization => Credential::read(request.authorization, request.uri).inspect_err(|_| {
                self.outcome.scheme = Scheme::of(request.authorization);
            })?,
            From::Header(name) => credential_in(request, name)?.ok_or(Reason::CredentialMissing)?,
        };
        self.outcome.scheme = Some(credential.scheme);
        // RFC 9449 §4.3 item 1 holds for every request that carries a proof, needed or not.
        if request.proof == presentation::Field::Repeated {
            return Err(Reason::ProofRepeated);
        }

        trail.enter(Check::VerdictCache);
        let known = match self.verdicts.find(credential.token) {
            Some(entry) if given.is_none() => Facts::unpack(self.verdicts.record(entry))
                .filter(|facts| still_stands(facts, engine, snapshot, policy, expected, request.now))
                .filter(|facts| may_be_reused(facts, expected, credential.token, request.now))
                .map(|facts| (entry, facts)),
            _ => None,
        };
        let facts = match known {
            Some((entry, facts)) => {
                self.outcome.source = Some(Source::Cache(entry));
                self.outcome.tier = CacheTier::Hit;
                facts
            }
            None => {
                let length = match given {
                    Some(length) => self.answered(length),
                    None => self.verify(0, engine, snapshot, policy, expected, &credential, request.now, trail)?,
                };
                let record = self.records.first().and_then(|record| record.get(..length)).and_then(Facts::unpack);
                record.ok_or(Reason::InternalError)?
            }
        };
        let refusing = &mut self.outcome.refusing_entry;
        check_facts(&facts, engine, snapshot, policy, expected, request.now, refusing, trail)?;
        let facts =
            if policy.others.is_empty() { facts } else { self.judge_others(engine, snapshot, policy, request, trail)? };

        trail.enter(Check::Binding);
        check_binding(policy, &facts, credential.scheme, request)?;
        if !facts.confirmation.is_bound() {
            return Ok(());
        }
        // Copies, since the checks need the worker's memory.
        let token_hash = facts.token_hash.copied();
        let bound_to = ProofKind::ALL.map(|method| (method.method().bound_to)(&facts.confirmation).copied());
        self.check_proofs(engine, snapshot, policy, request, &bound_to, token_hash.as_ref(), trail)
    }

    #[cold]
    fn answered(&mut self, length: usize) -> usize {
        self.outcome.tier = CacheTier::Miss;
        self.outcome.source = Some(Source::Fresh(length));
        length
    }

    /// Apart from the path of a request with one credential.
    #[inline(never)]
    fn find_further(&mut self, token: &[u8]) -> Option<RecordRef> {
        self.verdicts.find(token)
    }

    /// The credentials beside the first, and what ties them. Gives the facts of the first, which are no longer in the cache's memory: an
    /// entry that the others add may take its place.
    #[inline(never)]
    fn judge_others(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Request<'_>,
        trail: &mut impl Trail,
    ) -> Result<Facts<'_>, Reason> {
        let first = match self.outcome.source {
            Some(Source::Cache(entry)) => {
                let cached = self.verdicts.record(entry);
                let room = self.records.first_mut().and_then(|room| room.get_mut(..cached.len()));
                room.ok_or(Reason::InternalError)?.copy_from_slice(cached);
                cached.len()
            }
            Some(Source::Fresh(length)) => length,
            None => return Err(Reason::InternalError),
        };
        self.outcome.source = Some(Source::Fresh(first));
        let first_tier = self.outcome.tier;
        for (place, expected) in (1..).zip(&policy.others) {
            trail.enter(Check::Presentation);
            let From::Header(name) = &expected.from else { return Err(Reason::InternalError) };
            let Some(credential) = credential_in(request, name)? else {
                if expected.required {
                    return Err(Reason::CredentialMissing);
                }
                continue;
            };
            trail.enter(Check::VerdictCache);
            let known = self.find_further(credential.token).map(|entry| self.verdicts.record(entry)).filter(|record| {
                let facts = Facts::unpack(record);
                facts.is_some_and(|facts| {
                    still_stands(&facts, engine, snapshot, policy, expected, request.now)
                        && may_be_reused(&facts, expected, credential.token, request.now)
                })
            });
            let length = match known {
                Some(record) => {
                    let room = self.records.get_mut(place).and_then(|room| room.get_mut(..record.len()));
                    room.ok_or(Reason::InternalError)?.copy_from_slice(record);
                    record.len()
                }
                None => self.verify(place, engine, snapshot, policy, expected, &credential, request.now, trail)?,
            };
            self.outcome.set_fresh(place, length);
            let facts = self.records.get(place).and_then(|room| room.get(..length)).and_then(Facts::unpack);
            let facts = facts.ok_or(Reason::InternalError)?;
            check_further(&facts, engine, snapshot, policy, expected, request.now, trail)?;
            trail.enter(Check::Binding);
            // A bound token needs its proof, and a request proves one key: that of its first credential.
            if facts.confirmation.is_bound() {
                return Err(Reason::BindingUnsupported);
            }
        }
        self.outcome.tier = first_tier;
        let facts_at = |place: usize| self.record(place).and_then(Facts::unpack);
        trail.enter(Check::Ties);
        for tie in &policy.ties {
            let (left, right) = (facts_at(tie.left.credential), facts_at(tie.right.credential));
            // A credential that may be absent ties nothing when it is.
            let (Some(left), Some(right)) = (left, right) else { continue };
            let value = left.named(tie.left.slot);
            if value.is_none() || value != right.named(tie.right.slot) {
                return Err(Reason::CredentialsUntied);
            }
        }
        facts_at(0).ok_or(Reason::InternalError)
    }

    /// Verifies a token that is not in the cache, and puts it there; returns the length of its record.
    // Not inlined, nor is `check_proofs`: what is left is all that a cached token takes, on few pages of code. In a large process each page
    // that a request touches is one that the processor has to look up again.
    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    #[inline(never)]
    fn verify(
        &mut self,
        place: usize,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        expected: &CredentialPolicy,
        credential: &Credential<'_>,
        now: UnixSeconds,
        trail: &mut dyn Trail,
    ) -> Result<usize, Reason> {
        self.outcome.tier = CacheTier::Miss;
        credential.check_single()?;
        let token = credential.token;
        if expected.is_opaque(token) {
            self.outcome.introspect = expected.pinned_issuer(TokenKind::Introspected);
            return Err(Reason::IntrospectionUnavailable);
        }
        let record = self.records.get_mut(place).ok_or(Reason::InternalError)?;
        let buffers = TokenBuffers {
            hot_keys: &mut self.hot_keys,
            names: &mut self.names,
            header: &mut self.header,
            payload: &mut self.payload,
            signature: &mut self.signature,
            record,
        };
        match token::verify(token, policy, expected, &engine.document, snapshot, now, buffers, trail) {
            Ok(length) => {
                if place == 0 {
                    self.outcome.source = Some(Source::Fresh(length));
                }
                let _cached = self.verdicts.insert(token, record.get(..length).unwrap_or_default());
                Ok(length)
            }
            Err(refused) => {
                self.outcome.refresh = refused.unknown_key_of.filter(|origin| engine.claim_refresh(*origin, now));
                Err(refused.reason)
            }
        }
    }

    /// The proof of each method that binds the token, in the order of the table.
    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    #[inline(never)]
    fn check_proofs(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Request<'_>,
        bound_to: &[Option<[u8; 32]>; ProofKind::ALL.len()],
        token_hash: Option<&[u8; 32]>,
        trail: &mut dyn Trail,
    ) -> Result<(), Reason> {
        for (method, bound_to) in ProofKind::ALL.into_iter().zip(bound_to) {
            let Some(bound_to) = bound_to else { continue };
            let memory = ProofMemory {
                keys: &mut self.proofs,
                hot_keys: &mut self.hot_keys,
                names: &mut self.names,
                header: &mut self.header,
                payload: &mut self.payload,
                signature: &mut self.signature,
            };
            (method.method().check)(&mut Proof {
                request,
                bound_to,
                token_hash,
                settings: &policy.dpop,
                origin: policy.origin.as_ref(),
                nonces: snapshot.nonces.as_deref(),
                replay: &*engine.replay,
                memory,
                verified: &mut self.outcome.proof,
                next_nonce: &mut self.outcome.next_nonce,
                trail: &mut *trail,
            })?;
        }
        Ok(())
    }
}

/// The one credential in a header field of its own, without a scheme.
fn credential_in<'r>(request: &Request<'r>, name: &str) -> Result<Option<Credential<'r>>, Reason> {
    let field = request.fields.map_or(presentation::Field::Absent, |fields| fields.field(name));
    Credential::alone(field)
}

/// What is asked of the facts of a token on every request, cached or not, whatever binds it. `refusing_entry` takes the place of the entry
/// of `accept` whose condition refuses.
#[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
#[inline(always)]
fn check_facts(
    facts: &Facts<'_>,
    engine: &Engine,
    snapshot: &Snapshot,
    policy: &Policy,
    expected: &CredentialPolicy,
    now: UnixSeconds,
    refusing_entry: &mut Option<usize>,
    trail: &mut impl Trail,
) -> Result<(), Reason> {
    trail.enter(Check::Time);
    // RFC 7662 §4: an answer is not used past the token's `exp`, and both clocks are the issuer's.
    let leeway = if facts.kind == TokenKind::Introspected { 0 } else { policy.leeway_seconds };
    validity::check_time(facts, now, leeway)?;
    trail.enter(Check::Audience);
    validity::check_audience(facts, &expected.audience)?;
    if facts.names_workload {
        trail.enter(Check::SpiffeIds);
        let source = engine.document.source(facts.origin.as_usize()).ok_or(Reason::InternalError)?;
        spiffe_ids::check(facts, |domain| source.speaks_for(domain))?;
    }
    trail.enter(Check::Subject);
    if let Err((entry, reason)) = expected.admit(facts, now) {
        *refusing_entry = Some(entry);
        if reason == Reason::ScopeInsufficient {
            trail.enter(Check::Scope);
        }
        return Err(reason);
    }
    trail.enter(Check::Scope);
    trail.enter(Check::Revocation);
    check_revoked(engine, snapshot, facts, now)
}

/// As [`check_facts`], apart from the path of a request with one credential.
#[inline(never)]
fn check_further(
    facts: &Facts<'_>,
    engine: &Engine,
    snapshot: &Snapshot,
    policy: &Policy,
    expected: &CredentialPolicy,
    now: UnixSeconds,
    mut trail: &mut dyn Trail,
) -> Result<(), Reason> {
    check_facts(facts, engine, snapshot, policy, expected, now, &mut None, &mut trail)
}

/// Whether a record that was made before may be used: its key is still in its set, the set is fresh, and under this policy the
/// token is of the same kind. Everything else about it is checked on every request.
#[inline(always)]
fn still_stands(
    facts: &Facts<'_>,
    engine: &Engine,
    snapshot: &Snapshot,
    policy: &Policy,
    expected: &CredentialPolicy,
    now: UnixSeconds,
) -> bool {
    if facts.kind == TokenKind::Introspected {
        return expected.pinned_issuer(facts.kind) == Some(facts.origin);
    }
    let stale = || {
        let most = engine.document.source(facts.origin.as_usize()).and_then(|source| source.max_stale_seconds);
        let loaded = || snapshot.trust.set(facts.origin).map(crate::trust::KeySet::loaded_at);
        most.is_some_and(|most| loaded().is_none_or(|loaded| now > loaded.plus(most)))
    };
    // Without `kid` the policy and the other keys of the set decide which key is meant: asked again each time.
    let still_the_one = || {
        let single = (facts.kind.profile().latitude)(&policy.profiles).single_candidate_key;
        let found = snapshot.trust.set(facts.origin).map(|set| set.find(None, facts.algorithm, single));
        matches!(found, Some(Ok(key)) if key.id() == facts.key)
    };
    let takes_unknown_headers = || (facts.kind.profile().latitude)(&policy.profiles).unknown_headers;
    let pinned =
        || facts.kind.profile().keys != Keys::PinnedIssuer || expected.pinned_issuer(facts.kind) == Some(facts.origin);
    let kind = expected.kinds.resolve(facts.typ, facts.subject_bytes().starts_with(spiffe_id::PREFIX.as_bytes()));
    kind == Some(facts.kind)
        && expected.algorithms(facts.kind).contains(facts.algorithm)
        && snapshot.trust.key(facts.key).is_some()
        && (!facts.extra_parameters || takes_unknown_headers())
        && (!facts.without_key_id || still_the_one())
        && (!facts.without_issuer || pinned())
        && !stale()
}

/// Whether a record from the cache serves another request: an answer of an issuer does only for its time, and only where this policy
/// asks about `token` too, and does not verify it by a key.
#[inline(always)]
fn may_be_reused(facts: &Facts<'_>, expected: &CredentialPolicy, token: &[u8], now: UnixSeconds) -> bool {
    #[cold]
    fn answer_may_be_reused(facts: &Facts<'_>, expected: &CredentialPolicy, token: &[u8], now: UnixSeconds) -> bool {
        now < facts.answer_good_until() && expected.is_opaque(token)
    }
    facts.kind != TokenKind::Introspected || answer_may_be_reused(facts, expected, token, now)
}

#[inline(always)]
fn check_revoked(engine: &Engine, snapshot: &Snapshot, facts: &Facts<'_>, now: UnixSeconds) -> Result<(), Reason> {
    if !snapshot.revocations_known.at(now) {
        return Err(Reason::BundleStale);
    }
    if snapshot.revocations.is_empty() {
        return Ok(());
    }
    let presented = Presented {
        origin: engine.document.source(facts.origin.as_usize()).map_or("", |source| source.origin.name()),
        key_id: snapshot.trust.key(facts.key).and_then(|key| key.key_id()),
        subject: facts.subject(),
        token_id: facts.token_id(),
        issued_at: facts.issued_at,
    };
    match snapshot.revocations.revoked_by(&presented) {
        None => Ok(()),
        Some(RevokedBy::Key) => Err(Reason::KeyRevoked),
        Some(RevokedBy::Subject) => Err(Reason::SubjectRevoked),
        Some(RevokedBy::Token) => Err(Reason::TokenRevoked),
        Some(RevokedBy::Epoch) => Err(Reason::EpochRevoked),
    }
}

/// What binds the token, against what the policy demands and the scheme it came under. The proofs themselves come after.
#[inline(always)]
fn check_binding(policy: &Policy, facts: &Facts<'_>, scheme: Scheme, request: &Request<'_>) -> Result<(), Reason> {
    let cnf = &facts.confirmation;
    match cnf.unenforceable {
        Some(Unenforceable::Unsupported) => return Err(Reason::BindingUnsupported),
        Some(Unenforceable::Ambiguous) => return Err(Reason::BindingAmbiguous),
        None => {}
    }
    let (dpop, mtls) = (cnf.key_thumbprint.is_some(), cnf.certificate_thumbprint.is_some());
    let satisfied = match policy.binding {
        Binding::None => true,
        Binding::Any => dpop || mtls,
        Binding::Dpop => dpop,
        Binding::Mtls => mtls,
    };
    // RFC 9449 §7.1: under the DPoP scheme "the token […] MUST be bound"; one that is not does not become so by its scheme.
    if !satisfied || (scheme == Scheme::Dpop && !dpop) {
        return Err(Reason::BindingRequired);
    }
    // RFC 9449 §7.2: a resource server "MUST NOT" take a DPoP-bound token as a bearer token. Without a proof that is what
    // is missing; with one, the scheme is what is wrong.
    if dpop && scheme == Scheme::Bearer && request.proof != presentation::Field::Absent {
        return Err(Reason::SchemeMismatch);
    }
    Ok(())
}
