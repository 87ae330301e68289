//! Certificate-bound access tokens (RFC 8705 §3).
//!
//! Does not check the certificate's chain, name or dates: "the thumbprint is the check" (§6.2). Whether the handshake
//! proved possession of its key is the host's to know; it must only ever pass the certificate of the TLS connection.

use crate::reason::Reason;
pub use crate::request::{ClientCertificate, Connection};
use crate::specs::check::Check;
use crate::specs::row::{Proof, ProofMethod};

pub(crate) const METHOD: ProofMethod = ProofMethod {
    name: "mtls",
    confirmation: "x5t#S256",
    header_fields: &[],
    scheme: None,
    bound_to: |confirmation| confirmation.certificate_thumbprint,
    check,
    rules: "MT",
};

/// §3: "The protected resource MUST obtain […] the client certificate used for mutual TLS and MUST verify that the
/// certificate matches the certificate associated with the access token."
fn check(proof: &mut Proof<'_>) -> Result<(), Reason> {
    proof.trace.enter(Check::Certificate);
    let certificate = proof.request.client_certificate().ok_or(Reason::CertificateMissing)?;
    if certificate.thumbprint() == *proof.bound_to { Ok(()) } else { Err(Reason::CertificateMismatch) }
}
