//! Decisions that wait: each step is judged by the newest trust state.

#![allow(clippy::unwrap_used)]

use countersign::{
    Answer, BodyReader, Engine, OutOfMemory, PolicyDocument, Question, Reason, Request, Step, UnixSeconds,
};
use countersign_reload::{RevocationDocument, SharedEngine, SharedWorker};

const POLICY: &str = r#"{ "trust": [{ "issuer": "https://as.example", "jwks": { "keys": [] },
                                      "introspection": { "uri": "https://as.example/introspect" } }],
    "policies": { "default": { "accept": [{ "kind": "introspected", "issuer": "https://as.example" }],
                               "audience": "https://api.example", "body_digest": true } } }"#;
const ANSWER: &[u8] = br#"{ "active": true, "sub": "carol", "aud": "https://api.example" }"#;
const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

/// Begins, answers for the issuer, does `meanwhile`, and answers with the body in another worker; why the request is refused.
fn decide(meanwhile: impl FnOnce(&SharedEngine)) -> Option<Reason> {
    let engine = Engine::new(PolicyDocument::parse(POLICY.as_bytes()).unwrap(), [1, 2]);
    let live = SharedEngine::new(engine, NOW, &mut |_| {}).unwrap();
    let (index, policy) = live.engine().document().policies().next().unwrap();
    let headers = [(&b"authorization"[..], &b"Bearer opaque"[..])];
    let request = Request::new(b"POST", b"https://api.example/", headers, NOW);
    let mut first = SharedWorker::new(&live, [3, 4]);
    let mut second = SharedWorker::try_new(&live, [5, 6], &mut |count| Some(vec![0; count].into())).unwrap();

    let Step::Waits(pending) = first.begin(&live, index, &request) else { return Some(Reason::InternalError) };
    assert!(matches!(pending.question(), Question::Introspect { .. }));
    let Step::Waits(pending) = first.resume(&live, pending, &request, Answer::Introspected(ANSWER)) else {
        return Some(Reason::InternalError);
    };
    assert_eq!(pending.question(), Question::Body { most_bytes: 65_536 });
    meanwhile(&live);
    let body = BodyReader::new(policy.body().unwrap());
    match second.resume(&live, pending, &request, Answer::Body(body)) {
        Step::Decided(decision) => {
            assert_eq!(decision.verified_token().is_some(), decision.reason().is_none());
            decision.reason()
        }
        Step::Waits(_) => Some(Reason::DecisionAbandoned),
    }
}

#[test]
fn what_is_revoked_while_a_decision_waits_is_refused() {
    assert_eq!(decide(|_| {}), None);
    let revoked = br#"{"authorities":[{"issuer":"https://as.example","subjects":["carol"]}]}"#;
    let revoked = RevocationDocument::read(revoked).unwrap();
    assert_eq!(decide(|live| assert_eq!(live.revoke(&revoked), [""; 0])), Some(Reason::SubjectRevoked));
}

#[test]
fn a_worker_without_memory_is_none() {
    let engine = Engine::try_new(PolicyDocument::parse(POLICY.as_bytes()).unwrap(), [1, 2]).unwrap();
    let live = SharedEngine::new(engine, NOW, &mut |_| {}).unwrap();
    let mut asked = 0;
    let made = SharedWorker::try_new(&live, [3, 4], &mut |count| {
        asked = count;
        None
    });
    assert_eq!(made.err(), Some(OutOfMemory));
    assert!(asked > 1024 * 1024 && asked < live.engine().document().token_cache_bytes());
    let short = SharedWorker::try_new(&live, [3, 4], &mut |_| Some(Box::default()));
    assert_eq!(short.err(), Some(OutOfMemory));
}
