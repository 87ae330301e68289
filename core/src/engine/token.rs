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
use crate::trust::{AuthorityIndex, KeyHint, KeySelection, MOST_TRIED, SelectedBy, TrustedKey};

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
    pub(crate) unknown_key_of: Sources,
}

/// The entries of `trust` whose keys may verify a token: one, or the key sources of one issuer, which are no more than may be tried.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sources([Option<AuthorityIndex>; MOST_TRIED]);

impl Sources {
    fn add(&mut self, index: AuthorityIndex) {
        if let Some(room) = self.0.iter_mut().find(|room| room.is_none()) {
            *room = Some(index);
        }
    }

    /// Each of them.
    pub(crate) fn all(self) -> impl Iterator<Item = AuthorityIndex> {
        self.0.into_iter().flatten()
    }
}

impl From<Reason> for TokenRefused {
    fn from(reason: Reason) -> Self {
        Self { reason, unknown_key_of: Sources::default() }
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
    let mut sources = Sources::default();
    match profile.keys {
        Keys::SubjectTrustDomain => {
            let id = spiffe_ids::of_workload(packed.subject().unwrap_or_default())?;
            let domain = document.authorities.trust_domain(id.trust_domain().as_str());
            sources.add(domain.ok_or(Reason::TrustDomainUnknown)?);
        }
        Keys::PinnedIssuer if packed.without_issuer => {
            sources.add(expected.pinned_issuer(kind).ok_or(Reason::IssuerUnknown)?);
        }
        // RFC 9068 §4: "The issuer identifier for the authorization server […] MUST exactly match the value of the iss
        // claim." No trailing slash is folded.
        Keys::Issuer | Keys::PinnedIssuer => {
            document.key_sources(packed.issuer().unwrap_or_default()).for_each(|index| sources.add(index));
        }
        Keys::Answer => return Err(Reason::TypNotAccepted.into()), // no type resolves to it
    }
    if sources.all().next().is_none() {
        return Err(Reason::IssuerUnknown.into());
    }
    let fresh_keys = |index: AuthorityIndex| {
        let keys = trust_state.bundles.set(index)?;
        let source = document.source(index.as_usize())?;
        let too_old = source.max_stale_seconds.is_some_and(|seconds| now > keys.loaded_at().plus(seconds));
        (!too_old).then_some((keys, source.selection))
    };
    if sources.all().all(|index| fresh_keys(index).is_none()) {
        return Err(TokenRefused { reason: Reason::KeysStale, unknown_key_of: sources });
    }

    trace.enter(Check::Key);
    let single_candidate = (profile.latitude)(&policy.profiles).single_candidate_key;
    // Of the same issuer, so each source adds at most as many as it has tried, and all of them no more than may be tried.
    let mut candidates: [Option<(&TrustedKey, SelectedBy)>; MOST_TRIED] = [None; MOST_TRIED];
    let mut rooms = candidates.iter_mut();
    let (mut reason, mut names_no_key) = (Reason::KeyUnknown, false);
    for (keys, selection) in sources.all().filter_map(fresh_keys) {
        names_no_key |= selection.try_keys.is_some();
        let Some(hint) = hint(&header, selection, scratch)? else { continue };
        match keys.find(hint, algorithm, single_candidate) {
            Ok(found) => {
                let by = found.by();
                found.zip(rooms.by_ref()).for_each(|(key, room)| *room = Some((key, by)));
            }
            Err(fault) => reason = reason.max(fault),
        }
    }
    if candidates.iter().all(Option::is_none) {
        // It may be one of a source whose keys are too old, or were never loaded.
        if sources.all().any(|index| fresh_keys(index).is_none()) {
            reason = Reason::KeysStale;
        }
        // Only a named key that is not there can be helped by a fresh document; a bad signature cannot (specs: JWK-8), unless names do not
        // say which key it is: then a new key may have the name of an old one, or none.
        let unknown_key_of = if reason == Reason::KeyNotUsable { Sources::default() } else { sources };
        return Err(TokenRefused { reason, unknown_key_of });
    }

    trace.enter(Check::Signature);
    let signature = decode(jws.signature(), signature)?;
    let mut verified = None;
    for (key, by) in candidates.into_iter().flatten() {
        let checked = hot_keys.verify(key.public(), key.thumbprint(), algorithm, jws.signing_input(), signature);
        if checked.is_ok() {
            verified = Some((key, by));
            break;
        }
    }
    let (key, selected_by) = verified.ok_or(TokenRefused {
        reason: Reason::SignatureInvalid,
        unknown_key_of: if names_no_key { sources } else { Sources::default() },
    })?;
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
