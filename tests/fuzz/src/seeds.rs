//! The corpora that the targets begin with, made of the vectors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use countersign_tests::{runner, vector};
use serde_json::{Value, json};

use crate::checks::{self, Check, decide};

type Seeds = BTreeMap<&'static str, BTreeSet<Vec<u8>>>;

fn add(seeds: &mut Seeds, target: &'static str, seed: impl Into<Vec<u8>>) {
    let seed = seed.into();
    if seed.len() <= 8192 {
        seeds.entry(target).or_default().insert(seed);
    }
}

fn of_policy(seeds: &mut Seeds, policy: &Value) {
    add(seeds, "policy", policy.to_string());
    add(seeds, "json", policy.to_string());
    let names: Vec<&String> = policy["policies"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
    add(seeds, "settings", json!({ "policy": policy, "default_policy": names.first() }).to_string());
    for source in policy["trust"].as_array().into_iter().flatten() {
        for document in [&source["bundle"], &source["jwks"]] {
            for key in document["keys"].as_array().into_iter().flatten() {
                add(seeds, "jwk", key.to_string());
            }
        }
    }
}

fn of_request(seeds: &mut Seeds, request: &Value) {
    let uri = request["uri"].as_str().unwrap_or_default();
    let mut fields = [Vec::new(), Vec::new()];
    for field in request["headers"].as_array().into_iter().flatten() {
        let (name, value) = (field[0].as_str().unwrap_or_default(), field[1].as_str().unwrap_or_default());
        let is_proof = name.eq_ignore_ascii_case("dpop");
        if !is_proof && !name.eq_ignore_ascii_case("authorization") {
            continue;
        }
        fields[usize::from(is_proof)] = value.as_bytes().to_vec();
        let text = if is_proof { value } else { value.rsplit(' ').next().unwrap_or_default() };
        let Some(seed) = decide::seed(text, is_proof) else { continue };
        for part in seed[1..].split(|byte| *byte == decide::END) {
            add(seeds, "json", part);
            if let Some(htu) = serde_json::from_slice::<Value>(part).unwrap_or_default()["htu"].as_str() {
                add(seeds, "uri", format!("{uri}\n{htu}"));
            }
            if let Ok(header) = serde_json::from_slice::<Value>(part)
                && header["jwk"].is_object()
            {
                add(seeds, "jwk", header["jwk"].to_string());
            }
        }
        add(seeds, "decide", seed);
    }
    let method = request["method"].as_str().unwrap_or_default();
    let [authorization, proof] = fields;
    let end = &[decide::END][..];
    add(seeds, "decide", [&[4][..], &authorization, end, &proof, end, uri.as_bytes(), end, method.as_bytes()].concat());
    add(seeds, "uri", format!("{uri}\nhttps://api.example/orders"));
}

/// Settings that no vector has.
fn of_settings(seeds: &mut Seeds, policy: &Value) {
    let fetch = json!({ "cluster": "as", "uri": "https://as.example/jwks", "issuer": "https://as.example" });
    for (name, value) in [
        ("policy_file", json!("policy.json")),
        ("policy_file", json!("missing")),
        ("trust_directory", json!("trust")),
        ("policy_rules", json!([{ "header": "x-a", "equals": "b", "policy": "default" }])),
        ("origin", json!("https://api.example")),
        ("mode", json!("shadow")),
        ("poll_milliseconds", json!(1000)),
        ("fetch", json!([fetch])),
        ("revocations", json!({ "authorities": [{ "issuer": "https://as.example", "tokens": ["a"] }] })),
        ("revocations_fetch", json!({ "cluster": "as", "uri": "http://as/revoked", "max_stale_seconds": 60 })),
        ("revocations_file", json!("revoked.json")),
        ("identity_headers", json!({ "x-user": "subject" })),
        ("metadata", json!("countersign")),
        ("audit_log", json!("refusals")),
        ("certificate", json!({ "header": "x-client-certificate" })),
        ("replay_store", json!("orders")),
        ("proofs_before_start", json!("refuse")),
        ("nonce_keys", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("nonce_keys_file", json!("nonces")),
        ("clear_route_cache", json!(true)),
        ("route_metadata", json!(true)),
        ("routes_match_identity", json!(false)),
        ("signatures", json!("host")),
    ] {
        let mut settings = json!({ "default_policy": "default" });
        if name != "policy_file" {
            settings["policy"] = policy.clone();
        }
        settings[name] = value;
        add(seeds, "settings", settings.to_string());
    }
    add(seeds, "settings", r#"{"policy":"orders","origin":"https://api.example","mode":"enforce"}"#);
}

/// The seeds of every target.
fn all() -> Seeds {
    let mut seeds = Seeds::new();
    for vector in &vector::all() {
        of_policy(&mut seeds, &vector.content["policy"]);
        for step in vector.steps() {
            if step.get("request").is_some() {
                of_request(&mut seeds, &step["request"]);
            }
            if let Some(revoke) = step.get("revoke") {
                add(&mut seeds, "revocations", runner::revocation_document(revoke).to_string());
            }
            for document in [&step["trust"]["bundle"], &step["trust"]["jwks"]] {
                for key in document["keys"].as_array().into_iter().flatten() {
                    add(&mut seeds, "jwk", key.to_string());
                }
            }
        }
    }
    let policy = json!({
        "trust": [{ "issuer": "https://as.example" }],
        "policies": { "default": { "accept": ["jwt"], "audience": "a" } } });
    of_settings(&mut seeds, &policy);
    add(&mut seeds, "decide", decide::right_proof());
    for faulty in ["", "{}", "[]", "{\"a\":1,\"a\":2}", "{\"a\":", "\u{feff}{}", "{\"a\":1e400}", "{\"\\ud800\":1}"] {
        for (target, _) in checks::ALL {
            add(&mut seeds, target, faulty);
        }
    }
    seeds
}

/// Where `COUNTERSIGN_SEEDS` names a folder: writes the corpus of `target` to it, runs each seed through the check, and ends the process.
///
/// A target of whose seeds none is accepted would be blind; that is an error.
pub fn write_where_asked(target: &str, check: Check) {
    let Some(folder) = std::env::var_os("COUNTERSIGN_SEEDS").map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).expect("a folder that can be made");
    let seeds = all().remove(target).unwrap_or_default();
    let mut accepted = 0;
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("{number:05}")), seed).expect("a file that can be written");
        accepted += usize::from(check(seed));
    }
    println!("{target:<12} {:>5} seeds, {accepted:>5} accepted", seeds.len());
    assert!(accepted > 0, "{target}: no seed is accepted");
    std::process::exit(0);
}
