//! Presets: each row of the table takes the tokens of its example and refuses what looks like them.
//!
//! `presets/NAME.json` has the claims of a published example, or of a token of the software that the row names, with the members and forms
//! of the example. `iat`, `nbf`, `exp` and `auth_time` are seconds from the time of the request.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use countersign::internal::policy::preset::PRESETS;
use countersign_tests::issuer::{NOW, b64, jwk, key};
use countersign_tests::request::{Req, bare, bearer};
use countersign_tests::runner::{Answer, Runner, document};
use serde_json::{Value, json};

const SIGNER: &str = "server-p256";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("presets")
}

fn fixture(name: &str) -> Value {
    let file = folder().join(format!("{name}.json"));
    let text = fs::read_to_string(&file).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"))
}

/// A document that trusts the issuer of the token alone, with `policy`.
fn policies(issuer: &Value, policy: &Value) -> String {
    let keys: Value = serde_json::from_str(&jwk(SIGNER, r#""kid":"k1","use":"sig","alg":"ES256""#)).unwrap();
    json!({"trust": [{"issuer": issuer, "jwks": {"keys": [keys]}}], "policies": {"default": policy}}).to_string()
}

/// The policy of a fixture: the preset, and what the example needs beside it.
fn policy(fixture: &Value) -> Value {
    let mut policy = fixture["policy"].clone();
    policy["preset"] = fixture["preset"].clone();
    policy
}

fn request(token: &Value) -> Req {
    let mut header = token["header"].clone();
    header["alg"] = json!("ES256");
    header["kid"] = json!("k1");
    let mut claims = token["claims"].clone();
    for name in ["iat", "nbf", "exp", "auth_time"] {
        if let Some(seconds) = claims[name].as_i64() {
            claims[name] = json!(NOW.checked_add_signed(seconds).unwrap());
        } else {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    let input = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let token_text = format!("{input}.{}", b64(key(SIGNER).sign("ES256", input.as_bytes())));
    match token["in"].as_str() {
        Some(field) => bare().header(field, &token_text),
        None => bearer(&token_text),
    }
}

fn answer(policy: &Value, token: &Value) -> Answer {
    Runner::new(&policies(&token["claims"]["iss"], policy), NOW).ask(&request(token))
}

#[test]
fn each_preset_takes_its_example_and_refuses_what_looks_like_it() {
    let (mut faults, mut accepted, mut refused) = (Vec::new(), 0, 0);
    for preset in PRESETS.iter().filter(|preset| preset.example.is_some()) {
        let fixture = fixture(preset.name);
        assert_eq!((fixture["preset"].as_str(), fixture["example"].as_str()), (Some(preset.name), preset.example));
        let policy = policy(&fixture);
        for token in fixture["accept"].as_array().unwrap() {
            let answer = answer(&policy, token);
            if answer.reason.is_some() {
                faults.push(format!("{}: {} is refused: {:?}", preset.name, token["title"], answer.reason));
            }
            accepted += 1;
        }
        for token in fixture["refuse"].as_array().unwrap() {
            let answer = answer(&policy, token);
            let word = answer.reason.map(|reason| reason.code());
            if word != token["reason"].as_str() {
                faults.push(format!("{}: {}: {word:?}, expected {}", preset.name, token["title"], token["reason"]));
            }
            refused += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(accepted >= 19 && refused >= 40, "only {accepted} accepted and {refused} refused");
}

/// Without its conditions a preset would take an ID token that is for this server; the tokens beside the examples are real tests of them.
#[test]
fn what_tells_an_id_token_apart_is_the_preset() {
    for name in ["auth0", "entra", "keycloak", "okta", "spring"] {
        let fixture = fixture(name);
        let mut bare = fixture["policy"].clone();
        bare["accept"] = json!(["jwt"]);
        bare.as_object_mut().unwrap().remove("scope");
        let is_id_token = |token: &&Value| {
            token["reason"] == "claim_refused" && token["title"].as_str().unwrap().contains("ID token")
        };
        let token = fixture["refuse"].as_array().unwrap().iter().find(is_id_token).unwrap();
        assert_eq!(answer(&bare, token).reason, None, "{name}");
    }
}

#[test]
fn each_fixture_has_its_row() {
    let files: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let rows: BTreeSet<String> =
        PRESETS.iter().filter(|preset| preset.example.is_some()).map(|preset| preset.name.to_owned()).collect();
    assert_eq!(files, rows);
}

fn faults(policy: &Value) -> Vec<String> {
    let faults = document(&policies(&json!("https://as.example"), policy)).err().unwrap_or_default();
    faults
        .into_iter()
        .map(|fault| format!("{}: found {}, expected {}", fault.pointer, fault.found, fault.expected))
        .collect()
}

#[test]
fn what_stands_beside_a_preset() {
    let policy = |more: Value| {
        let mut policy = json!({"preset": "keycloak", "audience": "a"});
        policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        policy
    };
    assert_eq!(faults(&policy(json!({}))), Vec::<String>::new());
    // A member of the policy goes before the preset's.
    assert_eq!(faults(&policy(json!({"preset": "mcp", "dpop": {"max_age_seconds": 30}}))), Vec::<String>::new());
    assert_eq!(faults(&policy(json!({"preset": "okta", "scope_from": "/groups"}))), Vec::<String>::new());
    let beside =
        "found kinds of tokens beside `preset`, expected none of the two: keycloak says which tokens are accepted";
    assert_eq!(faults(&policy(json!({"accept": ["jwt"]}))), [format!("/policies/default/accept: {beside}")]);
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    let known = format!("expected one of {}", names.join(", "));
    let unknown = faults(&policy(json!({"preset": "Keycloak"})));
    assert_eq!(unknown[0], format!("/policies/default/preset: found \"Keycloak\", {known}"));
    assert!(
        faults(&policy(json!({"preset": ["keycloak"]})))[0].starts_with("/policies/default/preset: found an array")
    );
    // Each account of these issuers has a token: a policy without subjects would accept all of them, and cannot be written by accident.
    for name in ["github-actions", "gitlab", "kubernetes"] {
        assert_eq!(
            faults(&policy(json!({"preset": name}))),
            ["/policies/default/subjects: found nothing, expected the subjects that subject_separator is about"],
            "{name}"
        );
    }
}
