//! Token introspection (RFC 7662): what the answer of an authorization server must say, and how long it is used.

use countersign::Reason::{
    self, AudienceMismatch, BindingAmbiguous, BindingRequired, BindingUnsupported, CertificateMismatch,
    CertificateMissing, ClaimInvalid, ClaimMissing, CredentialMissing, CredentialRepeated, DecisionAbandoned,
    InternalError, IntrospectionRateExceeded, IntrospectionUnavailable, IssuedBeforeCutoff, IssuerUnknown,
    LifetimeTooLong, LimitExceeded, ProofKeyMismatch, ProofMissing, ProofReplayed, ScopeInsufficient, SignatureInvalid,
    SubjectRefused, SubjectRevoked, TokenExpired, TokenInactive, TokenMalformed, TokenNotYetValid, TokenRevoked,
    TypNotAccepted,
};
use serde_json::{Value, json};

use super::{Corpus, accepted, ask, refused};
use crate::issuer::{AUDIENCE, NOW, PLAIN, SERVER, access, b64, certificate, key, proof, sha256};
use crate::request::{Doc, Req, answering, bare, bearer, dpop, issuer, set_key};

const TOKEN: &str = "2YotnFZFEjr1zCsicMWpAA";
const ENTRY: &str = r#"{"kind":"introspected","issuer":"https://as.example"}"#;

/// Introspects the tokens of one server; `cache` is the further members of `introspection`.
fn doc(cache: &str) -> Doc {
    Doc::new(&[answering(SERVER, cache)], &format!("[{ENTRY}]"))
}

/// A policy that asks another server about the same token.
fn by_another() -> (Doc, String) {
    let trust = [answering(SERVER, ""), answering(PLAIN, "")];
    let other =
        r#"{"accept":[{"kind":"introspected","issuer":"https://plain.example"}],"audience":"https://api.example"}"#;
    (Doc::new(&trust, &format!("[{ENTRY}]")), other.to_owned())
}

/// An answer about an active token, with these members more or other than it has.
fn active(more: Value) -> Value {
    let mut answer = json!({ "active": true, "sub": "alice", "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW, "iss": SERVER,
                             "client_id": "shop", "scope": "orders:read", "jti": "at-1" });
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            answer.as_object_mut().unwrap().remove(name);
        } else {
            answer[name] = value.clone();
        }
    }
    answer
}

fn answered(answer: Value) -> Req {
    bearer(TOKEN).answer(json!({ "introspected": answer }))
}

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("introspection");
    add_answers(corpus);
    add_conditions(corpus);
    add_bindings(corpus);
    add_cached(corpus);
    add_forms(corpus);
    add_rate(corpus);
    add_beside_other_kinds(corpus);
}

fn add_answers(corpus: &mut Corpus) {
    let doc = doc("");
    let rule = "RFC 7662 §2.2 (IN-1)";
    let expect = json!({ "decision": "accept", "status": 200, "cache": "miss",
                         "token": { "kind": "introspected", "issuer": SERVER, "subject": "alice" } });
    corpus.steps("active", rule, &doc, vec![ask(&answered(active(json!({}))), expect)]);
    corpus.refuse("inactive", rule, &doc, &answered(json!({ "active": false })), TokenInactive);
    let inactive = active(json!({ "active": false }));
    corpus.refuse("inactive_with_all_other_members", rule, &doc, &answered(inactive), TokenInactive);
    for (name, value) in [("string", json!("true")), ("one", json!(1)), ("array", json!([true])), ("object", json!({}))]
    {
        let answer = active(json!({ "active": value }));
        corpus.refuse(&format!("active_is_a_{name}"), rule, &doc, &answered(answer), TokenInactive);
    }
    let null = r#"{"active":null,"sub":"alice","aud":"https://api.example"}"#;
    corpus.refuse("active_is_null", rule, &doc, &answered(null.into()), TokenInactive);
    corpus.refuse(
        "active_is_absent",
        rule,
        &doc,
        &answered(active(json!({ "active": null }))),
        IntrospectionUnavailable,
    );
    let inside = json!({ "token_introspection": active(json!({})) });
    corpus.refuse("active_is_nested", rule, &doc, &answered(inside), IntrospectionUnavailable);
    for (name, text) in [
        ("an_error_page", "<html>503</html>"),
        ("nothing", ""),
        ("an_array", r#"[{"active":true}]"#),
        ("two_values", r#"{"active":true} {}"#),
        ("cut_off", r#"{"active":true"#),
        ("repeated_member", r#"{"active":false,"active":true,"sub":"alice","aud":"https://api.example"}"#),
        ("repeated_by_an_escape", r#"{"active":true,"aud":"x","\u0061ud":"https://api.example"}"#),
    ] {
        corpus.refuse(&format!("answer_is_{name}"), rule, &doc, &answered(text.into()), IntrospectionUnavailable);
    }
    let deep = format!(r#"{{"active":true,"aud":"{AUDIENCE}","x":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    corpus.refuse("answer_is_nested_too_deep", rule, &doc, &answered(deep.into()), IntrospectionUnavailable);
    let spaced = format!("\r\n{}\n", active(json!({})));
    corpus.accept("answer_with_white_space", rule, &doc, &answered(spaced.into()));
    let unknown = active(json!({ "username": "jdoe", "extension_field": "twenty-seven", "token_type": "Bearer" }));
    corpus.accept("unknown_members", rule, &doc, &answered(unknown));
    let long = active(json!({ "sub": "x".repeat(24_000) }));
    corpus.refuse("a_claim_longer_than_its_record", rule, &doc, &answered(long), LimitExceeded);

    let rule = "RFC 7662 §2.3, §4 (IN-3): no answer is a fault of the server's side";
    let failed = bearer(TOKEN).answer(json!({ "introspection": "failed" }));
    corpus.answer("failed", rule, &doc, &failed, IntrospectionUnavailable, &[]);
    corpus.refuse("abandoned", rule, &doc, &bearer(TOKEN), DecisionAbandoned);
    let other = bearer(TOKEN).answer(json!({ "use_once": "first" }));
    corpus.refuse("answer_to_another_question", rule, &doc, &other, InternalError);

    let rule = "RFC 7662 §2.2 (IN-3)";
    let foreign = active(json!({ "iss": "https://other.example" }));
    corpus.refuse("of_another_issuer", rule, &doc, &answered(foreign), IssuerUnknown);
    corpus.accept("without_issuer", rule, &doc, &answered(active(json!({ "iss": null }))));
}

fn add_conditions(corpus: &mut Corpus) {
    let doc = doc("");
    let rule = "RFC 7662 §4 (IN-2)";
    let refuse = |corpus: &mut Corpus, name: &str, more: Value, reason: Reason| {
        corpus.refuse(name, rule, &doc, &answered(active(more)), reason);
    };
    refuse(corpus, "without_audience", json!({ "aud": null }), ClaimMissing);
    refuse(corpus, "for_another_audience", json!({ "aud": "https://other.example" }), AudienceMismatch);
    refuse(corpus, "audience_of_another_type", json!({ "aud": 7 }), ClaimInvalid);
    refuse(corpus, "expired", json!({ "exp": NOW - 30 }), TokenExpired);
    refuse(corpus, "expiry_of_another_type", json!({ "exp": "1800000300" }), ClaimInvalid);
    refuse(corpus, "not_yet_valid", json!({ "nbf": NOW + 31 }), TokenNotYetValid);
    refuse(corpus, "subject_of_another_type", json!({ "sub": 7 }), ClaimInvalid);
    refuse(corpus, "actor_of_another_type", json!({ "act": "shop" }), ClaimInvalid);
    corpus.accept("audience_among_several", rule, &doc, &answered(active(json!({ "aud": ["x", AUDIENCE] }))));
    corpus.accept("without_expiry", rule, &doc, &answered(active(json!({ "exp": null }))));
    corpus.accept("with_an_actor", rule, &doc, &answered(active(json!({ "act": { "sub": "shop" } }))));
    let chain = (0..9).fold(json!({ "sub": "a" }), |act, _| json!({ "sub": "b", "act": act }));
    refuse(corpus, "a_chain_of_too_many_actors", json!({ "act": chain }), LimitExceeded);

    let with = |more: &str| {
        Doc::new(&[answering(SERVER, "")], &format!(r#"[{{"kind":"introspected","issuer":"{SERVER}",{more}}}]"#))
    };
    let right = answered(active(json!({})));
    corpus.refuse("scope_missing", rule, &with(r#""scope":["orders:write"]"#), &right, ScopeInsufficient);
    corpus.accept("scope_there", rule, &with(r#""scope":["orders:read"]"#), &right);
    corpus.refuse("subject_refused", rule, &with(r#""subjects":["bob"]"#), &right, SubjectRefused);
    corpus.refuse("lives_too_long", rule, &with(r#""max_lifetime_seconds":299"#), &right, LifetimeTooLong);
    let attributes = doc.clone().member("attributes", r#"{"tenant":"/ext/tenant"}"#);
    let expect = json!({ "decision": "accept", "status": 200, "attributes": { "tenant": "t1" } });
    let request = answered(active(json!({ "ext": { "tenant": "t1" } })));
    corpus.steps("attributes_of_the_answer", rule, &attributes, vec![ask(&request, expect)]);

    corpus.refuse("no_credential", "RFC 6750 §3", &doc, &bare(), CredentialMissing);
    let twice = bearer(TOKEN).header("authorization", "Bearer x");
    corpus.refuse("two_credentials", "RFC 6750 §2", &doc, &twice, CredentialRepeated);
    corpus.refuse("a_list_of_tokens", "RFC 6750 §2", &doc, &bearer(&format!("{TOKEN}, {TOKEN}")), CredentialRepeated);
}

fn add_bindings(corpus: &mut Corpus) {
    let doc = doc("");
    let rule = "RFC 9449 §6.2 (IN-2): cnf of the answer";
    let jkt = key("client-p256").thumbprint();
    let bound = json!({ "introspected": active(json!({ "cnf": { "jkt": jkt } })) });
    let by = |proof: crate::issuer::Token| dpop(TOKEN, &proof.text()).answer(bound.clone());
    corpus.accept("bound_to_a_key", rule, &doc, &by(proof(TOKEN)));
    corpus.refuse("bound_to_another_key", rule, &doc, &by(proof(TOKEN).key("client-other-p256")), ProofKeyMismatch);
    corpus.refuse("bound_as_bearer", rule, &doc, &bearer(TOKEN).answer(bound.clone()), ProofMissing);
    corpus.steps(
        "bound_and_the_proof_used_twice",
        rule,
        &doc,
        vec![ask(&by(proof(TOKEN)), accepted()), ask(&dpop(TOKEN, &proof(TOKEN).text()), refused(ProofReplayed))],
    );
    let unbound = dpop(TOKEN, &proof(TOKEN).text()).answer(json!({ "introspected": active(json!({})) }));
    corpus.refuse("unbound_under_dpop", rule, &doc, &unbound, BindingRequired);
    let required = doc.clone().member("binding", r#"{"require":"any"}"#);
    corpus.refuse("unbound_and_binding_required", rule, &required, &answered(active(json!({}))), BindingRequired);

    let rule = "RFC 8705 §3.2 (IN-2): cnf of the answer";
    let thumbprint = b64(sha256(&certificate("client")));
    let certified = answered(active(json!({ "cnf": { "x5t#S256": thumbprint } })));
    corpus.accept("bound_to_a_certificate", rule, &doc, &certified.clone().certificate("client"));
    corpus.refuse(
        "bound_to_another_certificate",
        rule,
        &doc,
        &certified.clone().certificate("client-other"),
        CertificateMismatch,
    );
    corpus.refuse("bound_without_a_certificate", rule, &doc, &certified, CertificateMissing);
    let unknown = answered(active(json!({ "cnf": { "kid": "x" } })));
    corpus.refuse("bound_by_an_unknown_method", "RFC 7800 §3.1", &doc, &unknown, BindingUnsupported);
    let jwk: Value = serde_json::from_str(&crate::issuer::jwk("client-p256", "")).unwrap();
    let two = answered(active(json!({ "cnf": { "jwk": jwk, "jwe": "x" } })));
    corpus.refuse("bound_by_two_keys", "RFC 7800 §3.1", &doc, &two, BindingAmbiguous);
    corpus.refuse("cnf_of_another_type", "RFC 7800 §3.1", &doc, &answered(active(json!({ "cnf": "x" }))), ClaimInvalid);
}

fn add_cached(corpus: &mut Corpus) {
    let rule = "RFC 7662 §4 (IN-2): caching";
    let first = answered(active(json!({})));
    let hit = json!({ "decision": "accept", "status": 200, "cache": "hit", "token": { "kind": "introspected", "subject": "alice" } });
    let silent = |now: u64| bearer(TOKEN).now(now);
    let asked = refused(DecisionAbandoned);
    let default = doc("");
    corpus.steps("cached", rule, &default, vec![ask(&first, accepted()), ask(&silent(NOW + 29), hit.clone())]);
    corpus.steps(
        "asked_again_after_cache_seconds",
        rule,
        &default,
        vec![ask(&first, accepted()), ask(&silent(NOW + 30), asked.clone())],
    );
    let once = doc(r#","cache_seconds":0"#);
    corpus.steps(
        "cache_seconds_0_asks_each_time",
        rule,
        &once,
        vec![ask(&first, accepted()), ask(&silent(NOW), asked.clone())],
    );
    let strict = once.clone().member("leeway_seconds", "0");
    let endless = answered(active(json!({ "exp": null })));
    corpus.accept("cache_seconds_0_without_expiry_and_leeway", rule, &strict, &endless);
    let strict = default.clone().member("leeway_seconds", "0");
    let short = answered(active(json!({ "exp": NOW + 10 })));
    corpus.steps(
        "never_cached_beyond_its_expiry",
        rule,
        &strict,
        vec![
            ask(&short, accepted()),
            ask(&silent(NOW + 9), hit.clone()),
            ask(&silent(NOW + 10), refused(TokenExpired)),
        ],
    );
    let inactive = answered(json!({ "active": false }));
    let again = answered(active(json!({}))).now(NOW + 10);
    corpus.steps(
        "an_inactive_token_is_not_asked_about_for_a_while",
        rule,
        &default,
        vec![
            ask(&inactive, refused(TokenInactive)),
            ask(&silent(NOW), refused(TokenInactive)),
            ask(&silent(NOW + 9), refused(TokenInactive)),
            ask(&again, accepted()),
            ask(&silent(NOW + 11), hit.clone()),
        ],
    );
    let each_time = doc(r#","inactive_cache_seconds":0"#);
    corpus.steps(
        "inactive_cache_seconds_0_asks_each_time",
        rule,
        &each_time,
        vec![ask(&inactive, refused(TokenInactive)), ask(&first, accepted())],
    );
    let another = bearer("another").answer(json!({ "introspected": active(json!({})) }));
    corpus.steps(
        "an_inactive_token_is_no_other_token",
        rule,
        &default,
        vec![ask(&inactive, refused(TokenInactive)), ask(&another, accepted())],
    );
    corpus.steps(
        "found_inactive_after_cache_seconds",
        rule,
        &default,
        vec![ask(&first, accepted()), ask(&inactive.clone().now(NOW + 30), refused(TokenInactive))],
    );
    for (name, revoke, reason) in [
        ("subject", json!({ "subjects": [{ "authority": SERVER, "name": "alice" }] }), SubjectRevoked),
        ("token", json!({ "tokens": [{ "authority": SERVER, "name": "at-1" }] }), TokenRevoked),
        ("epoch", json!({ "epochs": [{ "authority": SERVER, "before": NOW + 1 }] }), IssuedBeforeCutoff),
    ] {
        corpus.steps(
            &format!("{name}_revoked_after_caching"),
            rule,
            &default,
            vec![ask(&first, accepted()), json!({ "revoke": revoke }), ask(&silent(NOW), refused(reason))],
        );
    }
    let (doc, other) = by_another();
    let doc = doc.also("other", &other);
    let of_other = json!({ "introspected": active(json!({ "iss": PLAIN, "sub": "bob" })) });
    let expect =
        json!({ "decision": "accept", "status": 200, "cache": "miss", "token": { "issuer": PLAIN, "subject": "bob" } });
    corpus.steps(
        "an_answer_of_another_server_is_not_used",
        rule,
        &doc,
        vec![
            ask(&first, accepted()),
            ask(&bearer(TOKEN).policy("other"), asked),
            ask(&bearer(TOKEN).policy("other").answer(of_other), expect),
        ],
    );
}

/// The tokens of strangers cost their issuer a bounded number of questions.
fn add_rate(corpus: &mut Corpus) {
    let rule = "policy: introspection questions_per_second";
    // Tokens that were not active before have half of the questions.
    let four = doc(r#","questions_per_second":4"#);
    let with = |token: &str, now: u64| bearer(token).answer(json!({ "introspected": active(json!({})) })).now(now);
    let silent = |token: &str, now: u64| bearer(token).now(now);
    let exceeded = || refused(IntrospectionRateExceeded);
    corpus.steps(
        "asked_as_often_as_allowed_in_a_second",
        rule,
        &four,
        vec![
            ask(&with("one", NOW), accepted()),
            ask(&with("two", NOW), accepted()),
            ask(&silent("three", NOW), exceeded()),
            ask(&silent("two", NOW), accepted()),
            ask(&silent("thr:ee", NOW), refused(TokenMalformed)),
            ask(&with("three", NOW + 1), accepted()),
            ask(&with("four", NOW + 1), accepted()),
            ask(&silent("five", NOW + 1), exceeded()),
        ],
    );
    corpus.steps(
        "a_token_that_was_active_is_asked_about_beyond_the_strangers_half",
        rule,
        &four,
        vec![
            ask(&with("one", NOW), accepted()),
            ask(&with("two", NOW), accepted()),
            ask(&with("three", NOW + 31), accepted()),
            ask(&with("four", NOW + 31), accepted()),
            ask(&silent("five", NOW + 31), exceeded()),
            ask(&with("one", NOW + 31), accepted()),
            ask(&with("two", NOW + 31), accepted()),
            ask(&silent("five", NOW + 31), exceeded()),
        ],
    );
    let headers: [(&str, &str); 0] = [];
    let once = doc(r#","questions_per_second":1"#);
    let mut expect = exceeded();
    expect["headers"] = json!(headers);
    corpus.steps(
        "a_question_too_many_has_no_challenge",
        rule,
        &once,
        vec![ask(&with("one", NOW), accepted()), ask(&silent("two", NOW), expect)],
    );
}

/// RFC 6750 §2.1: `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`. The server is asked about nothing else.
fn add_forms(corpus: &mut Corpus) {
    let rule = "RFC 6750 §2.1: b64token";
    let doc = doc("");
    for (name, token) in [
        ("a_space", "a b"),
        ("a_tab", "a\tb"),
        ("a_quote", "a\"b"),
        ("a_backslash", "a\\b"),
        ("a_colon", "a:b"),
        ("a_percent_sign", "a%20b"),
        ("a_parameter", "a;b=c"),
        ("a_letter_beyond_ascii", "a\u{e9}"),
        ("padding_alone", "=="),
        ("padding_inside", "a=b"),
        ("a_parameter_name", "token=a"),
        ("a_line_of_json", "{}"),
    ] {
        corpus.refuse(&format!("no_token_with_{name}"), rule, &doc, &bearer(token), TokenMalformed);
    }
    for (name, token) in [("one_letter", "a"), ("all_its_characters", "aZ09-._~+/=="), ("dots_alone", "...")] {
        let request = bearer(token).answer(json!({ "introspected": active(json!({})) }));
        corpus.accept(&format!("a_token_of_{name}"), rule, &doc, &request);
    }
    let keyed = issuer(SERVER, &[set_key("server-p256")]);
    let keyed = format!(r#"{},"introspection":{{"uri":"https://as.example/introspect"}}}}"#, &keyed[..keyed.len() - 1]);
    let mixed = Doc::new(&[keyed], &format!(r#"["at+jwt",{ENTRY}]"#));
    corpus.refuse("no_token_beside_signed_ones", rule, &mixed, &bearer("a:b"), TokenMalformed);
}

fn add_beside_other_kinds(corpus: &mut Corpus) {
    let rule = "policy: introspection of tokens that are no JWS";
    let keyed = issuer(SERVER, &[set_key("server-p256")]);
    let keyed = format!(r#"{},"introspection":{{"uri":"https://as.example/introspect"}}}}"#, &keyed[..keyed.len() - 1]);
    let mixed = Doc::new(&[keyed], &format!(r#"["at+jwt",{ENTRY}]"#));
    let kind = |kind: &str| json!({ "decision": "accept", "status": 200, "token": { "kind": kind } });
    corpus.steps(
        "an_access_token_is_not_asked_about",
        rule,
        &mixed,
        vec![ask(&bearer(&access().text()), kind("at+jwt"))],
    );
    let opaque = answered(active(json!({})));
    corpus.steps("an_opaque_token_is_asked_about", rule, &mixed, vec![ask(&opaque, kind("introspected"))]);
    let forged = access().forged_by("client-p256").text();
    corpus.refuse("a_forged_access_token_is_not_asked_about", rule, &mixed, &bearer(&forged), SignatureInvalid);
    let typed = access().header("typ", "\"JWT\"").text();
    corpus.refuse("a_jws_of_another_type_is_not_asked_about", rule, &mixed, &bearer(&typed), TypNotAccepted);

    // A policy that introspects every token has an answer about this one in the cache; one that checks a JWS by its key must not use it.
    let every = format!(r#"{{"accept":[{ENTRY}],"audience":"{AUDIENCE}"}}"#);
    let both = mixed.also("every", &every);
    let ask_server = bearer(&forged).policy("every").answer(json!({ "introspected": active(json!({})) }));
    corpus.steps(
        "a_jws_that_another_policy_asked_about",
        rule,
        &both,
        vec![ask(&ask_server, kind("introspected")), ask(&bearer(&forged), refused(SignatureInvalid))],
    );
    let good = access().text();
    let ask_server = bearer(&good).policy("every").answer(json!({ "introspected": active(json!({})) }));
    corpus.steps(
        "a_jws_that_another_policy_verified",
        rule,
        &both,
        vec![
            ask(&bearer(&good), kind("at+jwt")),
            ask(&ask_server, kind("introspected")),
            ask(&bearer(&good), kind("at+jwt")),
        ],
    );
}
