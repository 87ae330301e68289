//! Drives the engine by its Rust API, one step after the other.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{
    Authority, BodyReader, Decision, Engine, LoadReport, NamedClaim, NoTrace, NonceKeys, PolicyDocument, PolicyError,
    PolicyIndex, Reason, Request, Revocations, Step, Trace, TrustDocument, TrustError, TrustState, UnixSeconds,
    UseOnce, Worker,
};
use serde_json::Value;

use crate::request::Req;

/// An engine with one worker and the newest trust state.
pub struct Runner {
    pub engine: Engine,
    pub worker: Worker,
    pub trust_state: TrustState,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub reason: Option<Reason>,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub cache: &'static str,
    pub wants_refresh: Option<String>,
    pub lets_pass: bool,
    pub audit: String,
    pub kind: Option<&'static str>,
    pub issuer: Option<String>,
    pub subject: Option<String>,
    pub key_id: Option<String>,
    pub tool: Option<String>,
    pub rpc_method: Option<String>,
    /// In base64url.
    pub body_digest: Option<String>,
    /// The kind of each credential that the request has, by name.
    pub credentials: Vec<(String, &'static str)>,
    /// The claims that the policy hands to hosts, by name.
    pub attributes: Vec<(String, Value)>,
}

impl Answer {
    /// What a decision says.
    #[must_use]
    pub fn of(decision: &Decision<'_>) -> Self {
        let mut headers = Vec::new();
        decision
            .write_headers(&mut |name, value| {
                headers.push((name.to_owned(), value.to_string()));
                Ok(())
            })
            .unwrap();
        Self {
            reason: decision.reason(),
            status: decision.status(),
            headers,
            cache: decision.cache_tier().name(),
            wants_refresh: decision.wants_refresh().map(|(_, authority)| authority.name().to_owned()),
            lets_pass: decision.lets_pass(),
            audit: decision.audit().to_string(),
            kind: decision.verified_token().map(|facts| facts.kind.name()),
            issuer: decision.issuer().map(|authority| authority.name().to_owned()),
            subject: decision.verified_token().and_then(|facts| facts.subject()).map(str::to_owned),
            key_id: decision.key_id().map(str::to_owned),
            tool: decision.tool().map(str::to_owned),
            rpc_method: decision.rpc_method().map(str::to_owned),
            body_digest: decision.body_digest().map(|digest| URL_SAFE_NO_PAD.encode(digest)),
            credentials: decision
                .policy()
                .into_iter()
                .flat_map(|policy| policy.credentials())
                .filter_map(|known| Some((known.name().to_owned(), decision.credential(known.name())?.kind.name())))
                .collect(),
            attributes: decision
                .policy()
                .into_iter()
                .flat_map(|policy| policy.attributes())
                .filter_map(|name| {
                    let claim = decision.attribute(name)?;
                    let value = match claim {
                        NamedClaim::Text(_) => Value::from(claim.as_str()),
                        NamedClaim::Json(json) => serde_json::from_slice(json).unwrap(),
                    };
                    Some((name.to_owned(), value))
                })
                .collect(),
        }
    }
}

/// The bytes of an answer: JSON as text, and a text as it is.
#[must_use]
pub fn raw_answer(answer: &Value) -> String {
    let value = answer.get("introspected").or(answer.get("body")).unwrap_or(&Value::Null);
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An entry of a request's `answers` as the engine takes it; `raw` is [`raw_answer`] of it.
///
/// # Panics
/// If it is no answer, or a body for a policy that asks for none.
pub fn host_answer<'a>(
    answer: &Value,
    raw: &'a str,
    document: &PolicyDocument,
    policy: PolicyIndex,
) -> countersign::Answer<'a> {
    let (name, value) = answer.as_object().and_then(|answer| answer.iter().next()).expect("an answer");
    match (name.as_str(), value.as_str()) {
        ("use_once", Some("first")) => countersign::Answer::UseOnce(UseOnce::First),
        ("use_once", Some("used")) => countersign::Answer::UseOnce(UseOnce::Used),
        ("use_once", Some("unavailable")) => countersign::Answer::UseOnce(UseOnce::Unavailable),
        ("introspected", _) => countersign::Answer::Introspected(raw.as_bytes()),
        ("introspection", Some("failed")) => countersign::Answer::IntrospectionFailed,
        ("body", _) => {
            let (_, policy) = document.policies().find(|(index, _)| *index == policy).expect("the policy");
            let mut reader = BodyReader::new(policy.body().expect("a policy that asks for the body"));
            // In pieces, as a host gets it.
            let _all_read = raw.as_bytes().chunks(57).all(|chunk| reader.feed(chunk));
            countersign::Answer::Body(reader)
        }
        _ => panic!("no answer: {answer}"),
    }
}

/// Reads a policy document; faults are for tests of the document.
///
/// # Errors
/// Every fault of the document.
pub fn document(text: &str) -> Result<PolicyDocument, Vec<PolicyError>> {
    PolicyDocument::parse(text.as_bytes())
}

impl Runner {
    /// An engine for this document, its inline trust loaded at `now`.
    #[must_use]
    pub fn new(text: &str, now: u64) -> Self {
        let document = document(text).unwrap_or_else(|faults| panic!("{faults:?} in {text}"));
        Self::with_engine(Engine::new(document, [0x5eed, 0xc0de]), now)
    }

    /// The same on an engine made by the caller.
    #[must_use]
    pub fn with_engine(engine: Engine, now: u64) -> Self {
        let mut trust_state = engine.empty_trust_state();
        for (index, source) in engine.document().trust() {
            if let TrustDocument::Inline(text) = source.document() {
                let loaded = engine.load(&mut trust_state, index, text.as_bytes(), UnixSeconds::new(now));
                loaded.unwrap_or_else(|fault| panic!("{fault}"));
            }
        }
        for (index, map) in engine.document().bundle_maps() {
            if let TrustDocument::Inline(text) = map.document() {
                let loaded = engine.load_map(&mut trust_state, index, text.as_bytes(), UnixSeconds::new(now));
                let report = loaded.unwrap_or_else(|fault| panic!("{fault}"));
                assert!(report.refused.is_empty(), "{report:?}");
            }
        }
        let mut worker = Worker::new(&engine, [7, 11]);
        worker.check_p256_by(countersign_cpu::p256());
        Self { engine, worker, trust_state }
    }

    /// Judges one request, and gives the engine the answers that the request has for its questions.
    pub fn ask(&mut self, request: &Req) -> Answer {
        self.ask_followed(request, &mut NoTrace)
    }

    /// As [`ask`](Self::ask), with each check handed to `trace`.
    pub fn ask_followed(&mut self, request: &Req, mut trace: &mut dyn Trace) -> Answer {
        let headers = request.fields();
        let fields = headers.as_slice();
        let asked = request.with_fields(&fields);
        let policy = self.policy(&request.policy);
        let mut answers = request.answers.iter();
        let mut step = self.worker.begin(&self.engine, &self.trust_state, policy, &asked, &mut trace);
        loop {
            let pending = match step {
                Step::Decided(decision) => return Answer::of(&decision),
                Step::Waits(pending) => pending,
            };
            let Some(answer) = answers.next() else {
                return Answer::of(&self.worker.abandon(&self.engine, &self.trust_state, pending));
            };
            let raw = raw_answer(answer);
            let answer = host_answer(answer, &raw, self.engine.document(), policy);
            step = self.worker.resume(&self.engine, &self.trust_state, pending, &asked, answer, &mut trace);
        }
    }

    /// Judges one request as a host does that answers no question.
    pub fn decide(&mut self, request: &Req) -> Answer {
        let headers = request.fields();
        let fields = headers.as_slice();
        self.judge(&request.policy, &request.with_fields(&fields))
    }

    /// Judges one request made of bytes.
    pub fn judge(&mut self, policy: &str, request: &Request<'_>) -> Answer {
        let policy = self.policy(policy);
        Answer::of(&self.worker.decide(&self.engine, &self.trust_state, policy, request))
    }

    fn policy(&self, name: &str) -> PolicyIndex {
        self.engine.document().policy(name).unwrap_or_else(|| panic!("no policy {name}"))
    }

    /// Installs a document for an authority of the policy.
    ///
    /// # Errors
    /// Why the document was refused; the old one stays.
    pub fn push(&mut self, authority: &Authority, document: &[u8], now: u64) -> Result<LoadReport, TrustError> {
        let index = self.engine.document().authority(authority).ok_or(TrustError::AuthorityUnknown)?;
        self.engine.load(&mut self.trust_state, index, document, UnixSeconds::new(now))
    }

    /// Takes the document of an authority away.
    pub fn remove(&mut self, authority: &Authority) {
        let index = self.engine.document().authority(authority).unwrap();
        self.trust_state.bundles = Arc::new(self.trust_state.bundles.without(index));
    }

    pub fn revoke(&mut self, revocations: Revocations) {
        self.trust_state.revocations = Arc::new(revocations);
    }

    pub fn nonces(&mut self, current: &[u8; 32], previous: Option<&[u8; 32]>) {
        self.trust_state.nonces = Some(Arc::new(NonceKeys::new(current, previous)));
    }

    /// Runs one step of a vector that is not a request; returns the result of a trust step.
    pub fn prepare(&mut self, step: &Value) -> &'static str {
        if let Some(trust) = step.get("trust") {
            let authority = authority_of(trust);
            if trust.get("removed") == Some(&Value::Bool(true)) {
                self.remove(&authority);
                return "removed";
            }
            let text = match (trust.get("text"), trust.get("bundle").or(trust.get("jwks"))) {
                (Some(text), _) => text.as_str().unwrap().to_owned(),
                (None, Some(document)) => document.to_string(),
                (None, None) => panic!("a trust step without a document"),
            };
            return trust_word(&self.push(&authority, text.as_bytes(), trust["now"].as_u64().unwrap()));
        }
        if let Some(revoke) = step.get("revoke") {
            self.revoke(revocations(revoke));
            return "revoked";
        }
        if step.get("nonces").is_some() {
            let [current, previous] = nonce_secrets(step);
            self.nonces(&current.unwrap(), previous.as_ref());
            return "keyed";
        }
        panic!("an unknown step: {step}");
    }
}

fn authority_of(trust: &Value) -> Authority {
    match (trust.get("trust_domain"), trust.get("issuer")) {
        (Some(name), _) => Authority::TrustDomain(name.as_str().unwrap().to_owned()),
        (None, Some(name)) => Authority::Issuer(name.as_str().unwrap().to_owned()),
        (None, None) => panic!("a trust step without an authority"),
    }
}

/// The current and the previous key of a step `nonces`.
#[must_use]
pub fn nonce_secrets(step: &Value) -> [Option<[u8; 32]>; 2] {
    ["current", "previous"].map(|name| {
        let text = step["nonces"].get(name).and_then(Value::as_str);
        text.map(|text| URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap())
    })
}

/// What a step `revoke` says, as operators write it.
#[must_use]
pub fn revocation_document(revoke: &Value) -> Value {
    let mut document = serde_json::json!({ "authorities": [] });
    for (list, entries) in revoke.as_object().unwrap() {
        for entry in entries.as_array().unwrap() {
            let Some(authority) = entry.get("authority") else {
                document["all_before"] = entry["before"].clone();
                continue;
            };
            let kind = if authority.as_str().unwrap().contains(':') { "issuer" } else { "trust_domain" };
            let mut of_authority = serde_json::json!({ kind: authority });
            match (list.as_str(), entry.get("before")) {
                ("epochs", before) => of_authority["before"] = before.unwrap().clone(),
                ("subjects", Some(before)) => {
                    of_authority[list] = serde_json::json!([{ "subject": entry["name"], "before": before }]);
                }
                _ => of_authority[list] = serde_json::json!([entry["name"]]),
            }
            document["authorities"].as_array_mut().unwrap().push(of_authority);
        }
    }
    document
}

fn revocations(revoke: &Value) -> Revocations {
    let mut builder = Revocations::builder();
    let entries = |list: &str| revoke.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let moment = |entry: &Value| entry.get("before").and_then(Value::as_u64).map(UnixSeconds::new);
    for entry in entries("keys") {
        builder.key(&text(&entry, "authority"), &text(&entry, "name"));
    }
    for entry in entries("subjects") {
        match moment(&entry) {
            Some(moment) => builder.subject_before(&text(&entry, "authority"), &text(&entry, "name"), moment),
            None => builder.subject(&text(&entry, "authority"), &text(&entry, "name")),
        };
    }
    for entry in entries("tokens") {
        builder.token(&text(&entry, "authority"), &text(&entry, "name"));
    }
    for entry in entries("epochs") {
        match entry.get("authority") {
            Some(authority) => builder.authority_before(authority.as_str().unwrap(), moment(&entry).unwrap()),
            None => builder.all_before(moment(&entry).unwrap()),
        };
    }
    builder.build()
}

/// The word that vectors have for what became of a trust document.
pub fn trust_word<T>(loaded: &Result<T, TrustError>) -> &'static str {
    match loaded {
        Ok(_) => "installed",
        Err(TrustError::SequenceRollback { .. }) => "sequence_rollback",
        Err(TrustError::SequenceMalformed) => "sequence_malformed",
        Err(TrustError::KeysMissing) => "keys_missing",
        Err(TrustError::Json(_)) => "json",
        Err(TrustError::TooManyKeys) => "too_many_keys",
        Err(TrustError::TooLarge) => "too_large",
        Err(_) => "refused",
    }
}
