//! One request, as the host sees it.

use core::fmt;

use crate::crypto::sha256;
use crate::field_value::spells_alike;
use crate::time::UnixSeconds;

/// A header field that may come once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderField<'r> {
    /// The request has none.
    #[default]
    Absent,
    /// Its one value.
    One(&'r [u8]),
    /// The request has several.
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

/// A connection that tells its client certificate when it is asked: for hosts where asking costs more than judging a token does.
pub trait Connection {
    /// The SHA-256 of the client certificate, if the client presented one. Asked at most once a decision, and only for a token that
    /// is bound to a certificate.
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

/// What the engine needs to know of a request; all of it borrowed.
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
    /// `uri` is the external one: absolute, as the client sees it, or just path and query where the policy has an `origin`.
    /// `headers` are all fields, so that repetitions are seen; names match in any case. Nothing here is checked, and no
    /// forwarding header is ever looked at.
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
    /// Only ever the certificate of the TLS connection, or one that a trusted hop vouches for.
    #[must_use]
    pub const fn with_certificate(mut self, certificate: ClientCertificate<'r>) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// This request over `connection`, which is asked for its client certificate if the token is bound to one.
    ///
    /// As for [`with_certificate`](Self::with_certificate): only ever the TLS connection, or what a trusted hop says of it.
    #[must_use]
    pub const fn with_connection(mut self, connection: &'r dyn Connection) -> Self {
        self.connection = Some(connection);
        self
    }

    /// This request again, for a host that judges one client request by several policies: `proof` is what
    /// [`Decision::used_proof`](crate::engine::Decision::used_proof) said of it before, and that the replay store knows it since is no replay.
    ///
    /// Only what a decision with the same replay store said: a store that knows the proof from a request before would let it be used
    /// twice. Never for another client request, for the same reason.
    #[must_use]
    pub const fn with_used_proof(mut self, proof: &'r [u8; 32]) -> Self {
        self.used_proof = Some(proof);
        self
    }

    /// This request with header fields that are asked for by name: where a policy takes credentials beside that in `Authorization`.
    ///
    /// Without it such a credential is missing.
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
