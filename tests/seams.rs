//! Decisions that wait, several credentials and named claims, on generated inputs and between workers.

use countersign::internal::limits;
use countersign::{
    Answer as HostAnswer, Authority, BodyReader, Decision, NoTrace, Pending, Reason, Revocations, RevocationsBuilder,
    Step, UnixSeconds, UseOnce, Worker,
};
use countersign_tests::issuer::{AUDIENCE, DOMAIN, NOW, PLAIN, SERVER, TTS, access, plain, proof, q, svid, txn};
use countersign_tests::request::{Doc, Req, answering, bearer, domain, dpop, issuer, set_key, svid_key};
use countersign_tests::runner::{Answer, Runner, host_answer, raw_answer};
use countersign_tests::vector;
use proptest::prelude::*;
use serde_json::{Value, json};

#[allow(clippy::result_large_err)] // the answer of a decision that does not wait
fn owned(step: Step<'_>) -> Result<Pending, Answer> {
    match step {
        Step::Decided(decision) => Err(Answer::of(&decision)),
        Step::Waits(pending) => Ok(pending),
    }
}

/// An answer without whether its token was cached.
fn without_tier(answer: &Answer) -> Answer {
    let mut audit: Value = serde_json::from_str(&answer.audit).unwrap();
    audit["cache"] = Value::Null;
    Answer { cache: "", audit: audit.to_string(), ..answer.clone() }
}

/// Each question of a request is answered in a worker that has seen none of it.
fn ask_in_many_workers(runner: &mut Runner, request: &Req) -> Answer {
    let headers = request.fields();
    let fields = headers.as_slice();
    let asked = request.with_fields(&fields);
    let policy = runner.engine.document().policy(&request.policy).unwrap();
    let mut answers = request.answers.iter();
    let mut step = owned(runner.worker.begin(&runner.engine, &runner.trust_state, policy, &asked, &mut NoTrace));
    let mut seed = 100;
    loop {
        let pending = match step {
            Err(answer) => return answer,
            Ok(pending) => pending,
        };
        seed += 1;
        let mut another = Worker::new(&runner.engine, [seed, seed]);
        let Some(answer) = answers.next() else {
            return Answer::of(&another.abandon(&runner.engine, &runner.trust_state, pending));
        };
        let raw = raw_answer(answer);
        let answer = host_answer(answer, &raw, runner.engine.document(), policy);
        step = owned(another.resume(&runner.engine, &runner.trust_state, pending, &asked, answer, &mut NoTrace));
    }
}

#[test]
fn a_decision_resumed_in_another_worker_is_the_same() {
    let (mut waited, mut strangers) = (0, 0);
    for vector in vector::all().iter().filter(|vector| vector.needs().contains(&"answers")) {
        let (mut one, mut many) = (vector.runner(), vector.runner());
        for step in vector.steps() {
            let Some(request) = step.get("request").map(Req::from_json) else {
                one.prepare(step);
                many.prepare(step);
                continue;
            };
            let answer = one.ask(&request);
            // What only the one worker knows would be asked again in the others.
            let is_remembered = answer.reason == Some(Reason::TokenInactive) && request.answers.is_empty();
            if answer.cache == "hit" || is_remembered {
                continue;
            }
            waited += usize::from(!request.answers.is_empty());
            let in_many = ask_in_many_workers(&mut many, &request);
            // A token that was active is known to its own worker: in the others it is asked about as a stranger's, at most half of the time.
            if in_many.reason == Some(Reason::IntrospectionRateExceeded) && answer.reason.is_none() {
                strangers += 1;
                continue;
            }
            assert_eq!(without_tier(&in_many), without_tier(&answer), "{}", vector.path);
        }
        let abandoned = |runner: &Runner| runner.engine.refused(Reason::DecisionAbandoned);
        assert_eq!(abandoned(&one), abandoned(&many), "{}", vector.path);
    }
    assert!(waited > 100, "{waited}");
    assert_eq!(strangers, 2, "requests of the vector of a token that was active");
}

/// A policy whose decisions wait for the body, and one request for it.
fn waiting() -> (Doc, Req) {
    let trust = [
        domain(DOMAIN, &[svid_key("domain-p256")]),
        issuer(SERVER, &[set_key("server-p256")]),
        issuer(TTS, &[set_key("tts-p256")]),
    ];
    let credentials = r#"[{"name":"client","from":"authorization","accept":["at+jwt"]},
        {"name":"txn","from":{"header":"txn-token"},"accept":[{"kind":"txntoken+jwt","issuer":"https://tts.example"}],"audience":"example.org"}]"#;
    let doc = Doc::new(&trust, "[]").credentials(credentials).member("body_digest", "true");
    let txn = txn().claim("jti", "\"tt-1\"").text();
    (doc, bearer(&access().text()).header("txn-token", &txn))
}

fn body<'a>(pending_of: &Runner) -> HostAnswer<'a> {
    let (_, policy) = pending_of.engine.document().policies().next().unwrap();
    HostAnswer::Body(BodyReader::new(policy.body().unwrap()))
}

/// Begins, does `between`, and resumes; in the same worker, or in another one.
fn with_change(between: &dyn Fn(&mut Runner), in_another: bool, now: u64) -> Option<Reason> {
    let (doc, request) = waiting();
    let mut runner = Runner::new(&doc.text(), NOW);
    let headers = request.fields();
    let fields = headers.as_slice();
    let asked = request.with_fields(&fields);
    let policy = runner.engine.document().policy("default").unwrap();
    let pending =
        owned(runner.worker.begin(&runner.engine, &runner.trust_state, policy, &asked, &mut NoTrace)).unwrap();
    between(&mut runner);
    let later = request.clone().now(now);
    let asked = later.with_fields(&fields);
    let answer = body(&runner);
    let mut another = Worker::new(&runner.engine, [1, 2]);
    let worker = if in_another { &mut another } else { &mut runner.worker };
    let step = worker.resume(&runner.engine, &runner.trust_state, pending, &asked, answer, &mut NoTrace);
    owned(step).unwrap_err().reason
}

#[test]
fn what_is_revoked_or_expires_while_a_decision_waits_is_refused() {
    type Revoke = fn(&mut RevocationsBuilder) -> &mut RevocationsBuilder;
    let revoke: [(Revoke, Reason); 9] = [
        (|list| list.key(SERVER, "server-p256"), Reason::KeyRevoked),
        (|list| list.subject(SERVER, "alice"), Reason::SubjectRevoked),
        (|list| list.token(SERVER, "at-1"), Reason::TokenRevoked),
        (|list| list.authority_before(SERVER, UnixSeconds::new(NOW + 1)), Reason::IssuedBeforeCutoff),
        (|list| list.key(TTS, "tts-p256"), Reason::KeyRevoked),
        (|list| list.subject(TTS, "alice"), Reason::SubjectRevoked),
        (|list| list.token(TTS, "tt-1"), Reason::TokenRevoked),
        (|list| list.authority_before(TTS, UnixSeconds::new(NOW + 1)), Reason::IssuedBeforeCutoff),
        (|list| list.all_before(UnixSeconds::new(NOW + 1)), Reason::IssuedBeforeCutoff),
    ];
    for in_another in [false, true] {
        assert_eq!(with_change(&|_| (), in_another, NOW), None);
        for (place, (add, reason)) in revoke.iter().enumerate() {
            let change = |runner: &mut Runner| {
                let mut list = Revocations::builder();
                add(&mut list);
                runner.revoke(list.build());
            };
            assert_eq!(with_change(&change, in_another, NOW), Some(*reason), "{place}");
        }
        for authority in [SERVER, TTS] {
            let authority = Authority::Issuer(authority.to_owned());
            let change = |runner: &mut Runner| runner.remove(&authority);
            assert_eq!(with_change(&change, in_another, NOW), Some(Reason::KeyUnknown), "{authority}");
        }
        assert_eq!(with_change(&|_| (), in_another, NOW + 90), Some(Reason::TokenExpired));
    }
}

#[test]
fn a_decision_of_another_engine_is_not_resumed() {
    let (doc, request) = waiting();
    let (mut one, mut other) = (Runner::new(&doc.text(), NOW), Runner::new(&doc.text(), NOW));
    let headers = request.fields();
    let fields = headers.as_slice();
    let asked = request.with_fields(&fields);
    let policy = one.engine.document().policy("default").unwrap();
    let reason = |decision: &Decision<'_>| decision.reason();
    let pending = owned(one.worker.begin(&one.engine, &one.trust_state, policy, &asked, &mut NoTrace)).unwrap();
    let answer = body(&other);
    let step = other.worker.resume(&other.engine, &other.trust_state, pending, &asked, answer, &mut NoTrace);
    assert_eq!(owned(step).unwrap_err().reason, Some(Reason::InternalError));
    let pending = owned(one.worker.begin(&one.engine, &one.trust_state, policy, &asked, &mut NoTrace)).unwrap();
    assert_eq!(reason(&other.worker.abandon(&other.engine, &other.trust_state, pending)), Some(Reason::InternalError));
    // Resumed or given up elsewhere is not abandoned here; dropped is.
    assert_eq!(one.engine.refused(Reason::DecisionAbandoned), 0);
    let pending = owned(one.worker.begin(&one.engine, &one.trust_state, policy, &asked, &mut NoTrace)).unwrap();
    drop(pending);
    assert_eq!(one.engine.refused(Reason::DecisionAbandoned), 1);
    let pending = owned(one.worker.begin(&one.engine, &one.trust_state, policy, &asked, &mut NoTrace)).unwrap();
    let given_up = one.worker.abandon(&one.engine, &one.trust_state, pending);
    assert_eq!((reason(&given_up), given_up.status()), (Some(Reason::DecisionAbandoned), 503));
    assert!(given_up.audit().to_string().contains("\"reason\":\"decision_abandoned\""));
    assert_eq!(one.engine.refused(Reason::DecisionAbandoned), 2);
}

/// A response of a MiB costs bounded memory, and is refused where a claim does not fit into a record.
#[test]
fn a_long_introspection_response_is_taken_where_its_claims_fit() {
    let doc = Doc::new(&[answering(SERVER, "")], r#"[{"kind":"introspected","issuer":"https://as.example"}]"#);
    let answer = |more: &str, long: &str| {
        format!(r#"{{"active":true,"aud":"{AUDIENCE}","sub":"alice","exp":{},"{more}":"{long}"}}"#, NOW + 60)
    };
    let long = "x".repeat(1 << 20);
    for (name, expected) in [("extension", None), ("scope", Some(Reason::LimitExceeded))] {
        let mut runner = Runner::new(&doc.text(), NOW);
        let request = bearer("opaque").answer(json!({ "introspected": answer(name, &long) }));
        assert_eq!(runner.ask(&request).reason, expected, "{name}");
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Policies of several credentials, ties, attributes and introspection, whose tokens come again and again.
fn policies(memory: &str) -> String {
    let keyed = issuer(SERVER, &[set_key("server-p256")]);
    let trust = [
        domain(DOMAIN, &[svid_key("domain-p256")]),
        format!(r#"{},"introspection":{{"uri":"https://as.example/i"}}}}"#, &keyed[..keyed.len() - 1]),
        issuer(PLAIN, &[set_key("plain-p256")]),
        issuer(TTS, &[set_key("tts-p256")]),
    ];
    let first = r#"[{"name":"client","from":"authorization","accept":["at+jwt","jwt-svid"]},"#;
    let second = r#"{"name":"second","from":{"header":"x-second"},"accept":"#;
    let audience = format!(r#""audience":["{AUDIENCE}","example.org"]"#);
    let tie = r#""tie":[{"left":"client:/sub","is":"equal","right":"second:/sub"}],"attributes":{"jti":"/jti"}"#;
    let opaque = r#"{"kind":"introspected","issuer":"https://as.example"}"#;
    Doc::new(&trust, "[]")
        .audience(&format!(r#"["{AUDIENCE}","example.org"]"#))
        .credentials(&format!(r#"{first}{second}["txntoken+jwt","jwt"]}}]"#))
        .member("tie", r#"[{"left":"client:/sub","is":"equal","right":"second:/sub"}]"#)
        .also("pinned", &format!(r#"{{{audience},{tie},"credentials":{first}{second}[{{"kind":"txntoken+jwt","issuer":"{TTS}"}}],"required":false}}]}}"#))
        .also("three", &format!(r#"{{{audience},"credentials":{first}{second}["at+jwt"]}},{{"name":"third","from":{{"header":"x-third"}},"accept":["txntoken+jwt"]}}]}}"#))
        .also("every", &format!(r#"{{{audience},"accept":[{opaque}]}}"#))
        .also("mixed", &format!(r#"{{{audience},"accept":["at+jwt",{opaque}]}}"#))
        .memory(memory)
        .text()
}

#[test]
fn cached_credentials_are_judged_as_uncached_ones() {
    let tokens = [
        access().text(),
        access().claim("sub", "\"bob\"").text(),
        access().forged_by("client-p256").text(),
        access().claim("exp", &(NOW + 40).to_string()).text(),
        svid().text(),
        plain().text(),
        plain().claim("sub", "\"bob\"").text(),
        txn().text(),
        txn().claim("sub", "\"bob\"").text(),
        txn().no_claim("iss").text(),
        txn().no_claim("iss").forged_by("server-p256").text(),
        access().bound_to_key("client-p256").text(),
        "opaque".to_owned(),
    ];
    let mut dice = Dice(0x5ea5_0001);
    let (mut accepted, mut hits, mut refused) = (0, 0, 0);
    for _ in 0..20 {
        let mut cached = Runner::new(&policies("{}"), NOW);
        let mut without = Runner::new(&policies(r#"{"token_cache_bytes":0}"#), NOW);
        for step in 0..150u64 {
            if dice.below(25) == 0 {
                let subject = *dice.of(&["alice", "bob", "carol"]);
                let authority = *dice.of(&[SERVER, TTS, PLAIN]);
                for runner in [&mut cached, &mut without] {
                    let mut list = Revocations::builder();
                    list.subject(authority, subject);
                    runner.revoke(list.build());
                }
            }
            let token = dice.of(&tokens);
            let mut request = match dice.below(8) {
                0 => dpop(
                    token,
                    &proof(token).claim("jti", &q(&format!("p{step}"))).claim("iat", &(NOW + step).to_string()).text(),
                ),
                _ => bearer(token),
            };
            for name in ["x-second", "x-third"] {
                if dice.below(6) > 0 {
                    request = request.header(name, dice.of::<String>(&tokens));
                }
            }
            // The server answers the same about a token whenever it is asked.
            let active = json!({ "active": true, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 60, "jti": "o" });
            let request = request
                .policy(dice.of::<&str>(&["default", "pinned", "three", "every", "mixed"]))
                .answer(json!({ "introspected": active }))
                .now(NOW + step);
            let (one, other) = (cached.ask(&request), without.ask(&request));
            hits += usize::from(one.cache == "hit");
            if one.reason.is_none() {
                accepted += 1
            } else {
                refused += 1
            }
            assert_eq!(without_tier(&one), without_tier(&other), "{request:?}");
        }
    }
    println!("{accepted} accepted, {refused} refused, {hits} hits");
    assert!(accepted > 300 && refused > 300 && hits > 500, "{accepted} {refused} {hits}");
}

fn payload() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..1000u32).prop_map(Value::from),
        "[a-c/~\\\\\"é]{0,5}".prop_map(Value::from),
        (0..6usize).prop_map(|length| Value::from("long ".repeat(length * 300))),
    ];
    let any = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab0/~]{0,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[ab0/~]{1,2}", any, 1..5)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn named_claims_are_what_the_pointer_finds(
        extra in payload(),
        pointers in prop::collection::btree_set("(/(a|b|0|1|01|-|~0|~1|a~1b|ab)?){1,4}", 1..8),
    ) {
        let named: Value = pointers.iter().enumerate().map(|(place, pointer)| (format!("n{place}"), Value::from(pointer.as_str()))).collect();
        let doc = Doc::access().member("attributes", &named.to_string());
        let mut token = access();
        for (name, value) in extra.as_object().unwrap() {
            token = token.claim(Value::from(name.as_str()).to_string().trim_matches('"'), &value.to_string());
        }
        let text = token.text();
        prop_assume!(text.len() <= limits::TOKEN_BYTES);
        let claims: Value = serde_json::from_str(&token.claims_text()).unwrap();
        let mut bytes = 0;
        let mut expected = Vec::new();
        for (place, pointer) in pointers.iter().enumerate() {
            if let Some(found) = claims.pointer(pointer) {
                bytes += 4 + found.as_str().map_or_else(|| found.to_string().len(), str::len);
                expected.push((format!("n{place}"), found.clone()));
            }
        }
        let mut runner = Runner::new(&doc.text(), NOW);
        for _ in ["new", "cached"] {
            let answer = runner.ask(&bearer(&text));
            if bytes > limits::NAMED_CLAIM_BYTES {
                prop_assert_eq!(answer.reason, Some(Reason::LimitExceeded));
            } else {
                prop_assert_eq!(answer.reason, None);
                let mut found = answer.attributes;
                found.sort_by(|a, b| a.0.cmp(&b.0));
                expected.sort_by(|a, b| a.0.cmp(&b.0));
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}

/// The shared store is given the time to remember: no shorter than the window of the widest policy leaves the proof.
#[test]
fn the_shared_store_remembers_a_proof_for_its_whole_life() {
    let doc = Doc::access()
        .member("dpop", r#"{"shared_store":"required","max_age_seconds":10}"#)
        .also("wide", r#"{"accept":["at+jwt"],"audience":"a","dpop":{"max_age_seconds":300}}"#);
    let bound = access().bound_to_key("client-p256").text();
    for age in [0, 3, 10] {
        let mut runner = Runner::new(&doc.text(), NOW);
        let request = dpop(&bound, &proof(&bound).claim("iat", &(NOW - age).to_string()).text());
        let headers = request.fields();
        let fields = headers.as_slice();
        let asked = request.with_fields(&fields);
        let policy = runner.engine.document().policy("default").unwrap();
        let pending =
            owned(runner.worker.begin(&runner.engine, &runner.trust_state, policy, &asked, &mut NoTrace)).unwrap();
        let countersign::Question::UseOnce { seconds, .. } = pending.question() else { panic!("{pending:?}") };
        assert_eq!(seconds, 300 - age + 1);
        let answer = HostAnswer::UseOnce(UseOnce::First);
        let step = runner.worker.resume(&runner.engine, &runner.trust_state, pending, &asked, answer, &mut NoTrace);
        assert_eq!(owned(step).unwrap_err().reason, None);
    }
}

/// A client request that several policies judge, as after a redirect: a proof is new to the shared store until that store has said so, and
/// asked about once.
#[test]
fn a_proof_that_another_policy_claimed_is_still_new_to_the_shared_store() {
    let policy = r#""accept":["at+jwt"],"audience":"https://api.example","origin":"https://api.example""#;
    let text = format!(
        r#"{{"trust":[{}],"policies":{{"local":{{{policy}}},"shared":{{{policy},"dpop":{{"shared_store":"required"}}}}}}}}"#,
        issuer(SERVER, &[set_key("server-p256")])
    );
    let mut runner = Runner::new(&text, NOW);
    let bound = access().bound_to_key("client-p256").text();
    let request = dpop(&bound, &proof(&bound).text());
    let headers = request.fields();
    let fields = headers.as_slice();
    let asked = request.with_fields(&fields);
    let [local, shared] = ["local", "shared"].map(|name| runner.engine.document().policy(name).unwrap());

    let claimed = *runner.worker.decide(&runner.engine, &runner.trust_state, local, &asked).used_proof().unwrap();
    let again = asked.with_used_proof(&claimed);
    #[allow(clippy::result_large_err)] // as `owned`
    let begun = |runner: &mut Runner, asked: &_| {
        owned(runner.worker.begin(&runner.engine, &runner.trust_state, shared, asked, &mut NoTrace))
    };
    let go_on = |runner: &mut Runner, pending, asked: &_, answer| {
        let answer = HostAnswer::UseOnce(answer);
        let step = runner.worker.resume(&runner.engine, &runner.trust_state, pending, asked, answer, &mut NoTrace);
        let Step::Decided(decision) = step else { panic!("it waits again") };
        (decision.reason(), decision.used_proof().copied())
    };
    // One that the store did not confirm is asked about again.
    let pending = begun(&mut runner, &again).expect("the shared store is asked");
    let (reason, claimed) = go_on(&mut runner, pending, &again, UseOnce::Unavailable);
    assert_eq!(reason, Some(Reason::ReplayStoreUnavailable));
    let again = asked.with_used_proof(claimed.as_ref().unwrap());
    let pending = begun(&mut runner, &again).expect("the shared store is asked");
    let (reason, claimed) = go_on(&mut runner, pending, &again, UseOnce::First);
    assert_eq!(reason, None);
    // One that it confirmed is not, by any policy.
    let again = asked.with_used_proof(claimed.as_ref().unwrap());
    assert_eq!(begun(&mut runner, &again).unwrap_err().reason, None);
    let decision = runner.worker.decide(&runner.engine, &runner.trust_state, local, &again);
    assert_eq!((decision.reason(), decision.used_proof()), (None, claimed.as_ref()));
    // Another request has no part in it.
    assert_eq!(begun(&mut runner, &asked).unwrap_err().reason, Some(Reason::ProofReplayed));
}

/// `txn` joins the records of one transaction, so only a transaction token says it: an issuer lets clients choose claims of access tokens.
#[test]
fn the_transaction_is_that_of_the_transaction_token() {
    let credentials = r#"[{"name":"client","from":"authorization","accept":["at+jwt","jwt"]},
        {"name":"txn","from":{"header":"txn-token"},"accept":[{"kind":"txntoken+jwt","issuer":"https://tts.example"}],
         "audience":"example.org","required":false}]"#;
    let trust = [issuer(SERVER, &[set_key("server-p256")]), issuer(TTS, &[set_key("tts-p256")])];
    let mut runner = Runner::new(&Doc::new(&trust, "[]").credentials(credentials).text(), NOW);
    let client = bearer(&access().claim("txn", "\"EVIL\"").text());
    let alone = runner.ask(&client);
    assert!(alone.reason.is_none() && !alone.audit.contains("EVIL"), "{}", alone.audit);
    let both = runner.ask(&client.header("Txn-Token", &txn().claim("txn", "\"t-1\"").text()));
    assert!(
        both.reason.is_none() && both.audit.contains(r#""txn":"t-1""#) && !both.audit.contains("EVIL"),
        "{}",
        both.audit
    );
}
