//! Numbers and words of reasons are append-only: `reasons.tsv` holds every one that was ever published.

use countersign::{ChallengeError, Reason};

const PUBLISHED: &str = include_str!("reasons.tsv");

fn line(reason: Reason) -> String {
    let (status, error) = reason.answer();
    format!("{}\t{}\t{status}\t{}", reason.number(), reason.code(), error.word().unwrap_or("-"))
}

#[test]
fn every_published_line_still_holds_and_every_reason_has_a_line() {
    let mut lines = PUBLISHED.lines();
    assert_eq!(lines.next(), Some("number\tcode\tstatus\tchallenge"));
    let published: Vec<&str> = lines.collect();
    let current: Vec<String> = Reason::ALL.into_iter().map(line).collect();
    for line in &published {
        assert!(current.iter().any(|current| current == line), "published and changed since: {line}");
    }
    for line in &current {
        assert!(published.contains(&line.as_str()), "append to tests/reasons.tsv: {line}");
    }
    assert_eq!(published.len(), Reason::COUNT);
}

#[test]
fn words_are_the_registered_ones() {
    // RFC 6750 §3.1, §6.2; RFC 9449 §7.1, §9, §12.2.
    let registered = ["invalid_request", "invalid_token", "insufficient_scope", "invalid_dpop_proof", "use_dpop_nonce"];
    for reason in Reason::ALL {
        let (status, error) = reason.answer();
        assert!(error.word().is_none_or(|word| registered.contains(&word)), "{reason}");
        assert!(matches!(status, 400 | 401 | 403 | 413 | 429 | 500 | 503), "{reason}");
        // RFC 9110 §11.6.1: a 5xx is no matter of credentials.
        assert!(status < 500 || error == ChallengeError::None, "{reason}");
    }
}
