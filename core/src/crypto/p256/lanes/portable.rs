//! Lanes in arrays, with what the registers hold beside a limb made as wrong as it may be: for the tests.

use core::array::from_fn;

/// How many lanes there are.
pub(super) const LANES: usize = 4;

/// A limb of 32 bits in each lane.
pub(super) type Limbs = [i32; LANES];

/// A column of 64 bits in each lane.
pub(super) type Columns = [i64; LANES];

pub(super) fn limbs(values: [i32; LANES]) -> Limbs {
    values
}

pub(super) fn limb(value: i32) -> Limbs {
    [value; LANES]
}

pub(super) fn column(value: i64) -> Columns {
    [value; LANES]
}

#[cfg(all(not(countersign_limbs = "32"), target_pointer_width = "64"))]
pub(super) fn words(values: [u64; LANES]) -> Columns {
    values.map(|value| value as i64)
}

pub(super) fn values(a: Limbs) -> [i32; LANES] {
    a
}

pub(super) fn mul(a: Limbs, b: Limbs) -> Columns {
    from_fn(|lane| i64::from(a[lane]) * i64::from(b[lane]))
}

pub(super) fn add(a: Columns, b: Columns) -> Columns {
    from_fn(|lane| a[lane].wrapping_add(b[lane]))
}

pub(super) fn sub(a: Columns, b: Columns) -> Columns {
    from_fn(|lane| a[lane].wrapping_sub(b[lane]))
}

pub(super) fn and(a: Columns, b: Columns) -> Columns {
    from_fn(|lane| a[lane] & b[lane])
}

pub(super) fn shl<const BITS: i32>(a: Columns) -> Columns {
    a.map(|column| column << BITS)
}

pub(super) fn shr<const BITS: i32>(a: Columns) -> Columns {
    a.map(|column| (column as u64 >> BITS) as i64)
}

pub(super) fn narrow(a: Columns) -> Limbs {
    a.map(|column| column as i32)
}

pub(super) fn add_limbs(a: Limbs, b: Limbs) -> Limbs {
    from_fn(|lane| a[lane] + b[lane])
}

pub(super) fn sub_limbs(a: Limbs, b: Limbs) -> Limbs {
    from_fn(|lane| a[lane] - b[lane])
}

pub(super) fn and_limbs(a: Limbs, b: Limbs) -> Limbs {
    from_fn(|lane| a[lane] & b[lane])
}

pub(super) fn xor_limbs(a: Limbs, b: Limbs) -> Limbs {
    from_fn(|lane| a[lane] ^ b[lane])
}

#[cfg(all(not(countersign_limbs = "32"), target_pointer_width = "64"))]
pub(super) fn shl_limbs<const BITS: i32>(a: Limbs) -> Limbs {
    a.map(|limb| limb << BITS)
}

pub(super) fn shr_limbs<const BITS: i32>(a: Limbs) -> Limbs {
    a.map(|limb| limb >> BITS)
}

pub(super) type Others = usize;

pub(super) fn others(apart: i32) -> Others {
    apart as usize
}

pub(super) fn swap(a: Limbs, others: Others) -> Limbs {
    from_fn(|lane| a[lane ^ others])
}
