//! Integers of four 64-bit words, least first: what the fields, scalars and tables of P-256 and Ed25519 have in common.

#[cfg(any(test, all(not(countersign_limbs = "32"), target_pointer_width = "64")))]
pub(crate) use super::prime_field::multiply_add as mac;

/// The words of 32 big-endian bytes.
pub(crate) fn from_be_bytes(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0u64; 4];
    for (word, chunk) in words.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *word = chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}

/// The words of 32 little-endian bytes.
#[cfg(feature = "fast")]
pub(crate) fn from_le_bytes(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0u64; 4];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}

/// `a < b`.
pub(crate) fn less_than(a: &[u64; 4], b: &[u64; 4]) -> bool {
    sub(a, b).1
}

/// `count` bits of the words from bit `at` on, fewer than 64; bits past the end are 0.
#[inline(always)]
pub(crate) const fn bits_at(words: &[u64; 4], at: u32, count: u32) -> u64 {
    let (word, shift) = (at as usize / 64, at % 64);
    let mut bits = if word < 4 { words[word] >> shift } else { 0 };
    if shift + count > 64 && word < 3 {
        bits |= words[word + 1] << (64 - shift);
    }
    bits & ((1 << count) - 1)
}

/// `a + b` modulo 2^256, and whether it left 2^256.
#[inline(always)]
pub(crate) fn add(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let (r0, c) = adc(a[0], b[0], false);
    let (r1, c) = adc(a[1], b[1], c);
    let (r2, c) = adc(a[2], b[2], c);
    let (r3, c) = adc(a[3], b[3], c);
    ([r0, r1, r2, r3], c)
}

/// `a - b` modulo 2^256, and whether it went below 0.
#[inline(always)]
pub(crate) fn sub(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let (r0, c) = sbb(a[0], b[0], false);
    let (r1, c) = sbb(a[1], b[1], c);
    let (r2, c) = sbb(a[2], b[2], c);
    let (r3, c) = sbb(a[3], b[3], c);
    ([r0, r1, r2, r3], c)
}

#[inline(always)]
pub(crate) fn adc(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (s, c1) = a.overflowing_add(b);
    let (s, c2) = s.overflowing_add(u64::from(carry));
    (s, c1 | c2)
}

#[inline(always)]
pub(crate) fn sbb(a: u64, b: u64, borrow: bool) -> (u64, bool) {
    let (s, c1) = a.overflowing_sub(b);
    let (s, c2) = s.overflowing_sub(u64::from(borrow));
    (s, c1 | c2)
}

#[cfg(any(test, all(not(countersign_limbs = "32"), target_pointer_width = "64")))]
#[inline(always)]
pub(crate) fn wide_mul(a: &[u64; 4], b: &[u64; 4]) -> [u64; 8] {
    let (t0, c) = mac(0, a[0], b[0], 0);
    let (t1, c) = mac(0, a[0], b[1], c);
    let (t2, c) = mac(0, a[0], b[2], c);
    let (t3, t4) = mac(0, a[0], b[3], c);

    let (t1, c) = mac(t1, a[1], b[0], 0);
    let (t2, c) = mac(t2, a[1], b[1], c);
    let (t3, c) = mac(t3, a[1], b[2], c);
    let (t4, t5) = mac(t4, a[1], b[3], c);

    let (t2, c) = mac(t2, a[2], b[0], 0);
    let (t3, c) = mac(t3, a[2], b[1], c);
    let (t4, c) = mac(t4, a[2], b[2], c);
    let (t5, t6) = mac(t5, a[2], b[3], c);

    let (t3, c) = mac(t3, a[3], b[0], 0);
    let (t4, c) = mac(t4, a[3], b[1], c);
    let (t5, c) = mac(t5, a[3], b[2], c);
    let (t6, t7) = mac(t6, a[3], b[3], c);
    [t0, t1, t2, t3, t4, t5, t6, t7]
}

#[cfg(any(test, all(not(countersign_limbs = "32"), target_pointer_width = "64")))]
#[inline(always)]
pub(crate) fn wide_square(a: &[u64; 4]) -> [u64; 8] {
    // Each mixed product once …
    let (t1, c) = mac(0, a[0], a[1], 0);
    let (t2, c) = mac(0, a[0], a[2], c);
    let (t3, t4) = mac(0, a[0], a[3], c);
    let (t3, c) = mac(t3, a[1], a[2], 0);
    let (t4, t5) = mac(t4, a[1], a[3], c);
    let (t5, t6) = mac(t5, a[2], a[3], 0);
    // … doubled …
    let t7 = t6 >> 63;
    let t6 = (t6 << 1) | (t5 >> 63);
    let t5 = (t5 << 1) | (t4 >> 63);
    let t4 = (t4 << 1) | (t3 >> 63);
    let t3 = (t3 << 1) | (t2 >> 63);
    let t2 = (t2 << 1) | (t1 >> 63);
    let t1 = t1 << 1;
    // … and the squares of the limbs.
    let (t0, h0) = mac(0, a[0], a[0], 0);
    let (l1, h1) = mac(0, a[1], a[1], 0);
    let (l2, h2) = mac(0, a[2], a[2], 0);
    let (l3, h3) = mac(0, a[3], a[3], 0);
    let (t1, c) = adc(t1, h0, false);
    let (t2, c) = adc(t2, l1, c);
    let (t3, c) = adc(t3, h1, c);
    let (t4, c) = adc(t4, l2, c);
    let (t5, c) = adc(t5, h2, c);
    let (t6, c) = adc(t6, l3, c);
    let (t7, _) = adc(t7, h3, c);
    [t0, t1, t2, t3, t4, t5, t6, t7]
}

#[cfg(test)]
pub(crate) mod tests;
