//! Large numbers as digits: from bytes, to bytes, their length and their difference.

use super::digit::Digit;

/// `a = a - b`.
#[inline(always)]
pub(super) fn subtract<D: Digit>(a: &mut [D], b: &[D]) {
    let mut borrow = false;
    for (a, b) in a.iter_mut().zip(b) {
        (*a, borrow) = a.minus(*b, borrow);
    }
}

/// The number in big-endian bytes, lowest digit first.
pub(super) fn read<D: Digit>(mut bytes: &[u8], digits: &mut [D]) {
    let (mut buffer, mut buffered) = (D::NOTHING, 0);
    for digit in digits {
        *digit = D::cut(&mut bytes, &mut buffer, &mut buffered);
    }
}

/// The low bytes of the number, big-endian.
pub(super) fn write<D: Digit>(digits: &[D], bytes: &mut [u8]) {
    let (mut buffer, mut buffered) = (D::NOTHING, 0);
    let mut bytes = bytes.iter_mut().rev();
    // The digit after the last pushes out the bits that are no whole byte.
    for digit in digits.iter().chain([&D::ZERO]) {
        digit.spill(&mut buffer, &mut buffered, |byte| {
            if let Some(to) = bytes.next() {
                *to = byte;
            }
        });
    }
}

/// The bits of a big-endian number.
pub(super) fn bits_of(bytes: &[u8]) -> usize {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let top = bytes.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    8 * (bytes.len() - zeros) - top
}

/// `1/odd` modulo 2^64: each step doubles the number of low bits that are right, and `odd` itself has three.
pub(super) fn inverse_of(odd: u64) -> u64 {
    (0..5).fold(odd, |inverse, _| inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse))))
}
