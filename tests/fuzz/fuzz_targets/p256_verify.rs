//! The table path for P-256 against the `p256` crate on whatever the fuzzer makes of key, hash and signature.
#![no_main]

use countersign::internal::crypto::p256::{Generator, TableBuilder, Window, verify_prehashed};
use libfuzzer_sys::fuzz_target;
use p256::Sec1Point;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use std::sync::LazyLock;

static GENERATOR: LazyLock<Option<Generator>> = LazyLock::new(|| Window::bits(6).map(Generator::build_with));

/// Key (64 bytes), hash (32), signature (64); a key of zeros means the group's own base point, so that mutated signatures meet
/// a key that is on the curve.
fn check(key: &[u8; 64], hash: &[u8; 32], signature: &[u8; 64]) -> Option<()> {
    let mut sec1 = [4u8; 65];
    sec1[1..].copy_from_slice(key);
    if key == &[0; 64] {
        sec1.copy_from_slice(Sec1Point::from(p256::AffinePoint::GENERATOR).as_bytes());
    }
    let key: &[u8; 64] = sec1[1..].try_into().ok()?;
    let library = VerifyingKey::from_sec1_bytes(&sec1).ok();
    let builder = TableBuilder::with_window(key, Window::bits(4)?);
    assert_eq!(builder.is_some(), library.is_some());
    let (mut builder, library) = (builder?, library?);
    let table = loop {
        if let Some(table) = builder.step(1000) {
            break table;
        }
    };
    let theirs =
        Signature::from_slice(signature).is_ok_and(|signature| library.verify_prehash(hash, &signature).is_ok());
    assert_eq!(verify_prehashed(GENERATOR.as_ref()?, &table, hash, signature), theirs);
    Some(())
}

fuzz_target!(|input: ([u8; 32], [u8; 32], [u8; 32], [u8; 32], [u8; 32])| {
    let (x, y, hash, r, s) = input;
    let join = |a: [u8; 32], b: [u8; 32]| {
        let mut both = [0; 64];
        both[..32].copy_from_slice(&a);
        both[32..].copy_from_slice(&b);
        both
    };
    check(&join(x, y), &hash, &join(r, s));
});
