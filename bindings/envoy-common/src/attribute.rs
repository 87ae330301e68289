//! The attributes of a decision that leave the filter: in header fields for the upstream and in dynamic metadata.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::ToString;

pub use countersign::internal::field_value::is_field_value;
use countersign::{Attribute, AttributeValue, Decision, Mode};

/// One attribute, by the word that settings and metadata have for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeName {
    /// One that every decision can have, see [`Attribute`].
    Known(Attribute),
    /// A claim that the policy hands to hosts: `attributes.`, then its name there.
    Claim(Box<str>),
}

/// How the word of a claim begins.
const CLAIMS: &str = "attributes.";

impl AttributeName {
    /// What metadata holds if the settings want it but do not say what: what RBAC and access logs ask for.
    pub const COMMON: [Self; 6] = [
        Self::Known(Attribute::Decision),
        Self::Known(Attribute::Reason),
        Self::Known(Attribute::Issuer),
        Self::Known(Attribute::Subject),
        Self::Known(Attribute::Scope),
        Self::Known(Attribute::Binding),
    ];

    /// Its word.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Known(attribute) => attribute.word(),
            Self::Claim(word) => word,
        }
    }

    /// The name that a claim has in policies; `None` for another attribute.
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Claim(word) => word.strip_prefix(CLAIMS),
            Self::Known(_) => None,
        }
    }

    /// The attribute that a word names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name.len() > CLAIMS.len() && name.starts_with(CLAIMS) {
            return Some(Self::Claim(name.into()));
        }
        Attribute::from_word(name).map(Self::Known)
    }

    /// The attribute of this decision. What the token says, only an accepted one has.
    #[must_use]
    #[inline(never)]
    pub fn of<'d>(&self, decision: &Decision<'d>, mode: Mode) -> Option<Cow<'d, str>> {
        match self {
            // The settings can have a policy in shadow mode that the document enforces.
            Self::Known(Attribute::Mode) => Some(Cow::Borrowed(mode.name())),
            Self::Known(attribute) => attribute.of(decision).map(|value| match value {
                AttributeValue::Text(text) => Cow::Borrowed(text),
                other => Cow::Owned(other.to_string()),
            }),
            Self::Claim(_) => decision.attribute(self.claim()?).map(|claim| Cow::Borrowed(claim.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_found_by_its_name() {
        for attribute in Attribute::ALL {
            let attribute = AttributeName::Known(attribute);
            assert_eq!(AttributeName::from_name(attribute.name()), Some(attribute.clone()));
            assert_eq!(attribute.claim(), None);
        }
        let tenant = AttributeName::from_name("attributes.tenant");
        assert_eq!(tenant.as_ref().and_then(AttributeName::claim), Some("tenant"));
        assert_eq!(tenant.as_ref().map(AttributeName::name), Some("attributes.tenant"));
        assert_eq!(AttributeName::from_name("attributes."), None);
        assert_eq!(AttributeName::from_name("subjects"), None);
    }
}
