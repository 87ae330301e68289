//! One HTTP request, as the host received it.

use core::fmt;

use crate::crypto::sha256;
use crate::field_value::spells_alike;
use crate::time::UnixSeconds;

/// A header field of which a request may have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderField<'r> {
    /// The request does not have it.
    #[default]
    Absent,
    /// Its one value.
    One(&'r [u8]),
    /// The request has it more than once, or in several spellings.
    Repeated,
}

impl<'r> HeaderField<'r> {
    /// This field after one more value was seen.
    #[must_use]
    pub const fn and(self, value: &'r [u8]) -> Self {
        match self {
            Self::Absent => Self::One(value),
            Self::One(_) | Self::Repeated => Self::Repeated,
        }
    }
}

/// The client certificate of the connection that carries the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate<'r> {
    /// The certificate in DER.
    Der(&'r [u8]),
    /// Its SHA-256, where the host already knows it.
    Sha256([u8; 32]),
}

impl ClientCertificate<'_> {
    /// The SHA-256 of the certificate in DER.
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        match self {
            Self::Der(der) => sha256(der),
            Self::Sha256(thumbprint) => *thumbprint,
        }
    }
}

/// A connection that computes the thumbprint of its client certificate on demand: for hosts where that costs more than a decision.
pub trait Connection {
    /// The SHA-256 of the client certificate in DER, if the client presented one. Called at most once in a decision, and only for a token
    /// that is bound to a certificate.
    fn client_certificate(&self) -> Option<[u8; 32]>;
}

impl fmt::Debug for dyn Connection + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// The header fields of a request, for policies that name some.
pub trait HeaderFields {
    /// The field called `name`, which is written in small letters; names match in any case.
    ///
    /// A field in another spelling of the name ([`spells_alike`]) is a second one: a receiver may read it as the first. See [`named_field`].
    fn field(&self, name: &str) -> HeaderField<'_>;
}

/// The field called `name` of all `fields` of a request, as [`HeaderFields::field`] has it.
pub fn named_field<'r>(fields: impl Iterator<Item = (&'r [u8], &'r [u8])>, name: &str) -> HeaderField<'r> {
    let alike = fields.filter(|(known, _)| spells_alike(known, name.as_bytes()));
    alike.fold(HeaderField::Absent, |field, (known, value)| {
        if known.eq_ignore_ascii_case(name.as_bytes()) { field.and(value) } else { HeaderField::Repeated }
    })
}

/// All header fields of a request, by name and value.
impl HeaderFields for &[(&[u8], &[u8])] {
    fn field(&self, name: &str) -> HeaderField<'_> {
        named_field(self.iter().copied(), name)
    }
}

impl fmt::Debug for dyn HeaderFields + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderFields").finish_non_exhaustive()
    }
}

/// The parts of one HTTP request that decisions use, borrowed from the host for `'r`.
///
/// Nothing is parsed or checked here; a malformed method, URI or header field is a refusal of [`Worker::decide`](crate::Worker::decide). Forwarding
/// header fields (`Forwarded`, `X-Forwarded-*`) are never read: the host passes the URI and the certificate that it trusts.
///
/// # Examples
/// A request over a connection with a client certificate, for tokens that are bound to one (RFC 8705):
/// ```
/// use countersign::{ClientCertificate, Request, UnixSeconds};
///
/// let now = UnixSeconds::new(std::time::UNIX_EPOCH.elapsed()?.as_secs());
/// let headers = [(b"Authorization".as_slice(), b"Bearer eyJh".as_slice())];
/// # let certificate_der = b"0";
/// let request = Request::new(b"GET", b"https://api.example/orders", headers, now)
///     .with_certificate(ClientCertificate::Der(certificate_der));
/// # let _ = request;
/// # Ok::<(), std::time::SystemTimeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    pub(crate) method: &'r [u8],
    pub(crate) uri: &'r [u8],
    pub(crate) authorization: HeaderField<'r>,
    pub(crate) proof: HeaderField<'r>,
    pub(crate) certificate: Option<ClientCertificate<'r>>,
    pub(crate) connection: Option<&'r dyn Connection>,
    pub(crate) used_proof: Option<&'r [u8; 32]>,
    pub(crate) fields: Option<&'r dyn HeaderFields>,
    pub(crate) now: UnixSeconds,
}

impl<'r> Request<'r> {
    /// A request with `method`, `uri` and header fields as received, at the time `now`.
    ///
    /// `uri` is the external one, as the client sees it: absolute, or path and query where the policy has an `origin`. `headers` are all
    /// fields of the request, so that repeated credentials are refused; names match in any case. Only `Authorization` and `DPoP` are kept.
    // Inlined, so that a request is made where it is read, and not moved there.
    #[cfg_attr(feature = "fast", inline(always))]
    #[must_use]
    pub fn new(
        method: &'r [u8],
        uri: &'r [u8],
        headers: impl IntoIterator<Item = (&'r [u8], &'r [u8])>,
        now: UnixSeconds,
    ) -> Self {
        let (authorization, proof) = (HeaderField::Absent, HeaderField::Absent);
        let (certificate, connection, used_proof, fields) = (None, None, None, None);
        let mut request = Self { method, uri, authorization, proof, certificate, connection, used_proof, fields, now };
        for (name, value) in headers {
            if name.eq_ignore_ascii_case(b"authorization") {
                request.authorization = request.authorization.and(value);
            } else if name.eq_ignore_ascii_case(b"dpop") {
                request.proof = request.proof.and(value);
            }
        }
        request
    }

    /// This request over a connection whose client certificate is `certificate`.
    ///
    /// It must be the certificate of the TLS connection, or one that a trusted proxy authenticated: a client that can choose it can use every stolen token that is bound to it.
    #[must_use]
    pub const fn with_certificate(mut self, certificate: ClientCertificate<'r>) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// This request over `connection`, whose client certificate is read if the token is bound to one.
    ///
    /// As for [`with_certificate`](Self::with_certificate), it must be the TLS connection, or one that a trusted proxy authenticated.
    #[must_use]
    pub const fn with_connection(mut self, connection: &'r dyn Connection) -> Self {
        self.connection = Some(connection);
        self
    }

    /// This request again, for a host that validates one client request under several policies: `proof` is the value of
    /// [`Decision::used_proof`](crate::Decision::used_proof) of the decision before, which recorded the proof in the replay store.
    ///
    /// The decision before must have been of the same client request, with the same replay store: otherwise the proof is accepted twice.
    #[must_use]
    pub const fn with_used_proof(mut self, proof: &'r [u8; 32]) -> Self {
        self.used_proof = Some(proof);
        self
    }

    /// This request with header fields that are read by name: for policies with credentials outside `Authorization`
    /// ([`Policy::header_fields`](crate::Policy::header_fields) lists them). Without it such a credential is missing.
    #[must_use]
    pub const fn with_fields(mut self, fields: &'r dyn HeaderFields) -> Self {
        self.fields = Some(fields);
        self
    }

    pub(crate) fn client_certificate(&self) -> Option<ClientCertificate<'r>> {
        let asked = || self.connection?.client_certificate().map(ClientCertificate::Sha256);
        self.certificate.or_else(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers that make variables of header fields read every spelling as one field.
    #[test]
    fn a_field_in_another_spelling_of_its_name_is_a_second_one() {
        let fields = |names: &[&'static str]| -> alloc::vec::Vec<(&'static [u8], &'static [u8])> {
            names.iter().map(|name| (name.as_bytes(), b"x".as_slice())).collect()
        };
        for (names, expected) in [
            (&["x-ticket"][..], HeaderField::One(b"x")),
            (&["X-Ticket", "other"], HeaderField::One(b"x")),
            (&["other", "xticket"], HeaderField::Absent),
            (&["x-ticket", "x-Ticket"], HeaderField::Repeated),
            (&["x-ticket", "X_Ticket"], HeaderField::Repeated),
            (&["x.ticket", "x-ticket"], HeaderField::Repeated),
            (&["x_ticket"], HeaderField::Repeated),
        ] {
            let all = fields(names);
            assert_eq!(all.as_slice().field("x-ticket"), expected, "{names:?}");
        }
    }
}
