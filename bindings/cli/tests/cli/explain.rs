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
    let all: Vec<&str> = countersign::engine::Check::ALL.into_iter().map(|check| check.name()).collect();
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
