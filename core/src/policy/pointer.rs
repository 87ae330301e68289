//! JSON Pointers to claims in a policy.

use alloc::string::ToString;

use crate::limits;
use crate::policy::reader::{Pointer, Reader};
use crate::printable::quoted;
use crate::specs::common::pointer::{ClaimPointer, NamedClaims};

/// The slot of the claim that a JSON pointer names; the whole payload is none.
pub(super) fn read_pointer(reader: &mut Reader, at: &Pointer<'_>, text: &str, claims: &mut NamedClaims) -> Option<u8> {
    let pointer = ClaimPointer::parse(text).filter(|_| !text.is_empty());
    read_slot(reader, at, text, pointer, claims)
}

/// As [`read_pointer`], for a pointer that was read; `None` is a fault.
pub(super) fn read_slot(
    reader: &mut Reader,
    at: &Pointer<'_>,
    text: &str,
    pointer: Option<ClaimPointer>,
    claims: &mut NamedClaims,
) -> Option<u8> {
    let Some(pointer) = pointer else {
        reader.fault(at, quoted(text), "a JSON pointer to a claim (RFC 6901), such as /sub");
        return None;
    };
    let slot = claims.slot(&pointer);
    if slot.is_none() {
        let expected = limits::row::NAMED_CLAIMS.of("claims in all policies of the document").to_string();
        reader.fault(at, "one claim more", expected);
    }
    slot
}
