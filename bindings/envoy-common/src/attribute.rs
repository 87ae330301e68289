//! The attributes of a decision that leave the filter: in header fields for the upstream and in dynamic metadata.

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;

use countersign::engine::{Decision, Mode};
pub use countersign::field_value::is_field_value;
use countersign::jose::base64url;
use countersign::record::NamedClaim;
use countersign::specs::common::presentation::Scheme;

/// One attribute, by the word that settings and metadata have for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `accept` or `refuse`.
    Decision,
    /// The word of the refusal, or `accepted`.
    Reason,
    /// The policy that judged.
    Policy,
    /// `enforce` or `shadow`.
    Mode,
    /// `Bearer` or `DPoP`.
    Scheme,
    /// Where the attributes of the token came from.
    Cache,
    /// The kind of the token.
    Kind,
    /// The trust domain or issuer that vouches for it.
    Issuer,
    /// Who it is about.
    Subject,
    /// Whom it was given to.
    ClientId,
    /// What it allows.
    Scope,
    /// Its `jti`.
    TokenId,
    /// `kid` of the key that signed it.
    KeyId,
    /// The chain of actors, as JSON.
    Actor,
    /// `none`, `dpop`, `mtls` or `dpop+mtls`.
    Binding,
    /// The thumbprint of the key that it is bound to.
    BoundKey,
    /// The thumbprint of the certificate that it is bound to.
    BoundCertificate,
    /// The transaction that it is for.
    Txn,
    /// The JSON-RPC method that the body calls, where the policy names tools.
    RpcMethod,
    /// The tool that it calls.
    Tool,
    /// The SHA-256 of the body in base64url, where the policy asks for it.
    BodyDigest,
    /// A claim that the policy hands to hosts: `attributes.`, then its name there.
    Attribute(Box<str>),
}

/// How the word of an attribute begins.
const ATTRIBUTES: &str = "attributes.";

impl Attribute {
    /// All of them that have a word of their own.
    pub const ALL: [Self; 21] = [
        Self::Decision,
        Self::Reason,
        Self::Policy,
        Self::Mode,
        Self::Scheme,
        Self::Cache,
        Self::Kind,
        Self::Issuer,
        Self::Subject,
        Self::ClientId,
        Self::Scope,
        Self::TokenId,
        Self::KeyId,
        Self::Actor,
        Self::Binding,
        Self::BoundKey,
        Self::BoundCertificate,
        Self::Txn,
        Self::RpcMethod,
        Self::Tool,
        Self::BodyDigest,
    ];

    /// What metadata holds if the settings want it but do not say what: what RBAC and access logs ask for.
    pub const COMMON: [Self; 6] =
        [Self::Decision, Self::Reason, Self::Issuer, Self::Subject, Self::Scope, Self::Binding];

    /// Its word.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Decision => "decision",
            Self::Reason => "reason",
            Self::Policy => "policy",
            Self::Mode => "mode",
            Self::Scheme => "scheme",
            Self::Cache => "cache",
            Self::Kind => "kind",
            Self::Issuer => "issuer",
            Self::Subject => "subject",
            Self::ClientId => "client_id",
            Self::Scope => "scope",
            Self::TokenId => "token_id",
            Self::KeyId => "key_id",
            Self::Actor => "actor",
            Self::Binding => "binding",
            Self::BoundKey => "bound_key",
            Self::BoundCertificate => "bound_certificate",
            Self::Txn => "txn",
            Self::RpcMethod => "rpc_method",
            Self::Tool => "tool",
            Self::BodyDigest => "body_digest",
            Self::Attribute(word) => word,
        }
    }

    /// The name that an attribute has in policies; `None` for another attribute.
    #[must_use]
    pub fn policy_attribute(&self) -> Option<&str> {
        match self {
            Self::Attribute(word) => word.strip_prefix(ATTRIBUTES),
            _ => None,
        }
    }

    /// The attribute that a word names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name.len() > ATTRIBUTES.len() && name.starts_with(ATTRIBUTES) {
            return Some(Self::Attribute(name.into()));
        }
        Self::ALL.into_iter().find(|attribute| attribute.name() == name)
    }

    /// The attribute of this decision. What the token says, only an accepted one has.
    #[must_use]
    #[inline(never)]
    pub fn of<'d>(&self, decision: &Decision<'d>, mode: Mode) -> Option<Cow<'d, str>> {
        let verified = decision.verified_token();
        let text = match self {
            Self::Decision => Some(if decision.reason().is_none() { "accept" } else { "refuse" }),
            Self::Reason => Some(decision.reason().map_or("accepted", |reason| reason.code())),
            Self::Policy => decision.policy().map(|policy| policy.name()),
            Self::Mode => Some(mode.name()),
            Self::Scheme => decision.scheme().map(Scheme::name),
            Self::Cache => Some(decision.cache_tier().name()),
            Self::Kind => verified.map(|verified| verified.kind.name()),
            Self::Issuer => decision.issuer().map(|authority| authority.name()),
            Self::Subject => verified.and_then(|verified| verified.subject()),
            Self::ClientId => verified.and_then(|verified| verified.client_id()),
            Self::Scope => verified.and_then(|verified| verified.scope()),
            Self::TokenId => verified.and_then(|verified| verified.token_id()),
            Self::KeyId => decision.key_id(),
            Self::Actor => verified.and_then(|verified| verified.actor_json()),
            Self::Binding => verified.map(|verified| verified.confirmation.binding_name()),
            Self::BoundKey => return verified.and_then(|verified| thumbprint(verified.confirmation.key_thumbprint)),
            Self::BoundCertificate => {
                return verified.and_then(|verified| thumbprint(verified.confirmation.certificate_thumbprint));
            }
            Self::Txn => transaction(decision),
            Self::RpcMethod => decision.rpc_method(),
            Self::Tool => decision.tool(),
            Self::BodyDigest => return thumbprint(decision.body_digest()),
            Self::Attribute(_) => match self.policy_attribute().and_then(|name| decision.attribute(name)) {
                Some(NamedClaim::Text(text) | NamedClaim::Json(text)) => Some(text),
                None => None,
            },
        };
        text.map(Cow::Borrowed)
    }
}

/// That of the first credential that has one: a transaction token mostly comes beside an access token.
fn transaction<'d>(decision: &Decision<'d>) -> Option<&'d str> {
    let mut credentials = decision.policy()?.credentials();
    credentials.find_map(|credential| decision.credential(credential.name())?.transaction())
}

fn thumbprint(bytes: Option<&[u8; 32]>) -> Option<Cow<'static, str>> {
    let text = base64url::encode_array_32(bytes?);
    str::from_utf8(&text).ok().map(|text| Cow::Owned(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_found_by_its_name() {
        for attribute in Attribute::ALL {
            assert_eq!(Attribute::from_name(attribute.name()), Some(attribute.clone()));
            assert_eq!(attribute.policy_attribute(), None);
        }
        let tenant = Attribute::from_name("attributes.tenant");
        assert_eq!(tenant.as_ref().and_then(Attribute::policy_attribute), Some("tenant"));
        assert_eq!(tenant.as_ref().map(Attribute::name), Some("attributes.tenant"));
        assert_eq!(Attribute::from_name("attributes."), None);
        assert_eq!(Attribute::from_name("subjects"), None);
    }
}
