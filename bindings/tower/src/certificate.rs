//! The client certificate of the connection.

/// The client certificate of the TLS connection that carries a request: an extension of the request.
///
/// The server that terminates TLS inserts it into the extensions of each request of a connection; a client cannot send extensions. Only the
/// certificate of the connection, or one that a proxy in front of the server vouches for, over a connection on which no client can
/// send the same: a token that is bound to a certificate is accepted with it.
///
/// Holds the SHA-256 of the certificate alone, so that a connection computes it once. Does not check the certificate: RFC 8705 §3 takes the
/// proof of possession from the TLS handshake, and a self-signed certificate is as good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientCertificate([u8; 32]);

impl ClientCertificate {
    /// The certificate in DER, the first of the chain that the client presented.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        Self(countersign::ClientCertificate::Der(der).thumbprint())
    }

    /// The SHA-256 of the certificate in DER.
    #[must_use]
    pub const fn from_sha256(thumbprint: [u8; 32]) -> Self {
        Self(thumbprint)
    }

    /// The SHA-256 of the certificate in DER.
    #[must_use]
    pub const fn sha256(&self) -> [u8; 32] {
        self.0
    }
}
