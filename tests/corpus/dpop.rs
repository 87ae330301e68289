//! DPoP proofs: the twelve items of RFC 9449 §4.3, the comparison of `htu`, and the steps of the FAPI 2 negative tests.

use countersign::Reason::{
    ProofAlgorithmRefused, ProofKeyMismatch, ProofKeyRefused, ProofMalformed, ProofMethodMismatch, ProofNotYetValid,
    ProofSignatureInvalid, ProofTokenMismatch, ProofTooLarge, ProofTooOld, ProofUriMismatch, RequestInvalid,
};
use serde_json::Value;

use super::Corpus;
use super::jws::{der, twin};
use crate::issuer::{NOW, Token, access, ath, b64, hmac, jwk, key, proof, q, svid, unb64};
use crate::request::{Doc, authorization, dpop};

fn bound() -> String {
    access().bound_to_key("client-p256").text()
}

fn valid() -> Token {
    proof(&bound())
}

pub(super) fn add(corpus: &mut Corpus) {
    add_form(corpus);
    add_algorithms_and_keys(corpus);
    add_claims(corpus);
    add_uris(corpus);
}

fn add_form(corpus: &mut Corpus) {
    corpus.area("proof_form");
    let doc = Doc::access();
    let with = |proof: &str| dpop(&bound(), proof);
    let right = valid().text();
    let parts: Vec<&str> = right.split('.').collect();
    let rule = "RFC 9449 §4.3 item 2 (DP-2)";
    for (name, text) in [
        ("not_a_jwt", "not a jwt".to_owned()),
        ("empty", String::new()),
        ("two_parts", format!("{}.{}", parts[0], parts[1])),
        ("four_parts", format!("{right}.{}", parts[2])),
        ("json_serialization", format!(r#"{{"payload":"{}"}}"#, parts[1])),
        ("padded", format!("{right}==")),
        ("comma_joined", format!("{right},{right}")),
        ("space_inside", format!("{} .{}.{}", parts[0], parts[1], parts[2])),
        ("header_not_json", format!("{}.{}.{}", b64("x"), parts[1], parts[2])),
        ("payload_not_json", format!("{}.{}.{}", parts[0], b64("x"), parts[2])),
        ("payload_an_array", format!("{}.{}.{}", parts[0], b64("[]"), parts[2])),
        ("payload_not_utf8", format!("{}.{}.{}", parts[0], b64(b"{\"jti\":\"\xff\"}"), parts[2])),
    ] {
        corpus.refuse(name, rule, &doc, &with(&text), ProofMalformed);
    }
    corpus.accept("white_space_around", "RFC 9110 §5.5 (DP-2)", &doc, &with(&format!(" \t{right} ")));
    let rule = "RFC 9449 §4.3 item 3 (DP-3)";
    for name in ["typ", "alg", "jwk"] {
        corpus.refuse(&format!("{name}_absent"), rule, &doc, &with(&valid().no_header(name).text()), ProofMalformed);
    }
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        corpus.refuse(&format!("{name}_absent"), rule, &doc, &with(&valid().no_claim(name).text()), ProofMalformed);
        for (sort, value) in [("null", "null"), ("array", "[\"x\"]"), ("object", "{}"), ("true", "true")] {
            corpus.refuse(
                &format!("{name}_{sort}"),
                rule,
                &doc,
                &with(&valid().claim(name, value).text()),
                ProofMalformed,
            );
        }
        let (sort, value) = if name == "iat" { ("string", "\"1800000000\"") } else { ("number", "1") };
        corpus.refuse(&format!("{name}_{sort}"), rule, &doc, &with(&valid().claim(name, value).text()), ProofMalformed);
        if name != "iat" {
            corpus.refuse(
                &format!("{name}_empty"),
                rule,
                &doc,
                &with(&valid().claim(name, "\"\"").text()),
                ProofMalformed,
            );
        }
    }
    for (name, value) in [("huge", "1e400"), ("negative", "-1"), ("two_to_53", "9007199254740992")] {
        corpus.refuse(
            &format!("iat_{name}"),
            "DP-11 (A17)",
            &doc,
            &with(&valid().claim("iat", value).text()),
            ProofMalformed,
        );
    }
    let rule = "RFC 9449 §4.3 item 4, §11.5 (DP-4)";
    for (name, typ) in [
        ("jwt", "\"JWT\""),
        ("at_jwt", "\"at+jwt\""),
        ("wpt_jwt", "\"wpt+jwt\""),
        ("application_twice", "\"application/application/dpop+jwt\""),
        ("text_tree", "\"text/dpop+jwt\""),
        ("slash_inside", "\"dpop/jwt\""),
        ("empty", "\"\""),
        ("space", "\"dpop+jwt \""),
        ("number", "1"),
    ] {
        corpus.refuse(&format!("typ_{name}"), rule, &doc, &with(&valid().header("typ", typ).text()), ProofMalformed);
    }
    for (name, typ) in [
        ("in_capitals", "DPoP+JWT"),
        ("application", "application/dpop+jwt"),
        ("application_in_capitals", "Application/DPoP+JWT"),
        ("escaped", "dpop\\u002bjwt"),
        ("application_escaped", "application\\/dpop+jwt"),
    ] {
        corpus.accept(
            &format!("typ_{name}"),
            "RFC 7515 §4.1.9, 8725bis §3.11 (D6)",
            &doc,
            &with(&valid().header("typ", &q(typ)).text()),
        );
    }
    let rule = "RFC 7515 §4.1.11, RFC 8725 §3.3 (DP-14)";
    for (name, value) in [
        ("crit", "[\"x\"]"),
        ("b64", "true"),
        ("zip", "\"DEF\""),
        ("enc", "\"A128GCM\""),
        ("cty", "\"JWT\""),
        ("cty_number", "1"),
    ] {
        let (test, name) = (name, name.trim_end_matches("_number"));
        corpus.refuse(
            &format!("header_{test}"),
            rule,
            &doc,
            &with(&valid().header(name, value).text()),
            ProofMalformed,
        );
    }
    let with_cty = valid().header("cty", "\"application/json\"");
    corpus.accept("header_cty_ignored", "RFC 7515 §4.1.10 (D6)", &doc, &with(&with_cty.text()));
    let rule = "RFC 9449 §4.2 (DP-14)";
    corpus.accept(
        "unknown_header_and_claims",
        rule,
        &doc,
        &with(
            &valid()
                .header("x", "1")
                .header("kid", "\"k\"")
                .header("jku", "\"https://evil.example\"")
                .header("x5c", "[\"x\"]")
                .claim("y", "{}")
                .text(),
        ),
    );
    let rule = "RFC 7519 §4 (D10, A16)";
    for name in ["jti", "htm", "htu", "iat", "ath", "x"] {
        let twice = valid().claim("x", "1").more_claim(name, "\"x\"");
        corpus.refuse(&format!("repeated_{name}"), rule, &doc, &with(&twice.text()), ProofMalformed);
    }
    corpus.refuse("repeated_alg", rule, &doc, &with(&valid().more_header("alg", "\"none\"").text()), ProofMalformed);
    corpus.refuse(
        "repeated_inside_jwk",
        rule,
        &doc,
        &with(&valid().header("jwk", &jwk("client-p256", "\"kty\":\"EC\"")).text()),
        ProofMalformed,
    );
    let deep = format!("{}{}", "[".repeat(16), "]".repeat(16));
    let wide: Vec<String> = (0..256).map(|place| format!("\"m{place}\":0")).collect();
    let wide = format!("{{{}}}", wide.join(","));
    let long = "1".repeat(33);
    let rule = "RFC 9449 §7.1 (DP-20, JWT-8, A20)";
    for (name, value) in [("too_deep", &deep), ("too_many_members", &wide), ("number_too_long", &long)] {
        corpus.refuse(name, rule, &doc, &with(&valid().claim("x", value).text()), ProofTooLarge);
        corpus.refuse(&format!("header_{name}"), rule, &doc, &with(&valid().header("x", value).text()), ProofTooLarge);
    }
    corpus.refuse(
        "header_too_long",
        "RFC 9449 §7.1 (DP-20, JWS-4)",
        &doc,
        &with(&valid().header("x", &q(&"y".repeat(4096))).text()),
        ProofTooLarge,
    );
    corpus.accept(
        "long_jti",
        "RFC 9449 §11.1 (DP-13)",
        &doc,
        &with(&valid().claim("jti", &q(&"j".repeat(3000))).text()),
    );
    corpus.accept("jwt_svid_with_a_proof", "RFC 9449 §7.1", &Doc::svid(), &{
        let token = svid().bound_to_key("client-p256").text();
        dpop(&token, &proof(&token).text())
    });
}

fn add_algorithms_and_keys(corpus: &mut Corpus) {
    corpus.area("proof_key");
    let doc = Doc::access();
    let with = |proof: &str| dpop(&bound(), proof);
    let rule = "RFC 9449 §4.3 item 5, §11.6 (DP-5)";
    for (name, value) in [
        ("none", "\"none\""),
        ("hs256", "\"HS256\""),
        ("rsa_oaep", "\"RSA-OAEP\""),
        ("es256k", "\"ES256K\""),
        ("small_letters", "\"es256\""),
        ("number", "256"),
    ] {
        corpus.refuse(
            &format!("alg_{name}"),
            rule,
            &doc,
            &with(&valid().header("alg", value).text()),
            ProofAlgorithmRefused,
        );
    }
    let escaped = jwk("client-p256", r#""alg":"ES\u003256","\u0075se":"s\u0069g""#);
    corpus.accept(
        "alg_escaped",
        "RFC 8259 §8.3 (A1)",
        &doc,
        &with(&valid().header("alg", "\"\\u0045S256\"").header("jwk", &escaped).text()),
    );
    corpus.refuse(
        "alg_none_unsigned",
        rule,
        &doc,
        &with(&valid().header("alg", "\"none\"").with_signature(b"")),
        ProofAlgorithmRefused,
    );
    let symmetric = valid().header("jwk", r#"{"kty":"oct","k":"AAAA"}"#);
    corpus.refuse(
        "alg_hs256_by_its_own_secret",
        "RFC 9449 §4.3 items 5, 7 (DP-7)",
        &doc,
        &with(&hmac(&symmetric, "HS256", &[0; 3])),
        ProofAlgorithmRefused,
    );
    let fapi = doc.clone().member("dpop", r#"{"algorithms":["PS256","ES256","EdDSA"]}"#);
    let rsa = access().bound_to_key("client-rsa2048").text();
    corpus.refuse(
        "rs256_where_fapi_forbids_it",
        "FAPI 2 §5.4.1, policy: dpop.algorithms",
        &fapi,
        &dpop(&rsa, &proof(&rsa).key("client-rsa2048").algorithm("RS256").text()),
        ProofAlgorithmRefused,
    );
    corpus.accept(
        "ps256_where_fapi_allows_it",
        "FAPI 2 §5.4.1",
        &fapi,
        &dpop(&rsa, &proof(&rsa).key("client-rsa2048").algorithm("PS256").text()),
    );

    let rule = "RFC 9449 §4.3 item 7 (DP-7, A15)";
    let private = |name: &str, member: &str, value: Value| {
        let mut jwk: Value = serde_json::from_str(&jwk(name, "")).unwrap();
        jwk[member] = value;
        jwk.to_string()
    };
    for member in ["d", "k"] {
        let real = key("client-p256").jwk["d"].clone();
        for (sort, value) in [("real", real), ("empty", "".into()), ("null", Value::Null), ("number", 1.into())] {
            let proof = valid().header("jwk", &private("client-p256", member, value));
            corpus.refuse(&format!("private_{member}_{sort}"), rule, &doc, &with(&proof.text()), ProofKeyRefused);
        }
    }
    corpus.refuse(
        "private_d_escaped",
        rule,
        &doc,
        &with(&valid().header("jwk", &jwk("client-p256", r#""\u0064":"x""#)).text()),
        ProofKeyRefused,
    );
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        let token = proof(&rsa).key("client-rsa2048").algorithm("PS256");
        let token = token.header("jwk", &private("client-rsa2048", member, "".into()));
        corpus.refuse(&format!("private_rsa_{member}"), rule, &doc, &dpop(&rsa, &token.text()), ProofKeyRefused);
    }
    let ed = access().bound_to_key("client-ed25519").text();
    let okp = proof(&ed).key("client-ed25519").algorithm("EdDSA");
    corpus.refuse(
        "private_okp_d",
        rule,
        &doc,
        &dpop(&ed, &okp.clone().header("jwk", &private("client-ed25519", "d", "".into())).text()),
        ProofKeyRefused,
    );

    let rule = "RFC 9449 §4.3 item 6, RFC 7518 §6 (DP-6, A13)";
    corpus.refuse("jwk_string", rule, &doc, &with(&valid().header("jwk", "\"x\"").text()), ProofMalformed);
    corpus.refuse("jwk_null", rule, &doc, &with(&valid().header("jwk", "null").text()), ProofMalformed);
    // The token names each of these keys: the thumbprint of another would refuse it before it is looked at.
    let of_key = |proof: Token, jwk: &str| {
        let token = access().bound_to_jwk(jwk).text();
        dpop(&token, &proof.claim("ath", &q(&ath(&token))).header("jwk", jwk).text())
    };
    let edited = |member: &str, value: Value| of_key(valid(), &private("client-p256", member, value));
    let y = key("client-other-p256").jwk["y"].clone();
    let x = key("client-p256").jwk["x"].as_str().unwrap().to_owned();
    for (name, member, value) in [
        ("off_the_curve", "y", y),
        ("short_coordinate", "x", b64(&unb64(&x)[1..]).into()),
        ("long_coordinate", "x", b64([&[0][..], &unb64(&x)].concat()).into()),
        ("padded_coordinate", "x", format!("{x}=").into()),
        ("unknown_curve", "crv", "secp256k1".into()),
        ("other_curve", "crv", "P-384".into()),
        ("unknown_type", "kty", "AKP".into()),
        ("symmetric_type", "kty", "oct".into()),
        ("number_as_coordinate", "x", 1.into()),
        ("other_algorithm", "alg", "ES384".into()),
        ("unknown_algorithm", "alg", "ECDH-ES".into()),
        ("for_encryption", "use", "enc".into()),
        ("not_for_verifying", "key_ops", serde_json::json!(["sign"])),
    ] {
        corpus.refuse(&format!("jwk_{name}"), rule, &doc, &edited(member, value), ProofKeyRefused);
    }
    corpus.refuse("jwk_empty", rule, &doc, &with(&valid().header("jwk", "{}").text()), ProofKeyRefused);
    corpus.refuse(
        "jwk_at_infinity",
        rule,
        &doc,
        &of_key(valid(), &format!(r#"{{"kty":"EC","crv":"P-256","x":"{0}","y":"{0}"}}"#, b64([0; 32]))),
        ProofKeyRefused,
    );
    corpus.refuse(
        "es256_with_a_p384_key",
        "RFC 7518 §3.4 (JWA-3)",
        &doc,
        &of_key(valid(), &jwk("client-p384", "")),
        ProofKeyRefused,
    );
    corpus.refuse(
        "es256_with_an_rsa_key",
        "RFC 7518 §3.1 (A3)",
        &doc,
        &of_key(valid(), &jwk("client-rsa2048", "")),
        ProofKeyRefused,
    );
    corpus.refuse(
        "es256_with_a_secp256k1_key",
        "RFC 7518 §3.4 (JWA-3)",
        &doc,
        &of_key(valid(), &jwk("secp256k1", "")),
        ProofKeyRefused,
    );
    for (name, x) in [
        ("identity", [&[1][..], &[0; 31]].concat()),
        ("order_four", vec![0; 32]),
        ("order_two", [&[0xec][..], &[0xff; 30], &[0x7f]].concat()),
    ] {
        let weak = of_key(okp.clone(), &format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, b64(x)));
        corpus.refuse(&format!("ed25519_of_small_order_{name}"), "ED-7 (A14)", &doc, &weak, ProofKeyRefused);
    }
    let weak = jwk("weak-rsa1024", "");
    let by_rsa = |name: &str, algorithm: &str| {
        let token = access().bound_to_key(name).text();
        dpop(&token, &proof(&token).key(name).algorithm(algorithm).text())
    };
    let ps256 = || proof(&rsa).key("client-rsa2048").algorithm("PS256");
    corpus.refuse("rsa_of_1024_bits", "RFC 7518 §3.3 (JWA-4)", &doc, &of_key(ps256(), &weak), ProofKeyRefused);
    let rule = "a client's key costs us, 13.5 (A12)";
    corpus.accept("rsa_of_3072_bits", "RFC 7518 §3.5", &doc, &by_rsa("client-rsa3072", "PS256"));
    for name in ["3080", "4096", "4104"] {
        let request = by_rsa(&format!("client-rsa{name}"), "PS256");
        corpus.refuse(&format!("rsa_of_{name}_bits"), rule, &doc, &request, ProofKeyRefused);
    }
    let larger = doc.clone().member("dpop", r#"{"max_rsa_bits":4096}"#);
    let smaller = doc.clone().member("dpop", r#"{"max_rsa_bits":2048}"#);
    let named = "policy: dpop.max_rsa_bits";
    corpus.accept("rsa_of_4096_bits_where_named", named, &larger, &by_rsa("client-rsa4096", "PS256"));
    corpus.refuse("rsa_past_4096_bits", named, &larger, &by_rsa("client-rsa4104", "PS256"), ProofKeyRefused);
    corpus.accept("rsa_of_2048_bits_where_no_more_is", named, &smaller, &by_rsa("client-rsa2048", "RS256"));
    corpus.refuse(
        "rsa_of_3072_bits_where_less_is_named",
        named,
        &smaller,
        &by_rsa("client-rsa3072", "RS256"),
        ProofKeyRefused,
    );
    let exponent = |e: &str| {
        let mut jwk: Value = serde_json::from_str(&jwk("client-rsa2048", "")).unwrap();
        jwk["e"] = e.into();
        jwk.to_string()
    };
    for (name, e) in [("3", "Aw"), ("65539", "AQAD"), ("two_to_32_and_1", "AQAAAAE"), ("two_to_33_less_1", "Af____8")] {
        let request = of_key(ps256(), &exponent(e));
        corpus.refuse(&format!("rsa_exponent_{name}"), rule, &doc, &request, ProofKeyRefused);
        let request = dpop(&rsa, &ps256().header("jwk", &exponent(e)).text());
        corpus.refuse(&format!("rsa_exponent_{name}_of_another_key"), rule, &doc, &request, ProofKeyRefused);
    }
    // Neither the curve equation nor the fingerprint of a weak generator is asked of a key that the token does not name.
    let elsewhere =
        with(&valid().header("jwk", &private("client-p256", "y", key("client-other-p256").jwk["y"].clone())).text());
    corpus.refuse("off_the_curve_and_of_another", "RFC 9449 §4.3 item 12 (A12)", &doc, &elsewhere, ProofKeyMismatch);

    let rule = "dearer proofs are for policies that ask for them (A12)";
    for (algorithm, suffix) in crate::issuer::ALGORITHMS {
        if crate::issuer::PROOF_ALGORITHMS.split(' ').any(|name| name == algorithm) {
            continue;
        }
        let client = format!("client-{suffix}");
        let token = access().bound_to_key(&client).text();
        let request = dpop(&token, &proof(&token).key(&client).algorithm(algorithm).text());
        let word = algorithm.to_lowercase();
        corpus.refuse(&format!("alg_{word}_not_named"), rule, &doc, &request, ProofAlgorithmRefused);
        // Another's key by it is refused for its algorithm too: nothing was computed.
        let other = dpop(&bound(), &valid().key(&client).algorithm(algorithm).text());
        corpus.refuse(&format!("alg_{word}_not_named_of_another"), rule, &doc, &other, ProofAlgorithmRefused);
    }
    corpus.accept(
        "jwk_with_its_algorithm",
        "RFC 7517 §4.4",
        &doc,
        &with(&valid().header("jwk", &jwk("client-p256", r#""alg":"ES256","use":"sig","kid":"c""#)).text()),
    );

    let rule = "RFC 9449 §4.3 item 12, §6 (DP-12)";
    corpus.refuse("other_key", rule, &doc, &with(&valid().key("client-other-p256").text()), ProofKeyMismatch);
    corpus.refuse(
        "other_key_of_another_type",
        rule,
        &doc,
        &with(&proof(&bound()).key("client-ed25519").algorithm("EdDSA").text()),
        ProofKeyMismatch,
    );
    let rule = "RFC 9449 §4.3 item 6 (DP-6, A8, A9)";
    let right = valid().signature();
    corpus.refuse(
        "signed_by_another",
        rule,
        &doc,
        &with(&valid().forged_by("client-other-p256").text()),
        ProofSignatureInvalid,
    );
    for (name, signature) in [
        ("empty", Vec::new()),
        ("all_zero", vec![0; 64]),
        ("der", der(&right)),
        ("one_byte_short", right[..63].to_vec()),
        ("one_byte_long", [&right[..], &[0]].concat()),
        ("one_bit_changed", [&[right[0] ^ 1], &right[1..]].concat()),
    ] {
        corpus.refuse(
            &format!("signature_{name}"),
            rule,
            &doc,
            &with(&valid().with_signature(&signature)),
            ProofSignatureInvalid,
        );
    }
    corpus.accept("signature_with_high_s", "D5 (A10)", &doc, &with(&valid().with_signature(&twin(&right))));
}

fn add_claims(corpus: &mut Corpus) {
    corpus.area("proof_claims");
    let doc = Doc::access();
    let with = |proof: Token| dpop(&bound(), &proof.text());
    let rule = "RFC 9449 §4.3 item 8 (DP-8)";
    for (name, asked, claimed) in [
        ("other", "GET", "POST"),
        ("small_letters", "GET", "get"),
        ("head", "HEAD", "GET"),
        ("space", "GET", "GET "),
        ("prefix", "GETS", "GET"),
    ] {
        corpus.refuse(
            &format!("method_{name}"),
            rule,
            &doc,
            &with(valid().claim("htm", &q(claimed))).method(asked),
            ProofMethodMismatch,
        );
    }
    corpus.refuse(
        "method_overridden_by_a_header",
        rule,
        &doc,
        &with(valid().claim("htm", "\"PUT\"")).method("POST").header("x-http-method-override", "PUT"),
        ProofMethodMismatch,
    );
    for method in ["POST", "OPTIONS", "PROPFIND", "M-SEARCH", "get"] {
        let name = format!(
            "method_{}",
            if method == "get" { "custom_small_letters".to_owned() } else { method.to_lowercase().replace('-', "_") }
        );
        corpus.accept(&name, rule, &doc, &with(valid().claim("htm", &q(method))).method(method));
    }
    corpus.accept("method_escaped", "RFC 8259 §7", &doc, &with(valid().claim("htm", "\"\\u0047ET\"")));

    let rule = "RFC 9449 §4.3 item 11, §11.1 (DP-11)";
    let request = with(valid());
    corpus.accept("age_at_the_limit", rule, &doc, &request.clone().now(NOW + 60));
    corpus.refuse("age_past_the_limit", rule, &doc, &request.clone().now(NOW + 61), ProofTooOld);
    let made = |at: u64| with(valid().claim("iat", &at.to_string()));
    corpus.accept("future_at_the_limit", rule, &doc, &made(NOW + 5));
    corpus.refuse("future_past_the_limit", rule, &doc, &made(NOW + 6), ProofNotYetValid);
    corpus.refuse("one_hour_old", "FAPI 2", &doc, &made(NOW - 3600), ProofTooOld);
    corpus.refuse("one_hour_ahead", "FAPI 2", &doc, &made(NOW + 3600), ProofNotYetValid);
    corpus.refuse("made_at_the_epoch", rule, &doc, &made(0), ProofTooOld);
    corpus.refuse("made_at_the_end_of_time", rule, &doc, &made(9_007_199_254_740_991), ProofNotYetValid);
    corpus.accept("ten_seconds_old", "Keycloak's list", &doc, &made(NOW - 10));
    let wide = doc.clone().member("dpop", r#"{"max_age_seconds":300,"future_seconds":60}"#);
    corpus.accept("ten_seconds_ahead_in_a_wide_window", "Keycloak's list", &wide, &made(NOW + 10));
    corpus.accept("five_minutes_old_in_a_wide_window", rule, &wide, &made(NOW - 300));
    // The window of the DPoP profile of MCP: five minutes either way.
    let mcp = doc.clone().member("dpop", r#"{"max_age_seconds":300,"future_seconds":300}"#);
    for (name, at, reason) in [
        ("old_at_the_limit", NOW - 300, None),
        ("old_past_the_limit", NOW - 301, Some(ProofTooOld)),
        ("ahead_at_the_limit", NOW + 300, None),
        ("ahead_past_the_limit", NOW + 301, Some(ProofNotYetValid)),
    ] {
        let (name, rule) = (format!("{name}_of_five_minutes"), "RFC 9449 §11.1, DPoP in MCP (DP-11)");
        match reason {
            None => corpus.accept(&name, rule, &mcp, &made(at)),
            Some(reason) => corpus.refuse(&name, rule, &mcp, &made(at), reason),
        }
    }
    corpus.refuse("expired", "DP-11", &doc, &with(valid().claim("exp", &(NOW - 5).to_string())), ProofTooOld);
    corpus.accept(
        "not_expired",
        "DP-11",
        &doc,
        &with(valid().claim("exp", &(NOW + 5).to_string()).claim("nbf", &NOW.to_string())),
    );
    corpus.refuse(
        "not_yet_valid",
        "DP-11",
        &doc,
        &with(valid().claim("nbf", &(NOW + 6).to_string())),
        ProofNotYetValid,
    );
    corpus.refuse("exp_string", "DP-11 (A17)", &doc, &with(valid().claim("exp", "\"1800000300\"")), ProofMalformed);

    let rule = "RFC 9449 §4.3 item 12, §7 (DP-12)";
    let right = ath(&bound());
    for (name, value) in [
        ("of_another_token", ath("another")),
        ("padded", format!("{right}=")),
        ("cut", right[..42].to_owned()),
        ("of_the_scheme_too", ath(&format!("DPoP {}", bound()))),
        ("hexadecimal", unb64(&right).iter().map(|byte| format!("{byte:02x}")).collect()),
    ] {
        corpus.refuse(&format!("ath_{name}"), rule, &doc, &with(valid().claim("ath", &q(&value))), ProofTokenMismatch);
    }
    let other = access().claim("jti", "\"at-2\"").bound_to_key("client-p256").text();
    corpus.refuse("proof_of_another_token", rule, &doc, &dpop(&other, &valid().text()), ProofTokenMismatch);
    corpus.accept(
        "scheme_in_capitals",
        "RFC 9110 §11.1 (DP-15)",
        &doc,
        &authorization(&format!("DPOP {}", bound())).header("dpop", &valid().text()),
    );
}

fn add_uris(corpus: &mut Corpus) {
    corpus.area("proof_uri");
    let doc = Doc::access();
    let ask = |claimed: &str, asked: &str| dpop(&bound(), &valid().claim("htu", &q(claimed)).text()).uri(asked);
    let here = "https://api.example/orders";
    let rule = "RFC 9449 §4.3 item 9, RFC 3986 §6.2.2, §6.2.3 (DP-9)";
    for (name, claimed, asked) in [
        ("capital_scheme_and_host", "HTTPS://API.Example/orders", here),
        ("default_port", "https://api.example:443/orders", here),
        ("default_port_of_http", "http://api.example:80/orders", "http://api.example/orders"),
        ("empty_port", "https://api.example:/orders", here),
        ("empty_path", "https://api.example", "https://api.example/"),
        ("empty_path_asked", "https://api.example/", "https://api.example"),
        ("encoded_unreserved", "https://api.example/%6Frders", here),
        ("encoded_tilde", "https://api.example/~user", "https://api.example/%7Euser"),
        ("hex_case", "https://api.example/a%2fb", "https://api.example/a%2Fb"),
        ("dot_segments", "https://api.example/a/./b/../../orders", here),
        ("dot_segments_above_the_root", "https://api.example/../../orders", here),
        ("claimed_query", "https://api.example/orders?x=1", here),
        ("claimed_fragment", "https://api.example/orders#top", here),
        ("claimed_query_and_fragment", "https://api.example/orders?x=1#top", here),
        ("asked_query", here, "https://api.example/orders?x=1&y=2"),
        ("other_query", "https://api.example/orders?x=1", "https://api.example/orders?x=2"),
        ("slashes_escaped_in_json", "https:\\/\\/api.example\\/orders", here),
        ("ipv6", "https://[2001:DB8::1]:443/orders", "https://[2001:db8::1]/orders"),
    ] {
        corpus.accept(&format!("same_{name}"), rule, &doc, &ask(claimed, asked));
    }
    for (name, claimed, asked) in [
        ("path", "https://api.example/other", here),
        ("trailing_slash", "https://api.example/orders/", here),
        ("scheme", "http://api.example/orders", here),
        ("port", "https://api.example:8443/orders", here),
        ("http_port_on_https", "https://api.example:80/orders", here),
        ("host", "https://other.example/orders", here),
        ("host_suffix", "https://api.example.evil.example/orders", here),
        ("host_prefix", "https://evil-api.example/orders", here),
        ("host_trailing_dot", "https://api.example./orders", here),
        ("encoded_slash", "https://api.example/a%2Fb", "https://api.example/a/b"),
        ("double_slash", "https://api.example//orders", here),
        ("path_case", "https://api.example/Orders", here),
        ("path_prefix", "https://api.example/order", here),
        ("path_parameter", "https://api.example/orders;a=1", here),
        ("userinfo", "https://api.example@evil.example/orders", here),
        ("userinfo_before_us", "https://evil.example@api.example/orders", here),
        ("backslash", "https://api.example\\\\@evil.example/orders", here),
        ("non_ascii_host", "https://\u{e4}pi.example/orders", here),
        ("non_ascii_path", "https://api.example/\u{f6}rders", here),
        ("percent_in_host", "https://api%2Eexample/orders", here),
        ("double_encoded", "https://api.example/%256Frders", here),
        ("bad_percent", "https://api.example/%zzorders", here),
        ("relative", "/orders", here),
        ("no_scheme", "//api.example/orders", here),
        ("other_scheme", "ftp://api.example/orders", here),
        ("blank", " ", here),
        ("space_before", " https://api.example/orders", here),
        ("nul_behind", "https://api.example/orders\\u0000", here),
        ("port_out_of_range", "https://api.example:65979/orders", here),
    ] {
        corpus.refuse(&format!("other_{name}"), rule, &doc, &ask(claimed, asked), ProofUriMismatch);
    }
    let rule = "policy: origin (13.2), CVE-2026-40575";
    let origin = doc.clone().member("origin", "\"https://api.example\"");
    corpus.accept("origin_and_a_path", rule, &origin, &ask(here, "/orders?x=1"));
    corpus.accept(
        "origin_and_an_absolute_form",
        "RFC 9112 §3.2.2",
        &origin,
        &ask(here, "https://internal:8080/orders"),
    );
    corpus.accept(
        "origin_beats_the_host_header",
        rule,
        &origin,
        &ask(here, "/orders")
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "http"),
    );
    corpus.refuse(
        "origin_is_not_the_internal_name",
        rule,
        &origin,
        &ask("https://internal:8080/orders", "https://internal:8080/orders"),
        ProofUriMismatch,
    );
    let based = doc.clone().member("origin", "\"https://api.example/v1\"");
    corpus.accept("origin_with_a_base_path", rule, &based, &ask("https://api.example/v1/orders", "/orders"));
    corpus.refuse("origin_with_a_base_path_left_out", rule, &based, &ask(here, "/orders"), ProofUriMismatch);
    let rule = "the host's fault: no URI to judge by";
    corpus.refuse("unusable_path", rule, &doc, &ask(here, "/orders"), RequestInvalid);
    let rule = "RFC 9449 §4.3 item 9: what a client can send is no URI that a proof is for, and never a 5xx";
    for (name, asked) in [
        ("empty", ""),
        ("authority", "api.example:443"),
        ("star", "*"),
        ("userinfo", "https://a@api.example/orders"),
        ("no_host", "https:///orders"),
    ] {
        corpus.refuse(&format!("unusable_{name}"), rule, &doc, &ask(here, asked), ProofUriMismatch);
    }
    corpus.refuse("unusable_star_with_origin", rule, &origin, &ask(here, "*"), ProofUriMismatch);
}
