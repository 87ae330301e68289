//! The published schema says what the reader does.

use std::collections::BTreeSet;

use countersign::internal::limits;
use countersign::internal::policy::preset::PRESETS;
use countersign::{Algorithm, AlgorithmSet, POLICY_SCHEMA, PolicyDocument, TokenKind};
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

/// A policy of these members alone, and an audience.
fn preset(members: Value) -> Value {
    let mut policy = members;
    policy["audience"] = json!("https://api.example");
    with("/policies/default", policy)
}

fn svid_policy(member: &str, value: Value) -> Value {
    let mut document = policy("accept", json!(["jwt-svid"]));
    document["policies"]["default"][member] = value;
    document
}

fn entry(entry: Value) -> Value {
    policy("accept", json!([entry]))
}

/// A policy of these credentials, and more members.
fn credentials(all: Value, more: Value) -> Value {
    let mut policy = json!({"audience": "https://api.example", "credentials": all});
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    with("/policies/default", policy)
}

fn credential(name: &str, from: Value, kind: &str) -> Value {
    json!({"name": name, "from": from, "accept": [kind]})
}

fn transaction() -> Value {
    credential("txn", json!({"header": "txn-token"}), "txntoken+jwt")
}

#[test]
fn it_is_printed_as_it_is_published() {
    let output = Run::new(&["schema"]).with("");
    assert_eq!(output.stdout, POLICY_SCHEMA.as_bytes());
    let schema: Value = serde_json::from_str(POLICY_SCHEMA).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn what_the_reader_takes_the_schema_takes() {
    let schema = jsonschema::validator_for(&serde_json::from_str(POLICY_SCHEMA).unwrap()).unwrap();
    let all = [
        sound(),
        preset(json!({"preset": "keycloak"})),
        preset(json!({"preset": "mcp", "dpop": {"max_age_seconds": 30}, "scope": "a", "conditions": []})),
        preset(json!({"preset": "kubernetes", "subjects": ["system:serviceaccount:a:*"]})),
        preset(json!({"preset": "gitlab", "subjects": "a/b", "subject_separator": "/"})),
        preset(json!({"preset": "okta", "scope_from": "/groups"})),
        with("/$schema", json!("https://example.org/schema")),
        with("/comment", json!(["any", "value"])),
        with("/trust/0/bundle", json!({"keys": []})),
        with("/trust/0/bundle_file", json!("trust/a.json")),
        with("/trust/0/bundle_uri", json!("HTTPS://example.org/bundle?x=y")),
        with("/trust/0/trust_domain", json!("1.2_3-x")),
        with("/trust/0/jwks", json!({"keys": []})),
        with("/trust/0/jwks_file", json!("trust/a.json")),
        with("/trust/0/jwks_uri", json!("https://example.org/keys")),
        with("/trust/0/format", json!("jwks")),
        with("/trust/0/format", json!("bundle")),
        with("/trust/0", json!({"trust_domains": ["a", "b"], "bundle_map_file": "x", "format": "spiffe"})),
        with("/trust/0", json!({"trust_domains": "a", "bundle_map": {"trust_domains": {}}, "format": "spiffe"})),
        with(
            "/trust/0",
            json!({"trust_domains": "a", "bundle_map": {}, "format": "spiffe-helper", "max_stale_seconds": 60}),
        ),
        with("/trust/1/jwks", json!({"keys": []})),
        with("/trust/1/jwks_file", json!("a")),
        with("/trust/1/jwks_uri", json!("https://as.example:8443/jwks")),
        with("/trust/1/min_refresh_seconds", json!(1)),
        with("/trust/1/max_stale_seconds", json!(31_622_400)),
        with("/trust/1/comment", Value::Null),
        with("/memory", json!({})),
        with("/memory", json!({"token_cache_bytes": 0, "replay_proofs": 64})),
        with("/memory", json!({"token_cache_bytes": 2_147_483_648_u64, "replay_proofs": 134_217_728})),
        policy("accept", json!(["jwt", "at+jwt", "jwt-svid"])),
        entry(json!({"kind": "jwt"})),
        entry(json!({"kind": "at+jwt", "issuer": "https://as.example", "scope": "a"})),
        entry(json!({"kind": "at+jwt", "issuer": ["https://as.example"], "subjects": ["a", "b/*", "c/**", "*"]})),
        entry(json!({"kind": "at+jwt", "algorithms": ["EdDSA", "Ed25519", "ES512"], "max_lifetime_seconds": 1})),
        entry(json!({"kind": "jwt-svid", "trust_domain": "example.org", "algorithms": "ES256", "comment": 1})),
        entry(json!({"kind": "jwt-svid", "subjects": ["spiffe://example.org/ns/*/sa/web", "spiffe://a/**"]})),
        policy("audience", json!(["a", "b"])),
        entry(json!({"kind": "jwt", "subjects": ["system:serviceaccount:prod:*", "a:**"], "subject_separator": ":"})),
        entry(json!({"kind": "jwt", "subjects": "a/*", "subject_separator": "/"})),
        entry(json!({"kind": "jwt", "scope": "a", "scope_from": "/scp", "scope_match": "any"})),
        entry(json!({"kind": "at+jwt", "scope_from": ["/scope", "/realm_access/roles"]})),
        entry(json!({"kind": "at+jwt", "absent": ["client_id", "sub"], "audience_from": "/azp"})),
        entry(json!({"kind": "jwt", "audience_from": "/client_id"})),
        entry(json!({"kind": "jwt", "conditions": []})),
        entry(json!({"kind": "jwt-svid", "conditions": [{"claim": "/a", "equals": 1}]})),
        entry(json!({"kind": "jwt", "conditions": [
            {"claim": "/a", "equals": "x", "comment": 1}, {"claim": "/a~1b", "one_of": ["x", -1, true]},
            {"claim": "/a/0", "contains": false}, {"claim": "/a", "present": false},
            {"claim": "/ref", "pattern": "refs/heads/*"}, {"claim": "/ref", "pattern": "a:**", "separator": ":"},
        ]})),
        policy("conditions", json!([{"claim": "/a", "present": true}])),
        policy("scope_from", json!("/roles")),
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
        policy("dpop", json!({"algorithms": ["ES512", "PS384"], "max_rsa_bits": 4096})),
        policy("dpop", json!({"max_rsa_bits": 2048})),
        policy("dpop", json!({"consume": "here", "shared_store": "required"})),
        policy("dpop", json!({"consume": "observe", "shared_store": "off", "replay": "refuse"})),
        policy("dpop", json!({"consume": "here", "replay": "danger_accept"})),
        policy("dpop", json!({"eddsa_is_ed25519": true})),
        with("/trust/1/try_keys", json!(1)),
        with("/trust/1/try_keys", json!(4)),
        with("/trust/1/match_x5t", json!(true)),
        with("/trust/1/eddsa_is_ed25519", json!(false)),
        with("/trust/1/name", json!("cluster-a")),
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
        with("/trust/1/introspection", json!({"uri": "https://as.example/introspect", "cache_seconds": 0})),
        with(
            "/trust/1/introspection",
            json!({"uri": "https://as.example/introspect", "inactive_cache_seconds": 0, "questions_per_second": 1}),
        ),
        policy("tools", json!([])),
        policy("tools", json!([{"name": "search.*", "comment": 1}])),
        policy("body_digest", json!(true)),
        policy("attributes", json!({"tenant": "/tenant", "first_role": "/realm_access/roles/0"})),
        policy("dpop", json!({"shared_store": "required", "replay": "refuse"})),
        credentials(json!([credential("access", json!("authorization"), "at+jwt")]), json!({})),
        credentials(
            json!([credential("client", json!({"header": "x-client"}), "jwt-svid"), transaction()]),
            json!({"tie": [{"left": "client:/sub", "is": "equal", "right": "txn:/req_wl"}], "jwt_svid": {}}),
        ),
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
    let schema = jsonschema::validator_for(&serde_json::from_str(POLICY_SCHEMA).unwrap()).unwrap();
    let mut all = vec![
        preset(json!({"preset": "Keycloak"})),
        preset(json!({"preset": null})),
        preset(json!({"preset": ["mcp"]})),
        preset(json!({"preset": "mcp", "accept": ["jwt"]})),
        preset(json!({"preset": "mcp", "credentials": [credential("a", json!("authorization"), "jwt")]})),
        preset(json!({"preset": "kubernetes"})),
        preset(json!({"preset": "github-actions", "subject_separator": ":"})),
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
        with("/trust/0/jwks", json!([])),
        with("/trust/0", json!({"trust_domain": "a", "bundle_file": "x", "jwks_file": "y"})),
        with("/trust/0", json!({"trust_domain": "a", "jwks_file": "y", "format": "jwks"})),
        with("/trust/0/format", json!("spiffe")),
        with("/trust/1/format", json!("jwks")),
        with("/trust/0", json!({"trust_domains": ["example.org"], "bundle_map_file": "x"})),
        with("/trust/0", json!({"trust_domains": ["example.org"], "bundle_map_file": "x", "format": "jwks"})),
        with("/trust/0", json!({"trust_domains": ["example.org"], "format": "spiffe"})),
        with("/trust/0", json!({"trust_domains": [], "bundle_map_file": "x", "format": "spiffe"})),
        with("/trust/0", json!({"trust_domains": ["A"], "bundle_map_file": "x", "format": "spiffe"})),
        with("/trust/0", json!({"trust_domains": ["a", "a"], "bundle_map_file": "x", "format": "spiffe"})),
        with("/trust/0", json!({"bundle_map_file": "x", "format": "spiffe"})),
        with("/trust/0", json!({"trust_domains": "a", "bundle_map_file": "", "format": "spiffe"})),
        with("/trust/0", json!({"trust_domains": "a", "bundle_map": [], "format": "spiffe"})),
        with(
            "/trust/0",
            json!({"trust_domains": "a", "bundle_map": {"trust_domains": {}}, "bundle_map_file": "x", "format": "spiffe"}),
        ),
        with(
            "/trust/0",
            json!({"trust_domains": "a", "trust_domain": "a", "bundle_map_file": "x", "format": "spiffe"}),
        ),
        with("/trust/0", json!({"trust_domains": "a", "bundle_file": "y", "bundle_map_file": "x", "format": "spiffe"})),
        with(
            "/trust/0",
            json!({"trust_domains": "a", "algorithms": "EdDSA", "bundle_map_file": "x", "format": "spiffe"}),
        ),
        with(
            "/trust/0",
            json!({
                "trust_domains": (0..193).map(|number| format!("d{number}")).collect::<Vec<_>>(),
                "bundle_map_file": "x", "format": "spiffe",
            }),
        ),
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
        with("/memory", json!({"token_cache_bytes": -1})),
        with("/memory", json!({"token_cache_bytes": 2_147_483_649_u64})),
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
        entry(json!({"kind": "jwt", "subject_separator": ":"})),
        entry(json!({"kind": "jwt", "subjects": "a", "subject_separator": "::"})),
        entry(json!({"kind": "jwt", "subjects": "a", "subject_separator": "*"})),
        entry(json!({"kind": "jwt", "subjects": "a", "subject_separator": "x"})),
        entry(json!({"kind": "jwt", "subjects": "system:serviceaccount:prod:*"})),
        entry(json!({"kind": "jwt-svid", "subjects": "spiffe://a/b", "subject_separator": "/"})),
        svid_policy("scope_from", json!("/roles")),
        entry(json!({"kind": "jwt-svid", "audience_from": "/azp"})),
        entry(json!({"kind": "jwt-svid", "absent": "sub"})),
        entry(json!({"kind": "jwt", "scope_match": "any"})),
        entry(json!({"kind": "jwt", "scope": "a", "scope_match": "some"})),
        entry(json!({"kind": "jwt", "scope_from": []})),
        entry(json!({"kind": "jwt", "scope_from": "scp"})),
        entry(json!({"kind": "jwt", "audience_from": "/aud"})),
        entry(json!({"kind": "jwt", "audience_from": "/aud/0"})),
        entry(json!({"kind": "jwt", "audience_from": "client_id"})),
        entry(json!({"kind": "jwt", "absent": "sub"})),
        entry(json!({"kind": "at+jwt", "absent": "iss"})),
        entry(json!({"kind": "at+jwt", "absent": "exp"})),
        entry(json!({"kind": "at+jwt", "absent": "aud"})),
        entry(json!({"kind": "at+jwt", "absent": []})),
        entry(json!({"kind": "jwt", "conditions": {}})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a"}]})),
        entry(json!({"kind": "jwt", "conditions": [{"equals": "a"}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "a", "equals": "a"}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a", "equals": "a", "present": true}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a", "equals": null}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a", "equals": 1.5}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a", "equals": ["a"]}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a", "one_of": []}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a", "one_of": "a"}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a", "contains": {}}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a", "present": "yes"}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a", "pattern": ""}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a", "equals": "a", "separator": ":"}]})),
        entry(json!({"kind": "jwt", "conditions": [{"claim": "/a", "matches": ".*"}]})),
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
        policy("dpop", json!({"max_rsa_bits": 2047})),
        policy("dpop", json!({"max_rsa_bits": 4097})),
        policy("dpop", json!({"max_rsa_bits": "3072"})),
        policy("dpop", json!({"consume": "there"})),
        policy("dpop", json!({"consume": true})),
        policy("dpop", json!({"consume": "observe", "shared_store": "required"})),
        policy("dpop", json!({"consume": "observe", "replay": "danger_accept"})),
        policy("dpop", json!({"consume": "observe", "replay": "danger_accept_when_full"})),
        policy("dpop", json!({"eddsa_is_ed25519": "yes"})),
        with("/trust/1/try_keys", json!(0)),
        with("/trust/1/try_keys", json!(5)),
        with("/trust/1/try_keys", json!("2")),
        with("/trust/1/match_x5t", json!(1)),
        with("/trust/1/eddsa_is_ed25519", json!(null)),
        with("/trust/0/name", json!("cluster-a")),
        with("/trust/1/name", json!("cluster a")),
        with("/trust/1/name", json!("n".repeat(65))),
        with("/trust/0/try_keys", json!(2)),
        with("/trust/0/match_x5t", json!(true)),
        with("/trust/0/eddsa_is_ed25519", json!(true)),
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
        with("/trust/1/introspection", json!({})),
        with("/trust/1/introspection", json!({"uri": "http://as.example/introspect"})),
        with("/trust/1/introspection", json!({"uri": "https://as.example/introspect", "cache_seconds": 3601})),
        with("/trust/1/introspection", json!({"uri": "https://as.example/introspect", "inactive_cache_seconds": 3601})),
        with("/trust/1/introspection", json!({"uri": "https://as.example/introspect", "questions_per_second": 0})),
        with("/trust/0/introspection", json!({"uri": "https://as.example/introspect"})),
        policy("accept", json!(["txntoken+jwt"])),
        policy("accept", json!(["introspected"])),
        entry(json!({"kind": "introspected"})),
        policy("credentials", json!([transaction()])),
        policy("tools", json!([{}])),
        policy("tools", json!([{"name": "a*"}])),
        policy("tools", json!([{"name": "a..b"}])),
        policy("body_bytes", json!(1)),
        policy("attributes", json!({"Tenant": "/tenant"})),
        policy("attributes", json!({"tenant": "tenant"})),
        policy("attributes", json!({"tenant": "/a~2"})),
        policy("attributes", json!({"tenant": "/a".repeat(17)})),
        policy("dpop", json!({"shared_store": "required", "replay": "danger_accept"})),
        credentials(json!([]), json!({})),
        credentials(json!([transaction(), credential("access", json!("authorization"), "at+jwt")]), json!({})),
        credentials(json!([credential("a", json!({"header": "x-a", "scheme": "DPoP"}), "jwt")]), json!({})),
        credentials(json!([credential("a", json!({"cookie": "a b"}), "jwt")]), json!({})),
        credentials(json!([credential("a", json!({"cookie": "a", "scheme": "Token"}), "jwt")]), json!({})),
        credentials(json!([credential("a", json!({"cookie": "a", "header": "x-a"}), "jwt")]), json!({})),
        credentials(json!([credential("a", json!({"websocket_protocol": "a,b"}), "jwt")]), json!({})),
        credentials(json!([credential("a", json!({"header": "sec-websocket-protocol"}), "jwt")]), json!({})),
        credentials(json!([credential("a", json!({"query": "access_token"}), "jwt")]), json!({})),
        credentials(json!([credential("a", json!({"header": "X-A"}), "jwt")]), json!({})),
        credentials(json!([credential("a", json!({"header": "cookie"}), "jwt")]), json!({})),
        credentials(json!([credential("a b", json!({"header": "x-a"}), "jwt")]), json!({})),
        credentials(
            json!([credential("access", json!("authorization"), "at+jwt")]),
            json!({"tie": [{"left": "access:/sub"}]}),
        ),
        credentials(
            json!(["a", "b", "c", "d", "e"].map(|name| credential(
                name,
                json!({"header": format!("x-{name}")}),
                "jwt"
            ))),
            json!({}),
        ),
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
            // Conditions only narrow the members themselves.
            assert!(described || at.contains("allOf"), "{at}");
            walk(&at, member, root);
        }
    }
    let root: Value = serde_json::from_str(POLICY_SCHEMA).unwrap();
    walk("", &root, &root);
    for (name, definition) in root["$defs"].as_object().unwrap() {
        walk(name, definition, &root);
    }
}

/// Numbers, lengths and words that the schema repeats from the tables of the engine.
#[test]
fn bounds_and_words_are_those_of_the_tables() {
    let schema: Value = serde_json::from_str(POLICY_SCHEMA).unwrap();
    let at = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
    for row in limits::NUMBERS {
        let found = at(row.schema);
        assert_eq!(found["type"], "integer", "{}", row.schema);
        let bounds = (&found["minimum"], &found["maximum"], &found["default"]);
        let limits::Number { least, most, default, .. } = row.number;
        assert_eq!(bounds, (&json!(least), &json!(most), &json!(default)), "{}", row.schema);
    }
    for (pointer, most) in [
        ("/$defs/issuer/properties/spiffe_trust_domains/oneOf/1/maxItems", limits::SPIFFE_TRUST_DOMAINS),
        ("/$defs/policy/properties/credentials/maxItems", limits::CREDENTIALS),
        ("/$defs/toolPattern/maxLength", limits::TOOL_NAME_BYTES),
        ("/$defs/subjectPattern/maxLength", limits::SUBJECT_PATTERN_BYTES),
        ("/$defs/spiffePattern/maxLength", limits::SUBJECT_PATTERN_BYTES),
    ] {
        assert_eq!(at(pointer), &json!(most), "{pointer}");
    }
    for (pointer, most) in [
        ("/properties/policies/propertyNames/pattern", limits::POLICY_NAME_BYTES),
        ("/$defs/name/pattern", limits::POLICY_NAME_BYTES),
        ("/$defs/trustDomainName/pattern", limits::TRUST_DOMAIN_BYTES),
        ("/$defs/claimPointer/pattern", limits::POINTER_SEGMENTS),
    ] {
        let pattern = at(pointer).as_str().unwrap();
        assert!(pattern.contains(&format!("{{1,{most}}}")), "{pointer}: {pattern} and {most}");
    }
    let kinds = |is_svid: bool| {
        let kinds = TokenKind::ALL.into_iter().filter(|kind| kind.is_keyed_by_trust_domain() == is_svid);
        kinds.map(TokenKind::name).collect::<Vec<&str>>()
    };
    let presets: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    assert_eq!(at("/$defs/policy/properties/preset/enum"), &json!(presets));
    assert_eq!(at("/$defs/svidEntry/properties/kind/enum"), &json!(kinds(true)));
    assert_eq!(at("/$defs/issuedEntry/properties/kind/enum"), &json!(kinds(false)));
    // A token that its issuer is asked about needs an entry with an issuer.
    let bare: Vec<&str> =
        TokenKind::ALL.into_iter().filter(|kind| *kind != TokenKind::Introspected).map(TokenKind::name).collect();
    assert_eq!(at("/$defs/kind/enum"), &json!(bare));
    let names = |set: AlgorithmSet| set.iter().map(Algorithm::name).collect::<Vec<&str>>();
    assert_eq!(at("/$defs/algorithm/enum"), &json!(names(AlgorithmSet::ALL)));
    assert_eq!(at("/$defs/svidAlgorithm/enum"), &json!(names(TokenKind::JwtSvid.algorithms())));
}

/// The members that the reader takes are those of the schema, in every object of the document: the reader lists them where one is unknown.
#[test]
fn the_members_are_those_of_the_reader() {
    let schema: Value = serde_json::from_str(POLICY_SCHEMA).unwrap();
    let own = |pointer: &str| -> Vec<String> {
        let object = schema.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
        object["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let mut document = sound();
    document["memory"] = json!({});
    document["trust"][1]["introspection"] = json!({"uri": "https://as.example/introspect"});
    document["policies"]["all"] = json!({
        "credentials": [{"name": "a", "from": {"header": "x-a"}, "accept": [{"kind": "jwt-svid"}]}],
        "audience": "a", "tie": [{}], "tools": [{}], "binding": {}, "dpop": {}, "jwt_svid": {}, "challenge": {},
    });
    document["policies"]["default"]["accept"] = json!([{"kind": "jwt"}]);
    let policy = "/$defs/policy/properties";
    for (pointer, definitions) in [
        ("", vec![String::new()]),
        ("/memory", vec!["/properties/memory".to_owned()]),
        ("/trust/1", ["trustDomain", "bundleMap", "issuer"].map(|sort| format!("/$defs/{sort}")).to_vec()),
        ("/trust/1/introspection", vec!["/$defs/introspection".to_owned()]),
        ("/policies/default", vec!["/$defs/policy".to_owned()]),
        ("/policies/default/accept/0", vec!["/$defs/svidEntry".to_owned(), "/$defs/issuedEntry".to_owned()]),
        ("/policies/all/credentials/0", vec!["/$defs/credential".to_owned()]),
        ("/policies/all/credentials/0/from", vec!["/$defs/ownHeader".to_owned()]),
        ("/policies/all/tie/0", vec![format!("{policy}/tie/items")]),
        ("/policies/all/tools/0", vec![format!("{policy}/tools/items")]),
        ("/policies/all/binding", vec![format!("{policy}/binding")]),
        ("/policies/all/dpop", vec![format!("{policy}/dpop")]),
        ("/policies/all/jwt_svid", vec![format!("{policy}/jwt_svid")]),
        ("/policies/all/challenge", vec![format!("{policy}/challenge")]),
    ] {
        let mut wrong = document.clone();
        wrong.pointer_mut(pointer).unwrap()["?"] = json!(1);
        let faults = PolicyDocument::parse(wrong.to_string().as_bytes()).err().unwrap();
        let fault = faults.iter().find(|fault| fault.pointer == format!("{pointer}/?"));
        let listed = fault.unwrap_or_else(|| panic!("{pointer}: {faults:?}")).expected.strip_prefix("one of ").unwrap();
        let listed: BTreeSet<String> = listed.split(", ").map(str::to_owned).collect();
        let defined: BTreeSet<String> = definitions.iter().flat_map(|pointer| own(pointer)).collect();
        assert_eq!(listed, defined, "{pointer}");
    }
}
