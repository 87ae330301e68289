//! A token that is in no cache: from its text to the attributes in its record, form first, then key, then signature.

use crate::crypto::sha256;
use crate::engine::state::TrustState;
use crate::jose::base64url;
use crate::jose::compact::CompactJws;
use crate::jose::header::UnverifiedHeader;
use crate::jose::json::{JsonObject, NameTable};
use crate::limits;
use crate::memory::hot_keys::HotKeys;
use crate::policy::{CredentialPolicy, Policy, PolicyDocument};
use crate::reason::Reason;
use crate::record;
use crate::specs::check::{Check, Trace};
use crate::specs::claims::UnverifiedClaims;
use crate::specs::common::{actor, jws, spiffe_ids};
use crate::specs::row::Keys;
use crate::spiffe_id;
use crate::time::UnixSeconds;
use crate::trust::{AuthorityIndex, TrustedKey};

/// The buffers that one token at a time is decoded into.
#[derive(Debug)]
pub(crate) struct TokenBuffers<'b> {
    pub(crate) hot_keys: &'b mut HotKeys,
    pub(crate) names: &'b mut NameTable,
    pub(crate) header: &'b mut [u8],
    pub(crate) payload: &'b mut [u8],
    pub(crate) signature: &'b mut [u8],
    /// Takes the record; see [`record::record_bytes`].
    pub(crate) record: &'b mut [u8],
}

/// Why no record was made, and for which authority a fresh document might help.
pub(crate) struct TokenRefused {
    pub(crate) reason: Reason,
    pub(crate) unknown_key_of: Option<AuthorityIndex>,
}

impl From<Reason> for TokenRefused {
    fn from(reason: Reason) -> Self {
        Self { reason, unknown_key_of: None }
    }
}

/// Verifies `token` and writes its attributes to `buffers.record`; returns the length of the record.
///
/// Checks form, kind, algorithm, required claims, key and signature. Does not check time, audience, subject, scope or
/// binding: those are the policy's, and run on cached tokens too.
#[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
pub(crate) fn verify(
    token: &[u8],
    policy: &Policy,
    expected: &CredentialPolicy,
    document: &PolicyDocument,
    trust_state: &TrustState,
    now: UnixSeconds,
    buffers: TokenBuffers<'_>,
    trace: &mut dyn Trace,
) -> Result<usize, TokenRefused> {
    let TokenBuffers { hot_keys, names, header, payload, signature, record } = buffers;

    trace.enter(Check::TokenForm);
    let jws = CompactJws::parse(token)?;
    if jws.header().len() > limits::HEADER_BYTES {
        return Err(Reason::LimitExceeded.into());
    }
    let header = decode(jws.header(), header)?;
    let payload = decode(jws.payload(), payload)?;

    trace.enter(Check::HeaderForm);
    let header = UnverifiedHeader::parse(header, names)?;
    trace.enter(Check::HeaderCritical);
    jws::check_critical(&header)?;
    trace.enter(Check::ClaimsForm);
    let claims = UnverifiedClaims::parse(payload, names)?;

    // RFC 8725 §3.11: "explicit typing"; a kind that the policy does not name is refused before anything else is asked.
    trace.enter(Check::TokenKind);
    let spiffe_subject = claims.subject.is_some_and(|subject| subject.starts_with(spiffe_id::PREFIX));
    let kind = expected.kinds.resolve(header.typ, spiffe_subject).ok_or(Reason::TypNotAccepted)?;
    let profile = kind.profile();
    trace.enter(Check::Algorithm);
    let algorithm = jws::check_algorithm(&header, expected.algorithms(kind))?;
    trace.enter(Check::HeaderParameters);
    jws::check_nested(&header)?;
    jws::check_replicated(&header, &claims)?;
    (profile.check_header)(&header, &policy.profiles)?;
    trace.enter(Check::RequiredClaims);
    expected.check_departures(kind, &claims)?;
    (profile.check_claims)(&claims)?;
    let actor = claims.actor.map(actor::check).transpose()?.flatten();
    let length = record::pack(kind, &header, &claims, actor, record)?;
    // Behind the record is room for any `kid`: the rest of the room for a whole token.
    let (packed, scratch) = record.split_at_mut_checked(length).ok_or(Reason::InternalError)?;
    let packed = record::VerifiedToken::unpack(packed).ok_or(Reason::InternalError)?;

    trace.enter(Check::Authority);
    let index = match profile.keys {
        Keys::SubjectTrustDomain => {
            let id = spiffe_ids::of_workload(packed.subject().unwrap_or_default())?;
            document.authorities.trust_domain(id.trust_domain().as_str()).ok_or(Reason::TrustDomainUnknown)?
        }
        Keys::PinnedIssuer if packed.without_issuer => expected.pinned_issuer(kind).ok_or(Reason::IssuerUnknown)?,
        Keys::Issuer | Keys::PinnedIssuer => {
            // RFC 9068 §4: "The issuer identifier for the authorization server […] MUST exactly match the value of the iss
            // claim." No trailing slash is folded.
            document.authorities.issuer(packed.issuer().unwrap_or_default()).ok_or(Reason::IssuerUnknown)?
        }
        Keys::Answer => return Err(Reason::TypNotAccepted.into()), // no type resolves to it
    };
    let keys = trust_state
        .bundles
        .set(index)
        .ok_or(TokenRefused { reason: Reason::KeysStale, unknown_key_of: Some(index) })?;
    let too_old = document.source(index.as_usize()).and_then(|source| source.max_stale_seconds);
    if too_old.is_some_and(|seconds| now > keys.loaded_at().plus(seconds)) {
        return Err(TokenRefused { reason: Reason::KeysStale, unknown_key_of: Some(index) });
    }

    trace.enter(Check::Key);
    let single_candidate = (profile.latitude)(&policy.profiles).single_candidate_key;
    let key = match header.kid.map(|kid| kid.text(scratch)) {
        // An empty `kid` names nothing, and is not the same as none.
        Some(Some("") | None) => Err(Reason::KeyUnknown),
        Some(kid) => keys.find(kid, algorithm, single_candidate),
        None => keys.find(None, algorithm, single_candidate),
    };
    // Only a named key that is not there can be helped by a fresh document; a bad signature cannot (specs: JWK-8).
    let key: &TrustedKey =
        key.map_err(|reason| TokenRefused { reason, unknown_key_of: (reason == Reason::KeyUnknown).then_some(index) })?;

    trace.enter(Check::Signature);
    let signature = decode(jws.signature(), signature)?;
    hot_keys
        .verify(key.public(), key.thumbprint(), algorithm, jws.signing_input(), signature)
        .map_err(|_| Reason::SignatureInvalid)?;
    record::set_verified(record, key.id(), || sha256(token));
    if document.named_claims.is_empty() {
        return Ok(length);
    }
    // The text was scanned above.
    let payload = core::str::from_utf8(payload).map_err(|_| Reason::InternalError)?;
    Ok(record::add_named(
        record,
        length,
        &document.named_claims,
        JsonObject::from_checked(payload.trim_matches([' ', '\t', '\n', '\r'])),
    )?)
}

fn decode<'b>(part: &[u8], out: &'b mut [u8]) -> Result<&'b [u8], Reason> {
    match base64url::decode(part, out) {
        Ok(bytes) => Ok(bytes),
        Err(base64url::Base64Error::OutputTooShort) => Err(Reason::LimitExceeded),
        Err(_) => Err(Reason::TokenEncoding),
    }
}
