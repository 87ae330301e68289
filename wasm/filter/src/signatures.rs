//! Signatures checked by the proxy: its function `verify_signature` is native code and takes a fraction of a VM's time.
//!
//! It is trusted only for algorithms that it verified correctly in a trial, with a valid signature and with the same signature over
//! another message. It knows no PSS and no Ed25519, takes ECDSA signatures in DER only, and does not look whether key and
//! algorithm belong together: the core has done that before it asks.

use alloc::vec;
use alloc::vec::Vec;

use countersign::internal::jose::base64url;
use countersign::{Algorithm, Curve, KeyKind, KeyMaterial, PublicKey, SignatureVerifier};

use crate::host::Host;
use crate::protobuf;

/// The proxy's function, for the algorithms that it was tried with.
pub(crate) struct ProxySignatures<H> {
    host: H,
    good: Vec<Algorithm>,
    argument: Argument,
}

/// Buffers that each check uses again.
#[derive(Default)]
struct Argument {
    message: Vec<u8>,
    key: Vec<u8>,
    signature: Vec<u8>,
}

impl<H: Host> ProxySignatures<H> {
    /// Tries the function with every algorithm. `None` if it is not there, or knows none of them.
    pub(crate) fn tried(host: &H) -> Option<Self> {
        let mut tried = Self { host: host.clone(), good: Vec::new(), argument: Argument::default() };
        let right = KNOWN_ANSWERS.iter().filter(|known| tried.is_right(known));
        tried.good = right.map(|known| known.algorithm).collect();
        (!tried.good.is_empty()).then_some(tried)
    }

    /// The algorithms that it checks.
    pub(crate) fn algorithms(&self) -> &[Algorithm] {
        &self.good
    }

    fn is_right(&mut self, known: &KnownAnswer) -> bool {
        let Some((key, signature)) = known.read() else { return false };
        let mut ask = |message: &[u8]| self.ask(&key, known.algorithm, message, &signature);
        ask(MESSAGE) == Some(true) && ask(OTHER_MESSAGE) == Some(false)
    }

    /// What the function says; `None` if it could not be asked.
    fn ask(&mut self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        let hash = hash_name(algorithm)?;
        let Argument { message: all, key: der, signature: sequence } = &mut self.argument;
        all.clear();
        der.clear();
        sequence.clear();
        key.spki_der(der);
        let signature = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => {
                write_sequence(signature, sequence)?;
                sequence.as_slice()
            }
            _ => signature,
        };
        // `1 string hash_function | 2 bytes public_key | 3 bytes signature | 4 bytes text`
        protobuf::bytes(all, 1, hash.as_bytes());
        protobuf::bytes(all, 2, der);
        protobuf::bytes(all, 3, signature);
        protobuf::bytes(all, 4, message);
        let answer = self.host.foreign("verify_signature", all).ok()?;
        // `1 bool result`, true: these two bytes are the only answer that means so.
        Some(answer == [0x08, 1])
    }
}

impl<H: Host> SignatureVerifier for ProxySignatures<H> {
    fn takes(&self, kind: KeyKind, algorithm: Algorithm) -> bool {
        let fits = match algorithm {
            Algorithm::Es256 => kind == KeyKind::P256,
            Algorithm::Es384 => kind == KeyKind::P384,
            Algorithm::Es512 => kind == KeyKind::P521,
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => matches!(kind, KeyKind::Rsa { .. }),
            _ => false,
        };
        fits && self.good.contains(&algorithm)
    }

    fn verify(&mut self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.ask(key, algorithm, message, signature) == Some(true)
    }
}

/// The hash that the algorithm names, and no other: the function would take SHA-1 too.
const fn hash_name(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Es256 | Algorithm::Rs256 => Some("sha256"),
        Algorithm::Es384 | Algorithm::Rs384 => Some("sha384"),
        Algorithm::Es512 | Algorithm::Rs512 => Some("sha512"),
        _ => None,
    }
}

/// `r ‖ s` (RFC 7518 §3.4) as the SEQUENCE of two INTEGERs that X.509 has (RFC 3279 §2.2.3).
fn write_sequence(signature: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (r, s) = signature.split_at_checked(signature.len() / 2)?;
    let numbers = [r, s].map(|number| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let number = number.get(zeros..).unwrap_or_default();
        // A number whose first bit is set would be negative.
        (number, number.first().is_none_or(|first| *first >= 0x80))
    });
    let length: usize = numbers.iter().map(|(number, padded)| 2 + usize::from(*padded) + number.len()).sum();
    out.push(0x30);
    match u8::try_from(length).ok()? {
        short @ ..0x80 => out.push(short),
        long => out.extend([0x81, long]),
    }
    for (number, padded) in numbers {
        out.push(0x02);
        out.push(u8::try_from(number.len() + usize::from(padded)).ok()?);
        if padded {
            out.push(0);
        }
        out.extend_from_slice(number);
    }
    Some(())
}

const MESSAGE: &[u8] = b"countersign";
const OTHER_MESSAGE: &[u8] = b"Countersign";

/// A signature over [`MESSAGE`], made once for this file by a key that was thrown away.
struct KnownAnswer {
    algorithm: Algorithm,
    /// The curve, x and y.
    point: Option<(Curve, &'static str, &'static str)>,
    signature: &'static str,
}

impl KnownAnswer {
    fn read(&self) -> Option<(PublicKey, Vec<u8>)> {
        let key = match self.point {
            Some((curve, x, y)) => {
                let (x, y) = (decode(x)?, decode(y)?);
                PublicKey::new(&KeyMaterial::Ec { curve, x: &x, y: &y })
            }
            None => PublicKey::new(&KeyMaterial::Rsa { n: &decode(RSA_MODULUS)?, e: &[1, 0, 1] }),
        };
        Some((key.ok()?, decode(self.signature)?))
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = vec![0; text.len()];
    let length = base64url::decode(text.as_bytes(), &mut out).ok()?.len();
    out.truncate(length);
    Some(out)
}

include!("known_answers.rs");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_answers_are_right() {
        macro_rules! holds {
            ($curve:ident, $key:expr, $signature:expr, $message:expr) => {{
                use $curve::ecdsa::signature::Verifier as _;
                let (x, y) = $key.ec_point().expect("a point");
                let encoded = [&[4], x, y].concat();
                let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(&encoded).expect("a key");
                $curve::ecdsa::Signature::from_slice($signature).is_ok_and(|known| key.verify($message, &known).is_ok())
            }};
        }
        for known in &KNOWN_ANSWERS {
            let (key, signature) = known.read().expect("a key");
            let holds = |message: &[u8]| match known.algorithm {
                // The VM has no code for these curves.
                Algorithm::Es384 => holds!(p384, key, &signature, message),
                Algorithm::Es512 => holds!(p521, key, &signature, message),
                algorithm => key.verify(algorithm, message, &signature).is_ok(),
            };
            assert!(holds(MESSAGE), "{}", known.algorithm.name());
            assert!(!holds(OTHER_MESSAGE), "{}", known.algorithm.name());
        }
    }

    #[cfg(not(feature = "large-curves"))]
    #[test]
    fn without_the_proxy_no_signature_on_a_large_curve_is_valid() {
        for known in KNOWN_ANSWERS.iter().filter(|known| matches!(known.algorithm, Algorithm::Es384 | Algorithm::Es512))
        {
            let (key, signature) = known.read().expect("a key");
            assert!(key.verify(known.algorithm, MESSAGE, &signature).is_err(), "{}", known.algorithm.name());
        }
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        let mut out = Vec::new();
        assert_eq!(write_sequence(&[0, 0, 1, 0x80, 0, 2], &mut out), Some(()));
        assert_eq!(out, [0x30, 9, 2, 1, 1, 2, 4, 0, 0x80, 0, 2]);
        out.clear();
        assert_eq!(write_sequence(&[0xff; 132], &mut out), Some(()));
        assert_eq!((out.len(), out.get(..3)), (3 + 2 * 69, Some([0x30, 0x81, 138].as_slice())));
    }
}
