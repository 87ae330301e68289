//! Several origins that clients may use, of which the host of each request chooses one.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use super::{Origin, OwnedOrigin, UriError, is_unreserved, split_authority};

/// The origins that a host serves. One without a wildcard is meant by every request; of several, or of a wildcard, the client's authority
/// (`:authority`, `Host`) chooses one, so a client can choose among them and invent none.
///
/// `https://*.example.com` matches exactly one label in place of the `*`, as in the name of a certificate (RFC 9525 §6.3: "the wildcard
/// character […] MUST match only one label"). A name that is listed goes before a wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigins {
    /// Ascending by [`Entry::name`].
    exact: Vec<Entry>,
    /// Likewise; the name is what follows `*.`.
    wildcards: Vec<Entry>,
}

/// Listed origins are equal if every host chooses the same by them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// In small letters; an IPv6 address with its brackets.
    name: String,
    /// With the wildcard's suffix as host, for one.
    origin: OwnedOrigin,
}

/// Why a list of origins cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginListError {
    /// The place of the origin in the list.
    pub place: usize,
    /// The fault.
    pub kind: OriginListErrorKind,
}

/// The fault of an origin of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginListErrorKind {
    /// It is no origin.
    Origin(UriError),
    /// A `*` that is not the whole label at the front of a longer name.
    Wildcard,
    /// It and the one at this place are for the same authority.
    SameAuthority(usize),
    /// The list is empty.
    Empty,
}

impl fmt::Display for OriginListErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(fault) => fault.fmt(f),
            Self::Wildcard => {
                f.write_str("* matches one whole label at the front of a name, as in https://*.example.com")
            }
            Self::SameAuthority(place) => write!(f, "it is for the same host as origin {place}"),
            Self::Empty => f.write_str("the list is empty"),
        }
    }
}

impl core::error::Error for OriginListErrorKind {}

impl AllowedOrigins {
    /// Reads origins such as `https://api.example/base` and `https://*.example.com`.
    ///
    /// # Errors
    /// The first that cannot be used: see [`OriginListErrorKind`].
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, OriginListError> {
        let (mut exact, mut wildcards) = (Vec::<(usize, Entry)>::new(), Vec::<(usize, Entry)>::new());
        for (place, text) in texts.into_iter().enumerate() {
            let fault = |kind| OriginListError { place, kind };
            let (is_wildcard, entry) = Entry::parse(text).map_err(fault)?;
            let list = if is_wildcard { &mut wildcards } else { &mut exact };
            let at = list.partition_point(|(_, known)| known.name < entry.name);
            // As many as there are ports of one name, which are few.
            let of_name = list.get(at..).unwrap_or_default().iter().take_while(|(_, known)| known.name == entry.name);
            if let Some((other, _)) = of_name.into_iter().find(|(_, known)| known.has_authority_of(&entry)) {
                return Err(fault(OriginListErrorKind::SameAuthority(*other)));
            }
            list.insert(at, (place, entry));
        }
        if exact.is_empty() && wildcards.is_empty() {
            return Err(OriginListError { place: 0, kind: OriginListErrorKind::Empty });
        }
        let entries = |list: Vec<(usize, Entry)>| list.into_iter().map(|(_, entry)| entry).collect();
        Ok(Self { exact: entries(exact), wildcards: entries(wildcards) })
    }

    /// The origin that a client means which asked for `authority`; `None` for an authority that no origin of a list is for.
    ///
    /// Without allocation, in a number of comparisons that is logarithmic in the number of names.
    #[must_use]
    pub fn choose<'s>(&'s self, authority: &'s [u8]) -> Option<Origin<'s>> {
        if let ([only], []) = (self.exact.as_slice(), self.wildcards.as_slice()) {
            return Some(only.origin.borrow());
        }
        let (host, port) = split_authority(authority).ok()?;
        if let Some(entry) = find(&self.exact, host, port) {
            return Some(entry.origin.borrow());
        }
        let dot = host.iter().position(|byte| *byte == b'.')?;
        let (label, suffix) = (host.get(..dot)?, host.get(dot + 1..)?);
        // A label of characters that have no other meaning in a URI.
        if label.is_empty() || !label.iter().all(|byte| is_unreserved(*byte) && *byte != b'~') {
            return None;
        }
        // What the client wrote is the host of a URI that is compared without regard to case.
        find(&self.wildcards, suffix, port).map(|entry| Origin { host, ..entry.origin.borrow() })
    }
}

/// The entry of this name that a client means by `port`.
fn find<'e>(entries: &'e [Entry], name: &[u8], port: Option<u16>) -> Option<&'e Entry> {
    let first = entries.partition_point(|entry| entry.compare_name(name) == Ordering::Less);
    let of_name = entries.get(first..)?.iter().take_while(|entry| entry.name.as_bytes().eq_ignore_ascii_case(name));
    of_name.into_iter().find(|entry| match port {
        Some(port) => port == entry.port(),
        None => entry.origin.port.is_none(),
    })
}

impl Entry {
    /// And whether it is a wildcard.
    fn parse(text: &str) -> Result<(bool, Self), OriginListErrorKind> {
        let mut origin = OwnedOrigin::parse(text.as_bytes()).map_err(OriginListErrorKind::Origin)?;
        let suffix = origin.host.strip_prefix(b"*.").map(<[u8]>::to_vec);
        let name = suffix.as_deref().unwrap_or(&origin.host);
        // In a base path it is a path like any other, and not a wildcard.
        if name.is_empty() || name.starts_with(b".") || name.contains(&b'*') || origin.base.contains(&b'*') {
            return Err(OriginListErrorKind::Wildcard);
        }
        // A host is ASCII.
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        origin.host = name.as_bytes().into();
        Ok((suffix.is_some(), Self { name, origin }))
    }

    fn port(&self) -> u16 {
        self.origin.port.unwrap_or(self.origin.scheme.default_port())
    }

    /// Whether some client may mean either, for names that are equal: by the same port, or by none at all.
    fn has_authority_of(&self, other: &Self) -> bool {
        self.port() == other.port() || (self.origin.port.is_none() && other.origin.port.is_none())
    }

    /// In the order of names, without regard to the case of `name`.
    fn compare_name(&self, name: &[u8]) -> Ordering {
        self.name.bytes().cmp(name.iter().map(u8::to_ascii_lowercase))
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::ToString;
    use std::vec;

    use super::*;

    fn chosen(list: &[&str], authority: &str) -> Option<String> {
        let origins = AllowedOrigins::parse(list.iter().copied()).unwrap_or_else(|fault| panic!("{list:?}: {fault:?}"));
        let mut text = Vec::new();
        origins.choose(authority.as_bytes())?.write_to(&mut text);
        Some(String::from_utf8(text).unwrap())
    }

    #[test]
    fn one_origin_is_meant_whatever_the_client_says() {
        for authority in ["api.example", "other.example", "", "?", "api.example:1"] {
            assert_eq!(chosen(&["https://API.example/base/"], authority).as_deref(), Some("https://api.example/base"));
        }
    }

    #[test]
    fn of_several_the_authority_chooses_one() {
        let list = [
            "https://a.example",
            "https://b.example:8443/base",
            "http://b.example",
            "https://[2001:DB8::1]",
            "https://*.Wild.example",
            "http://*.wild.example:8080/w",
            "https://x.wild.example/listed",
        ];
        for (authority, expected) in [
            ("a.example", Some("https://a.example")),
            ("A.EXAMPLE:443", Some("https://a.example")),
            ("a.example:80", None),
            ("a.example.", None),
            ("b.example", Some("http://b.example")),
            ("b.example:80", Some("http://b.example")),
            ("b.example:8443", Some("https://b.example:8443/base")),
            ("b.example:443", None),
            ("[2001:db8::1]", Some("https://[2001:db8::1]")),
            ("[2001:db8::2]", None),
            ("y.wild.example", Some("https://y.wild.example")),
            ("Y_1-z.wild.example:443", Some("https://Y_1-z.wild.example")),
            ("y.wild.example:8080", Some("http://y.wild.example:8080/w")),
            ("x.wild.example", Some("https://x.wild.example/listed")),
            // The listed name has no such port, and the wildcard has.
            ("x.wild.example:8080", Some("http://x.wild.example:8080/w")),
            ("wild.example", None),
            (".wild.example", None),
            ("a.b.wild.example", None),
            ("a~.wild.example", None),
            ("a%2e.wild.example", None),
            ("*.wild.example", None),
            ("ywild.example", None),
            ("u@y.wild.example", None),
            ("y.wild.example?", None),
            ("y.wild.example/", None),
            ("y.wild.example:x", None),
            ("c.example", None),
            ("", None),
        ] {
            assert_eq!(chosen(&list, authority).as_deref(), expected, "{authority}");
        }
        // One alone that is a wildcard is a list.
        assert_eq!(chosen(&["https://*.example"], "a.example").as_deref(), Some("https://a.example"));
        assert_eq!(chosen(&["https://*.example"], "example"), None);
    }

    #[test]
    fn lists_that_cannot_be_used() {
        use OriginListErrorKind::{Empty, SameAuthority, Wildcard};
        let fault = |list: &[&str]| {
            AllowedOrigins::parse(list.iter().copied()).map_err(|fault| (fault.place, fault.kind)).err()
        };
        for (list, expected) in [
            (vec![], (0, Empty)),
            (vec!["https://*"], (0, Wildcard)),
            (vec!["https://*."], (0, Wildcard)),
            (vec!["https://*..example"], (0, Wildcard)),
            (vec!["https://a.example", "https://a*.example"], (1, Wildcard)),
            (vec!["https://*.*.example"], (0, Wildcard)),
            (vec!["https://a.*.example"], (0, Wildcard)),
            (vec!["https://a.example/*"], (0, Wildcard)),
            (vec!["api.example"], (0, OriginListErrorKind::Origin(UriError::Scheme))),
            (vec!["https://a.example?b"], (0, OriginListErrorKind::Origin(UriError::OriginQuery))),
            (vec!["https://a.example", "https://A.example/base"], (1, SameAuthority(0))),
            (vec!["https://b.example", "https://a.example", "http://a.example"], (2, SameAuthority(1))),
            (vec!["https://a.example:80", "http://a.example"], (1, SameAuthority(0))),
            (vec!["https://*.example", "http://*.example"], (1, SameAuthority(0))),
        ] {
            assert_eq!(fault(&list), Some(expected), "{list:?}");
        }
        for list in [vec!["https://a.example", "http://a.example:8080"], vec!["https://*.example", "https://a.example"]]
        {
            assert_eq!(fault(&list), None, "{list:?}");
        }
        assert_eq!(SameAuthority(3).to_string(), "it is for the same host as origin 3");
    }

    #[test]
    fn many_names_are_found_in_a_list_of_many() {
        let texts: Vec<String> =
            (0..1000).map(|number| format!("https://host-{number}.example:{}", 1000 + number)).collect();
        let origins = AllowedOrigins::parse(texts.iter().map(String::as_str)).unwrap();
        for (number, expected) in texts.iter().enumerate() {
            let authority = format!("HOST-{number}.example:{}", 1000 + number);
            let mut text = Vec::new();
            origins.choose(authority.as_bytes()).unwrap().write_to(&mut text);
            assert_eq!(text, expected.as_bytes());
            assert!(origins.choose(format!("host-{number}.example").as_bytes()).is_none());
        }
    }
}
