//! The tokens of one row, for all peers the same, and tokens with one fault each to find out what a peer checks.

use std::fs;
use std::path::Path;

use countersign_tests::issuer::{self, AUDIENCE, DOMAIN, SERVER, SUBJECT, Token, URI, q};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

/// Real tokens carry claims that no validator reads.
const TOKEN_BYTES: usize = 900;
/// A JWT-SVID may not be signed by EdDSA (JWT-SVID §3), so that row has none.
const ALGORITHMS: [(&str, &str, &str, Option<&str>); 5] = [
    ("cached", "ES256", "server-p256", Some("domain-p256")),
    ("es256", "ES256", "server-p256", Some("domain-p256")),
    ("rs256", "RS256", "server-rsa2048", Some("domain-rsa2048")),
    ("eddsa", "EdDSA", "server-ed25519", None),
    ("dpop", "ES256", "server-p256", None),
];

/// Tokens that all fit into every cache, or more than fit into the small one of the rows of new tokens.
const FEW: usize = 16;
const MANY: usize = 4096;
/// Each proof can be used once.
const PROOFS: usize = 160_000;

/// Writes the material of `row` into `folder`.
pub fn issue(row: &str, folder: &Path, now: u64) {
    let (_, algorithm, server, domain) = *ALGORITHMS.iter().find(|(name, ..)| *name == row).expect("a known row");
    let bound = row == "dpop";
    let tokens = match row {
        "cached" => FEW,
        "dpop" => 1,
        _ => MANY,
    };
    let access = |number: usize| {
        let token =
            fresh(issuer::access().key(server).algorithm(algorithm), now).claim("jti", &q(&format!("at-{number}")));
        grown(if bound { token.bound_to_key("client-p256") } else { token })
    };
    let lines = many(server, algorithm, (0..tokens).map(access));
    fs::write(folder.join("at.txt"), lines.join("\n")).expect("a folder to write to");

    let mut probes = json!({ "at": at_probes(access(0), now, bound) });
    if let Some(domain) = domain {
        let svid = |number: usize| {
            let token = fresh(issuer::svid().key(domain).algorithm(algorithm), now);
            grown(token.claim("jti", &q(&format!("svid-{number}"))))
        };
        let lines = many(domain, algorithm, (0..tokens).map(svid));
        fs::write(folder.join("svid.txt"), lines.join("\n")).expect("a folder to write to");
        probes["svid"] = svid_probes(svid(0), now);
    }
    if bound {
        let token = &lines[0];
        let proofs = (0..PROOFS).map(|number| proof(token, now, &format!("p-{number}")));
        let proofs = many("client-p256", "ES256", proofs);
        fs::write(folder.join("proofs.txt"), proofs.join("\n")).expect("a folder to write to");
        probes["dpop"] = dpop_probes(token, access(0), now);
    }
    let set = |name: &str, usage: &str, also: &str| {
        let key = |name: &str, algorithm: &str| {
            let more = format!(r#""kid":"{name}","use":"{usage}","alg":"{algorithm}""#);
            serde_json::from_str::<Value>(&issuer::jwk(name, &more)).expect("a JWK")
        };
        json!({ "keys": [key(name, algorithm), key(also, "ES256")] })
    };
    let scenario = json!({
        "row": row, "algorithm": algorithm, "issuer": SERVER, "audience": AUDIENCE, "trust_domain": DOMAIN,
        "subject": SUBJECT, "method": "GET", "uri": URI,
        "keys": set(server, "sig", "server-next-p256"),
        "bundle": domain.map(|domain| set(domain, "jwt-svid", "domain-next-p256")),
        "client": serde_json::from_str::<Value>(&issuer::jwk("client-p256", "")).expect("a JWK"),
        "probes": probes,
    });
    fs::write(folder.join("scenario.json"), scenario.to_string()).expect("a folder to write to");
}

fn many(key: &str, algorithm: &str, tokens: impl Iterator<Item = Token>) -> Vec<String> {
    let signer = Signer::new(key, algorithm);
    tokens.map(|token| signer.text(&token)).collect()
}

fn fresh(token: Token, now: u64) -> Token {
    token.claim("iat", &(now - 1).to_string()).claim("exp", &(now + 3600).to_string())
}

fn grown(token: Token) -> Token {
    let bare = (token.header_text().len() + token.claims_text().len()) * 4 / 3 + 88;
    token.claim("filler", &q(&"f".repeat(TOKEN_BYTES.saturating_sub(bare) * 3 / 4)))
}

fn proof(token: &str, now: u64, jti: &str) -> Token {
    issuer::proof(token).claim("iat", &now.to_string()).claim("jti", &q(jti))
}

/// The common part of both kinds of token: the check, and a token that fails it.
fn common(good: &Token, now: u64) -> Vec<(&'static str, Token)> {
    let good = || good.clone();
    vec![
        ("expiry", good().claim("exp", &(now - 3600).to_string())),
        ("nbf", good().claim("nbf", &(now + 1800).to_string())),
        ("iat in the future", good().claim("iat", &(now + 1800).to_string())),
        ("audience", good().claim("aud", &q("https://other.example"))),
        ("crit", good().header("crit", r#"["unknown"]"#).header("unknown", "true")),
        ("repeated names", good().more_claim("sub", &q("spiffe://example.org/mallory"))),
        ("kid", good().header("kid", &q("unknown"))),
    ]
}

fn texts(probes: Vec<(&'static str, Token)>) -> Value {
    let probes = probes.into_iter();
    probes.map(|(check, token)| json!({ "check": check, "token": token.text() })).collect()
}

fn at_probes(good: Token, now: u64, bound: bool) -> Value {
    let mut probes = common(&good, now);
    let good = || good.clone();
    probes.extend([
        ("issuer", good().claim("iss", &q("https://other.example"))),
        ("typ", good().header("typ", &q("JWT"))),
        ("presence of sub", good().no_claim("sub")),
        ("sender binding", if bound { good() } else { good().bound_to_key("client-p256") }),
    ]);
    texts(probes)
}

fn svid_probes(good: Token, now: u64) -> Value {
    let mut probes = common(&good, now);
    let good = || good.clone();
    probes.extend([
        ("typ", good().header("typ", &q("at+jwt"))),
        ("form of the SPIFFE ID", good().claim("sub", &q("alice"))),
        ("trust domain", good().claim("sub", &q("spiffe://partner.example/ns/shop/sa/web"))),
        ("sender binding", good().bound_to_key("client-p256")),
    ]);
    texts(probes)
}

fn dpop_probes(token: &str, bound: Token, now: u64) -> Value {
    let good = |jti: &str| proof(token, now, jti);
    let stranger = good("q-key").key("client-other-p256");
    let mut probes: Vec<Value> = vec![
        ("binding to the token", stranger),
        ("ath", good("q-ath").claim("ath", &q(&issuer::ath("another")))),
        ("htm", good("q-htm").claim("htm", &q("POST"))),
        ("htu", good("q-htu").claim("htu", &q("https://api.example/other"))),
        ("age of the proof", good("q-old").claim("iat", &(now - 3600).to_string())),
        ("proof from the future", good("q-new").claim("iat", &(now + 3600).to_string())),
        ("typ of the proof", good("q-typ").header("typ", &q("JWT"))),
        ("jti", good("q-jti").no_claim("jti")),
    ]
    .into_iter()
    .map(|(check, proof)| json!({ "check": check, "token": token, "proof": proof.text() }))
    .collect();
    let replayed = good("q-replay").text();
    probes.push(json!({ "check": "replay", "token": token, "proof": replayed, "twice": true }));
    for (check, bad) in [
        ("expiry of the token", bound.clone().claim("exp", &(now - 3600).to_string())),
        ("audience of the token", bound.clone().claim("aud", &q("https://other.example"))),
        ("signature of the token", bound.clone().forged_by("server-next-p256")),
    ] {
        let token = bad.text();
        let proof = proof(&token, now, &format!("q-{}", &check[..3])).text();
        probes.push(json!({ "check": check, "token": token, "proof": proof }));
    }
    Value::from(probes)
}

/// Signs the many: ES256 with ring, which is faster than the issuer of the vectors.
struct Signer {
    pair: Option<EcdsaKeyPair>,
    random: SystemRandom,
}

impl Signer {
    fn new(key: &str, algorithm: &str) -> Self {
        let random = SystemRandom::new();
        let pair = (algorithm == "ES256").then(|| {
            let jwk = &issuer::key(key).jwk;
            let part = |name: &str| issuer::unb64(jwk[name].as_str().expect("a part of the key"));
            let point = [vec![4], part("x"), part("y")].concat();
            let form = &ECDSA_P256_SHA256_FIXED_SIGNING;
            EcdsaKeyPair::from_private_key_and_public_key(form, &part("d"), &point, &random).expect("a test key")
        });
        Self { pair, random }
    }

    fn text(&self, token: &Token) -> String {
        let Some(pair) = &self.pair else { return token.text() };
        let input = format!("{}.{}", issuer::b64(token.header_text()), issuer::b64(token.claims_text()));
        let signature = pair.sign(&self.random, input.as_bytes()).expect("a key that signs");
        format!("{input}.{}", issuer::b64(signature))
    }
}
