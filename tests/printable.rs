//! One rule of printable text for every line that is written: logs, audit records, faults, what the command prints.

use countersign::internal::printable::{is_tricky, printable, quoted};
use countersign_tests::issuer::{NOW, access, jwk};
use countersign_tests::request::{Doc, bearer, issuer};
use countersign_tests::runner::{Runner, document};
use regex_syntax::hir::{Class, HirKind};

/// Invisible, or moving the text around it: an escape, C1 CSI, bidirectional overrides and isolates, zero widths, a tag, fillers;
/// and what Unicode reserves for inside a program: noncharacters.
const SAMPLES: &str = "\u{1b}\u{7f}\u{9b}\u{ad}\u{34f}\u{61c}\u{200b}\u{200e}\u{202e}\u{2028}\u{2060}\u{2066}\u{3164}\u{feff}\u{e0041}\u{a0}\u{fdd0}\u{fffe}\u{ffff}\u{10ffff}";

fn escaped(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

#[test]
fn the_rule_is_that_of_the_unicode_character_database() {
    // Controls, formats, separators, what is ignorable by default, and what is no character; of the spaces, only U+0020 is what it looks
    // like.
    let class = r"[\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}--\x20]";
    let parsed = regex_syntax::Parser::new().parse(class).unwrap();
    let HirKind::Class(Class::Unicode(class)) = parsed.kind() else { panic!("{parsed:?}") };
    let ranges = class.ranges();
    for c in '\0'..=char::MAX {
        let expected = ranges.iter().any(|range| (range.start()..=range.end()).contains(&c));
        assert_eq!(is_tricky(c), expected, "U+{:04X}", u32::from(c));
    }
}

#[test]
fn what_is_printable_stays_and_nothing_else_does() {
    for c in '\0'..=char::MAX {
        let text = printable(&c.to_string());
        assert_eq!(text.contains(c), !is_tricky(c), "U+{:04X}", u32::from(c));
        assert!(!text.chars().any(is_tricky), "U+{:04X}", u32::from(c));
        assert!(!quoted(&c.to_string()).chars().any(is_tricky), "U+{:04X}", u32::from(c));
    }
}

#[test]
fn an_audit_record_shows_no_such_character_and_loses_none() {
    let odd = |name: &str| format!("{name}{SAMPLES}");
    let name = odd("https://as.example/");
    let kid = odd("kid");
    let key = jwk("server-p256", &format!("\"kid\":{}", escaped(&kid)));
    let token = access()
        .header("kid", &escaped(&kid))
        .claim("iss", &escaped(&name))
        .claim("sub", &escaped(&odd("alice")))
        .claim("client_id", &escaped(&odd("shop")))
        .claim("jti", &escaped(&odd("id")))
        .claim("act", &format!("{{\"sub\":{},\"iss\":{}}}", escaped(&odd("broker")), escaped(&odd("x"))))
        .claim("team", &escaped(&odd("blue")))
        .claim("roles", &format!("[ \"{{ \\\" }}\" ,\n\t{{ {} : [ 1 , null ] }}\r ]", escaped(&odd("r"))));
    let entry = issuer("placeholder", &[key]).replace("\"placeholder\"", &escaped(&name));
    let attributes = r#"{"team":"/team","roles":"/roles","none":"/none"}"#;
    let mut runner = Runner::new(&Doc::access().trust(&[entry]).member("attributes", attributes).text(), NOW);
    let answer = runner.ask(&bearer(&token.text()));
    assert_eq!(answer.reason, None);
    assert!(!answer.audit.chars().any(is_tricky), "{:?}", answer.audit);
    let line: serde_json::Value = serde_json::from_str(&answer.audit).unwrap();
    for (member, begin) in [("subject", "alice"), ("client_id", "shop"), ("token_id", "id"), ("key_id", "kid")] {
        assert_eq!(line[member], odd(begin), "{member}");
    }
    assert_eq!(line["issuer"], name);
    assert_eq!(line["actors"][0], serde_json::json!({ "sub": odd("broker"), "iss": odd("x") }));
    let roles = serde_json::json!(["{ \" }", { (odd("r")): [1, null] }]);
    assert_eq!(line["attributes"], serde_json::json!({ "team": odd("blue"), "roles": roles }));
    assert!(answer.audit.ends_with(":[1,null]}]}}"), "{}", answer.audit);
}

#[test]
fn a_fault_of_a_policy_is_one_printable_line() {
    let name = format!("https://as.example/{SAMPLES}");
    let entry = issuer("placeholder", &[]).replace("\"placeholder\"", &escaped(&name));
    let member = escaped(SAMPLES);
    let text = Doc::access().trust(&[entry.clone(), entry]).member(member.trim_matches('"'), &member);
    let faults = document(&text.text()).unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
    for fault in faults {
        let line = fault.to_string();
        assert!(!line.chars().any(is_tricky), "{line:?}");
        assert!(line.contains("\\u{202e}"), "{line:?}");
    }
}
