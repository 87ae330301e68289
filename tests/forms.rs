//! Documents of each form under each setting: which are refused whole, with which fault, and what a fault in a map changes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::internal::trust::documents_in_map;
use countersign::{
    Authority, AuthorityIndex, BundleMapIndex, Engine, LoadReport, MapReport, PolicyDocument, TrustError, TrustForm,
    TrustState, UnixSeconds,
};
use countersign_tests::issuer::jwk;

const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

fn engine(trust: &str) -> Engine {
    let policy = r#"{"accept":["jwt-svid"],"audience":"https://api.example"}"#;
    let text = format!(r#"{{"trust":[{trust}],"policies":{{"default":{policy}}}}}"#);
    Engine::new(PolicyDocument::parse(text.as_bytes()).unwrap(), [1, 2])
}

fn bundle(kid: &str, more: &str) -> String {
    format!(r#"{{{more}"keys":[{}]}}"#, jwk("domain-p256", &format!(r#""kid":"{kid}","use":"jwt-svid""#)))
}

fn key_set(kid: &str) -> String {
    format!(r#"{{"keys":[{}]}}"#, jwk("domain-p256", &format!(r#""kid":"{kid}""#)))
}

fn spiffe_map(documents: &[(&str, &str)]) -> String {
    let members: Vec<String> = documents.iter().map(|(name, document)| format!(r#""{name}":{document}"#)).collect();
    format!(r#"{{"trust_domains":{{{}}}}}"#, members.join(","))
}

fn helper_map(documents: &[(&str, &str)]) -> String {
    let member = |(name, document): &(&str, &str)| format!(r#""{name}":"{}""#, STANDARD.encode(document));
    format!("{{{}}}", documents.iter().map(member).collect::<Vec<_>>().join(","))
}

/// Loads one document for the trust domain of an entry with these members.
fn load(entry: &str, document: &str) -> Result<LoadReport, TrustError> {
    let engine = engine(&format!(r#"{{"trust_domain":"example.org"{entry}}}"#));
    let (index, _) = engine.document().trust().next().unwrap();
    engine.load(&mut engine.empty_trust_state(), index, document.as_bytes(), NOW)
}

/// An engine that takes `a` and `b` from a map, and the map.
fn mapped(format: &str) -> (Engine, BundleMapIndex) {
    let engine = engine(&format!(r#"{{"trust_domains":["a","b"],"bundle_map_file":"x","format":"{format}"}}"#));
    let (map, _) = engine.document().bundle_maps().next().unwrap();
    (engine, map)
}

fn index_of(engine: &Engine, name: &str) -> AuthorityIndex {
    engine.document().authority(&Authority::TrustDomain(name.to_owned())).unwrap()
}

fn keys_of(engine: &Engine, trust_state: &TrustState, name: &str) -> Option<Vec<String>> {
    let keys = trust_state.bundles.set(index_of(engine, name))?.keys();
    Some(keys.map(|key| key.key_id().unwrap().to_owned()).collect())
}

#[test]
fn a_document_that_looks_like_another_form_is_reported() {
    const BUNDLE: &str = "";
    const SET: &str = r#","format":"jwks""#;
    let used = |report: LoadReport| (report.added, report.dropped_count, report.resembles);
    assert_eq!(used(load(BUNDLE, &bundle("k", "")).unwrap()), (1, 0, None));
    assert_eq!(used(load(SET, &key_set("k")).unwrap()), (1, 0, None));
    assert_eq!(used(load(BUNDLE, &key_set("k")).unwrap()), (0, 1, Some(TrustForm::JwkSet)));
    assert_eq!(used(load(SET, &bundle("k", "")).unwrap()), (1, 0, Some(TrustForm::SpiffeBundle)));
    assert_eq!(
        used(load(SET, r#"{"spiffe_refresh_hint":60,"keys":[]}"#).unwrap()),
        (0, 0, Some(TrustForm::SpiffeBundle))
    );
    // Nothing distinguishes one empty set from the other.
    for entry in [BUNDLE, SET] {
        assert_eq!(used(load(entry, r#"{"keys":[]}"#).unwrap()), (0, 0, None));
    }
    for (entry, expected) in [(BUNDLE, TrustForm::SpiffeBundle), (SET, TrustForm::JwkSet)] {
        for (document, found) in [
            (spiffe_map(&[("a", &bundle("k", ""))]), TrustForm::BundleMap),
            (helper_map(&[("a", &key_set("k"))]), TrustForm::HelperMap),
        ] {
            assert_eq!(load(entry, &document), Err(TrustError::OtherForm { found, expected }), "{document}");
        }
        for document in ["{}", r#"{"A":"x"}"#, r#"{"a":1}"#, r#"{"a":""}"#, r#"{"trust_domains":[]}"#, "[]", "7"] {
            assert_eq!(load(entry, document), Err(TrustError::KeysMissing), "{document}");
        }
    }
    let fault = load(BUNDLE, &helper_map(&[("a", &key_set("k"))])).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "a bundle map of spiffe-helper where the policy says a SPIFFE bundle; its trust entry names it by bundle_map or \
         bundle_map_file with format spiffe-helper"
    );
}

#[test]
fn a_fault_of_one_document_in_a_map_is_that_of_its_trust_domain_alone() {
    for (format, map_of) in [("spiffe", spiffe_map as fn(&[(&str, &str)]) -> String), ("spiffe-helper", helper_map)] {
        let (engine, map) = mapped(format);
        let mut trust_state = engine.empty_trust_state();
        let (a, b) = (index_of(&engine, "a"), index_of(&engine, "b"));
        let document = |kid: &str| if format == "spiffe" { bundle(kid, "") } else { key_set(kid) };
        let (one, two) = (document("one"), document("two"));
        let mut load = |text: &str, now: u64| {
            engine.load_map(&mut trust_state, map, text.as_bytes(), NOW.plus(now)).map(|report| {
                let loaded: Vec<AuthorityIndex> = report.loaded.iter().map(|(index, _)| *index).collect();
                assert!(report.loaded.iter().all(|(_, report)| report.resembles.is_none()), "{report:?}");
                (loaded, report.refused, report.absent, report.unlisted)
            })
        };

        let first = load(&map_of(&[("a", &one), ("b", &one), ("c", &one)]), 0);
        assert_eq!(first, Ok((vec![a, b], vec![], vec![], 1)));

        // The key of `a` has left its document; whatever that of `b` is, the key is gone, and `b` has its last good document.
        let bad = map_of(&[("a", &two), ("b", r#"{"keys":{}}"#)]);
        assert_eq!(load(&bad, 5), Ok((vec![a], vec![(b, TrustError::KeysMissing)], vec![], 0)));
        assert_eq!(keys_of(&engine, &trust_state, "a").unwrap(), ["two"]);
        assert_eq!(keys_of(&engine, &trust_state, "b").unwrap(), ["one"]);
        let loaded_at = |index| trust_state.bundles.set(index).unwrap().loaded_at();
        assert_eq!(
            (loaded_at(a), loaded_at(b)),
            (NOW.plus(5), NOW),
            "`max_stale_seconds` counts from the good document"
        );

        // A document that the policy does not ask for is not looked at.
        let mut load = |text: &str| engine.load_map(&mut trust_state, map, text.as_bytes(), NOW);
        let MapReport { loaded, refused, absent, .. } = load(&map_of(&[("a", &one), ("c", r#"{"keys":{}}"#)])).unwrap();
        assert_eq!((loaded.len(), refused.len(), absent), (1, 0, vec![b]));
        assert_eq!(keys_of(&engine, &trust_state, "a").unwrap(), ["one"]);
        assert_eq!(keys_of(&engine, &trust_state, "b"), None, "it has left the map");

        // Without a good document before, there are no keys.
        let mut trust_state = engine.empty_trust_state();
        assert!(engine.load_map(&mut trust_state, map, bad.as_bytes(), NOW).is_ok());
        assert_eq!(keys_of(&engine, &trust_state, "a").unwrap(), ["two"]);
        assert_eq!(keys_of(&engine, &trust_state, "b"), None);
    }
}

#[test]
fn a_fault_of_the_map_itself_changes_no_trust_domain() {
    let (engine, map) = mapped("spiffe");
    let mut trust_state = engine.empty_trust_state();
    let (one, two) = (bundle("one", ""), bundle("two", ""));
    engine.load_map(&mut trust_state, map, spiffe_map(&[("a", &one), ("b", &one)]).as_bytes(), NOW).unwrap();
    for bad in [
        spiffe_map(&[("a", &two), ("b", &two), ("\\u0061", &two)]),
        spiffe_map(&[("a", &two), ("b", &two), ("C", &two)]),
        spiffe_map(&[("a", &two), ("b", "{")]),
    ] {
        assert!(engine.load_map(&mut trust_state, map, bad.as_bytes(), NOW).is_err(), "{bad}");
        for name in ["a", "b"] {
            assert_eq!(keys_of(&engine, &trust_state, name).unwrap(), ["one"], "{bad}");
        }
    }
}

#[test]
fn an_older_bundle_in_a_map_leaves_its_trust_domain_as_it_was() {
    let (engine, map) = mapped("spiffe");
    let mut trust_state = engine.empty_trust_state();
    let at = |kid: &str, number: u64| bundle(kid, &format!(r#""spiffe_sequence":{number},"spiffe_refresh_hint":10,"#));
    let first = spiffe_map(&[("a", &at("one", 7)), ("b", &at("one", 7))]);
    engine.load_map(&mut trust_state, map, first.as_bytes(), NOW).unwrap();
    let older = spiffe_map(&[("a", &at("two", 8)), ("b", &at("two", 6))]);
    let report = engine.load_map(&mut trust_state, map, older.as_bytes(), NOW).unwrap();
    let rollback = TrustError::SequenceRollback { stored: 7, offered: 6 };
    assert_eq!(report.refused, [(index_of(&engine, "b"), rollback)]);
    assert_eq!(keys_of(&engine, &trust_state, "a").unwrap(), ["two"]);
    assert_eq!(keys_of(&engine, &trust_state, "b").unwrap(), ["one"]);
}

#[test]
fn maps_that_are_none() {
    let inner = key_set("k");
    let (spiffe, spiffe_index) = mapped("spiffe");
    let (helper, helper_index) = mapped("spiffe-helper");
    let load =
        |engine: &Engine, map, text: &str| engine.load_map(&mut engine.empty_trust_state(), map, text.as_bytes(), NOW);
    let other = |found, expected| TrustError::OtherForm { found, expected };
    let malformed = |name: &str| TrustError::TrustDomainMalformed { name: name.to_owned() };
    for (text, fault) in [
        ("[]".to_owned(), TrustError::TrustDomainsMissing),
        ("{}".to_owned(), TrustError::TrustDomainsMissing),
        (r#"{"trust_domains":[]}"#.to_owned(), TrustError::TrustDomainsMissing),
        (bundle("k", ""), other(TrustForm::SpiffeBundle, TrustForm::BundleMap)),
        (inner.clone(), other(TrustForm::JwkSet, TrustForm::BundleMap)),
        (helper_map(&[("a", &inner)]), other(TrustForm::HelperMap, TrustForm::BundleMap)),
        (spiffe_map(&[("A", &inner)]), malformed("A")),
        (spiffe_map(&[("spiffe://a", &inner)]), malformed("spiffe://a")),
        (spiffe_map(&[("", &inner)]), malformed("")),
    ] {
        assert_eq!(load(&spiffe, spiffe_index, &text), Err(fault), "{text}");
    }
    for (text, fault) in [
        ("[]".to_owned(), TrustError::TrustDomainsMissing),
        (inner.clone(), other(TrustForm::JwkSet, TrustForm::HelperMap)),
        (spiffe_map(&[("a", &inner)]), other(TrustForm::BundleMap, TrustForm::HelperMap)),
        (helper_map(&[("Example.org", &inner)]), malformed("Example.org")),
    ] {
        assert_eq!(load(&helper, helper_index, &text), Err(fault), "{text}");
    }
    // A value that is no document is a fault of its trust domain.
    for (engine, map, text, fault) in [
        (&spiffe, spiffe_index, spiffe_map(&[("a", "7")]), TrustError::KeysMissing),
        (
            &spiffe,
            spiffe_index,
            spiffe_map(&[("a", &format!("\"{}\"", STANDARD.encode(&inner)))]),
            TrustError::KeysMissing,
        ),
        (&helper, helper_index, format!(r#"{{"a":{inner}}}"#), TrustError::Base64),
        (&helper, helper_index, r#"{"a":"e30"}"#.to_owned(), TrustError::Base64),
        (&helper, helper_index, r#"{"a":"-_8="}"#.to_owned(), TrustError::Base64),
        (&helper, helper_index, helper_map(&[("a", "{}")]), TrustError::KeysMissing),
    ] {
        let report = load(engine, map, &text).unwrap();
        assert_eq!((report.refused, report.loaded.len()), (vec![(index_of(engine, "a"), fault)], 0), "{text}");
    }
    // One trust domain twice, also in other characters of JSON (BND-12); a list that is not JSON.
    for (engine, map, text) in [
        (&spiffe, spiffe_index, spiffe_map(&[("a", &inner), ("a", &inner)])),
        (&spiffe, spiffe_index, spiffe_map(&[("a", &inner), ("\\u0061", &inner)])),
        (&helper, helper_index, helper_map(&[("a", &inner), ("\\u0061", &inner)])),
        (&helper, helper_index, "{".to_owned()),
    ] {
        assert!(matches!(load(engine, map, &text), Err(TrustError::Json(_))), "{text}");
    }
    let long = format!("{}{}", " ".repeat(countersign::internal::limits::TRUST_DOCUMENT_BYTES), "{}");
    assert_eq!(load(&helper, helper_index, &long), Err(TrustError::TooLarge));
    assert_eq!(load(&helper, helper_index, "{}").unwrap().absent.len(), 2, "it may be empty");
    // An index of another engine's map.
    let none = engine(r#"{"trust_domain":"a"}"#);
    assert_eq!(load(&none, helper_index, "{}"), Err(TrustError::AuthorityUnknown));
}

#[test]
fn the_documents_of_a_map_are_handed_out_one_by_one() {
    let inner = key_set("k");
    let both = [("a".to_owned(), Ok(inner.clone().into_bytes())), ("b.example".to_owned(), Ok(b"{}".to_vec()))];
    let of = |form, text: String| documents_in_map(form, text.as_bytes()).unwrap();
    assert_eq!(of(TrustForm::BundleMap, spiffe_map(&[("a", &inner), ("b.example", "{}")])), both);
    assert_eq!(of(TrustForm::HelperMap, helper_map(&[("a", &inner), ("b.example", "{}")])), both);
}

#[test]
fn the_form_that_a_document_looks_like() {
    let of = |text: &str| TrustForm::resembled_by_document(text.as_bytes());
    assert_eq!(of(&bundle("k", "")), Some(TrustForm::SpiffeBundle));
    assert_eq!(of(r#"{"keys":[],"spiffe_sequence":1}"#), Some(TrustForm::SpiffeBundle));
    assert_eq!(of(&key_set("k")), Some(TrustForm::JwkSet));
    assert_eq!(of(&spiffe_map(&[])), Some(TrustForm::BundleMap));
    assert_eq!(of(&helper_map(&[("keys", "{}"), ("trust_domains", "{}")])), Some(TrustForm::HelperMap));
    for none in ["{}", r#"{"keys":[]}"#, r#"{"a":1}"#, r#"{"a":"x","B":"x"}"#, "[]", "{"] {
        assert_eq!(of(none), None, "{none}");
    }
}
