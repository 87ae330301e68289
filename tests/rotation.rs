//! Keys come and go: at once, without a flush, and without a fetch storm.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign::{
    Algorithm, Authority, KeyKind, PublicKey, Reason, Request, RevocationsKnown, SignatureVerifier, TrustError,
    UnixSeconds,
};
use countersign_tests::issuer::{DOMAIN, NOW, SERVER, Token, URI, access, jwk, proof, q, svid};
use countersign_tests::request::{Doc, bearer, domain, dpop, issuer, set_key, svid_key};
use countersign_tests::runner::Runner;

fn org() -> Authority {
    Authority::TrustDomain(DOMAIN.to_owned())
}

fn bundle(keys: &[String]) -> Vec<u8> {
    format!("{{\"keys\":[{}]}}", keys.join(",")).into_bytes()
}

fn reason(runner: &mut Runner, token: &str, now: u64) -> Option<Reason> {
    runner.ask(&bearer(token).now(now)).reason
}

#[test]
fn removed_key_is_refused_at_once_and_the_surviving_one_stays_cached() {
    let doc = Doc::svid().trust(&[domain(DOMAIN, &[svid_key("domain-p256"), svid_key("domain-next-p256")])]);
    let mut runner = Runner::new(&doc.text(), NOW);
    let (old, new) = (svid().text(), svid().key("domain-next-p256").text());
    for token in [&old, &new] {
        assert_eq!(reason(&mut runner, token, NOW), None);
        assert_eq!(runner.ask(&bearer(token)).cache, "hit");
    }
    let report = runner.push(&org(), &bundle(&[svid_key("domain-next-p256")]), NOW).unwrap();
    assert_eq!((report.kept, report.added, report.removed), (1, 0, 1));
    assert_eq!(reason(&mut runner, &old, NOW), Some(Reason::KeyUnknown));
    assert_eq!(runner.ask(&bearer(&new)).cache, "hit");
    // The order of keys, and members that do not make the key, change nothing.
    let reordered = [
        svid_key("domain-p256"),
        jwk("domain-next-p256", r#""use":"jwt-svid","comment":[1],"kid":"domain-next-p256""#),
    ];
    let report = runner.push(&org(), &bundle(&reordered), NOW).unwrap();
    assert_eq!((report.kept, report.added, report.removed), (1, 1, 0));
    assert_eq!(runner.ask(&bearer(&new)).cache, "hit");
    assert_eq!(reason(&mut runner, &old, NOW), None);
}

/// An exact repetition is the same key, with `kid` or without.
#[test]
fn a_repeated_key_is_one_key() {
    let [pinned, unnamed] =
        [r#""use":"sig","alg":"ES256""#, r#""use":"sig""#].map(|members| jwk("server-p256", members));
    let mut runner = Runner::new(&Doc::access().trust(&[issuer(SERVER, std::slice::from_ref(&unnamed))]).text(), NOW);
    let server = Authority::Issuer(SERVER.to_owned());
    let token = access().no_header("kid").text();
    assert_eq!(reason(&mut runner, &token, NOW), None);
    for keys in [vec![&unnamed; 2], vec![&unnamed; 3], vec![&unnamed, &pinned, &unnamed]] {
        let keys: Vec<String> = keys.into_iter().cloned().collect();
        let report = runner.push(&server, &bundle(&keys), NOW).unwrap();
        assert_eq!((report.kept, report.added, report.removed), (1, 0, 0), "{keys:?}");
        assert_eq!(runner.ask(&bearer(&token)).cache, "hit", "{keys:?}");
    }
}

#[test]
fn a_key_that_moves_to_another_kid_is_another_key() {
    let mut runner = Runner::new(&Doc::svid().text(), NOW);
    let token = svid().text();
    assert_eq!(reason(&mut runner, &token, NOW), None);
    let moved = jwk("domain-p256", r#""kid":"new","use":"jwt-svid""#);
    let report = runner.push(&org(), &bundle(&[moved]), NOW).unwrap();
    assert_eq!((report.kept, report.added, report.removed), (0, 1, 1));
    assert_eq!(reason(&mut runner, &token, NOW), Some(Reason::KeyUnknown));
    assert_eq!(reason(&mut runner, &svid().header("kid", "\"new\"").text(), NOW), None);
}

#[test]
fn slots_of_lost_keys_are_used_again_without_reviving_cached_tokens() {
    let mut runner = Runner::new(&Doc::svid().text(), NOW);
    let token = svid().text();
    assert_eq!(reason(&mut runner, &token, NOW), None);
    runner.push(&org(), &bundle(&[]), NOW).unwrap();
    // The new key takes the slot of the old one, under the very kid of the old one.
    runner.push(&org(), &bundle(&[jwk("domain-next-p256", r#""kid":"domain-p256","use":"jwt-svid""#)]), NOW).unwrap();
    assert_eq!(reason(&mut runner, &token, NOW), Some(Reason::SignatureInvalid));
    assert_eq!(runner.trust_state.bundles.key_count(), 1);
}

#[test]
fn a_snapshot_in_use_is_not_changed_by_a_newer_one() {
    let mut runner = Runner::new(&Doc::svid().text(), NOW);
    let token = svid().text();
    let old = runner.trust_state.clone();
    runner.push(&org(), &bundle(&[]), NOW).unwrap();
    assert_eq!(reason(&mut runner, &token, NOW), Some(Reason::KeyUnknown));
    runner.trust_state = old;
    assert_eq!(reason(&mut runner, &token, NOW), None);
}

#[test]
fn sequence_rollback_names_both_numbers() {
    let mut runner = Runner::new(&Doc::svid().text(), NOW);
    let document = |sequence: u64| format!("{{\"spiffe_sequence\":{sequence},\"keys\":[{}]}}", svid_key("domain-p256"));
    runner.push(&org(), document(9).as_bytes(), NOW).unwrap();
    let fault = runner.push(&org(), document(8).as_bytes(), NOW).unwrap_err();
    assert_eq!(fault, TrustError::SequenceRollback { stored: 9, offered: 8 });
    assert!(!runner.push(&org(), document(9).as_bytes(), NOW).unwrap().sequence_reused, "the same document");
    let other = format!("{{\"spiffe_sequence\":9,\"keys\":[{}]}}", svid_key("domain-next-p256"));
    assert!(runner.push(&org(), other.as_bytes(), NOW).unwrap().sequence_reused, "another document of one number");
    // BND-9: without a number the newest fetch wins; the number in use is then forgotten, and reported by `sequence`.
    runner.push(&org(), &bundle(&[svid_key("domain-p256")]), NOW).unwrap();
    let index = runner.engine.document().authority(&org()).unwrap();
    assert_eq!(runner.trust_state.bundles.set(index).unwrap().sequence(), None);
}

#[test]
fn nobody_is_accepted_while_it_is_not_known_what_is_revoked() {
    let mut runner = Runner::new(&Doc::svid().text(), NOW);
    let (cached, new, forged) =
        (svid().text(), svid().claim("jti", &q("new")).text(), svid().forged_by("domain-next-p256").text());
    let until = RevocationsKnown::by_list(UnixSeconds::new(NOW - 30), Some(30));
    for (known, now, expected) in [
        (RevocationsKnown::NotYet, NOW, Some(Reason::RevocationsStale)),
        (until, NOW, None),
        (until, NOW + 1, Some(Reason::RevocationsStale)),
        (RevocationsKnown::by_list(UnixSeconds::new(0), None), NOW + 1, None),
    ] {
        runner.trust_state.revocations_known = known;
        for token in [&cached, &new] {
            let answer = runner.ask(&bearer(token).now(now));
            assert_eq!((answer.reason, answer.wants_refresh), (expected, None), "{known:?}");
            // No key is to blame, and verified tokens need not be verified again.
            assert_eq!(runner.ask(&bearer(token).now(now)).cache, "hit", "{known:?}");
        }
        assert_eq!(reason(&mut runner, &forged, now), Some(Reason::SignatureInvalid));
    }
}

#[test]
fn refresh_hints_are_surfaced_and_clamped() {
    let mut runner = Runner::new(&Doc::svid().text(), NOW);
    let index = runner.engine.document().authority(&org()).unwrap();
    for (hint, expected) in [
        ("300", Some(300)),
        ("1", Some(10)),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("\"300\"", None),
        ("9223372036854775808", Some(86_400)),
        ("99999999999999999999", None),
    ] {
        let document = format!("{{\"spiffe_refresh_hint\":{hint},\"keys\":[]}}");
        runner.push(&org(), document.as_bytes(), NOW).unwrap();
        assert_eq!(runner.trust_state.bundles.set(index).unwrap().refresh_hint_seconds(), expected, "{hint}");
    }
}

#[test]
fn ten_thousand_unknown_kids_ask_for_one_refresh_in_each_floor() {
    let trust =
        format!(r#"{{"issuer":"{SERVER}","min_refresh_seconds":60,"jwks":{{"keys":[{}]}}}}"#, set_key("server-p256"));
    let mut runner = Runner::new(&Doc::access().trust(&[trust]).text(), NOW);
    let mut asked = Vec::new();
    for flood in 0..10_000u64 {
        let now = NOW + flood / 100; // a hundred seconds of flood
        let token = access().header("kid", &q(&format!("kid-{flood}"))).with_signature(&[1; 64]);
        let answer = runner.ask(&bearer(&token).now(now));
        assert_eq!(answer.reason, Some(Reason::KeyUnknown));
        if let Some(authority) = answer.wants_refresh {
            assert_eq!(authority, SERVER);
            asked.push(now);
        }
    }
    assert_eq!(asked, [NOW, NOW + 60]);
    assert_eq!(runner.engine.refused(Reason::KeyUnknown), 10_000);
}

#[test]
fn ten_thousand_tokens_without_kid_ask_for_one_refresh() {
    let doc = Doc::access().trust(&[issuer(SERVER, &[set_key("server-p384")])]);
    let mut runner = Runner::new(&doc.text(), NOW);
    let asked = (0..10_000)
        .filter(|flood| {
            let token = access().no_header("kid").claim("jti", &q(&flood.to_string())).with_signature(&[1; 64]);
            runner.ask(&bearer(&token)).wants_refresh.is_some()
        })
        .count();
    assert_eq!(asked, 1);
}

#[test]
fn the_floors_of_two_authorities_are_their_own_and_only_an_unknown_key_asks() {
    let other = "https://other-as.example";
    let doc = Doc::access()
        .trust(&[issuer(SERVER, &[set_key("server-p256")]), issuer(other, &[set_key("other-server-p256")])]);
    let mut runner = Runner::new(&doc.text(), NOW);
    let strange = |iss: &str| access().claim("iss", &q(iss)).header("kid", "\"x\"").text();
    assert_eq!(runner.ask(&bearer(&strange(SERVER))).wants_refresh.as_deref(), Some(SERVER));
    assert_eq!(runner.ask(&bearer(&strange(other))).wants_refresh.as_deref(), Some(other));
    assert_eq!(runner.ask(&bearer(&strange(SERVER))).wants_refresh, None);
    let mut fresh = Runner::new(&doc.text(), NOW);
    for token in [
        access().with_signature(&[1; 64]),                        // a bad signature
        access().algorithm("RS256").with_signature(&[1; 256]),    // a key of another sort
        access().claim("iss", "\"https://evil.example\"").text(), // a strange issuer
        access().claim("aud", "\"x\"").text(),                    // a valid token for others
    ] {
        let answer = fresh.ask(&bearer(&token));
        assert!(answer.reason.is_some());
        assert_eq!(answer.wants_refresh, None, "{:?}", answer.reason);
    }
    // Keys that were never loaded are wanted too.
    let mut empty = Runner::new(&Doc::access().trust(&[format!(r#"{{"issuer":"{SERVER}"}}"#)]).text(), NOW);
    let answer = empty.ask(&bearer(&access().text()));
    assert_eq!((answer.reason, answer.wants_refresh.as_deref()), (Some(Reason::KeysStale), Some(SERVER)));
}

#[test]
fn a_client_key_rotates_with_its_proof() {
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    for (jti, client) in [("1", "client-p256"), ("2", "client-other-p256"), ("3", "client-p256")] {
        let token = access().bound_to_key(client).text();
        let proof = proof(&token).key(client).claim("jti", &q(jti)).text();
        assert_eq!(runner.ask(&dpop(&token, &proof)).reason, None);
    }
}

/// A client request that several policies judge uses its proof once; what another request claimed is nothing to it.
#[test]
fn a_request_knows_its_own_proof_again() {
    let token = access().bound_to_key("client-p256").text();
    let authorization = format!("DPoP {token}");
    let proofs = ["1", "2"].map(|jti| proof(&token).claim("jti", &q(jti)).text());
    let judge = |runner: &mut Runner, proof: &str, claimed: Option<[u8; 32]>| {
        let headers = [("authorization", &*authorization), ("dpop", proof)]
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut request = Request::new(b"GET", URI.as_bytes(), headers, UnixSeconds::new(NOW));
        if let Some(claimed) = &claimed {
            request = request.with_used_proof(claimed);
        }
        let policy = runner.engine.document().policy("default").unwrap();
        let decision = runner.worker.decide(&runner.engine, &runner.trust_state, policy, &request);
        (decision.reason(), decision.used_proof().copied())
    };
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    let (accepted, first) = judge(&mut runner, &proofs[0], None);
    assert!(accepted.is_none() && first.is_some());
    assert_eq!(judge(&mut runner, &proofs[0], first), (None, first));
    assert_eq!(judge(&mut runner, &proofs[0], None), (Some(Reason::ProofReplayed), None));
    // A proof that was not used yet is recorded, whatever the request claims.
    let (accepted, second) = judge(&mut runner, &proofs[1], first);
    assert!(accepted.is_none() && second.is_some() && second != first);
    assert_eq!(judge(&mut runner, &proofs[1], first), (Some(Reason::ProofReplayed), None));
    // Where replays are not looked for nothing is claimed: a stricter policy behind it looks.
    let mut open = Runner::new(&Doc::access().member("dpop", r#"{"replay":"danger_accept"}"#).text(), NOW);
    assert_eq!(judge(&mut open, &proofs[0], None), (None, None));
    // Another store knows the proof from its own first time on.
    let mut other = Runner::new(&Doc::access().text(), NOW);
    assert_eq!(judge(&mut other, &proofs[0], first), (None, first));
    assert_eq!(judge(&mut other, &proofs[0], None).0, Some(Reason::ProofReplayed));
}

#[test]
fn threads_share_one_engine_and_one_floor() {
    let doc = Doc::access();
    let runner = Runner::new(&doc.text(), NOW);
    let (engine, trust_state) = (Arc::new(runner.engine), runner.trust_state);
    let bound = access().bound_to_key("client-p256").text();
    let proof = proof(&bound).text();
    let authorization = format!("DPoP {bound}");
    let first = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                let (engine, trust_state) = (Arc::clone(&engine), trust_state.clone());
                let (authorization, proof) = (&authorization, &proof);
                scope.spawn(move || {
                    let mut worker = countersign::Worker::new(&engine, [seed, 1]);
                    let headers = [(&b"authorization"[..], authorization.as_bytes()), (b"dpop", proof.as_bytes())];
                    let now = UnixSeconds::new(NOW);
                    let request = Request::new(b"GET", b"https://api.example/orders", headers, now);
                    let policy = engine.document().policy("default").unwrap();
                    (0..200)
                        .filter(|_| worker.decide(&engine, &trust_state, policy, &request).reason().is_none())
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(first, 1, "one proof, one acceptance, whatever the number of threads (A28)");
    assert_eq!(engine.refused(Reason::ProofReplayed), 799);
}

/// A host that counts the signatures that it checks.
struct Counting(Arc<AtomicUsize>);

impl SignatureVerifier for Counting {
    fn takes(&self, _: KeyKind, _: Algorithm) -> bool {
        true
    }

    fn verify(&mut self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        key.verify(algorithm, message, signature).is_ok()
    }
}

/// `try_keys` bounds the cost of a token of any client: as many signature checks as keys could have signed it, and none where those are
/// more than it says.
#[test]
fn a_token_is_checked_with_no_more_keys_than_are_tried() {
    type Named = fn(usize) -> String;
    type Selecting = fn(Token) -> Token;
    let selections: [(&str, Named, Selecting); 4] = [
        ("no kid", |number| format!("\"kid\":\"k{number}\""), |token| token.no_header("kid")),
        ("one kid", |_| "\"kid\":\"k\"".to_owned(), |token| token.header("kid", "\"k\"")),
        ("keys without kid", |_| String::new(), |token| token.header("kid", "\"any\"")),
        (
            "x5t",
            |number| format!("\"kid\":\"k{number}\",\"x5t\":\"t\""),
            |token| token.no_header("kid").header("x5t", "\"t\""),
        ),
    ];
    for (name, named, of) in selections {
        for tries in 1..=4 {
            for keys in [1, 2, 3, 4, 5, 100] {
                let set: Vec<String> =
                    (1..=keys).map(|number| jwk(&format!("numbered-{number}"), &named(number))).collect();
                let entry = issuer(SERVER, &set);
                let entry = format!("{},\"try_keys\":{tries},\"match_x5t\":true}}", &entry[..entry.len() - 1]);
                let mut runner = Runner::new(&Doc::access().trust(&[entry]).text(), NOW);
                let checks = Arc::new(AtomicUsize::new(0));
                runner.worker.ask_host(Box::new(Counting(Arc::clone(&checks))));
                let forged = of(access().key("client-p256")).text();
                let expected = if keys <= tries { Reason::SignatureInvalid } else { Reason::KeyUnknown };
                assert_eq!(runner.ask(&bearer(&forged)).reason, Some(expected), "{name}, {tries} tries, {keys} keys");
                let most = if keys <= tries { keys } else { 0 };
                assert_eq!(checks.load(Ordering::Relaxed), most, "{name}, {tries} tries, {keys} keys");
                let genuine = of(access().key(&format!("numbered-{keys}"))).text();
                assert_eq!(runner.ask(&bearer(&genuine)).reason.is_none(), keys <= tries, "{name}");
                assert!(checks.load(Ordering::Relaxed) <= 2 * most, "{name}, {tries} tries, {keys} keys");
            }
        }
    }
}

/// Where names do not say which key it is, a signature that no key of the set made may be that of a new key.
#[test]
fn a_bad_signature_asks_for_a_refresh_where_keys_are_tried() {
    let set = [jwk("numbered-1", "\"kid\":\"k\""), jwk("numbered-2", "\"kid\":\"k\"")];
    let entry = |keys: &[String], more: &str| {
        let entry = issuer(SERVER, keys);
        Runner::new(&Doc::access().trust(&[format!("{}{more}}}", &entry[..entry.len() - 1])]).text(), NOW)
    };
    let forged = bearer(&access().key("numbered-3").header("kid", "\"k\"").text());
    let mut tried = entry(&set, ",\"try_keys\":2");
    for (now, refresh) in [(NOW, Some(SERVER)), (NOW + 59, None), (NOW + 60, Some(SERVER))] {
        let answer = tried.ask(&forged.clone().now(now));
        assert_eq!(
            (answer.reason, answer.wants_refresh.as_deref()),
            (Some(Reason::SignatureInvalid), refresh),
            "{now}"
        );
    }
    let answer = entry(&set[..1], "").ask(&forged);
    assert_eq!((answer.reason, answer.wants_refresh), (Some(Reason::SignatureInvalid), None));
}
