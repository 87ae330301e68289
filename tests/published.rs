//! Vectors that the specifications publish, as they stand there; `published.json` holds them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::crypto::{self, PublicKey};
use countersign::jose::algorithm::Algorithm;
use countersign::jose::base64url;
use countersign::jose::compact::CompactJws;
use countersign::jose::header::{Typ, UnverifiedHeader};
use countersign::jose::json::{self, Budget, NameTable};
use countersign::trust::jwk::{JwkBuffer, UnverifiedJwk};
use countersign::trust::thumbprint::thumbprint;
use countersign_tests::issuer::{SERVER, access, b64, q, unb64};
use countersign_tests::request::{Doc, bearer, dpop, issuer};
use countersign_tests::runner::Runner;
use serde_json::Value;

fn published() -> Value {
    serde_json::from_str(include_str!("published.json")).unwrap()
}

fn text(name: &str) -> String {
    published()[name].as_str().unwrap().to_owned()
}

fn public(jwk: &str) -> (PublicKey, String) {
    let object = json::parse(jwk.as_bytes(), Budget::TRUST).unwrap().as_object().unwrap();
    let jwk = UnverifiedJwk::parse(object).unwrap();
    let mut buffer = JwkBuffer::new();
    let material = jwk.material(&mut buffer).unwrap();
    (PublicKey::new(&material).unwrap(), b64(thumbprint(&material)))
}

fn verifies(key: &PublicKey, algorithm: Algorithm, token: &str) -> bool {
    let jws = CompactJws::parse(token.as_bytes()).unwrap();
    let mut signature = [0; 1024];
    let signature = base64url::decode(jws.signature(), &mut signature).unwrap();
    key.verify(algorithm, jws.signing_input(), signature).is_ok()
}

#[test]
fn rfc_7515_rfc_7520_and_rfc_8037_signatures() {
    let all = published();
    let all = all["jws"].as_array().unwrap();
    assert_eq!(all.len(), 7);
    for vector in all {
        let source = vector["source"].as_str().unwrap();
        let algorithm = Algorithm::from_name(vector["algorithm"].as_str().unwrap().as_bytes()).unwrap();
        let token = vector["token"].as_str().unwrap();
        let (key, _) = public(&vector["key"].to_string());
        assert!(verifies(&key, algorithm, token), "{source}");
        let header = unb64(token.split('.').next().unwrap());
        let mut names = NameTable::new(1);
        assert_eq!(UnverifiedHeader::parse(&header, &mut names).unwrap().algorithm, Some(algorithm), "{source}");
        // The same under every other algorithm is no signature.
        for other in Algorithm::ALL {
            let same = other == algorithm || (source.starts_with("RFC 8037") && other == Algorithm::Ed25519);
            assert_eq!(verifies(&key, other, token), same, "{source} as {other}");
        }
        // And with one character of the payload changed.
        let (front, signature) = token.rsplit_once('.').unwrap();
        let (header, payload) = front.split_once('.').unwrap();
        let first = if payload.starts_with('A') { 'B' } else { 'A' };
        assert!(!verifies(&key, algorithm, &format!("{header}.{first}{}.{signature}", &payload[1..])), "{source}");
    }
}

fn joe() -> Runner {
    let doc = Doc::plain().trust(&[issuer("joe", &[published()["jws"][1]["key"].to_string()])]).accept(r#"["jwt"]"#);
    Runner::new(&doc.text(), 1_300_819_000)
}

fn reason(runner: &mut Runner, token: &str) -> Option<&'static str> {
    runner.ask(&bearer(token).now(1_300_819_000)).reason.map(|reason| reason.code())
}

#[test]
fn rfc_7515_a5_and_rfc_7519_6_1_unsecured_tokens_are_refused() {
    assert_eq!(reason(&mut joe(), &text("RFC 7515 A.5")), Some("algorithm_refused"));
}

#[test]
fn rfc_7519_3_1_a_mac_is_refused() {
    assert_eq!(reason(&mut joe(), &text("RFC 7519 3.1")), Some("algorithm_refused"));
}

#[test]
fn rfc_7515_appendix_e_a_critical_extension_is_refused() {
    assert_eq!(reason(&mut joe(), &text("RFC 7515 E")), Some("header_critical"));
}

#[test]
fn rfc_7515_a2_and_a3_name_no_audience_and_no_service_may_take_them() {
    let all = published();
    for place in [0, 1] {
        assert_eq!(reason(&mut joe(), all["jws"][place]["token"].as_str().unwrap()), Some("claim_missing"));
    }
}

#[test]
fn rfc_7515_a4_is_no_jwt() {
    assert_eq!(reason(&mut joe(), published()["jws"][2]["token"].as_str().unwrap()), Some("token_json"));
}

#[test]
fn rfc_7638_3_1_thumbprint() {
    let key = published()["RFC 7638 3.1"].to_string();
    assert_eq!(public(&key).1, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn rfc_8037_a3_thumbprint() {
    assert_eq!(public(&published()["jws"][6]["key"].to_string()).1, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

/// RFC 9449 figure 9.
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const PROOFS: [(&str, u64); 3] =
    [("RFC 9449 figure 2", 1_562_262_616), ("RFC 9449 figure 7", 1_562_265_296), ("RFC 9449 figure 13", 1_562_262_618)];

#[test]
fn rfc_9449_figures_2_5_7_and_13_verify_by_their_own_key_and_have_its_thumbprint() {
    for (figure, issued_at) in PROOFS {
        let proof = text(figure);
        let header: Value = serde_json::from_slice(&unb64(proof.split('.').next().unwrap())).unwrap();
        let claims: Value = serde_json::from_slice(&unb64(proof.split('.').nth(1).unwrap())).unwrap();
        let (key, jkt) = public(&header["jwk"].to_string());
        assert_eq!(jkt, JKT, "{figure}");
        assert!(verifies(&key, Algorithm::Es256, &proof), "{figure}");
        assert_eq!(claims["iat"], issued_at, "{figure}");
        let mut names = NameTable::new(1);
        let bytes = unb64(proof.split('.').next().unwrap());
        assert_eq!(UnverifiedHeader::parse(&bytes, &mut names).unwrap().typ, Typ::DpopJwt, "{figure}");
    }
}

#[test]
fn rfc_9449_figure_13_ath() {
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    assert_eq!(b64(crypto::sha256(token.as_bytes())), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    let claims: Value = serde_json::from_slice(&unb64(text("RFC 9449 figure 13").split('.').nth(1).unwrap())).unwrap();
    assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
}

/// Its access token is opaque, so the engine cannot take the figure's request whole: with a token of ours, bound to the
/// figure's key, the published proof passes form, algorithm, key, method and URI, and stops where it names the other token.
#[test]
fn rfc_9449_figure_13_passes_every_check_before_the_token() {
    let now = 1_562_262_618;
    let token = access()
        .claim("cnf", &format!("{{\"jkt\":{}}}", q(JKT)))
        .claim("iat", &now.to_string())
        .claim("exp", &(now + 60).to_string())
        .text();
    let ask = |proof: &str, uri: &str, method: &str| {
        let mut runner = Runner::new(&Doc::access().text(), now);
        let request = dpop(&token, proof).uri(uri).method(method).now(now);
        runner.ask(&request).reason.map(|reason| reason.code())
    };
    let proof = text("RFC 9449 figure 13");
    let uri = "https://resource.example.org/protectedresource";
    assert_eq!(ask(&proof, uri, "GET"), Some("proof_token_mismatch"));
    assert_eq!(ask(&proof, uri, "POST"), Some("proof_method_mismatch"));
    assert_eq!(ask(&proof, "https://resource.example.org/other", "GET"), Some("proof_uri_mismatch"));
    // Figures 2 and 7 are for the token endpoint: no `ath`, so no proof for a resource.
    for figure in ["RFC 9449 figure 2", "RFC 9449 figure 7"] {
        assert_eq!(ask(&text(figure), "https://server.example.com/token", "POST"), Some("proof_malformed"), "{figure}");
    }
    assert_eq!(SERVER, "https://as.example");
}

#[test]
fn rfc_8705_appendix_a_certificate_and_its_thumbprint() {
    let certificate = STANDARD.decode(text("RFC 8705 figure 6")).unwrap();
    let thumbprint = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
    assert_eq!(b64(crypto::sha256(&certificate)), thumbprint);
    let token = access().claim("cnf", &format!("{{\"x5t#S256\":{}}}", q(thumbprint))).text();
    let mut request = bearer(&token);
    request.client_cert = Some(certificate.clone());
    let mut runner = Runner::new(&Doc::access().text(), request.now);
    assert_eq!(runner.ask(&request).reason, None);
    request.client_cert.as_mut().unwrap()[100] ^= 1;
    assert_eq!(runner.ask(&request).reason.map(|reason| reason.code()), Some("certificate_mismatch"));
    // Figure 7: the JWK of the same certificate; its point stands in the DER.
    let point =
        [unb64("1yfLHCpXqFjxCeHHHMVDTcLscpb07KUxudBmOMn8C7Q"), unb64("8_coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8")];
    assert!(certificate.windows(64).any(|window| window == point.concat()));
}
