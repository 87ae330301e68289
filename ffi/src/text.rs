//! What the library lends.

use std::marker::PhantomData;

use countersign::NamedClaim;

/// Text in UTF-8 that the library lends; each function says for how long. Not NUL-terminated. `data` is NULL if there is none.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct countersign_str<'a> {
    /// The first byte.
    pub data: *const u8,
    /// How many bytes there are.
    pub length: usize,
    /// cbindgen:ignore
    lent: PhantomData<&'a str>,
}

impl<'a> countersign_str<'a> {
    /// No text.
    pub(crate) const NONE: Self = Self { data: std::ptr::null(), length: 0, lent: PhantomData };

    pub(crate) const fn of(text: &'a str) -> Self {
        Self { data: text.as_ptr(), length: text.len(), lent: PhantomData }
    }

    /// What a claim says, whose bytes are UTF-8.
    pub(crate) const fn of_claim(claim: NamedClaim<'a>) -> Self {
        let bytes = claim.as_bytes();
        Self { data: bytes.as_ptr(), length: bytes.len(), lent: PhantomData }
    }

    pub(crate) fn or_none(text: Option<&'a str>) -> Self {
        text.map_or(Self::NONE, Self::of)
    }
}
