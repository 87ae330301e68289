//! Tokens and proofs, true and forged.

use countersign::internal::crypto::sha256;
use ring::hmac;
use serde_json::{Value, json};

use super::keys::{SigningKey, b64};
use crate::failure::Failure;

/// The time of all that happens.
pub(super) const NOW: u64 = 1_800_000_000;

/// A compact JWS.
pub(super) fn signed(header: &Value, claims: &Value, key: &SigningKey) -> Result<String, Failure> {
    let input = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
    let signature = key.sign(input.as_bytes())?;
    Ok(format!("{input}.{}", b64(&signature)))
}

/// The same without a signature.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}.", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()))
}

/// The same with a MAC whose key is public.
pub(super) fn maced(header: &Value, claims: &Value, public_key: &SigningKey) -> String {
    let input = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, public_key.jwk().to_string().as_bytes());
    format!("{input}.{}", b64(hmac::sign(&key, input.as_bytes()).as_ref()))
}

pub(super) fn header(typ: &str, key: &SigningKey) -> Value {
    json!({"alg": key.algorithm(), "typ": typ, "kid": key.key_id})
}

pub(super) fn svid_claims(subject: &str) -> Value {
    json!({"sub": subject, "aud": ["https://api.example"], "iat": NOW - 10, "exp": NOW + 290})
}

/// The claims of an access token; `cnf` is null for one that is bound to nothing.
pub(super) fn access_claims(cnf: Value) -> Value {
    let mut claims = json!({
        "iss": "https://as.example", "sub": "alice", "client_id": "shop", "aud": "https://api.example",
        "scope": "orders:read profile", "jti": "token-1", "iat": NOW - 10, "exp": NOW + 290,
    });
    if !cnf.is_null() {
        claims["cnf"] = cnf;
    }
    claims
}

/// A fresh proof for a GET of `uri` with `token`.
pub(super) fn proof(key: &SigningKey, uri: &str, token: &str, id: u64) -> Result<String, Failure> {
    let header = json!({"alg": key.algorithm(), "typ": "dpop+jwt", "jwk": key.jwk()});
    let hash = b64(&sha256(token.as_bytes()));
    let claims = json!({"jti": format!("proof-{id}"), "htm": "GET", "htu": uri, "iat": NOW, "ath": hash});
    signed(&header, &claims, key)
}
