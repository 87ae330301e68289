//! SPIFFE bundles (Trust Domain and Bundle §4) and JWK sets (RFC 7517 §5): one document to usable keys.
//!
//! One odd key never kills a set: it is dropped, counted and named. Only a document that is no set at all is refused.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::crypto::{Backend, PublicKey, sha256};
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::json::{self, Budget, JsonFault, JsonString, Value};
use crate::limits;
use crate::order::sort;
use crate::trust::jwk::{JwkBuffer, JwkFault, UnverifiedJwk};
use crate::trust::set::Origin;
use crate::trust::thumbprint::thumbprint;

/// Why a document was refused whole; the last good one stays in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustFault {
    /// Longer than [`limits::TRUST_DOCUMENT_BYTES`].
    TooLarge,
    /// Not JSON, or a name is repeated, or deeper than the limit.
    Json(JsonFault),
    /// Not an object, or without an array `keys` (Trust Domain and Bundle §4.1.3).
    KeysMissing,
    /// More than [`limits::KEYS_PER_SET`] keys.
    TooManyKeys,
    /// `spiffe_sequence` is not an unsigned integer (§4.1.1).
    SequenceMalformed,
    /// `spiffe_sequence` is lower than that of the document in force: an older document.
    SequenceRollback {
        /// The sequence in force.
        stored: u64,
        /// The sequence of the refused document.
        offered: u64,
    },
    /// The policy document names no such trust domain or issuer.
    OriginUnknown,
}

impl fmt::Display for TrustFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the document is longer than {} bytes", limits::TRUST_DOCUMENT_BYTES),
            Self::Json(JsonFault::Malformed { at, expected }) => {
                write!(f, "not JSON: at byte {at}, expected {expected}")
            }
            Self::Json(JsonFault::Limit) => f.write_str("deeper or wider than the limit"),
            Self::KeysMissing => f.write_str("no array `keys`"),
            Self::TooManyKeys => write!(f, "more than {} keys", limits::KEYS_PER_SET),
            Self::SequenceMalformed => f.write_str("`spiffe_sequence` is not an unsigned integer"),
            Self::SequenceRollback { stored, offered } => {
                write!(f, "`spiffe_sequence` {offered} is lower than {stored}, which is in force")
            }
            Self::OriginUnknown => f.write_str("no such trust domain or issuer in the policy document"),
        }
    }
}

impl core::error::Error for TrustFault {}

/// A key that was dropped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedKey {
    /// Its place in `keys`, from 0.
    pub index: usize,
    /// Its `kid`, cut at 64 characters.
    pub key_id: Option<String>,
    /// Why.
    pub fault: JwkFault,
}

/// What became of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// How many keys were in force before and still are.
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
    /// The sequence number is the one in force, the document is not: somebody should look.
    pub sequence_reused: bool,
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
    pub(super) public: PublicKey,
    pub(super) algorithms: AlgorithmSet,
    pub(super) thumbprint: [u8; 32],
}

impl LoadReport {
    fn drop_key(&mut self, index: usize, key_id: Option<&str>, fault: JwkFault) {
        self.dropped_count += 1;
        if self.dropped.len() < limits::NAMED_DROPS {
            let key_id = key_id.map(|id| id.chars().take(64).collect());
            self.dropped.push(DroppedKey { index, key_id, fault });
        }
    }
}

/// Reads a document for keys of `backend`; a key none of whose algorithms is in `checked` is dropped.
pub(super) fn parse(
    origin: &Origin,
    document: &[u8],
    backend: Backend,
    checked: AlgorithmSet,
) -> Result<ParsedSet, TrustFault> {
    if document.len() > limits::TRUST_DOCUMENT_BYTES {
        return Err(TrustFault::TooLarge);
    }
    let root = json::parse(document, Budget::TRUST).map_err(TrustFault::Json)?;
    let root = root.as_object().ok_or(TrustFault::KeysMissing)?;
    let entries = root.member("keys").and_then(Value::as_array).ok_or(TrustFault::KeysMissing)?;
    let sequence = match root.member("spiffe_sequence") {
        // §4.1.1: an integer; a float, a string or a negative number is refused rather than read as absent, which
        // would switch the rollback check off.
        Some(Value::Number(number)) => Some(number.as_u64().ok_or(TrustFault::SequenceMalformed)?),
        Some(_) => return Err(TrustFault::SequenceMalformed),
        None => None,
    };
    // §4.1.2: advice only. Anything odd is as good as none.
    let refresh_hint_seconds = match root.member("spiffe_refresh_hint") {
        Some(Value::Number(number)) => {
            number.as_u64().filter(|hint| *hint > 0).map(|hint| hint.clamp(10, 24 * 60 * 60))
        }
        _ => None,
    };

    let mut report = LoadReport::default();
    let mut keys: Vec<ParsedKey> = Vec::new();
    for (index, entry) in entries.elements().enumerate() {
        if index >= limits::KEYS_PER_SET {
            return Err(TrustFault::TooManyKeys);
        }
        match read_key(origin, index, entry, backend, checked) {
            Ok(Some(key)) => keys.push(key),
            Ok(None) => report.other_use += 1,
            Err(fault) => {
                let kid = entry.as_object().and_then(|object| object.member("kid")).and_then(Value::as_string);
                report.drop_key(index, kid.map(JsonString::to_owned_string).as_deref(), fault);
            }
        }
    }
    drop_repeated(&mut keys, &mut report);
    Ok(ParsedSet { keys, sequence, refresh_hint_seconds, digest: sha256(document), report })
}

/// One entry: a usable key, `None` for a key of another purpose, or why it is dropped.
fn read_key(
    origin: &Origin,
    index: usize,
    entry: Value<'_>,
    backend: Backend,
    checked: AlgorithmSet,
) -> Result<Option<ParsedKey>, JwkFault> {
    let object = entry.as_object().ok_or(JwkFault::Malformed)?;
    // The use comes first: a key for another purpose may have a type and an algorithm that are none of ours.
    let usage = object.member("use").map(|usage| usage.as_string().ok_or(JwkFault::Malformed)).transpose()?;
    match (origin, usage) {
        // Trust Domain and Bundle §4.2.2: `use` is required; unknown values are ignored. JWT-SVID §6.2: only
        // `jwt-svid` entries verify JWT-SVIDs.
        (Origin::TrustDomain(_), Some(usage)) if usage.is("jwt-svid") => {}
        (Origin::TrustDomain(_), Some(usage)) if usage.is("x509-svid") || usage.is("wit-svid") => return Ok(None),
        (Origin::TrustDomain(_), _) => return Err(JwkFault::Use),
        // RFC 7517 §4.2: a key for encryption is not one for signatures.
        (Origin::Issuer(_), Some(usage)) if usage.is("enc") => return Ok(None),
        (Origin::Issuer(_), Some(usage)) if !usage.is("sig") => return Err(JwkFault::Use),
        (Origin::Issuer(_), _) => {}
    }
    let jwk = UnverifiedJwk::parse(object)?;
    let key_id = jwk.key_id.map(JsonString::to_owned_string).filter(|id| !id.is_empty());
    // JWT-SVID §6.1: "each [jwt-svid] entry […] MUST include a kid parameter"
    if origin.is_trust_domain() && key_id.is_none() {
        return Err(JwkFault::KeyIdMissing);
    }
    let mut buffer = JwkBuffer::new();
    let material = jwk.material(&mut buffer)?;
    let public = PublicKey::new_by(backend, &material).map_err(|_| JwkFault::InvalidKey)?;
    let fitting = AlgorithmSet::ALL.iter().filter(|algorithm| public.fits(*algorithm));
    let algorithms = match jwk.algorithm {
        // RFC 7517 §4.4, RFC 9864 §7: one key, one algorithm; `EdDSA` and `Ed25519` are two names and not mixed.
        Some(only) if public.fits(only) => AlgorithmSet::default().with(only),
        Some(_) => return Err(JwkFault::Algorithm),
        None => fitting.fold(AlgorithmSet::default(), |set, algorithm: Algorithm| set.with(algorithm)),
    };
    let algorithms = algorithms.intersection(checked);
    if algorithms.is_empty() {
        return Err(JwkFault::AlgorithmUnsupported);
    }
    let thumbprint = thumbprint(&material);
    Ok(Some(ParsedKey { index, key_id: key_id.map(Into::into), public, algorithms, thumbprint }))
}

/// Drops keys whose `kid` another key has too. RFC 7517 §4.5 wants them distinct; a token could mean either, and an
/// attacker who can add a key could shadow one (specs: JWK-4, BND-19). An exact repetition is the same key, kept once.
fn drop_repeated(keys: &mut Vec<ParsedKey>, report: &mut LoadReport) {
    // Of the keys without `kid`, repetitions come together.
    let unnamed = |key: &ParsedKey| key.key_id.is_none().then_some(key.thumbprint);
    sort(keys, |a, b| (&a.key_id, unnamed(a), a.index).cmp(&(&b.key_id, unnamed(b), b.index)));
    let same = |a: &ParsedKey, b: &ParsedKey| a.thumbprint == b.thumbprint && a.algorithms == b.algorithms;
    let mut kept: Vec<ParsedKey> = Vec::with_capacity(keys.len());
    let mut run: Vec<ParsedKey> = Vec::new();
    let mut flush = |run: &mut Vec<ParsedKey>, kept: &mut Vec<ParsedKey>| {
        let Some(first) = run.first() else { return };
        if first.key_id.is_none() {
            for key in run.drain(..) {
                // One key has at most as many sorts of `alg` as there are algorithms for it.
                let mut of_this_key = kept.iter().rev().take_while(|known| known.thumbprint == key.thumbprint);
                if !of_this_key.any(|known| same(known, &key)) {
                    kept.push(key);
                }
            }
        } else if run.iter().all(|key| same(key, first)) {
            kept.extend(run.drain(..).take(1));
        } else {
            for key in run.drain(..) {
                report.drop_key(
                    key.index,
                    key.key_id.as_deref().map(ToOwned::to_owned).as_deref(),
                    JwkFault::KeyIdRepeated,
                );
            }
        }
        run.clear();
    };
    for key in keys.drain(..) {
        if run.first().is_some_and(|first| first.key_id != key.key_id) {
            flush(&mut run, &mut kept);
        }
        run.push(key);
    }
    flush(&mut run, &mut kept);
    *keys = kept;
}
