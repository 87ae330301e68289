//! A decision as JavaScript reads it: numbers, and in `output` the header fields of the answer, what is known of the client, and the audit record.
//!
//! What is known of the client is a list of facts, each `tag | length | bytes`: JavaScript copies it in one piece and reads a fact when it is
//! asked for it.

use alloc::vec::Vec;
use core::fmt::{Display, Write};

use countersign::internal::jose::base64url;
use countersign::{Attribute, AuthScheme, CacheTier, Decision, Mode, NamedClaim, VerifiedToken};

/// The places in `numbers` of the result of a call.
pub(crate) mod place {
    pub(crate) const REASON: usize = 0;
    pub(crate) const STATUS: usize = 1;
    pub(crate) const FLAGS: usize = 2;
    /// The place of the trust source that should be fetched, plus one.
    pub(crate) const REFRESH: usize = 3;
    pub(crate) const HEADERS: usize = 4;
    pub(crate) const FACTS: usize = 5;
    pub(crate) const AUDIT: usize = 6;
    /// Where `output` is, and how long it is.
    pub(crate) const OUTPUT: usize = 7;
    pub(crate) const OUTPUT_LENGTH: usize = 8;
    pub(crate) const COUNT: usize = 9;
}

/// The bits of the number at [`place::FLAGS`].
mod flag {
    pub(super) const PASSES: u32 = 1;
    pub(super) const SHADOW: u32 = 1 << 1;
    pub(super) const BEARER: u32 = 1 << 2;
    pub(super) const DPOP: u32 = 1 << 3;
    pub(super) const HIT: u32 = 1 << 4;
    pub(super) const MISS: u32 = 1 << 5;
}

/// The tags of facts that are no [`Attribute`]; that of an attribute is its place in [`Attribute::ALL`].
pub(crate) mod tag {
    /// The name of the credential to which the facts behind it belong.
    pub(crate) const CREDENTIAL: u8 = 128;
    /// One value of `aud`.
    pub(crate) const AUDIENCE: u8 = 129;
    /// `iat`
    pub(crate) const ISSUED_AT: u8 = 130;
    /// The name of a claim that the policy hands to hosts; the next fact is its value.
    pub(crate) const CLAIM_NAME: u8 = 131;
    pub(crate) const CLAIM_TEXT: u8 = 132;
    pub(crate) const CLAIM_JSON: u8 = 133;
    /// The name of the proof in the replay store, for another decision about the same client request.
    pub(crate) const USED_PROOF: u8 = 134;
    /// The thumbprint of the key that signed the token.
    pub(crate) const KEY_THUMBPRINT: u8 = 135;
}

/// Writes a decision.
pub(crate) fn write(decision: &Decision<'_>, with_audit: bool, output: &mut Vec<u8>) -> [u32; place::OUTPUT] {
    output.clear();
    let _infallible = decision.write_headers(&mut |name, value| {
        text(output, name.as_bytes());
        displayed(output, value);
        Ok(())
    });
    let headers = output.len();
    facts(decision, output);
    let facts = output.len() - headers;
    if with_audit {
        let _infallible = write!(Text(output), "{}", decision.audit());
    }
    let audit = output.len() - headers - facts;
    let reason = decision.reason().map_or(0, |reason| u32::from(reason.number()));
    let refresh = decision.wants_refresh().map_or(0, |(index, _)| index.as_usize() + 1);
    let mut numbers = [0; place::OUTPUT];
    for (place, number) in [
        (place::REASON, reason),
        (place::STATUS, decision.status().into()),
        (place::FLAGS, flags(decision)),
        (place::REFRESH, short(refresh)),
        (place::HEADERS, short(headers)),
        (place::FACTS, short(facts)),
        (place::AUDIT, short(audit)),
    ] {
        if let Some(place) = numbers.get_mut(place) {
            *place = number;
        }
    }
    numbers
}

fn flags(decision: &Decision<'_>) -> u32 {
    let bit = |is_set: bool, bit: u32| if is_set { bit } else { 0 };
    bit(decision.lets_pass(), flag::PASSES)
        | bit(decision.policy().is_some_and(|policy| policy.mode() == Mode::Shadow), flag::SHADOW)
        | bit(decision.scheme() == Some(AuthScheme::Bearer), flag::BEARER)
        | bit(decision.scheme() == Some(AuthScheme::Dpop), flag::DPOP)
        | bit(decision.cache_tier() == CacheTier::Hit, flag::HIT)
        | bit(decision.cache_tier() == CacheTier::Miss, flag::MISS)
}

/// Every length here is bounded by that of a token, far below 2^32.
pub(crate) fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn facts(decision: &Decision<'_>, output: &mut Vec<u8>) {
    let Some(policy) = decision.policy() else { return };
    if let Some(method) = decision.rpc_method() {
        attribute(output, Attribute::RpcMethod, method.as_bytes());
    }
    if let Some(tool) = decision.tool() {
        attribute(output, Attribute::Tool, tool.as_bytes());
    }
    if let Some(digest) = decision.body_digest() {
        attribute(output, Attribute::BodyDigest, &base64url::encode_array_32(digest));
    }
    if let Some(proof) = decision.used_proof() {
        fact(output, tag::USED_PROOF, proof);
    }
    if decision.reason().is_some() {
        return;
    }
    if let Some(thumbprint) = decision.key_thumbprint() {
        fact(output, tag::KEY_THUMBPRINT, &base64url::encode_array_32(thumbprint));
    }
    for credential in policy.credentials() {
        if let Some(verified) = decision.credential(credential.name()) {
            fact(output, tag::CREDENTIAL, credential.name().as_bytes());
            of_token(decision, &verified, output);
        }
    }
    for name in policy.attributes() {
        let (form, value) = match decision.attribute(name) {
            None => continue,
            Some(NamedClaim::Text(text)) => (tag::CLAIM_TEXT, text),
            Some(NamedClaim::Json(json)) => (tag::CLAIM_JSON, json),
        };
        fact(output, tag::CLAIM_NAME, name.as_bytes());
        fact(output, form, value);
    }
}

fn of_token(decision: &Decision<'_>, verified: &VerifiedToken<'_>, output: &mut Vec<u8>) {
    attribute(output, Attribute::Kind, verified.kind.name().as_bytes());
    attribute(output, Attribute::Binding, verified.confirmation.binding_name().as_bytes());
    for (name, text) in [
        (Attribute::Issuer, decision.issuer_of(verified).map(|authority| authority.name())),
        (Attribute::Subject, verified.subject()),
        (Attribute::ClientId, verified.client_id()),
        (Attribute::Scope, verified.scope()),
        (Attribute::TokenId, verified.token_id()),
        (Attribute::KeyId, decision.key_id_of(verified)),
        (Attribute::Actor, verified.actor_json()),
        (Attribute::Transaction, verified.transaction()),
        (Attribute::RequestingWorkload, verified.requesting_workload()),
    ] {
        if let Some(text) = text {
            attribute(output, name, text.as_bytes());
        }
    }
    for (name, digest) in [
        (Attribute::BoundKey, verified.confirmation.key_thumbprint),
        (Attribute::BoundCertificate, verified.confirmation.certificate_thumbprint),
    ] {
        if let Some(digest) = digest {
            attribute(output, name, &base64url::encode_array_32(digest));
        }
    }
    attribute(output, Attribute::ExpiresAt, &verified.expires_at.as_u64().to_le_bytes());
    if let Some(moment) = verified.issued_at {
        fact(output, tag::ISSUED_AT, &moment.as_u64().to_le_bytes());
    }
    for audience in verified.audience() {
        fact(output, tag::AUDIENCE, audience.as_bytes());
    }
}

/// The tag of an attribute: its place in [`Attribute::ALL`].
const fn tag_of(attribute: Attribute) -> u8 {
    attribute as u8
}

fn attribute(output: &mut Vec<u8>, attribute: Attribute, bytes: &[u8]) {
    fact(output, tag_of(attribute), bytes);
}

fn fact(output: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    output.push(tag);
    text(output, bytes);
}

/// `length | bytes`
fn text(output: &mut Vec<u8>, bytes: &[u8]) {
    output.extend(short(bytes.len()).to_le_bytes());
    output.extend_from_slice(bytes);
}

/// The same for what is only known once it is written.
fn displayed(output: &mut Vec<u8>, value: &dyn Display) {
    let length_at = output.len();
    output.extend([0; 4]);
    let _infallible = write!(Text(output), "{value}");
    let length = short(output.len() - length_at - 4);
    if let Some(place) = output.get_mut(length_at..length_at + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

struct Text<'o>(&'o mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_attributes_are_those_of_no_other_fact() {
        assert!(Attribute::ALL.len() < usize::from(tag::CREDENTIAL));
        for (place, attribute) in Attribute::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(tag_of(attribute)), place);
        }
    }

    #[test]
    fn a_text_has_its_length_before_it() {
        let mut output = vec![1];
        displayed(&mut output, &format_args!("{}{}", "ab", 7));
        fact(&mut output, 9, b"x");
        assert_eq!(output, [1, 3, 0, 0, 0, b'a', b'b', b'7', 9, 1, 0, 0, 0, b'x']);
    }
}
