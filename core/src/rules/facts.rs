//! What a token says, packed into one small record: the form in which it is judged and cached.
//!
//! A record holds facts only ("these bytes were signed by this key and say this"), never a decision, so one record
//! serves every policy and every policy change.

use crate::jose::algorithm::Algorithm;
use crate::jose::claims::UnverifiedClaims;
use crate::jose::confirmation::{Confirmation, Unenforceable};
use crate::jose::header::{Typ, UnverifiedHeader};
use crate::jose::json::JsonString;
use crate::reason::Reason;
use crate::spiffe_id;
use crate::time::UnixSeconds;
use crate::token_kind::TokenKind;
use crate::trust::{KeyId, OriginIndex};

/// The facts of one token, borrowed from its record.
///
/// They are facts only if a signature was checked: [`crate::engine::Decision`] hands out none before.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The kind it was verified as.
    pub kind: TokenKind,
    /// The header's `typ`.
    pub(crate) typ: Typ,
    /// Whether the header has no `kid`: then which key is meant depends on the policy and on the other keys.
    pub(crate) without_key_id: bool,
    /// Whether the header has parameters that a strict reader of JWT-SVIDs refuses.
    pub(crate) extra_parameters: bool,
    /// Whether the client, the current actor or, in an issuer's token, the subject begins as a SPIFFE ID does, in any case.
    pub(crate) names_workload: bool,
    /// The algorithm of its signature.
    pub algorithm: Algorithm,
    /// Whose keys verified it.
    pub origin: OriginIndex,
    /// The key that verified it.
    pub key: KeyId,
    /// `exp`
    pub expires_at: UnixSeconds,
    /// `nbf`
    pub not_before: Option<UnixSeconds>,
    /// `iat`
    pub issued_at: Option<UnixSeconds>,
    /// `cnf`
    pub confirmation: Confirmation<&'a [u8; 32]>,
    /// SHA-256 of the token's text, computed for DPoP-bound tokens only (`ath`).
    pub(crate) token_hash: Option<&'a [u8; 32]>,
    texts: Texts<'a>,
}

/// The texts of a record: `iss`, `sub`, `scope`, `client_id`, `jti`, `act`, and the audience list behind them.
#[derive(Clone, Copy, Debug)]
struct Texts<'a> {
    bytes: &'a [u8],
    lengths: [u16; TEXTS],
}

const TEXTS: usize = 6;
const ISSUER: usize = 0;
const SUBJECT: usize = 1;
const SCOPE: usize = 2;
const CLIENT_ID: usize = 3;
const TOKEN_ID: usize = 4;
const ACTOR: usize = 5;
/// A length that says "absent"; no text of a token within its size limit is that long.
const ABSENT: u16 = u16::MAX;

// The layout of a record, in bytes from its start; integers are little-endian.
const AT_KIND: usize = 0;
const AT_TYP: usize = 1;
const AT_ALGORITHM: usize = 2;
const AT_FLAGS: usize = 3;
const AT_ORIGIN: usize = 4;
const AT_SLOT: usize = 8;
const AT_LENGTHS: usize = 12;
const AT_SERIAL: usize = 24;
const AT_EXPIRES: usize = 32;
const AT_NOT_BEFORE: usize = 40;
const AT_ISSUED: usize = 48;
const AT_HEADER: usize = 56;
const FIXED: usize = 57;
/// Behind the thumbprint of the key, without which there is none.
const AT_TOKEN_HASH: usize = FIXED + 32;

const HAS_NOT_BEFORE: u8 = 1;
const HAS_ISSUED: u8 = 2;
const HAS_KEY_THUMBPRINT: u8 = 4;
const HAS_CERTIFICATE_THUMBPRINT: u8 = 8;
const HAS_TOKEN_HASH: u8 = 16;
const CNF_UNSUPPORTED: u8 = 32;
const CNF_AMBIGUOUS: u8 = 64;

const WITHOUT_KEY_ID: u8 = 1;
const EXTRA_PARAMETERS: u8 = 2;
const NAMES_WORKLOAD: u8 = 4;

/// The longest record of a token of `token_bytes`.
#[must_use]
pub const fn record_bytes(token_bytes: usize) -> usize {
    // Each text is shorter than the payload it comes from; an audience costs two bytes more than its quotes and comma.
    FIXED + 3 * 32 + token_bytes + 2
}

/// Writes into a record one after the other.
struct Writer<'o> {
    out: &'o mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let end = self.at + bytes.len();
        self.out.get_mut(self.at..end).ok_or(Reason::LimitExceeded)?.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    fn text(&mut self, text: JsonString<'_>) -> Result<u16, Reason> {
        let out = self.out.get_mut(self.at..).ok_or(Reason::LimitExceeded)?;
        let length = text.unescape(out).ok_or(Reason::LimitExceeded)?;
        self.at += length;
        u16::try_from(length).ok().filter(|length| *length != ABSENT).ok_or(Reason::LimitExceeded)
    }
}

fn put<const N: usize>(out: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(place) = out.get_mut(at..at + N) {
        place.copy_from_slice(&bytes);
    }
}

fn take<const N: usize>(record: &[u8], at: usize) -> Option<[u8; N]> {
    record.get(at..)?.first_chunk().copied()
}

/// Packs header and claims into `out` and tells the length of the record. `actor` is the current actor's `sub`. What is known only after the
/// signature was checked is filled in by [`set_verified`].
///
/// # Errors
/// [`Reason::ClaimMissing`] without `exp`, [`Reason::ClaimType`] for a malformed `cnf`, [`Reason::LimitExceeded`] if
/// `out` is too short.
pub(crate) fn pack(
    kind: TokenKind,
    header: &UnverifiedHeader<'_>,
    claims: &UnverifiedClaims<'_>,
    actor: Option<JsonString<'_>>,
    out: &mut [u8],
) -> Result<usize, Reason> {
    let algorithm = header.algorithm.ok_or(Reason::AlgorithmRefused)?;
    let expires_at = claims.expires_at.ok_or(Reason::ClaimMissing)?;
    let confirmation = claims.confirmation.map(Confirmation::read).transpose()?.unwrap_or_default();
    let mut flags = 0;
    let mut writer = Writer { out, at: FIXED };
    if let Some(thumbprint) = confirmation.key_thumbprint {
        flags |= HAS_KEY_THUMBPRINT | HAS_TOKEN_HASH;
        writer.bytes(&thumbprint)?;
        writer.bytes(&[0; 32])?;
    }
    if let Some(thumbprint) = confirmation.certificate_thumbprint {
        flags |= HAS_CERTIFICATE_THUMBPRINT;
        writer.bytes(&thumbprint)?;
    }
    flags |= match confirmation.unenforceable {
        Some(Unenforceable::Unsupported) => CNF_UNSUPPORTED,
        Some(Unenforceable::Ambiguous) => CNF_AMBIGUOUS,
        None => 0,
    };
    let mut lengths = [ABSENT; TEXTS];
    // JWT-SVID §3 defines no scope.
    let scope = claims.scope.filter(|_| kind.has_scope());
    let texts = [claims.issuer, claims.subject, scope, claims.client_id, claims.token_id];
    for (length, text) in lengths.iter_mut().zip(texts) {
        if let Some(text) = text {
            *length = writer.text(text)?;
        }
    }
    if let Some(actor) = claims.actor {
        let raw = actor.raw().as_bytes();
        writer.bytes(raw)?;
        lengths[ACTOR] = u16::try_from(raw.len()).map_err(|_| Reason::LimitExceeded)?;
    }
    for audience in claims.audience.into_iter().flat_map(|audience| audience.values()) {
        let length_at = writer.at;
        writer.bytes(&[0; 2])?;
        let length = writer.text(audience)?;
        put(writer.out, length_at, length.to_le_bytes());
    }
    let end = writer.at;

    if claims.not_before.is_some() {
        flags |= HAS_NOT_BEFORE;
    }
    if claims.issued_at.is_some() {
        flags |= HAS_ISSUED;
    }
    put(out, AT_KIND, [code_of_kind(kind)]);
    put(out, AT_TYP, [code_of_typ(header.typ)]);
    put(out, AT_ALGORITHM, [algorithm.index()]);
    let without_key_id = if header.kid.is_none() { WITHOUT_KEY_ID } else { 0 };
    let extra_parameters = if header.has_extra_parameters() { EXTRA_PARAMETERS } else { 0 };
    // The subject of an SVID is one by itself.
    let subject = claims.subject.filter(|_| !kind.is_keyed_by_trust_domain());
    let mut named = [subject, claims.client_id, actor].into_iter().flatten();
    let names_workload = named.any(|text| spiffe_id::resembles_one(text.chars()));
    let names_workload = if names_workload { NAMES_WORKLOAD } else { 0 };
    put(out, AT_HEADER, [without_key_id | extra_parameters | names_workload]);
    put(out, AT_FLAGS, [flags]);
    for (place, length) in lengths.iter().enumerate() {
        put(out, AT_LENGTHS + 2 * place, length.to_le_bytes());
    }
    put(out, AT_EXPIRES, expires_at.as_u64().to_le_bytes());
    put(out, AT_NOT_BEFORE, claims.not_before.unwrap_or_default().as_u64().to_le_bytes());
    put(out, AT_ISSUED, claims.issued_at.unwrap_or_default().as_u64().to_le_bytes());
    Ok(end)
}

/// Fills in which key verified the token, and the token's hash if the token is bound to a key: a hash of all of it, so not before.
pub(crate) fn set_verified(record: &mut [u8], key: KeyId, token_hash: impl FnOnce() -> [u8; 32]) {
    if take(record, AT_FLAGS).is_some_and(|[flags]| flags & HAS_TOKEN_HASH != 0) {
        put(record, AT_TOKEN_HASH, token_hash());
    }
    put(record, AT_ORIGIN, key.origin.0.to_le_bytes());
    put(record, AT_SLOT, key.slot.to_le_bytes());
    put(record, AT_SERIAL, key.serial.to_le_bytes());
}

impl<'a> Facts<'a> {
    /// Reads a record that [`pack`] wrote; `None` for anything else.
    #[cfg_attr(feature = "fast", inline(always))]
    pub(crate) fn unpack(record: &'a [u8]) -> Option<Self> {
        let [kind, typ, algorithm, flags] = take(record, AT_KIND)?;
        let [header] = take(record, AT_HEADER)?;
        let has = |flag: u8| flags & flag != 0;
        let seconds = |at| Some(UnixSeconds::new(u64::from_le_bytes(take(record, at)?)));
        let mut at = FIXED;
        let mut thumbprint = |present: bool| -> Option<Option<&'a [u8; 32]>> {
            if !present {
                return Some(None);
            }
            let bytes = record.get(at..)?.first_chunk()?;
            at += 32;
            Some(Some(bytes))
        };
        let key_thumbprint = thumbprint(has(HAS_KEY_THUMBPRINT))?;
        let token_hash = thumbprint(has(HAS_TOKEN_HASH))?;
        let certificate_thumbprint = thumbprint(has(HAS_CERTIFICATE_THUMBPRINT))?;
        let unenforceable = if has(CNF_UNSUPPORTED) {
            Some(Unenforceable::Unsupported)
        } else if has(CNF_AMBIGUOUS) {
            Some(Unenforceable::Ambiguous)
        } else {
            None
        };
        let mut lengths = [0; TEXTS];
        for (place, length) in lengths.iter_mut().enumerate() {
            *length = u16::from_le_bytes(take(record, AT_LENGTHS + 2 * place)?);
        }
        let origin = OriginIndex(u32::from_le_bytes(take(record, AT_ORIGIN)?));
        Some(Self {
            kind: TokenKind::ALL.into_iter().find(|known| code_of_kind(*known) == kind)?,
            typ: TYPS.into_iter().find(|known| code_of_typ(*known) == typ)?,
            without_key_id: header & WITHOUT_KEY_ID != 0,
            extra_parameters: header & EXTRA_PARAMETERS != 0,
            names_workload: header & NAMES_WORKLOAD != 0,
            algorithm: Algorithm::from_index(algorithm)?,
            origin,
            key: KeyId {
                origin,
                slot: u32::from_le_bytes(take(record, AT_SLOT)?),
                serial: u64::from_le_bytes(take(record, AT_SERIAL)?),
            },
            expires_at: seconds(AT_EXPIRES)?,
            not_before: if has(HAS_NOT_BEFORE) { Some(seconds(AT_NOT_BEFORE)?) } else { None },
            issued_at: if has(HAS_ISSUED) { Some(seconds(AT_ISSUED)?) } else { None },
            confirmation: Confirmation { key_thumbprint, certificate_thumbprint, unenforceable },
            token_hash,
            texts: Texts { bytes: record.get(at..)?, lengths },
        })
    }

    /// `iss`
    #[must_use]
    pub fn issuer(&self) -> Option<&'a str> {
        self.texts.text(ISSUER)
    }

    /// `sub`
    #[must_use]
    pub fn subject(&self) -> Option<&'a str> {
        self.texts.text(SUBJECT)
    }

    /// `sub` as bytes, empty if absent: comparing them needs no check that they are UTF-8, which they are.
    pub(crate) fn subject_bytes(&self) -> &'a [u8] {
        self.texts.bytes_of(SUBJECT)
    }

    /// `scope` as bytes, empty if absent.
    pub(crate) fn scope_bytes(&self) -> &'a [u8] {
        self.texts.bytes_of(SCOPE)
    }

    /// `scope`, as it stands in the token.
    #[must_use]
    pub fn scope(&self) -> Option<&'a str> {
        self.texts.text(SCOPE)
    }

    /// `client_id`
    #[must_use]
    pub fn client_id(&self) -> Option<&'a str> {
        self.texts.text(CLIENT_ID)
    }

    /// `jti`
    #[must_use]
    pub fn token_id(&self) -> Option<&'a str> {
        self.texts.text(TOKEN_ID)
    }

    /// `act`, as the JSON object that stands in the token.
    #[must_use]
    pub fn actor_json(&self) -> Option<&'a str> {
        self.texts.text(ACTOR)
    }

    /// The values of `aud`.
    pub fn audience(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.audience_bytes().map(text)
    }

    /// The values of `aud` as bytes.
    #[inline]
    pub(crate) fn audience_bytes(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.texts.bytes.get(self.texts.start_of(TEXTS)..).unwrap_or_default();
        core::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk::<2>()?;
            let (value, behind) = behind.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            rest = behind;
            Some(value)
        })
    }
}

impl<'a> Texts<'a> {
    #[inline]
    fn length(&self, place: usize) -> usize {
        self.lengths.get(place).filter(|length| **length != ABSENT).map_or(0, |length| usize::from(*length))
    }

    #[inline]
    fn start_of(&self, place: usize) -> usize {
        (0..place).map(|before| self.length(before)).sum()
    }

    fn text(&self, place: usize) -> Option<&'a str> {
        if *self.lengths.get(place)? == ABSENT {
            return None;
        }
        Some(text(self.bytes_of(place)))
    }

    fn bytes_of(&self, place: usize) -> &'a [u8] {
        let start = self.start_of(place);
        self.bytes.get(start..start + self.length(place)).unwrap_or_default()
    }
}

/// The bytes came out of a checked text, so this never falls back.
fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

const TYPS: [Typ; 4] = [Typ::Absent, Typ::Jwt, Typ::Jose, Typ::AtJwt];

const fn code_of_kind(kind: TokenKind) -> u8 {
    match kind {
        TokenKind::JwtSvid => 1,
        TokenKind::AccessToken => 2,
        TokenKind::Jwt => 3,
    }
}

/// `DpopJwt` and `Other` never get as far as a record.
const fn code_of_typ(typ: Typ) -> u8 {
    match typ {
        Typ::Absent => 1,
        Typ::Jwt => 2,
        Typ::Jose => 3,
        Typ::AtJwt => 4,
        Typ::DpopJwt | Typ::Other => 0,
    }
}
