//! The only mutable state: fixed in size, bounded in bytes, no clock and no entropy of its own.
//!
//! | file | holds | shared by |
//! |---|---|---|
//! | [`record_cache`] | records of verified tokens, by their exact bytes | one worker |
//! | [`hot_keys`] | tables of the keys that are used often | one worker |
//! | `inactive` | which tokens their issuer answered are not active | one worker |
//! | [`replay`] | which proofs were used | all threads and processes |
//! | [`revocation`] | the revocations of the host | all; replaced as a whole |

#[cfg(feature = "hot-keys")]
pub mod hot_keys;
#[cfg(not(feature = "hot-keys"))]
#[path = "hot_keys_off.rs"]
pub mod hot_keys;
pub(crate) mod inactive;
#[cfg(feature = "hot-keys")]
mod precomputed;
pub(crate) mod proof_keys;
pub mod record_cache;
pub mod replay;
pub mod revocation;

/// The process cannot have as much memory as the policy document asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl core::fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the process cannot have as much memory as the policy document asks for")
    }
}

impl core::error::Error for OutOfMemory {}

/// Returns as many zero bytes, or `None` where there is no memory for them: a host's allocator, which may give pages that take no memory until
/// they are written to.
pub type Zeroed<'z> = &'z mut dyn FnMut(usize) -> Option<alloc::boxed::Box<[u8]>>;

/// `count` times `value`, unless there is no memory for them.
pub(crate) fn filled<T: Clone>(count: usize, value: T) -> Result<alloc::boxed::Box<[T]>, OutOfMemory> {
    let mut all = alloc::vec::Vec::new();
    all.try_reserve_exact(count).map_err(|_| OutOfMemory)?;
    all.resize(count, value);
    Ok(all.into())
}
