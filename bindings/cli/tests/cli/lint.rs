//! `lint`

use serde_json::{Value, json};

use crate::support::{Key, Place, Run, b64, keys, text};

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
    policy["policies"]["default"]["origin"] = json!("https://api.example");
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

/// Policies by which no token can ever be accepted, or none after a while.
#[test]
fn policies_that_accept_nothing() {
    let place = Place::new();
    let warns_at = |policy: &Value, at: &str| findings(&lint(&[], &policy.to_string()).1).contains(&("warning", at));
    let mut policy = place.policy();
    policy["trust"][1]["jwks"] = keys(&[place.domain.entry("sig")]);
    policy["policies"]["default"]["accept"] = json!([{"kind": "at+jwt", "scope": "a", "algorithms": ["RS256"]}]);
    let at = "/policies/default/accept/0";
    assert!(warns_at(&policy, at), "keys that were read sign with ES256");
    policy["policies"]["default"]["accept"][0]["algorithms"] = json!(["RS256", "ES256"]);
    assert!(!warns_at(&policy, at));
    policy["policies"]["default"]["algorithms"] = json!("RS256");
    assert!(warns_at(&policy, at), "the algorithms of the policy narrow those of the entry");

    let issuer = policy["trust"][1]["issuer"].clone();
    policy["trust"][1] = json!({"issuer": issuer, "jwks_uri": "https://as.example/jwks"});
    assert!(!warns_at(&policy, at), "keys that were not read may sign with any");
    policy["trust"][1]["algorithms"] = json!(["ES384"]);
    assert!(warns_at(&policy, at), "the trust entry names its algorithms");

    let mut policy = place.policy();
    assert!(!warns_at(&policy, "/trust/0/max_stale_seconds"));
    policy["trust"][0]["max_stale_seconds"] = json!(60);
    assert!(warns_at(&policy, "/trust/0/max_stale_seconds"), "an inline bundle is loaded once");

    let from_header =
        json!({"name": "a", "from": {"header": "x-token"}, "accept": ["at+jwt"], "audience": "https://api.example"});
    for (from, warned) in [(from_header["from"].clone(), true), (json!("authorization"), false)] {
        let mut credential = from_header.clone();
        credential["from"] = from;
        let mut policy = place.policy();
        policy["policies"]["default"] = json!({"credentials": [credential], "binding": {"require": "dpop"}});
        assert_eq!(warns_at(&policy, "/policies/default/binding/require"), warned, "{policy}");
    }
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
    assert_eq!((code, findings(&report)), (Some(1), vec![("fault", "")]));
    // The same keys are none of a bundle.
    let (code, report) = lint(&["--kind", "bundle"], &keys(&[key.entry("sig")]).to_string());
    assert_eq!((code, findings(&report)[..2].to_vec()), (Some(1), vec![("warning", "/keys/0"), ("fault", "")]));
    assert_eq!(lint(&["--kind", "jwks"], "[]").0, Some(1));
    assert_eq!(lint(&[], "[]").0, Some(2));
    assert_eq!(lint(&["/nonexistent"], "").0, Some(3));
}

/// Base64 with padding.
fn standard(text: &str) -> String {
    let unpadded = b64(text.as_bytes()).replace('-', "+").replace('_', "/");
    let padding = (4 - unpadded.len() % 4) % 4;
    unpadded + &"=".repeat(padding)
}

/// The keys of a trust domain as the Workload API hands them out.
fn authorities(of: &[&Key]) -> Value {
    let without_use = |key: &&Key| {
        let mut entry = key.entry("");
        entry.as_object_mut().unwrap().remove("use");
        entry
    };
    json!({"keys": of.iter().map(without_use).collect::<Vec<_>>()})
}

#[test]
fn a_document_of_another_form_than_its_setting_says() {
    let (place, key) = (Place::new(), Key::new("a"));
    let bundle = json!({"keys": [key.entry("jwt-svid")], "spiffe_sequence": 1, "spiffe_refresh_hint": 60});
    for (member, document, told) in [
        ("bundle", authorities(&[&key]), "it looks like a JWK set, and is read as a SPIFFE bundle"),
        ("jwks", bundle.clone(), "it looks like a SPIFFE bundle, and is read as a JWK set"),
    ] {
        let mut policy = place.policy();
        policy["trust"][0] = json!({"trust_domain": "example.org", member: document});
        let (_, report) = lint(&[], &policy.to_string());
        let told_there = texts(&report, &format!("/trust/0/{member}"));
        assert!(told_there.iter().any(|text| text.starts_with(told)), "{report}");
    }
    let mut policy = place.policy();
    policy["trust"][0] = json!({"trust_domain": "example.org", "jwks": authorities(&[&key])});
    policy["policies"]["default"]["accept"][0] = json!({"kind": "jwt-svid", "subjects": "spiffe://example.org/**"});
    policy["policies"]["default"]["origin"] = json!("https://api.example");
    let (code, report) = lint(&["--strict"], &policy.to_string());
    assert_eq!((code, findings(&report)), (Some(0), vec![]), "{report}");
}

#[test]
fn bundle_maps_alone_and_in_a_policy() {
    let (place, key) = (Place::new(), Key::new("a"));
    let bundle = |entry: Value| json!({"keys": [entry], "spiffe_sequence": 1, "spiffe_refresh_hint": 60});
    let map = json!({"trust_domains": {"example.org": bundle(key.entry("jwt-svid")), "b": bundle(key.entry("sig"))}});
    let set = standard(&authorities(&[&key]).to_string());
    let helper = json!({"example.org": set, "b": standard(r#"{"keys":[{"kty":"EC","kid":"b"}]}"#)});

    let (code, report) = lint(&[], &map.to_string());
    assert_eq!((code, &report["kind"]), (Some(1), &json!("bundle-map")));
    let at = "/trust_domains/b";
    assert_eq!(findings(&report), [("warning", format!("{at}/keys/0").as_str()), ("fault", at)]);
    let (code, report) = lint(&[], &helper.to_string());
    assert_eq!((code, &report["kind"]), (Some(1), &json!("spiffe-helper")));
    assert_eq!(findings(&report), [("fault", "/b/keys/0/crv"), ("fault", "/b")], "{report}");
    assert_eq!(report["sets"][1]["authority"], "trust domain example.org");
    assert_eq!(lint(&["--kind", "bundle-map"], &helper.to_string()).0, Some(1));
    assert_eq!(lint(&["--kind", "spiffe-helper"], &map.to_string()).0, Some(1));

    for (format, document, at) in
        [("spiffe", &map, "/trust/0/bundle_map/trust_domains/b"), ("spiffe-helper", &helper, "/trust/0/bundle_map/b")]
    {
        let mut policy = place.policy();
        policy["policies"]["default"]["origin"] = json!("https://api.example");
        policy["trust"][0] =
            json!({"trust_domains": ["example.org", "b", "c"], "bundle_map": document, "format": format});
        policy["policies"]["default"]["accept"][0] = json!({"kind": "jwt-svid", "subjects": "spiffe://b/**"});
        let (code, report) = lint(&[], &policy.to_string());
        assert_eq!(code, Some(1));
        assert!(texts(&report, at).contains(&"no usable key: every token of this authority is refused"), "{report}");
        assert_eq!(texts(&report, "/trust/0/bundle_map"), ["no trust domain c: its tokens are refused"], "{report}");
        policy["trust"][0]["bundle_map"] =
            if format == "spiffe" { json!({"trust_domains": {"b": 1}}) } else { json!({"b": "?"}) };
        let (code, report) = lint(&[], &policy.to_string());
        assert_eq!(code, Some(1));
        let expected = if format == "spiffe" { "no array `keys`" } else { "not a text in base64 with padding" };
        assert_eq!(texts(&report, at), [expected], "{report}");
        let others = ["example.org", "c"].map(|name| format!("no trust domain {name}: its tokens are refused"));
        assert_eq!(texts(&report, "/trust/0/bundle_map"), others, "{report}");
    }
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

/// The text of every finding at a place.
fn texts<'a>(report: &'a Value, at: &str) -> Vec<&'a str> {
    let all = report["findings"].as_array().unwrap().iter();
    all.filter(|finding| finding["at"] == at).map(|finding| finding["text"].as_str().unwrap()).collect()
}

#[test]
fn an_authority_without_a_usable_key_is_a_fault() {
    let place = Place::new();
    for (at, document) in [
        ("/trust/0/bundle", keys(&[])),
        ("/trust/0/bundle", keys(&[place.domain.entry("x509-svid")])),
        ("/trust/1/jwks", keys(&[])),
        ("/trust/1/jwks", keys(&[place.server.entry("enc")])),
        ("/trust/1/jwks", keys(&[json!({"kty": "AKP", "kid": "later"})])),
    ] {
        let mut policy = place.policy();
        *policy.pointer_mut(at).unwrap() = document;
        let (code, report) = lint(&[], &policy.to_string());
        assert_eq!(code, Some(1), "{report}");
        assert!(findings(&report).contains(&("fault", at)), "{at}: {report}");
    }
    // The same in a file, and on its own.
    let mut policy = place.policy();
    policy["trust"][1] = json!({"issuer": "https://as.example", "jwks_file": "jwks.json"});
    let path = place.write("policy.json", &policy.to_string());
    place.write("jwks.json", r#"{"keys":[]}"#);
    assert_eq!(lint(&[path.to_str().unwrap()], "").0, Some(1));
    for kind in ["bundle", "jwks"] {
        let (code, report) = lint(&["--kind", kind], r#"{"keys":[]}"#);
        assert_eq!((code, findings(&report)[0]), (Some(1), ("fault", "")), "{kind}");
    }
}

#[test]
fn a_malformed_key_has_the_name_of_its_member() {
    let good = Key::new("a").entry("sig");
    let rsa = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "b"});
    let with = |key: &Value, member: &str, value: Value| {
        let mut key = key.clone();
        key[member] = value;
        key
    };
    let without = |key: &Value, member: &str| {
        let mut key = key.clone();
        key.as_object_mut().unwrap().remove(member);
        key
    };
    for (key, code, member) in [
        (with(&good, "kid", json!(7)), "malformed", "kid"),
        (with(&good, "use", json!(7)), "malformed", "use"),
        (with(&good, "x", json!([])), "malformed", "x"),
        (with(&good, "key_ops", json!("verify")), "malformed", "key_ops"),
        (with(&good, "key_ops", json!(["verify", 1])), "malformed", "key_ops"),
        (with(&rsa, "n", json!(65537)), "malformed", "n"),
        (without(&good, "y"), "member_missing", "y"),
        (without(&good, "x"), "member_missing", "x"),
        (without(&good, "crv"), "member_missing", "crv"),
        (without(&rsa, "e"), "member_missing", "e"),
        (json!({"kty": "OKP", "crv": "Ed25519", "kid": "c"}), "member_missing", "x"),
        (with(&good, "x", json!("AAAA")), "encoding", "x"),
        (with(&good, "y", json!("a+/b")), "encoding", "y"),
        (with(&rsa, "n", json!("AAEB")), "encoding", "n"),
        (with(&rsa, "e", json!("AAEAAQ==")), "encoding", "e"),
        (json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "c"}), "encoding", "x"),
    ] {
        let (status, report) = lint(&["--kind", "jwks"], &keys(&[good.clone(), key.clone()]).to_string());
        assert_eq!(status, Some(1), "{key}");
        let found = texts(&report, &format!("/keys/1/{member}"));
        assert!(found.len() == 1 && found[0].contains(&format!(": {code}: ")), "{key}: {report}");
    }
    let (_, report) = lint(&["--kind", "jwks"], &keys(&[good, json!(7)]).to_string());
    assert_eq!(texts(&report, "/keys/1"), ["dropped: malformed: not a JSON object"]);
}

#[test]
fn two_keys_under_one_kid() {
    let (one, two) = (Key::new("same").entry("sig"), Key::new("same").entry("sig"));
    let set = keys(&[one.clone(), two]);
    let (code, report) = lint(&["--kind", "jwks"], &set.to_string());
    assert_eq!(code, Some(1));
    let same = "dropped (same): key_id_repeated: another key has the same kid, so a token cannot say which it means";
    assert_eq!(texts(&report, "/keys/0"), [same]);
    // RFC 7517 §4.5 names keys of different types under one kid as a use of it.
    let rsa = json!({"kty": "RSA", "n": MODULUS, "e": "AQAB", "kid": "same"});
    let (code, report) = lint(&["--kind", "jwks"], &keys(&[one, rsa]).to_string());
    assert_eq!((code, report["sets"][0]["keys"].as_array().unwrap().len()), (Some(0), 2), "{report}");
}

#[test]
fn a_looser_selection_of_keys() {
    let place = Place::new();
    let mut policy = place.policy();
    for (member, value) in [("try_keys", json!(3)), ("match_x5t", json!(true)), ("eddsa_is_ed25519", json!(true))] {
        policy["trust"][1][member] = value;
        let (code, report) = lint(&[], &policy.to_string());
        assert_eq!((code, texts(&report, &format!("/trust/1/{member}")).len()), (Some(0), 1), "{report}");
    }
    // A key set as rotation with one kid leaves it: as many keys as are tried.
    let (one, two) = (Key::new("same").entry("sig"), Key::new("same").entry("sig"));
    policy["trust"][1]["jwks"] = keys(&[one, two]);
    let (code, report) = lint(&[], &policy.to_string());
    assert_eq!(code, Some(0), "{report}");
    policy["trust"][1]["try_keys"] = json!(1);
    assert_eq!(lint(&[], &policy.to_string()).0, Some(1));
}

#[test]
fn a_gate_that_uses_no_proof_up() {
    let place = Place::new();
    let mut policy = place.policy();
    let at = "/policies/default/dpop/consume";
    for (consume, warned) in [("observe", true), ("here", false)] {
        policy["policies"]["default"]["dpop"] = json!({"consume": consume});
        let (code, report) = lint(&[], &policy.to_string());
        assert_eq!((code, findings(&report).contains(&("warning", at))), (Some(0), warned), "{report}");
    }
    policy["policies"]["default"]["dpop"] = json!({"eddsa_is_ed25519": true});
    let (_, report) = lint(&[], &policy.to_string());
    assert!(findings(&report).contains(&("warning", "/policies/default/dpop/eddsa_is_ed25519")), "{report}");
}

/// An RSA modulus of 2048 bits.
const MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

#[test]
fn kinds_that_no_entry_of_trust_can_sign() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"].as_array_mut().unwrap().remove(0);
    let (code, report) = lint(&[], &policy.to_string());
    assert_eq!(code, Some(0), "{report}");
    assert!(findings(&report).contains(&("warning", "/policies/default/accept/0")), "{report}");
    assert_eq!(
        texts(&report, "/policies/default/accept/0")[0],
        "every jwt-svid is refused: /trust has no trust domain, and only a trust domain signs that kind"
    );
    let mut policy = place.policy();
    policy["trust"].as_array_mut().unwrap().remove(1);
    policy["policies"]["default"]["accept"] = json!([{"kind": "at+jwt", "scope": "a"}, {"kind": "jwt", "scope": "a"}]);
    let (_, report) = lint(&[], &policy.to_string());
    for (place, kind) in ["at+jwt", "jwt"].into_iter().enumerate() {
        assert_eq!(
            texts(&report, &format!("/policies/default/accept/{place}")),
            [format!("every {kind} is refused: /trust has no issuer, and only an issuer signs that kind")]
        );
    }
}

#[test]
fn subjects_that_can_match_nothing() {
    let place = Place::new();
    let svid = |subjects: Value, more: Value| {
        let mut policy = place.policy();
        policy["trust"].as_array_mut().unwrap().push(json!({"trust_domain": "other.example"}));
        let mut entry = json!({"kind": "jwt-svid", "subjects": subjects});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        policy["policies"]["default"]["accept"] = json!([entry]);
        policy
    };
    let at = |index: usize| format!("/policies/default/accept/0/subjects/{index}");
    let subjects = json!(["spiffe://example.org/**", "spiffe://exmaple.org/**", "spiffe://other.example/a"]);
    let (code, report) = lint(&[], &svid(subjects.clone(), json!({})).to_string());
    assert_eq!(code, Some(0));
    let unknown =
        "no token that this policy accepts has such a subject: no entry of /trust may name a workload of exmaple.org";
    assert_eq!(texts(&report, &at(1)), [unknown]);
    assert!(texts(&report, &at(0)).is_empty() && texts(&report, &at(2)).is_empty(), "{report}");
    // The entry takes one trust domain only.
    let (_, report) = lint(&[], &svid(subjects, json!({"trust_domain": "example.org"})).to_string());
    assert_eq!((texts(&report, &at(0)).len(), texts(&report, &at(1)).len(), texts(&report, &at(2)).len()), (0, 1, 1));

    // An issuer names workloads of the domains that it is given, and those of no other.
    let mut policy = place.policy();
    policy["policies"]["default"]["accept"] = json!([{"kind": "at+jwt"}]);
    policy["policies"]["default"]["subjects"] = json!(["alice", "spiffe://example.org/**"]);
    let (_, report) = lint(&[], &policy.to_string());
    assert_eq!(texts(&report, "/policies/default/subjects/1").len(), 1, "{report}");
    assert!(texts(&report, "/policies/default/subjects/0").is_empty(), "{report}");
    policy["trust"][1]["spiffe_trust_domains"] = json!("example.org");
    let (_, report) = lint(&[], &policy.to_string());
    assert!(texts(&report, "/policies/default/subjects/1").is_empty(), "{report}");
    // One kind of two is enough.
    policy["trust"][1].as_object_mut().unwrap().remove("spiffe_trust_domains");
    policy["policies"]["default"]["subjects"] = json!("spiffe://example.org/**");
    policy["policies"]["default"]["accept"] = json!(["at+jwt", "jwt-svid"]);
    let (_, report) = lint(&[], &policy.to_string());
    assert!(texts(&report, "/policies/default/subjects").is_empty(), "{report}");
}

#[test]
fn a_nonce_lifetime_where_nonces_are_off() {
    let place = Place::new();
    let mut policy = place.policy();
    let at = "/policies/default/dpop/nonce_lifetime_seconds";
    for (dpop, warned) in [
        (json!({"nonce_lifetime_seconds": 60}), true),
        (json!({"nonce_lifetime_seconds": 60, "nonce": "off"}), true),
        (json!({"nonce_lifetime_seconds": 60, "nonce": "required"}), false),
        (json!({"nonce": "off"}), false),
    ] {
        policy["policies"]["default"]["dpop"] = dpop.clone();
        let (code, report) = lint(&[], &policy.to_string());
        assert_eq!((code, findings(&report).contains(&("warning", at))), (Some(0), warned), "{dpop}: {report}");
    }
}

#[test]
fn an_age_of_proofs_where_nonces_decide_it() {
    let place = Place::new();
    let mut policy = place.policy();
    let at = "/policies/default/dpop/max_age_seconds";
    for (dpop, warned) in [
        (json!({"max_age_seconds": 60, "nonce": "required"}), true),
        (json!({"max_age_seconds": 60}), false),
        (json!({"nonce": "required"}), false),
    ] {
        policy["policies"]["default"]["dpop"] = dpop.clone();
        let (code, report) = lint(&[], &policy.to_string());
        assert_eq!((code, findings(&report).contains(&("warning", at))), (Some(0), warned), "{dpop}: {report}");
    }
}

#[test]
fn a_kind_that_is_listed_again() {
    let place = Place::new();
    let mut policy = place.policy();
    for (accept, warned) in [
        (json!(["at+jwt", "jwt-svid", "at+jwt"]), Some("/policies/default/accept/2")),
        (json!(["at+jwt", {"kind": "at+jwt", "scope": "a"}]), Some("/policies/default/accept/1")),
        (json!([{"kind": "at+jwt", "comment": 1}, {"kind": "at+jwt"}]), Some("/policies/default/accept/1")),
        (
            json!([{"kind": "at+jwt", "scope": "a"}, {"kind": "at+jwt", "scope": "a", "comment": 1}]),
            Some("/policies/default/accept/1"),
        ),
        (json!([{"kind": "at+jwt", "scope": "a"}, {"kind": "at+jwt", "scope": "b"}]), None),
        (json!([{"kind": "at+jwt", "scope": "a"}, "at+jwt"]), None),
        (
            json!([{"kind": "at+jwt", "scope": "a"}, {"kind": "at+jwt", "scope": ["b", "a"]}]),
            Some("/policies/default/accept/1"),
        ),
        (json!(["at+jwt", "jwt-svid"]), None),
    ] {
        policy["policies"]["default"]["accept"] = accept.clone();
        let (_, report) = lint(&[], &policy.to_string());
        let again: Vec<&Value> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["text"].as_str().unwrap().contains("never decides"))
            .collect();
        assert_eq!(again.first().map(|finding| finding["at"].as_str().unwrap()), warned, "{accept}: {report}");
        assert!(again.len() <= 1 && again.iter().all(|finding| finding["severity"] == "warning"));
    }
}

#[test]
fn an_entry_that_makes_the_conditions_of_an_earlier_one_void() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["policies"]["default"]["origin"] = json!("https://api.example");
    let issuer = "https://as.example";
    for (accept, is_void) in [
        (json!([{"kind": "at+jwt", "scope": "a"}, "at+jwt"]), true),
        (json!([{"kind": "at+jwt", "scope": "a", "issuer": issuer}, {"kind": "at+jwt", "issuer": [issuer]}]), true),
        (json!([{"kind": "at+jwt", "scope": ["a", "b"]}, {"kind": "at+jwt", "scope": "b"}]), true),
        (json!([{"kind": "at+jwt", "subjects": "a"}, {"kind": "at+jwt", "subjects": ["b", "a"]}]), true),
        (
            json!([{"kind": "at+jwt", "algorithms": ["ES256"]}, {"kind": "at+jwt", "algorithms": ["RS256", "ES256"]}]),
            true,
        ),
        (
            json!([{"kind": "at+jwt", "max_lifetime_seconds": 60}, {"kind": "at+jwt", "max_lifetime_seconds": 300}]),
            true,
        ),
        (json!([{"kind": "at+jwt", "scope": "a"}, {"kind": "at+jwt", "scope": "b"}]), false),
        (json!([{"kind": "at+jwt", "scope": "a"}, {"kind": "at+jwt", "subjects": "a"}]), false),
        (json!([{"kind": "at+jwt", "scope": "a"}, {"kind": "jwt", "scope": "b"}]), false),
        (
            json!([{"kind": "at+jwt", "max_lifetime_seconds": 300, "scope": "a"}, {"kind": "at+jwt", "max_lifetime_seconds": 60}]),
            false,
        ),
    ] {
        policy["policies"]["default"]["accept"] = accept.clone();
        let (_, report) = lint(&[], &policy.to_string());
        let text = "this entry accepts all that entry 0 does, so the conditions of entry 0 refuse no token";
        let said = texts(&report, "/policies/default/accept/1");
        assert_eq!(said, if is_void { vec![text] } else { vec![] }, "{accept}: {report}");
    }
}

#[test]
fn a_policy_that_takes_proofs_without_an_origin() {
    let place = Place::new();
    let mut policy = place.policy();
    for (members, warned) in [
        (json!({"accept": ["at+jwt"]}), true),
        (json!({"accept": ["at+jwt"], "origin": "https://api.example"}), false),
        (json!({"accept": ["at+jwt"], "binding": {"require": "mtls"}}), false),
        (json!({"accept": ["jwt-svid"]}), false),
        (json!({"accept": ["jwt-svid"], "binding": {"require": "any"}}), true),
    ] {
        let mut members = members;
        members["audience"] = json!("https://api.example");
        policy["policies"]["default"] = members.clone();
        let (code, report) = lint(&[], &policy.to_string());
        let text = "DPoP proofs are accepted and `origin` is absent: where the host has no origin either, the Host that a client sends \
                    decides which URI a proof must be for";
        let said = texts(&report, "/policies/default");
        assert_eq!((code, said), (Some(0), if warned { vec![text] } else { vec![] }), "{members}: {report}");
    }
}

#[test]
fn a_tie_that_names_an_optional_credential() {
    let place = Place::new();
    let mut policy = place.policy();
    let credential = |name: &str, header: &str, required: bool| json!({"name": name, "from": {"header": header}, "accept": ["at+jwt"], "required": required});
    for (required, warned) in [(true, false), (false, true)] {
        policy["policies"]["default"] = json!({
            "audience": "https://api.example",
            "origin": "https://api.example",
            "credentials": [
                {"name": "client", "from": "authorization", "accept": ["at+jwt"]},
                credential("user", "x-user", required),
                credential("other", "x-other", true)],
            "tie": [
                {"left": "client:/sub", "is": "equal", "right": "other:/sub"},
                {"left": "user:/sub", "is": "equal", "right": "client:/sub"}]});
        let (code, report) = lint(&[], &policy.to_string());
        let text = "the credential user is optional: a request without it is accepted and compared with nothing; \
                    \"required\": true demands it";
        let said = texts(&report, "/policies/default/tie/1");
        assert_eq!((code, said), (Some(0), if warned { vec![text] } else { vec![] }), "{report}");
        assert!(texts(&report, "/policies/default/tie/0").is_empty(), "{report}");
    }
}

#[test]
fn places_where_a_credential_is_presented() {
    let place = Place::new();
    let mut policy = place.policy();
    let anonymous =
        "a request without this credential passes, as that of an anonymous client, whatever `binding` requires";
    let cookie = "browsers send a cookie with requests that pages of others make: give it SameSite=Strict or Lax, and have the \
                  application check Origin (RFC 6265 §8.2)";
    let protocol = "an upstream that chooses the subprotocol with the token sends the token back; \"remove\": true keeps it from it";
    for (from, more, at, text) in [
        (json!("authorization"), json!({}), "required", None),
        (json!("authorization"), json!({"required": false}), "required", Some(anonymous)),
        (json!({"header": "x-a", "scheme": "Token"}), json!({}), "from", None),
        (json!({"cookie": "a"}), json!({}), "from", Some(cookie)),
        (json!({"websocket_protocol": "a."}), json!({}), "remove", Some(protocol)),
        (json!({"websocket_protocol": "a."}), json!({"remove": true}), "remove", None),
    ] {
        let mut credential = json!({"name": "client", "from": from, "accept": ["at+jwt"]});
        credential.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        policy["policies"]["default"] =
            json!({"audience": "https://api.example", "origin": "https://api.example", "credentials": [credential]});
        let (code, report) = lint(&[], &policy.to_string());
        let said = texts(&report, &format!("/policies/default/credentials/0/{at}"));
        assert_eq!((code, said), (Some(0), Vec::from_iter(text)), "{policy}: {report}");
    }
}

/// The warnings about a policy's `accept` are those about each credential's.
#[test]
fn entries_of_credentials() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"].as_array_mut().unwrap().remove(0);
    policy["policies"]["default"] = json!({
        "audience": "https://api.example",
        "origin": "https://a.example",
        "credentials": [
            {"name": "client", "from": "authorization", "accept": ["jwt-svid", {"kind": "jwt"}]},
            {"name": "txn", "from": {"header": "txn-token"}, "audience": "example.org",
             "accept": [{"kind": "txntoken+jwt", "subjects": "spiffe://other.example/**"}, "txntoken+jwt", "txntoken+jwt"]},
        ],
    });
    policy["policies"]["other"] =
        json!({"accept": ["at+jwt"], "audience": "example.org", "origin": "https://b.example"});
    let (code, report) = lint(&[], &policy.to_string());
    assert_eq!(code, Some(0), "{report}");
    let at = |rest: &str| texts(&report, &format!("/policies/default/credentials/{rest}"));
    assert_eq!(
        at("0/accept/0"),
        ["every jwt-svid is refused: /trust has no trust domain, and only a trust domain signs that kind"]
    );
    assert_eq!(at("0/accept/1"), ["a plain JWT without a condition: ID tokens for the same audience pass too"]);
    let unknown =
        "no token that this policy accepts has such a subject: no entry of /trust may name a workload of other.example";
    assert_eq!(at("1/accept/0/subjects"), [unknown]);
    assert_eq!(at("1/accept/2"), ["entry 1 accepts all that this one does, so this one never decides"]);
    let shared = "the policies default, other have different origins and share the audience example.org: a token for one is good for all";
    assert_eq!(texts(&report, "/policies"), [shared]);
}

#[test]
fn transaction_tokens_without_a_tie_and_tools_that_are_none() {
    let place = Place::new();
    let mut policy = place.policy();
    let client = json!({"name": "client", "from": "authorization", "accept": ["at+jwt"]});
    let txn =
        json!({"name": "txn", "from": {"header": "txn-token"}, "audience": "example.org", "accept": ["txntoken+jwt"]});
    policy["policies"]["default"] =
        json!({"audience": "https://api.example", "credentials": [client, txn], "tools": []});
    let untied = "no `tie` compares this transaction token with the credential of the client: one that was issued for \
                  another client passes too";
    let (_, report) = lint(&[], &policy.to_string());
    assert_eq!(texts(&report, "/policies/default/credentials/1"), [untied], "{report}");
    assert_eq!(texts(&report, "/policies/default/tools"), ["every call of a tool is refused: no tool is named"]);
    policy["policies"]["default"]["tie"] = json!([{"left": "txn:/sub", "is": "equal", "right": "client:/sub"}]);
    policy["policies"]["default"]["tools"] = json!([{"name": "read"}]);
    let (code, report) = lint(&["--strict"], &policy.to_string());
    assert_eq!(texts(&report, "/policies/default/credentials/1"), [""; 0], "{code:?} {report}");
    assert_eq!(texts(&report, "/policies/default/tools"), [""; 0]);
    policy["policies"]["default"] = json!({"audience": "https://api.example", "credentials": [txn]});
    let (_, report) = lint(&[], &policy.to_string());
    let alone = texts(&report, "/policies/default/credentials/0");
    assert!(alone[0].starts_with("a transaction token is no credential of a client"), "{report}");
}

#[test]
fn a_trust_document_past_a_limit() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][1]["jwks"]["more"] = (0..16).fold(json!(0), |inner, _| json!([inner]));
    let (code, report) = lint(&[], &policy.to_string());
    assert_eq!(code, Some(1));
    let at = format!("/trust/1/jwks/more{}", "/0".repeat(15));
    assert_eq!(
        texts(&report, &at),
        ["found a value at level 17, expected at most 16 levels (limit json_depth)"],
        "{report}"
    );
    let (code, report) = lint(&["--kind", "jwks"], r#"{"keys":[],"a":{"b":1,"b":2}}"#);
    assert_eq!((code, findings(&report)), (Some(1), vec![("fault", "/a/b")]));
}

#[test]
fn a_key_with_the_certificate_of_another() {
    let key = Key::new("a");
    let mut entry = key.entry("sig");
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/keys/client.cert.txt")).unwrap();
    entry["x5c"] = json!([text.trim()]);
    let (code, report) = lint(&[], &keys(&[entry, Key::new("b").entry("sig")]).to_string());
    assert_eq!((code, findings(&report)), (Some(1), vec![("fault", "/keys/0/x5c")]));
    let line = report["findings"][0]["text"].as_str().unwrap();
    assert_eq!(line, "dropped (a): certificate_mismatch: x5c begins with the certificate of another key");
}

#[test]
fn a_key_that_its_trust_entry_does_not_allow() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][1]["algorithms"] = json!(["RS256", "PS256"]);
    let (code, report) = lint(&[], &policy.to_string());
    assert_eq!(code, Some(1), "no key is left: {report}");
    let finding =
        &report["findings"].as_array().unwrap().iter().find(|finding| finding["at"] == "/trust/1/jwks/keys/0").unwrap();
    assert_eq!(finding["severity"], "warning");
    let line = finding["text"].as_str().unwrap();
    assert!(line.contains("algorithm_not_allowed"), "{line}");
    policy["trust"][1]["algorithms"] = json!(["RS256", "none"]);
    policy["trust"][0]["algorithms"] = json!(["EdDSA"]);
    let (code, report) = lint(&[], &policy.to_string());
    assert_eq!(code, Some(1));
    assert_eq!(findings(&report), [("fault", "/trust/0/algorithms/0"), ("fault", "/trust/1/algorithms/1")]);
}

#[test]
fn what_conditions_on_claims_give_up() {
    let place = Place::new();
    let mut policy = place.policy();
    let condition = json!([{"claim": "/token_use", "equals": "access"}]);
    policy["policies"]["default"]["accept"] = json!([
        "at+jwt",
        {"kind": "at+jwt", "absent": ["client_id", "sub"]},
        {"kind": "at+jwt", "scope_from": "/scp"},
        {"kind": "at+jwt", "conditions": condition},
        {"kind": "jwt", "audience_from": "/client_id"},
        {"kind": "jwt", "conditions": condition},
        {"kind": "jwt-svid", "conditions": [{"claim": "/env", "equals": "prod"}]},
    ]);
    let (code, report) = lint(&[], &policy.to_string());
    assert_eq!(code, Some(0), "{report}");
    let at = |rest: &str| texts(&report, &format!("/policies/default/accept/{rest}"));
    assert_eq!(
        at("1/absent"),
        ["tokens without client_id, sub pass, which RFC 9068 §2.2 requires; meant for issuers that cannot be mended"]
    );
    assert_eq!(at("1"), [""; 0], "the entry before it refuses tokens that this one takes");
    assert_eq!(at("2"), [""; 0], "the entry before it refuses tokens that this one takes");
    assert_eq!(at("3"), ["entry 0 accepts all that this one does, so this one never decides"]);
    assert_eq!(at("4/audience_from"), ["tokens without aud pass: /client_id must name the audience in its place"]);
    for entry in ["4", "5", "6"] {
        assert_eq!(at(entry), [""; 0], "{entry} has a condition");
    }
}
