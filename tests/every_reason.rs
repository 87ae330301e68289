//! Every reason has a vector, or, where no request can bring it about, a test of its own here.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign::{Engine, FirstUse, Reason, Replay, ReplayError, UnixSeconds};
use countersign_tests::issuer::{NOW, access, proof, q};
use countersign_tests::request::{Doc, dpop};
use countersign_tests::runner::{Runner, document};
use countersign_tests::vector;

/// Reasons that no vector can have, with the test that brings them about and where it is.
const BY_TEST: [(Reason, &str, &str); 5] = [
    (Reason::PolicyAmbiguous, "a_repeated_field_that_selects_a_policy_is_refused", FILTER),
    (Reason::ProofHistoryUnknown, "a_store_that_has_forgotten_says_so", STORE),
    (Reason::ProofShareExceeded, "one_client_cannot_fill_the_store_for_another", STORE),
    (Reason::ReplayStoreFull, "a_full_replay_store_is_our_fault", HERE),
    (Reason::RevocationsStale, "nobody_is_accepted_while_it_is_not_known_what_is_revoked", ROTATION),
];
const HERE: &str = include_str!("every_reason.rs");
const ROTATION: &str = include_str!("rotation.rs");
const STORE: &str = include_str!("replay_store.rs");
/// Where hosts select the policy by header fields.
const FILTER: &str = include_str!("../wasm/filter/src/tests.rs");

#[test]
fn every_reason_has_a_vector_or_a_test() {
    let vectors = vector::all();
    let seen: BTreeSet<String> = vectors
        .iter()
        .flat_map(|vector| vector.requests().filter_map(|(_, expect)| expect["reason"].as_str().map(str::to_owned)))
        .collect();
    for reason in Reason::ALL {
        let by_test = BY_TEST.iter().find(|(known, ..)| *known == reason);
        match by_test {
            None => assert!(seen.contains(reason.code()), "{reason} has no vector"),
            Some((_, test, source)) => {
                assert!(!seen.contains(reason.code()), "{reason} has a vector and needs no exception");
                assert!(source.contains(&format!("fn {test}()")), "{test} is not there");
            }
        }
    }
    for code in seen {
        assert!(Reason::from_code(&code).is_some(), "{code} is no reason");
    }
}

/// Requests with proofs by many keys, three of each: no single one can fill a store.
fn ask(runner: &mut Runner, number: usize) -> Option<Reason> {
    let key = format!("numbered-{}", 1 + number / 3);
    let bound = access().bound_to_key(&key).text();
    runner.ask(&dpop(&bound, &proof(&bound).key(&key).claim("jti", &q(&format!("p{number}"))).text())).reason
}

#[test]
fn a_full_replay_store_is_our_fault() {
    let mut runner = Runner::new(&Doc::access().memory(r#"{"replay_proofs":64}"#).text(), NOW);
    let mut used = Vec::new();
    let full = (0..100_000).find_map(|number| match ask(&mut runner, number) {
        None => {
            used.push(number);
            None
        }
        Some(Reason::ProofShareExceeded) => None,
        Some(reason) => Some((number, reason)),
    });
    // A key with a proof in the bucket has its share; a key without one finds no room.
    let (number, reason) = full.unwrap_or_else(|| panic!("{} used", used.len()));
    assert_eq!(reason, Reason::ReplayStoreFull);
    assert_eq!(reason.status(), 503);
    assert!(used.len() >= 126, "full after {} proofs", used.len());
    // Proofs in the store stay refused, and the refusal of a new proof does not make room.
    assert_eq!(ask(&mut runner, 0), Some(Reason::ProofReplayed));
    assert_eq!(ask(&mut runner, number), Some(Reason::ReplayStoreFull));
    assert_eq!(runner.engine.refused(Reason::ReplayStoreFull), 2);
    let now = UnixSeconds::new(NOW);
    let notice = runner.engine.replay_notice(reason, now).map(|notice| notice.to_string());
    let expected =
        "requests are refused with replay_store_full: the replay store has no room for a proof; give it more (";
    assert!(notice.as_ref().is_some_and(|line| line.starts_with(expected)), "{notice:?}");
    assert!(runner.engine.replay_notice(reason, now.plus(59)).is_none(), "once a minute");
    assert!(runner.engine.replay_notice(reason, now.plus(60)).is_some());
    assert!(runner.engine.replay_notice(Reason::ProofReplayed, now).is_none(), "of no concern to an operator");
}

#[test]
fn a_full_replay_store_lets_pass_only_where_the_policy_says_so() {
    let policy =
        Doc::access().member("dpop", r#"{"replay":"danger_accept_when_full"}"#).memory(r#"{"replay_proofs":64}"#);
    let mut runner = Runner::new(&policy.text(), NOW);
    for number in 0..600 {
        assert_eq!(ask(&mut runner, number), None);
    }
    assert_eq!(ask(&mut runner, 0), Some(Reason::ProofReplayed));
}

#[derive(Default)]
struct Broken(AtomicU64);

impl Replay for Broken {
    fn record_use(&self, _: &[u8; 32], _: UnixSeconds, _: UnixSeconds) -> Result<FirstUse, ReplayError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(ReplayError)
    }
}

#[test]
fn a_replay_store_that_does_not_answer_is_our_fault() {
    let engine = Engine::with_replay(document(&Doc::access().text()).unwrap(), Box::new(Broken::default()));
    let mut runner = Runner::with_engine(engine, NOW);
    let bound = access().bound_to_key("client-p256").text();
    let answer = runner.ask(&dpop(&bound, &proof(&bound).text()));
    assert_eq!(answer.reason, Some(Reason::ReplayStoreUnavailable));
    assert_eq!((answer.status, answer.headers), (503, vec![]));
}

#[test]
fn counters_name_every_refusal_of_the_corpus() {
    for vector in vector::all() {
        let mut runner = vector.runner();
        let mut asked = 0;
        for step in vector.steps() {
            if step.get("request").is_some() {
                let reason = runner.ask(&countersign_tests::request::Req::from_json(&step["request"])).reason;
                asked += 1;
                if let Some(reason) = reason {
                    assert!(runner.engine.refused(reason) >= 1, "{}", vector.path);
                }
            } else {
                runner.prepare(step);
            }
        }
        let refused: u64 = Reason::ALL.into_iter().map(|reason| runner.engine.refused(reason)).sum();
        assert_eq!(runner.engine.accepted() + refused, asked, "{}", vector.path);
    }
}
