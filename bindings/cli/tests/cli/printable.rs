//! Nothing that is written moves the cursor, hides, ends its line or turns it around.

use std::process::Output;

use countersign::internal::printable::is_tricky;
use serde_json::{Value, json};

use crate::support::{NOW, Place, Run, bearer, json_lines, request, text};

/// An escape, C1 CSI, bidirectional overrides and isolates, a zero width, a tag, DEL.
const ODD: &str = "\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{200b}\u{e0041}\u{7f}";

/// Whether there is such a character besides the ends of lines.
fn is_fit(output: &Output) -> bool {
    let is_fit = |bytes: &[u8]| !text(bytes).chars().any(|c| c != '\n' && is_tricky(c));
    is_fit(&output.stdout) && is_fit(&output.stderr)
}

/// A policy whose issuer has such a name, and a token of it with such a subject.
fn odd_place() -> (Place, Value) {
    let place = Place::new();
    let mut policy = place.policy();
    let name = format!("https://as.example/{ODD}");
    policy["trust"][1]["issuer"] = json!(name);
    policy["trust"][1]["jwks"]["keys"].as_array_mut().unwrap().push(json!({"kty": "oct", "kid": ODD}));
    place.write("policy.json", &policy.to_string());
    let token = place.server.access_token(|claims| {
        claims["iss"] = json!(name);
        claims["sub"] = json!(ODD);
        claims["jti"] = json!(ODD);
    });
    (place, bearer(ODD, &token))
}

#[test]
fn decisions_in_both_formats() {
    let (place, line) = odd_place();
    let authority = format!("https://as.example/{ODD}");
    let lines = [
        line,
        request(ODD, &[]),
        json!({"id": ODD, "trust": 1}),
        json!({"id": ODD, "trust": {"issuer": authority, "document": {"keys": [{"kty": "oct", "kid": ODD}]}}}),
        json!({"id": ODD, "revoke": {"authorities": [{"issuer": ODD, "keys": [ODD]}]}}),
    ];
    let output = place.decide().with_lines(&lines);
    let answers = json_lines(&output);
    assert_eq!(answers.len(), 5);
    assert_eq!((&answers[0]["decision"], &answers[0]["token"]["subject"]), (&json!("accept"), &json!(ODD)));
    assert_eq!(answers[3]["trust"]["issuer"], json!(authority));
    assert!(answers.iter().all(|answer| answer["id"] == ODD), "{answers:?}");
    assert!(is_fit(&output), "{:?}", text(&output.stdout));
    let output = place.decide().args(&["--format", "text"]).with_lines(&lines);
    assert_eq!(text(&output.stdout).lines().count(), 5);
    assert!(is_fit(&output), "{:?}", text(&output.stdout));
}

#[test]
fn explanations_findings_and_tokens() {
    let (place, line) = odd_place();
    let policy = place.path("policy.json");
    let token = line["headers"][0][1].as_str().unwrap().to_owned();
    for json in [&[][..], &["--json"]] {
        let explained = Run::new(&["explain", "--now", &NOW.to_string(), "--policy"])
            .arg(&policy)
            .args(json)
            .with(line.to_string());
        assert_eq!(explained.status.code(), Some(0), "{}", text(&explained.stderr));
        let linted = Run::new(&["lint"]).arg(&policy).args(json).with("");
        assert!(text(&linted.stdout).contains("type_unknown"));
        let inspected = Run::new(&["inspect"]).args(json).with(token.as_bytes());
        for output in [explained, linted, inspected] {
            assert!(is_fit(&output), "{:?} {:?}", text(&output.stdout), text(&output.stderr));
        }
    }
}

#[test]
fn names_of_files_that_cannot_be_read() {
    let missing = format!("/nonexistent/{}", ODD.replace('\u{7f}', ""));
    for arguments in [
        &["lint", &missing][..],
        &["thumbprint", &missing],
        &["decide", "--policy", &missing],
        &["explain", "--policy", &missing],
        &["inspect", "--certificate", &missing],
    ] {
        let output = Run::new(arguments).with("");
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        assert!(is_fit(&output), "{:?}", text(&output.stderr));
        assert!(text(&output.stderr).contains("\\u{202e}"), "{}", text(&output.stderr));
    }
}
