//! Policies that ask for several credentials, tie them, and hand claims to hosts.

use countersign::Reason::{
    AudienceMismatch, CredentialMissing, CredentialRepeated, CredentialsUntied, LimitExceeded, ProofMissing,
    SignatureInvalid, TokenExpired, TypNotAccepted,
};
use serde_json::{Value, json};

use super::{Corpus, accepted, ask, refused};
use crate::issuer::{DOMAIN, NOW, PLAIN, SERVER, access, plain, proof, q, svid};
use crate::request::{Doc, Req, bare, bearer, domain, dpop, issuer, set_key, svid_key};

/// An SVID of the workload in `Authorization`, and beside it the access token of the user.
fn doc() -> Doc {
    let trust = [
        domain(DOMAIN, &[svid_key("domain-p256")]),
        issuer(SERVER, &[set_key("server-p256")]),
        issuer(PLAIN, &[set_key("plain-p256")]),
    ];
    Doc::new(&trust, "[]").credentials(
        r#"[{"name":"workload","from":"authorization","accept":["jwt-svid"]},
            {"name":"user","from":{"header":"x-user-token"},"accept":["at+jwt"]}]"#,
    )
}

fn both() -> Req {
    bearer(&svid().text()).header("X-User-Token", &access().text())
}

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("credentials");
    add_places(corpus);
    add_ties(corpus);
    add_attributes(corpus);
}

fn kinds(kinds: Value) -> Value {
    json!({ "decision": "accept", "status": 200, "credentials": kinds })
}

fn add_places(corpus: &mut Corpus) {
    let rule = "policy: credentials";
    let doc = doc();
    let expect = kinds(json!({ "workload": "jwt-svid", "user": "at+jwt" }));
    corpus.steps("two_of_two", rule, &doc, vec![ask(&both(), expect.clone())]);
    let mut hit = expect;
    hit["cache"] = "hit".into();
    corpus.steps("two_of_two_cached", rule, &doc, vec![ask(&both(), accepted()), ask(&both(), hit)]);
    corpus.refuse("second_missing", rule, &doc, &bearer(&svid().text()), CredentialMissing);
    corpus.refuse("first_missing", rule, &doc, &bare().header("x-user-token", &access().text()), CredentialMissing);
    let twice = both().header("x-user-token", &access().text());
    corpus.refuse("second_twice", rule, &doc, &twice, CredentialRepeated);
    let swapped = bearer(&access().text()).header("x-user-token", &svid().text());
    corpus.refuse("swapped", rule, &doc, &swapped, TypNotAccepted);
    let forged = bearer(&svid().text()).header("x-user-token", &access().forged_by("client-p256").text());
    corpus.refuse("second_forged", rule, &doc, &forged, SignatureInvalid);
    let old = access().claim("exp", &(NOW - 30).to_string()).text();
    corpus.refuse("second_expired", rule, &doc, &bearer(&svid().text()).header("x-user-token", &old), TokenExpired);
    let elsewhere = access().claim("aud", "\"https://other.example\"").text();
    let request = bearer(&svid().text()).header("x-user-token", &elsewhere);
    corpus.refuse("second_for_another_audience", rule, &doc, &request, AudienceMismatch);
    corpus.steps(
        "second_expired_since_it_was_cached",
        rule,
        &doc,
        vec![ask(&both(), accepted()), ask(&both().now(NOW + 331), refused(TokenExpired))],
    );
    let bound = access().bound_to_key("client-p256").text();
    let request = dpop(&bound, &proof(&bound).text()).header("x-user-token", &svid().text());
    let turned = doc.clone().credentials(
        r#"[{"name":"user","from":"authorization","accept":["at+jwt"]},
            {"name":"workload","from":{"header":"x-workload"},"accept":["jwt-svid"],"required":false}]"#,
    );
    corpus.steps(
        "bound_first_without_the_optional",
        rule,
        &turned,
        vec![ask(&request, kinds(json!({ "user": "at+jwt" })))],
    );
    // Without the proof, that the second is good does not help.
    let unproven = bearer(&bound).header("x-workload", &svid().text());
    corpus.refuse("bound_first_without_proof", rule, &turned, &unproven, ProofMissing);

    let own = doc.clone().credentials(r#"[{"name":"user","from":{"header":"x-user-token"},"accept":["at+jwt"]}]"#);
    corpus.accept("only_one_in_a_field_of_its_own", rule, &own, &bare().header("x-user-token", &access().text()));
    corpus.refuse("only_one_and_absent", rule, &own, &bearer(&access().text()), CredentialMissing);

    let four = doc.clone().credentials(
        r#"[{"name":"a","from":"authorization","accept":["jwt-svid"]},
            {"name":"b","from":{"header":"x-b"},"accept":["at+jwt"]},
            {"name":"c","from":{"header":"x-c"},"accept":[{"kind":"jwt","issuer":"https://plain.example"}]},
            {"name":"d","from":{"header":"x-d"},"accept":["jwt-svid"],"required":false}]"#,
    );
    let request = bearer(&svid().text()).header("x-b", &access().text()).header("x-c", &plain().text());
    let three = json!({ "a": "jwt-svid", "b": "at+jwt", "c": "jwt" });
    corpus.steps("three_of_four", rule, &four, vec![ask(&request, kinds(three))]);
    let all = json!({ "a": "jwt-svid", "b": "at+jwt", "c": "jwt", "d": "jwt-svid" });
    let request = request.header("x-d", &svid().text());
    corpus.steps("four_of_four", rule, &four, vec![ask(&request, kinds(all.clone())), ask(&request, kinds(all))]);
    // In a cache of a few entries, what the later credentials add must not displace the earlier ones of the same request.
    let small = four.clone().memory(r#"{"token_cache_bytes":2048}"#);
    corpus.steps(
        "four_of_four_in_a_small_cache",
        rule,
        &small,
        vec![ask(&request, accepted()), ask(&request, accepted())],
    );
}

fn add_ties(corpus: &mut Corpus) {
    let rule = "policy: tie";
    let tied = |left: &str, right: &str| {
        doc().member("tie", &format!(r#"[{{"left":"workload:{left}","is":"equal","right":"user:{right}"}}]"#))
    };
    let request = |workload: &[(&str, &str)], user: &[(&str, &str)]| {
        let with = |token: crate::issuer::Token, claims: &[(&str, &str)]| {
            claims.iter().fold(token, |token, (name, value)| token.claim(name, value)).text()
        };
        bearer(&with(svid(), workload)).header("x-user-token", &with(access(), user))
    };
    for (name, left, right, is_tied) in [
        ("strings", "\"a\"", "\"a\"", true),
        ("other_strings", "\"a\"", "\"b\"", false),
        ("an_escape", "\"a\"", r#""\u0061""#, true),
        ("other_case", "\"a\"", "\"A\"", false),
        ("numbers", "7", "7", true),
        ("number_and_string", "7", "\"7\"", false),
        ("true_and_its_word", "true", "\"true\"", false),
        ("empty_strings", "\"\"", "\"\"", true),
        ("nulls", "null", "null", true),
    ] {
        let doc = tied("/t", "/t");
        let request = request(&[("t", left)], &[("t", right)]);
        let name = format!("tie_of_{name}");
        if is_tied {
            corpus.accept(&name, rule, &doc, &request);
        } else {
            corpus.refuse(&name, rule, &doc, &request, CredentialsUntied);
        }
    }
    let same = tied("/t", "/t");
    corpus.refuse("tie_without_the_left_claim", rule, &same, &request(&[], &[("t", "1")]), CredentialsUntied);
    corpus.refuse("tie_without_the_right_claim", rule, &same, &request(&[("t", "1")], &[]), CredentialsUntied);
    corpus.refuse("tie_without_both_claims", rule, &same, &request(&[], &[]), CredentialsUntied);
    let nested = tied("/ctx/tenant", "/tenants/0");
    let left = [("ctx", r#"{"tenant":"t1"}"#)];
    corpus.accept("tie_of_nested_claims", rule, &nested, &request(&left, &[("tenants", r#"["t1","t2"]"#)]));
    let other = request(&left, &[("tenants", r#"["t2","t1"]"#)]);
    corpus.refuse("tie_of_another_element", rule, &nested, &other, CredentialsUntied);
    let right = request(&[("t", "1")], &[("t", "1")]);
    let wrong = request(&[("t", "1")], &[("t", "2")]);
    corpus.steps(
        "tie_of_cached_tokens",
        rule,
        &same,
        vec![ask(&right, accepted()), ask(&wrong, refused(CredentialsUntied)), ask(&right, accepted())],
    );
    let third = |more: &str| {
        format!(
            r#"[{{"name":"workload","from":"authorization","accept":["jwt-svid"]}},
            {{"name":"user","from":{{"header":"x-user-token"}},"accept":["at+jwt"]}},
            {{"name":"third","from":{{"header":"x-third"}},"accept":[{{"kind":"jwt","issuer":"https://plain.example"}}]{more}}}]"#
        )
    };
    let tie = r#"[{"left":"user:/sub","is":"equal","right":"third:/sub"}]"#;
    let optional = doc().credentials(&third(r#","required":false"#)).member("tie", tie);
    corpus.accept("tie_of_an_absent_credential", rule, &optional, &both());
    let of_others = doc().credentials(&third("")).member("tie", tie);
    corpus.accept("tie_of_the_second_and_third", rule, &of_others, &both().header("x-third", &plain().text()));
    let bob = plain().claim("sub", "\"bob\"").text();
    corpus.refuse(
        "tie_of_the_second_and_another_third",
        rule,
        &of_others,
        &both().header("x-third", &bob),
        CredentialsUntied,
    );
}

fn add_attributes(corpus: &mut Corpus) {
    let rule = "policy: attributes (RFC 6901)";
    let doc = Doc::access().member(
        "attributes",
        r#"{"tenant":"/tenant","roles":"/realm_access/roles","first":"/realm_access/roles/0","who":"/sub","none":"/x/y"}"#,
    );
    let token = access().claim("tenant", r#""t\u00251""#).claim("realm_access", r#"{"roles":["admin","user"]}"#).text();
    let attributes = json!({ "tenant": "t%1", "roles": ["admin", "user"], "first": "admin", "who": "alice" });
    let expect = |cache: &str| json!({ "decision": "accept", "status": 200, "cache": cache, "attributes": attributes });
    let steps = vec![ask(&bearer(&token), expect("miss")), ask(&bearer(&token), expect("hit"))];
    corpus.steps("attributes_of_a_token", rule, &doc, steps);
    let none = json!({ "decision": "accept", "status": 200, "attributes": { "who": "alice" } });
    corpus.steps("attributes_that_are_absent", rule, &doc, vec![ask(&bearer(&access().text()), none)]);
    let long = access().claim("tenant", &q(&"x".repeat(4097))).text();
    corpus.refuse("attribute_too_long", rule, &doc, &bearer(&long), LimitExceeded);
    // RFC 6901 §5: "" is the whole document.
    let whole = Doc::access().member("attributes", r#"{"payload":""}"#);
    let claims: Value = serde_json::from_str(&access().claims_text()).unwrap();
    let expect = |cache: &str| json!({ "decision": "accept", "status": 200, "cache": cache, "attributes": { "payload": claims } });
    let request = bearer(&access().text());
    let steps = vec![ask(&request, expect("miss")), ask(&request, expect("hit"))];
    corpus.steps("attribute_of_the_whole_payload", rule, &whole, steps);
    corpus.refuse("attribute_of_a_payload_too_long", rule, &whole, &bearer(&long), LimitExceeded);
    let refused_first = access().claim("aud", "\"x\"").claim("tenant", "\"t\"").text();
    let expect =
        json!({ "decision": "refuse", "reason": "audience_mismatch", "number": 1403, "status": 401, "attributes": {} });
    corpus.steps("no_attributes_of_a_refused_token", rule, &doc, vec![ask(&bearer(&refused_first), expect)]);
}
