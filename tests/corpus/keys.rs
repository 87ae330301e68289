//! RFC 7517 and RFC 7518 §6 on key sets: one odd key is dropped, and its tokens find no key; the others stay.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::Reason::{
    self, AlgorithmRefused, ClaimInvalid, IssuerRefused, IssuerUnknown, KeyNotUsable, KeyUnknown, KeysStale,
    ProofAlgorithmRefused, ProofKeyRefused, SignatureInvalid, SubjectRevoked,
};
use serde_json::json;

use super::{Corpus, accepted, ask, refused};
use crate::issuer::{DOMAIN, NOW, SERVER, access, b64, certificate, jwk, key, proof, q, svid, unb64};
use crate::request::{Doc, Req, bearer, domain, dpop, issuer, pinned, set_key, svid_key};

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

    add_namesakes(corpus);
    add_tried(corpus);
    add_certificate_names(corpus);
    add_key_sources(corpus);
    add_names_of_eddsa(corpus);
    add_nulls(corpus);
    add_post_quantum(corpus);
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

/// The entry of `trust` for the issuer with these keys and further members.
fn entry(keys: &[String], more: &str) -> String {
    let entry = issuer(SERVER, keys);
    if more.is_empty() { entry } else { format!("{},{more}}}", &entry[..entry.len() - 1]) }
}

fn named(name: &str, kid: &str, more: &str) -> String {
    jwk(name, &format!(r#""kid":"{kid}"{more}"#))
}

fn signed(name: &str, algorithm: &str, kid: Option<&str>) -> Req {
    let token = access().by("server", algorithm).key(name);
    bearer(&kid.map_or_else(|| token.clone().no_header("kid"), |kid| token.clone().header("kid", &q(kid))).text())
}

impl Corpus {
    /// A refusal, or an acceptance where there is no reason for one.
    fn judge(&mut self, name: &str, rule: &str, policy: &Doc, request: &Req, reason: Option<Reason>) {
        match reason {
            None => self.accept(name, rule, policy, request),
            Some(reason) => self.refuse(name, rule, policy, request, reason),
        }
    }
}

/// RFC 7517 §4.5: "different keys might use the same "kid" value […] if they have different "kty" values but are considered to be equivalent
/// alternatives by the application". What tells them apart is the token's `alg`; where that fits several, the token could mean either.
fn add_namesakes(corpus: &mut Corpus) {
    corpus.area("key_namesakes");
    let rule = "RFC 7517 §4.5 (JWK-4)";
    let doc = |keys: &[String]| Doc::access().trust(&[entry(keys, "")]);
    let by = |algorithm: &str| signed(&format!("server-{}", end(algorithm)), algorithm, Some("k"));
    let types =
        doc(&[named("server-p256", "k", ""), named("server-rsa2048", "k", ""), named("server-ed25519", "k", "")]);
    for (name, algorithm, reason) in [
        ("of_three_types_by_es256", "ES256", None),
        ("of_three_types_by_rs256", "RS256", None),
        ("of_three_types_by_ps512", "PS512", None),
        ("of_three_types_by_ed25519", "Ed25519", None),
        ("of_three_types_by_es384", "ES384", Some(KeyNotUsable)),
    ] {
        corpus.judge(name, rule, &types, &by(algorithm), reason);
    }
    corpus.refuse(
        "of_three_types_signed_by_another",
        rule,
        &types,
        &signed("server-next-p256", "ES256", Some("k")),
        SignatureInvalid,
    );
    let curves = doc(&[named("server-p256", "k", ""), named("server-p384", "k", "")]);
    corpus.accept("of_two_curves_by_the_second", rule, &curves, &by("ES384"));
    let algorithms =
        doc(&[named("server-rsa2048", "k", r#","alg":"RS256""#), named("client-rsa3072", "k", r#","alg":"PS256""#)]);
    corpus.accept("of_two_algorithms_by_the_second", rule, &algorithms, &signed("client-rsa3072", "PS256", Some("k")));
    corpus.refuse(
        "of_two_algorithms_by_the_other_key",
        rule,
        &algorithms,
        &signed("server-rsa2048", "PS256", Some("k")),
        SignatureInvalid,
    );
    let one_of_three =
        doc(&[named("server-rsa2048", "k", ""), named("client-rsa3072", "k", ""), named("server-p256", "k", "")]);
    corpus.accept("one_of_three_is_alone_with_its_algorithm", rule, &one_of_three, &by("ES256"));
    corpus.refuse("two_of_three_share_an_algorithm", rule, &one_of_three, &by("RS256"), KeyNotUsable);
    // A key without alg fits the algorithm of the other.
    let overlap = doc(&[named("server-rsa2048", "k", ""), named("client-rsa3072", "k", r#","alg":"PS256""#)]);
    corpus.refuse("one_names_an_algorithm_of_the_other", rule, &overlap, &by("RS256"), KeyUnknown);

    let rule = "RFC 7517 §4.4, §4.5 (JWK-3, JWK-4)";
    let listed = |algorithms: &[&str]| {
        let listing = |alg: &&str| named("server-rsa2048", "k", &format!(r#","use":"sig","alg":"{alg}""#));
        doc(&algorithms.iter().map(listing).collect::<Vec<_>>())
    };
    let three = listed(&["RS256", "RS384", "RS512"]);
    for (algorithm, reason) in [("RS256", None), ("RS384", None), ("RS512", None), ("PS256", Some(KeyNotUsable))] {
        let name = format!("one_key_listed_for_three_algorithms_by_{}", algorithm.to_lowercase());
        corpus.judge(&name, rule, &three, &by(algorithm), reason);
    }
    corpus.accept("one_key_listed_for_two_families", rule, &listed(&["RS256", "PS256"]), &by("PS256"));
    let with_another = doc(&[
        named("server-rsa2048", "k", r#","alg":"RS256""#),
        named("server-rsa2048", "k", r#","alg":"PS256""#),
        named("client-rsa3072", "k", r#","alg":"PS256""#),
    ]);
    corpus.refuse("one_key_listed_twice_beside_another", rule, &with_another, &by("RS256"), KeyUnknown);

    // In a bundle a kid is unique, whatever the types.
    let bundle = [("domain-p256", "k"), ("domain-p384", "k")].map(|(key, kid)| named(key, kid, r#","use":"jwt-svid""#));
    let request = bearer(&svid().header("kid", "\"k\"").text());
    let doc = Doc::svid().trust(&[domain(DOMAIN, &bundle)]);
    corpus.refuse("of_two_types_in_a_bundle", "WIT-SVID §6.1 (BND-19)", &doc, &request, KeyUnknown);
}

/// The key of an issuer for an algorithm, without the issuer.
fn end(algorithm: &str) -> &'static str {
    match algorithm {
        "ES256" => "p256",
        "ES384" => "p384",
        "EdDSA" | "Ed25519" => "ed25519",
        _ => "rsa2048",
    }
}

/// `try_keys`: how many keys a token is checked with that does not say by which it was signed.
fn add_tried(corpus: &mut Corpus) {
    corpus.area("key_tried");
    let doc = |keys: &[String], most: u8| Doc::access().trust(&[entry(keys, &format!("\"try_keys\":{most}"))]);
    let [first, second, third] = ["server-p256", "server-next-p256", "client-p256"];
    let (one, two) = (signed(first, "ES256", Some("k")), signed(second, "ES256", Some("k")));
    let strange = signed(third, "ES256", Some("k"));
    let rule = "RFC 7517 §4.5 (JWK-4)";
    let static_kid = [named(first, "k", ""), named(second, "k", "")];
    corpus.accept("one_kid_by_the_old_key", rule, &doc(&static_kid, 2), &one);
    corpus.accept("one_kid_by_the_new_key", rule, &doc(&static_kid, 2), &two);
    corpus.refuse("one_kid_by_another_key", rule, &doc(&static_kid, 2), &strange, SignatureInvalid);
    corpus.refuse("one_kid_and_one_try", rule, &doc(&static_kid, 1), &one, KeyUnknown);
    let three = [named(first, "k", ""), named(second, "k", ""), named(third, "k", "")];
    corpus.refuse("one_kid_of_more_keys_than_tries", rule, &doc(&three, 2), &one, KeyUnknown);
    corpus.accept("one_kid_of_three_keys", rule, &doc(&three, 4), &strange);
    let beside = [&three[..2], &[named("server-rsa2048", "k", ""), named("client-ed25519", "k", "")]].concat();
    corpus.accept("keys_of_other_types_are_not_counted", rule, &doc(&beside, 2), &two);
    let twice = [&three[..2], &[named(first, "k", r#","use":"sig""#)]].concat();
    corpus.accept("a_key_listed_twice_is_counted_once", rule, &doc(&twice, 2), &two);

    let rule = "RFC 7515 §4.1.4, appendix D (JWK-4)";
    let (one, two) = (signed(first, "ES256", None), signed(second, "ES256", None));
    let kids = [named(first, "a", ""), named(second, "b", "")];
    corpus.accept("no_kid_by_the_first_of_two", rule, &doc(&kids, 2), &one);
    corpus.accept("no_kid_by_the_second_of_two", rule, &doc(&kids, 2), &two);
    corpus.refuse("no_kid_by_a_third", rule, &doc(&kids, 2), &signed(third, "ES256", None), SignatureInvalid);
    corpus.refuse("no_kid_and_one_try", rule, &doc(&kids, 1), &one, KeyUnknown);
    corpus.accept("no_kid_one_try_and_one_key", rule, &doc(&kids[..1], 1), &one);
    let kids = [&kids[..], &[named(third, "c", "")]].concat();
    corpus.refuse("no_kid_and_more_keys_than_tries", rule, &doc(&kids, 2), &one, KeyUnknown);
    corpus.accept("no_kid_and_as_many_keys_as_tries", rule, &doc(&kids, 3), &two);
    corpus.refuse("an_unknown_kid_is_not_none", rule, &doc(&kids, 4), &signed(first, "ES256", Some("x")), KeyUnknown);
    corpus.refuse("an_empty_kid_is_not_none", rule, &doc(&kids, 4), &signed(first, "ES256", Some("")), KeyUnknown);

    let rule = "RFC 7517 §4.5, RFC 7515 §4.1.4 (JWK-4)";
    let any = signed(second, "ES256", Some("abc"));
    let unnamed = [jwk(first, ""), jwk(second, "")];
    corpus.accept("a_kid_and_the_only_key_without", rule, &doc(&unnamed[1..], 1), &any);
    corpus.accept("a_kid_and_two_keys_without", rule, &doc(&unnamed, 2), &any);
    corpus.refuse("a_kid_and_two_keys_without_and_one_try", rule, &doc(&unnamed, 1), &any, KeyUnknown);
    corpus.refuse("a_kid_and_a_key_without_that_is_another", rule, &doc(&unnamed[..1], 1), &any, SignatureInvalid);
    let mixed = [named(first, "a", ""), jwk(second, "")];
    corpus.refuse("a_kid_among_keys_with_and_without", rule, &doc(&mixed, 2), &any, KeyUnknown);
    let empty = doc(&unnamed[1..], 1);
    corpus.refuse("an_empty_kid_and_a_key_without", rule, &empty, &signed(second, "ES256", Some("")), KeyUnknown);

    add_tried_cached(corpus);
}

/// What is cached is decided as if it were not, whatever became of the keys meanwhile.
fn add_tried_cached(corpus: &mut Corpus) {
    let [first, second, third] = ["server-p256", "server-next-p256", "client-p256"];
    let pushed = |keys: &[String]| {
        let keys: Vec<serde_json::Value> = keys.iter().map(|key| serde_json::from_str(key).unwrap()).collect();
        json!({ "trust": { "issuer": SERVER, "jwks": { "keys": keys }, "now": NOW }, "expect": "installed" })
    };
    let cached = |tier: &str| {
        let mut expect = accepted();
        expect["cache"] = tier.into();
        expect
    };
    let rule = "RFC 7517 §4.5 (JWK-4, A29)";
    for (name, more, kid, before, after) in [
        (
            "cached_then_one_key_too_many_of_the_kid",
            "\"try_keys\":2",
            Some("k"),
            vec![named(first, "k", ""), named(second, "k", "")],
            vec![named(first, "k", ""), named(second, "k", ""), named(third, "k", "")],
        ),
        (
            "cached_then_one_key_too_many_without_kid",
            "\"try_keys\":2",
            None,
            vec![named(first, "a", ""), named(second, "b", "")],
            vec![named(first, "a", ""), named(second, "b", ""), named(third, "c", "")],
        ),
        (
            "cached_then_a_key_has_a_kid",
            "\"try_keys\":2",
            Some("abc"),
            vec![jwk(first, "")],
            vec![jwk(first, ""), named(third, "c", "")],
        ),
        (
            "cached_then_a_namesake",
            "\"min_refresh_seconds\":60",
            Some("k"),
            vec![named(first, "k", "")],
            vec![named(first, "k", ""), named(third, "k", "")],
        ),
    ] {
        let request = signed(first, "ES256", kid);
        let steps = vec![
            ask(&request, cached("miss")),
            ask(&request, cached("hit")),
            pushed(&before),
            ask(&request, cached("hit")),
            pushed(&after),
            ask(&request, refused(KeyUnknown)),
            pushed(&before),
            ask(&request, accepted()),
        ];
        corpus.steps(name, rule, &Doc::access().trust(&[entry(&before, more)]), steps);
    }
}

/// `match_x5t`: RFC 7515 §4.1.7 and §4.1.8, RFC 7517 §4.8 and §4.9. The text of the token's parameter is that of the key's member.
fn add_certificate_names(corpus: &mut Corpus) {
    corpus.area("key_certificate_names");
    let doc = |keys: &[String]| Doc::access().trust(&[entry(keys, "\"match_x5t\":true")]);
    let token = |key: &str, headers: &[(&str, &str)]| {
        let bare = access().key(key).no_header("kid");
        bearer(&headers.iter().fold(bare, |token, (name, value)| token.header(name, value)).text())
    };
    let [first, second] = ["server-p256", "server-next-p256"];
    let (sha1, sha256) = ("q83vEjRWeJCrze8SNFZ4kKvN7xI", "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg");
    let keys = [
        named(first, "a", r#","x5t":"other","x5t#S256":"other""#),
        named(second, "b", &format!(r#","x5t":"{sha1}","x5t#S256":"{sha256}""#)),
    ];
    let rule = "RFC 7515 §4.1.7, RFC 7517 §4.8";
    let all = doc(&keys);
    let (sha1, sha256) = (q(sha1), q(sha256));
    for (name, headers, reason) in [
        ("sha1", vec![("x5t", sha1.as_str())], None),
        ("sha256", vec![("x5t#S256", sha256.as_str())], None),
        ("sha256_decides", vec![("x5t", "\"other\""), ("x5t#S256", sha256.as_str())], None),
        ("sha256_decides_in_another_order", vec![("x5t#S256", sha256.as_str()), ("x5t", "\"other\"")], None),
        ("sha256_decides_against_sha1", vec![("x5t", sha1.as_str()), ("x5t#S256", "\"unknown\"")], Some(KeyUnknown)),
        ("sha1_escaped", vec![("x5t", "\"\\u0071\u{38}3vEjRWeJCrze8SNFZ4kKvN7xI\"")], None),
        ("unknown", vec![("x5t", "\"unknown\"")], Some(KeyUnknown)),
        ("padded", vec![("x5t", "\"q83vEjRWeJCrze8SNFZ4kKvN7xI=\"")], Some(KeyUnknown)),
        ("sha1_as_sha256", vec![("x5t#S256", sha1.as_str())], Some(KeyUnknown)),
        ("empty", vec![("x5t", "\"\"")], Some(KeyUnknown)),
        ("number", vec![("x5t", "1")], Some(ClaimInvalid)),
        ("null", vec![("x5t#S256", "null")], Some(ClaimInvalid)),
        ("of_another_key", vec![("x5t", "\"other\"")], Some(SignatureInvalid)),
        ("kid_decides", vec![("kid", "\"b\""), ("x5t", "\"other\"")], None),
        ("kid_decides_against_it", vec![("kid", "\"x\""), ("x5t", sha1.as_str())], Some(KeyUnknown)),
        ("none_and_two_keys", vec![], Some(KeyUnknown)),
    ] {
        corpus.judge(name, rule, &all, &token(second, &headers), reason);
    }
    let strict = Doc::access().trust(&[entry(&keys, "")]);
    corpus.refuse("where_the_policy_does_not_say", rule, &strict, &token(second, &[("x5t", &sha1)]), KeyUnknown);
    let ignored = Doc::access().trust(&[entry(&keys[1..], "")]);
    corpus.accept("ignored_where_the_policy_does_not_say", rule, &ignored, &token(second, &[("x5t", "1")]));
    let one = |key: &str, kid: &str| named(key, kid, &format!(r#","x5t":{sha1}"#));
    let by_sha1 = token(second, &[("x5t", &sha1)]);
    corpus.refuse("of_two_keys", rule, &doc(&[one(first, "a"), one(second, "b")]), &by_sha1, KeyUnknown);
    let other_type = doc(&[one("server-rsa2048", "a"), one(second, "b")]);
    corpus.accept("of_two_keys_of_different_types", rule, &other_type, &by_sha1);
    corpus.refuse(
        "of_a_key_of_another_type",
        rule,
        &doc(&[one("server-rsa2048", "a"), set_key(second)]),
        &by_sha1,
        KeyNotUsable,
    );
    let tried = Doc::access().trust(&[entry(&[one(first, "a"), one(second, "b")], r#""match_x5t":true,"try_keys":2"#)]);
    corpus.accept("of_two_keys_that_are_tried", rule, &tried, &by_sha1);
    let twice = doc(&[one(second, "a"), one(second, "b"), set_key(first)]);
    corpus.refuse("of_one_key_under_two_kids", rule, &twice, &by_sha1, KeyUnknown);
    let cached = |tier: &str| {
        let mut expect = accepted();
        expect["cache"] = tier.into();
        expect
    };
    let pushed = |keys: &[String]| {
        let keys: Vec<serde_json::Value> = keys.iter().map(|key| serde_json::from_str(key).unwrap()).collect();
        json!({ "trust": { "issuer": SERVER, "jwks": { "keys": keys }, "now": NOW }, "expect": "installed" })
    };
    corpus.steps(
        "cached_then_another_key_has_it",
        "RFC 7517 §4.8 (A29)",
        &doc(&[one(second, "b")]),
        vec![
            ask(&by_sha1, cached("miss")),
            ask(&by_sha1, cached("hit")),
            pushed(&[one(second, "b"), set_key(first)]),
            ask(&by_sha1, cached("hit")),
            pushed(&[one(second, "b"), one(first, "a")]),
            ask(&by_sha1, refused(KeyUnknown)),
        ],
    );
}

/// Two clusters that share one issuer: entries of `trust` with one `issuer` and a name each.
fn add_key_sources(corpus: &mut Corpus) {
    corpus.area("key_sources");
    let rule = "RFC 8725 §3.8 (BCP-7)";
    let cluster = |name: &str, keys: &[String], more: &str| entry(keys, &format!("\"name\":\"{name}\"{more}"));
    let [first, second, third] = ["server-p256", "server-next-p256", "client-p256"];
    let (a, b) =
        (cluster("cluster-a", &[named(first, "a", "")], ""), cluster("cluster-b", &[named(second, "b", "")], ""));
    let both = Doc::access().trust(&[a.clone(), b.clone()]);
    let only_b = both.clone().accept(r#"[{"kind":"at+jwt","issuer":"cluster-b"}]"#);
    let (of_a, of_b) = (signed(first, "ES256", Some("a")), signed(second, "ES256", Some("b")));
    let from = |source: &str, key: &str| {
        let mut expect = accepted();
        expect["token"] = json!({ "kind": "at+jwt", "issuer": source, "subject": "alice", "key_id": key });
        expect
    };
    corpus.steps(
        "each_by_its_own_key",
        rule,
        &both,
        vec![ask(&of_a, from("cluster-a", "a")), ask(&of_b, from("cluster-b", "b"))],
    );
    corpus.accept("the_one_that_the_policy_names", rule, &only_b, &of_b);
    corpus.refuse("the_other_that_the_policy_does_not_name", rule, &only_b, &of_a, IssuerRefused);
    corpus.refuse("a_key_of_the_other", rule, &both, &signed(first, "ES256", Some("b")), SignatureInvalid);
    corpus.refuse("a_kid_of_neither", rule, &both, &signed(first, "ES256", Some("c")), KeyUnknown);
    let by_name = access().claim("iss", "\"cluster-a\"").key(first).header("kid", "\"a\"").text();
    corpus.refuse("a_name_is_no_issuer", "RFC 9068 §4 (AT-3)", &both, &bearer(&by_name), IssuerUnknown);

    let same_kid = Doc::access().trust(&[
        cluster("cluster-a", &[named(first, "k", "")], ""),
        cluster("cluster-b", &[named(second, "k", "")], ""),
    ]);
    let rule = "RFC 7517 §4.5, RFC 8725 §3.8 (BCP-7)";
    let (one, two) = (signed(first, "ES256", Some("k")), signed(second, "ES256", Some("k")));
    corpus.steps(
        "one_kid_in_both",
        rule,
        &same_kid,
        vec![ask(&one, from("cluster-a", "k")), ask(&two, from("cluster-b", "k"))],
    );
    let only_a = same_kid.clone().accept(r#"[{"kind":"at+jwt","issuer":["cluster-a"]}]"#);
    corpus.refuse("one_kid_in_both_and_the_other_key", rule, &only_a, &two, IssuerRefused);
    corpus.refuse("one_kid_in_both_by_a_third", rule, &same_kid, &signed(third, "ES256", Some("k")), SignatureInvalid);
    let bare = signed(second, "ES256", None);
    corpus.steps("no_kid_and_one_key_in_each", rule, &same_kid, vec![ask(&bare, from("cluster-b", "k"))]);
    let other_type = Doc::access().trust(&[cluster("cluster-a", &[named("server-rsa2048", "k", "")], ""), b.clone()]);
    corpus.refuse("the_kid_of_a_key_of_another_type", rule, &other_type, &one, KeyNotUsable);

    // What a warm cache says of a token it says for the source whose key verified it.
    let pushed = |source: &str, keys: &[String]| {
        let keys: Vec<serde_json::Value> = keys.iter().map(|key| serde_json::from_str(key).unwrap()).collect();
        json!({ "trust": { "issuer": source, "jwks": { "keys": keys }, "now": NOW }, "expect": "installed" })
    };
    let two_policies = both
        .clone()
        .also("b", r#"{"accept":[{"kind":"at+jwt","issuer":"cluster-b"}],"audience":"https://api.example"}"#);
    corpus.steps(
        "cached_and_asked_by_a_policy_of_the_other",
        rule,
        &two_policies,
        vec![ask(&of_a, accepted()), ask(&of_a.clone().policy("b"), refused(IssuerRefused))],
    );
    corpus.steps(
        "a_key_leaves_one_and_not_the_other",
        rule,
        &both,
        vec![
            ask(&of_a, accepted()),
            ask(&of_b, accepted()),
            pushed("cluster-a", &[]),
            ask(&of_a, refused(KeyUnknown)),
            ask(&of_b, accepted()),
        ],
    );
    let revoke = |authority: &str| json!({ "revoke": { "subjects": [{ "authority": authority, "name": "alice" }] } });
    for (name, authority, a_passes, b_passes) in [
        ("revoked_of_the_issuer", SERVER, false, false),
        ("revoked_of_one", "cluster-a", false, true),
        ("revoked_of_another_name", "cluster-c", true, true),
    ] {
        let expect = |passes: bool| if passes { accepted() } else { refused(SubjectRevoked) };
        let steps =
            vec![ask(&of_a, accepted()), revoke(authority), ask(&of_a, expect(a_passes)), ask(&of_b, expect(b_passes))];
        corpus.steps(name, "revocation by issuer (A29)", &both, steps);
    }
    let stale = Doc::access().trust(&[cluster("cluster-a", &[named(first, "a", "")], ",\"max_stale_seconds\":60"), b]);
    let (late_a, late_b) = (of_a.clone().now(NOW + 61), of_b.clone().now(NOW + 61));
    let steps = vec![ask(&of_a, accepted()), ask(&late_a, refused(KeysStale)), ask(&late_b, accepted())];
    corpus.steps("keys_of_one_are_stale", "policy: max_stale_seconds", &stale, steps);
}

/// RFC 9864 §2.2: `Ed25519` is `EdDSA` with a key on Ed25519. Whether a key may be listed by one name and used by the other is the policy's
/// to say (specs: ED-5).
fn add_names_of_eddsa(corpus: &mut Corpus) {
    corpus.area("key_names_of_eddsa");
    let rule = "RFC 9864 §2.2, §7 (ED-5)";
    let listed = |alg: &str, more: &str| {
        let key = named("server-ed25519", "server-ed25519", &format!(r#","alg":"{alg}""#));
        Doc::access().trust(&[entry(&[key], more)])
    };
    let with = "\"eddsa_is_ed25519\":true";
    let by = |algorithm: &str| bearer(&access().by("server", algorithm).text());
    for (alg, other) in [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")] {
        let name = format!("{}_used_as_{}", alg.to_lowercase(), other.to_lowercase());
        corpus.refuse(&name, rule, &listed(alg, ""), &by(other), KeyNotUsable);
        corpus.accept(&format!("{name}_where_they_are_one"), rule, &listed(alg, with), &by(other));
        corpus.accept(&format!("{name}_and_by_its_own_name"), rule, &listed(alg, with), &by(alg));
        let pinned = listed(alg, &format!(r#"{with},"algorithms":["{alg}"]"#));
        corpus.refuse(&format!("{name}_where_the_other_is_not_pinned"), rule, &pinned, &by(other), KeyNotUsable);
    }
    let token = access().bound_to_key("client-ed25519").text();
    let doc = Doc::access();
    let lenient = doc.clone().member("dpop", r#"{"eddsa_is_ed25519":true}"#);
    let narrow = doc.clone().member("dpop", r#"{"eddsa_is_ed25519":true,"algorithms":["EdDSA"]}"#);
    let proven = |algorithm: &str, alg: &str| {
        let key = jwk("client-ed25519", &format!(r#""alg":"{alg}""#));
        dpop(&token, &proof(&token).key("client-ed25519").algorithm(algorithm).header("jwk", &key).text())
    };
    for (algorithm, alg) in [("Ed25519", "EdDSA"), ("EdDSA", "Ed25519")] {
        let name = format!("proof_by_{}_with_a_key_of_{}", algorithm.to_lowercase(), alg.to_lowercase());
        let request = proven(algorithm, alg);
        corpus.refuse(&name, rule, &doc, &request, ProofKeyRefused);
        corpus.accept(&format!("{name}_where_they_are_one"), rule, &lenient, &request);
    }
    corpus.refuse(
        "proof_by_a_name_that_is_not_taken",
        rule,
        &narrow,
        &proven("Ed25519", "EdDSA"),
        ProofAlgorithmRefused,
    );
    corpus.refuse("proof_with_a_key_of_es256", rule, &lenient, &proven("Ed25519", "ES256"), ProofKeyRefused);
    // The key of one header is remembered for the policies that take it, and for no other.
    let two = lenient.also("strict", r#"{"accept":["at+jwt"],"audience":"https://api.example"}"#);
    let request = |jti: &str| {
        let key = jwk("client-ed25519", r#""alg":"EdDSA""#);
        let proof = proof(&token).key("client-ed25519").algorithm("Ed25519").header("jwk", &key).claim("jti", &q(jti));
        dpop(&token, &proof.text())
    };
    corpus.steps(
        "proof_known_to_another_policy",
        rule,
        &two,
        vec![ask(&request("1"), accepted()), ask(&request("2").policy("strict"), refused(ProofKeyRefused))],
    );
}

/// A member that is `null` in a key set is absent: serializers write it for members without a value. By the letter it has the wrong type
/// (RFC 7517 §4), and in a proof it is refused, private members by their presence alone (RFC 9449 §4.3 item 7).
fn add_nulls(corpus: &mut Corpus) {
    corpus.area("key_nulls");
    let rule = "RFC 7517 §4, §5 (JWK-1)";
    let token = bearer(&access().text());
    let with = |member: &str| {
        let mut jwk: serde_json::Value = serde_json::from_str(&set_key("server-p256")).unwrap();
        jwk[member] = serde_json::Value::Null;
        Doc::access().trust(&[entry(&[jwk.to_string(), set_key("server-next-p256")], "")])
    };
    for member in ["alg", "use", "key_ops", "x5c", "x5t", "x5t#S256", "x5u", "d", "k", "oth", "n", "e"] {
        let name = format!("{}_is_absent", member.to_lowercase().replace('#', "_"));
        corpus.accept(&name, rule, &with(member), &token);
    }
    for member in ["kty", "crv", "x", "y"] {
        corpus.refuse(&format!("{member}_is_missing"), rule, &with(member), &token, KeyUnknown);
    }
    corpus.refuse("kid_is_absent", rule, &with("kid"), &token, KeyUnknown);
    let mut svid_key: serde_json::Value = serde_json::from_str(&svid_key("domain-p256")).unwrap();
    svid_key["use"] = serde_json::Value::Null;
    let doc = Doc::svid().trust(&[domain(DOMAIN, &[svid_key.to_string()])]);
    let rule = "Trust Domain and Bundle §4.2.2";
    corpus.refuse("use_in_a_bundle_is_missing", rule, &doc, &bearer(&svid().text()), KeyUnknown);
    let bound = access().bound_to_key("client-p256").text();
    for member in ["alg", "use", "d", "k"] {
        let key = jwk("client-p256", &format!("\"{member}\":null"));
        let request = dpop(&bound, &proof(&bound).header("jwk", &key).text());
        let rule = "RFC 9449 §4.3 item 7, RFC 7517 §4 (DP-7)";
        corpus.refuse(&format!("{member}_in_a_proof"), rule, &Doc::access(), &request, ProofKeyRefused);
    }
}

/// RFC 9964: keys for ML-DSA have the type AKP, which the engine does not check signatures with. They never spoil a set.
fn add_post_quantum(corpus: &mut Corpus) {
    corpus.area("key_post_quantum");
    let rule = "RFC 9964 §3, RFC 7517 §5 (ED-9)";
    let akp = |alg: &str, length: usize, kid: &str| {
        format!(r#"{{"kty":"AKP","alg":"{alg}","pub":"{}","use":"sig","kid":"{kid}"}}"#, b64(vec![7; length]))
    };
    let all =
        |kid: &str| [("ML-DSA-44", 1312), ("ML-DSA-65", 1952), ("ML-DSA-87", 2592)].map(|(alg, n)| akp(alg, n, kid));
    let doc = |keys: &[String], more: &str| Doc::access().trust(&[entry(keys, more)]);
    let (named_token, bare) = (bearer(&access().text()), signed("server-p256", "ES256", None));
    let own = set_key("server-p256");
    let beside = |kid: &str| [&all(kid)[..], std::slice::from_ref(&own)].concat();
    corpus.accept("beside_another_key", rule, &doc(&beside("pq"), ""), &named_token);
    corpus.accept("under_the_kid_of_another_key", rule, &doc(&beside("server-p256"), ""), &named_token);
    corpus.accept("not_counted_among_the_keys_of_the_algorithm", rule, &doc(&beside("pq"), ""), &bare);
    corpus.accept(
        "not_counted_among_the_keys_that_are_tried",
        rule,
        &doc(&beside("server-p256"), "\"try_keys\":1"),
        &bare,
    );
    let post_quantum = access().header("alg", "\"ML-DSA-44\"").header("kid", "\"pq\"");
    corpus.refuse(
        "a_token_by_one",
        "RFC 8725 §3.1",
        &doc(&beside("pq"), ""),
        &bearer(&post_quantum.text()),
        AlgorithmRefused,
    );
    let private = akp("ML-DSA-44", 1312, "server-p256").replace("\"use\"", "\"priv\":\"AA\",\"use\"");
    corpus.accept("with_a_private_part", rule, &doc(&[private, own.clone()], ""), &named_token);
    let bundle: Vec<String> = all("pq").iter().map(|key| key.replace("\"sig\"", "\"jwt-svid\"")).collect();
    let doc = Doc::svid().trust(&[domain(DOMAIN, &[&bundle[..], &[svid_key("domain-p256")]].concat())]);
    corpus.accept("in_a_bundle", rule, &doc, &bearer(&svid().text()));
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
