//! Access tokens by RFC 9068, and the delegation chain of RFC 8693 §4.1 in them.

use countersign::Reason::{
    AudienceMismatch, ClaimInvalid, ClaimMissing, IssuerRefused, KeyUnknown, LimitExceeded, ScopeInsufficient,
    SubjectRefused, TokenExpired, TypNotAccepted,
};

use super::Corpus;
use crate::issuer::{NOW, SERVER, access, q};
use crate::request::{Doc, bearer, issuer, set_key};

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("access_token");
    let doc = Doc::access();
    let token = access();
    let rule = "RFC 9068 §4 (AT-1, D6)";
    for (name, typ) in [
        ("application", "application/at+jwt"),
        ("capital", "at+JWT"),
        ("all_capitals", "AT+JWT"),
        ("application_capital", "Application/AT+JWT"),
        ("escaped_plus", "at\\u002bjwt"),
        ("escaped_slash", "application\\/at+jwt"),
        ("escaped_throughout", "\\u0061pplication\\u002f\\u0041T+jwt"),
    ] {
        corpus.accept(&format!("typ_{name}"), rule, &doc, &bearer(&token.clone().header("typ", &q(typ)).text()));
    }
    for (name, typ) in [
        ("jwt", "JWT"),
        ("jose", "JOSE"),
        ("dpop_jwt", "dpop+jwt"),
        ("empty", ""),
        ("space", "at+jwt "),
        ("parameter", "at+jwt;v=1"),
        ("other_tree", "application/jwt"),
        ("text_tree", "text/at+jwt"),
        ("application_twice", "application/application/at+jwt"),
        ("slash_inside", "application/at/jwt"),
        ("nul", "at+jwt\\u0000"),
        ("logout", "logout+jwt"),
    ] {
        corpus.refuse(
            &format!("typ_{name}"),
            rule,
            &doc,
            &bearer(&token.clone().header("typ", &q(typ)).text()),
            TypNotAccepted,
        );
    }
    corpus.refuse("typ_absent", rule, &doc, &bearer(&token.clone().no_header("typ").text()), TypNotAccepted);
    for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        corpus.refuse(
            &format!("{claim}_absent"),
            "RFC 9068 §2.2 (AT-6)",
            &doc,
            &bearer(&token.clone().no_claim(claim).text()),
            ClaimMissing,
        );
    }
    for claim in ["iss", "sub", "client_id", "jti", "scope"] {
        for (name, value) in
            [("number", "7"), ("null", "null"), ("array", "[\"a\"]"), ("object", "{}"), ("true", "true")]
        {
            corpus.refuse(
                &format!("{claim}_{name}"),
                "RFC 9068 §2.2, CVE-2026-25537 (AT-6)",
                &doc,
                &bearer(&token.clone().claim(claim, value).text()),
                ClaimInvalid,
            );
        }
    }
    for (name, value) in [
        ("empty_array", "[]"),
        ("empty_string", "\"\""),
        ("null", "null"),
        ("number", "1"),
        ("nested", "[[\"https://api.example\"]]"),
    ] {
        corpus.refuse(
            &format!("aud_{name}"),
            "RFC 9068 §4 (AT-4, A19)",
            &doc,
            &bearer(&token.clone().claim("aud", value).text()),
            ClaimInvalid,
        );
    }
    corpus.refuse(
        "aud_of_a_sibling",
        "RFC 9068 §5 (AT-4)",
        &doc,
        &bearer(&token.clone().claim("aud", "\"https://api2.example\"").text()),
        AudienceMismatch,
    );
    corpus.refuse(
        "aud_is_the_client",
        "RFC 9068 §4 (AT-4)",
        &doc,
        &bearer(&token.clone().claim("aud", "\"shop\"").text()),
        AudienceMismatch,
    );
    corpus.refuse("expired", "RFC 9068 §4 (AT-5)", &doc, &bearer(&token.text()).now(NOW + 330), TokenExpired);
    let id_token = token.clone().header("typ", "\"JWT\"").claim("nonce", "\"n\"").claim("aud", "\"shop\"");
    corpus.refuse("id_token", "RFC 9068 §5, RFC 8725 §3.11 (AT-1)", &doc, &bearer(&id_token.text()), TypNotAccepted);
    corpus.refuse(
        "of_an_issuer_without_keys",
        "RFC 9068 §4",
        &doc.clone().trust(&[issuer(SERVER, &[])]),
        &bearer(&token.text()),
        KeyUnknown,
    );

    let rule = "RFC 6750 §3.1, RFC 8693 §4.2 (AT-9)";
    let needs = |scope: &str| doc.clone().accept(&format!(r#"[{{"kind":"at+jwt","scope":{scope}}}]"#));
    let request = bearer(&token.text());
    corpus.accept("scope_granted", rule, &needs(r#"["orders:read"]"#), &request);
    corpus.accept("scope_both_granted", rule, &needs(r#"["orders:write","orders:read"]"#), &request);
    for (name, scope) in [
        ("one_lacking", r#"["orders:read","orders:admin"]"#),
        ("prefix", r#"["orders:rea"]"#),
        ("longer", r#"["orders:read2"]"#),
        ("other_case", r#"["Orders:read"]"#),
    ] {
        corpus.refuse(&format!("scope_{name}"), rule, &needs(scope), &request, ScopeInsufficient);
    }
    let one = needs(r#""orders:read""#);
    corpus.refuse("scope_absent", rule, &one, &bearer(&token.clone().no_claim("scope").text()), ScopeInsufficient);
    corpus.refuse("scope_empty", rule, &one, &bearer(&token.clone().claim("scope", "\"\"").text()), ScopeInsufficient);
    corpus.refuse(
        "scope_separated_by_commas",
        rule,
        &one,
        &bearer(&token.clone().claim("scope", "\"orders:read,orders:write\"").text()),
        ScopeInsufficient,
    );
    corpus.refuse(
        "scope_separated_by_tabs",
        rule,
        &one,
        &bearer(&token.clone().claim("scope", "\"orders:read\\torders:write\"").text()),
        ScopeInsufficient,
    );
    corpus.accept(
        "scope_with_odd_spaces",
        rule,
        &one,
        &bearer(&token.clone().claim("scope", "\" a  orders:read \"").text()),
    );

    let rule = "policy: issuer, subjects";
    let other = "https://other-as.example";
    let two = Doc::new(
        &[issuer(SERVER, &[set_key("server-p256")]), issuer(other, &[set_key("other-server-p256")])],
        &format!(r#"[{{"kind":"at+jwt","issuer":{}}}]"#, q(SERVER)),
    );
    corpus.accept("issuer_of_the_entry", rule, &two, &request);
    corpus.refuse(
        "issuer_of_another_entry",
        "RFC 9068 §4, policy: issuer (AT-8)",
        &two,
        &bearer(&token.clone().claim("iss", &q(other)).key("other-server-p256").text()),
        IssuerRefused,
    );
    let only = |subject: &str| doc.clone().member("subjects", &format!("[{}]", q(subject)));
    corpus.accept("subject_listed", rule, &only("alice"), &request);
    corpus.refuse("subject_not_listed", rule, &only("bob"), &request, SubjectRefused);
    corpus.refuse("subject_by_prefix", rule, &only("alic"), &request, SubjectRefused);
    let alternatives = doc.clone().accept(
        r#"[{"kind":"at+jwt","subjects":["bob"]},{"kind":"at+jwt","subjects":["alice"],"scope":["orders:read"]}]"#,
    );
    corpus.accept("second_entry_lets_in", rule, &alternatives, &request);

    corpus.area("actor");
    let rule = "RFC 8693 §4.1";
    let acting = |depth: usize| {
        let chain = (0..depth).fold(String::new(), |inner, n| {
            let inner = if inner.is_empty() { inner } else { format!(",\"act\":{inner}") };
            format!("{{\"sub\":\"actor-{n}\"{inner}}}")
        });
        bearer(&access().claim("act", &chain).text())
    };
    corpus.accept("one_actor", rule, &doc, &acting(1));
    corpus.accept("actors_at_the_limit", rule, &doc, &acting(8));
    corpus.refuse("actors_past_the_limit", rule, &doc, &acting(9), LimitExceeded);
    for (name, value) in [
        ("string", "\"bob\""),
        ("null", "null"),
        ("array", "[]"),
        ("subject_number", "{\"sub\":1}"),
        ("issuer_number", "{\"sub\":\"a\",\"iss\":1}"),
        ("inner_string", "{\"sub\":\"a\",\"act\":\"b\"}"),
        ("inner_null", "{\"sub\":\"a\",\"act\":null}"),
        ("inner_subject_number", "{\"sub\":\"a\",\"act\":{\"sub\":2}}"),
    ] {
        corpus.refuse(
            &format!("act_{name}"),
            rule,
            &doc,
            &bearer(&token.clone().claim("act", value).text()),
            ClaimInvalid,
        );
    }
    corpus.accept(
        "times_inside_act_have_no_effect",
        rule,
        &doc,
        &bearer(&token.clone().claim("act", "{\"sub\":\"a\",\"exp\":1,\"aud\":\"x\"}").text()),
    );
}
