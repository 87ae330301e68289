//! The table path against slow twins: big integers, verified field arithmetic, the points of `curve25519-dalek`, three libraries,
//! RFC 8032 and Wycheproof.

mod curve;
mod field;
mod points;
mod scalar;
mod vectors;

use proptest::prelude::*;

use super::{Generator, KeyTable, TableBuilder, Window};
use crate::crypto::words::tests::integer_near;

const P: [u64; 4] = super::prime::P;
const L: [u64; 4] = super::scalar::L;

/// Integers as [`integer_near`] makes them, near p and L.
fn integer() -> impl Strategy<Value = [u64; 4]> {
    integer_near(&[P, L])
}

fn to_le_bytes(words: &[u64; 4]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

fn joined(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r);
    signature[32..].copy_from_slice(s);
    signature
}

fn window(bits: u32) -> Window {
    Window::bits(bits).unwrap()
}

fn generator() -> Generator {
    Generator::build_with(window(5))
}

fn table(public_key: &[u8; 32], bits: u32) -> Option<KeyTable> {
    let mut builder = TableBuilder::with_window(public_key, window(bits))?;
    loop {
        if let Some(table) = builder.step(300) {
            return Some(table);
        }
    }
}
