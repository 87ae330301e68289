//! Certificate-bound access tokens (RFC 8705 §3).
//!
//! Does not check the certificate's chain, name or dates: "the thumbprint is the check" (§6.2). Whether the handshake
//! proved possession of its key is the host's to know; it must only ever pass the certificate of the TLS connection.

use crate::crypto::sha256;
use crate::reason::Reason;
use crate::specs::check::Check;
use crate::specs::proof::{Proof, ProofMethod};

pub(crate) const METHOD: ProofMethod = ProofMethod {
    name: "mtls",
    confirmation: "x5t#S256",
    header_fields: &[],
    scheme: None,
    bound_to: |confirmation| confirmation.certificate_thumbprint,
    check,
    rules: "MT",
};

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

impl core::fmt::Debug for dyn Connection + '_ {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// §3: "The protected resource MUST obtain […] the client certificate used for mutual TLS and MUST verify that the
/// certificate matches the certificate associated with the access token."
fn check(proof: &mut Proof<'_>) -> Result<(), Reason> {
    proof.trace.enter(Check::Certificate);
    let certificate = proof.request.client_certificate().ok_or(Reason::CertificateMissing)?;
    if certificate.thumbprint() == *proof.bound_to { Ok(()) } else { Err(Reason::CertificateMismatch) }
}
