//! How a command ends: the exit codes, and the last lines.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::printable::printable;

/// How a command that ran to its end came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Accepted, or nothing to complain of.
    Good,
    /// Refused, or something was found.
    Findings,
}

impl Verdict {
    pub(crate) const fn of(good: bool) -> Self {
        if good { Self::Good } else { Self::Findings }
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of the output closed it, so nothing can be reported.
    Closed,
    /// A bad policy, or input that cannot be what the command needs; a line for each fault.
    Unusable(Vec<String>),
    /// The system said no.
    Io(String),
}

pub(crate) type Outcome = Result<Verdict, Failure>;

impl Failure {
    pub(crate) fn unusable(line: impl Into<String>) -> Self {
        Self::Unusable(vec![line.into()])
    }

    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::Io(format!("{}: {error}", path.display()))
    }
}

/// For everything that is written: files are read by functions that name the file.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Io(format!("standard output: {error}")),
        }
    }
}

/// Reports the failure and returns the exit code: 0 good, 1 refused or findings, 2 usage or bad policy, 3 input or output.
pub(crate) fn finish(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(Verdict::Good) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Ok(Verdict::Findings) => ExitCode::from(1),
        Err(Failure::Unusable(lines)) => {
            for line in lines {
                complain(&line);
            }
            ExitCode::from(2)
        }
        Err(Failure::Io(line)) => {
            complain(&line);
            ExitCode::from(3)
        }
    }
}

/// One line on standard error; dropped if that is closed too.
pub(crate) fn complain(line: &str) {
    let _closed = writeln!(io::stderr(), "{}", printable(line));
}
