//! RFC 8725 §3.12: a token of one kind is never one of another (the cross-kind matrix, BCP-11).
//!
//! Every token here is signed rightly, by a key that the validator trusts for its own kind; only the kind is wrong.

use std::collections::BTreeSet;

use countersign::{Request, TokenKind, UnixSeconds};
use countersign_tests::issuer::{self, NOW, PLAIN, SERVER, SUBJECT, Token, access, jwk, plain, proof, q, svid, txn};
use countersign_tests::request::{Doc, answering, bearer, domain, issuer, issuer_for, set_key, svid_key};
use countersign_tests::runner::{Runner, document};
use serde_json::json;

/// A token that would satisfy every claim rule of every validator here: only its `typ` gives its kind.
fn everything(typ: Option<&str>, who: &str, subject: &str) -> Token {
    let token = access().claim("iss", &q(who)).claim("sub", &q(subject)).claim("aud", &q(issuer::AUDIENCE));
    let token = token.key("shared");
    match typ {
        Some(typ) => token.header("typ", &q(typ)),
        None => token.no_header("typ"),
    }
}

const OTHERS: [&str; 22] = [
    "wit+jwt",
    "wpt+jwt",
    "txntoken+jwt",
    "statuslist+jwt",
    "token-introspection+jwt",
    "client-authentication+jwt",
    "oauth-client-attestation+jwt",
    "oauth-client-attestation-pop+jwt",
    "secevent+jwt",
    "logout+jwt",
    "dpop+jwt",
    "entity-statement+jwt",
    "oauth-authz-req+jwt",
    "dc+sd-jwt",
    "vc+sd-jwt",
    "kb+jwt",
    "application/dpop+jwt",
    "application/wit+jwt",
    "application/logout+jwt",
    "JWS",
    "jwt+at",
    "",
];

/// Validators for one kind each, all of them trusting one key.
fn validators() -> Vec<(&'static str, Doc)> {
    let key = jwk("server-p256", r#""kid":"shared""#);
    let svid_key = jwk("server-p256", r#""kid":"shared","use":"jwt-svid""#);
    let trust = [
        domain("example.org", &[svid_key]),
        issuer_for(SERVER, std::slice::from_ref(&key), &["example.org"]),
        issuer_for(PLAIN, std::slice::from_ref(&key), &["example.org"]),
    ];
    vec![
        ("jwt-svid", Doc::new(&trust, r#"["jwt-svid"]"#)),
        ("at+jwt", Doc::new(&trust, r#"["at+jwt"]"#)),
        ("jwt", Doc::new(&trust, r#"["jwt"]"#)),
    ]
}

fn signed(token: Token) -> String {
    token.header("kid", "\"shared\"").forged_by("server-p256").text()
}

/// Whether `typ` is the media type `short`, in any case, with or without `application/` before it (8725bis §3.11).
fn names(typ: &str, short: &str) -> bool {
    typ.eq_ignore_ascii_case(short) || typ.eq_ignore_ascii_case(&format!("application/{short}"))
}

/// The kinds that a validator for each accepted kind must take, by `typ`.
fn diagonal(kind: &str, typ: Option<&str>) -> bool {
    match kind {
        "jwt-svid" => typ.is_none_or(|typ| names(typ, "JWT") || names(typ, "JOSE")),
        "at+jwt" => typ.is_some_and(|typ| names(typ, "at+jwt")),
        _ => typ.is_none_or(|typ| names(typ, "JWT")),
    }
}

#[test]
fn off_the_diagonal_everything_is_refused() {
    let mut typs: Vec<Option<&str>> = OTHERS.into_iter().map(Some).collect();
    typs.extend([
        None,
        Some("JWT"),
        Some("jwt"),
        Some("JOSE"),
        Some("at+jwt"),
        Some("AT+JWT"),
        Some("application/at+jwt"),
        Some("jose"),
        Some("application/jwt"),
        Some("APPLICATION/JWT"),
        Some("application/jose"),
        Some("application/application/jwt"),
        Some("application/application/at+jwt"),
    ]);
    let (mut taken, mut refused) = (0, 0);
    for (kind, doc) in validators() {
        for who in [SERVER, PLAIN] {
            for typ in &typs {
                let mut runner = Runner::new(&doc.text(), NOW);
                let token = signed(everything(*typ, who, SUBJECT).no_header("kid"));
                let answer = runner.ask(&bearer(&token));
                if diagonal(kind, *typ) {
                    assert_eq!((answer.reason, answer.kind), (None, Some(kind)), "{kind} {typ:?}");
                    taken += 1;
                } else {
                    assert_eq!(answer.reason.map(|reason| reason.code()), Some("typ_not_accepted"), "{kind} {typ:?}");
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((taken, refused), (32, 178));
}

#[test]
fn valid_tokens_of_each_kind_pass_their_own_validator_only() {
    let access_token = signed(access());
    let dpop_proof = proof(&access_token).text();
    let tokens =
        [("jwt-svid", signed(svid())), ("at+jwt", access_token), ("jwt", signed(plain())), ("dpop", dpop_proof)];
    for (kind, doc) in validators() {
        for (of, token) in &tokens {
            let mut runner = Runner::new(&doc.text(), NOW);
            let answer = runner.ask(&bearer(token));
            assert_eq!(answer.reason.is_none(), kind == *of, "{of} fed to {kind}: {:?}", answer.reason);
        }
    }
}

#[test]
fn access_tokens_and_assertions_are_no_proofs() {
    let doc = Doc::access();
    let bound = access().bound_to_key("client-p256").text();
    for typ in ["at+jwt", "JWT", "wpt+jwt", "client-authentication+jwt", "oauth-client-attestation-pop+jwt", "kb+jwt"] {
        let mut runner = Runner::new(&doc.text(), NOW);
        let other = proof(&bound).header("typ", &q(typ)).text();
        let answer = runner.ask(&countersign_tests::request::dpop(&bound, &other));
        assert_eq!(answer.reason.map(|reason| reason.code()), Some("proof_malformed"), "{typ}");
    }
}

/// JWT-SVID §3 defines no scope: a policy cannot ask an SVID for one, and no host passes one on.
#[test]
fn an_svid_carries_no_scope() {
    let mut runner = Runner::new(&Doc::svid().text(), NOW);
    let text = svid().claim("scope", "\"orders:admin\"").text();
    let field = format!("Bearer {text}");
    for tier in ["miss", "hit"] {
        let asked = Request::new(b"GET", b"/", [(&b"authorization"[..], field.as_bytes())], UnixSeconds::new(NOW));
        let policy = runner.engine.document().policy("default").unwrap();
        let decision = runner.worker.decide(&runner.engine, &runner.trust_state, policy, &asked);
        assert_eq!((decision.reason(), decision.cache_tier().name()), (None, tier));
        assert_eq!(decision.verified_token().unwrap().scope(), None);
    }
}

/// A token of every kind, under every kind's policy, in `Authorization` and in a header field of its own: only its own kind takes it.
#[test]
fn each_kind_passes_its_own_policy_only_wherever_it_is_presented() {
    let mut passed = BTreeSet::new();
    let bundle = svid_key("domain-p256");
    let trust = [
        domain("example.org", &[bundle]),
        issuer(SERVER, &[set_key("server-p256")]),
        issuer(PLAIN, &[set_key("plain-p256")]),
        issuer(issuer::TTS, &[set_key("tts-p256")]),
        answering("https://opaque.example", ""),
    ];
    let entry = |kind: TokenKind| match kind {
        TokenKind::Introspected => r#"{"kind":"introspected","issuer":"https://opaque.example"}"#.to_owned(),
        kind => q(kind.name()),
    };
    let tokens: Vec<(Option<TokenKind>, String)> = TokenKind::ALL
        .into_iter()
        .map(|kind| {
            let token = match kind {
                TokenKind::JwtSvid => svid().text(),
                TokenKind::AccessToken => access().text(),
                TokenKind::Jwt => plain().text(),
                TokenKind::TxnToken => txn().claim("aud", &q(issuer::AUDIENCE)).text(),
                TokenKind::Introspected => "opaque".to_owned(),
            };
            (Some(kind), token)
        })
        .chain([(None, proof("x").text())])
        .collect();
    let active = json!({ "introspected": { "active": true, "aud": issuer::AUDIENCE, "exp": NOW + 60 } });
    for kind in TokenKind::ALL {
        for (of, token) in &tokens {
            for in_field in [false, true] {
                let doc = Doc::new(&trust, &format!("[{}]", entry(kind)));
                let doc = if in_field {
                    let first = r#"{"name":"first","from":"authorization","accept":["jwt-svid"]}"#;
                    let second = r#""name":"second","from":{"header":"x-second"}"#;
                    doc.credentials(&format!("[{first},{{{second},\"accept\":[{}]}}]", entry(kind)))
                } else {
                    doc
                };
                let text = doc.text();
                let may_be_there =
                    if in_field { kind != TokenKind::Introspected } else { kind.comes_in_authorization() };
                assert_eq!(document(&text).is_ok(), may_be_there, "{kind:?} in a field: {in_field}");
                if !may_be_there {
                    continue;
                }
                let request = if in_field { bearer(&svid().text()).header("x-second", token) } else { bearer(token) };
                let answer = Runner::new(&text, NOW).ask(&request.answer(active.clone()));
                // A policy that introspects takes whatever its server says is active.
                let takes = *of == Some(kind) || kind == TokenKind::Introspected;
                assert_eq!(answer.reason.is_none(), takes, "{of:?} as {kind:?}: {:?}", answer.reason);
                if takes {
                    passed.insert(kind);
                }
            }
        }
    }
    assert_eq!(passed.len(), TokenKind::ALL.len());
}
