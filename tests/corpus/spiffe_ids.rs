//! SPIFFE IDs in the tokens of issuers: refused, but for the trust domains that the policy gives the issuer.

use countersign::Reason::SubjectRefused;
use serde_json::json;

use super::{Corpus, accepted, ask, refused};
use crate::issuer::{DOMAIN, PLAIN, SERVER, SUBJECT, Token, access, plain, q, svid};
use crate::request::{Doc, bearer, domain, issuer_for, set_key, svid_key};

const RULE: &str = "JWT-SVID §4, policy: spiffe_trust_domains (A2)";

/// The values of `sub`, `client_id` or the current actor's `sub`, and whether an issuer for example.org may assert them.
const TEXTS: [(&str, &str, bool); 14] = [
    ("no_spiffe_id", "alice", true),
    ("of_the_domain", SUBJECT, true),
    ("of_the_domain_escaped", "\\u0073piffe:\\/\\/example.org\\/ns\\/shop\\/sa\\/web", true),
    ("of_another_domain", "spiffe://other.example/ns/shop/sa/web", false),
    ("of_another_domain_escaped", "spiffe\\u003a//other.example/web", false),
    ("of_a_subdomain", "spiffe://a.example.org/web", false),
    ("of_a_longer_domain", "spiffe://example.org.evil.example/web", false),
    ("of_the_domain_itself", "spiffe://example.org", false),
    ("of_a_domain_in_capitals", "spiffe://Example.org/web", false),
    ("with_dots", "spiffe://other.example/../example.org/web", false),
    ("by_half", "spiffe:example.org/web", false),
    ("in_capitals", "SPIFFE://other.example/web", false),
    ("of_the_domain_in_capitals", "Spiffe://example.org/ns/shop/sa/web", false),
    ("behind_a_space", " spiffe://other.example/web", true),
];

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("spiffe_ids");
    let trust = |domains: &[&str], of_server: bool| {
        let given =
            |name: &str, key: &str, is_it: bool| issuer_for(name, &[set_key(key)], if is_it { domains } else { &[] });
        [
            domain(DOMAIN, &[svid_key("domain-p256")]),
            given(SERVER, "server-p256", of_server),
            given(PLAIN, "plain-p256", !of_server),
        ]
    };
    for (kind, accept, is_access) in [("access_token", r#"["at+jwt"]"#, true), ("jwt", r#"["jwt"]"#, false)] {
        let token = || if is_access { access() } else { plain() };
        let doc = |domains: &[&str]| Doc::new(&trust(domains, is_access), accept);
        let (none, one, others) = (doc(&[]), doc(&["example.org"]), doc(&["a.example", "other.example"]));
        for (place, put) in [("subject", subject as fn(Token, &str) -> Token), ("client", client), ("actor", actor)] {
            for (name, text, of_the_domain) in TEXTS {
                let request = bearer(&put(token(), text).text());
                // Once more from the cache.
                let mut twice = |doc: &Doc, given: &str, passes: bool| {
                    let expect = |cache: &str| {
                        let mut expect = if passes { accepted() } else { refused(SubjectRefused) };
                        expect["cache"] = json!(cache);
                        expect
                    };
                    let steps = vec![ask(&request, expect("miss")), ask(&request, expect("hit"))];
                    corpus.steps(&format!("{kind}_{place}_{name}_{given}"), RULE, doc, steps);
                };
                let exemplary = matches!(name, "of_the_domain" | "of_another_domain_escaped");
                if is_access && (place == "subject" || exemplary || name == "by_half") || exemplary {
                    twice(&one, "with_its_domain", of_the_domain);
                }
                let begins_as_one = !matches!(name, "no_spiffe_id" | "behind_a_space");
                if exemplary || is_access && place == "subject" {
                    twice(&none, "without_domains", !begins_as_one);
                }
                if exemplary {
                    twice(&others, "with_other_domains", !of_the_domain);
                }
            }
        }
    }
    // A trust domain's key names workloads of that domain only, in the other places too, and an SVID carries no scope.
    let svids = Doc::new(&trust(&[], true), r#"["jwt-svid"]"#);
    for (place, put) in [("client", client as fn(Token, &str) -> Token), ("actor", actor)] {
        let rule = "JWT-SVID §4 (A2)";
        for (name, text) in [("other_domain", "spiffe://other.example/web"), ("capitals", "SPIFFE://example.org/web")] {
            let request = bearer(&put(svid(), text).text());
            corpus.refuse(&format!("svid_{place}_of_{name}"), rule, &svids, &request, SubjectRefused);
        }
        corpus.accept(&format!("svid_{place}_of_its_domain"), rule, &svids, &bearer(&put(svid(), SUBJECT).text()));
    }
    let one = Doc::new(&trust(&["example.org"], true), r#"["at+jwt"]"#);
    let delegated = |inner: &str| {
        let act = format!(r#"{{"sub":"{SUBJECT}","act":{{"sub":"{inner}"}}}}"#);
        bearer(&access().claim("act", &act).text())
    };
    corpus.accept("prior_actors_are_history", "RFC 8693 §4.1 (TX-1)", &one, &delegated("spiffe://other.example/web"));
    corpus.accept("actor_without_a_subject", "RFC 8693 §4.1", &one, &bearer(&access().claim("act", "{}").text()));
    let long = format!("spiffe://example.org/{}", "a".repeat(2048));
    corpus.refuse("actor_too_long", RULE, &one, &bearer(&actor(access(), &long).text()), SubjectRefused);
    let long = "a".repeat(3000);
    corpus.accept("long_actor_of_no_domain", RULE, &one, &bearer(&actor(access(), &long).text()));
    // The domain is given to one issuer, not to the other; and the patterns of the policy still hold.
    let plain_too = Doc::new(&trust(&["example.org"], true), r#"["jwt"]"#);
    corpus.refuse(
        "given_to_another_issuer",
        RULE,
        &plain_too,
        &bearer(&subject(plain(), SUBJECT).text()),
        SubjectRefused,
    );
    let narrow = Doc::new(
        &trust(&["example.org"], true),
        r#"[{"kind":"at+jwt","subjects":"spiffe://example.org/ns/*/sa/web"}]"#,
    );
    let workload = |id: &str| bearer(&subject(access(), id).text());
    corpus.accept("given_and_of_the_pattern", RULE, &narrow, &workload(SUBJECT));
    corpus.refuse(
        "given_and_not_of_the_pattern",
        RULE,
        &narrow,
        &workload("spiffe://example.org/admin"),
        SubjectRefused,
    );
}

fn subject(token: Token, text: &str) -> Token {
    token.claim("sub", &q(text))
}

fn client(token: Token, text: &str) -> Token {
    token.claim("client_id", &q(text))
}

fn actor(token: Token, text: &str) -> Token {
    token.claim("act", &format!(r#"{{"iss":"https://as.example","sub":{}}}"#, q(text)))
}
