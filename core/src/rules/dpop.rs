//! DPoP proofs (RFC 9449 §4.3), the twelve items of the list.
//!
//! Items 1 (one header field) and 12b (the key is the one that the token is bound to) are checked where the fact is
//! known: `request` and `check_key`. The order is: form, claims, binding, signature, and last the replay store, so
//! that nobody fills the store without a valid signature (§11.1).

use crate::crypto::{KeyMaterial, Sha256};
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url;
use crate::jose::claims::{numeric_date, string};
use crate::jose::header::{Typ, UnverifiedHeader};
use crate::jose::json::{self, Budget, Fraction, JsonString, NameTable, Value};
use crate::limits;
use crate::reason::Reason;
use crate::time::UnixSeconds;
use crate::trust::jwk::{JwkBuffer, UnverifiedJwk};
use crate::uri::TargetUri;

/// Reads the decoded header of a proof: its algorithm and the numbers of its key.
///
/// Does not check whether the policy allows the algorithm, nor that the numbers are a valid key.
///
/// # Errors
/// [`Reason::ProofMalformed`], [`Reason::ProofAlgorithmRefused`], [`Reason::ProofKeyRefused`]
pub(crate) fn read_header<'b>(
    bytes: &[u8],
    names: &mut NameTable,
    buffer: &'b mut JwkBuffer,
) -> Result<(Algorithm, KeyMaterial<'b>), Reason> {
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
    if jwk.algorithm.is_some_and(|only| only != algorithm) || jwk.usage.is_some_and(|usage| !usage.is("sig")) {
        return Err(Reason::ProofKeyRefused);
    }
    let material = jwk.material(buffer).map_err(|_| Reason::ProofKeyRefused)?;
    match material {
        // The client chooses the key and we pay for it.
        KeyMaterial::Rsa { n, .. } if n.len() * 8 > limits::PROOF_RSA_MODULUS_BITS => Err(Reason::ProofKeyRefused),
        _ => Ok((algorithm, material)),
    }
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
    /// an access token is presented. Claims that are not ours are ignored (§4.2 allows more).
    ///
    /// # Errors
    /// [`Reason::ProofMalformed`], [`Reason::LimitExceeded`]
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
        let uri = self.uri.text(scratch).ok_or(Reason::LimitExceeded)?;
        let matches = TargetUri::parse(uri.as_bytes()).is_ok_and(|claimed| claimed.same_target(target));
        if matches { Ok(()) } else { Err(Reason::ProofUriMismatch) }
    }

    /// Item 11: "The creation time of the JWT, as determined by either the iat claim or a server managed timestamp via the
    /// nonce claim, is within an acceptable window". An `exp` or `nbf` in the proof narrows it.
    ///
    /// # Errors
    /// [`Reason::ProofTooOld`], [`Reason::ProofFromFuture`]
    pub(crate) fn check_window(
        &self,
        now: UnixSeconds,
        max_age_seconds: u64,
        future_seconds: u64,
    ) -> Result<(), Reason> {
        let expired = self.expires_at.is_some_and(|at| now >= at);
        if now > self.issued_at.plus(max_age_seconds) || expired {
            return Err(Reason::ProofTooOld);
        }
        let latest = now.plus(future_seconds);
        if self.issued_at > latest || self.not_before.is_some_and(|at| at > latest) {
            return Err(Reason::ProofFromFuture);
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

/// Faults of form, found by readers that tokens share: in a proof they all mean that the proof is malformed.
pub(crate) fn malformed(reason: Reason) -> Reason {
    match reason {
        Reason::LimitExceeded => Reason::LimitExceeded,
        _ => Reason::ProofMalformed,
    }
}
