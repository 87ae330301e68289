//! Values that all VMs of one id share: of all workers, and of the filters of all listeners that name that id.
//!
//! There is one atomic step, the exchange. A key is never deleted (the ABI cannot), so there is a fixed number of them: they are
//! named after what the configuration names, never after what a request brings.

use crate::host::{Host, Status};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// How often a value is read again because another VM wrote it in between, before we give up: far more than there are workers.
const TURNS: usize = 1000;

/// The number that no value has: an exchange for it succeeds only where there is no value yet.
pub(crate) const ABSENT: u32 = u32::MAX;

/// What went wrong with a shared value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SharedError {
    /// The proxy did not do it.
    Proxy(Status),
    /// Others always wrote in between.
    Contended,
}

impl core::fmt::Display for SharedError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Proxy(status) => write!(f, "the proxy keeps no shared data (status {})", status.0),
            Self::Contended => f.write_str("shared data does not hold still"),
        }
    }
}

/// Replaces the value of `key` by what `change` makes of it, in one step; `change` may be asked again, about a newer value. `None`
/// from it leaves the value as it is. Gives what `change` said last.
pub(crate) fn change<H: Host, T>(
    host: &H,
    key: &str,
    mut change: impl FnMut(Option<&[u8]>) -> (Option<Vec<u8>>, T),
) -> Result<T, SharedError> {
    for _ in 0..TURNS {
        let (value, seen) = match host.shared(key) {
            Some((value, seen)) => (Some(value), seen),
            None => (None, ABSENT),
        };
        let (new, said) = change(value.as_deref());
        let Some(new) = new else { return Ok(said) };
        if host.exchange(key, &new, seen).map_err(SharedError::Proxy)? {
            return Ok(said);
        }
    }
    Err(SharedError::Contended)
}

/// Fields of fixed length, one after the other.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    pub(crate) fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }
}

/// Sixteen hexadecimal digits of a hash: part of a key.
pub(crate) fn short_name(parts: &[&str]) -> String {
    let mut all = Vec::new();
    for part in parts {
        all.extend_from_slice(part.as_bytes());
        all.push(0);
    }
    let hash = countersign::internal::crypto::sha256(&all);
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
