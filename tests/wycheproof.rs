//! Wycheproof's sets for JSON Web Signature, Key and Crypto (`wycheproof/README.md`), by the readers of this engine: the key set as a
//! document of an issuer, the token as a compact JWS, the key by `kid` and `alg`, the signature.

use std::collections::BTreeSet;

use countersign::internal::jose::base64url;
use countersign::internal::jose::compact::CompactJws;
use countersign::internal::jose::header::UnverifiedHeader;
use countersign::internal::jose::json::NameTable;
use countersign::{Algorithm, Authority, Candidates, KeyHint};
use countersign_tests::request::{Doc, bearer, issuer};
use countersign_tests::runner::Runner;
use serde_json::{Value, json};

const FILES: [(&str, &str, usize); 3] = [
    ("signature", include_str!("wycheproof/json_web_signature_test.json"), 401),
    ("key", include_str!("wycheproof/json_web_key_test.json"), 26),
    ("crypto", include_str!("wycheproof/json_web_crypto_test.json"), 83),
];

const MAC: &str = "RFC 8725 §3.1: no symmetric algorithm is on the list, so no secret is ever taken for a key";
const EMPTY: &str =
    "RFC 7519 §7.2: the payload of a JWT is a JSON object, so an empty one is refused with the form of the token";
const ALG_OF_KEY: &str =
    "RFC 7517 §4.4 (JWK-3): the key has alg PS256 and the header PS384; upstream edited the keys of RFC 7520";
const ALG_UNKNOWN: &str =
    "RFC 7518 §3.1 (JWA-3): the key has alg ES521, which no algorithm is called; upstream edited the keys of RFC 7520";
const BASE64: &str =
    "RFC 7515 §2 (D8): base64url without other characters; MAC cases besides, which would not verify either";
const JWE: &str = "RFC 7516: no part of the engine reads an encrypted token";

/// Valid cases that are refused: file, numbers, the step, the rule.
const REFUSED: &[(&str, &[u64], &str, &str)] = &[
    ("signature", &[1, 348, 352, 357, 358, 359, 376, 377], "algorithm", MAC),
    ("signature", &[259, 264, 268, 272, 320, 325], "form", EMPTY),
    ("signature", &[346, 350], "key_not_usable", ALG_OF_KEY),
    ("signature", &[347, 351], "key_unknown", ALG_UNKNOWN),
    ("signature", &[372, 373], "base64", BASE64),
    ("key", &[2, 13, 14, 15], "algorithm", MAC),
    ("crypto", &[1, 48], "algorithm", MAC),
    ("crypto", &[50, 67], "form", JWE),
];

const ISSUER: &str = "wycheproof";

fn runner(keys: &Value) -> Runner {
    let doc = Doc::plain().trust(&[issuer(ISSUER, &[])]).accept(r#"["jwt","at+jwt"]"#);
    let mut runner = Runner::new(&doc.text(), 1_700_000_000);
    let authority = Authority::Issuer(ISSUER.to_owned());
    runner.push(&authority, keys.to_string().as_bytes(), 1_700_000_000).unwrap();
    runner
}

/// Whether the signature verifies by a key of the set, or at which step it is refused.
fn check(runner: &Runner, token: &str) -> Result<(), &'static str> {
    let jws = CompactJws::parse(token.as_bytes()).map_err(|_| "form")?;
    let decode = |encoded: &[u8]| {
        let mut bytes = vec![0; encoded.len()];
        let length = base64url::decode(encoded, &mut bytes).map_err(|_| "base64")?.len();
        bytes.truncate(length);
        Ok(bytes)
    };
    let (header, _, signature) = (decode(jws.header())?, decode(jws.payload())?, decode(jws.signature())?);
    let mut names = NameTable::new(1);
    let header = UnverifiedHeader::parse(&header, &mut names).map_err(|_| "header")?;
    let algorithm: Algorithm = header.algorithm.ok_or("algorithm")?;
    if header.critical || header.nested {
        return Err("header");
    }
    let index = runner.engine.document().authority(&Authority::Issuer(ISSUER.to_owned())).unwrap();
    let kid = header.kid.map(|kid| kid.to_owned_string());
    let hint = kid.as_deref().map_or(KeyHint::None, KeyHint::Id);
    let mut candidates = Candidates::default();
    let set = runner.trust_state.bundles.set(index).unwrap();
    set.find(hint, algorithm, true, &mut candidates).map_err(|reason| reason.code())?;
    let keys: Vec<_> = candidates.keys().collect();
    let [(key, _)] = keys[..] else { return Err("several keys") };
    key.public().verify(algorithm, jws.signing_input(), &signature).map_err(|_| "signature")
}

#[test]
fn every_case_comes_out_as_published_or_is_listed_with_its_rule() {
    let mut listed: BTreeSet<(&str, u64)> =
        REFUSED.iter().flat_map(|(file, cases, ..)| cases.iter().map(move |case| (*file, *case))).collect();
    let (mut faults, mut verified, mut refused) = (Vec::new(), 0, 0);
    for (file, text, expected) in FILES {
        let content: Value = serde_json::from_str(text).unwrap();
        let mut count = 0;
        for group in content["testGroups"].as_array().unwrap() {
            let keys = group.get("public").unwrap_or(&group["private"]);
            let keys = if keys.get("keys").is_some() { keys.clone() } else { json!({ "keys": [keys] }) };
            let mut runner = runner(&keys);
            for case in group["tests"].as_array().unwrap() {
                count += 1;
                let number = case["tcId"].as_u64().unwrap();
                let token = case.get("jws").or(case.get("jwe")).unwrap();
                let token = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
                let result = check(&runner, &token);
                let valid = case["result"] == "valid";
                let known = REFUSED.iter().find(|(of, cases, ..)| *of == file && cases.contains(&number));
                match (valid, result, known) {
                    (true, Ok(()), None) => verified += 1,
                    (false, Err(_), None) => refused += 1,
                    (true, Err(at), Some((_, _, place, rule))) if at == *place && !rule.is_empty() => {
                        listed.remove(&(file, number));
                    }
                    (_, result, known) => {
                        let (comment, known) = (&case["comment"], known.map(|(_, _, at, _)| at));
                        faults.push(format!("{file} {number} {comment} valid {valid}: {result:?}, listed {known:?}"));
                    }
                }
                // None of them names an issuer, so the engine as a whole takes none, and what breaks it would break here.
                assert!(runner.ask(&bearer(&token)).reason.is_some(), "{file} {number}");
            }
        }
        assert_eq!(count, expected, "{file}");
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(listed.is_empty(), "listed and no difference: {listed:?}");
    println!("{verified} verified, {refused} refused, as published");
}
