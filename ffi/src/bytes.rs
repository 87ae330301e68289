//! What the caller lends.

use crate::result::countersign_result;

/// Bytes that the caller lends for the time of one call. Not NUL-terminated. `data` may be NULL if `length` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct countersign_bytes {
    /// The first byte.
    pub data: *const u8,
    /// How many there are.
    pub length: usize,
}

impl countersign_bytes {
    /// The bytes; `INVALID_LENGTH` for what cannot be memory.
    ///
    /// # Safety
    /// `data` must point to `length` bytes that no thread writes to while `'a` lasts.
    pub(crate) unsafe fn read<'a>(self) -> Result<&'a [u8], countersign_result> {
        if self.length == 0 {
            return Ok(&[]);
        }
        if self.data.is_null() {
            return Err(countersign_result::NullParameter);
        }
        if isize::try_from(self.length).is_err() {
            return Err(countersign_result::InvalidLength);
        }
        debug_assert!(!self.data.is_null() && self.length <= isize::MAX as usize);
        // SAFETY: neither NULL nor longer than memory can be; the rest is the caller's promise.
        Ok(unsafe { std::slice::from_raw_parts(self.data, self.length) })
    }

    /// The bytes as text.
    ///
    /// # Safety
    /// As [`read`](Self::read).
    pub(crate) unsafe fn read_text<'a>(self) -> Result<&'a str, countersign_result> {
        // SAFETY: the caller's promise is passed on.
        let bytes = unsafe { self.read() }?;
        std::str::from_utf8(bytes).map_err(|_| countersign_result::NotUtf8)
    }
}
