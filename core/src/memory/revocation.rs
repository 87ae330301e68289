//! The revocations of the host: keys, subjects, tokens, and all tokens issued before a moment.
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

/// Why a token is revoked: the first that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevokedBy {
    /// The key that signed it is revoked.
    Key,
    /// Its subject is revoked, for good or for tokens of before a moment.
    Subject,
    /// This one token is revoked.
    Token,
    /// It was issued before the epoch of its authority or before the one of all authorities, or has no `iat`.
    Epoch,
}

/// Whether the list of revocations is current.
///
/// A host that is configured to fetch a list must not accept tokens that may be in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RevocationsKnown {
    /// It is current until the host replaces it.
    #[default]
    ForGood,
    /// It is current until this moment, inclusive.
    Until(UnixSeconds),
    /// No list has been loaded yet.
    NotYet,
}

impl RevocationsKnown {
    /// A list that was fetched at `fetched` and is current for `max_stale_seconds`; without a number, until the next one.
    #[must_use]
    pub fn by_list(fetched: UnixSeconds, max_stale_seconds: Option<u64>) -> Self {
        max_stale_seconds.map_or(Self::ForGood, |seconds| Self::Until(fetched.plus(seconds)))
    }

    /// Whether the list is current at `now`.
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

    /// Why the token is revoked, or `None` if it is not.
    ///
    /// All levels are honoured together: the narrower one never hides the wider one (CVE-2026-8922). A token without `iat` is revoked as
    /// soon as any epoch applies to it, because nothing shows that it is younger.
    #[must_use]
    #[doc(hidden)]
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

/// Collects revocations in any order; an entry that is added twice counts once, and of two moments the later one applies.
#[derive(Clone, Debug, Default)]
pub struct RevocationsBuilder {
    epoch: Option<UnixSeconds>,
    /// By name, in the order of the calls; a name comes again where other authorities came between.
    authorities: Vec<(String, AuthorityBuilder)>,
}

/// Later than the `iat` of any token.
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

    /// Revokes the tokens of a subject that were issued before `moment`, or have no `iat`.
    pub fn subject_before(&mut self, authority: &str, subject: &str, moment: UnixSeconds) -> &mut Self {
        self.authority(authority).subjects.push((subject.into(), moment));
        self
    }

    /// Revokes one token.
    pub fn token(&mut self, authority: &str, token_id: &str) -> &mut Self {
        self.authority(authority).tokens.push(token_id.into());
        self
    }

    /// Revokes every token of an authority that was issued before `moment`, or has no `iat`.
    pub fn authority_before(&mut self, authority: &str, moment: UnixSeconds) -> &mut Self {
        let of_authority = self.authority(authority);
        of_authority.epoch = of_authority.epoch.max(Some(moment));
        self
    }

    /// Revokes every token of every authority, listed or not, that was issued before `moment`, or has no `iat`.
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

    /// The part of the last authority, or a new part for another one.
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
    /// With the moment before which their tokens are revoked.
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
    /// The end of each name; it begins at the end of the one before. Ascending by name, no name twice.
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
mod tests;
