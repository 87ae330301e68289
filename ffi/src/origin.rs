//! Origins of a host's configuration.

use countersign::internal::uri::{AllowedOrigins, Origin, OriginListErrorKind};

use crate::boundary::{Output, borrow, borrow_all, checked, guarded, take};
use crate::bytes::countersign_bytes;
use crate::result::countersign_result;

/// Whether a text is an origin: `http://` or `https://`, host, perhaps port and base path, as in `https://api.example/base`. Neither user
/// information nor query nor fragment. For a configured origin that is to precede a request's path in
/// `countersign_request.uri`: no proof is for a URI that begins with anything else.
///
/// Thread-safe.
///
/// # Safety
/// `text` points to as many bytes as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_is_origin(text: countersign_bytes) -> bool {
    guarded(false, || {
        // SAFETY: the caller's promise.
        unsafe { text.read() }.is_ok_and(|text| Origin::parse(text).is_ok())
    })
}

/// The origins that clients of a host may use. One without a wildcard is meant by every request; of several, or of a wildcard, the authority
/// that a client asks for chooses one: it can choose among them, and invent none. Shared by threads; not changed.
pub struct countersign_origins {
    allowed: AllowedOrigins,
}

/// Reads the origins that clients of a host may use, such as `https://api.example/base` and `https://*.example.com`, in which `*` matches
/// exactly one label.
///
/// Returns `OK` and writes the list, to be freed by `countersign_origins_free`; `ORIGIN_INVALID` if a text is no origin,
/// `ORIGIN_WILDCARD` for a `*` at another place than the front of a longer name, `ORIGIN_REPEATED` if two are for the same authority;
/// `NOT_FOUND` without any origin, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`, `NOT_UTF8`. To name the origin at fault, read the list
/// with one origin more each time.
///
/// # Safety
/// `texts` points to `count` texts, each of as many bytes as it says; `origins_out` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_origins_new(
    texts: *const countersign_bytes,
    count: usize,
    origins_out: *mut *mut countersign_origins,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (texts, output) = unsafe { (borrow_all(texts, count)?, Output::at(origins_out)?) };
        // SAFETY: as above.
        let texts: Result<Vec<&str>, _> = texts.iter().map(|text| unsafe { text.read_text() }).collect();
        let allowed = AllowedOrigins::parse(texts?).map_err(|fault| match fault.kind {
            OriginListErrorKind::Origin(_) => countersign_result::OriginInvalid,
            OriginListErrorKind::Wildcard => countersign_result::OriginWildcard,
            OriginListErrorKind::SameAuthority(_) => countersign_result::OriginRepeated,
            OriginListErrorKind::Empty => countersign_result::NotFound,
        })?;
        output.write(Box::into_raw(Box::new(countersign_origins { allowed })));
        Ok(())
    })
}

/// Writes the URI of a request as its client sees it, for `countersign_request.uri`: the origin that `authority` chooses, with its base path,
/// then `target`. `authority` is what the client asks for (`:authority`, or `Host`) and `target` the path and query that it sent.
///
/// Returns `OK` and writes the length; `BUFFER_TOO_SMALL` and writes the length that it needs, which is at most the length of the longest
/// origin of the list, of `authority` and of `target` together; `NOT_FOUND` if no origin is for that authority: no proof is for such a
/// request. `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe, without allocation.
///
/// # Safety
/// `origins` is NULL or a list that was not freed; `authority` and `target` point to as many bytes as they say, `buffer` to memory of
/// `capacity` bytes that overlaps with none of them; `length_out` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_origins_uri(
    origins: *const countersign_origins,
    authority: countersign_bytes,
    target: countersign_bytes,
    buffer: *mut u8,
    capacity: usize,
    length_out: *mut usize,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (origins, output) = unsafe { (borrow(origins)?, Output::at(length_out)?) };
        // SAFETY: as above.
        let (authority, target) = unsafe { (authority.read()?, target.read()?) };
        if isize::try_from(capacity).is_err() {
            return Err(countersign_result::InvalidLength);
        }
        let room: &mut [u8] = if capacity == 0 {
            &mut []
        } else if buffer.is_null() {
            return Err(countersign_result::NullParameter);
        } else {
            debug_assert!(!buffer.is_null() && capacity <= isize::MAX as usize);
            // SAFETY: not NULL, not longer than memory can be, and by the caller's promise so long and apart from what is read. It may be
            // uninitialised in C's eyes; only bytes are ever written.
            unsafe { std::slice::from_raw_parts_mut(buffer, capacity) }
        };
        let chosen = origins.allowed.choose(authority).ok_or(countersign_result::NotFound)?;
        let (mut length, mut fits) = (0, true);
        chosen.each_piece(&mut |piece| fits &= write(room, &mut length, piece));
        fits &= write(room, &mut length, target);
        output.write(length);
        if fits { Ok(()) } else { Err(countersign_result::BufferTooSmall) }
    })
}

/// Writes what fits and counts everything.
fn write(room: &mut [u8], length: &mut usize, piece: &[u8]) -> bool {
    let end = *length + piece.len();
    let place = room.get_mut(*length..end);
    *length = end;
    place.map(|place| place.copy_from_slice(piece)).is_some()
}

/// Frees a list. NULL is nothing to do.
///
/// # Safety
/// `origins` was not freed before, and no thread is in a call with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_origins_free(origins: *mut countersign_origins) {
    guarded((), || {
        // SAFETY: the caller's promise.
        drop(unsafe { take(origins) });
    });
}
