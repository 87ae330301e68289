//! Randomness in a VM that has none.
//!
//! The proxy's function `sign` makes ECDSA signatures, each with a random number of its own in it (BoringSSL's). The private key is
//! the number one, which is no secret: the signature is, which never leaves the VM. Where there is no such
//! function, or one that makes deterministic signatures (RFC 6979), a secret of the configuration takes its place.

use alloc::vec::Vec;
use countersign::internal::crypto::{HmacKey, Sha256};

use crate::host::Host;
use crate::protobuf;

/// Random numbers of this VM.
#[derive(Debug)]
pub(crate) struct Entropy {
    pool: HmacKey,
    given: u64,
}

/// PKCS #8 (RFC 5208 §5) of an RFC 5915 private key on P-256: the number one.
const KEY_ONE: &[u8; 67] = b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\
    \x04\x27\x30\x25\x02\x01\x01\x04\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x01";

impl Entropy {
    /// Gathers it. `None` where the proxy does not sign, or signs the same bytes alike, and there is no secret.
    pub(crate) fn gather<H: Host>(host: &H, secrets: &[[u8; 32]]) -> Option<Self> {
        let mut hash = Sha256::new();
        hash.update(b"countersign entropy 1");
        let time = host.nanoseconds().to_le_bytes();
        // The same bytes twice: only a random number makes a difference then.
        let signatures = [sign(host, &time), sign(host, &time)];
        let is_random = signatures.first() != signatures.last() && signatures.iter().all(Option::is_some);
        if !is_random && secrets.is_empty() {
            return None;
        }
        for part in signatures.iter().flatten() {
            hash.update(part);
        }
        for secret in secrets {
            hash.update(secret);
        }
        hash.update(&time);
        Some(Self { pool: HmacKey::new(&hash.finish()), given: 0 })
    }

    pub(crate) fn next(&mut self) -> [u8; 32] {
        self.given += 1;
        self.pool.tag(&[&self.given.to_le_bytes()])
    }

    pub(crate) fn seed(&mut self) -> [u64; 2] {
        let bytes = self.next();
        let mut words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        [words.next().unwrap_or_default(), words.next().unwrap_or_default()]
    }
}

/// A signature over `message`; `None` if the proxy made none.
fn sign<H: Host>(host: &H, message: &[u8]) -> Option<Vec<u8>> {
    let mut argument = Vec::with_capacity(128);
    protobuf::bytes(&mut argument, 1, b"sha256");
    protobuf::bytes(&mut argument, 2, KEY_ONE);
    protobuf::bytes(&mut argument, 3, message);
    let answer = host.foreign("sign", &argument).ok()?;
    // `1 bool result | 2 bytes signature`: a signature of P-256 has two numbers of about 32 bytes each.
    let is_one = answer.starts_with(&[0x08, 1]) && answer.len() > 60;
    is_one.then_some(answer)
}
