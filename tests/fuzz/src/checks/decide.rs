//! The engine as a whole. What libFuzzer makes is the header and the payload of a token or proof, which are signed here: so the checks
//! behind the signature are reached. Or it is the request itself.
//!
//! - A decision is the same from a cold and a warm cache, under any spelling of the scheme, and however the JSON is spelled: a refusal
//!   never becomes an acceptance by another encoding of the same header and claims (RFC 8259 §8.3). Only limits on length may differ.
//! - An accepted token is right for another reader: `serde_json` finds the type, the algorithm, the issuer, the audience and the
//!   times that the policy demands, no name twice, and every part is base64url in its one spelling.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::{Reason, Request, UnixSeconds};
use countersign_tests::issuer::{AUDIENCE, DOMAIN, NOW, PLAIN, SERVER, URI, access, b64, key, proof};
use countersign_tests::request::{Doc, Req, bearer, dpop};
use countersign_tests::runner::{Answer, Runner};
use serde_json::Value;

use super::document::respelled;

/// What the first byte of the input chooses: a kind of token with the key that signs it, a proof, or a request.
pub const KINDS: [(&str, &str); 5] = [
    ("at+jwt", "server-p256"),
    ("jwt-svid", "domain-p256"),
    ("jwt", "plain-p256"),
    ("proof", "client-p256"),
    ("request", ""),
];

/// Ends a part of the input: no byte of UTF-8.
pub const END: u8 = 0xff;

/// Where proofs are not remembered, a request is decided alike each time.
const LEEWAY: f64 = 30.0;

thread_local! {
    static RUNNER: RefCell<Runner> = RefCell::new(Runner::new(
        &Doc::all().member("dpop", r#"{"replay":"danger_accept"}"#).memory(r#"{"replay_proofs":64,"token_cache_bytes":262144}"#).text(),
        NOW,
    ));
    static BOUND: String = access().bound_to_key("client-p256").text();
}

pub fn check(input: &[u8]) -> bool {
    let Some((first, rest)) = input.split_first() else { return false };
    let (kind, signer) = KINDS[usize::from(*first) % KINDS.len()];
    let mut parts = rest.splitn(4, |byte| *byte == END);
    let mut part = || parts.next().unwrap_or_default();
    if kind == "request" {
        return check_request(part(), part(), part(), part());
    }
    let (header, payload) = (part(), part());
    let text = signed(signer, header, payload);
    let request = |text: &str| if kind == "proof" { BOUND.with(|bound| dpop(bound, text)) } else { bearer(text) };
    let answer = decide(&request(&text));
    if let (Some(header), Some(payload)) = (respelled(header), respelled(payload)) {
        let spelled = decide(&request(&signed(signer, &header, &payload)));
        let is_limit = |answer: &Answer| {
            matches!(answer.reason, Some(Reason::LimitExceeded | Reason::CredentialTooLarge | Reason::ProofTooLarge))
        };
        if !is_limit(&answer) && !is_limit(&spelled) {
            assert_eq!(answer.reason, spelled.reason);
            assert_eq!(
                (answer.kind, &answer.subject, &answer.issuer),
                (spelled.kind, &spelled.subject, &spelled.issuer)
            );
        }
    } else {
        assert!(answer.reason.is_some(), "a part that is not JSON is accepted");
    }
    if answer.reason.is_some() {
        return false;
    }
    let read = |part: &[u8]| serde_json::from_slice::<Value>(part).expect("accepted and not JSON");
    let (header, claims) = (read(header), read(payload));
    assert_eq!(header["alg"], "ES256");
    assert!(header.get("crit").is_none());
    if kind == "proof" {
        assert!(header["jwk"].get("d").is_none());
        assert_eq!((claims["htm"].as_str(), claims["htu"].is_string()), (Some("GET"), true));
        BOUND.with(|bound| assert_eq!(claims["ath"], b64(countersign::internal::crypto::sha256(bound.as_bytes()))));
        assert!(claims["iat"].as_f64().is_some_and(|iat| (iat - NOW as f64).abs() <= 61.0));
    } else {
        check_token(answer.kind, &header, &claims);
        // One more character is another text, and no other text is that token.
        for other in [format!("{text}="), format!("{text}A"), format!(" {text}")] {
            assert!(decide(&bearer(&other)).reason.is_some() || other.trim() == text);
        }
    }
    true
}

fn check_token(kind: Option<&str>, header: &Value, claims: &Value) {
    assert!(claims["exp"].as_f64().is_some_and(|exp| exp > NOW as f64 - LEEWAY - 1.0), "{claims}");
    assert!(
        claims.get("nbf").is_none_or(|nbf| nbf.as_f64().is_some_and(|nbf| nbf <= NOW as f64 + LEEWAY + 1.0)),
        "{claims}"
    );
    let names_us = match &claims["aud"] {
        Value::String(audience) => audience == AUDIENCE,
        Value::Array(audiences) => audiences.iter().any(|audience| audience == AUDIENCE),
        _ => false,
    };
    assert!(names_us, "{claims}");
    let typ = header.get("typ").map(|typ| typ.as_str().unwrap_or_default().to_ascii_lowercase());
    let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    match kind {
        Some("at+jwt") => {
            assert_eq!((typ, claims["iss"].as_str()), (Some("at+jwt"), Some(SERVER)));
            assert!(["sub", "client_id", "jti"].iter().all(|name| claims[*name].is_string()), "{claims}");
        }
        Some("jwt") => {
            assert!(matches!(typ, None | Some("jwt")), "{header}");
            assert_eq!(claims["iss"].as_str(), Some(PLAIN));
        }
        Some("jwt-svid") => {
            assert!(matches!(typ, None | Some("jwt" | "jose")), "{header}");
            let prefix = format!("spiffe://{DOMAIN}/");
            assert!(claims["sub"].as_str().is_some_and(|subject| subject.starts_with(&prefix)), "{claims}");
        }
        other => panic!("accepted as {other:?}"),
    }
}

/// Fields of a request as they are, of any bytes.
fn check_request(authorization: &[u8], proof: &[u8], uri: &[u8], method: &[u8]) -> bool {
    let judge = |authorization: &[u8]| {
        let mut fields = vec![(&b"Authorization"[..], authorization)];
        if !proof.is_empty() {
            fields.push((b"DPoP", proof));
        }
        let request = Request::new(method, uri, fields, UnixSeconds::new(NOW));
        RUNNER.with_borrow_mut(|runner| runner.judge("default", &request))
    };
    let first = judge(authorization);
    let again = judge(authorization);
    assert_eq!(first.reason, again.reason, "cold and warm");
    assert!(first.status == 200 || (400..500).contains(&first.status) || first.reason == Some(Reason::RequestInvalid));
    // RFC 9110 §11.1: the scheme is case-insensitive; RFC 6750 §2.1: 1*SP behind it; RFC 9110 §5.5: white space around the value.
    if let Some(space) = authorization.iter().position(|byte| *byte == b' ').filter(|space| *space > 0) {
        let (scheme, rest) = authorization.split_at(space);
        let other = [b" ", &scheme.to_ascii_uppercase()[..], b" ", rest, b"\t"].concat();
        assert_eq!(judge(&other).reason, first.reason);
    }
    first.reason.is_none()
}

fn decide(request: &Req) -> Answer {
    RUNNER.with_borrow_mut(|runner| {
        let cold = runner.ask(request);
        let warm = runner.ask(request);
        assert_eq!(cold.reason, warm.reason, "cold and warm");
        assert_eq!((cold.kind, &cold.subject, &cold.issuer), (warm.kind, &warm.subject, &warm.issuer));
        cold
    })
}

fn signed(signer: &str, header: &[u8], payload: &[u8]) -> String {
    let input = format!("{}.{}", b64(header), b64(payload));
    format!("{input}.{}", b64(key(signer).sign("ES256", input.as_bytes())))
}

/// The input for a token or proof that is in a request, if it has two parts that can be decoded.
pub fn seed(text: &str, is_proof: bool) -> Option<Vec<u8>> {
    let mut parts = text.split('.');
    let mut decode = || URL_SAFE_NO_PAD.decode(parts.next()?).ok();
    let (header, mut payload) = (decode()?, decode()?);
    let mut kind = u8::from(is_proof) * 3;
    if !is_proof {
        let claims: Value = serde_json::from_slice(&payload).unwrap_or_default();
        kind = match (claims["iss"].as_str(), claims["sub"].as_str()) {
            (Some(PLAIN), _) => 2,
            (_, Some(subject)) if subject.starts_with("spiffe:") => 1,
            _ => 0,
        };
    } else if let Ok(mut claims) = serde_json::from_slice::<Value>(&payload) {
        // The proofs of the vectors are for tokens of their own.
        if claims.get("ath").is_some() {
            claims["ath"] = BOUND.with(|bound| b64(countersign::internal::crypto::sha256(bound.as_bytes()))).into();
            payload = claims.to_string().into_bytes();
        }
    }
    Some([&[kind][..], &header, &[END], &payload].concat())
}

/// A proof that is accepted.
pub fn right_proof() -> Vec<u8> {
    let text = BOUND.with(|bound| proof(bound).claim("htu", &format!("\"{URI}\"")).text());
    seed(&text, true).expect("three parts")
}
