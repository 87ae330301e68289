//! Files and standard input without which a command cannot go on.

use std::io;
use std::path::Path;

pub(crate) use countersign_reload::files::read;
use countersign_reload::files::read_bounded;

use crate::failure::Failure;

/// [`read`], for a file without which the command cannot go on.
pub(crate) fn need(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    read(path, limit).map_err(|error| Failure::file(path, &error))
}

/// Reads the file, or standard input where there is none.
pub(crate) fn need_or_stdin(path: Option<&Path>, limit: usize) -> Result<Vec<u8>, Failure> {
    match path {
        Some(path) if path != Path::new("-") => need(path, limit),
        _ => read_bounded(io::stdin().lock(), limit).map_err(|error| Failure::Io(format!("standard input: {error}"))),
    }
}
