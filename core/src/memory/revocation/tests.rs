use super::*;
use alloc::collections::BTreeSet;
use alloc::format;
use proptest::prelude::*;

const TOKEN: Presented<'static> = Presented {
    authority: "https://as.example",
    key_id: Some("k1"),
    subject: Some("alice"),
    token_id: Some("t1"),
    issued_at: Some(UnixSeconds::new(1000)),
};

#[test]
fn nothing_is_revoked_by_default() {
    assert_eq!(Revocations::default().revoked_by(&TOKEN), None);
    assert_eq!(Revocations::builder().build(), Revocations::default());
    assert!(Revocations::default().is_empty());
    let nothing = Presented { authority: "", key_id: None, subject: None, token_id: None, issued_at: None };
    assert_eq!(Revocations::default().revoked_by(&nothing), None);
}

#[test]
fn names_belong_to_their_authority() {
    let revocations = Revocations::builder()
        .key("https://as.example", "k1")
        .subject("https://as.example", "bob")
        .token("https://as.example", "t9")
        .build();
    assert_eq!(revocations.names(), 3);
    assert!(!revocations.is_empty() && !Revocations::builder().all_before(UnixSeconds::new(1)).build().is_empty());
    assert_eq!(revocations.revoked_by(&TOKEN), Some(RevokedBy::Key));
    assert_eq!(revocations.revoked_by(&Presented { authority: "https://other.example", ..TOKEN }), None);
    let survivor = Presented { key_id: Some("k2"), ..TOKEN };
    assert_eq!(revocations.revoked_by(&survivor), None);
    assert_eq!(revocations.revoked_by(&Presented { subject: Some("bob"), ..survivor }), Some(RevokedBy::Subject));
    assert_eq!(revocations.revoked_by(&Presented { token_id: Some("t9"), ..survivor }), Some(RevokedBy::Token));
    // A name of one kind is not one of another kind, and a part of a name is not the name.
    for name in ["k1", "t9", "bo", "bobb", "", "b", "bobt9"] {
        assert_eq!(revocations.revoked_by(&Presented { subject: Some(name), ..survivor }), None, "{name}");
    }
}

/// CVE-2026-8922: of two revocation levels the wider one was ignored.
#[test]
fn every_combination_of_levels_is_honoured() {
    let issued_at = 1000;
    for levels in 0..8 {
        for (offset, reached) in [(1, true), (0, false)] {
            let moment = UnixSeconds::new(issued_at + offset);
            let earlier = UnixSeconds::new(issued_at - 500);
            let at = |level: u32| {
                if levels >> level & 1 == 1 { moment } else { earlier }
            };
            let revocations = Revocations::builder()
                .all_before(at(0))
                .authority_before(TOKEN.authority, at(1))
                .subject_before(TOKEN.authority, "alice", at(2))
                .build();
            let expected = match levels {
                _ if !reached || levels == 0 => None,
                4.. => Some(RevokedBy::Subject),
                _ => Some(RevokedBy::Epoch),
            };
            assert_eq!(revocations.revoked_by(&TOKEN), expected, "levels {levels:03b} offset {offset}");
        }
    }
}

#[test]
fn each_level_alone_and_absent() {
    let moment = UnixSeconds::new(1001);
    for levels in 0..8 {
        let mut builder = Revocations::builder();
        if levels & 1 != 0 {
            builder.all_before(moment);
        }
        if levels & 2 != 0 {
            builder.authority_before(TOKEN.authority, moment);
        }
        if levels & 4 != 0 {
            builder.subject_before(TOKEN.authority, "alice", moment);
        }
        let revocations = builder.build();
        for issued_at in [Some(UnixSeconds::new(1000)), None] {
            let verdict = revocations.revoked_by(&Presented { issued_at, ..TOKEN });
            assert_eq!(verdict.is_some(), levels != 0, "levels {levels:03b} iat {issued_at:?}");
            let stranger = Presented { authority: "https://other.example", issued_at, ..TOKEN };
            assert_eq!(revocations.revoked_by(&stranger).is_some(), levels & 1 != 0);
        }
        let young = Presented { issued_at: Some(moment), ..TOKEN };
        assert_eq!(revocations.revoked_by(&young), None);
    }
}

#[test]
fn the_later_moment_and_the_wider_revocation_win() {
    let build = |steps: &[u64]| {
        let mut builder = Revocations::builder();
        for step in steps {
            builder.subject_before(TOKEN.authority, "alice", UnixSeconds::new(*step));
            builder.authority_before(TOKEN.authority, UnixSeconds::new(*step));
            builder.all_before(UnixSeconds::new(*step));
        }
        builder.build()
    };
    assert_eq!(build(&[5, 2000, 7]), build(&[2000]));
    let forever = Revocations::builder()
        .subject(TOKEN.authority, "alice")
        .subject_before(TOKEN.authority, "alice", UnixSeconds::new(1))
        .build();
    assert_eq!(forever.revoked_by(&TOKEN), Some(RevokedBy::Subject));
}

#[test]
fn a_hundred_thousand_names_are_found_and_no_others() {
    let mut builder = Revocations::builder();
    for number in 0..100_000 {
        builder.token(TOKEN.authority, &format!("jti-{:05}", number * 7 % 100_000));
    }
    let revocations = builder.build();
    assert_eq!(revocations.names(), 100_000);
    for number in (0..200_000).step_by(997) {
        let name = format!("jti-{number:05}");
        let verdict = revocations.revoked_by(&Presented { token_id: Some(&name), ..TOKEN });
        assert_eq!(verdict.is_some(), number < 100_000, "{name}");
    }
}

proptest! {
    #[test]
    fn agrees_with_plain_sets(
        entries in prop::collection::vec((0..3u8, "[ab]{0,2}", "[abc]{0,3}"), 0..40),
        asked in prop::collection::vec(("[ab]{0,2}", "[abc]{0,3}", "[abc]{0,3}", "[abc]{0,3}"), 1..40),
    ) {
        let mut builder = Revocations::builder();
        let mut twin = BTreeSet::new();
        for (kind, authority, name) in &entries {
            match kind {
                0 => builder.key(authority, name),
                1 => builder.subject(authority, name),
                _ => builder.token(authority, name),
            };
            twin.insert((*kind, authority.as_str(), name.as_str()));
        }
        let revocations = builder.build();
        prop_assert_eq!(revocations.names(), twin.len());
        for (authority, key_id, subject, token_id) in &asked {
            let expected = if twin.contains(&(0, authority, key_id)) {
                Some(RevokedBy::Key)
            } else if twin.contains(&(1, authority, subject)) {
                Some(RevokedBy::Subject)
            } else if twin.contains(&(2, authority, token_id)) {
                Some(RevokedBy::Token)
            } else {
                None
            };
            let token = Presented {
                authority, key_id: Some(key_id), subject: Some(subject), token_id: Some(token_id), issued_at: None,
            };
            prop_assert_eq!(revocations.revoked_by(&token), expected);
        }
    }
}
