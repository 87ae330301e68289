//! DPoP proofs (RFC 9449 §4.3), the twelve items of the list.
//!
//! Items 1 (one header field) and 12b (the key is the one that the token is bound to) are checked where the attribute is
//! known: `request` and `check_key`. The order is: form, claims, algorithm, bounds of the key, binding, the key itself, signature, and last
//! the replay store, so that no client fills the store without a valid signature (§11.1), and none has a key prepared that no
//! token names.

use crate::crypto::{KeyKind, KeyMaterial, PublicKey, RSA_MODULUS_MIN_BITS, Sha256, bit_len};
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url;
use crate::jose::compact::CompactJws;
use crate::jose::header::{Typ, UnverifiedHeader};
use crate::jose::json::{self, Budget, Fraction, JsonString, NameTable, Value};
use crate::limits;
use crate::memory::proof_keys::{KeyUse, PresentedKey, ProofKeys};
use crate::memory::replay::FirstUse;
use crate::reason::Reason;
use crate::request::Request;
use crate::specs::check::Check;
use crate::specs::claims::{numeric_date, string};
use crate::specs::common::presentation::{self, AuthScheme};
use crate::specs::nonce::NONCE_CHARS;
use crate::specs::row::{Proof, ProofFacts, ProofMethod, Used};
use crate::specs::settings::{NonceMode, ReplayMode};
use crate::time::UnixSeconds;
use crate::trust::jwk::{JwkBuffer, UnverifiedJwk};
use crate::trust::thumbprint::thumbprint;
use crate::uri::{OwnedOrigin, TargetUri, UriError};

pub(crate) const METHOD: ProofMethod = ProofMethod {
    name: "dpop",
    confirmation: "jkt",
    header_fields: &["dpop"],
    scheme: Some(AuthScheme::Dpop),
    bound_to: |confirmation| confirmation.key_thumbprint,
    check,
    rules: "DP",
};

/// §4.3 and §7: the proof for a token that is bound to a key.
///
/// # Errors
/// The reason of the first of the checks, in the order of this function, that fails.
#[inline(never)]
fn check(proof: &mut Proof<'_>) -> Result<(), Reason> {
    let (request, settings) = (proof.request, proof.settings);
    let memory = &mut proof.memory;
    let token_hash = proof.token_hash.ok_or(Reason::InternalError)?;

    proof.trace.enter(Check::ProofPresent);
    let presented = presentation::proof(request.proof)?;

    proof.trace.enter(Check::ProofForm);
    let jws = CompactJws::parse(presented).map_err(malformed)?;
    if jws.header().len() > limits::HEADER_BYTES {
        return Err(Reason::ProofTooLarge);
    }
    let mut buffer = None;
    let key = memory.keys.recall_or_read(jws.header(), memory.header, memory.names, &mut buffer, read_header)?;
    // The payload of a proof is shorter than a proof; behind it is room for each of its texts.
    let (payload, scratch) = memory.payload.split_at_mut_checked(limits::PROOF_BYTES).ok_or(Reason::InternalError)?;
    let payload = base64url::decode(jws.payload(), payload).map_err(|_| Reason::ProofMalformed)?;
    let claims = UnverifiedProof::parse(payload, memory.names)?;
    let KeyUse { algorithm, is_renamed } = key.key_use();
    if is_renamed && !settings.eddsa_is_ed25519 {
        return Err(Reason::ProofKeyRefused);
    }

    proof.trace.enter(Check::ProofAlgorithm);
    if !settings.algorithms.contains(algorithm) {
        return Err(Reason::ProofAlgorithmRefused);
    }
    proof.trace.enter(Check::ProofKey);
    // From here on the key's thumbprint is `bound_to`.
    let public = admit(memory.keys, key, jws.header(), proof.bound_to, settings.max_rsa_bits)?;
    let thumbprint = *proof.bound_to;
    proof.trace.enter(Check::ProofMethod);
    claims.check_method(request.method)?;
    proof.trace.enter(Check::ProofUri);
    let target = target(proof.origin, request)?;
    claims.check_uri(&target, scratch)?;
    proof.trace.enter(Check::ProofToken);
    claims.check_token(token_hash)?;
    proof.trace.enter(Check::ProofWindow);
    claims.check_stated_times(request.now, settings.future_seconds)?;
    // Item 11: the creation time of a proof is "determined by either the iat claim or a server managed timestamp via the nonce claim".
    // With a nonce the clock of the client decides nothing: neither here nor in the replay store.
    let (issued_at, fresh_nonce) = match settings.nonce {
        NonceMode::Off => {
            claims.check_window(request.now, settings.max_age_seconds, settings.future_seconds)?;
            (claims.issued_at, None)
        }
        NonceMode::Required => {
            proof.trace.enter(Check::ProofNonce);
            let nonces = proof.nonces.ok_or(Reason::InternalError)?;
            let fresh = nonces.issue(request.now, &thumbprint);
            // A refusal for the nonce, and whatever is refused after it, hands out the next one.
            *proof.next_nonce = Some(fresh);
            let mut nonce = [0; NONCE_CHARS];
            let nonce = claims.nonce.ok_or(Reason::NonceRequired)?.text(&mut nonce).ok_or(Reason::NonceMismatch)?;
            let window = settings.nonce_window();
            let issued_at = nonces.check(nonce.as_bytes(), request.now, window, &thumbprint);
            let issued_at = issued_at.ok_or(Reason::NonceMismatch)?;
            if request.now < issued_at.plus(window.lifetime_seconds / 2) {
                *proof.next_nonce = None; // §8.2: a new nonce is handed out before the old one expires
            }
            (issued_at, Some(fresh))
        }
    };

    proof.trace.enter(Check::ProofSignature);
    let signature = base64url::decode(jws.signature(), memory.signature).map_err(|_| Reason::ProofMalformed)?;
    memory
        .hot_keys
        .verify(public, &thumbprint, algorithm, jws.signing_input(), signature)
        .map_err(|_| Reason::ProofSignatureInvalid)?;
    let replay_key = claims.replay_key(&thumbprint, scratch).ok_or(Reason::ProofTooLarge)?;
    let before = Used::before(request.used_proof, &replay_key);
    let (use_once, handed_on) = (Used::No, replay_key);
    let verified = proof.verified.insert(ProofFacts { replay_key, issued_at, use_once, handed_on });

    proof.trace.enter(Check::ProofReplay);
    match settings.replay {
        ReplayMode::Refuse | ReplayMode::AcceptWhenFull => {}
        ReplayMode::Accept => return Ok(()),
        ReplayMode::Observe => {
            return match proof.replay.was_used(&replay_key, issued_at) {
                Ok(true) if before == Used::No => Err(Reason::ProofReplayed),
                Ok(true) => {
                    verified.note_use(before);
                    Ok(())
                }
                Ok(false) => Ok(()),
                Err(_) => Err(Reason::ReplayStoreUnavailable),
            };
        }
    }
    match proof.replay.record_use(&replay_key, issued_at, request.now) {
        Ok(FirstUse::Recorded) => verified.note_use(Used::Here),
        // By this very request, when another policy judged it.
        Ok(FirstUse::Replayed) if before != Used::No => verified.note_use(before),
        Ok(FirstUse::Replayed) => return Err(Reason::ProofReplayed),
        // As after a restart, or after a clock that was wrong: a fresh proof passes, if need be with a fresh nonce.
        Ok(FirstUse::Unknowable) => {
            *proof.next_nonce = fresh_nonce;
            return Err(Reason::ProofHistoryUnknown);
        }
        Ok(FirstUse::Full | FirstUse::OverShare) if settings.replay == ReplayMode::AcceptWhenFull => {}
        Ok(FirstUse::Full) => return Err(Reason::ReplayStoreFull),
        Ok(FirstUse::OverShare) => return Err(Reason::ProofShareExceeded),
        Err(_) => return Err(Reason::ReplayStoreUnavailable),
    }
    Ok(())
}

/// The key of a header that was `encoded` so, if it is within the policy's bounds and is the one that the token is bound to.
///
/// What costs more than a hash comes last: a key that the token does not name is never prepared, and never remembered.
///
/// # Errors
/// [`Reason::ProofKeyMismatch`]; [`Reason::ProofKeyRefused`] for a key past the bounds, and for numbers that are no key, or not one for
/// the algorithm.
fn admit<'k>(
    keys: &'k mut ProofKeys,
    presented: PresentedKey<'_>,
    encoded: &[u8],
    bound_to: &[u8; 32],
    max_rsa_bits: u64,
) -> Result<&'k PublicKey, Reason> {
    let place = match presented {
        PresentedKey::Known(place, _) => {
            let (public, thumbprint) = keys.get(place).ok_or(Reason::InternalError)?;
            check_known_bounds(public.kind(), max_rsa_bits)?;
            check_key(bound_to, thumbprint)?;
            place
        }
        PresentedKey::New(key_use, material) => {
            check_bounds(&material, max_rsa_bits)?;
            let thumbprint = thumbprint(&material);
            check_key(bound_to, &thumbprint)?;
            let public = PublicKey::new_for(keys.backend(), key_use.algorithm, &material)
                .map_err(|_| Reason::ProofKeyRefused)?;
            keys.keep(encoded, key_use, thumbprint, public)
        }
    };
    keys.get(place).map(|(public, _)| public).ok_or(Reason::InternalError)
}

/// The URI that `htu` is compared to: under the policy's `origin`, or the host's absolute URI.
fn target<'r>(origin: Option<&'r OwnedOrigin>, request: &Request<'r>) -> Result<TargetUri<'r>, Reason> {
    match origin {
        Some(origin) => TargetUri::with_origin(&origin.borrow(), request.uri),
        None => TargetUri::parse(request.uri),
    }
    .map_err(|fault| match fault {
        // A path alone, without a scheme in front and without an origin in the policy: the host has to say the rest.
        UriError::Scheme if request.uri.starts_with(b"/") => Reason::RequestInvalid,
        // All else is the client's doing: its target, its Host. RFC 9449 §4.3 item 9: "The htu claim matches the HTTP URI value for the
        // HTTP request in which the JWT was received". Any other value matches nothing.
        _ => Reason::ProofUriMismatch,
    })
}

/// Reads the decoded header of a proof: how its key is used, and the numbers of the key.
///
/// Does not check whether the policy allows the algorithm, nor that the numbers are within the [bounds](check_bounds) or a valid key.
///
/// # Errors
/// [`Reason::ProofMalformed`], [`Reason::ProofTooLarge`], [`Reason::ProofAlgorithmRefused`], [`Reason::ProofKeyRefused`]
pub(crate) fn read_header<'b>(
    bytes: &[u8],
    names: &mut NameTable,
    buffer: &'b mut JwkBuffer,
) -> Result<(KeyUse, KeyMaterial<'b>), Reason> {
    // Item 2: "The DPoP HTTP request header field value is a single and well-formed JWT".
    let header = UnverifiedHeader::parse(bytes, names).map_err(malformed)?;
    // Item 4: "The typ JOSE Header Parameter has the value dpop+jwt". No extension is understood, so no `crit`.
    if header.typ != Typ::DpopJwt || header.critical || header.nested || !header.has_algorithm {
        return Err(Reason::ProofMalformed);
    }
    let jwk = header.jwk.ok_or(Reason::ProofMalformed)?;
    // Item 5: "The alg JOSE Header Parameter indicates a registered asymmetric digital signature algorithm, is not none,
    // is supported by the application, and is acceptable per local policy".
    let algorithm = header.algorithm.ok_or(Reason::ProofAlgorithmRefused)?;
    // Item 7: "The jwk JOSE Header Parameter does not contain a private key".
    let jwk = UnverifiedJwk::parse(jwk).map_err(|_| Reason::ProofKeyRefused)?;
    // RFC 9864 §2.2: with a key on Ed25519 `EdDSA` is `Ed25519` by another name; whether that will do is the policy's to say (specs: ED-5).
    let is_other = |only: Algorithm| !only.by_all_names().contains(algorithm);
    if jwk.algorithm.is_some_and(is_other) || jwk.usage.is_some_and(|usage| !usage.is("sig")) {
        return Err(Reason::ProofKeyRefused);
    }
    let material = jwk.material(buffer).map_err(|_| Reason::ProofKeyRefused)?;
    let is_renamed = jwk.algorithm.is_some_and(|only| only != algorithm);
    Ok((KeyUse { algorithm, is_renamed }, material))
}

/// The one exponent of RSA keys in proofs: what libraries make keys with. A longer one takes more time, and a shorter one is none that
/// FIPS 186-5 §5.1 allows ("2^16 < e").
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];

/// The bounds of a key that a proof brings, asked before anything is computed with it: the client chooses the key and the server pays for
/// it. An RSA modulus has 2048 bits (RFC 7518 §3.3) to the policy's `max_rsa_bits`; its exponent is 65537.
///
/// # Errors
/// [`Reason::ProofKeyRefused`]
pub(crate) fn check_bounds(material: &KeyMaterial<'_>, max_rsa_bits: u64) -> Result<(), Reason> {
    match material {
        KeyMaterial::Rsa { n, e } if *e == RSA_EXPONENT => check_modulus(bit_len(n), max_rsa_bits),
        KeyMaterial::Rsa { .. } => Err(Reason::ProofKeyRefused),
        KeyMaterial::Ec { .. } | KeyMaterial::Ed25519 { .. } => Ok(()),
    }
}

/// The same of a key that [`check_bounds`] of some policy let pass.
///
/// # Errors
/// [`Reason::ProofKeyRefused`]
pub(crate) fn check_known_bounds(kind: KeyKind, max_rsa_bits: u64) -> Result<(), Reason> {
    match kind {
        KeyKind::Rsa { bits } => check_modulus(bits.into(), max_rsa_bits),
        KeyKind::P256 | KeyKind::P384 | KeyKind::P521 | KeyKind::Ed25519 => Ok(()),
    }
}

fn check_modulus(bits: usize, max_rsa_bits: u64) -> Result<(), Reason> {
    let within = bits >= RSA_MODULUS_MIN_BITS && u64::try_from(bits).is_ok_and(|bits| bits <= max_rsa_bits);
    if within { Ok(()) } else { Err(Reason::ProofKeyRefused) }
}

/// The claims of a proof as read: nothing in them is trusted.
#[derive(Clone, Copy, Debug)]
pub struct UnverifiedProof<'a> {
    /// `jti`
    pub(crate) id: JsonString<'a>,
    /// `htm`
    pub(crate) method: JsonString<'a>,
    /// `htu`
    pub(crate) uri: JsonString<'a>,
    /// `iat`
    pub(crate) issued_at: UnixSeconds,
    /// `ath`
    pub(crate) token_hash: JsonString<'a>,
    /// `nonce`
    pub(crate) nonce: Option<JsonString<'a>>,
    expires_at: Option<UnixSeconds>,
    not_before: Option<UnixSeconds>,
}

impl<'a> UnverifiedProof<'a> {
    /// Reads the decoded payload of a proof for a protected resource.
    ///
    /// Item 3: "All required claims per Section 4.2 are contained in the JWT": `jti`, `htm`, `htu`, `iat`, and `ath` when
    /// an access token is presented. Unknown claims are ignored (§4.2 allows more).
    ///
    /// # Errors
    /// [`Reason::ProofMalformed`], [`Reason::ProofTooLarge`]
    pub(crate) fn parse(bytes: &'a [u8], names: &mut NameTable) -> Result<Self, Reason> {
        const NAMES: [&str; 8] = ["jti", "htm", "htu", "iat", "ath", "nonce", "exp", "nbf"];
        let mut found: [Option<Value<'a>>; NAMES.len()] = [None; NAMES.len()];
        let root = json::scan(bytes, names, Budget::TOKEN, |name, value| {
            if let Some(place) = NAMES.into_iter().position(|known| name.is(known)) {
                found[place] = Some(value);
            }
            Ok::<(), Reason>(())
        });
        root.map_err(malformed)?.as_object().ok_or(Reason::ProofMalformed)?;
        let [id, method, uri, issued_at, token_hash, nonce, expires_at, not_before] = found;
        let required = |value: Option<Value<'a>>| match value.map(string) {
            Some(Ok(text)) if !text.is_empty() => Ok(text),
            _ => Err(Reason::ProofMalformed),
        };
        let date = |value, fraction| numeric_date(value, fraction).map_err(malformed);
        Ok(Self {
            id: required(id)?,
            method: required(method)?,
            uri: required(uri)?,
            issued_at: date(issued_at.ok_or(Reason::ProofMalformed)?, Fraction::Drop)?,
            token_hash: required(token_hash)?,
            nonce: nonce.map(string).transpose().map_err(malformed)?,
            expires_at: expires_at.map(|value| date(value, Fraction::Drop)).transpose()?,
            not_before: not_before.map(|value| date(value, Fraction::RoundUp)).transpose()?,
        })
    }

    /// Item 8: "The htm claim matches the HTTP method of the current request". Methods are case-sensitive (RFC 9110 §9.1).
    ///
    /// # Errors
    /// [`Reason::ProofMethodMismatch`]
    pub(crate) fn check_method(&self, method: &[u8]) -> Result<(), Reason> {
        let same = core::str::from_utf8(method).is_ok_and(|method| self.method.is(method));
        if same { Ok(()) } else { Err(Reason::ProofMethodMismatch) }
    }

    /// Item 9: "The htu claim matches the HTTP URI value for the HTTP request in which the JWT was received, ignoring any
    /// query and fragment parts", after the normalisation that §4.3 recommends. `scratch` takes an `htu` with escapes.
    ///
    /// # Errors
    /// [`Reason::ProofUriMismatch`]
    pub(crate) fn check_uri(&self, target: &TargetUri<'_>, scratch: &mut [u8]) -> Result<(), Reason> {
        let uri = self.uri.text(scratch).ok_or(Reason::ProofTooLarge)?;
        let matches = TargetUri::parse(uri.as_bytes()).is_ok_and(|claimed| claimed.same_target(target));
        if matches { Ok(()) } else { Err(Reason::ProofUriMismatch) }
    }

    /// RFC 7519 §4.1.4 and §4.1.5: `exp` and `nbf`, which DPoP does not define, hold where a proof has them.
    ///
    /// # Errors
    /// [`Reason::ProofTooOld`], [`Reason::ProofNotYetValid`]
    pub(crate) fn check_stated_times(&self, now: UnixSeconds, future_seconds: u64) -> Result<(), Reason> {
        if self.expires_at.is_some_and(|at| now >= at) {
            return Err(Reason::ProofTooOld);
        }
        if self.not_before.is_some_and(|at| at > now.plus(future_seconds)) {
            return Err(Reason::ProofNotYetValid);
        }
        Ok(())
    }

    /// Item 11 by `iat`: "The creation time of the JWT […] is within an acceptable window".
    ///
    /// # Errors
    /// [`Reason::ProofTooOld`], [`Reason::ProofNotYetValid`]
    pub(crate) fn check_window(
        &self,
        now: UnixSeconds,
        max_age_seconds: u64,
        future_seconds: u64,
    ) -> Result<(), Reason> {
        if now > self.issued_at.plus(max_age_seconds) {
            return Err(Reason::ProofTooOld);
        }
        if self.issued_at > now.plus(future_seconds) {
            return Err(Reason::ProofNotYetValid);
        }
        Ok(())
    }

    /// Item 12a: "ensure that the value of the ath claim equals the hash of that access token".
    ///
    /// # Errors
    /// [`Reason::ProofTokenMismatch`]
    pub(crate) fn check_token(&self, token_hash: &[u8; 32]) -> Result<(), Reason> {
        let expected = base64url::encode_array_32(token_hash);
        let same = core::str::from_utf8(&expected).is_ok_and(|expected| self.token_hash.is(expected));
        if same { Ok(()) } else { Err(Reason::ProofTokenMismatch) }
    }

    /// What names this proof in the replay store: 16 bytes name the key, 16 bytes the proof. §11.1 wants `jti` unique in the context of the
    /// URI; here the context is the key, which is wider, and never another client's (so that no client uses up the `jti` of another).
    pub(crate) fn replay_key(&self, key_thumbprint: &[u8; 32], scratch: &mut [u8]) -> Option<[u8; 32]> {
        let mut hash = Sha256::new();
        hash.update(key_thumbprint);
        hash.update(self.id.text(scratch)?.as_bytes());
        let mut name = *key_thumbprint;
        if let (Some(proof), Some(hash)) = (name.last_chunk_mut::<16>(), hash.finish().first_chunk::<16>()) {
            *proof = *hash;
        }
        Some(name)
    }
}

/// Item 12b: "confirm that the public key to which the access token is bound matches the public key from the DPoP proof".
///
/// # Errors
/// [`Reason::ProofKeyMismatch`]
pub(crate) fn check_key(bound_to: &[u8; 32], proof_key: &[u8; 32]) -> Result<(), Reason> {
    if bound_to == proof_key { Ok(()) } else { Err(Reason::ProofKeyMismatch) }
}

/// Faults of form, found by readers that tokens share. RFC 9449 §7.1: all of them are `invalid_dpop_proof`.
pub(crate) fn malformed(reason: Reason) -> Reason {
    match reason {
        Reason::LimitExceeded => Reason::ProofTooLarge,
        _ => Reason::ProofMalformed,
    }
}
