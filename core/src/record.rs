//! The attributes of a token, packed into one small record: the form in which it is validated and cached.
//!
//! A record holds attributes only ("these bytes were signed by this key and say this"), never a decision, so one record
//! serves every policy and every policy change. Beside them a record of the cache remembers which rules for claims the token met: they
//! ask of these attributes alone, so the answer cannot change while the engine and its policy document stay.

use core::num::NonZeroU16;

use crate::jose::algorithm::Algorithm;
use crate::jose::header::{Typ, UnverifiedHeader};
use crate::jose::json::{JsonArray, JsonObject, JsonString, Value};
use crate::limits;
use crate::reason::Reason;
use crate::specs::claims::{self, Claim, ClaimSet, Kept, Scope, UnverifiedClaims};
use crate::specs::common::confirmation::{Confirmation, Unenforceable};
use crate::specs::common::pointer::NamedClaims;
use crate::specs::profile::TokenKind;
use crate::spiffe_id;
use crate::time::UnixSeconds;
use crate::trust::{AuthorityIndex, KeyHandle, SelectedBy};

/// The attributes of one token, borrowed from its record.
///
/// Its signature was verified: [`Decision`](crate::Decision) returns none before.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedToken<'a> {
    /// The kind it was verified as.
    pub kind: TokenKind,
    /// The header's `typ`.
    pub(crate) typ: Typ,
    /// How the token selected its key: without a name, which key is meant depends on the policy and on the other keys.
    pub(crate) selected_by: SelectedBy,
    /// Whether the header has parameters that a strict reader of JWT-SVIDs refuses.
    pub(crate) extra_parameters: bool,
    /// Whether the client, the current actor or, in an issuer's token, the subject begins as a SPIFFE ID does, in any case.
    pub(crate) names_workload: bool,
    /// Whether the token has no `iss`: then whose keys verify it is the policy's to say.
    pub(crate) without_issuer: bool,
    /// In what the token departs from its kind's specification, which only some policies take.
    departures: Departures,
    /// The algorithm of its signature.
    pub algorithm: Algorithm,
    /// Whose keys verified it.
    pub authority: AuthorityIndex,
    /// The key that verified it.
    pub key: KeyHandle,
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

/// A claim that the kind requires is absent, or `scope` is an array where the kind has a string: one bit each.
#[derive(Clone, Copy, Debug)]
struct Departures(u8);

/// The texts of a record: the claims that it keeps, then the audience list, then the claims that the policy names.
#[derive(Clone, Copy, Debug)]
struct Texts<'a> {
    bytes: &'a [u8],
    lengths: &'a [u8; 2 * claims::KEPT],
    /// Where the claims that the policy names begin in `bytes`.
    named_at: usize,
    /// Where the audience list begins.
    audience_at: usize,
}

/// A length that says "absent"; no text of a token within its size limit is that long.
const ABSENT: u16 = u16::MAX;

/// The layout of a record: names, and how many bytes each has. What follows the fixed part are thumbprints and texts.
macro_rules! layout {
    ($($name:ident: $bytes:expr;)+) => {
        layout!(@at 0; $($name: $bytes;)+);
    };
    (@at $at:expr; $name:ident: $bytes:expr; $($rest:tt)*) => {
        const $name: usize = $at;
        layout!(@at $name + $bytes; $($rest)*);
    };
    (@at $at:expr;) => {
        const FIXED: usize = $at;
    };
}

// In bytes from its start; integers are little-endian. No place can overlap another: each begins where the one before it ends.
layout! {
    AT_KIND: 1;
    AT_TYP: 1;
    AT_ALGORITHM: 1;
    AT_FLAGS: 1;
    AT_AUTHORITY: 4;
    AT_SLOT: 4;
    AT_HEADER: 2;
    AT_AUDIENCE: 2;
    AT_NAMED: 2;
    AT_SERIAL: 8;
    AT_EXPIRES: 8;
    AT_NOT_BEFORE: 8;
    AT_ISSUED: 8;
    AT_LENGTHS: 2 * claims::KEPT;
}

const _: () = {
    assert!(limits::TOKEN_BYTES < 1 << 15, "a length of a text, and that of all of them, must fit into two bytes");
    assert!(record_bytes(limits::TOKEN_BYTES) < 1 << 16, "the place of the named claims must fit into two bytes");
    assert!(Typ::COUNT <= 256 && TokenKind::COUNT < 256);
};

/// Behind the thumbprint of the key, without which there is none.
const AT_TOKEN_HASH: usize = FIXED + 32;

/// One bit each; a second of the same value would not compile.
macro_rules! flags {
    ($kind:ty; $($name:ident)+) => {
        flags!(@bit $kind; 0; $($name)+);
    };
    (@bit $kind:ty; $bit:expr; $name:ident $($rest:ident)*) => {
        const $name: $kind = 1 << $bit;
        flags!(@bit $kind; $bit + 1; $($rest)*);
    };
    (@bit $kind:ty; $bit:expr;) => {};
}

flags! { u8; HAS_NOT_BEFORE HAS_ISSUED HAS_KEY_THUMBPRINT HAS_CERTIFICATE_THUMBPRINT HAS_TOKEN_HASH CNF_UNSUPPORTED CNF_AMBIGUOUS }
flags! { u8; BY_ALGORITHM BY_ALGORITHM_DESPITE_ID EXTRA_PARAMETERS NAMES_WORKLOAD WITHOUT_ISSUER }
flags! { u8; LACKS_CLAIMS SCOPE_LISTED }

/// The longest record of a token of `token_bytes`.
#[must_use]
pub const fn record_bytes(token_bytes: usize) -> usize {
    // Each text is shorter than the payload it comes from; an audience costs two bytes more than its quotes and comma.
    FIXED + 3 * 32 + token_bytes + 2 + 2 * MET + 2 * limits::NAMED_CLAIMS + limits::NAMED_CLAIM_BYTES
}

/// How many rules that a token met its record remembers.
const MET: usize = 4;

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

    fn words(&mut self, words: JsonArray<'_>) -> Result<u16, Reason> {
        let start = self.at;
        for (place, word) in words.elements().filter_map(Value::as_string).enumerate() {
            if place > 0 {
                self.bytes(b" ")?;
            }
            let _ = self.text(word)?;
        }
        u16::try_from(self.at - start).ok().filter(|length| *length != ABSENT).ok_or(Reason::LimitExceeded)
    }

    /// JSON without the whitespace between its values (RFC 8259 §2), so that it is one line wherever it goes, and equal where it says the same
    /// in the same order.
    fn compact(&mut self, json: &str) -> Result<u16, Reason> {
        let start = self.at;
        let (mut quoted, mut escaped) = (false, false);
        for byte in json.bytes() {
            if quoted || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                self.bytes(&[byte])?;
            }
            quoted ^= byte == b'"' && !escaped;
            escaped = quoted && byte == b'\\' && !escaped;
        }
        u16::try_from(self.at - start).ok().filter(|length| *length != ABSENT).ok_or(Reason::LimitExceeded)
    }

    fn raw(&mut self, raw: &str) -> Result<u16, Reason> {
        self.bytes(raw.as_bytes())?;
        u16::try_from(raw.len()).ok().filter(|length| *length != ABSENT).ok_or(Reason::LimitExceeded)
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

/// Packs header and claims into `out` and returns the length of the record. `actor` is the current actor's `sub`. The parts that are known only after the
/// signature was checked is filled in by [`set_verified`].
///
/// # Errors
/// [`Reason::ClaimMissing`] without `exp`, [`Reason::ClaimInvalid`] for a malformed `cnf`, [`Reason::LimitExceeded`] if
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
    let profile = kind.profile();
    let mut lengths = [ABSENT; claims::KEPT];
    for (claim, length) in Claim::ALL.into_iter().zip(&mut lengths) {
        *length = match claims.kept(claim).filter(|_| profile.kept.contains(claim)) {
            None => continue,
            Some(Kept::Text(text)) => writer.text(text)?,
            Some(Kept::Json(raw)) => writer.raw(raw)?,
            Some(Kept::Words(words)) => writer.words(words)?,
        };
    }
    let audience_at = writer.at;
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
    put(out, AT_KIND, [kind.number()]);
    put(out, AT_TYP, [u8::try_from(header.typ.index()).unwrap_or_default()]);
    put(out, AT_ALGORITHM, [algorithm.index()]);
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    // The subject of an SVID is one by itself.
    let subject = claims.subject.filter(|_| !kind.is_keyed_by_trust_domain());
    let mut named = [subject, claims.client_id, actor].into_iter().flatten();
    let names_workload = named.any(|text| spiffe_id::resembles_one(text.chars()));
    let of_header = flag(header.has_extra_parameters(), EXTRA_PARAMETERS)
        | flag(names_workload, NAMES_WORKLOAD)
        | flag(claims.issuer.is_none(), WITHOUT_ISSUER);
    let departures = flag(!profile.required.is_within(claims.present()), LACKS_CLAIMS)
        | flag(profile.scope_is_text && matches!(claims.scope, Some(Scope::Listed(_))), SCOPE_LISTED);
    put(out, AT_HEADER, [of_header, departures]);
    put(out, AT_FLAGS, [flags]);
    for (place, length) in lengths.iter().enumerate() {
        put(out, AT_LENGTHS + 2 * place, length.to_le_bytes());
    }
    put(out, AT_AUDIENCE, u16::try_from(audience_at).unwrap_or(ABSENT).to_le_bytes());
    put(out, AT_NAMED, u16::try_from(end).unwrap_or(ABSENT).to_le_bytes());
    put(out, AT_EXPIRES, expires_at.as_u64().to_le_bytes());
    put(out, AT_NOT_BEFORE, claims.not_before.unwrap_or_default().as_u64().to_le_bytes());
    put(out, AT_ISSUED, claims.issued_at.unwrap_or_default().as_u64().to_le_bytes());
    Ok(end)
}

/// As [`pack`], for a token that its issuer was asked about, whose answer is good until `good_until`.
pub(crate) fn pack_introspected(
    claims: &UnverifiedClaims<'_>,
    actor: Option<JsonString<'_>>,
    token_hash: impl FnOnce() -> [u8; 32],
    authority: AuthorityIndex,
    good_until: UnixSeconds,
    out: &mut [u8],
) -> Result<usize, Reason> {
    let header = UnverifiedHeader::of_answer();
    let length = pack(TokenKind::Introspected, &header, claims, actor, out)?;
    let answer = KeyHandle { authority, slot: NO_SLOT, serial: good_until.as_u64() };
    set_verified(out, answer, SelectedBy::Name, token_hash);
    Ok(length)
}

/// The slot of no key.
const NO_SLOT: u32 = u32::MAX;

/// Fills in which key verified the token and how the token selected it, and the token's hash if the token is bound to a key: a hash of all of
/// it, so not before.
pub(crate) fn set_verified(
    record: &mut [u8],
    key: KeyHandle,
    selected_by: SelectedBy,
    token_hash: impl FnOnce() -> [u8; 32],
) {
    let selected = match selected_by {
        SelectedBy::Name => 0,
        SelectedBy::Algorithm => BY_ALGORITHM,
        SelectedBy::AlgorithmDespiteId => BY_ALGORITHM_DESPITE_ID,
    };
    if let Some(flags) = record.get_mut(AT_HEADER) {
        *flags |= selected;
    }
    if take(record, AT_FLAGS).is_some_and(|[flags]| flags & HAS_TOKEN_HASH != 0) {
        put(record, AT_TOKEN_HASH, token_hash());
    }
    put(record, AT_AUTHORITY, key.authority.0.to_le_bytes());
    put(record, AT_SLOT, key.slot.to_le_bytes());
    put(record, AT_SERIAL, key.serial.to_le_bytes());
}

/// A claim that the policy names, in a record: a string without its escapes, or other JSON.
///
/// In bytes that are UTF-8: comparing them, or handing them on as bytes, needs no check of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedClaim<'a> {
    /// A string.
    Text(&'a [u8]),
    /// A number, a boolean, `null`, an array or an object, as JSON without whitespace between its values.
    Json(&'a [u8]),
}

impl<'a> NamedClaim<'a> {
    /// The bytes: UTF-8.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Text(bytes) | Self::Json(bytes) => bytes,
        }
    }

    /// The same as text, which walks over all of it once.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        text(self.as_bytes())
    }
}

const NAMED_TEXT: u8 = 0;
const NAMED_JSON: u8 = 1;

/// Adds what `names` finds in `payload` to the record of `length` bytes in `record`, and returns its new length.
///
/// For tokens whose signature was checked: it walks over the payload once for all names.
///
/// # Errors
/// [`Reason::LimitExceeded`] for more than [`limits::NAMED_CLAIM_BYTES`] together.
pub(crate) fn add_named(
    record: &mut [u8],
    length: usize,
    names: &NamedClaims,
    payload: JsonObject<'_>,
) -> Result<usize, Reason> {
    let places_at = length + 2 * MET;
    let start = places_at + 2 * names.count();
    let most = (start + limits::NAMED_CLAIM_BYTES).min(record.len());
    let mut writer = Writer { out: record.get_mut(..most).ok_or(Reason::LimitExceeded)?, at: start };
    // Which rules were met, none so far; then where each claim is, from here; 0 for a claim that the token has not.
    writer.out.get_mut(length..start).ok_or(Reason::LimitExceeded)?.fill(0);
    names.find_in(payload, &mut |slot, value| {
        let form = if value.json().is_some() { NAMED_JSON } else { NAMED_TEXT };
        let place = u16::try_from(writer.at - length).map_err(|_| Reason::LimitExceeded)?;
        put(writer.out, places_at + 2 * usize::from(slot), place.to_le_bytes());
        writer.bytes(&[slot, form, 0, 0])?;
        let length_at = writer.at - 2;
        let length = match (value.as_string(), value.json()) {
            (Some(text), _) => writer.text(text)?,
            (None, json) => writer.compact(json.unwrap_or_default())?,
        };
        put(writer.out, length_at, length.to_le_bytes());
        Ok(())
    })?;
    Ok(writer.at)
}

/// The claim that the policy document names in `slot`, of a record that [`add_named`] has ended.
pub(crate) fn named(record: &[u8], slot: u8) -> Option<NamedClaim<'_>> {
    let at = usize::from(u16::from_le_bytes(take(record, AT_NAMED)?));
    named_in(record.get(at..)?, slot)
}

/// The claim in `slot`; `named` begins with the rules that were met and the places of all claims.
#[inline]
fn named_in(named: &[u8], slot: u8) -> Option<NamedClaim<'_>> {
    let place: [u8; 2] = take(named, 2 * (MET + usize::from(slot)))?;
    let place = Some(usize::from(u16::from_le_bytes(place))).filter(|place| *place != 0)?;
    let ([_, form, low, high], behind) = named.get(place..)?.split_first_chunk::<4>()?;
    let bytes = behind.get(..usize::from(u16::from_le_bytes([*low, *high])))?;
    Some(if *form == NAMED_TEXT { NamedClaim::Text(bytes) } else { NamedClaim::Json(bytes) })
}

/// Remembers in a record of the cache that the token meets the rules with this number, in place of those that it met the longest ago.
pub(crate) fn note_met(record: &mut [u8], rules: RulesNumber) {
    let Some(at) = take(record, AT_NAMED).map(|at| usize::from(u16::from_le_bytes(at))) else { return };
    let Some(met) = record.get_mut(at..).and_then(|named| named.first_chunk_mut::<{ 2 * MET }>()) else { return };
    met.copy_within(..2 * (MET - 1), 2);
    put(met, 0, rules.0.get().to_le_bytes());
}

/// Distinguishes the rules for claims of one entry from those of all others in its policy document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RulesNumber(pub(crate) NonZeroU16);

impl<'a> VerifiedToken<'a> {
    /// Reads a record that [`pack`] wrote; `None` for anything else.
    #[cfg_attr(feature = "fast", inline(always))]
    pub(crate) fn unpack(record: &'a [u8]) -> Option<Self> {
        // One check of its length for all places in it.
        let fixed = record.first_chunk::<FIXED>()?;
        let [kind, typ, algorithm, flags] = take(fixed, AT_KIND)?;
        let [header, departures] = take(fixed, AT_HEADER)?;
        let has = |flag: u8| flags & flag != 0;
        let seconds = |at| Some(UnixSeconds::new(u64::from_le_bytes(take(fixed, at)?)));
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
        let lengths = fixed.get(AT_LENGTHS..)?.first_chunk()?;
        let place = |field| Some(usize::from(u16::from_le_bytes(take(fixed, field)?)).wrapping_sub(at));
        let (audience_at, named_at) = (place(AT_AUDIENCE)?, place(AT_NAMED)?);
        let authority = AuthorityIndex(u32::from_le_bytes(take(fixed, AT_AUTHORITY)?));
        Some(Self {
            kind: TokenKind::from_number(kind)?,
            typ: *Typ::ALL.get(usize::from(typ))?,
            selected_by: match (header & BY_ALGORITHM != 0, header & BY_ALGORITHM_DESPITE_ID != 0) {
                (true, _) => SelectedBy::Algorithm,
                (_, true) => SelectedBy::AlgorithmDespiteId,
                (false, false) => SelectedBy::Name,
            },
            extra_parameters: header & EXTRA_PARAMETERS != 0,
            names_workload: header & NAMES_WORKLOAD != 0,
            without_issuer: header & WITHOUT_ISSUER != 0,
            departures: Departures(departures),
            algorithm: Algorithm::from_index(algorithm)?,
            authority,
            key: KeyHandle {
                authority,
                slot: u32::from_le_bytes(take(fixed, AT_SLOT)?),
                serial: u64::from_le_bytes(take(fixed, AT_SERIAL)?),
            },
            expires_at: seconds(AT_EXPIRES)?,
            not_before: if has(HAS_NOT_BEFORE) { Some(seconds(AT_NOT_BEFORE)?) } else { None },
            issued_at: if has(HAS_ISSUED) { Some(seconds(AT_ISSUED)?) } else { None },
            confirmation: Confirmation { key_thumbprint, certificate_thumbprint, unenforceable },
            token_hash,
            texts: Texts { bytes: record.get(at..)?, lengths, named_at, audience_at },
        })
    }

    /// Until when the issuer's answer is good: the place of the key's serial, which it has none of.
    pub(crate) const fn answer_good_until(&self) -> UnixSeconds {
        UnixSeconds::new(self.key.serial)
    }

    /// `iss`
    #[must_use]
    pub fn issuer(&self) -> Option<&'a str> {
        self.texts.text(Claim::Issuer)
    }

    /// `sub`
    #[must_use]
    pub fn subject(&self) -> Option<&'a str> {
        self.texts.text(Claim::Subject)
    }

    /// `sub` as bytes, empty if absent: comparing them needs no check that they are UTF-8, which they are.
    pub(crate) fn subject_bytes(&self) -> &'a [u8] {
        self.texts.bytes_of(Claim::Subject)
    }

    /// `scope` as bytes, empty if absent.
    pub(crate) fn scope_bytes(&self) -> &'a [u8] {
        self.texts.bytes_of(Claim::Scope)
    }

    /// `scope`, as in the token.
    #[must_use]
    pub fn scope(&self) -> Option<&'a str> {
        self.texts.text(Claim::Scope)
    }

    /// `client_id`
    #[must_use]
    pub fn client_id(&self) -> Option<&'a str> {
        self.texts.text(Claim::ClientId)
    }

    /// `jti`
    #[must_use]
    pub fn token_id(&self) -> Option<&'a str> {
        self.texts.text(Claim::TokenId)
    }

    /// `act`, as the JSON object in the token.
    #[must_use]
    pub fn actor_json(&self) -> Option<&'a str> {
        self.texts.text(Claim::Actor)
    }

    /// `txn`
    #[must_use]
    pub fn transaction(&self) -> Option<&'a str> {
        self.texts.text(Claim::Transaction)
    }

    /// `req_wl`
    #[must_use]
    pub fn requesting_workload(&self) -> Option<&'a str> {
        self.texts.text(Claim::RequestingWorkload)
    }

    /// A claim that the record keeps as text or, for an object, as JSON; `None` where the token has none, or its kind keeps none.
    #[must_use]
    pub fn claim(&self, claim: Claim) -> Option<&'a str> {
        self.texts.text(claim)
    }

    /// Whether the token departs from its kind's specification in what only some policies allow.
    pub(crate) const fn departs(&self) -> bool {
        self.departures.0 != 0
    }

    /// Whether its scope is an array, where its kind has a string.
    pub(crate) const fn scope_is_listed(&self) -> bool {
        self.departures.0 & SCOPE_LISTED != 0
    }

    /// The claims that its kind requires and the token does not have.
    #[cold]
    pub(crate) fn lacking(&self) -> ClaimSet {
        let is_absent = |claim: &Claim| match claim {
            Claim::Audience => self.audience_bytes().next().is_none(),
            Claim::IssuedAt => self.issued_at.is_none(),
            // A record without `exp` is not made, and no kind requires these others.
            Claim::ExpiresAt | Claim::NotBefore | Claim::Confirmation => false,
            _ => self.texts.stored(claim.index()) == ABSENT,
        };
        self.kind.profile().required.iter().filter(is_absent).fold(ClaimSet::default(), ClaimSet::with)
    }

    /// The claim that the policy document names in `slot`.
    #[inline]
    pub(crate) fn named(&self, slot: u8) -> Option<NamedClaim<'a>> {
        named_in(self.texts.named(), slot)
    }

    /// Whether the token met these rules for claims before, which is remembered of the last few.
    #[inline]
    pub(crate) fn met(&self, rules: RulesNumber) -> bool {
        let met = self.texts.named().first_chunk::<{ 2 * MET }>();
        met.is_some_and(|met| met.as_chunks().0.contains(&rules.0.get().to_le_bytes()))
    }

    /// The values of `aud`.
    pub fn audience(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.audience_bytes().map(text)
    }

    /// The values of `aud` as bytes.
    #[inline]
    pub(crate) fn audience_bytes(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.texts.bytes.get(self.texts.audience_at..self.texts.named_at).unwrap_or_default();
        core::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk::<2>()?;
            let (value, behind) = behind.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            rest = behind;
            Some(value)
        })
    }
}

impl<'a> Texts<'a> {
    /// What [`add_named`] added.
    #[inline]
    fn named(&self) -> &'a [u8] {
        self.bytes.get(self.named_at..).unwrap_or_default()
    }

    #[inline]
    fn stored(&self, place: usize) -> u16 {
        self.lengths.get(2 * place..).and_then(|rest| rest.first_chunk()).map_or(ABSENT, |two| u16::from_le_bytes(*two))
    }

    #[inline]
    fn length(&self, place: usize) -> usize {
        let length = self.stored(place);
        if length == ABSENT { 0 } else { usize::from(length) }
    }

    #[inline]
    fn start_of(&self, place: usize) -> usize {
        (0..place).map(|before| self.length(before)).sum()
    }

    fn text(&self, claim: Claim) -> Option<&'a str> {
        if self.stored(claim.index()) == ABSENT {
            return None;
        }
        Some(text(self.bytes_of(claim)))
    }

    fn bytes_of(&self, claim: Claim) -> &'a [u8] {
        let place = claim.index();
        let start = self.start_of(place);
        self.bytes.get(start..start + self.length(place)).unwrap_or_default()
    }
}

/// The bytes came out of a checked text, so this never falls back.
pub(crate) fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}
