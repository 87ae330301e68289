//! The kinds of token that a policy can accept.

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::header::Typ;

/// A kind of token, each with its own rules in its own file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TokenKind {
    /// A SPIFFE JWT-SVID: keys by the trust domain of its subject.
    JwtSvid = 1,
    /// An OAuth access token by RFC 9068: keys by its issuer.
    AccessToken = 2,
    /// A plain JWT of a pinned issuer, for servers that type their access tokens `JWT` or not at all.
    Jwt = 3,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::JwtSvid, Self::AccessToken, Self::Jwt];

    /// The word in policies and decisions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::JwtSvid => "jwt-svid",
            Self::AccessToken => "at+jwt",
            Self::Jwt => "jwt",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The algorithms that the kind's specification allows (specs: D4; allow-lists are per kind, not global).
    #[must_use]
    pub const fn algorithms(self) -> AlgorithmSet {
        match self {
            Self::JwtSvid => AlgorithmSet::JWT_SVID,
            Self::AccessToken | Self::Jwt => AlgorithmSet::ALL,
        }
    }

    /// Whether tokens of this kind carry `scope`.
    #[must_use]
    pub const fn has_scope(self) -> bool {
        match self {
            Self::JwtSvid => false,
            Self::AccessToken | Self::Jwt => true,
        }
    }

    /// Whether the keys are those of a trust domain, not of an issuer.
    #[must_use]
    pub const fn is_keyed_by_trust_domain(self) -> bool {
        match self {
            Self::JwtSvid => true,
            Self::AccessToken | Self::Jwt => false,
        }
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenKinds(u8);

impl TokenKinds {
    /// This set with `kind` in it.
    #[must_use]
    pub const fn with(self, kind: TokenKind) -> Self {
        Self(self.0 | Self::bit(kind))
    }

    /// Whether `kind` is in the set.
    #[must_use]
    pub const fn contains(self, kind: TokenKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    const fn bit(kind: TokenKind) -> u8 {
        match kind {
            TokenKind::JwtSvid => 1,
            TokenKind::AccessToken => 2,
            TokenKind::Jwt => 4,
        }
    }

    /// Which of these kinds a token is, by its `typ` and by whether its subject begins as a SPIFFE ID does; `None` if
    /// none of them.
    ///
    /// `typ` decides wherever it can. `JWT` or no `typ` can be a JWT-SVID or a plain JWT: where both are accepted, a
    /// subject that begins with `spiffe:` makes it a JWT-SVID, and the key must then come from that trust domain. So
    /// an ID token whose subject looks like a SPIFFE ID never passes by its issuer's key. Both values are compared as
    /// what they say and not as they are written: by [`Typ`], and by the characters of the subject.
    #[must_use]
    pub fn resolve(self, typ: Typ, subject_is_spiffe: bool) -> Option<TokenKind> {
        // JWT-SVID §2.3: "If set, its value MUST be either JWT or JOSE".
        let svid = self.contains(TokenKind::JwtSvid) && matches!(typ, Typ::Absent | Typ::Jwt | Typ::Jose);
        let plain = self.contains(TokenKind::Jwt) && matches!(typ, Typ::Absent | Typ::Jwt);
        match typ {
            Typ::AtJwt => self.contains(TokenKind::AccessToken).then_some(TokenKind::AccessToken),
            Typ::DpopJwt | Typ::Other => None,
            _ if svid && (subject_is_spiffe || !plain) => Some(TokenKind::JwtSvid),
            _ => plain.then_some(TokenKind::Jwt),
        }
    }
}
