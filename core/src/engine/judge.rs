//! How a worker judges a request: each credential, what ties them, what binds the first, and the answers of the host.

use alloc::boxed::Box;

use crate::crypto;
use crate::engine::body::BodyFacts;
use crate::engine::engine::Engine;
use crate::engine::outcome::{CacheTier, Outcome, Source};
use crate::engine::pending::{Answer, Pending, UseOnce, WaitsFor};
use crate::engine::state::TrustState;
use crate::engine::token::{self, TokenBuffers};
use crate::engine::worker::Worker;
use crate::jose::json::JsonObject;
use crate::memory::record_cache::RecordRef;
use crate::memory::revocation::{Presented, RevokedBy};
use crate::policy::{AcceptedKind, Binding, CredentialLocation, CredentialPolicy, Policy};
use crate::reason::Reason;
use crate::record::{self, RulesNumber, VerifiedToken};
use crate::request::Request;
use crate::specs::check::{Check, Trace};
use crate::specs::common::confirmation::Unenforceable;
use crate::specs::common::presentation::{self, AuthScheme, Credential};
use crate::specs::common::{actor, spiffe_ids, validity};
use crate::specs::introspection;
use crate::specs::profile::TokenKind;
use crate::specs::proof::ProofKind;
use crate::specs::row::{Keys, Proof, ProofMemory, Used};
use crate::spiffe_id;
use crate::time::UnixSeconds;
use crate::trust::{AuthorityIndex, SelectedBy};
use crate::uri;

impl Worker {
    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    pub(super) fn go_on(
        &mut self,
        engine: &Engine,
        trust_state: &TrustState,
        policy: &Policy,
        pending: Pending,
        request: &Request<'_>,
        answer: Answer<'_>,
        trace: &mut impl Trace,
    ) -> Result<(), Reason> {
        let Pending { waits_for, outcome, records, body, .. } = pending;
        if let WaitsFor::Introspect { authority } = waits_for {
            self.outcome.scheme = outcome.scheme;
            let answer = match answer {
                Answer::Introspected(answer) => answer,
                Answer::IntrospectionFailed => return Err(Reason::IntrospectionUnavailable),
                _ => return Err(Reason::InternalError),
            };
            let length = self.take_answer(engine, &policy.credential, authority, request, answer)?;
            return self.judge(engine, trust_state, policy, request, Some(length), trace);
        }
        self.restore(outcome, &records, body)?;
        for (place, (expected, record)) in policy.credentials().zip(&records).enumerate() {
            if record.is_empty() {
                continue;
            }
            self.outcome.credential = place;
            let verified = VerifiedToken::unpack(record).ok_or(Reason::InternalError)?;
            if !still_stands(&verified, engine, trust_state, policy, expected, request.now) {
                return Err(Reason::KeyUnknown);
            }
            let refusing = &mut self.outcome.refusing_entry;
            check_further(&verified, engine, trust_state, policy, expected, request.now, refusing, trace)?;
        }
        self.outcome.credential = 0;
        match (waits_for, answer) {
            (WaitsFor::Body { .. }, Answer::Body(reader)) => {
                trace.enter(Check::Body);
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
                trace.enter(Check::ProofReplay);
                match answer {
                    UseOnce::First => {
                        let proof = self.outcome.proof.as_mut().ok_or(Reason::InternalError)?;
                        proof.note_use(Used::Everywhere);
                        Ok(())
                    }
                    UseOnce::Used => Err(Reason::ProofReplayed),
                    UseOnce::Unavailable => Err(Reason::ReplayStoreUnavailable),
                }
            }
            _ => Err(Reason::InternalError),
        }
    }

    /// Restores the state of a waiting decision in the worker.
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

    /// Writes the answer of the issuer `authority` about the token of `request` to its record and to the cache; returns the length of the record.
    fn take_answer(
        &mut self,
        engine: &Engine,
        expected: &CredentialPolicy,
        authority: AuthorityIndex,
        request: &Request<'_>,
        answer: &[u8],
    ) -> Result<usize, Reason> {
        let credential = Credential::read(request.authorization, request.uri)?;
        let source = engine.document.source(authority.as_usize()).ok_or(Reason::InternalError)?;
        let endpoint = source.introspection.as_ref().ok_or(Reason::InternalError)?;
        let read =
            introspection::read(answer, source.identifier(), &mut self.names, request.now, endpoint.cache_seconds);
        if let Err(Reason::TokenInactive) = read {
            let until = request.now.plus(endpoint.inactive_cache_seconds);
            self.inactive.add(&crypto::sha256(credential.token), authority, request.now, until);
            if let Some(entry) = self.token_cache.find(credential.token) {
                self.token_cache.remove(entry);
            }
        }
        let (claims, good_until) = read?;
        expected.check_departures(TokenKind::Introspected, &claims)?;
        let current = claims.actor.map(actor::check).transpose()?.flatten();
        let record = self.records.first_mut().ok_or(Reason::InternalError)?;
        let hash = || crypto::sha256(credential.token);
        // Where no answer is used again, the cache has it all the same: the token is known.
        let good_until = if endpoint.cache_seconds == 0 { UnixSeconds::new(0) } else { good_until };
        let length = record::pack_introspected(&claims, current, hash, authority, good_until, record)?;
        let length = match core::str::from_utf8(answer) {
            Ok(text) if !engine.document.named_claims.is_empty() => {
                let payload = JsonObject::from_checked(text.trim_matches([' ', '\t', '\n', '\r']));
                record::add_named(record, length, &engine.document.named_claims, payload)?
            }
            _ => length,
        };
        let _cached = self.token_cache.insert(credential.token, record.get(..length).unwrap_or_default());
        Ok(length)
    }

    /// `given` is the length of the first record, where it was made by an answer.
    pub(super) fn judge(
        &mut self,
        engine: &Engine,
        trust_state: &TrustState,
        policy: &Policy,
        request: &Request<'_>,
        given: Option<usize>,
        trace: &mut impl Trace,
    ) -> Result<(), Reason> {
        trace.enter(Check::Presentation);
        if policy.credential.from != CredentialLocation::Authorization {
            return self.judge_elsewhere(engine, trust_state, policy, request, trace);
        }
        match Credential::read(request.authorization, request.uri) {
            Ok(credential) => self.judge_first(engine, trust_state, policy, request, &credential, given, trace),
            Err(Reason::CredentialMissing) if policy.lets_pass_without(request) => {
                self.judge_without(engine, trust_state, policy, request, trace)
            }
            Err(reason) => {
                self.outcome.scheme = AuthScheme::of(request.authorization);
                Err(reason)
            }
        }
    }

    /// As [`judge`](Self::judge), where the first credential is not in `Authorization`.
    #[inline(never)]
    fn judge_elsewhere(
        &mut self,
        engine: &Engine,
        trust_state: &TrustState,
        policy: &Policy,
        request: &Request<'_>,
        trace: &mut impl Trace,
    ) -> Result<(), Reason> {
        // A token that is encoded once more is decoded apart from the worker, which goes on with it.
        let mut room = self.take_room(0);
        let in_query = uri::has_query_parameter(request.uri, b"access_token");
        let judged = match policy.credential.from.read(request, &mut room) {
            // RFC 6750 §2: "Clients MUST NOT use more than one method to transmit the token in each request."
            Ok(Some(_)) if in_query => Err(Reason::CredentialRepeated),
            Ok(None) if in_query => Err(Reason::SchemeUnsupported),
            Ok(Some(credential)) => self.judge_first(engine, trust_state, policy, request, &credential, None, trace),
            Ok(None) if policy.credential.required => Err(Reason::CredentialMissing),
            Ok(None) => self.judge_without(engine, trust_state, policy, request, trace),
            Err(reason) => Err(reason),
        };
        self.put_room(0, room);
        judged
    }

    fn take_room(&mut self, place: usize) -> Box<[u8]> {
        self.decoded.get_mut(place).map(core::mem::take).unwrap_or_default()
    }

    fn put_room(&mut self, place: usize, room: Box<[u8]>) {
        if let Some(own) = self.decoded.get_mut(place) {
            *own = room;
        }
    }

    /// Judges a request without its first credential, which the policy does not require.
    #[inline(never)]
    fn judge_without(
        &mut self,
        engine: &Engine,
        trust_state: &TrustState,
        policy: &Policy,
        request: &Request<'_>,
        trace: &mut impl Trace,
    ) -> Result<(), Reason> {
        if request.proof == presentation::HeaderField::Repeated {
            return Err(Reason::ProofRepeated);
        }
        if policy.others.is_empty() {
            return Ok(());
        }
        self.judge_others(engine, trust_state, policy, request, AuthScheme::Bearer, trace)
    }

    /// Judges the first credential, then the others. `given` is the length of its record, where that was made by an answer.
    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    #[cfg_attr(feature = "fast", inline(always))]
    fn judge_first(
        &mut self,
        engine: &Engine,
        trust_state: &TrustState,
        policy: &Policy,
        request: &Request<'_>,
        credential: &Credential<'_>,
        given: Option<usize>,
        trace: &mut impl Trace,
    ) -> Result<(), Reason> {
        let expected = &policy.credential;
        self.outcome.scheme = Some(credential.scheme);
        // RFC 9449 §4.3 item 1 holds for every request that carries a proof, needed or not.
        if request.proof == presentation::HeaderField::Repeated {
            return Err(Reason::ProofRepeated);
        }

        trace.enter(Check::TokenCache);
        let known = match self.token_cache.find(credential.token) {
            Some(entry) if given.is_none() => VerifiedToken::unpack(self.token_cache.record(entry))
                .filter(|verified| still_stands(verified, engine, trust_state, policy, expected, request.now))
                .filter(|verified| may_be_reused(verified, expected, credential.token, request.now))
                .map(|verified| (entry, verified)),
            _ => None,
        };
        let verified = match known {
            Some((entry, verified)) => {
                self.outcome.source = Some(Source::Cache(entry));
                self.outcome.tier = CacheTier::Hit;
                verified
            }
            None => {
                let length = match given {
                    Some(length) => self.answered(length),
                    None => self.verify(0, engine, trust_state, policy, expected, credential, request.now, trace)?,
                };
                let record =
                    self.records.first().and_then(|record| record.get(..length)).and_then(VerifiedToken::unpack);
                record.ok_or(Reason::InternalError)?
            }
        };
        let refusing = &mut self.outcome.refusing_entry;
        let entry = check_verified(&verified, engine, trust_state, policy, expected, request.now, refusing, trace)?;
        let met = entry.rules_number().filter(|rules| !verified.met(*rules));
        // A token of this credential or of a further one in one variable would be moved there: for a cached token, a tenth of all that it takes.
        if !policy.others.is_empty() {
            self.remember_met(met);
            return self.judge_others(engine, trust_state, policy, request, credential.scheme, trace);
        }
        let bound = Bound::check(policy, &verified, credential.scheme, request, trace)?;
        if met.is_some() {
            self.remember_met(met);
        }
        match bound {
            None => Ok(()),
            Some(bound) => self.check_proofs(engine, trust_state, policy, request, &bound, trace),
        }
    }

    /// Notes beside a cached token that it met the rules for claims of an entry: the next request with it is not asked again.
    #[inline(never)]
    fn remember_met(&mut self, met: Option<RulesNumber>) {
        if let (Some(rules), Some(Source::Cache(entry))) = (met, self.outcome.source) {
            record::note_met(self.token_cache.record_mut(entry), rules);
        }
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
        self.token_cache.find(token)
    }

    /// The credentials beside the first, what ties them, and what binds the first. The record of the first is copied out of the cache before:
    /// an entry that the others add may take its place.
    #[inline(never)]
    fn judge_others(
        &mut self,
        engine: &Engine,
        trust_state: &TrustState,
        policy: &Policy,
        request: &Request<'_>,
        scheme: AuthScheme,
        trace: &mut impl Trace,
    ) -> Result<(), Reason> {
        let first = match self.outcome.source {
            Some(Source::Cache(entry)) => {
                let cached = self.token_cache.record(entry);
                let room = self.records.first_mut().and_then(|room| room.get_mut(..cached.len()));
                room.ok_or(Reason::InternalError)?.copy_from_slice(cached);
                cached.len()
            }
            Some(Source::Fresh(length)) => length,
            None => 0, // the request is without it
        };
        self.outcome.set_fresh(0, first);
        let first_tier = self.outcome.tier;
        for (place, expected) in (1..).zip(&policy.others) {
            self.outcome.credential = place;
            let mut room = self.take_room(place);
            let judged = self.judge_other(engine, trust_state, policy, request, (place, expected), &mut room, trace);
            self.put_room(place, room);
            judged?;
        }
        (self.outcome.tier, self.outcome.credential) = (first_tier, 0);
        let verified_at = |place: usize| self.record(place).and_then(VerifiedToken::unpack);
        trace.enter(Check::Ties);
        for tie in &policy.ties {
            let (left, right) = (verified_at(tie.left.credential), verified_at(tie.right.credential));
            // A credential that may be absent ties nothing when it is.
            let (Some(left), Some(right)) = (left, right) else { continue };
            let value = left.named(tie.left.slot);
            if value.is_none() || value != right.named(tie.right.slot) {
                return Err(Reason::CredentialsUntied);
            }
        }
        if first == 0 {
            return Ok(());
        }
        let first = verified_at(0).ok_or(Reason::InternalError)?;
        match Bound::check(policy, &first, scheme, request, trace)? {
            None => Ok(()),
            Some(bound) => self.check_proofs(engine, trust_state, policy, request, &bound, trace),
        }
    }

    /// Judges the credential at `place`, which is not the first. `room` takes a token that is encoded once more.
    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    fn judge_other(
        &mut self,
        engine: &Engine,
        trust_state: &TrustState,
        policy: &Policy,
        request: &Request<'_>,
        (place, expected): (usize, &CredentialPolicy),
        room: &mut [u8],
        trace: &mut impl Trace,
    ) -> Result<(), Reason> {
        trace.enter(Check::Presentation);
        let Some(credential) = expected.from.read(request, room)? else {
            return if expected.required { Err(Reason::CredentialMissing) } else { Ok(()) };
        };
        trace.enter(Check::TokenCache);
        let known = self.find_further(credential.token).map(|entry| self.token_cache.record(entry)).filter(|record| {
            let verified = VerifiedToken::unpack(record);
            verified.is_some_and(|verified| {
                still_stands(&verified, engine, trust_state, policy, expected, request.now)
                    && may_be_reused(&verified, expected, credential.token, request.now)
            })
        });
        let length = match known {
            Some(record) => {
                let room = self.records.get_mut(place).and_then(|room| room.get_mut(..record.len()));
                room.ok_or(Reason::InternalError)?.copy_from_slice(record);
                record.len()
            }
            None => self.verify(place, engine, trust_state, policy, expected, &credential, request.now, trace)?,
        };
        self.outcome.set_fresh(place, length);
        let verified = self.records.get(place).and_then(|room| room.get(..length)).and_then(VerifiedToken::unpack);
        let verified = verified.ok_or(Reason::InternalError)?;
        let refusing = &mut self.outcome.refusing_entry;
        check_further(&verified, engine, trust_state, policy, expected, request.now, refusing, trace)?;
        trace.enter(Check::Binding);
        // A bound token needs its proof, and a request proves one key: that of its first credential.
        if verified.confirmation.is_bound() {
            return Err(Reason::BindingUnsupported);
        }
        Ok(())
    }

    /// Verifies a token that is not in the cache, and puts it there; returns the length of its record.
    // Not inlined, nor is `check_proofs`: the rest is all that a cached token takes, on few pages of code. In a large process each page
    // that a request touches is one that the processor has to look up again.
    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    #[inline(never)]
    fn verify(
        &mut self,
        place: usize,
        engine: &Engine,
        trust_state: &TrustState,
        policy: &Policy,
        expected: &CredentialPolicy,
        credential: &Credential<'_>,
        now: UnixSeconds,
        trace: &mut dyn Trace,
    ) -> Result<usize, Reason> {
        self.outcome.tier = CacheTier::Miss;
        credential.check_single()?;
        let token = credential.token;
        if expected.is_opaque(token) {
            return Err(self.ask_issuer(engine, expected, credential, now));
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
        match token::verify(token, policy, expected, &engine.document, trust_state, now, buffers, trace) {
            Ok(length) => {
                if place == 0 {
                    self.outcome.source = Some(Source::Fresh(length));
                }
                let _cached = self.token_cache.insert(token, record.get(..length).unwrap_or_default());
                Ok(length)
            }
            Err(refused) => {
                self.outcome.refresh =
                    refused.unknown_key_of.all().iter().copied().find(|authority| engine.take_refresh(*authority, now));
                Err(refused.reason)
            }
        }
    }

    /// Why a token that only its issuer can read is refused, until it answers.
    #[cold]
    fn ask_issuer(
        &mut self,
        engine: &Engine,
        expected: &CredentialPolicy,
        credential: &Credential<'_>,
        now: UnixSeconds,
    ) -> Reason {
        let Some(issuer) = expected.pinned_issuer(TokenKind::Introspected) else { return Reason::InternalError };
        if let Err(reason) = credential.check_characters() {
            return reason;
        }
        if self.inactive.has(&crypto::sha256(credential.token), issuer, now) {
            return Reason::TokenInactive;
        }
        // An answer about it that is too old to be used again is still in the cache.
        let known = self.token_cache.find(credential.token).map(|entry| self.token_cache.record(entry));
        let is_known = known
            .and_then(VerifiedToken::unpack)
            .is_some_and(|verified| verified.kind == TokenKind::Introspected && verified.authority == issuer);
        if !engine.claim_question(issuer, is_known, now) {
            return Reason::IntrospectionRateExceeded;
        }
        self.outcome.introspect = Some(issuer);
        Reason::IntrospectionUnavailable
    }

    /// The proof of each method that binds the token, in the order of the table.
    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    #[inline(never)]
    fn check_proofs(
        &mut self,
        engine: &Engine,
        trust_state: &TrustState,
        policy: &Policy,
        request: &Request<'_>,
        bound: &Bound,
        trace: &mut dyn Trace,
    ) -> Result<(), Reason> {
        for (method, bound_to) in ProofKind::ALL.into_iter().zip(&bound.to) {
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
                token_hash: bound.token_hash.as_ref(),
                settings: &policy.dpop,
                origin: policy.origin.as_ref(),
                nonces: trust_state.nonces.as_deref(),
                replay: &*engine.replay,
                memory,
                verified: &mut self.outcome.proof,
                next_nonce: &mut self.outcome.next_nonce,
                trace: &mut *trace,
            })?;
        }
        Ok(())
    }
}

/// What is asked of the attributes of a token on every request, cached or not, whatever binds it: the entry that lets it in. `refusing_entry` takes the place of the entry
/// of `accept` whose condition refuses.
#[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
#[cfg_attr(feature = "fast", inline(always))]
fn check_verified<'p>(
    verified: &VerifiedToken<'_>,
    engine: &Engine,
    trust_state: &TrustState,
    policy: &Policy,
    expected: &'p CredentialPolicy,
    now: UnixSeconds,
    refusing_entry: &mut Option<usize>,
    trace: &mut impl Trace,
) -> Result<&'p AcceptedKind, Reason> {
    // A claim that only other policies name is no matter of this one's.
    if verified.leaves_claims_out && policy.asks_for_left_out(expected, verified) {
        return Err(Reason::LimitExceeded);
    }
    trace.enter(Check::Time);
    // RFC 7662 §4: an answer is not used past the token's `exp`, and both clocks are the issuer's.
    let leeway = if verified.kind == TokenKind::Introspected { 0 } else { policy.leeway_seconds };
    validity::check_time(verified, now, leeway)?;
    trace.enter(Check::Audience);
    expected.check_audience(verified)?;
    if verified.names_workload {
        trace.enter(Check::SpiffeIds);
        let source = engine.document.source(verified.authority.as_usize()).ok_or(Reason::InternalError)?;
        spiffe_ids::check(verified, |domain| source.speaks_for(domain))?;
    }
    trace.enter(Check::Subject);
    let entry = match expected.admit(verified, now) {
        Ok(entry) => entry,
        Err((entry, reason)) => {
            *refusing_entry = Some(entry);
            if reason == Reason::ScopeInsufficient {
                trace.enter(Check::Scope);
            }
            return Err(reason);
        }
    };
    trace.enter(Check::Scope);
    trace.enter(Check::Revocation);
    check_revoked(engine, trust_state, verified, now).map(|()| entry)
}

/// As [`check_verified`], apart from the path of a request with one credential.
#[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
#[inline(never)]
fn check_further(
    verified: &VerifiedToken<'_>,
    engine: &Engine,
    trust_state: &TrustState,
    policy: &Policy,
    expected: &CredentialPolicy,
    now: UnixSeconds,
    refusing_entry: &mut Option<usize>,
    trace: &mut impl Trace,
) -> Result<(), Reason> {
    check_verified(verified, engine, trust_state, policy, expected, now, refusing_entry, trace).map(|_| ())
}

/// Whether a record that was made before may be used: its key is still in its set, the set is fresh, and under this policy the
/// token is of the same kind. Everything else about it is checked on every request.
#[cfg_attr(feature = "fast", inline(always))]
fn still_stands(
    verified: &VerifiedToken<'_>,
    engine: &Engine,
    trust_state: &TrustState,
    policy: &Policy,
    expected: &CredentialPolicy,
    now: UnixSeconds,
) -> bool {
    if verified.kind == TokenKind::Introspected {
        return expected.pinned_issuer(verified.kind) == Some(verified.authority)
            && (!verified.departs() || expected.allows_departures(*verified));
    }
    let stale = || {
        let most = engine.document.source(verified.authority.as_usize()).and_then(|source| source.max_stale_seconds);
        let loaded = || trust_state.bundles.set(verified.authority).map(crate::trust::KeySet::loaded_at);
        most.is_some_and(|most| loaded().is_none_or(|loaded| now > loaded.plus(most)))
    };
    // Without a name the policy and the other keys of the set decide which key is meant: asked again each time.
    let still_the_one = || {
        let single = (verified.kind.profile().latitude)(&policy.profiles).single_candidate_key;
        let set = trust_state.bundles.set(verified.authority);
        set.is_some_and(|set| set.still_selects(verified.key, verified.algorithm, verified.selected_by, single))
    };
    let takes_unknown_headers = || (verified.kind.profile().latitude)(&policy.profiles).unknown_headers;
    let pinned = || {
        verified.kind.profile().keys != Keys::PinnedIssuer
            || expected.pinned_issuer(verified.kind) == Some(verified.authority)
    };
    let kind = expected.kinds.resolve(verified.typ, verified.subject_bytes().starts_with(spiffe_id::PREFIX.as_bytes()));
    kind == Some(verified.kind)
        && expected.algorithms(verified.kind).contains(verified.algorithm)
        && trust_state.bundles.key(verified.key).is_some()
        && (!verified.extra_parameters || takes_unknown_headers())
        && (verified.selected_by == SelectedBy::Name || still_the_one())
        && (!verified.without_issuer || pinned())
        && (!verified.departs() || expected.allows_departures(*verified))
        && !stale()
}

/// Whether a record from the cache serves another request: an answer of an issuer does only for its time, and only where this policy
/// asks about `token` too, and does not verify it by a key.
#[cfg_attr(feature = "fast", inline(always))]
fn may_be_reused(verified: &VerifiedToken<'_>, expected: &CredentialPolicy, token: &[u8], now: UnixSeconds) -> bool {
    #[cold]
    fn answer_may_be_reused(
        verified: &VerifiedToken<'_>,
        expected: &CredentialPolicy,
        token: &[u8],
        now: UnixSeconds,
    ) -> bool {
        now < verified.answer_good_until() && expected.is_opaque(token)
    }
    verified.kind != TokenKind::Introspected || answer_may_be_reused(verified, expected, token, now)
}

#[cfg_attr(feature = "fast", inline(always))]
fn check_revoked(
    engine: &Engine,
    trust_state: &TrustState,
    verified: &VerifiedToken<'_>,
    now: UnixSeconds,
) -> Result<(), Reason> {
    if !trust_state.revocations_known.at(now) {
        return Err(Reason::RevocationsStale);
    }
    if trust_state.revocations.is_empty() {
        return Ok(());
    }
    let source = engine.document.source(verified.authority.as_usize());
    let presented = Presented {
        authority: source.map_or("", |source| source.authority.name()),
        key_id: trust_state.bundles.key(verified.key).and_then(|key| key.key_id()),
        subject: verified.subject(),
        token_id: verified.token_id(),
        issued_at: verified.issued_at,
    };
    // What is revoked of an issuer is revoked of each of its key sources, which have names of their own.
    let of_issuer = || {
        let issuer = source.filter(|source| source.has_name())?.identifier();
        trust_state.revocations.revoked_by(&Presented { authority: issuer, ..presented })
    };
    match trust_state.revocations.revoked_by(&presented).or_else(of_issuer) {
        None => Ok(()),
        Some(RevokedBy::Key) => Err(Reason::KeyRevoked),
        Some(RevokedBy::Subject) => Err(Reason::SubjectRevoked),
        Some(RevokedBy::Token) => Err(Reason::TokenRevoked),
        Some(RevokedBy::Epoch) => Err(Reason::IssuedBeforeCutoff),
    }
}

/// The confirmation of a token: copies, since the checks of its proofs need the worker's memory.
struct Bound {
    /// For each method, in the order of the table.
    to: [Option<[u8; 32]>; ProofKind::ALL.len()],
    token_hash: Option<[u8; 32]>,
}

impl Bound {
    /// Checks what binds the token; `None` for a token that nothing binds, where that is enough.
    #[cfg_attr(feature = "fast", inline(always))]
    fn check(
        policy: &Policy,
        verified: &VerifiedToken<'_>,
        scheme: AuthScheme,
        request: &Request<'_>,
        trace: &mut impl Trace,
    ) -> Result<Option<Self>, Reason> {
        trace.enter(Check::Binding);
        check_binding(policy, verified, scheme, request)?;
        Ok(verified.confirmation.is_bound().then(|| Self {
            to: ProofKind::ALL.map(|method| (method.method().bound_to)(&verified.confirmation).copied()),
            token_hash: verified.token_hash.copied(),
        }))
    }
}

/// Checks the binding of the token against the policy and its authentication scheme. The proofs themselves come after.
#[cfg_attr(feature = "fast", inline(always))]
fn check_binding(
    policy: &Policy,
    verified: &VerifiedToken<'_>,
    scheme: AuthScheme,
    request: &Request<'_>,
) -> Result<(), Reason> {
    let cnf = &verified.confirmation;
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
    if !satisfied || (scheme == AuthScheme::Dpop && !dpop) {
        return Err(Reason::BindingRequired);
    }
    // RFC 9449 §7.2: a resource server "MUST NOT" take a DPoP-bound token as a bearer token. Without a proof that is what
    // is missing; with one, the scheme is wrong.
    if dpop && scheme == AuthScheme::Bearer && request.proof != presentation::HeaderField::Absent {
        return Err(Reason::SchemeMismatch);
    }
    Ok(())
}
