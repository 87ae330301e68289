//! The record of one decision: subject, key, binding and reason. No byte of a token or proof as sent.

use alloc::boxed::Box;
use core::fmt::{self, Display, Formatter};

use crate::engine::decision::Decision;
use crate::engine::outcome::CacheTier;
use crate::jose::base64url;
use crate::limits;
use crate::policy::Mode;
use crate::printable::{write_json, write_json_string};
use crate::reason::Reason;
use crate::record::{self, NamedClaim};
use crate::specs::common::actor;
use crate::specs::common::presentation::AuthScheme;
use crate::specs::profile::TokenKind;
use crate::time::UnixSeconds;

/// The audit record of a decision. [`Display`] writes it as one line of JSON.
///
/// Attributes of a token are here once its signature was verified, even if a later check refused it: an audit must know who
/// was refused. Texts are those of the token, as JSON strings in which unprintable characters are escaped; thumbprints are base64url; `proof_id` is a hash.
#[derive(Clone, Copy, Debug)]
pub struct AuditRecord<'a> {
    /// Why the request was refused; `None` if it was accepted.
    pub reason: Option<Reason>,
    /// The policy's name.
    pub policy: &'a str,
    /// Whether the policy is enforced.
    pub mode: Mode,
    /// Whether it was accepted without the credential that says who the client is.
    pub anonymous: bool,
    /// The scheme that the token came under.
    pub scheme: Option<AuthScheme>,
    /// Where the token's attributes came from.
    pub cache: CacheTier,
    /// The kind of token.
    pub kind: Option<TokenKind>,
    /// The trust domain or issuer whose key verified the token.
    pub issuer: Option<&'a str>,
    /// `sub`
    pub subject: Option<&'a str>,
    /// `client_id`
    pub client_id: Option<&'a str>,
    /// `jti`, by which an operator revokes this one token.
    pub token_id: Option<&'a str>,
    /// `kid` of the key.
    pub key_id: Option<&'a str>,
    /// The key's RFC 7638 thumbprint.
    pub key_thumbprint: Option<[u8; 32]>,
    /// `exp`
    pub expires_at: Option<UnixSeconds>,
    /// `cnf` `jkt`
    pub bound_to_key: Option<[u8; 32]>,
    /// `cnf` `x5t#S256`
    pub bound_to_certificate: Option<[u8; 32]>,
    /// A hash that names the proof, if one was verified.
    pub proof_id: Option<[u8; 32]>,
    /// Whether the proof was not used up, because the policy only observes.
    pub proof_observed: bool,
    /// `txn` of the first credential that has one: it joins the records of one transaction.
    pub transaction: Option<&'a str>,
    /// The tool that the body calls, where the policy names tools.
    pub tool: Option<&'a str>,
    /// `act`, as the JSON object in the token.
    actor: Option<&'a str>,
    /// The claims that the policy hands to hosts, with the slot of each, and the record that has them.
    attributes: &'a [(Box<str>, u8)],
    record: &'a [u8],
}

impl Decision<'_> {
    /// The record of this decision for logs.
    #[must_use]
    pub fn audit(&self) -> AuditRecord<'_> {
        AuditRecord::new(self)
    }
}

impl<'a> AuditRecord<'a> {
    pub(crate) fn new(decision: &'a Decision<'_>) -> Self {
        let outcome = decision.outcome();
        let policy = decision.policy();
        let verified = decision.any_verified_token();
        let key = verified.and_then(|verified| decision.key(&verified));
        Self {
            reason: outcome.reason,
            policy: policy.map_or("", |policy| policy.name()),
            mode: policy.map_or(Mode::Enforce, |policy| policy.mode()),
            anonymous: decision.is_anonymous(),
            scheme: outcome.scheme,
            cache: outcome.tier,
            kind: verified.map(|verified| verified.kind),
            issuer: verified
                .and_then(|verified| decision.authority(verified.authority))
                .map(|authority| authority.name()),
            subject: verified.and_then(|verified| verified.subject()),
            client_id: verified.and_then(|verified| verified.client_id()),
            token_id: verified.and_then(|verified| verified.token_id()),
            key_id: key.and_then(|key| key.key_id()),
            key_thumbprint: key.map(|key| *key.thumbprint()),
            expires_at: verified.map(|verified| verified.expires_at),
            bound_to_key: verified.and_then(|verified| verified.confirmation.key_thumbprint.copied()),
            bound_to_certificate: verified.and_then(|verified| verified.confirmation.certificate_thumbprint.copied()),
            proof_id: outcome.proof.map(|proof| proof.replay_key),
            proof_observed: decision.observes_proof(),
            transaction: (0..limits::CREDENTIALS)
                .find_map(|place| decision.verified_credential(place).and_then(|verified| verified.transaction())),
            tool: decision.tool(),
            actor: verified.and_then(|verified| verified.actor_json()),
            attributes: policy.map_or(&[], |policy| &policy.attributes),
            record: decision.record().unwrap_or_default(),
        }
    }

    /// The named attributes of the policy that the token has.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, NamedClaim<'a>)> {
        let record = self.record;
        self.attributes.iter().filter_map(move |(name, slot)| Some((&**name, record::named(record, *slot)?)))
    }

    /// The actors that act for the subject, from the current one to the first (RFC 8693 §4.1).
    pub fn actors(&self) -> impl Iterator<Item = actor::Actor<'a>> {
        self.actor.into_iter().flat_map(actor::chain_in)
    }
}

impl Display for AuditRecord<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{\"decision\":")?;
        f.write_str(if self.reason.is_none() { "\"accept\"" } else { "\"refuse\"" })?;
        if let Some(reason) = self.reason {
            write!(f, ",\"reason\":\"{reason}\",\"number\":{}", reason.number())?;
        }
        text(f, "policy", Some(self.policy))?;
        if self.mode == Mode::Shadow {
            f.write_str(",\"mode\":\"shadow\"")?;
        }
        if self.anonymous {
            f.write_str(",\"anonymous\":true")?;
        }
        text(f, "scheme", self.scheme.map(AuthScheme::name))?;
        write!(f, ",\"cache\":\"{}\"", self.cache.name())?;
        text(f, "kind", self.kind.map(TokenKind::name))?;
        text(f, "issuer", self.issuer)?;
        text(f, "subject", self.subject)?;
        text(f, "client_id", self.client_id)?;
        text(f, "token_id", self.token_id)?;
        text(f, "key_id", self.key_id)?;
        thumbprint(f, "key_thumbprint", self.key_thumbprint.as_ref())?;
        if let Some(expires_at) = self.expires_at {
            write!(f, ",\"expires_at\":{expires_at}")?;
        }
        thumbprint(f, "bound_to_key", self.bound_to_key.as_ref())?;
        thumbprint(f, "bound_to_certificate", self.bound_to_certificate.as_ref())?;
        thumbprint(f, "proof_id", self.proof_id.as_ref())?;
        if self.proof_observed {
            f.write_str(",\"proof_use\":\"observed\"")?;
        }
        text(f, "txn", self.transaction)?;
        text(f, "tool", self.tool)?;
        if self.actor.is_some() {
            f.write_str(",\"actors\":[")?;
            for (place, actor) in self.actors().enumerate() {
                f.write_str(if place == 0 { "{" } else { ",{" })?;
                let mut separator = "";
                for (name, value) in [("sub", actor.subject), ("iss", actor.issuer)] {
                    if let Some(value) = value {
                        write!(f, "{separator}\"{name}\":")?;
                        write_json_string(f, value.chars())?;
                        separator = ",";
                    }
                }
                f.write_str("}")?;
            }
            f.write_str("]")?;
        }
        let mut before = ",\"attributes\":{";
        for (name, claim) in self.attributes() {
            write!(f, "{before}\"{name}\":")?;
            match claim {
                NamedClaim::Text(_) => write_json_string(f, claim.as_str().chars())?,
                NamedClaim::Json(_) => write_json(f, claim.as_str())?,
            }
            before = ",";
        }
        f.write_str(if before == "," { "}}" } else { "}" })
    }
}

fn text(f: &mut Formatter<'_>, name: &str, value: Option<&str>) -> fmt::Result {
    let Some(value) = value else { return Ok(()) };
    write!(f, ",\"{name}\":")?;
    write_json_string(f, value.chars())
}

fn thumbprint(f: &mut Formatter<'_>, name: &str, value: Option<&[u8; 32]>) -> fmt::Result {
    let Some(value) = value else { return Ok(()) };
    let text = base64url::encode_array_32(value);
    write!(f, ",\"{name}\":\"{}\"", core::str::from_utf8(&text).unwrap_or_default())
}
