//! The vector files: their folder and their reader. `vectors/README.md` describes the format.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::request::Req;
use crate::runner::{Answer, Runner};

/// One vector file.
#[derive(Clone, Debug)]
pub struct Vector {
    /// `<area>/<one_failure>`
    pub path: String,
    pub text: String,
    pub content: Value,
}

#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// Path and text of every committed vector, in order of their paths.
#[must_use]
pub fn texts() -> Vec<(String, String)> {
    let mut all = Vec::new();
    let Ok(areas) = fs::read_dir(folder()) else { return all };
    for area in areas {
        let area = area.unwrap().path();
        if !area.is_dir() {
            continue;
        }
        for file in fs::read_dir(&area).unwrap() {
            let file = file.unwrap().path();
            let name = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
            all.push((format!("{}/{}", name(&area), name(&file)), fs::read_to_string(&file).unwrap()));
        }
    }
    all.sort();
    all
}

/// Every committed vector.
#[must_use]
pub fn all() -> Vec<Vector> {
    let read = |(path, text): (String, String)| {
        let content = serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{path}: {fault}"));
        Vector { path, text, content }
    };
    texts().into_iter().map(read).collect()
}

/// What a host must have to judge by this policy document, and so what its vector says under `needs`: `fields`, to pass on header fields
/// that policies name; `answers`, to answer questions of the engine.
#[must_use]
pub fn needs(policy: &Value) -> Vec<&'static str> {
    let policies = || policy["policies"].as_object().into_iter().flat_map(|policies| policies.values());
    let credentials = || policies().flat_map(|policy| policy.get("credentials").and_then(Value::as_array)).flatten();
    let accepts = policies().chain(credentials()).flat_map(|holder| holder.get("accept").and_then(Value::as_array));
    let introspects = accepts.flatten().any(|entry| entry["kind"] == "introspected");
    let asks = |policy: &Value| {
        let has = |name: &str| policy.get(name).is_some_and(|value| *value != Value::Bool(false));
        has("tools") || has("body_digest") || policy["dpop"]["shared_store"] == "required"
    };
    let fields = credentials().any(|credential| credential["from"].is_object());
    let answers = introspects || policies().any(asks);
    [("answers", answers), ("fields", fields)]
        .into_iter()
        .filter(|(_, is_needed)| *is_needed)
        .map(|(name, _)| name)
        .collect()
}

impl Vector {
    #[must_use]
    pub fn steps(&self) -> &[Value] {
        self.content["steps"].as_array().unwrap()
    }

    /// What a host must have to run the vector, beside what every host has; see [`needs`].
    #[must_use]
    pub fn needs(&self) -> Vec<&str> {
        let needs = self.content.get("needs").and_then(Value::as_array);
        needs.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The requests among the steps.
    pub fn requests(&self) -> impl Iterator<Item = (Req, &Value)> {
        let requests = self.steps().iter().filter_map(|step| Some((step.get("request")?, &step["expect"])));
        requests.map(|(request, expect)| (Req::from_json(request), expect))
    }

    /// An engine for the vector; inline trust is loaded at the time of the first request.
    #[must_use]
    pub fn runner(&self) -> Runner {
        let now = self.requests().next().map_or(0, |(request, _)| request.now);
        Runner::new(&self.content["policy"].to_string(), now)
    }

    /// Runs all steps; each line of the answer is one thing that came out otherwise than the vector says.
    #[must_use]
    pub fn run(&self) -> Vec<String> {
        let mut runner = self.runner();
        let mut faults = Vec::new();
        for (place, step) in self.steps().iter().enumerate() {
            let expect = &step["expect"];
            match step.get("request") {
                Some(request) => {
                    let answer = runner.ask(&Req::from_json(request));
                    faults.extend(differences(expect, &answer).into_iter().map(|fault| self.fault(place, &fault)));
                }
                None => {
                    let outcome = runner.prepare(step);
                    if expect.as_str().is_some_and(|expect| expect != outcome) {
                        faults.push(self.fault(place, &format!("expected {expect}, got {outcome}")));
                    }
                }
            }
        }
        faults
    }

    fn fault(&self, step: usize, what: &str) -> String {
        format!("{} step {step}: {what}", self.path)
    }
}

/// What an answer has otherwise than `expect` says.
#[must_use]
pub fn differences(expect: &Value, answer: &Answer) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |name: &str, got: Value| {
        if let Some(wanted) = expect.get(name)
            && *wanted != got
        {
            faults.push(format!("{name}: expected {wanted}, got {got}"));
        }
    };
    check("decision", if answer.reason.is_none() { "accept" } else { "refuse" }.into());
    check("reason", answer.reason.map_or(Value::Null, |reason| reason.code().into()));
    check("number", answer.reason.map_or(Value::Null, |reason| reason.number().into()));
    check("status", answer.status.into());
    check("headers", answer.headers.iter().map(|(name, value)| serde_json::json!([name, value])).collect());
    check("cache", answer.cache.into());
    check("tool", answer.tool.as_deref().into());
    check("rpc_method", answer.rpc_method.as_deref().into());
    check("body_digest", answer.body_digest.as_deref().into());
    check("credentials", answer.credentials.iter().map(|(name, kind)| (name.clone(), Value::from(*kind))).collect());
    check("attributes", answer.attributes.iter().cloned().collect());
    if let Some(token) = expect.get("token") {
        for (name, got) in [
            ("kind", answer.kind.map(str::to_owned)),
            ("issuer", answer.issuer.clone()),
            ("subject", answer.subject.clone()),
            ("key_id", answer.key_id.clone()),
        ] {
            if let Some(wanted) = token.get(name)
                && wanted.as_str() != got.as_deref()
            {
                faults.push(format!("token.{name}: expected {wanted}, got {got:?}"));
            }
        }
    }
    faults
}

/// What looks like the id of a rule and is something else: hashes, algorithms, encodings, public lists of faults.
const NO_RULES: [&str; 7] = ["SHA", "RSA", "UTF", "CWE", "CVE", "DSA", "AES"];

/// The ids of rules in a text: two or three capital letters, a dash, digits.
pub fn rule_ids(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let is_id = |word: &&str| {
        word.split_once('-').is_some_and(|(prefix, number)| {
            (2..=3).contains(&prefix.len())
                && prefix.bytes().all(|byte| byte.is_ascii_uppercase())
                && !NO_RULES.contains(&prefix)
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    words.filter(is_id).map(str::to_owned).collect()
}
