//! Keys: pushed by the host, or read from files that it watches.

use std::path::{Path, PathBuf};

use countersign::{Authority, TrustDocument, TrustError, UnixSeconds};
use countersign_reload::{LookReport, warn_of_drops};

use crate::boundary::{Output, borrow, checked};
use crate::bytes::countersign_bytes;
use crate::engine::countersign_engine;
use crate::notice::countersign_notice;
use crate::result::countersign_result;
use crate::text::countersign_str;

/// Whose keys.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_authority_kind {
    /// A SPIFFE trust domain, such as `example.org`; its document is a bundle.
    TrustDomain = 1,
    /// An issuer, such as `https://as.example`; its document is a JWK set.
    Issuer = 2,
}

impl countersign_authority_kind {
    pub(crate) fn of(authority: &Authority) -> Self {
        if authority.is_trust_domain() { Self::TrustDomain } else { Self::Issuer }
    }

    fn authority(kind: u32, name: &str) -> Result<Authority, countersign_result> {
        match kind {
            _ if kind == Self::TrustDomain as u32 => Ok(Authority::TrustDomain(name.to_owned())),
            _ if kind == Self::Issuer as u32 => Ok(Authority::Issuer(name.to_owned())),
            _ => Err(countersign_result::InvalidValue),
        }
    }
}

/// Where the document of a trust source is.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_trust_place {
    /// In the policy document.
    Inline = 1,
    /// In a file: `countersign_engine_watch_trust_files`.
    File = 2,
    /// Behind a URI, which the host fetches and pushes.
    Uri = 3,
    /// The host pushes it.
    Pushed = 4,
    /// In a bundle map with those of other trust domains: `countersign_engine_watch_trust_files`, if that is a file.
    BundleMap = 5,
}

/// A trust source of the policy document. The texts are valid until the engine and its workers are freed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct countersign_trust_source<'a> {
    /// Whose keys.
    pub kind: countersign_authority_kind,
    /// Where the document is.
    pub place: countersign_trust_place,
    /// The trust domain or issuer.
    pub name: countersign_str<'a>,
    /// The file name or the URI; none for the other places.
    pub location: countersign_str<'a>,
    /// The floor between two fetches that unknown keys can ask for.
    pub min_refresh_seconds: u64,
}

/// What a pushed document came to.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct countersign_load_report {
    /// Keys that were in use before and still are.
    pub kept: usize,
    /// New keys.
    pub added: usize,
    /// Keys that are gone: their tokens are refused from now on.
    pub removed: usize,
    /// Entries for another purpose.
    pub other_use: usize,
    /// Entries that cannot be used; the notice was given each.
    pub dropped: usize,
}

/// What a look at the watched files came to; the notice was given the rest.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct countersign_look_report {
    /// Documents that were read and are in use now.
    pub loaded: u32,
    /// Documents that cannot be used; the last good ones stay in use.
    pub refused: u32,
    /// Files that do not exist or cannot be read, reported once each.
    pub unreadable: u32,
}

impl From<LookReport> for countersign_look_report {
    fn from(report: LookReport) -> Self {
        let LookReport { loaded, refused, unreadable } = report;
        Self { loaded, refused, unreadable }
    }
}

/// A path as the system has it: any bytes on Unix.
#[cfg(unix)]
pub(crate) fn path(bytes: &[u8]) -> Result<&Path, countersign_result> {
    use std::os::unix::ffi::OsStrExt;
    Ok(Path::new(std::ffi::OsStr::from_bytes(bytes)))
}

/// A path as the system has it.
#[cfg(not(unix))]
pub(crate) fn path(bytes: &[u8]) -> Result<&Path, countersign_result> {
    std::str::from_utf8(bytes).map(Path::new).map_err(|_| countersign_result::NotUtf8)
}

/// Reads the files that the policy document names, relative to `directory`, and from now on again at each
/// `countersign_engine_look` at which they have changed: replace them by an atomic rename.
///
/// A file that cannot be read may still come: until then its tokens are refused with `keys_stale`. `report_out` may be NULL.
/// Returns `OK`, whatever the files were; `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe; it reads files, so
/// it may wait.
///
/// # Safety
/// `engine` is an engine; `directory`, and `report_out` unless NULL, are valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_watch_trust_files(
    engine: *const countersign_engine,
    directory: countersign_bytes,
    now_seconds: u64,
    notice: countersign_notice,
    report_out: *mut countersign_look_report,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (engine, directory) = unsafe { (borrow(engine)?, path(directory.read()?)?) };
        let now = UnixSeconds::new(now_seconds);
        let report = engine.shared.watch_trust_files(directory, now, &mut |line| notice.report(line));
        // SAFETY: the caller's promise.
        if let Ok(output) = unsafe { Output::at(report_out) } {
            output.write(report.into());
        }
        Ok(())
    })
}

/// Reads a document of revocations (`countersign_engine_revoke`) from a file, and from now on again at each
/// `countersign_engine_look` at which it has changed.
///
/// Returns `OK`; `REVOCATIONS_FAULTY` after a notice with the reason: a host with revocations must not start without them;
/// `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe.
///
/// # Safety
/// `engine` is an engine, `file` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_watch_revocations(
    engine: *const countersign_engine,
    file: countersign_bytes,
    notice: countersign_notice,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (engine, file) = unsafe { (borrow(engine)?, path(file.read()?)?) };
        engine.shared.watch_revocations(PathBuf::from(file), &mut |line| notice.report(line)).map_err(|fault| {
            notice.report(&fault.to_string());
            countersign_result::RevocationsFaulty
        })
    })
}

/// Reads again every watched file that has changed; costs one `stat` a file where none has. A file that cannot be used leaves the
/// last good one in use.
///
/// Decisions that begin after it returned see what it found, on every thread. `report_out` may be NULL. Returns `OK`,
/// `NULL_PARAMETER`, `MISALIGNED`. Thread-safe.
///
/// # Safety
/// `engine` is an engine; `report_out`, unless NULL, is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_look(
    engine: *const countersign_engine,
    now_seconds: u64,
    notice: countersign_notice,
    report_out: *mut countersign_look_report,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let engine = unsafe { borrow(engine) }?;
        let report = engine.shared.look(UnixSeconds::new(now_seconds), &mut |line| notice.report(line));
        // SAFETY: the caller's promise.
        if let Ok(output) = unsafe { Output::at(report_out) } {
            output.write(report.into());
        }
        Ok(())
    })
}

/// Loads a document for a trust domain (a SPIFFE bundle, or a JWK set where its trust entry says so) or an issuer (a JWK set).
///
/// Keys that stay keep their cached tokens; tokens of keys that are gone are refused by every decision that begins after this
/// returned. `kind` is a `countersign_authority_kind`. `report_out` may be NULL. Returns `OK`; `TRUST_FAULTY` after telling why,
/// the last good document then stays in use; `AUTHORITY_UNKNOWN`, `INVALID_VALUE`, `NOT_UTF8`, `NULL_PARAMETER`,
/// `MISALIGNED`, `INVALID_LENGTH`. Thread-safe.
///
/// # Safety
/// `engine` is an engine; `name`, `document`, and `report_out` unless NULL, are valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_push_trust(
    engine: *const countersign_engine,
    kind: u32,
    name: countersign_bytes,
    document: countersign_bytes,
    now_seconds: u64,
    notice: countersign_notice,
    report_out: *mut countersign_load_report,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (engine, name, document) = unsafe { (borrow(engine)?, name.read_text()?, document.read()?) };
        let authority = countersign_authority_kind::authority(kind, name)?;
        let report =
            engine.shared.push_trust(&authority, document, UnixSeconds::new(now_seconds)).map_err(|fault| {
                if fault == TrustError::AuthorityUnknown {
                    return countersign_result::AuthorityUnknown;
                }
                notice.report(&format!("{authority}: {fault}; the last good document stays in use"));
                countersign_result::TrustFaulty
            })?;
        warn_of_drops(&authority.to_string(), &report, &mut |line| notice.report(line));
        // SAFETY: the caller's promise.
        if let Ok(output) = unsafe { Output::at(report_out) } {
            output.write(countersign_load_report {
                kept: report.kept,
                added: report.added,
                removed: report.removed,
                other_use: report.other_use,
                dropped: report.dropped_count,
            });
        }
        Ok(())
    })
}

/// Takes the document of a trust domain or issuer away: its tokens are refused with `keys_stale` until another one comes.
///
/// Returns `OK`, `AUTHORITY_UNKNOWN`, `INVALID_VALUE`, `NOT_UTF8`, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe.
///
/// # Safety
/// `engine` is an engine, `name` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_withdraw_trust(
    engine: *const countersign_engine,
    kind: u32,
    name: countersign_bytes,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (engine, name) = unsafe { (borrow(engine)?, name.read_text()?) };
        let authority = countersign_authority_kind::authority(kind, name)?;
        engine.shared.withdraw_trust(&authority).map_err(|_| countersign_result::AuthorityUnknown)
    })
}

/// The trust source of the policy document at `index`, for hosts that fetch.
///
/// Returns `OK`, `NOT_FOUND` past the last one, `NULL_PARAMETER`, `MISALIGNED`. Thread-safe.
///
/// # Safety
/// `engine` is an engine, `source_out` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_engine_trust_source<'a>(
    engine: *const countersign_engine,
    index: usize,
    source_out: *mut countersign_trust_source<'a>,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (engine, output) = unsafe { (borrow(engine)?, Output::at(source_out)?) };
        let source = engine.shared.engine().document().source(index).ok_or(countersign_result::NotFound)?;
        let (place, location) = match source.document() {
            TrustDocument::Inline(_) => (countersign_trust_place::Inline, countersign_str::NONE),
            TrustDocument::File(name) => (countersign_trust_place::File, countersign_str::of(name)),
            TrustDocument::Uri(uri) => (countersign_trust_place::Uri, countersign_str::of(uri)),
            TrustDocument::Pushed => (countersign_trust_place::Pushed, countersign_str::NONE),
            TrustDocument::Map(_) => (countersign_trust_place::BundleMap, countersign_str::NONE),
        };
        output.write(countersign_trust_source {
            kind: countersign_authority_kind::of(source.authority()),
            place,
            name: countersign_str::of(source.authority().name()),
            location,
            min_refresh_seconds: source.min_refresh_seconds(),
        });
        Ok(())
    })
}
