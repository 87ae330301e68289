//! Drives the engine by its Rust API, one step after the other.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::engine::{Engine, PolicyDocument, PolicyFault, Request, Snapshot, TrustDocument, Worker};
use countersign::memory::revocation::Revocations;
use countersign::reason::Reason;
use countersign::specs::mtls::ClientCertificate;
use countersign::specs::nonce::NonceKeys;
use countersign::time::UnixSeconds;
use countersign::trust::{LoadReport, Origin, TrustFault};
use serde_json::Value;

use crate::request::Req;

/// An engine with one worker and the newest snapshot.
pub struct Runner {
    pub engine: Engine,
    pub worker: Worker,
    pub snapshot: Snapshot,
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
}

/// Reads a policy document; faults are for tests of the document.
///
/// # Errors
/// Every fault of the document.
pub fn document(text: &str) -> Result<PolicyDocument, Vec<PolicyFault>> {
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
        let mut snapshot = engine.empty_snapshot();
        for (index, source) in engine.document().trust() {
            if let TrustDocument::Inline(text) = source.document() {
                let loaded = engine.load(&mut snapshot, index, text.as_bytes(), UnixSeconds::new(now));
                loaded.unwrap_or_else(|fault| panic!("{fault}"));
            }
        }
        let mut worker = Worker::new(&engine, [7, 11]);
        worker.check_p256_by(countersign_lanes::p256());
        Self { engine, worker, snapshot }
    }

    /// Judges one request.
    pub fn ask(&mut self, request: &Req) -> Answer {
        let headers = request.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut asked =
            Request::new(request.method.as_bytes(), request.uri.as_bytes(), headers, UnixSeconds::new(request.now));
        if let Some(der) = &request.client_cert {
            asked = asked.with_certificate(ClientCertificate::Der(der));
        }
        self.judge(&request.policy, &asked)
    }

    /// Judges one request made of bytes.
    pub fn judge(&mut self, policy: &str, request: &Request<'_>) -> Answer {
        let policy = self.engine.document().policy(policy).unwrap_or_else(|| panic!("no policy {policy}"));
        let decision = self.worker.decide(&self.engine, &self.snapshot, policy, request);
        let mut headers = Vec::new();
        decision
            .write_headers(&mut |name, value| {
                headers.push((name.to_owned(), value.to_string()));
                Ok(())
            })
            .unwrap();
        Answer {
            reason: decision.reason(),
            status: decision.status(),
            headers,
            cache: decision.cache_tier().name(),
            wants_refresh: decision.wants_refresh().map(|(_, origin)| origin.name().to_owned()),
            lets_pass: decision.lets_pass(),
            audit: decision.audit().to_string(),
            kind: decision.facts().map(|facts| facts.kind.name()),
            issuer: decision.issuer().map(|origin| origin.name().to_owned()),
            subject: decision.facts().and_then(|facts| facts.subject()).map(str::to_owned),
            key_id: decision.key_id().map(str::to_owned),
        }
    }

    /// Installs a document for an origin of the policy.
    ///
    /// # Errors
    /// Why the document was refused; the old one stays.
    pub fn push(&mut self, origin: &Origin, document: &[u8], now: u64) -> Result<LoadReport, TrustFault> {
        let index = self.engine.document().origin(origin).ok_or(TrustFault::OriginUnknown)?;
        self.engine.load(&mut self.snapshot, index, document, UnixSeconds::new(now))
    }

    /// Takes the document of an origin away.
    pub fn remove(&mut self, origin: &Origin) {
        let index = self.engine.document().origin(origin).unwrap();
        self.snapshot.trust = Arc::new(self.snapshot.trust.without(index));
    }

    pub fn revoke(&mut self, revocations: Revocations) {
        self.snapshot.revocations = Arc::new(revocations);
    }

    pub fn nonces(&mut self, current: &[u8; 32], previous: Option<&[u8; 32]>) {
        self.snapshot.nonces = Some(Arc::new(NonceKeys::new(current, previous)));
    }

    /// Runs one step of a vector that is no request; tells what a trust step came to.
    pub fn prepare(&mut self, step: &Value) -> &'static str {
        if let Some(trust) = step.get("trust") {
            let origin = origin_of(trust);
            if trust.get("removed") == Some(&Value::Bool(true)) {
                self.remove(&origin);
                return "removed";
            }
            let text = match (trust.get("text"), trust.get("bundle").or(trust.get("jwks"))) {
                (Some(text), _) => text.as_str().unwrap().to_owned(),
                (None, Some(document)) => document.to_string(),
                (None, None) => panic!("a trust step without a document"),
            };
            return match self.push(&origin, text.as_bytes(), trust["now"].as_u64().unwrap()) {
                Ok(_) => "installed",
                Err(TrustFault::SequenceRollback { .. }) => "sequence_rollback",
                Err(TrustFault::SequenceMalformed) => "sequence_malformed",
                Err(TrustFault::KeysMissing) => "keys_missing",
                Err(TrustFault::Json(_)) => "json",
                Err(TrustFault::TooManyKeys) => "too_many_keys",
                Err(TrustFault::TooLarge) => "too_large",
                Err(_) => "refused",
            };
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

fn origin_of(trust: &Value) -> Origin {
    match (trust.get("trust_domain"), trust.get("issuer")) {
        (Some(name), _) => Origin::TrustDomain(name.as_str().unwrap().to_owned()),
        (None, Some(name)) => Origin::Issuer(name.as_str().unwrap().to_owned()),
        (None, None) => panic!("trust of nobody"),
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
    let mut document = serde_json::json!({ "origins": [] });
    for (list, entries) in revoke.as_object().unwrap() {
        for entry in entries.as_array().unwrap() {
            let Some(origin) = entry.get("origin") else {
                document["all_before"] = entry["before"].clone();
                continue;
            };
            let kind = if origin.as_str().unwrap().contains(':') { "issuer" } else { "trust_domain" };
            let mut of_origin = serde_json::json!({ kind: origin });
            match (list.as_str(), entry.get("before")) {
                ("epochs", before) => of_origin["before"] = before.unwrap().clone(),
                ("subjects", Some(before)) => {
                    of_origin[list] = serde_json::json!([{ "subject": entry["name"], "before": before }]);
                }
                _ => of_origin[list] = serde_json::json!([entry["name"]]),
            }
            document["origins"].as_array_mut().unwrap().push(of_origin);
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
        builder.key(&text(&entry, "origin"), &text(&entry, "name"));
    }
    for entry in entries("subjects") {
        match moment(&entry) {
            Some(moment) => builder.subject_before(&text(&entry, "origin"), &text(&entry, "name"), moment),
            None => builder.subject(&text(&entry, "origin"), &text(&entry, "name")),
        };
    }
    for entry in entries("tokens") {
        builder.token(&text(&entry, "origin"), &text(&entry, "name"));
    }
    for entry in entries("epochs") {
        match entry.get("origin") {
            Some(origin) => builder.origin_before(origin.as_str().unwrap(), moment(&entry).unwrap()),
            None => builder.all_before(moment(&entry).unwrap()),
        };
    }
    builder.build()
}
