//! Files, read whole and never more of them than a limit.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

/// The result of a look at the watched files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookReport {
    /// Documents that were read and are in use now.
    pub loaded: u32,
    /// Documents that cannot be used; the last good ones stay in use.
    pub refused: u32,
    /// Files that do not exist or cannot be read, reported once each.
    pub unreadable: u32,
}

/// Distinguishes one version of a file from the next without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// A file that was renamed into place may have the same size and time, but is another one.
    identity: (u64, u64),
}

impl Stamp {
    /// The current version of the file at `path`; `None` if there is none.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|metadata| Self::from(&metadata))
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self { bytes: metadata.len(), modified: metadata.modified().ok(), identity: identity(metadata) }
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// Reads the file at `path` if it has at most `limit` bytes.
///
/// # Errors
/// Those of the file system; [`io::ErrorKind::FileTooLarge`] past the limit.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    read_bounded(File::open(path)?, limit)
}

/// Reads `source` to its end if it has at most `limit` bytes.
///
/// # Errors
/// Those of the source; [`io::ErrorKind::FileTooLarge`] past the limit.
pub fn read_bounded(source: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source.take(one_more).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {limit} bytes")));
    }
    Ok(bytes)
}
