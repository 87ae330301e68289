//! An issuer for tests: fixed keys under `keys/`, and tokens whose every byte can be chosen.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p256::ecdsa::signature::Signer as _;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RsaEncoding};
use serde_json::Value;

/// The moment at which all vectors play, in seconds since the epoch.
pub const NOW: u64 = 1_800_000_000;
pub const AUDIENCE: &str = "https://api.example";
pub const DOMAIN: &str = "example.org";
pub const SUBJECT: &str = "spiffe://example.org/ns/shop/sa/web";
pub const SERVER: &str = "https://as.example";
pub const PLAIN: &str = "https://plain.example";
/// The service that issues transaction tokens.
pub const TTS: &str = "https://tts.example";
pub const URI: &str = "https://api.example/orders";

/// The eleven algorithms, with the end of the name of the key that signs by each.
pub const ALGORITHMS: [(&str, &str); 11] = [
    ("RS256", "rsa2048"),
    ("RS384", "rsa2048"),
    ("RS512", "rsa2048"),
    ("PS256", "rsa2048"),
    ("PS384", "rsa2048"),
    ("PS512", "rsa2048"),
    ("ES256", "p256"),
    ("ES384", "p384"),
    ("ES512", "p521"),
    ("EdDSA", "ed25519"),
    ("Ed25519", "ed25519"),
];

/// What proofs may be signed with where the policy names nothing, in the order of a challenge.
pub const PROOF_ALGORITHMS: &str = "RS256 PS256 ES256 Ed25519 EdDSA";

#[must_use]
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[must_use]
pub fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[must_use]
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}

#[must_use]
pub fn keys_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("keys")
}

/// The client certificate of this name, in DER.
#[must_use]
pub fn certificate(name: &str) -> Vec<u8> {
    let text = fs::read_to_string(keys_folder().join(format!("{name}.cert.txt"))).unwrap();
    STANDARD.decode(text.trim()).unwrap()
}

/// A test key: its JWK, and what signs with it.
pub struct Key {
    pub jwk: Value,
    signer: Signer,
}

enum Signer {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<ring::rsa::KeyPair>),
    /// A key that no library signs with, such as one of 1024 bits.
    Public,
}

/// The key of this name; the names `numbered-1`, `numbered-2`, … are those of as many P-256 keys as a test wants.
#[must_use]
pub fn key(name: &str) -> &'static Key {
    if let Some(number) = name.strip_prefix("numbered-").and_then(|number| number.parse().ok()) {
        return numbered(number);
    }
    static KEYS: OnceLock<BTreeMap<String, Key>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let mut keys = BTreeMap::new();
        for entry in fs::read_dir(keys_folder()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let jwk = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
                keys.insert(path.file_stem().unwrap().to_str().unwrap().to_owned(), Key::new(jwk));
            }
        }
        keys
    });
    keys.get(name).unwrap_or_else(|| panic!("no test key {name}"))
}

/// The P-256 key whose private part is this number.
fn numbered(number: u64) -> &'static Key {
    static KEYS: Mutex<BTreeMap<u64, &'static Key>> = Mutex::new(BTreeMap::new());
    KEYS.lock().unwrap().entry(number).or_insert_with(|| {
        let mut private = [0; 32];
        private[24..].copy_from_slice(&number.to_be_bytes());
        let public = p256::ecdsa::SigningKey::from_slice(&private).unwrap().verifying_key().to_sec1_point(false);
        let (x, y) = public.as_bytes()[1..].split_at(32);
        let jwk = serde_json::json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y), "d": b64(private) });
        Box::leak(Box::new(Key::new(jwk)))
    })
}

impl Key {
    fn new(jwk: Value) -> Self {
        let part = |name: &str| jwk.get(name).and_then(Value::as_str).map(unb64).unwrap_or_default();
        let signer = match jwk["crv"].as_str().or(jwk["kty"].as_str()).unwrap() {
            "P-256" => Signer::P256(p256::ecdsa::SigningKey::from_slice(&part("d")).unwrap()),
            "P-384" => Signer::P384(p384::ecdsa::SigningKey::from_slice(&part("d")).unwrap()),
            "P-521" => Signer::P521(p521::ecdsa::SigningKey::from_slice(&part("d")).unwrap()),
            "Ed25519" => Signer::Ed25519(Ed25519KeyPair::from_seed_and_public_key(&part("d"), &part("x")).unwrap()),
            "RSA" => {
                let components = ring::rsa::KeyPairComponents {
                    public_key: ring::rsa::PublicKeyComponents { n: part("n"), e: part("e") },
                    d: part("d"),
                    p: part("p"),
                    q: part("q"),
                    dP: part("dp"),
                    dQ: part("dq"),
                    qInv: part("qi"),
                };
                ring::rsa::KeyPair::from_components(&components)
                    .map_or(Signer::Public, |pair| Signer::Rsa(Box::new(pair)))
            }
            _ => Signer::Public,
        };
        Self { jwk, signer }
    }

    /// The members of the public key that its thumbprint is made of, in lexicographic order (RFC 7638).
    fn required(&self) -> String {
        required(&self.jwk)
    }

    /// The RFC 7638 thumbprint in base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        thumbprint(&self.jwk)
    }

    /// The signature of `input` by `algorithm`, or by the nearest one that the key knows.
    #[must_use]
    pub fn sign(&self, algorithm: &str, input: &[u8]) -> Vec<u8> {
        let rng = ring::rand::SystemRandom::new();
        match &self.signer {
            Signer::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
            Signer::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
            Signer::P521(key) => {
                let signature: p521::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
            Signer::Ed25519(key) => key.sign(input).as_ref().to_vec(),
            Signer::Rsa(key) => {
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    "RS384" => &ring::signature::RSA_PKCS1_SHA384,
                    "RS512" => &ring::signature::RSA_PKCS1_SHA512,
                    "PS256" => &ring::signature::RSA_PSS_SHA256,
                    "PS384" => &ring::signature::RSA_PSS_SHA384,
                    "PS512" => &ring::signature::RSA_PSS_SHA512,
                    _ => &ring::signature::RSA_PKCS1_SHA256,
                };
                // PSS has a random salt: a text that was signed once keeps the signature of the committed corpus.
                let salted = algorithm.starts_with("PS");
                let mut known = SIGNED.lock().unwrap();
                if salted {
                    let signatures = known.get_or_insert_with(committed_signatures).get(input);
                    let mut signatures = signatures.into_iter().flatten();
                    if let Some(known) = signatures.find(|known| verifies_pss(key, algorithm, input, known)) {
                        return known.clone();
                    }
                }
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(encoding, &rng, input, &mut signature).unwrap();
                if salted && let Some(known) = known.as_mut() {
                    known.entry(input.to_vec()).or_default().push(signature.clone());
                }
                signature
            }
            Signer::Public => vec![0x5a; 64],
        }
    }
}

fn verifies_pss(key: &ring::rsa::KeyPair, algorithm: &str, input: &[u8], signature: &[u8]) -> bool {
    let parameters = match algorithm {
        "PS384" => &ring::signature::RSA_PSS_2048_8192_SHA384,
        "PS512" => &ring::signature::RSA_PSS_2048_8192_SHA512,
        _ => &ring::signature::RSA_PSS_2048_8192_SHA256,
    };
    ring::signature::UnparsedPublicKey::new(parameters, key.public_key().as_ref()).verify(input, signature).is_ok()
}

/// RSA signatures by signed text: those of the committed corpus in order of its paths, then those made since.
static SIGNED: Mutex<Option<Signatures>> = Mutex::new(None);

type Signatures = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

fn committed_signatures() -> Signatures {
    let mut known = Signatures::new();
    for (_, text) in crate::vector::texts() {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')) {
            if let Some((input, signature)) = word.rsplit_once('.')
                && let Ok(signature) = URL_SAFE_NO_PAD.decode(signature)
                && input.contains('.')
                && signature.len() >= 256
            {
                known.entry(input.as_bytes().to_vec()).or_default().push(signature);
            }
        }
    }
    known
}

fn required(jwk: &Value) -> String {
    let names: &[&str] = match jwk["kty"].as_str().unwrap() {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        _ => &["crv", "kty", "x"],
    };
    let members: Vec<String> = names.iter().map(|name| format!("\"{name}\":{}", jwk[*name])).collect();
    members.join(",")
}

/// The RFC 7638 thumbprint in base64url of the members of a JWK, whether it is a key or not.
#[must_use]
pub fn thumbprint(jwk: &Value) -> String {
    b64(sha256(format!("{{{}}}", required(jwk)).as_bytes()))
}

/// The public key of this name as a JWK, with more members behind it: `r#""kid":"k","use":"sig""#`.
#[must_use]
pub fn jwk(name: &str, more: &str) -> String {
    let separator = if more.is_empty() { "" } else { "," };
    format!("{{{}{separator}{more}}}", key(name).required())
}

/// One JWT with every byte in the caller's hand; values are JSON texts.
#[derive(Clone, Debug)]
pub struct Token {
    header: Vec<(String, String)>,
    claims: Vec<(String, String)>,
    key: String,
    algorithm: String,
}

fn set(members: &mut Vec<(String, String)>, name: &str, json: &str) {
    match members.iter_mut().find(|(known, _)| known == name) {
        Some((_, value)) => json.clone_into(value),
        None => members.push((name.to_owned(), json.to_owned())),
    }
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

impl Token {
    /// A token of this type signed with ES256, whose `kid` is the name of the key.
    #[must_use]
    pub fn new(key: &str, typ: &str, claims: &[(&str, String)]) -> Self {
        let header = [("alg", "\"ES256\""), ("kid", &format!("\"{key}\"")), ("typ", &format!("\"{typ}\""))];
        Self {
            header: header.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            claims: claims.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            key: key.to_owned(),
            algorithm: "ES256".to_owned(),
        }
    }

    /// A header parameter, new or replaced.
    #[must_use]
    pub fn header(mut self, name: &str, json: &str) -> Self {
        set(&mut self.header, name, json);
        self
    }

    /// A claim, new or replaced.
    #[must_use]
    pub fn claim(mut self, name: &str, json: &str) -> Self {
        set(&mut self.claims, name, json);
        self
    }

    /// One more header parameter, repeated or not.
    #[must_use]
    pub fn more_header(mut self, name: &str, json: &str) -> Self {
        self.header.push((name.to_owned(), json.to_owned()));
        self
    }

    /// One more claim, repeated or not.
    #[must_use]
    pub fn more_claim(mut self, name: &str, json: &str) -> Self {
        self.claims.push((name.to_owned(), json.to_owned()));
        self
    }

    #[must_use]
    pub fn no_header(mut self, name: &str) -> Self {
        self.header.retain(|(known, _)| known != name);
        self
    }

    #[must_use]
    pub fn no_claim(mut self, name: &str) -> Self {
        self.claims.retain(|(known, _)| known != name);
        self
    }

    /// Signed by another key; the header's `kid` follows, if there is one.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        if self.header.iter().any(|(name, _)| name == "kid") {
            set(&mut self.header, "kid", &format!("\"{key}\""));
        }
        if self.header.iter().any(|(name, _)| name == "jwk") {
            set(&mut self.header, "jwk", &jwk(key, ""));
        }
        key.clone_into(&mut self.key);
        self
    }

    /// Signed by another key, with an unchanged header.
    #[must_use]
    pub fn forged_by(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// Signed by another algorithm; the header's `alg` follows.
    #[must_use]
    pub fn algorithm(mut self, algorithm: &str) -> Self {
        set(&mut self.header, "alg", &format!("\"{algorithm}\""));
        algorithm.clone_into(&mut self.algorithm);
        self
    }

    /// The algorithm and the key of `who` that fits it.
    #[must_use]
    pub fn by(self, who: &str, algorithm: &str) -> Self {
        let (_, suffix) = ALGORITHMS.into_iter().find(|(name, _)| *name == algorithm).unwrap();
        self.key(&format!("{who}-{suffix}")).algorithm(algorithm)
    }

    /// `cnf` with the thumbprint of this client key.
    #[must_use]
    pub fn bound_to_key(self, client: &str) -> Self {
        let jkt = key(client).thumbprint();
        self.claim("cnf", &format!("{{\"jkt\":\"{jkt}\"}}"))
    }

    /// `cnf` with the thumbprint of the members of this JWK.
    #[must_use]
    pub fn bound_to_jwk(self, jwk: &str) -> Self {
        let jkt = thumbprint(&serde_json::from_str(jwk).unwrap());
        self.claim("cnf", &format!("{{\"jkt\":\"{jkt}\"}}"))
    }

    /// `cnf` with the thumbprint of this client certificate.
    #[must_use]
    pub fn bound_to_certificate(self, client: &str) -> Self {
        let thumbprint = b64(sha256(&certificate(client)));
        self.claim("cnf", &format!("{{\"x5t#S256\":\"{thumbprint}\"}}"))
    }

    /// `cnf` with both.
    #[must_use]
    pub fn bound_to_both(self, client: &str, certified: &str) -> Self {
        let jkt = key(client).thumbprint();
        let thumbprint = b64(sha256(&certificate(certified)));
        self.claim("cnf", &format!("{{\"jkt\":\"{jkt}\",\"x5t#S256\":\"{thumbprint}\"}}"))
    }

    #[must_use]
    pub fn header_text(&self) -> String {
        object(&self.header)
    }

    #[must_use]
    pub fn claims_text(&self) -> String {
        object(&self.claims)
    }

    /// The compact serialization.
    #[must_use]
    pub fn text(&self) -> String {
        self.text_of(self.header_text().as_bytes(), self.claims_text().as_bytes())
    }

    /// The compact serialization of other bytes, signed as this token would be.
    #[must_use]
    pub fn text_of(&self, header: &[u8], claims: &[u8]) -> String {
        let input = format!("{}.{}", b64(header), b64(claims));
        let signature = self.signature_of(&input);
        format!("{input}.{}", b64(signature))
    }

    /// This token with another signature.
    #[must_use]
    pub fn with_signature(&self, signature: &[u8]) -> String {
        format!("{}.{}.{}", b64(self.header_text()), b64(self.claims_text()), b64(signature))
    }

    #[must_use]
    pub fn signature_of(&self, input: &str) -> Vec<u8> {
        key(&self.key).sign(&self.algorithm, input.as_bytes())
    }

    /// Its right signature.
    #[must_use]
    pub fn signature(&self) -> Vec<u8> {
        self.signature_of(&format!("{}.{}", b64(self.header_text()), b64(self.claims_text())))
    }
}

/// A JSON string of `text`, which needs no escape.
#[must_use]
pub fn q(text: &str) -> String {
    format!("\"{text}\"")
}

/// A valid JWT-SVID.
#[must_use]
pub fn svid() -> Token {
    let claims = [
        ("sub", q(SUBJECT)),
        ("aud", format!("[{}]", q(AUDIENCE))),
        ("exp", (NOW + 300).to_string()),
        ("iat", NOW.to_string()),
    ];
    Token::new("domain-p256", "JWT", &claims)
}

/// A valid access token by RFC 9068.
#[must_use]
pub fn access() -> Token {
    let claims = [
        ("iss", q(SERVER)),
        ("sub", q("alice")),
        ("aud", q(AUDIENCE)),
        ("exp", (NOW + 300).to_string()),
        ("iat", NOW.to_string()),
        ("jti", q("at-1")),
        ("client_id", q("shop")),
        ("scope", q("orders:read orders:write")),
    ];
    Token::new("server-p256", "at+jwt", &claims)
}

/// A valid plain JWT of a pinned issuer.
#[must_use]
pub fn plain() -> Token {
    let claims = [
        ("iss", q(PLAIN)),
        ("sub", q("alice")),
        ("aud", q(AUDIENCE)),
        ("exp", (NOW + 300).to_string()),
        ("iat", NOW.to_string()),
    ];
    Token::new("plain-p256", "JWT", &claims)
}

/// A valid transaction token for the trust domain [`DOMAIN`].
#[must_use]
pub fn txn() -> Token {
    let claims = [
        ("iss", q(TTS)),
        ("sub", q("alice")),
        ("aud", q(DOMAIN)),
        ("exp", (NOW + 60).to_string()),
        ("iat", NOW.to_string()),
        ("txn", q("97053963-771d-49cc-a4e3-20aad399c312")),
        ("scope", q("trade.stocks")),
        ("req_wl", q("apigateway.example.org")),
    ];
    Token::new("tts-p256", "txntoken+jwt", &claims)
}

/// `ath` of a token.
#[must_use]
pub fn ath(token: &str) -> String {
    b64(sha256(token.as_bytes()))
}

/// A valid proof for `GET` on [`URI`] with this token.
#[must_use]
pub fn proof(token: &str) -> Token {
    let claims =
        [("jti", q("proof-1")), ("htm", q("GET")), ("htu", q(URI)), ("iat", NOW.to_string()), ("ath", q(&ath(token)))];
    let mut proof = Token::new("client-p256", "dpop+jwt", &claims).no_header("kid");
    proof.header.push(("jwk".to_owned(), jwk("client-p256", "")));
    proof
}

/// `alg: HS…` with a MAC over whatever secret an attacker knows.
#[must_use]
pub fn hmac(token: &Token, algorithm: &str, secret: &[u8]) -> String {
    let token = token.clone().header("alg", &q(algorithm));
    let input = format!("{}.{}", b64(token.header_text()), b64(token.claims_text()));
    let algorithm = match algorithm {
        "HS384" => ring::hmac::HMAC_SHA384,
        "HS512" => ring::hmac::HMAC_SHA512,
        _ => ring::hmac::HMAC_SHA256,
    };
    let tag = ring::hmac::sign(&ring::hmac::Key::new(algorithm, secret), input.as_bytes());
    format!("{input}.{}", b64(tag.as_ref()))
}
