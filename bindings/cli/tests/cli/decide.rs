//! `decide`: the stream.

use std::io::{Read, Write};

use countersign::Attribute;
use countersign::internal::crypto::sha256;
use serde_json::{Value, json};

use crate::support::{NOW, Place, Run, URI, WEB, b64, bearer, dpop, json_lines, request, standard_b64, text};

#[test]
fn an_accepted_svid_and_its_line() {
    let place = Place::new();
    let token = place.domain.svid(WEB);
    let answers = place.decisions(&[bearer("first", &token), bearer("second", &token)]);
    assert_eq!(
        answers[0],
        json!({
            "id": "first", "decision": "accept", "reason": null, "number": 0, "status": 200, "headers": [],
            "token": {
                "kind": "jwt-svid", "issuer": "example.org", "subject": WEB, "audience": ["https://api.example"],
                "scope": null, "key_id": "domain-1", "expires_at": NOW + 290, "binding": "none"},
            "policy": "default", "cache": "miss"})
    );
    assert_eq!((&answers[1]["id"], &answers[1]["cache"]), (&json!("second"), &json!("hit")));
}

/// Every host has the attributes of a decision by the words of one table.
#[test]
fn attributes_have_the_words_of_the_table() {
    let place = Place::new();
    let refused = place.server.access_token(|claims| claims["exp"] = json!(NOW - 60));
    let answers = place.decisions(&[bearer("1", &place.domain.svid(WEB)), bearer("2", &refused)]);
    let mut attributes = 0;
    for answer in answers {
        let (line, token) = (answer.as_object().unwrap(), answer["token"].as_object());
        for name in line.keys().chain(token.into_iter().flat_map(|token| token.keys())) {
            // What a line has beside attributes: its own members, and the list of audiences.
            let own = ["id", "number", "headers", "token", "audience", "refresh"].contains(&name.as_str());
            assert!(own || Attribute::from_word(name).is_some(), "{name} is no attribute");
            attributes += usize::from(!own);
        }
    }
    assert_eq!(attributes, 5 + 7 + 5, "the attributes of an accepted and of a refused token");
}

#[test]
fn the_members_stand_in_the_documented_order() {
    let place = Place::new();
    let line = bearer("1", &place.domain.svid(WEB)).to_string();
    let output = place.decide().with(line);
    let names = ["id", "decision", "reason", "number", "status", "headers", "token", "kind", "issuer", "subject"];
    let places: Vec<usize> = names.iter().map(|n| text(&output.stdout).find(&format!("\"{n}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn a_refusal_has_its_challenges_and_no_token() {
    let place = Place::new();
    let token = place.server.access_token(|claims| claims["exp"] = json!(NOW - 60));
    let answers = place.decisions(&[bearer("1", &token)]);
    assert_eq!(answers[0]["decision"], "refuse");
    assert_eq!(answers[0]["reason"], "token_expired");
    assert_eq!((&answers[0]["number"], &answers[0]["status"]), (&json!(1401), &json!(401)));
    assert_eq!(answers[0].get("token"), None);
    let headers = answers[0]["headers"].as_array().unwrap();
    assert!(headers.iter().all(|field| field[0] == "www-authenticate"), "{headers:?}");
    assert!(headers[0][1].as_str().unwrap().contains("error=\"invalid_token\""), "{headers:?}");
}

#[test]
fn every_binding_by_its_name() {
    let place = Place::new();
    let certificate = b"any bytes: the engine hashes them";
    let (jkt, x5t) = (place.client.thumbprint(), b64(&sha256(certificate)));
    let to = |cnf: Value| place.server.access_token(|claims| claims["cnf"] = cnf);
    let (to_key, to_certificate) = (to(json!({"jkt": jkt})), to(json!({"x5t#S256": x5t})));
    let to_both = to(json!({"jkt": jkt, "x5t#S256": x5t}));
    let over_tls = |mut line: Value| {
        line["client_cert"] = json!(standard_b64(certificate));
        line
    };
    let answers = place.decisions(&[
        dpop("dpop", &to_key, &place.client.proof(&to_key, None)),
        over_tls(bearer("mtls", &to_certificate)),
        over_tls(dpop("dpop+mtls", &to_both, &place.client.proof(&to_both, None))),
        bearer("no certificate", &to_certificate),
    ]);
    for answer in &answers[..3] {
        assert_eq!(answer["token"]["binding"], answer["id"], "{answer}");
    }
    assert_eq!(answers[3]["reason"], "certificate_missing");
}

#[test]
fn a_proof_is_good_once_in_the_whole_stream() {
    let place = Place::new();
    let token = place.server.access_token(|claims| claims["cnf"] = json!({"jkt": place.client.thumbprint()}));
    let line = dpop("1", &token, &place.client.proof(&token, None));
    let other = dpop("2", &token, &place.client.proof(&token, None));
    let reasons: Vec<Value> =
        place.decisions(&[line.clone(), other, line]).into_iter().map(|mut answer| answer["reason"].take()).collect();
    assert_eq!(reasons, [Value::Null, Value::Null, json!("proof_replayed")]);
}

#[test]
fn header_names_in_any_case_and_repeated_ones_seen() {
    let place = Place::new();
    let authorization = format!("bearer {}", place.domain.svid(WEB));
    let answers = place.decisions(&[
        request("case", &[("AUTHORIZATION", &authorization)]),
        request("twice", &[("authorization", &authorization), ("x", "y"), ("Authorization", &authorization)]),
        request("none", &[("x-é\u{0}", "ü\u{1f600}")]),
    ]);
    assert_eq!(answers[0]["reason"], Value::Null);
    assert_eq!(answers[1]["reason"], "credential_repeated");
    assert_eq!(answers[2]["reason"], "credential_missing");
}

#[test]
fn the_time_of_a_line_comes_before_that_of_the_command() {
    let place = Place::new();
    let mut late = bearer("late", &place.domain.svid(WEB));
    late["now"] = json!(NOW + 1000);
    let answers = place.decisions(&[late, bearer("in time", &place.domain.svid(WEB))]);
    assert_eq!((&answers[0]["reason"], &answers[1]["reason"]), (&json!("token_expired"), &Value::Null));
}

#[test]
fn without_now_the_clock_counts() {
    let place = Place::new();
    let exp = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 100;
    let claims = json!({"sub": WEB, "aud": "https://api.example", "exp": exp});
    let token = place.domain.sign(&json!({"alg": "ES256", "kid": "domain-1"}), &claims);
    let output = Run::new(&["decide", "--policy"]).arg(&place.path("policy.json")).with_lines(&[bearer("1", &token)]);
    assert_eq!(json_lines(&output)[0]["decision"], "accept");
}

#[test]
fn a_policy_is_chosen_by_name_or_by_default() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["policies"]["strict"] = policy["policies"]["default"].clone();
    policy["policies"]["strict"]["binding"] = json!({"require": "any"});
    place.write("policy.json", &policy.to_string());
    let token = place.domain.svid(WEB);
    let mut strict = bearer("strict", &token);
    strict["policy"] = json!("strict");
    let answers = place.decisions(&[bearer("default", &token), strict]);
    assert_eq!((&answers[0]["policy"], &answers[0]["decision"]), (&json!("default"), &json!("accept")));
    assert_eq!((&answers[1]["policy"], &answers[1]["reason"]), (&json!("strict"), &json!("binding_required")));

    // One alone needs no name, whatever it is called; of several, none is the default by chance.
    let only = policy["policies"].as_object_mut().unwrap();
    only.remove("default");
    place.write("policy.json", &policy.to_string());
    assert_eq!(place.decisions(&[bearer("1", &token)])[0]["policy"], "strict");
    policy["policies"]["other"] = policy["policies"]["strict"].clone();
    place.write("policy.json", &policy.to_string());
    let error = place.decisions(&[bearer("1", &token)])[0]["error"].as_str().unwrap().to_owned();
    assert!(error.contains("other, strict"), "{error}");
}

#[test]
fn shadow_mode_says_what_it_would_do() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["policies"]["default"]["mode"] = json!("shadow");
    place.write("policy.json", &policy.to_string());
    let answers = place.decisions(&[request("1", &[]), bearer("2", &place.domain.svid(WEB))]);
    assert_eq!((&answers[0]["decision"], &answers[0]["mode"]), (&json!("refuse"), &json!("shadow")));
    assert_eq!((&answers[0]["enforced"], &answers[0]["status"]), (&json!(false), &json!(401)));
    assert_eq!((&answers[1]["decision"], &answers[1]["enforced"]), (&json!("accept"), &json!(false)));
}

#[test]
fn nonces_are_given_and_taken_and_outlive_the_process_by_their_key() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["policies"]["default"]["dpop"] = json!({"nonce": "required"});
    place.write("policy.json", &policy.to_string());
    let key = place.write("nonce.key", &format!("{}\n{}\n", "0f".repeat(32), b64(&[7; 32])));
    let token = place.server.access_token(|claims| claims["cnf"] = json!({"jkt": place.client.thumbprint()}));
    let decide = |line: Value, key: Option<&std::path::Path>| {
        let run = place.decide();
        let run = if let Some(key) = key { run.args(&["--nonce-key"]).arg(key) } else { run };
        let output = run.with_lines(&[line]);
        assert!(output.status.success(), "{output:?}");
        json_lines(&output).remove(0)
    };
    let refused = decide(dpop("1", &token, &place.client.proof(&token, None)), Some(&key));
    assert_eq!(refused["reason"], "nonce_required");
    let headers = refused["headers"].as_array().unwrap();
    let nonce = headers.iter().find(|field| field[0] == "dpop-nonce").unwrap()[1].as_str().unwrap();
    let proof = |nonce| dpop("2", &token, &place.client.proof(&token, Some(nonce)));
    assert_eq!(decide(proof(nonce), Some(&key))["decision"], "accept");
    assert_eq!(decide(proof(nonce), None)["reason"], "nonce_mismatch");

    let bad = place.write("bad.key", "too short\n");
    let output = place.decide().args(&["--nonce-key"]).arg(&bad).with("");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn each_line_is_answered_before_the_next_one_comes() {
    let place = Place::new();
    let token = place.domain.svid(WEB);
    let mut running = place.decide().spawn();
    for id in ["1", "2", "3"] {
        assert_eq!(running.ask(&bearer(id, &token))["id"], id);
    }
    running.end();
}

#[test]
fn the_order_of_many_lines_is_kept() {
    let place = Place::new();
    let token = place.domain.svid(WEB);
    let lines: Vec<Value> = (0..500).map(|id| bearer(&id.to_string(), &token)).collect();
    for (place, answer) in place.decisions(&lines).iter().enumerate() {
        assert_eq!(answer["id"], place.to_string());
    }
}

#[test]
fn text_is_one_line_for_each() {
    let place = Place::new();
    let odd = place.server.access_token(|claims| claims["sub"] = json!("a\u{1b}[2J\nb"));
    let lines = [bearer("a", &odd), request("b\u{202e}", &[]), json!({"trust": 1})];
    let output = place.decide().args(&["--format", "text"]).with_lines(&lines);
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("a: accept 200 at+jwt a\\u{1b}[2J\\u{a}b, by https://as.example"), "{}", lines[0]);
    assert!(lines[1].contains("refuse 401 1101 credential_missing"), "{}", lines[1]);
    assert!(!text(&output.stdout).contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let place = Place::new();
    let mut running = place.decide().spawn();
    drop(running.output.take());
    let line = format!("{}\n", request("1", &[]));
    // The pipe of the command's input may break too, as soon as it has ended.
    for _ in 0..200 {
        if running.input.as_mut().unwrap().write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    drop(running.input.take());
    let mut complaints = String::new();
    running.child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    assert!(running.child.wait().unwrap().success());
    assert_eq!(complaints, "");
}

#[test]
fn all_faults_of_a_policy_at_once_with_their_pointers() {
    let place = Place::new();
    let path = place.write(
        "policy.json",
        r#"{"trust":[{"trust_domain":"Example"}],"policies":{"a":{"accept":["jwt"]},"b/c":1},"more\u001b[2J":0}"#,
    );
    let output = place.decide().with("");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stdout, b"");
    let complaints = text(&output.stderr);
    for pointer in ["/trust/0/trust_domain", "/policies/a/audience", "/policies/b~1c", "/more\\u{1b}[2J"] {
        let start = format!("{}: {pointer}: found ", path.display());
        assert!(complaints.lines().any(|line| line.starts_with(&start)), "{pointer} in {complaints}");
    }
    assert!(complaints.contains("/policies/a/audience: found nothing, expected the audience"), "{complaints}");
}

#[test]
fn an_inline_document_that_is_none_is_a_fault_of_the_policy() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][1]["jwks"] = json!({"key": []});
    place.write("policy.json", &policy.to_string());
    let output = place.decide().with("");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("/trust/1/jwks: found an object, expected the document"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let place = Place::new();
    std::fs::remove_file(place.path("policy.json")).unwrap();
    let output = place.decide().with("");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("policy.json"), "{}", text(&output.stderr));
    assert_eq!(Run::new(&["decide"]).with("").status.code(), Some(2));
}

#[test]
fn uris_are_not_fetched_and_that_is_said() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][0] = json!({"trust_domain": "example.org", "bundle_uri": "https://example.org/bundle"});
    place.write("policy.json", &policy.to_string());
    let output = place.decide().with_lines(&[bearer("1", &place.domain.svid(WEB))]);
    assert!(text(&output.stderr).contains("trust domain example.org"), "{}", text(&output.stderr));
    assert_eq!(json_lines(&output)[0]["reason"], "keys_stale");
    assert_eq!(json_lines(&output)[0]["refresh"], "example.org");
}

#[test]
fn a_uri_alone_is_judged_under_the_origin_of_the_policy() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["policies"]["default"]["origin"] = json!("https://api.example");
    place.write("policy.json", &policy.to_string());
    let token = place.server.access_token(|claims| claims["cnf"] = json!({"jkt": place.client.thumbprint()}));
    let mut line = dpop("1", &token, &place.client.proof(&token, None));
    line["uri"] = json!(URI.strip_prefix("https://api.example").unwrap());
    assert_eq!(place.decisions(&[line])[0]["decision"], "accept");
}

/// What the host answers to the engine's questions comes with the line; its results are in the decision.
#[test]
fn a_line_with_answers_and_several_credentials() {
    let place = Place::new();
    let mut policy = place.policy();
    policy["trust"][1]["introspection"] = json!({"uri": "https://as.example/introspect"});
    policy["policies"] = json!({
        "default": {
            "audience": "https://api.example",
            "credentials": [
                {"name": "workload", "from": "authorization", "accept": ["jwt-svid"]},
                {"name": "user", "from": {"header": "x-user"}, "accept": ["at+jwt"]}],
            "attributes": {"who": "/sub"}},
        "opaque": {
            "audience": "https://api.example", "accept": [{"kind": "introspected", "issuer": "https://as.example"}],
            "tools": [{"name": "read"}], "body_digest": true},
        "store": {"audience": "https://api.example", "accept": ["at+jwt"], "dpop": {"shared_store": "required"}}});
    place.write("policy.json", &policy.to_string());
    let line = |mut line: Value, policy: &str, answers: Value| {
        line["policy"] = json!(policy);
        line["answers"] = answers;
        line
    };
    let user = place.server.access_token(|_| ());
    let mut both = bearer("both", &place.domain.svid(WEB));
    both["headers"].as_array_mut().unwrap().push(json!(["X-User", user]));
    let active = json!({"introspected": {"active": true, "aud": "https://api.example", "sub": "alice"}});
    let call = json!({"body": r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}}"#});
    let bound = place.server.access_token(|claims| claims["cnf"] = json!({"jkt": place.client.thumbprint()}));
    let proven = dpop("store", &bound, &place.client.proof(&bound, None));
    let answers = place.decisions(&[
        both,
        line(bearer("opaque", "opaque"), "opaque", json!([active, call])),
        line(bearer("cached", "opaque"), "opaque", json!([call])),
        line(bearer("waits", "opaque"), "opaque", json!([])),
        line(proven.clone(), "store", json!([{"use_once": "unavailable"}])),
        line(bearer("wrong", &user), "store", json!([{"use_once": "first"}])),
        line(bearer("malformed", "opaque"), "opaque", json!([{"use_once": "maybe"}])),
        line(bearer("no body here", "other"), "opaque", json!([active, {"use_once": "first"}])),
    ]);
    assert_eq!(answers[0]["decision"], "accept", "{}", answers[0]);
    let beside = &answers[0]["credentials"]["user"];
    assert_eq!((&beside["subject"], &beside["issuer"]), (&json!("alice"), &json!("https://as.example")));
    assert_eq!((&answers[0]["token"]["key_id"], &beside["key_id"]), (&json!("domain-1"), &json!("server-1")));
    assert_eq!(answers[0]["attributes"], json!({"who": WEB}));
    for (answer, cache) in [(&answers[1], "miss"), (&answers[2], "hit")] {
        assert_eq!((&answer["decision"], &answer["cache"]), (&json!("accept"), &json!(cache)), "{answer}");
        assert_eq!((&answer["token"]["kind"], &answer["tool"]), (&json!("introspected"), &json!("read")));
        assert_eq!((&answer["rpc_method"], answer["body_digest"].as_str().unwrap().len()), (&json!("tools/call"), 43));
    }
    assert_eq!((&answers[3]["reason"], &answers[3]["status"]), (&json!("decision_abandoned"), &json!(503)));
    assert_eq!(answers[4]["reason"], "replay_store_unavailable");
    assert_eq!(answers[5]["decision"], "accept", "an answer that no question asked for is left over: {}", answers[5]);
    assert_eq!(answers[6]["id"], "malformed");
    assert!(answers[6]["error"].is_string(), "{}", answers[6]);
    assert_eq!(answers[7]["reason"], "internal_error");
}
