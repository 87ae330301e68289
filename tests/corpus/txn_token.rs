//! Transaction tokens (draft-ietf-oauth-transaction-tokens) beside the credential of the client.

use countersign::Reason::{
    AlgorithmRefused, AudienceMismatch, BindingUnsupported, ClaimInvalid, ClaimMissing, CredentialMissing,
    CredentialRepeated, CredentialTooLarge, CredentialsUntied, HeaderCritical, HeaderForbidden, IssuedBeforeCutoff,
    IssuerRefused, IssuerUnknown, KeyNotUsable, KeyRevoked, KeyUnknown, KeysStale, LifetimeTooLong, LimitExceeded,
    ScopeInsufficient, SignatureInvalid, SubjectRefused, SubjectRevoked, TokenEncoding, TokenExpired, TokenJson,
    TokenMalformed, TokenNotYetValid, TokenRevoked, TypNotAccepted,
};
use serde_json::json;

use super::{Corpus, accepted, ask, refused};
use crate::issuer::{AUDIENCE, DOMAIN, NOW, SERVER, SUBJECT, TTS, Token, access, jwk, proof, q, svid, txn};
use crate::request::{Doc, Req, bare, bearer, domain, dpop, issuer, set_key, svid_key};

/// An access token, and beside it a transaction token of `entry` that is about the same subject.
fn doc(entry: &str) -> Doc {
    let trust = [issuer(SERVER, &[set_key("server-p256")]), issuer(TTS, &[set_key("tts-p256")])];
    Doc::new(&trust, "[]").credentials(&credentials("at+jwt", entry, "")).member("tie", TIE)
}

const TIE: &str = r#"[{"left":"client:/sub","is":"equal","right":"txn:/sub"}]"#;
const PINNED: &str = r#"{"kind":"txntoken+jwt","issuer":"https://tts.example"}"#;

fn credentials(first: &str, entry: &str, more: &str) -> String {
    format!(
        r#"[{{"name":"client","from":"authorization","accept":["{first}"]}},{{"name":"txn","from":{{"header":"txn-token"}},"accept":[{entry}],"audience":"example.org"{more}}}]"#
    )
}

fn with(token: &str) -> Req {
    bearer(&access().text()).header("Txn-Token", token)
}

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("txn_token");
    add_forms(corpus);
    add_claims(corpus);
    add_issuers(corpus);
    add_places(corpus);
    add_conditions(corpus);
    add_time_and_revocation(corpus);
}

fn add_forms(corpus: &mut Corpus) {
    let doc = doc(PINNED);
    let rule = "Transaction Tokens §9.1 (TT-1)";
    let both = json!({ "decision": "accept", "status": 200, "credentials": { "client": "at+jwt", "txn": "txntoken+jwt" },
                       "token": { "kind": "at+jwt", "issuer": SERVER, "subject": "alice" } });
    corpus.steps("beside_an_access_token", rule, &doc, vec![ask(&with(&txn().text()), both)]);
    let typed = |typ: &str| txn().header("typ", &q(typ)).text();
    for (name, typ) in [("capitals", "TXNTOKEN+JWT"), ("application", "application/txntoken+jwt")] {
        corpus.accept(&format!("typ_{name}"), rule, &doc, &with(&typed(typ)));
    }
    for (name, typ) in [
        ("at_jwt", "at+jwt"),
        ("jwt", "JWT"),
        ("jose", "JOSE"),
        ("dpop_jwt", "dpop+jwt"),
        ("old_spelling", "txn_token"),
        ("empty", ""),
    ] {
        corpus.refuse(&format!("typ_{name}"), rule, &doc, &with(&typed(typ)), TypNotAccepted);
    }
    corpus.refuse("typ_absent", rule, &doc, &with(&txn().no_header("typ").text()), TypNotAccepted);
    corpus.refuse("typ_number", rule, &doc, &with(&txn().header("typ", "1").text()), TypNotAccepted);

    let rule = "RFC 7515 §5.2, §7.1";
    corpus.refuse("no_token", rule, &doc, &with("x"), TokenMalformed);
    corpus.refuse("header_is_no_base64url", rule, &doc, &with("a+b.e30.e30"), TokenEncoding);
    corpus.refuse("repeated_claim", rule, &doc, &with(&txn().more_claim("txn", "\"other\"").text()), TokenJson);
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    corpus.refuse("claim_nested_too_deep", rule, &doc, &with(&txn().claim("tctx", &deep).text()), LimitExceeded);
    corpus.refuse("crit", rule, &doc, &with(&txn().header("crit", "[\"x\"]").text()), HeaderCritical);
    corpus.refuse("nested_token", rule, &doc, &with(&txn().header("cty", "\"JWT\"").text()), HeaderForbidden);
    corpus.refuse("alg_none", rule, &doc, &with(&txn().header("alg", "\"none\"").text()), AlgorithmRefused);
    corpus.refuse("bad_signature", rule, &doc, &with(&txn().forged_by("server-p256").text()), SignatureInvalid);
    corpus.refuse("unknown_key", rule, &doc, &with(&txn().header("kid", "\"x\"").text()), KeyUnknown);
    corpus.refuse(
        "key_of_another_algorithm",
        rule,
        &doc,
        &with(&txn().header("alg", "\"RS256\"").text()),
        KeyNotUsable,
    );
    corpus.accept("without_kid", rule, &doc, &with(&txn().no_header("kid").text()));
}

fn add_claims(corpus: &mut Corpus) {
    let doc = doc(PINNED);
    let rule = "Transaction Tokens §9.2 (TT-2)";
    for claim in ["iat", "aud", "exp", "txn", "sub", "scope", "req_wl"] {
        let name = format!("without_{claim}");
        corpus.refuse(&name, rule, &doc, &with(&txn().no_claim(claim).text()), ClaimMissing);
    }
    for (name, claim, value) in [
        ("req_wl_array", "req_wl", r#"["apigateway.example.org"]"#),
        ("req_wl_empty", "req_wl", "\"\""),
        ("req_wl_null", "req_wl", "null"),
        ("txn_empty", "txn", "\"\""),
        ("txn_number", "txn", "7"),
        ("scope_array", "scope", r#"["trade.stocks"]"#),
        ("sub_number", "sub", "7"),
        ("iat_string", "iat", "\"1800000000\""),
        ("exp_string", "exp", "\"1800000060\""),
        ("aud_number", "aud", "7"),
        ("tctx_string", "tctx", "\"BUY\""),
        ("tctx_array", "tctx", "[]"),
        ("rctx_number", "rctx", "1"),
    ] {
        corpus.refuse(name, rule, &doc, &with(&txn().claim(claim, value).text()), ClaimInvalid);
    }
    let contexts = txn()
        .claim("tctx", r#"{"action":"BUY","ticker":"MSFT","quantity":"100"}"#)
        .claim("rctx", r#"{"req_ip":"69.151.72.123","authn":"urn:ietf:rfc:6749"}"#);
    corpus.accept("with_contexts", rule, &doc, &with(&contexts.text()));
    corpus.accept("scope_empty", rule, &doc, &with(&txn().claim("scope", "\"\"").text()));

    let rule = "Transaction Tokens §9.2, §12.2 (TT-3)";
    let for_audience = |json: &str| with(&txn().claim("aud", json).text());
    corpus.refuse("aud_of_another_trust_domain", rule, &doc, &for_audience("\"other.example\""), AudienceMismatch);
    corpus.refuse("aud_of_the_client_token", rule, &doc, &for_audience(&q(AUDIENCE)), AudienceMismatch);
    corpus.refuse("aud_a_subdomain", rule, &doc, &for_audience("\"a.example.org\""), AudienceMismatch);
    corpus.accept("aud_several", rule, &doc, &for_audience(r#"["other.example","example.org"]"#));
}

fn add_issuers(corpus: &mut Corpus) {
    let pinned = doc(PINNED);
    let rule = "Transaction Tokens §9.2 (TT-2): the issuer";
    let foreign = |token: Token| with(&token.claim("iss", "\"https://other.example\"").text());
    corpus.refuse("unknown_issuer", rule, &pinned, &foreign(txn()), IssuerUnknown);
    let by_server = txn().claim("iss", &q(SERVER)).key("server-p256").text();
    corpus.refuse("issuer_of_access_tokens", rule, &pinned, &with(&by_server), IssuerRefused);
    let unnamed = txn().no_claim("iss").text();
    corpus.accept("without_iss_of_the_one_issuer", rule, &pinned, &with(&unnamed));
    let forged = txn().no_claim("iss").forged_by("server-p256").text();
    corpus.refuse("without_iss_by_another_key", rule, &pinned, &with(&forged), SignatureInvalid);
    let two = doc(r#"{"kind":"txntoken+jwt","issuer":["https://tts.example","https://as.example"]}"#);
    corpus.refuse("without_iss_of_two_issuers", rule, &two, &with(&unnamed), IssuerUnknown);
    corpus.accept("of_the_first_of_two_issuers", rule, &two, &with(&txn().text()));
    corpus.accept("of_the_second_of_two_issuers", rule, &two, &with(&by_server));
    let entries = doc(
        r#"{"kind":"txntoken+jwt","issuer":"https://tts.example"},{"kind":"txntoken+jwt","issuer":"https://as.example"}"#,
    );
    corpus.refuse("without_iss_of_two_entries", rule, &entries, &with(&unnamed), IssuerUnknown);
    let unpinned = doc("\"txntoken+jwt\"");
    corpus.refuse("without_iss_and_no_issuer_named", rule, &unpinned, &with(&unnamed), IssuerUnknown);
    corpus.accept("any_issuer_in_trust", rule, &unpinned, &with(&txn().text()));
    // A token without `iss` was verified by the policy that names one issuer: another policy must not find it in the cache.
    let other =
        format!(r#"{{"audience":"{AUDIENCE}","credentials":{}}}"#, credentials("at+jwt", "\"txntoken+jwt\"", ""));
    corpus.steps(
        "without_iss_cached_by_another_policy",
        rule,
        &pinned.also("other", &other),
        vec![ask(&with(&unnamed), accepted()), ask(&with(&unnamed).policy("other"), refused(IssuerUnknown))],
    );
}

fn add_places(corpus: &mut Corpus) {
    let doc = doc(PINNED);
    let rule = "Transaction Tokens §12, §12.1 (TT-4)";
    corpus.refuse(
        "two_fields",
        rule,
        &doc,
        &with(&txn().text()).header("txn-token", &txn().text()),
        CredentialRepeated,
    );
    let list = format!("{}, {}", txn().text(), txn().text());
    corpus.refuse("two_tokens_in_one_field", rule, &doc, &with(&list), CredentialRepeated);
    corpus.refuse("absent", rule, &doc, &bearer(&access().text()), CredentialMissing);
    corpus.refuse("empty_field", rule, &doc, &with(""), TokenMalformed);
    corpus.refuse("under_a_scheme", rule, &doc, &with(&format!("Bearer {}", txn().text())), TokenEncoding);
    corpus.accept("spaces_around", rule, &doc, &with(&format!(" {} \t", txn().text())));
    corpus.refuse("too_long", rule, &doc, &with(&"x".repeat(16 * 1024 + 1)), CredentialTooLarge);
    corpus.refuse("without_the_client", rule, &doc, &bare().header("txn-token", &txn().text()), CredentialMissing);

    let rule = "Transaction Tokens §13.12 (TT-6)";
    let in_authorization = bearer(&txn().text());
    corpus.refuse(
        "in_authorization",
        rule,
        &doc,
        &in_authorization.clone().header("txn-token", &txn().text()),
        TypNotAccepted,
    );
    corpus.refuse(
        "in_authorization_of_an_access_token_policy",
        rule,
        &Doc::access(),
        &in_authorization,
        TypNotAccepted,
    );
    corpus.refuse("in_authorization_of_an_svid_policy", rule, &Doc::svid(), &in_authorization, TypNotAccepted);
    corpus.refuse("in_authorization_of_a_jwt_policy", rule, &Doc::plain(), &in_authorization, TypNotAccepted);
    corpus.refuse("access_token_in_its_field", rule, &doc, &with(&access().text()), TypNotAccepted);
    corpus.refuse("svid_in_its_field", rule, &doc, &with(&svid().text()), TypNotAccepted);
    let swapped = bearer(&txn().text()).header("txn-token", &access().text());
    corpus.refuse("both_in_the_place_of_the_other", rule, &doc, &swapped, TypNotAccepted);
}

fn add_conditions(corpus: &mut Corpus) {
    let base = doc(PINNED);
    let rule = "policy: tie, Transaction Tokens §13.12 (TT-6)";
    corpus.refuse("of_another_subject", rule, &base, &with(&txn().claim("sub", "\"bob\"").text()), CredentialsUntied);
    let escaped = txn().claim("sub", r#""al\u0069ce""#).text();
    corpus.accept("subject_with_an_escape", rule, &base, &with(&escaped));

    let optional = |more: &str| {
        let trust = [issuer(SERVER, &[set_key("server-p256")]), issuer(TTS, &[set_key("tts-p256")])];
        Doc::new(&trust, "[]").credentials(&credentials("at+jwt", PINNED, more)).member("tie", TIE)
    };
    let rule = "policy: credentials, required";
    let may = optional(r#","required":false"#);
    let alone = json!({ "decision": "accept", "status": 200, "credentials": { "client": "at+jwt" } });
    corpus.steps("optional_and_absent", rule, &may, vec![ask(&bearer(&access().text()), alone)]);
    corpus.accept("optional_and_there", rule, &may, &with(&txn().text()));
    let forged = txn().forged_by("server-p256").text();
    corpus.refuse("optional_and_forged", rule, &may, &with(&forged), SignatureInvalid);
    corpus.refuse(
        "optional_of_another_subject",
        rule,
        &may,
        &with(&txn().claim("sub", "\"bob\"").text()),
        CredentialsUntied,
    );

    let rule = "policy: binding of a credential beside the first";
    let bound = txn().bound_to_key("client-p256").text();
    corpus.refuse("bound_to_a_key", rule, &base, &with(&bound), BindingUnsupported);
    let certified = with(&txn().bound_to_certificate("client").text()).certificate("client");
    corpus.refuse("bound_to_a_certificate", rule, &base, &certified, BindingUnsupported);
    let token = access().bound_to_key("client-p256").text();
    let proven = dpop(&token, &proof(&token).text());
    corpus.accept("beside_a_bound_access_token", rule, &base, &proven.header("txn-token", &txn().text()));

    let trust = [domain(DOMAIN, &[svid_key("domain-p256")]), issuer(TTS, &[set_key("tts-p256")])];
    let by_svid = Doc::new(&trust, "[]").credentials(&credentials("jwt-svid", PINNED, ""));
    let expect =
        json!({ "decision": "accept", "status": 200, "credentials": { "client": "jwt-svid", "txn": "txntoken+jwt" } });
    let request = bearer(&svid().text()).header("txn-token", &txn().text());
    corpus.steps("beside_an_svid", "Transaction Tokens §12, JWT-SVID §3", &by_svid, vec![ask(&request, expect)]);
    let workload = by_svid.clone().member("tie", r#"[{"left":"client:/sub","is":"equal","right":"txn:/req_wl"}]"#);
    let rule = "policy: tie";
    corpus.refuse("requested_by_another_workload", rule, &workload, &request, CredentialsUntied);
    let own = txn().claim("req_wl", &q(SUBJECT)).text();
    corpus.accept("requested_by_the_workload", rule, &workload, &bearer(&svid().text()).header("txn-token", &own));

    let rule = "policy: conditions of an entry (TT-3)";
    let entry = |more: &str| doc(&format!(r#"{{"kind":"txntoken+jwt","issuer":"https://tts.example",{more}}}"#));
    let token = with(&txn().text());
    corpus.refuse("algorithm_of_the_entry", rule, &entry(r#""algorithms":["RS256"]"#), &token, AlgorithmRefused);
    corpus.refuse("lifetime_of_the_entry", rule, &entry(r#""max_lifetime_seconds":59"#), &token, LifetimeTooLong);
    corpus.accept("lifetime_of_the_entry_kept", rule, &entry(r#""max_lifetime_seconds":60"#), &token);
    corpus.refuse("scope_of_the_entry", rule, &entry(r#""scope":["trade.bonds"]"#), &token, ScopeInsufficient);
    corpus.accept("scope_of_the_entry_there", rule, &entry(r#""scope":["trade.stocks"]"#), &token);
    corpus.refuse("subject_of_the_entry", rule, &entry(r#""subjects":["bob"]"#), &token, SubjectRefused);
}

fn add_time_and_revocation(corpus: &mut Corpus) {
    let doc = doc(PINNED);
    let rule = "Transaction Tokens §12.2 (TT-3)";
    let expired = txn().claim("exp", &(NOW - 30).to_string()).text();
    corpus.refuse("expired", rule, &doc, &with(&expired), TokenExpired);
    let future = txn().claim("iat", &(NOW + 31).to_string()).text();
    corpus.refuse("issued_in_the_future", rule, &doc, &with(&future), TokenNotYetValid);
    let later = txn().claim("nbf", &(NOW + 31).to_string()).text();
    corpus.refuse("not_yet_valid", rule, &doc, &with(&later), TokenNotYetValid);

    let rule = "policy: revocations and keys reach every credential";
    let token = txn().claim("jti", "\"tt-1\"").text();
    let request = with(&token);
    let hit = json!({ "decision": "accept", "status": 200, "cache": "hit", "credentials": { "client": "at+jwt", "txn": "txntoken+jwt" } });
    corpus.steps("cached", rule, &doc, vec![ask(&request, accepted()), ask(&request, hit)]);
    let same = with(&txn().claim("sub", "\"alice\"").text());
    corpus.steps(
        "cached_and_expired_since",
        rule,
        &doc,
        vec![ask(&same, accepted()), ask(&same.clone().now(NOW + 90), refused(TokenExpired))],
    );
    for (name, revoke, reason) in [
        ("key", json!({ "keys": [{ "authority": TTS, "name": "tts-p256" }] }), KeyRevoked),
        ("subject", json!({ "subjects": [{ "authority": TTS, "name": "alice" }] }), SubjectRevoked),
        ("token", json!({ "tokens": [{ "authority": TTS, "name": "tt-1" }] }), TokenRevoked),
        ("epoch", json!({ "epochs": [{ "authority": TTS, "before": NOW + 1 }] }), IssuedBeforeCutoff),
    ] {
        corpus.steps(
            &format!("{name}_revoked_after_caching"),
            rule,
            &doc,
            vec![ask(&request, accepted()), json!({ "revoke": revoke }), ask(&request, refused(reason))],
        );
    }
    let next = json!({ "trust": { "issuer": TTS, "jwks": { "keys": [
        serde_json::from_str::<serde_json::Value>(&jwk("server-next-p256", r#""kid":"next""#)).unwrap()
    ] }, "now": NOW }, "expect": "installed" });
    corpus.steps(
        "key_gone_after_caching",
        rule,
        &doc,
        vec![ask(&request, accepted()), next, ask(&request, refused(KeyUnknown))],
    );
    let removed = json!({ "trust": { "issuer": TTS, "removed": true }, "expect": "removed" });
    corpus.steps(
        "keys_taken_away_after_caching",
        rule,
        &doc,
        vec![ask(&request, accepted()), removed, ask(&request, refused(KeysStale))],
    );
}
