//! The engine from a policy document to decisions, on tokens signed here.

use std::sync::Arc;

use countersign::engine::{Engine, PolicyDocument, Request, Worker};
use countersign::time::UnixSeconds;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

fn b64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn an_svid_is_accepted_and_cached_and_dies_with_its_key() {
    let rng = ring::rand::SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &rng).unwrap();
    let point = key.public_key().as_ref();
    let jwk = format!(
        r#"{{"kty":"EC","crv":"P-256","kid":"k1","use":"jwt-svid","x":"{}","y":"{}"}}"#,
        b64(&point[1..33]),
        b64(&point[33..])
    );
    let document = format!(
        r#"{{"trust":[{{"trust_domain":"example.org"}}],
            "policies":{{"default":{{"accept":["jwt-svid"],"audience":"https://api.example"}}}}}}"#
    );
    let engine = Engine::new(PolicyDocument::parse(document.as_bytes()).unwrap(), [1, 2]);
    let (index, source) = engine.document().trust().next().unwrap();
    let mut snapshot = engine.empty_snapshot();
    let now = UnixSeconds::new(1_800_000_000);
    let bundle = format!(r#"{{"keys":[{jwk}]}}"#);
    let (trust, report) = snapshot.trust.with_document(index, source.origin(), bundle.as_bytes(), now).unwrap();
    assert_eq!((report.added, report.dropped_count), (1, 0), "{report:?}");
    snapshot.trust = Arc::new(trust);

    let header = b64(br#"{"alg":"ES256","kid":"k1","typ":"JWT"}"#);
    let claims = b64(br#"{"sub":"spiffe://example.org/ns/a/sa/web","aud":["https://api.example"],"exp":1800000300}"#);
    let input = format!("{header}.{claims}");
    let signature = b64(key.sign(&rng, input.as_bytes()).unwrap().as_ref());
    let authorization = format!("Bearer {input}.{signature}");
    let headers = [(&b"Authorization"[..], authorization.as_bytes())];
    let request = Request::new(b"GET", b"https://api.example/x", headers, now);

    let policy = engine.document().policy("default").unwrap();
    let mut worker = Worker::new(&engine, [3, 4]);
    for tier in ["miss", "hit"] {
        let decision = worker.decide(&engine, &snapshot, policy, &request);
        assert_eq!(decision.reason(), None);
        assert_eq!(decision.cache_tier().name(), tier);
        assert_eq!(decision.facts().unwrap().subject(), Some("spiffe://example.org/ns/a/sa/web"));
        println!("{}", decision.audit());
    }
    let (trust, _) = snapshot.trust.with_document(index, source.origin(), br#"{"keys":[]}"#, now).unwrap();
    snapshot.trust = Arc::new(trust);
    let decision = worker.decide(&engine, &snapshot, policy, &request);
    assert_eq!(decision.reason().unwrap().code(), "key_unknown");
    decision
        .write_headers(&mut |name, value| {
            println!("{name}: {value}");
            Ok(())
        })
        .unwrap();
}
