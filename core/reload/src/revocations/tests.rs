use std::vec;

use countersign::internal::memory::revocation::{Presented, RevokedBy};

use countersign::internal::limits;

use super::*;

fn faults(text: &str) -> Vec<String> {
    RevocationDocument::read(text.as_bytes()).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_written_is_revoked() -> Result<(), Vec<PolicyError>> {
    let text = r#"{"all_before":5,"authorities":[{"issuer":"https://as.example","before":100,"keys":["k\u0031"],
        "subjects":["alice",{"subject":"bob","before":300}],"tokens":["t1"]},{"trust_domain":"example.org"}]}"#;
    let revocations = RevocationDocument::read(text.as_bytes())?.build();
    let authority = "https://as.example";
    let token = |key, subject, id, issued_at| Presented {
        authority,
        key_id: Some(key),
        subject: Some(subject),
        token_id: Some(id),
        issued_at: Some(UnixSeconds::new(issued_at)),
    };
    for (presented, expected) in [
        (token("k2", "carol", "t2", 100), None),
        (token("k1", "carol", "t2", 100), Some(RevokedBy::Key)),
        (token("k2", "alice", "t2", 100), Some(RevokedBy::Subject)),
        (token("k2", "bob", "t2", 299), Some(RevokedBy::Subject)),
        (token("k2", "bob", "t2", 300), None),
        (token("k2", "carol", "t1", 100), Some(RevokedBy::Token)),
        (token("k2", "carol", "t2", 99), Some(RevokedBy::Epoch)),
        (Presented { authority: "example.org", ..token("k2", "carol", "t2", 4) }, Some(RevokedBy::Epoch)),
        (Presented { authority: "example.org", ..token("k1", "alice", "t1", 5) }, None),
    ] {
        assert_eq!(revocations.revoked_by(&presented), expected, "{presented:?}");
    }
    assert_eq!(RevocationDocument::read(b"{}")?, RevocationDocument::default());
    Ok(())
}

#[test]
fn two_documents_hold_together() -> Result<(), Vec<PolicyError>> {
    let read = |text: &str| RevocationDocument::read(text.as_bytes());
    let one = read(r#"{"all_before":5,"authorities":[{"issuer":"a","tokens":["t"]}]}"#)?;
    let both = one.clone().with(read(r#"{"authorities":[{"issuer":"a","keys":["k"]}]}"#)?);
    let expected = r#"{"all_before":5,"authorities":[{"issuer":"a","tokens":["t"]},{"issuer":"a","keys":["k"]}]}"#;
    assert_eq!(both, read(expected)?);
    assert_eq!(one.clone().with(read(r#"{"all_before":4}"#)?), one);
    assert_eq!(read(r#"{"all_before":4}"#)?.with(one.clone()), one);
    Ok(())
}

#[test]
fn all_faults_are_told_at_once_and_nothing_of_the_input() {
    let text = r#"{"before":1,"all_before":"secret","authorities":[{"issuer":"a","trust_domain":"b"},{},[],{"issuer":1},
        {"issuer":"secret","before":-1,"keys":"secret","subjects":[1,{"subject":"secret"},{"before":1},
        {"subject":1,"before":1},{"subject":"a","before":1,"secret":1}],"tokens":[null],"secret":1}]}"#;
    let all = ["issuer", "trust_domain", "before", "keys", "subjects", "tokens"].join(", ");
    let expected = vec![
        "the document: found an unknown member, expected one of all_before, authorities".to_owned(),
        "/authorities/0: found both trust_domain and issuer, expected one of them".to_owned(),
        "/authorities/1: found neither trust_domain nor issuer, expected one of them".to_owned(),
        "/authorities/2: found an empty array, expected an object".to_owned(),
        "/authorities/3/issuer: found a number, expected the issuer's identifier, as in `iss`".to_owned(),
        format!("/authorities/4: found an unknown member, expected one of {all}"),
        "/authorities/4/before: found a number, expected whole seconds since 1970".to_owned(),
        "/authorities/4/keys: found a string, expected an array".to_owned(),
        "/authorities/4/tokens/0: found null, expected a string".to_owned(),
        "/authorities/4/subjects/0: found a number, expected an object".to_owned(),
        "/authorities/4/subjects/1: found an object without subject or before, expected a subject, or an object of subject, before"
            .to_owned(),
        "/authorities/4/subjects/2: found an object without subject or before, expected a subject, or an object of subject, before"
            .to_owned(),
        "/authorities/4/subjects/3/subject: found a number, expected a string".to_owned(),
        "/authorities/4/subjects/4: found an unknown member, expected one of subject, before".to_owned(),
        "/all_before: found a string, expected whole seconds since 1970".to_owned(),
    ];
    assert_eq!(faults(text), expected);
    let many = format!(r#"{{"authorities":[{}1]}}"#, "1,".repeat(999));
    let many = faults(&many);
    assert_eq!(many.len(), limits::NAMED_FAULTS + 1);
    assert_eq!(many[limits::NAMED_FAULTS], "the document: found 900 more faults, expected none");
}

#[test]
fn text_that_is_no_document() {
    for text in
        ["", "secret", "{\"secret\":", "[]", "null", r#"{"authorities":[],"authorities":[]}"#, "{} {}", "\u{feff}{}"]
    {
        let found = faults(text);
        assert!(found.len() == 1 && !found[0].contains("secret"), "{text}: {found:?}");
    }
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    assert_eq!(
        faults(&deep),
        ["the document: found a value at level 33, expected at most 32 levels (limit document_depth)"]
    );
    let number = format!("{{\"secret\":{}}}", "1".repeat(33));
    assert_eq!(
        faults(&number),
        [
            "the document: found a number of more than 32 bytes, expected at most 32 bytes in a number (limit json_number_bytes)"
        ]
    );
}

#[test]
fn a_long_list_is_read() -> Result<(), Vec<PolicyError>> {
    let tokens: Vec<String> = (0..100_000).map(|number| format!("\"t{number}\"")).collect();
    let text = format!(r#"{{"authorities":[{{"issuer":"a","tokens":[{}]}}]}}"#, tokens.join(","));
    assert_eq!(RevocationDocument::read(text.as_bytes())?.build().names(), 100_000);
    Ok(())
}
