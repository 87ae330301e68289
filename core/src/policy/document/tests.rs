use super::*;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::limits;
use crate::policy::route::{AcceptedKind, Binding, Mode};
use crate::policy::trust::TrustDocument;
use crate::specs::profile::TokenKind;
use crate::specs::settings::{NonceMode, ReplayMode};

const TRUST: &str = r#""trust":[{"trust_domain":"example.org"},{"issuer":"https://as.example"}]"#;

fn with_policy(members: &str) -> String {
    format!(r#"{{{TRUST},"policies":{{"default":{{{members}}}}}}}"#)
}

/// A policy with what every policy needs, and more.
fn with(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    with_policy(&format!(r#""accept":["jwt-svid"],"audience":"https://api.example"{comma}{more}"#))
}

fn with_access(more: &str) -> String {
    with(more).replace("jwt-svid", "at+jwt")
}

fn faults(text: &str) -> Vec<PolicyError> {
    match PolicyDocument::parse(text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults,
    }
}

fn pointers(text: &str) -> Vec<String> {
    faults(text).into_iter().map(|fault| fault.pointer).collect()
}

fn only(text: &str) -> PolicyError {
    let mut faults = faults(text);
    assert_eq!(faults.len(), 1, "{faults:?} in {text}");
    faults.remove(0)
}

#[test]
fn the_example_of_the_design_is_a_policy() {
    let text = r#"
        { "trust": [
            { "trust_domain": "example.org", "bundle_file": "trust/example.org.json" },
            { "issuer": "https://as.example", "jwks_file": "trust/as.json" } ],
          "policies": {
            "default": {
              "accept": [ { "kind": "jwt-svid", "subjects": ["spiffe://example.org/ns/*/sa/web"] },
                          { "kind": "at+jwt", "scope": ["orders:read"] } ],
              "audience": ["https://api.example"],
              "leeway_seconds": 30,
              "binding": { "require": "none" },
              "dpop": { "max_age_seconds": 60, "future_seconds": 5, "nonce": "off", "replay": "refuse" } } } }"#;
    let document = PolicyDocument::parse(text.as_bytes()).unwrap();
    let trust: Vec<_> = document.trust().map(|(_, source)| source.clone()).collect();
    assert_eq!(trust[0].authority(), &Authority::TrustDomain("example.org".to_owned()));
    assert_eq!(trust[0].document(), &TrustDocument::File("trust/example.org.json".to_owned()));
    assert_eq!(trust[1].authority(), &Authority::Issuer("https://as.example".to_owned()));
    assert_eq!(trust[1].min_refresh_seconds(), 60);
    assert_eq!(trust[1].max_stale_seconds(), None);
    let index = document.policy("default").unwrap();
    let policy = &document.policies[index.0];
    assert_eq!(policy.name(), "default");
    assert_eq!(policy.leeway_seconds, 30);
    assert_eq!(policy.binding(), Binding::None);
    assert_eq!(policy.mode(), Mode::Enforce);
    assert!(policy.audience().eq(["https://api.example"]));
    let kinds: Vec<_> = policy.accept().map(AcceptedKind::kind).collect();
    assert_eq!(kinds, [TokenKind::JwtSvid, TokenKind::AccessToken]);
    assert!(policy.credential.accept[1].scope().eq(["orders:read"]));
    assert_eq!((policy.dpop.max_age_seconds, policy.dpop.future_seconds), (60, 5));
    assert_eq!((policy.dpop.nonce, policy.dpop.replay), (NonceMode::Off, ReplayMode::Refuse));
    assert_eq!(document.policy("other"), None);
    assert_eq!(document.authority(&Authority::Issuer("https://as.example".to_owned())), Some(AuthorityIndex(1)));
}

#[test]
fn what_is_left_out_has_its_default() {
    let document = PolicyDocument::parse(with("").as_bytes()).unwrap();
    let policy = &document.policies[0];
    assert_eq!(policy.leeway_seconds, 30);
    assert_eq!(policy.binding, Binding::None);
    assert_eq!((policy.dpop.max_age_seconds, policy.dpop.future_seconds), (60, 5));
    assert_eq!(policy.dpop.replay, ReplayMode::Refuse);
    assert_eq!(policy.dpop.nonce, NonceMode::Off);
    assert_eq!((policy.dpop.algorithms, policy.dpop.max_rsa_bits), (AlgorithmSet::DPOP_DEFAULT, 3072));
    assert!(!policy.profiles.jwt_svid.single_candidate_key && !policy.profiles.jwt_svid.ignore_unknown_headers);
    assert!(policy.origin.is_none() && policy.challenge.realm.is_none() && !policy.challenge.hide_description);
    assert_eq!(document.token_cache_bytes(), 8 * 1024 * 1024);
    assert_eq!(document.replay_proofs(), 65_536);
    assert_eq!(document.proof_window_seconds(), (60, 5));
    // A bare string is short for an entry without conditions; one audience for a list of one.
    let long = with_policy(r#""accept":[{"kind":"jwt-svid"}],"audience":["https://api.example"]"#);
    let long = PolicyDocument::parse(long.as_bytes()).unwrap();
    assert_eq!(alloc::format!("{:?}", long.policies), alloc::format!("{:?}", document.policies));
}

#[test]
fn a_fault_says_where_what_and_what_should_be() {
    let fault = only(&with(r#""leeway_seconds":301"#));
    assert_eq!(fault.pointer, "/policies/default/leeway_seconds");
    assert_eq!(fault.found, "301");
    assert_eq!(fault.expected, "a whole number from 0 to 300");
    assert_eq!(fault.to_string(), "/policies/default/leeway_seconds: found 301, expected a whole number from 0 to 300");
    let fault = only("[]");
    assert_eq!((fault.pointer.as_str(), fault.found.as_str()), ("", "an empty array"));
    assert_eq!(fault.to_string(), "the document: found an empty array, expected an object");
    let fault = only("{\n \"trust\": x}");
    assert_eq!(fault.pointer, "");
    assert!(fault.found.contains("line 2, column 11"), "{fault}");
}

#[test]
fn every_fault_is_listed_at_once() {
    let text = r#"{"trust":[{"trust_domain":"Example.org"},{"issuer":"https://a","trust_domain":"b"},{"issuer":7},{}],
        "policies":{"a b":{"accept":["at+jwt","nonsense",{"subjects":[]}],"audience":[],"leeway":3,"mode":"off",
        "dpop":{"max_age_seconds":0,"replay":"no"},"binding":{"require":"some"},"origin":"api.example"}},"more":1}"#;
    let found = pointers(text);
    for expected in [
        "/more",
        "/trust/0/trust_domain",
        "/trust/1",
        "/trust/2/issuer",
        "/trust/3",
        "/policies/a b",
        "/policies/a b/audience",
        "/policies/a b/leeway",
        "/policies/a b/mode",
        "/policies/a b/accept/1",
        "/policies/a b/accept/2/kind",
        "/policies/a b/dpop/max_age_seconds",
        "/policies/a b/dpop/replay",
        "/policies/a b/binding/require",
        "/policies/a b/origin",
    ] {
        assert!(found.iter().any(|pointer| pointer == expected), "{expected} is not in {found:?}");
    }
    let unique: alloc::collections::BTreeSet<_> = faults(text).into_iter().map(|fault| fault.to_string()).collect();
    assert_eq!(unique.len(), found.len(), "each once");
}

#[test]
fn unknown_members_are_faults_everywhere() {
    for (text, pointer) in [
        (with("").replacen('{', r#"{"extra":1,"#, 1), "/extra"),
        (with(r#""audiences":["x"]"#), "/policies/default/audiences"),
        (with(r#""dpop":{"max_age":1}"#), "/policies/default/dpop/max_age"),
        (with(r#""binding":{"requires":"any"}"#), "/policies/default/binding/requires"),
        (with(r#""jwt_svid":{"skip":true}"#), "/policies/default/jwt_svid/skip"),
        (with(r#""challenge":{"real":"x"}"#), "/policies/default/challenge/real"),
        (with(r#""a/b~c":1"#), "/policies/default/a~1b~0c"),
        (
            with("").replace(r#"["jwt-svid"]"#, r#"[{"kind":"jwt-svid","subject":"x"}]"#),
            "/policies/default/accept/0/subject",
        ),
        (with("").replacen(r#""example.org""#, r#""example.org","bundel":{}"#, 1), "/trust/0/bundel"),
        (with("").replacen(r#"{"trust"#, r#"{"memory":{"cache":1},"trust"#, 1), "/memory/cache"),
    ] {
        let fault = only(&text);
        assert_eq!(fault.pointer, pointer);
        assert_eq!(fault.found, "an unknown member");
        assert!(fault.expected.starts_with("one of "), "{fault}");
    }
    for name in ["comment", "$schema"] {
        assert_eq!(faults(&with("").replacen('{', &alloc::format!("{{\"{name}\":\"x\","), 1)), []);
    }
}

#[test]
fn missing_and_empty_configuration_refuses() {
    for (text, pointer) in [
        ("{}".to_owned(), "/trust"),
        (alloc::format!("{{{TRUST}}}"), "/policies"),
        (alloc::format!("{{{TRUST},\"policies\":{{}}}}"), "/policies"),
        (alloc::format!("{{{TRUST},\"policies\":[]}}"), "/policies"),
        (with("").replace(TRUST, "\"trust\":[]"), "/trust"),
        (with("").replace(TRUST, "\"trust\":{}"), "/trust"),
        (with_policy(r#""accept":["jwt-svid"]"#), "/policies/default/audience"),
        (with_policy(r#""audience":"x""#), "/policies/default/accept"),
        (with_policy(r#""accept":[],"audience":"x""#), "/policies/default/accept"),
        (with_policy(r#""accept":"jwt-svid","audience":"x""#), "/policies/default/accept"),
        (with_policy(r#""accept":[{}],"audience":"x""#), "/policies/default/accept/0/kind"),
        (with_policy(r#""accept":["jwt-svid"],"audience":[]"#), "/policies/default/audience"),
        (with_policy(r#""accept":["jwt-svid"],"audience":"""#), "/policies/default/audience"),
        (with_policy(r#""accept":["jwt-svid"],"audience":["x",""]"#), "/policies/default/audience/1"),
        (with_policy(r#""accept":["jwt-svid"],"audience":null"#), "/policies/default/audience"),
        (with_policy(r#""accept":["jwt-svid"],"audience":[["x"]]"#), "/policies/default/audience/0"),
        (with(r#""subjects":[]"#), "/policies/default/subjects"),
        (with(r#""algorithms":[]"#), "/policies/default/algorithms"),
        (with_access(r#""scope":[]"#), "/policies/default/scope"),
        (with(r#""dpop":{"algorithms":[]}"#), "/policies/default/dpop/algorithms"),
    ] {
        assert!(pointers(&text).iter().any(|found| found == pointer), "{pointer}: {:?}", faults(&text));
    }
}

#[test]
fn algorithms_narrow_and_never_widen() {
    for algorithm in ["EdDSA", "Ed25519", "none", "HS256", "ES256K", "es256", ""] {
        let fault = only(&with(&alloc::format!(r#""algorithms":["{algorithm}"]"#)));
        assert_eq!(fault.pointer, "/policies/default/algorithms/0", "{algorithm}");
    }
    for algorithm in ["none", "HS256", "HS512"] {
        assert_eq!(
            only(&with_access(&alloc::format!(r#""algorithms":"{algorithm}""#))).pointer,
            "/policies/default/algorithms"
        );
        assert_eq!(
            only(&with(&alloc::format!(r#""dpop":{{"algorithms":["{algorithm}"]}}"#))).pointer,
            "/policies/default/dpop/algorithms/0"
        );
    }
    let document = PolicyDocument::parse(with_access(r#""algorithms":["EdDSA","ES256"]"#).as_bytes()).unwrap();
    let set = document.policies[0].credential.algorithms(TokenKind::AccessToken);
    assert!(set.iter().eq([Algorithm::Es256, Algorithm::EdDsa]));
    assert!(
        document.policies[0].credential.algorithms(TokenKind::JwtSvid).is_empty(),
        "a kind that is not accepted has none"
    );
    // The policy's list and the entry's own: only the algorithms in both.
    let both = with_policy(
        r#""accept":[{"kind":"at+jwt","algorithms":["ES256","RS256"]}],"audience":"x","algorithms":["ES256","PS256"]"#,
    );
    let document = PolicyDocument::parse(both.as_bytes()).unwrap();
    assert!(document.policies[0].credential.algorithms(TokenKind::AccessToken).iter().eq([Algorithm::Es256]));
    let none = both.replace("\"ES256\",\"PS256\"", "\"PS256\"");
    assert_eq!(only(&none).pointer, "/policies/default/algorithms");
    // EdDSA on the policy, where one of two kinds cannot have it, is a fault and not a silent nothing.
    let mixed = with_policy(r#""accept":["jwt-svid","at+jwt"],"audience":"x","algorithms":["EdDSA"]"#);
    assert!(pointers(&mixed).iter().any(|pointer| pointer == "/policies/default/algorithms/0"));
}

#[test]
fn conditions_that_a_kind_cannot_carry_are_faults() {
    for (text, pointer) in [
        (with(r#""scope":["orders:read"]"#), "/policies/default/scope"),
        (
            with("").replace(r#"["jwt-svid"]"#, r#"[{"kind":"jwt-svid","scope":["a"]}]"#),
            "/policies/default/accept/0/scope",
        ),
        (
            with("")
                .replace(r#"["jwt-svid"]"#, r#"["at+jwt","jwt-svid"]"#)
                .replace(r#""audience""#, r#""scope":"a","audience""#),
            "/policies/default/scope",
        ),
        (
            with("").replace(r#"["jwt-svid"]"#, r#"[{"kind":"jwt-svid","issuer":"https://as.example"}]"#),
            "/policies/default/accept/0/issuer",
        ),
        (
            with("").replace(r#"["jwt-svid"]"#, r#"[{"kind":"at+jwt","trust_domain":"example.org"}]"#),
            "/policies/default/accept/0/trust_domain",
        ),
        (with(r#""subjects":["alice"]"#), "/policies/default/subjects/0"),
        (with_access(r#""jwt_svid":{"single_candidate_key":true}"#), "/policies/default/jwt_svid"),
    ] {
        assert!(pointers(&text).iter().any(|found| found == pointer), "{pointer}: {:?}", faults(&text));
    }
    assert_eq!(faults(&with_access(r#""subjects":["alice"]"#)), []);
    assert_eq!(faults(&with_access(r#""scope":["orders:read"]"#)), []);
}

#[test]
fn faults_of_conditions_name_their_pointer() {
    let entry = |members: &str| with("").replace(r#"["jwt-svid"]"#, &format!(r#"[{{"kind":"jwt",{members}}}]"#));
    let at = |members: &str| {
        let fault = only(&entry(members));
        let pointer = fault.pointer.strip_prefix("/policies/default/accept/0").map(ToOwned::to_owned);
        (pointer.unwrap_or(fault.pointer), fault.found, fault.expected)
    };
    let condition =
        |demand: &str| at(&format!(r#""conditions":[{{"claim":"/a","present":true}},{{"claim":"/b",{demand}}}]"#));
    let demands = "one of equals, one_of, contains, present, pattern";
    let scalar = "a string, a whole number, true or false";
    for (demand, place, found, expected) in [
        (r#""comment":1"#, "", "no demand", demands),
        (r#""equals":1,"present":true"#, "", "equals and present", demands),
        (r#""equals":1.5"#, "/equals", "1.5", scalar),
        (r#""equals":-0"#, "/equals", "-0", scalar),
        (r#""equals":null"#, "/equals", "null", scalar),
        (r#""contains":["a"]"#, "/contains", "an array", scalar),
        (r#""one_of":[]"#, "/one_of", "an empty array", "at least one value"),
        (r#""one_of":["a",{}]"#, "/one_of/1", "an object", scalar),
        (r#""pattern":"a*""#, "/pattern", "\"a*\"", "a * matches one whole segment and cannot be a part of one"),
        (r#""equals":"a","separator":":""#, "/separator", "a separator beside equals", "a separator beside pattern"),
        (r#""pattern":"a","separator":"ab""#, "/separator", "\"ab\"", "one ASCII punctuation character that is not *"),
    ] {
        let expected = (format!("/conditions/1{place}"), found.to_owned(), expected.to_owned());
        assert_eq!(condition(demand), expected, "{demand}");
    }
    let pointer = at(r#""conditions":[{"claim":"a","present":true}]"#);
    assert_eq!(pointer.0, "/conditions/0/claim");
    let many = (0..40).map(|claim| format!(r#"{{"claim":"/{claim}","present":true}}"#)).collect::<Vec<_>>().join(",");
    let text = entry(&format!(r#""conditions":[{many}]"#));
    assert_eq!(faults(&text).len(), 8, "{:?}", faults(&text));
    assert_eq!(pointers(&text)[0], "/policies/default/accept/0/conditions/32/claim");

    for (members, place, found) in [
        (r#""scope_match":"any""#, "/scope", "nothing"),
        (r#""subject_separator":":""#, "/subjects", "nothing"),
        (r#""audience_from":"/aud""#, "/audience_from", "\"/aud\""),
        (r#""absent":"sub""#, "/absent", "\"sub\""),
        (r#""scope_from":["/a","b"]"#, "/scope_from/1", "\"b\""),
    ] {
        let (pointer, quoted, _) = at(members);
        assert_eq!((pointer.as_str(), quoted.as_str()), (place, found), "{members}");
    }
    assert_eq!(at(r#""absent":"aud""#).2, "audience_from, which names the claim in place of aud");
    let twice = entry(r#""scope_from":"/a""#).replace(r#""audience""#, r#""scope_from":"/b","audience""#);
    assert_eq!(pointers(&twice), ["/policies/default/scope_from"]);
    let any = entry(r#""scope":"a","scope_match":"any""#).replace(r#""audience""#, r#""scope":"b","audience""#);
    assert_eq!(pointers(&any), ["/policies/default/accept/0/scope"]);
    let svid = |members: &str| with("").replace(r#"["jwt-svid"]"#, &format!(r#"[{{"kind":"jwt-svid",{members}}}]"#));
    for (members, member) in [
        (r#""scope_from":"/a""#, "scope_from"),
        (r#""audience_from":"/a""#, "audience_from"),
        (r#""absent":"sub""#, "absent"),
        (r#""subjects":"spiffe://example.org/a","subject_separator":"/""#, "subject_separator"),
    ] {
        assert_eq!(pointers(&svid(members)), [format!("/policies/default/accept/0/{member}")], "{members}");
    }
}

#[test]
fn entries_name_authorities_of_the_trust_list_and_known_kinds() {
    // A kind that no authority of the trust list can sign is odd, and for a linter; its tokens are refused by their authority.
    assert_eq!(faults(&with_access("").replace(TRUST, r#""trust":[{"trust_domain":"example.org"}]"#)), []);
    assert_eq!(faults(&with("").replace(TRUST, r#""trust":[{"issuer":"https://as.example"}]"#)), []);
    for name in ["https://other.example", "example.org", "https://as.example/"] {
        let text = with("").replace(r#"["jwt-svid"]"#, &alloc::format!(r#"[{{"kind":"at+jwt","issuer":"{name}"}}]"#));
        assert_eq!(only(&text).pointer, "/policies/default/accept/0/issuer", "{name}");
    }
    for kind in ["JWT", "at+JWT", "jwt_svid", "wit+jwt", "dpop+jwt", "*", ""] {
        let fault = only(&with("").replace("\"jwt-svid\"", &alloc::format!("\"{kind}\"")));
        assert_eq!(fault.pointer, "/policies/default/accept/0", "{kind}");
        assert_eq!(fault.expected, "a token kind: jwt-svid, at+jwt, jwt, txntoken+jwt, introspected");
    }
}

fn with_source(source: &str) -> String {
    with("").replace(TRUST, &format!(r#""trust":[{{"trust_domain":"example.org"}},{source}]"#))
}

#[test]
fn trust_sources() {
    for (source, pointer) in [
        ("7", "/trust/1"),
        ("{}", "/trust/1"),
        (r#"{"trust_domain":"a","issuer":"b"}"#, "/trust/1"),
        (r#"{"trust_domain":"example.org"}"#, "/trust/1"),
        (r#"{"trust_domain":"UPPER.example"}"#, "/trust/1/trust_domain"),
        (r#"{"trust_domain":"spiffe://a"}"#, "/trust/1/trust_domain"),
        (r#"{"trust_domain":""}"#, "/trust/1/trust_domain"),
        (r#"{"issuer":""}"#, "/trust/1/issuer"),
        (r#"{"trust_domain":"a","jwks":{"keys":[]},"bundle_file":"x"}"#, "/trust/1/jwks"),
        (r#"{"trust_domain":"a","jwks":[]}"#, "/trust/1/jwks"),
        (r#"{"trust_domain":"a","format":"json"}"#, "/trust/1/format"),
        (r#"{"trust_domain":"a","format":"spiffe"}"#, "/trust/1/format"),
        (r#"{"trust_domain":"a","jwks_file":"x","format":"jwks"}"#, "/trust/1/format"),
        (r#"{"issuer":"a","format":"jwks"}"#, "/trust/1/format"),
        (r#"{"issuer":"a","bundle_file":"x"}"#, "/trust/1/bundle_file"),
        (r#"{"issuer":"a","jwks":[]}"#, "/trust/1/jwks"),
        (r#"{"issuer":"a","jwks":"{}"}"#, "/trust/1/jwks"),
        (r#"{"issuer":"a","jwks":{"keys":[]},"jwks_file":"x"}"#, "/trust/1/jwks_file"),
        (r#"{"issuer":"a","jwks_file":""}"#, "/trust/1/jwks_file"),
        (r#"{"issuer":"a","jwks_uri":"http://a/x"}"#, "/trust/1/jwks_uri"),
        (r#"{"issuer":"a","jwks_uri":"https://u:p@a/x"}"#, "/trust/1/jwks_uri"),
        (r#"{"issuer":"a","min_refresh_seconds":0}"#, "/trust/1/min_refresh_seconds"),
        (r#"{"issuer":"a","min_refresh_seconds":1.5}"#, "/trust/1/min_refresh_seconds"),
        (r#"{"issuer":"a","max_stale_seconds":"1h"}"#, "/trust/1/max_stale_seconds"),
        (r#"{"issuer":"a","max_stale_seconds":-1}"#, "/trust/1/max_stale_seconds"),
    ] {
        assert_eq!(only(&with_source(source)).pointer, pointer, "{source}");
    }
    let inline = with_source(r#"{"issuer":"a","jwks":{"keys": [ ]},"min_refresh_seconds":5,"max_stale_seconds":60}"#);
    let document = PolicyDocument::parse(inline.as_bytes()).unwrap();
    let (_, source) = document.trust().nth(1).unwrap();
    assert_eq!(source.document(), &TrustDocument::Inline(r#"{"keys": [ ]}"#.to_owned()));
    assert_eq!((source.min_refresh_seconds(), source.max_stale_seconds()), (5, Some(60)));
    let remote =
        PolicyDocument::parse(with_source(r#"{"issuer":"a","jwks_uri":"https://a/jwks"}"#).as_bytes()).unwrap();
    assert_eq!(remote.trust().nth(1).unwrap().1.document(), &TrustDocument::Uri("https://a/jwks".to_owned()));
    let pushed = PolicyDocument::parse(with_source(r#"{"issuer":"a"}"#).as_bytes()).unwrap();
    assert_eq!(pushed.trust().nth(1).unwrap().1.document(), &TrustDocument::Pushed);
    // A trust domain and an issuer of one name are two authorities.
    assert_eq!(faults(&with_source(r#"{"issuer":"example.org"}"#)), []);
}

#[test]
fn the_keys_of_a_trust_domain_may_be_a_plain_jwk_set() {
    for good in [
        r#"{"trust_domain":"a","jwks":{"keys":[]}}"#,
        r#"{"trust_domain":"a","jwks_file":"x"}"#,
        r#"{"trust_domain":"a","jwks_uri":"https://a/x"}"#,
        r#"{"trust_domain":"a","format":"jwks"}"#,
        r#"{"trust_domain":"a","format":"bundle"}"#,
    ] {
        assert_eq!(faults(&with_source(good)), [], "{good}");
    }
}

#[test]
fn a_bundle_map_names_its_trust_domains_and_its_format() {
    for good in [
        r#"{"trust_domains":["a","b"],"bundle_map_file":"x","format":"spiffe"}"#,
        r#"{"trust_domains":"a","bundle_map_file":"x","format":"spiffe-helper","max_stale_seconds":60}"#,
        r#"{"trust_domains":"a","bundle_map":{"trust_domains":{}},"format":"spiffe","algorithms":["ES256"]}"#,
        r#"{"trust_domains":"a","bundle_map":{},"format":"spiffe-helper"}"#,
    ] {
        assert_eq!(faults(&with_source(good)), [], "{good}");
    }
    for (source, pointer) in [
        (r#"{"trust_domains":["a"],"bundle_map_file":"x"}"#, "/trust/1/format"),
        (r#"{"trust_domains":["a"],"bundle_map_file":"x","format":"jwks"}"#, "/trust/1/format"),
        (r#"{"trust_domains":["a"],"bundle_map_file":"x","format":1}"#, "/trust/1/format"),
        (r#"{"bundle_map_file":"x","format":"spiffe"}"#, "/trust/1/trust_domains"),
        (r#"{"trust_domains":[],"bundle_map_file":"x","format":"spiffe"}"#, "/trust/1/trust_domains"),
        (r#"{"trust_domains":["a","A"],"bundle_map_file":"x","format":"spiffe"}"#, "/trust/1/trust_domains/1"),
        (r#"{"trust_domains":["a","a"],"bundle_map_file":"x","format":"spiffe"}"#, "/trust/1/trust_domains/1"),
        (r#"{"trust_domains":["a","example.org"],"bundle_map_file":"x","format":"spiffe"}"#, "/trust/1"),
        (r#"{"trust_domains":["a"],"format":"spiffe"}"#, "/trust/1/bundle_map_file"),
        (r#"{"trust_domains":["a"],"bundle_map_file":"","format":"spiffe"}"#, "/trust/1/bundle_map_file"),
        (
            r#"{"trust_domains":["a"],"bundle_map_file":"x","bundle_map":{"trust_domains":{}},"format":"spiffe"}"#,
            "/trust/1/bundle_map_file",
        ),
        (r#"{"trust_domains":["a"],"bundle_map":{"keys":[]},"format":"spiffe"}"#, "/trust/1/bundle_map"),
        (r#"{"trust_domains":["a"],"bundle_map":[],"format":"spiffe-helper"}"#, "/trust/1/bundle_map"),
        (
            r#"{"trust_domains":["a"],"trust_domain":"a","bundle_map_file":"x","format":"spiffe"}"#,
            "/trust/1/trust_domain",
        ),
        (r#"{"trust_domains":["a"],"issuer":"a","bundle_map_file":"x","format":"spiffe"}"#, "/trust/1/issuer"),
        (
            r#"{"trust_domains":["a"],"bundle_file":"x","bundle_map_file":"x","format":"spiffe"}"#,
            "/trust/1/bundle_file",
        ),
        (r#"{"trust_domains":["a"],"jwks":{"keys":[]},"bundle_map_file":"x","format":"spiffe"}"#, "/trust/1/jwks"),
        (
            r#"{"trust_domains":["a"],"spiffe_trust_domains":"b","bundle_map_file":"x","format":"spiffe"}"#,
            "/trust/1/spiffe_trust_domains",
        ),
        (r#"{"trust_domain":"a","bundle_map":{"trust_domains":{}}}"#, "/trust/1/trust_domain"),
        (
            r#"{"trust_domains":["a"],"algorithms":["EdDSA"],"bundle_map_file":"x","format":"spiffe"}"#,
            "/trust/1/algorithms/0",
        ),
    ] {
        let found = pointers(&with_source(source));
        assert!(found.contains(&pointer.to_owned()), "{found:?} in {source}");
    }
    // A policy may name each of them, and no other.
    let named = |name: &str| {
        format!(
            r#"{{"trust":[{{"trust_domains":["a","b"],"bundle_map_file":"x","format":"spiffe"}}],"policies":{{"default":
            {{"accept":[{{"kind":"jwt-svid","trust_domain":"{name}"}}],"audience":"x"}}}}}}"#
        )
    };
    assert_eq!(faults(&named("b")), []);
    assert_eq!(only(&named("c")).pointer, "/policies/default/accept/0/trust_domain");
}

#[test]
fn numbers_have_bounds_and_types() {
    for (member, least, most) in [("leeway_seconds", 0, 300), ("max_lifetime_seconds", 1, 31_622_400)] {
        for good in [least, most] {
            assert_eq!(faults(&with(&alloc::format!("\"{member}\":{good}"))), [], "{member} {good}");
        }
        let bad = vec![
            "-1".to_owned(),
            "1.5".to_owned(),
            "\"30\"".to_owned(),
            "null".to_owned(),
            "true".to_owned(),
            (most + 1).to_string(),
            "99999999999999999999".to_owned(),
        ];
        for bad in bad {
            assert_eq!(
                only(&with(&alloc::format!("\"{member}\":{bad}"))).pointer,
                alloc::format!("/policies/default/{member}"),
                "{bad}"
            );
        }
    }
    assert_eq!(only(&with("\"max_lifetime_seconds\":0")).found, "0");
    for (member, least, most) in [
        ("max_age_seconds", 1, 300),
        ("future_seconds", 0, 300),
        ("nonce_lifetime_seconds", 10, 3600),
        ("max_rsa_bits", 2048, 4096),
    ] {
        for (value, good) in [(least, true), (most, true), (most + 1, false)] {
            let found = faults(&with(&alloc::format!("\"dpop\":{{\"{member}\":{value}}}")));
            assert_eq!(found.is_empty(), good, "{member} {value}: {found:?}");
        }
    }
    let memory = |text: &str| with("").replacen('{', &alloc::format!("{{\"memory\":{text},"), 1);
    assert_eq!(faults(&memory(r#"{"token_cache_bytes":0,"replay_proofs":64}"#)), []);
    assert_eq!(only(&memory(r#"{"replay_proofs":63}"#)).pointer, "/memory/replay_proofs");
    assert_eq!(only(&memory(r#"{"token_cache_bytes":2147483649}"#)).pointer, "/memory/token_cache_bytes");
}

#[test]
fn words_flags_and_texts() {
    for (member, pointer) in [
        (r#""mode":"Shadow""#, "mode"),
        (r#""mode":true"#, "mode"),
        (r#""binding":"dpop""#, "binding"),
        (r#""binding":{"require":"DPoP"}"#, "binding/require"),
        (r#""dpop":"off""#, "dpop"),
        (r#""dpop":{"nonce":"on"}"#, "dpop/nonce"),
        (r#""dpop":{"replay":"accept"}"#, "dpop/replay"),
        (r#""jwt_svid":{"single_candidate_key":"true"}"#, "jwt_svid/single_candidate_key"),
        (r#""jwt_svid":{"ignore_unknown_headers":1}"#, "jwt_svid/ignore_unknown_headers"),
        (r#""challenge":{"hide_description":"yes"}"#, "challenge/hide_description"),
        (r#""challenge":{"realm":7}"#, "challenge/realm"),
        (r#""challenge":{"realm":"a\"b"}"#, "challenge/realm"),
        (r#""challenge":{"resource_metadata":"http://a"}"#, "challenge/resource_metadata"),
        (r#""origin":"https://api.example?x""#, "origin"),
        (r#""origin":"api.example""#, "origin"),
        (r#""origin":"https://u@api.example""#, "origin"),
        (r#""subjects":["spiffe://Example.org/x"]"#, "subjects/0"),
        (r#""subjects":["spiffe://*/x"]"#, "subjects/0"),
        (r#""subjects":["spiffe://example.org/**/x"]"#, "subjects/0"),
        (r#""subjects":["spiffe://example.org/a*"]"#, "subjects/0"),
        (r#""subjects":[7]"#, "subjects/0"),
    ] {
        assert_eq!(only(&with(member)).pointer, alloc::format!("/policies/default/{pointer}"), "{member}");
    }
    for scope in ["a b", "a\\\"b", "a\\\\b", "\\t", "\u{e4}", ""] {
        assert_eq!(
            only(&with_access(&alloc::format!("\"scope\":[\"{scope}\"]"))).pointer,
            "/policies/default/scope/0",
            "{scope}"
        );
    }
    let document = PolicyDocument::parse(with(r#""mode":"shadow","binding":{"require":"mtls"},"dpop":{"replay":"danger_accept_when_full","nonce":"required"},"origin":"https://api.example/v1""#).as_bytes()).unwrap();
    let policy = &document.policies[0];
    assert_eq!((policy.mode, policy.binding), (Mode::Shadow, Binding::Mtls));
    assert_eq!((policy.dpop.replay, policy.dpop.nonce), (ReplayMode::AcceptWhenFull, NonceMode::Required));
    assert!(policy.origin.is_some());
}

#[test]
fn names_of_policies() {
    let named = |name: &str| with("").replacen("\"default\"", &alloc::format!("\"{name}\""), 1);
    for good in ["a", "A-z_0.9", &"n".repeat(64)] {
        assert_eq!(faults(&named(good)), [], "{good}");
    }
    for bad in ["", "a b", "a/b", "\u{e4}", "a\\\"b", &"n".repeat(65)] {
        assert_eq!(faults(&named(bad)).len(), 1, "{bad}");
    }
    let two = with("").replacen("\"default\":", r#""b":{"accept":["at+jwt"],"audience":"y"},"a":"#, 1);
    let document = PolicyDocument::parse(two.as_bytes()).unwrap();
    let names: Vec<&str> = document.policies().map(|(_, policy)| policy.name()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(document.policies[document.policy("b").unwrap().0].audience().eq(["y"]));
}

#[test]
fn the_widest_window_of_all_policies_is_remembered() {
    let text = with(r#""dpop":{"max_age_seconds":10,"future_seconds":50}"#).replacen(
        "\"default\":",
        r#""wide":{"accept":["at+jwt"],"audience":"y","dpop":{"max_age_seconds":200,"future_seconds":0}},"default":"#,
        1,
    );
    assert_eq!(PolicyDocument::parse(text.as_bytes()).unwrap().proof_window_seconds(), (200, 50));
    // Where nonces are demanded, a proof is as old as its nonce.
    let with_nonces = text.replacen(r#""future_seconds":0"#, r#""future_seconds":0,"nonce":"required""#, 1);
    assert_eq!(PolicyDocument::parse(with_nonces.as_bytes()).unwrap().proof_window_seconds(), (300, 50));
    let long = with_nonces.replacen("\"nonce\"", "\"nonce_lifetime_seconds\":3600,\"nonce\"", 1);
    assert_eq!(PolicyDocument::parse(long.as_bytes()).unwrap().proof_window_seconds(), (3600, 50));
    let short = with_nonces.replacen("\"nonce\"", "\"nonce_lifetime_seconds\":10,\"nonce\"", 1);
    assert_eq!(PolicyDocument::parse(short.as_bytes()).unwrap().proof_window_seconds(), (10, 50));
}

#[test]
fn how_a_key_is_selected_is_for_issuers_alone() {
    let with_member = |entry: &str, member: &str| {
        let trust = format!(r#"{{"trust":[{{{entry},{member}}}],"#);
        format!(r#"{trust}"policies":{{"default":{{"accept":["jwt"],"audience":"x"}}}}}}"#)
    };
    let issuer = r#""issuer":"https://as.example""#;
    for (member, name) in [
        ("\"try_keys\":4", "try_keys"),
        ("\"match_x5t\":true", "match_x5t"),
        ("\"eddsa_is_ed25519\":true", "eddsa_is_ed25519"),
    ] {
        assert!(PolicyDocument::parse(with_member(issuer, member).as_bytes()).is_ok(), "{member}");
        for (entry, found) in [
            (r#""trust_domain":"example.org""#, "a member that a trust domain does not have"),
            (
                r#""trust_domains":["example.org"],"bundle_map_file":"x","format":"spiffe""#,
                "a member that a bundle map does not have",
            ),
        ] {
            let fault = only(&with_member(entry, member));
            assert_eq!((fault.pointer.as_str(), fault.found.as_str()), (&*format!("/trust/0/{name}"), found));
        }
    }
    for value in ["0", "5", "1.5", "\"2\"", "null"] {
        let fault = only(&with_member(issuer, &format!("\"try_keys\":{value}")));
        assert_eq!(
            (fault.pointer.as_str(), fault.expected.as_str()),
            ("/trust/0/try_keys", "a whole number from 1 to 4")
        );
    }
}

#[test]
fn key_sources_of_one_issuer_have_a_name_each() {
    let doc = |entries: &[&str], accept: &str| {
        let trust = entries.join(",");
        format!(r#"{{"trust":[{trust}],"policies":{{"default":{{"accept":[{accept}],"audience":"x"}}}}}}"#)
    };
    let a = r#"{"issuer":"https://k8s","name":"cluster-a"}"#;
    let b = r#"{"issuer":"https://k8s","name":"cluster-b"}"#;
    let named = r#"{"kind":"jwt","issuer":["cluster-b","cluster-a"]}"#;
    let document = PolicyDocument::parse(doc(&[a, b], named).as_bytes()).unwrap();
    let places = |issuer: &str| -> Vec<usize> {
        document.key_sources(issuer).all().iter().map(|index| index.as_usize()).collect()
    };
    assert_eq!((places("https://k8s"), places("cluster-a"), places("https://k8")), (vec![0, 1], vec![], vec![]));
    let source = document.source(1).unwrap();
    assert_eq!((source.identifier(), source.authority().name()), ("https://k8s", "cluster-b"));
    for (text, pointer, found) in [
        (doc(&[a, a], "\"jwt\""), "/trust/1", "a second entry for the issuer cluster-a"),
        (
            doc(&[a, r#"{"issuer":"https://k8s"}"#], "\"jwt\""),
            "/trust/0",
            "a key source with a name beside one without",
        ),
        (
            doc(&[a, b], r#"{"kind":"jwt","issuer":"https://k8s"}"#),
            "/policies/default/accept/0/issuer",
            "\"https://k8s\"",
        ),
        (
            doc(&[r#"{"trust_domain":"example.org","name":"a"}"#], "\"jwt-svid\""),
            "/trust/0/name",
            "a member that a trust domain does not have",
        ),
        (doc(&[r#"{"issuer":"x","name":"a b"}"#], "\"jwt\""), "/trust/0/name", "\"a b\""),
        (doc(&[r#"{"issuer":"x","name":""}"#], "\"jwt\""), "/trust/0/name", "\"\""),
        (doc(&[r#"{"issuer":"x","name":"https://k8s"}"#], "\"jwt\""), "/trust/0/name", "\"https://k8s\""),
        (
            doc(&[a, r#"{"issuer":"https://k8s","name":"b","try_keys":4}"#], "\"jwt\""),
            "/trust/1",
            "key sources of one issuer with 5 keys to try",
        ),
    ] {
        let fault = only(&text);
        assert_eq!((fault.pointer.as_str(), fault.found.as_str()), (pointer, found), "{text}");
    }
    let four: Vec<String> = (0..5).map(|n| format!(r#"{{"issuer":"x","name":"n{n}"}}"#)).collect();
    let four: Vec<&str> = four.iter().map(String::as_str).collect();
    assert!(PolicyDocument::parse(doc(&four[..4], "\"jwt\"").as_bytes()).is_ok());
    assert_eq!(only(&doc(&four, "\"jwt\"")).pointer, "/trust/4");
}

#[test]
fn what_records_no_proof_has_no_member_about_recording() {
    for (member, name) in [
        (r#""shared_store":"required""#, "shared_store"),
        (r#""replay":"danger_accept""#, "replay"),
        (r#""replay":"danger_accept_when_full""#, "replay"),
    ] {
        let fault = only(&with(&format!(r#""dpop":{{"consume":"observe",{member}}}"#)));
        assert_eq!(fault.pointer, format!("/policies/default/dpop/{name}"));
        assert_eq!(fault.found, "a member about recording proofs");
    }
    assert_eq!(only(&with(r#""dpop":{"consume":"never"}"#)).pointer, "/policies/default/dpop/consume");
}

#[test]
fn repeated_names_have_the_pointer_of_the_member() {
    for (text, pointer, name) in [
        (with(r#""mode":"enforce","mode":"shadow""#), "/policies/default/mode", "\"mode\""),
        (with(r#""mode":"enforce","m\u006fde":"shadow""#), "/policies/default/mode", "\"mode\""),
        (with("").replace("{\"trust\"", "{\"trust\":[],\"trust\""), "/trust", "\"trust\""),
        (with("").replacen("\"default\"", "\"default\":{},\"default\"", 1), "/policies/default", "\"default\""),
        (with("").replacen(r#""issuer""#, r#""issuer":"\"a,]","issuer""#, 1), "/trust/1/issuer", "\"issuer\""),
        (
            with(r#""comment":[[1,{"a":[]},{"a/b~":{},"x":"}","a/b~":1}]]"#),
            "/policies/default/comment/0/2/a~1b~0",
            "\"a/b~\"",
        ),
        (r#"{"":1,"":2}"#.to_owned(), "/", "\"\""),
    ] {
        let fault = only(&text);
        assert_eq!(fault.pointer, pointer, "{text}");
        assert!(fault.found.starts_with(&format!("a second member {name} (line 1, column ")), "{fault}");
        assert_eq!(fault.expected, "each member once");
    }
}

#[test]
fn bad_json_has_its_line_and_column() {
    for text in [
        "".to_owned(),
        "\u{feff}{}".to_owned(),
        with("").replace("\"audience\"", "audience"),
        alloc::format!("{} x", with("")),
        with("").replace("]}]", "],}]").replace("\"jwt-svid\"]", "\"jwt-svid\",]"),
    ] {
        let fault = only(&text);
        assert_eq!(fault.pointer, "");
        assert!(fault.found.starts_with("text that is not JSON at byte "), "{fault}");
    }
    assert!(
        matches!(PolicyDocument::parse(&vec![b' '; limits::POLICY_DOCUMENT_BYTES + 1]), Err(faults) if faults.len() == 1)
    );
}

#[test]
fn a_limit_has_its_name_its_number_and_its_pointer() {
    let comment = "/policies/default/comment";
    let nested = |levels: usize| with(&format!("\"comment\":[1,{}{}]", "[".repeat(levels), "]".repeat(levels)));
    let fault = only(&nested(29));
    assert_eq!(fault.pointer, format!("{comment}/1{}", "/0".repeat(28)));
    assert_eq!(
        (fault.found.as_str(), fault.expected.as_str()),
        ("a value at level 33", "at most 32 levels (limit document_depth)")
    );
    assert_eq!(faults(&nested(28)), []);

    let fault = only(&with(&format!("\"comment\":[true,{{\"a\":-{}}}]", "1".repeat(32))));
    assert_eq!(fault.pointer, format!("{comment}/1/a"));
    assert_eq!(
        (fault.found.as_str(), fault.expected.as_str()),
        ("a number of more than 32 bytes", "at most 32 bytes in a number (limit json_number_bytes)")
    );

    // Two members of the document, one of its policies and three of the one policy are open around the comment's own.
    let wide = |members: usize| {
        let members: Vec<String> = (0..members).map(|number| format!("\"m{number}\":0")).collect();
        with(&format!("\"comment\":{{{}}}", members.join(",")))
    };
    let fault = only(&wide(251));
    assert_eq!(fault.pointer, format!("{comment}/m250"));
    assert_eq!(
        (fault.found.as_str(), fault.expected.as_str()),
        (
            "member 257 of this object and those around it",
            "at most 256 members in an object and those around it (limit json_open_members)"
        )
    );
    assert_eq!(faults(&wide(250)), []);

    let many = limits::POLICY_DOCUMENT_MEMBERS - 8 + 1;
    let members = "{\"a\":0},".repeat(many);
    let fault = only(&with(&format!("\"comment\":[{}0]", members)));
    assert_eq!(fault.pointer, format!("{comment}/{}/a", many - 1));
    assert_eq!(
        (fault.found.as_str(), fault.expected.as_str()),
        ("member 2097153 of the document", "at most 2097152 members in the document (limit policy_document_members)")
    );
}

#[test]
fn faults_behind_a_bad_kind_are_listed() {
    let entry = |entry: &str| with_policy(&format!(r#""accept":[{entry}],"audience":"x""#));
    let own = r#""subjects":["a*"],"scope":"a b","algorithms":"HS256","max_lifetime_seconds":0,"issuer":"https://no.example","trust_domain":"no.example""#;
    let members = ["trust_domain", "issuer", "subjects/0", "scope", "algorithms", "max_lifetime_seconds"];
    for (kind, at) in [(r#""kind":"jwt_svid","#, "kind"), (r#""kind":7,"#, "kind"), ("", "kind")] {
        let found = pointers(&entry(&format!("{{{kind}{own}}}")));
        let mut expected: Vec<String> = vec![format!("/policies/default/accept/0/{at}")];
        expected.extend(members.map(|member| format!("/policies/default/accept/0/{member}")));
        assert_eq!(found.iter().collect::<alloc::collections::BTreeSet<_>>(), expected.iter().collect(), "{kind}");
        assert_eq!(found.len(), expected.len(), "each once: {found:?}");
    }
    // The conditions of the policy itself, where no entry of it could be read, or there is none.
    let own = r#""subjects":["a*"],"scope":"a b","algorithms":"HS256","max_lifetime_seconds":0"#;
    for (accept, at) in [
        (r#""accept":["jwt_svid"],"#, "accept/0"),
        (r#""accept":[7],"#, "accept/0"),
        (r#""accept":[],"#, "accept"),
        (r#""accept":"jwt","#, "accept"),
        ("", "accept"),
    ] {
        let found = pointers(&with_policy(&format!(r#"{accept}"audience":"x",{own}"#)));
        let expected: Vec<String> = [at, "subjects/0", "scope", "algorithms", "max_lifetime_seconds"]
            .map(|member| format!("/policies/default/{member}"))
            .into();
        assert_eq!(found, expected, "{accept}");
    }
    // One entry is enough to read them by.
    let mixed = with_policy(r#""accept":["at+jwt","jwt_svid"],"audience":"x","algorithms":"HS256""#);
    assert_eq!(pointers(&mixed), ["/policies/default/algorithms", "/policies/default/accept/1"]);
}

#[test]
fn faults_behind_a_bad_name_are_listed() {
    let more = r#""jwks_uri":"http://a","min_refresh_seconds":0,"max_stale_seconds":"1h","more":1"#;
    let members = ["jwks_uri", "min_refresh_seconds", "max_stale_seconds", "more"];
    for (source, at) in [
        (r#""issuer":7,"spiffe_trust_domains":["A"],"#, "/trust/0/issuer"),
        (r#""issuer":"","spiffe_trust_domains":["A"],"#, "/trust/0/issuer"),
        (r#""issuer":"a","trust_domain":"b","spiffe_trust_domains":["A"],"#, "/trust/0"),
        (r#""spiffe_trust_domains":["A"],"#, "/trust/0"),
    ] {
        let text = with_access("").replace(TRUST, &format!(r#""trust":[{{{source}{more}}}]"#));
        let mut expected: Vec<String> = members.map(|member| format!("/trust/0/{member}")).into();
        expected.extend([at.to_owned(), "/trust/0/spiffe_trust_domains/0".to_owned()]);
        assert_eq!(pointers(&text).iter().collect::<alloc::collections::BTreeSet<_>>(), expected.iter().collect());
        assert_eq!(pointers(&text).len(), expected.len(), "{:?}", pointers(&text));
    }
    let domain = r#"{"trust_domain":"Example.org","bundle":[],"bundle_file":"x","jwks":{},"spiffe_trust_domains":"a"}"#;
    let found = pointers(&with("").replace(TRUST, &format!("\"trust\":[{domain}]")));
    for member in ["trust_domain", "bundle", "jwks", "spiffe_trust_domains"] {
        assert!(found.contains(&format!("/trust/0/{member}")), "{member}: {found:?}");
    }
    let named = with(r#""mode":"off","dpop":{"nonce":1}"#).replacen("\"default\"", "\"a b\"", 1);
    assert_eq!(pointers(&named), ["/policies/a b", "/policies/a b/mode", "/policies/a b/dpop/nonce"]);
}

#[test]
fn a_fault_brings_no_other_fault_with_it() {
    // Whether the policy accepts a kind is not known until its entries are.
    let svid = r#""audience":"x","jwt_svid":{"single_candidate_key":true}"#;
    for (accept, at) in [
        (r#""accept":["jwt_svid"],"#, "/policies/default/accept/0"),
        (r#""accept":["at+jwt",{"kind":1}],"#, "/policies/default/accept/1/kind"),
        (r#""accept":[],"#, "/policies/default/accept"),
        (r#""accept":"jwt-svid","#, "/policies/default/accept"),
        ("", "/policies/default/accept"),
    ] {
        assert_eq!(only(&with_policy(&format!("{accept}{svid}"))).pointer, at);
    }
    // An authority whose entry has a fault is not unknown besides.
    let entry = |kind: &str, member: &str, name: &str| {
        with_policy(&format!(r#""accept":[{{"kind":"{kind}","{member}":"{name}"}}],"audience":"x""#))
    };
    for (trust, text, at) in [
        (
            r#"{"trust_domain":"Example.org"}"#,
            entry("jwt-svid", "trust_domain", "Example.org"),
            "/trust/0/trust_domain",
        ),
        (r#"{"trust_domain":"a","issuer":"b"}"#, entry("jwt-svid", "trust_domain", "a"), "/trust/0"),
        (r#"{"trust_domain":"a","issuer":"b"}"#, entry("jwt", "issuer", "b"), "/trust/0"),
        (r#"{"issuer":7}"#, entry("jwt", "issuer", "b"), "/trust/0/issuer"),
        ("{}", entry("jwt", "issuer", "b"), "/trust/0"),
        ("7", entry("jwt", "issuer", "b"), "/trust/0"),
        ("", entry("jwt", "issuer", "b"), "/trust"),
    ] {
        assert_eq!(only(&text.replace(TRUST, &format!("\"trust\":[{trust}]"))).pointer, at, "{trust}");
    }
    assert_eq!(only(&entry("jwt", "issuer", "b").replace(&format!("{TRUST},"), "")).pointer, "/trust");
    // Another name is still one that no entry has.
    let other = entry("jwt-svid", "trust_domain", "other.example").replace("example.org", "Example.org");
    assert_eq!(pointers(&other), ["/trust/0/trust_domain", "/policies/default/accept/0/trust_domain"]);
    // A misspelt algorithm may have been the common one.
    let algorithms = with_policy(
        r#""accept":[{"kind":"at+jwt","algorithms":["ES256","PS265"]}],"audience":"x","algorithms":["PS256"]"#,
    );
    assert_eq!(only(&algorithms).pointer, "/policies/default/accept/0/algorithms/1");
    let algorithms = algorithms.replace("PS265", "PS384").replace("\"PS256\"", "\"PS256\",\"ES265\"");
    assert_eq!(only(&algorithms).pointer, "/policies/default/algorithms/1");
}

#[test]
fn faults_show_little_of_what_was_found() {
    let fault = only(&with(&alloc::format!("\"mode\":\"{}\"", "x".repeat(10_000))));
    assert!(fault.found.len() < 100, "{}", fault.found.len());
    let fault = only(&with("\"mode\":\"a\\u0007\\n\""));
    assert!(!fault.found.chars().any(char::is_control), "{:?}", fault.found);
}

#[test]
fn limits_of_a_policy_and_its_entry_both_hold() {
    let text = with_policy(
        r#""accept":[{"kind":"at+jwt","max_lifetime_seconds":600},{"kind":"at+jwt","max_lifetime_seconds":60}],"audience":"x","max_lifetime_seconds":300"#,
    );
    let document = PolicyDocument::parse(text.as_bytes()).unwrap();
    let lifetimes: Vec<_> =
        document.policies[0].credential.accept.iter().map(|entry| entry.max_lifetime_seconds).collect();
    assert_eq!(lifetimes, [Some(300), Some(60)]);
    let scopes = with_policy(r#""accept":[{"kind":"at+jwt","scope":"a"}],"audience":"x","scope":["b"]"#);
    let document = PolicyDocument::parse(scopes.as_bytes()).unwrap();
    assert!(document.policies[0].credential.accept[0].scope().eq(["a", "b"]));
    let subjects = with_policy(r#""accept":[{"kind":"at+jwt","subjects":"a"}],"audience":"x","subjects":["b"]"#);
    assert_eq!(only(&subjects).pointer, "/policies/default/subjects");
}

#[test]
fn an_issuer_is_given_trust_domains_by_name() {
    let of = |member: &str| {
        let trust = format!(r#""trust":[{{"trust_domain":"example.org"}},{{"issuer":"https://as.example"{member}}}]"#);
        with_access("").replace(TRUST, &trust)
    };
    let given = |member: &str| -> Vec<String> {
        let document = PolicyDocument::parse(of(member).as_bytes()).unwrap();
        document.trust[1].spiffe_trust_domains().map(ToOwned::to_owned).collect()
    };
    assert_eq!(given(""), Vec::<String>::new());
    assert_eq!(given(r#","spiffe_trust_domains":"a.example""#), ["a.example"]);
    assert_eq!(given(r#","spiffe_trust_domains":["a.example","example.org"]"#), ["a.example", "example.org"]);
    let names: Vec<String> = (0..limits::SPIFFE_TRUST_DOMAINS).map(|number| format!("\"d{number}\"")).collect();
    let list = |names: &[String]| format!(r#","spiffe_trust_domains":[{}]"#, names.join(","));
    assert_eq!(given(&list(&names)).len(), limits::SPIFFE_TRUST_DOMAINS);
    let more: Vec<String> = names.iter().cloned().chain(["\"more\"".to_owned(), "\"A\"".to_owned()]).collect();
    let at = format!("/trust/1/spiffe_trust_domains/{}", limits::SPIFFE_TRUST_DOMAINS);
    assert_eq!(pointers(&of(&list(&more))), [at]);
    for (value, at) in [
        ("[]", ""),
        ("null", ""),
        ("{}", ""),
        ("\"\"", ""),
        ("\"Example.org\"", ""),
        ("\"spiffe://example.org\"", ""),
        ("[\"a\",1]", "/1"),
        ("[\"a\",\"\"]", "/1"),
        ("[\"a\",\"b c\"]", "/1"),
        ("[\"a\",\"b\",\"\\u0061\"]", "/2"),
    ] {
        let fault = only(&of(&format!(r#","spiffe_trust_domains":{value}"#)));
        assert_eq!(fault.pointer, format!("/trust/1/spiffe_trust_domains{at}"), "{value}");
    }
    let misplaced = with("").replace(r#""example.org"}"#, r#""example.org","spiffe_trust_domains":["a"]}"#);
    assert_eq!(only(&misplaced).pointer, "/trust/0/spiffe_trust_domains");
}

#[test]
fn where_a_credential_is_presented_is_read_by_the_letter() {
    let of = |credentials: &[&str]| {
        let credentials = credentials.iter().enumerate().map(|(place, from)| {
            format!(r#"{{"name":"c{place}","from":{from},"accept":["at+jwt"],"required":false}}"#)
        });
        let credentials: Vec<String> = credentials.collect();
        let policy = format!(r#"{{"audience":"a","credentials":[{}]}}"#, credentials.join(","));
        format!(r#"{{"trust":[{{"issuer":"i"}}],"policies":{{"p":{policy}}}}}"#)
    };
    for good in [
        &[r#""authorization""#][..],
        &[r#"{"header":"x-a"}"#, r#"{"header":"x-b","scheme":"Token"}"#],
        &[r#"{"cookie":"__Host-token"}"#, r#"{"cookie":"__host-token"}"#],
        &[r#"{"websocket_protocol":"base64url.bearer.authorization.k8s.io."}"#, r#"{"cookie":"a"}"#],
    ] {
        assert!(PolicyDocument::parse(of(good).as_bytes()).is_ok(), "{good:?}");
    }
    for (bad, at) in [
        (&[r#"{}"#][..], "0/from/header"),
        (&[r#"{"query":"access_token"}"#], "0/from/query"),
        (&[r#"{"header":"cookie"}"#], "0/from/header"),
        (&[r#"{"header":"sec-websocket-protocol"}"#], "0/from/header"),
        (&[r#"{"header":"x-a","cookie":"b"}"#], "0/from"),
        (&[r#"{"header":"x-a","scheme":"dpop"}"#], "0/from/scheme"),
        (&[r#"{"header":"x-a","scheme":"a b"}"#], "0/from/scheme"),
        (&[r#"{"cookie":"a","scheme":"Token"}"#], "0/from/scheme"),
        (&[r#"{"cookie":"a b"}"#], "0/from/cookie"),
        (&[r#"{"cookie":1}"#], "0/from/cookie"),
        (&[r#"{"websocket_protocol":"a,b"}"#], "0/from/websocket_protocol"),
        (&[r#"{"cookie":"a"}"#, r#"{"cookie":"a"}"#], "1/from"),
        (&[r#"{"header":"x-a"}"#, r#"{"header":"x_a","scheme":"T"}"#], "1/from"),
        (&[r#"{"websocket_protocol":"a."}"#, r#"{"websocket_protocol":"a.b."}"#], "1/from"),
    ] {
        assert_eq!(only(&of(bad)).pointer, format!("/policies/p/credentials/{at}"), "{bad:?}");
    }
}
