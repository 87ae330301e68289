//! The common parts of the benches: an engine, a worker and one request, decided again and again.

use countersign::internal::jose::json::{self, Budget};
use countersign::internal::trust::jwk::{JwkBuffer, UnverifiedJwk};
use countersign::{
    ClientCertificate, Engine, PolicyDocument, PolicyIndex, PublicKey, Reason, Request, TrustDocument, TrustState,
    UnixSeconds, Worker,
};
use countersign_tests::issuer::{self, NOW, Token};
use countersign_tests::request::Req;

/// An engine ready to judge, and the policy to judge by.
#[derive(Debug)]
pub struct Bench {
    engine: Engine,
    worker: Worker,
    trust_state: TrustState,
    policy: PolicyIndex,
}

impl Bench {
    /// Reads a policy document and loads its inline trust.
    ///
    /// # Panics
    /// If the document or its trust has a fault: a bench measures nothing then.
    #[must_use]
    pub fn new(document: &str) -> Self {
        let document = match PolicyDocument::parse(document.as_bytes()) {
            Ok(document) => document,
            Err(faults) => panic!("{faults:?}"),
        };
        let engine = Engine::new(document, [0x5eed, 0xc0de]);
        let mut trust_state = engine.empty_trust_state();
        for (index, source) in engine.document().trust() {
            let TrustDocument::Inline(text) = source.document() else { continue };
            if let Err(fault) = engine.load(&mut trust_state, index, text.as_bytes(), UnixSeconds::new(NOW)) {
                panic!("{fault}");
            }
        }
        let mut worker = Worker::new(&engine, [7, 11]);
        worker.check_p256_by(countersign_cpu::p256());
        let Some(policy) = engine.document().policy("default") else { panic!("no default policy") };
        Self { engine, worker, trust_state, policy }
    }

    /// Judges a good request until the keys in it have their tables.
    ///
    /// # Panics
    /// If that never happens.
    pub fn promote(&mut self, request: &Request<'_>) {
        for _ in 0..1_000 {
            self.judge(request, None);
            while self.worker.build_tables(10_000) {}
            if self.worker.hot_keys().promoted > 0 {
                break;
            }
        }
        // A second key, that of a proof, is promoted a little later.
        for _ in 0..200 {
            self.judge(request, None);
            while self.worker.build_tables(10_000) {}
        }
        assert!(self.worker.hot_keys().promoted > 0, "no key was promoted");
    }

    /// Judges one good request and reads the attributes of these names, as a host does.
    ///
    /// # Panics
    /// If the request is refused, or has one of them not.
    pub fn judge_and_read(&mut self, request: &Request<'_>, names: &[&str]) {
        let decision = self.worker.decide(&self.engine, &self.trust_state, self.policy, request);
        assert!(decision.reason().is_none(), "{:?}", decision.reason());
        for name in names {
            assert!(std::hint::black_box(decision.attribute(name)).is_some(), "{name}");
        }
    }

    /// Judges one request; the caller says what the answer must be, so that nothing wrong is ever measured.
    ///
    /// # Panics
    /// If the answer is another one.
    pub fn judge(&mut self, request: &Request<'_>, expected: Option<Reason>) {
        let decision = self.worker.decide(&self.engine, &self.trust_state, self.policy, request);
        assert!(decision.reason() == expected, "{:?} instead of {expected:?}", decision.reason());
    }
}

/// The public key of this name among the keys of the vectors, for the signature check alone.
///
/// # Panics
/// If there is none, or it is no key.
#[must_use]
pub fn public(key: &str) -> PublicKey {
    let text = issuer::jwk(key, "");
    let object = json::parse(text.as_bytes(), Budget::TRUST).unwrap().as_object().unwrap();
    let mut buffer = JwkBuffer::new();
    PublicKey::new(&UnverifiedJwk::parse(object).unwrap().material(&mut buffer).unwrap()).unwrap()
}

/// The engine's view of a request of the vectors.
#[must_use]
pub fn view(request: &Req) -> Request<'_> {
    let headers = request.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let view = Request::new(request.method.as_bytes(), request.uri.as_bytes(), headers, UnixSeconds::new(request.now));
    match &request.client_cert {
        Some(der) => view.with_certificate(ClientCertificate::Der(der)),
        None => view,
    }
}

/// A token grown with an unknown claim to about `bytes`, as real tokens carry claims that we ignore.
#[must_use]
pub fn grown(token: Token, bytes: usize) -> Token {
    let missing = bytes.saturating_sub(token.text().len()) * 3 / 4;
    token.claim("filler", &format!("\"{}\"", "f".repeat(missing)))
}
