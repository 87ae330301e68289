use std::vec;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};

use countersign::{Attribute, Authority};

use super::*;

const POLICY: &str = r#"{"trust":[{"issuer":"https://as.example"}],
    "policies":{"default":{"accept":["at+jwt"],"audience":["https://api.example"]}}}"#;

const MODULE: Build<'_> = Build::Module { read: &|_| Err("no files here".to_owned()) };

fn faults(text: &str) -> Vec<String> {
    faults_of(text, MODULE)
}

fn faults_of(text: &str, build: Build<'_>) -> Vec<String> {
    Settings::read(text.as_bytes(), build).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn the_least_there_is() -> Result<(), Vec<PolicyError>> {
    let (settings, document) = Settings::read(format!(r#"{{"policy":{POLICY}}}"#).as_bytes(), MODULE)?;
    assert_eq!(document.policies().count(), 1);
    assert_eq!(settings.policy, "default");
    assert_eq!(settings.metadata, []);
    assert_eq!(settings.audit, Audit::Off);
    assert!(!settings.forget_proofs);
    Ok(())
}

#[test]
fn all_there_is() -> Result<(), Vec<PolicyError>> {
    let text = format!(
        r#"{{"policy":{POLICY},"default_policy":"default","origin":"https://api.example/","mode":"shadow",
        "trust_directory":"/trust","poll_milliseconds":20,"certificate":"x-forwarded-client-cert",
        "fetch":[{{"issuer":"https://as.example","cluster":"as","uri":"http://as.example/keys?all",
            "timeout_milliseconds":100,"refresh_seconds":2}}],
        "identity_headers":{{"X-User":"subject"}},"clear_route_cache":true,"metadata":{{"namespace":"n","attributes":["kind"]}},
        "audit_log":"all","revocations_file":"/r","nonce_keys_file":"/n","replay_store":"s","replay_file":"/dev/shm/s",
        "proofs_before_start":"danger_accept"}}"#
    );
    let (settings, _) = Settings::read(text.as_bytes(), MODULE)?;
    assert_eq!(settings.origin, AllowedOrigins::parse(["https://api.example"]).ok());
    assert_eq!(settings.identity_headers.written(), [("x-user".to_owned(), AttributeName::Known(Attribute::Subject))]);
    assert!(settings.clear_route_cache && settings.identity_headers.removes(b"x_forwarded_client_cert"));
    assert_eq!(
        (settings.metadata_namespace.as_str(), settings.metadata),
        ("n", vec![AttributeName::Known(Attribute::Kind)])
    );
    assert_eq!(settings.certificate, CertificateSource::Forwarded);
    assert!(settings.forget_proofs);
    let fetch = Fetch {
        document: Document::Trust(Authority::Issuer("https://as.example".to_owned())),
        cluster: "as".to_owned(),
        authority: "as.example".to_owned(),
        path: "/keys?all".to_owned(),
        timeout_milliseconds: 100,
        refresh_seconds: Some(2),
    };
    assert_eq!(settings.fetches, [fetch]);
    Ok(())
}

#[test]
fn all_faults_are_told_at_once() {
    let text = r#"{"policy":{"trust":[],"policies":{"default":{"accept":["at+jwt"]}}},"polcy_file":"x",
        "mode":"enforced","poll_milliseconds":0,"identity_headers":{"x-user":"sub","a b":"subject"},"metadata":true,"replay_store":"default/0"}"#;
    let found = faults(text);
    for expected in [
        "/polcy_file: found an unknown member, expected one of policy, default_policy,",
        "/policy/policies/default/audience: found nothing, expected",
        r#"/replay_store: found "default/0", expected a name of 1 to 64 letters, digits, "-" and "_""#,
        "/mode: found \"enforced\", expected one of enforce, shadow",
        "/poll_milliseconds: found 0, expected a whole number from 10 to 60000",
        "/identity_headers/x-user: found \"sub\", expected one of decision, reason,",
        "/identity_headers/a b: found this name, expected a header field",
        "/metadata: found true, expected an object, or false",
    ] {
        assert!(found.iter().any(|fault| fault.starts_with(expected)), "{expected} in {found:#?}");
    }
}

#[test]
fn a_document_behind_a_uri_needs_a_cluster() {
    let policy = POLICY.replace(r#"example"}"#, r#"example","jwks_uri":"https://as.example/keys"}"#);
    let found = faults(&format!(r#"{{"policy":{policy}}}"#));
    assert_eq!(
        found,
        ["/fetch: found no cluster for /policy/trust/0, expected an entry for the issuer https://as.example"]
    );
    let fetch = r#""fetch":[{"issuer":"https://as.example","cluster":"as"}]"#;
    assert_eq!(faults(&format!(r#"{{"policy":{policy},{fetch}}}"#)), [""; 0]);
    let unknown = fetch.replace("https://as", "https://other");
    let found = faults(&format!(r#"{{"policy":{POLICY},{unknown}}}"#));
    assert_eq!(found, ["/fetch/0: found issuer https://other.example, expected an authority of the policy's trust"]);
}

#[test]
fn a_bundle_map_is_inline_or_a_file_and_never_fetched() {
    let mapped = |source: &str| {
        let map =
            format!(r#"{{"issuer":"https://as.example"}},{{"trust_domains":["a","b"],"format":"spiffe",{source}}}"#);
        POLICY.replace(r#"{"issuer":"https://as.example"}"#, &map)
    };
    let (inline, file) = (mapped(r#""bundle_map":{"trust_domains":{}}"#), mapped(r#""bundle_map_file":"map.json""#));
    assert_eq!(faults_of(&format!(r#"{{"policy":{inline}}}"#), Build::Wasm), [""; 0]);
    let found = faults_of(&format!(r#"{{"policy":{file}}}"#), Build::Wasm);
    assert!(found.len() == 1 && found[0].starts_with("/policy/trust/1: found the name of a file"), "{found:?}");
    let found = faults(&format!(r#"{{"policy":{file}}}"#));
    assert!(found.len() == 1 && found[0].starts_with("/trust_directory: "), "{found:?}");
    assert_eq!(faults(&format!(r#"{{"policy":{file},"trust_directory":"/trust"}}"#)), [""; 0]);
    let fetch = r#""fetch":[{"trust_domain":"b","cluster":"c","uri":"http://c/b"}]"#;
    let found = faults(&format!(r#"{{"policy":{inline},{fetch}}}"#));
    assert_eq!(
        found,
        ["/fetch/0: found the trust domain b, whose keys are in a bundle map, expected an entry with keys of its own"]
    );
    // Entries after a map keep their index.
    let behind = r#"{"issuer":"https://other.example","jwks_uri":"https://other.example/keys"}"#;
    let policy = inline.replace(r#"{"trust_domains":{}}}"#, &format!(r#"{{"trust_domains":{{}}}}}},{behind}"#));
    let found = faults(&format!(r#"{{"policy":{policy}}}"#));
    assert!(found.len() == 1 && found[0].contains("no cluster for /policy/trust/2"), "{found:?}");
}

#[test]
fn revocations_stand_here_or_are_fetched() -> Result<(), Vec<PolicyError>> {
    let revoked = r#"{"authorities":[{"issuer":"https://as.example","keys":["k"]}]}"#;
    let text = format!(
        r#"{{"policy":{POLICY},"revocations":{revoked},"revocations_fetch":{{"cluster":"as","uri":"https://as/r"}}}}"#
    );
    for build in [MODULE, Build::Wasm] {
        let (settings, _) = Settings::read(text.as_bytes(), build)?;
        assert_eq!(settings.revocations, RevocationDocument::read(revoked.as_bytes())?);
        let fetch = settings.fetches.first().ok_or_else(Vec::new)?;
        let read = (&fetch.document, fetch.cluster.as_str(), fetch.authority.as_str(), fetch.path.as_str());
        assert_eq!(read, (&Document::Revocations { max_stale_seconds: None }, "as", "as", "/r"));
    }
    let fetch = |more: &str| {
        let place = r#""cluster":"as","uri":"https://as/r""#;
        format!(r#"{{"policy":{POLICY},"revocations_fetch":{{{place},{more}}}}}"#)
    };
    let (settings, _) = Settings::read(fetch(r#""max_stale_seconds":301"#).as_bytes(), MODULE)?;
    let document = settings.fetches.first().map(|fetch| fetch.document.clone());
    assert_eq!(document, Some(Document::Revocations { max_stale_seconds: Some(301) }));
    for (more, found) in [
        (r#""max_stale_seconds":300"#, "300, expected more than refresh_seconds, which is 300"),
        (r#""max_stale_seconds":9,"refresh_seconds":10"#, "9, expected more than refresh_seconds, which is 10"),
        (r#""max_stale_seconds":0,"refresh_seconds":1"#, "0, expected a whole number from 1 to 31622400"),
    ] {
        let expected = [format!("/revocations_fetch/max_stale_seconds: found {found}")];
        assert_eq!(faults(&fetch(more)), expected);
    }
    let text = format!(
        r#"{{"policy":{POLICY},"revocations":{{"al_before":1,"authorities":[{{}}]}},"revocations_fetch":{{"issuer":"a"}}}}"#
    );
    let place = "cluster, uri, timeout_milliseconds, refresh_seconds, max_stale_seconds";
    let expected = [
        format!("/revocations_fetch/issuer: found an unknown member, expected one of {place}"),
        "/revocations_fetch/cluster: found nothing, expected the name of a cluster".to_owned(),
        "/revocations_fetch/uri: found nothing, expected an http or https URI, since the policy has none".to_owned(),
        "/revocations: found an unknown member, expected one of all_before, authorities".to_owned(),
        "/revocations/authorities/0: found neither trust_domain nor issuer, expected one of them".to_owned(),
    ];
    assert_eq!(faults(&text), expected);
    Ok(())
}

#[test]
fn headers_select_policies() -> Result<(), Vec<PolicyError>> {
    let text = format!(
        r#"{{"policy":{POLICY},"policy_rules":[{{"header":":path","prefix":"/orders/","policy":"default"}},
        {{"header":"X-Tenant","exact":"blue","policy":"default"}},{{"header":":authority","exact":"a.example","policy":"default"}},
        {{"header":":path","exact":"/orders","policy":"default"}}]}}"#
    );
    let matches = |place: usize, value: &str, settings: &Settings| {
        settings.selections.get(place).is_some_and(|selection| selection.matches(value.as_bytes()))
    };
    for build in [MODULE, Build::Wasm] {
        let (settings, _) = Settings::read(text.as_bytes(), build)?;
        assert_eq!(settings.selections.get(1).map(|selection| selection.header.as_str()), Some("x-tenant"));
        for (place, value, expected) in [
            (0, "/orders/1?a", true),
            (0, "/orders/", true),
            (0, "/orders?/", false),
            (0, "/Orders/1", false),
            (0, "", false),
            (1, "blue", true),
            (1, "blue?", false),
            (1, "Blue", false),
            (1, "blu", false),
            (2, "A.example", true),
            (2, "a.example:443", false),
            (3, "/orders", true),
            (3, "/orders?a=b", true),
            (3, "/orders#", true),
            (3, "/orders/", false),
        ] {
            assert_eq!(matches(place, value, &settings), expected, "{place} {value}");
        }
    }
    let (settings, _) = Settings::read(format!(r#"{{"policy":{POLICY}}}"#).as_bytes(), MODULE)?;
    assert_eq!(settings.selections, []);
    Ok(())
}

#[test]
fn all_faults_of_selections_are_told_at_once() {
    let entries = [
        r#"{"header":"x-a","exact":"b","policy":"other"}"#,
        r#"{"header":"x-a","policy":"default"}"#,
        r#"{"header":"x-a","exact":"b","prefix":"c","policy":"default"}"#,
        r#"{"exact":"b"}"#,
        r#"{"header":"host","exact":"b","policy":"default"}"#,
        r#"{"header":"DPoP","exact":"b","policy":"default"}"#,
        r#"{"header":"a b","prefix":"","policy":"default","mode":"shadow"}"#,
        r#"{"header":"X-A","exact":"b","policy":"default"}"#,
        r#"{"header":":path","prefix":"/a","policy":"default"}"#,
        r#"{"header":":path","prefix":"/a/b","policy":"default"}"#,
        r#"{"header":":path","exact":"/a","policy":"default"}"#,
        "1",
        r#"{"header":":path","exact":"/b?c","policy":"default"}"#,
        r#"{"header":":path","prefix":"b","policy":"default"}"#,
    ];
    let name = "a header field other than authorization and dpop, or :path, :method, :authority, :scheme";
    let expected = [
        "/policy_rules/0/policy: found \"other\", expected one of default".to_owned(),
        "/policy_rules/1: found none or both, expected one of exact, prefix".to_owned(),
        "/policy_rules/2: found none or both, expected one of exact, prefix".to_owned(),
        "/policy_rules/2: found what entry 0 matches before it, expected the narrower match first".to_owned(),
        "/policy_rules/3/header: found nothing, expected the name of a header field".to_owned(),
        "/policy_rules/3/policy: found nothing, expected the name of a policy".to_owned(),
        format!("/policy_rules/4/header: found \"host\", expected {name}"),
        format!("/policy_rules/5/header: found \"dpop\", expected {name}"),
        "/policy_rules/6/mode: found an unknown member, expected one of header, exact, prefix, policy".to_owned(),
        "/policy_rules/6/prefix: found \"\", expected a value".to_owned(),
        format!("/policy_rules/6/header: found \"a b\", expected {name}"),
        "/policy_rules/7: found what entry 0 matches before it, expected the narrower match first".to_owned(),
        "/policy_rules/9: found what entry 8 matches before it, expected the narrower match first".to_owned(),
        "/policy_rules/10: found what entry 8 matches before it, expected the narrower match first".to_owned(),
        "/policy_rules/11: found 1, expected an object".to_owned(),
        "/policy_rules/12: found a value that no path has, expected a path, without a query".to_owned(),
        "/policy_rules/13: found a value that no path has, expected a path, without a query".to_owned(),
    ];
    assert_eq!(faults(&format!(r#"{{"policy":{POLICY},"policy_rules":[{}]}}"#, entries.join(","))), expected);
    let found = faults(&format!(r#"{{"policy":{POLICY},"policy_rules":{{}}}}"#));
    assert_eq!(found, ["/policy_rules: found an object, expected an array"]);
}

#[test]
fn each_build_refuses_what_only_the_other_does() {
    let found = faults_of(&format!(r#"{{"policy":{POLICY},"revocations_file":"/r"}}"#), Build::Wasm);
    let expected =
        "/revocations_file: found a setting that needs files, which a WebAssembly VM has none of, expected one of";
    assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    let found = faults_of(&format!(r#"{{"policy":{POLICY},"nonce_keys":[]}}"#), MODULE);
    let expected = "/nonce_keys: found a setting of the proxy-wasm filter only, expected one of policy,";
    assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    let found = faults_of(r#"{"policy_file":"/p"}"#, Build::Wasm);
    assert!(found.iter().all(|fault| fault.starts_with("/policy_file: ")) && found.len() == 1, "{found:?}");
    let policy = POLICY.replace(r#"example"}"#, r#"example","jwks_file":"as.json"}"#);
    let found = faults_of(&format!(r#"{{"policy":{policy}}}"#), Build::Wasm);
    assert!(found.len() == 1 && found[0].starts_with("/policy/trust/0: found the name of a file"), "{found:?}");
    let found = faults_of(&format!(r#"{{"policy":{POLICY},"nonce_keys":["secret"]}}"#), Build::Wasm);
    assert!(found.len() == 1 && !found[0].contains("secret"), "{found:?}");
}

#[test]
fn an_identity_header_has_one_name_and_selects_no_policy() {
    let text = format!(
        r#"{{"policy":{POLICY},"certificate":"x-forwarded-client-cert","identity_headers":{{"X-User":"subject","x_user":"issuer",
        "X.Forwarded.Client.Cert":"kind"}},"policy_rules":[{{"header":"X+User","exact":"a","policy":"default"}},
        {{"header":"x-forwarded-client-cert","exact":"a","policy":"default"}}]}}"#
    );
    let expected = [
        "/identity_headers/x_user: found another spelling of x-user, expected each name once",
        "/identity_headers/X.Forwarded.Client.Cert: found this name, expected a header field of identity, such as x-user",
        "/policy_rules/0/header: found \"x+user\", an identity header, which no client can send, expected another header field",
    ];
    for build in [MODULE, Build::Wasm] {
        assert_eq!(faults_of(&text, build), expected);
    }
    let found = faults_of(&format!(r#"{{"policy":{POLICY},"clear_route_cache":true}}"#), Build::Wasm);
    let expected = "/clear_route_cache: found a setting of the dynamic module only: Envoy clears the route cache";
    assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    let found = faults(&format!(r#"{{"policy":{POLICY},"clear_route_cache":"yes"}}"#));
    assert_eq!(found, ["/clear_route_cache: found \"yes\", expected true or false"]);
}

/// A claim in one of these would frame the message or be read as a credential, by whatever spelling.
#[test]
fn no_field_that_http_reads_itself_is_an_identity_header() {
    for name in [
        "content-length",
        "Transfer-Encoding",
        "connection",
        "te",
        "upgrade",
        "expect",
        "cookie",
        "host",
        "trailer",
        "keep-alive",
        "proxy-connection",
        "http2-settings",
        "proxy-authorization",
        "content_length",
        "X-Forwarded-Client-Cert",
        "Authorization",
        "DPoP",
    ] {
        let expected =
            format!("/identity_headers/{name}: found this name, expected a header field of identity, such as x-user");
        for build in [MODULE, Build::Wasm] {
            let text = format!(r#"{{"policy":{POLICY},"identity_headers":{{"{name}":"subject"}}}}"#);
            assert_eq!(faults_of(&text, build), [expected.as_str()]);
        }
    }
}

#[test]
fn routes_have_a_say_beside_identity_headers_only_where_they_match_on_none() {
    let found = |more: &str| {
        faults_of(&format!(r#"{{"policy":{POLICY},"identity_headers":{{"x-user":"subject"}}{more}}}"#), Build::Wasm)
    };
    assert_eq!(found(""), [""; 0]);
    assert_eq!(found(r#","route_metadata":true,"routes_match_identity":false"#), [""; 0]);
    let expected = "expected false, and no route that matches on an identity header";
    let missing = "/routes_match_identity: found nothing beside route metadata and identity headers";
    assert_eq!(found(r#","route_metadata":true"#), [format!("{missing}, {expected}")]);
    let found = found(r#","route_metadata":true,"routes_match_identity":true"#);
    assert_eq!(found, [format!("/routes_match_identity: found true, {expected}")]);
    let with_certificate = r#""certificate":"x-forwarded-client-cert","route_metadata":true"#;
    let found = faults_of(&format!(r#"{{"policy":{POLICY},{with_certificate}}}"#), Build::Wasm);
    assert_eq!(found, [format!("{missing}, {expected}")]);
}

#[test]
fn what_a_vm_is_told() -> Result<(), Vec<PolicyError>> {
    let key = "A".repeat(43);
    let text = format!(r#"{{"policy":{POLICY},"nonce_keys":["{key}"],"route_metadata":true,"signatures":"vm"}}"#);
    let (settings, _) = Settings::read(text.as_bytes(), Build::Wasm)?;
    let expected = Vm { nonce_keys: vec![[0; 32]], route_metadata: true, signatures: Signatures::Vm };
    assert_eq!(settings.vm, expected);
    let (settings, _) = Settings::read(format!(r#"{{"policy":{POLICY}}}"#).as_bytes(), Build::Wasm)?;
    assert_eq!(settings.vm, Vm::default());
    Ok(())
}

#[test]
fn pairs_say_what_a_route_says() {
    let read = |pairs: &[(&str, &str)]| {
        RouteSettings::from_pairs(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    };
    let origin = AllowedOrigins::parse(["https://api.example/base"]).ok();
    let expected = RouteSettings { policy: Some("orders".to_owned()), origin, mode: Some(Mode::Shadow) };
    let pairs = [("policy", "orders"), ("mode", "shadow"), ("origin", "https://api.example/base/")];
    assert_eq!(read(&pairs), Some(expected));
    assert_eq!(read(&[]), Some(RouteSettings::default()));
    for wrong in [("policyy", "orders"), ("mode", "off"), ("origin", "api.example")] {
        assert_eq!(read(&[wrong]), None);
    }
}

#[test]
fn a_route_says_little() {
    let read = RouteSettings::read(br#"{"policy":"orders","mode":"shadow"}"#);
    let expected = RouteSettings { policy: Some("orders".to_owned()), origin: None, mode: Some(Mode::Shadow) };
    assert_eq!(read, Ok(expected));
    assert!(RouteSettings::read(br#"{"use":"orders"}"#).is_err());
    assert!(RouteSettings::read(b"").is_err());
}

#[test]
fn a_policy_that_asks_needs_whom_to_ask() -> Result<(), String> {
    let read = |settings: &str, build: Build<'_>| {
        let text = format!(
            r#"{{"policy":{{"trust":[{{"issuer":"https://as.example","introspection":{{"uri":"https://as.example/in?a=b"}}}}],
            "policies":{{"default":{{"accept":[{{"kind":"introspected","issuer":"https://as.example"}}],"audience":["a"],
            "dpop":{{"shared_store":"required"}},"body_digest":true,"attributes":{{"tenant":"/tenant"}}}}}}}}{settings}}}"#
        );
        Settings::read(text.as_bytes(), build)
            .map(|(settings, _)| settings)
            .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    let module = || Build::Module { read: &|_| Err("no files here".to_owned()) };
    let good = r#","shared_store":{"cluster":"s","path":"/p"},"introspection":{"cluster":"i","headers":{"Authorization":"Basic x"}},
        "metadata":{"attributes":["attributes.tenant","txn","tool"]}"#;
    let questions = read(good, module())?.questions;
    let store = questions.store.ok_or("no store")?;
    assert_eq!((store.cluster.as_str(), store.authority.as_str(), store.path.as_str()), ("s", "s", "/p"));
    let issuer = questions.introspection.ok_or("no issuer")?;
    assert_eq!((issuer.authority.as_str(), issuer.path.as_str()), ("as.example", "/in?a=b"));
    assert_eq!(issuer.fields, [("authorization".to_owned(), "Basic x".to_owned())]);
    let faults = |settings: &str, build: Build<'_>| read(settings, build).map(|_| ()).unwrap_err();
    for build in [MODULE, Build::Wasm] {
        let none = faults("", build);
        for member in ["/shared_store", "/introspection"] {
            assert!(none.contains(&format!("{member}: found nothing, expected the cluster to ask")), "{none}");
        }
    }
    // Envoy gives a VM the body of a request only where it is configured to.
    let told = |value: &str| format!(r#"{good},"allow_on_headers_stop_iteration":{value}"#);
    for (settings, found) in [(good.to_owned(), "nothing"), (told("false"), "false")] {
        let expected = format!(
            r#"/allow_on_headers_stop_iteration: found {found}, expected true, here and beside `configuration`, since the policy "default" asks for the body"#
        );
        assert_eq!(faults(&settings, Build::Wasm), expected);
    }
    let questions = read(&told("true"), Build::Wasm)?.questions;
    assert_eq!(questions.store.map(|store| store.cluster), Some("s".to_owned()));
    assert_eq!(questions.introspection.map(|issuer| issuer.cluster), Some("i".to_owned()));
    let in_the_module = faults(&told("true"), MODULE);
    assert!(in_the_module.contains("a setting of the proxy-wasm filter only"), "{in_the_module}");
    let unknown = faults(&good.replace("attributes.tenant", "attributes.tenants"), module());
    assert!(unknown.contains(r#"/metadata: found "attributes.tenants""#), "{unknown}");
    Ok(())
}
