//! Identity headers: the fields that a configuration writes from a decision or takes a certificate from, and the names that spell one.
//!
//! Two names are the same identity header if they are equal after lower-casing ASCII letters and reading every character that is neither
//! letter nor digit as `-`: a CGI, WSGI or FastCGI upstream reads `X-User`, `x_user` and `X.User` from one variable.

use alloc::string::String;
use alloc::vec::Vec;
use countersign::internal::field_value::spells_alike;
use countersign::{CredentialLocation, Policy};

use crate::attribute::AttributeName;

/// The identity headers of a configuration.
#[derive(Debug, Default)]
pub struct IdentityHeaders {
    /// Names in small letters, in the order of the settings, each with its attribute.
    written: Vec<(String, AttributeName)>,
    /// The field that a certificate is taken from, by its one name; that one stays.
    read: Option<&'static str>,
    /// Credentials that go no further than this filter.
    credentials: Vec<CredentialLocation>,
    /// Bit n: there is a name of n bytes; the last bit: of that many or more. Most fields of a request are excluded by it.
    lengths: u64,
}

const LAST_BIT: usize = 63;

impl IdentityHeaders {
    /// Those that are `written`, by names in small letters, and the field that a certificate is `read` from.
    #[must_use]
    pub fn new(written: Vec<(String, AttributeName)>, read: Option<&'static str>) -> Self {
        let names = written.iter().map(|(name, _)| name.as_str()).chain(read);
        let lengths = lengths(names);
        Self { written, read, credentials: Vec::new(), lengths }
    }

    /// The fields of credentials that go no further than this filter: removed in every spelling too, but after they were read, and written
    /// again where more is in them ([`rests`](Self::rests)).
    #[must_use]
    pub fn of_credentials(credentials: Vec<CredentialLocation>) -> Self {
        let lengths = lengths(credentials.iter().map(CredentialLocation::field));
        Self { credentials, lengths, ..Self::default() }
    }

    /// The rest of the fields that hold more than a credential, see [`CredentialLocation::rests`].
    #[must_use]
    pub fn rests<'f>(&self, fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone) -> Vec<(&str, Vec<u8>)> {
        CredentialLocation::rests(self.credentials.iter(), fields)
    }

    /// The fields that are written from a decision: names in small letters with attributes.
    #[must_use]
    pub fn written(&self) -> &[(String, AttributeName)] {
        &self.written
    }

    /// Whether there is none, so that no field is removed or written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lengths == 0
    }

    /// Whether a field of this name is removed from a request of a client. `name` is in small letters.
    #[must_use]
    #[inline]
    pub fn removes(&self, name: &[u8]) -> bool {
        self.lengths >> name.len().min(LAST_BIT) & 1 != 0 && self.spells_one(name)
    }

    #[inline(never)]
    fn spells_one(&self, name: &[u8]) -> bool {
        // `:path` is no field, whatever `-path` is.
        let is_field = name.first() != Some(&b':');
        let written = self.written.iter().map(|(known, _)| known.as_str());
        let known = written.chain(self.read).chain(self.credentials.iter().map(CredentialLocation::field));
        is_field
            && self.read.map(str::as_bytes) != Some(name)
            && known.into_iter().any(|known| spells_alike(known.as_bytes(), name))
    }
}

/// The credentials that a policy has removed.
pub(crate) fn removed_credentials(policy: &Policy) -> impl Iterator<Item = CredentialLocation> {
    policy.credentials().filter(|credential| credential.is_removed()).map(|credential| credential.from().clone())
}

fn lengths<'n>(names: impl Iterator<Item = &'n str>) -> u64 {
    names.fold(0, |lengths, name| lengths | 1 << name.len().min(LAST_BIT))
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use std::format;
    use std::vec;

    use countersign::Attribute;

    use super::*;

    #[test]
    fn every_spelling_and_no_other_name() {
        let long = "x-".repeat(40);
        let written = vec![
            ("x-user".to_owned(), AttributeName::Known(Attribute::Subject)),
            (long.clone(), AttributeName::Known(Attribute::Kind)),
            ("-path".to_owned(), AttributeName::Known(Attribute::Issuer)),
        ];
        let headers = IdentityHeaders::new(written, Some("x-forwarded-client-cert"));
        for name in
            ["x-user", "x_user", "x.user", "x+user", "x~user", "x\u{7f}user", "_path", &long, &long.replace('-', "_")]
        {
            assert!(headers.removes(name.as_bytes()), "{name}");
        }
        assert!(headers.removes(b"x_forwarded_client_cert"));
        for name in [
            "",
            "xuser",
            "x-users",
            "x-usez",
            "xx-use",
            "x--user",
            ":path",
            "x-forwarded-client-cert",
            &format!("{long}x"),
        ] {
            assert!(!headers.removes(name.as_bytes()), "{name}");
        }
        assert!(!IdentityHeaders::default().removes(b"x-user"));
        let ticket = CredentialLocation::Header { name: "x-ticket".into(), scheme: None };
        let credentials = IdentityHeaders::of_credentials(vec![ticket]);
        assert!(
            credentials.removes(b"x-ticket") && credentials.removes(b"x_ticket") && !credentials.removes(b"xticket")
        );
        assert!(!credentials.is_empty() && credentials.written().is_empty());
        assert!(spells_alike(b"X-USER", b"x_uSer"));
    }

    /// Other cookies and subprotocols are the application's.
    #[test]
    fn what_is_not_the_credential_stays() {
        let credentials = IdentityHeaders::of_credentials(vec![
            CredentialLocation::Authorization,
            CredentialLocation::Cookie("token".into()),
            CredentialLocation::WebSocketProtocol("bearer.".into()),
            CredentialLocation::Cookie("__Host-id".into()),
        ]);
        for name in ["authorization", "Cookie", "sec-websocket-protocol", "sec_websocket_protocol"] {
            assert!(credentials.removes(name.to_ascii_lowercase().as_bytes()), "{name}");
        }
        let rests = |fields: &[(&'static str, &'static str)]| -> Vec<(String, String)> {
            let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let rests = credentials.rests(fields).into_iter();
            rests.map(|(name, rest)| (name.to_owned(), String::from_utf8(rest).unwrap())).collect()
        };
        let cookie = |value: &str| vec![("cookie".to_owned(), value.to_owned())];
        assert_eq!(rests(&[("cookie", "token=a.b.c")]), []);
        assert_eq!(rests(&[("cookie", "a=1; token=a.b.c; b=2;c=\"3\"")]), cookie("a=1; b=2;c=\"3\""));
        assert_eq!(
            rests(&[("Cookie", "token=x; Token=y; __Host-id=z; tokens=q; odd")]),
            cookie("Token=y; tokens=q; odd")
        );
        assert_eq!(rests(&[("cookie", "a=1; token=x"), ("cookie", "token=y"), ("cookie", "b=2")]), cookie("a=1; b=2"));
        assert_eq!(rests(&[("authorization", "Bearer x"), ("x", "y")]), []);
        let protocol = vec![("sec-websocket-protocol".to_owned(), "chat, v2.chat".to_owned())];
        assert_eq!(rests(&[("sec-websocket-protocol", "chat, bearer.a.b.c, v2.chat")]), protocol);
    }
}
