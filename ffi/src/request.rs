//! A request as the host sees it: borrowed for one call.

use countersign::engine::named_field;
use countersign::engine::{HeaderFields, Request};
use countersign::specs::common::presentation::Field;
use countersign::specs::mtls::ClientCertificate;
use countersign::time::UnixSeconds;

use crate::boundary::{borrow_all, check_size};
use crate::bytes::countersign_bytes;
use crate::result::countersign_result;

/// A header field, as received.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct countersign_header {
    /// In any case.
    pub name: countersign_bytes,
    /// Without line folding.
    pub value: countersign_bytes,
}

/// What `certificate` holds.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_certificate_form {
    /// Nothing: the connection has no client certificate.
    None = 0,
    /// The certificate in DER.
    Der = 1,
    /// The SHA-256 of the certificate in DER: 32 bytes.
    Sha256 = 2,
}

/// A request, borrowed for one call. Set it to zero first, then `size`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct countersign_request {
    /// `sizeof(countersign_request)`.
    pub size: usize,
    /// Such as `GET`.
    pub method: countersign_bytes,
    /// The external URI: absolute, as the client sees it, or path and query where the policy has an `origin`. A path alone where it has none
    /// is the host's fault, and a DPoP request is then refused with 500. For a client that named no authority, leave it empty as in
    /// `https:///path`: that is refused as the client's fault.
    pub uri: countersign_bytes,
    /// All header fields, so that repetitions are seen. Read are Authorization, DPoP, and those of `countersign_engine_header_field`.
    pub headers: *const countersign_header,
    /// How many there are.
    pub header_count: usize,
    /// One of `countersign_certificate_form`.
    pub certificate_form: u32,
    /// The client certificate of the TLS connection, or one that a trusted hop vouches for; never one from a header that
    /// clients can send.
    pub certificate: countersign_bytes,
    /// The time, in seconds since 1970.
    pub now_seconds: u64,
    /// If this client request was judged by another policy before, with the same replay store: the 32 bytes that
    /// `countersign_decision_used_proof` wrote then, so that its own proof is no replay. Never those of another client request, and
    /// never those of a decision with another store: this store may know the proof from a request before. Empty if there are none.
    pub used_proof: countersign_bytes,
}

impl countersign_request {
    /// Checks every pointer and length, and hands the request to `judge`.
    ///
    /// # Safety
    /// Every pointer is valid for the call.
    pub(crate) unsafe fn with<T>(&self, judge: impl FnOnce(&Request<'_>) -> T) -> Result<T, countersign_result> {
        check_size::<Self>(self.size)?;
        // SAFETY: the caller's promise.
        let headers = unsafe { borrow_all(self.headers, self.header_count) }?;
        for header in headers {
            // SAFETY: as above.
            unsafe { (header.name.read()?, header.value.read()?) };
        }
        let fields = Fields(headers);
        // SAFETY: as above.
        let request = unsafe { self.read(&fields) }?;
        Ok(judge(&request))
    }

    /// The request, whose header fields are `fields`.
    ///
    /// # Safety
    /// Every pointer is valid while `'a` lasts.
    unsafe fn read<'a>(&self, fields: &'a Fields<'a>) -> Result<Request<'a>, countersign_result> {
        // SAFETY: the caller's promise, here and below.
        let (method, uri) = unsafe { (self.method.read()?, self.uri.read()?) };
        let now = UnixSeconds::new(self.now_seconds);
        let mut request = Request::new(method, uri, fields.all(), now).with_fields(fields);
        // SAFETY: as above.
        let used_proof = unsafe { self.used_proof.read() }?;
        if !used_proof.is_empty() {
            let used_proof = used_proof.try_into().map_err(|_| countersign_result::InvalidLength)?;
            request = request.with_used_proof(used_proof);
        }
        let form = |wanted: countersign_certificate_form| self.certificate_form == wanted as u32;
        if form(countersign_certificate_form::None) {
            return Ok(request);
        }
        // SAFETY: as above.
        let certificate = unsafe { self.certificate.read() }?;
        if form(countersign_certificate_form::Der) {
            // An empty one is no certificate: it would have a thumbprint.
            if certificate.is_empty() {
                return Err(countersign_result::InvalidLength);
            }
            return Ok(request.with_certificate(ClientCertificate::Der(certificate)));
        }
        if form(countersign_certificate_form::Sha256) {
            let hash = certificate.try_into().map_err(|_| countersign_result::InvalidLength)?;
            return Ok(request.with_certificate(ClientCertificate::Sha256(hash)));
        }
        Err(countersign_result::InvalidValue)
    }
}

/// Header fields of which [`countersign_request::with`] checked every pointer, for the time of its call.
struct Fields<'a>(&'a [countersign_header]);

impl<'a> Fields<'a> {
    fn all(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.0.iter().filter_map(|header| {
            // SAFETY: `with` checked both, and its caller promised that they are valid for the call, which this value does not outlive.
            let (name, value) = unsafe { (header.name.read(), header.value.read()) };
            Some((name.ok()?, value.ok()?))
        })
    }
}

impl HeaderFields for Fields<'_> {
    fn field(&self, name: &str) -> Field<'_> {
        named_field(self.all(), name)
    }
}
