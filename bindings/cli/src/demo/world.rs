//! The parties of the demo: two trust domains, an authorization server, a client, a thief, and the API that they call.

use std::cell::Cell;

use countersign::{
    Authority, ClientCertificate, Engine, PolicyDocument, PolicyIndex, Request, TrustState, UnixSeconds,
};
use rcgen::{CertificateParams, KeyPair, SanType};
use serde_json::{Value, json};

use super::keys::{SigningKey, b64};
use super::tokens::{self, NOW};
use crate::failure::Failure;
use crate::session;

/// The resource that the client requests.
pub(super) const URI: &str = "https://api.example/orders?page=1";

pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) policy: PolicyIndex,
    /// All keys as they are at first.
    pub(super) before: TrustState,
    /// The trust domain has a new key in place of the old one.
    pub(super) after: TrustState,
    pub(super) domain_key: SigningKey,
    pub(super) domain_next_key: SigningKey,
    pub(super) server_key: SigningKey,
    pub(super) client_key: SigningKey,
    pub(super) thief_key: SigningKey,
    pub(super) client_certificate: Vec<u8>,
    pub(super) thief_certificate: Vec<u8>,
    proofs: Cell<u64>,
}

/// One request as it goes over the wire.
#[derive(Clone)]
pub(super) struct Call {
    authorization: String,
    proof: Option<String>,
    certificate: Option<Vec<u8>>,
}

const POLICY: &str = r#"{
  "trust": [
    { "trust_domain": "example.org" },
    { "trust_domain": "partner.example" },
    { "issuer": "https://as.example" } ],
  "policies": {
    "default": {
      "accept": [
        { "kind": "jwt-svid", "subjects": ["spiffe://example.org/ns/*/sa/web", "spiffe://partner.example/**"] },
        { "kind": "at+jwt", "scope": ["orders:read"] } ],
      "audience": ["https://api.example"] } },
  "memory": { "token_cache_bytes": 65536, "replay_proofs": 1024 } }"#;

impl World {
    pub(super) fn new() -> Result<Self, Failure> {
        let domain_key = SigningKey::es256("domain-1")?;
        let domain_next_key = SigningKey::es256("domain-2")?;
        // The partner calls its key by the same name: a kid means nothing without whose it is.
        let partner_key = SigningKey::es256("domain-1")?;
        let server_key = SigningKey::eddsa("server-1")?;

        let policy = PolicyDocument::parse(POLICY.as_bytes())
            .map_err(|faults| Failure::Unusable(faults.iter().map(ToString::to_string).collect()))?;
        let engine = Engine::new(policy, session::random_seed()?);
        let policy = engine.document().policy("default").ok_or_else(|| Failure::unusable("no policy"))?;
        let domain = Authority::TrustDomain("example.org".to_owned());
        let partner = Authority::TrustDomain("partner.example".to_owned());
        let server = Authority::Issuer("https://as.example".to_owned());
        let mut before = engine.empty_trust_state();
        trust(&engine, &mut before, &domain, &json!([domain_key.entry("jwt-svid")]))?;
        trust(&engine, &mut before, &partner, &json!([partner_key.entry("jwt-svid")]))?;
        trust(&engine, &mut before, &server, &json!([server_key.entry("sig")]))?;
        let mut after = before.clone();
        trust(&engine, &mut after, &domain, &json!([domain_next_key.entry("jwt-svid")]))?;

        Ok(Self {
            engine,
            policy,
            before,
            after,
            domain_key,
            domain_next_key,
            server_key,
            client_key: SigningKey::es256("client")?,
            thief_key: SigningKey::es256("domain-1")?,
            client_certificate: certificate("spiffe://example.org/ns/shop/sa/web")?,
            thief_certificate: certificate("spiffe://example.org/ns/shop/sa/thief")?,
            proofs: Cell::new(0),
        })
    }

    pub(super) fn bearer(&self, token: &str) -> Call {
        Call { authorization: format!("Bearer {token}"), proof: None, certificate: None }
    }

    /// `token` with a fresh proof by `key`, for a request of `uri` and for the token `proven`.
    pub(super) fn proven(&self, token: &str, key: &SigningKey, uri: &str, proven: &str) -> Result<Call, Failure> {
        let id = self.proofs.replace(self.proofs.get() + 1);
        let proof = tokens::proof(key, uri, proven, id)?;
        Ok(Call { authorization: format!("DPoP {token}"), proof: Some(proof), certificate: None })
    }
}

impl Call {
    pub(super) fn over_tls_with(mut self, certificate: &[u8]) -> Self {
        self.certificate = Some(certificate.to_owned());
        self
    }

    pub(super) fn request(&self) -> Request<'_> {
        let authorization = (&b"authorization"[..], self.authorization.as_bytes());
        let proof = self.proof.iter().map(|proof| (&b"dpop"[..], proof.as_bytes()));
        let fields = std::iter::once(authorization).chain(proof);
        let request = Request::new(b"GET", URI.as_bytes(), fields, UnixSeconds::new(NOW));
        match &self.certificate {
            Some(der) => request.with_certificate(ClientCertificate::Der(der)),
            None => request,
        }
    }
}

/// `x5t#S256`
pub(super) fn certificate_hash(der: &[u8]) -> String {
    b64(&ClientCertificate::Der(der).thumbprint())
}

fn trust(engine: &Engine, trust_state: &mut TrustState, authority: &Authority, keys: &Value) -> Result<(), Failure> {
    let index = engine.document().authority(authority).ok_or_else(|| Failure::unusable("no such authority"))?;
    let document = json!({ "keys": keys }).to_string();
    engine
        .load(trust_state, index, document.as_bytes(), UnixSeconds::new(NOW))
        .map_err(|fault| Failure::unusable(fault.to_string()))?;
    Ok(())
}

fn certificate(spiffe_id: &str) -> Result<Vec<u8>, Failure> {
    let made = || -> Result<Vec<u8>, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.subject_alt_names.push(SanType::URI(spiffe_id.try_into()?));
        Ok(params.self_signed(&KeyPair::generate()?)?.der().to_vec())
    };
    made().map_err(|error| Failure::Io(format!("a certificate could not be made: {error}")))
}
