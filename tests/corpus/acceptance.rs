//! One acceptance for each token kind, algorithm and presentation.

use serde_json::json;

use super::{Corpus, ask};
use crate::issuer::{ALGORITHMS, PLAIN, PROOF_ALGORITHMS, SERVER, SUBJECT, access, jwk, plain, proof, svid};
use crate::request::{Doc, bearer, domain, dpop, issuer};

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("accept");
    for (algorithm, suffix) in ALGORITHMS {
        let word = algorithm.to_lowercase();
        let client = format!("client-{suffix}");
        let domain_key = format!("domain-{suffix}");
        let server_key = format!("server-{suffix}");
        let svid_key = jwk(&domain_key, &format!(r#""kid":"{domain_key}","use":"jwt-svid""#));
        let set_key = jwk(&server_key, &format!(r#""kid":"{server_key}","use":"sig""#));
        for kind in ["jwt_svid", "access_token", "jwt"] {
            if kind == "jwt_svid" && suffix == "ed25519" {
                continue; // JWT-SVID §2.1 excludes EdDSA
            }
            let (token, doc, who, subject, name, key) = match kind {
                "jwt_svid" => (
                    svid().by("domain", algorithm),
                    Doc::svid().trust(&[domain("example.org", std::slice::from_ref(&svid_key))]),
                    "example.org",
                    SUBJECT,
                    "jwt-svid",
                    &domain_key,
                ),
                "access_token" => (
                    access().by("server", algorithm),
                    Doc::access().trust(&[issuer(SERVER, std::slice::from_ref(&set_key))]),
                    SERVER,
                    "alice",
                    "at+jwt",
                    &server_key,
                ),
                _ => (
                    plain().by("server", algorithm),
                    Doc::plain().trust(&[issuer(PLAIN, std::slice::from_ref(&set_key))]),
                    PLAIN,
                    "alice",
                    "jwt",
                    &server_key,
                ),
            };
            let expect = json!({
                "decision": "accept",
                "status": 200,
                "headers": [],
                "token": { "kind": name, "issuer": who, "subject": subject, "key_id": key },
            });
            let rule = match kind {
                "jwt_svid" => "JWT-SVID §2.1, §5.2",
                "access_token" => "RFC 9068 §4, RFC 7518 §3.1",
                _ => "RFC 7519 §7.2, RFC 7518 §3.1",
            };
            let mut take = |way: &str, rule: &str, request| {
                // A proof by an algorithm that is not taken by default needs a policy that names it.
                let named = way.starts_with("dpop") && !PROOF_ALGORITHMS.split(' ').any(|name| name == algorithm);
                let doc = match named {
                    true => &doc.clone().member("dpop", &format!("{{\"algorithms\":[\"{algorithm}\"]}}")),
                    false => &doc,
                };
                corpus.steps(&format!("{kind}_{word}_{way}"), rule, doc, vec![ask(&request, expect.clone())]);
            };
            take("bearer", rule, bearer(&token.text()));
            let bound = token.clone().bound_to_key(&client).text();
            let proven = |bound: &str| proof(bound).key(&client).algorithm(algorithm).text();
            take("dpop", "RFC 9449 §4.3, §7.1", dpop(&bound, &proven(&bound)));
            let bound = token.clone().bound_to_certificate("client").text();
            take("mtls", "RFC 8705 §3", bearer(&bound).certificate("client"));
            let bound = token.clone().bound_to_both(&client, "client").text();
            take("dpop_and_mtls", "RFC 9449 §7.1, RFC 8705 §3", dpop(&bound, &proven(&bound)).certificate("client"));
        }
    }
}
