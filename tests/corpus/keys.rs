//! RFC 7517 and RFC 7518 §6 on key sets: one odd key is dropped, and its tokens find no key; the others stay.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::Reason::{IssuerUnknown, KeyNotUsable, KeyUnknown, SignatureInvalid};

use super::Corpus;
use crate::issuer::{DOMAIN, SERVER, access, b64, certificate, jwk, key, q, svid, unb64};
use crate::request::{Doc, bearer, domain, issuer, pinned, set_key, svid_key};

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("key_set");
    let token = access().text();
    let set = |keys: &[String]| Doc::access().trust(&[issuer(SERVER, keys)]);
    let with = |more: &str| jwk("server-p256", &format!(r#""kid":"server-p256"{more}"#));
    let members = |key: &str| -> serde_json::Value { serde_json::from_str(key).unwrap() };
    let edited = |name: &str, member: &str, value: serde_json::Value| {
        let mut jwk = members(&set_key(name));
        jwk[member] = value;
        jwk.to_string()
    };
    let without = |name: &str, member: &str| {
        let mut jwk = members(&set_key(name));
        jwk.as_object_mut().unwrap().remove(member);
        jwk.to_string()
    };
    let text = |name: &str, member: &str| key(name).jwk[member].as_str().unwrap().to_owned();
    let padded = |name: &str, member: &str| b64([&[0][..], &unb64(&text(name, member))].concat());

    for (name, rule, entry) in [
        ("for_encryption", "RFC 7517 §4.2 (JWK-2)", with(r#","use":"enc""#)),
        ("of_an_unknown_use", "RFC 7517 §4.2 (JWK-2)", with(r#","use":"jwt-svid""#)),
        ("that_only_signs", "RFC 7517 §4.3 (JWK-2)", with(r#","key_ops":["sign"]"#)),
        ("with_repeated_operations", "RFC 7517 §4.3 (JWK-2)", with(r#","key_ops":["verify","verify"]"#)),
        ("with_contradicting_use", "RFC 7517 §4.3 (JWK-2)", with(r#","use":"enc","key_ops":["verify"]"#)),
        ("with_an_encryption_algorithm", "RFC 7517 §4.4 (JWK-3)", with(r#","alg":"ECDH-ES""#)),
        ("with_the_algorithm_of_another_curve", "RFC 7517 §4.4 (JWK-3)", with(r#","alg":"ES384""#)),
        (
            "with_a_private_part",
            "RFC 7517 §9.2 (JWK-7, A15)",
            edited("server-p256", "d", text("server-p256", "d").into()),
        ),
        (
            "with_an_empty_private_part",
            "RFC 9449 §4.3 item 7, by analogy (JWK-7, A15)",
            edited("server-p256", "d", "".into()),
        ),
        ("with_a_symmetric_part", "RFC 7518 §6.4 (JWK-7)", edited("server-p256", "k", "AAAA".into())),
        ("without_type", "RFC 7517 §4.1 (JWK-1)", without("server-p256", "kty")),
        ("of_symmetric_type", "RFC 7518 §6.4 (JWK-1)", edited("server-p256", "kty", "oct".into())),
        ("of_unknown_type", "RFC 7517 §5 (JWK-1)", edited("server-p256", "kty", "AKP".into())),
        ("with_a_type_that_is_no_string", "RFC 7517 §4.1", edited("server-p256", "kty", 1.into())),
        ("without_curve", "RFC 7518 §6.2.1.1", without("server-p256", "crv")),
        ("of_unknown_curve", "RFC 7518 §6.2.1.1 (JWA-3)", edited("server-p256", "crv", "secp256k1".into())),
        ("of_another_curve", "RFC 7518 §6.2.1.2 (JWK-5)", edited("server-p256", "crv", "P-384".into())),
        ("without_y", "RFC 7518 §6.2.1.3", without("server-p256", "y")),
        ("off_the_curve", "8725bis §3.4 (JWK-5, A13)", edited("server-p256", "y", text("domain-p256", "y").into())),
        ("at_the_origin", "8725bis §3.4 (A13)", {
            let mut jwk = members(&edited("server-p256", "x", b64([0; 32]).into()));
            jwk["y"] = b64([0; 32]).into();
            jwk.to_string()
        }),
        (
            "with_a_short_coordinate",
            "RFC 7518 §6.2.1.2 (JWK-5, A13)",
            edited("server-p256", "x", b64(&unb64(&text("server-p256", "x"))[1..]).into()),
        ),
        (
            "with_a_long_coordinate",
            "RFC 7518 §6.2.1.2 (JWK-5)",
            edited("server-p256", "x", padded("server-p256", "x").into()),
        ),
        (
            "with_padded_base64",
            "RFC 7518 §6.2.1.2 (TP-3)",
            edited("server-p256", "x", format!("{}=", text("server-p256", "x")).into()),
        ),
    ] {
        // The good key beside the odd one stays, and is not the one that the token names.
        corpus.refuse(
            &format!("key_{name}"),
            rule,
            &set(&[entry, set_key("server-next-p256")]),
            &bearer(&token),
            KeyUnknown,
        );
    }
    let rs = access().by("server", "RS256");
    for (name, rule, entry) in [
        (
            "rsa_with_leading_zero",
            "RFC 7518 §6.3.1.1 (JWK-5, TP-3)",
            edited("server-rsa2048", "n", padded("server-rsa2048", "n").into()),
        ),
        ("rsa_with_padded_exponent", "RFC 7518 §6.3.1.2 (TP-3)", edited("server-rsa2048", "e", "AAEAAQ".into())),
        ("rsa_with_exponent_one", "A12", edited("server-rsa2048", "e", "AQ".into())),
        ("rsa_with_even_exponent", "A12", edited("server-rsa2048", "e", "AQAA".into())),
        ("rsa_without_exponent", "RFC 7518 §6.3.1", without("server-rsa2048", "e")),
        (
            "rsa_with_even_modulus",
            "A12",
            edited("server-rsa2048", "n", b64([&unb64(&text("server-rsa2048", "n"))[..255], &[2]].concat()).into()),
        ),
        ("rsa_with_private_primes", "RFC 7517 §9.2 (A15)", edited("server-rsa2048", "p", "".into())),
        (
            "rsa_of_1024_bits",
            "RFC 7518 §3.3 (JWA-4, A12)",
            members(&jwk("weak-rsa1024", r#""kid":"server-rsa2048""#)).to_string(),
        ),
        (
            "rsa_of_16384_bits",
            "JWA-4 (A12)",
            edited("server-rsa2048", "n", b64([&[0x80][..], &[0; 2046], &[1]].concat()).into()),
        ),
    ] {
        corpus.refuse(
            &format!("key_{name}"),
            rule,
            &set(&[entry, set_key("server-p256")]),
            &bearer(&rs.text()),
            KeyUnknown,
        );
    }
    let ed = access().by("server", "EdDSA");
    let identity = [&[1][..], &[0; 31]].concat();
    let mut non_canonical = [0xff; 32];
    non_canonical[0] = 0xee; // p + 1, which is the identity again
    non_canonical[31] = 0x7f;
    for (name, rule, entry) in [
        ("ed25519_identity", "RFC 8032 §5.1.7 (ED-7, A14)", edited("server-ed25519", "x", b64(&identity).into())),
        ("ed25519_zero", "ED-7 (A14)", edited("server-ed25519", "x", b64([0; 32]).into())),
        ("ed25519_non_canonical", "ED-7 (A14)", edited("server-ed25519", "x", b64(non_canonical).into())),
        ("ed25519_short", "RFC 8037 §2 (ED-1)", edited("server-ed25519", "x", b64([9; 31]).into())),
        ("ed25519_as_x25519", "RFC 8037 §2 (ED-1)", edited("server-ed25519", "crv", "X25519".into())),
        ("ed25519_as_ed448", "RFC 9864 §2.2 (ED-3)", edited("server-ed25519", "crv", "Ed448".into())),
        ("ed25519_with_private_part", "RFC 8037 §2 (A15)", edited("server-ed25519", "d", "AA".into())),
    ] {
        corpus.refuse(
            &format!("key_{name}"),
            rule,
            &set(&[entry, set_key("server-p256")]),
            &bearer(&ed.text()),
            KeyUnknown,
        );
    }
    let odd = [
        r#"{"kty":"AKP","alg":"ML-DSA-65","pub":"AA","kid":"pq"}"#,
        r#"{"kty":"oct","k":"AA","kid":"server-p256-mac"}"#,
        r#"{"kty":"EC"}"#,
        r#"{}"#,
        "7",
        "null",
        r#"["EC"]"#,
        r#"{"kty":"OKP","crv":"Ed448","x":"AA","kid":"e"}"#,
        r#"{"kty":"EC","crv":"P-256","x":1,"y":{},"kid":[]}"#,
    ];
    let mut keys: Vec<String> = odd.iter().map(|key| (*key).to_owned()).collect();
    keys.push(set_key("server-p256"));
    corpus.accept("odd_keys_do_not_spoil_a_set", "RFC 7517 §5 (JWK-1, D7)", &set(&keys), &bearer(&token));
    corpus.accept(
        "unknown_members_of_a_key",
        "RFC 7517 §4",
        &set(&[with(r#","ext":true,"x5u":"https://evil.example","comment":{"a":1}"#)]),
        &bearer(&token),
    );
    corpus.accept(
        "key_that_verifies",
        "RFC 7517 §4.3",
        &set(&[with(r#","use":"sig","key_ops":["sign","verify"]"#)]),
        &bearer(&token),
    );
    let escaped = set(&[with(r#","alg":"ES\u003256","\u0075se":"s\u0069g""#)]);
    corpus.accept("key_with_its_algorithm_escaped", "RFC 8259 §8.3 (A1)", &escaped, &bearer(&token));
    corpus.accept("key_with_its_algorithm", "RFC 7517 §4.4", &set(&[with(r#","alg":"ES256""#)]), &bearer(&token));
    corpus.accept(
        "key_with_escaped_members",
        "RFC 7638 §3.3 (TP-2)",
        &set(&[with("").replace("\"kty\"", "\"k\\u0074y\"")]),
        &bearer(&token),
    );

    let rule = "RFC 7517 §4.5 (JWK-4)";
    let named = |name: &str, kid: &str| jwk(name, &format!(r#""kid":"{kid}""#));
    corpus.refuse(
        "two_keys_of_one_kid",
        rule,
        &set(&[named("server-p256", "k"), named("server-next-p256", "k")]),
        &bearer(&access().header("kid", "\"k\"").text()),
        KeyUnknown,
    );
    corpus.refuse(
        "two_keys_of_one_kid_and_different_types",
        rule,
        &set(&[named("server-p256", "k"), named("server-rsa2048", "k")]),
        &bearer(&access().header("kid", "\"k\"").text()),
        KeyUnknown,
    );
    corpus.accept("one_key_twice", rule, &set(&[set_key("server-p256"), set_key("server-p256")]), &bearer(&token));
    corpus.accept(
        "one_key_under_two_kids",
        rule,
        &set(&[named("server-p256", "a"), named("server-p256", "b")]),
        &bearer(&access().header("kid", "\"b\"").text()),
    );
    let bare = access().no_header("kid").text();
    let rule = "RFC 7515 §4.1.4, RFC 9068 §4";
    corpus.accept("no_kid_and_one_key", rule, &set(&[set_key("server-p256")]), &bearer(&bare));
    corpus.accept(
        "no_kid_and_one_key_of_the_algorithm",
        rule,
        &set(&[set_key("server-p256"), set_key("server-rsa2048")]),
        &bearer(&bare),
    );
    corpus.accept("no_kid_and_a_key_without_kid", rule, &set(&[jwk("server-p256", "")]), &bearer(&bare));
    corpus.refuse(
        "no_kid_and_two_keys",
        rule,
        &set(&[set_key("server-p256"), set_key("server-next-p256")]),
        &bearer(&bare),
        KeyUnknown,
    );
    corpus.refuse(
        "no_kid_and_no_key_of_the_algorithm",
        rule,
        &set(&[set_key("server-rsa2048")]),
        &bearer(&bare),
        KeyUnknown,
    );
    corpus.refuse("kid_and_a_key_without_kid", rule, &set(&[jwk("server-p256", "")]), &bearer(&token), KeyUnknown);
    corpus.refuse("empty_set", "RFC 7517 §5", &set(&[]), &bearer(&token), KeyUnknown);
    corpus.refuse(
        "wrong_kid_of_a_right_key",
        rule,
        &set(&[set_key("server-p256")]),
        &bearer(&access().header("kid", "\"server-next-p256\"").text()),
        KeyUnknown,
    );

    add_pinned(corpus);
    add_certificates(corpus);
    add_kids_of_two_uses(corpus);

    corpus.area("issuers");
    let other = "https://other-as.example";
    let two =
        |first: &[String], second: &[String]| Doc::access().trust(&[issuer(SERVER, first), issuer(other, second)]);
    let rule = "RFC 8725 §3.8 (BCP-7, A25)";
    let foreign = access().claim("iss", &q(other));
    corpus.refuse(
        "key_of_another_issuer",
        rule,
        &two(&[set_key("server-p256")], &[set_key("other-server-p256")]),
        &bearer(&foreign.text()),
        KeyUnknown,
    );
    let same_kid = two(&[named("server-p256", "k")], &[named("other-server-p256", "k")]);
    corpus.refuse(
        "one_kid_two_issuers_swapped",
        "CVE-2026-49998 (A25)",
        &same_kid,
        &bearer(&foreign.clone().header("kid", "\"k\"").text()),
        SignatureInvalid,
    );
    corpus.accept(
        "one_kid_two_issuers_right",
        "CVE-2026-49998 (A25)",
        &same_kid,
        &bearer(&foreign.clone().key("other-server-p256").header("kid", "\"k\"").text()),
    );
    corpus.refuse(
        "one_key_two_issuers_other_algorithm",
        rule,
        &two(&[set_key("server-p256")], &[jwk("server-p384", r#""kid":"server-p256""#)]),
        &bearer(&foreign.text()),
        KeyNotUsable,
    );
    let rule = "RFC 9068 §4, RFC 7519 §7.3 (AT-3)";
    for (name, issuer) in [
        ("trailing_slash", "https://as.example/"),
        ("other_case", "https://AS.example"),
        ("other_scheme", "http://as.example"),
        ("default_port", "https://as.example:443"),
        ("prefix", "https://as.exampl"),
        ("suffix", "https://as.example.evil.example"),
        ("empty", ""),
        ("space", "https://as.example "),
        ("nul", "https://as.example\\u0000"),
        ("unknown", "https://evil.example"),
    ] {
        corpus.refuse(
            &format!("issuer_{name}"),
            rule,
            &Doc::access(),
            &bearer(&access().claim("iss", &q(issuer)).text()),
            IssuerUnknown,
        );
    }
    corpus.accept(
        "issuer_escaped",
        "RFC 8259 §7",
        &Doc::access(),
        &bearer(&access().claim("iss", "\"https:\\/\\/as.ex\\u0061mple\"").text()),
    );
    corpus.refuse(
        "issuer_named_like_a_trust_domain",
        rule,
        &Doc::all(),
        &bearer(&access().claim("iss", "\"example.org\"").key("domain-p256").text()),
        IssuerUnknown,
    );
}

/// RFC 8725 §3.1: "each key MUST be used with exactly one algorithm". A key without `alg` leaves that to its type, and an RSA key
/// then verifies six; the trust entry can name those that the issuer uses.
fn add_pinned(corpus: &mut Corpus) {
    corpus.area("key_algorithms");
    let rsa = set_key("server-rsa2048");
    let entry = |key: &str| issuer(SERVER, &[key.to_owned()]);
    let signed = |algorithm: &str| bearer(&access().by("server", algorithm).text());
    let rule = "RFC 7518 §3.1, RFC 8725 §3.1 (BCP-1)";
    let open = Doc::access().trust(&[entry(&rsa)]);
    let only = Doc::access().trust(&[pinned(&entry(&rsa), &["RS256"])]);
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let name = algorithm.to_lowercase();
        corpus.accept(&format!("rsa_key_without_alg_by_{name}"), rule, &open, &signed(algorithm));
        if algorithm == "RS256" {
            corpus.accept("rsa_key_pinned_to_rs256_by_rs256", rule, &only, &signed(algorithm));
        } else {
            corpus.refuse(&format!("rsa_key_pinned_to_rs256_by_{name}"), rule, &only, &signed(algorithm), KeyNotUsable);
        }
    }
    let two = Doc::access().trust(&[pinned(&entry(&rsa), &["PS256", "RS256"])]);
    corpus.accept("pinned_to_two_by_the_second", rule, &two, &signed("PS256"));
    corpus.refuse("pinned_to_two_by_a_third", rule, &two, &signed("PS384"), KeyNotUsable);
    let own = jwk("server-rsa2048", r#""kid":"server-rsa2048","alg":"PS256""#);
    let outside = Doc::access().trust(&[pinned(&entry(&own), &["RS256"])]);
    for algorithm in ["PS256", "RS256"] {
        let name = format!("key_whose_alg_is_not_pinned_by_{}", algorithm.to_lowercase());
        corpus.refuse(&name, "RFC 7517 §4.4, RFC 8725 §3.1 (BCP-1)", &outside, &signed(algorithm), KeyUnknown);
    }
    let bundle = |key: &str| domain(DOMAIN, &[svid_key(key)]);
    for (name, pin, passes) in [("its_own", "ES256", true), ("another", "ES384", false)] {
        let doc = Doc::svid().trust(&[pinned(&bundle("domain-p256"), &[pin])]);
        let (name, request) = (format!("trust_domain_pinned_to_{name}"), bearer(&svid().text()));
        if passes {
            corpus.accept(&name, rule, &doc, &request);
        } else {
            corpus.refuse(&name, rule, &doc, &request, KeyUnknown);
        }
    }
}

/// RFC 7517 §4.7: "The key in the first certificate MUST match the public key represented by other members of the JWK."
fn add_certificates(corpus: &mut Corpus) {
    corpus.area("key_certificates");
    let rule = "RFC 7517 §4.7 (JWK-6, BND-21, A15)";
    let holding = |key: &str, chain: &[&str]| {
        let chain: Vec<String> = chain.iter().map(|name| STANDARD.encode(certificate(name))).collect();
        jwk(key, &format!(r#""kid":"{key}","x5c":{}"#, serde_json::json!(chain)))
    };
    let set = |entry: &str| Doc::access().trust(&[issuer(SERVER, &[entry.to_owned(), set_key("server-next-p256")])]);
    for (end, algorithm) in
        [("p256", "ES256"), ("p384", "ES384"), ("p521", "ES512"), ("rsa2048", "RS256"), ("ed25519", "Ed25519")]
    {
        let key = format!("server-{end}");
        let request = bearer(&access().by("server", algorithm).text());
        corpus.accept(&format!("{end}_of_this_key"), rule, &set(&holding(&key, &[&key, "client"])), &request);
        for other in ["server-p256", "server-p384", "server-rsa2048", "server-ed25519", "client"] {
            if other != key {
                let name = format!("{end}_of_{}", other.trim_start_matches("server-"));
                corpus.refuse(&name, rule, &set(&holding(&key, &[other, &key])), &request, KeyUnknown);
            }
        }
    }
    let request = bearer(&access().text());
    let compressed = set(&holding("server-p256", &["server-p256-compressed"]));
    corpus.accept("p256_of_this_key_compressed", "RFC 5480 §2.2, RFC 7517 §4.7 (JWK-6)", &compressed, &request);
    let other = jwk(
        "server-next-p256",
        &format!(r#""kid":"k","x5c":["{}"]"#, STANDARD.encode(certificate("server-p256-compressed"))),
    );
    corpus.refuse(
        "p256_of_another_key_compressed",
        rule,
        &set(&other),
        &bearer(&access().key("server-next-p256").header("kid", "\"k\"").text()),
        KeyUnknown,
    );
    // What holds no certificate says nothing of the key: real sets have such members (auth0/idtoken-verifier#100).
    let cut = STANDARD.encode(&certificate("client")[..200]);
    for (name, value) in [
        ("empty", "[]".to_owned()),
        ("null", "null".to_owned()),
        ("of_four_characters", r#"["MIID"]"#.to_owned()),
        ("of_a_number", "[1]".to_owned()),
        ("cut", format!("[\"{cut}\"]")),
        ("string", "\"x\"".to_owned()),
    ] {
        let key = jwk("server-p256", &format!(r#""kid":"server-p256","x5c":{value}"#));
        corpus.accept(&format!("{name}_is_no_certificate"), "RFC 7517 §4.7, §5 (JWK-1)", &set(&key), &request);
    }
    let svid_holding = |name: &str| {
        let text = STANDARD.encode(certificate(name));
        let key = jwk("domain-p256", &format!(r#""kid":"domain-p256","use":"jwt-svid","x5c":["{text}"]"#));
        Doc::svid().trust(&[domain(DOMAIN, &[key])])
    };
    corpus.refuse("svid_key_of_another", rule, &svid_holding("client"), &bearer(&svid().text()), KeyUnknown);
}

/// WIT-SVID §6.1: a `kid` is unique among the `jwt-svid` and `wit-svid` entries of a bundle.
fn add_kids_of_two_uses(corpus: &mut Corpus) {
    corpus.area("key_uses");
    let rule = "WIT-SVID §6.1 (BND-19, A15)";
    let entry = |key: &str, kid: &str, usage: &str| jwk(key, &format!(r#""kid":"{kid}","use":"{usage}""#));
    let bundle = |keys: &[String]| Doc::svid().trust(&[domain(DOMAIN, keys)]);
    let request = bearer(&svid().text());
    let own = svid_key("domain-p256");
    for (name, key) in [("another_key", "domain-next-p256"), ("the_same_key", "domain-p256")] {
        let wit = entry(key, "domain-p256", "wit-svid");
        for (order, keys) in [("before", [wit.clone(), own.clone()]), ("after", [own.clone(), wit.clone()])] {
            corpus.refuse(&format!("{name}_for_wit_svids_{order}"), rule, &bundle(&keys), &request, KeyUnknown);
        }
    }
    // A type that the engine does not know is a key all the same.
    let unknown = r#"{"kty":"AKP","alg":"ML-DSA-65","pub":"AA","kid":"domain-p256","use":"wit-svid"}"#.to_owned();
    corpus.refuse("a_key_of_unknown_type_for_wit_svids", rule, &bundle(&[own.clone(), unknown]), &request, KeyUnknown);
    let other = entry("domain-next-p256", "other", "wit-svid");
    corpus.accept("another_kid_for_wit_svids", rule, &bundle(&[other, own.clone()]), &request);
    let x509 = entry("domain-next-p256", "domain-p256", "x509-svid");
    corpus.accept("a_kid_of_an_x509_svid_key", "X509-SVID §6.1 (BND-18)", &bundle(&[x509, own]), &request);
}
