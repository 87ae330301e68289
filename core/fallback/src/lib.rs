//! Signature checks of the libraries in pure Rust: no assembly, no source of randomness.
//!
//! A crate of its own because these libraries are generic, so that their code is made where they are used. A build that counts
//! bytes, as a filter for a proxy's VM does, has this crate compiled for size and the rest of the engine for speed. Nothing of it is
//! inlined, which would compile it as its caller is.
//!
//! Nothing is allocated. RSA is not here: the engine has code of its own for it. Nothing here checks what specifications of tokens ask of
//! keys and of signatures: that is the engine's.
#![no_std]
#![forbid(unsafe_code)]

use p256::ecdsa::signature::Verifier as _;
use p256::elliptic_curve::point::AffineCoordinates as _;

/// A public key.
#[derive(Clone, Debug)]
pub enum Key {
    /// ECDSA on P-256 (RFC 7518 §3.4).
    P256(p256::ecdsa::VerifyingKey),
    /// ECDSA on P-384.
    #[cfg(feature = "p384")]
    P384(p384::ecdsa::VerifyingKey),
    /// ECDSA on P-521.
    #[cfg(feature = "p521")]
    P521(p521::ecdsa::VerifyingKey),
    /// Ed25519 (RFC 8032).
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// The key of an ECDSA curve with these coordinates, if they are a point of it. Points come uncompressed, so that no square root, which
/// is much code, is ever taken.
macro_rules! ecdsa_key {
    ($curve:ident, $coordinates:expr) => {{
        let (x, y) = $coordinates.split_at($coordinates.len() / 2);
        let point = $curve::AffinePoint::from_coordinates(&x.try_into().ok()?, &y.try_into().ok()?);
        $curve::ecdsa::VerifyingKey::from_affine(point.into_option()?).ok()
    }};
}

/// Whether an ECDSA or EdDSA signature of this curve holds.
macro_rules! holds {
    ($curve:ident, $key:expr, $message:expr, $signature:expr) => {
        $curve::Signature::from_slice($signature).is_ok_and(|signature| $key.verify($message, &signature).is_ok())
    };
}

impl Key {
    /// A key on P-256, of the big-endian coordinates x and y, one after the other; `None` if they are no point of the curve.
    #[inline(never)]
    #[must_use]
    pub fn p256(coordinates: &[u8]) -> Option<Self> {
        ecdsa_key!(p256, coordinates).map(Self::P256)
    }

    /// As [`Key::p256`], on P-384.
    #[cfg(feature = "p384")]
    #[inline(never)]
    #[must_use]
    pub fn p384(coordinates: &[u8]) -> Option<Self> {
        ecdsa_key!(p384, coordinates).map(Self::P384)
    }

    /// As [`Key::p256`], on P-521.
    #[cfg(feature = "p521")]
    #[inline(never)]
    #[must_use]
    pub fn p521(coordinates: &[u8]) -> Option<Self> {
        ecdsa_key!(p521, coordinates).map(Self::P521)
    }

    /// An Ed25519 key of its encoding (RFC 8032 §5.1.5).
    #[inline(never)]
    #[must_use]
    pub fn ed25519(encoded: &[u8; 32]) -> Option<Self> {
        ed25519_dalek::VerifyingKey::from_bytes(encoded).ok().map(Self::Ed25519)
    }

    /// Whether the signature is the key's over the message: for ECDSA r, then s, with the hash of the curve's size (RFC 7518 §3.4); for
    /// EdDSA by the equation without cofactor.
    #[inline(never)]
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        #[cfg(feature = "p384")]
        use p384::ecdsa as es384;
        #[cfg(feature = "p521")]
        use p521::ecdsa as es512;
        use {ed25519_dalek as ed25519, p256::ecdsa as es256};
        match self {
            Self::P256(key) => holds!(es256, key, message, signature),
            #[cfg(feature = "p384")]
            Self::P384(key) => holds!(es384, key, message, signature),
            #[cfg(feature = "p521")]
            Self::P521(key) => holds!(es512, key, message, signature),
            Self::Ed25519(key) => holds!(ed25519, key, message, signature),
        }
    }
}
