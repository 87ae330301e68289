//! Lanes in registers of AVX2: four integers of 64 bits, of which a limb fills the lower half.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_add_epi64, _mm256_and_si256, _mm256_extract_epi32, _mm256_mul_epi32,
    _mm256_permutevar8x32_epi32, _mm256_set_epi32, _mm256_set_epi64x, _mm256_set1_epi32, _mm256_set1_epi64x,
    _mm256_slli_epi32, _mm256_slli_epi64, _mm256_srai_epi32, _mm256_srli_epi64, _mm256_sub_epi32, _mm256_sub_epi64,
    _mm256_xor_si256,
};

/// How many lanes there are.
pub(super) const LANES: usize = 4;

/// A limb of 32 bits in each lane; the other 32 bits have no meaning.
pub(super) type Limbs = __m256i;

/// A column of 64 bits in each lane.
pub(super) type Columns = __m256i;

/// These limbs, the first in lane 0.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn limbs(values: [i32; LANES]) -> Limbs {
    words(values.map(|value| i64::from(value) as u64))
}

/// The same limb in every lane.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn limb(value: i32) -> Limbs {
    column(value as i64)
}

/// The same column in every lane.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn column(value: i64) -> Columns {
    _mm256_set1_epi64x(value)
}

/// Words of entries, the first in lane 0.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn words(values: [u64; LANES]) -> Columns {
    let [a, b, c, d] = values.map(|value| value as i64);
    _mm256_set_epi64x(d, c, b, a)
}

/// The limbs, that of lane 0 first.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn values(a: Limbs) -> [i32; LANES] {
    [
        _mm256_extract_epi32::<0>(a),
        _mm256_extract_epi32::<2>(a),
        _mm256_extract_epi32::<4>(a),
        _mm256_extract_epi32::<6>(a),
    ]
}

/// The products of limbs.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn mul(a: Limbs, b: Limbs) -> Columns {
    _mm256_mul_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn add(a: Columns, b: Columns) -> Columns {
    _mm256_add_epi64(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sub(a: Columns, b: Columns) -> Columns {
    _mm256_sub_epi64(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn and(a: Columns, b: Columns) -> Columns {
    _mm256_and_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn shl<const BITS: i32>(a: Columns) -> Columns {
    _mm256_slli_epi64::<BITS>(a)
}

/// Without a sign.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn shr<const BITS: i32>(a: Columns) -> Columns {
    _mm256_srli_epi64::<BITS>(a)
}

/// The lower halves.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn narrow(a: Columns) -> Limbs {
    a
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn add_limbs(a: Limbs, b: Limbs) -> Limbs {
    _mm256_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sub_limbs(a: Limbs, b: Limbs) -> Limbs {
    _mm256_sub_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn and_limbs(a: Limbs, b: Limbs) -> Limbs {
    _mm256_and_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn xor_limbs(a: Limbs, b: Limbs) -> Limbs {
    _mm256_xor_si256(a, b)
}

/// With the sign.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn shr_limbs<const BITS: i32>(a: Limbs) -> Limbs {
    _mm256_srai_epi32::<BITS>(a)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn shl_limbs<const BITS: i32>(a: Limbs) -> Limbs {
    _mm256_slli_epi32::<BITS>(a)
}

/// For each lane another one.
pub(super) type Others = __m256i;

/// For lane `i` lane `i ^ apart`, which must be one of the four.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn others(apart: i32) -> Others {
    _mm256_xor_si256(_mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0), _mm256_set1_epi32(2 * apart))
}

/// In each lane what its other held.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn swap(a: Limbs, others: Others) -> Limbs {
    _mm256_permutevar8x32_epi32(a, others)
}
