//! The C functions called from Rust, so that Miri can watch every access: `make miri`. What C programs do with them is tested by
//! `tests/c/run`.

#![allow(clippy::unwrap_used)]

use std::mem::zeroed;
use std::ptr::{null, null_mut};

use countersign_ffi::bytes::countersign_bytes;
use countersign_ffi::decision::*;
use countersign_ffi::engine::*;
use countersign_ffi::fields::countersign_attribute;
use countersign_ffi::notice::countersign_notice;
use countersign_ffi::origin::countersign_is_origin;
use countersign_ffi::pending::*;
use countersign_ffi::question::countersign_question;
use countersign_ffi::reasons::countersign_reason as Reason;
use countersign_ffi::replay::{
    countersign_replay_place as Place, countersign_replay_refuse_until, countersign_replay_required_bytes,
    countersign_replay_state,
};
use countersign_ffi::request::{countersign_certificate_form, countersign_header, countersign_request};
use countersign_ffi::result::countersign_result as R;
use countersign_ffi::revocation::{countersign_engine_replace_revocations, countersign_engine_set_revocations_known};
use countersign_ffi::text::countersign_str;
use countersign_ffi::trust::*;
use countersign_ffi::worker::*;
use serde_json::Value;

const VECTOR: &str = include_str!("../../tests/vectors/accept/access_token_es256_dpop_and_mtls.json");

fn lend(bytes: &[u8]) -> countersign_bytes {
    countersign_bytes { data: bytes.as_ptr(), length: bytes.len() }
}

fn text(lent: countersign_str<'_>) -> String {
    if lent.data.is_null() {
        return String::new();
    }
    // SAFETY: the library lends valid text.
    unsafe { String::from_utf8_lossy(std::slice::from_raw_parts(lent.data, lent.length)).into_owned() }
}

const SILENT: countersign_notice = countersign_notice { report: None, context: null_mut() };

/// The vector's policy, and its request as C sees it; the texts live in `vector`.
struct Request<'v> {
    headers: Vec<countersign_header>,
    certificate: Vec<u8>,
    vector: &'v Value,
}

impl<'v> Request<'v> {
    fn of(vector: &'v Value) -> Self {
        let request = &vector["steps"][0]["request"];
        let fields = request["headers"].as_array().unwrap().iter();
        let lend_text = |value: &Value| lend(value.as_str().unwrap().as_bytes());
        let headers =
            fields.map(|field| countersign_header { name: lend_text(&field[0]), value: lend_text(&field[1]) });
        let mut certificate = vec![0; 4096];
        let base64 = request["client_cert"].as_str().unwrap().as_bytes();
        let length =
            countersign::internal::jose::base64url::decode_standard_padded(base64, &mut certificate).unwrap().len();
        certificate.truncate(length);
        Self { headers: headers.collect(), certificate, vector }
    }

    fn view(&self) -> countersign_request {
        let request = &self.vector["steps"][0]["request"];
        countersign_request {
            size: size_of::<countersign_request>(),
            method: lend(request["method"].as_str().unwrap().as_bytes()),
            uri: lend(request["uri"].as_str().unwrap().as_bytes()),
            headers: self.headers.as_ptr(),
            header_count: self.headers.len(),
            certificate_form: countersign_certificate_form::Der as u32,
            certificate: lend(&self.certificate),
            now_seconds: request["now"].as_u64().unwrap(),
            used_proof: lend(b""),
        }
    }
}

#[test]
fn one_engine_from_its_making_to_its_end() {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    let policy_text = vector["policy"].to_string();
    let request = Request::of(&vector);
    let asked = request.view();
    // Memory for a store, aligned to 8 bytes.
    let mut memory = vec![0u64; countersign_replay_required_bytes(16) / 8];
    // SAFETY: every pointer is valid for its call, the memory until the engine is freed; handles are used by this thread alone.
    unsafe {
        let mut config: countersign_engine_config = zeroed();
        config.size = size_of::<countersign_engine_config>();
        config.policy = lend(policy_text.as_bytes());
        config.now_seconds = asked.now_seconds - 3600;
        config.replay.place = Place::Initialise as u32;
        config.replay.memory = memory.as_mut_ptr().cast();
        config.replay.memory_bytes = memory.len() * 8;
        let (mut engine, mut worker) = (null(), null_mut());
        assert_eq!(countersign_engine_new(&config, &mut engine), R::Ok);
        assert_eq!(countersign_worker_new(engine, &mut worker), R::Ok);
        let mut policy = 9;
        assert_eq!(countersign_engine_policy(engine, lend(b"default"), &mut policy), R::Ok);

        let mut bare = asked;
        bare.header_count = 0;
        let mut decision = null();
        assert_eq!(countersign_worker_decide(worker, policy, &bare, &mut decision), R::Ok);
        assert_eq!(countersign_decision_reason(decision), Reason::CredentialMissing);
        let mut proof = [0; 32];
        assert_eq!(countersign_decision_used_proof(decision, &mut proof), R::NotFound);
        let (mut name, mut value) = (countersign_decision_text(null(), 1), countersign_decision_text(null(), 1));
        assert_eq!(countersign_decision_header_count(decision), 2);
        assert_eq!(countersign_decision_header(decision, 1, &mut name, &mut value), R::Ok);
        assert_eq!(text(name), "www-authenticate");
        assert!(text(value).starts_with("DPoP realm=\"default\""));

        // A failed call leaves the decision before it readable.
        assert_eq!(countersign_worker_decide(worker, 77, &asked, null_mut()), R::NullParameter);
        assert_eq!(countersign_decision_status(decision), 401);

        assert_eq!(countersign_worker_decide(worker, policy, &asked, &mut decision), R::Ok);
        assert_eq!(countersign_decision_reason(decision), Reason::Accepted);
        assert_eq!(countersign_decision_used_proof(decision, &mut proof), R::Ok);
        let bound = countersign_decision_text(decision, countersign_attribute::BoundKey as u32);
        let certificate = countersign_decision_text(decision, countersign_attribute::BoundCertificate as u32);
        let subject = countersign_decision_text(decision, countersign_attribute::Subject as u32);
        let again = countersign_decision_text(decision, countersign_attribute::BoundKey as u32);
        assert_eq!(countersign_decision_header_count(decision), 0);
        let mut texts = [countersign_decision_text(null(), 0); 17];
        assert_eq!(countersign_decision_texts(decision, u32::MAX, texts.as_mut_ptr(), texts.len()), R::Ok);
        assert_eq!(text(texts[countersign_attribute::Subject as usize]), text(subject));
        // A text that was lent first is still valid after later getters.
        assert_eq!((text(bound), text(certificate).len(), text(subject).is_empty()), (text(again), 43, false));
        let (mut line, mut length) = (vec![0u8; 4096], 0);
        assert_eq!(countersign_decision_audit(decision, line.as_mut_ptr(), line.len(), &mut length), R::Ok);
        assert!(line[..length].starts_with(b"{\"decision\":\"accept\""));

        assert_eq!(countersign_worker_decide(worker, policy, &asked, &mut decision), R::Ok);
        assert_eq!(countersign_decision_reason(decision), Reason::ProofReplayed);
        assert_eq!(countersign_decision_used_proof(decision, &mut [0; 32]), R::NotFound);
        // The same client request, judged once more.
        let mut known = asked;
        known.used_proof = lend(&proof);
        assert_eq!(countersign_worker_decide(worker, policy, &known, &mut decision), R::Ok);
        assert_eq!(countersign_decision_reason(decision), Reason::Accepted);
        let mut same = [0; 32];
        assert_eq!(countersign_decision_used_proof(decision, &mut same), R::Ok);
        assert_eq!(same, proof);
        // Another request's proof is nothing to it.
        known.used_proof = lend(&[7; 32]);
        assert_eq!(countersign_worker_decide(worker, policy, &known, &mut decision), R::Ok);
        assert_eq!(countersign_decision_reason(decision), Reason::ProofReplayed);
        assert_eq!(text(countersign_decision_text(decision, countersign_attribute::Cache as u32)), "hit");

        let moment = asked.now_seconds;
        for (until, reason) in [
            (0, Reason::RevocationsStale),
            (moment - 1, Reason::RevocationsStale),
            (moment, Reason::ProofReplayed),
            (u64::MAX, Reason::ProofReplayed),
        ] {
            assert_eq!(countersign_engine_set_revocations_known(engine, until), R::Ok);
            assert_eq!(countersign_worker_decide(worker, policy, &asked, &mut decision), R::Ok);
            assert_eq!(countersign_decision_reason(decision), reason, "{until}");
        }

        let revoked = br#"{"all_before":9000000000}"#;
        assert_eq!(countersign_engine_replace_revocations(engine, lend(revoked), SILENT), R::Ok);
        assert_eq!(countersign_worker_decide(worker, policy, &asked, &mut decision), R::Ok);
        assert_eq!(countersign_decision_reason(decision), Reason::IssuedBeforeCutoff);
        let mut counts = countersign_worker_counts::default();
        assert_eq!(countersign_worker_count(worker, &mut counts), R::Ok);
        assert_eq!(counts.cached_tokens, 1);
        let mut source: countersign_trust_source<'_> = zeroed_source();
        assert_eq!(countersign_engine_trust_source(engine, 0, &mut source), R::Ok);
        assert!(!text(source.name).is_empty());

        // The worker outlives the engine's own handle.
        countersign_engine_free(engine);
        assert_eq!(countersign_worker_decide(worker, policy, &asked, &mut decision), R::Ok);
        assert_eq!(countersign_decision_reason(decision), Reason::IssuedBeforeCutoff);
        countersign_worker_free(worker);
    }
    assert!(memory.iter().any(|word| *word != 0), "the recorded proof is in the caller's memory");
}

fn zeroed_source<'a>() -> countersign_trust_source<'a> {
    // SAFETY: getters of NULL are allowed.
    let none = || unsafe { countersign_decision_text(null(), 0) };
    countersign_trust_source {
        kind: countersign_authority_kind::Issuer,
        place: countersign_trust_place::Pushed,
        name: none(),
        location: none(),
        min_refresh_seconds: 0,
    }
}

fn words_of(bytes: usize) -> usize {
    bytes / size_of::<u64>()
}

#[test]
fn each_trust_domain_of_a_bundle_map_is_a_source_without_a_place_of_its_own() {
    let policy_text = r#"{"trust":[{"trust_domains":["a","b"],"bundle_map_file":"x","format":"spiffe"}],
        "policies":{"default":{"accept":["jwt-svid"],"audience":"x"}}}"#;
    // SAFETY: as above.
    unsafe {
        let mut config: countersign_engine_config = zeroed();
        config.size = size_of::<countersign_engine_config>();
        config.policy = lend(policy_text.as_bytes());
        config.notice = SILENT;
        let mut engine = null();
        assert_eq!(countersign_engine_new(&config, &mut engine), R::Ok);
        let mut source: countersign_trust_source<'_> = zeroed_source();
        for (index, name) in ["a", "b"].into_iter().enumerate() {
            assert_eq!(countersign_engine_trust_source(engine, index, &mut source), R::Ok);
            assert_eq!((text(source.name), source.place), (name.to_owned(), countersign_trust_place::BundleMap));
        }
        assert_eq!(countersign_engine_trust_source(engine, 2, &mut source), R::NotFound);
        countersign_engine_free(engine);
    }
}

#[test]
fn a_store_refuses_what_it_may_have_missed() {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    let policy_text = vector["policy"].to_string();
    let request = Request::of(&vector);
    let asked = request.view();
    let mut memory = vec![0u64; countersign_replay_required_bytes(1000) / 8];
    let (words, bytes) = (memory.as_mut_ptr(), memory.len() * 8);
    // SAFETY: as above; pointers that are NULL, misaligned or too short are not read.
    unsafe {
        let until = |seconds| countersign_replay_refuse_until(words.cast(), bytes, seconds);
        assert_eq!(until(1), R::ReplayNotInitialised);
        assert_eq!(countersign_replay_refuse_until(null_mut(), bytes, 1), R::NullParameter);
        assert_eq!(countersign_replay_refuse_until(words.cast::<u8>().add(1).cast(), bytes - 8, 1), R::Misaligned);
        assert_eq!(countersign_replay_refuse_until(words.cast(), 7, 1), R::ReplayTooSmall);
        assert_eq!(countersign_replay_refuse_until(words.cast(), usize::MAX, 1), R::InvalidLength);

        let mut config: countersign_engine_config = zeroed();
        config.size = size_of::<countersign_engine_config>();
        config.policy = lend(policy_text.as_bytes());
        config.now_seconds = asked.now_seconds - 3600;
        config.replay.place = Place::Initialise as u32;
        config.replay.memory = words.cast();
        config.replay.memory_bytes = bytes;
        let (mut engine, mut worker, mut decision) = (null(), null_mut(), null());
        assert_eq!(countersign_engine_new(&config, &mut engine), R::Ok);
        assert_eq!(countersign_worker_new(engine, &mut worker), R::Ok);
        assert_eq!(countersign_replay_refuse_until(words.cast(), bytes - 8, 1), R::ReplayOtherSize);
        // An engine that was there before refuses too, and an earlier moment changes nothing.
        assert_eq!(until(asked.now_seconds), R::Ok);
        assert_eq!(until(asked.now_seconds - 3600), R::Ok);
        assert_eq!(countersign_worker_decide(worker, 0, &asked, &mut decision), R::Ok);
        assert_eq!(countersign_decision_reason(decision), Reason::ProofHistoryUnknown);
        let mut state = countersign_replay_state::default();
        assert_eq!(countersign_engine_replay_state(engine, asked.now_seconds, null_mut()), R::NullParameter);
        assert_eq!(countersign_engine_replay_state(engine, asked.now_seconds, &mut state), R::Ok);
        let slots = u64::try_from((words_of(bytes) - 8) / 128 * 126).unwrap();
        let refusing_until_seconds = asked.now_seconds + 6;
        let expected =
            countersign_replay_state { slots, live_proofs: 0, refusing_permille: 1000, refusing_until_seconds };
        assert_eq!(state, expected);
        let notice =
            |reason, after| countersign_engine_replay_notice(engine, reason, asked.now_seconds + after, SILENT);
        assert_eq!(notice(Reason::ProofHistoryUnknown as u32, 0), R::Ok);
        assert_eq!(notice(Reason::ProofHistoryUnknown as u32, 59), R::NotFound);
        assert_eq!(notice(Reason::ProofHistoryUnknown as u32, 60), R::Ok);
        for reason in [Reason::ProofReplayed as u32, 0, 4711] {
            assert_eq!(notice(reason, 0), R::NotFound);
        }
        assert_eq!(
            countersign_engine_replay_notice(null(), Reason::ProofHistoryUnknown as u32, 0, SILENT),
            R::NullParameter
        );
        countersign_worker_free(worker);
        countersign_engine_free(engine);
    }
}

#[test]
fn a_decision_that_waits_is_resumed_or_freed() {
    let policy = r#"{ "trust": [{ "issuer": "https://as.example", "jwks": { "keys": [] },
                                  "introspection": { "uri": "https://as.example/introspect" } }],
        "policies": { "default": { "accept": [{ "kind": "introspected", "issuer": "https://as.example" }],
                                   "audience": "https://api.example", "body_digest": true },
                      "other": { "credentials": [{ "name": "only", "from": { "header": "x-token" }, "accept": ["at+jwt"] }],
                                 "audience": "https://api.example" } } }"#;
    let header = |name: &'static str, value: &'static str| countersign_header {
        name: lend(name.as_bytes()),
        value: lend(value.as_bytes()),
    };
    let headers = [header("Authorization", "Bearer opaque"), header("X-Token", "not a token")];
    // SAFETY: every pointer is valid for its call; handles are used by this thread alone, and each is given away once.
    unsafe {
        let mut config: countersign_engine_config = zeroed();
        config.size = size_of::<countersign_engine_config>();
        config.policy = lend(policy.as_bytes());
        let (mut engine, mut worker, mut decision, mut pending, mut body) =
            (null(), null_mut(), null(), null_mut(), null_mut());
        assert_eq!(countersign_engine_new(&config, &mut engine), R::Ok);
        assert_eq!(countersign_worker_new(engine, &mut worker), R::Ok);
        let mut asked: countersign_request = zeroed();
        asked.size = size_of::<countersign_request>();
        asked.method = lend(b"GET");
        asked.uri = lend(b"https://api.example/");
        (asked.headers, asked.header_count) = (headers.as_ptr(), headers.len());

        assert_eq!(countersign_worker_begin(worker, 0, &asked, &mut decision, &mut pending), R::Ok);
        assert!(decision.is_null());
        assert_eq!(countersign_pending_question(pending), countersign_question::Introspect);
        assert_eq!(text(countersign_pending_introspection_uri(pending)), "https://as.example/introspect");
        let answer = lend(br#"{ "active": true, "sub": "carol", "aud": "https://api.example" }"#);
        let taken = pending;
        assert_eq!(
            countersign_worker_resume_introspected(worker, taken, &asked, answer, &mut decision, &mut pending),
            R::Ok
        );
        assert!(decision.is_null());
        assert_eq!(countersign_pending_question(pending), countersign_question::Body);
        assert_eq!(countersign_body_new(pending, &mut body), R::Ok);
        assert!(countersign_body_feed(body, lend(b"abc")));
        let taken = pending;
        assert_eq!(countersign_worker_resume_body(worker, taken, &asked, body, &mut decision, &mut pending), R::Ok);
        assert!(pending.is_null());
        assert_eq!(countersign_decision_reason(decision), Reason::Accepted);
        assert_eq!(text(countersign_decision_text(decision, countersign_attribute::Subject as u32)), "carol");

        // The field of the other policy's credential is found in any case of its name.
        assert_eq!(text(countersign_engine_header_field(engine, 1, 0)), "x-token");
        assert_eq!(countersign_worker_begin(worker, 1, &asked, &mut decision, &mut pending), R::Ok);
        assert_eq!(countersign_decision_reason(decision), Reason::TokenMalformed);

        assert_eq!(countersign_worker_begin(worker, 0, &asked, &mut decision, &mut pending), R::Ok);
        assert_eq!(countersign_body_new(pending, &mut body), R::Ok);
        countersign_worker_free(worker);
        countersign_pending_free(pending);
        assert_eq!(countersign_engine_refused(engine, Reason::DecisionAbandoned as u32), 1);
        countersign_engine_free(engine);
        countersign_body_free(body);
    }
}

/// The lines that `report` received.
unsafe extern "C" fn keep(context: *mut std::ffi::c_void, line: countersign_str<'_>) {
    // SAFETY: every test that gives this function gives a vector of lines as its context.
    unsafe { (*context.cast::<Vec<String>>()).push(text(line)) };
}

#[test]
fn a_notice_is_one_printable_line() {
    let odd = "https://as.example/\u{1b}[2J\n\u{9b}\u{202e}\u{2066}\u{200b}";
    let policy = serde_json::json!({
        "trust": [{ "issuer": odd, "jwks": { "keys": [{ "kty": "oct", "kid": odd }] } }],
        "policies": { "default": { "accept": ["jwt"], "audience": "a" } } });
    let twice = serde_json::json!({ "trust": [policy["trust"][0], policy["trust"][0]], "policies": {} });
    let mut lines: Vec<String> = Vec::new();
    let notice = countersign_notice { report: Some(keep), context: (&raw mut lines).cast() };
    let revoked = serde_json::json!({ "authorities": [{ "issuer": format!("{odd}x") }] }).to_string();
    // SAFETY: every pointer is valid for its call; handles are used by this thread alone.
    unsafe {
        let mut config: countersign_engine_config = zeroed();
        config.size = size_of::<countersign_engine_config>();
        config.notice = notice;
        let mut engine = null();
        let text = twice.to_string();
        config.policy = lend(text.as_bytes());
        assert_eq!(countersign_engine_new(&config, &mut engine), R::PolicyFaulty);
        let text = policy.to_string();
        config.policy = lend(text.as_bytes());
        assert_eq!(countersign_engine_new(&config, &mut engine), R::Ok);
        for document in ["{\"keys\":[{}]}", "{}"] {
            let issuer = countersign_authority_kind::Issuer as u32;
            countersign_engine_push_trust(
                engine,
                issuer,
                lend(odd.as_bytes()),
                lend(document.as_bytes()),
                1,
                notice,
                null_mut(),
            );
        }
        countersign_engine_replace_revocations(engine, lend(revoked.as_bytes()), notice);
        countersign_engine_free(engine);
    }
    assert!(lines.len() >= 5, "{lines:?}");
    for line in lines {
        assert!(!line.chars().any(countersign::internal::printable::is_tricky), "{line:?}");
    }
}

#[test]
fn what_a_policy_says_of_its_origin() {
    let entry = |rest: &str| format!(r#"{{"audience":["a"],{rest}}}"#);
    // Whether tokens with DPoP proofs are to be expected, and whether the policy has an origin.
    let cases = [
        (r#""accept":["at+jwt"]"#, true, false),
        (r#""accept":["jwt"],"origin":"https://api.example/base""#, true, true),
        (r#""accept":["jwt-svid"]"#, false, false),
        (r#""accept":["jwt-svid","at+jwt"]"#, true, false),
        (r#""accept":["jwt-svid"],"binding":{"require":"dpop"}"#, true, false),
        (r#""accept":["jwt-svid"],"binding":{"require":"any"}"#, true, false),
        (r#""accept":["at+jwt"],"binding":{"require":"mtls"}"#, false, false),
    ];
    let policies: Vec<String> =
        cases.iter().enumerate().map(|(at, (rest, ..))| format!(r#""p{at}":{}"#, entry(rest))).collect();
    let document = format!(
        r#"{{"trust":[{{"trust_domain":"example.org"}},{{"issuer":"https://as.example"}}],"policies":{{{}}}}}"#,
        policies.join(",")
    );
    // SAFETY: every pointer is valid for its call.
    unsafe {
        let mut config: countersign_engine_config = zeroed();
        config.size = size_of::<countersign_engine_config>();
        config.policy = lend(document.as_bytes());
        config.notice = SILENT;
        let mut engine = null();
        assert_eq!(countersign_engine_new(&config, &mut engine), R::Ok);
        for (at, (rest, takes_proofs, has_origin)) in cases.iter().enumerate() {
            let mut policy = 99;
            assert_eq!(countersign_engine_policy(engine, lend(format!("p{at}").as_bytes()), &mut policy), R::Ok);
            assert_eq!(countersign_engine_policy_takes_proofs(engine, policy), *takes_proofs, "{rest}");
            assert_eq!(countersign_engine_policy_has_origin(engine, policy), *has_origin, "{rest}");
        }
        for (engine, policy) in [(engine, u32::MAX), (null(), 0)] {
            assert!(!countersign_engine_policy_takes_proofs(engine, policy));
            assert!(!countersign_engine_policy_has_origin(engine, policy));
        }
        countersign_engine_free(engine);

        let document = r#"{"trust":[{"trust_domain":"example.org"},{"issuer":"https://as.example","introspection":{"uri":"https://as.example/introspect"}}],
            "policies":{"p0":{"accept":["jwt-svid"],"audience":"a"},
            "p1":{"accept":["at+jwt"],"audience":"a","dpop":{"shared_store":"required"}},
            "p2":{"accept":[{"kind":"introspected","issuer":"https://as.example"}],"audience":"a"},
            "p3":{"accept":["at+jwt"],"audience":"a","body_digest":true}}}"#;
        config.policy = lend(document.as_bytes());
        assert_eq!(countersign_engine_new(&config, &mut engine), R::Ok);
        for (number, asked) in [("p0", 0), ("p1", 1), ("p2", 2), ("p3", 3)] {
            let mut policy = 99;
            assert_eq!(countersign_engine_policy(engine, lend(number.as_bytes()), &mut policy), R::Ok);
            for question in 0..5 {
                let asks = countersign_engine_policy_asks(engine, policy, question);
                assert_eq!(asks, question != 0 && question == asked, "{number} {question}");
                assert!(!countersign_engine_policy_asks(null(), policy, question));
                assert!(!countersign_engine_policy_asks(engine, u32::MAX, question));
            }
        }
        countersign_engine_free(engine);

        for origin in ["https://api.example", "http://[::1]:8080/base/", "HTTPS://a.b:443"] {
            assert!(countersign_is_origin(lend(origin.as_bytes())), "{origin}");
        }
        let none = [
            "",
            "api.example",
            "https://",
            "https://api.example?",
            "https://u@api.example",
            "https://a:99999",
            "https://a/%2",
        ];
        for text in none {
            assert!(!countersign_is_origin(lend(text.as_bytes())), "{text}");
        }
        assert!(!countersign_is_origin(countersign_bytes { data: null(), length: 4 }));
        assert!(!countersign_is_origin(lend(b"https://\xff")));
    }
}
