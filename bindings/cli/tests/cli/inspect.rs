//! `inspect`

use serde_json::{Value, json};

use crate::support::{Key, NOW, Place, Run, WEB, b64, text};

fn inspect(arguments: &[&str], input: &str) -> std::process::Output {
    Run::new(&["inspect", "--now", &NOW.to_string()]).args(arguments).with(input)
}

#[test]
fn a_token_is_shown_and_not_believed() {
    let token = Key::new("k").svid(WEB);
    let output = inspect(&[&token], "");
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    for expected in ["NOT VERIFIED", "JWT-SVID", WEB, "2027-01-15T08:04:50Z in 4 minutes", "10 seconds ago", "64 bytes"]
    {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
    assert!(!shown.contains(token.rsplit('.').next().unwrap()), "the signature stays out of it");
    // From a header field, by standard input.
    let output = inspect(&["--json"], &format!("Bearer {token}\n"));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verified"], false);
    assert_eq!(report["claims"]["sub"], WEB);
    assert_eq!(report["header"]["kid"], "k");
}

#[test]
fn the_key_of_a_proof_has_its_thumbprint() {
    let key = Key::new("k");
    let output = inspect(&["--json", &key.proof("t", None)], "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["what"], "DPoP proof");
    assert_eq!(report["key_thumbprint"], key.thumbprint());
    assert_eq!(report["faults"], json!([]));
}

#[test]
fn private_parts_of_keys_and_terminal_sequences_stay_hidden() {
    let key = Key::new("k");
    let mut jwk = key.jwk();
    jwk["d"] = json!("c2VjcmV0");
    let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk});
    let token = key.sign(&header, &json!({"jti": "\u{1b}[2J\u{202e}"}));
    for arguments in [&[&token[..]][..], &["--json", &token]] {
        let output = inspect(arguments, "");
        let shown = text(&output.stdout);
        assert!(!shown.contains("c2VjcmV0") && shown.contains("not shown"), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    }
}

#[test]
fn what_the_engine_would_refuse_is_said() {
    let token = |header: &str, claims: &str| format!("{}.{}.", b64(header.as_bytes()), b64(claims.as_bytes()));
    let cases = [
        (token(r#"{"alg":"none"}"#, "{}"), 1, "algorithm_refused"),
        (token(r#"{"alg":"ES256","crit":["x"]}"#, "{}"), 1, "header_critical"),
        (token(r#"{"alg":"ES256"}"#, r#"{"exp":"1"}"#), 1, "claim_invalid"),
        (token(r#"{"alg":"ES256","alg":"none"}"#, "{}"), 2, "the header cannot be read at /alg: found a second member"),
        (token(r#"{"alg":"ES256"}"#, "[]"), 2, "the payload is no JSON object"),
        ("a.b.c.d.e".to_owned(), 2, "JWE"),
        ("a.b".to_owned(), 2, "2 parts"),
        ("=.b.c".to_owned(), 2, "the header is not unpadded base64url"),
        (String::new(), 2, "not a token"),
        (token(&format!("{}1{}", "[".repeat(40), "]".repeat(40)), "{}"), 2, "at most 16 levels"),
    ];
    for (token, code, expected) in cases {
        let output = inspect(&[], &token);
        let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{token}: {all}");
        assert!(all.contains(expected), "{expected} in {all}");
    }
}

#[test]
fn a_certificate_in_both_forms() {
    let place = Place::new();
    let mut params = rcgen::CertificateParams::new(vec!["web.example".to_owned()]).unwrap();
    params.subject_alt_names.push(rcgen::SanType::URI(WEB.try_into().unwrap()));
    let der = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec();
    let hash = b64(&countersign::internal::crypto::sha256(&der));
    let pem = format!(
        "text\n-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        crate::support::standard_b64(&der)
    );
    let pem = place.write("cert.pem", &pem);
    let path = place.path("cert.der");
    std::fs::write(&path, &der).unwrap();
    for path in [path, pem] {
        let path = path.to_str().unwrap();
        let output = inspect(&["--json", "--certificate", path], "");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["verified"], &report["x5t#S256"]), (&json!(false), &json!(hash)));
        assert_eq!(report["names"][1], json!({"sort": "SPIFFE ID", "value": WEB}));
        assert_eq!(report["names"][0], json!({"sort": "DNS", "value": "web.example"}));
        let output = inspect(&["--certificate", path], "");
        for expected in ["NOT VERIFIED", WEB, &hash, "EC, 256 bits"] {
            assert!(text(&output.stdout).contains(expected), "{expected} in {}", text(&output.stdout));
        }
        assert_eq!(text(&Run::new(&["thumbprint", path]).with("").stdout).trim(), hash);
    }
    for bytes in [&b"no certificate"[..], &der[..der.len() - 1], b"-----BEGIN CERTIFICATE-----\n!!\n"] {
        let path = place.path("bad");
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(inspect(&["--certificate", path.to_str().unwrap()], "").status.code(), Some(2));
    }
    assert_eq!(inspect(&["--certificate", "/nonexistent"], "").status.code(), Some(3));
}

#[test]
fn mutations_of_a_certificate_never_break_it() {
    let place = Place::new();
    let params = rcgen::CertificateParams::new(vec!["web.example".to_owned()]).unwrap();
    let der = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec();
    for at in (0..der.len()).step_by(9) {
        let mut mutated = der.clone();
        mutated[at] ^= 0x81;
        let path = place.path("cert.der");
        std::fs::write(&path, &mutated).unwrap();
        let output = inspect(&["--certificate", path.to_str().unwrap()], "");
        assert!(matches!(output.status.code(), Some(0 | 2)), "byte {at}: {output:?}");
    }
}
