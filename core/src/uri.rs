//! The target URI of a request and DPoP's comparison with it (RFC 9449 §4.3 item 9).
//!
//! Both sides are compared as RFC 3986 §6.2.2 and §6.2.3 normalise them: case of scheme, host and percent-encoding,
//! encoded unreserved characters, dot segments, default port, empty path. Query and fragment are not looked at.

mod allowed;
mod query;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::{fmt, str};

use crate::limits;

pub use allowed::{AllowedOrigins, OriginListError, OriginListErrorKind};
pub use query::has_query_parameter;

/// An `http` or `https` URI without its query and fragment, borrowed and checked, but not yet normalised.
///
/// Does not say where the URI came from, nor that the host exists; names are not resolved, and an IPv6 address is compared
/// as text (RFC 3986 §6.2.2 knows no more).
#[derive(Clone, Copy, Debug)]
pub struct TargetUri<'a> {
    origin: Origin<'a>,
    /// Starts with a slash, and ends before the query. It follows the base path of the origin.
    path: &'a [u8],
}

impl<'a> TargetUri<'a> {
    /// Parses an absolute URI such as the `htu` claim; an empty path becomes `/` (RFC 3986 §6.2.3).
    ///
    /// # Errors
    /// The first part of the URI that is not valid.
    pub fn parse(uri: &'a [u8]) -> Result<Self, UriError> {
        let uri = before_query(uri)?;
        let (scheme, rest) = split_scheme(uri).ok_or(UriError::Scheme)?;
        let (authority, path) = split_path(rest);
        let (host, port) = split_authority(authority)?;
        check_path(path)?;
        let port = port.filter(|port| *port != scheme.default_port());
        let path = if path.is_empty() { b"/" } else { path };
        Ok(Self { origin: Origin { scheme, host, port, base: b"" }, path })
    }

    /// The URI of `request_target` on a server that clients reach under `origin`.
    ///
    /// Accepts origin-form (`/x?y`) and absolute-form (`https://h/x`, RFC 9112 §3.2.2), of which only the path is kept: the name that
    /// the client used for the server is not evidence. That name may be empty. Refuses authority-form and `*`.
    ///
    /// # Errors
    /// [`UriError::RequestTarget`] for the other forms, else the first part of the target that is not valid.
    pub fn with_origin(origin: &Origin<'a>, request_target: &'a [u8]) -> Result<Self, UriError> {
        let target = before_query(request_target)?;
        let path = if target.starts_with(b"/") {
            target
        } else {
            let (_, rest) = split_scheme(target).ok_or(UriError::RequestTarget)?;
            let (authority, path) = split_path(rest);
            match split_authority(authority) {
                Ok(_) | Err(UriError::HostEmpty) => path,
                Err(fault) => return Err(fault),
            }
        };
        check_path(path)?;
        Ok(Self { origin: *origin, path: if path.is_empty() { b"/" } else { path } })
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme() == Scheme::Https
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.origin.scheme
    }

    /// The host as it was written, an IPv6 address with its brackets; compare it without regard to case.
    #[must_use]
    pub fn host(&self) -> &'a [u8] {
        self.origin.host
    }

    /// The port, if it is not the default one of the scheme.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.origin.port
    }

    /// Whether both name the same target, query and fragment aside (RFC 9449 §4.3 item 9).
    ///
    /// Linear in both paths and without allocation. `/a` and `/a/`, `//a` and `/a`, `%2F` and `/` stay different, and so do
    /// `example.org.` and `example.org`.
    #[must_use]
    pub fn same_target(&self, other: &TargetUri<'_>) -> bool {
        self.origin.scheme == other.origin.scheme
            && self.origin.port == other.origin.port
            && self.origin.host.eq_ignore_ascii_case(other.origin.host)
            && (self.has_path_bytes_of(other) || self.has_segments_of(other))
    }

    /// Writes the normalised URI into the front of `out`: one spelling for each target, so it can be a key of a store.
    ///
    /// `None` when `out` is too short; [`NORMALISED_BYTES`] are always enough.
    pub fn write_normalised<'o>(&self, out: &'o mut [u8]) -> Option<&'o mut [u8]> {
        let mut written = Written { out, len: 0 };
        written.push_all(self.origin.scheme.prefix().iter().copied())?;
        written.push_all(self.origin.host.iter().map(u8::to_ascii_lowercase))?;
        if let Some(port) = self.origin.port {
            written.push(b':')?;
            written.push_decimal(port)?;
        }
        let path_start = written.len;
        // RFC 3986 §5.2.4, forwards: every segment is written with its slash, `..` takes the last one back.
        let mut ends_in_dots = false;
        for piece in [self.origin.base, self.path] {
            for segment in piece.split(|byte| *byte == b'/').skip(1) {
                let dots = dots(segment);
                ends_in_dots = dots != Dots::None;
                match dots {
                    Dots::One => {}
                    Dots::Two => written.take_back_segment(path_start),
                    Dots::None => {
                        written.push(b'/')?;
                        written.push_all(Normalised::of(segment))?;
                    }
                }
            }
        }
        if ends_in_dots {
            written.push(b'/')?;
        }
        written.out.get_mut(..written.len)
    }

    /// Equal before normalisation, wherever base and path meet. Equal bytes normalise equally.
    fn has_path_bytes_of(&self, other: &TargetUri<'_>) -> bool {
        let (base, path) = (self.origin.base, self.path);
        let (other_base, other_path) = (other.origin.base, other.path);
        if let Some(rest) = base.strip_prefix(other_base) {
            other_path.strip_prefix(rest) == Some(path)
        } else if let Some(rest) = other_base.strip_prefix(base) {
            path.strip_prefix(rest) == Some(other_path)
        } else {
            false
        }
    }

    fn has_segments_of(&self, other: &TargetUri<'_>) -> bool {
        let mut theirs = SegmentsFromTheEnd::of(other);
        SegmentsFromTheEnd::of(self).all(|ours| theirs.next().is_some_and(|theirs| same_segment(ours, theirs)))
            && theirs.next().is_none()
    }
}

/// What clients see in front of a request's path: scheme, host, port, and the base path that a proxy strips.
///
/// Taken from configuration, never from `Host` or forwarding headers.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    scheme: Scheme,
    /// Without userinfo and port; not empty.
    host: &'a [u8],
    /// `None` for the default port of the scheme.
    port: Option<u16>,
    /// Empty, or starts with a slash.
    base: &'a [u8],
}

impl<'a> Origin<'a> {
    /// Parses an origin such as `https://api.example/base`; one slash at the end of the base path is ignored.
    ///
    /// # Errors
    /// [`UriError::OriginQuery`] for a query or a fragment, even an empty one, else the first part that is not valid.
    pub fn parse(uri: &'a [u8]) -> Result<Self, UriError> {
        if uri.iter().any(|byte| matches!(byte, b'?' | b'#')) {
            return Err(UriError::OriginQuery);
        }
        let TargetUri { origin, path } = TargetUri::parse(uri)?;
        let base = path.strip_suffix(b"/").unwrap_or(path);
        Ok(Self { base, ..origin })
    }

    /// Writes it at the end of `out`, to be followed by a path: scheme, host, a port that is not the default one, base path.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        self.each_piece(&mut |piece| out.extend_from_slice(piece));
    }

    /// As [`write_to`](Self::write_to), for a host that has no vector: hands the pieces to `piece`, one after the other.
    pub fn each_piece(&self, piece: &mut dyn FnMut(&[u8])) {
        piece(self.scheme.prefix());
        piece(self.host);
        if let Some(port) = self.port {
            let mut digits = [b':', 0, 0, 0, 0, 0];
            let mut written = Written { out: &mut digits, len: 1 };
            let _fits = written.push_decimal(port);
            let length = written.len;
            piece(digits.get(..length).unwrap_or_default());
        }
        piece(self.base);
    }
}

/// An [`Origin`] that a policy keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedOrigin {
    scheme: Scheme,
    host: Box<[u8]>,
    port: Option<u16>,
    base: Box<[u8]>,
}

impl OwnedOrigin {
    /// As [`Origin::parse`], and copies the parts.
    ///
    /// # Errors
    /// As [`Origin::parse`].
    pub fn parse(uri: &[u8]) -> Result<Self, UriError> {
        let Origin { scheme, host, port, base } = Origin::parse(uri)?;
        Ok(Self { scheme, host: host.into(), port, base: base.into() })
    }

    /// The origin, borrowed; costs nothing.
    #[must_use]
    pub fn borrow(&self) -> Origin<'_> {
        Origin { scheme: self.scheme, host: &self.host, port: self.port, base: &self.base }
    }
}

/// The schemes that a DPoP proof can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`, port 80.
    Http,
    /// `https`, port 443.
    Https,
}

impl Scheme {
    /// The port of a URI that names none (RFC 9110 §4.2).
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Http => b"http://",
            Self::Https => b"https://",
        }
    }
}

/// Why a URI cannot be a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UriError {
    /// More than [`MAX_URI_BYTES`] bytes before the query.
    TooLong,
    /// Neither `http://` nor `https://`: another scheme, a relative reference, or nothing.
    Scheme,
    /// An `@` in the authority: userinfo is deprecated (RFC 9110 §4.2.4) and made to mislead.
    Userinfo,
    /// No host.
    HostEmpty,
    /// A character that a host cannot have, percent-encoding included, or no IPv6 address between brackets.
    HostCharacter,
    /// Not a port number.
    Port,
    /// A byte beyond ASCII; international names and paths are to be encoded by the sender.
    NonAscii,
    /// A control character, a space or a backslash.
    PathCharacter,
    /// A `%` without two hexadecimal digits.
    PercentEncoding,
    /// A request target that is neither a path nor an absolute URI.
    RequestTarget,
    /// A configured origin with a query or a fragment.
    OriginQuery,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the URI has more than 8192 bytes before its query",
            Self::Scheme => "the URI does not start with http:// or https://",
            Self::Userinfo => "the URI has userinfo",
            Self::HostEmpty => "the URI has no host",
            Self::HostCharacter => "the host has a character that a host cannot have",
            Self::Port => "the port is not a number up to 65535",
            Self::NonAscii => "the URI is not ASCII",
            Self::PathCharacter => "the path has a control character, a space or a backslash",
            Self::PercentEncoding => "the path has a % without two hexadecimal digits",
            Self::RequestTarget => "the request target is neither a path nor an absolute URI",
            Self::OriginQuery => "an origin has neither query nor fragment",
        })
    }
}

impl core::error::Error for UriError {}

/// The part before the query and the fragment, if it is not too long.
fn before_query(uri: &[u8]) -> Result<&[u8], UriError> {
    let looked_at = uri.get(..=MAX_URI_BYTES).unwrap_or(uri);
    let end = looked_at.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(looked_at.len());
    looked_at.get(..end).filter(|part| part.len() <= MAX_URI_BYTES).ok_or(UriError::TooLong)
}

/// Scheme and `//` without regard to case (RFC 3986 §6.2.2.1).
fn split_scheme(uri: &[u8]) -> Option<(Scheme, &[u8])> {
    [Scheme::Http, Scheme::Https].into_iter().find_map(|scheme| {
        let (front, rest) = uri.split_at_checked(scheme.prefix().len())?;
        front.eq_ignore_ascii_case(scheme.prefix()).then_some((scheme, rest))
    })
}

/// The authority and the path behind a scheme.
fn split_path(rest: &[u8]) -> (&[u8], &[u8]) {
    let path_start = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    rest.split_at_checked(path_start).unwrap_or((rest, b""))
}

/// RFC 3986 §3.2, but neither userinfo nor percent-encoding.
fn split_authority(authority: &[u8]) -> Result<(&[u8], Option<u16>), UriError> {
    if authority.contains(&b'@') {
        return Err(UriError::Userinfo);
    }
    if !authority.is_ascii() {
        return Err(UriError::NonAscii);
    }
    let bracket = authority.iter().position(|byte| *byte == b']').map_or(0, |bracket| bracket + 1);
    let host_len = match authority {
        [b'[', ..] => bracket,
        _ => authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(host_len).unwrap_or((b"", authority));
    match host {
        // Only the case of a name without closing bracket gets here with something left.
        [] if port.starts_with(b"[") => return Err(UriError::HostCharacter),
        [] => return Err(UriError::HostEmpty),
        [b'[', address @ .., b']'] => {
            str::from_utf8(address)
                .ok()
                .and_then(|text| text.parse::<Ipv6Addr>().ok())
                .ok_or(UriError::HostCharacter)?;
        }
        name if name.iter().all(|byte| is_reg_name(*byte)) => {}
        _ => return Err(UriError::HostCharacter),
    }
    match port {
        [] | [b':'] => Ok((host, None)),
        [b':', digits @ ..] => Ok((host, Some(decimal_port(digits)?))),
        _ => Err(UriError::Port),
    }
}

fn decimal_port(digits: &[u8]) -> Result<u16, UriError> {
    digits
        .iter()
        .try_fold(0_u16, |port, digit| {
            let value = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
            port.checked_mul(10)?.checked_add(value)
        })
        .ok_or(UriError::Port)
}

/// RFC 3986 §3.2.2 `reg-name` without percent-encoding: unreserved and sub-delims.
fn is_reg_name(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=".contains(&byte)
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Wider than RFC 3986 §3.3: printable ASCII such as `|` or `[`, which browsers send unescaped, matches itself.
fn check_path(path: &[u8]) -> Result<(), UriError> {
    let mut rest = path;
    while let [byte, after @ ..] = rest {
        rest = match byte {
            b'%' => match after {
                [high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => after,
                _ => return Err(UriError::PercentEncoding),
            },
            b'\\' => return Err(UriError::PathCharacter),
            b'!'..=b'~' => after,
            0x80.. => return Err(UriError::NonAscii),
            _ => return Err(UriError::PathCharacter),
        };
    }
    Ok(())
}

fn same_segment(ours: &[u8], theirs: &[u8]) -> bool {
    ours == theirs || Normalised::of(ours).eq(Normalised::of(theirs))
}

/// What a path segment means to RFC 3986 §5.2.4, `%2e` included since it is decoded first (§6.2.2.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dots {
    None,
    One,
    Two,
}

fn dots(segment: &[u8]) -> Dots {
    if !matches!(segment, [b'.' | b'%', ..]) {
        return Dots::None;
    }
    let mut bytes = Normalised::of(segment);
    match (bytes.next(), bytes.next(), bytes.next()) {
        (Some(b'.'), None, None) => Dots::One,
        (Some(b'.'), Some(b'.'), None) => Dots::Two,
        _ => Dots::None,
    }
}

/// The segments that RFC 3986 §5.2.4 leaves, last one first.
///
/// Backwards nothing has to be taken back: `..` is met before the segment it removes, and a counter remembers it.
struct SegmentsFromTheEnd<'a> {
    base: &'a [u8],
    path: &'a [u8],
    /// How many segments are still to be dropped for the `..` met so far.
    drops: usize,
    at_end: bool,
}

impl<'a> SegmentsFromTheEnd<'a> {
    fn of(uri: &TargetUri<'a>) -> Self {
        Self { base: uri.origin.base, path: uri.path, drops: 0, at_end: true }
    }

    /// The last segment as it is written, dots and all.
    fn next_raw(&mut self) -> Option<&'a [u8]> {
        let piece = if self.path.is_empty() { &mut self.base } else { &mut self.path };
        let slash = piece.iter().rposition(|byte| *byte == b'/')?;
        let segment = piece.get(slash + 1..)?;
        *piece = piece.get(..slash)?;
        Some(segment)
    }
}

impl<'a> Iterator for SegmentsFromTheEnd<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let segment = self.next_raw()?;
            let dots = dots(segment);
            if dots == Dots::Two {
                self.drops += 1;
            }
            let at_end = core::mem::take(&mut self.at_end);
            match dots {
                // `/a/.` is `/a/` and `/a/b/..` is `/a/`: dots at the end leave an empty segment.
                Dots::One | Dots::Two if at_end => return Some(b""),
                Dots::One | Dots::Two => {}
                Dots::None if self.drops > 0 => self.drops -= 1,
                Dots::None => return Some(segment),
            }
        }
    }
}

/// The bytes of a checked segment as RFC 3986 §6.2.2.1 and §6.2.2.2 normalise them.
struct Normalised<'a> {
    rest: &'a [u8],
    /// The two digits after a `%` that stays encoded, each taken once.
    digits: [Option<u8>; 2],
}

impl<'a> Normalised<'a> {
    fn of(segment: &'a [u8]) -> Self {
        Self { rest: segment, digits: [None; 2] }
    }
}

impl Iterator for Normalised<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let [high, low] = &mut self.digits;
        if let Some(digit) = high.take().or_else(|| low.take()) {
            return Some(digit);
        }
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        if *byte == b'%'
            && let [high, low, after @ ..] = rest
            && let Some(value) = hex_byte(*high, *low)
        {
            self.rest = after;
            if is_unreserved(value) {
                return Some(value);
            }
            self.digits = [Some(high.to_ascii_uppercase()), Some(low.to_ascii_uppercase())];
        }
        Some(*byte)
    }
}

/// `application/x-www-form-urlencoded`, decoded; a `%` without two digits is itself.
struct FormDecoded<'a> {
    rest: &'a [u8],
}

impl Iterator for FormDecoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        match byte {
            b'+' => Some(b' '),
            b'%' => {
                let [high, low, after @ ..] = rest else {
                    return Some(b'%');
                };
                let Some(value) = hex_byte(*high, *low) else {
                    return Some(b'%');
                };
                self.rest = after;
                Some(value)
            }
            other => Some(*other),
        }
    }
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    Some(hex_digit(high)? << 4 | hex_digit(low)?)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The slice of the caller, and how much of it holds something.
struct Written<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl Written<'_> {
    fn push(&mut self, byte: u8) -> Option<()> {
        *self.out.get_mut(self.len)? = byte;
        self.len += 1;
        Some(())
    }

    fn push_all(&mut self, mut bytes: impl Iterator<Item = u8>) -> Option<()> {
        bytes.try_for_each(|byte| self.push(byte))
    }

    fn push_decimal(&mut self, number: u16) -> Option<()> {
        let mut started = false;
        for unit in [10_000, 1_000, 100, 10, 1] {
            let digit = (number / unit % 10) as u8;
            started |= digit != 0 || unit == 1;
            if started {
                self.push(b'0' + digit)?;
            }
        }
        Some(())
    }

    /// Forgets the last segment and its slash; does nothing at the start of the path. Each byte is forgotten once.
    fn take_back_segment(&mut self, path_start: usize) {
        let path = self.out.get(path_start..self.len).unwrap_or_default();
        let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        self.len = path_start + slash;
    }
}

/// The longest scheme, authority and path together.
pub const MAX_URI_BYTES: usize = limits::URI_BYTES;

/// Room for every normalised URI: an origin and a path, each within [`MAX_URI_BYTES`]. Normalising only shortens, but for
/// the slash of an empty path.
pub const NORMALISED_BYTES: usize = 2 * MAX_URI_BYTES + 1;

#[cfg(test)]
mod tests;
