//! One request, as the host sees it.

use crate::rules::mtls::{ClientCertificate, Connection};
use crate::rules::presentation::Field;
use crate::time::UnixSeconds;

/// What the engine needs to know of a request; all of it borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    pub(crate) method: &'r [u8],
    pub(crate) uri: &'r [u8],
    pub(crate) authorization: Field<'r>,
    pub(crate) proof: Field<'r>,
    pub(crate) certificate: Option<ClientCertificate<'r>>,
    pub(crate) connection: Option<&'r dyn Connection>,
    pub(crate) claimed_proof: Option<&'r [u8; 32]>,
    pub(crate) now: UnixSeconds,
}

impl<'r> Request<'r> {
    /// A request with `method`, `uri` and header fields as received, at the time `now`.
    ///
    /// `uri` is the external one: absolute, as the client sees it, or just path and query where the policy has an `origin`.
    /// `headers` are all fields, so that repetitions are seen; names match in any case. Nothing here is checked, and no
    /// forwarding header is ever looked at.
    #[must_use]
    pub fn new(
        method: &'r [u8],
        uri: &'r [u8],
        headers: impl IntoIterator<Item = (&'r [u8], &'r [u8])>,
        now: UnixSeconds,
    ) -> Self {
        let (authorization, proof) = (Field::Absent, Field::Absent);
        let (certificate, connection, claimed_proof) = (None, None, None);
        let mut request = Self { method, uri, authorization, proof, certificate, connection, claimed_proof, now };
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
    /// [`Decision::claimed_proof`](super::Decision::claimed_proof) said of it before, and that the replay store knows it since is no replay.
    ///
    /// Only what a decision with the same replay store said: a store that knows the proof from a request before would let it be used
    /// twice. Never for another client request, for the same reason.
    #[must_use]
    pub const fn with_claimed_proof(mut self, proof: &'r [u8; 32]) -> Self {
        self.claimed_proof = Some(proof);
        self
    }

    pub(crate) fn client_certificate(&self) -> Option<ClientCertificate<'r>> {
        let asked = || self.connection?.client_certificate().map(ClientCertificate::Sha256);
        self.certificate.or_else(asked)
    }
}
