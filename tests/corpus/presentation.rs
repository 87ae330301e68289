//! RFC 6750 §2 and §3, RFC 9449 §7.1: how tokens are presented, and how refusals are answered.

use countersign::Reason;
use countersign::internal::limits;

use super::Corpus;
use crate::issuer::{NOW, PROOF_ALGORITHMS, SERVER, access, proof, q};
use crate::request::{Doc, Req, authorization, bare, bearer, dpop, issuer, set_key};

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("presentation");
    let doc = Doc::access();
    let token = access().text();
    let bound = access().bound_to_key("client-p256").text();
    let proven = proof(&bound).text();
    let rule = "RFC 6750 §2.1 (BR-2)";

    corpus.refuse("no_credential", "RFC 6750 §3 (BR-6)", &doc, &bare(), Reason::CredentialMissing);
    corpus.refuse("empty_authorization", rule, &doc, &authorization(""), Reason::CredentialMissing);
    corpus.refuse("blank_authorization", rule, &doc, &authorization(" \t "), Reason::CredentialMissing);
    corpus.refuse("basic", rule, &doc, &authorization("Basic YTpi"), Reason::SchemeUnsupported);
    corpus.refuse(
        "bearer_by_prefix",
        rule,
        &doc,
        &authorization(&format!("Bearers {token}")),
        Reason::SchemeUnsupported,
    );
    corpus.refuse("token_without_scheme", rule, &doc, &authorization(&token), Reason::SchemeUnsupported);
    corpus.refuse(
        "tab_after_scheme",
        rule,
        &doc,
        &authorization(&format!("Bearer\t{token}")),
        Reason::SchemeUnsupported,
    );
    // GHSA-gv94-wp4h-vv8p; what the engine makes of the tab is that the token is no base64url.
    corpus.refuse(
        "space_and_tab_after_scheme",
        "RFC 6750 §2.1: 1*SP (DP-15)",
        &doc,
        &authorization(&format!("Bearer \t{token}")),
        Reason::TokenEncoding,
    );
    corpus.refuse(
        "colon_after_scheme",
        rule,
        &doc,
        &authorization(&format!("Bearer: {token}")),
        Reason::SchemeUnsupported,
    );
    corpus.refuse("scheme_alone", rule, &doc, &authorization("Bearer"), Reason::TokenMalformed);
    corpus.refuse("dpop_scheme_alone", rule, &doc, &authorization("DPoP "), Reason::TokenMalformed);
    corpus.refuse("two_words_after_scheme", rule, &doc, &bearer(&format!("{token} x")), Reason::TokenEncoding);
    corpus.refuse("padding_after_token", rule, &doc, &bearer(&format!("{token}==")), Reason::TokenEncoding);
    corpus.refuse(
        "comma_joined",
        "RFC 6750 §2.1, RFC 9110 §5.3",
        &doc,
        &bearer(&format!("{token}, Bearer {token}")),
        Reason::CredentialRepeated,
    );
    corpus.refuse(
        "two_authorization_fields",
        "RFC 6750 §2 (BR-1, A30)",
        &doc,
        &bearer(&token).header("Authorization", &format!("Bearer {token}")),
        Reason::CredentialRepeated,
    );
    corpus.refuse(
        "bearer_and_dpop_fields",
        "RFC 9449 §7.2 (DP-19)",
        &doc,
        &bearer(&token).header("authorization", &format!("DPoP {token}")),
        Reason::CredentialRepeated,
    );
    let rule = "RFC 6750 §2.3 (BR-3)";
    corpus.refuse(
        "token_in_query",
        rule,
        &doc,
        &bare().uri("https://api.example/orders?access_token=abc"),
        Reason::SchemeUnsupported,
    );
    corpus.refuse(
        "token_in_header_and_query",
        "RFC 6750 §2 (BR-1)",
        &doc,
        &bearer(&token).uri("https://api.example/orders?access_token=abc"),
        Reason::CredentialRepeated,
    );
    corpus.refuse(
        "token_in_encoded_query_name",
        rule,
        &doc,
        &bearer(&token).uri("https://api.example/orders?a=1&acc%65ss_token=abc"),
        Reason::CredentialRepeated,
    );
    corpus.accept(
        "other_query_parameters",
        rule,
        &doc,
        &bearer(&token).uri("https://api.example/orders?token=abc&x_access_token=1"),
    );
    corpus.refuse(
        "token_too_large",
        "8725bis §3.13 (JWS-4)",
        &doc,
        &bearer(&"a".repeat(limits::TOKEN_BYTES + 1)),
        Reason::CredentialTooLarge,
    );
    corpus.refuse(
        "proof_too_large",
        "RFC 9449 §4.3, §7.1 (DP-20, JWS-4)",
        &doc,
        &dpop(&bound, &"a".repeat(limits::PROOF_BYTES + 1)),
        Reason::ProofTooLarge,
    );
    corpus.refuse(
        "two_proofs",
        "RFC 9449 §4.3 item 1, §7.1 (DP-1, DP-20)",
        &doc,
        &dpop(&bound, &proven).header("dpop", &proven),
        Reason::ProofRepeated,
    );
    corpus.refuse(
        "two_proofs_beside_an_unbound_token",
        "RFC 9449 §4.3 item 1, §7.1 (DP-1, DP-20)",
        &doc,
        &bearer(&token).header("dpop", "a").header("DPoP", "b"),
        Reason::ProofRepeated,
    );
    corpus.accept("scheme_in_capitals", "RFC 9110 §11.1", &doc, &authorization(&format!("BEARER {token}")));
    corpus.accept("scheme_in_small_letters", "RFC 9110 §11.1", &doc, &authorization(&format!("bearer {token}")));
    corpus.accept("several_spaces", "RFC 6750 §2.1: 1*SP", &doc, &authorization(&format!("Bearer   {token}")));
    corpus.accept("space_around_the_value", "RFC 9110 §5.5", &doc, &authorization(&format!(" \tBearer {token} \t")));
    corpus.accept(
        "header_name_in_capitals",
        "RFC 9110 §5.1",
        &doc,
        &bare().header("AUTHORIZATION", &format!("Bearer {token}")),
    );
    corpus.accept(
        "proof_header_name_in_capitals",
        "RFC 9110 §5.1",
        &doc,
        &bare().header("Authorization", &format!("dpop {bound}")).header("DPOP", &proven),
    );
    corpus.accept("proof_beside_an_unbound_token", "RFC 9449 §7.2", &doc, &bearer(&token).header("dpop", &proven));
    corpus.accept(
        "other_headers",
        "RFC 9110",
        &doc,
        &bearer(&token).header("proxy-authorization", "Bearer x").header("x-forwarded-host", "evil.example"),
    );
    corpus.refuse(
        "proxy_authorization_alone",
        "RFC 9449 §7.1 (DP-18)",
        &doc,
        &bare().header("proxy-authorization", &format!("DPoP {bound}")).header("dpop", &proven),
        Reason::CredentialMissing,
    );

    corpus.area("challenge");
    add_challenges(corpus);
    add_challenges_of_a_further_credential(corpus);
}

/// The challenge is about the credential that failed: its scope, its error under no other scheme than the one of a field without a scheme,
/// and its field, so that the client renews that token and not the one in `Authorization`.
fn add_challenges_of_a_further_credential(corpus: &mut Corpus) {
    const FIELD: &str = "x-user-token";
    let doc = Doc::access().credentials(
        r#"[{"name":"client","from":"authorization","accept":[{"kind":"at+jwt","scope":["orders:read"]}]},
            {"name":"user","from":{"header":"x-user-token"},
             "accept":[{"kind":"at+jwt","subjects":["bob"],"scope":["a"]},{"kind":"at+jwt","scope":["user:write","user:all"]}]}]"#,
    );
    let token = access();
    let bound = access().bound_to_key("client-p256").text();
    let proven = || dpop(&bound, &proof(&bound).text());
    let expired = access().claim("exp", &(NOW - 100).to_string()).text();
    let error = |word: &str, reason: Reason| format!(", error=\"{word}\", error_description=\"{reason} in {FIELD}\"");
    let challenges = |bearer: &str, dpop: &str| {
        [
            format!("Bearer realm=\"default\"{bearer}"),
            format!("DPoP realm=\"default\"{dpop}, algs=\"{PROOF_ALGORITHMS}\""),
        ]
    };
    let first = ", scope=\"a\"";
    let refused = ", scope=\"user:write user:all\"";
    let rule = "RFC 6750 §3, RFC 9449 §7.2: of the credential that failed";
    for (name, request, reason, values) in [
        (
            "further_expired",
            bearer(&token.text()).header(FIELD, &expired),
            Reason::TokenExpired,
            challenges(&error("invalid_token", Reason::TokenExpired), first),
        ),
        (
            "further_expired_beside_a_proof",
            proven().header(FIELD, &expired),
            Reason::TokenExpired,
            challenges(&error("invalid_token", Reason::TokenExpired), first),
        ),
        (
            "further_of_less_scope",
            bearer(&token.text()).header(FIELD, &token.text()),
            Reason::ScopeInsufficient,
            challenges(&format!("{}{refused}", error("insufficient_scope", Reason::ScopeInsufficient)), refused),
        ),
        ("further_missing", bearer(&token.text()), Reason::CredentialMissing, challenges(first, first)),
        (
            "further_twice",
            bearer(&token.text()).header(FIELD, &token.text()).header(FIELD, &token.text()),
            Reason::CredentialRepeated,
            challenges(
                &error("invalid_request", Reason::CredentialRepeated),
                &error("invalid_request", Reason::CredentialRepeated),
            ),
        ),
    ] {
        let headers: Vec<(&str, &str)> = values.iter().map(|value| ("www-authenticate", value.as_str())).collect();
        corpus.answer(name, rule, &doc, &request, reason, &headers);
    }
    let proof_demanded = doc.clone().member("binding", r#"{"require":"dpop"}"#);
    let only = challenges("", &error("invalid_token", Reason::TokenExpired));
    corpus.answer(
        "further_expired_where_only_dpop_is_taken",
        rule,
        &proof_demanded,
        &proven().header(FIELD, &expired),
        Reason::TokenExpired,
        &[("www-authenticate", only[1].as_str())],
    );
    // What fails after the further credential is again about the first.
    let unproven = bearer(&bound).header(FIELD, &access().claim("scope", "\"user:write user:all\"").text());
    let missing = format!(", error=\"invalid_dpop_proof\", error_description=\"{}\"", Reason::ProofMissing);
    let values = challenges(", scope=\"orders:read\"", &missing);
    let headers: Vec<(&str, &str)> = values.iter().map(|value| ("www-authenticate", value.as_str())).collect();
    corpus.answer("further_good_and_first_without_proof", rule, &doc, &unproven, Reason::ProofMissing, &headers);
}

fn add_challenges(corpus: &mut Corpus) {
    let token = access();
    let bound = access().bound_to_key("client-p256").text();
    let expired = token.clone().claim("exp", &(NOW - 100).to_string()).text();
    let both = |error: &str, on_bearer: bool| {
        let (bearer, dpop) = if on_bearer { (error, "") } else { ("", error) };
        [
            format!("Bearer realm=\"default\"{bearer}"),
            format!("DPoP realm=\"default\"{dpop}, algs=\"{PROOF_ALGORITHMS}\""),
        ]
    };
    let mut answer = |name: &str, rule: &str, doc: &Doc, request: &Req, reason: Reason, values: &[String]| {
        let headers: Vec<(&str, &str)> = values.iter().map(|value| ("www-authenticate", value.as_str())).collect();
        corpus.answer(name, rule, doc, request, reason, &headers);
    };
    let doc = Doc::access();
    answer(
        "no_error_without_credential",
        "RFC 6750 §3.1, RFC 9449 §7.2 (BR-5, BR-6)",
        &doc,
        &bare(),
        Reason::CredentialMissing,
        &both("", true),
    );
    answer(
        "no_error_for_another_scheme",
        "RFC 6750 §3.1 (BR-6)",
        &doc,
        &authorization("Basic YTpi"),
        Reason::SchemeUnsupported,
        &both("", true),
    );
    let error = |word: &str, reason: Reason| format!(", error=\"{word}\", error_description=\"{reason}\"");
    answer(
        "error_on_bearer",
        "RFC 6750 §3.1, RFC 9449 §7.2 (DP-21)",
        &doc,
        &bearer(&expired),
        Reason::TokenExpired,
        &both(&error("invalid_token", Reason::TokenExpired), true),
    );
    answer(
        "error_on_dpop",
        "RFC 9449 §7.1, §7.2 (DP-21)",
        &doc,
        &authorization(&format!("DPoP {expired}")),
        Reason::TokenExpired,
        &both(&error("invalid_token", Reason::TokenExpired), false),
    );
    answer(
        "missing_proof_is_the_dpop_challenge",
        "RFC 9449 §7.1 (DP-20)",
        &doc,
        &bearer(&bound),
        Reason::ProofMissing,
        &both(&error("invalid_dpop_proof", Reason::ProofMissing), false),
    );
    let ambiguous = error("invalid_request", Reason::CredentialRepeated);
    let twice = [
        format!("Bearer realm=\"default\"{ambiguous}"),
        format!("DPoP realm=\"default\"{ambiguous}, algs=\"{PROOF_ALGORITHMS}\""),
    ];
    answer(
        "two_credentials_challenge_both",
        "RFC 9449 §7.2 figure 19 (DP-19)",
        &doc,
        &bearer(&bound).header("authorization", "DPoP x"),
        Reason::CredentialRepeated,
        &twice,
    );
    let query = bearer(&bound).uri("https://api.example/orders?access_token=abc");
    for (name, request) in [
        ("header_and_query_challenge_both", &query),
        ("dpop_and_query_challenge_both", &authorization(&format!("DPoP {bound}")).uri(&query.uri)),
        ("joined_credentials_challenge_both", &bearer(&format!("{bound}, DPoP {bound}"))),
    ] {
        let rule = "RFC 9449 §7.2 figure 19, RFC 6750 §2 (DP-19, BR-1)";
        answer(name, rule, &doc, request, Reason::CredentialRepeated, &twice);
    }
    let proven = proof(&bound).text();
    let deep = format!("{}{}", "[".repeat(16), "]".repeat(16));
    for (name, request, reason) in [
        ("two_proofs_are_an_invalid_proof", dpop(&bound, &proven).header("dpop", &proven), Reason::ProofRepeated),
        ("two_proofs_under_bearer", bearer(&bound).header("dpop", "a").header("dpop", "b"), Reason::ProofRepeated),
        ("long_proof_is_an_invalid_proof", dpop(&bound, &"a".repeat(limits::PROOF_BYTES + 1)), Reason::ProofTooLarge),
        (
            "deep_proof_is_an_invalid_proof",
            dpop(&bound, &proof(&bound).claim("x", &deep).text()),
            Reason::ProofTooLarge,
        ),
    ] {
        let rule = "RFC 9449 §7.1: \"invalid_dpop_proof\" (DP-20)";
        answer(name, rule, &doc, &request, reason, &both(&error("invalid_dpop_proof", reason), false));
    }
    let certificate_only = doc.clone().member("binding", r#"{"require":"mtls"}"#);
    answer(
        "a_proof_error_is_on_the_dpop_challenge",
        "RFC 9449 §7.1 (DP-20)",
        &certificate_only,
        &bearer(&access().bound_to_both("client-p256", "client").text()).certificate("client"),
        Reason::ProofMissing,
        &both(&error("invalid_dpop_proof", Reason::ProofMissing), false),
    );
    let wrong_key = proof(&bound).key("client-other-p256").text();
    answer(
        "binding_mismatch_is_invalid_token",
        "RFC 9449 §7.1 figure 16",
        &doc,
        &dpop(&bound, &wrong_key),
        Reason::ProofKeyMismatch,
        &both(&error("invalid_token", Reason::ProofKeyMismatch), false),
    );
    let scoped = doc.clone().member("scope", r#"["orders:admin"]"#);
    answer(
        "insufficient_scope_names_the_scope",
        "RFC 6750 §3.1 (BR-6)",
        &scoped,
        &bearer(&token.text()),
        Reason::ScopeInsufficient,
        &[
            "Bearer realm=\"default\", error=\"insufficient_scope\", error_description=\"scope_insufficient\", scope=\"orders:admin\"".to_owned(),
            format!("DPoP realm=\"default\", scope=\"orders:admin\", algs=\"{PROOF_ALGORITHMS}\""),
        ],
    );
    let other = "https://other-as.example";
    let entries = format!(
        r#"[{{"kind":"at+jwt","issuer":{},"scope":["a"]}},{{"kind":"at+jwt","issuer":{},"scope":["b","c"]}}]"#,
        q(other),
        q(SERVER)
    );
    let by_issuer = doc
        .clone()
        .trust(&[issuer(SERVER, &[set_key("server-p256")]), issuer(other, &[set_key("other-server-p256")])])
        .accept(&entries);
    answer(
        "insufficient_scope_names_that_of_the_entry_that_refused",
        "RFC 6750 §3: \"the required scope of the access token\" (BR-5)",
        &by_issuer,
        &bearer(&token.text()),
        Reason::ScopeInsufficient,
        &[
            "Bearer realm=\"default\", error=\"insufficient_scope\", error_description=\"scope_insufficient\", scope=\"b c\"".to_owned(),
            format!("DPoP realm=\"default\", scope=\"b c\", algs=\"{PROOF_ALGORITHMS}\""),
        ],
    );
    answer(
        "another_issuer_is_invalid_token",
        "RFC 9068 §4, RFC 6750 §3.1 (AT-8)",
        &by_issuer.clone().accept(&format!(r#"[{{"kind":"at+jwt","issuer":{}}}]"#, q(other))),
        &bearer(&token.text()),
        Reason::IssuerRefused,
        &both(&error("invalid_token", Reason::IssuerRefused), true),
    );
    let settings = doc.clone().member("challenge", r#"{"realm":"shop orders","resource_metadata":"https://api.example/.well-known/oauth-protected-resource","hide_description":true}"#);
    let metadata = "resource_metadata=\"https://api.example/.well-known/oauth-protected-resource\"";
    answer(
        "realm_metadata_and_hidden_description",
        "RFC 9728 §5.1 (PRM-1), BR-7",
        &settings,
        &bearer(&expired),
        Reason::TokenExpired,
        &[
            format!("Bearer realm=\"shop orders\", error=\"invalid_token\", {metadata}"),
            format!("DPoP realm=\"shop orders\", algs=\"{PROOF_ALGORITHMS}\", {metadata}"),
        ],
    );
    let narrow =
        doc.clone().member("binding", r#"{"require":"dpop"}"#).member("dpop", r#"{"algorithms":["ES256","PS256"]}"#);
    answer(
        "dpop_only_names_its_algorithms",
        "RFC 9449 §7.1 figure 15 (DP-20)",
        &narrow,
        &bare(),
        Reason::CredentialMissing,
        &["DPoP realm=\"default\", algs=\"PS256 ES256\"".to_owned()],
    );
    answer(
        "dpop_only_tells_a_bearer_what_was_wrong",
        "RFC 9449 §7.1 figure 16 (DP-20)",
        &narrow,
        &bearer(&token.text()),
        Reason::BindingRequired,
        &["DPoP realm=\"default\", error=\"invalid_token\", error_description=\"binding_required\", algs=\"PS256 ES256\""
            .to_owned()],
    );
    let mtls = doc.clone().member("binding", r#"{"require":"mtls"}"#);
    answer(
        "mtls_only_has_no_dpop_challenge",
        "RFC 8705 §3",
        &mtls,
        &bearer(&token.text()),
        Reason::BindingRequired,
        &["Bearer realm=\"default\", error=\"invalid_token\", error_description=\"binding_required\"".to_owned()],
    );
    answer(
        "our_faults_have_no_challenge",
        "RFC 9110 §15.6.4",
        &doc.clone().trust(&[r#"{"issuer":"https://as.example"}"#.to_owned()]),
        &bearer(&token.text()),
        Reason::KeysStale,
        &[],
    );
    let evil = token
        .clone()
        .claim("sub", r#""alice\" , error=\"none\r\nset-cookie: a=b""#)
        .claim("exp", &(NOW - 100).to_string())
        .text();
    answer(
        "nothing_of_the_token_is_echoed",
        "RFC 6750 §3, A34",
        &doc,
        &bearer(&evil),
        Reason::TokenExpired,
        &both(&error("invalid_token", Reason::TokenExpired), true),
    );
}
