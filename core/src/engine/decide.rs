//! One request in, one decision out: at once, or after an answer.

use crate::engine::decision::Decision;
use crate::engine::engine::Engine;
use crate::engine::outcome::Outcome;
use crate::engine::pending::{Abandoned, Answer, Pending, Step, WaitsFor};
use crate::engine::state::TrustState;
use crate::engine::worker::Worker;
use crate::policy::{Policy, PolicyIndex, SharedReplay};
use crate::reason::Reason;
use crate::request::Request;
use crate::specs::check::{NoTrace, Trace};
use crate::specs::row::Used;

impl Worker {
    /// Validates the credentials of `request` under `policy`, records an accepted DPoP proof in the replay store, and counts the outcome.
    ///
    /// `policy` comes from [`PolicyDocument::policy`](crate::PolicyDocument::policy) of the engine's document. The decision borrows the worker
    /// and is valid until its next one. Deciding the same DPoP request twice gives `proof_replayed`.
    ///
    /// For hosts that answer no question: a policy that needs an answer ([`Worker::begin`]) refuses here. Never panics; a trust state of
    /// another engine and a policy that does not exist give `internal_error`.
    #[inline]
    pub fn decide<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        policy: PolicyIndex,
        request: &Request<'_>,
    ) -> Decision<'d> {
        self.decide_with(engine, trust_state, policy, request, &mut NoTrace)
    }

    /// As [`decide`](Self::decide), and reports each check to `trace` as it begins.
    // Inlined down to `judge`, so that the decision is made of its four pointers where it is wanted, and not copied there.
    #[inline]
    pub fn decide_with<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        policy: PolicyIndex,
        request: &Request<'_>,
        trace: &mut impl Trace,
    ) -> Decision<'d> {
        let found = self.enter(engine, trust_state, policy);
        let result = match found {
            Some(policy) => {
                let judged = self.judge(engine, trust_state, policy, request, None, trace);
                if judged.is_ok() && policy.asks_host() { self.unanswered(engine, policy, request) } else { judged }
            }
            None => Err(Reason::InternalError),
        };
        self.finish(engine, trust_state, found, result)
    }

    /// As [`decide`](Self::decide), for hosts that answer questions: the step is a decision, or a [`Pending`] whose [`Question`](super::Question) the
    /// host answers by [`resume`](Self::resume), in this worker or in another one.
    pub fn begin<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        policy: PolicyIndex,
        request: &Request<'_>,
        trace: &mut impl Trace,
    ) -> Step<'d> {
        let found = self.enter(engine, trust_state, policy);
        let result = match found {
            Some(found) => self.judge(engine, trust_state, found, request, None, trace),
            None => Err(Reason::InternalError),
        };
        self.step(engine, trust_state, policy, request, result)
    }

    /// Continues a decision that waited, with the same `request` and the answer to [`Pending::question`].
    ///
    /// The token is validated against `trust_state` again: a key or subject that was revoked meanwhile is refused. The next step may wait for
    /// another answer. An answer to another question and a decision of another engine give `internal_error`.
    pub fn resume<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        mut pending: Pending,
        request: &Request<'_>,
        answer: Answer<'_>,
        trace: &mut impl Trace,
    ) -> Step<'d> {
        pending.abandoned.resumed();
        let index = pending.policy;
        let found = self.enter(engine, trust_state, index).filter(|_| pending.engine == engine.id);
        let result = match found {
            Some(policy) => self.go_on(engine, trust_state, policy, pending, request, answer, trace),
            None => Err(Reason::InternalError),
        };
        self.step(engine, trust_state, index, request, result)
    }

    /// Ends a decision that waits, for a host that has no answer: a refusal with `decision_abandoned`, and its audit record.
    ///
    /// A [`Pending`] that is dropped is counted as the same refusal, without an audit record.
    pub fn abandon<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        mut pending: Pending,
    ) -> Decision<'d> {
        pending.abandoned.resumed();
        let found = self.enter(engine, trust_state, pending.policy).filter(|_| pending.engine == engine.id);
        let Pending { outcome, records, body, .. } = pending;
        let restored = found.ok_or(Reason::InternalError).and_then(|_| self.restore(outcome, &records, body));
        self.finish(engine, trust_state, found, restored.and(Err(Reason::DecisionAbandoned)))
    }

    /// Forgets the decision before, and finds the policy of this one.
    #[inline]
    fn enter<'d>(&mut self, engine: &'d Engine, trust_state: &TrustState, policy: PolicyIndex) -> Option<&'d Policy> {
        self.outcome = Outcome::default();
        self.body = None;
        if self.engine != engine.id {
            self.move_to(engine);
        }
        // A trust state of another engine numbers its authorities otherwise; a policy of another document may not exist.
        engine.document.policies.get(policy.0).filter(|_| trust_state.bundles.engine() == engine.id)
    }

    #[inline]
    fn finish<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        policy: Option<&'d Policy>,
        result: Result<(), Reason>,
    ) -> Decision<'d> {
        self.outcome.reason = result.err();
        engine.counters.count(self.outcome.reason);
        Decision::new(engine, trust_state, policy, self)
    }

    /// The decision, or the question that it waits for.
    fn step<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        index: PolicyIndex,
        request: &Request<'_>,
        result: Result<(), Reason>,
    ) -> Step<'d> {
        let found = engine.document.policies.get(index.0);
        let waits_for = match (result, found) {
            (Ok(()), Some(policy)) => self.open_question(engine, policy, request),
            (Err(Reason::IntrospectionUnavailable), _) => {
                self.outcome.introspect.map(|authority| WaitsFor::Introspect { authority })
            }
            _ => None,
        };
        let Some(waits_for) = waits_for else {
            return Step::Decided(self.finish(engine, trust_state, found, result));
        };
        let records = (0..self.records.len()).map(|place| self.record(place).unwrap_or_default().into()).collect();
        let abandoned = Abandoned::new(&engine.counters);
        let (engine, outcome, body) = (engine.id, self.outcome, self.body.take());
        Step::Waits(Pending { engine, policy: index, waits_for, outcome, records, body, abandoned })
    }

    /// The next question about an accepted request: first its body, and last whether its proof was used elsewhere.
    fn open_question(&self, engine: &Engine, policy: &Policy, request: &Request<'_>) -> Option<WaitsFor> {
        if let Some(body) = &policy.body
            && self.body.is_none()
        {
            return Some(WaitsFor::Body { most_bytes: body.most_bytes });
        }
        let proof = self.outcome.proof.as_ref().filter(|_| policy.shared_replay == SharedReplay::Required)?;
        // It may know the proof by this very request, when another policy judged it.
        if proof.use_once == Used::Everywhere {
            return None;
        }
        let (age, _) = engine.document.proof_window_seconds();
        let seconds = proof.issued_at.plus(age).as_u64().saturating_sub(request.now.as_u64()) + 1;
        Some(WaitsFor::UseOnce { proof: proof.replay_key, seconds })
    }

    /// For a host that answers no question.
    #[cold]
    fn unanswered(&self, engine: &Engine, policy: &Policy, request: &Request<'_>) -> Result<(), Reason> {
        match self.open_question(engine, policy, request) {
            None => Ok(()),
            Some(_) => Err(Reason::DecisionAbandoned),
        }
    }
}
