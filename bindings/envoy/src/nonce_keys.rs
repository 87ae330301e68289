//! The keys of server nonces: one of the process's own, or those in a file that several Envoys share.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use countersign::jose::base64url;
use countersign::rules::nonce::NonceKeys;
use countersign_live::files::{self, Stamp};
use countersign_live::{NoRandomness, nonce_secret};

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

fn parse(bytes: &[u8]) -> Result<NonceKeys, String> {
    let expected = || "expected one or two lines, each 32 bytes in base64url".to_owned();
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let keys: Option<Vec<[u8; 32]>> = lines.map(base64url::decode_array).collect();
    match keys.as_deref() {
        Some([current]) => Ok(NonceKeys::new(current, None)),
        Some([current, previous]) => Ok(NonceKeys::new(current, Some(previous))),
        _ => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_keys() {
        let key = "A".repeat(43);
        assert!(parse(key.as_bytes()).is_ok());
        assert!(parse(format!("{key}\r\n{key}\n").as_bytes()).is_ok());
        for text in ["", "AAAA", &format!("{key}\n{key}\n{key}"), &format!("{key} {key}")] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
