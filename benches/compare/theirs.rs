//! The Rust peers, each configured for the same checks as far as it has them.

use std::cell::Cell;
use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use countersign_tests::issuer::unb64;
use countersign_tests::request::Doc;
use dpop_verifier::{DpopError, DpopVerifier, ReplayContext, ReplayStore};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use huskarl_resource_server::core::Error;
use huskarl_resource_server::core::http::{HttpClient, HttpResponse, Idempotency};
use huskarl_resource_server::core::jwt::JtiUniquenessChecker;
use huskarl_resource_server::core::platform::MaybeSendBoxFuture;
use huskarl_resource_server::validator::rfc9068::Rfc9068Validator;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use jwt_simple::prelude::{
    Duration, ECDSAP256PublicKeyLike, ES256PublicKey, Ed25519PublicKey, EdDSAPublicKeyLike, RS256PublicKey,
    RSAPublicKeyLike, VerificationOptions,
};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Value, json};
use spiffe::{JwtBundle, JwtBundleSet, JwtSvid, TrustDomain};

use crate::Peer;
use crate::ours::{Ours, Tier};
use crate::scenario::{Item, Scenario, split};

const LEEWAY_SECONDS: u64 = 30;
const PROOF_SECONDS: u64 = 300;
const URI: &str = "https://api.example/orders";

/// Every peer that has something to measure in this row.
pub fn all(scenario: &Scenario) -> Vec<Peer> {
    match scenario.text("row") {
        "dpop" => {
            let mut peers = ring_proof(scenario);
            peers.extend(countersign(scenario));
            peers.extend([dpop_verifier(scenario), huskarl(scenario)]);
            peers
        }
        _ => {
            let mut peers = vec![ring(scenario)];
            peers.extend(countersign(scenario));
            peers.extend([jsonwebtoken(scenario), jwt_simple(scenario)]);
            peers.extend(spiffe(scenario));
            peers.push(huskarl(scenario));
            peers
        }
    }
}

/// The peers that have no part in this row, and why.
pub fn absent(scenario: &Scenario) -> Vec<Value> {
    let no = |name: &str, reason: &str| json!({ "name": name, "reason": reason });
    match scenario.text("row") {
        "dpop" => ["jsonwebtoken", "jwt-simple", "spiffe"].map(|name| no(name, "knows no DPoP")).to_vec(),
        "eddsa" => vec![
            no("countersign, JWT-SVID", "JWT-SVIDs may not be signed by EdDSA"),
            no("spiffe", "JWT-SVIDs may not be signed by EdDSA"),
            no("dpop-verifier", "checks proofs only"),
        ],
        _ => vec![no("dpop-verifier", "checks proofs only")],
    }
}

fn part(key: &Value, name: &str) -> Vec<u8> {
    unb64(key[name].as_str().expect("a part of the key"))
}

fn point(key: &Value) -> Vec<u8> {
    [vec![4], part(key, "x"), part(key, "y")].concat()
}

/// The signature check alone, of `key` by its algorithm.
fn signature_check(key: &Value) -> impl Fn(&str, &[u8]) -> bool + Clone + use<> {
    let (n, e, point) = match key["kty"].as_str() {
        Some("RSA") => (part(key, "n"), part(key, "e"), Vec::new()),
        Some("EC") => (Vec::new(), Vec::new(), point(key)),
        _ => (Vec::new(), Vec::new(), part(key, "x")),
    };
    let kind = key["kty"].as_str().unwrap_or_default().to_owned();
    move |input, signature| match kind.as_str() {
        "RSA" => RsaPublicKeyComponents { n: &n, e: &e }
            .verify(&signature::RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), signature)
            .is_ok(),
        "EC" => UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, &point)
            .verify(input.as_bytes(), signature)
            .is_ok(),
        _ => UnparsedPublicKey::new(&signature::ED25519, &point).verify(input.as_bytes(), signature).is_ok(),
    }
}

fn ring(scenario: &Scenario) -> Peer {
    let check = signature_check(scenario.key("keys"));
    let accepts = move |item: &Item| check(split(&item.token).0, &item.signature);
    Peer::new("ring, signature alone", "ring", &scenario.access, Vec::new(), accepts).note("everything else")
}

fn ring_proof(scenario: &Scenario) -> Vec<Peer> {
    let of_token = signature_check(scenario.key("keys"));
    let of_proof = signature_check(&scenario.facts["client"]);
    let proof = move |item: &Item| of_proof(split(item.proof.as_ref().expect("a proof")).0, &item.proof_signature);
    let both = {
        let proof = proof.clone();
        move |item: &Item| of_token(split(&item.token).0, &item.signature) && proof(item)
    };
    let peer = |name: &str, accepts: Box<dyn FnMut(&Item) -> bool>| {
        let mut peer = Peer::new(name, "ring", &scenario.access, Vec::new(), accepts).note("everything else");
        peer.again = true;
        peer
    };
    vec![
        peer("ring, signature of the proof alone", Box::new(proof)),
        peer("ring, both signatures alone", Box::new(both)),
    ]
}

/// Countersign: each kind of token, with tables for keys that are used often and without.
fn countersign(scenario: &Scenario) -> Vec<Peer> {
    let row = scenario.text("row");
    let tables = scenario.text("algorithm") == "ES256";
    let trust = |name: &str, member: &str, set: &str| {
        let (named, keys) = (json!(scenario.text(name)), &scenario.facts[set]);
        format!(r#"{{"{name}":{named},"{member}":{keys}}}"#)
    };
    let access = trust("issuer", "jwks", "keys");
    let bundle = scenario.facts["bundle"].is_object().then(|| trust("trust_domain", "bundle", "bundle"));
    let kinds = [
        ("at+jwt", &scenario.access, "at", Some(Doc::access().trust(&[access]))),
        ("JWT-SVID", &scenario.svid, "svid", bundle.map(|bundle| Doc::svid().trust(&[bundle]))),
    ];
    let mut peers = Vec::new();
    for (kind, items, probes, document) in kinds {
        let Some(document) = document.filter(|_| !items.is_empty()) else { continue };
        let document = document.member("dpop", &format!(r#"{{"max_age_seconds":{PROOF_SECONDS}}}"#));
        // Room for a quarter of the tokens of a row of new ones: each is looked up, missed and stored, as in service.
        let (tier, cache) = match row {
            "cached" | "dpop" => (Tier::Cached, 8 << 20),
            _ => (Tier::New, 1 << 20),
        };
        for hot in [true, false] {
            if !hot && (!tables || row == "cached") {
                continue;
            }
            let bytes = if hot { 8 << 20 } else { 0 };
            let memory = format!(r#"{{"token_cache_bytes":{cache},"hot_key_bytes":{bytes},"replay_proofs":200000}}"#);
            let mut ours = Ours::new(&document.clone().memory(&memory).text());
            let mut used = 0;
            match row {
                "cached" => items.iter().for_each(|item| assert!(accepts(&mut ours, item), "refuses a good token")),
                _ if hot && tables => used = promote(&mut ours, items),
                "dpop" => {
                    used = 1;
                    assert!(accepts(&mut ours, &items[0]), "refuses a good request");
                }
                _ => {}
            }
            let probes = scenario.probes(if row == "dpop" { "dpop" } else { probes });
            // While the checks are compared, verdicts may come from any cache.
            let asked = Rc::new(Cell::new(Tier::Any));
            let measured = Rc::clone(&asked);
            let judge = move |item: &Item| {
                ours.tier = measured.get();
                accepts(&mut ours, item)
            };
            let way = match (row, hot && tables, tables) {
                ("cached", ..) => ", cached",
                ("dpop", true, _) => ", token cached",
                ("dpop", false, _) => ", token cached, hot_key_bytes 0",
                (_, true, _) => "",
                (_, false, true) => ", hot_key_bytes 0",
                (_, false, false) => "",
            };
            let peer = Peer::new(&format!("countersign, {kind}{way}"), "countersign", items, probes, judge);
            assert!(peer.unchecked.is_empty(), "{}: does not check {:?}", peer.name, peer.unchecked);
            asked.set(tier);
            peers.push(peer.from(used));
        }
    }
    peers
}

fn accepts(ours: &mut Ours, item: &Item) -> bool {
    ours.passes(item.authorization.as_bytes(), item.proof.as_ref().map(String::as_bytes))
}

/// Uses `items` until the key that signs them has its table; the requests that this took.
fn promote(ours: &mut Ours, items: &[Item]) -> usize {
    for (used, item) in items.iter().enumerate() {
        if ours.worker.hot_keys().promoted == 1 {
            return used;
        }
        assert!(accepts(ours, item), "a good request is refused while its key is promoted");
        while ours.worker.build_tables(u32::MAX) {}
    }
    panic!("no key was promoted in {} requests", items.len());
}

/// The claims that an application takes out of an access token.
#[derive(Deserialize)]
#[allow(dead_code)] // parsing is measured, also of members that are not read
struct Claims {
    iss: String,
    sub: String,
    exp: u64,
    iat: u64,
    jti: String,
    client_id: String,
    scope: String,
}

fn jsonwebtoken(scenario: &Scenario) -> Peer {
    let algorithm = match scenario.text("algorithm") {
        "ES256" => Algorithm::ES256,
        "RS256" => Algorithm::RS256,
        _ => Algorithm::EdDSA,
    };
    let key: Jwk = serde_json::from_value(scenario.key("keys").clone()).expect("a JWK");
    let key = DecodingKey::from_jwk(&key).expect("a key");
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[scenario.text("issuer")]);
    validation.set_audience(&[scenario.text("audience")]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY_SECONDS;
    let accepts = move |item: &Item| jsonwebtoken::decode::<Claims>(&item.token, &key, &validation).is_ok();
    Peer::new("jsonwebtoken (aws-lc)", "jsonwebtoken", &scenario.access, scenario.probes("at"), accepts)
}

/// The conversions that jwt-simple lacks.
#[derive(serde::Serialize, Deserialize)]
struct Custom {
    client_id: String,
    scope: String,
}

fn jwt_simple(scenario: &Scenario) -> Peer {
    let key = scenario.key("keys");
    let options = VerificationOptions {
        allowed_issuers: Some(HashSet::from([scenario.text("issuer").to_owned()])),
        allowed_audiences: Some(HashSet::from([scenario.text("audience").to_owned()])),
        required_signature_type: Some("at+jwt".to_owned()),
        required_key_id: key["kid"].as_str().map(str::to_owned),
        time_tolerance: Some(Duration::from_secs(LEEWAY_SECONDS)),
        ..VerificationOptions::default()
    };
    let accepts: Box<dyn FnMut(&Item) -> bool> = match scenario.text("algorithm") {
        "ES256" => {
            let key = ES256PublicKey::from_bytes(&point(key)).expect("a key");
            Box::new(move |item| key.verify_token::<Custom>(&item.token, Some(options.clone())).is_ok())
        }
        "RS256" => {
            let key = RS256PublicKey::from_components(&part(key, "n"), &part(key, "e")).expect("a key");
            Box::new(move |item| key.verify_token::<Custom>(&item.token, Some(options.clone())).is_ok())
        }
        _ => {
            let key = Ed25519PublicKey::from_bytes(&part(key, "x")).expect("a key");
            Box::new(move |item| key.verify_token::<Custom>(&item.token, Some(options.clone())).is_ok())
        }
    };
    let name = if cfg!(feature = "boring") { "jwt-simple (BoringSSL)" } else { "jwt-simple (pure Rust)" };
    Peer::new(name, "jwt-simple", &scenario.access, scenario.probes("at"), accepts)
}

fn spiffe(scenario: &Scenario) -> Option<Peer> {
    let keys = scenario.facts["bundle"]["keys"].as_array()?;
    let mut bundle = JwtBundle::new(TrustDomain::new(scenario.text("trust_domain")).expect("a trust domain"));
    for key in keys {
        bundle.add_jwk_authority_json(key.to_string().as_bytes()).expect("a JWK");
    }
    let mut bundles = JwtBundleSet::new();
    bundles.add_bundle(bundle);
    let audience = [scenario.text("audience").to_owned()];
    let accepts = move |item: &Item| JwtSvid::parse_and_validate(&item.token, &bundles, &audience).is_ok();
    Some(Peer::new("spiffe, JWT-SVID (aws-lc)", "spiffe", &scenario.svid, scenario.probes("svid"), accepts))
}

/// Answers every request with the key set: nothing goes over a network.
struct Offline(Bytes);

impl HttpClient for Offline {
    fn execute(&self, _: Request<Bytes>, _: Idempotency) -> MaybeSendBoxFuture<'_, Result<HttpResponse, Error>> {
        let response = HttpResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: self.0.clone() };
        Box::pin(async move { Ok(response) })
    }
}

/// The simplest store of used proofs: a set in memory.
#[derive(Debug, Default)]
struct Seen(Mutex<HashSet<String>>);

impl JtiUniquenessChecker for Seen {
    fn check_and_mark_seen(&self, jti: &str) -> MaybeSendBoxFuture<'_, Result<bool, Error>> {
        let seen = !self.0.lock().expect("no panic before").insert(jti.to_owned());
        Box::pin(async move { Ok(seen) })
    }
}

fn huskarl(scenario: &Scenario) -> Peer {
    let uri: Uri = URI.parse().expect("a URI");
    let dpop = scenario.text("row") == "dpop";
    let validator = wait(
        Rfc9068Validator::<()>::builder()
            .issuer(scenario.text("issuer"))
            .audience(scenario.text("audience"))
            .jwks_uri("https://as.example/jwks.json".parse().expect("a URI"))
            .jwks_source(Offline(scenario.facts["keys"].to_string().into()))
            .allowed_signing_algorithms(vec![scenario.text("algorithm").to_owned()])
            .clock_leeway(std::time::Duration::from_secs(LEEWAY_SECONDS))
            .max_dpop_proof_age(std::time::Duration::from_secs(PROOF_SECONDS))
            .dpop_jti_checker(Seen::default())
            .build(),
    )
    .expect("a validator");
    let accepts = move |item: &Item| {
        let result = wait(validator.validate_request(&item.headers, &Method::GET, &uri, None));
        matches!(result.outcome, Ok(Some(_)))
    };
    let probes = scenario.probes(if dpop { "dpop" } else { "at" });
    Peer::new("huskarl-resource-server", "huskarl-resource-server", &scenario.access, probes, accepts)
}

struct Store(HashSet<[u8; 32]>);

#[async_trait::async_trait]
impl ReplayStore for Store {
    async fn insert_once(&mut self, jti: [u8; 32], _: ReplayContext<'_>) -> Result<bool, DpopError> {
        Ok(self.0.insert(jti))
    }
}

fn dpop_verifier(scenario: &Scenario) -> Peer {
    let verifier = DpopVerifier::new().with_max_age_seconds(PROOF_SECONDS as i64).with_future_skew_seconds(5);
    let mut store = Store(HashSet::new());
    let accepts = move |item: &Item| {
        let proof = item.proof.as_ref().expect("a proof");
        wait(verifier.verify(&mut store, proof, URI, "GET", Some(&item.token))).is_ok()
    };
    Peer::new("dpop-verifier, proof alone", "dpop-verifier", &scenario.access, scenario.probes("dpop"), accepts)
}

/// Polls a future that has nothing to wait for.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}
