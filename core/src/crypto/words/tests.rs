//! Integers for tests: near the edges as often as not, and as big integers.

use num_bigint::BigUint;
use proptest::prelude::*;

pub(crate) fn big(words: &[u64; 4]) -> BigUint {
    words.iter().rev().fold(BigUint::ZERO, |sum, word| (sum << 64u32) + *word)
}

pub(crate) fn words(value: &BigUint) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, digit) in words.iter_mut().zip(value.iter_u64_digits()) {
        *word = digit;
    }
    words
}

pub(crate) fn minus(words: &[u64; 4], less: u64) -> [u64; 4] {
    super::sub(words, &[less, 0, 0, 0]).0
}

/// Integers below 2^256: random ones and, half of the time, words at the edges, the moduli, 0 and their neighbours.
pub(crate) fn integer_near(moduli: &'static [[u64; 4]]) -> impl Strategy<Value = [u64; 4]> {
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
    let base = (0..=moduli.len()).prop_map(|at| moduli.get(at).copied().unwrap_or_default());
    let near = (base, 0u64..40, any::<bool>())
        .prop_map(|(base, by, up)| if up { super::add(&base, &[by, 0, 0, 0]).0 } else { minus(&base, by) });
    prop_oneof![2 => any::<[u64; 4]>(), 1 => [word.clone(), word.clone(), word.clone(), word], 1 => near]
}
