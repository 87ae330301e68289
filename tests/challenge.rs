//! `WWW-Authenticate` and `DPoP-Nonce` as a client sees them. Exact texts are in `vectors/challenge` and `vectors/nonce`;
//! here is the grammar, over every answer of the whole corpus, and what a host reads beside the headers.

use countersign::{ChallengeError, Reason};
use countersign_tests::issuer::{NOW, access, proof};
use countersign_tests::request::{Doc, Req, bare, bearer, dpop};
use countersign_tests::runner::{Answer, Runner};
use countersign_tests::vector;

/// `scheme 1*SP #auth-param` with quoted strings only (RFC 9110 §11.6.1, §5.6.4).
fn parse(challenge: &str) -> (String, Vec<(String, String)>) {
    let (scheme, mut rest) = challenge.split_once(' ').unwrap();
    let mut parameters = Vec::new();
    loop {
        let (name, value) = rest.split_once("=\"").unwrap_or_else(|| panic!("no quoted parameter in {challenge}"));
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{challenge}");
        let (value, behind) = value.split_once('"').unwrap_or_else(|| panic!("an open quote in {challenge}"));
        // RFC 6750 §3: %x20-21 / %x23-5B / %x5D-7E
        assert!(value.bytes().all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{challenge}");
        parameters.push((name.to_owned(), value.to_owned()));
        if behind.is_empty() {
            return (scheme.to_owned(), parameters);
        }
        rest = behind.strip_prefix(", ").unwrap_or_else(|| panic!("junk behind a parameter in {challenge}"));
    }
}

fn check(answer: &Answer, request: &Req) {
    let challenges: Vec<_> =
        answer.headers.iter().filter(|(name, _)| name == "www-authenticate").map(|(_, value)| parse(value)).collect();
    let Some(reason) = answer.reason else {
        assert_eq!(answer.status, 200);
        assert!(challenges.is_empty());
        return;
    };
    assert_eq!(answer.status, reason.status());
    assert!(answer.status != 401 || !challenges.is_empty(), "RFC 9110 §11.6.1: {reason}");
    assert!(answer.status < 500 || challenges.is_empty(), "{reason}");
    for (scheme, parameters) in &challenges {
        assert!(matches!(scheme.as_str(), "Bearer" | "DPoP"), "{scheme}");
        let mut names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.contains(&"algs"), scheme == "DPoP", "RFC 9449 §7.1: algs");
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "RFC 6750 §3: each at most once");
        for (name, value) in parameters {
            if name == "error" {
                assert_eq!(Some(value.as_str()), reason.answer().1.word());
            }
        }
        let has = |name: &str| names.contains(&name);
        assert!(!has("error_description") || has("error"));
    }
    let offered = |scheme: &str| challenges.iter().any(|(name, _)| name.eq_ignore_ascii_case(scheme));
    let with_error: Vec<&str> = challenges
        .iter()
        .filter(|(_, parameters)| parameters.iter().any(|(name, _)| name == "error"))
        .map(|(scheme, _)| scheme.as_str())
        .collect();
    let of_further = challenges.iter().flat_map(|(_, parameters)| parameters).any(|(name, value)| {
        name == "error_description" && value.strip_prefix(reason.code()).is_some_and(|rest| rest.starts_with(" in x-"))
    });
    let used = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let used = used.and_then(|(_, value)| value.trim().split(' ').next()).unwrap_or_default();
    let scheme = if used.eq_ignore_ascii_case("dpop") { "DPoP" } else { "Bearer" };
    // RFC 9449 §7.2: the error goes to the scheme that was used; where that one is not offered, to those that are.
    let expected: Vec<&str> = match reason.answer().1 {
        ChallengeError::None => vec![],
        ChallengeError::InvalidDpopProof | ChallengeError::UseDpopNonce => vec!["DPoP"],
        _ if matches!(reason, Reason::CredentialRepeated | Reason::CredentialTooLarge) => return,
        // A credential in a field of its own has no scheme: the token of a field that names none is a bearer token.
        _ if of_further && offered("Bearer") => vec!["Bearer"],
        _ if !of_further && offered(scheme) => vec![scheme],
        _ => challenges.iter().map(|(scheme, _)| scheme.as_str()).collect(),
    };
    assert_eq!(with_error, expected, "{reason} under {used}");
    // Nothing of the request is in the answer.
    for (name, value) in &request.headers {
        for word in value.split([' ', '.', ',']).filter(|word| word.len() >= 12) {
            assert!(!answer.headers.iter().any(|(_, sent)| sent.contains(word)), "{name} is echoed");
        }
    }
}

#[test]
fn every_answer_of_the_corpus_is_well_formed_and_echoes_nothing() {
    let mut answers = 0;
    for vector in vector::all() {
        let mut runner = vector.runner();
        for step in vector.steps() {
            match step.get("request") {
                Some(request) => {
                    let request = Req::from_json(request);
                    check(&runner.ask(&request), &request);
                    answers += 1;
                }
                None => _ = runner.prepare(step),
            }
        }
    }
    assert!(answers > 900, "{answers}");
}

#[test]
fn audit_lines_are_json_and_hold_no_token() {
    for vector in vector::all() {
        let mut runner = vector.runner();
        for step in vector.steps() {
            let Some(request) = step.get("request").map(Req::from_json) else {
                runner.prepare(step);
                continue;
            };
            let answer = runner.ask(&request);
            let line: serde_json::Value =
                serde_json::from_str(&answer.audit).unwrap_or_else(|fault| panic!("{fault}: {}", answer.audit));
            assert_eq!(line["decision"], if answer.reason.is_none() { "accept" } else { "refuse" });
            assert_eq!(
                line.get("reason").and_then(|reason| reason.as_str()),
                answer.reason.map(|reason| reason.code())
            );
            assert!(answer.audit.bytes().all(|byte| byte >= 0x20 && byte != 0x7f), "{}", vector.path);
            for (_, value) in &request.headers {
                for part in value.split([' ', '.']).filter(|part| part.len() >= 40) {
                    assert!(!answer.audit.contains(part), "{}: part of a token in the audit", vector.path);
                }
            }
        }
    }
}

#[test]
fn shadow_mode_decides_counts_and_lets_pass() {
    let mut runner = Runner::new(&Doc::access().member("mode", "\"shadow\"").text(), NOW);
    let answer = runner.ask(&bare());
    assert_eq!((answer.reason, answer.lets_pass), (Some(Reason::CredentialMissing), true));
    assert!(answer.audit.contains("\"mode\":\"shadow\""));
    assert_eq!(runner.engine.refused(Reason::CredentialMissing), 1);
    let mut enforcing = Runner::new(&Doc::access().text(), NOW);
    assert!(!enforcing.ask(&bare()).lets_pass);
}

#[test]
fn facts_of_a_refused_token_are_withheld() {
    let expired = access().claim("exp", &(NOW - 100).to_string()).text();
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    let answer = runner.ask(&bearer(&expired));
    assert_eq!(answer.reason, Some(Reason::TokenExpired));
    assert_eq!((answer.kind, answer.subject, answer.issuer, answer.key_id), (None, None, None, None));
}

#[test]
fn the_audit_names_who_by_what_and_how_bound() {
    let bound = access()
        .bound_to_both("client-p256", "client")
        .claim("act", r#"{"sub":"agent\n","iss":"x","act":{"sub":"first"}}"#)
        .text();
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    let answer = runner.ask(&dpop(&bound, &proof(&bound).text()).certificate("client"));
    let line: serde_json::Value = serde_json::from_str(&answer.audit).unwrap();
    assert_eq!(line["decision"], "accept");
    for (name, value) in [
        ("policy", "default"),
        ("scheme", "DPoP"),
        ("kind", "at+jwt"),
        ("issuer", "https://as.example"),
        ("subject", "alice"),
        ("client_id", "shop"),
        ("key_id", "server-p256"),
        ("cache", "miss"),
    ] {
        assert_eq!(line[name], value);
    }
    assert_eq!(line["bound_to_key"], countersign_tests::issuer::key("client-p256").thumbprint());
    assert_eq!(line["actors"], serde_json::json!([{ "sub": "agent\n", "iss": "x" }, { "sub": "first" }]));
    assert!(line["proof_id"].as_str().is_some_and(|id| id.len() == 43));
}
