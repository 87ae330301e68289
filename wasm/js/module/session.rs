//! One engine with one worker, and what changes while they decide.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use countersign::{
    AlgorithmSet, Answer, AuthorityIndex, BodyReader, BundleMapIndex, Check, Decision, Engine, NoTrace, NonceKeys,
    Pending, PolicyDocument, PolicyIndex, Question, ReplayStore, RevocationsBuilder, RevocationsKnown, Step, Trace,
    TrustState, UnixSeconds, UseOnce, Worker,
};
use countersign_reload::{ReloadError, RevocationDocument, load_inline, warn_of_drops, warn_of_map};

use crate::described;
use crate::request::Parts;
use crate::signatures::HostSignatures;

/// What a session is made of beside its policy.
pub(crate) struct Start<'s> {
    /// Random: seeds, and the first nonce key.
    pub(crate) random: &'s [u8; 64],
    pub(crate) now: UnixSeconds,
    /// Whether proofs that may have been used before `now` are refused.
    pub(crate) refuses_before: bool,
    /// The check of the host, if it has one.
    pub(crate) signatures: Option<HostSignatures>,
}

/// An engine, its worker, and its newest trust state.
pub(crate) struct Session {
    engine: Engine,
    worker: Worker,
    trust_state: TrustState,
    policies: Vec<PolicyIndex>,
    authorities: Vec<AuthorityIndex>,
    maps: Vec<BundleMapIndex>,
    revoked: RevocationsBuilder,
    /// Decisions that wait, by the number that JavaScript knows each by.
    waiting: Vec<Option<Waiting>>,
}

/// A decision that waits, and the reader of its body where it waits for that.
struct Waiting {
    pending: Pending,
    body: Option<BodyReader>,
}

/// How far a decision is.
pub(crate) enum Progress<'d> {
    Decided(Decision<'d>),
    /// By this number.
    Waits(usize),
}

/// The answer to a question, as JavaScript gives it.
pub(crate) enum Said<'a> {
    UseOnce(UseOnce),
    Introspected(&'a [u8]),
    IntrospectionFailed,
    /// The body was fed.
    Body,
}

/// The checks that a decision began.
#[derive(Debug, Default)]
pub(crate) struct Visited(pub(crate) Vec<Check>);

impl Trace for Visited {
    fn enter(&mut self, check: Check) {
        self.0.push(check);
    }
}

impl Session {
    /// A session for a policy document, and its description for JavaScript.
    ///
    /// # Errors
    /// Every fault of the document, as JSON.
    pub(crate) fn open(text: &[u8], start: Start<'_>) -> Result<(Self, String), String> {
        let document = PolicyDocument::parse(text).map_err(|faults| described::faults(&faults))?;
        let mut words = start.random.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        let mut word = || words.next().unwrap_or_default();
        let (of_store, of_worker) = ([word(), word()], [word(), word()]);
        let nonce_key = start.random.last_chunk::<32>().copied().unwrap_or_default();
        let window = Engine::replay_window(&document);
        let store = ReplayStore::try_new(document.replay_proofs(), window, of_store).map_err(|fault| {
            let place = "/memory/replay_proofs".to_string();
            described::document_faults(&[ReloadError { place, fault: fault.to_string() }])
        })?;
        if start.refuses_before {
            store.refuse_until(start.now);
        }
        let engine = Engine::with_host(document, Box::new(store), AlgorithmSet::EMPTY);
        let mut trust_state = engine.empty_trust_state();
        trust_state.nonces = Some(Arc::new(NonceKeys::new(&nonce_key, None)));
        let mut warnings = Vec::new();
        load_inline(&engine, &mut trust_state, start.now, &mut |line| warnings.push(line.to_string()))
            .map_err(|faults| described::document_faults(&faults))?;
        let mut worker = Worker::growing(&engine, of_worker);
        if let Some(host) = start.signatures {
            worker.ask_host(Box::new(host));
        }
        let described = described::engine(&engine, &warnings);
        let session = Self {
            policies: engine.document().policies().map(|(index, _)| index).collect(),
            authorities: engine.document().trust().map(|(index, _)| index).collect(),
            maps: engine.document().bundle_maps().map(|(index, _)| index).collect(),
            engine,
            worker,
            trust_state,
            revoked: RevocationsBuilder::default(),
            waiting: Vec::new(),
        };
        Ok((session, described))
    }

    /// Judges a request whose policy asks nothing; what it asks is refused.
    #[inline]
    pub(crate) fn decide(&mut self, parts: &Parts<'_>) -> Option<Decision<'_>> {
        let policy = *self.policies.get(parts.policy)?;
        Some(self.worker.decide(&self.engine, &self.trust_state, policy, &parts.request()))
    }

    /// As [`decide`](Self::decide), and follows it.
    pub(crate) fn explain(&mut self, parts: &Parts<'_>, visited: &mut Visited) -> Option<Decision<'_>> {
        let policy = *self.policies.get(parts.policy)?;
        Some(self.worker.decide_with(&self.engine, &self.trust_state, policy, &parts.request(), visited))
    }

    pub(crate) fn begin(&mut self, parts: &Parts<'_>) -> Option<Progress<'_>> {
        let policy = *self.policies.get(parts.policy)?;
        let step = self.worker.begin(&self.engine, &self.trust_state, policy, &parts.request(), &mut NoTrace);
        Some(match step {
            Step::Decided(decision) => Progress::Decided(decision),
            Step::Waits(pending) => Progress::Waits(keep(&mut self.waiting, &self.engine, pending)),
        })
    }

    /// Goes on with the decision that waits by this number.
    pub(crate) fn resume(&mut self, number: usize, parts: &Parts<'_>, said: Said<'_>) -> Option<Progress<'_>> {
        let Waiting { pending, body } = self.waiting.get_mut(number)?.take()?;
        let answer = match (said, body) {
            (Said::UseOnce(answer), _) => Answer::UseOnce(answer),
            (Said::Introspected(answer), _) => Answer::Introspected(answer),
            (Said::IntrospectionFailed, _) => Answer::IntrospectionFailed,
            (Said::Body, Some(reader)) => Answer::Body(reader),
            // A body for a decision that waits for none: the engine gets an answer that does not fit, and refuses.
            (Said::Body, None) => Answer::IntrospectionFailed,
        };
        let request = parts.request();
        let step = self.worker.resume(&self.engine, &self.trust_state, pending, &request, answer, &mut NoTrace);
        Some(match step {
            Step::Decided(decision) => Progress::Decided(decision),
            Step::Waits(pending) => Progress::Waits(keep(&mut self.waiting, &self.engine, pending)),
        })
    }

    /// Gives up the decision that waits by this number.
    pub(crate) fn abandon(&mut self, number: usize) -> Option<Decision<'_>> {
        let Waiting { pending, .. } = self.waiting.get_mut(number)?.take()?;
        Some(self.worker.abandon(&self.engine, &self.trust_state, pending))
    }

    /// The decision that waits by this number.
    pub(crate) fn pending(&self, number: usize) -> Option<&Pending> {
        self.waiting.get(number)?.as_ref().map(|waiting| &waiting.pending)
    }

    /// Hands a chunk of the body to the decision that waits for it; whether more may come.
    pub(crate) fn feed(&mut self, number: usize, chunk: &[u8]) -> bool {
        let waiting = self.waiting.get_mut(number).and_then(Option::as_mut);
        waiting.and_then(|waiting| waiting.body.as_mut()).is_some_and(|reader| reader.feed(chunk))
    }

    /// Gives caches that had to drop entries more memory.
    pub(crate) fn grow(&mut self) {
        self.worker.grow();
    }

    /// Goes on building tables for keys that are used often; whether any is left to build.
    pub(crate) fn build_tables(&mut self, additions: u32) -> bool {
        self.worker.build_tables(additions)
    }

    /// Loads a document for the trust source at `place`.
    ///
    /// # Errors
    /// Why it cannot be used; the last good one stays.
    pub(crate) fn load(&mut self, place: usize, document: &[u8], now: UnixSeconds) -> Result<String, String> {
        let index = *self.authorities.get(place).ok_or("no such trust source")?;
        let report =
            self.engine.load(&mut self.trust_state, index, document, now).map_err(|fault| fault.to_string())?;
        let mut warnings = Vec::new();
        let whose = self.engine.document().source(index.as_usize()).map(|source| source.authority().to_string());
        warn_of_drops(&whose.unwrap_or_default(), &report, &mut |line| warnings.push(line.to_string()));
        let hint = self.trust_state.bundles.set(index).and_then(|set| set.refresh_hint_seconds());
        Ok(described::loaded(&report, hint, &warnings))
    }

    /// Loads the bundle map at `place`.
    ///
    /// # Errors
    /// Why it cannot be used; the last good documents stay.
    pub(crate) fn load_map(&mut self, place: usize, document: &[u8], now: UnixSeconds) -> Result<String, String> {
        let index = *self.maps.get(place).ok_or("no such bundle map")?;
        let loaded = self.engine.load_map(&mut self.trust_state, index, document, now);
        let report = loaded.map_err(|fault| fault.to_string())?;
        let mut warnings = Vec::new();
        let mut warn = |line: &str| warnings.push(line.to_string());
        warn_of_map(&format!("bundle map {place}"), self.engine.document(), &report, &mut warn);
        Ok(described::warnings(&warnings))
    }

    /// Takes the document of the trust source at `place` away; whether there is such a source.
    pub(crate) fn withdraw(&mut self, place: usize) -> bool {
        let Some(index) = self.authorities.get(place) else { return false };
        self.trust_state.bundles = Arc::new(self.trust_state.bundles.without(*index));
        true
    }

    /// Revokes what a document says, beside what is revoked already or in its place.
    ///
    /// # Errors
    /// Every fault of the document, as JSON.
    pub(crate) fn revoke(&mut self, text: &[u8], replaces: bool) -> Result<String, String> {
        let document = RevocationDocument::read(text).map_err(|faults| described::faults(&faults))?;
        if replaces {
            self.revoked = RevocationsBuilder::default();
        }
        document.apply(&mut self.revoked);
        self.trust_state.revocations = Arc::new(self.revoked.build());
        let unknown = document.unknown_authorities(self.engine.document());
        let lines: Vec<String> =
            unknown.iter().map(|name| format!("revocations: the policy knows no {name}")).collect();
        Ok(described::warnings(&lines))
    }

    pub(crate) fn set_revocations_known(&mut self, known: RevocationsKnown) {
        self.trust_state.revocations_known = known;
    }

    pub(crate) fn set_nonce_keys(&mut self, current: &[u8; 32], previous: Option<&[u8; 32]>) {
        self.trust_state.nonces = Some(Arc::new(NonceKeys::new(current, previous)));
    }

    pub(crate) fn counters(&self, now: UnixSeconds) -> String {
        let waiting = self.waiting.iter().flatten().count();
        described::counters(&self.engine, self.engine.replay_state(now), self.worker.cached_tokens(), waiting)
    }
}

/// Keeps a decision that waits, with a reader where it waits for its body, and returns its number.
fn keep(waiting: &mut Vec<Option<Waiting>>, engine: &Engine, pending: Pending) -> usize {
    let policy = engine.document().policies().find(|(index, _)| *index == pending.policy()).map(|(_, policy)| policy);
    let asks_body = matches!(pending.question(), Question::Body { .. });
    let body = policy.and_then(|policy| policy.body()).filter(|_| asks_body).map(BodyReader::new);
    let kept = Some(Waiting { pending, body });
    match waiting.iter_mut().enumerate().find(|(_, place)| place.is_none()) {
        Some((number, place)) => {
            *place = kept;
            number
        }
        None => {
            waiting.push(kept);
            waiting.len() - 1
        }
    }
}
