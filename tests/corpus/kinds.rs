//! The common rules of every kind that is a JWS, for the kinds whose own vectors leave them out.

use countersign::Reason::{
    AlgorithmRefused, HeaderForbidden, IssuedBeforeCutoff, KeyNotUsable, KeyRevoked, KeysStale, LifetimeTooLong,
    ScopeInsufficient, SubjectRevoked, TokenExpired, TokenNotYetValid, TokenRevoked,
};
use serde_json::json;

use super::{Corpus, accepted, ask, refused};
use crate::issuer::{DOMAIN, NOW, PLAIN, SUBJECT, Token, plain, svid};
use crate::request::{Doc, bearer};

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("kinds");
    let svids = ("svid", "JWT-SVID", Doc::svid(), svid as fn() -> Token, DOMAIN, SUBJECT, "domain-p256");
    let jwts = ("jwt", "RFC 7519", Doc::plain(), plain as fn() -> Token, PLAIN, "alice", "plain-p256");
    for (kind, specification, doc, token, authority, subject, key) in [svids, jwts] {
        let mut refuse = |name: &str, rule: &str, doc: &Doc, token: Token, reason| {
            let name = format!("{kind}_{name}");
            corpus.refuse(&name, &format!("{specification}, {rule}"), doc, &bearer(&token.text()), reason);
        };
        refuse("key_of_another_algorithm", "RFC 7515 §4.1.4", &doc, token().header("alg", "\"RS256\""), KeyNotUsable);
        refuse("nested", "RFC 7519 §5.2", &doc, token().header("cty", "\"JWT\""), HeaderForbidden);
        let expired = token().claim("exp", &(NOW - 30).to_string());
        refuse("expired", "RFC 7519 §4.1.4 (JWT-2)", &doc, expired, TokenExpired);
        let later = token().claim("nbf", &(NOW + 31).to_string());
        refuse("not_yet_valid", "RFC 7519 §4.1.5 (JWT-2)", &doc, later, TokenNotYetValid);
        let narrow = doc.clone().member("algorithms", "\"RS256\"");
        refuse("algorithm_of_the_policy", "policy: algorithms", &narrow, token(), AlgorithmRefused);
        let short = doc.clone().member("max_lifetime_seconds", "299");
        refuse("lifetime_of_the_policy", "policy: max_lifetime_seconds", &short, token(), LifetimeTooLong);
        if kind == "jwt" {
            let scoped = doc.clone().member("scope", "\"orders:read\"");
            refuse("scope_of_the_policy", "policy: scope", &scoped, token(), ScopeInsufficient);
        }
        let request = bearer(&token().claim("jti", "\"t-1\"").text());
        for (name, revoke, reason) in [
            ("key", json!({ "keys": [{ "authority": authority, "name": key }] }), KeyRevoked),
            ("subject", json!({ "subjects": [{ "authority": authority, "name": subject }] }), SubjectRevoked),
            ("token", json!({ "tokens": [{ "authority": authority, "name": "t-1" }] }), TokenRevoked),
            ("epoch", json!({ "epochs": [{ "authority": authority, "before": NOW + 1 }] }), IssuedBeforeCutoff),
        ] {
            corpus.steps(
                &format!("{kind}_{name}_revoked_after_caching"),
                "host: revocations",
                &doc,
                vec![ask(&request, accepted()), json!({ "revoke": revoke }), ask(&request, refused(reason))],
            );
        }
        let sort = if kind == "svid" { "trust_domain" } else { "issuer" };
        let removed = json!({ "trust": { sort: authority, "removed": true }, "expect": "removed" });
        corpus.steps(
            &format!("{kind}_keys_taken_away"),
            "host: trust documents",
            &doc,
            vec![ask(&request, accepted()), removed, ask(&request, refused(KeysStale))],
        );
    }
}
