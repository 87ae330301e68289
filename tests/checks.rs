//! The order of checks is public: every decision follows it.

use std::collections::BTreeSet;

use countersign::engine::{Check, Request, Trail};
use countersign::specs::mtls::ClientCertificate;
use countersign::time::UnixSeconds;
use countersign_tests::request::Req;
use countersign_tests::vector;

#[derive(Default)]
struct Visited(Vec<Check>);

impl Trail for Visited {
    fn enter(&mut self, check: Check) {
        self.0.push(check);
    }
}

#[test]
fn all_is_sorted_and_complete() {
    assert!(Check::ALL.is_sorted_by(|a, b| a < b));
    let names: BTreeSet<&str> = Check::ALL.into_iter().map(Check::name).collect();
    assert_eq!(names.len(), Check::ALL.len());
    assert!(Check::ALL.into_iter().all(|check| !check.rule().is_empty()));
}

#[test]
fn every_decision_of_the_corpus_follows_the_order() {
    let mut seen = BTreeSet::new();
    for vector in vector::all() {
        let mut runner = vector.runner();
        for step in vector.steps() {
            let Some(request) = step.get("request") else {
                runner.prepare(step);
                continue;
            };
            let request = Req::from_json(request);
            let headers = request.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let now = UnixSeconds::new(request.now);
            let mut asked = Request::new(request.method.as_bytes(), request.uri.as_bytes(), headers, now);
            if let Some(der) = &request.client_cert {
                asked = asked.with_certificate(ClientCertificate::Der(der));
            }
            let policy = runner.engine.document().policy(&request.policy).unwrap();
            let mut visited = Visited::default();
            let decision = runner.worker.decide_with(&runner.engine, &runner.snapshot, policy, &asked, &mut visited);
            let refused = decision.reason().is_some();
            assert!(visited.0.is_sorted_by(|a, b| a < b), "{}: {:?}", vector.path, visited.0);
            assert!(refused || visited.0.contains(&Check::Binding), "{}: accepted before the last check", vector.path);
            let cached = !visited.0.contains(&Check::TokenForm) && visited.0.contains(&Check::Time);
            let judged = visited.0.iter().any(|check| *check > Check::Signature);
            assert!(!judged || cached || visited.0.contains(&Check::Signature), "{}: judged unverified", vector.path);
            seen.extend(visited.0);
        }
    }
    assert!(seen.iter().copied().eq(Check::ALL), "not every check is in the corpus: {seen:?}");
}
