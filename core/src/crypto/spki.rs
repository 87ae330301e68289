//! The DER of an X.509 `SubjectPublicKeyInfo` (RFC 5280 §4.1): writes that of a public key, and finds that of a certificate.

use alloc::vec::Vec;

use super::{Curve, Material};

/// Appends the DER; the parameters are NULL for RSA (RFC 3279 §2.3.1), the named curve for EC (RFC 5480 §2.1.1) and
/// absent for Ed25519 (RFC 8410 §3).
pub(super) fn write(material: &Material, out: &mut Vec<u8>) {
    match material {
        Material::Ec { curve, .. } => {
            let parameters = match curve {
                Curve::P256 => P256,
                Curve::P384 => P384,
                Curve::P521 => P521,
            };
            write_info(EC, parameters, material.ec_point(), out);
        }
        Material::Rsa { n, e } => {
            let mut integers = Vec::with_capacity(n.bytes().len() + 16);
            write_unsigned(n.bytes(), &mut integers);
            write_unsigned(e.bytes(), &mut integers);
            let mut key = Vec::with_capacity(integers.len() + 4);
            write_element(SEQUENCE, &[&integers], &mut key);
            write_info(RSA, NULL, &key, out);
        }
        Material::Ed25519 { x } => write_info(ED25519, &[], x, out),
    }
}

/// Whether the certificate `der` is one of the key that `own` is the `SubjectPublicKeyInfo` of; `None` if `der` is not a certificate.
///
/// Compares the keys themselves and not the algorithm beside them, which may be `id-RSASSA-PSS` for an RSA key (RFC 4055 §1.2); a point
/// may be compressed (RFC 5480 §2.2). Checks nothing else of the certificate.
pub(super) fn certificate_is_of(der: &[u8], own: &[u8]) -> Option<bool> {
    let own = key_bits(contents(own, SEQUENCE)?.0)?;
    let (certificate, _) = contents(der, SEQUENCE)?;
    let (mut signed, _) = contents(certificate, SEQUENCE)?;
    // version [0] EXPLICIT DEFAULT v1
    if let Some((_, rest)) = contents(signed, VERSION) {
        signed = rest;
    }
    // serialNumber, signature, issuer, validity, subject
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        signed = contents(signed, tag)?.1;
    }
    let theirs = key_bits(contents(signed, SEQUENCE)?.0)?;
    Some(match (theirs, own) {
        // SEC 1 §2.3.3: 2 or 3 by the lowest bit of y, and x; 4, x and y.
        ([sign @ (2 | 3), x @ ..], [4, point @ ..]) => point
            .strip_prefix(x)
            .is_some_and(|y| y.len() == x.len() && y.last().is_some_and(|last| last & 1 == sign & 1)),
        _ => theirs == own,
    })
}

/// The key in the contents of a `SubjectPublicKeyInfo`: the bit string behind the algorithm.
fn key_bits(info: &[u8]) -> Option<&[u8]> {
    let (_, rest) = contents(info, SEQUENCE)?;
    contents(rest, BIT_STRING)?.0.strip_prefix(&[0])
}

/// The contents of the element that `der` begins with, if it has this tag, and the bytes behind it (X.690 §8.1.3).
fn contents(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 3))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn write_info(algorithm: &[u8], parameters: &[u8], key: &[u8], out: &mut Vec<u8>) {
    let mut info = Vec::with_capacity(key.len() + 32);
    write_element(SEQUENCE, &[algorithm, parameters], &mut info);
    // The first byte of a bit string counts the unused bits.
    write_element(BIT_STRING, &[&[0], key], &mut info);
    write_element(SEQUENCE, &[&info], out);
}

fn write_unsigned(bytes: &[u8], out: &mut Vec<u8>) {
    let sign: &[u8] = if bytes.first().is_some_and(|&first| first >= 0x80) { &[0] } else { &[] };
    write_element(INTEGER, &[sign, bytes], out);
}

/// Tag, shortest length, contents; no key is longer than the two bytes of length count.
fn write_element(tag: u8, contents: &[&[u8]], out: &mut Vec<u8>) {
    let len: usize = contents.iter().map(|part| part.len()).sum();
    let [.., high, low] = len.to_be_bytes();
    out.push(tag);
    match len {
        0..=0x7f => out.push(low),
        0x80..=0xff => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    for part in contents {
        out.extend_from_slice(part);
    }
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const NULL: &[u8] = &[0x05, 0];
/// rsaEncryption, 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// id-ecPublicKey, 1.2.840.10045.2.1
const EC: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// id-Ed25519, 1.3.101.112
const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];
/// secp256r1, 1.2.840.10045.3.1.7
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// secp384r1, 1.3.132.0.34
const P384: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 34];
/// secp521r1, 1.3.132.0.35
const P521: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 35];
