//! The prepared forms of a key, and the building of a key's table in steps.

use alloc::boxed::Box;

use once_cell::race::OnceBox;

use crate::crypto::{Backend, KeyKind, PublicKey, p256, sha256};
#[cfg(feature = "fast")]
use crate::crypto::{RsaKey, RsaScheme, ed25519};
use crate::jose::algorithm::Algorithm;

// The generator's table is the same for every key, engine and thread: the first thread that completes it publishes it.
static P256_GENERATOR: OnceBox<p256::Generator> = OnceBox::new();
#[cfg(feature = "fast")]
static ED25519_GENERATOR: OnceBox<ed25519::Generator> = OnceBox::new();

/// A key with everything about it computed.
#[derive(Debug)]
pub(super) enum Precomputed {
    P256(p256::KeyTable),
    #[cfg(feature = "fast")]
    Ed25519(ed25519::KeyTable),
    #[cfg(feature = "fast")]
    Rsa(RsaKey),
}

impl Precomputed {
    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Self::P256(table) => table.size_bytes(),
            #[cfg(feature = "fast")]
            Self::Ed25519(table) => table.size_bytes(),
            #[cfg(feature = "fast")]
            Self::Rsa(key) => key.size_bytes(),
        }
    }

    /// Whether the signature, which [`PublicKey::admits`], is valid; `None` if this key cannot verify it, which is never what a promoted
    /// key says.
    pub(super) fn verify(
        &self,
        p256: p256::Verify,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        #[cfg(not(feature = "fast"))]
        let _only_of_rsa = algorithm;
        match self {
            Self::P256(table) => {
                let signature = signature.try_into().ok()?;
                Some(p256(P256_GENERATOR.get()?, table, &sha256(message), signature))
            }
            #[cfg(feature = "fast")]
            Self::Ed25519(table) => {
                let signature = signature.try_into().ok()?;
                Some(ed25519::verify(ED25519_GENERATOR.get()?, table, message, signature))
            }
            #[cfg(feature = "fast")]
            Self::Rsa(key) => {
                let (scheme, hash) = RsaScheme::of(algorithm)?;
                let digest = hash.digest(&[message]);
                let digest = digest.as_ref();
                Some(match scheme {
                    RsaScheme::Pkcs1 => key.verify_pkcs1(hash, digest, signature),
                    RsaScheme::Pss => key.verify_pss(hash, digest, signature),
                })
            }
        }
    }
}

/// Whether keys of this algorithm are worth preparing. AWS-LC prepares RSA keys itself when they are loaded, and then takes less
/// time than a key that is prepared here (`benches/rsa.rs`).
pub(super) const fn can_prepare(backend: Backend, algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::Es256 => true,
        Algorithm::EdDsa | Algorithm::Ed25519 => cfg!(feature = "fast"),
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512 => cfg!(feature = "fast") && !backend.prepares_rsa(),
        Algorithm::Es384 | Algorithm::Es512 => false,
    }
}

/// How much memory a table may take to be fast.
#[derive(Clone, Copy, Debug)]
pub(super) enum Width {
    Usual,
    Wide,
}

/// A table under construction: that of the generator until one is complete, then the key's.
#[derive(Debug)]
pub(super) enum Builder {
    P256 {
        generator: Option<p256::GeneratorBuilder>,
        key: p256::TableBuilder,
    },
    #[cfg(feature = "fast")]
    Ed25519 {
        generator: Option<ed25519::GeneratorBuilder>,
        key: ed25519::TableBuilder,
    },
}

impl Builder {
    /// The size of the table of a key of this kind in bytes, if such keys have tables. Those of Ed25519 have one width.
    pub(super) const fn table_bytes(kind: KeyKind, width: Width) -> Option<usize> {
        match kind {
            KeyKind::P256 => Some(match width {
                Width::Usual => p256::KeyTable::SIZE_BYTES,
                Width::Wide => p256::KeyTable::WIDE_SIZE_BYTES,
            }),
            #[cfg(feature = "fast")]
            KeyKind::Ed25519 => Some(ed25519::KeyTable::SIZE_BYTES),
            #[cfg(not(feature = "fast"))]
            KeyKind::Ed25519 => None,
            KeyKind::P384 | KeyKind::P521 | KeyKind::Rsa { .. } => None,
        }
    }

    pub(super) fn new(key: &PublicKey, width: Width) -> Option<Self> {
        match key.kind() {
            KeyKind::P256 => {
                let (x, y) = key.ec_point()?;
                let mut point = [0; 64];
                for (to, from) in point.iter_mut().zip(x.iter().chain(y)) {
                    *to = *from;
                }
                let window = match width {
                    Width::Usual => p256::KeyTable::WINDOW,
                    Width::Wide => p256::KeyTable::WIDE_WINDOW,
                };
                Some(Self::P256 { generator: None, key: p256::TableBuilder::with_window(&point, window)? })
            }
            #[cfg(feature = "fast")]
            KeyKind::Ed25519 => {
                let key = ed25519::TableBuilder::new(key.ed25519_point()?)?;
                Some(Self::Ed25519 { generator: None, key })
            }
            #[cfg(not(feature = "fast"))]
            KeyKind::Ed25519 => None,
            KeyKind::P384 | KeyKind::P521 | KeyKind::Rsa { .. } => None,
        }
    }

    /// Spends about so many point additions; gives the key once its table and the generator's are complete.
    pub(super) fn step(&mut self, additions: u32) -> Option<Precomputed> {
        match self {
            Self::P256 { generator, key } => {
                let step = |builder: &mut p256::GeneratorBuilder| builder.step(additions);
                if !is_shared(&P256_GENERATOR, generator, step) {
                    return None;
                }
                key.step(additions).map(Precomputed::P256)
            }
            #[cfg(feature = "fast")]
            Self::Ed25519 { generator, key } => {
                let step = |builder: &mut ed25519::GeneratorBuilder| builder.step(additions);
                if !is_shared(&ED25519_GENERATOR, generator, step) {
                    return None;
                }
                key.step(additions).map(Precomputed::Ed25519)
            }
        }
    }
}

/// Whether the table that all threads share was there already; if not, one step is done towards it.
fn is_shared<T, B: Default>(
    table: &OnceBox<T>,
    builder: &mut Option<B>,
    step: impl FnOnce(&mut B) -> Option<T>,
) -> bool {
    if table.get().is_some() {
        *builder = None;
        return true;
    }
    if let Some(complete) = step(builder.get_or_insert_default()) {
        // Another thread may have been first; both tables are the same.
        let _given_to_all = table.set(Box::new(complete));
    }
    false
}
