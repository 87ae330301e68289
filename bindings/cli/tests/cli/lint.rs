//! `lint`

use serde_json::{Value, json};

use crate::support::{Key, Place, Run, keys, text};

fn lint(arguments: &[&str], document: &str) -> (Option<i32>, Value) {
    let output = Run::new(&["lint", "--json"]).args(arguments).with(document);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

/// Where something was found, and how grave it is.
fn findings(report: &Value) -> Vec<(&str, &str)> {
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["severity"].as_str().unwrap(), finding["at"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_sound_policy_is_praised() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][0]["bundle"]["spiffe_sequence"] = json!(1);
    policy["trust"][0]["bundle"]["spiffe_refresh_hint"] = json!(60);
    policy["policies"]["default"]["accept"][0] = json!({"kind": "jwt-svid", "subjects": "spiffe://example.org/**"});
    let (code, report) = lint(&["--strict"], &policy.to_string());
    assert_eq!((code, findings(&report)), (Some(0), vec![]), "{report}");
    assert_eq!(report["kind"], "policy");
    assert_eq!(report["sets"][0]["keys"][0]["thumbprint"], place.domain.thumbprint());
    let output = Run::new(&["lint"]).with(policy.to_string());
    assert!(text(&output.stdout).contains("nothing to complain of"), "{}", text(&output.stdout));
}

#[test]
fn faults_of_a_policy_by_their_pointers() {
    let (code, report) = lint(&[], r#"{"trust":[],"policies":{"a":{"accept":[],"audience":[]}}}"#);
    assert_eq!(code, Some(1));
    assert_eq!(
        findings(&report),
        [("fault", "/trust"), ("fault", "/policies/a/audience"), ("fault", "/policies/a/accept")]
    );
    assert_eq!(lint(&[], "{").0, Some(1));
}

#[test]
fn what_smells_in_a_policy() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][1]["jwks"] = keys(&[place.domain.entry("sig")]);
    policy["policies"]["default"]["accept"] = json!(["jwt-svid", "jwt"]);
    policy["policies"]["default"]["origin"] = json!("http://api.example");
    policy["policies"]["default"]["mode"] = json!("shadow");
    policy["policies"]["default"]["jwt_svid"] = json!({"single_candidate_key": true});
    policy["policies"]["default"]["dpop"] = json!({"replay": "danger_accept", "max_age_seconds": 300});
    policy["policies"]["other"] =
        json!({"accept": ["jwt"], "scope": "a", "audience": "https://api.example", "origin": "https://other.example"});
    let (code, report) = lint(&[], &policy.to_string());
    assert_eq!(code, Some(0), "warnings are no faults");
    let found = findings(&report);
    for at in [
        "/trust",
        "/trust/0/bundle",
        "/policies",
        "/policies/default/origin",
        "/policies/default/mode",
        "/policies/default/jwt_svid/single_candidate_key",
        "/policies/default/dpop/replay",
        "/policies/default/dpop",
        "/policies/default/accept/0",
        "/policies/default/accept/1",
    ] {
        assert!(found.contains(&("warning", at)), "{at} in {found:?}");
    }
    assert_eq!(lint(&["--strict"], &policy.to_string()).0, Some(1));
}

#[test]
fn the_documents_that_a_policy_names() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][0] = json!({"trust_domain": "example.org", "bundle_file": "missing.json"});
    policy["trust"][1] = json!({"issuer": "https://as.example", "jwks_file": "jwks.json"});
    let path = place.write("policy.json", &policy.to_string());
    place.write("jwks.json", "{}");
    let (code, report) = lint(&[path.to_str().unwrap()], "");
    assert_eq!(code, Some(1));
    let jwks = format!("{}#", place.path("jwks.json").display());
    assert_eq!(findings(&report)[..2], [("fault", "/trust/0"), ("fault", &jwks[..])]);
}

#[test]
fn a_bundle_with_its_dropped_keys() {
    let key = Key::new("good");
    let mut private = Key::new("private").entry("jwt-svid");
    private["d"] = json!("AAAA");
    let mut unknown = Key::new("later").entry("jwt-svid");
    unknown["kty"] = json!("AKP");
    let x509 = Key::new("").entry("x509-svid");
    let bundle = json!({"keys": [key.entry("jwt-svid"), private, unknown, x509], "spiffe_sequence": 3});
    let (code, report) = lint(&[], &bundle.to_string());
    assert_eq!((code, &report["kind"]), (Some(1), &json!("bundle")));
    assert_eq!(findings(&report), [("fault", "/keys/1"), ("warning", "/keys/2"), ("warning", "")]);
    let set = &report["sets"][0];
    assert_eq!((&set["other_use"], &set["dropped"], &set["sequence"]), (&json!(1), &json!(2), &json!(3)));
    assert_eq!(set["keys"], json!([{"key_id": "good", "algorithms": ["ES256"], "thumbprint": key.thumbprint()}]));
    let output = Run::new(&["lint"]).with(bundle.to_string());
    assert!(text(&output.stdout).contains("dropped (private): private_part"), "{}", text(&output.stdout));
}

#[test]
fn key_sets_and_what_is_none() {
    let key = Key::new("a");
    let (code, report) = lint(&[], &keys(&[key.entry("sig")]).to_string());
    assert_eq!((code, &report["kind"], findings(&report)), (Some(0), &json!("jwks"), vec![]));
    let (code, report) = lint(&[], r#"{"keys":[]}"#);
    assert_eq!((code, findings(&report)), (Some(0), vec![("warning", "")]));
    // The same keys are none of a bundle.
    let (code, report) = lint(&["--kind", "bundle"], &keys(&[key.entry("sig")]).to_string());
    assert_eq!((code, findings(&report)[0]), (Some(0), ("warning", "/keys/0")));
    assert_eq!(lint(&["--kind", "jwks"], "[]").0, Some(1));
    assert_eq!(lint(&[], "[]").0, Some(2));
    assert_eq!(lint(&["/nonexistent"], "").0, Some(3));
}

#[test]
fn what_an_issuer_may_say_of_workloads() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][1]["spiffe_trust_domains"] = json!(["example.org", "b.example"]);
    let (code, report) = lint(&[], &policy.to_string());
    assert_eq!(code, Some(0), "{report}");
    assert!(findings(&report).contains(&("warning", "/trust/1/spiffe_trust_domains")), "{report}");
    let output = Run::new(&["lint"]).with(policy.to_string());
    let line = "tokens of the issuer https://as.example may name every workload of example.org, b.example";
    assert!(text(&output.stdout).contains(line), "{}", text(&output.stdout));
    policy["trust"][0]["spiffe_trust_domains"] = json!(["example.org"]);
    assert_eq!(lint(&[], &policy.to_string()).0, Some(1));
}
