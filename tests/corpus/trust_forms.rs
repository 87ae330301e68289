//! The forms in which the keys of trust domains are handed out: SPIFFE bundle, plain JWK set, and maps of either.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::Reason::{
    AlgorithmRefused, KeyNotUsable, KeyUnknown, KeysStale, SignatureInvalid, TrustDomainUnknown,
};
use serde_json::{Value, json};

use super::{Corpus, accepted, ask, refused};
use crate::issuer::{DOMAIN, NOW, jwk, svid};
use crate::request::{Doc, bearer, svid_key};

const OTHER: &str = "other.example";

/// A key as the Workload API hands it out: without `use`.
fn authority(name: &str) -> String {
    jwk(name, &format!(r#""kid":"{name}""#))
}

fn set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// A trust entry of a map, with these documents by trust domain.
fn map(format: &str, listed: &[&str], documents: &[(&str, String)]) -> String {
    let member = |(name, document): &(&str, String)| match format {
        "spiffe" => format!(r#""{name}":{document}"#),
        _ => format!(r#""{name}":"{}""#, STANDARD.encode(document)),
    };
    let members: Vec<String> = documents.iter().map(member).collect();
    let members = format!("{{{}}}", members.join(","));
    let members = if format == "spiffe" { format!(r#"{{"trust_domains":{members}}}"#) } else { members };
    format!(r#"{{"trust_domains":{},"format":"{format}","bundle_map":{members}}}"#, Value::from(listed.to_vec()))
}

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("trust_forms");
    add_key_sets(corpus);
    add_maps(corpus);
}

fn add_key_sets(corpus: &mut Corpus) {
    let rule = "Workload API, JWT bundle (D13): each key of the set is a JWT authority";
    let request = bearer(&svid().text());
    let entry = |keys: &[String]| format!(r#"{{"trust_domain":"{DOMAIN}","jwks":{}}}"#, set(keys));
    let of = |keys: &[String]| Doc::svid().trust(&[entry(keys)]);
    corpus.accept("jwk_set_use_absent", rule, &of(&[authority("domain-p256")]), &request);
    let with_use = |usage: &str| of(&[jwk("domain-p256", &format!(r#""kid":"domain-p256","use":"{usage}""#))]);
    for (name, usage) in [("sig", "sig"), ("jwt_svid", "jwt-svid")] {
        corpus.accept(&format!("jwk_set_use_{name}"), rule, &with_use(usage), &request);
    }
    let rule = "RFC 7517 §4.2, Trust Domain and Bundle §4.2.2 (D13): a foreign use drops the key";
    for (name, usage) in [
        ("x509_svid", "x509-svid"),
        ("wit_svid", "wit-svid"),
        ("enc", "enc"),
        ("upper_case", "JWT-SVID"),
        ("unknown", "tls"),
        ("empty", ""),
    ] {
        corpus.refuse(&format!("jwk_set_use_{name}"), rule, &with_use(usage), &request, KeyUnknown);
    }
    let odd = jwk("domain-p256", r#""kid":"domain-p256","use":["sig"]"#);
    corpus.refuse("jwk_set_use_no_string", rule, &of(&[odd]), &request, KeyUnknown);
    let other = jwk("domain-next-p256", r#""kid":"domain-next-p256","use":"x509-svid""#);
    corpus.accept("jwk_set_foreign_use_beside", rule, &of(&[other, authority("domain-p256")]), &request);
    let unnamed = of(&[jwk("domain-p256", "")]).member("jwt_svid", r#"{"single_candidate_key":true}"#);
    let bare = bearer(&svid().no_header("kid").text());
    corpus.refuse("jwk_set_key_without_kid", "JWT-SVID §6.1 (D7)", &unnamed, &bare, KeyUnknown);
    corpus.refuse("jwk_set_empty", "Trust Domain and Bundle §4.1.3 (BND-3)", &of(&[]), &request, KeyUnknown);
    corpus.refuse(
        "jwk_set_ed25519",
        "JWT-SVID §2.1 (JSV-2): the algorithms are those of JWT-SVIDs whatever the form",
        &of(&[authority("domain-ed25519")]),
        &bearer(&svid().by("domain", "EdDSA").text()),
        AlgorithmRefused,
    );
    let pinned = |algorithm: &str| {
        let entry = entry(&[jwk("domain-p256", r#""kid":"domain-p256""#)]);
        Doc::svid().trust(&[format!(r#"{},"algorithms":["{algorithm}"]}}"#, &entry[..entry.len() - 1])])
    };
    corpus.accept("jwk_set_pinned", "policy: algorithms of a trust entry", &pinned("ES256"), &request);
    corpus.refuse(
        "jwk_set_pinned_to_another",
        "policy: algorithms of a trust entry",
        &pinned("RS256"),
        &request,
        KeyUnknown,
    );
    let wrong_key = of(&[jwk("domain-next-p256", r#""kid":"domain-p256""#)]);
    corpus.refuse("jwk_set_another_key_under_the_kid", "RFC 7515 §5.2", &wrong_key, &request, SignatureInvalid);
    let unfit = of(&[jwk("domain-p384", r#""kid":"domain-p256""#)]);
    corpus.refuse("jwk_set_key_of_another_curve", "RFC 7518 §3.4", &unfit, &request, KeyNotUsable);

    // Rotation as an agent sees it: the set before, both, the next one alone.
    let next = bearer(&svid().key("domain-next-p256").text());
    let push = |keys: &[&str]| {
        let keys: Vec<Value> = keys.iter().map(|name| serde_json::from_str(&authority(name)).unwrap()).collect();
        json!({ "trust": { "trust_domain": DOMAIN, "jwks": { "keys": keys }, "now": NOW }, "expect": "installed" })
    };
    corpus.steps(
        "jwk_set_rotation",
        "Workload API, JWT bundle: a key that left the set verifies no more (A29)",
        &of(&[authority("domain-p256")]),
        vec![
            ask(&request, accepted()),
            ask(&next, refused(KeyUnknown)),
            push(&["domain-p256", "domain-next-p256"]),
            ask(&request, accepted()),
            ask(&next, accepted()),
            push(&["domain-next-p256"]),
            ask(&request, refused(KeyUnknown)),
            ask(&next, accepted()),
        ],
    );
}

fn add_maps(corpus: &mut Corpus) {
    let foreign = svid().claim("sub", "\"spiffe://other.example/a\"").key("other-domain-p256");
    let (own, foreign) = (bearer(&svid().text()), bearer(&foreign.text()));
    for format in ["spiffe", "spiffe-helper"] {
        let word = format.replace('-', "_");
        let key = |name: &str| if format == "spiffe" { svid_key(name) } else { authority(name) };
        let keys = |name: &str| set(&[key(name)]);
        let two = [(DOMAIN, keys("domain-p256")), (OTHER, keys("other-domain-p256"))];
        let of = |listed: &[&str], documents: &[(&str, String)]| Doc::svid().trust(&[map(format, listed, documents)]);
        let rule = "Trust Domain and Bundle §5.1 (BND-11)";
        corpus.steps(
            &format!("{word}_map_of_two_domains"),
            rule,
            &of(&[DOMAIN, OTHER], &two),
            vec![ask(&own, accepted()), ask(&foreign, accepted())],
        );
        corpus.steps(
            &format!("{word}_map_domain_that_is_not_listed"),
            "policy: trust_domains of a bundle map; the map alone trusts no trust domain",
            &of(&[DOMAIN], &two),
            vec![ask(&own, accepted()), ask(&foreign, refused(TrustDomainUnknown))],
        );
        corpus.steps(
            &format!("{word}_map_without_a_listed_domain"),
            "SPIFFE Federation §6.3: a trust domain without a document has no keys",
            &of(&[DOMAIN, OTHER], &two[..1]),
            vec![ask(&own, accepted()), ask(&foreign, refused(KeysStale))],
        );
        corpus.refuse(&format!("{word}_map_empty"), rule, &of(&[DOMAIN], &[]), &own, KeysStale);
        corpus.refuse(
            &format!("{word}_map_keys_of_another_domain"),
            "SPIFFE Federation §4.2 (BND-15): documents of different trust domains are never merged",
            &of(&[DOMAIN, OTHER], &[(DOMAIN, set(&[])), (OTHER, set(&[key("domain-p256")]))]),
            &own,
            KeyUnknown,
        );
        let entry = map(format, &[DOMAIN], &two);
        let pinned = Doc::svid().trust(&[format!(r#"{},"algorithms":"RS256"}}"#, &entry[..entry.len() - 1])]);
        corpus.refuse(
            &format!("{word}_map_pinned_to_another"),
            "policy: algorithms of a trust entry",
            &pinned,
            &own,
            KeyUnknown,
        );
    }
    let of = |format: &str, key: String| Doc::svid().trust(&[map(format, &[DOMAIN], &[(DOMAIN, set(&[key]))])]);
    corpus.refuse(
        "spiffe_map_use_absent",
        "Trust Domain and Bundle §4.2.2 (BND-6)",
        &of("spiffe", authority("domain-p256")),
        &own,
        KeyUnknown,
    );
    corpus.refuse(
        "spiffe_helper_map_use_x509_svid",
        "Trust Domain and Bundle §4.2.2 (D13)",
        &of("spiffe-helper", jwk("domain-p256", r#""kid":"domain-p256","use":"x509-svid""#)),
        &own,
        KeyUnknown,
    );
}
