//! What a decision leaves with an accepted request.

use std::fmt::{self, Debug, Formatter, Write as _};
use std::sync::Arc;

use countersign::NamedClaim;
use countersign::{Attribute, Decision};

/// Who sent a request that the policy accepted: an extension of the request, made by the decision alone.
///
/// A request without it was not accepted: it passed because the policy is in shadow mode, or did not come through the layer. A clone is a pointer.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    /// The values of all attributes, one after the other.
    text: String,
    /// Where each one is in `text`, in the order of [`Attribute::ALL`].
    places: [Option<(usize, usize)>; Attribute::ALL.len()],
    expires_at_seconds: u64,
    claims: Box<[Claim]>,
    credentials: Box<[CredentialIdentity]>,
}

/// A claim that the policy hands to hosts.
struct Claim {
    name: Box<str>,
    value: Box<str>,
    is_json: bool,
}

/// What one credential of an accepted request says: where the policy takes several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialIdentity {
    /// Its name in the policy.
    pub name: Box<str>,
    /// The word of its kind in policies, such as `at+jwt`.
    pub kind: &'static str,
    /// The trust domain or issuer whose key verified it.
    pub issuer: Option<Box<str>>,
    /// `sub`
    pub subject: Option<Box<str>>,
    /// `scope`
    pub scope: Option<Box<str>>,
    /// `txn`
    pub transaction: Option<Box<str>>,
}

impl Identity {
    /// `None` for a decision that refuses.
    pub(crate) fn of(decision: &Decision<'_>) -> Option<Self> {
        let verified = decision.verified_token()?;
        let policy = decision.policy()?;
        let (mut text, mut places) = (String::with_capacity(512), [None; Attribute::ALL.len()]);
        for (attribute, place) in Attribute::ALL.into_iter().zip(&mut places) {
            if let Some(value) = attribute.of(decision) {
                let start = text.len();
                // A String takes all that is written.
                let _always = write!(text, "{value}");
                *place = Some((start, text.len()));
            }
        }
        let claim = |name: &str| {
            let claim = decision.attribute(name)?;
            Some(Claim {
                name: name.into(),
                value: claim.as_str().into(),
                is_json: matches!(claim, NamedClaim::Json(_)),
            })
        };
        let credential = |name: &str| {
            let verified = decision.credential(name)?;
            Some(CredentialIdentity {
                name: name.into(),
                kind: verified.kind.name(),
                issuer: decision.issuer_of(&verified).map(|authority| authority.name().into()),
                subject: verified.subject().map(Into::into),
                scope: verified.scope().map(Into::into),
                transaction: verified.transaction().map(Into::into),
            })
        };
        Some(Self(Arc::new(Inner {
            text,
            places,
            expires_at_seconds: verified.expires_at.as_u64(),
            claims: policy.attributes().filter_map(claim).collect(),
            credentials: policy.credentials().filter_map(|known| credential(known.name())).collect(),
        })))
    }

    /// An attribute of the decision, as other hosts write it; `docs/attributes.md` has them all.
    #[must_use]
    pub fn attribute(&self, attribute: Attribute) -> Option<&str> {
        let place = Attribute::ALL.iter().position(|known| *known == attribute)?;
        let (start, end) = (*self.0.places.get(place)?)?;
        self.0.text.get(start..end)
    }

    /// The subject of the token: the SPIFFE ID of a JWT-SVID.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.attribute(Attribute::Subject)
    }

    /// The trust domain or issuer whose key verified the token.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.attribute(Attribute::Issuer)
    }

    /// `scope`, words with a space between them. That the token has the scope that the policy demands was checked.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.attribute(Attribute::Scope)
    }

    /// `client_id`
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.attribute(Attribute::ClientId)
    }

    /// `exp`, in seconds since 1970: when a long response or stream should end.
    #[must_use]
    pub fn expires_at_seconds(&self) -> u64 {
        self.0.expires_at_seconds
    }

    /// The claim that the policy has under `name` in `attributes`: the text of a string, the JSON of any other value.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<NamedClaim<'_>> {
        let claim = self.0.claims.iter().find(|claim| *claim.name == *name)?;
        let value = claim.value.as_bytes();
        Some(if claim.is_json { NamedClaim::Json(value) } else { NamedClaim::Text(value) })
    }

    /// Each credential of the request, in the order of the policy. There is one, unless the policy takes several.
    #[must_use]
    pub fn credentials(&self) -> &[CredentialIdentity] {
        &self.0.credentials
    }
}

impl Debug for Identity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let shown = |attribute| self.attribute(attribute).unwrap_or_default();
        f.debug_struct("Identity")
            .field("policy", &shown(Attribute::Policy))
            .field("issuer", &shown(Attribute::Issuer))
            .field("subject", &shown(Attribute::Subject))
            .finish_non_exhaustive()
    }
}
