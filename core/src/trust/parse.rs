//! SPIFFE bundles (Trust Domain and Bundle §4) and JWK sets (RFC 7517 §5): one document to usable keys.
//!
//! One odd key never kills a set: it is dropped, counted and named. Only a document that is no set at all is refused.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::crypto::{Backend, PublicKey, sha256};
use crate::document::DocumentFault;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::base64url;
use crate::jose::header::CertificateHash;
use crate::jose::json::{JsonError, JsonObject, JsonString, Value};
use crate::limits;
use crate::order::sort;
use crate::printable::quoted;
use crate::trust::authority::Authority;
use crate::trust::form::TrustForm;
use crate::trust::jwk::{JwkBuffer, JwkError, UnverifiedJwk};
use crate::trust::key::CertificateNames;
use crate::trust::selection::KeySelection;
use crate::trust::thumbprint::thumbprint;

/// Why a document was refused whole; the last good one stays in use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustError {
    /// Longer than [`limits::TRUST_DOCUMENT_BYTES`].
    TooLarge,
    /// Not JSON, or a name is repeated, or deeper than the limit.
    Json(JsonError),
    /// Not an object, or without an array `keys` (Trust Domain and Bundle §4.1.3).
    KeysMissing,
    /// More than [`limits::KEYS_PER_SET`] keys.
    TooManyKeys,
    /// `spiffe_sequence` is not an unsigned integer (§4.1.1).
    SequenceMalformed,
    /// `spiffe_sequence` is lower than that of the document in use: an older document.
    SequenceRollback {
        /// The sequence in use.
        stored: u64,
        /// The sequence of the refused document.
        offered: u64,
    },
    /// The policy document names no such trust domain or issuer.
    AuthorityUnknown,
    /// The document has the marks of another form than the policy says.
    OtherForm {
        /// The form it looks like.
        found: TrustForm,
        /// The form that the policy says.
        expected: TrustForm,
    },
    /// A bundle map without an object of documents by trust domain (Trust Domain and Bundle §5.1.1).
    TrustDomainsMissing,
    /// A member of a bundle map whose name is no trust domain name.
    TrustDomainMalformed {
        /// The name.
        name: String,
    },
    /// A value of spiffe-helper's map is not the base64 of a document.
    Base64,
    /// A fault of one document refuses the whole map (Trust Domain and Bundle, appendix B.1).
    InMap {
        /// The authority of the document.
        trust_domain: Box<str>,
        /// The fault of the document.
        fault: Box<TrustError>,
    },
}

impl From<DocumentFault> for TrustError {
    fn from(fault: DocumentFault) -> Self {
        match fault {
            DocumentFault::TooLong { .. } => Self::TooLarge,
            DocumentFault::Json(fault) => Self::Json(fault),
        }
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => {
                write!(f, "a document that is too long, expected {}", limits::row::TRUST_DOCUMENT_BYTES.of("bytes"))
            }
            Self::Json(fault) => fault.fmt(f),
            Self::KeysMissing => f.write_str("no array `keys`"),
            Self::TooManyKeys => write!(f, "too many keys, expected {}", limits::row::KEYS_PER_SET.of("keys")),
            Self::SequenceMalformed => f.write_str("`spiffe_sequence` is not an unsigned integer"),
            Self::SequenceRollback { stored, offered } => {
                write!(f, "`spiffe_sequence` {offered} is lower than {stored}, which is in use")
            }
            Self::AuthorityUnknown => f.write_str("no such trust domain or issuer in the policy document"),
            Self::OtherForm { found, expected } => {
                write!(f, "{found} where the policy says {expected}; its trust entry names it by {}", found.setting())
            }
            Self::TrustDomainsMissing => f.write_str("no object of documents by trust domain"),
            Self::TrustDomainMalformed { name } => write!(f, "{}, which is no trust domain name", quoted(name)),
            Self::Base64 => f.write_str("not a text in base64 with padding"),
            Self::InMap { trust_domain, fault } => write!(f, "trust domain {trust_domain}: {fault}"),
        }
    }
}

impl core::error::Error for TrustError {}

/// A key that was dropped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedKey {
    /// Its place in `keys`, from 0.
    pub index: usize,
    /// Its `kid`, cut at 64 characters.
    pub key_id: Option<String>,
    /// The reason.
    pub fault: JwkError,
}

/// What became of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// How many keys were in use before and still are.
    pub kept: usize,
    /// How many are new.
    pub added: usize,
    /// How many are gone: their tokens are refused from now on.
    pub removed: usize,
    /// How many entries are for another purpose (`x509-svid`, `wit-svid`, `enc`).
    pub other_use: usize,
    /// The dropped entries, the first hundred of them by name.
    pub dropped: Vec<DroppedKey>,
    /// How many entries were dropped in all.
    pub dropped_count: usize,
    /// The sequence number is the one in use, the document is not: an operator should look.
    pub sequence_reused: bool,
    /// The form that the document looks like, where that is another one than the policy says.
    pub resembles: Option<TrustForm>,
}

pub(super) struct ParsedSet {
    pub(super) keys: Vec<ParsedKey>,
    pub(super) sequence: Option<u64>,
    pub(super) refresh_hint_seconds: Option<u64>,
    pub(super) digest: [u8; 32],
    pub(super) report: LoadReport,
}

pub(super) struct ParsedKey {
    index: usize,
    pub(super) key_id: Option<Box<str>>,
    pub(super) certificate: CertificateNames,
    pub(super) public: PublicKey,
    pub(super) algorithms: AlgorithmSet,
    pub(super) thumbprint: [u8; 32],
}

impl LoadReport {
    fn drop_key(&mut self, index: usize, key_id: Option<&str>, fault: JwkError) {
        self.dropped_count += 1;
        if self.dropped.len() < limits::NAMED_DROPS {
            let key_id = key_id.map(|id| id.chars().take(limits::KEY_ID_CHARS).collect());
            self.dropped.push(DroppedKey { index, key_id, fault });
        }
    }
}

/// What the engine and the policy say of the keys of one authority.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRules {
    /// The library that checks their signatures.
    pub(crate) backend: Backend,
    /// The algorithms that the engine checks.
    pub(crate) checked: AlgorithmSet,
    /// `algorithms` of the trust entry: a key is used with what is in both, and dropped if that is nothing.
    pub(crate) allowed: AlgorithmSet,
    /// How a token selects one of them.
    pub(crate) selection: KeySelection,
}

/// Reads a document of keys.
pub(super) fn parse(
    authority: &Authority,
    form: TrustForm,
    document: &[u8],
    rules: KeyRules,
) -> Result<ParsedSet, TrustError> {
    let root = form.document_kind().parse(document)?;
    let root = root.as_object().ok_or(TrustError::KeysMissing)?;
    let resembles = TrustForm::resembled_by(root).filter(|found| *found != form);
    let Some(entries) = root.member("keys").and_then(Value::as_array) else {
        return Err(resembles.map_or(TrustError::KeysMissing, |found| TrustError::OtherForm { found, expected: form }));
    };
    let sequence = match root.member("spiffe_sequence") {
        // §4.1.1: an integer; a float, a string or a negative number is refused rather than read as absent, which
        // would switch the rollback check off.
        Some(Value::Number(number)) => Some(number.as_u64().ok_or(TrustError::SequenceMalformed)?),
        Some(_) => return Err(TrustError::SequenceMalformed),
        None => None,
    };
    // §4.1.2: advice only. Anything odd is as good as none.
    let refresh_hint_seconds = match root.member("spiffe_refresh_hint") {
        Some(Value::Number(number)) => {
            number.as_u64().filter(|hint| *hint > 0).map(|hint| hint.clamp(10, 24 * 60 * 60))
        }
        _ => None,
    };

    let mut report = LoadReport { resembles, ..LoadReport::default() };
    let (mut keys, mut wit_key_ids) = (Vec::<ParsedKey>::new(), Vec::new());
    for (index, entry) in entries.elements().enumerate() {
        if index >= limits::KEYS_PER_SET {
            return Err(TrustError::TooManyKeys);
        }
        match read_key(authority, form, index, entry, rules) {
            Ok(Some(key)) => keys.push(key),
            Ok(None) => {
                report.other_use += 1;
                wit_key_ids.extend(wit_key_id(entry).filter(|_| authority.is_trust_domain()));
            }
            Err(fault) => {
                let kid = entry.as_object().and_then(|object| object.member("kid")).and_then(Value::as_string);
                report.drop_key(index, kid.map(JsonString::to_owned_string).as_deref(), fault);
            }
        }
    }
    sort(&mut wit_key_ids, Ord::cmp);
    drop_taken(&mut keys, &wit_key_ids, &mut report);
    merge_listings(&mut keys);
    drop_ambiguous(&mut keys, authority, rules.selection, &mut report);
    if rules.selection.match_x5t {
        for hash in CertificateHash::ALL {
            unname_ambiguous(&mut keys, hash, rules.selection);
        }
    }
    Ok(ParsedSet { keys, sequence, refresh_hint_seconds, digest: sha256(document), report })
}

/// One entry: a usable key, `None` for a key of another purpose, or why it is dropped.
fn read_key(
    authority: &Authority,
    form: TrustForm,
    index: usize,
    entry: Value<'_>,
    KeyRules { backend, checked, allowed, selection }: KeyRules,
) -> Result<Option<ParsedKey>, JwkError> {
    let object = entry.as_object().ok_or(JwkError::Malformed)?;
    let member = |name| object.member(name).filter(|value| !matches!(value, Value::Null));
    // The use comes first: a key for another purpose may have a type and an algorithm that are not supported here.
    let usage = member("use").map(|usage| usage.as_string().ok_or(JwkError::Malformed)).transpose()?;
    let is = |word: &str| usage.is_some_and(|usage| usage.is(word));
    let is_for_jwt_svids = authority.is_trust_domain() && is("jwt-svid");
    if authority.is_trust_domain() && (is("x509-svid") || is("wit-svid")) {
        return Ok(None);
    }
    match form.of_one() {
        // Workload API, JWT profile: each key of the set is a JWT authority, so `use` may be absent. RFC 7517 §4.2: a key for encryption
        // is not one for signatures.
        TrustForm::JwkSet if is("enc") => return Ok(None),
        TrustForm::JwkSet if usage.is_none() || is("sig") || is_for_jwt_svids => {}
        // Trust Domain and Bundle §4.2.2: `use` is required; unknown values are ignored. JWT-SVID §6.2: only
        // `jwt-svid` entries verify JWT-SVIDs.
        TrustForm::SpiffeBundle if is_for_jwt_svids => {}
        _ => return Err(JwkError::Use),
    }
    let jwk = UnverifiedJwk::parse_in_set(object)?;
    let key_id = jwk.key_id.map(JsonString::to_owned_string).filter(|id| !id.is_empty());
    // JWT-SVID §6.1: "each [jwt-svid] entry […] MUST include a kid parameter"
    if authority.is_trust_domain() && key_id.is_none() {
        return Err(JwkError::KeyIdMissing);
    }
    let mut buffer = JwkBuffer::new();
    let material = jwk.material(&mut buffer)?;
    let public = PublicKey::new_by(backend, &material).map_err(|_| JwkError::InvalidKey)?;
    // RFC 7517 §4.7: "The key in the first certificate MUST match the public key represented by other members of the JWK."
    if first_certificate(object).and_then(|der| public.is_of_certificate(&der)) == Some(false) {
        return Err(JwkError::CertificateMismatch);
    }
    let fitting = AlgorithmSet::ALL.iter().filter(|algorithm| public.fits(*algorithm));
    let algorithms = match jwk.algorithm {
        // RFC 7517 §4.4, RFC 9864 §7: one key, one algorithm. `EdDSA` and `Ed25519` are two names, and with a key on Ed25519 they name the
        // same algorithm (RFC 9864 §2.2): mixed only where the policy says so (specs: ED-5).
        Some(only) if public.fits(only) && selection.eddsa_is_ed25519 => only.by_all_names(),
        Some(only) if public.fits(only) => AlgorithmSet::default().with(only),
        Some(_) => return Err(JwkError::Algorithm),
        None => fitting.fold(AlgorithmSet::default(), |set, algorithm: Algorithm| set.with(algorithm)),
    };
    let algorithms = algorithms.intersection(allowed);
    if algorithms.is_empty() {
        return Err(JwkError::AlgorithmNotAllowed);
    }
    let algorithms = algorithms.intersection(checked);
    if algorithms.is_empty() {
        return Err(JwkError::AlgorithmUnsupported);
    }
    let thumbprint = thumbprint(&material);
    let hash = |name| member(name)?.as_string().filter(|_| selection.match_x5t).map(JsonString::to_owned_string);
    let certificate = CertificateHash::ALL.map(|of| hash(of.name()).map(Into::into));
    Ok(Some(ParsedKey { index, key_id: key_id.map(Into::into), certificate, public, algorithms, thumbprint }))
}

/// The DER of the first element of `x5c`. A text that is not base64 has no certificate, and so none of another key.
fn first_certificate(key: JsonObject<'_>) -> Option<Vec<u8>> {
    let text = key.member("x5c")?.as_array()?.elements().next()?.as_string()?.to_owned_string();
    let mut der = alloc::vec![0; text.len()];
    let length = base64url::decode_standard_padded(text.as_bytes(), &mut der).ok()?.len();
    der.truncate(length);
    Some(der)
}

/// The `kid` of an entry for WIT-SVIDs.
fn wit_key_id(entry: Value<'_>) -> Option<String> {
    let object = entry.as_object()?;
    let is_for_wit = object.member("use").and_then(Value::as_string).is_some_and(|usage| usage.is("wit-svid"));
    object.member("kid").and_then(Value::as_string).filter(|_| is_for_wit).map(JsonString::to_owned_string)
}

/// Drops keys whose `kid` is in `taken`, which is sorted. WIT-SVID §6.1: the `kid` is unique among the `jwt-svid` and `wit-svid`
/// entries of a bundle (specs: BND-19).
fn drop_taken(keys: &mut Vec<ParsedKey>, taken: &[String], report: &mut LoadReport) {
    keys.retain(|key| {
        let key_id = key.key_id.as_deref();
        let is_taken = key_id.is_some_and(|id| taken.binary_search_by(|taken| taken.as_str().cmp(id)).is_ok());
        if is_taken {
            report.drop_key(key.index, key_id, JwkError::KeyIdRepeated);
        }
        !is_taken
    });
}

/// Makes one key of its listings under one `kid`: some issuers list a key once for each `alg`, and a repetition adds nothing.
///
/// Leaves the keys sorted by `kid`.
fn merge_listings(keys: &mut Vec<ParsedKey>) {
    sort(keys, |a, b| (&a.key_id, a.thumbprint, a.index).cmp(&(&b.key_id, b.thumbprint, b.index)));
    keys.dedup_by(|again, first| {
        let is_one = again.key_id == first.key_id && again.thumbprint == first.thumbprint;
        if is_one {
            first.algorithms = first.algorithms.union(again.algorithms);
            for (known, named) in first.certificate.iter_mut().zip(&mut again.certificate) {
                *known = known.take().or(named.take());
            }
        }
        is_one
    });
}

/// Drops keys with which a token could mean another one too. RFC 7517 §4.5 wants the `kid` of keys distinct, "One example in which different
/// keys might use the same "kid" value is if they have different "kty" values": what tells them apart is the token's `alg`. An attacker
/// who can add a key could shadow one (specs: JWK-4), so no more keys of a `kid` are left for an algorithm than the policy has tried. In
/// a bundle each `kid` is unique (WIT-SVID §6.1, specs: BND-19).
fn drop_ambiguous(keys: &mut Vec<ParsedKey>, authority: &Authority, selection: KeySelection, report: &mut LoadReport) {
    let (mut from, mut dropped) = (0, Vec::new());
    while let Some(first) = keys.get(from) {
        let run = keys[from..].iter().take_while(|key| key.key_id == first.key_id).count();
        let run = from..from + run;
        from = run.end;
        if first.key_id.is_none() {
            continue;
        }
        let of_run = keys.get(run.clone()).unwrap_or_default();
        let crowded = crowded(of_run.iter(), selection.most());
        for (place, key) in run.clone().zip(of_run) {
            let is_unique = if authority.is_trust_domain() {
                run.len() == 1
            } else {
                key.algorithms.intersection(crowded).is_empty()
            };
            if !is_unique {
                report.drop_key(key.index, key.key_id.as_deref(), JwkError::KeyIdRepeated);
                dropped.push(place);
            }
        }
    }
    let mut place = 0;
    keys.retain(|_| {
        place += 1;
        dropped.binary_search(&(place - 1)).is_err()
    });
}

/// Takes the hash of a certificate from keys that too many others share it with: then it selects none of them.
fn unname_ambiguous(keys: &mut [ParsedKey], hash: CertificateHash, selection: KeySelection) {
    let at = hash.index();
    let mut named: Vec<&mut ParsedKey> = keys.iter_mut().filter(|key| key.certificate[at].is_some()).collect();
    sort(&mut named, |a, b| a.certificate[at].cmp(&b.certificate[at]));
    for run in named.chunk_by_mut(|a, b| a.certificate[at] == b.certificate[at]) {
        let crowded = crowded(run.iter().map(|key| &**key), selection.most());
        for key in run {
            if !key.algorithms.intersection(crowded).is_empty() {
                key.certificate[at] = None;
            }
        }
    }
}

/// The algorithms that fit more than `most` of these keys.
fn crowded<'k>(keys: impl Iterator<Item = &'k ParsedKey>, most: usize) -> AlgorithmSet {
    let mut counts = [0; Algorithm::ALL.len()];
    for key in keys {
        for (algorithm, count) in Algorithm::ALL.into_iter().zip(&mut counts) {
            *count += usize::from(key.algorithms.contains(algorithm));
        }
    }
    Algorithm::ALL.into_iter().zip(counts).filter(|(_, count)| *count > most).map(|(algorithm, _)| algorithm).collect()
}
