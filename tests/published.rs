//! Vectors that the specifications publish, as they stand there; `published.json` holds them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::internal::crypto;
use countersign::internal::jose::base64url;
use countersign::internal::jose::compact::CompactJws;
use countersign::internal::jose::header::{Typ, UnverifiedHeader};
use countersign::internal::jose::json::{self, Budget, NameTable};
use countersign::internal::trust::jwk::{JwkBuffer, UnverifiedJwk};
use countersign::internal::trust::thumbprint::thumbprint;
use countersign::{Algorithm, Authority, PublicKey};
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

/// Its access token is opaque, so the engine cannot take the figure's request whole: with a token of the test, bound to the
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
    // Figure 7: the JWK of the same certificate; its point is in the DER.
    let point =
        [unb64("1yfLHCpXqFjxCeHHHMVDTcLscpb07KUxudBmOMn8C7Q"), unb64("8_coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8")];
    assert!(certificate.windows(64).any(|window| window == point.concat()));
}

/// The keys of an issuer that a document leaves, by `kid`, and the faults of those that it drops.
fn loaded(document: &Value) -> (Runner, Vec<String>, Vec<&'static str>) {
    let doc = Doc::plain().trust(&[issuer("joe", &[])]).accept(r#"["jwt"]"#);
    let mut runner = Runner::new(&doc.text(), 1_300_819_000);
    let authority = Authority::Issuer("joe".to_owned());
    let report = runner.push(&authority, document.to_string().as_bytes(), 1_300_819_000).unwrap();
    let set = runner.trust_state.bundles.set(runner.engine.document().authority(&authority).unwrap()).unwrap();
    let keys = set.keys().map(|key| key.key_id().unwrap_or_default().to_owned()).collect();
    (runner, keys, report.dropped.iter().map(|dropped| dropped.fault.code()).collect())
}

#[test]
fn rfc_7517_appendix_a_public_private_and_symmetric_keys() {
    let all = published();
    // A.1: the EC key is for encryption; the RSA key is that of RFC 7638 §3.1.
    let (runner, keys, dropped) = loaded(&all["RFC 7517 A.1"]);
    assert_eq!((keys, dropped), (vec!["2011-04-29".to_owned()], vec![]));
    let index = runner.engine.document().authority(&Authority::Issuer("joe".to_owned())).unwrap();
    let key = runner.trust_state.bundles.set(index).unwrap().keys().next().unwrap();
    assert!(key.algorithms().iter().eq([Algorithm::Rs256]), "RFC 7517 §4.4: its alg");
    assert_eq!(b64(key.thumbprint()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    // A.2: a private part in a public set drops the key; for the other use nothing of it is read.
    let (_, keys, dropped) = loaded(&all["RFC 7517 A.2"]);
    assert_eq!((keys, dropped), (vec![], vec!["private_part"]));
    // A.3: no symmetric key verifies anything here.
    let (_, keys, dropped) = loaded(&all["RFC 7517 A.3"]);
    assert_eq!((keys, dropped), (vec![], vec!["private_part", "private_part"]));
}

#[test]
fn rfc_7517_appendix_b_x5c_holds_the_certificate_of_its_key() {
    let key = published()["RFC 7517 B"].clone();
    let (_, keys, dropped) = loaded(&serde_json::json!({ "keys": [key] }));
    assert_eq!((keys, dropped), (vec!["1b94c".to_owned()], vec![]));
    let der = STANDARD.decode(key["x5c"][0].as_str().unwrap()).unwrap();
    assert_eq!(public(&key.to_string()).0.is_of_certificate(&der), Some(true));
    // The same certificate beside the key of A.1, and this key beside another certificate.
    let mut other = published()["RFC 7517 A.1"]["keys"][1].clone();
    other["x5c"] = key["x5c"].clone();
    let mut foreign = key;
    foreign["x5c"] = serde_json::json!([text("RFC 8705 figure 6")]);
    let (_, keys, dropped) = loaded(&serde_json::json!({ "keys": [other, foreign] }));
    assert_eq!((keys, dropped), (vec![], vec!["certificate_mismatch", "certificate_mismatch"]));
    // Nothing that is cut is taken for a certificate, and nothing breaks by it.
    for end in 0..der.len() {
        assert_ne!(
            public(&published()["RFC 7517 B"].to_string()).0.is_of_certificate(&der[..end]),
            Some(false),
            "{end}"
        );
    }
}

/// RFC 7519 §3: a JWT is in the compact serialization. Detached content and unprotected headers are no JWT, and a header that is not
/// protected decides nothing.
#[test]
fn rfc_7520_4_5_to_4_8_are_no_compact_tokens() {
    let all = published();
    let signer = all["jws"][3]["key"].to_string();
    let doc =
        Doc::plain().trust(&[issuer("joe", &[signer.clone(), all["jws"][5]["key"].to_string()])]).accept(r#"["jwt"]"#);
    let detached = all["RFC 7520 4.5"]["compact"].as_str().unwrap();
    assert_eq!(
        reason(&mut Runner::new(&doc.text(), 1_300_819_000), detached),
        Some("token_malformed"),
        "an empty payload"
    );
    for example in ["4.5", "4.6", "4.7", "4.8"] {
        for (form, json) in all[&format!("RFC 7520 {example}")].as_object().unwrap() {
            if form != "compact" {
                let text = json.to_string();
                assert!(CompactJws::parse(text.as_bytes()).is_err(), "{example} {form}");
                let refused = reason(&mut Runner::new(&doc.text(), 1_300_819_000), &text);
                assert_eq!(refused, Some("credential_repeated"), "{example} {form}: commas are in no token");
            }
        }
    }
    // 4.8: the first signature is whole without its unprotected header, and verifies; the others need one, or a secret.
    let json = &all["RFC 7520 4.8"]["json"];
    let compact = |place: usize| {
        let signature = &json["signatures"][place];
        let protected = signature["protected"].as_str().unwrap_or_default();
        format!("{protected}.{}.{}", json["payload"].as_str().unwrap(), signature["signature"].as_str().unwrap())
    };
    assert!(verifies(&public(&signer).0, Algorithm::Rs256, &compact(0)));
    assert!(!verifies(&public(&signer).0, Algorithm::Ps256, &compact(0)));
    let expected = [Some("token_json"), Some("token_malformed"), Some("token_json")];
    for (place, expected) in expected.into_iter().enumerate() {
        assert_eq!(reason(&mut Runner::new(&doc.text(), 1_300_819_000), &compact(place)), expected, "{place}");
    }
}
