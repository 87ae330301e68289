use super::*;
use alloc::vec;

fn faults(reader: Reader) -> Vec<String> {
    reader.finish(None::<()>).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// Reads `text` with one set of questions, most of which it answers wrongly.
fn read(mut reader: Reader, text: &str) -> Vec<String> {
    let root = reader.parse(text.as_bytes(), DocumentKind::Settings).unwrap();
    let names = ["text", "number", "word", "flag", "texts", "list", "trust_domain", "issuer"];
    let members = reader.members_and(&Pointer::Root, root, &names, &[("elsewhere", "a setting of another host")]);
    let members = members.unwrap();
    assert_eq!(reader.text(&members, "text", "a text"), None);
    assert_eq!(reader.number(&members, "number", 7, (1, 9)), 7);
    assert_eq!(reader.word(&members, "word", &[("on", 1), ("off", 2)]), None);
    assert!(reader.flag(&members, "flag", true));
    let mut read = Vec::new();
    let value = members.get("texts").unwrap();
    reader.texts(&members.at("texts"), value, "a text", &mut |_, at, text| read.push((at.to_string(), text)));
    assert_eq!(read, [("/texts/1".to_owned(), "good".to_owned())]);
    reader.elements(&members.at("list"), members.get("list").unwrap(), "an array", &mut |_, _, _| {});
    assert_eq!(reader.authority(&members), None);
    faults(reader)
}

const TEXT: &str = r#"{"text":"","number":10,"word":"secret","flag":1,"texts":[1,"good",""],"list":{},
    "trust_domain":"Secret","a/b~c":2,"elsewhere":null}"#;

#[test]
fn every_fault_is_reported_with_its_pointer() {
    let members = "text, number, word, flag, texts, list, trust_domain, issuer";
    let domain = "a trust domain name of a-z, 0-9, dot, dash and underscore, up to 255 bytes";
    assert_eq!(
        read(Reader::new(), TEXT),
        [
            format!("/a~1b~0c: found an unknown member, expected one of {members}"),
            format!("/elsewhere: found a setting of another host, expected one of {members}"),
            "/text: found \"\", expected a text".to_owned(),
            "/number: found 10, expected a whole number from 1 to 9".to_owned(),
            "/word: found \"secret\", expected one of on, off".to_owned(),
            "/flag: found 1, expected true or false".to_owned(),
            "/texts/0: found 1, expected a text".to_owned(),
            "/texts/2: found \"\", expected a text".to_owned(),
            "/list: found an object, expected an array".to_owned(),
            format!("/trust_domain: found \"Secret\", expected {domain}"),
        ]
    );
}

#[test]
fn without_quotes_nothing_of_the_document_is_repeated() {
    let found = read(Reader::without_quotes(), TEXT);
    assert_eq!(found.len(), 10);
    for line in &found {
        for part in ["secret", "Secret", "a~1b", "10,", "\""] {
            assert!(!line.contains(part), "{part} in {line}");
        }
    }
    let mut reader = Reader::without_quotes();
    assert!(reader.parse(br#"{"secret":1,"secret":2}"#, DocumentKind::Settings).is_none());
    let found = faults(reader);
    assert!(found.len() == 1 && !found[0].contains("secret"), "{found:?}");
}

#[test]
fn a_fault_is_reported_once_and_the_list_is_bounded() {
    let mut reader = Reader::new();
    for _ in 0..3 {
        reader.fault(&Pointer::Root.member("a"), "this", "that");
    }
    assert_eq!(reader.fault_count(), 1);
    reader.fault(&Pointer::Root.member("a"), "this", "another");
    assert_eq!(reader.fault_count(), 2);
    for index in 0..1000 {
        reader.fault(&Pointer::Root.element(index), "this", "that");
    }
    assert_eq!(reader.fault_count(), 1002);
    let found = faults(reader);
    assert_eq!(found.len(), limits::NAMED_FAULTS + 1);
    assert_eq!(found[limits::NAMED_FAULTS], "the document: found 902 more faults, expected none");
}

#[test]
fn a_text_that_is_too_long_names_the_limit() {
    let mut reader = Reader::new();
    assert!(reader.parse(&vec![b' '; limits::TRUST_DOCUMENT_BYTES + 1], DocumentKind::Bundle).is_none());
    let expected = "the document: found 8388609 bytes, expected at most 8388608 bytes (limit trust_document_bytes)";
    assert_eq!(faults(reader), [expected]);
}

#[test]
fn what_has_no_fault_is_returned() {
    assert_eq!(Reader::new().finish(Some(1)), Ok(1));
    let mut reader = Reader::new();
    reader.fault(&Pointer::Root, "this", "that");
    assert_eq!(reader.finish(Some(1)).map_err(|faults| faults.len()), Err(1));
}
