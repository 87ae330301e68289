//! `policy expand` and `policy from`

use countersign::internal::policy::preset::PRESETS;
use serde_json::{Value, json};

use crate::support::{Key, NOW, Place, Run, keys, text};

fn expand(document: &str) -> (Option<i32>, String, String) {
    let output = Run::new(&["policy", "expand"]).with(document);
    (output.status.code(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
}

#[test]
fn presets_are_written_out() {
    let document = "{\n  \"trust\": [{\"issuer\": \"https://as.example\"}],\n  \"policies\": {\n    \"orders\": {\n      \"preset\": \"keycloak\",\n      \"audience\": \"a\"\n    }\n  }\n}\n";
    let (code, out, _) = expand(document);
    assert_eq!(code, Some(0));
    let preset = PRESETS.iter().find(|preset| preset.name == "keycloak").unwrap();
    let (out, before): (Value, Value) = (serde_json::from_str(&out).unwrap(), serde_json::from_str(document).unwrap());
    let mut expected = before;
    expected["policies"]["orders"] = serde_json::from_str(preset.members).unwrap();
    expected["policies"]["orders"]["audience"] = json!("a");
    assert_eq!(out, expected);
    let (code, out, _) = expand(&out.to_string());
    assert_eq!((code, serde_json::from_str::<Value>(&out).unwrap()), (Some(0), expected));
}

#[test]
fn a_document_with_faults_is_not_expanded() {
    let (code, out, told) = expand(r#"{"trust":[{"issuer":"i"}],"policies":{"a":{"preset":"nobody","audience":"a"}}}"#);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(told.contains("/policies/a/preset"), "{told}");
    assert!(told.contains("keycloak, kubernetes"), "{told}");
}

#[test]
fn lint_prints_what_a_preset_stands_for() {
    let place = Place::new();
    let trust = json!([{"issuer": "https://as.example", "jwks": keys(&[place.server.entry("sig")])}]);
    let lint = |trust: &Value, policy: Value| {
        let document = json!({"trust": trust, "policies": {"p": policy}}).to_string();
        let output = Run::new(&["lint", "--json"]).with(document.clone());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (report, text(&Run::new(&["lint"]).with(document).stdout).to_owned())
    };
    let origin = "https://api.example";
    for preset in PRESETS {
        let subjects = if preset.members.contains("subject_separator") { json!("a:*") } else { json!("a/*") };
        let (report, told) =
            lint(&trust, json!({"preset": preset.name, "audience": "a", "origin": origin, "subjects": subjects}));
        let line = &report["presets"][0];
        assert_eq!((&line["at"], &line["preset"]), (&json!("/policies/p/preset"), &json!(preset.name)));
        assert_eq!(line["members"], serde_json::from_str::<Value>(preset.members).unwrap());
        assert_eq!((&line["gives_up"], &line["example"]), (&json!(preset.gives_up), &json!(preset.example)));
        assert!(told.contains(&format!("/policies/p/preset: {} stands for \"", preset.name)), "{told}");
        assert!(told.contains(&format!("gives up: {}", preset.gives_up)), "{told}");
        let unverified = report["findings"].as_array().unwrap().iter().any(|finding| {
            finding["at"] == "/policies/p/preset"
                && finding["text"].as_str().unwrap().starts_with("unverified preset: ")
        });
        assert_eq!(unverified, preset.example.is_none(), "{report}");
    }
    // A member of the policy's own is not the preset's.
    let own = json!({"preset": "mcp", "audience": "a", "origin": origin, "dpop": {"max_age_seconds": 30}});
    assert_eq!(lint(&trust, own).0["presets"][0]["members"]["dpop"], json!({"max_age_seconds": 30}));
    // The other checks see what is written out: two issuers, and a kind that no issuer signs.
    let two = json!([{"issuer": "https://as.example"}, {"issuer": "https://other.example"}]);
    let (report, told) = lint(&two, json!({"preset": "okta", "audience": "a", "origin": origin}));
    assert!(told.contains("tokens of each of the 2 issuers in /trust are accepted"), "{report}");
    let (_, told) =
        lint(&json!([{"trust_domain": "example.org"}]), json!({"preset": "okta", "audience": "a", "origin": origin}));
    assert!(told.contains("warning: /policies/p/accept/0: every jwt is refused"), "{told}");
}

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/cli/jwt_authn/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The policy that is written, and the lines about what was not carried over.
fn from(arguments: &[&str], configuration: &str) -> (Option<i32>, Value, Vec<String>) {
    let output = Run::new(&["policy", "from"]).args(arguments).with(configuration);
    let told = text(&output.stderr).lines().map(str::to_owned).collect();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default(), told)
}

/// The paths of the lines: the filter is at `root`.
fn paths<'a>(told: &'a [String], root: &str) -> Vec<&'a str> {
    let path = |line: &'a String| line.split(": ").next().unwrap();
    let advice = |line: &&String| line.contains("is the policy for");
    told.iter().filter(|line| !advice(line)).map(path).map(|path| path.strip_prefix(root).unwrap_or(path)).collect()
}

#[test]
fn what_is_written_passes_lint() {
    for name in ["remote.yaml", "single.yaml", "group.yaml", "everything.yaml", "istio.json", "gateway.yaml"] {
        let (code, policy, told) = from(&[], &fixture(name));
        assert_eq!(code, Some(1), "{name}");
        let place = Place::new();
        place.write("written.json", &policy.to_string());
        place.write("bundle.json", r#"{"keys":[]}"#);
        let output = Run::new(&["lint"]).args(&[place.path("written.json").to_str().unwrap()]).with("");
        let faults: Vec<String> =
            text(&output.stdout).lines().filter(|line| line.contains(" fault: ")).map(str::to_owned).collect();
        let empty = |line: &&String| !line.contains("no usable key");
        assert_eq!(faults.iter().filter(empty).collect::<Vec<_>>(), Vec::<&String>::new(), "{name}: {policy}");
        assert!(told.iter().all(|line| line.contains(": ")), "{told:?}");
    }
}

#[test]
fn what_is_carried_over() {
    let (_, policy, told) = from(&[], &fixture("single.yaml"));
    assert_eq!(paths(&told, ""), ["rules[0]"]);
    let entries =
        json!([{"kind": "at+jwt", "issuer": "https://as.example"}, {"kind": "jwt", "issuer": "https://as.example"}]);
    let expected = |audience: &str, routes: &str| json!({"accept": entries, "audience": [audience], "leeway_seconds": 30, "comment": routes});
    assert_eq!(
        policy["policies"],
        json!({"provider1": expected("api_audience", "for prefix /api"), "provider1-2": expected("audience1", "for prefix /")})
    );
    assert_eq!(policy["trust"][0]["jwks"]["keys"][0]["kid"], "k1");

    let (_, policy, told) = from(&[], &fixture("remote.yaml"));
    let at = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.";
    assert_eq!(
        paths(&told, at),
        ["providers.books.remote_jwks.cache_duration", "providers.books.remote_jwks.http_uri.cluster", "rules"]
    );
    assert_eq!(policy["trust"], json!([{"issuer": "https://as.example", "jwks_uri": "https://as.example/jwks.json"}]));
    assert_eq!(policy["policies"]["books"]["audience"], json!(["android.books.example", "web.books.example"]));

    let (_, policy, told) = from(&[], &fixture("group.yaml"));
    assert_eq!(paths(&told, ""), ["providers.assertion.from_headers[1]", "rules[2].requires"]);
    let both = &policy["policies"]["provider1-and-assertion"]["credentials"];
    assert_eq!((&both[0]["from"], &both[1]["from"]), (&json!("authorization"), &json!({"header": "jwt-assertion"})));
    assert_eq!((&both[0]["remove"], &both[1]["remove"]), (&Value::Null, &json!(true)));

    let (_, policy, told) = from(&[], &fixture("istio.json"));
    let left_out = paths(&told, "typed_config.");
    assert!(left_out.contains(&"providers.origins-0.audiences"), "{left_out:?}");
    assert!(left_out.contains(&"rules[0].requires.requires_any.requirements[1]"), "{left_out:?}");
    assert_eq!(
        policy["policies"]["origins-0"]["audience"],
        json!(["urn:countersign:write-the-audience-of-this-service-here"])
    );
    let (_, policy, told) = from(&["--audience", "https://api.example"], &fixture("istio.json"));
    assert!(!told.join("\n").contains("audiences"), "{told:?}");
    assert_eq!(policy["policies"]["origins-0"]["audience"], json!(["https://api.example"]));

    let (_, policy, told) = from(&[], &fixture("gateway.yaml"));
    assert_eq!(policy["policies"]["httproute-default-foo-rule-0"]["attributes"], json!({"sub": "/sub"}));
    assert!(told.iter().any(|line| line.ends_with(r#""identity_headers": {"x-sub": "attributes.sub"}"#)), "{told:?}");
}

#[test]
fn what_is_not_carried_over_is_reported_with_its_path() {
    let (_, policy, told) = from(&[], &fixture("everything.yaml"));
    let cookie = "providers.full.from_cookies[0]";
    assert_eq!(
        paths(&told, ""),
        [
            "filter_state_rules",
            "bypass_cors_preflight",
            "stat_prefix",
            "providers.anybody.issuer",
            "providers.full.from_params",
            "providers.full.forward_payload_header",
            "providers.full.pad_forward_payload_header",
            "providers.full.payload_in_metadata",
            "providers.full.normalize_payload_in_metadata",
            "providers.full.header_in_metadata",
            "providers.full.failed_status_in_metadata",
            "providers.full.jwt_cache_config",
            "providers.full.clear_route_cache",
            cookie,
            "providers.full.clock_skew_seconds",
            "providers.full.claim_to_headers[0]",
            "providers.full.claim_to_headers[1]",
            "providers.pem.local_jwks",
            "providers.people.subjects",
            "providers.plain_http.remote_jwks.retry_policy",
            "providers.plain_http.remote_jwks.http_uri.uri",
            "providers.plain_http.remote_jwks.http_uri.cluster",
            "providers.query.from_params",
            "providers.query",
            "providers.twice",
            "rules[1].requires.requires_any.requirements[1]",
            "rules[3].requires",
            "rules[4].requires",
            "rules[5].requires",
        ]
    );
    // An authority without a policy is not trusted, and what could not be written has none.
    let authorities: Vec<&Value> = policy["trust"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| if entry["issuer"].is_null() { &entry["trust_domain"] } else { &entry["issuer"] })
        .collect();
    assert_eq!(authorities, ["https://as.example", "http://as.example", "example.org"]);
    let names: Vec<&String> = policy["policies"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["by-name", "full", "full-2", "per-route", "plain_http", "workloads"]);
    assert_eq!(policy["policies"]["full-2"]["mode"], "shadow");
    let workloads = &policy["policies"]["workloads"]["credentials"][0]["accept"];
    assert_eq!(
        *workloads,
        json!([{"kind": "jwt-svid", "trust_domain": "example.org", "subjects": ["spiffe://example.org/ns/prod/**"], "max_lifetime_seconds": 3600}])
    );
}

/// A policy that is written decides as jwt_authn does.
#[test]
fn a_written_policy_decides_as_the_filter_does() {
    let key = Key::new("k1");
    let jwks = json!({"keys": [key.entry("sig")]}).to_string();
    let provider = |issuer: &str, audience: &str| json!({"issuer": issuer, "audiences": [audience], "forward": true, "localJwks": {"inlineString": jwks}});
    let any = json!([{"providerName": "one"}, {"providerName": "two"}]);
    let configuration = json!({
        "providers": {"one": provider("https://one.example", "a1"), "two": provider("https://two.example", "a2")},
        "rules": [{"match": {"prefix": "/"}, "requires": {"requiresAny": {"requirements": any}}}],
    });
    let (code, policy, told) = from(&[], &configuration.to_string());
    assert_eq!((code, paths(&told, "")), (Some(0), vec![]));
    let place = Place::new();
    place.write("written.json", &policy.to_string());
    let now = NOW.to_string();
    let token = |issuer: &str, audience: Value, typ: &str| {
        let claims = json!({"iss": issuer, "aud": audience, "sub": "u", "client_id": "c", "jti": "j", "iat": NOW - 10, "exp": NOW + 50});
        key.sign(&json!({"alg": "ES256", "typ": typ, "kid": "k1"}), &claims)
    };
    for (issuer, audience, accepted) in [
        ("https://one.example", json!("a1"), true),
        ("https://two.example", json!(["x", "a2"]), true),
        ("https://one.example", json!("a2"), false),
        ("https://two.example", json!(["a1"]), false),
        ("https://three.example", json!("a1"), false),
    ] {
        for typ in ["JWT", "at+jwt"] {
            let line = crate::support::bearer("1", &token(issuer, audience.clone(), typ));
            let file = place.path("written.json");
            let output =
                Run::new(&["decide", "--now", &now, "--policy", file.to_str().unwrap()]).with(line.to_string());
            let decision: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(decision["decision"] == "accept", accepted, "{issuer} {audience} {typ}: {decision}");
        }
    }
}

#[test]
fn what_is_no_configuration_of_the_filter() {
    for (configuration, expected) in [
        ("a: 1", "no configuration of jwt_authn is in it"),
        ("a: [1", "line "),
        ("providers: {a: {local_jwks: {inline_string: '{}'}}}", "providers.a.issuer"),
        ("providers: &a {b: *a}", "alias"),
        ("\u{1}", ""),
    ] {
        let (code, _, told) = from(&[], configuration);
        assert_eq!(code, Some(2), "{configuration}");
        assert!(told.join("\n").contains(expected), "{told:?}");
    }
}
