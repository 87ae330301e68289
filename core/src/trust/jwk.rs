//! One JSON Web Key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2): public signature keys only.

use crate::crypto::{Curve, KeyMaterial};
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url;
use crate::jose::json::{JsonObject, JsonString, Value};
use crate::limits;

/// Why a key cannot be used. The key is dropped, never the set around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum JwkError {
    /// The entry is not a JSON object, or a member has the wrong JSON type.
    Malformed,
    /// `kty` is absent (RFC 7517 §4.1).
    TypeMissing,
    /// `kty` is not `EC`, `RSA` or `OKP`; `oct` is no public key.
    TypeUnknown,
    /// `crv` is absent, or not P-256, P-384, P-521 or Ed25519.
    CurveUnknown,
    /// A member that the key type needs is absent.
    MemberMissing,
    /// A number is not in its one right form: base64url, exact length or no leading zero (RFC 7518 §6.2.1, §6.3.1).
    Encoding,
    /// A private or symmetric part is present.
    PrivatePart,
    /// `use` is absent where it must be there, or names another use.
    Use,
    /// `key_ops` does not permit `verify`, repeats a value, or contradicts `use` (RFC 7517 §4.3).
    Operations,
    /// `alg` is not a supported signature algorithm, or not one for this key type and curve.
    Algorithm,
    /// Neither this build nor its host checks signatures by the algorithms of this key.
    AlgorithmUnsupported,
    /// The trust entry's `algorithms` hold none of this key.
    AlgorithmNotAllowed,
    /// The number is no valid public key: off the curve, a weak modulus or exponent, a small-order point.
    InvalidKey,
    /// The first certificate of `x5c` is that of another key (RFC 7517 §4.7).
    CertificateMismatch,
    /// `kid` is absent where it must be there.
    KeyIdMissing,
    /// Another key has the same `kid`: in a bundle any other, also one for WIT-SVIDs (WIT-SVID §6.1); in an issuer's set one that the same
    /// algorithm fits, beyond as many as its entry in `trust` has tried (RFC 7517 §4.5: keys "SHOULD use distinct `kid` values").
    KeyIdRepeated,
}

impl JwkError {
    /// The word for logs and `lint`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TypeMissing => "type_missing",
            Self::TypeUnknown => "type_unknown",
            Self::CurveUnknown => "curve_unknown",
            Self::MemberMissing => "member_missing",
            Self::Encoding => "encoding",
            Self::PrivatePart => "private_part",
            Self::Use => "use",
            Self::Operations => "operations",
            Self::Algorithm => "algorithm",
            Self::AlgorithmUnsupported => "algorithm_unsupported",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::InvalidKey => "invalid_key",
            Self::CertificateMismatch => "certificate_mismatch",
            Self::KeyIdMissing => "key_id_missing",
            Self::KeyIdRepeated => "key_id_repeated",
        }
    }
}

/// One key as read: well-formed, its numbers not yet decoded.
///
/// Does not check that the numbers are a valid key (that is `PublicKey::new`), nor `use`, whose right value depends on
/// whose set it is.
#[derive(Clone, Copy, Debug)]
pub struct UnverifiedJwk<'a> {
    kind: Kind,
    curve: Option<JsonString<'a>>,
    /// `x`, or `n`.
    first: Option<JsonString<'a>>,
    /// `y`, or `e`.
    second: Option<JsonString<'a>>,
    /// `kid`
    pub key_id: Option<JsonString<'a>>,
    /// `use`
    pub usage: Option<JsonString<'a>>,
    /// `alg`: the only algorithm of this key.
    pub algorithm: Option<Algorithm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ec,
    Rsa,
    Okp,
}

/// Where the numbers of a key are decoded to.
#[derive(Debug)]
pub struct JwkBuffer {
    first: [u8; MODULUS_BYTES],
    second: [u8; COORDINATE_BYTES],
}

const MODULUS_BYTES: usize = limits::RSA_MODULUS_BITS / 8;
const COORDINATE_BYTES: usize = 66;

impl JwkBuffer {
    /// An empty buffer, a little over a kilobyte.
    #[must_use]
    pub const fn new() -> Self {
        Self { first: [0; MODULUS_BYTES], second: [0; COORDINATE_BYTES] }
    }
}

impl Default for JwkBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// RFC 7518 §6.2.2, §6.3.2, §6.4 and RFC 8037 §2: members that only private or symmetric keys have.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

impl<'a> UnverifiedJwk<'a> {
    /// Reads the members of one key.
    ///
    /// # Errors
    /// The first [`JwkError`]. RFC 9449 §4.3 item 7: a private member refuses by its presence, whatever its value.
    pub fn parse(object: JsonObject<'a>) -> Result<Self, JwkError> {
        Self::read(object, false)
    }

    /// As [`parse`](Self::parse), for a key of a set: a member that is `null` is absent, also a private one, which then gives nothing away.
    ///
    /// By the letter of RFC 7517 §4 each of these members is a string or an array, and `null` is neither. Serializers that write every member
    /// of a class write it for those that have no value, and mean that.
    ///
    /// # Errors
    /// The first [`JwkError`].
    pub fn parse_in_set(object: JsonObject<'a>) -> Result<Self, JwkError> {
        Self::read(object, true)
    }

    fn read(object: JsonObject<'a>, null_is_absent: bool) -> Result<Self, JwkError> {
        let mut kty = None;
        let mut members: [Option<JsonString<'a>>; 5] = [None; 5]; // crv, x, y, n, e
        let (mut key_id, mut usage, mut algorithm, mut operations) = (None, None, None, None);
        for (name, value) in object.members() {
            const NAMED: [&str; 10] = ["kty", "crv", "x", "y", "n", "e", "kid", "use", "alg", "key_ops"];
            if null_is_absent && matches!(value, Value::Null) {
                continue;
            }
            if PRIVATE_MEMBERS.into_iter().any(|private| name.is(private)) {
                return Err(JwkError::PrivatePart);
            }
            let string = || value.as_string().ok_or(JwkError::Malformed);
            match NAMED.into_iter().position(|named| name.is(named)) {
                Some(0) => kty = Some(string()?),
                Some(place @ 1..=5) => members[place - 1] = Some(string()?),
                Some(6) => key_id = Some(string()?),
                Some(7) => usage = Some(string()?),
                Some(8) => algorithm = Some(string()?),
                Some(9) => operations = Some(value.as_array().ok_or(JwkError::Malformed)?),
                _ => {} // RFC 7517 §4: "Additional members can be present […] if not understood […] they MUST be ignored"
            }
        }
        let kty = kty.ok_or(JwkError::TypeMissing)?;
        let [curve, x, y, n, e] = members;
        let (kind, first, second) = if kty.is("EC") {
            (Kind::Ec, x, y)
        } else if kty.is("RSA") {
            (Kind::Rsa, n, e)
        } else if kty.is("OKP") {
            (Kind::Okp, x, None)
        } else {
            return Err(JwkError::TypeUnknown);
        };
        let algorithm = match algorithm {
            Some(name) => Some(Algorithm::read(name).ok_or(JwkError::Algorithm)?),
            None => None,
        };
        if let Some(operations) = operations {
            check_operations(operations, usage)?;
        }
        Ok(Self { kind, curve, first, second, key_id, usage, algorithm })
    }

    /// Decodes the numbers of the key into `buffer`.
    ///
    /// # Errors
    /// [`JwkError::CurveUnknown`], [`JwkError::MemberMissing`], or [`JwkError::Encoding`] for a number that is not in the
    /// one form from which a thumbprint is defined (RFC 7638 §7: another form would give the same key another name).
    pub fn material<'b>(&self, buffer: &'b mut JwkBuffer) -> Result<KeyMaterial<'b>, JwkError> {
        let first = decode(self.first.ok_or(JwkError::MemberMissing)?, &mut buffer.first)?;
        match self.kind {
            Kind::Ec => {
                let curve = self.curve.ok_or(JwkError::MemberMissing)?;
                let (curve, length) =
                    [(Curve::P256, "P-256", 32), (Curve::P384, "P-384", 48), (Curve::P521, "P-521", 66)]
                        .into_iter()
                        .find_map(|(known, name, length)| curve.is(name).then_some((known, length)))
                        .ok_or(JwkError::CurveUnknown)?;
                let second = decode(self.second.ok_or(JwkError::MemberMissing)?, &mut buffer.second)?;
                if first.len() != length || second.len() != length {
                    return Err(JwkError::Encoding);
                }
                Ok(KeyMaterial::Ec { curve, x: first, y: second })
            }
            Kind::Rsa => {
                let second = decode(self.second.ok_or(JwkError::MemberMissing)?, &mut buffer.second)?;
                // RFC 7518 §6.3.1.1: "Implementers […] SHOULD [omit] the extra zero-valued octet"; RFC 7518 §2
                // Base64urlUInt: "the minimum number of octets".
                if first.first().is_none_or(|byte| *byte == 0) || second.first().is_none_or(|byte| *byte == 0) {
                    return Err(JwkError::Encoding);
                }
                Ok(KeyMaterial::Rsa { n: first, e: second })
            }
            Kind::Okp => {
                if !self.curve.ok_or(JwkError::MemberMissing)?.is("Ed25519") {
                    return Err(JwkError::CurveUnknown);
                }
                if first.len() != 32 {
                    return Err(JwkError::Encoding);
                }
                Ok(KeyMaterial::Ed25519 { x: first })
            }
        }
    }
}

fn decode<'b>(text: JsonString<'_>, out: &'b mut [u8]) -> Result<&'b [u8], JwkError> {
    const TEXT_BYTES: usize = base64url::encoded_len(MODULUS_BYTES);
    let mut scratch = [0; TEXT_BYTES];
    let text = text.text(&mut scratch).ok_or(JwkError::Encoding)?;
    base64url::decode(text.as_bytes(), out).map(|bytes| &*bytes).map_err(|_| JwkError::Encoding)
}

fn check_operations(
    operations: crate::jose::json::JsonArray<'_>,
    usage: Option<JsonString<'_>>,
) -> Result<(), JwkError> {
    let mut permits_verify = false;
    for (place, operation) in operations.elements().enumerate() {
        let operation = operation.as_string().ok_or(JwkError::Malformed)?;
        permits_verify |= operation.is("verify");
        // RFC 7517 §4.3: "Duplicate key operation values MUST NOT be present in the array." Few are defined, so more
        // than eight must hold a repetition or a fancy.
        let repeated = |earlier: Value<'_>| earlier.as_string() == Some(operation);
        if place >= limits::KEY_OPERATIONS || operations.elements().take(place).any(repeated) {
            return Err(JwkError::Operations);
        }
    }
    // RFC 7517 §4.3: "use" and "key_ops" together "MUST be consistent": encryption cannot permit `verify`.
    if !permits_verify || usage.is_some_and(|usage| usage.is("enc")) {
        return Err(JwkError::Operations);
    }
    Ok(())
}
