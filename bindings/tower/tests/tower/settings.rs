//! Settings that cannot be used are refused, all at once.

use countersign_tests::request::{Doc, answering};
use countersign_tower::{Attribute, SettingsFault};

use crate::support::{engine, settings};

#[test]
fn every_fault_is_reported_and_a_layer_is_made_with_none() {
    let store = Doc::access().member("dpop", r#"{"shared_store":"required"}"#);
    let engine = engine(&store.text());
    let faulty = settings(&engine, "default")
        .identity_header("X-User", Attribute::Subject)
        .identity_header("x_user", Attribute::ClientId)
        .identity_header("a b", Attribute::ClientId)
        .identity_header("Authorization", Attribute::Subject)
        .claim_header("x-tenant", "tenant");
    let faults = faulty.build().unwrap_err();
    let expected = [
        "the policy default takes DPoP proofs, and neither it nor the layer has an origin",
        "the policy default asks a shared store or an issuer",
        "the identity header x_user is another spelling",
        "\"a b\" cannot be an identity header",
        "\"Authorization\" cannot be an identity header",
        "the policy default has no claim \"tenant\"",
    ];
    let lines: Vec<String> = faults.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, begins) in lines.iter().zip(expected) {
        assert!(line.starts_with(begins), "{line}");
    }
}

#[test]
fn a_policy_that_is_not_there_is_refused() {
    let engine = engine(&Doc::svid().text());
    let faults = settings(&engine, "defualt").build().unwrap_err().faults;
    assert_eq!(faults, [SettingsFault::PolicyUnknown { policy: "defualt".to_owned() }]);
    assert!(settings(&engine, "default").build().is_ok());
}

#[test]
fn origins_are_one_place_and_can_be_read() {
    let own = engine(&Doc::access().member("origin", "\"https://api.example\"").text());
    let faults = settings(&own, "default").origin("https://api.example").build().unwrap_err().faults;
    assert!(matches!(&faults[..], [SettingsFault::OriginTwice { .. }]), "{faults:?}");
    assert!(settings(&own, "default").build().is_ok());
    let none = engine(&Doc::access().text());
    for text in ["api.example", "https://api.*.example", "ftp://api.example"] {
        let faults = settings(&none, "default").origin("https://a.example").origin(text).build().unwrap_err().faults;
        assert!(matches!(&faults[..], [SettingsFault::OriginFaulty { origin, .. }] if origin == text), "{faults:?}");
    }
}

#[test]
fn an_issuer_that_is_asked_needs_an_answer() {
    let server = "https://as.example";
    let document = Doc::new(&[answering(server, "")], r#"[{"kind":"introspected","issuer":"https://as.example"}]"#);
    let engine = engine(&document.text());
    let faults = settings(&engine, "default").origin("https://api.example").build().unwrap_err().faults;
    assert_eq!(faults, [SettingsFault::QuestionsMissing { policy: "default".to_owned() }]);
}

#[test]
fn an_identity_header_is_no_field_of_a_credential() {
    let credentials = r#"[{"name":"ticket","from":{"header":"x-ticket"},"accept":["jwt-svid"]}]"#;
    let engine = engine(&Doc::svid().credentials(credentials).text());
    let faults =
        settings(&engine, "default").identity_header("X_Ticket", Attribute::Subject).build().unwrap_err().faults;
    assert_eq!(faults, [SettingsFault::HeaderOfCredential { name: "X_Ticket".to_owned() }]);
}
