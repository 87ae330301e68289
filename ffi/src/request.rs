//! A request as the host sees it: borrowed for one call.

use countersign::{ClientCertificate, HeaderField, HeaderFields, Request, UnixSeconds, named_field};

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
    // The checks come before the request is made, so that it is made where `judge` reads it: a `Result` of it would be moved there.
    #[inline]
    pub(crate) unsafe fn with<T>(&self, judge: impl FnOnce(&Request<'_>) -> T) -> Result<T, countersign_result> {
        check_size::<Self>(self.size)?;
        // SAFETY: the caller's promise, here and below.
        let (method, uri, headers) =
            unsafe { (self.method.read()?, self.uri.read()?, borrow_all(self.headers, self.header_count)?) };
        // SAFETY: as above.
        let (used_proof, certificate) = unsafe { (self.read_claimed_proof()?, self.read_certificate()?) };
        let fields = Fields(headers);
        let mut fault = None;
        let read = fields.all().filter_map(|field| field.map_err(|found| fault = Some(found)).ok());
        let mut request = Request::new(method, uri, read, UnixSeconds::new(self.now_seconds)).with_fields(&fields);
        if let Some(fault) = fault {
            return Err(fault);
        }
        if let Some(used_proof) = used_proof {
            request = request.with_used_proof(used_proof);
        }
        if let Some(certificate) = certificate {
            request = request.with_certificate(certificate);
        }
        Ok(judge(&request))
    }

    /// # Safety
    /// The pointer is valid while `'a` lasts.
    unsafe fn read_claimed_proof<'a>(&self) -> Result<Option<&'a [u8; 32]>, countersign_result> {
        // SAFETY: the caller's promise.
        let used_proof = unsafe { self.used_proof.read() }?;
        if used_proof.is_empty() {
            return Ok(None);
        }
        used_proof.try_into().map(Some).map_err(|_| countersign_result::InvalidLength)
    }

    /// # Safety
    /// The pointer is valid while `'a` lasts, unless there is no certificate.
    unsafe fn read_certificate<'a>(&self) -> Result<Option<ClientCertificate<'a>>, countersign_result> {
        let form = |wanted: countersign_certificate_form| self.certificate_form == wanted as u32;
        if form(countersign_certificate_form::None) {
            return Ok(None);
        }
        // SAFETY: the caller's promise.
        let certificate = unsafe { self.certificate.read() }?;
        if form(countersign_certificate_form::Der) {
            // An empty one is no certificate: it would have a thumbprint.
            if certificate.is_empty() {
                return Err(countersign_result::InvalidLength);
            }
            return Ok(Some(ClientCertificate::Der(certificate)));
        }
        if form(countersign_certificate_form::Sha256) {
            let hash = certificate.try_into().map_err(|_| countersign_result::InvalidLength)?;
            return Ok(Some(ClientCertificate::Sha256(hash)));
        }
        Err(countersign_result::InvalidValue)
    }
}

/// Header fields whose pointers are valid for the call that [`countersign_request::with`] makes.
struct Fields<'a>(&'a [countersign_header]);

impl<'a> Fields<'a> {
    fn all(&self) -> impl Iterator<Item = Result<(&'a [u8], &'a [u8]), countersign_result>> {
        self.0.iter().map(|header| {
            // SAFETY: the caller of `with` promised that both are valid for the call, which this value does not outlive.
            Ok(unsafe { (header.name.read()?, header.value.read()?) })
        })
    }
}

/// Asked only by a decision, and so after `with` read all of them without a fault.
impl HeaderFields for Fields<'_> {
    fn field(&self, name: &str) -> HeaderField<'_> {
        named_field(self.all().filter_map(Result::ok), name)
    }
}
