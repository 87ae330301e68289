//! The table path against slow twins: big integers, verified field arithmetic, two libraries, Wycheproof.

mod curve;
mod field;
mod inverse;
mod wycheproof;

use alloc::vec::Vec;
use num_bigint::BigUint;
use proptest::prelude::*;

use super::scalar::N;
use super::{KeyTable, TableBuilder, Window};

const P: [u64; 4] = super::field::P;

fn big(words: &[u64; 4]) -> BigUint {
    words.iter().rev().fold(BigUint::ZERO, |sum, word| (sum << 64u32) + *word)
}

fn words(value: &BigUint) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, digit) in words.iter_mut().zip(value.iter_u64_digits()) {
        *word = digit;
    }
    words
}

fn bytes(words: &[u64; 4]) -> [u8; 32] {
    let bytes: Vec<u8> = words.iter().rev().flat_map(|word| word.to_be_bytes()).collect();
    bytes.try_into().unwrap()
}

fn minus(words: &[u64; 4], less: u64) -> [u64; 4] {
    super::super::words::sub(words, &[less, 0, 0, 0]).0
}

/// Integers below 2^256: random ones and, half of the time, words at the edges, p, n and their neighbours.
fn integer() -> impl Strategy<Value = [u64; 4]> {
    let word = prop_oneof![
        Just(0u64),
        Just(1),
        Just(u64::MAX),
        Just(u64::MAX - 1),
        Just(0xffff_ffff),
        Just(0xffff_ffff_0000_0000),
        Just(0xffff_ffff_0000_0001),
        any::<u64>(),
    ];
    let near = (prop_oneof![Just(P), Just(N), Just([0; 4])], 0u64..4, any::<bool>()).prop_map(|(base, by, up)| {
        if up { super::super::words::add(&base, &[by, 0, 0, 0]).0 } else { minus(&base, by) }
    });
    prop_oneof![2 => any::<[u64; 4]>(), 1 => [word.clone(), word.clone(), word.clone(), word], 1 => near]
}

fn table(public_key: &[u8; 64], bits: u32) -> KeyTable {
    let mut builder = TableBuilder::with_window(public_key, Window::bits(bits).unwrap()).unwrap();
    loop {
        if let Some(table) = builder.step(300) {
            return table;
        }
    }
}
