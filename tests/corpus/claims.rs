//! Claims that a policy names by JSON Pointer: conditions, scope, the claim in place of `aud`, absences, and subjects by another separator.

use countersign::Reason::{
    AudienceMismatch, ClaimInvalid, ClaimMissing, ClaimRefused, LimitExceeded, ScopeInsufficient, SubjectRefused,
};
use serde_json::json;

use super::{Corpus, accepted, ask, refused};
use crate::issuer::{Token, access, plain, svid};
use crate::request::{Doc, Req, bearer};

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("claims");
    add_conditions(corpus);
    add_claims_of_other_policies(corpus);
    add_entries(corpus);
    add_scope(corpus);
    add_audience(corpus);
    add_absences(corpus);
    add_subjects(corpus);
}

/// A policy for plain JWTs whose entry has these members too.
fn jwt(members: &str) -> Doc {
    Doc::plain().accept(&format!(r#"[{{"kind":"jwt",{members}}}]"#))
}

/// The same for access tokens by RFC 9068.
fn at_jwt(members: &str) -> Doc {
    Doc::access().accept(&format!(r#"[{{"kind":"at+jwt",{members}}}]"#))
}

fn with(token: Token, claim: &str, json: &str) -> Req {
    bearer(&token.claim(claim, json).text())
}

/// Each form of condition, with a claim that meets it and claims that do not.
fn add_conditions(corpus: &mut Corpus) {
    let rule = "policy: conditions";
    let large = format!("[{}\"admin\"]", "\"some-other-role\",".repeat(200));
    for (name, condition, meets, refuses) in [
        (
            "equals_text",
            r#""equals":"access""#,
            vec![r#""access""#, r#""\u0061ccess""#],
            vec![r#""id""#, r#""Access""#, r#""access ""#, r#"["access"]"#, "null", r#"{"access":"access"}"#],
        ),
        ("equals_number", r#""equals":2"#, vec!["2"], vec!["2.0", "20", r#""2""#, "2e0", "-2", "[2]"]),
        ("equals_negative", r#""equals":-1"#, vec!["-1"], vec!["1", r#""-1""#]),
        ("equals_boolean", r#""equals":true"#, vec!["true"], vec!["false", r#""true""#, "1", "null"]),
        ("equals_empty_text", r#""equals":"""#, vec![r#""""#], vec![r#"" ""#, "null", "[]"]),
        ("one_of", r#""one_of":["a",7,false]"#, vec![r#""a""#, "7", "false"], vec![r#""b""#, r#""7""#, "true", "[7]"]),
        (
            "contains",
            r#""contains":"admin""#,
            vec![r#"["x","admin"]"#, r#"["\u0061dmin"]"#, r#""admin""#, r#"[[],{"a":1},"admin"]"#, &large],
            vec![
                r#"["x"]"#,
                "[]",
                r#"["administrator"]"#,
                r#"[["admin"]]"#,
                r#""x admin""#,
                r#"{"admin":true}"#,
                "null",
            ],
        ),
        ("contains_number", r#""contains":7"#, vec!["[1,7]", "7"], vec!["[1,77]", r#"["7"]"#, "[7.0]"]),
        ("present", r#""present":true"#, vec!["1", "false", r#""""#, "{}"], vec!["null"]),
        ("absent", r#""present":false"#, vec![], vec!["1", "null", "false", r#""""#]),
        (
            "pattern",
            r#""pattern":"refs/heads/*""#,
            vec![r#""refs/heads/main""#],
            vec![r#""refs/heads/""#, r#""refs/heads/a/b""#, r#""refs/tags/v1""#, r#"["refs/heads/main"]"#, "7"],
        ),
        (
            "pattern_to_the_end",
            r#""pattern":"refs/**""#,
            vec![r#""refs/heads/a/b""#],
            vec![r#""refs""#, r#""refs/""#, r#""xrefs/a""#],
        ),
        (
            "pattern_with_separator",
            r#""pattern":"org:*:prod","separator":":""#,
            vec![r#""org:a/b:prod""#],
            vec![r#""org::prod""#, r#""org:a:b:prod""#, r#""org/a/prod""#],
        ),
    ] {
        let doc = jwt(&format!(r#""conditions":[{{"claim":"/x",{condition}}}]"#));
        let absent = bearer(&plain().text());
        if name == "absent" {
            corpus.accept("condition_absent_met_by_nothing", rule, &doc, &absent);
        } else {
            corpus.refuse(&format!("condition_{name}_without_the_claim"), rule, &doc, &absent, ClaimRefused);
        }
        for (place, claim) in meets.into_iter().enumerate() {
            corpus.accept(&format!("condition_{name}_met_{place}"), rule, &doc, &with(plain(), "x", claim));
        }
        for (place, claim) in refuses.into_iter().enumerate() {
            let name = format!("condition_{name}_refused_{place}");
            corpus.refuse(&name, rule, &doc, &with(plain(), "x", claim), ClaimRefused);
        }
    }
    let nested = |pointer: &str| jwt(&format!(r#""conditions":[{{"claim":"{pointer}","equals":"v"}}]"#));
    let request = with(plain(), "x", r#"{"a/b":{"~":[0,"v"]},"":"v"}"#);
    for (name, pointer, is_met) in [
        ("escaped_segments", "/x/a~1b/~0/1", true),
        ("empty_segment", "/x/", true),
        ("index_past_the_end", "/x/a~1b/~0/2", false),
        ("index_with_a_zero", "/x/a~1b/~0/01", false),
        ("other_case", "/X/", false),
    ] {
        let name = format!("condition_pointer_{name}");
        if is_met {
            corpus.accept(&name, "RFC 6901 §4", &nested(pointer), &request);
        } else {
            corpus.refuse(&name, "RFC 6901 §4", &nested(pointer), &request, ClaimRefused);
        }
    }
    let long = format!("\"{}\"", "v".repeat(5000));
    let name = "condition_on_a_claim_past_the_limit";
    corpus.refuse(name, "limit named_claim_bytes", &nested("/x"), &with(plain(), "x", &long), LimitExceeded);
}

/// What one policy names is no limit to the tokens of another: only a policy that asks for a claim refuses one that is too long.
fn add_claims_of_other_policies(corpus: &mut Corpus) {
    let rule = "limit named_claim_bytes: of the claims that the policy of the request names";
    let roles = format!(r#"{{"roles":[{}"last"]}}"#, "\"some-other-role\",".repeat(300));
    let other =
        r#"{"accept":["at+jwt"],"audience":"https://api.example","attributes":{"roles":"/realm_access/roles"}}"#;
    let long = with(access(), "realm_access", &roles);
    let of_other = |request: &Req| Req { policy: "other".to_owned(), ..request.clone() };
    let plain_policy = Doc::access().also("other", other);
    let steps = vec![
        ask(&long, accepted()),
        ask(&of_other(&long), refused(LimitExceeded)),
        ask(&long, json!({ "decision": "accept", "status": 200, "cache": "hit" })),
        ask(&of_other(&long), refused(LimitExceeded)),
    ];
    corpus.steps("a_long_claim_that_another_policy_names", rule, &plain_policy, steps);

    // Neither does it leave no room for a claim that this policy names, wherever each is in the token.
    let attribute = Doc::access().member("attributes", r#"{"tenant":"/tenant"}"#).also("other", other);
    let expect = json!({ "decision": "accept", "status": 200, "attributes": { "tenant": "t1" } });
    for (length, size) in [(200, "some"), (236, "nearly_all"), (300, "too_many")] {
        let roles = format!(r#"{{"roles":[{}"last"]}}"#, "\"some-other-role\",".repeat(length));
        for (place, request) in [
            ("before", access().claim("tenant", "\"t1\"").claim("realm_access", &roles)),
            ("behind", access().claim("realm_access", &roles).claim("tenant", "\"t1\"")),
        ] {
            let name = format!("a_short_claim_{place}_{size}_bytes_of_another_policy");
            corpus.steps(&name, rule, &attribute, vec![ask(&bearer(&request.text()), expect.clone())]);
        }
    }

    let condition = |demand: &str| {
        let own = format!(r#"[{{"kind":"at+jwt","conditions":[{{"claim":"/realm_access/roles",{demand}}}]}}]"#);
        Doc::access().accept(&own)
    };
    for (name, demand) in
        [("present", r#""present":true"#), ("absent", r#""present":false"#), ("contains", r#""contains":"last""#)]
    {
        corpus.refuse(&format!("condition_{name}_of_a_claim_too_long"), rule, &condition(demand), &long, LimitExceeded);
    }
    let scope = at_jwt(r#""scope":["read"],"scope_from":["/realm_access/roles"]"#);
    corpus.refuse("scope_from_a_claim_too_long", rule, &scope, &long, LimitExceeded);
}

/// Conditions of policies and entries, asked again for a token in the cache.
fn add_entries(corpus: &mut Corpus) {
    let rule = "policy: conditions";
    let both =
        jwt(r#""conditions":[{"claim":"/a","equals":1}]"#).member("conditions", r#"[{"claim":"/b","equals":2}]"#);
    let token = |a: &str, b: &str| bearer(&plain().claim("a", a).claim("b", b).text());
    corpus.accept("conditions_of_policy_and_entry", rule, &both, &token("1", "2"));
    corpus.refuse("condition_of_the_entry", rule, &both, &token("2", "2"), ClaimRefused);
    corpus.refuse("condition_of_the_policy", rule, &both, &token("1", "1"), ClaimRefused);
    let either = Doc::plain().accept(
        r#"[{"kind":"jwt","conditions":[{"claim":"/a","equals":1}]},{"kind":"jwt","conditions":[{"claim":"/b","equals":2}],"scope":["s"]}]"#,
    );
    corpus.accept("conditions_of_the_first_entry", rule, &either, &token("1", "1"));
    let scoped = bearer(&plain().claim("b", "2").claim("scope", "\"s\"").text());
    corpus.accept("conditions_of_the_second_entry", rule, &either, &scoped);
    corpus.refuse("conditions_of_no_entry", rule, &either, &token("2", "1"), ClaimRefused);
    corpus.refuse("condition_met_and_scope_not", rule, &either, &token("2", "2"), ScopeInsufficient);
    let svids = Doc::svid().accept(r#"[{"kind":"jwt-svid","conditions":[{"claim":"/env","one_of":["prod"]}]}]"#);
    corpus.accept("condition_of_an_svid", rule, &svids, &with(svid(), "env", "\"prod\""));
    corpus.refuse("condition_of_an_svid_refused", rule, &svids, &with(svid(), "env", "\"test\""), ClaimRefused);

    let tenants = |tenant: &str| {
        format!(
            r#"{{"accept":[{{"kind":"jwt","conditions":[{{"claim":"/tenant","equals":"{tenant}"}}]}}],"audience":"https://api.example"}}"#
        )
    };
    let doc = Doc::plain().also("a", &tenants("a")).also("b", &tenants("b"));
    let request = with(plain(), "tenant", "\"a\"");
    let cached = |mut expect: serde_json::Value, cache: &str| {
        expect["cache"] = json!(cache);
        expect
    };
    let steps = vec![
        ask(&request.clone().policy("a"), cached(accepted(), "miss")),
        ask(&request.clone().policy("b"), cached(refused(ClaimRefused), "hit")),
        ask(&request.clone().policy("a"), cached(accepted(), "hit")),
        ask(&request, cached(accepted(), "hit")),
    ];
    corpus.steps("conditions_are_asked_of_a_cached_token", rule, &doc, steps);
}

fn add_scope(corpus: &mut Corpus) {
    let rule = "policy: scope_from";
    let listed = |value: &str| with(plain(), "scope", value);
    let read = jwt(r#""scope":["orders:read"]"#);
    corpus.accept("scope_array_of_a_jwt", "RFC 7519 §4", &read, &listed(r#"["x","orders:read"]"#));
    corpus.accept("scope_array_escaped", "RFC 8259 §7", &read, &listed(r#"["orders\u003aread"]"#));
    let short = |value: &str| listed(value);
    corpus.refuse("scope_array_without_the_word", rule, &read, &short(r#"["orders:reader"]"#), ScopeInsufficient);
    corpus.refuse("scope_array_empty", rule, &read, &short("[]"), ScopeInsufficient);
    for (name, value) in [
        ("two_words_in_one", r#"["x orders:read"]"#),
        ("empty_word", r#"["orders:read",""]"#),
        ("number", r#"["orders:read",1]"#),
        ("nested", r#"[["orders:read"]]"#),
        ("quote", r#"["orders:read","a\"b"]"#),
    ] {
        corpus.refuse(&format!("scope_array_with_{name}"), "RFC 6749 §3.3", &read, &listed(value), ClaimInvalid);
    }
    let steps = |doc: Doc, request: Req, strict| {
        let lenient = ask(&request.clone().policy("listed"), accepted());
        (doc, vec![lenient, ask(&request, refused(strict))])
    };
    let listed_policy =
        r#"{"accept":[{"kind":"at+jwt","scope_from":"/scope","scope":["a"]}],"audience":"https://api.example"}"#;
    let (doc, all) =
        steps(Doc::access().also("listed", listed_policy), with(access(), "scope", r#"["a"]"#), ClaimInvalid);
    corpus.steps("scope_array_of_at_jwt_only_where_the_policy_names_it", "RFC 9068 §2.2.3", &doc, all);
    let two = Doc::access().accept(
        r#"[{"kind":"at+jwt","scope_from":"/scope","scope":["admin"]},{"kind":"at+jwt","algorithms":["ES256"]}]"#,
    );
    let request = with(access(), "scope", r#"["a"]"#);
    corpus.refuse("scope_array_by_the_entry_that_takes_none", "RFC 9068 §2.2.3", &two, &request, ScopeInsufficient);

    for (name, claim, from, value) in [
        ("scp_array", "scp", "/scp", r#"["x","orders:read"]"#),
        ("scp_text", "scp", "/scp", r#""x orders:read""#),
        ("roles", "roles", "/roles", r#"["orders:read"]"#),
        ("realm_roles", "realm_access", "/realm_access/roles", r#"{"roles":["orders:read"]}"#),
    ] {
        let doc = jwt(&format!(r#""scope":["orders:read"],"scope_from":"{from}""#));
        corpus.accept(&format!("scope_from_{name}"), rule, &doc, &with(plain(), claim, value));
        let other = doc.clone().accept(&format!(r#"[{{"kind":"jwt","scope":["orders"],"scope_from":"{from}"}}]"#));
        corpus.refuse(
            &format!("scope_from_{name}_part"),
            rule,
            &other,
            &with(plain(), claim, value),
            ScopeInsufficient,
        );
        let elsewhere = with(plain(), "scope", r#""orders:read""#);
        corpus.refuse(&format!("scope_from_{name}_not_scope"), rule, &doc, &elsewhere, ScopeInsufficient);
    }
    for (name, value) in
        [("number", "7"), ("object", r#"{"orders:read":true}"#), ("two_in_one", r#"["x orders:read"]"#)]
    {
        let doc = jwt(r#""scope":["orders:read"],"scope_from":"/scp""#);
        corpus.refuse(&format!("scope_from_{name}"), rule, &doc, &with(plain(), "scp", value), ScopeInsufficient);
    }
    let union = jwt(r#""scope":["a","b"],"scope_from":["/scope","/scp"]"#);
    let token = bearer(&plain().claim("scope", "\"a\"").claim("scp", "[\"b\"]").text());
    corpus.accept("scope_from_two_claims", rule, &union, &token);
    corpus.refuse("scope_from_one_of_two_claims", rule, &union, &with(plain(), "scope", "\"a\""), ScopeInsufficient);
    for (name, members) in [
        ("scope", r#""scope":["a","b"],"scope_match":"any""#),
        ("scope_from", r#""scope":["a","b"],"scope_match":"any","scope_from":"/scope""#),
    ] {
        let any = jwt(members);
        corpus.accept(&format!("any_of_{name}"), "policy: scope_match", &any, &with(plain(), "scope", "\"x b\""));
        let name = format!("none_of_{name}");
        corpus.refuse(&name, "policy: scope_match", &any, &with(plain(), "scope", "\"x\""), ScopeInsufficient);
    }
    let all = jwt(r#""scope":["a","b"],"scope_match":"all""#);
    corpus.refuse("all_of_scope", "policy: scope_match", &all, &with(plain(), "scope", "\"x b\""), ScopeInsufficient);
    let policy = Doc::plain().member("scope", r#"["r"]"#).member("scope_from", r#""/roles""#);
    corpus.accept("scope_from_on_the_policy", rule, &policy, &with(plain(), "roles", r#"["r"]"#));
    corpus.refuse(
        "scope_from_on_the_policy_refused",
        rule,
        &policy,
        &with(plain(), "roles", r#"["s"]"#),
        ScopeInsufficient,
    );
}

/// RFC 7519 §4.1.3: an `aud` that is there is always compared.
fn add_audience(corpus: &mut Corpus) {
    let rule = "RFC 7519 §4.1.3, policy: audience_from";
    let doc = jwt(r#""audience_from":"/azp""#);
    let token = |aud: Option<&str>, azp: Option<&str>| {
        let token = plain().no_claim("aud");
        let token = aud.map_or(token.clone(), |aud| token.claim("aud", aud));
        bearer(&azp.map_or(token.clone(), |azp| token.claim("azp", azp)).text())
    };
    const OURS: &str = r#""https://api.example""#;
    const OTHER: &str = r#""https://other.example""#;
    corpus.accept("audience_from_a_claim", rule, &doc, &token(None, Some(OURS)));
    corpus.accept("audience_from_a_claim_and_aud", rule, &doc, &token(Some(OURS), Some(OURS)));
    for (name, aud, azp) in [
        ("another_client", None, Some(OTHER)),
        ("no_client", None, None),
        ("aud_alone", Some(OURS), None),
        ("aud_of_another_client", Some(OURS), Some(OTHER)),
        ("another_aud", Some(OTHER), Some(OURS)),
        ("array_of_clients", None, Some(r#"["https://api.example"]"#)),
        ("part_of_a_client", None, Some(r#""https://api.example/x""#)),
    ] {
        corpus.refuse(&format!("audience_from_{name}"), rule, &doc, &token(aud, azp), AudienceMismatch);
    }
    corpus.refuse("audience_from_empty_aud", rule, &doc, &token(Some("[]"), Some(OURS)), ClaimInvalid);

    let also = |entry: &str| format!(r#"{{"accept":[{entry}],"audience":"https://api.example"}}"#);
    let strict = Doc::plain().also("azp", &also(r#"{"kind":"jwt","audience_from":"/azp"}"#));
    let request = token(None, Some(OURS));
    let steps = vec![
        ask(&request.clone().policy("azp"), accepted()),
        ask(&request, refused(ClaimMissing)),
        ask(&request.clone().policy("azp"), accepted()),
    ];
    corpus.steps("a_cached_token_without_aud_passes_no_other_policy", rule, &strict, steps);

    let two = Doc::plain().accept(
        r#"[{"kind":"jwt","audience_from":"/azp","conditions":[{"claim":"/use","equals":"access"}]},{"kind":"jwt"}]"#,
    );
    let name = "without_aud_by_the_entry_that_needs_it";
    corpus.refuse(name, rule, &two, &token(None, Some(OURS)), ClaimRefused);
    corpus.accept("with_aud_by_the_entry_that_needs_it", rule, &two, &token(Some(OURS), None));
    let order = Doc::plain().accept(
        r#"[{"kind":"jwt","audience_from":"/azp"},{"kind":"jwt","conditions":[{"claim":"/use","equals":"access"}]}]"#,
    );
    let name = "another_aud_by_an_entry_beside_audience_from";
    corpus.refuse(name, rule, &order, &token(Some(OTHER), Some(OURS)), AudienceMismatch);
    let access_token = at_jwt(r#""audience_from":"/client_id""#).audience(r#"["client-1"]"#);
    let without = access().no_claim("aud").claim("client_id", "\"client-1\"");
    corpus.accept("audience_from_of_at_jwt", rule, &access_token, &bearer(&without.text()));
}

fn add_absences(corpus: &mut Corpus) {
    let rule = "RFC 9068 §2.2, policy: absent";
    for claim in ["client_id", "sub", "iat", "jti"] {
        let doc = at_jwt(&format!(r#""absent":["{claim}"]"#));
        let without = bearer(&access().no_claim(claim).text());
        corpus.accept(&format!("absent_{claim}"), rule, &doc, &without);
        corpus.accept(&format!("absent_{claim}_and_there"), rule, &doc, &bearer(&access().text()));
        let other = if claim == "jti" { "sub" } else { "jti" };
        let both = bearer(&access().no_claim(claim).no_claim(other).text());
        corpus.refuse(&format!("absent_{claim}_and_another"), rule, &doc, &both, ClaimMissing);
        let wrong = with(access(), claim, "null");
        corpus.refuse(&format!("absent_{claim}_null"), rule, &doc, &wrong, ClaimInvalid);
    }
    let lenient = r#"{"accept":[{"kind":"at+jwt","absent":"client_id"}],"audience":"https://api.example"}"#;
    let doc = Doc::access().also("lenient", lenient);
    let request = bearer(&access().no_claim("client_id").text());
    let steps = vec![ask(&request.clone().policy("lenient"), accepted()), ask(&request, refused(ClaimMissing))];
    corpus.steps("a_cached_token_without_client_id_passes_no_other_policy", rule, &doc, steps);
    let two =
        Doc::access().accept(r#"[{"kind":"at+jwt","absent":"client_id","subjects":["nobody"]},{"kind":"at+jwt"}]"#);
    corpus.refuse("absent_by_the_entry_that_needs_it", rule, &two, &request, ClaimMissing);
}

fn add_subjects(corpus: &mut Corpus) {
    let rule = "policy: subject_separator";
    let doc = |pattern: &str| jwt(&format!(r#""subjects":["{pattern}"],"subject_separator":":""#));
    let subject = |subject: &str| with(plain(), "sub", &format!("\"{subject}\""));
    for (name, pattern, good, bad) in [
        (
            "one_segment",
            "system:serviceaccount:prod:*",
            vec!["system:serviceaccount:prod:web"],
            vec![
                "system:serviceaccount:prod:",
                "system:serviceaccount:prod",
                "system:serviceaccount:prod:web:x",
                "system:serviceaccount:production:web",
                "system:serviceaccount:prod/web",
            ],
        ),
        (
            "to_the_end",
            "repo:octo-org/octo-repo:**",
            vec!["repo:octo-org/octo-repo:environment:prod", "repo:octo-org/octo-repo:ref:refs/heads/main"],
            vec!["repo:octo-org/octo-repo", "repo:octo-org/octo-repo:", "repo:octo-org/octo-repo-x:environment:prod"],
        ),
        (
            "in_the_middle",
            "*:*",
            vec!["a:b", "https://issuer.example"],
            vec!["spiffe://example.org/a", "SPIFFE:x", "a"],
        ),
    ] {
        for (place, text) in good.into_iter().enumerate() {
            corpus.accept(&format!("subject_{name}_taken_{place}"), rule, &doc(pattern), &subject(text));
        }
        for (place, text) in bad.into_iter().enumerate() {
            let name = format!("subject_{name}_refused_{place}");
            corpus.refuse(&name, rule, &doc(pattern), &subject(text), SubjectRefused);
        }
    }
}
