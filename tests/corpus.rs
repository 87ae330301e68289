//! The decision corpus: every vector, made by hand, one failure or one acceptance each.
//!
//! `cargo run -p countersign-tests --bin make_vectors` writes it to `vectors/`; a test fails if the two differ.

mod acceptance;
mod access_token;
mod binding;
mod body;
mod claims;
mod credentials;
mod dpop;
mod introspection;
mod jws;
mod jwt;
mod jwt_svid;
mod keys;
mod kinds;
mod presentation;
mod sequences;
mod shared_store;
mod spiffe_ids;
mod trust_forms;
mod txn_token;

use countersign::Reason;
use serde_json::{Value, json};

use crate::request::{Doc, Req};
use crate::vector;

/// A vector before it is written.
#[derive(Clone, Debug)]
pub struct Made {
    pub path: String,
    pub rule: String,
    pub policy: Value,
    pub steps: Vec<Value>,
}

/// All vectors in the making.
#[derive(Debug, Default)]
pub struct Corpus {
    area: &'static str,
    pub made: Vec<Made>,
}

/// Every vector.
#[must_use]
pub fn all() -> Vec<Made> {
    let mut corpus = Corpus::default();
    acceptance::add(&mut corpus);
    presentation::add(&mut corpus);
    jws::add(&mut corpus);
    keys::add(&mut corpus);
    jwt_svid::add(&mut corpus);
    access_token::add(&mut corpus);
    jwt::add(&mut corpus);
    spiffe_ids::add(&mut corpus);
    trust_forms::add(&mut corpus);
    binding::add(&mut corpus);
    dpop::add(&mut corpus);
    sequences::add(&mut corpus);
    kinds::add(&mut corpus);
    txn_token::add(&mut corpus);
    credentials::add(&mut corpus);
    introspection::add(&mut corpus);
    body::add(&mut corpus);
    shared_store::add(&mut corpus);
    claims::add(&mut corpus);
    corpus.made.sort_by(|a, b| a.path.cmp(&b.path));
    for pair in corpus.made.windows(2) {
        assert_ne!(pair[0].path, pair[1].path, "two vectors of one name");
    }
    corpus.made
}

impl Made {
    /// The text of its file.
    #[must_use]
    pub fn text(&self) -> String {
        let title = self.path.split('/').next_back().unwrap_or_default().replace('_', " ");
        let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap().replace('\n', "\n  ");
        let steps: Vec<String> = self.steps.iter().map(|step| pretty(step).replace('\n', "\n  ")).collect();
        let needs = match vector::needs(&self.policy) {
            needs if needs.is_empty() => String::new(),
            needs => format!("  \"needs\": {},\n", Value::from(needs)),
        };
        format!(
            "{{\n  \"title\": {},\n  \"rule\": {},\n{needs}  \"policy\": {},\n  \"steps\": [\n    {}\n  ]\n}}\n",
            Value::from(title),
            Value::from(self.rule.as_str()),
            pretty(&self.policy),
            steps.join(",\n    ")
        )
    }
}

/// What a refusal is expected to be.
#[must_use]
pub fn refused(reason: Reason) -> Value {
    json!({ "decision": "refuse", "reason": reason.code(), "number": reason.number(), "status": reason.status() })
}

/// What an acceptance is expected to be.
#[must_use]
pub fn accepted() -> Value {
    json!({ "decision": "accept", "status": 200 })
}

/// One step of a sequence.
#[must_use]
pub fn ask(request: &Req, expect: Value) -> Value {
    json!({ "request": request.to_json(), "expect": expect })
}

impl Corpus {
    pub fn area(&mut self, area: &'static str) {
        self.area = area;
    }

    pub fn steps(&mut self, name: &str, rule: &str, policy: &Doc, steps: Vec<Value>) {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
        let policy = policy.text();
        self.made.push(Made {
            path: format!("{}/{name}", self.area),
            rule: rule.to_owned(),
            policy: serde_json::from_str(&policy).unwrap_or_else(|fault| panic!("{name}: {fault} in {policy}")),
            steps,
        });
    }

    pub fn refuse(&mut self, name: &str, rule: &str, policy: &Doc, request: &Req, reason: Reason) {
        self.steps(name, rule, policy, vec![ask(request, refused(reason))]);
    }

    pub fn accept(&mut self, name: &str, rule: &str, policy: &Doc, request: &Req) {
        self.steps(name, rule, policy, vec![ask(request, accepted())]);
    }

    /// A refusal with its exact answer headers.
    pub fn answer(
        &mut self,
        name: &str,
        rule: &str,
        policy: &Doc,
        request: &Req,
        reason: Reason,
        headers: &[(&str, &str)],
    ) {
        let mut expect = refused(reason);
        expect["headers"] = headers.iter().map(|(name, value)| json!([name, value])).collect();
        self.steps(name, rule, policy, vec![ask(request, expect)]);
    }
}
