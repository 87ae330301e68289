//! The attributes of a decision that hosts write to header fields, logs and variables: one row of `attributes!` each.
//!
//! A host has every attribute by the word of its row. The C enum, the variables of nginx, `docs/attributes.md` and the words of
//! TypeScript are generated from the rows.

use core::fmt::{self, Display, Formatter};

use crate::engine::decision::Decision;
use crate::jose::base64url;
use crate::policy::Mode;
use crate::record::VerifiedToken;
use crate::specs::common::presentation::AuthScheme;

/// The value of an attribute. [`Display`] writes it as hosts do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeValue<'d> {
    /// A text.
    Text(&'d str),
    /// A SHA-256 digest; its text is base64url.
    Digest(&'d [u8; 32]),
    /// A whole number.
    Number(u64),
}

impl Display for AttributeValue<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Digest(digest) => {
                f.write_str(core::str::from_utf8(&base64url::encode_array_32(digest)).unwrap_or_default())
            }
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// One row an attribute: `Name "word" number in C or none, "meaning";`. Numbers are append-only.
macro_rules! attributes {
    ($($attribute:ident $word:literal $number:expr, $meaning:literal;)+) => {
        /// An attribute of a decision.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Attribute {
            $(#[doc = $meaning] $attribute,)+
        }

        impl Attribute {
            /// Every attribute, in the order of the table.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$attribute),+];

            /// The word in settings, variables and metadata.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$attribute => $word,)+
                }
            }

            /// The number among the texts of a decision in C; `None` for one that C reads by a function of its own.
            #[must_use]
            pub const fn number(self) -> Option<u8> {
                match self {
                    $(Self::$attribute => $number,)+
                }
            }

            /// Its meaning, in one sentence or two.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$attribute => $meaning,)+
                }
            }
        }
    };
}

attributes! {
    Decision "decision" None, "`accept` or `refuse`, in shadow mode too.";
    Reason "reason" None, "The word of the refusal, or `accepted`.";
    Status "status" None, "The HTTP status to answer with; 200 where the request is accepted.";
    Policy "policy" Some(1), "The policy's name.";
    Mode "mode" Some(2), "`enforce` or `shadow`.";
    Scheme "scheme" Some(3), "`Bearer` or `DPoP`: the scheme that the token came under.";
    Cache "cache" Some(4), "`none`, `hit` or `miss`: where the token's attributes came from.";
    Kind "kind" Some(5), "The word of its kind in policies, such as `at+jwt`. From here on to `requesting_workload`, there is a value only if the request was accepted.";
    Issuer "issuer" Some(6), "The trust domain or issuer whose key verified the token.";
    Subject "subject" Some(7), "`sub`";
    ClientId "client_id" Some(8), "`client_id`";
    Scope "scope" Some(9), "`scope`, as in the token.";
    TokenId "token_id" Some(10), "`jti`";
    KeyId "key_id" Some(11), "`kid` of the key that signed the token.";
    Actor "actor" Some(12), "`act`, as the JSON object in the token.";
    Binding "binding" Some(13), "What the token is bound to and was proven: `none`, `dpop`, `mtls` or `dpop+mtls`.";
    BoundKey "bound_key" Some(14), "`cnf` `jkt`: the thumbprint of the key that the token is bound to, base64url.";
    BoundCertificate "bound_certificate" Some(15), "`cnf` `x5t#S256`: the thumbprint of the certificate that the token is bound to, base64url.";
    KeyThumbprint "key_thumbprint" Some(16), "The thumbprint of the key that signed the token, base64url.";
    ExpiresAt "expires_at" None, "`exp`, in seconds since 1970.";
    Transaction "txn" Some(17), "`txn`: the transaction that the token is for.";
    RequestingWorkload "requesting_workload" Some(18), "`req_wl`: the workload that requested a transaction token.";
    RpcMethod "rpc_method" Some(19), "The JSON-RPC method that the body calls, where the policy has `tools`; for a refused tool too.";
    Tool "tool" Some(20), "The tool that the body calls, where the policy has `tools`; for a refused tool too.";
    BodyDigest "body_digest" None, "The SHA-256 of the body, base64url, where the policy has `body_digest`.";
}

impl Attribute {
    /// The attribute of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attribute| attribute.word() == word)
    }

    /// Its value in `decision`. Attributes of the token are those of the first credential, and absent from a refused request;
    /// `txn` and `requesting_workload` are those of the first credential that has one, as a transaction token mostly comes beside an
    /// access token.
    #[must_use]
    pub fn of<'d>(self, decision: &Decision<'d>) -> Option<AttributeValue<'d>> {
        use AttributeValue::{Digest, Number, Text};
        match self {
            Self::Decision => Some(Text(if decision.reason().is_none() { "accept" } else { "refuse" })),
            Self::Reason => Some(Text(decision.reason().map_or("accepted", |reason| reason.code()))),
            Self::Status => Some(Number(decision.status().into())),
            Self::Policy => decision.policy().map(|policy| Text(policy.name())),
            Self::Mode => decision.policy().map(|policy| Text(Mode::name(policy.mode()))),
            Self::Scheme => decision.scheme().map(|scheme| Text(AuthScheme::name(scheme))),
            Self::Cache => Some(Text(decision.cache_tier().name())),
            Self::Issuer => decision.issuer().map(|authority| Text(authority.name())),
            Self::KeyId => decision.key_id().map(Text),
            Self::KeyThumbprint => decision.key_thumbprint().map(Digest),
            Self::Transaction => of_any_credential(decision, VerifiedToken::transaction),
            Self::RequestingWorkload => of_any_credential(decision, VerifiedToken::requesting_workload),
            Self::RpcMethod => decision.rpc_method().map(Text),
            Self::Tool => decision.tool().map(Text),
            Self::BodyDigest => decision.body_digest().map(Digest),
            Self::Kind
            | Self::Subject
            | Self::ClientId
            | Self::Scope
            | Self::TokenId
            | Self::Actor
            | Self::Binding
            | Self::BoundKey
            | Self::BoundCertificate
            | Self::ExpiresAt => self.of_token(&decision.verified_token()?),
        }
    }

    /// Its value in the attributes of one credential.
    fn of_token<'d>(self, verified: &VerifiedToken<'d>) -> Option<AttributeValue<'d>> {
        use AttributeValue::{Digest, Number, Text};
        match self {
            Self::Kind => Some(Text(verified.kind.name())),
            Self::Subject => verified.subject().map(Text),
            Self::ClientId => verified.client_id().map(Text),
            Self::Scope => verified.scope().map(Text),
            Self::TokenId => verified.token_id().map(Text),
            Self::Actor => verified.actor_json().map(Text),
            Self::Binding => Some(Text(verified.confirmation.binding_name())),
            Self::BoundKey => verified.confirmation.key_thumbprint.map(Digest),
            Self::BoundCertificate => verified.confirmation.certificate_thumbprint.map(Digest),
            Self::ExpiresAt => Some(Number(verified.expires_at.as_u64())),
            _ => None,
        }
    }
}

fn of_any_credential<'d>(
    decision: &Decision<'d>,
    text: for<'f> fn(&'f VerifiedToken<'d>) -> Option<&'d str>,
) -> Option<AttributeValue<'d>> {
    let mut credentials = decision.policy()?.credentials();
    credentials.find_map(|credential| text(&decision.credential(credential.name())?)).map(AttributeValue::Text)
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn rows_have_words_and_numbers_of_their_own() {
        for attribute in Attribute::ALL {
            assert_eq!(Attribute::from_word(attribute.word()), Some(attribute));
            assert!(!attribute.meaning().is_empty());
        }
        assert_eq!(Attribute::from_word("subjects"), None);
        let numbers: alloc::vec::Vec<u8> = Attribute::ALL.into_iter().filter_map(Attribute::number).collect();
        let own: BTreeSet<u8> = numbers.iter().copied().collect();
        // The C library hands out texts by a bit for each number.
        assert!(own.len() == numbers.len() && own.iter().all(|number| (1..32).contains(number)), "{numbers:?}");
    }
}
