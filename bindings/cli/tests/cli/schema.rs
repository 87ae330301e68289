//! The published schema says what the reader does.

use countersign::engine::{PolicyDocument, SCHEMA};
use serde_json::{Value, json};

use crate::support::Run;

/// A sound document, to change in one place.
fn sound() -> Value {
    json!({
        "trust": [{"trust_domain": "example.org"}, {"issuer": "https://as.example"}],
        "policies": {"default": {"accept": ["at+jwt"], "audience": "https://api.example"}},
    })
}

/// `sound` with the value at a pointer changed; the last segment may be new.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = sound();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Array(array) => match name.parse::<usize>() {
            Ok(at) => array[at] = value,
            Err(_) => array.push(value),
        },
        parent => parent[name] = value,
    }
    document
}

fn policy(member: &str, value: Value) -> Value {
    with(&format!("/policies/default/{member}"), value)
}

fn svid_policy(member: &str, value: Value) -> Value {
    let mut document = policy("accept", json!(["jwt-svid"]));
    document["policies"]["default"][member] = value;
    document
}

fn entry(entry: Value) -> Value {
    policy("accept", json!([entry]))
}

#[test]
fn it_is_printed_as_it_is_published() {
    let output = Run::new(&["schema"]).with("");
    assert_eq!(output.stdout, SCHEMA.as_bytes());
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn what_the_reader_takes_the_schema_takes() {
    let schema = jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let all = [
        sound(),
        with("/$schema", json!("https://example.org/schema")),
        with("/comment", json!(["any", "value"])),
        with("/trust/0/bundle", json!({"keys": []})),
        with("/trust/0/bundle_file", json!("trust/a.json")),
        with("/trust/0/bundle_uri", json!("HTTPS://example.org/bundle?x=y")),
        with("/trust/0/trust_domain", json!("1.2_3-x")),
        with("/trust/1/jwks", json!({"keys": []})),
        with("/trust/1/jwks_file", json!("a")),
        with("/trust/1/jwks_uri", json!("https://as.example:8443/jwks")),
        with("/trust/1/min_refresh_seconds", json!(1)),
        with("/trust/1/max_stale_seconds", json!(31_622_400)),
        with("/trust/1/comment", Value::Null),
        with("/memory", json!({})),
        with("/memory", json!({"verdict_cache_bytes": 0, "replay_proofs": 64})),
        with("/memory", json!({"verdict_cache_bytes": 2_147_483_648_u64, "replay_proofs": 134_217_728})),
        policy("accept", json!(["jwt", "at+jwt", "jwt-svid"])),
        entry(json!({"kind": "jwt"})),
        entry(json!({"kind": "at+jwt", "issuer": "https://as.example", "scope": "a"})),
        entry(json!({"kind": "at+jwt", "issuer": ["https://as.example"], "subjects": ["a", "b/*", "c/**", "*"]})),
        entry(json!({"kind": "at+jwt", "algorithms": ["EdDSA", "Ed25519", "ES512"], "max_lifetime_seconds": 1})),
        entry(json!({"kind": "jwt-svid", "trust_domain": "example.org", "algorithms": "ES256", "comment": 1})),
        entry(json!({"kind": "jwt-svid", "subjects": ["spiffe://example.org/ns/*/sa/web", "spiffe://a/**"]})),
        policy("audience", json!(["a", "b"])),
        policy("leeway_seconds", json!(0)),
        policy("leeway_seconds", json!(300)),
        policy("max_lifetime_seconds", json!(3600)),
        policy("subjects", json!("alice")),
        policy("subjects", json!(["/**", "spiffe://example.org/x"])),
        policy("scope", json!(["orders:read", "!"])),
        policy("algorithms", json!("RS256")),
        policy("binding", json!({})),
        policy("binding", json!({"require": "mtls"})),
        policy("dpop", json!({})),
        policy("dpop", json!({"max_age_seconds": 300, "future_seconds": 0, "nonce": "required"})),
        policy("dpop", json!({"nonce_lifetime_seconds": 10, "replay": "danger_accept", "algorithms": ["EdDSA"]})),
        policy("origin", json!("https://api.example")),
        policy("origin", json!("HTTP://[::1]:8080/base@x/")),
        policy("mode", json!("shadow")),
        policy("challenge", json!({})),
        policy("challenge", json!({"realm": "the realm", "hide_description": true})),
        policy("challenge", json!({"resource_metadata": "https://api.example/.well-known/oauth-protected-resource"})),
        policy("comment", json!({"any": "value"})),
        svid_policy("subjects", json!(["spiffe://example.org", "spiffe://example.org/*"])),
        with("/trust/1/spiffe_trust_domains", json!("example.org")),
        with("/trust/0/algorithms", json!("ES256")),
        with("/trust/1/algorithms", json!(["RS256", "EdDSA", "Ed25519"])),
        with("/trust/1/spiffe_trust_domains", json!(["example.org", "b.example"])),
        svid_policy("algorithms", json!(["ES256", "PS512"])),
        svid_policy("jwt_svid", json!({})),
        svid_policy("jwt_svid", json!({"single_candidate_key": true, "ignore_unknown_headers": false})),
    ];
    for document in all {
        let read = PolicyDocument::parse(document.to_string().as_bytes());
        assert!(read.is_ok(), "{document}: {:?}", read.err());
        let faults: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{document}: {faults:?}");
    }
}

#[test]
fn what_is_broken_both_refuse() {
    let schema = jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let mut all = vec![
        json!(null),
        json!([]),
        json!({}),
        json!({"trust": [{"issuer": "a"}]}),
        json!({"policies": {}}),
        with("/more", json!(1)),
        with("/trust", json!([])),
        with("/trust", json!({})),
        with("/trust/0", json!({})),
        with("/trust/0", json!({"trust_domain": "a", "issuer": "b"})),
        with("/trust/0/trust_domain", json!("")),
        with("/trust/0/trust_domain", json!("Example.org")),
        with("/trust/0/trust_domain", json!("spiffe://example.org")),
        with("/trust/0/trust_domain", json!("a".repeat(256))),
        with("/trust/0/trust_domain", json!(1)),
        with("/trust/0/jwks", json!({})),
        with("/trust/0/bundle", json!([])),
        with("/trust/0/bundle", json!("{}")),
        with("/trust/0/bundle_file", json!("")),
        with("/trust/0/bundle_uri", json!("http://example.org/bundle")),
        with("/trust/0/bundle_uri", json!("https://user@example.org/bundle")),
        with("/trust/0/bundle_uri", json!("https://example.org/\"")),
        with("/trust/0", json!({"trust_domain": "a", "bundle": {}, "bundle_file": "x"})),
        with("/trust/1/issuer", json!("")),
        with("/trust/1/bundle", json!({})),
        with("/trust/1/jwks_uri", json!("/relative")),
        with("/trust/1", json!({"issuer": "a", "jwks_file": "x", "jwks_uri": "https://a/b"})),
        with("/trust/0/spiffe_trust_domains", json!(["example.org"])),
        with("/trust/1/spiffe_trust_domains", json!([])),
        with("/trust/1/spiffe_trust_domains", json!(null)),
        with("/trust/1/spiffe_trust_domains", json!("Example.org")),
        with("/trust/1/spiffe_trust_domains", json!(["a", "a"])),
        with("/trust/1/spiffe_trust_domains", json!(["a", "spiffe://b"])),
        with("/trust/1/spiffe_trust_domains", json!((0..65).map(|number| format!("d{number}")).collect::<Vec<_>>())),
        with("/trust/0/algorithms", json!("EdDSA")),
        with("/trust/1/algorithms", json!([])),
        with("/trust/1/algorithms", json!(null)),
        with("/trust/1/algorithms", json!("HS256")),
        with("/trust/1/algorithms", json!(["RS256", "none"])),
        with("/trust/1/min_refresh_seconds", json!(0)),
        with("/trust/1/min_refresh_seconds", json!("60")),
        with("/trust/1/min_refresh_seconds", json!(1.5)),
        with("/trust/1/max_stale_seconds", json!(31_622_401)),
        with("/trust/1/max_stale_seconds", json!(null)),
        with("/policies", json!({})),
        with("/policies", json!([])),
        with("/policies/default", json!(null)),
        with("/policies/a b", sound()["policies"]["default"].clone()),
        with("/policies/", sound()["policies"]["default"].clone()),
        with("/memory", json!([])),
        with("/memory", json!({"verdict_cache_bytes": -1})),
        with("/memory", json!({"verdict_cache_bytes": 2_147_483_649_u64})),
        with("/memory", json!({"replay_proofs": 63})),
        with("/memory", json!({"replay_proofs": 134_217_729})),
        with("/memory", json!({"bytes": 1})),
        policy("more", json!(1)),
        policy("accept", json!([])),
        policy("accept", json!("at+jwt")),
        policy("accept", json!(["JWT"])),
        policy("accept", json!([1])),
        entry(json!({})),
        entry(json!({"kind": "x"})),
        entry(json!({"kind": "jwt", "audience": "a"})),
        entry(json!({"kind": "jwt", "trust_domain": "example.org"})),
        entry(json!({"kind": "jwt", "issuer": []})),
        entry(json!({"kind": "jwt", "scope": []})),
        entry(json!({"kind": "jwt", "scope": "a b"})),
        entry(json!({"kind": "jwt", "scope": ["a\"b"]})),
        entry(json!({"kind": "jwt", "algorithms": ["HS256"]})),
        entry(json!({"kind": "jwt", "algorithms": ["none"]})),
        entry(json!({"kind": "jwt", "algorithms": []})),
        entry(json!({"kind": "jwt", "max_lifetime_seconds": 0})),
        entry(json!({"kind": "jwt", "max_lifetime_seconds": 31_622_401})),
        entry(json!({"kind": "jwt", "subjects": ""})),
        entry(json!({"kind": "jwt", "subjects": "**"})),
        entry(json!({"kind": "jwt", "subjects": "a/**/b"})),
        entry(json!({"kind": "jwt", "subjects": ["a*"]})),
        entry(json!({"kind": "jwt", "subjects": "*//a"})),
        entry(json!({"kind": "jwt-svid", "issuer": "https://as.example"})),
        entry(json!({"kind": "jwt-svid", "scope": "a"})),
        entry(json!({"kind": "jwt-svid", "algorithms": ["EdDSA"]})),
        entry(json!({"kind": "jwt-svid", "subjects": "alice"})),
        entry(json!({"kind": "jwt-svid", "subjects": "spiffe://*/a"})),
        entry(json!({"kind": "jwt-svid", "subjects": "spiffe://Example.org/a"})),
        entry(json!({"kind": "jwt-svid", "subjects": "spiffe://example.org/a/"})),
        policy("audience", json!("")),
        policy("audience", json!([])),
        policy("audience", json!(["a", ""])),
        policy("audience", json!(null)),
        policy("leeway_seconds", json!(301)),
        policy("leeway_seconds", json!(-1)),
        policy("max_lifetime_seconds", json!(0)),
        policy("subjects", json!([])),
        policy("scope", json!("")),
        policy("algorithms", json!(["es256"])),
        policy("binding", json!("dpop")),
        policy("binding", json!({"require": "all"})),
        policy("binding", json!({"required": "any"})),
        policy("dpop", json!(null)),
        policy("dpop", json!({"max_age_seconds": 0})),
        policy("dpop", json!({"max_age_seconds": 301})),
        policy("dpop", json!({"future_seconds": 301})),
        policy("dpop", json!({"nonce": "on"})),
        policy("dpop", json!({"nonce": true})),
        policy("dpop", json!({"nonce_lifetime_seconds": 9})),
        policy("dpop", json!({"nonce_lifetime_seconds": 3601})),
        policy("dpop", json!({"replay": "accept"})),
        policy("dpop", json!({"algorithms": "HS256"})),
        policy("jwt_svid", json!({})),
        policy("origin", json!("api.example")),
        policy("origin", json!("ftp://api.example")),
        policy("origin", json!("https://")),
        policy("origin", json!("https://user@api.example")),
        policy("origin", json!("https://api.example/?x")),
        policy("origin", json!("https://api.example/#x")),
        policy("mode", json!("off")),
        policy("challenge", json!([])),
        policy("challenge", json!({"realm": ""})),
        policy("challenge", json!({"realm": "a\"b"})),
        policy("challenge", json!({"realm": "é"})),
        policy("challenge", json!({"resource_metadata": "http://api.example"})),
        policy("challenge", json!({"hide_description": "yes"})),
        svid_policy("scope", json!("a")),
        svid_policy("subjects", json!("alice")),
        svid_policy("algorithms", json!("EdDSA")),
        svid_policy("jwt_svid", json!({"single_candidate_key": 1})),
        svid_policy("jwt_svid", json!({"skip": true})),
    ];
    let mut twice = entry(json!({"kind": "jwt", "subjects": "a"}));
    twice["policies"]["default"]["subjects"] = json!("b");
    all.push(twice);
    for name in ["accept", "audience"] {
        let mut document = sound();
        document["policies"]["default"].as_object_mut().unwrap().remove(name);
        all.push(document);
    }
    for document in all {
        assert!(PolicyDocument::parse(document.to_string().as_bytes()).is_err(), "the reader takes {document}");
        assert!(!schema.is_valid(&document), "the schema takes {document}");
    }
}

#[test]
fn every_member_is_described() {
    fn walk(at: &str, schema: &Value, root: &Value) {
        let resolved = |schema: &Value| match schema["$ref"].as_str() {
            Some(reference) => root.pointer(reference.strip_prefix('#').unwrap()).unwrap().clone(),
            None => schema.clone(),
        };
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let at = format!("{at}/{name}");
            let described = member["description"].is_string()
                || resolved(member)["description"].is_string()
                || name == "kind"
                || member == false;
            // Conditions only narrow what stands in the members themselves.
            assert!(described || at.contains("allOf"), "{at}");
            walk(&at, member, root);
        }
    }
    let root: Value = serde_json::from_str(SCHEMA).unwrap();
    walk("", &root, &root);
    for (name, definition) in root["$defs"].as_object().unwrap() {
        walk(name, definition, &root);
    }
}
