//! The prime of the field.

/// p = 2^255 - 19, little-endian words.
pub(crate) const P: [u64; 4] = [0xffff_ffff_ffff_ffed, u64::MAX, u64::MAX, u64::MAX >> 1];
