//! RFC 7515, RFC 7519 §7.2 and RFC 8725 on the form of a token: sections 7.1 and 7.2 of the rules, on access tokens.

use countersign::Reason::{
    AlgorithmRefused, ClaimInvalid, CredentialRepeated, HeaderCritical, HeaderForbidden, KeyNotUsable, KeyUnknown,
    LimitExceeded, SignatureInvalid, TokenEncoding, TokenJson, TokenMalformed,
};

use super::Corpus;
use crate::issuer::{SERVER, Token, access, b64, hmac, jwk, key, q};
use crate::request::{Doc, bearer, issuer, set_key};

pub(super) fn add(corpus: &mut Corpus) {
    add_framing(corpus);
    add_header(corpus);
    add_claims(corpus);
    add_algorithms(corpus);
    add_signatures(corpus);
}

fn add_framing(corpus: &mut Corpus) {
    corpus.area("jws_form");
    let doc = Doc::access();
    let token = access().text();
    let parts: Vec<&str> = token.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let rule = "RFC 7515 §7.1 (JWS-1)";
    for (name, text) in [
        ("no_period", header.to_owned()),
        ("one_period", format!("{header}.{claims}")),
        ("three_periods", format!("{token}.")),
        ("four_periods_is_a_jwe", format!("{header}.{claims}.{signature}.{claims}.{signature}")),
        ("leading_period", format!(".{token}")),
        ("empty_header", format!(".{claims}.{signature}")),
        ("empty_payload", format!("{header}..{signature}")),
        ("only_periods", "..".to_owned()),
    ] {
        corpus.refuse(name, rule, &doc, &bearer(&text), TokenMalformed);
    }
    let flattened = format!(r#"{{"payload":"{claims}","protected":"{header}","signature":"{signature}"}}"#);
    // A comma makes it a list of credentials, before it is looked at as a token.
    corpus.refuse(
        "json_serialization",
        "RFC 7515 §7.2, JWT-SVID §1 (JSV-1, BCP-13)",
        &doc,
        &bearer(&flattened),
        CredentialRepeated,
    );
    let rule = "RFC 7515 §2 (JWS-2, A11)";
    let middle = claims.len() / 2;
    for (name, text) in [
        ("padded_header", format!("{header}=.{claims}.{signature}")),
        ("padded_payload", format!("{header}.{claims}=.{signature}")),
        ("padded_signature", format!("{token}==")),
        ("plus", format!("{header}.{}+{}.{signature}", &claims[..middle], &claims[middle + 1..])),
        ("slash", format!("{header}.{}/{}.{signature}", &claims[..middle], &claims[middle + 1..])),
        ("space_inside", format!("{header}.{} {}.{signature}", &claims[..middle], &claims[middle..])),
        ("percent_encoded", format!("{header}.{claims}.%41{signature}")),
        ("tilde", format!("~{token}")),
        ("underscores_only_header", format!("%.{claims}.{signature}")),
    ] {
        corpus.refuse(name, rule, &doc, &bearer(&text), TokenEncoding);
    }
    corpus.refuse(
        "one_character_too_many",
        "RFC 4648 §5: length 1 mod 4",
        &doc,
        &bearer(&format!("{}A.{claims}.{signature}", &header[..header.len() - header.len() % 4])),
        TokenEncoding,
    );
    corpus.refuse(
        "trailing_bits_in_the_signature",
        "JWS-3 (A11)",
        &doc,
        &bearer(&trailing_bits(&token)),
        TokenEncoding,
    );
    let odd = (0..3)
        .map(|pad| access().claim("x", &q(&"y".repeat(pad))))
        .find(|token| b64(token.claims_text()).len() % 4 != 0)
        .unwrap();
    let text = odd.text();
    let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    parts[1] = next_last(&parts[1]);
    corpus.refuse("trailing_bits_in_the_payload", "JWS-3 (A11)", &doc, &bearer(&parts.join(".")), TokenEncoding);
    corpus.refuse(
        "header_too_long",
        "JWS-4",
        &doc,
        &bearer(&access().header("x", &q(&"y".repeat(4096))).text()),
        LimitExceeded,
    );
    corpus.refuse("signature_too_long", "JWS-4", &doc, &bearer(&access().with_signature(&[7; 1025])), LimitExceeded);
}

/// The last character replaced by its neighbour, which differs in bits that decode to nothing.
fn next_last(part: &str) -> String {
    let last = part.as_bytes()[part.len() - 1];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.iter().position(|byte| *byte == last).unwrap();
    format!("{}{}", &part[..part.len() - 1], char::from(alphabet[place + 1]))
}

/// A token with a signature of 64 bytes (86 characters) and a non-zero bit behind them.
fn trailing_bits(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(signature.len(), 86);
    format!("{input}.{}", next_last(signature))
}

fn add_header(corpus: &mut Corpus) {
    corpus.area("jws_header");
    let doc = Doc::access();
    let token = access();
    let claims = token.claims_text();
    let of = |header: &[u8]| bearer(&token.text_of(header, claims.as_bytes()));
    let right = token.header_text();
    let rule = "RFC 7515 §5.2 step 3 (JWS-6)";
    for (name, header) in [
        ("byte_order_mark", format!("\u{feff}{right}").into_bytes()),
        ("trailing_bytes", format!("{right}x").into_bytes()),
        ("second_object", format!("{right}{right}").into_bytes()),
        ("nul_at_the_end", format!("{right}\0").into_bytes()),
        ("array", format!("[{right}]").into_bytes()),
        ("string", b"\"ES256\"".to_vec()),
        ("null", b"null".to_vec()),
        ("number", b"1".to_vec()),
        ("cut_short", right.as_bytes()[..right.len() - 1].to_vec()),
        ("comment", right.replace('{', "{/**/").into_bytes()),
        ("trailing_comma", right.replace('}', ",}").into_bytes()),
        ("single_quotes", right.replace('"', "'").into_bytes()),
        ("not_a_number", right.replace('}', ",\"x\":NaN}").into_bytes()),
        ("lone_high_surrogate", right.replace('}', ",\"x\":\"\\ud800\"}").into_bytes()),
        ("lone_low_surrogate", right.replace('}', ",\"x\":\"\\udc00\"}").into_bytes()),
        ("control_character_in_a_string", right.replace('}', ",\"x\":\"\n\"}").into_bytes()),
        ("invalid_utf8", [right.replace('}', ",\"x\":\"").as_bytes(), b"\xff\"}"].concat()),
        ("overlong_utf8", [right.replace('}', ",\"x\":\"").as_bytes(), b"\xc0\xaf\"}"].concat()),
        ("utf16", right.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ] {
        corpus.refuse(name, rule, &doc, &of(&header), TokenJson);
    }
    let spaced = format!(" \t\r\n{} ", right.replace(':', " :\n"));
    corpus.accept("white_space", "RFC 8259 §2 (JWS-6)", &doc, &of(spaced.as_bytes()));
    corpus.accept(
        "escaped_parameter_name",
        "RFC 8259 §7",
        &doc,
        &of(right.replace("\"alg\"", "\"\\u0061lg\"").as_bytes()),
    );
    let rule = "RFC 7515 §4 (JWS-7, A16)";
    for (name, header) in [
        ("repeated_alg", token.clone().more_header("alg", "\"none\"")),
        ("repeated_alg_alike", token.clone().more_header("alg", "\"ES256\"")),
        ("repeated_kid", token.clone().more_header("kid", "\"other\"")),
        ("repeated_alg_escaped", token.clone().more_header("\\u0061lg", "\"none\"")),
        ("repeated_unknown", token.clone().more_header("x", "1").more_header("x", "1")),
        ("repeated_deep_down", token.clone().header("x", r#"{"y":[{"z":1,"z":2}]}"#)),
    ] {
        corpus.refuse(name, rule, &doc, &bearer(&header.text()), TokenJson);
    }
    let rule = "RFC 7515 §4.1.11 (JWS-9, A22)";
    for (name, value) in [
        ("crit_empty", "[]"),
        ("crit_unknown", r#"["x"]"#),
        ("crit_absent_name", r#"["exp"]"#),
        ("crit_repeated", r#"["x","x"]"#),
        ("crit_registered", r#"["alg"]"#),
        ("crit_no_strings", "[1]"),
        ("crit_string", "\"x\""),
        ("crit_null", "null"),
    ] {
        corpus.refuse(
            name,
            rule,
            &doc,
            &bearer(&token.clone().header("x", "1").header("crit", value).text()),
            HeaderCritical,
        );
    }
    let rule = "RFC 7797 §6, §7 (JWS-10)";
    corpus.refuse("b64_false", rule, &doc, &bearer(&token.clone().header("b64", "false").text()), HeaderCritical);
    corpus.refuse("b64_true", rule, &doc, &bearer(&token.clone().header("b64", "true").text()), HeaderCritical);
    corpus.refuse(
        "b64_false_and_crit",
        rule,
        &doc,
        &bearer(&token.clone().header("crit", r#"["b64"]"#).header("b64", "false").text()),
        HeaderCritical,
    );
    let rule = "RFC 8725 §3.3 (JWS-13, JWS-14)";
    corpus.refuse("zip", rule, &doc, &bearer(&token.clone().header("zip", "\"DEF\"").text()), HeaderForbidden);
    corpus.refuse("enc", rule, &doc, &bearer(&token.clone().header("enc", "\"A128GCM\"").text()), HeaderForbidden);
    for (name, cty) in [
        ("cty", "JWT"),
        ("cty_lower_case", "jwt"),
        ("cty_application_jwt", "application/jwt"),
        ("cty_escaped", "\\u004aWT"),
    ] {
        corpus.refuse(name, rule, &doc, &bearer(&token.clone().header("cty", &q(cty)).text()), HeaderForbidden);
    }
    corpus.refuse("cty_number", rule, &doc, &bearer(&token.clone().header("cty", "1").text()), ClaimInvalid);
    for (name, value) in [("cty_json", "application/json"), ("cty_json_short", "json")] {
        let request = bearer(&token.clone().header("cty", &q(value)).text());
        corpus.accept(name, "RFC 7515 §4.1.10 (D6)", &doc, &request);
    }
    corpus.accept("unknown_parameter", "RFC 7515 §4 (JWS-11)", &doc, &bearer(&token.clone().header("x", "{}").text()));
    let rule = "RFC 7519 §5.3 (JWT-6)";
    corpus.accept(
        "replicated_claims_alike",
        rule,
        &doc,
        &bearer(&token.clone().header("iss", "\"https://as.example\"").header("sub", "\"alice\"").text()),
    );
    let audiences = r#"["https://a.example","https://api.example",""]"#;
    for (name, claim, replica, same) in [
        ("array_alike", audiences, audiences, true),
        ("array_escaped", audiences, r#"[ "https:\/\/a.example", "https://api\u002eexample" ,"" ]"#, true),
        ("string_of_one", r#"["https://api.example"]"#, r#""https://api.example""#, true),
        (
            "array_with_one_twice",
            r#"["https://api.example","https://api.example"]"#,
            r#"["https://api.example","https://api.example"]"#,
            true,
        ),
        (
            "array_with_one_twice_and_once",
            r#"["https://api.example","https://api.example"]"#,
            r#"["https://api.example"]"#,
            false,
        ),
        (
            "array_with_one_once_and_twice",
            r#"["https://api.example"]"#,
            r#"["https://api.example","https://api.example"]"#,
            false,
        ),
        ("array_in_another_order", audiences, r#"["https://api.example","https://a.example",""]"#, false),
        ("array_cut_short", audiences, r#"["https://a.example","https://api.example"]"#, false),
        ("array_longer", r#"["https://api.example"]"#, audiences, false),
        ("array_empty", audiences, "[]", false),
        ("array_of_numbers", audiences, "[1,2]", false),
    ] {
        let request = bearer(&token.clone().claim("aud", claim).header("aud", replica).text());
        let name = format!("replicated_audience_{name}");
        if same {
            corpus.accept(&name, rule, &doc, &request);
        } else {
            corpus.refuse(&name, rule, &doc, &request, HeaderForbidden);
        }
    }
    corpus.refuse(
        "replicated_issuer_differs",
        rule,
        &doc,
        &bearer(&token.clone().header("iss", "\"https://evil.example\"").text()),
        HeaderForbidden,
    );
    corpus.refuse(
        "replicated_audience_differs",
        rule,
        &doc,
        &bearer(&token.clone().header("aud", "\"https://other.example\"").text()),
        HeaderForbidden,
    );
    corpus.refuse(
        "replicated_subject_is_no_string",
        rule,
        &doc,
        &bearer(&token.clone().header("sub", "7").text()),
        HeaderForbidden,
    );
    let rule = "RFC 7515 §4.1.4 (JWK-4, A6)";
    for (name, kid) in [
        ("kid_path", "../../dev/null"),
        ("kid_sql", "' OR '1'='1"),
        ("kid_ldap", "*)(uid=*"),
        ("kid_url", "https://evil.example/keys#1"),
        ("kid_line_break", "server-p256\\r\\nx: y"),
        ("kid_nul", "server-p256\\u0000"),
        ("kid_other_case", "SERVER-P256"),
        ("kid_prefix", "server-p25"),
        ("kid_empty", ""),
        ("kid_fullwidth", "\u{ff53}erver-p256"),
    ] {
        corpus.refuse(name, rule, &doc, &bearer(&token.clone().header("kid", &q(kid)).text()), KeyUnknown);
    }
    corpus.refuse(
        "kid_long",
        rule,
        &doc,
        &bearer(&token.clone().header("kid", &q(&"k".repeat(2000))).text()),
        KeyUnknown,
    );
    corpus.accept(
        "kid_escaped",
        "RFC 8259 §7",
        &doc,
        &bearer(&token.clone().header("kid", "\"server\\u002dp256\"").text()),
    );
    // What counts of a `kid` is its characters, not how they are written.
    for (name, characters) in [("at_256", 256), ("at_257", 257), ("at_400", 400)] {
        let kid = "k".repeat(characters);
        let named = jwk("server-p256", &format!(r#""kid":"{kid}""#));
        let doc = Doc::access().trust(&[issuer(SERVER, &[named])]);
        for (spelling, kid) in [("plain", kid.clone()), ("escaped", format!("\\u006b{}", &kid[1..]))] {
            let request = bearer(&token.clone().header("kid", &q(&kid)).text());
            corpus.accept(&format!("kid_{name}_{spelling}"), "RFC 7515 §4.1.4, RFC 8259 §8.3 (A1)", &doc, &request);
        }
    }
    for (name, kid) in
        [("kid_number", "1"), ("kid_array", r#"["server-p256"]"#), ("kid_null", "null"), ("kid_object", "{}")]
    {
        corpus.refuse(name, "RFC 7515 §4.1.4", &doc, &bearer(&token.clone().header("kid", kid).text()), ClaimInvalid);
    }
    let rule = "RFC 8725 §3.10 (JWS-12, A4)";
    let attacker = token.clone().forged_by("client-p256");
    for (name, forged) in [
        ("embedded_jwk", attacker.clone().header("jwk", &jwk("client-p256", ""))),
        ("embedded_jku", attacker.clone().header("jku", "\"https://evil.example/jwks\"")),
        ("embedded_x5u", attacker.clone().header("x5u", "\"https://evil.example/cert\"")),
        ("embedded_x5c", attacker.clone().header("x5c", "[\"AA==\"]")),
    ] {
        corpus.refuse(name, rule, &doc, &bearer(&forged.text()), SignatureInvalid);
    }
    corpus.accept(
        "embedded_jwk_of_another_is_ignored",
        rule,
        &doc,
        &bearer(&token.clone().header("jwk", &jwk("client-p256", "")).text()),
    );
    corpus.refuse(
        "embedded_jwk_without_kid",
        rule,
        &Doc::access().trust(&[issuer("https://as.example", &[set_key("server-p384")])]),
        &bearer(&attacker.no_header("kid").header("jwk", &jwk("client-p256", "")).text()),
        KeyUnknown,
    );
}

fn add_claims(corpus: &mut Corpus) {
    corpus.area("jwt_claims");
    let doc = Doc::access();
    let token = access();
    let header = token.header_text();
    let of = |claims: &[u8]| bearer(&token.text_of(header.as_bytes(), claims));
    let right = token.claims_text();
    let rule = "RFC 7519 §7.2 step 10 (JWT-1)";
    for (name, claims) in [
        ("array", format!("[{right}]").into_bytes()),
        ("string", b"\"x\"".to_vec()),
        ("text", b"Payload".to_vec()),
        ("nested_token", token.text().into_bytes()),
        ("cut_short", right.as_bytes()[..right.len() - 1].to_vec()),
        ("trailing_bytes", format!("{right},").into_bytes()),
        ("byte_order_mark", format!("\u{feff}{right}").into_bytes()),
        ("invalid_utf8", [right.replace('}', ",\"x\":\"").as_bytes(), b"\xed\xa0\x80\"}"].concat()),
        ("lone_surrogate", right.replace('}', ",\"x\":\"\\ud83d\"}").into_bytes()),
        ("utf16", right.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ] {
        corpus.refuse(name, rule, &doc, &of(&claims), TokenJson);
    }
    let rule = "RFC 7519 §4 (D10, A16)";
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "cnf", "x"] {
        let twice = token.clone().claim("cnf", "{}").claim("x", "1").more_claim(name, "1");
        corpus.refuse(&format!("repeated_{name}"), rule, &doc, &bearer(&twice.text()), TokenJson);
    }
    corpus.refuse(
        "repeated_sub_escaped",
        rule,
        &doc,
        &bearer(&token.clone().more_claim("su\\u0062", "\"bob\"").text()),
        TokenJson,
    );
    corpus.refuse(
        "repeated_inside_cnf",
        rule,
        &doc,
        &bearer(&token.clone().claim("cnf", r#"{"jkt":"a","jkt":"b"}"#).text()),
        TokenJson,
    );
    corpus.refuse(
        "repeated_inside_act",
        rule,
        &doc,
        &bearer(&token.clone().claim("act", r#"{"sub":"a","sub":"b"}"#).text()),
        TokenJson,
    );
    corpus.refuse(
        "repeated_deep_down",
        rule,
        &doc,
        &bearer(&token.clone().claim("x", r#"[[{"a":{"b":1,"\u0062":2}}]]"#).text()),
        TokenJson,
    );
    let rule = "JWT-8 (A20)";
    corpus.accept(
        "depth_at_the_limit",
        rule,
        &doc,
        &bearer(&token.clone().claim("x", &format!("{}{}", "[".repeat(15), "]".repeat(15))).text()),
    );
    corpus.refuse(
        "depth_past_the_limit",
        rule,
        &doc,
        &bearer(&token.clone().claim("x", &format!("{}{}", "[".repeat(16), "]".repeat(16))).text()),
        LimitExceeded,
    );
    let members = |count: usize| (0..count).map(|n| format!("\"m{n}\":0")).collect::<Vec<_>>().join(",");
    corpus.accept(
        "members_at_the_limit",
        rule,
        &doc,
        &bearer(&token.clone().claim("x", &format!("{{{}}}", members(256 - 9))).text()),
    );
    corpus.refuse(
        "members_past_the_limit",
        rule,
        &doc,
        &bearer(&token.clone().claim("x", &format!("{{{}}}", members(256 - 8))).text()),
        LimitExceeded,
    );
    corpus.accept("number_at_the_limit", rule, &doc, &bearer(&token.clone().claim("x", &"1".repeat(32)).text()));
    corpus.refuse(
        "number_past_the_limit",
        rule,
        &doc,
        &bearer(&token.clone().claim("x", &"1".repeat(33)).text()),
        LimitExceeded,
    );
    corpus.accept(
        "unknown_claims",
        "RFC 7519 §4",
        &doc,
        &bearer(&token.clone().claim("x", r#"{"y":[null,true,-1.5e3]}"#).text()),
    );
    corpus.accept(
        "claims_with_white_space",
        "RFC 8259 §2",
        &doc,
        &of(format!("\n{} ", right.replace(',', " ,\n\t")).as_bytes()),
    );
    corpus.accept(
        "escaped_claim_values",
        "RFC 8259 §7",
        &doc,
        &of(right.replace("https://api.example", "https:\\/\\/api.ex\\u0061mple").as_bytes()),
    );
}

fn add_algorithms(corpus: &mut Corpus) {
    corpus.area("algorithm");
    let doc = Doc::access();
    let token = access();
    let rule = "RFC 7518 §3.6, RFC 8725 §3.2 (JWA-7, A1)";
    for (name, algorithm) in
        [("none", "none"), ("none_capital", "None"), ("none_mixed", "nOnE"), ("none_space", "NONE ")]
    {
        let unsigned = token.clone().header("alg", &q(algorithm));
        corpus.refuse(
            &format!("{name}_unsigned"),
            rule,
            &doc,
            &bearer(&unsigned.with_signature(b"")),
            AlgorithmRefused,
        );
        corpus.refuse(&format!("{name}_signed"), rule, &doc, &bearer(&unsigned.text()), AlgorithmRefused);
    }
    let rule = "RFC 7515 §4.1.1 (JWS-8, BCP-1)";
    for (name, value) in [
        ("number", "256"),
        ("array", r#"["ES256"]"#),
        ("null", "null"),
        ("empty", "\"\""),
        ("small_letters", "\"es256\""),
        ("space", "\"ES256 \""),
        ("es256k", "\"ES256K\""),
        ("es521", "\"ES521\""),
        ("ed448", "\"Ed448\""),
        ("rs1", "\"RS1\""),
        ("rsa_oaep", "\"RSA-OAEP\""),
        ("unknown", "\"XX256\""),
    ] {
        corpus.refuse(name, rule, &doc, &bearer(&token.clone().header("alg", value).text()), AlgorithmRefused);
    }
    corpus.refuse("absent", rule, &doc, &bearer(&token.clone().no_header("alg").text()), AlgorithmRefused);
    // RS-to-HS confusion: the MAC secret is whatever form of the public key an attacker has.
    let rule = "RFC 8725 §2.1, §3.1 (JWA-6, A2)";
    let public = key("server-rsa2048");
    let rsa = Doc::access().trust(&[issuer("https://as.example", &[set_key("server-rsa2048")])]);
    let rs = token.clone().key("server-rsa2048");
    let modulus = crate::issuer::unb64(public.jwk["n"].as_str().unwrap());
    let text = set_key("server-rsa2048");
    for (name, secret) in [("modulus", modulus.as_slice()), ("jwk_text", text.as_bytes()), ("empty_secret", b"")] {
        for algorithm in ["HS256", "HS384", "HS512"] {
            let name = format!("{}_with_{name}", algorithm.to_lowercase());
            corpus.refuse(&name, rule, &rsa, &bearer(&hmac(&rs, algorithm, secret)), AlgorithmRefused);
        }
    }
    let rule = "RFC 7518 §3.4, RFC 8725 §3.1 (JWA-3, A3)";
    let suffixes = [
        ("RS256", "rsa2048"),
        ("PS256", "rsa2048"),
        ("ES256", "p256"),
        ("ES384", "p384"),
        ("ES512", "p521"),
        ("EdDSA", "ed25519"),
        ("Ed25519", "ed25519"),
    ];
    for (algorithm, fitting) in suffixes {
        for suffix in ["rsa2048", "p256", "p384", "p521", "ed25519"] {
            if suffix == fitting {
                continue;
            }
            let name = format!("server-{suffix}");
            let doc = Doc::access().trust(&[issuer("https://as.example", &[set_key(&name)])]);
            let wrong = token.clone().key(&name).header("alg", &q(algorithm));
            corpus.refuse(
                &format!("{}_by_a_key_for_{suffix}", algorithm.to_lowercase()),
                rule,
                &doc,
                &bearer(&wrong.text()),
                KeyNotUsable,
            );
        }
    }
    let rule = "RFC 7517 §4.4, RFC 8725 §3.1 (JWK-3, BCP-1, ED-5)";
    let named = |suffix: &str, only: &str| {
        let name = format!("server-{suffix}");
        let key = jwk(&name, &format!(r#""kid":"{name}","alg":"{only}""#));
        Doc::access().trust(&[issuer("https://as.example", &[key])])
    };
    for (name, suffix, only, used) in [
        ("rs256_key_used_for_ps256", "rsa2048", "RS256", "PS256"),
        ("ps256_key_used_for_rs256", "rsa2048", "PS256", "RS256"),
        ("ps256_key_used_for_ps384", "rsa2048", "PS256", "PS384"),
        ("rs256_key_used_for_rs512", "rsa2048", "RS256", "RS512"),
        ("eddsa_key_used_for_ed25519", "ed25519", "EdDSA", "Ed25519"),
        ("ed25519_key_used_for_eddsa", "ed25519", "Ed25519", "EdDSA"),
    ] {
        let wrong = token.clone().key(&format!("server-{suffix}")).algorithm(used);
        corpus.refuse(name, rule, &named(suffix, only), &bearer(&wrong.text()), KeyNotUsable);
    }
    let narrow = Doc::access().member("algorithms", r#"["ES384"]"#);
    corpus.refuse("not_on_the_policy_list", "policy: algorithms", &narrow, &bearer(&token.text()), AlgorithmRefused);
}

/// n − s of P-256, for the twin of a signature.
pub(super) fn twin(signature: &[u8]) -> Vec<u8> {
    const N: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut out = signature.to_vec();
    let mut borrow = 0i16;
    for place in (0..32).rev() {
        let difference = i16::from(N[place]) - i16::from(signature[32 + place]) - borrow;
        borrow = i16::from(difference < 0);
        out[32 + place] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    out
}

/// The DER form that other protocols use.
pub(super) fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len() - 1);
        let mut body = number[start..].to_vec();
        if body[0] & 0x80 != 0 {
            body.insert(0, 0);
        }
        [&[2, u8::try_from(body.len()).unwrap()][..], &body].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let body = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat()
}

fn add_signatures(corpus: &mut Corpus) {
    corpus.area("signature");
    let doc = Doc::access();
    let token: Token = access();
    let right = token.signature();
    let with = |signature: &[u8]| bearer(&token.with_signature(signature));
    let n: Vec<u8> = twin(&[0; 64])[32..].to_vec();
    let rule = "RFC 7518 §3.4 (JWA-1, JWA-2, A8, A9)";
    let flipped = |place: usize| {
        let mut other = right.clone();
        other[place] ^= 1;
        other
    };
    for (name, signature) in [
        ("empty", Vec::new()),
        ("one_byte_short", right[..63].to_vec()),
        ("one_byte_long", [&right[..], &[0]].concat()),
        ("leading_zero", [&[0], &right[..]].concat()),
        ("der", der(&right)),
        ("all_zero", vec![0; 64]),
        ("r_zero", [&[0; 32], &right[32..]].concat()),
        ("s_zero", [&right[..32], &[0; 32]].concat()),
        ("r_is_n", [&n[..], &right[32..]].concat()),
        ("s_is_n", [&right[..32], &n[..]].concat()),
        ("r_and_s_all_ones", vec![0xff; 64]),
        ("r_and_s_swapped", [&right[32..], &right[..32]].concat()),
        ("first_byte_changed", flipped(0)),
        ("last_byte_changed", flipped(63)),
        ("twice", [&right[..], &right[..]].concat()),
    ] {
        corpus.refuse(&format!("es256_{name}"), rule, &doc, &with(&signature), SignatureInvalid);
    }
    corpus.accept("es256_high_s", "RFC 7518 §3.4 (D5, A10)", &doc, &with(&twin(&right)));
    corpus.refuse(
        "of_another_key",
        "RFC 7515 §5.2",
        &doc,
        &bearer(&token.clone().forged_by("client-p256").text()),
        SignatureInvalid,
    );
    let other = token.clone().claim("sub", "\"mallory\"");
    corpus.refuse("of_other_claims", "RFC 7515 §5.2", &doc, &bearer(&other.with_signature(&right)), SignatureInvalid);
    // CVE-2024-51744: the signature dominates, whatever else is wrong.
    let expired = token.clone().claim("exp", "1").with_signature(&right);
    corpus.refuse("invalid_and_expired", "CVE-2024-51744", &doc, &bearer(&expired), SignatureInvalid);
    let foreign = token.clone().claim("aud", "\"https://other.example\"").with_signature(&right);
    corpus.refuse("invalid_and_other_audience", "CVE-2024-51744", &doc, &bearer(&foreign), SignatureInvalid);

    let rule = "RFC 7518 §3.3, §3.5 (JWA-4, JWA-5, A12)";
    let doc = Doc::access().trust(&[issuer("https://as.example", &[set_key("server-rsa2048")])]);
    for algorithm in ["RS256", "PS256"] {
        let token = access().by("server", algorithm);
        let right = token.signature();
        let modulus = crate::issuer::unb64(key("server-rsa2048").jwk["n"].as_str().unwrap());
        let mut flipped = right.clone();
        flipped[100] ^= 1;
        for (name, signature) in [
            ("leading_zero", [&[0], &right[..]].concat()),
            ("one_byte_short", right[1..].to_vec()),
            ("is_the_modulus", modulus),
            ("all_ones", vec![0xff; 256]),
            ("zero", vec![0; 256]),
            ("one", [vec![0; 255], vec![1]].concat()),
            ("changed", flipped),
        ] {
            let name = format!("{}_{name}", algorithm.to_lowercase());
            corpus.refuse(&name, rule, &doc, &bearer(&token.with_signature(&signature)), SignatureInvalid);
        }
    }
    let rs = access().by("server", "RS256");
    let as_ps = rs.clone().header("alg", "\"PS256\"");
    let input = format!("{}.{}", b64(as_ps.header_text()), b64(as_ps.claims_text()));
    corpus.refuse(
        "rs256_under_a_ps256_header",
        "RFC 8725 §3.1 (A3)",
        &doc,
        &bearer(&as_ps.with_signature(&rs.signature_of(&input))),
        SignatureInvalid,
    );

    let rule = "RFC 8032 §5.1.7 (ED-6, A14)";
    let doc = Doc::access().trust(&[issuer("https://as.example", &[set_key("server-ed25519")])]);
    let token = access().by("server", "EdDSA");
    let right = token.signature();
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut greater = right.clone();
    let mut carry = 0u16;
    for place in 0..32 {
        let sum = u16::from(right[32 + place]) + u16::from(L[place]) + carry;
        greater[32 + place] = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    for (name, signature) in [
        ("s_plus_l", greater),
        ("s_is_l", [&right[..32], &L[..]].concat()),
        ("small_order_r", [&[1], &[0; 31][..], &right[32..]].concat()),
        ("all_zero", vec![0; 64]),
        ("one_byte_short", right[..63].to_vec()),
        ("one_byte_long", [&right[..], &[0]].concat()),
    ] {
        corpus.refuse(
            &format!("eddsa_{name}"),
            rule,
            &doc,
            &bearer(&token.with_signature(&signature)),
            SignatureInvalid,
        );
    }
}
