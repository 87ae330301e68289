//! Which texts of a decision may be sent on in a header field.

use countersign::internal::field_value::is_field_value;

use crate::boundary::guarded;
use crate::bytes::countersign_bytes;

/// Whether a text can be the value of a header field and is read by its receiver as it was sent: UTF-8, not empty, no control character,
/// no space at either end. Ask this of every text of a decision before it becomes a header field: a token's subject may hold anything.
///
/// Thread-safe.
///
/// # Safety
/// `text` points to as many bytes as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_is_field_value(text: countersign_bytes) -> bool {
    guarded(false, || {
        // SAFETY: the caller's promise.
        unsafe { text.read_text() }.is_ok_and(is_field_value)
    })
}
