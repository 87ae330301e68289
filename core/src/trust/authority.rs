//! The authority of a key: a trust domain or an issuer.

use alloc::string::String;

/// The trust domain or issuer that a key belongs to. A key is found by its authority first, never by `kid` alone (CVE-2026-49998).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authority {
    /// A SPIFFE trust domain, by name.
    TrustDomain(String),
    /// A token issuer, by its exact `iss`.
    Issuer(String),
}

impl Authority {
    /// The trust domain's name or the issuer's identifier.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::TrustDomain(name) | Self::Issuer(name) => name,
        }
    }

    /// Whether this is the issuer of this identifier.
    pub(crate) fn is_issuer(&self, identifier: &str) -> bool {
        matches!(self, Self::Issuer(name) if name == identifier)
    }

    /// Whether this is a trust domain.
    #[must_use]
    pub const fn is_trust_domain(&self) -> bool {
        matches!(self, Self::TrustDomain(_))
    }
}

impl core::fmt::Display for Authority {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TrustDomain(name) => write!(f, "trust domain {name}"),
            Self::Issuer(name) => write!(f, "issuer {name}"),
        }
    }
}

/// The place of an authority in the policy document's `trust` list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityIndex(pub(crate) u32);

impl AuthorityIndex {
    /// The place as an index.
    #[must_use]
    #[allow(clippy::as_conversions)] // u32 fits usize on every target that has 32-bit addresses or more
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}
