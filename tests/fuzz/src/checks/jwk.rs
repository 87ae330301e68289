//! A key of an issuer's set, and of a trust domain's document of each form: a key that is taken is a public key for signatures by the eyes of others too, and has the thumbprint that
//! RFC 7638 gives it.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign::{Algorithm, Engine, PolicyDocument, TrustError, TrustForm, TrustState, TrustedKey, UnixSeconds};
use serde_json::Value;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let policy = br#"{"trust":[{"issuer":"i"},{"trust_domain":"d"},{"trust_domain":"e","format":"jwks"},
        {"trust_domains":"f","bundle_map_file":"x","format":"spiffe"},{"trust_domains":"g","bundle_map_file":"x","format":"spiffe-helper"}],
        "policies":{"p":{"accept":["jwt"],"audience":"a"}},"memory":{"replay_proofs":64}}"#;
    Engine::new(PolicyDocument::parse(policy).expect("a policy without faults"), [1, 2])
});

/// RFC 7518 §6.2.2, §6.3.2, §6.4, RFC 8037 §2.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

pub fn check(text: &[u8]) -> bool {
    let document = [b"{\"keys\":[", text, b"]}"].concat();
    let mut taken = 0;
    for (index, source) in ENGINE.document().trust() {
        let mut trust_state = ENGINE.empty_trust_state();
        let Ok(report) = ENGINE.load(&mut trust_state, index, &document, UnixSeconds::new(1)) else { continue };
        // `serde_json` refuses numbers that no double holds; the target `json` compares what both read.
        let Ok(entries) = serde_json::from_slice::<Value>(&document) else { continue };
        let entries = entries["keys"].as_array().expect("an array");
        let set = trust_state.bundles.set(index).expect("it was loaded");
        let others = report.other_use + report.dropped_count;
        // An exact repetition is kept once.
        assert!(set.len() + others <= entries.len(), "{report:?}");
        for key in set.keys() {
            // Several entries may be of one key and have one `kid`, some of them refused.
            let made_of = |entry: &&Value| {
                thumbprint(entry).is_some_and(|hash| hash == *key.thumbprint())
                    && entry["kid"].as_str().filter(|kid| !kid.is_empty()) == key.key_id()
            };
            let candidates: Vec<&Value> = entries.iter().filter(made_of).collect();
            let takes = |usage: Option<&str>| match source.form() {
                TrustForm::JwkSet if usage == Some("jwt-svid") => source.authority().is_trust_domain(),
                TrustForm::JwkSet => matches!(usage, None | Some("sig")),
                _ => usage == Some("jwt-svid"),
            };
            // One key may be listed once for each of its algorithms.
            let lists = |entry: &Value, algorithm: Algorithm| {
                takes(entry["use"].as_str()) && is_public(entry) && may_become(entry, key, algorithm)
            };
            assert!(
                !key.algorithms().is_empty()
                    && key.algorithms().iter().all(|algorithm| candidates.iter().any(|entry| lists(entry, algorithm))),
                "{key:?} is none of {candidates:?}"
            );
        }
        taken += set.len();
    }
    check_maps(&document);
    taken > 0
}

fn is_public(entry: &Value) -> bool {
    PRIVATE.iter().all(|name| entry.get(name).is_none_or(Value::is_null))
}

/// Whether an entry has this algorithm, the numbers and the certificate of a key that was taken.
fn may_become(entry: &Value, key: &TrustedKey, algorithm: Algorithm) -> bool {
    let signs = fits(entry, algorithm) && entry["alg"].as_str().is_none_or(|only| only == algorithm.name());
    let certificate = entry["x5c"][0].as_str().and_then(|text| STANDARD.decode(text).ok());
    signs && is_valid(entry) && certificate.is_none_or(|der| key.public().is_of_certificate(&der) != Some(false))
}

/// A document in a map is judged as it is alone.
fn check_maps(document: &[u8]) {
    for (place, map) in ENGINE.document().bundle_maps() {
        let text = match map.form() {
            TrustForm::HelperMap => format!(r#"{{"g":"{}"}}"#, STANDARD.encode(document)).into_bytes(),
            _ => [br#"{"trust_domains":{"f":"#, document, b"}}"].concat(),
        };
        let now = UnixSeconds::new(1);
        let (mut alone, mut mapped) = (ENGINE.empty_trust_state(), ENGINE.empty_trust_state());
        let index = map.authorities().next().expect("one trust domain");
        let expected = ENGINE.load(&mut alone, index, document, now);
        if matches!(expected, Err(TrustError::Json(_))) {
            continue; // in a map it may close an object that it did not open
        }
        match ENGINE.load_map(&mut mapped, place, &text, now) {
            Ok(report) => match (report.loaded.first(), report.refused.first()) {
                (Some((_, loaded)), None) => assert_eq!(Ok(loaded), expected.as_ref()),
                // A map nests deeper, and names what else is in the text.
                (None, Some((_, fault))) => {
                    assert!(expected.is_err() || matches!(fault, TrustError::Json(_)), "{fault}");
                }
                both => panic!("{both:?}"),
            },
            Err(fault) => assert!(matches!(fault, TrustError::Json(_)), "{fault}"),
        }
        let kids = |trust_state: &TrustState| -> Vec<String> {
            let keys = trust_state.bundles.set(index).into_iter().flat_map(|set| set.keys());
            keys.map(|key| format!("{:?} {:?}", key.key_id(), key.thumbprint())).collect()
        };
        assert!(mapped.bundles.set(index).is_none() || kids(&mapped) == kids(&alone));
    }
}

fn number(entry: &Value, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(entry[name].as_str()?).ok()
}

/// RFC 7638 §3, by `serde_json` and `ring`.
fn thumbprint(entry: &Value) -> Option<[u8; 32]> {
    let names: &[&str] = match entry["kty"].as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let members: Option<Vec<String>> =
        names.iter().map(|name| Some(format!("\"{name}\":{}", Value::from(entry[*name].as_str()?)))).collect();
    let text = format!("{{{}}}", members?.join(","));
    ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref().try_into().ok()
}

fn fits(entry: &Value, algorithm: Algorithm) -> bool {
    let expected: &[&str] = match (entry["kty"].as_str(), entry["crv"].as_str()) {
        (Some("RSA"), _) => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        (Some("EC"), Some("P-256")) => &["ES256"],
        (Some("EC"), Some("P-384")) => &["ES384"],
        (Some("EC"), Some("P-521")) => &["ES512"],
        (Some("OKP"), Some("Ed25519")) => &["EdDSA", "Ed25519"],
        _ => &[],
    };
    expected.contains(&algorithm.name())
}

/// Whether other libraries take the numbers of the key: of the curves that one is at hand for.
fn is_valid(entry: &Value) -> bool {
    match (entry["kty"].as_str(), entry["crv"].as_str()) {
        (Some("EC"), Some("P-256")) => {
            let (Some(x), Some(y)) = (number(entry, "x"), number(entry, "y")) else { return false };
            p256::ecdsa::VerifyingKey::from_sec1_bytes(&[&[4], &x[..], &y[..]].concat()).is_ok()
        }
        (Some("OKP"), _) => number(entry, "x")
            .and_then(|x| x.try_into().ok())
            .is_some_and(|x: [u8; 32]| ed25519_dalek::VerifyingKey::from_bytes(&x).is_ok_and(|key| !key.is_weak())),
        (Some("RSA"), _) => {
            let (Some(n), Some(e)) = (number(entry, "n"), number(entry, "e")) else { return false };
            n.len() >= 256 && n[0] != 0 && n[n.len() - 1] & 1 == 1 && e[0] != 0 && e[e.len() - 1] & 1 == 1 && e != [1]
        }
        _ => true,
    }
}
