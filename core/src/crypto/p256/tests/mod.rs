//! The table path against slow twins: big integers, verified field arithmetic, two libraries, Wycheproof.

mod curve;
mod field;
mod inverse;
mod wycheproof;

use alloc::vec::Vec;
use proptest::prelude::*;

use super::scalar::N;
use super::{KeyTable, TableBuilder, Window};
use crate::crypto::words::tests::{big, integer_near, minus, words};

const P: [u64; 4] = super::field::P;

fn bytes(words: &[u64; 4]) -> [u8; 32] {
    let bytes: Vec<u8> = words.iter().rev().flat_map(|word| word.to_be_bytes()).collect();
    bytes.try_into().unwrap()
}

/// Integers as [`integer_near`] makes them, near p and n.
fn integer() -> impl Strategy<Value = [u64; 4]> {
    integer_near(&[P, N])
}

fn table(public_key: &[u8; 64], bits: u32) -> KeyTable {
    let mut builder = TableBuilder::with_window(public_key, Window::bits(bits).unwrap()).unwrap();
    loop {
        if let Some(table) = builder.step(300) {
            return table;
        }
    }
}
