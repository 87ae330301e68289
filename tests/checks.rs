//! The order of checks is public: every decision follows it.

use std::collections::BTreeSet;

use countersign::{Check, Trace};
use countersign_tests::request::Req;
use countersign_tests::vector;

#[derive(Default)]
struct Visited(Vec<Check>);

impl Trace for Visited {
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

/// Splits the checks where they begin again: with a further credential, its tie, or the answer to a question.
fn runs(visited: &[Check]) -> impl Iterator<Item = &[Check]> {
    visited.chunk_by(|a, b| a < b)
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
            let mut visited = Visited::default();
            let answer = runner.ask_followed(&request, &mut visited);
            let (_, policy) =
                runner.engine.document().policies().find(|(_, one)| one.name() == request.policy).unwrap();
            let (visited, path) = (visited.0, &vector.path);
            let begun: Vec<Check> = runs(&visited).map(|run| run[0]).collect();
            if vector.needs().is_empty() {
                assert_eq!(begun, [Check::Presentation], "{path}: {visited:?}");
            }
            let begins = [Check::Presentation, Check::Ties, Check::Time, Check::Body, Check::ProofReplay];
            assert!(begun.iter().all(|check| begins.contains(check)), "{path}: {visited:?}");
            let most = (request.answers.len() + 1) * (policy.credentials().count() + 1);
            assert!(begun.len() <= most, "{path}: {begun:?}");
            let accepted = answer.reason.is_none();
            // A client without the first credential has no token to check, and no identity.
            let is_anonymous = answer.audit.contains(r#""anonymous":true"#);
            assert!(!is_anonymous || (accepted && answer.subject.is_none()), "{path}: {answer:?}");
            let is_last_reached = is_anonymous || visited.contains(&Check::Binding);
            assert!(!accepted || is_last_reached, "{path}: accepted before the last check");
            for run in runs(&visited).filter(|run| run[0] == Check::Presentation) {
                let known = !run.contains(&Check::TokenForm);
                let judged = run.iter().any(|check| *check > Check::Signature);
                assert!(!judged || known || run.contains(&Check::Signature), "{path}: judged unverified");
            }
            seen.extend(visited);
        }
    }
    assert!(seen.iter().copied().eq(Check::ALL), "not every check is in the corpus: {seen:?}");
}
