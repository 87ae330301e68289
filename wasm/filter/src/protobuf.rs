//! As much of protocol buffers as the proxy's functions speak: fields of bytes and of small numbers.

use alloc::vec::Vec;
/// Appends a field of bytes; an empty one is the same as none.
pub(crate) fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    if value.is_empty() {
        return;
    }
    out.push(field << 3 | 2);
    number(out, value.len());
    out.extend_from_slice(value);
}

/// Appends a field of a number.
pub(crate) fn varint(out: &mut Vec<u8>, field: u8, value: usize) {
    out.push(field << 3);
    number(out, value);
}

fn number(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_the_specification() {
        let mut out = Vec::new();
        bytes(&mut out, 2, b"testing");
        assert_eq!(out, b"\x12\x07testing");
        out.clear();
        bytes(&mut out, 1, &[7; 300]);
        assert_eq!(out.get(..3), Some([0x0a, 0xac, 0x02].as_slice()));
        out.clear();
        bytes(&mut out, 1, b"");
        varint(&mut out, 1, 150);
        assert_eq!(out, [0x08, 0x96, 0x01]);
    }
}
