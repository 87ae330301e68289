use super::SpiffeIdError::*;
use super::*;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;

fn fault(text: &str) -> Option<SpiffeIdError> {
    SpiffeId::parse(text).err()
}

#[test]
fn an_id_falls_into_its_parts() {
    let id = SpiffeId::parse("spiffe://example.org/ns/prod/sa/web").unwrap();
    assert_eq!(id.as_str(), "spiffe://example.org/ns/prod/sa/web");
    assert_eq!(id.trust_domain(), TrustDomain::parse("example.org").unwrap());
    assert_eq!(id.path(), "/ns/prod/sa/web");
    assert_eq!(id.segments().collect::<Vec<_>>(), ["ns", "prod", "sa", "web"]);
}

#[test]
fn an_id_without_path_names_the_trust_domain() {
    let id = SpiffeId::parse("spiffe://td").unwrap();
    assert_eq!(id.trust_domain().as_str(), "td");
    assert_eq!(id.path(), "");
    assert_eq!(id.segments().count(), 0);
}

#[test]
fn sid_1_scheme_is_exactly_spiffe() {
    for text in [
        "",
        "s",
        "spiffe",
        "spiffe:",
        "spiffe:/",
        "spiffe:/td",
        "Spiffe://td/a",
        "SPIFFE://td",
        "spiffe//td",
        " spiffe://td",
        "http://td/a",
        "/td/a",
        "td",
        "spiffe:\\\\td",
    ] {
        assert_eq!(fault(text), Some(Scheme), "{text:?}");
    }
}

#[test]
fn sid_2_trust_domain_is_not_empty() {
    for text in ["spiffe://", "spiffe:///", "spiffe:///path"] {
        assert_eq!(fault(text), Some(TrustDomainEmpty), "{text:?}");
    }
    assert_eq!(TrustDomain::parse(""), Err(TrustDomainEmpty));
}

#[test]
fn sid_3_neither_query_nor_fragment_even_if_empty() {
    for (text, expected) in [
        ("spiffe://td?", Query),
        ("spiffe://td#", Fragment),
        ("spiffe://?q", Query),
        ("spiffe://td/a?", Query),
        ("spiffe://td/a?q=1", Query),
        ("spiffe://td/a#", Fragment),
        ("spiffe://td/a#f", Fragment),
        ("spiffe://evil#td", Fragment),
    ] {
        assert_eq!(fault(text), Some(expected), "{text:?}");
    }
}

#[test]
fn sid_4_neither_userinfo_nor_port() {
    for (text, expected) in [
        ("spiffe://u@td", Userinfo),
        ("spiffe://td@evil", Userinfo),
        ("spiffe://@td/a", Userinfo),
        ("spiffe://u:p@td", Port),
        ("spiffe://td:80", Port),
        ("spiffe://td:80/a", Port),
        ("spiffe://td:", Port),
    ] {
        assert_eq!(fault(text), Some(expected), "{text:?}");
    }
}

/// Text that is not UTF-8 cannot be an ID.
fn is_id(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| SpiffeId::parse(text).is_ok())
}

#[test]
fn sid_5_every_byte_value_in_the_trust_domain() {
    for byte in 0..=255_u8 {
        let allowed = byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        for template in [&b"spiffe://*/a"[..], b"spiffe://t*/a", b"spiffe://*d", b"spiffe://t*d/a"] {
            let text = template.iter().map(|b| if *b == b'*' { byte } else { *b }).collect::<Vec<_>>();
            // A slash ends the trust domain, so it is another rule's: an empty host, or a path.
            if byte != b'/' {
                assert_eq!(is_id(&text), allowed, "{byte:#x}");
            }
        }
        if byte.is_ascii() {
            let name = format!("t{}d", char::from(byte));
            assert_eq!(TrustDomain::parse(&name).is_ok(), allowed, "{byte:#x}");
        }
    }
    for text in ["spiffe://td%2f..", "spiffe://[::1]/a", "spiffe://Td/a", "spiffe://t\u{ff0e}d/a", "spiffe://t d"] {
        assert!(SpiffeId::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn sid_6_names_that_look_like_addresses_or_bad_dns_are_names() {
    for text in ["spiffe://1.2.3.4/a", "spiffe://a..b/x", "spiffe://-/x", "spiffe://./x", "spiffe://../x", "spiffe://_"]
    {
        assert_eq!(fault(text), None, "{text:?}");
    }
    assert_ne!(TrustDomain::parse("td."), TrustDomain::parse("td"));
}

#[test]
fn sid_7_every_byte_value_in_the_path() {
    for byte in 0..=255_u8 {
        let allowed = byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        for template in [&b"spiffe://td/*a"[..], b"spiffe://td/a*", b"spiffe://td/a*/b", b"spiffe://td/x/a*b"] {
            let text = template.iter().map(|b| if *b == b'*' { byte } else { *b }).collect::<Vec<_>>();
            // A slash is judged by the segment rules: it makes an empty segment in all but the last template.
            let allowed = allowed || byte == b'/' && template.ends_with(b"a*b");
            assert_eq!(is_id(&text), allowed, "{byte:#x}");
            if let Ok(text) = str::from_utf8(&text) {
                assert_eq!(SpiffeId::parse(text).is_ok(), allowed, "{byte:#x}");
            }
        }
    }
}

#[test]
fn sid_8_segments_are_not_empty_and_not_dots() {
    for (text, expected) in [
        ("spiffe://td/", PathTrailingSlash),
        ("spiffe://td/a/", PathTrailingSlash),
        ("spiffe://td//", PathSegmentEmpty),
        ("spiffe://td//a", PathSegmentEmpty),
        ("spiffe://td/a//b", PathSegmentEmpty),
        ("spiffe://td/.", PathSegmentDots),
        ("spiffe://td/..", PathSegmentDots),
        ("spiffe://td/./a", PathSegmentDots),
        ("spiffe://td/a/../admin", PathSegmentDots),
        ("spiffe://td/a/..", PathSegmentDots),
    ] {
        assert_eq!(fault(text), Some(expected), "{text:?}");
    }
    for text in ["spiffe://td/.path", "spiffe://td/..path", "spiffe://td/...", "spiffe://td/a./b..", "spiffe://td/-"] {
        assert_eq!(fault(text), None, "{text:?}");
    }
}

#[test]
fn sid_9_an_id_has_at_most_2048_bytes() {
    let longest = format!("spiffe://td/{}", "a".repeat(2048 - 12));
    assert_eq!(longest.len(), 2048);
    assert_eq!(fault(&longest), None);
    assert_eq!(fault(&format!("{longest}a")), Some(TooLong));
}

#[test]
fn sid_10_a_trust_domain_has_at_most_255_bytes() {
    let longest = "a".repeat(255);
    assert_eq!(TrustDomain::parse(&longest).map(|td| td.as_str().len()), Ok(255));
    assert_eq!(fault(&format!("spiffe://{longest}/x")), None);
    assert_eq!(fault(&format!("spiffe://{longest}a/x")), Some(TrustDomainTooLong));
    assert_eq!(fault(&format!("spiffe://{longest}a")), Some(TrustDomainTooLong));
    assert_eq!(TrustDomain::parse(&"a".repeat(256)), Err(TrustDomainTooLong));
}

#[test]
fn sid_11_comparison_is_exact() {
    assert_ne!(SpiffeId::parse("spiffe://td/a"), SpiffeId::parse("spiffe://td/A"));
    assert_ne!(SpiffeId::parse("spiffe://td/a"), SpiffeId::parse("spiffe://td/a.b"));
    let evil = SpiffeId::parse("spiffe://td-evil/a").unwrap();
    assert_ne!(evil.trust_domain().as_str(), "td");
}

#[test]
fn control_characters_and_lookalikes_are_refused() {
    for text in [
        "spiffe://td/a\0",
        "spiffe://td/a\r\n",
        "spiffe://td\n/a",
        "spiffe://td/\u{ff0e}\u{ff0e}/a",
        "spiffe://td/a%2e",
        "spiffe://td/%2e%2e/a",
        "spiffe://td/a b",
        "spiffe://td/*",
        "spiffe://td/a\\b",
    ] {
        assert!(fault(text).is_some(), "{text:?}");
    }
}

#[test]
fn a_trust_domain_is_a_bare_name() {
    assert!(TrustDomain::parse("spiffe://td").is_err());
    assert!(TrustDomain::parse("td/").is_err());
    assert!(TrustDomain::parse("td/a").is_err());
}

/// The slow twin: the rules as sentences over the whole text.
fn is_valid_slowly(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("spiffe://") else {
        return false;
    };
    let parts: Vec<&str> = rest.split('/').collect();
    let host_ok = (1..=255).contains(&parts[0].len())
        && parts[0].chars().all(|c| "abcdefghijklmnopqrstuvwxyz0123456789._-".contains(c));
    let segment_ok =
        |s: &&str| !["", ".", ".."].contains(s) && s.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    text.len() <= 2048 && host_ok && parts[1..].iter().all(segment_ok)
}

proptest! {
    #[test]
    fn parsing_agrees_with_the_slow_twin(tail in "[a-z./._%:@#?A-]{0,12}", head in "(spiffe://|spiffe:/|Spiffe://|)") {
        let text: String = head + &tail;
        prop_assert_eq!(SpiffeId::parse(&text).is_ok(), is_valid_slowly(&text));
    }

    #[test]
    fn the_parts_make_the_whole(text in "spiffe://[a-z0-9._-]{1,20}(/[A-Za-z0-9_-]{1,8}){0,5}") {
        let id = SpiffeId::parse(&text).unwrap();
        prop_assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), text.clone());
        prop_assert_eq!(id.segments().map(|s| format!("/{s}")).collect::<String>(), id.path());
        prop_assert_eq!(TrustDomain::parse(id.trust_domain().as_str()), Ok(id.trust_domain()));
    }
}
