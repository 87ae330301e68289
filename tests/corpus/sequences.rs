//! Several steps, one point each: replay, rotation, revocation, nonces, and what a warm cache must not hide.

use countersign::Reason::{
    self, AlgorithmRefused, AudienceMismatch, BindingRequired, InternalError, IssuedBeforeCutoff, IssuerUnknown,
    KeyRevoked, KeyUnknown, KeysStale, LifetimeTooLong, NonceMismatch, NonceRequired, ProofMethodMismatch,
    ProofMissing, ProofReplayed, ProofSignatureInvalid, ProofTooOld, ScopeInsufficient, SignatureInvalid,
    SubjectRefused, SubjectRevoked, TokenExpired, TokenRevoked, TrustDomainUnknown, TypNotAccepted,
};
use countersign::{NonceKeys, UnixSeconds};
use serde_json::{Value, json};

use super::jws::twin;
use super::{Corpus, accepted, ask, refused};
use crate::issuer::{
    DOMAIN, NOW, PLAIN, PROOF_ALGORITHMS, SERVER, SUBJECT, access, b64, jwk, key, plain, proof, q, svid, unb64,
};
use crate::request::{Doc, bearer, domain, dpop, issuer, issuer_for, set_key, svid_key};

pub(super) fn add(corpus: &mut Corpus) {
    add_replay(corpus);
    add_observed(corpus);
    add_nonces(corpus);
    add_rotation(corpus);
    add_revocation(corpus);
    add_cache(corpus);
}

fn add_replay(corpus: &mut Corpus) {
    corpus.area("replay");
    let doc = Doc::access();
    let rule = "RFC 9449 §11.1 (DP-13, A28)";
    let bound = access().bound_to_key("client-p256").text();
    let right = proof(&bound);
    let request = dpop(&bound, &right.text());
    let mut twice = |name: &str, doc: &Doc, second: &crate::request::Req, expect: Value| {
        corpus.steps(name, rule, doc, vec![ask(&request, accepted()), ask(second, expect)]);
    };
    twice("same_proof_twice", &doc, &request, refused(ProofReplayed));
    twice("same_proof_at_the_end_of_its_life", &doc, &request.clone().now(NOW + 60), refused(ProofReplayed));
    twice("same_proof_after_its_life", &doc, &request.clone().now(NOW + 61), refused(ProofTooOld));
    let posted = dpop(&bound, &right.clone().claim("htm", "\"POST\"").text()).method("POST");
    twice("same_jti_for_another_method", &doc, &posted, refused(ProofReplayed));
    let elsewhere = dpop(&bound, &right.clone().claim("htu", "\"https://api.example/other\"").text())
        .uri("https://api.example/other");
    twice("same_jti_for_another_uri", &doc, &elsewhere, refused(ProofReplayed));
    twice(
        "same_proof_in_its_other_signature",
        &doc,
        &dpop(&bound, &right.with_signature(&twin(&right.signature()))),
        refused(ProofReplayed),
    );
    twice(
        "same_jti_escaped",
        &doc,
        &dpop(&bound, &right.clone().claim("jti", "\"proof\\u002d1\"").text()),
        refused(ProofReplayed),
    );
    twice(
        "same_jti_with_a_capital_htu",
        &doc,
        &dpop(&bound, &right.clone().claim("htu", "\"HTTPS://API.example:443/orders\"").text()),
        refused(ProofReplayed),
    );
    twice("other_jti", &doc, &dpop(&bound, &right.clone().claim("jti", "\"proof-2\"").text()), accepted());
    twice("jti_in_other_case", &doc, &dpop(&bound, &right.clone().claim("jti", "\"PROOF-1\"").text()), accepted());
    let other = access().bound_to_key("client-other-p256").text();
    twice("jti_of_another_client", &doc, &dpop(&other, &proof(&other).key("client-other-p256").text()), accepted());
    let lax = doc.clone().member("dpop", r#"{"replay":"danger_accept"}"#);
    twice("same_proof_where_replay_is_accepted", &lax, &request, accepted());
    let mut spoiled = |name: &str, first: &crate::request::Req, reason: Reason| {
        corpus.steps(
            name,
            "RFC 9449 §11.1: claimed after the signature (DP-13)",
            &doc,
            vec![ask(first, refused(reason)), ask(&request, accepted())],
        );
    };
    spoiled("a_bad_signature_burns_no_jti", &dpop(&bound, &right.with_signature(&[1; 64])), ProofSignatureInvalid);
    spoiled("a_wrong_method_burns_no_jti", &request.clone().method("POST"), ProofMethodMismatch);
    let two = doc.clone().also("other", r#"{"accept":["at+jwt"],"audience":"https://api.example"}"#);
    corpus.steps(
        "same_proof_on_another_policy",
        rule,
        &two,
        vec![ask(&request, accepted()), ask(&request.clone().policy("other"), refused(ProofReplayed))],
    );
}

/// `consume: observe`, for a gate before a checker that shares the replay store: it refuses a used proof and uses none up.
fn add_observed(corpus: &mut Corpus) {
    corpus.area("observe");
    let rule = "RFC 9449 §11.1 (DP-13)";
    let bound = access().bound_to_key("client-p256").text();
    let request = dpop(&bound, &proof(&bound).text());
    let gate = Doc::access().member("dpop", r#"{"consume":"observe"}"#);
    let both = gate.clone().also("checker", r#"{"accept":["at+jwt"],"audience":"https://api.example"}"#);
    let checked = request.clone().policy("checker");
    corpus.steps("no_proof_is_used_up", rule, &gate, vec![ask(&request, accepted()), ask(&request, accepted())]);
    corpus.steps(
        "the_checker_behind_it_uses_the_proof_up",
        rule,
        &both,
        vec![
            ask(&request, accepted()),
            ask(&checked, accepted()),
            ask(&checked, refused(ProofReplayed)),
            ask(&request, refused(ProofReplayed)),
        ],
    );
    let demanded = gate.clone().member("binding", r#"{"require":"dpop"}"#);
    corpus.accept("where_a_proof_is_demanded", rule, &demanded, &request);
    for (name, request, reason) in [
        ("another_method", request.clone().method("POST"), ProofMethodMismatch),
        ("an_old_proof", request.clone().now(NOW + 61), ProofTooOld),
        ("a_bad_signature", dpop(&bound, &proof(&bound).with_signature(&[1; 64])), ProofSignatureInvalid),
        ("no_proof", bearer(&bound), ProofMissing),
    ] {
        corpus.refuse(&format!("{name}_is_refused"), "RFC 9449 §4.3 (DP-13)", &gate, &request, reason);
    }
}

fn add_nonces(corpus: &mut Corpus) {
    corpus.area("nonce");
    let doc = Doc::access().member("dpop", r#"{"nonce":"required","nonce_lifetime_seconds":100}"#);
    let bound = access().bound_to_key("client-p256").text();
    let secret = |byte: u8| [byte; 32];
    let keyed = json!({ "nonces": { "current": b64(secret(1)) } });
    let issue = |byte: u8, at: u64, client: &str| {
        let jkt: [u8; 32] = unb64(&key(client).thumbprint()).try_into().unwrap();
        String::from_utf8(NonceKeys::new(&secret(byte), None).issue(UnixSeconds::new(at), &jkt).to_vec()).unwrap()
    };
    let bare = dpop(&bound, &proof(&bound).text());
    let with = |nonce: &str| dpop(&bound, &proof(&bound).claim("nonce", &q(nonce)).text());
    let fresh = issue(1, NOW, "client-p256");
    let algs = PROOF_ALGORITHMS;
    let challenged = |reason: Reason| {
        let mut expect = refused(reason);
        expect["headers"] = json!([
            ["www-authenticate", "Bearer realm=\"default\""],
            [
                "www-authenticate",
                format!(
                    "DPoP realm=\"default\", error=\"use_dpop_nonce\", error_description=\"{reason}\", algs=\"{algs}\""
                )
            ],
            ["dpop-nonce", fresh],
            ["cache-control", "no-store"],
        ]);
        expect
    };
    let rule = "RFC 9449 §9, §4.3 item 10 (DP-10, DP-23)";
    corpus.steps("absent", rule, &doc, vec![keyed.clone(), ask(&bare, challenged(NonceRequired))]);
    let mut accepted_quietly = accepted();
    accepted_quietly["headers"] = json!([]);
    corpus.steps("right", rule, &doc, vec![keyed.clone(), ask(&with(&fresh), accepted_quietly.clone())]);
    corpus.steps(
        "asked_then_given",
        rule,
        &doc,
        vec![keyed.clone(), ask(&bare, refused(NonceRequired)), ask(&with(&fresh), accepted())],
    );
    corpus.steps(
        "downgrade_after_a_nonce",
        rule,
        &doc,
        vec![
            keyed.clone(),
            ask(&with(&fresh), accepted()),
            ask(&dpop(&bound, &proof(&bound).claim("jti", "\"p2\"").text()), refused(NonceRequired)),
        ],
    );
    let escaped = format!("\\u{:04x}{}", u32::from(fresh.as_bytes()[0]), &fresh[1..]);
    corpus.steps(
        "right_escaped",
        "RFC 8259 §8.3 (A1)",
        &doc,
        vec![keyed.clone(), ask(&with(&escaped), accepted_quietly)],
    );
    let mut cut = fresh.clone();
    cut.pop();
    let mut forged = unb64(&fresh);
    forged[20] ^= 1;
    let mut redated = unb64(&fresh);
    redated[7] ^= 1;
    for (name, nonce) in [
        ("empty", String::new()),
        ("cut", cut),
        ("longer", format!("{fresh}A")),
        ("padded", format!("{fresh}=")),
        ("forged", b64(forged)),
        ("redated", b64(redated)),
        ("of_another_server", issue(2, NOW, "client-p256")),
        ("of_another_client", issue(1, NOW, "client-other-p256")),
        ("expired", issue(1, NOW - 101, "client-p256")),
        ("not_ours", "eyJ7S_zG.eyJH0-Z.HX4w-7v".to_owned()),
    ] {
        corpus.steps(
            name,
            "RFC 9449 §8, §9 (DP-10, DP-24)",
            &doc,
            vec![keyed.clone(), ask(&with(&nonce), challenged(NonceMismatch))],
        );
    }
    for (name, value) in [("number", "1"), ("null", "null"), ("array", "[]")] {
        let odd = dpop(&bound, &proof(&bound).claim("nonce", value).text());
        corpus.steps(name, "RFC 9449 §4.2", &doc, vec![keyed.clone(), ask(&odd, refused(Reason::ProofMalformed))]);
    }
    let mut renewed = accepted();
    renewed["headers"] = json!([["dpop-nonce", fresh], ["cache-control", "no-store"]]);
    corpus.steps(
        "old_but_alive_is_renewed",
        "RFC 9449 §8.2",
        &doc,
        vec![keyed.clone(), ask(&with(&issue(1, NOW - 100, "client-p256")), renewed)],
    );
    add_nonce_times(corpus, &doc, &keyed, &bound, &issue);
    let rotated = json!({ "nonces": { "current": b64(secret(3)), "previous": b64(secret(1)) } });
    let gone = json!({ "nonces": { "current": b64(secret(3)) } });
    corpus.steps(
        "of_the_previous_secret",
        "nonce keys rotate without refusing anybody",
        &doc,
        vec![keyed.clone(), rotated, ask(&with(&fresh), accepted())],
    );
    corpus.steps(
        "of_a_secret_that_is_gone",
        "RFC 9449 §9",
        &doc,
        vec![keyed, gone, ask(&with(&fresh), refused(NonceMismatch))],
    );
    corpus.steps(
        "demanded_without_secrets",
        "our fault, not the client's",
        &doc,
        vec![ask(&bare, refused(InternalError))],
    );
    corpus.accept("ignored_where_none_is_demanded", "RFC 9449 §9", &Doc::access(), &with("anything"));
}

/// RFC 9449 §4.3 item 11: "The creation time of the JWT, as determined by either the iat claim or a server managed timestamp via the nonce
/// claim, is within an acceptable window". Where nonces are demanded it is the nonce's time, so the clock of the client decides nothing.
fn add_nonce_times(
    corpus: &mut Corpus,
    doc: &Doc,
    keyed: &Value,
    bound: &str,
    issue: &dyn Fn(u8, u64, &str) -> String,
) {
    let rule = "RFC 9449 §4.3 item 11, §11.1 (DP-11)";
    let nonce = |at: u64| issue(1, at, "client-p256");
    let dated = |iat: u64| proof(bound).claim("iat", &iat.to_string());
    let with = |proof: &crate::issuer::Token, nonce: &str| dpop(bound, &proof.clone().claim("nonce", &q(nonce)).text());
    for (name, iat) in [
        ("a_clock_ten_minutes_late", NOW - 600),
        ("a_clock_ten_minutes_early", NOW + 600),
        ("a_clock_at_0", 0),
        ("a_clock_at_2_to_40", 1 << 40),
    ] {
        let proof = dated(iat);
        let proven = with(&proof, &nonce(NOW));
        let steps = vec![
            keyed.clone(),
            ask(&dpop(bound, &proof.text()), refused(NonceRequired)),
            ask(&proven, accepted()),
            ask(&proven, refused(ProofReplayed)),
            ask(&proven.clone().now(NOW + 100), refused(ProofReplayed)),
            ask(&proven.clone().now(NOW + 101), refused(NonceMismatch)),
        ];
        corpus.steps(name, rule, doc, steps);
    }
    for (name, at, reason) in [
        ("a_second_inside_its_lifetime", NOW - 99, None),
        ("a_second_outside_its_lifetime", NOW - 101, Some(NonceMismatch)),
        // Of a server of the same keys whose clock is ahead: as far as that of a client may be.
        ("of_a_server_that_is_ahead", NOW + 5, None),
        ("of_a_server_that_is_too_far_ahead", NOW + 6, Some(NonceMismatch)),
        ("of_the_end_of_time", u64::MAX, Some(NonceMismatch)),
    ] {
        let request = with(&proof(bound), &nonce(at));
        let steps = match reason {
            None => vec![keyed.clone(), ask(&request, accepted()), ask(&request, refused(ProofReplayed))],
            Some(reason) => vec![keyed.clone(), ask(&request, refused(reason))],
        };
        corpus.steps(name, "RFC 9449 §8.2, §11.1 (DP-11, DP-24)", doc, steps);
    }
    // RFC 7519 §4.1.4, §4.1.5: what a client says of its proof beside `iat` it means.
    for (name, claim, value, reason) in [
        ("of_a_proof_that_expired", "exp", NOW, ProofTooOld),
        ("of_a_proof_that_is_not_valid_yet", "nbf", NOW + 6, Reason::ProofNotYetValid),
    ] {
        let request = with(&dated(0).claim(claim, &value.to_string()), &nonce(NOW));
        corpus.steps(name, "RFC 7519 §4.1 (DP-11)", doc, vec![keyed.clone(), ask(&request, refused(reason))]);
    }
    corpus.steps(
        "one_jti_under_two_nonces",
        "RFC 9449 §11.1 (DP-13)",
        doc,
        vec![
            keyed.clone(),
            ask(&with(&proof(bound), &nonce(NOW - 90)), accepted()),
            ask(&with(&proof(bound), &nonce(NOW)), refused(ProofReplayed)),
        ],
    );
}

fn add_rotation(corpus: &mut Corpus) {
    corpus.area("rotation");
    let doc = Doc::svid();
    let first = bearer(&svid().text());
    let next = bearer(&svid().key("domain-next-p256").text());
    let bundle = |keys: &[&str], more: &str, expect: &str| {
        let keys: Vec<Value> = keys.iter().map(|name| serde_json::from_str(&svid_key(name)).unwrap()).collect();
        let mut document: Value = serde_json::from_str(&format!("{{{more}}}")).unwrap();
        document["keys"] = keys.into();
        json!({ "trust": { "trust_domain": DOMAIN, "bundle": document, "now": NOW }, "expect": expect })
    };
    let pushed = |text: &str, expect: &str| json!({ "trust": { "trust_domain": DOMAIN, "text": text, "now": NOW }, "expect": expect });
    let cached = |tier: &str| {
        let mut expect = accepted();
        expect["cache"] = tier.into();
        expect
    };
    let rule = "Trust Domain and Bundle §4.1.3 (BND-3, A29)";
    corpus.steps(
        "a_removed_key_is_refused_at_once",
        rule,
        &doc,
        vec![
            ask(&first, cached("miss")),
            ask(&first, cached("hit")),
            bundle(&["domain-next-p256"], "", "installed"),
            ask(&first, refused(KeyUnknown)),
            ask(&next, accepted()),
        ],
    );
    corpus.steps(
        "an_empty_bundle_revokes_at_once",
        rule,
        &doc,
        vec![ask(&first, accepted()), bundle(&[], "", "installed"), ask(&first, refused(KeyUnknown))],
    );
    corpus.steps(
        "a_new_key_works_at_once",
        rule,
        &doc,
        vec![
            ask(&next, refused(KeyUnknown)),
            bundle(&["domain-p256", "domain-next-p256"], "", "installed"),
            ask(&next, accepted()),
        ],
    );
    corpus.steps(
        "a_surviving_key_stays_cached",
        "rotation keeps the cache warm",
        &doc,
        vec![
            ask(&first, cached("miss")),
            bundle(&["domain-p256", "domain-next-p256"], "", "installed"),
            ask(&first, cached("hit")),
        ],
    );
    corpus.steps(
        "a_key_that_comes_back_is_verified_again",
        "a key's identity is never used twice",
        &doc,
        vec![
            ask(&first, cached("miss")),
            bundle(&[], "", "installed"),
            bundle(&["domain-p256"], "", "installed"),
            ask(&first, cached("miss")),
        ],
    );
    let swapped = json!({ "trust": { "trust_domain": DOMAIN, "now": NOW, "bundle": { "keys": [serde_json::from_str::<Value>(&jwk("domain-next-p256", r#""kid":"domain-p256","use":"jwt-svid""#)).unwrap()] } }, "expect": "installed" });
    corpus.steps(
        "another_key_under_the_same_kid",
        "the kid is not the key (A29)",
        &doc,
        vec![ask(&first, accepted()), swapped, ask(&first, refused(SignatureInvalid))],
    );
    let rule = "Trust Domain and Bundle §4.1.1 (BND-8, BND-9)";
    let seq = |n: u64| format!("\"spiffe_sequence\":{n}");
    corpus.steps(
        "an_older_sequence_is_not_installed",
        rule,
        &doc,
        vec![
            bundle(&["domain-next-p256"], &seq(7), "installed"),
            bundle(&["domain-p256"], &seq(6), "sequence_rollback"),
            ask(&first, refused(KeyUnknown)),
            ask(&next, accepted()),
        ],
    );
    corpus.steps(
        "an_equal_sequence_is_installed",
        rule,
        &doc,
        vec![
            bundle(&["domain-p256"], &seq(7), "installed"),
            bundle(&["domain-next-p256"], &seq(7), "installed"),
            ask(&next, accepted()),
        ],
    );
    corpus.steps(
        "a_sequence_at_its_largest",
        rule,
        &doc,
        vec![
            bundle(&["domain-next-p256"], &seq(u64::MAX), "installed"),
            bundle(&["domain-p256"], &seq(0), "sequence_rollback"),
            ask(&next, accepted()),
        ],
    );
    for (name, value) in [
        ("string", "\"7\""),
        ("negative", "-1"),
        ("fraction", "1.5"),
        ("null", "null"),
        ("two_to_64", "18446744073709551616"),
    ] {
        let text = format!("{{\"spiffe_sequence\":{value},\"keys\":[]}}");
        corpus.steps(
            &format!("a_sequence_that_is_a_{name}"),
            rule,
            &doc,
            vec![pushed(&text, "sequence_malformed"), ask(&first, accepted())],
        );
    }
    let rule = "Trust Domain and Bundle §4.1.3 (BND-2)";
    for (name, text) in
        [("no_keys", "{}"), ("keys_an_object", "{\"keys\":{}}"), ("an_array", "[]"), ("keys_null", "{\"keys\":null}")]
    {
        corpus.steps(
            &format!("a_document_with_{name}_is_not_installed"),
            rule,
            &doc,
            vec![pushed(text, "keys_missing"), ask(&first, accepted())],
        );
    }
    for (name, text) in [
        ("no_json", "<html>"),
        ("nothing", ""),
        ("repeated_names", "{\"keys\":[],\"keys\":[]}"),
        ("a_repeated_name_deep_down", "{\"keys\":[{\"kty\":\"EC\",\"k\\u0074y\":\"RSA\"}]}"),
        ("half_a_document", "{\"keys\":["),
    ] {
        corpus.steps(
            &format!("a_document_of_{name}_is_not_installed"),
            rule,
            &doc,
            vec![pushed(text, "json"), ask(&first, accepted())],
        );
    }
    let unknown = pushed("{\"keys\":[],\"future\":{\"a\":[1]},\"spiffe_refresh_hint\":\"soon\"}", "installed");
    corpus.steps(
        "unknown_members_of_a_document",
        "Trust Domain and Bundle §4.1 (BND-7, BND-10)",
        &doc,
        vec![unknown, ask(&first, refused(KeyUnknown))],
    );
    let removed = json!({ "trust": { "trust_domain": DOMAIN, "removed": true }, "expect": "removed" });
    corpus.steps(
        "a_deleted_relationship_stops_at_once",
        "SPIFFE Federation §6.3 (FED-12)",
        &doc,
        vec![ask(&first, accepted()), removed, ask(&first, refused(KeysStale))],
    );
    let both = Doc::all();
    let other = json!({ "trust": { "issuer": SERVER, "jwks": { "keys": [] }, "now": NOW }, "expect": "installed" });
    corpus.steps(
        "one_issuer_rotates_alone",
        "Federation §4.2 (BND-15)",
        &both,
        vec![
            ask(&first, accepted()),
            ask(&bearer(&access().text()), accepted()),
            other,
            ask(&bearer(&access().text()), refused(KeyUnknown)),
            ask(&first, cached("hit")),
        ],
    );
    // CVE-2025-22149: the refreshed set replaces the old one, nothing is appended.
    let set = json!({ "trust": { "issuer": SERVER, "jwks": { "keys": [serde_json::from_str::<Value>(&set_key("server-next-p256")).unwrap()] }, "now": NOW }, "expect": "installed" });
    corpus.steps(
        "a_refresh_replaces_and_never_appends",
        "CVE-2025-22149",
        &Doc::access(),
        vec![
            set,
            ask(&bearer(&access().text()), refused(KeyUnknown)),
            ask(&bearer(&access().key("server-next-p256").text()), accepted()),
        ],
    );
}

fn add_revocation(corpus: &mut Corpus) {
    corpus.area("revocation");
    let doc = Doc::access();
    let request = bearer(&access().text());
    let undated = bearer(&svid().no_claim("iat").text());
    let rule = "policy: revocation";
    let mut revoke = |name: &str, list: Value, expect: Value| {
        corpus.steps(
            name,
            rule,
            &doc,
            vec![ask(&request, accepted()), json!({ "revoke": list }), ask(&request, expect)],
        );
    };
    revoke("key", json!({ "keys": [{ "authority": SERVER, "name": "server-p256" }] }), refused(KeyRevoked));
    revoke("subject", json!({ "subjects": [{ "authority": SERVER, "name": "alice" }] }), refused(SubjectRevoked));
    revoke(
        "subject_before_later",
        json!({ "subjects": [{ "authority": SERVER, "name": "alice", "before": NOW + 1 }] }),
        refused(SubjectRevoked),
    );
    revoke(
        "subject_before_now",
        json!({ "subjects": [{ "authority": SERVER, "name": "alice", "before": NOW }] }),
        accepted(),
    );
    revoke("token", json!({ "tokens": [{ "authority": SERVER, "name": "at-1" }] }), refused(TokenRevoked));
    revoke(
        "epoch_of_the_issuer",
        json!({ "epochs": [{ "authority": SERVER, "before": NOW + 1 }] }),
        refused(IssuedBeforeCutoff),
    );
    revoke("epoch_of_all", json!({ "epochs": [{ "before": NOW + 1 }] }), refused(IssuedBeforeCutoff));
    revoke(
        "wide_epoch_behind_a_narrow_one",
        json!({ "epochs": [{ "authority": SERVER, "before": NOW }, { "before": NOW + 1 }] }),
        refused(IssuedBeforeCutoff),
    );
    revoke(
        "narrow_epoch_behind_a_wide_one",
        json!({ "epochs": [{ "before": NOW }, { "authority": SERVER, "before": NOW + 1 }] }),
        refused(IssuedBeforeCutoff),
    );
    revoke(
        "epochs_that_are_over",
        json!({ "epochs": [{ "before": NOW }, { "authority": SERVER, "before": NOW }] }),
        accepted(),
    );
    revoke(
        "key_of_another_authority",
        json!({ "keys": [{ "authority": "https://other-as.example", "name": "server-p256" }] }),
        accepted(),
    );
    revoke(
        "subject_of_another_authority",
        json!({ "subjects": [{ "authority": DOMAIN, "name": "alice" }] }),
        accepted(),
    );
    revoke("token_of_another_authority", json!({ "tokens": [{ "authority": DOMAIN, "name": "at-1" }] }), accepted());
    revoke(
        "names_are_not_prefixes",
        json!({ "subjects": [{ "authority": SERVER, "name": "alic" }, { "authority": SERVER, "name": "alice2" }], "tokens": [{ "authority": SERVER, "name": "at-" }] }),
        accepted(),
    );
    corpus.steps(
        "epoch_and_a_token_without_iat",
        rule,
        &Doc::svid(),
        vec![json!({ "revoke": { "epochs": [{ "before": 1 }] } }), ask(&undated, refused(IssuedBeforeCutoff))],
    );
    corpus.steps(
        "a_list_is_replaced_whole",
        rule,
        &doc,
        vec![
            json!({ "revoke": { "subjects": [{ "authority": SERVER, "name": "alice" }] } }),
            ask(&request, refused(SubjectRevoked)),
            json!({ "revoke": {} }),
            ask(&request, accepted()),
        ],
    );
    corpus.steps(
        "subject_of_a_trust_domain",
        rule,
        &Doc::svid(),
        vec![
            json!({ "revoke": { "subjects": [{ "authority": DOMAIN, "name": SUBJECT }] } }),
            ask(&bearer(&svid().text()), refused(SubjectRevoked)),
        ],
    );
}

fn add_cache(corpus: &mut Corpus) {
    corpus.area("cache");
    let request = bearer(&access().text());
    let rule = "a cached token is facts, never a decision (A29)";
    let mut warm = |name: &str, other: &str, expect: Value| {
        let doc = Doc::access().also("other", other);
        corpus.steps(name, rule, &doc, vec![ask(&request, accepted()), ask(&request.clone().policy("other"), expect)]);
    };
    warm("other_audience", r#"{"accept":["at+jwt"],"audience":"https://other.example"}"#, refused(AudienceMismatch));
    warm(
        "other_scope",
        r#"{"accept":[{"kind":"at+jwt","scope":["admin"]}],"audience":"https://api.example"}"#,
        refused(ScopeInsufficient),
    );
    warm(
        "other_subjects",
        r#"{"accept":[{"kind":"at+jwt","subjects":["bob"]}],"audience":"https://api.example"}"#,
        refused(SubjectRefused),
    );
    warm(
        "other_binding",
        r#"{"accept":["at+jwt"],"audience":"https://api.example","binding":{"require":"any"}}"#,
        refused(BindingRequired),
    );
    warm(
        "other_lifetime",
        r#"{"accept":["at+jwt"],"audience":"https://api.example","max_lifetime_seconds":10}"#,
        refused(LifetimeTooLong),
    );
    warm(
        "other_algorithms",
        r#"{"accept":[{"kind":"at+jwt","algorithms":["RS256"]}],"audience":"https://api.example"}"#,
        refused(AlgorithmRefused),
    );
    let doc = Doc::all().also("other", r#"{"accept":["jwt-svid"],"audience":"https://api.example"}"#);
    corpus.steps(
        "other_kind",
        rule,
        &doc,
        vec![ask(&request, accepted()), ask(&request.clone().policy("other"), refused(TypNotAccepted))],
    );
    // One text, two kinds: its kind depends on the policy, and the cached attributes are those of one kind only.
    let both = Doc::all()
        .trust(&[
            domain("example.org", &[svid_key("domain-p256")]),
            issuer_for(PLAIN, &[set_key("plain-p256")], &["evil.example"]),
        ])
        .accept(r#"["jwt"]"#)
        .also("other", r#"{"accept":["jwt-svid","jwt"],"audience":"https://api.example"}"#);
    let spiffe = bearer(&plain().claim("sub", "\"spiffe://evil.example/a\"").text());
    corpus.steps(
        "other_kind_of_the_same_text",
        rule,
        &both,
        vec![ask(&spiffe, accepted()), ask(&spiffe.clone().policy("other"), refused(TrustDomainUnknown))],
    );
    let strict = r#"{"accept":["jwt-svid"],"audience":"https://api.example"}"#;
    for (name, setting, token, reason) in [
        (
            "taken_leniently_then_asked_strictly",
            "ignore_unknown_headers",
            svid().header("x", "1"),
            Reason::HeaderForbidden,
        ),
        ("taken_by_the_single_key_then_asked_with_kid", "single_candidate_key", svid().no_header("kid"), KeyUnknown),
    ] {
        let doc = Doc::svid().member("jwt_svid", &format!("{{\"{setting}\":true}}")).also("other", strict);
        let request = bearer(&token.text());
        let cold = ask(&request.clone().policy("other"), refused(reason));
        corpus.steps(name, rule, &doc, vec![cold.clone(), ask(&request, accepted()), cold]);
    }
    let two: Vec<Value> =
        ["server-p256", "server-next-p256"].iter().map(|name| serde_json::from_str(&set_key(name)).unwrap()).collect();
    let unnamed = bearer(&access().no_header("kid").text());
    corpus.steps(
        "without_kid_then_a_second_key",
        "a warm cache answers as a cold one would: two keys fit, so none is meant",
        &Doc::access(),
        vec![
            ask(&unnamed, accepted()),
            json!({ "trust": { "issuer": SERVER, "jwks": { "keys": two }, "now": NOW }, "expect": "installed" }),
            ask(&unnamed, refused(KeyUnknown)),
        ],
    );
    let steps = |corpus: &mut Corpus, name: &str, rule: &str, doc: &Doc, steps: Vec<Value>| {
        corpus.steps(name, rule, doc, steps)
    };
    steps(
        corpus,
        "expired_in_the_cache",
        "CWE-613",
        &Doc::access(),
        vec![ask(&request, accepted()), ask(&request.clone().now(NOW + 330), refused(TokenExpired))],
    );
    steps(
        corpus,
        "clock_that_steps_back",
        "A18",
        &Doc::access(),
        vec![
            ask(&request, accepted()),
            ask(&request.clone().now(NOW - 3600), refused(Reason::TokenNotYetValid)),
            ask(&request, accepted()),
        ],
    );
    let bound = access().bound_to_key("client-p256").text();
    steps(
        corpus,
        "bound_token_without_its_proof",
        "RFC 9449 §7.2 (A26)",
        &Doc::access(),
        vec![ask(&dpop(&bound, &proof(&bound).text()), accepted()), ask(&bearer(&bound), refused(ProofMissing))],
    );
    let certified = access().bound_to_certificate("client").text();
    steps(
        corpus,
        "bound_token_on_another_connection",
        "RFC 8705 §3",
        &Doc::access(),
        vec![
            ask(&bearer(&certified).certificate("client"), accepted()),
            ask(&bearer(&certified).certificate("client-other"), refused(Reason::CertificateMismatch)),
            ask(&bearer(&certified), refused(Reason::CertificateMissing)),
        ],
    );
    let longer = bearer(&format!("{}A", access().text()));
    steps(
        corpus,
        "same_prefix",
        "CVE-2026-35030",
        &Doc::access(),
        vec![ask(&request, accepted()), ask(&longer, refused(SignatureInvalid))],
    );
    let forged = bearer(&access().claim("sub", "\"mallory\"").with_signature(&access().signature()));
    steps(
        corpus,
        "same_suffix",
        "CVE-2026-35030",
        &Doc::access(),
        vec![ask(&request, accepted()), ask(&forged, refused(SignatureInvalid))],
    );
    let refused_first = vec![
        ask(&forged, refused(SignatureInvalid)),
        ask(&forged, refused(SignatureInvalid)),
        ask(&request, accepted()),
    ];
    steps(corpus, "a_refusal_is_not_remembered", "A29", &Doc::access(), refused_first);
    let twin_token = bearer(&access().with_signature(&twin(&access().signature())));
    let mut miss = accepted();
    miss["cache"] = "miss".into();
    steps(
        corpus,
        "the_other_signature_of_a_token_misses",
        "A10",
        &Doc::access(),
        vec![ask(&request, accepted()), ask(&twin_token, miss)],
    );
    // CVE-2025-59936: names that concatenate alike.
    let trust = [
        issuer("https://as.example/a", &[jwk("server-p256", r#""kid":"b""#)]),
        issuer("https://as.example/", &[jwk("other-server-p256", r#""kid":"ab""#)]),
    ];
    let first = access().claim("iss", "\"https://as.example/a\"").header("kid", "\"b\"");
    let second = access().claim("iss", "\"https://as.example/\"").header("kid", "\"ab\"");
    steps(
        corpus,
        "issuer_and_kid_that_concatenate_alike",
        "CVE-2025-59936",
        &Doc::access().trust(&trust),
        vec![
            ask(&bearer(&first.text()), accepted()),
            ask(&bearer(&second.text()), refused(SignatureInvalid)),
            ask(&bearer(&second.forged_by("other-server-p256").text()), accepted()),
        ],
    );
    let stranger = bearer(&access().claim("iss", "\"https://as.example/a/\"").header("kid", "\"b\"").text());
    steps(
        corpus,
        "warm_cache_and_a_strange_issuer",
        "RFC 8725 §3.8",
        &Doc::access().trust(&trust),
        vec![ask(&bearer(&first.text()), accepted()), ask(&stranger, refused(IssuerUnknown))],
    );
    let foreign = domain("other.example", &[svid_key("other-domain-p256")]);
    let trust = [domain(DOMAIN, &[svid_key("domain-p256")]), foreign];
    let gone = json!({ "trust": { "trust_domain": "other.example", "bundle": { "keys": [] }, "now": NOW }, "expect": "installed" });
    steps(
        corpus,
        "another_domain_loses_its_keys",
        "BND-3",
        &Doc::svid().trust(&trust),
        vec![
            ask(&bearer(&svid().text()), accepted()),
            gone,
            ask(&bearer(&svid().text()), {
                let mut hit = accepted();
                hit["cache"] = "hit".into();
                hit
            }),
        ],
    );
}
