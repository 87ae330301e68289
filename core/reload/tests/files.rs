//! Watched files: what is read when, which documents stay in use, and the notices of the host.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use countersign::{Authority, Engine, PolicyDocument, RevocationsKnown, UnixSeconds};
use countersign_reload::{LookReport, RevocationDocument, SharedEngine};

const POLICY: &str = r#"{ "trust": [{ "issuer": "https://as.example", "jwks_file": "as.json" },
                                    { "trust_domain": "example.org", "bundle_file": "domain.json" }],
    "policies": { "default": { "accept": ["at+jwt"], "audience": ["https://api.example"] } } }"#;
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a","use":"sig",
    "x":"omJrIAVMWDPSaqApojf6ihzfnDegVw8x4zmllycrsvc","y":"hXbZ6uTyMLEjO4oOTyOoAZdCuvZubvdd4HQ8N4lAk6g"}]}"#;
const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

fn live() -> SharedEngine {
    let engine = Engine::new(PolicyDocument::parse(POLICY.as_bytes()).unwrap(), [1, 2]);
    SharedEngine::new(engine, NOW, &mut |_| {}).unwrap()
}

/// As operators should: written beside, then renamed over.
fn put(directory: &Path, name: &str, text: &str) {
    let beside = directory.join(format!("{name}.new"));
    fs::write(&beside, text).unwrap();
    fs::rename(beside, directory.join(name)).unwrap();
}

fn report(loaded: u32, refused: u32, unreadable: u32) -> LookReport {
    LookReport { loaded, refused, unreadable }
}

#[test]
fn a_file_is_read_when_it_changes_and_the_last_good_one_stays() {
    let (live, directory) = (live(), tempfile::tempdir().unwrap());
    let mut told = Vec::new();
    let mut notice = |line: &str| told.push(line.to_owned());
    put(directory.path(), "as.json", KEYS);
    assert_eq!(live.watch_trust_files(directory.path(), NOW, &mut notice), report(1, 0, 1));
    assert_eq!(live.look(NOW, &mut notice), report(0, 0, 0), "nothing changed; missing files were reported");
    assert_eq!(live.trust_state().bundles.key_count(), 1);

    put(directory.path(), "as.json", "{ torn");
    assert_eq!(live.look(NOW, &mut notice), report(0, 1, 0));
    assert_eq!(live.look(NOW, &mut notice), report(0, 0, 0), "reported once");
    assert_eq!(live.trust_state().bundles.key_count(), 1);

    put(directory.path(), "domain.json", r#"{"keys":[]}"#);
    put(directory.path(), "as.json", r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#);
    assert_eq!(live.look(NOW, &mut notice), report(2, 0, 0));
    assert_eq!(live.trust_state().bundles.key_count(), 0);

    fs::remove_file(directory.path().join("as.json")).unwrap();
    assert_eq!(live.look(NOW, &mut notice), report(0, 0, 1));
    put(directory.path(), "as.json", KEYS);
    assert_eq!(live.look(NOW, &mut notice), report(1, 0, 0), "it may come back");
    assert_eq!(live.trust_state().bundles.key_count(), 1);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[1].contains("the last good document stays in use, with 1 key"), "{told:?}");
    assert!(told[2].contains("is dropped"), "{told:?}");
}

#[test]
fn a_map_is_read_once_for_all_its_trust_domains() {
    const MAPPED: &str = r#"{ "trust": [{ "trust_domains": ["example.org", "b"], "bundle_map_file": "map.json", "format": "spiffe" }],
        "policies": { "default": { "accept": ["jwt-svid"], "audience": ["https://api.example"] } } }"#;
    let engine = Engine::new(PolicyDocument::parse(MAPPED.as_bytes()).unwrap(), [1, 2]);
    let live = SharedEngine::new(engine, NOW, &mut |_| {}).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    let mut notice = |line: &str| told.push(line.to_owned());
    let bundle = KEYS.replace("\"sig\"", "\"jwt-svid\"");
    assert_eq!(live.watch_trust_files(directory.path(), NOW, &mut notice), report(0, 0, 1));
    put(directory.path(), "map.json", &format!(r#"{{"trust_domains":{{"example.org":{bundle},"b":{KEYS}}}}}"#));
    assert_eq!(live.look(NOW, &mut notice), report(1, 0, 0), "one file");
    assert_eq!(live.trust_state().bundles.key_count(), 1);
    put(directory.path(), "map.json", r#"{"trust_domains":{"b":{"keys":[]},"example.org":{}}}"#);
    assert_eq!(live.look(NOW, &mut notice), report(1, 1, 0), "one trust domain is replaced, and one is not");
    assert_eq!(live.trust_state().bundles.key_count(), 1, "the document of the other stays");
    put(directory.path(), "map.json", r#"{"trust_domains":{"b":{},"example.org":7}}"#);
    assert_eq!(live.look(NOW, &mut notice), report(0, 1, 0), "no trust domain is replaced");
    assert_eq!(live.trust_state().bundles.key_count(), 1);
    put(directory.path(), "map.json", r#"{"trust_domains":{"b":{"keys":[]}}}"#);
    assert_eq!(live.look(NOW, &mut notice), report(1, 0, 0));
    assert_eq!(live.trust_state().bundles.key_count(), 0);
    for (line, words) in [
        (0, "there are no keys yet"),
        (1, "map.json: trust domain b: key 0 (a) is dropped: use"),
        (
            2,
            "map.json: trust domain b: it looks like a JWK set; a trust entry names that by jwks, jwks_file or jwks_uri",
        ),
        (3, "map.json: trust domain example.org: no array `keys`; the last good document stays in use, with 1 key"),
        (5, "map.json: trust domain b: no array `keys`; the last good document stays in use, with 0 keys"),
        (4, "map.json: trust domain example.org: no array `keys`; the last good document stays in use, with 1 key"),
        (6, "map.json: it has no trust domain example.org, whose tokens are refused"),
    ] {
        assert!(told[line].contains(words), "{line}: {told:?}");
    }
    assert_eq!(told.len(), 7, "{told:?}");
    let inline = MAPPED.replace(r#""bundle_map_file": "map.json""#, r#""bundle_map": {"trust_domains":{"b":7}}"#);
    let engine = Engine::new(PolicyDocument::parse(inline.as_bytes()).unwrap(), [1, 2]);
    let faults = SharedEngine::new(engine, NOW, &mut |_| {}).unwrap_err();
    assert_eq!(faults[0].to_string(), "/trust/0/bundle_map: trust domain b: no array `keys`");
}

#[test]
fn revocations_come_from_a_file_and_from_the_host_and_hold_together() {
    let (live, directory) = (live(), tempfile::tempdir().unwrap());
    let path = directory.path().join("revoked.json");
    let names = || live.trust_state().revocations.names();
    assert!(live.watch_revocations(path.clone(), &mut |_| {}).is_err(), "a host must not start without knowing what");
    put(directory.path(), "revoked.json", r#"{"authorities":[{"issuer":"https://as.example","keys":["a"]}]}"#);
    live.watch_revocations(path, &mut |_| {}).unwrap();
    assert_eq!(names(), 1);
    let more = |text: &str| RevocationDocument::read(text.as_bytes()).unwrap();
    let token = more(r#"{"authorities":[{"issuer":"https://as.example","tokens":["t"]}]}"#);
    assert_eq!(live.revoke(&token), [""; 0]);
    assert_eq!(names(), 2);
    let elsewhere = more(r#"{"authorities":[{"issuer":"https://other.example","tokens":["t"]}]}"#);
    assert_eq!(
        live.replace_revocations(&elsewhere).len(),
        1,
        "an authority that the policy does not trust is reported"
    );
    assert_eq!(names(), 2, "the file still holds, the first token no more");

    put(directory.path(), "revoked.json", "torn");
    let mut told = 0;
    assert_eq!(live.look(NOW, &mut |_| told += 1), report(0, 1, 0));
    assert_eq!((names(), told), (2, 1), "the last good list holds");
    put(directory.path(), "revoked.json", "{}");
    assert_eq!(live.look(NOW, &mut |_| {}), report(1, 0, 0));
    assert_eq!(names(), 1);
    assert!(RevocationDocument::read(br#"{"authorities":[{}]}"#).is_err());
}

#[test]
fn a_list_that_is_awaited_is_known_when_the_host_says_so() {
    let live = live();
    let known = || live.trust_state().revocations_known;
    assert_eq!(known(), RevocationsKnown::ForGood);
    for said in [RevocationsKnown::NotYet, RevocationsKnown::Until(NOW), RevocationsKnown::ForGood] {
        live.set_revocations_known(said);
        // A list alone does not say how long it holds.
        live.revoke(&RevocationDocument::read(br#"{"all_before":1}"#).unwrap());
        live.replace_revocations(&RevocationDocument::default());
        assert_eq!(known(), said);
    }
}

#[test]
fn a_withdrawn_document_takes_its_keys_along() {
    let live = live();
    let issuer = Authority::Issuer("https://as.example".to_owned());
    assert_eq!(live.push_trust(&issuer, KEYS.as_bytes(), NOW).unwrap().added, 1);
    assert!(live.push_trust(&Authority::Issuer("https://other.example".to_owned()), KEYS.as_bytes(), NOW).is_err());
    assert_eq!(live.trust_state().bundles.key_count(), 1);
    live.withdraw_trust(&issuer).unwrap();
    assert_eq!(live.trust_state().bundles.key_count(), 0);
}
