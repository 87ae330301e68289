//! The decision corpus through the layer: every vector that HTTP carries, at its time, its questions answered as it says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign::Authority;
use countersign::NonceKeys;
use countersign::UnixSeconds;
use countersign::{Policy, UseOnce};
use countersign_tests::request::Req;
use countersign_tests::runner::{self, nonce_secrets, raw_answer, revocation_document, trust_word};
use countersign_tests::vector::{self, Vector};
use countersign_tower::{
    Asked, ClientCertificate, CountersignLayer, CountersignService, EngineHandle, Questions, RequestBody,
    RevocationDocument,
};
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use serde_json::Value;
use tower::{ServiceExt, service_fn};

use crate::support::engine_of;

/// The vectors that are left out, each for a reason that [`run`] gives: one that could be carried fails the test.
const LEFT_OUT: [&str; 16] = [
    "body/answer_to_another_question",
    "body/no_body_comes",
    "introspection/abandoned",
    "introspection/an_answer_of_another_server_is_not_used",
    "introspection/answer_to_another_question",
    "introspection/asked_again_after_cache_seconds",
    "introspection/cache_seconds_0_asks_each_time",
    "proof_uri/same_empty_path_asked",
    "proof_uri/unusable_authority",
    "proof_uri/unusable_empty",
    "proof_uri/unusable_no_host",
    "proof_uri/unusable_path",
    "proof_uri/unusable_star",
    "proof_uri/unusable_userinfo",
    "shared_store/abandoned",
    "shared_store/answer_to_another_question",
];

/// Answers in the order of the vector.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<Value>>,
}

impl Scripted {
    fn next(&self) -> Value {
        self.answers.lock().unwrap().pop_front().expect("a question that the vector does not answer")
    }
}

impl Questions for Scripted {
    fn use_once<'a>(&'a self, _proof: &'a [u8; 32], _seconds: u64) -> Asked<'a, UseOnce> {
        let said = match self.next()["use_once"].as_str() {
            Some("first") => UseOnce::First,
            Some("used") => UseOnce::Used,
            _ => UseOnce::Unavailable,
        };
        Box::pin(async move { said })
    }

    fn introspect<'a>(&'a self, _issuer: &'a str, _uri: &'a str, _token: &'a [u8]) -> Asked<'a, Option<Vec<u8>>> {
        let answer = self.next();
        let said = answer.get("introspected").map(|_| raw_answer(&answer).into_bytes());
        Box::pin(async move { said })
    }
}

/// A request of a vector over HTTP, or why HTTP does not carry it.
fn carried(request: &Req) -> Result<Request<Full<Bytes>>, &'static str> {
    let uri: Uri = request.uri.parse().map_err(|_| "a target that is no URI")?;
    if uri.to_string() != request.uri {
        return Err("a target that a server reads otherwise");
    }
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| "a method that is no token")?;
    let host = uri.authority().map_or("api.example", |authority| authority.as_str()).to_owned();
    let body = request.answers.iter().find(|answer| answer.get("body").is_some()).map(raw_answer).unwrap_or_default();
    let mut made = Request::new(Full::new(Bytes::from(body)));
    *made.method_mut() = method;
    *made.uri_mut() = uri;
    made.headers_mut().insert("host", HeaderValue::from_str(&host).map_err(|_| "a host that is no value of a field")?);
    for (name, value) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a name that is none of a field")?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| "a value that is none of a field")?;
        made.headers_mut().append(name, value);
    }
    if let Some(der) = &request.client_cert {
        made.extensions_mut().insert(ClientCertificate::from_der(der));
    }
    Ok(made)
}

/// The origins of the targets of a vector.
fn origins(vector: &Vector) -> BTreeSet<String> {
    let uris = vector.requests().filter_map(|(request, _)| request.uri.parse::<Uri>().ok());
    uris.filter_map(|uri| Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))).collect()
}

type Decided = Arc<Mutex<Option<runner::Answer>>>;

/// The layer of one policy, with what its last decision was.
fn layer(
    engine: &EngineHandle,
    policy: (&str, &Policy),
    origins: &BTreeSet<String>,
    questions: &Arc<Scripted>,
    now: &Arc<AtomicU64>,
    decided: &Decided,
) -> Result<CountersignLayer, &'static str> {
    let (now, decided, questions) = (Arc::clone(now), Arc::clone(decided), Arc::clone(questions));
    let mut settings = CountersignLayer::builder(engine.clone(), policy.0)
        .questions(questions)
        .clock(move || UnixSeconds::new(now.load(Ordering::Relaxed)))
        .on_decision(move |decision| *decided.lock().unwrap() = Some(runner::Answer::of(decision)));
    if !policy.1.has_origin() {
        for origin in origins {
            settings = settings.origin(origin);
        }
    }
    settings.build().map_err(|_| "targets of which no origin is made")
}

/// Runs a vector; what came out otherwise than it says, or why it is not carried.
async fn run(vector: &Vector) -> Result<Vec<String>, &'static str> {
    if vector.path.ends_with("answer_to_another_question") {
        return Err("an answer to another question, which the trait has no room for");
    }
    for (request, expect) in vector.requests() {
        if expect["reason"] == "decision_abandoned" {
            return Err("an answer that never comes: see `waiting`");
        }
        carried(&request)?;
    }
    let first = vector.requests().next().map_or(0, |(request, _)| request.now);
    let now = Arc::new(AtomicU64::new(first));
    let engine = engine_at(vector, first);
    let (decided, questions, origins) = (Decided::default(), Arc::<Scripted>::default(), origins(vector));
    let shared = engine.shared();
    let mut layers = BTreeMap::new();
    for (_, policy) in shared.engine().document().policies() {
        let name = policy.name();
        layers.insert(name, layer(&engine, (name, policy), &origins, &questions, &now, &decided)?);
    }
    let mut faults = Vec::new();
    for (place, step) in vector.steps().iter().enumerate() {
        let mut fault = |what: String| faults.push(format!("{} step {place}: {what}", vector.path));
        let expect = &step["expect"];
        let Some(request) = step.get("request") else {
            let outcome = prepare(&engine, step);
            if expect.as_str().is_some_and(|expect| expect != outcome) {
                fault(format!("expected {expect}, got {outcome}"));
            }
            continue;
        };
        let request = Req::from_json(request);
        now.store(request.now, Ordering::Relaxed);
        let answers = request.answers.iter().filter(|answer| answer.get("body").is_none()).cloned();
        *questions.answers.lock().unwrap() = answers.collect();
        let inner = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
            let body = http_body_util::BodyExt::collect(request.into_body()).await?.to_bytes();
            Ok::<_, std::convert::Infallible>(Response::new(body.to_vec()))
        });
        let service: CountersignService<_> = tower_layer::Layer::layer(&layers[request.policy.as_str()], inner);
        let sent = carried(&request)?;
        let body = http_body_util::BodyExt::collect(sent.body().clone()).await.unwrap().to_bytes();
        let response = service.oneshot(sent).await.unwrap();
        let Some(answer) = decided.lock().unwrap().take() else {
            fault("no decision".to_owned());
            continue;
        };
        for difference in vector::differences(expect, &answer) {
            fault(difference);
        }
        let status = if answer.lets_pass { 200 } else { answer.status };
        if response.status().as_u16() != status {
            fault(format!("status {} in place of {status}", response.status()));
        }
        let wanted: Vec<_> =
            answer.headers.iter().filter(|(name, _)| !answer.lets_pass || name != "www-authenticate").collect();
        let sent: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        if !sent.iter().eq(wanted.iter().copied()) {
            fault(format!("header fields {sent:?} in place of {wanted:?}"));
        }
        // The service got what the client sent, whether the decision read it or not.
        if answer.lets_pass && *response.body() != body {
            fault("another body".to_owned());
        }
    }
    Ok(faults)
}

/// An engine whose inline trust is loaded at `now`; nonce keys come in steps.
fn engine_at(vector: &Vector, now: u64) -> EngineHandle {
    let document = vector.content["policy"].to_string();
    if now == countersign_tests::issuer::NOW {
        return engine_of(&document, 1);
    }
    let document = countersign_tower::PolicyDocument::parse(document.as_bytes()).unwrap();
    let engine = countersign::Engine::new(document, [3, 5]);
    let shared = countersign_tower::SharedEngine::new(engine, UnixSeconds::new(now), &mut |_| ()).unwrap();
    EngineHandle::new(shared, 1).unwrap()
}

/// Runs a step that is no request.
fn prepare(engine: &EngineHandle, step: &Value) -> &'static str {
    let shared = engine.shared();
    if let Some(trust) = step.get("trust") {
        let authority = match (trust["trust_domain"].as_str(), trust["issuer"].as_str()) {
            (Some(name), _) => Authority::TrustDomain(name.to_owned()),
            (None, name) => Authority::Issuer(name.unwrap().to_owned()),
        };
        if trust["removed"] == true {
            shared.withdraw_trust(&authority).unwrap();
            return "removed";
        }
        let document = trust.get("bundle").or(trust.get("jwks"));
        let text = trust["text"].as_str().map_or_else(|| document.unwrap().to_string(), str::to_owned);
        let now = UnixSeconds::new(trust["now"].as_u64().unwrap());
        return trust_word(&shared.push_trust(&authority, text.as_bytes(), now));
    }
    if let Some(revoke) = step.get("revoke") {
        let document = RevocationDocument::read(revocation_document(revoke).to_string().as_bytes());
        shared.replace_revocations(&document.unwrap_or_else(|faults| panic!("{faults:?}")));
        return "revoked";
    }
    let [current, previous] = nonce_secrets(step);
    shared.set_nonce_keys(NonceKeys::new(&current.unwrap(), previous.as_ref()));
    "keyed"
}

#[tokio::test]
async fn every_vector_that_http_carries_comes_out_as_it_says() {
    let (mut faults, mut left_out, mut passed) = (Vec::new(), BTreeMap::<&str, Vec<String>>::new(), 0);
    let vectors = vector::all();
    for vector in &vectors {
        match run(vector).await {
            Ok(differences) => {
                passed += usize::from(differences.is_empty());
                faults.extend(differences);
            }
            Err(why) => left_out.entry(why).or_default().push(vector.path.clone()),
        }
    }
    println!("{passed} of {} vectors", vectors.len());
    for (why, vectors) in &left_out {
        println!("{} left out: {why}: {}", vectors.len(), vectors.join(" "));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let mut left_out: Vec<String> = left_out.into_values().flatten().collect();
    left_out.sort();
    assert_eq!(left_out, LEFT_OUT);
}
