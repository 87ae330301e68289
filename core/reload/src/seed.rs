//! Randomness for what must not be guessed: seeds of caches and stores, keys of nonces.

use countersign::NonceKeys;

/// The system gives no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness;

impl std::fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the system gives no randomness")
    }
}

impl std::error::Error for NoRandomness {}

fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A seed for the caches of a worker, or for a replay store.
///
/// # Errors
/// [`NoRandomness`]
pub fn seed() -> Result<[u64; 2], NoRandomness> {
    Ok([u64::from_ne_bytes(random()?), u64::from_ne_bytes(random()?)])
}

/// A secret to make nonces with.
///
/// # Errors
/// [`NoRandomness`]
pub fn nonce_secret() -> Result<[u8; 32], NoRandomness> {
    random()
}

/// A random key for nonces; a host of several processes shares one instead.
///
/// # Errors
/// [`NoRandomness`]
pub fn nonce_keys() -> Result<NonceKeys, NoRandomness> {
    Ok(NonceKeys::new(&nonce_secret()?, None))
}
