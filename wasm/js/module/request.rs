//! A request as JavaScript writes it: numbers in `numbers`, bytes in `input`.

use core::iter;

use countersign::{ClientCertificate, HeaderField, HeaderFields, Request, UnixSeconds, named_field};

/// The places in `numbers` that every request has. The lengths of name and value of each field follow.
pub(crate) mod place {
    pub(crate) const POLICY: usize = 0;
    pub(crate) const NOW_LOW: usize = 1;
    pub(crate) const NOW_HIGH: usize = 2;
    pub(crate) const METHOD: usize = 3;
    pub(crate) const URI: usize = 4;
    pub(crate) const FIELDS: usize = 5;
    /// 0 for none, 1 for DER, 2 for a SHA-256.
    pub(crate) const CERTIFICATE_FORM: usize = 6;
    pub(crate) const CERTIFICATE: usize = 7;
    /// The length of a proof that this request has used: 0 or 32.
    pub(crate) const USED_PROOF: usize = 8;
    pub(crate) const FIRST_LENGTH: usize = 9;
}

/// The parts of a request, in `input` one after the other: method, URI, name and value of each field, certificate, used proof.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'i> {
    pub(crate) policy: usize,
    pub(crate) now: UnixSeconds,
    method: &'i [u8],
    uri: &'i [u8],
    fields: Fields<'i>,
    certificate: Option<ClientCertificate<'i>>,
    used_proof: Option<&'i [u8; 32]>,
}

/// The header fields of a request.
#[derive(Clone, Copy, Debug)]
struct Fields<'i> {
    bytes: &'i [u8],
    /// Of name and value in turn.
    lengths: &'i [u32],
}

impl<'i> Fields<'i> {
    fn all(self) -> impl Iterator<Item = (&'i [u8], &'i [u8])> {
        let mut rest = Rest(self.bytes);
        let mut lengths = self.lengths.iter();
        iter::from_fn(move || {
            let (name, value) = (lengths.next()?, lengths.next()?);
            Some((rest.take(*name)?, rest.take(*value)?))
        })
    }
}

impl HeaderFields for Fields<'_> {
    fn field(&self, name: &str) -> HeaderField<'_> {
        named_field(self.all(), name)
    }
}

struct Rest<'i>(&'i [u8]);

impl<'i> Rest<'i> {
    fn take(&mut self, length: u32) -> Option<&'i [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}

/// The moment in two numbers.
pub(crate) fn moment(numbers: &[u32], low: usize, high: usize) -> Option<UnixSeconds> {
    let [low, high] = [*numbers.get(low)?, *numbers.get(high)?].map(u64::from);
    Some(UnixSeconds::new(high << 32 | low))
}

impl<'i> Parts<'i> {
    /// `None` where the numbers do not fit the bytes, which is a fault of the JavaScript side.
    pub(crate) fn read(input: &'i [u8], numbers: &'i [u32]) -> Option<Self> {
        let number = |place: usize| numbers.get(place).copied();
        let mut rest = Rest(input);
        let (method, uri) = (rest.take(number(place::METHOD)?)?, rest.take(number(place::URI)?)?);
        let count = usize::try_from(number(place::FIELDS)?).ok()?;
        let lengths = numbers.get(place::FIRST_LENGTH..)?.get(..count.checked_mul(2)?)?;
        let length = lengths.iter().try_fold(0_u32, |sum, length| sum.checked_add(*length))?;
        let fields = Fields { bytes: rest.take(length)?, lengths };
        let certificate = rest.take(number(place::CERTIFICATE)?)?;
        let certificate = match number(place::CERTIFICATE_FORM)? {
            0 => None,
            1 => Some(ClientCertificate::Der(certificate)),
            _ => Some(ClientCertificate::Sha256(certificate.try_into().ok()?)),
        };
        let used_proof = match rest.take(number(place::USED_PROOF)?)? {
            [] => None,
            proof => Some(proof.try_into().ok()?),
        };
        let policy = usize::try_from(number(place::POLICY)?).ok()?;
        let now = moment(numbers, place::NOW_LOW, place::NOW_HIGH)?;
        Some(Self { policy, now, method, uri, fields, certificate, used_proof })
    }

    /// The request as the engine takes it.
    pub(crate) fn request(&'i self) -> Request<'i> {
        let mut request = Request::new(self.method, self.uri, self.fields.all(), self.now).with_fields(&self.fields);
        if let Some(certificate) = self.certificate {
            request = request.with_certificate(certificate);
        }
        match self.used_proof {
            Some(proof) => request.with_used_proof(proof),
            None => request,
        }
    }

    /// The value of `Authorization`, where there is exactly one.
    pub(crate) fn authorization(&self) -> HeaderField<'i> {
        let named = self.fields.all().filter(|(name, _)| name.eq_ignore_ascii_case(b"authorization"));
        named.fold(HeaderField::Absent, |field, (_, value)| field.and(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Policy 1 at 2^32 + 7, `GET /x` with two fields and the hash of a certificate.
    fn example() -> (Vec<u8>, Vec<u32>) {
        let mut input = b"GET/xAuthorizationBearer aDPoPb".to_vec();
        input.extend([9; 32]);
        (input, vec![1, 7, 1, 3, 2, 2, 2, 32, 0, 13, 8, 4, 1])
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let (input, numbers) = example();
        let parts = Parts::read(&input, &numbers).unwrap();
        assert_eq!((parts.policy, parts.now.as_u64()), (1, (1 << 32) + 7));
        assert_eq!((parts.method, parts.uri), (&b"GET"[..], &b"/x"[..]));
        assert_eq!(parts.authorization(), HeaderField::One(b"Bearer a"));
        assert_eq!(parts.fields.field("dpop"), HeaderField::One(b"b"));
        assert_eq!(parts.certificate, Some(ClientCertificate::Sha256([9; 32])));
    }

    #[test]
    fn numbers_that_do_not_fit_are_no_request() {
        let (input, numbers) = example();
        for place in 3..numbers.len() {
            for wrong in [u32::MAX, 1000, 33] {
                let mut numbers = numbers.clone();
                numbers[place] = wrong;
                // A certificate in another form is one of another length.
                let is_form = place == place::CERTIFICATE_FORM;
                assert_eq!(Parts::read(&input, &numbers).is_none(), !is_form, "{place} {wrong}");
            }
        }
        for length in 0..numbers.len() {
            assert!(Parts::read(&input, &numbers[..length]).is_none(), "{length}");
        }
        assert!(Parts::read(&input[..input.len() - 1], &numbers).is_none());
    }
}
