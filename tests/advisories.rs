//! The faults of others, each as a test named after it.
//!
//! Rows of the advisory list that do not apply, and why:
//!
//! | advisory | why not |
//! |---|---|
//! | CVE-2026-31837 Istio, CVE-2026-49478 Fulcio | fetches and fallback keys: the engine fetches nothing and holds no key; `layering.rs` holds that |
//! | CVE-2026-34950, CVE-2023-48223 fast-jwt | PEM is not read; keys are JWKs of a named type (`alg_confusion_…` below is what remains) |
//! | CVE-2026-44428 MCP Registry | two resources of one audience: an issuer's configuration, a matter for a linter |
//! | no id, HAProxy `jwt.c` (raw ECDSA to DER) | the engine never converts a signature to DER |
//! | CVE-2024-45809, CVE-2025-64527 Envoy | a request that ends during a fetch: hosts only |
//! | CVE-2023-49290, CVE-2024-28180, CVE-2026-34986 | JWE: there is none; five parts are refused (`cve_2026_29000_…`) |
//! | RUSTSEC-2023-0053, -2026-0098, -0099, -0104 webpki | certificate chains are not verified here |
//! | CVE-2025-23419 NGINX and its row | TLS configuration and resumption: hosts only; a bound token on another connection is in `cache/bound_token_on_another_connection` |
//! | CVE-2026-46579 and its row | certificates in headers: hosts only; the engine never reads one (`mtls/certificate_in_a_header`) |

use countersign::{Authority, Reason, Revocations, UnixSeconds};
use countersign_tests::issuer::{self, NOW, SERVER, Token, access, b64, hmac, jwk, key, plain, proof, q, svid};
use countersign_tests::request::{Doc, Req, bare, bearer, domain, dpop, issuer as key_set, set_key, svid_key};
use countersign_tests::runner::Runner;

fn run(doc: &Doc) -> Runner {
    Runner::new(&doc.text(), NOW)
}

fn reason(doc: &Doc, request: &Req) -> Option<Reason> {
    run(doc).ask(request).reason
}

fn named(name: &str, kid: &str) -> String {
    jwk(name, &format!("\"kid\":{}", q(kid)))
}

const OTHER: &str = "https://other-as.example";

#[test]
fn cve_2026_49998_two_issuers_same_kid() {
    let doc = Doc::access()
        .trust(&[key_set(SERVER, &[named("server-p256", "k")]), key_set(OTHER, &[named("other-server-p256", "k")])]);
    let mut runner = run(&doc);
    let ours = access().header("kid", "\"k\"");
    let theirs = ours.clone().claim("iss", &q(OTHER));
    for _ in 0..2 {
        assert_eq!(runner.ask(&bearer(&ours.text())).reason, None);
        assert_eq!(runner.ask(&bearer(&theirs.clone().forged_by("other-server-p256").text())).reason, None);
        // Swapped, also after a warm hit.
        assert_eq!(runner.ask(&bearer(&theirs.text())).reason, Some(Reason::SignatureInvalid));
        assert_eq!(
            runner.ask(&bearer(&ours.clone().forged_by("other-server-p256").text())).reason,
            Some(Reason::SignatureInvalid)
        );
    }
}

#[test]
fn cve_2025_59936_issuer_and_kid_that_concatenate_alike() {
    let doc = Doc::access().trust(&[
        key_set("https://a", &[named("server-p256", "bc")]),
        key_set("https://ab", &[named("other-server-p256", "c")]),
    ]);
    let mut runner = run(&doc);
    let first = access().claim("iss", "\"https://a\"").header("kid", "\"bc\"");
    let second = access().claim("iss", "\"https://ab\"").header("kid", "\"c\"");
    assert_eq!(runner.ask(&bearer(&first.text())).reason, None);
    assert_eq!(runner.ask(&bearer(&second.text())).reason, Some(Reason::SignatureInvalid));
    assert_eq!(runner.ask(&bearer(&second.forged_by("other-server-p256").text())).reason, None);
}

/// A hit says what the token itself says, over thousands of tokens that differ in one place only.
#[test]
fn cve_2026_35039_near_identical_tokens_never_mix() {
    let doc =
        Doc::access().trust(&[key_set(SERVER, &[set_key("server-ed25519")])]).memory(r#"{"token_cache_bytes":262144}"#);
    let mut runner = run(&doc);
    let tokens: Vec<(String, String)> = (0..1500)
        .map(|n| {
            let subject = format!("user-{n:05}");
            (access().by("server", "EdDSA").claim("sub", &q(&subject)).text(), subject)
        })
        .collect();
    let mut hits = 0;
    for round in 0..3 {
        for (token, subject) in tokens.iter().skip(round * 350) {
            let answer = runner.ask(&bearer(token));
            assert_eq!((answer.reason, answer.subject.as_deref()), (None, Some(subject.as_str())));
            hits += usize::from(answer.cache == "hit");
        }
    }
    // And once more while they are certainly cached.
    for (token, subject) in &tokens[..100] {
        for _ in 0..2 {
            let answer = runner.ask(&bearer(token));
            assert_eq!(answer.subject.as_deref(), Some(subject.as_str()));
            hits += usize::from(answer.cache == "hit");
        }
    }
    assert!(hits >= 100, "{hits} hits");
}

#[test]
fn cve_2026_35030_tokens_with_one_prefix_suffix_and_length() {
    let mut runner = run(&Doc::access());
    let right = access();
    assert_eq!(runner.ask(&bearer(&right.text())).reason, None);
    let other = right.clone().claim("sub", "\"alicf\"");
    assert_eq!(runner.ask(&bearer(&other.with_signature(&right.signature()))).reason, Some(Reason::SignatureInvalid));
    assert_eq!(runner.ask(&bearer(&other.text())).subject.as_deref(), Some("alicf"));
}

#[test]
fn lua_resty_openidc_569_a_hit_skips_no_check_of_this_policy() {
    let doc = Doc::access().also("b", r#"{"accept":["at+jwt"],"audience":"https://b.example"}"#);
    let mut runner = run(&doc);
    let request = bearer(&access().text());
    for _ in 0..2 {
        assert_eq!(runner.ask(&request).reason, None);
        assert_eq!(runner.ask(&request.clone().policy("b")).reason, Some(Reason::AudienceMismatch));
    }
}

#[test]
fn cwe_613_liboauth2_expired_token_from_the_cache() {
    let mut runner = run(&Doc::access());
    let request = bearer(&access().text());
    assert_eq!(runner.ask(&request).reason, None);
    let answer = runner.ask(&request.clone().now(NOW + 330));
    assert_eq!((answer.reason, answer.cache), (Some(Reason::TokenExpired), "hit"));
}

#[test]
fn cve_2025_22149_a_refresh_does_not_append() {
    for warm in [true, false] {
        let mut runner = run(&Doc::access());
        let request = bearer(&access().text());
        if warm {
            assert_eq!(runner.ask(&request).reason, None);
        }
        let authority = Authority::Issuer(SERVER.to_owned());
        runner.push(&authority, format!("{{\"keys\":[{}]}}", set_key("server-next-p256")).as_bytes(), NOW).unwrap();
        assert_eq!(runner.ask(&request).reason, Some(Reason::KeyUnknown), "warm: {warm}");
    }
}

#[test]
fn cve_2026_32301_hostile_issuers_and_kids_name_nothing() {
    for text in [
        "../../etc/passwd",
        "https://as.example@evil.example",
        "https://as.example#",
        "https://as.example/../x",
        "file:///etc/passwd",
        "%2e%2e",
    ] {
        assert_eq!(
            reason(&Doc::access(), &bearer(&access().claim("iss", &q(text)).text())),
            Some(Reason::IssuerUnknown),
            "{text}"
        );
        assert_eq!(
            reason(&Doc::access(), &bearer(&access().header("kid", &q(text)).text())),
            Some(Reason::KeyUnknown),
            "{text}"
        );
    }
}

#[test]
fn cve_2026_42576_keys_of_every_type_beside_a_good_one() {
    let odd = [
        r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA","kid":"a"}"#,
        r#"{"kty":"OKP","crv":"Ed448","x":"AAAA","kid":"b"}"#,
        r#"{"kty":"OKP","crv":"X25519","x":"AAAA","kid":"c"}"#,
        r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","kid":"d"}"#,
        r#"{"kty":"RSA","n":"","e":"","kid":"e"}"#,
        r#"{"kty":"RSA","n":[],"e":{},"kid":"f"}"#,
        r#"{"kty":"oct","k":"AAAA","kid":"g"}"#,
        r#"{"kty":{},"kid":{}}"#,
        r#"{"kty":"LMS"}"#,
    ];
    let mut keys: Vec<String> = odd.iter().map(|key| (*key).to_owned()).collect();
    keys.insert(4, set_key("server-p256"));
    let doc = Doc::access().trust(&[key_set(SERVER, &keys)]);
    assert_eq!(reason(&doc, &bearer(&access().text())), None);
    for kid in ["a", "b", "c", "d", "e", "f", "g"] {
        assert_eq!(reason(&doc, &bearer(&access().header("kid", &q(kid)).text())), Some(Reason::KeyUnknown), "{kid}");
    }
}

/// A key without `alg`: its type and curve decide, never the header alone; on every kind (CVE-2026-11800, CVE-2026-33322).
#[test]
fn cve_2026_22817_the_header_alone_chooses_no_algorithm() {
    let suffixes = ["p256", "p384", "p521", "ed25519", "rsa2048"];
    let names = [
        "none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
        "ES512", "EdDSA", "Ed25519", "ES256K", "RS1", "",
    ];
    let kinds =
        [("jwt-svid", Doc::svid(), svid()), ("at+jwt", Doc::access(), access()), ("jwt", Doc::plain(), plain())];
    let (mut accepted, mut refused) = (0, 0);
    for (kind, doc, token) in kinds {
        for suffix in suffixes {
            let name = format!("server-{suffix}");
            let trust = match kind {
                "jwt-svid" => domain("example.org", &[jwk(&name, r#""kid":"k","use":"jwt-svid""#)]),
                "at+jwt" => key_set(SERVER, &[named(&name, "k")]),
                _ => key_set(issuer::PLAIN, &[named(&name, "k")]),
            };
            let mut runner = run(&doc.clone().trust(&[trust]));
            for algorithm in names {
                let signed = token.clone().header("kid", "\"k\"").forged_by(&name).header("alg", &q(algorithm));
                let signed = if algorithm.is_empty() { signed } else { signed.algorithm(algorithm) };
                let fits = issuer::ALGORITHMS.iter().any(|(known, end)| *known == algorithm && *end == suffix)
                    && !(kind == "jwt-svid" && suffix == "ed25519");
                let answer = runner.ask(&bearer(&signed.text()));
                assert_eq!(answer.reason.is_none(), fits, "{kind} {suffix} {algorithm}: {:?}", answer.reason);
                if fits { accepted += 1 } else { refused += 1 }
            }
        }
    }
    assert_eq!((accepted, refused), (9 + 11 + 11, 3 * 5 * 18 - 31));
}

#[test]
fn cve_2015_9235_and_cve_2026_48526_alg_confusion_with_every_form_of_the_public_key() {
    let doc = Doc::access().trust(&[key_set(SERVER, &[set_key("server-rsa2048"), set_key("server-p256")])]);
    let rsa = key("server-rsa2048");
    let n = issuer::unb64(rsa.jwk["n"].as_str().unwrap());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", b64(&n));
    let secrets: [&[u8]; 7] = [
        &n,
        pem.as_bytes(),
        pem.trim().as_bytes(),
        rsa.jwk["n"].as_str().unwrap().as_bytes(),
        b"",
        b"secret",
        &[0; 32],
    ];
    for secret in secrets {
        for algorithm in ["HS256", "HS384", "HS512"] {
            for name in ["server-rsa2048", "server-p256"] {
                let forged = hmac(&access().key(name), algorithm, secret);
                assert_eq!(reason(&doc, &bearer(&forged)), Some(Reason::AlgorithmRefused), "{algorithm} {name}");
            }
        }
    }
}

#[test]
fn cve_2026_29000_five_parts_are_refused_before_any_cryptography() {
    let inner = b64(access().header("alg", "\"none\"").with_signature(b""));
    let header = b64(r#"{"alg":"RSA-OAEP","enc":"A128GCM","cty":"JWT"}"#);
    for token in [format!("{header}.{inner}.{inner}.{inner}.{inner}"), format!("{header}....{inner}")] {
        let mut runner = run(&Doc::access());
        assert_eq!(runner.ask(&bearer(&token)).reason, Some(Reason::TokenMalformed));
    }
}

#[test]
fn cve_2025_24976_and_cve_2018_0114_the_tokens_own_key_is_never_trusted() {
    for name in ["client-p256", "client-rsa2048", "client-ed25519", "client-p384"] {
        let (_, suffix) = name.split_once('-').unwrap();
        let (algorithm, _) = issuer::ALGORITHMS.iter().find(|(_, end)| *end == suffix).unwrap();
        for kid in [Some("server-p256"), Some("x"), None] {
            let forged = access().by("client", algorithm).header("jwk", &jwk(name, ""));
            let forged = match kid {
                Some(kid) => forged.header("kid", &q(kid)),
                None => forged.no_header("kid"),
            };
            let reason = reason(&Doc::access(), &bearer(&forged.text())).unwrap();
            assert!(
                matches!(reason, Reason::KeyUnknown | Reason::KeyNotUsable | Reason::SignatureInvalid),
                "{name} {kid:?} {reason}"
            );
        }
    }
}

/// Every algorithm, not ES256 only.
#[test]
fn cve_2022_21449_a_signature_of_zeros() {
    for (algorithm, suffix) in issuer::ALGORITHMS {
        let doc = Doc::access().trust(&[key_set(SERVER, &[set_key(&format!("server-{suffix}"))])]);
        let token = access().by("server", algorithm);
        let length = token.signature().len();
        for zeros in [0, 1, length / 2, length, 2 * length] {
            let refused = reason(&doc, &bearer(&token.with_signature(&vec![0; zeros])));
            assert_eq!(refused, Some(Reason::SignatureInvalid), "{algorithm} {zeros}");
        }
    }
}

#[test]
fn cve_2026_35042_and_cve_2025_59420_unknown_critical_extensions() {
    for crit in ["[\"x\"]", "[]", "[\"x\",\"x\"]", "\"x\"", "[\"exp\"]", "[null]", "null", "{}"] {
        for doc in [Doc::access(), Doc::svid(), Doc::plain()] {
            for token in [access(), svid(), plain()] {
                let refused = reason(&doc, &bearer(&token.header("crit", crit).text()));
                assert_eq!(refused, Some(Reason::HeaderCritical), "{crit}");
            }
        }
    }
}

/// Every claim with every JSON type: a wrong type never reads as "absent".
#[test]
fn cve_2026_25537_a_wrong_type_is_never_absent() {
    let values = [
        ("null", "null"),
        ("boolean", "true"),
        ("number", "1.8e9"),
        ("string", "\"x\""),
        ("array", "[1]"),
        ("object", "{}"),
    ];
    let right = |claim: &str| match claim {
        "exp" | "nbf" | "iat" => "number",
        "cnf" | "act" => "object",
        _ => "string",
    };
    for claim in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "cnf", "act"] {
        for (sort, value) in values {
            if sort == right(claim) {
                continue;
            }
            let refused = reason(&Doc::access(), &bearer(&access().claim(claim, value).text()));
            assert_eq!(refused, Some(Reason::ClaimInvalid), "{claim} {sort}");
        }
    }
    for claim in ["exp", "nbf", "iat", "jti", "htm", "htu", "ath", "nonce"] {
        for (sort, value) in values {
            if sort == right(claim) {
                continue;
            }
            let bound = access().bound_to_key("client-p256").text();
            let refused = reason(&Doc::access(), &dpop(&bound, &proof(&bound).claim(claim, value).text()));
            assert_eq!(refused, Some(Reason::ProofMalformed), "{claim} {sort}");
        }
    }
}

#[test]
fn cve_2024_5798_the_audience_in_every_mode() {
    let wrong = [
        "[]",
        "[\"\"]",
        "\"\"",
        "null",
        "\"https://api.exampl\"",
        "\"https://api.example.x\"",
        "[\"a\"]",
        "[[\"https://api.example\"]]",
        "{\"https://api.example\":1}",
        "\"*\"",
        "true",
    ];
    for member in [
        ("mode", "\"enforce\""),
        ("mode", "\"shadow\""),
        ("binding", r#"{"require":"none"}"#),
        ("leeway_seconds", "300"),
        ("challenge", r#"{"hide_description":true}"#),
        ("algorithms", "[\"ES256\"]"),
    ] {
        for (doc, token) in [(Doc::access(), access()), (Doc::svid(), svid()), (Doc::plain(), plain())] {
            let doc = doc.member(member.0, member.1);
            assert_eq!(reason(&doc, &bearer(&token.text())), None, "{member:?}");
            for aud in wrong {
                let refused = reason(&doc, &bearer(&token.clone().claim("aud", aud).text()));
                assert!(matches!(refused, Some(Reason::ClaimInvalid | Reason::AudienceMismatch)), "{aud} {refused:?}");
            }
            assert_eq!(reason(&doc, &bearer(&token.no_claim("aud").text())), Some(Reason::ClaimMissing));
        }
    }
}

#[test]
fn cve_2026_41164_a_proof_is_no_token_and_a_token_no_proof() {
    let bound = access().bound_to_key("client-p256").text();
    let proven = proof(&bound).text();
    for doc in [Doc::access(), Doc::svid(), Doc::plain()] {
        assert_eq!(reason(&doc, &bearer(&proven)), Some(Reason::TypNotAccepted));
    }
    assert_eq!(reason(&Doc::access(), &dpop(&bound, &bound)), Some(Reason::ProofMalformed));
}

#[test]
fn cve_2024_51744_the_signature_dominates_whatever_else_is_wrong() {
    for (claim, value) in [("exp", "1"), ("nbf", "9000000000"), ("aud", "\"x\""), ("scope", "\"\""), ("cnf", "{}")] {
        let doc = Doc::access().member("scope", "[\"orders:read\"]");
        let forged = access().claim(claim, value).forged_by("client-p256");
        let mut runner = run(&doc);
        let answer = runner.ask(&bearer(&forged.text()));
        assert_eq!(answer.reason, Some(Reason::SignatureInvalid), "{claim}");
        assert_eq!((answer.subject, answer.kind), (None, None));
        assert!(!answer.audit.contains("alice"), "no claim of a forged token is logged as a fact");
    }
}

/// All eight combinations of three levels: the wider one is never hidden by a narrower one.
#[test]
fn cve_2026_8922_revocation_levels_add_up() {
    for levels in 0..8u8 {
        let has = |bit: u8| levels & (1 << bit) != 0;
        let mut builder = Revocations::builder();
        builder.all_before(UnixSeconds::new(if has(0) { NOW + 1 } else { NOW }));
        builder.authority_before(SERVER, UnixSeconds::new(if has(1) { NOW + 1 } else { NOW }));
        builder.subject_before(SERVER, "alice", UnixSeconds::new(if has(2) { NOW + 1 } else { NOW }));
        let mut runner = run(&Doc::access());
        runner.revoke(builder.build());
        let refused = runner.ask(&bearer(&access().text())).reason;
        let expected = match (has(2), has(0) || has(1)) {
            (true, _) => Some(Reason::SubjectRevoked),
            (false, true) => Some(Reason::IssuedBeforeCutoff),
            (false, false) => None,
        };
        assert_eq!(refused, expected, "{levels:03b}");
    }
}

#[test]
fn cve_2025_53864_depth() {
    for depth in [16, 17, 100, 2000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(
            reason(&Doc::access(), &bearer(&access().claim("x", &deep).text())),
            Some(Reason::LimitExceeded),
            "{depth}"
        );
        let bound = access().bound_to_key("client-p256").text();
        let proof = proof(&bound).claim("x", &deep).text();
        assert_eq!(reason(&Doc::access(), &dpop(&bound, &proof)), Some(Reason::ProofTooLarge), "{depth}");
    }
}

#[test]
fn cve_2024_21664_every_shape_of_json_serialization() {
    let token = access().text();
    let parts: Vec<&str> = token.split('.').collect();
    for shape in [
        "{}".to_owned(),
        "[]".to_owned(),
        format!(r#"{{"payload":"{}"}}"#, parts[1]),
        format!(r#"{{"payload":"{}","signatures":[]}}"#, parts[1]),
        format!(r#"{{"payload":"{}","signatures":[{{}}]}}"#, parts[1]),
        format!(r#"{{"payload":"{}","signatures":[null]}}"#, parts[1]),
        format!(r#"{{"payload":"{}","protected":"{}","signature":"{}"}}"#, parts[1], parts[0], parts[2]),
        format!(r#"{{"payload":"{}","header":{{"alg":"ES256"}},"signature":"{}"}}"#, parts[1], parts[2]),
    ] {
        let refused = reason(&Doc::access(), &bearer(&shape)).unwrap();
        // A comma ends the credential before it is looked at; without one there are no periods.
        assert!(matches!(refused, Reason::TokenMalformed | Reason::CredentialRepeated), "{shape}: {refused}");
        assert_eq!(refused.status() / 100, 4);
    }
}

#[test]
fn ghsa_jc38_x7x8_2xc8_an_algorithm_in_an_unprotected_header() {
    let token = access().no_header("alg").text();
    assert_eq!(reason(&Doc::access(), &bearer(&token)), Some(Reason::AlgorithmRefused));
}

/// FAPI 2 negative tests for a resource server, as one table; the single cases are in `vectors/proof_*` too.
#[test]
fn fapi_2_dpop_negative_tests_and_auth0_express_1_9_1() {
    let bound = access().bound_to_key("client-p256").text();
    let doc = Doc::access().member("dpop", r#"{"algorithms":["PS256","ES256","EdDSA"]}"#);
    let right = || proof(&bound);
    let ask = |proof: &Token| dpop(&bound, &proof.text());
    let hour = 3600;
    let refused: Vec<(&str, Req)> = vec![
        ("two headers", ask(&right()).header("DPoP", &right().text())),
        ("not a jwt", dpop(&bound, "x")),
        ("no typ", ask(&right().no_header("typ"))),
        ("no alg", ask(&right().no_header("alg"))),
        ("no jwk", ask(&right().no_header("jwk"))),
        ("no jti", ask(&right().no_claim("jti"))),
        ("no htm", ask(&right().no_claim("htm"))),
        ("no htu", ask(&right().no_claim("htu"))),
        ("no iat", ask(&right().no_claim("iat"))),
        ("no ath", ask(&right().no_claim("ath"))),
        ("wrong typ", ask(&right().header("typ", "\"JWT\""))),
        ("RS256", ask(&right().key("client-rsa2048").algorithm("RS256"))),
        ("alg none", dpop(&bound, &right().header("alg", "\"none\"").with_signature(b""))),
        ("bad signature", dpop(&bound, &right().with_signature(&[9; 64]))),
        ("private key", ask(&right().header("jwk", &key("client-p256").jwk.to_string()))),
        ("wrong htm", ask(&right().claim("htm", "\"POST\""))),
        ("other htu", ask(&right().claim("htu", "\"https://api.example/other\""))),
        ("iat in an hour", ask(&right().claim("iat", &(NOW + hour).to_string()))),
        ("iat an hour ago", ask(&right().claim("iat", &(NOW - hour).to_string()))),
        ("wrong ath", ask(&right().claim("ath", &q(&issuer::ath("x"))))),
        ("other key", ask(&right().key("client-other-p256"))),
        ("no proof", bare().header("authorization", &format!("DPoP {bound}"))),
        ("no proof, Bearer", bearer(&bound)),
    ];
    assert_eq!(refused.len(), 23);
    for (name, request) in refused {
        let answer = run(&doc).ask(&request);
        assert!(matches!(answer.status, 400 | 401), "{name}: {:?}", answer.reason);
    }
    let accepted = [
        ("htu with query and fragment", ask(&right().claim("htu", "\"https://api.example/orders?a=b#c\""))),
        ("htu without", ask(&right())),
        ("unknown names", ask(&right().header("foo", "1").claim("bar", "[]"))),
        (
            "header in capitals",
            bare().header("Authorization", &format!("DPoP {bound}")).header("DPOP", &right().text()),
        ),
        ("htu in capitals", ask(&right().claim("htu", "\"HTTPS://API.EXAMPLE/orders\""))),
        ("htu with port", ask(&right().claim("htu", "\"https://api.example:443/orders\""))),
        ("iat ten seconds ago", ask(&right().claim("iat", &(NOW - 10).to_string()))),
        (
            "scheme in small letters",
            bare().header("authorization", &format!("dpop {bound}")).header("dpop", &right().text()),
        ),
        ("a correct proof at the end", ask(&right())),
    ];
    for (name, request) in accepted {
        assert_eq!(reason(&doc, &request), None, "{name}");
    }
    let mut runner = run(&doc);
    assert_eq!(runner.ask(&ask(&right())).reason, None);
    assert_eq!(runner.ask(&ask(&right())).reason, Some(Reason::ProofReplayed));
}

#[test]
fn mcp_oauth_383_and_384_host_headers_bend_nothing() {
    let bound = access().bound_to_key("client-p256").text();
    let elsewhere = proof(&bound).claim("htu", "\"https://evil.example/orders\"").text();
    let doc = Doc::access().member("origin", "\"https://api.example\"");
    for host in [
        "evil.example",
        "evil.example/",
        "api.example@evil.example",
        "evil.example?",
        "evil.example#",
        "evil example",
        "evil\\example",
    ] {
        for name in ["host", "x-forwarded-host", "forwarded", "x-original-host", ":authority"] {
            let request = dpop(&bound, &elsewhere).header(name, host).uri("/orders");
            assert_eq!(reason(&doc, &request), Some(Reason::ProofUriMismatch), "{name}: {host}");
        }
    }
    // In the URI that a host passes without an authority, the same texts are no URI that a proof is for, or name another target.
    for uri in [
        "https://api.example@evil.example/orders",
        "https://evil.example\\@api.example/orders",
        "https://api.example evil/orders",
        "https:///orders",
        "https://api.example:x/orders",
        "https://api.example:70000/orders",
        "https://[::x]/orders",
        "https://[::1/orders",
        "https://%61pi.example/orders",
        "ftp://api.example/orders",
        "api.example:443",
        "orders",
        "*",
        "",
    ] {
        let refused = reason(&Doc::access(), &dpop(&bound, &proof(&bound).text()).uri(uri));
        assert_eq!(refused, Some(Reason::ProofUriMismatch), "{uri}");
    }
}

/// attesto #18, better-auth #10039, GHSA-v2jf-442r-6mjh: what the replay key is made of, and how long it lives.
#[test]
fn ghsa_v2jf_442r_6mjh_replay_key_lifetime_and_restart() {
    let bound = access().bound_to_key("client-p256").text();
    let other = access().bound_to_key("client-other-p256").text();
    // A jti is burnt by its own client only.
    let mut runner = run(&Doc::access());
    assert_eq!(runner.ask(&dpop(&other, &proof(&other).key("client-other-p256").text())).reason, None);
    assert_eq!(runner.ask(&dpop(&bound, &proof(&bound).text())).reason, None);
    // An entry lives to iat + age + leeway: a proof from the future is remembered until its own end.
    let ahead = proof(&bound).claim("iat", &(NOW + 5).to_string()).claim("jti", "\"ahead\"").text();
    let mut runner = run(&Doc::access());
    for now in [NOW, NOW + 30, NOW + 60, NOW + 64, NOW + 65] {
        let expected = (now != NOW).then_some(Reason::ProofReplayed);
        assert_eq!(runner.ask(&dpop(&bound, &ahead).now(now)).reason, expected, "{now}");
    }
    // Re-spelt method and URI are the same proof.
    let respelt = proof(&bound)
        .claim("jti", "\"ahead\"")
        .claim("iat", &(NOW + 5).to_string())
        .claim("htu", "\"https://API.example:443/x/../orders\"")
        .text();
    assert_eq!(runner.ask(&dpop(&bound, &respelt).now(NOW + 6)).reason, Some(Reason::ProofReplayed));
}

#[test]
fn sourcebot_1395_a_full_store_forgets_nothing() {
    let mut runner = run(&Doc::access().memory(r#"{"replay_proofs":64}"#));
    let bound = access().bound_to_key("client-p256").text();
    let numbered = |n: usize| dpop(&bound, &proof(&bound).claim("jti", &q(&n.to_string())).text());
    let mut accepted = Vec::new();
    for n in 0..300 {
        match runner.ask(&numbered(n)).reason {
            None => accepted.push(n),
            // One key never takes the last room.
            Some(reason) => assert_eq!(reason, Reason::ProofShareExceeded),
        }
    }
    for n in accepted {
        assert_eq!(runner.ask(&numbered(n)).reason, Some(Reason::ProofReplayed), "{n}");
    }
}

#[test]
fn cve_2026_47673_any_other_scheme() {
    let token = access().text();
    for scheme in
        ["Basic", "Token", "JWT", "MAC", "Digest", "Bearer\u{a0}", "BearerBearer", "Bear", "GNAP", "PoP", "DPoPs"]
    {
        let refused = reason(&Doc::access(), &bare().header("authorization", &format!("{scheme} {token}")));
        assert_eq!(refused, Some(Reason::SchemeUnsupported), "{scheme}");
    }
}

#[test]
fn cve_2026_40575_query_encoding_and_path_are_compared_as_given() {
    let bound = access().bound_to_key("client-p256").text();
    let asked = |uri: &str| reason(&Doc::access(), &dpop(&bound, &proof(&bound).text()).uri(uri));
    for uri in [
        "https://api.example/orders%2f",
        "https://api.example/orders%2F..%2Fadmin",
        "https://api.example/orders/..;/admin",
        "https://api.example/admin?/orders",
        "https://api.example/orders/",
        "https://API.example./orders",
    ] {
        assert_eq!(asked(uri), Some(Reason::ProofUriMismatch), "{uri}");
    }
}

#[test]
fn cve_2026_31360_the_expected_trust_domain_is_never_the_peers_own() {
    let doc = Doc::svid().trust(&[
        domain("example.org", &[svid_key("domain-p256")]),
        domain("other.example", &[svid_key("other-domain-p256")]),
    ]);
    let foreign = svid().claim("sub", "\"spiffe://other.example/ns/shop/sa/web\"");
    assert_eq!(reason(&doc, &bearer(&foreign.text())), Some(Reason::KeyUnknown));
    let only = doc.accept(r#"[{"kind":"jwt-svid","trust_domain":"example.org"}]"#);
    let honest = foreign.key("other-domain-p256");
    assert_eq!(reason(&only, &bearer(&honest.text())), Some(Reason::IssuerRefused));
}

// The traps that users of other products fell into.

#[test]
fn trap_no_exp() {
    for (doc, token) in [(Doc::access(), access()), (Doc::svid(), svid()), (Doc::plain(), plain())] {
        assert_eq!(reason(&doc, &bearer(&token.no_claim("exp").text())), Some(Reason::ClaimMissing));
    }
}

#[test]
fn trap_empty_audience_in_the_policy_is_no_policy() {
    for audience in ["[]", "\"\"", "[\"\"]", "null"] {
        let text = Doc::access().audience(audience).text();
        let faults = countersign_tests::runner::document(&text).unwrap_err();
        assert!(faults.iter().any(|fault| fault.pointer.starts_with("/policies/default/audience")), "{faults:?}");
    }
}

#[test]
fn trap_padded_base64_in_a_key() {
    let padded = set_key("server-p256").replace("\",\"y\"", "=\",\"y\"");
    let doc = Doc::access().trust(&[key_set(SERVER, &[padded, set_key("server-p384")])]);
    assert_eq!(reason(&doc, &bearer(&access().text())), Some(Reason::KeyUnknown));
}

#[test]
fn trap_private_key_in_a_proof_hs256_proof_and_two_headers() {
    let bound = access().bound_to_key("client-p256").text();
    let private = proof(&bound).header("jwk", &key("client-p256").jwk.to_string());
    assert_eq!(reason(&Doc::access(), &dpop(&bound, &private.text())), Some(Reason::ProofKeyRefused));
    let mac = hmac(&proof(&bound).header("jwk", r#"{"kty":"oct","k":"AAAA"}"#), "HS256", &[0; 3]);
    assert_eq!(reason(&Doc::access(), &dpop(&bound, &mac)), Some(Reason::ProofAlgorithmRefused));
    let twice = dpop(&bound, &proof(&bound).text()).header("dpop", &proof(&bound).text());
    assert_eq!(reason(&Doc::access(), &twice), Some(Reason::ProofRepeated));
}

#[test]
fn trap_x5t_in_hexadecimal_and_two_confirmations() {
    let thumbprint = issuer::sha256(&issuer::certificate("client"));
    let hex: String = thumbprint.iter().map(|byte| format!("{byte:02x}")).collect();
    let token = access().claim("cnf", &format!("{{\"x5t#S256\":{}}}", q(&hex))).text();
    assert_eq!(reason(&Doc::access(), &bearer(&token).certificate("client")), Some(Reason::ClaimInvalid));
    let both = access().bound_to_both("client-p256", "client").text();
    let proven = dpop(&both, &proof(&both).text());
    assert_eq!(reason(&Doc::access(), &proven), Some(Reason::CertificateMissing));
    assert_eq!(reason(&Doc::access(), &bearer(&both).certificate("client")), Some(Reason::ProofMissing));
    assert_eq!(reason(&Doc::access(), &proven.certificate("client")), None);
}

#[test]
fn trap_nonce_rotation_across_a_key_change() {
    let doc = Doc::access().member("dpop", r#"{"nonce":"required"}"#);
    let mut runner = run(&doc);
    runner.nonces(&[1; 32], None);
    let ask = |runner: &mut Runner, jti: &str, nonce: Option<&str>| {
        let bound = access().bound_to_key("client-p256").text();
        let mut proof = proof(&bound).claim("jti", &q(jti));
        if let Some(nonce) = nonce {
            proof = proof.claim("nonce", &q(nonce));
        }
        let answer = runner.ask(&dpop(&bound, &proof.text()));
        let nonce = answer.headers.iter().find(|(name, _)| name == "dpop-nonce").map(|(_, value)| value.clone());
        (answer.reason, nonce)
    };
    let (reason, first) = ask(&mut runner, "1", None);
    assert_eq!(reason, Some(Reason::NonceRequired));
    let first = first.unwrap();
    runner.nonces(&[2; 32], Some(&[1; 32]));
    assert_eq!(ask(&mut runner, "2", Some(&first)).0, None);
    runner.nonces(&[3; 32], Some(&[2; 32]));
    let (reason, next) = ask(&mut runner, "3", Some(&first));
    assert_eq!(reason, Some(Reason::NonceMismatch));
    assert_eq!(ask(&mut runner, "4", next.as_deref()).0, None, "the refusal hands out one that works");
}

#[test]
fn trap_control_characters_in_a_challenge() {
    for realm in ["a\\nb", "a\\\"b", "a\\\\b", "\\u0000", "\u{e4}", ""] {
        let text = Doc::access().member("challenge", &format!("{{\"realm\":\"{realm}\"}}")).text();
        let faults = countersign_tests::runner::document(&text).unwrap_err();
        assert_eq!(faults[0].pointer, "/policies/default/challenge/realm", "{realm}");
    }
    for uri in [
        "http://api.example/x",
        "https://u@api.example/x",
        "https://api.example/\\\"x",
        "https://api.example/\\r\\nx",
        "/x",
        "",
    ] {
        let text = Doc::access().member("challenge", &format!("{{\"resource_metadata\":\"{uri}\"}}")).text();
        let faults = countersign_tests::runner::document(&text).unwrap_err();
        assert_eq!(faults[0].pointer, "/policies/default/challenge/resource_metadata", "{uri}");
    }
}

/// What follows `?` and `#` in `resource_metadata` goes into a header field too.
#[test]
fn trap_control_characters_in_the_query_of_resource_metadata() {
    for uri in [
        "https://api.example/x?a\\r\\nset-cookie: a=b",
        "https://api.example/x#\\u0000",
        "https://api.example/x?\u{e4}",
        "https://api.example/x?a b",
    ] {
        let text = Doc::access().member("challenge", &format!("{{\"resource_metadata\":\"{uri}\"}}")).text();
        let faults = countersign_tests::runner::document(&text).expect_err(uri);
        assert_eq!(faults[0].pointer, "/policies/default/challenge/resource_metadata", "{uri}");
    }
}
