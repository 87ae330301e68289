//! Policies that ask for several credentials, tie them, and hand claims to hosts.

use countersign::Reason::{
    AudienceMismatch, CredentialMissing, CredentialRepeated, CredentialTooLarge, CredentialsUntied, LimitExceeded,
    ProofMissing, ProofRepeated, SchemeUnsupported, SignatureInvalid, TokenEncoding, TokenExpired, TokenMalformed,
    TypNotAccepted,
};
use serde_json::{Value, json};

use super::{Corpus, accepted, ask, refused};
use crate::issuer::{DOMAIN, NOW, PLAIN, SERVER, access, b64, plain, proof, q, svid};
use crate::request::{Doc, Req, authorization, bare, bearer, domain, dpop, issuer, set_key, svid_key};

/// An SVID of the workload in `Authorization`, and beside it the access token of the user.
fn doc() -> Doc {
    let trust = [
        domain(DOMAIN, &[svid_key("domain-p256")]),
        issuer(SERVER, &[set_key("server-p256")]),
        issuer(PLAIN, &[set_key("plain-p256")]),
    ];
    Doc::new(&trust, "[]").credentials(
        r#"[{"name":"workload","from":"authorization","accept":["jwt-svid"]},
            {"name":"user","from":{"header":"x-user-token"},"accept":["at+jwt"]}]"#,
    )
}

fn both() -> Req {
    bearer(&svid().text()).header("X-User-Token", &access().text())
}

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("credentials");
    add_places(corpus);
    add_ties(corpus);
    add_attributes(corpus);
    add_schemes(corpus);
    add_cookies(corpus);
    add_protocols(corpus);
    add_anonymous(corpus);
}

/// An access token at this place.
fn at(from: &str, more: &str) -> Doc {
    Doc::access().credentials(&format!(r#"[{{"name":"client","from":{from},"accept":["at+jwt"]{more}}}]"#))
}

fn add_schemes(corpus: &mut Corpus) {
    let rule = "policy: credentials, from header with scheme (RFC 9110 §11.4)";
    let doc = at(r#"{"header":"x-auth","scheme":"Token"}"#, "");
    let token = access().text();
    let field = |value: &str| bare().header("X-Auth", value);
    for (name, value) in [("scheme", "Token "), ("scheme_in_other_case", "tOKEN "), ("scheme_and_spaces", "Token   ")] {
        corpus.accept(&format!("header_with_{name}"), rule, &doc, &field(&format!("{value}{token}")));
    }
    for (name, value, reason) in [
        ("another_scheme", format!("Bearer {token}"), SchemeUnsupported),
        ("no_scheme", token.clone(), SchemeUnsupported),
        ("a_longer_scheme", format!("Tokens {token}"), SchemeUnsupported),
        ("scheme_and_tab", format!("Token\t{token}"), SchemeUnsupported),
        ("nothing", String::new(), SchemeUnsupported),
        ("scheme_alone", "Token".to_owned(), TokenMalformed),
        ("scheme_and_two_tokens", format!("Token {token}, {token}"), CredentialRepeated),
        ("scheme_and_a_long_token", format!("Token {}", "a".repeat(16 * 1024 + 1)), CredentialTooLarge),
    ] {
        corpus.refuse(&format!("header_with_{name}"), rule, &doc, &field(&value), reason);
    }
    corpus.refuse("header_with_scheme_absent", rule, &doc, &bearer(&token), CredentialMissing);
    let in_query = field(&format!("Token {token}")).uri("https://api.example/orders?access_token=x");
    corpus.refuse("header_with_scheme_and_a_token_in_the_query", rule, &doc, &in_query, CredentialRepeated);
}

fn add_cookies(corpus: &mut Corpus) {
    let rule = "policy: credentials, from cookie (RFC 6265 §4.2.1)";
    let doc = at(r#"{"cookie":"__Host-token"}"#, "");
    let token = access().text();
    let cookie = |value: &str| bare().header("Cookie", &value.replace('%', &token));
    for (name, value) in [
        ("alone", "__Host-token=%"),
        ("first", "__Host-token=%; a=1"),
        ("last_without_spaces", "a=1;b=\"2\";__Host-token=%"),
        ("among_odd_ones", "a; =; ;; b==; __Host-token=% ; c"),
        ("beside_one_in_other_case", "__host-token=x; __Host-token=%"),
        ("beside_a_longer_name", "__Host-tokens=x; x__Host-token=y; __Host-token=%"),
    ] {
        corpus.accept(&format!("cookie_{name}"), rule, &doc, &cookie(value));
    }
    for (name, value, reason) in [
        ("twice", "__Host-token=%; __Host-token=%", CredentialRepeated),
        ("twice_and_one_empty", "__Host-token=; __Host-token=%", CredentialRepeated),
        ("twice_and_spaces", "__Host-token=%; __Host-token =%", CredentialRepeated),
        ("in_other_case", "__host-token=%", CredentialMissing),
        ("without_value", "__Host-token", CredentialMissing),
        ("of_another_value", "a=__Host-token=%", CredentialMissing),
        ("empty", "__Host-token=", TokenMalformed),
        ("in_quotes", "__Host-token=\"%\"", TokenEncoding),
        ("with_bearer", "__Host-token=Bearer %", TokenEncoding),
    ] {
        corpus.refuse(&format!("cookie_{name}"), rule, &doc, &cookie(value), reason);
    }
    corpus.refuse("cookie_absent", rule, &doc, &bearer(&token), CredentialMissing);
    let long = cookie(&format!("__Host-token={}", "a".repeat(16 * 1024 + 1)));
    corpus.refuse("cookie_too_large", rule, &doc, &long, CredentialTooLarge);
    let bound = access().bound_to_key("client-p256").text();
    let request = bare().header("cookie", &format!("__Host-token={bound}"));
    corpus.refuse("cookie_with_a_bound_token", rule, &doc, &request, ProofMissing);
    corpus.steps(
        "cookie_cached",
        rule,
        &doc,
        vec![ask(&cookie("__Host-token=%"), cached("miss")), ask(&cookie("a=1; __Host-token=%"), cached("hit"))],
    );
}

fn cached(tier: &str) -> Value {
    json!({ "decision": "accept", "status": 200, "cache": tier })
}

fn add_protocols(corpus: &mut Corpus) {
    let rule = "policy: credentials, from websocket_protocol (RFC 6455 §11.3.4)";
    let token = access().text();
    let request = |value: &str| bare().header("Sec-WebSocket-Protocol", value);
    let plain = at(r#"{"websocket_protocol":"bearer."}"#, "");
    corpus.accept("protocol_alone", rule, &plain, &request(&format!("bearer.{token}")));
    corpus.accept("protocol_among_others", rule, &plain, &request(&format!("v2.chat , bearer.{token},chat")));
    let coded = at(r#"{"websocket_protocol":"base64url.bearer.authorization.k8s.io."}"#, "");
    let prefix = "base64url.bearer.authorization.k8s.io.";
    let encoded = b64(token.as_bytes());
    let both = format!("{prefix}{encoded}, base64.binary.k8s.io");
    corpus.steps(
        "protocol_of_kubernetes",
        rule,
        &coded,
        vec![ask(&request(&both), cached("miss")), ask(&request(&both), cached("hit"))],
    );
    for (name, doc, value, reason) in [
        ("twice", &plain, format!("bearer.{token}, bearer.{token}"), CredentialRepeated),
        ("of_another_prefix", &plain, format!("Bearer.{token}, chat"), CredentialMissing),
        ("alone_without_a_token", &plain, "bearer.".to_owned(), TokenMalformed),
        ("too_large", &plain, format!("bearer.{}", "a".repeat(16 * 1024 + 1)), CredentialTooLarge),
        ("of_kubernetes_not_encoded", &coded, format!("{prefix}{token}"), TokenEncoding),
        ("of_kubernetes_with_padding", &coded, format!("{prefix}{}=", b64(b"ab")), TokenEncoding),
        ("of_kubernetes_without_a_token", &coded, prefix.to_owned(), TokenMalformed),
        ("of_kubernetes_too_large", &coded, format!("{prefix}{}", b64(&[b'a'; 16 * 1024 + 1])), CredentialTooLarge),
    ] {
        corpus.refuse(&format!("protocol_{name}"), rule, doc, &request(&value), reason);
    }
    corpus.refuse("protocol_absent", rule, &plain, &bearer(&token), CredentialMissing);
    let twice = request(&format!("bearer.{token}")).header("sec-websocket-protocol", "chat");
    corpus.refuse("protocol_in_two_fields", rule, &plain, &twice, CredentialRepeated);
    // What one request was given to decode is nothing to the next.
    let two = Doc::access().credentials(&format!(
        r#"[{{"name":"client","from":{{"websocket_protocol":"{prefix}"}},"accept":["at+jwt"]}},
            {{"name":"second","from":{{"websocket_protocol":"base64url.second."}},"accept":["at+jwt"],"required":false}}]"#
    ));
    let second = b64(access().claim("jti", "\"at-2\"").text().as_bytes());
    let with_both = request(&format!("{prefix}{encoded}, base64url.second.{second}"));
    let alone = request(&format!("{prefix}{encoded}"));
    let one = kinds(json!({ "client": "at+jwt" }));
    let all = kinds(json!({ "client": "at+jwt", "second": "at+jwt" }));
    let steps = vec![ask(&with_both, all.clone()), ask(&alone, one), ask(&with_both, all)];
    corpus.steps("protocol_of_two_encoded_tokens", rule, &two, steps);
}

fn add_anonymous(corpus: &mut Corpus) {
    let rule = "policy: credentials, required";
    let nobody = || json!({ "decision": "accept", "status": 200, "cache": "none", "credentials": {} });
    let token = access().text();
    let optional = at("\"authorization\"", r#","required":false"#).member("attributes", r#"{"who":"/sub"}"#);
    let steps = vec![
        ask(&bare(), {
            let mut expect = nobody();
            expect["attributes"] = json!({});
            expect
        }),
        ask(&bearer(&token), kinds(json!({ "client": "at+jwt" }))),
        ask(&bare(), nobody()),
    ];
    corpus.steps("anonymous", rule, &optional, steps);
    let forged = bearer(&access().forged_by("client-p256").text());
    corpus.refuse("anonymous_is_not_whose_token_is_refused", rule, &optional, &forged, SignatureInvalid);
    corpus.refuse("anonymous_is_not_an_empty_field", rule, &optional, &authorization(""), CredentialMissing);
    corpus.refuse("anonymous_is_not_another_scheme", rule, &optional, &authorization("Basic YTpi"), SchemeUnsupported);
    let twice = bearer(&token).header("authorization", &format!("Bearer {token}"));
    corpus.refuse("anonymous_is_not_two_fields", rule, &optional, &twice, CredentialRepeated);
    let in_query = bare().uri("https://api.example/orders?access_token=x");
    corpus.refuse("anonymous_is_not_a_token_in_the_query", rule, &optional, &in_query, SchemeUnsupported);
    let two_proofs = bare().header("dpop", "a").header("dpop", "b");
    corpus.refuse("anonymous_with_two_proofs", rule, &optional, &two_proofs, ProofRepeated);
    let cookie = at(r#"{"cookie":"token"}"#, r#","required":false"#);
    corpus.steps("anonymous_without_the_cookie", rule, &cookie, vec![ask(&bare().header("cookie", "a=1"), nobody())]);
    corpus.refuse(
        "anonymous_is_not_an_empty_cookie",
        rule,
        &cookie,
        &bare().header("cookie", "token="),
        TokenMalformed,
    );
    let beside = doc().credentials(
        r#"[{"name":"user","from":"authorization","accept":["at+jwt"],"required":false},
            {"name":"workload","from":{"header":"x-workload"},"accept":["jwt-svid"]}]"#,
    );
    let request = bare().header("x-workload", &svid().text());
    let steps = vec![
        ask(&request, kinds(json!({ "workload": "jwt-svid" }))),
        ask(
            &bearer(&token).header("x-workload", &svid().text()),
            kinds(json!({ "user": "at+jwt", "workload": "jwt-svid" })),
        ),
        ask(&request, kinds(json!({ "workload": "jwt-svid" }))),
    ];
    corpus.steps("anonymous_beside_a_workload", rule, &beside, steps);
    corpus.refuse("anonymous_without_the_workload", rule, &beside, &bare(), CredentialMissing);
}

fn kinds(kinds: Value) -> Value {
    json!({ "decision": "accept", "status": 200, "credentials": kinds })
}

fn add_places(corpus: &mut Corpus) {
    let rule = "policy: credentials";
    let doc = doc();
    let expect = kinds(json!({ "workload": "jwt-svid", "user": "at+jwt" }));
    corpus.steps("two_of_two", rule, &doc, vec![ask(&both(), expect.clone())]);
    let mut hit = expect;
    hit["cache"] = "hit".into();
    corpus.steps("two_of_two_cached", rule, &doc, vec![ask(&both(), accepted()), ask(&both(), hit)]);
    corpus.refuse("second_missing", rule, &doc, &bearer(&svid().text()), CredentialMissing);
    corpus.refuse("first_missing", rule, &doc, &bare().header("x-user-token", &access().text()), CredentialMissing);
    let twice = both().header("x-user-token", &access().text());
    corpus.refuse("second_twice", rule, &doc, &twice, CredentialRepeated);
    let swapped = bearer(&access().text()).header("x-user-token", &svid().text());
    corpus.refuse("swapped", rule, &doc, &swapped, TypNotAccepted);
    let forged = bearer(&svid().text()).header("x-user-token", &access().forged_by("client-p256").text());
    corpus.refuse("second_forged", rule, &doc, &forged, SignatureInvalid);
    let old = access().claim("exp", &(NOW - 30).to_string()).text();
    corpus.refuse("second_expired", rule, &doc, &bearer(&svid().text()).header("x-user-token", &old), TokenExpired);
    let elsewhere = access().claim("aud", "\"https://other.example\"").text();
    let request = bearer(&svid().text()).header("x-user-token", &elsewhere);
    corpus.refuse("second_for_another_audience", rule, &doc, &request, AudienceMismatch);
    corpus.steps(
        "second_expired_since_it_was_cached",
        rule,
        &doc,
        vec![ask(&both(), accepted()), ask(&both().now(NOW + 331), refused(TokenExpired))],
    );
    let bound = access().bound_to_key("client-p256").text();
    let request = dpop(&bound, &proof(&bound).text()).header("x-user-token", &svid().text());
    let turned = doc.clone().credentials(
        r#"[{"name":"user","from":"authorization","accept":["at+jwt"]},
            {"name":"workload","from":{"header":"x-workload"},"accept":["jwt-svid"],"required":false}]"#,
    );
    corpus.steps(
        "bound_first_without_the_optional",
        rule,
        &turned,
        vec![ask(&request, kinds(json!({ "user": "at+jwt" })))],
    );
    // Without the proof, that the second is good does not help.
    let unproven = bearer(&bound).header("x-workload", &svid().text());
    corpus.refuse("bound_first_without_proof", rule, &turned, &unproven, ProofMissing);

    let own = doc.clone().credentials(r#"[{"name":"user","from":{"header":"x-user-token"},"accept":["at+jwt"]}]"#);
    corpus.accept("only_one_in_a_field_of_its_own", rule, &own, &bare().header("x-user-token", &access().text()));
    corpus.refuse("only_one_and_absent", rule, &own, &bearer(&access().text()), CredentialMissing);

    let four = doc.clone().credentials(
        r#"[{"name":"a","from":"authorization","accept":["jwt-svid"]},
            {"name":"b","from":{"header":"x-b"},"accept":["at+jwt"]},
            {"name":"c","from":{"header":"x-c"},"accept":[{"kind":"jwt","issuer":"https://plain.example"}]},
            {"name":"d","from":{"header":"x-d"},"accept":["jwt-svid"],"required":false}]"#,
    );
    let request = bearer(&svid().text()).header("x-b", &access().text()).header("x-c", &plain().text());
    let three = json!({ "a": "jwt-svid", "b": "at+jwt", "c": "jwt" });
    corpus.steps("three_of_four", rule, &four, vec![ask(&request, kinds(three))]);
    let all = json!({ "a": "jwt-svid", "b": "at+jwt", "c": "jwt", "d": "jwt-svid" });
    let request = request.header("x-d", &svid().text());
    corpus.steps("four_of_four", rule, &four, vec![ask(&request, kinds(all.clone())), ask(&request, kinds(all))]);
    // In a cache of a few entries, what the later credentials add must not displace the earlier ones of the same request.
    let small = four.clone().memory(r#"{"token_cache_bytes":2048}"#);
    corpus.steps(
        "four_of_four_in_a_small_cache",
        rule,
        &small,
        vec![ask(&request, accepted()), ask(&request, accepted())],
    );
}

fn add_ties(corpus: &mut Corpus) {
    let rule = "policy: tie";
    let tied = |left: &str, right: &str| {
        doc().member("tie", &format!(r#"[{{"left":"workload:{left}","is":"equal","right":"user:{right}"}}]"#))
    };
    let request = |workload: &[(&str, &str)], user: &[(&str, &str)]| {
        let with = |token: crate::issuer::Token, claims: &[(&str, &str)]| {
            claims.iter().fold(token, |token, (name, value)| token.claim(name, value)).text()
        };
        bearer(&with(svid(), workload)).header("x-user-token", &with(access(), user))
    };
    for (name, left, right, is_tied) in [
        ("strings", "\"a\"", "\"a\"", true),
        ("other_strings", "\"a\"", "\"b\"", false),
        ("an_escape", "\"a\"", r#""\u0061""#, true),
        ("other_case", "\"a\"", "\"A\"", false),
        ("numbers", "7", "7", true),
        ("number_and_string", "7", "\"7\"", false),
        ("true_and_its_word", "true", "\"true\"", false),
        ("empty_strings", "\"\"", "\"\"", true),
        ("nulls", "null", "null", true),
    ] {
        let doc = tied("/t", "/t");
        let request = request(&[("t", left)], &[("t", right)]);
        let name = format!("tie_of_{name}");
        if is_tied {
            corpus.accept(&name, rule, &doc, &request);
        } else {
            corpus.refuse(&name, rule, &doc, &request, CredentialsUntied);
        }
    }
    let same = tied("/t", "/t");
    corpus.refuse("tie_without_the_left_claim", rule, &same, &request(&[], &[("t", "1")]), CredentialsUntied);
    corpus.refuse("tie_without_the_right_claim", rule, &same, &request(&[("t", "1")], &[]), CredentialsUntied);
    corpus.refuse("tie_without_both_claims", rule, &same, &request(&[], &[]), CredentialsUntied);
    let nested = tied("/ctx/tenant", "/tenants/0");
    let left = [("ctx", r#"{"tenant":"t1"}"#)];
    corpus.accept("tie_of_nested_claims", rule, &nested, &request(&left, &[("tenants", r#"["t1","t2"]"#)]));
    let other = request(&left, &[("tenants", r#"["t2","t1"]"#)]);
    corpus.refuse("tie_of_another_element", rule, &nested, &other, CredentialsUntied);
    let right = request(&[("t", "1")], &[("t", "1")]);
    let wrong = request(&[("t", "1")], &[("t", "2")]);
    corpus.steps(
        "tie_of_cached_tokens",
        rule,
        &same,
        vec![ask(&right, accepted()), ask(&wrong, refused(CredentialsUntied)), ask(&right, accepted())],
    );
    let third = |more: &str| {
        format!(
            r#"[{{"name":"workload","from":"authorization","accept":["jwt-svid"]}},
            {{"name":"user","from":{{"header":"x-user-token"}},"accept":["at+jwt"]}},
            {{"name":"third","from":{{"header":"x-third"}},"accept":[{{"kind":"jwt","issuer":"https://plain.example"}}]{more}}}]"#
        )
    };
    let tie = r#"[{"left":"user:/sub","is":"equal","right":"third:/sub"}]"#;
    let optional = doc().credentials(&third(r#","required":false"#)).member("tie", tie);
    corpus.accept("tie_of_an_absent_credential", rule, &optional, &both());
    let of_others = doc().credentials(&third("")).member("tie", tie);
    corpus.accept("tie_of_the_second_and_third", rule, &of_others, &both().header("x-third", &plain().text()));
    let bob = plain().claim("sub", "\"bob\"").text();
    corpus.refuse(
        "tie_of_the_second_and_another_third",
        rule,
        &of_others,
        &both().header("x-third", &bob),
        CredentialsUntied,
    );
}

fn add_attributes(corpus: &mut Corpus) {
    let rule = "policy: attributes (RFC 6901)";
    let doc = Doc::access().member(
        "attributes",
        r#"{"tenant":"/tenant","roles":"/realm_access/roles","first":"/realm_access/roles/0","who":"/sub","none":"/x/y"}"#,
    );
    let token = access().claim("tenant", r#""t\u00251""#).claim("realm_access", r#"{"roles":["admin","user"]}"#).text();
    let attributes = json!({ "tenant": "t%1", "roles": ["admin", "user"], "first": "admin", "who": "alice" });
    let expect = |cache: &str| json!({ "decision": "accept", "status": 200, "cache": cache, "attributes": attributes });
    let steps = vec![ask(&bearer(&token), expect("miss")), ask(&bearer(&token), expect("hit"))];
    corpus.steps("attributes_of_a_token", rule, &doc, steps);
    let none = json!({ "decision": "accept", "status": 200, "attributes": { "who": "alice" } });
    corpus.steps("attributes_that_are_absent", rule, &doc, vec![ask(&bearer(&access().text()), none)]);
    let long = access().claim("tenant", &q(&"x".repeat(4097))).text();
    corpus.refuse("attribute_too_long", rule, &doc, &bearer(&long), LimitExceeded);
    // RFC 6901 §5: "" is the whole document.
    let whole = Doc::access().member("attributes", r#"{"payload":""}"#);
    let claims: Value = serde_json::from_str(&access().claims_text()).unwrap();
    let expect = |cache: &str| json!({ "decision": "accept", "status": 200, "cache": cache, "attributes": { "payload": claims } });
    let request = bearer(&access().text());
    let steps = vec![ask(&request, expect("miss")), ask(&request, expect("hit"))];
    corpus.steps("attribute_of_the_whole_payload", rule, &whole, steps);
    corpus.refuse("attribute_of_a_payload_too_long", rule, &whole, &bearer(&long), LimitExceeded);
    let refused_first = access().claim("aud", "\"x\"").claim("tenant", "\"t\"").text();
    let expect =
        json!({ "decision": "refuse", "reason": "audience_mismatch", "number": 1403, "status": 401, "attributes": {} });
    corpus.steps("no_attributes_of_a_refused_token", rule, &doc, vec![ask(&bearer(&refused_first), expect)]);
}
