//! The table path against slow twins: big integers, verified field arithmetic, two libraries, Wycheproof.

mod curve;
mod field;
mod inverse;
mod wycheproof;

use alloc::vec::Vec;
use proptest::prelude::*;

use super::scalar::N;
use super::verify::Equation;
use super::{Generator, KeyTable, TableBuilder, Window, verify_prehashed};
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

/// The answer one by one, once that in lanes is the same or none.
fn verify(generator: &Generator, key: &KeyTable, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
    let answer = verify_prehashed(generator, key, hash, signature);
    if let Some(equation) = Equation::of(hash, signature) {
        let in_lanes = equation.holds_in_lanes(&equation.terms(generator, key).unwrap());
        assert!(in_lanes.is_none_or(|in_lanes| in_lanes == answer), "{in_lanes:?} in lanes");
    }
    answer
}
