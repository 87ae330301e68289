//! `decide`: keys and revocations that change while it runs.

use serde_json::{Value, json};

use crate::support::{Key, NOW, Place, WEB, bearer, json_lines, keys, text};

fn push(place: &str, document: &Value) -> Value {
    json!({"trust": {"trust_domain": place, "document": document}})
}

#[test]
fn a_pushed_bundle_holds_from_the_next_line_on() {
    let place = Place::new();
    let next = Key::new("domain-2");
    let (old, new) = (place.domain.svid(WEB), next.svid(WEB));
    let (old_entry, new_entry) = (place.domain.entry("jwt-svid"), next.entry("jwt-svid"));
    let answers = place.decisions(&[
        bearer("1", &old),
        bearer("2", &new),
        push("example.org", &keys(&[old_entry.clone(), new_entry.clone()])),
        bearer("4", &old),
        bearer("5", &new),
        push("example.org", &keys(&[new_entry, json!({"kty": "oct", "use": "jwt-svid", "k": "AAAA"})])),
        bearer("7", &old),
        bearer("8", &new),
        push("example.org", &json!({"no": "keys"})),
        bearer("10", &new),
    ]);
    let outcome = |at: usize| (answers[at]["reason"].as_str(), answers[at]["cache"].as_str());
    assert_eq!(outcome(0), (None, Some("miss")));
    assert_eq!(outcome(1), (Some("key_unknown"), Some("miss")));
    assert_eq!(answers[1]["refresh"], "example.org");
    let pushed = json!({
        "id": null, "trust": {"trust_domain": "example.org"}, "kept": 1, "added": 1, "removed": 0, "other_use": 0,
        "dropped_count": 0, "dropped": [], "sequence_reused": false});
    assert_eq!(answers[2], pushed);
    assert_eq!(outcome(3), (None, Some("hit")), "a key that stays keeps its cached tokens");
    assert_eq!(outcome(4), (None, Some("miss")));
    assert_eq!(answers[5]["removed"], 1);
    assert_eq!(answers[5]["dropped"], json!([{"index": 1, "key_id": null, "fault": "private_part"}]));
    assert_eq!(outcome(6), (Some("key_unknown"), Some("miss")), "a cached token dies with its key");
    assert_eq!(outcome(7), (None, Some("hit")));
    assert!(answers[8]["error"].as_str().unwrap().contains("last good one"), "{}", answers[8]);
    assert_eq!(outcome(9), (None, Some("hit")));
}

#[test]
fn an_older_bundle_is_refused_and_another_issuer_untouched() {
    let place = Place::new();
    let bundle = |sequence: u64| json!({"keys": [place.domain.entry("jwt-svid")], "spiffe_sequence": sequence});
    let as_issuer = json!({"trust": {"issuer": "example.org", "document": {"keys": []}}});
    let answers = place.decisions(&[
        push("example.org", &bundle(7)),
        push("example.org", &bundle(6)),
        as_issuer,
        json!({"trust": {"trust_domain": "example.org", "issuer": "x", "document": {"keys": []}}}),
        bearer("5", &place.domain.svid(WEB)),
    ]);
    assert_eq!(answers[0]["kept"], 1);
    for answer in &answers[1..4] {
        assert!(answer["error"].is_string(), "{answer}");
    }
    assert_eq!(answers[4]["decision"], "accept");
}

#[test]
fn a_file_that_is_replaced_is_read_again_and_a_broken_one_is_not_taken() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][0] = json!({"trust_domain": "example.org", "bundle_file": "trust/bundle.json"});
    place.write("policy.json", &policy.to_string());
    std::fs::create_dir(place.path("trust")).unwrap();
    let replace = |text: &str| {
        std::fs::rename(place.write("trust/new", text), place.path("trust/bundle.json")).unwrap();
    };
    let next = Key::new("domain-2");
    let (old, new) = (place.domain.svid(WEB), next.svid(WEB));
    let mut running = place.decide().args(&["--trust-poll"]).spawn();
    let mut reason = |id: &str, token: &str| running.ask(&bearer(id, token))["reason"].clone();
    assert_eq!(reason("no file yet", &old), "keys_stale");
    replace(&keys(&[place.domain.entry("jwt-svid")]).to_string());
    assert_eq!(reason("the file has come", &old), Value::Null);
    replace(&keys(&[next.entry("jwt-svid")]).to_string());
    assert_eq!(reason("rotated out", &old), "key_unknown");
    assert_eq!(reason("rotated in", &new), Value::Null);
    replace("{\"keys\": [");
    assert_eq!(reason("broken", &new), Value::Null);
    std::fs::remove_file(place.path("trust/bundle.json")).unwrap();
    assert_eq!(reason("gone", &new), Value::Null);
    replace(&keys(&[]).to_string());
    assert_eq!(reason("emptied", &new), "key_unknown");
    let complaints = running.end();
    assert_eq!(complaints.lines().count(), 3, "{complaints}");
    assert!(complaints.contains("the last good document stays in use, with 1 key\n"), "{complaints}");
}

#[test]
fn an_unknown_key_makes_it_look_at_the_files_at_once() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][0] = json!({"trust_domain": "example.org", "bundle_file": "bundle.json"});
    place.write("policy.json", &policy.to_string());
    place.write("bundle.json", &keys(&[]).to_string());
    let mut running = place.decide().spawn();
    let line = bearer("1", &place.domain.svid(WEB));
    std::fs::rename(
        place.write("new", &keys(&[place.domain.entry("jwt-svid")]).to_string()),
        place.path("bundle.json"),
    )
    .unwrap();
    let first = running.ask(&line);
    let second = running.ask(&line);
    // Unless a second has passed since the start, the first answer still goes by the empty bundle.
    assert!(first["decision"] == "accept" || first["refresh"] == "example.org", "{first}");
    assert_eq!(second["decision"], "accept");
    running.end();
}

#[test]
fn revocations_by_line_add_up() {
    let place = Place::new();
    let svid = place.domain.svid(WEB);
    let access = place.server.access_token(|_| {});
    let revoke = |authority: Value| json!({"id": "r", "revoke": {"authorities": [authority]}});
    let answers = place.decisions(&[
        bearer("1", &svid),
        revoke(json!({"trust_domain": "example.org", "subjects": [WEB]})),
        bearer("3", &svid),
        bearer("4", &access),
        revoke(
            json!({"issuer": "https://as.example", "tokens": ["t-1"], "subjects": [{"subject": "bob", "before": 1}]}),
        ),
        bearer("6", &svid),
        bearer("7", &access),
        revoke(json!({"issuer": "https://typo.example", "before": 1})),
        json!({"revoke": {"all_before": NOW, "more": 1}}),
    ]);
    assert_eq!(answers[0]["decision"], "accept");
    assert_eq!(answers[1], json!({"id": "r", "revoke": {"names": 1, "unknown": []}}));
    assert_eq!(answers[2]["reason"], "subject_revoked");
    assert_eq!(answers[3]["decision"], "accept");
    assert_eq!(answers[5]["reason"], "subject_revoked");
    assert_eq!(answers[6]["reason"], "token_revoked");
    assert_eq!(answers[7]["revoke"]["unknown"], json!(["issuer https://typo.example"]));
    assert!(answers[8]["error"].as_str().unwrap().contains("found an unknown member"), "{}", answers[8]);
}

#[test]
fn a_list_of_revocations_in_a_file_is_read_again_too() {
    let place = Place::new();
    let list = place.write("revoked.json", r#"{"authorities":[{"trust_domain":"example.org","keys":["domain-1"]}]}"#);
    let mut running = place.decide().args(&["--trust-poll", "--revocations"]).arg(&list).spawn();
    let line = bearer("1", &place.domain.svid(WEB));
    assert_eq!(running.ask(&line)["reason"], "key_revoked");
    std::fs::rename(place.write("new", "{\"authority\":[]}"), &list).unwrap();
    assert_eq!(running.ask(&line)["reason"], "key_revoked");
    std::fs::rename(place.write("new", &format!(r#"{{"all_before":{NOW}}}"#)), &list).unwrap();
    assert_eq!(running.ask(&line)["reason"], "issued_before_cutoff");
    std::fs::rename(place.write("new", "{}"), &list).unwrap();
    assert_eq!(running.ask(&line)["decision"], "accept");
    let complaints = running.end();
    assert!(complaints.contains("an unknown member"), "{complaints}");

    let output = place.decide().args(&["--revocations"]).arg(&place.write("bad.json", "[]")).with("");
    assert_eq!(output.status.code(), Some(2));
    let output = place.decide().args(&["--revocations"]).arg(&place.path("none.json")).with("");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn dropped_keys_of_a_file_are_told() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][0] = json!({"trust_domain": "example.org", "bundle_file": "bundle.json"});
    place.write("policy.json", &policy.to_string());
    let mut bad = place.domain.entry("jwt-svid");
    bad["kid"] = json!("odd\u{1b}");
    bad["crv"] = json!("P-1");
    place.write("bundle.json", &keys(&[place.domain.entry("jwt-svid"), bad]).to_string());
    let output = place.decide().with_lines(&[bearer("1", &place.domain.svid(WEB))]);
    assert_eq!(json_lines(&output)[0]["decision"], "accept");
    assert!(text(&output.stderr).contains("key 1 (odd\\u{1b}) is dropped: curve_unknown"), "{}", text(&output.stderr));
}
