//! The forms in which the keys of trust domains and issuers are handed out. The policy says which one a document has; it is never guessed.

use core::fmt;

use crate::document::DocumentKind;
use crate::jose::json::{JsonObject, Value};
use crate::spiffe_id::TrustDomain;

/// The form of a trust document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrustForm {
    /// One trust domain's keys with their `use` (Trust Domain and Bundle §4): what a bundle endpoint serves.
    SpiffeBundle,
    /// A JWK set (RFC 7517 §5): an issuer's, or the JWT authorities of a trust domain as the Workload API hands them out.
    JwkSet,
    /// SPIFFE bundles by trust domain (Trust Domain and Bundle §5).
    BundleMap,
    /// JWK sets in base64 by trust domain: the `jwt_bundle_file_name` of spiffe-helper.
    HelperMap,
}

impl TrustForm {
    /// The form of the document of one trust domain in a map of this form; the form itself, if it is no map.
    #[must_use]
    pub const fn of_one(self) -> Self {
        match self {
            Self::SpiffeBundle | Self::BundleMap => Self::SpiffeBundle,
            Self::JwkSet | Self::HelperMap => Self::JwkSet,
        }
    }

    /// The member of a trust entry for a document of this form inside the policy document.
    #[must_use]
    pub const fn inline_member(self) -> &'static str {
        match self {
            Self::SpiffeBundle => "bundle",
            Self::JwkSet => "jwks",
            Self::BundleMap | Self::HelperMap => "bundle_map",
        }
    }

    /// How a trust entry says that its document has this form.
    #[must_use]
    pub const fn setting(self) -> &'static str {
        match self {
            Self::SpiffeBundle => "bundle, bundle_file or bundle_uri",
            Self::JwkSet => "jwks, jwks_file or jwks_uri",
            Self::BundleMap => "bundle_map or bundle_map_file with format spiffe",
            Self::HelperMap => "bundle_map or bundle_map_file with format spiffe-helper",
        }
    }

    /// The kind of document, with its limits.
    #[must_use]
    #[doc(hidden)]
    pub const fn document_kind(self) -> DocumentKind {
        match self {
            Self::SpiffeBundle => DocumentKind::Bundle,
            Self::JwkSet => DocumentKind::JwkSet,
            Self::BundleMap => DocumentKind::BundleMap,
            Self::HelperMap => DocumentKind::HelperMap,
        }
    }

    /// The form that a document looks like, for advice only; `None` where it has the marks of none.
    #[must_use]
    pub fn resembled_by_document(document: &[u8]) -> Option<Self> {
        DocumentKind::Bundle.parse(document).ok()?.as_object().and_then(Self::resembled_by)
    }

    /// The form that an object looks like.
    pub(super) fn resembled_by(root: JsonObject<'_>) -> Option<Self> {
        let Some(entries) = root.member("keys").and_then(Value::as_array) else {
            if root.member("trust_domains").and_then(Value::as_object).is_some() {
                return Some(Self::BundleMap);
            }
            let of_domain = |name: &str, value: Value<'_>| {
                TrustDomain::parse(name).is_ok() && value.as_string().is_some_and(|text| !text.is_empty())
            };
            let mut members = root.members().map(|(name, value)| of_domain(&name.to_owned_string(), value)).peekable();
            return (members.peek().is_some() && members.all(|is_one| is_one)).then_some(Self::HelperMap);
        };
        let is_for_svids = |entry: Value<'_>| {
            let usage = entry.as_object().and_then(|key| key.member("use")).and_then(Value::as_string);
            usage.is_some_and(|word| ["jwt-svid", "x509-svid", "wit-svid"].into_iter().any(|known| word.is(known)))
        };
        let has_bundle_member =
            ["spiffe_sequence", "spiffe_refresh_hint"].into_iter().any(|name| root.member(name).is_some());
        if has_bundle_member || entries.elements().any(is_for_svids) {
            return Some(Self::SpiffeBundle);
        }
        entries.elements().next().map(|_| Self::JwkSet)
    }
}

impl fmt::Display for TrustForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SpiffeBundle => "a SPIFFE bundle",
            Self::JwkSet => "a JWK set",
            Self::BundleMap => "a SPIFFE bundle map",
            Self::HelperMap => "a bundle map of spiffe-helper",
        })
    }
}
