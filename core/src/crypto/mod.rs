//! Public keys, signatures, SHA-256 and HMAC: one small closed interface over one cryptographic library.
//!
//! The rules for keys and for the form of signatures are here, once, so that every backend gives the same
//! answer to the same bytes; a backend file holds only the calls into its library.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::hint::black_box;

use crate::jose::algorithm::Algorithm;
use crate::limits;

mod curve;
#[cfg(feature = "hot-keys")]
pub mod ed25519;
#[cfg(feature = "hot-keys")]
mod fixed_base;
#[cfg(any(feature = "hot-keys", feature = "rust-crypto-p256"))]
mod hash;
#[cfg(feature = "hot-keys")]
mod inverse;
#[cfg(feature = "hot-keys")]
pub mod p256;
mod prime_field;
mod roca;
#[cfg(any(all(feature = "hot-keys", feature = "fast"), feature = "rust-crypto-p256"))]
mod rsa;
mod spki;
mod verifier;
#[cfg(feature = "hot-keys")]
mod words;

mod backend;

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(feature = "ring")]
mod ring;
#[cfg(feature = "rust-crypto-p256")]
mod rust_crypto;

// SHA-2 and HMAC by the default backend: every library computes the same, and none of them is slow.
#[cfg(all(feature = "aws-lc", not(feature = "ring")))]
use aws_lc as hashes;
#[cfg(feature = "ring")]
use ring as hashes;
#[cfg(all(feature = "rust-crypto-p256", not(any(feature = "aws-lc", feature = "ring"))))]
use rust_crypto as hashes;

#[cfg(not(any(feature = "aws-lc", feature = "ring", feature = "rust-crypto-p256")))]
compile_error!("countersign needs one of the features `ring`, `aws-lc`, `rust-crypto`, `rust-crypto-p256`");

#[cfg(test)]
mod tests;

pub use backend::Backend;
use backend::Key;
pub use verifier::SignatureVerifier;
pub(crate) use verifier::Verifiers;

#[cfg(any(feature = "hot-keys", feature = "rust-crypto-p256"))]
pub use hash::{Digest, HashAlgorithm};
#[cfg(all(feature = "hot-keys", feature = "fast"))]
pub use rsa::RsaKey;
#[cfg(all(feature = "hot-keys", feature = "fast"))]
pub(crate) use rsa::Scheme as RsaScheme;

/// The smallest RSA modulus, in bits (RFC 7518 §3.3).
pub const RSA_MODULUS_MIN_BITS: usize = 2048;

/// The largest RSA modulus, in bits: beyond it one signature costs too much time, and no backend goes further.
pub const RSA_MODULUS_MAX_BITS: usize = 8192;

/// The elliptic curves of ECDSA (RFC 7518 §6.2.1.1).
#[derive(Copy, Clone, Eq, PartialEq, Debug, Hash)]
pub enum Curve {
    /// NIST P-256, secp256r1.
    P256,
    /// NIST P-384, secp384r1.
    P384,
    /// NIST P-521, secp521r1.
    P521,
}

impl Curve {
    /// The length of a coordinate in bytes; a signature is twice as long.
    #[must_use]
    pub const fn field_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The public key of a JWK, decoded; numbers are big-endian.
#[derive(Copy, Clone, Debug)]
pub enum KeyMaterial<'a> {
    /// A point of a NIST curve, each coordinate exactly as long as the field (RFC 7518 §6.2.1).
    Ec {
        /// The curve.
        curve: Curve,
        /// The x coordinate.
        x: &'a [u8],
        /// The y coordinate.
        y: &'a [u8],
    },
    /// An RSA key, both numbers without leading zero bytes (RFC 7518 §6.3.1).
    Rsa {
        /// The modulus.
        n: &'a [u8],
        /// The public exponent.
        e: &'a [u8],
    },
    /// An encoded point of edwards25519, 32 bytes (RFC 8037 §2).
    Ed25519 {
        /// The encoding.
        x: &'a [u8],
    },
}

/// Why key material is not a key.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Hash)]
pub enum KeyError {
    /// A coordinate is longer or shorter than the field.
    CoordinateLength,
    /// No point of the curve has these coordinates.
    NotOnCurve,
    /// The encoding of an Ed25519 point is not the shortest for it.
    NonCanonical,
    /// The order of the Ed25519 point divides 8, so one signature would hold for every message.
    SmallOrder,
    /// The modulus is empty, even or has a leading zero byte.
    ModulusForm,
    /// The modulus is below 2048 bits.
    ModulusTooSmall,
    /// The modulus is above 8192 bits.
    ModulusTooLarge,
    /// The modulus carries the fingerprint of CVE-2017-15361: its private key can be computed.
    ModulusRoca,
    /// The exponent is empty, even, has a leading zero byte, is 1, or is 2^33 or more.
    ExponentRefused,
    /// The key is not one for the algorithm that it came with.
    AlgorithmUnfit,
    /// The library refused a key that passed every check above.
    BackendRefused,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CoordinateLength => "a coordinate does not have the length of the field",
            Self::NotOnCurve => "the point is not on the curve",
            Self::NonCanonical => "the point is not encoded canonically",
            Self::SmallOrder => "the point has small order",
            Self::ModulusForm => "the modulus is empty, even or has a leading zero byte",
            Self::ModulusTooSmall => "the modulus is below 2048 bits",
            Self::ModulusTooLarge => "the modulus is above 8192 bits",
            Self::ModulusRoca => "the modulus carries the ROCA fingerprint",
            Self::ExponentRefused => "the exponent is not an odd number from 3 to 2^33 - 1 without leading zero bytes",
            Self::AlgorithmUnfit => "the key is not one for its algorithm",
            Self::BackendRefused => "the cryptographic library refused the key",
        })
    }
}

impl core::error::Error for KeyError {}

/// The signature does not belong to this message, key and algorithm; nothing more is said.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Hash)]
pub struct SignatureError;

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature is invalid")
    }
}

impl core::error::Error for SignatureError {}

/// The sort of a key.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Hash)]
pub enum KeyKind {
    /// An RSA key.
    Rsa {
        /// The length of the modulus.
        bits: u16,
    },
    /// A point of P-256.
    P256,
    /// A point of P-384.
    P384,
    /// A point of P-521.
    P521,
    /// A point of edwards25519.
    Ed25519,
}

/// A public key, parsed and checked once; immutable, to be shared behind an `Arc`.
///
/// Does not check who owns the key and which documents it may sign.
pub struct PublicKey {
    material: Material,
    key: Key,
}

impl PublicKey {
    /// Imports a key for the default backend; see [`new_by`](Self::new_by).
    ///
    /// # Errors
    /// A [`KeyError`].
    pub fn new(material: &KeyMaterial<'_>) -> Result<Self, KeyError> {
        Self::new_by(Backend::DEFAULT, material)
    }

    /// Imports a key whose signatures `backend` checks. What a key may be does not depend on the backend:
    ///
    /// - EC: coordinates of exactly field length, on the curve (RFC 7518 §6.2.1).
    /// - RSA: an odd modulus of 2048 to 8192 bits without leading zero byte and without the ROCA fingerprint; an odd
    ///   exponent from 3 to 2^33 - 1. The exponent 3 is sound where padding is checked in full, as it is here, and all
    ///   libraries share the upper bound.
    /// - Ed25519: a canonical encoding of a point of the curve, not of small order.
    ///
    /// # Errors
    /// A [`KeyError`].
    pub fn new_by(backend: Backend, material: &KeyMaterial<'_>) -> Result<Self, KeyError> {
        Self::import(backend, Material::new(material)?)
    }

    /// Imports a key that will only ever be used with one algorithm; one that does not [fit](Self::fits) it is refused before
    /// the library sees it.
    ///
    /// # Errors
    /// A [`KeyError`].
    pub fn new_for(backend: Backend, algorithm: Algorithm, material: &KeyMaterial<'_>) -> Result<Self, KeyError> {
        let material = Material::new(material)?;
        if material.fits(algorithm) { Self::import(backend, material) } else { Err(KeyError::AlgorithmUnfit) }
    }

    fn import(backend: Backend, material: Material) -> Result<Self, KeyError> {
        let key = Key::new(backend, &material).ok_or(KeyError::BackendRefused)?;
        Ok(Self { material, key })
    }

    /// The backend that checks this key's signatures.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.key.backend()
    }

    /// The sort of this key.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.material.kind()
    }

    /// Whether the algorithm is one for this sort of key: the curve or the key type decides (RFC 7518 §3.4).
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.material.fits(algorithm)
    }

    /// Verifies a signature in the encoding of JWS (RFC 7518 §3, RFC 8037 §3.1).
    ///
    /// ECDSA is `r ‖ s`, each of field length and from 1 to the order of the curve less 1; a high `s` is accepted, as
    /// RFC 7518 knows no other rule. RSA is as long as the modulus and below it; the salt of PSS is as long as the hash.
    /// Ed25519 is strict: canonical, `R` not of small order, the equation without cofactor.
    ///
    /// Nothing is allocated with ring, except for RSA; see the other backends for what they allocate.
    ///
    /// # Errors
    /// [`SignatureError`] if the signature is not valid, or the key does not fit the algorithm.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        self.verify_by(&mut self.backend(), algorithm, message, signature)
    }

    /// As [`verify`](Self::verify), where `verifier` is asked in place of the library.
    pub(crate) fn verify_by<V: SignatureVerifier + ?Sized>(
        &self,
        verifier: &mut V,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let holds = self.admits(algorithm, signature) && verifier.verify(self, algorithm, message, signature);
        if holds { Ok(()) } else { Err(SignatureError) }
    }

    /// Whether the signature has the form that [`PublicKey::verify`] demands before it asks a library.
    pub(crate) fn admits(&self, algorithm: Algorithm, signature: &[u8]) -> bool {
        self.material.admits(algorithm, signature)
    }

    /// The coordinates of a key on a NIST curve.
    #[must_use]
    pub fn ec_point(&self) -> Option<(&[u8], &[u8])> {
        match &self.material {
            Material::Ec { curve, .. } => self.material.ec_point().get(1..)?.split_at_checked(curve.field_len()),
            Material::Rsa { .. } | Material::Ed25519 { .. } => None,
        }
    }

    /// The encoded point of an Ed25519 key (RFC 8037 §2).
    #[must_use]
    pub const fn ed25519_point(&self) -> Option<&[u8; 32]> {
        match &self.material {
            Material::Ed25519 { x } => Some(x),
            Material::Ec { .. } | Material::Rsa { .. } => None,
        }
    }

    /// The modulus and the exponent of an RSA key.
    #[must_use]
    pub fn rsa_numbers(&self) -> Option<(&[u8], u64)> {
        match &self.material {
            Material::Rsa { n, e } => Some((n.bytes(), e.value())),
            Material::Ec { .. } | Material::Ed25519 { .. } => None,
        }
    }

    /// Appends the key as the DER of an X.509 `SubjectPublicKeyInfo` (RFC 5280 §4.1).
    pub fn spki_der(&self, out: &mut Vec<u8>) {
        spki::write(&self.material, out);
    }

    /// Whether the certificate `der` has this key; `None` if `der` is not a certificate. Does not check anything else of it.
    #[must_use]
    pub fn is_of_certificate(&self, der: &[u8]) -> Option<bool> {
        let mut own = Vec::new();
        self.spki_der(&mut own);
        spki::certificate_is_of(der, &own)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.kind()).finish()
    }
}

/// Key material that passed every check, owned.
#[allow(clippy::large_enum_variant)] // in place, so that reading a client's key allocates nothing
enum Material {
    Ec {
        curve: Curve,
        /// 0x04, x, y; zeros follow where the curve is shorter than P-521.
        point: [u8; 133],
    },
    Rsa {
        n: RsaModulus,
        e: RsaExponent,
    },
    Ed25519 {
        x: [u8; 32],
    },
}

/// A big-endian modulus without leading zero bytes.
#[allow(clippy::large_enum_variant)] // the large variant is the usual one
enum RsaModulus {
    /// As long as `len` says, so at most [`limits::PROOF_RSA_MODULUS_BITS`]; zeros follow.
    InPlace { len: usize, bytes: [u8; limits::PROOF_RSA_MODULUS_BITS / 8] },
    /// Longer than a client's key may be.
    OnHeap(Box<[u8]>),
}

impl RsaModulus {
    fn new(n: &[u8]) -> Self {
        let mut bytes = [0; limits::PROOF_RSA_MODULUS_BITS / 8];
        match bytes.get_mut(..n.len()) {
            Some(to) => {
                to.copy_from_slice(n);
                Self::InPlace { len: n.len(), bytes }
            }
            None => Self::OnHeap(n.into()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::InPlace { len, bytes } => bytes.get(..*len).unwrap_or_default(),
            Self::OnHeap(bytes) => bytes,
        }
    }
}

/// A public exponent below 2^33, big-endian.
struct RsaExponent([u8; 8]);

impl RsaExponent {
    fn new(e: &[u8]) -> Self {
        Self(e.iter().fold(0, |value: u64, byte| value << 8 | u64::from(*byte)).to_be_bytes())
    }

    const fn value(&self) -> u64 {
        u64::from_be_bytes(self.0)
    }

    /// Without leading zero bytes.
    fn bytes(&self) -> &[u8] {
        let zeros = self.0.iter().take_while(|byte| **byte == 0).count();
        self.0.get(zeros..).unwrap_or_default()
    }
}

impl Material {
    fn new(material: &KeyMaterial<'_>) -> Result<Self, KeyError> {
        match *material {
            KeyMaterial::Ec { curve, x, y } => {
                let len = curve.field_len();
                if x.len() != len || y.len() != len {
                    return Err(KeyError::CoordinateLength);
                }
                if !curve::is_on_curve(curve, x, y) {
                    return Err(KeyError::NotOnCurve);
                }
                let mut point = [0; 133];
                for (to, from) in point.iter_mut().zip([4].iter().chain(x).chain(y)) {
                    *to = *from;
                }
                Ok(Self::Ec { curve, point })
            }
            KeyMaterial::Rsa { n, e } => {
                check_rsa(n, e)?;
                Ok(Self::Rsa { n: RsaModulus::new(n), e: RsaExponent::new(e) })
            }
            KeyMaterial::Ed25519 { x } => {
                let x = x.try_into().map_err(|_| KeyError::CoordinateLength)?;
                curve::check_edwards(&x).map_err(|fault| match fault {
                    curve::EdwardsError::NonCanonical => KeyError::NonCanonical,
                    curve::EdwardsError::SmallOrder => KeyError::SmallOrder,
                    curve::EdwardsError::NotOnCurve => KeyError::NotOnCurve,
                })?;
                Ok(Self::Ed25519 { x })
            }
        }
    }

    fn kind(&self) -> KeyKind {
        match self {
            Self::Ec { curve: Curve::P256, .. } => KeyKind::P256,
            Self::Ec { curve: Curve::P384, .. } => KeyKind::P384,
            Self::Ec { curve: Curve::P521, .. } => KeyKind::P521,
            // At most 8192, or it had been refused.
            Self::Rsa { n, .. } => KeyKind::Rsa { bits: u16::try_from(bit_len(n.bytes())).unwrap_or(u16::MAX) },
            Self::Ed25519 { .. } => KeyKind::Ed25519,
        }
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{Ed25519, EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match algorithm {
            Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512 => matches!(self, Self::Rsa { .. }),
            Es256 => matches!(self, Self::Ec { curve: Curve::P256, .. }),
            Es384 => matches!(self, Self::Ec { curve: Curve::P384, .. }),
            Es512 => matches!(self, Self::Ec { curve: Curve::P521, .. }),
            EdDsa | Ed25519 => matches!(self, Self::Ed25519 { .. }),
        }
    }

    /// Whether the signature has the form and the range that this key and algorithm demand.
    fn admits(&self, algorithm: Algorithm, signature: &[u8]) -> bool {
        self.fits(algorithm)
            && match self {
                Self::Ec { curve, .. } => {
                    let order = curve::order(*curve);
                    signature.len() == 2 * order.len()
                        && signature
                            .chunks_exact(order.len())
                            .all(|number| number < order && number.iter().any(|&byte| byte != 0))
                }
                Self::Rsa { n, .. } => signature.len() == n.bytes().len() && signature < n.bytes(),
                Self::Ed25519 { .. } => match signature.split_first_chunk() {
                    Some((r, s)) => {
                        s.len() == curve::EDWARDS_ORDER.len()
                            && s.iter().rev().lt(curve::EDWARDS_ORDER.iter().rev())
                            && !curve::is_small_order(r)
                    }
                    None => false,
                },
            }
    }

    /// The uncompressed point: 0x04, x, y; empty for other kinds.
    fn ec_point(&self) -> &[u8] {
        match self {
            Self::Ec { curve, point } => point.get(..1 + 2 * curve.field_len()).unwrap_or(&[]),
            Self::Rsa { .. } | Self::Ed25519 { .. } => &[],
        }
    }
}

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    match n {
        [first, .., last] if *first != 0 && last % 2 == 1 => {}
        _ => return Err(KeyError::ModulusForm),
    }
    match bit_len(n) {
        ..RSA_MODULUS_MIN_BITS => return Err(KeyError::ModulusTooSmall),
        RSA_MODULUS_MIN_BITS..=RSA_MODULUS_MAX_BITS => {}
        _ => return Err(KeyError::ModulusTooLarge),
    }
    match e {
        [1] => return Err(KeyError::ExponentRefused),
        [first, rest @ ..] if *first != 0 && rest.last().unwrap_or(first) % 2 == 1 && bit_len(e) <= 33 => {}
        _ => return Err(KeyError::ExponentRefused),
    }
    if roca::is_roca(n) { Err(KeyError::ModulusRoca) } else { Ok(()) }
}

/// The bits of a number without leading zero bytes.
pub(crate) fn bit_len(number: &[u8]) -> usize {
    number.first().map_or(0, |first| 8 * number.len() - first.leading_zeros() as usize)
}

/// The SHA-256 digest of the bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(bytes);
    hash.finish()
}

/// SHA-256 of bytes that arrive in parts.
#[derive(Clone)]
pub struct Sha256(hashes::Sha256);

impl Sha256 {
    /// The hash of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(hashes::Sha256::new())
    }

    /// Appends bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes so far.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finish()
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sha256").finish_non_exhaustive()
    }
}

/// A secret for HMAC-SHA-256, as the engine uses it for its own nonces; never for tokens.
pub struct HmacKey(hashes::Hmac);

impl HmacKey {
    /// A key of 32 random bytes, which the caller provides.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hashes::Hmac::new(key))
    }

    /// The tag of the parts, one after the other; their borders are not authenticated.
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.0.tag(parts)
    }

    /// Whether `tag` is the tag of the parts, or its first 16 bytes or more (RFC 2104 §5: "not less than half the length of the hash
    /// output"), in time that does not depend on where it differs.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        let expected = self.tag(parts);
        let pairs = expected.iter().zip(tag);
        let difference = pairs.fold(0, |difference, (ours, theirs)| black_box(difference | (ours ^ theirs)));
        (expected.len() / 2..=expected.len()).contains(&tag.len()) && difference == 0
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacKey").finish_non_exhaustive()
    }
}
