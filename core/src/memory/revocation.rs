//! What the host declared void: keys, subjects, tokens, and everything issued before a moment.
//!
//! One immutable value, swapped whole. Every name belongs to an authority (an issuer, or a trust domain), so two issuers may use
//! the same key id, subject or `jti` (CVE-2026-49998). Lookups are binary searches over sorted names: no
//! allocation, and no names that are slower to find than others.
//!
//! It does not know signatures: ask it about tokens that are verified, and about the key that verified them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::order::sort;
use crate::time::UnixSeconds;

/// The token a revocation is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The issuer, or the trust domain, under whose key the token was verified.
    pub authority: &'a str,
    /// The id of that key.
    pub key_id: Option<&'a str>,
    /// The claim `sub`.
    pub subject: Option<&'a str>,
    /// The claim `jti`.
    pub token_id: Option<&'a str>,
    /// The claim `iat`.
    pub issued_at: Option<UnixSeconds>,
}

/// Why a token is void: the first that holds, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevokedBy {
    /// The key that signed it is revoked.
    Key,
    /// Its subject is revoked, for good or for tokens of before a moment.
    Subject,
    /// This one token is revoked.
    Token,
    /// It was issued before the epoch of its authority or before the one of all authorities, or does not say when.
    Epoch,
}

/// Whether a list tells what is revoked now.
///
/// A host that was told to ask for one must not accept what may stand in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RevocationsKnown {
    /// It does, until the host says something else.
    #[default]
    ForGood,
    /// It does until this moment, that included: after it, nobody knows.
    Until(UnixSeconds),
    /// Nobody has said yet what is revoked.
    NotYet,
}

impl RevocationsKnown {
    /// By a list that was fetched at `fetched` and is good for so many seconds; without a number, until the next one.
    #[must_use]
    pub fn by_list(fetched: UnixSeconds, max_stale_seconds: Option<u64>) -> Self {
        max_stale_seconds.map_or(Self::ForGood, |seconds| Self::Until(fetched.plus(seconds)))
    }

    /// Whether it does at this moment.
    #[must_use]
    pub fn at(self, now: UnixSeconds) -> bool {
        match self {
            Self::ForGood => true,
            Self::Until(last) => now <= last,
            Self::NotYet => false,
        }
    }
}

/// Everything that is revoked, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    /// Holds for every authority, listed or not.
    epoch: Option<UnixSeconds>,
    authorities: Names,
    /// One for each name in `authorities`, in the same order.
    by_authority: Box<[OfAuthority]>,
}

impl Revocations {
    /// A builder in which nothing is revoked yet.
    #[must_use]
    pub fn builder() -> RevocationsBuilder {
        RevocationsBuilder::default()
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.epoch.is_none() && self.by_authority.is_empty()
    }

    /// Why the token is void, or `None` if nothing here says so.
    ///
    /// All levels are honoured together: the narrower one never hides the wider one (CVE-2026-8922). A token without `iat` is void as
    /// soon as any epoch applies to it, because nothing shows that it is younger.
    #[must_use]
    pub fn revoked_by(&self, token: &Presented<'_>) -> Option<RevokedBy> {
        let before = |epoch: Option<UnixSeconds>| {
            epoch.is_some_and(|epoch| token.issued_at.is_none_or(|issued_at| issued_at < epoch))
        };
        if let Some(of_authority) = self.authorities.position(token.authority).and_then(|at| self.by_authority.get(at))
        {
            if token.key_id.is_some_and(|key_id| of_authority.keys.position(key_id).is_some()) {
                return Some(RevokedBy::Key);
            }
            let subject = token.subject.and_then(|subject| of_authority.subjects.position(subject));
            if before(subject.and_then(|at| of_authority.subjects_until.get(at)).copied()) {
                return Some(RevokedBy::Subject);
            }
            if token.token_id.is_some_and(|token_id| of_authority.tokens.position(token_id).is_some()) {
                return Some(RevokedBy::Token);
            }
            if before(of_authority.epoch) {
                return Some(RevokedBy::Epoch);
            }
        }
        before(self.epoch).then_some(RevokedBy::Epoch)
    }

    /// How many keys, subjects and tokens are named; epochs are not counted.
    #[must_use]
    pub fn names(&self) -> usize {
        self.by_authority
            .iter()
            .map(|of_authority| of_authority.keys.len() + of_authority.subjects.len() + of_authority.tokens.len())
            .sum()
    }
}

/// Collects revocations in any order; what is said twice holds once, and of two moments the later one.
#[derive(Clone, Debug, Default)]
pub struct RevocationsBuilder {
    epoch: Option<UnixSeconds>,
    /// By name, in the order of the calls; a name comes again where other authorities came between.
    authorities: Vec<(String, AuthorityBuilder)>,
}

/// Later than any token says that it was issued.
const FOR_GOOD: UnixSeconds = UnixSeconds::new(u64::MAX);

impl RevocationsBuilder {
    /// Revokes a key of an authority.
    pub fn key(&mut self, authority: &str, key_id: &str) -> &mut Self {
        self.authority(authority).keys.push(key_id.into());
        self
    }

    /// Revokes every token of a subject, those of the future too.
    pub fn subject(&mut self, authority: &str, subject: &str) -> &mut Self {
        self.subject_before(authority, subject, FOR_GOOD)
    }

    /// Revokes the tokens of a subject that were issued before `moment`, or do not say when.
    pub fn subject_before(&mut self, authority: &str, subject: &str, moment: UnixSeconds) -> &mut Self {
        self.authority(authority).subjects.push((subject.into(), moment));
        self
    }

    /// Revokes one token.
    pub fn token(&mut self, authority: &str, token_id: &str) -> &mut Self {
        self.authority(authority).tokens.push(token_id.into());
        self
    }

    /// Revokes every token of an authority that was issued before `moment`, or does not say when.
    pub fn authority_before(&mut self, authority: &str, moment: UnixSeconds) -> &mut Self {
        let of_authority = self.authority(authority);
        of_authority.epoch = of_authority.epoch.max(Some(moment));
        self
    }

    /// Revokes every token of every authority, listed or not, that was issued before `moment`, or does not say when.
    pub fn all_before(&mut self, moment: UnixSeconds) -> &mut Self {
        self.epoch = self.epoch.max(Some(moment));
        self
    }

    /// The finished value.
    #[must_use]
    pub fn build(&self) -> Revocations {
        let mut authorities: Vec<&(String, AuthorityBuilder)> = self.authorities.iter().collect();
        sort(&mut authorities, |(a, _), (b, _)| a.cmp(b));
        let parts = || authorities.chunk_by(|(a, _), (b, _)| a == b);
        Revocations {
            epoch: self.epoch,
            authorities: Names::from_sorted(parts().filter_map(|parts| parts.first().map(|(name, _)| name.as_str()))),
            by_authority: parts().map(AuthorityBuilder::build).collect(),
        }
    }

    /// The last authority that something was said of, or a new part for another one.
    fn authority(&mut self, authority: &str) -> &mut AuthorityBuilder {
        if self.authorities.last().is_none_or(|(last, _)| last != authority) {
            self.authorities.push((authority.into(), AuthorityBuilder::default()));
        }
        let last = self.authorities.len() - 1;
        &mut self.authorities[last].1
    }
}

#[derive(Clone, Debug, Default)]
struct AuthorityBuilder {
    epoch: Option<UnixSeconds>,
    keys: Vec<String>,
    /// With the moment before which their tokens are void.
    subjects: Vec<(String, UnixSeconds)>,
    tokens: Vec<String>,
}

impl AuthorityBuilder {
    /// All parts of one authority together.
    fn build(parts: &[&(String, Self)]) -> OfAuthority {
        let parts = || parts.iter().map(|(_, part)| part);
        let names = |names: fn(&Self) -> &[String]| {
            let sorted = sorted(parts().flat_map(names).map(|name| (name.as_str(), FOR_GOOD)));
            Names::from_sorted(sorted.iter().map(|(name, _)| *name))
        };
        let subjects = sorted(parts().flat_map(|part| &part.subjects).map(|(name, until)| (name.as_str(), *until)));
        OfAuthority {
            epoch: parts().filter_map(|part| part.epoch).max(),
            keys: names(|part| &part.keys),
            subjects: Names::from_sorted(subjects.iter().map(|(name, _)| *name)),
            subjects_until: subjects.iter().map(|(_, until)| *until).collect(),
            tokens: names(|part| &part.tokens),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfAuthority {
    epoch: Option<UnixSeconds>,
    keys: Names,
    subjects: Names,
    /// One for each name in `subjects`, in the same order.
    subjects_until: Box<[UnixSeconds]>,
    tokens: Names,
}

/// Each name once, with the latest of its moments.
fn sorted<'a>(names: impl Iterator<Item = (&'a str, UnixSeconds)>) -> Vec<(&'a str, UnixSeconds)> {
    let mut names: Vec<_> = names.collect();
    sort(&mut names, |(a, earlier), (b, later)| a.cmp(b).then(later.cmp(earlier)));
    names.dedup_by_key(|(name, _)| *name);
    names
}

/// Names in one piece of text: a million token ids are two allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    text: Box<str>,
    /// Where each name ends; it begins where the one before ends. Ascending by name, no name twice.
    ends: Box<[usize]>,
}

impl Names {
    fn from_sorted<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        let ends = names
            .map(|name| {
                text.push_str(name);
                text.len()
            })
            .collect();
        Self { text: text.into_boxed_str(), ends }
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn position(&self, name: &str) -> Option<usize> {
        let mut range = 0..self.ends.len();
        while !range.is_empty() {
            let middle = range.start + range.len() / 2;
            match self.name(middle)?.cmp(name) {
                core::cmp::Ordering::Less => range.start = middle + 1,
                core::cmp::Ordering::Equal => return Some(middle),
                core::cmp::Ordering::Greater => range.end = middle,
            }
        }
        None
    }

    fn name(&self, at: usize) -> Option<&str> {
        let start = match at {
            0 => 0,
            _ => *self.ends.get(at - 1)?,
        };
        self.text.get(start..*self.ends.get(at)?)
    }
}

#[cfg(test)]
mod tests {
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
}
