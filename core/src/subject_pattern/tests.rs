use super::PatternError::*;
use super::*;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;

fn matches(pattern: &str, subject: &str) -> bool {
    SubjectPattern::parse(pattern).unwrap().matches(subject)
}

fn fault(pattern: &str) -> Option<PatternError> {
    SubjectPattern::parse(pattern).err()
}

#[test]
fn a_star_is_exactly_one_segment() {
    let pattern = "spiffe://td/ns/*/sa/web";
    assert!(matches(pattern, "spiffe://td/ns/prod/sa/web"));
    for subject in [
        "spiffe://td/ns/sa/web",
        "spiffe://td/ns//sa/web",
        "spiffe://td/ns/a/b/sa/web",
        "spiffe://td/ns/prod/sa/web/x",
        "spiffe://td/ns/prod/sa/web/",
        "spiffe://td/ns/prod/sa/webx",
        "spiffe://td/ns/prod/sa/Web",
        "spiffe://td/ns/prod/sa",
        "spiffe://td2/ns/prod/sa/web",
        "xspiffe://td/ns/prod/sa/web",
        "",
    ] {
        assert!(!matches(pattern, subject), "{subject:?}");
    }
}

#[test]
fn two_stars_are_one_or_more_segments() {
    let pattern = "spiffe://td/ns/**";
    for subject in ["spiffe://td/ns/a", "spiffe://td/ns/a/b", "spiffe://td/ns/a/b/c/d"] {
        assert!(matches(pattern, subject), "{subject:?}");
    }
    for subject in ["spiffe://td/ns", "spiffe://td/ns/", "spiffe://td/ns/a/", "spiffe://td/ns//a", "spiffe://td/nsx/a"]
    {
        assert!(!matches(pattern, subject), "{subject:?}");
    }
    assert!(matches("spiffe://td/**", "spiffe://td/a"));
    assert!(!matches("spiffe://td/**", "spiffe://td"));
    assert!(matches("spiffe://td/*/**", "spiffe://td/a/b"));
    assert!(!matches("spiffe://td/*/**", "spiffe://td/a"));
}

#[test]
fn a_trust_domain_is_never_matched_by_its_prefix() {
    for pattern in ["spiffe://td/**", "spiffe://td/*", "spiffe://td", "spiffe://td/a"] {
        for subject in [
            "spiffe://td-evil/a",
            "spiffe://td.evil/a",
            "spiffe://tdx/a",
            "spiffe://td@evil/a",
            "spiffe://td:1/a",
            "spiffe://td./a",
            "spiffe://Td/a",
            "Spiffe://td/a",
            "spiffe://t/d/a",
            "https://td/a",
        ] {
            assert!(!matches(pattern, subject), "{pattern} {subject}");
        }
    }
}

#[test]
fn a_spiffe_pattern_matches_nothing_but_spiffe_ids() {
    for subject in [
        "spiffe://td/.",
        "spiffe://td/..",
        "spiffe://td/a/../b",
        "spiffe://td/a?b",
        "spiffe://td/a#b",
        "spiffe://td/a%2e",
        "spiffe://td/a b",
        "spiffe://td/\u{ff0e}",
        "spiffe://td/a\0",
        "spiffe://td/*",
    ] {
        assert!(!matches("spiffe://td/*", subject), "{subject:?}");
        assert!(!matches("spiffe://td/**", subject), "{subject:?}");
    }
    let longest = format!("spiffe://td/{}", "a".repeat(2048 - 12));
    assert!(matches("spiffe://td/*", &longest));
    assert!(!matches("spiffe://td/*", &format!("{longest}a")));
}

#[test]
fn a_literal_is_equal_byte_for_byte() {
    assert!(matches("user-123", "user-123"));
    assert!(!matches("user-123", "user-1234"));
    assert!(!matches("user-123", "User-123"));
    assert!(matches("spiffe://td", "spiffe://td"));
    assert!(!matches("spiffe://td", "spiffe://td/"));
    assert!(matches("caf\u{e9}", "caf\u{e9}"));
    assert!(!matches("caf\u{e9}", "cafe\u{301}"));
}

#[test]
fn other_subjects_have_segments_too() {
    assert!(matches("*", "user-123"));
    assert!(!matches("*", ""));
    assert!(!matches("*", "a/b"));
    assert!(matches("tenant/*", "tenant/a"));
    assert!(!matches("tenant/*", "tenant/"));
    assert!(matches("repo:acme/**", "repo:acme/api:ref:refs/heads/main"));
    assert!(!matches("repo:acme/**", "repo:acme-evil/api"));
    assert!(matches("https://as.example/*", "https://as.example/u1"));
    // One star, or two after a segment, never reach across the empty segment of `://`.
    assert!(!matches("*/**", "spiffe://td/a"));
    assert!(!matches("*/*/*", "spiffe://td"));
}

#[test]
fn a_fault_says_why() {
    for (pattern, expected) in [
        ("", Empty),
        ("**", DoubleStarAlone),
        ("a*", StarInsideSegment),
        ("*a", StarInsideSegment),
        ("***", StarInsideSegment),
        ("a/b*c/d", StarInsideSegment),
        ("a/***", StarInsideSegment),
        ("spiffe://td/a*", StarInsideSegment),
        ("spiffe://*.td/a", StarInsideSegment),
        ("spiffe://td/**x", StarInsideSegment),
        ("**/a", DoubleStarNotLast),
        ("spiffe://td/**/a", DoubleStarNotLast),
        ("spiffe://td/**/**", DoubleStarNotLast),
        ("spiffe://**/a", DoubleStarNotLast),
        ("*//td/**", SchemeWildcard),
        ("*//*/a", SchemeWildcard),
        ("spiffe://*", TrustDomainWildcard),
        ("spiffe://*/a", TrustDomainWildcard),
        ("spiffe://*/**", TrustDomainWildcard),
        ("spiffe://**", TrustDomainWildcard),
        ("spiffe://", Spiffe(SpiffeIdError::TrustDomainEmpty)),
        ("spiffe:///**", Spiffe(SpiffeIdError::TrustDomainEmpty)),
        ("spiffe:///a", Spiffe(SpiffeIdError::TrustDomainEmpty)),
        ("spiffe://Td/*", Spiffe(SpiffeIdError::TrustDomainCharacter)),
        ("spiffe://td:80/*", Spiffe(SpiffeIdError::Port)),
        ("spiffe://td/", Spiffe(SpiffeIdError::PathTrailingSlash)),
        ("spiffe://td/*/", Spiffe(SpiffeIdError::PathTrailingSlash)),
        ("spiffe://td//*", Spiffe(SpiffeIdError::PathSegmentEmpty)),
        ("spiffe://td//**", Spiffe(SpiffeIdError::PathSegmentEmpty)),
        ("spiffe://td/../*", Spiffe(SpiffeIdError::PathSegmentDots)),
        ("spiffe://td/a%2a/*", Spiffe(SpiffeIdError::PathCharacter)),
        ("spiffe://td/a?/*", Spiffe(SpiffeIdError::Query)),
        ("Spiffe://td/*", Spiffe(SpiffeIdError::Scheme)),
    ] {
        assert_eq!(fault(pattern), Some(expected), "{pattern:?}");
        assert!(!format!("{expected}").is_empty());
    }
    assert_eq!(fault(&"a".repeat(2048)), None);
    assert_eq!(fault(&"a".repeat(2049)), Some(TooLong));
}

/// The slow twin: segments in vectors, SPIFFE IDs by their parser.
fn matches_slowly(pattern: &str, subject: &str) -> bool {
    let wanted: Vec<&str> = pattern.split('/').collect();
    let segments: Vec<&str> = subject.split('/').collect();
    let further = wanted.len() > 1 && wanted.last() == Some(&"**");
    let head = if further { &wanted[..wanted.len() - 1] } else { &wanted[..] };
    let length_fits = if further { segments.len() > head.len() } else { segments.len() == head.len() };
    length_fits
        && head.iter().zip(&segments).all(|(w, s)| if *w == "*" { !s.is_empty() } else { w == s })
        && segments[head.len()..].iter().all(|s| !s.is_empty())
        && (!pattern.starts_with("spiffe://") || spiffe_id::SpiffeId::parse(subject).is_ok())
}

proptest! {
    #[test]
    fn matching_agrees_with_the_slow_twin(
        scheme in "(spiffe://td|spiffe://td|spiffe://|)",
        pattern in "((/|)(a|b|\\*|\\.\\.|)){0,4}(/\\*\\*|)",
        subject_scheme in "(spiffe://td|)",
        subject in "((/|)(a|b|\\*|\\.\\.|%)){0,5}",
    ) {
        let (pattern, subject): (String, String) = (scheme + &pattern, subject_scheme + &subject);
        if let Ok(parsed) = SubjectPattern::parse(&pattern) {
            prop_assert_eq!(parsed.matches(&subject), matches_slowly(&pattern, &subject), "{} {}", pattern, subject);
        }
    }
}

#[test]
fn another_separator_makes_other_segments() {
    let matches = |pattern: &str, separator, subject: &str| {
        SubjectPattern::parse_with(pattern, separator).unwrap().matches(subject)
    };
    assert!(matches("system:serviceaccount:prod:*", ':', "system:serviceaccount:prod:web"));
    assert!(!matches("system:serviceaccount:prod:*", ':', "system:serviceaccount:prod:web:x"));
    assert!(matches("repo:octo-org/octo-repo:**", ':', "repo:octo-org/octo-repo:ref:refs/heads/main"));
    assert!(!matches("repo:octo-org/octo-repo:**", ':', "repo:octo-org/octo-repo"));
    assert!(matches("a/*/c", '/', "a/b/c") && matches("a/b", ':', "a/b"));
    assert!(matches("a.*", '.', "a.b") && !matches("a.*", '.', "a:b"));
    for (pattern, separator, fault) in [
        ("a:*", 'x', Separator),
        ("a:*", '*', Separator),
        ("a:*", ' ', Separator),
        ("a:*", '\u{e9}', Separator),
        ("a/*", ':', StarInsideSegment),
        ("a:**:b", ':', DoubleStarNotLast),
        ("**", ':', DoubleStarAlone),
        ("spiffe:**", ':', SpiffeSeparator),
        ("SPIFFE:*:x", ':', SpiffeSeparator),
        ("spiffe://example.org/a", '.', SpiffeSeparator),
    ] {
        assert_eq!(SubjectPattern::parse_with(pattern, separator).unwrap_err(), fault, "{pattern} {separator}");
    }
}

/// A wildcard would match a trust domain otherwise, which every pattern for SPIFFE IDs names.
#[test]
fn another_separator_never_takes_a_spiffe_id() {
    for (pattern, separator) in [("*:*", ':'), ("*:**", ':'), ("*.**", '.'), ("*-*", '-')] {
        let pattern = SubjectPattern::parse_with(pattern, separator).unwrap();
        for subject in ["spiffe://a.example/b-c", "Spiffe://a.example", "spiffe:a.b-c"] {
            assert!(!pattern.matches(subject), "{pattern} {subject}");
        }
    }
}
