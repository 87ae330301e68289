//! The tables of specifications: each row has a page, vectors for acceptance and for each reason that it can give, and its names
//! in the schema and in the C header.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use countersign::Reason::{self, *};
use countersign::internal::limits;
use countersign::internal::specs::proof::ProofKind;
use countersign::{POLICY_SCHEMA, PolicyDocument, TokenKind};
use countersign_tests::issuer::{NOW, Token, access, plain, q, svid, txn};
use countersign_tests::request::{Doc, Req, bearer, issuer, set_key};
use countersign_tests::runner::Runner;
use countersign_tests::vector;
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// The file of each row, named after its feature, with the prefix of its rules' ids.
fn rows() -> Vec<(String, &'static str)> {
    let kinds = TokenKind::ALL.map(|kind| (kind.feature(), kind.rules()));
    let methods = ProofKind::ALL.map(|method| (method.feature(), method.rules()));
    kinds.into_iter().chain(methods).map(|(feature, rules)| (feature.replace('-', "_"), rules)).collect()
}

#[test]
fn every_row_has_a_page_with_the_rules_that_its_vectors_and_its_code_cite() {
    let mut cited: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for vector in vector::all() {
        let area = vector.path.split('/').next().unwrap().to_owned();
        for id in vector::rule_ids(vector.content["rule"].as_str().unwrap()) {
            cited.entry(id).or_default().insert(area.clone());
        }
    }
    let list = read("docs/specs/README.md");
    for (file, prefix) in rows() {
        let page = read(&format!("docs/specs/{file}.md"));
        assert!(list.contains(&format!("({file}.md)")), "{file}: not in the list of pages");
        assert!(page.contains(&format!("core/src/specs/{file}.rs")), "{file}: which code?");
        let code = read(&format!("core/src/specs/{file}.rs"));
        let of_row = |id: &&String| id.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('-'));
        let in_code = vector::rule_ids(&code);
        let wanted: BTreeSet<&String> = cited.keys().chain(&in_code).filter(of_row).collect();
        assert!(!wanted.is_empty(), "{file}: no vector cites {prefix}");
        let mut listed = BTreeSet::new();
        for line in page.lines().filter(|line| line.starts_with(&format!("| {prefix}-"))) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [id, section, sentence, folders] = cells[..] else { panic!("{file}: {line}") };
            assert!(!section.is_empty() && sentence.ends_with('.'), "{file}: {line}");
            let folders: BTreeSet<String> =
                folders.split(", ").map(|folder| folder.trim_matches('`').to_owned()).collect();
            assert_eq!(cited.get(id), Some(&folders), "{file}: the folders of the vectors that cite {id}");
            assert!(listed.insert(id.to_owned()), "{file}: {id} twice");
        }
        assert_eq!(listed.iter().collect::<BTreeSet<_>>(), wanted, "{file}");
    }
}

/// What a token can be refused for once its kind is known, where it is a JWS.
const OF_JWS: [Reason; 17] = [
    HeaderForbidden,
    ClaimMissing,
    ClaimInvalid,
    AlgorithmRefused,
    KeyUnknown,
    KeyNotUsable,
    SignatureInvalid,
    KeysStale,
    TokenExpired,
    TokenNotYetValid,
    AudienceMismatch,
    LifetimeTooLong,
    SubjectRefused,
    KeyRevoked,
    SubjectRevoked,
    TokenRevoked,
    IssuedBeforeCutoff,
];

const OF_ANSWER: [Reason; 15] = [
    TokenInactive,
    IntrospectionUnavailable,
    DecisionAbandoned,
    IssuerUnknown,
    ClaimMissing,
    ClaimInvalid,
    LimitExceeded,
    TokenExpired,
    TokenNotYetValid,
    AudienceMismatch,
    LifetimeTooLong,
    SubjectRefused,
    SubjectRevoked,
    TokenRevoked,
    IssuedBeforeCutoff,
];

fn reasons_of(kind: TokenKind) -> BTreeSet<Reason> {
    let mut reasons: BTreeSet<Reason> = match kind {
        TokenKind::Introspected => OF_ANSWER.into(),
        _ => OF_JWS.into(),
    };
    reasons.insert(match kind.is_keyed_by_trust_domain() {
        true => TrustDomainUnknown,
        false => IssuerUnknown,
    });
    if kind.has_scope() {
        reasons.insert(ScopeInsufficient);
    }
    reasons
}

#[test]
fn every_kind_has_an_accepted_vector_and_one_for_each_reason_that_it_can_give() {
    let mut accepted = BTreeSet::new();
    let mut refused: BTreeSet<(TokenKind, Reason)> = BTreeSet::new();
    for vector in vector::all() {
        let document = PolicyDocument::parse(vector.content["policy"].to_string().as_bytes()).unwrap();
        let mut runner = vector.runner();
        for step in vector.steps() {
            let Some(request) = step.get("request").map(Req::from_json) else {
                runner.prepare(step);
                continue;
            };
            let answer = runner.ask(&request);
            accepted.extend(answer.credentials.iter().map(|(_, kind)| *kind));
            let (_, policy) = document.policies().find(|(_, policy)| policy.name() == request.policy).unwrap();
            // The last credential of the policy is the one that its vectors are about.
            let kinds = policy.credentials().last().into_iter().flat_map(|credential| credential.accept());
            let kinds: BTreeSet<TokenKind> = kinds.map(|entry| entry.kind()).collect();
            refused.extend(answer.reason.into_iter().flat_map(|reason| kinds.iter().map(move |kind| (*kind, reason))));
        }
    }
    assert!(TokenKind::ALL.into_iter().all(|kind| accepted.contains(kind.name())), "{accepted:?}");
    let wanted =
        TokenKind::ALL.into_iter().flat_map(|kind| reasons_of(kind).into_iter().map(move |reason| (kind, reason)));
    let missing: Vec<_> = wanted.filter(|wanted| !refused.contains(wanted)).collect();
    assert!(missing.is_empty(), "no vector for {missing:?}");
}

#[test]
fn a_token_of_the_longest_length_fits_its_record_whatever_claim_fills_it() {
    let trust = [issuer(countersign_tests::issuer::TTS, &[set_key("tts-p256")])];
    let of_txn = Doc::new(&trust, "[]")
        .audience("\"example.org\"")
        .credentials(r#"[{"name":"txn","from":{"header":"txn-token"},"accept":["txntoken+jwt"]}]"#);
    type Row = (Doc, fn() -> Token, &'static [&'static str]);
    let kinds: [Row; 4] = [
        (Doc::svid(), svid, &["iss", "client_id", "jti", "act", "aud"]),
        (Doc::access(), access, &["sub", "scope", "client_id", "jti", "act", "txn", "aud"]),
        (Doc::plain(), plain, &["sub", "scope", "client_id", "jti", "act", "txn", "aud"]),
        (of_txn, txn, &["sub", "scope", "jti", "act", "txn", "req_wl", "tctx", "rctx", "aud"]),
    ];
    for (doc, token, claims) in kinds {
        for claim in claims {
            let filled = |length: usize| {
                let long = q(&"x".repeat(length));
                let value = match *claim {
                    "act" | "tctx" | "rctx" => format!("{{\"sub\":{long}}}"),
                    "aud" => {
                        let own = token().claims_text();
                        let own: Value = serde_json::from_str(&own).unwrap();
                        let own = own["aud"].as_array().map_or(&own["aud"], |all| &all[0]);
                        format!("[{own},{long}]")
                    }
                    _ => long,
                };
                token().bound_to_both("client-p256", "client").claim(claim, &value).text()
            };
            let room = (limits::TOKEN_BYTES - filled(0).len()) / 4 * 3 - 3;
            let text = filled(room);
            assert!(text.len() > limits::TOKEN_BYTES - 16 && text.len() <= limits::TOKEN_BYTES, "{}", text.len());
            let request = match doc.text().contains("txn-token") {
                true => countersign_tests::request::bare().header("txn-token", &text),
                false => bearer(&text),
            };
            // All claims were read and packed: only the proof is missing.
            let reason = Runner::new(&doc.text(), NOW).ask(&request).reason;
            assert!(matches!(reason, Some(CertificateMissing | ProofMissing)), "{claim}: {reason:?}");
        }
    }
}

#[test]
fn schema_and_c_header_name_every_kind() {
    let schema: Value = serde_json::from_str(POLICY_SCHEMA).unwrap();
    // An entry names each kind; a string alone those that need no further member.
    let kinds = ["svidEntry", "issuedEntry"].map(|entry| &schema["$defs"][entry]["properties"]["kind"]);
    let names = kinds.into_iter().flat_map(|kind| {
        let many = kind["enum"].as_array().into_iter().flatten();
        many.chain(kind.get("const")).filter_map(Value::as_str)
    });
    let names: BTreeSet<&str> = names.collect();
    let all: BTreeSet<&str> = TokenKind::ALL.into_iter().map(TokenKind::name).collect();
    assert_eq!(names, all);
    let header = read("ffi/include/countersign.h");
    for kind in TokenKind::ALL {
        let line = header.lines().find(|line| {
            line.trim_start().starts_with("COUNTERSIGN_TOKEN_KIND_")
                && line.ends_with(&format!(" = {},", kind.number()))
        });
        assert!(line.is_some(), "{} has no number in C", kind.name());
    }
}
