//! `explain`

use serde_json::{Value, json};

use crate::support::{NOW, Place, Run, WEB, bearer, dpop, text};

fn explain(place: &Place, arguments: &[&str], request: &Value) -> std::process::Output {
    let run = Run::new(&["explain", "--now", &NOW.to_string(), "--policy"]).arg(&place.path("policy.json"));
    run.args(arguments).with(serde_json::to_string_pretty(request).unwrap())
}

fn result_of<'a>(explanation: &'a Value, check: &str) -> &'a Value {
    let checks = explanation["checks"].as_array().unwrap();
    &checks.iter().find(|line| line["check"] == check).unwrap()["result"]
}

#[test]
fn every_check_in_order_with_its_rule() {
    let place = Place::new();
    let output = explain(&place, &["--json"], &bearer("1", &place.domain.svid(WEB)));
    assert_eq!(output.status.code(), Some(0));
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> =
        explanation["checks"].as_array().unwrap().iter().map(|line| line["check"].as_str().unwrap()).collect();
    let all: Vec<&str> = countersign::Check::ALL.into_iter().map(|check| check.name()).collect();
    assert_eq!(names, all);
    assert_eq!(result_of(&explanation, "signature"), "passed");
    assert_eq!(result_of(&explanation, "proof_signature"), "not_needed");
    assert_eq!(explanation["audit"]["subject"], WEB);
    assert_eq!(explanation["decision"], "accept");
}

#[test]
fn the_one_that_failed_and_those_behind_it() {
    let place = Place::new();
    let token = place.server.access_token(|claims| claims["scope"] = json!("profile"));
    let output = explain(&place, &["--json"], &bearer("1", &token));
    assert_eq!(output.status.code(), Some(1));
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(explanation["reason"], "scope_insufficient");
    assert!(explanation["meaning"].as_str().unwrap().contains("scope"));
    assert_eq!(result_of(&explanation, "subject"), "passed");
    assert_eq!(result_of(&explanation, "scope"), "failed");
    assert_eq!(result_of(&explanation, "revocation"), "not_reached");
    assert_eq!(explanation["audit"]["subject"], "alice");
}

#[test]
fn again_shows_what_is_cached_and_what_is_replayed() {
    let place = Place::new();
    let token = place.server.access_token(|claims| claims["cnf"] = json!({"jkt": place.client.thumbprint()}));
    let request = dpop("1", &token, &place.client.proof(&token, None));
    assert_eq!(explain(&place, &[], &request).status.code(), Some(0));
    let output = explain(&place, &["--json", "--again"], &request);
    assert_eq!(output.status.code(), Some(1));
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(explanation["reason"], "proof_replayed");
    assert_eq!(explanation["cache"], "hit");
    assert_eq!(result_of(&explanation, "signature"), "cached");
    assert_eq!(result_of(&explanation, "certificate"), "not_needed");
    assert_eq!(result_of(&explanation, "proof_nonce"), "not_needed");
    assert_eq!(result_of(&explanation, "proof_replay"), "failed");
}

#[test]
fn no_byte_of_a_token_or_proof_is_shown_and_no_colour_in_a_pipe() {
    let place = Place::new();
    let cnf = json!({"jkt": place.client.thumbprint()});
    let token = place.server.access_token(|claims| {
        claims["cnf"] = cnf;
        claims["act"] = json!({"sub": "broker\u{1b}]0;x"});
    });
    let proof = place.client.proof(&token, None);
    let mut request = dpop("1", &token, &proof);
    request["uri"] = json!(format!("https://api.example/orders?access_token={token}"));
    for request in [&dpop("1", &token, &proof), &request] {
        for arguments in [&[][..], &["--json"]] {
            let output = explain(&place, arguments, request);
            let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
            for part in token.split('.').chain(proof.split('.')) {
                assert!(!all.contains(part), "{all}");
            }
            assert!(!all.contains('\u{1b}'), "{all}");
        }
    }
    let output = explain(&place, &[], &dpop("1", &token, &proof));
    let shown = text(&output.stdout);
    for expected in ["✓ passed", "accept", "alice", "broker\\u{1b}]0;x", "RFC 9449 §4.3 item 8", "2027-01-15T08:04:50Z"]
    {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
}

#[test]
fn a_request_from_a_file_and_one_that_is_none() {
    let place = Place::new();
    let path = place.write("request.json", &bearer("1", &place.domain.svid(WEB)).to_string());
    let output = explain(&place, &["--request", path.to_str().unwrap()], &Value::Null);
    assert_eq!(output.status.code(), Some(0));
    let output = explain(&place, &[], &json!({"method": "GET"}));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "the request: missing member `uri`\n");
    let output = explain(&place, &["--request", "/nonexistent"], &Value::Null);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_workload_that_its_issuer_may_not_name() {
    let place = Place::new();
    let token = place.server.access_token(|claims| claims["sub"] = json!(WEB));
    let request = bearer("1", &token);
    for arguments in [&["--json"][..], &["--json", "--again"]] {
        let output = explain(&place, arguments, &request);
        assert_eq!(output.status.code(), Some(1));
        let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&explanation["reason"], &explanation["status"]), (&json!("subject_refused"), &json!(403)));
        assert_eq!(result_of(&explanation, "audience"), "passed");
        assert_eq!(result_of(&explanation, "spiffe_ids"), "failed");
        assert_eq!(result_of(&explanation, "subject"), "not_reached");
    }
    let mut policy = place.policy();
    policy["trust"][1]["spiffe_trust_domains"] = json!("example.org");
    place.write("policy.json", &policy.to_string());
    let output = explain(&place, &["--json"], &request);
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(explanation["decision"], "accept");
    assert_eq!(result_of(&explanation, "spiffe_ids"), "passed");
}

fn details(place: &Place, request: &Value) -> (String, Vec<String>) {
    let output = explain(place, &["--json"], request);
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    let details = explanation["details"].as_array().unwrap();
    let details: Vec<String> = details.iter().map(|line| line.as_str().unwrap().to_owned()).collect();
    let shown = explain(place, &[], request);
    for line in &details {
        assert!(text(&shown.stdout).contains(line), "{line} in {}", text(&shown.stdout));
    }
    (explanation["reason"].as_str().unwrap_or_default().to_owned(), details)
}

#[test]
fn the_claim_that_is_missing_or_mistyped() {
    let place = Place::new();
    let one = |reason: &str, line: String| (reason.to_owned(), vec![line]);
    for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        let token = place.server.access_token(|claims| _ = claims.as_object_mut().unwrap().remove(claim));
        let line = format!("The token has no claim {claim}, which an at+jwt must have.");
        assert_eq!(details(&place, &bearer("1", &token)), one("claim_missing", line));
    }
    let (_, lines) = details(
        &place,
        &bearer(
            "1",
            &place.server.access_token(|claims| {
                claims.as_object_mut().unwrap().remove("iat");
                claims.as_object_mut().unwrap().remove("jti");
            }),
        ),
    );
    assert_eq!(lines.len(), 2, "{lines:?}");
    let svid = place.domain.sign(&json!({"alg": "ES256", "kid": "domain-1"}), &json!({"sub": WEB, "exp": NOW + 100}));
    let line = "The token has no claim aud, which a jwt-svid must have.".to_owned();
    assert_eq!(details(&place, &bearer("1", &svid)), one("claim_missing", line));
    for (claim, value) in [
        ("iss", json!(["secret"])),
        ("exp", json!("secret")),
        ("exp", json!(-1)),
        ("nbf", json!(null)),
        ("aud", json!([1])),
        ("aud", json!("")),
        ("scope", json!(["secret"])),
        ("cnf", json!("secret")),
        ("cnf", json!({"jkt": "secret"})),
        ("act", json!([])),
        ("act", json!({"sub": 7})),
    ] {
        let token = place.server.access_token(|claims| claims[claim] = value.clone());
        let line = format!("The claim {claim} has the wrong JSON type or an impossible value.");
        assert_eq!(details(&place, &bearer("1", &token)), one("claim_invalid", line), "{claim} {value}");
    }
    let token = place.server.sign(&json!({"alg": "ES256", "typ": "at+jwt", "kid": 7}), &json!({}));
    let line = "The header parameter kid has the wrong JSON type or an impossible value.".to_owned();
    assert_eq!(details(&place, &bearer("1", &token)), one("claim_invalid", line));
    assert_eq!(details(&place, &bearer("1", &place.domain.svid(WEB))), (String::new(), vec![]));
}

#[test]
fn what_the_policy_expects() {
    let place = Place::new();
    let token = |claim: &'static str, value: &'static str| {
        bearer("1", &place.server.access_token(|claims| claims[claim] = json!(value)))
    };
    let (reason, lines) = details(&place, &token("aud", "https://other.example"));
    assert_eq!(reason, "audience_mismatch");
    assert_eq!(lines, ["The policy takes tokens for the audience https://api.example."]);
    let (reason, lines) = details(&place, &token("iss", "https://other.example"));
    assert_eq!(reason, "issuer_unknown");
    assert_eq!(lines, ["The policy takes an at+jwt of the issuer https://as.example."]);
    let svid = bearer("1", &place.domain.svid("spiffe://other.example/a"));
    let (reason, lines) = details(&place, &svid);
    assert_eq!(reason, "trust_domain_unknown");
    assert_eq!(lines, ["The policy takes a jwt-svid of the trust domain example.org."]);
    let mut policy = place.policy();
    policy["trust"].as_array_mut().unwrap().push(json!({"issuer": "https://b.example"}));
    policy["policies"]["default"]["accept"][1]["issuer"] = json!("https://b.example");
    place.write("policy.json", &policy.to_string());
    let (reason, lines) = details(&place, &bearer("1", &place.server.access_token(|_| {})));
    assert_eq!(reason, "issuer_refused");
    assert_eq!(lines, ["The policy takes an at+jwt of the issuer https://b.example."]);
}

#[test]
fn a_key_that_was_dropped_is_not_unknown() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][1]["jwks"]["keys"][0]["y"] = json!("AAAA");
    place.write("policy.json", &policy.to_string());
    let request = bearer("1", &place.server.access_token(|_| {}));
    let (reason, lines) = details(&place, &request);
    assert_eq!(reason, "key_unknown");
    assert_eq!(
        lines,
        ["The document of the issuer https://as.example has a key of this kid, which is dropped: encoding. \
          `countersign lint` gives its place."]
    );
    assert!(!text(&explain(&place, &[], &request).stdout).contains("fresh document"));
    // The same from a file.
    place.write("jwks.json", &policy["trust"][1]["jwks"].to_string());
    policy["trust"][1] = json!({"issuer": "https://as.example", "jwks_file": "jwks.json"});
    place.write("policy.json", &policy.to_string());
    assert_eq!(details(&place, &request), (reason, lines));
    // A key that is in no document.
    place.write("policy.json", &place.policy().to_string());
    let request = bearer("1", &crate::support::Key::new("other").access_token(|_| {}));
    assert_eq!(details(&place, &request), ("key_unknown".to_owned(), vec![]));
    assert!(text(&explain(&place, &[], &request).stdout).contains("A fresh document of the issuer"));
}

#[test]
fn the_limit_that_is_exceeded() {
    let place = Place::new();
    let with = |claim: &str, value: Value| bearer("1", &place.server.access_token(|claims| claims[claim] = value));
    let nested = |levels: usize| (0..levels).fold(json!(0), |inner, _| json!([inner]));
    let members: serde_json::Map<String, Value> = (0..256).map(|number| (format!("m{number}"), json!(0))).collect();
    let actors = |count: usize| {
        (0..count).fold(Value::Null, |inner, _| match inner {
            Value::Null => json!({"sub": "a"}),
            inner => json!({"sub": "a", "act": inner}),
        })
    };
    let long_header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "a".repeat(4096)});
    for (request, expected) in [
        (with("deep", nested(16)), "found a value at level 17, expected at most 16 levels (limit json_depth)"),
        (with("wide", Value::Object(members)), "expected at most 256 members in the document (limit json_members)"),
        (with("aud", json!(vec!["a"; 65])), "aud names 65 audiences, expected at most 64 audiences (limit audiences)"),
        (with("act", actors(9)), "act names 9 actors, expected at most 8 actors (limit actors)"),
        (
            bearer("1", &place.server.sign(&long_header, &json!({}))),
            "bytes, expected at most 4096 bytes (limit header_bytes)",
        ),
    ] {
        let (reason, lines) = details(&place, &request);
        assert_eq!((reason.as_str(), lines.len()), ("limit_exceeded", 1), "{expected}: {lines:?}");
        assert!(lines[0].contains(expected), "{expected} in {lines:?}");
    }
    let too_large = |line: &str| ("credential_too_large".to_owned(), vec![line.to_owned()]);
    let line = "The token has 16385 bytes, expected at most 16384 bytes (limit token_bytes).";
    assert_eq!(details(&place, &bearer("1", &"a".repeat(16_385))), too_large(line));
    let number = place.server.sign(&json!({"alg": "ES256", "typ": "at+jwt"}), &json!({"a": {"b": 0}}));
    let (head, rest) = number.split_once('.').unwrap();
    let payload = crate::support::b64(format!("{{\"a\":{{\"b\":{}}}}}", "7".repeat(33)).as_bytes());
    let number = format!("{head}.{payload}.{}", rest.split_once('.').unwrap().1);
    let line = "The payload of the token exceeds a limit at /a/b: found a number of more than 32 bytes, expected at most 32 bytes in a number (limit json_number_bytes).";
    assert_eq!(details(&place, &bearer("1", &number)), ("limit_exceeded".to_owned(), vec![line.to_owned()]));
}

#[test]
fn a_dropped_key_is_told_the_second_time_too_and_one_of_another_use() {
    let place = Place::new();
    let request = bearer("1", &place.server.access_token(|_| {}));
    let of = |policy: &Value| {
        place.write("policy.json", &policy.to_string());
        let again = explain(&place, &["--again"], &request);
        let (reason, lines) = details(&place, &request);
        assert_eq!((reason.as_str(), lines.len()), ("key_unknown", 1), "{lines:?}");
        assert!(text(&again.stdout).contains(&lines[0]), "{}", text(&again.stdout));
        assert!(!text(&again.stdout).contains("fresh document"));
        lines[0].clone()
    };
    let mut policy = place.policy();
    policy["trust"][1]["jwks"]["keys"][0]["y"] = json!("AAAA");
    assert!(of(&policy).contains("which is dropped: encoding"));
    let mut policy = place.policy();
    policy["trust"][1]["jwks"]["keys"][0]["use"] = json!("enc");
    assert_eq!(of(&policy), "The document of the issuer https://as.example has a key of this kid for another use.");
}

#[test]
fn what_the_policy_takes_in_its_place() {
    let place = Place::new();
    let policy = |pointer: &str, value: Value| {
        let mut policy = place.policy();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        policy.pointer_mut(parent).unwrap()[name] = value;
        policy
    };
    let token = place.server.access_token(|_| {});
    let header = |alg: &str, typ: &str| json!({"alg": alg, "typ": typ, "kid": "server-1"});
    let claims = json!({
        "iss": "https://as.example", "sub": "alice", "client_id": "shop", "aud": "https://api.example",
        "jti": "t-1", "iat": NOW - 10, "exp": NOW + 290});
    let workload = place.server.access_token(|claims| claims["sub"] = json!("spiffe://example.org/a"));
    for (policy, token, reason, line) in [
        (
            place.policy(),
            place.server.sign(&header("ES384", "at+jwt"), &claims),
            "key_not_usable",
            "The key of this kid is used with ES256.",
        ),
        (
            policy("/policies/default/accept/1/algorithms", json!(["RS256", "PS256"])),
            token.clone(),
            "algorithm_refused",
            "The policy takes an at+jwt that is signed with RS256, PS256.",
        ),
        (
            policy("/policies/default/accept/1/subjects", json!(["bob", "team/*"])),
            token.clone(),
            "subject_refused",
            "The policy takes an at+jwt with the subject bob, team/*.",
        ),
        (
            place.policy(),
            workload,
            "subject_refused",
            "The issuer https://as.example may not name a SPIFFE ID of this trust domain: spiffe_trust_domains of its entry in \
             /trust lists those that it may.",
        ),
        (
            place.policy(),
            place.server.sign(&header("ES256", "secevent+jwt"), &claims),
            "typ_not_accepted",
            "The policy takes the kinds jwt-svid, at+jwt.",
        ),
        (
            policy("/policies/default/accept/1/scope", json!(["orders:read", "orders:write"])),
            token.clone(),
            "scope_insufficient",
            "The policy takes an at+jwt with the scope orders:read orders:write.",
        ),
        (
            policy("/policies/default/accept/1/scope_from", json!(["/scp", "/realm_access/roles"])),
            token.clone(),
            "scope_insufficient",
            "The policy takes an at+jwt with the scope orders:read in /scp, /realm_access/roles.",
        ),
        (
            policy(
                "/policies/default/conditions",
                json!([
                    {"claim": "/iss", "present": true}, {"claim": "/tenant", "one_of": ["a", 7]},
                    {"claim": "/token_use", "equals": "access"}, {"claim": "/roles", "contains": "admin"},
                    {"claim": "/at_hash", "present": false}, {"claim": "/ref", "pattern": "refs/heads/*"},
                ]),
            ),
            token.clone(),
            "claim_refused",
            "The policy takes an at+jwt with /iss present and /tenant one of \"a\", 7 and /token_use equal to \"access\" and \
             /roles containing \"admin\" and /at_hash absent and /ref matching \"refs/heads/*\".",
        ),
        (
            policy("/policies/default/max_lifetime_seconds", json!(20)),
            token,
            "lifetime_too_long",
            "The policy takes an at+jwt that lives at most 20 seconds.",
        ),
    ] {
        place.write("policy.json", &policy.to_string());
        assert_eq!(details(&place, &bearer("1", &token)), (reason.to_owned(), vec![line.to_owned()]));
    }
}

#[test]
fn what_is_wrong_with_the_form_of_a_proof() {
    let place = Place::new();
    let cnf = json!({"jkt": place.client.thumbprint()});
    let token = place.server.access_token(|claims| claims["cnf"] = cnf);
    let hash = crate::support::b64(&countersign::internal::crypto::sha256(token.as_bytes()));
    let claims = json!({"jti": "1", "htm": "GET", "htu": crate::support::URI, "iat": NOW, "ath": hash});
    let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": place.client.jwk()});
    let with = |value: &Value, name: &str, member: Value| {
        let mut value = value.clone();
        match member {
            Value::Null => _ = value.as_object_mut().unwrap().remove(name),
            member => value[name] = member,
        }
        value
    };
    let proof = |header: &Value, claims: &Value| dpop("1", &token, &place.client.sign(header, claims));
    for claim in ["jti", "htm", "htu", "iat", "ath"] {
        let line = format!("The proof has no claim {claim}, which a proof must have.");
        let request = proof(&header, &with(&claims, claim, Value::Null));
        assert_eq!(details(&place, &request), ("proof_malformed".to_owned(), vec![line]));
        let line = format!("The claim {claim} of the proof has the wrong JSON type or an impossible value.");
        let request = proof(&header, &with(&claims, claim, json!([])));
        assert_eq!(details(&place, &request), ("proof_malformed".to_owned(), vec![line]));
    }
    for name in ["alg", "jwk"] {
        let line = format!("The proof has no header parameter {name}, which a proof must have.");
        let request = proof(&with(&header, name, Value::Null), &claims);
        assert_eq!(details(&place, &request), ("proof_malformed".to_owned(), vec![line]));
    }
    for typ in [json!("JWT"), Value::Null] {
        let line = "The header parameter typ of the proof is not dpop+jwt.".to_owned();
        let request = proof(&with(&header, "typ", typ), &claims);
        assert_eq!(details(&place, &request), ("proof_malformed".to_owned(), vec![line]));
    }
    let deep = (0..16).fold(json!(0), |inner, _| json!([inner]));
    for (request, line) in [
        (
            dpop("1", &token, &"a".repeat(8193)),
            "The proof has 8193 bytes, expected at most 8192 bytes (limit proof_bytes).",
        ),
        (
            proof(&header, &with(&claims, "x", deep)),
            "The payload of the proof exceeds a limit at /x/0/0/0/0/0/0/0/0/0/0/0/0/0/0: found a value at level 17, expected at \
             most 16 levels (limit json_depth).",
        ),
    ] {
        let (reason, lines) = details(&place, &request);
        assert_eq!(reason, "proof_too_large");
        assert!(lines == [line] || lines[0].contains("found a value at level 17"), "{lines:?}");
    }
    let long = format!("{}.b.c", "a".repeat(16_384));
    let line = "The token has 16388 bytes, expected at most 16384 bytes (limit token_bytes).".to_owned();
    assert_eq!(details(&place, &bearer("1", &long)), ("credential_too_large".to_owned(), vec![line]));
}

/// Which credential is refused, and what its ties, its body and its issuer had to do with it.
#[test]
fn the_credential_that_is_refused() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][1]["introspection"] = json!({"uri": "https://as.example/introspect"});
    policy["policies"]["default"] = json!({
        "audience": "https://api.example",
        "credentials": [
            {"name": "workload", "from": "authorization", "accept": ["jwt-svid"]},
            {"name": "user", "from": {"header": "x-user"}, "accept": ["at+jwt"]}],
        "tie": [{"left": "workload:/tenant", "is": "equal", "right": "user:/tenant"}],
    });
    policy["policies"]["opaque"] = json!({
        "audience": "https://api.example", "accept": [{"kind": "introspected", "issuer": "https://as.example"}]});
    policy["policies"]["tools"] = json!({
        "audience": "https://api.example", "accept": ["at+jwt"], "tools": [{"name": "read"}], "body_bytes": 100});
    place.write("policy.json", &policy.to_string());
    let svid = place.domain.svid(WEB);
    let user = |change: fn(&mut Value)| {
        let mut request = bearer("1", &svid);
        request["headers"].as_array_mut().unwrap().push(json!(["X-User", place.server.access_token(change)]));
        request
    };
    let second = "The credential user is refused, in the header field x-user.".to_owned();
    assert_eq!(
        details(&place, &user(|claims| claims["aud"] = json!("https://other.example"))),
        (
            "audience_mismatch".to_owned(),
            vec![second.clone(), "The policy takes tokens for the audience https://api.example.".to_owned()]
        )
    );
    let missing = "The token has no claim jti, which an at+jwt must have.".to_owned();
    let without = user(|claims| _ = claims.as_object_mut().unwrap().remove("jti"));
    assert_eq!(details(&place, &without), ("claim_missing".to_owned(), vec![second.clone(), missing]));
    assert_eq!(details(&place, &bearer("1", &svid)), ("credential_missing".to_owned(), vec![second]));
    let first = "The credential workload is refused, in Authorization.".to_owned();
    assert_eq!(details(&place, &bearer("1", "x")), ("token_malformed".to_owned(), vec![first]));
    let untied =
        "Two claims that `tie` of the policy compares differ, or one is absent, in: workload, user.".to_owned();
    assert_eq!(details(&place, &user(|_| ())), ("credentials_untied".to_owned(), vec![untied]));

    let asked = |answers: Value| {
        let mut request = bearer("1", "opaque");
        request["policy"] = json!("opaque");
        request["answers"] = answers;
        details(&place, &request)
    };
    let inactive = "The answer of https://as.example/introspect has an `active` that is not true.".to_owned();
    let answer = json!([{"introspected": {"active": false}}]);
    assert_eq!(asked(answer), ("token_inactive".to_owned(), vec![inactive]));
    let failed = "https://as.example/introspect gave no answer that is one JSON object with `active`.".to_owned();
    for answers in [json!([{"introspection": "failed"}]), json!([{"introspected": "<html>"}])] {
        assert_eq!(asked(answers), ("introspection_unavailable".to_owned(), vec![failed.clone()]));
    }
    let abandoned = "The engine asked more than `answers` of the request has answers for.".to_owned();
    assert_eq!(asked(json!([])), ("decision_abandoned".to_owned(), vec![abandoned]));

    let body = |text: &str| {
        let mut request = bearer("1", &place.server.access_token(|_| ()));
        request["policy"] = json!("tools");
        request["answers"] = json!([{ "body": text }]);
        details(&place, &request)
    };
    let tool = "The body calls the tool write, which no entry of `tools` of the policy allows.".to_owned();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write"}}"#;
    assert_eq!(body(call), ("tool_refused".to_owned(), vec![tool]));
    let long = "The policy reads bodies of at most 100 bytes.".to_owned();
    assert_eq!(body(&" ".repeat(101)), ("body_too_large".to_owned(), vec![long]));
}

#[test]
fn why_a_token_that_names_no_key_finds_none() {
    let place = Place::new();
    let mut policy = place.policy();
    let next = crate::support::Key::new("server-2");
    policy["trust"][1]["jwks"]["keys"].as_array_mut().unwrap().push(next.entry("sig"));
    let mut claims = Value::Null;
    place.server.access_token(|known| claims = known.clone());
    let of = |policy: &Value, header: Value| {
        place.write("policy.json", &policy.to_string());
        details(&place, &bearer("1", &place.server.sign(&header, &claims)))
    };
    let bare = json!({"alg": "ES256", "typ": "at+jwt"});
    let line = "The token has no kid: it is checked with the keys of the issuer https://as.example that fit ES256 where they are at most 1; \
                try_keys of its entry in /trust sets how many.";
    assert_eq!(of(&policy, bare), ("key_unknown".to_owned(), vec![line.to_owned()]));
    policy["trust"][1]["match_x5t"] = json!(true);
    let line = "The token has no kid, and no key of the issuer https://as.example is selected by its x5t#S256.";
    let header = json!({"alg": "ES256", "typ": "at+jwt", "x5t#S256": "n4bQ"});
    assert_eq!(of(&policy, header), ("key_unknown".to_owned(), vec![line.to_owned()]));
}

#[test]
fn a_gate_that_only_observes_proofs_says_so() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["policies"]["default"]["dpop"] = json!({"consume": "observe"});
    place.write("policy.json", &policy.to_string());
    let token = place.server.access_token(|claims| claims["cnf"] = json!({"jkt": place.client.thumbprint()}));
    let request = dpop("1", &token, &place.client.proof(&token, None));
    let output = explain(&place, &["--again"], &request);
    let said = text(&output.stdout);
    assert!(said.contains("The proof is not used up: the policy only observes"), "{said}");
    let explanation: Value = serde_json::from_slice(&explain(&place, &["--json", "--again"], &request).stdout).unwrap();
    assert_eq!((&explanation["decision"], &explanation["audit"]["proof_use"]), (&json!("accept"), &json!("observed")));
    let decided = crate::support::json_lines(&place.decide().with_lines(&[request.clone(), request])).remove(1);
    assert_eq!((&decided["decision"], &decided["proof_use"]), (&json!("accept"), &json!("observed")));
}
