//! The keys of server nonces: one of the process's own, or those in a file that several Envoys share.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use countersign::NonceKeys;
use countersign_envoy_common::nonce_keys::parse;
use countersign_reload::files::{self, Stamp};
use countersign_reload::{NoRandomness, nonce_secret};

/// A key that stays while the process lives: nonces outlast a change of configuration.
pub(crate) fn of_process() -> Result<NonceKeys, NoRandomness> {
    static KEY: OnceLock<[u8; 32]> = OnceLock::new();
    let key = match KEY.get() {
        Some(key) => key,
        None => {
            let key = nonce_secret()?;
            KEY.get_or_init(|| key)
        }
    };
    Ok(NonceKeys::new(key, None))
}

/// A file of one or two lines, each 32 random bytes in base64url: the key in use, and the one before it.
#[derive(Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    seen: Option<Stamp>,
    missing: bool,
}

const MOST_BYTES: usize = 4096;

impl KeyFile {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: None, missing: false }
    }

    /// The keys, if the file is another one than at the last look.
    pub(crate) fn look(&mut self) -> Option<Result<NonceKeys, String>> {
        // Taken before the file is read: if it changes meanwhile, the next look sees another stamp.
        let stamp = Stamp::of(&self.path);
        if stamp.is_some() && stamp == self.seen {
            return None;
        }
        let missed_before = stamp.is_none() && self.missing;
        (self.seen, self.missing) = (stamp, stamp.is_none());
        if missed_before {
            return None;
        }
        let read = files::read(&self.path, MOST_BYTES).map_err(|error| error.to_string());
        Some(read.and_then(|bytes| parse(&bytes)).map_err(|fault| format!("{}: {fault}", self.path.display())))
    }
}
