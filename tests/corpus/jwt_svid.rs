//! JWT-SVID, sections 2 to 6, and the SPIFFE ID in its subject.

use countersign::Reason::{
    AlgorithmRefused, AudienceMismatch, ClaimInvalid, ClaimMissing, HeaderForbidden, IssuerRefused, KeyUnknown,
    KeysStale, LifetimeTooLong, LimitExceeded, SignatureInvalid, SubjectMalformed, SubjectRefused, TokenExpired,
    TokenJson, TokenNotYetValid, TrustDomainUnknown, TypNotAccepted,
};

use serde_json::json;

use super::{Corpus, accepted, ask, refused};
use crate::issuer::{AUDIENCE, DOMAIN, NOW, SUBJECT, jwk, q, svid};
use crate::request::{Doc, bearer, domain, svid_key};

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("jwt_svid");
    let doc = Doc::svid();
    let token = svid();

    let rule = "JWT-SVID §2.1 (JSV-2, D4)";
    for algorithm in ["EdDSA", "Ed25519"] {
        let trust = [domain(DOMAIN, &[svid_key("domain-ed25519")])];
        let name = format!("algorithm_{}", algorithm.to_lowercase());
        corpus.refuse(
            &name,
            rule,
            &doc.clone().trust(&trust),
            &bearer(&token.clone().by("domain", algorithm).text()),
            AlgorithmRefused,
        );
    }
    for (name, value) in [
        ("none", "\"none\""),
        ("hs256", "\"HS256\""),
        ("es256k", "\"ES256K\""),
        ("lower_case", "\"rs256\""),
        ("number", "1"),
    ] {
        corpus.refuse(
            &format!("algorithm_{name}"),
            rule,
            &doc,
            &bearer(&token.clone().header("alg", value).text()),
            AlgorithmRefused,
        );
    }
    corpus.refuse("algorithm_absent", rule, &doc, &bearer(&token.clone().no_header("alg").text()), AlgorithmRefused);

    let rule = "JWT-SVID §2 (JSV-3, D3)";
    let lenient = doc.clone().member("jwt_svid", r#"{"ignore_unknown_headers":true}"#);
    for (name, value) in [
        ("jku", "\"https://evil.example\""),
        ("jwk", "{}"),
        ("x5u", "\"https://evil.example\""),
        ("x5c", "[]"),
        ("x5t", "\"AA\""),
        ("x5t#S256", "\"AA\""),
        ("zip", "\"DEF\""),
        ("enc", "\"A128GCM\""),
        ("cty", "\"JWT\""),
        ("cty", "\"application/json\""),
    ] {
        let mut word = name.to_lowercase().replace('#', "_");
        if value.contains("json") {
            word.push_str("_json");
        }
        let request = bearer(&token.clone().header(name, value).text());
        corpus.refuse(&format!("header_{word}"), rule, &doc, &request, HeaderForbidden);
        corpus.refuse(&format!("header_{word}_leniently"), rule, &lenient, &request, HeaderForbidden);
    }
    let unknown = bearer(&token.clone().header("x", "1").text());
    corpus.refuse("header_unknown", rule, &doc, &unknown, HeaderForbidden);
    corpus.accept("header_unknown_leniently", rule, &lenient, &unknown);
    for name in ["iss", "sub", "aud"] {
        let value = match name {
            "sub" => token.claims_text().split('"').nth(3).map(q).unwrap(),
            "aud" => q(AUDIENCE),
            _ => q("x"),
        };
        let replica = token.clone().claim("iss", "\"x\"").header(name, &value);
        corpus.refuse(&format!("header_replicates_{name}"), rule, &doc, &bearer(&replica.text()), HeaderForbidden);
    }

    let rule = "JWT-SVID §2.2 (JSV-4, D2)";
    let single = doc.clone().member("jwt_svid", r#"{"single_candidate_key":true}"#);
    let bare = bearer(&token.clone().no_header("kid").text());
    corpus.refuse("kid_absent", rule, &doc, &bare, KeyUnknown);
    corpus.accept("kid_absent_with_a_single_candidate", rule, &single, &bare);
    let two = [domain(DOMAIN, &[svid_key("domain-p256"), svid_key("domain-next-p256")])];
    corpus.refuse("kid_absent_with_two_candidates", rule, &single.clone().trust(&two), &bare, KeyUnknown);
    corpus.refuse("kid_empty", rule, &single, &bearer(&token.clone().header("kid", "\"\"").text()), KeyUnknown);
    corpus.refuse("kid_unknown", rule, &single, &bearer(&token.clone().header("kid", "\"other\"").text()), KeyUnknown);
    corpus.refuse("kid_number", rule, &doc, &bearer(&token.clone().header("kid", "7").text()), ClaimInvalid);

    let rule = "JWT-SVID §2.3, RFC 7515 §4.1.9, 8725bis §3.11 (JSV-5, D6)";
    corpus.accept("typ_absent", rule, &doc, &bearer(&token.clone().no_header("typ").text()));
    for (name, typ) in [
        ("jose", "JOSE"),
        ("lower_case", "jwt"),
        ("jose_lower_case", "jose"),
        ("application_jwt", "application/jwt"),
        ("application_jose", "application/JOSE"),
        ("application_in_capitals", "APPLICATION/JWT"),
        ("escaped", "\\u004aWT"),
        ("application_escaped", "application\\/\\u006awt"),
    ] {
        corpus.accept(&format!("typ_{name}"), rule, &doc, &bearer(&token.clone().header("typ", &q(typ)).text()));
    }
    for (name, typ) in [
        ("at_jwt", "\"at+jwt\""),
        ("wit_jwt", "\"wit+jwt\""),
        ("dpop_jwt", "\"dpop+jwt\""),
        ("jws", "\"JWS\""),
        ("application_twice", "\"application/application/jwt\""),
        ("application_alone", "\"application/\""),
        ("application_without_slash", "\"applicationjwt\""),
        ("text_tree", "\"text/jwt\""),
        ("slash_before", "\"/jwt\""),
        ("slash_behind", "\"jwt/\""),
        ("slash_inside", "\"application/j/wt\""),
        ("parameter", "\"jwt;v=1\""),
        ("nul", "\"JWT\\u0000\""),
        ("empty", "\"\""),
        ("space", "\"JWT \""),
        ("number", "1"),
        ("null", "null"),
        ("array", "[\"JWT\"]"),
    ] {
        corpus.refuse(
            &format!("typ_{name}"),
            rule,
            &doc,
            &bearer(&token.clone().header("typ", typ).text()),
            TypNotAccepted,
        );
    }

    let rule = "JWT-SVID §3.1 (JSV-6)";
    corpus.refuse("sub_absent", rule, &doc, &bearer(&token.clone().no_claim("sub").text()), ClaimMissing);
    for (name, value) in [
        ("number", "7"),
        ("null", "null"),
        ("array", "[\"spiffe://example.org/a\"]"),
        ("object", "{}"),
        ("true", "true"),
    ] {
        corpus.refuse(
            &format!("sub_{name}"),
            rule,
            &doc,
            &bearer(&token.clone().claim("sub", value).text()),
            ClaimInvalid,
        );
    }
    for (name, id) in [
        ("scheme", "\\u0073piffe://example.org/ns/shop/sa/web"),
        ("colon", "spiffe\\u003a//example.org/ns/shop/sa/web"),
        ("slashes", "spiffe:\\/\\/example.org\\/ns\\/shop\\/sa\\/web"),
    ] {
        for (among, doc) in [("", &doc), ("_among_all", &Doc::all())] {
            let request = bearer(&svid().claim("sub", &q(id)).text());
            let expect = |cache: &str| {
                let mut expect = accepted();
                expect["cache"] = cache.into();
                expect["token"] = json!({ "kind": "jwt-svid", "subject": SUBJECT });
                expect
            };
            let steps = vec![ask(&request, expect("miss")), ask(&request, expect("hit"))];
            corpus.steps(&format!("sub_escaped_{name}{among}"), "RFC 8259 §7, §8.3 (JSV-6)", doc, steps);
        }
    }
    let subject = |id: &str| bearer(&svid().claim("sub", &q(id)).text());
    let long = format!("spiffe://example.org/{}", "a".repeat(2048 - 21));
    for (name, section, id) in [
        ("empty", "§2", ""),
        ("other_scheme", "§2 (SID-1)", "https://example.org/a"),
        ("scheme_capital", "§2.4 (SID-1, D1)", "Spiffe://example.org/a"),
        ("one_slash", "§2 (SID-1)", "spiffe:/example.org/a"),
        ("no_authority", "§2 (SID-1)", "spiffe:example.org/a"),
        ("no_trust_domain", "§2.1 (SID-2)", "spiffe:///a"),
        ("nothing", "§2.1 (SID-2)", "spiffe://"),
        ("query", "§2 (SID-3)", "spiffe://example.org/a?b"),
        ("empty_query", "§2 (SID-3)", "spiffe://example.org/a?"),
        ("fragment", "§2 (SID-3)", "spiffe://example.org/a#b"),
        ("empty_fragment", "§2 (SID-3)", "spiffe://example.org/a#"),
        ("userinfo", "§2.1 (SID-4)", "spiffe://u@example.org/a"),
        ("port", "§2.1 (SID-4)", "spiffe://example.org:80/a"),
        ("empty_port", "§2.1 (SID-4)", "spiffe://example.org:/a"),
        ("domain_capital", "§2.1 (SID-5, D1)", "spiffe://Example.org/a"),
        ("domain_percent", "§2.1 (SID-5)", "spiffe://ex%61mple.org/a"),
        ("domain_ipv6", "§2.1 (SID-5)", "spiffe://[::1]/a"),
        ("domain_fullwidth_dot", "§2.1", "spiffe://example\u{ff0e}org/a"),
        ("domain_256_bytes", "§2.3 (SID-10)", &format!("spiffe://{}/a", "d".repeat(256))),
        ("path_percent", "§2.2 (SID-7)", "spiffe://example.org/a%2Fb"),
        ("path_space", "§2.2 (SID-7)", "spiffe://example.org/a b"),
        ("path_star", "§2.2 (SID-7)", "spiffe://example.org/ns/*/sa/web"),
        ("path_nul", "§2.2 (SID-7)", "spiffe://example.org/a\\u0000"),
        ("path_line_break", "§2.2 (SID-7)", "spiffe://example.org/a\\r\\nb"),
        ("path_umlaut", "§2.2 (SID-7)", "spiffe://example.org/\u{e4}"),
        ("double_slash", "§2.2 (SID-8)", "spiffe://example.org//a"),
        ("dot", "§2.2 (SID-8)", "spiffe://example.org/./a"),
        ("dot_dot", "§2.2 (SID-8)", "spiffe://example.org/a/../admin"),
        ("trailing_slash", "§2.2 (SID-8)", "spiffe://example.org/a/"),
        ("root_path", "§2.2 (SID-8)", "spiffe://example.org/"),
        ("no_path", "§2.2 (SID-12)", "spiffe://example.org"),
        ("too_long", "§2.3 (SID-9)", &format!("{long}b")),
    ] {
        corpus.refuse(
            &format!("subject_{name}"),
            &format!("SPIFFE-ID {section}"),
            &doc,
            &subject(id),
            SubjectMalformed,
        );
    }
    corpus.accept("subject_at_its_longest", "SPIFFE-ID §2.3 (SID-9)", &doc, &subject(&long));
    for (name, id) in [
        ("three_dots", "spiffe://example.org/..."),
        ("hidden", "spiffe://example.org/.path"),
        ("all_characters", "spiffe://example.org/AZaz09._-"),
    ] {
        corpus.accept(&format!("subject_{name}"), "SPIFFE-ID §2.2 (SID-7, SID-8)", &doc, &subject(id));
    }
    for name in ["1.2.3.4", "a..b", "-"] {
        let word = name.replace('.', "_").replace('-', "dash");
        let doc = doc.clone().trust(&[domain(name, &[svid_key("domain-p256")])]);
        corpus.accept(
            &format!("subject_in_domain_{word}"),
            "SPIFFE-ID §2.1 (SID-6)",
            &doc,
            &subject(&format!("spiffe://{name}/a")),
        );
    }
    for (name, id) in [
        ("trailing_dot", "spiffe://example.org./a"),
        ("prefix", "spiffe://example.or/a"),
        ("suffix", "spiffe://example.org.evil.example/a"),
        ("dash", "spiffe://example.org-evil/a"),
        ("other", "spiffe://other.example/a"),
    ] {
        corpus.refuse(&format!("trust_domain_{name}"), "JWT-SVID §4 (JSV-10)", &doc, &subject(id), TrustDomainUnknown);
    }

    let rule = "JWT-SVID §3.2 (JSV-7, D9, A19)";
    corpus.refuse("aud_absent", rule, &doc, &bearer(&token.clone().no_claim("aud").text()), ClaimMissing);
    for (name, value) in [
        ("empty_array", "[]".to_owned()),
        ("empty_string", "\"\"".to_owned()),
        ("null", "null".to_owned()),
        ("number", "7".to_owned()),
        ("object", "{}".to_owned()),
        ("array_with_a_number", format!("[{},1]", q(AUDIENCE))),
        ("array_of_an_empty_string", "[\"\"]".to_owned()),
        ("array_of_empty_strings", "[\"\",\"\"]".to_owned()),
        ("nested_array", format!("[[{}]]", q(AUDIENCE))),
    ] {
        corpus.refuse(
            &format!("aud_{name}"),
            rule,
            &doc,
            &bearer(&token.clone().claim("aud", &value).text()),
            ClaimInvalid,
        );
    }
    for (name, value) in [
        ("other", "https://other.example"),
        ("prefix", "https://api.exampl"),
        ("suffix", "https://api.example.evil.example"),
        ("trailing_slash", "https://api.example/"),
        ("upper_case", "https://API.example"),
        ("two_in_one_string", "https://other.example https://api.example"),
        ("list_in_one_string", "https://other.example,https://api.example"),
        ("star", "*"),
        ("default_port", "https://api.example:443"),
    ] {
        corpus.refuse(
            &format!("aud_{name}"),
            rule,
            &doc,
            &bearer(&token.clone().claim("aud", &q(value)).text()),
            AudienceMismatch,
        );
    }
    for (name, value) in [("behind", format!("[{},\"\"]", q(AUDIENCE))), ("before", format!("[\"\",{}]", q(AUDIENCE)))]
    {
        let token = token.clone().claim("aud", &value);
        corpus.accept(&format!("aud_with_an_empty_string_{name}"), rule, &doc, &bearer(&token.text()));
    }
    corpus.accept("aud_string", rule, &doc, &bearer(&token.clone().claim("aud", &q(AUDIENCE)).text()));
    corpus.accept(
        "aud_one_of_many",
        rule,
        &doc,
        &bearer(&token.clone().claim("aud", &format!("[\"a\",{},\"b\"]", q(AUDIENCE))).text()),
    );
    let many = |count: usize| format!("[{}{}]", "\"a\",".repeat(count - 1), q(AUDIENCE));
    corpus.accept("aud_at_the_limit", rule, &doc, &bearer(&token.clone().claim("aud", &many(64)).text()));
    corpus.refuse(
        "aud_past_the_limit",
        rule,
        &doc,
        &bearer(&token.clone().claim("aud", &many(65)).text()),
        LimitExceeded,
    );
    let policy = doc.clone().audience(r#"["https://a.example","https://b.example"]"#);
    corpus.accept(
        "aud_second_of_the_policy",
        rule,
        &policy,
        &bearer(&token.clone().claim("aud", "[\"x\",\"https://b.example\"]").text()),
    );

    add_time(corpus);

    corpus.area("jwt_svid");
    let rule = "JWT-SVID §4, §6.2 (JSV-10, BND-17)";
    let as_use = |usage: &str| {
        doc.clone().trust(&[domain(DOMAIN, &[jwk("domain-p256", &format!(r#""kid":"domain-p256"{usage}"#))])])
    };
    let request = bearer(&token.text());
    for (name, usage) in [
        ("x509_svid", r#","use":"x509-svid""#),
        ("wit_svid", r#","use":"wit-svid""#),
        ("sig", r#","use":"sig""#),
        ("upper_case", r#","use":"JWT-SVID""#),
        ("absent", ""),
    ] {
        corpus.refuse(&format!("bundle_use_{name}"), rule, &as_use(usage), &request, KeyUnknown);
    }
    let unnamed = doc.clone().trust(&[domain(DOMAIN, &[jwk("domain-p256", r#""use":"jwt-svid""#)])]);
    corpus.refuse(
        "bundle_entry_without_kid",
        "JWT-SVID §6.1 (D7, BND-17)",
        &unnamed.member("jwt_svid", r#"{"single_candidate_key":true}"#),
        &bare,
        KeyUnknown,
    );
    corpus.refuse(
        "bundle_empty",
        "Trust Domain and Bundle §4.1.3 (BND-3)",
        &doc.clone().trust(&[domain(DOMAIN, &[])]),
        &request,
        KeyUnknown,
    );
    corpus.refuse(
        "bundle_without_usable_entry",
        "Trust Domain and Bundle §4.1.3 (BND-4)",
        &doc.clone().trust(&[domain(DOMAIN, &[r#"{"kty":"AKP"}"#.to_owned()])]),
        &request,
        KeyUnknown,
    );
    corpus.refuse(
        "bundle_never_loaded",
        rule,
        &doc.clone().trust(&[r#"{"trust_domain":"example.org"}"#.to_owned()]),
        &request,
        KeysStale,
    );
    let map = |other: &str| {
        doc.clone().trust(&[domain(DOMAIN, &[svid_key("domain-p256")]), domain("other.example", &[other.to_owned()])])
    };
    let foreign = svid().claim("sub", "\"spiffe://other.example/a\"");
    corpus.refuse(
        "key_of_another_domain",
        "JWT-SVID §4 (JSV-10, A25)",
        &map(&svid_key("other-domain-p256")),
        &bearer(&foreign.text()),
        KeyUnknown,
    );
    corpus.refuse(
        "domain_of_another_entry",
        "JWT-SVID §4, policy: trust_domain (AT-8)",
        &map(&svid_key("other-domain-p256")).accept(r#"[{"kind":"jwt-svid","trust_domain":"example.org"}]"#),
        &bearer(&foreign.clone().key("other-domain-p256").text()),
        IssuerRefused,
    );
    let twin = map(&jwk("other-domain-p256", r#""kid":"domain-p256","use":"jwt-svid""#));
    corpus.refuse(
        "one_kid_in_two_domains_swapped",
        "JWT-SVID §4 (A25)",
        &twin,
        &bearer(&foreign.text()),
        SignatureInvalid,
    );
    corpus.accept(
        "one_kid_in_two_domains_right",
        "JWT-SVID §4 (A25)",
        &twin,
        &bearer(&foreign.clone().forged_by("other-domain-p256").text()),
    );
    corpus.accept(
        "issuer_is_not_asked",
        "JWT-SVID §3 (JSV-12)",
        &map(&svid_key("other-domain-p256")),
        &bearer(&token.clone().claim("iss", "\"https://other.example\"").text()),
    );

    let rule = "policy: subjects (SID-13)";
    let only = |pattern: &str| doc.clone().accept(&format!(r#"[{{"kind":"jwt-svid","subjects":[{}]}}]"#, q(pattern)));
    corpus.accept("subjects_exact", rule, &only("spiffe://example.org/ns/shop/sa/web"), &request);
    corpus.accept("subjects_star", rule, &only("spiffe://example.org/ns/*/sa/web"), &request);
    corpus.accept("subjects_rest", rule, &only("spiffe://example.org/ns/**"), &request);
    for (name, pattern) in [
        ("other", "spiffe://example.org/ns/shop/sa/api"),
        ("prefix", "spiffe://example.org/ns/shop/sa/we"),
        ("shorter", "spiffe://example.org/ns/shop"),
        ("star_is_one_segment", "spiffe://example.org/*"),
        ("rest_needs_a_segment", "spiffe://example.org/ns/shop/sa/web/**"),
        ("other_domain", "spiffe://other.example/**"),
    ] {
        corpus.refuse(&format!("subjects_{name}"), rule, &only(pattern), &request, SubjectRefused);
    }
    let rule = "policy: max_lifetime_seconds (JSV-16)";
    let short = |seconds: u64| doc.clone().member("max_lifetime_seconds", &seconds.to_string());
    corpus.accept("lifetime_at_the_limit", rule, &short(300), &request);
    corpus.refuse("lifetime_past_the_limit", rule, &short(299), &request, LifetimeTooLong);
    let undated = bearer(&token.clone().no_claim("iat").text());
    corpus.refuse("lifetime_from_now_without_iat", rule, &short(299), &undated, LifetimeTooLong);
    corpus.accept("lifetime_from_now_later", rule, &short(299), &undated.now(NOW + 1));
}

fn add_time(corpus: &mut Corpus) {
    corpus.area("time");
    let doc = Doc::svid(); // leeway 30
    let token = svid();
    let rule = "RFC 7519 §4.1.4, JWT-SVID §3.3 (JWT-2, JSV-8, A18)";
    let request = bearer(&token.text());
    corpus.accept("just_before_exp", rule, &doc, &request.clone().now(NOW + 299));
    corpus.accept("at_exp_within_leeway", rule, &doc, &request.clone().now(NOW + 300));
    corpus.accept("last_second_of_leeway", rule, &doc, &request.clone().now(NOW + 329));
    corpus.refuse("exp_and_leeway_over", rule, &doc, &request.clone().now(NOW + 330), TokenExpired);
    let strict = doc.clone().member("leeway_seconds", "0");
    corpus.accept("without_leeway_just_before_exp", rule, &strict, &request.clone().now(NOW + 299));
    corpus.refuse("without_leeway_at_exp", rule, &strict, &request.now(NOW + 300), TokenExpired);
    corpus.refuse("exp_zero", rule, &doc, &bearer(&token.clone().claim("exp", "0").text()), TokenExpired);
    let rule = "RFC 7519 §4.1.5 (JWT-2, JSV-9)";
    let since = |at: u64| bearer(&svid().claim("nbf", &at.to_string()).text());
    corpus.accept("at_nbf", rule, &strict, &since(NOW));
    corpus.refuse("just_before_nbf", rule, &strict, &since(NOW + 1), TokenNotYetValid);
    corpus.accept("nbf_within_leeway", rule, &doc, &since(NOW + 30));
    corpus.refuse("nbf_past_leeway", rule, &doc, &since(NOW + 31), TokenNotYetValid);
    let made = |at: u64| bearer(&svid().claim("iat", &at.to_string()).text());
    corpus.accept("iat_within_leeway", "JSV-9", &doc, &made(NOW + 30));
    corpus.refuse("iat_past_leeway", "JSV-9", &doc, &made(NOW + 31), TokenNotYetValid);
    corpus.refuse(
        "exp_before_nbf",
        rule,
        &doc,
        &bearer(&svid().claim("nbf", &(NOW + 1000).to_string()).text()),
        TokenNotYetValid,
    );
    let rule = "RFC 7519 §2 (JWT-3)";
    let exp = |value: &str| bearer(&svid().claim("exp", value).text());
    corpus.accept("exp_with_fraction", rule, &strict, &exp("1800000300.9").now(NOW + 299));
    corpus.refuse("exp_fraction_is_dropped", rule, &strict, &exp("1800000300.9").now(NOW + 300), TokenExpired);
    corpus.refuse(
        "nbf_fraction_is_rounded_up",
        rule,
        &strict,
        &bearer(&svid().claim("nbf", "1800000000.1").text()),
        TokenNotYetValid,
    );
    corpus.accept("exp_with_exponent", rule, &doc, &exp("1.8000003e9"));
    corpus.accept("exp_with_capital_exponent", rule, &doc, &exp("18000003E+2"));
    corpus.accept("exp_at_its_largest", rule, &doc, &exp("9007199254740991"));
    for claim in ["exp", "nbf", "iat"] {
        for (name, value) in [
            ("string", "\"1800000300\""),
            ("true", "true"),
            ("null", "null"),
            ("array", "[1800000300]"),
            ("object", "{}"),
            ("negative", "-1"),
            ("huge_exponent", "1e400"),
            ("infinite_exponent", "1E999999999999999999"),
            ("two_to_53", "9007199254740992"),
            ("two_to_64", "18446744073709551616"),
        ] {
            let name = format!("{claim}_{name}");
            corpus.refuse(
                &name,
                "RFC 7519 §2, CVE-2026-25537 (JWT-3, A17)",
                &doc,
                &bearer(&svid().claim(claim, value).text()),
                ClaimInvalid,
            );
        }
        for (name, value) in [
            ("nan", "NaN"),
            ("infinity", "Infinity"),
            ("leading_zero", "01800000300"),
            ("plus", "+1800000300"),
            ("hexadecimal", "0x6b49d2ac"),
            ("point_at_the_end", "1800000300."),
            ("point_at_the_start", ".5"),
            ("empty_exponent", "18e"),
        ] {
            let name = format!("{claim}_{name}");
            corpus.refuse(
                &name,
                "RFC 8259 §6 (JWT-3, A17)",
                &doc,
                &bearer(&svid().claim(claim, value).text()),
                TokenJson,
            );
        }
    }
    corpus.refuse("exp_absent", "JWT-SVID §3.3 (JSV-8)", &doc, &bearer(&svid().no_claim("exp").text()), ClaimMissing);
    let short = Doc::svid().trust(&[format!(
        r#"{{"trust_domain":"example.org","max_stale_seconds":60,"bundle":{{"keys":[{}]}}}}"#,
        svid_key("domain-p256")
    )]);
    corpus.steps(
        "bundle_too_old",
        "policy: max_stale_seconds",
        &short,
        vec![
            ask(&bearer(&svid().text()), accepted()),
            ask(&bearer(&svid().text()).now(NOW + 60), accepted()),
            ask(&bearer(&svid().text()).now(NOW + 61), refused(KeysStale)),
        ],
    );
}
