//! Keys that sign: here and in no part of the engine.

use countersign::internal::jose::base64url;
use countersign::internal::trust::thumbprint::thumbprint;
use countersign::{Curve, KeyMaterial};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use crate::failure::Failure;

/// A private key with its name.
pub(super) struct SigningKey {
    pair: Pair,
    pub(super) key_id: &'static str,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl SigningKey {
    pub(super) fn es256(key_id: &'static str) -> Result<Self, Failure> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(no_key)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).map_err(no_key)?;
        Ok(Self { pair: Pair::Es256(pair), key_id })
    }

    pub(super) fn eddsa(key_id: &'static str) -> Result<Self, Failure> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(no_key)?;
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(no_key)?;
        Ok(Self { pair: Pair::EdDsa(pair), key_id })
    }

    pub(super) const fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Es256(_) => "ES256",
            Pair::EdDsa(_) => "EdDSA",
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        match &self.pair {
            Pair::Es256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(no_key)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    /// The public key alone, as in the header of a proof.
    pub(super) fn jwk(&self) -> Value {
        match self.material() {
            KeyMaterial::Ec { x, y, .. } => json!({"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)}),
            KeyMaterial::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": b64(x)}),
            KeyMaterial::Rsa { n, e } => json!({"kty": "RSA", "n": b64(n), "e": b64(e)}),
        }
    }

    /// The public key as an entry of a bundle or key set.
    pub(super) fn entry(&self, usage: &str) -> Value {
        let mut entry = self.jwk();
        entry["kid"] = self.key_id.into();
        entry["use"] = usage.into();
        entry
    }

    /// RFC 7638, as `jkt` has it.
    pub(super) fn thumbprint(&self) -> String {
        b64(&thumbprint(&self.material()))
    }

    fn material(&self) -> KeyMaterial<'_> {
        match &self.pair {
            Pair::Es256(pair) => {
                // 0x04, x, y: the form of an uncompressed point.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at_checked(32).unwrap_or_default();
                KeyMaterial::Ec { curve: Curve::P256, x, y }
            }
            Pair::EdDsa(pair) => KeyMaterial::Ed25519 { x: pair.public_key().as_ref() },
        }
    }
}

fn no_key<E>(_: E) -> Failure {
    Failure::Io("a key could not be made or used".to_owned())
}

/// Unpadded base64url.
pub(super) fn b64(bytes: &[u8]) -> String {
    let mut text = vec![0; base64url::encoded_len(bytes.len())];
    base64url::encode(bytes, &mut text).unwrap_or_default().to_owned()
}
