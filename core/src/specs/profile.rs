//! The kinds of token that a policy can accept: one row of `profiles!` each, which names the file of its specification.

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::header::Typ;
use crate::specs::row::{Keys, Place, Profile};
use crate::specs::{access_token, introspection, jwt, jwt_svid, txn_token};

/// One row a kind: `Name = number, feature, row of its specification, "meaning";`. Numbers are append-only.
macro_rules! profiles {
    ($($kind:ident = $number:literal, $feature:literal, $profile:expr, $meaning:literal;)+) => {
        /// A kind of token, each with its own rules in its own file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum TokenKind {
            $(#[doc = $meaning] $kind = $number,)+
        }

        /// The rows, in the order of [`TokenKind::ALL`].
        static PROFILES: [Profile; TokenKind::COUNT] = [$($profile),+];

        impl TokenKind {
            /// Every kind.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$kind),+];
            /// How many kinds there are.
            pub(crate) const COUNT: usize = [$($number),+].len();

            /// The number of the kind, in records and in C.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self {
                    $(Self::$kind => $number,)+
                }
            }

            /// The kind of this number.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$kind),)+
                    _ => None,
                }
            }

            /// The cargo feature that the kind needs.
            #[must_use]
            pub const fn feature(self) -> &'static str {
                match self {
                    $(Self::$kind => $feature,)+
                }
            }

            /// Whether this build can verify the kind: a policy that names another is faulty.
            #[must_use]
            pub const fn is_built(self) -> bool {
                match self {
                    $(Self::$kind => cfg!(feature = $feature),)+
                }
            }
        }
    };
}

profiles! {
    JwtSvid = 1, "jwt-svid", jwt_svid::PROFILE, "A SPIFFE JWT-SVID: keys by the trust domain of its subject.";
    AccessToken = 2, "access-token", access_token::PROFILE, "An OAuth access token by RFC 9068: keys by its issuer.";
    Jwt = 3, "jwt", jwt::PROFILE, "A plain JWT of a pinned issuer, for servers that type their access tokens `JWT` or not at all.";
    TxnToken = 4, "txn-token", txn_token::PROFILE, "A transaction token, which describes a call chain: keys by its issuer.";
    Introspected = 5, "introspection", introspection::PROFILE, "A token that only its issuer can read: the issuer answers what it says.";
}

impl TokenKind {
    #[inline]
    pub(crate) fn profile(self) -> &'static Profile {
        // Numbers are those of the rows: a test holds it.
        &PROFILES[usize::from(self.number() - 1) % Self::COUNT]
    }

    /// The word in policies and decisions.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.profile().name
    }

    /// What to call a token of this kind.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.profile().title
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The algorithms that the kind's specification allows.
    #[must_use]
    pub fn algorithms(self) -> AlgorithmSet {
        self.profile().algorithms
    }

    /// The claims without which a token of this kind is refused, by name.
    pub fn required_claims(self) -> impl Iterator<Item = &'static str> {
        self.profile().required.names()
    }

    /// The claims of these that an entry of a policy may let tokens of the kind go without (`absent`, and `audience_from` for `aud`), by name.
    pub fn may_lack(self) -> impl Iterator<Item = &'static str> {
        self.profile().may_lack.names()
    }

    /// Whether the kind's specification has `scope` as one string: an array then passes only where an entry names `/scope` in `scope_from`.
    #[must_use]
    pub fn has_scope_as_text(self) -> bool {
        self.profile().scope_is_text
    }

    /// Whether tokens of this kind carry `scope`.
    #[must_use]
    pub fn has_scope(self) -> bool {
        self.profile().kept.contains(crate::specs::claims::Claim::Scope)
    }

    /// Whether the keys are those of a trust domain, not of an issuer.
    #[must_use]
    pub fn is_keyed_by_trust_domain(self) -> bool {
        self.profile().keys == Keys::SubjectTrustDomain
    }

    /// Whether a request carries the kind in `Authorization`.
    #[must_use]
    pub fn comes_in_authorization(self) -> bool {
        self.profile().place == Place::Anywhere
    }

    /// The prefix of the ids of its rules.
    #[must_use]
    pub fn rules(self) -> &'static str {
        self.profile().rules
    }
}

/// A set of kinds, with the kind that each `typ` names in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenKinds {
    set: u16,
    /// By `typ`, and by whether the subject is a SPIFFE ID.
    by_type: [[Option<TokenKind>; 2]; Typ::COUNT],
}

impl Default for TokenKinds {
    fn default() -> Self {
        Self { set: 0, by_type: [[None; 2]; Typ::COUNT] }
    }
}

impl TokenKinds {
    /// This set with `kind` in it.
    #[must_use]
    pub fn with(mut self, kind: TokenKind) -> Self {
        self.set |= Self::bit(kind);
        for (typ, named) in Typ::ALL.into_iter().zip(&mut self.by_type) {
            let accepted = || {
                let all = TokenKind::ALL.into_iter().filter(|kind| self.set & Self::bit(*kind) != 0);
                all.filter(|kind| kind.profile().types.contains(&typ))
            };
            // Where both sorts are accepted, the subject decides: a SPIFFE ID is signed for by its trust domain only.
            let of_sort = |by_domain: bool| accepted().find(|kind| kind.is_keyed_by_trust_domain() == by_domain);
            *named = [of_sort(false).or_else(|| of_sort(true)), of_sort(true).or_else(|| of_sort(false))];
        }
        self
    }

    /// Whether `kind` is in the set.
    #[must_use]
    pub const fn contains(self, kind: TokenKind) -> bool {
        self.set & Self::bit(kind) != 0
    }

    const fn bit(kind: TokenKind) -> u16 {
        1 << kind.number()
    }

    /// Which of these kinds a token is, by its `typ` and by whether its subject begins as a SPIFFE ID does; `None` if
    /// none of them.
    ///
    /// `typ` decides wherever it can. `JWT` or no `typ` can be a JWT-SVID or a plain JWT: where both are accepted, a
    /// subject that begins with `spiffe:` makes it a JWT-SVID, and the key must then come from that trust domain. So
    /// an ID token whose subject looks like a SPIFFE ID never passes by its issuer's key. Both values are compared as
    /// their values and not as they are written: by [`Typ`], and by the characters of the subject.
    #[must_use]
    #[inline]
    pub fn resolve(&self, typ: Typ, subject_is_spiffe: bool) -> Option<TokenKind> {
        let [plain, svid] = *self.by_type.get(typ.index())?;
        if subject_is_spiffe { svid } else { plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_numbers_words_and_types_of_their_own() {
        for (place, kind) in TokenKind::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(kind.number()), place + 1, "numbers have no gaps: {kind:?}");
            assert_eq!(TokenKind::from_number(kind.number()), Some(kind));
            assert_eq!(TokenKind::from_name(kind.name()), Some(kind));
            let by_answer = kind.profile().keys == Keys::Answer;
            assert_eq!(kind.profile().types.is_empty(), by_answer, "{kind:?}: an answer has no type");
            assert!(!kind.algorithms().is_empty() && !kind.rules().is_empty());
            let profile = kind.profile();
            assert!(
                by_answer || profile.required.contains(crate::specs::claims::Claim::ExpiresAt),
                "{kind:?} would never expire"
            );
            assert!(
                profile.required.contains(crate::specs::claims::Claim::Audience),
                "{kind:?} would be for any audience"
            );
            assert!(profile.may_lack.is_within(profile.required), "{kind:?}");
            for claim in ["iss", "exp"] {
                assert!(kind.may_lack().all(|name| name != claim), "{kind:?} without {claim}");
            }
        }
        assert_eq!(TokenKind::from_number(0), None, "zeroed memory is no kind");
    }

    #[test]
    fn two_kinds_share_a_type_only_where_the_subject_tells_them_apart() {
        for typ in Typ::ALL {
            let takes = |kind: &TokenKind| kind.profile().types.contains(&typ);
            let by_domain = TokenKind::ALL.into_iter().filter(takes).filter(|kind| kind.is_keyed_by_trust_domain());
            let by_issuer = TokenKind::ALL.into_iter().filter(takes).filter(|kind| !kind.is_keyed_by_trust_domain());
            assert!(by_domain.count() <= 1 && by_issuer.count() <= 1, "{typ:?}");
        }
        assert!(TokenKind::ALL.into_iter().all(|kind| !kind.profile().types.contains(&Typ::Other)));
        assert!(TokenKind::ALL.into_iter().all(|kind| !kind.profile().types.contains(&Typ::DpopJwt)));
    }

    /// The slow twin of [`TokenKinds::resolve`]: every set of kinds, every type, both sorts of subject.
    #[test]
    fn a_type_resolves_to_the_accepted_kind_that_takes_it() {
        for set in 0u16..1 << TokenKind::COUNT {
            let chosen = |kind: &TokenKind| set & 1 << (kind.number() - 1) != 0;
            let kinds =
                TokenKind::ALL.into_iter().filter(chosen).fold(TokenKinds::default(), |kinds, kind| kinds.with(kind));
            for typ in Typ::ALL {
                for spiffe in [false, true] {
                    let takes: alloc::vec::Vec<_> = TokenKind::ALL
                        .into_iter()
                        .filter(chosen)
                        .filter(|kind| kind.profile().types.contains(&typ))
                        .collect();
                    let preferred = takes.iter().find(|kind| kind.is_keyed_by_trust_domain() == spiffe);
                    assert_eq!(kinds.resolve(typ, spiffe), preferred.or(takes.first()).copied());
                }
            }
        }
    }
}
