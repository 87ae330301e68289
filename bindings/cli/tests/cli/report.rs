//! `report`

use std::fmt::Write as _;

use countersign::{Engine, PolicyDocument, Request, TrustDocument, UnixSeconds, Worker};
use serde_json::{Value, json};

use crate::support::{NOW, Place, Run, URI, request, standard_b64, text};

fn report(arguments: &[&str], lines: &str) -> Value {
    let output = Run::new(&["report", "--json"]).args(arguments).with(lines);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn line(decision: &str, policy: &str, client: &str, more: Value) -> Value {
    let mut line = json!({"decision": decision, "policy": policy, "issuer": "https://as.example", "client_id": client});
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line
}

#[test]
fn who_still_comes_unbound() {
    let bound = json!({"bound_to_key": "k"});
    let lines = [
        line("accept", "orders", "old", json!({})),
        line("accept", "orders", "old", json!({})),
        line("refuse", "orders", "old", json!({"reason": "binding_required", "mode": "shadow"})),
        line("accept", "orders", "old", bound.clone()),
        line("accept", "orders", "new", bound.clone()),
        line("accept", "orders", "new", json!({"bound_to_certificate": "c"})),
        line("accept", "admin", "old", json!({})),
        json!({"decision": "accept", "policy": "svids", "issuer": "example.org", "subject": "spiffe://example.org/a"}),
        json!({"decision": "refuse", "policy": "orders", "reason": "credential_missing"}),
        // In a line of a host's log: as an object, and as a text.
        json!({"time": 1, "audit": line("accept", "orders", "third", json!({}))}),
        json!({"uri": "/", "audit": line("accept", "orders", "third", json!({})).to_string()}),
        json!({"uri": "/", "audit": ""}),
        json!({"decision": "maybe", "policy": "orders"}),
    ];
    let mut text_lines = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    write!(text_lines, "\n\n{{\"decision\":\nnot json\n{}\n", "x".repeat(100_000)).unwrap();
    let report = report(&[], &text_lines);
    let group = |issuer: &str, client: &str, policy: &str, counts: [u64; 3]| json!({"issuer": issuer, "client": client, "policy": policy, "unbound": counts[0], "unbound_refused": counts[1], "bound": counts[2]});
    assert_eq!(
        report["unbound"],
        json!([
            group("https://as.example", "old", "orders", [3, 1, 1]),
            group("https://as.example", "third", "orders", [2, 0, 0]),
            group("example.org", "spiffe://example.org/a", "svids", [1, 0, 0]),
            group("https://as.example", "old", "admin", [1, 0, 0]),
        ])
    );
    assert_eq!(
        [&report["records"], &report["accepted"], &report["refused"], &report["without_token"], &report["other_lines"]],
        [11, 9, 2, 1, 5]
    );
    let output = Run::new(&["report", "--most", "1"]).with(text_lines.clone());
    let told = text(&output.stdout);
    assert!(told.contains("3 (1), 1: https://as.example, old, orders"), "{told}");
    assert!(told.contains("and 4 of others"), "{told}");
}

/// The records that the engine writes, as hosts log them, and the decisions of the stream.
#[test]
fn records_of_the_engine() {
    let place = Place::new();
    let tokens = [
        place.server.access_token(|_| {}),
        place.server.access_token(|claims| claims["cnf"] = json!({"jkt": place.client.thumbprint()})),
        "x".to_owned(),
    ];
    let proof = place.client.proof(&tokens[1], None);
    let fields = |token: usize| match token {
        1 => vec![("authorization".to_owned(), format!("DPoP {}", tokens[1])), ("dpop".to_owned(), proof.clone())],
        _ => vec![("authorization".to_owned(), format!("Bearer {}", tokens[token]))],
    };
    let file = place.path("policy.json");
    let engine = Engine::new(PolicyDocument::parse(&std::fs::read(&file).unwrap()).unwrap(), [1, 2]);
    let mut state = engine.empty_trust_state();
    let now = UnixSeconds::new(NOW);
    for (index, source) in engine.document().trust() {
        let TrustDocument::Inline(text) = source.document() else { continue };
        engine.load(&mut state, index, text.as_bytes(), now).unwrap();
    }
    let mut worker = Worker::new(&engine, [3, 4]);
    let policy = engine.document().policy("default").unwrap();
    let (mut records, mut requests) = (String::new(), String::new());
    for token in 0..tokens.len() {
        let fields = fields(token);
        let headers = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let asked = Request::new(b"GET", URI.as_bytes(), headers, now);
        writeln!(records, "{}", worker.decide(&engine, &state, policy, &asked).audit()).unwrap();
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        writeln!(requests, "{}", request("1", &pairs)).unwrap();
    }
    let now = NOW.to_string();
    let output = Run::new(&["decide", "--now", &now, "--policy", file.to_str().unwrap()]).with(requests);
    for (lines, client) in [(records.as_str(), "shop"), (text(&output.stdout), "alice")] {
        let report = report(&["--policy", file.to_str().unwrap()], lines);
        let unbound = json!([{"issuer": "https://as.example", "client": client, "policy": "default", "unbound": 1, "unbound_refused": 0, "bound": 1}]);
        assert_eq!(
            (&report["unbound"], &report["records"], &report["without_token"]),
            (&unbound, &json!(3), &json!(1)),
            "{lines}"
        );
        assert_eq!(report["unused"], json!(["example.org"]));
    }
}

#[test]
fn what_expires_next() {
    let place = Place::new();
    let certificate = |days: u64| {
        let mut parameters = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2030, 1, 1) + std::time::Duration::from_secs(86_400 * days);
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap()
    };
    let (first, second) = (certificate(1), certificate(9));
    let x5c = |certificate: &rcgen::Certificate| json!([standard_b64(certificate.der())]);
    let mut signer = place.domain.entry("jwt-svid");
    signer["x5c"] = x5c(&second);
    let authority = json!({"kty": "EC", "use": "x509-svid", "kid": "ca", "x5c": x5c(&first)});
    let policy = json!({"trust": [
        {"trust_domain": "example.org", "bundle": {"keys": [signer, authority]}},
        {"issuer": "https://as.example", "jwks_file": "as.json", "max_stale_seconds": 3600}],
        "policies": {"p": {"accept": ["at+jwt"], "audience": "a"}}});
    place.write("expiring.json", &policy.to_string());
    place.write("as.json", r#"{"keys":[]}"#);
    let pem = |certificate: &rcgen::Certificate| {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", standard_b64(certificate.der()))
    };
    place.write("server.pem", &(pem(&second) + &pem(&first)));
    let (policy, pem) = (place.path("expiring.json"), place.path("server.pem"));
    let arguments =
        ["--now", "1893456000", "--policy", policy.to_str().unwrap(), "--certificate", pem.to_str().unwrap()];
    let report = report(&arguments, "");
    let expires: Vec<(i64, &str)> = report["expires"]
        .as_array()
        .unwrap()
        .iter()
        .map(|expiry| (expiry["in_seconds"].as_i64().unwrap(), expiry["what"].as_str().unwrap()))
        .collect();
    assert_eq!(expires.len(), 5, "{report}");
    assert!(
        expires[0].0 < 0 && expires[0].1.contains("as.json of the issuer https://as.example, if it is not replaced"),
        "{report}"
    );
    assert_eq!(
        expires[1..].iter().map(|(seconds, _)| *seconds).collect::<Vec<_>>(),
        [86_400, 86_400, 777_600, 777_600]
    );
    for part in ["key ca of the trust domain example.org", "key domain-1 of the trust domain example.org", "server.pem"]
    {
        assert!(expires.iter().any(|(_, what)| what.contains(part)), "{part}: {report}");
    }
    let output = Run::new(&["report"]).args(&arguments).with("");
    let told = text(&output.stdout);
    assert!(
        told.contains("in 1 d: certificate ") && told.contains("in 9 d: certificate ") && told.contains(" ago: "),
        "{told}"
    );
    let output = Run::new(&["report", "--certificate", policy.to_str().unwrap()]).with("");
    assert_eq!(output.status.code(), Some(2));
}

/// A million clients are counted in the memory of ten thousand.
#[test]
fn memory_is_bounded() {
    let mut lines = String::new();
    for client in 0..30_000 {
        writeln!(
            lines,
            r#"{{"decision":"accept","policy":"p","issuer":"i","client_id":"{client}-{}"}}"#,
            "c".repeat(300)
        )
        .unwrap();
    }
    let report = report(&["--most", "3"], &lines);
    assert_eq!((&report["records"], &report["more_unbound"]), (&json!(30_000), &json!(29_997)));
    assert!(report["unbound"][0]["client"].as_str().unwrap().len() <= 256);
}
