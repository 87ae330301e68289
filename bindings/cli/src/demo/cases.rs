//! The requests of the demonstration, and the one right answer to each.

use countersign::Reason;
use serde_json::{Value, json};

use super::tokens::{self, NOW, access_claims, header, signed, svid_claims};
use super::world::{Call, URI, World, certificate_hash};
use crate::failure::Failure;

/// One row of the demo.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// `None` is "accepted".
    pub(super) expected: Option<Reason>,
    pub(super) story: Story,
    token: String,
    /// Makes the request with the token, and with a fresh proof if it has any.
    make: fn(&World, &str) -> Result<Call, Failure>,
}

/// The circumstances of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Story {
    /// Nothing.
    Plain,
    /// The very same request was accepted before.
    Replayed,
    /// The token was accepted before; then its key left the bundle.
    RotatedOut,
    /// The bundle has the new key by now.
    RotatedIn,
}

impl Case {
    pub(super) fn call(&self, world: &World) -> Result<Call, Failure> {
        (self.make)(world, &self.token)
    }
}

fn bearer(world: &World, token: &str) -> Result<Call, Failure> {
    Ok(world.bearer(token))
}

fn with_proof(world: &World, token: &str) -> Result<Call, Failure> {
    world.proven(token, &world.client_key, URI, token)
}

pub(super) fn all(world: &World) -> Result<Vec<Case>, Failure> {
    const WEB: &str = "spiffe://example.org/ns/shop/sa/web";
    let svid = signed(&header("JWT", &world.domain_key), &svid_claims(WEB), &world.domain_key)?;
    let access = |claims: &Value| signed(&header("at+jwt", &world.server_key), claims, &world.server_key);
    let with = |name: &str, value: Value| {
        let mut claims = access_claims(Value::Null);
        claims[name] = value;
        access(&claims)
    };
    let (jkt, x5t) = (world.client_key.thumbprint(), certificate_hash(&world.client_certificate));
    let plain = access(&access_claims(Value::Null))?;
    let to_key = access(&access_claims(json!({"jkt": jkt})))?;
    let to_certificate = access(&access_claims(json!({"x5t#S256": x5t})))?;
    let to_both = access(&access_claims(json!({"jkt": jkt, "x5t#S256": x5t})))?;

    let case =
        |name, expected, token: &str, make| Case { name, expected, story: Story::Plain, token: token.to_owned(), make };
    let forged = signed(&header("JWT", &world.thief_key), &svid_claims(WEB), &world.thief_key)?;
    let unknown = json!({"alg": "ES256", "typ": "JWT", "kid": "domain-9"});
    let unknown = signed(&unknown, &svid_claims(WEB), &world.domain_key)?;
    let none = json!({"alg": "none", "typ": "JWT", "kid": "domain-1"});
    let mac = json!({"alg": "HS256", "typ": "JWT", "kid": "domain-1"});
    let foreign = svid_claims("spiffe://partner.example/ns/shop/sa/web");
    let foreign = signed(&header("JWT", &world.domain_key), &foreign, &world.domain_key)?;
    let next = signed(&header("JWT", &world.domain_next_key), &svid_claims(WEB), &world.domain_next_key)?;
    Ok(vec![
        case("JWT-SVID of a workload", None, &svid, bearer),
        case("access token, bound to nothing", None, &plain, bearer),
        case("DPoP-bound token with its proof", None, &to_key, with_proof),
        case("certificate-bound token over mTLS", None, &to_certificate, |world, token| {
            Ok(world.bearer(token).over_tls_with(&world.client_certificate))
        }),
        case("token bound to both, with both", None, &to_both, |world, token| {
            Ok(with_proof(world, token)?.over_tls_with(&world.client_certificate))
        }),
        case("expired token", Some(Reason::TokenExpired), &with("exp", json!(NOW - 60))?, bearer),
        case(
            "token for another audience",
            Some(Reason::AudienceMismatch),
            &with("aud", json!("https://other.example"))?,
            bearer,
        ),
        case("token without the scope", Some(Reason::ScopeInsufficient), &with("scope", json!("profile"))?, bearer),
        case("stolen DPoP-bound token as Bearer", Some(Reason::ProofMissing), &to_key, bearer),
        case("stolen token, proof by the thief's key", Some(Reason::ProofKeyMismatch), &to_key, |world, token| {
            world.proven(token, &world.thief_key, URI, token)
        }),
        Case {
            story: Story::Replayed,
            ..case("proof used a second time", Some(Reason::ProofReplayed), &to_key, with_proof)
        },
        case("proof for another URI", Some(Reason::ProofUriMismatch), &to_key, |world, token| {
            world.proven(token, &world.client_key, "https://api.example/admin", token)
        }),
        case("proof for another token", Some(Reason::ProofTokenMismatch), &to_key, |world, token| {
            world.proven(token, &world.client_key, URI, "another")
        }),
        case("stolen certificate-bound token", Some(Reason::CertificateMismatch), &to_certificate, |world, token| {
            Ok(world.bearer(token).over_tls_with(&world.thief_certificate))
        }),
        case("forged token under a known kid", Some(Reason::SignatureInvalid), &forged, bearer),
        case("token under an unknown kid", Some(Reason::KeyUnknown), &unknown, bearer),
        case("alg none", Some(Reason::AlgorithmRefused), &tokens::unsigned(&none, &svid_claims(WEB)), bearer),
        case(
            "HS256 with the public key",
            Some(Reason::AlgorithmRefused),
            &tokens::maced(&mac, &svid_claims(WEB), &world.domain_key),
            bearer,
        ),
        case("SVID of the partner, signed by our key", Some(Reason::SignatureInvalid), &foreign, bearer),
        Case {
            story: Story::RotatedOut,
            ..case("cached SVID, its key rotated out", Some(Reason::KeyUnknown), &svid, bearer)
        },
        Case { story: Story::RotatedIn, ..case("SVID by the key rotated in", None, &next, bearer) },
    ])
}
