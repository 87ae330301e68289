//! A token that is in no cache: from its text to the attributes in its record, form first, then key, then signature.

use crate::crypto::sha256;
use crate::engine::state::TrustState;
use crate::jose::base64url;
use crate::jose::compact::CompactJws;
use crate::jose::header::UnverifiedHeader;
use crate::jose::json::{JsonObject, NameTable};
use crate::limits;
use crate::memory::hot_keys::HotKeys;
use crate::policy::{CredentialPolicy, KeySources, Policy, PolicyDocument};
use crate::reason::Reason;
use crate::record;
use crate::specs::check::{Check, Trace};
use crate::specs::claims::UnverifiedClaims;
use crate::specs::common::{actor, jws, spiffe_ids};
use crate::specs::row::Keys;
use crate::spiffe_id;
use crate::time::UnixSeconds;
use crate::trust::{Candidates, KeyHint, KeySelection, KeySet, TrustedKey};

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

/// Why no record was made, and for which authorities a fresh document might help.
pub(crate) struct TokenRefused {
    pub(crate) reason: Reason,
    pub(crate) unknown_key_of: KeySources,
}

impl From<Reason> for TokenRefused {
    fn from(reason: Reason) -> Self {
        Self { reason, unknown_key_of: KeySources::default() }
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
    let sources = match profile.keys {
        Keys::SubjectTrustDomain => {
            let id = spiffe_ids::of_workload(packed.subject().unwrap_or_default())?;
            let domain = document.authorities.trust_domain(id.trust_domain().as_str());
            KeySources::one(domain.ok_or(Reason::TrustDomainUnknown)?)
        }
        Keys::PinnedIssuer if packed.without_issuer => {
            KeySources::one(expected.pinned_issuer(kind).ok_or(Reason::IssuerUnknown)?)
        }
        // RFC 9068 §4: "The issuer identifier for the authorization server […] MUST exactly match the value of the iss
        // claim." No trailing slash is folded.
        Keys::Issuer | Keys::PinnedIssuer => document.key_sources(packed.issuer().unwrap_or_default()),
        Keys::Answer => return Err(Reason::TypNotAccepted.into()), // no type resolves to it
    };
    if sources.all().is_empty() {
        return Err(Reason::IssuerUnknown.into());
    }
    let single_candidate = (profile.latitude)(&policy.profiles).single_candidate_key;
    let mut candidates = Candidates::default();
    let (mut reason, mut is_fresh, mut is_stale, mut names_no_key) = (Reason::KeyUnknown, false, false, false);
    for index in sources.all() {
        let Some(source) = document.source(index.as_usize()) else { return Err(Reason::InternalError.into()) };
        let is_young =
            |keys: &&KeySet| source.max_stale_seconds.is_none_or(|seconds| now <= keys.loaded_at().plus(seconds));
        let Some(keys) = trust_state.bundles.set(*index).filter(is_young) else {
            is_stale = true;
            continue;
        };
        if !is_fresh {
            trace.enter(Check::Key);
            is_fresh = true;
        }
        names_no_key |= source.selection.try_keys.is_some();
        if let Some(hint) = hint(&header, source.selection, scratch)?
            && let Err(fault) = keys.find(hint, algorithm, single_candidate, &mut candidates)
        {
            reason = reason.max(fault);
        }
    }
    if candidates.is_empty() {
        // It may be a key of a source whose keys are too old, or were never loaded.
        let reason = if is_stale { Reason::KeysStale } else { reason };
        // Only a named key that is not there can be helped by a fresh document; a bad signature cannot (specs: JWK-8), unless names do not
        // say which key it is: then a new key may have the name of an old one, or none.
        let unknown_key_of = if reason == Reason::KeyNotUsable { KeySources::default() } else { sources };
        return Err(TokenRefused { reason, unknown_key_of });
    }

    trace.enter(Check::Signature);
    let signature = decode(jws.signature(), signature)?;
    let is_signer = |key: &TrustedKey| {
        hot_keys.verify(key.public(), key.thumbprint(), algorithm, jws.signing_input(), signature).is_ok()
    };
    let Some((key, selected_by)) = candidates.find(is_signer) else {
        let unknown_key_of = if names_no_key { sources } else { KeySources::default() };
        return Err(TokenRefused { reason: Reason::SignatureInvalid, unknown_key_of });
    };
    record::set_verified(record, key.id(), selected_by, || sha256(token));
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

/// What the header says of the key; `None` if it names none that could be in a set. `scratch` takes a name with escapes.
///
/// # Errors
/// [`Reason::ClaimInvalid`] for a hash of a certificate that is no string and would be asked for.
fn hint<'h>(
    header: &UnverifiedHeader<'h>,
    selection: KeySelection,
    scratch: &'h mut [u8],
) -> Result<Option<KeyHint<'h>>, Reason> {
    Ok(match (header.kid, header.certificate.filter(|_| selection.match_x5t)) {
        // An empty `kid` names nothing, and is not the same as none.
        (Some(kid), _) => kid.text(scratch).filter(|kid| !kid.is_empty()).map(KeyHint::Id),
        (None, Some((hash, value))) => {
            let name = value.as_string().ok_or(Reason::ClaimInvalid)?;
            name.text(scratch).map(|name| KeyHint::Certificate(hash, name))
        }
        (None, None) => Some(KeyHint::None),
    })
}

fn decode<'b>(part: &[u8], out: &'b mut [u8]) -> Result<&'b [u8], Reason> {
    match base64url::decode(part, out) {
        Ok(bytes) => Ok(bytes),
        Err(base64url::Base64Error::OutputTooShort) => Err(Reason::LimitExceeded),
        Err(_) => Err(Reason::TokenEncoding),
    }
}
