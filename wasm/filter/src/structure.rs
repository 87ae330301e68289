//! The configuration as text. Envoy passes a `StringValue` as it is, and a `Struct` (what YAML becomes) as protocol buffers: from
//! that the same JSON is written.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
/// How deep objects may be nested: as deep as in a policy.
const MOST_LEVELS: u8 = 64;

/// The configuration as JSON: itself, unless it is a `Struct`.
pub(crate) fn as_json(configuration: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(configuration.len());
    // No JSON text is a `Struct` too: each of its levels would have to begin with a line feed and its length.
    match write_struct(&configuration, &mut out, 0) {
        Some(()) if !configuration.is_empty() => out,
        _ => configuration,
    }
}

/// The next field: its number, its wire type's payload, and the rest.
fn field(bytes: &[u8]) -> Option<(u64, Payload<'_>, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let (payload, rest) = match tag & 7 {
        0 => varint(rest).map(|(number, rest)| (Payload::Number(number), rest))?,
        1 => rest.split_first_chunk().map(|(bytes, rest)| (Payload::Double(f64::from_le_bytes(*bytes)), rest))?,
        2 => {
            let (length, rest) = varint(rest)?;
            let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Payload::Bytes(bytes), rest)
        }
        _ => return None,
    };
    Some((tag >> 3, payload, rest))
}

#[derive(Clone, Copy)]
enum Payload<'a> {
    Number(u64),
    Double(f64),
    Bytes(&'a [u8]),
}

fn varint(mut bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = bytes.split_first()?;
        bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if *byte < 0x80 {
            return Some((value, bytes));
        }
        shift += 7;
    }
}

/// `map<string, Value> fields = 1`
fn write_struct(mut bytes: &[u8], out: &mut Vec<u8>, level: u8) -> Option<()> {
    if level > MOST_LEVELS {
        return None;
    }
    out.push(b'{');
    let mut separator = None;
    while !bytes.is_empty() {
        let (1, Payload::Bytes(entry), rest) = field(bytes)? else { return None };
        bytes = rest;
        out.extend(separator.replace(b','));
        write_entry(entry, out, level)?;
    }
    out.push(b'}');
    Some(())
}

/// `string key = 1`, `Value value = 2`; an absent one is empty, or null.
fn write_entry(mut bytes: &[u8], out: &mut Vec<u8>, level: u8) -> Option<()> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    while !bytes.is_empty() {
        let (number, Payload::Bytes(part), rest) = field(bytes)? else { return None };
        bytes = rest;
        match number {
            1 => name = part,
            2 => value = part,
            _ => return None,
        }
    }
    write_string(name, out)?;
    out.push(b':');
    write_value(value, out, level)
}

/// One of `null_value = 1`, `number_value = 2`, `string_value = 3`, `bool_value = 4`, `struct_value = 5`, `list_value = 6`.
fn write_value(bytes: &[u8], out: &mut Vec<u8>, level: u8) -> Option<()> {
    if bytes.is_empty() {
        out.extend(b"null");
        return Some(());
    }
    let (number, payload, rest) = field(bytes)?;
    match (number, payload) {
        (1, Payload::Number(_)) => out.extend(b"null"),
        (2, Payload::Double(number)) => write_number(number, out)?,
        (3, Payload::Bytes(text)) => write_string(text, out)?,
        (4, Payload::Number(flag)) => out.extend(if flag == 0 { b"false".as_slice() } else { b"true" }),
        (5, Payload::Bytes(object)) => write_struct(object, out, level + 1)?,
        (6, Payload::Bytes(list)) => write_list(list, out, level + 1)?,
        _ => return None,
    }
    rest.is_empty().then_some(())
}

/// `repeated Value values = 1`
fn write_list(mut bytes: &[u8], out: &mut Vec<u8>, level: u8) -> Option<()> {
    if level > MOST_LEVELS {
        return None;
    }
    out.push(b'[');
    let mut separator = None;
    while !bytes.is_empty() {
        let (1, Payload::Bytes(value), rest) = field(bytes)? else { return None };
        bytes = rest;
        out.extend(separator.replace(b','));
        write_value(value, out, level)?;
    }
    out.push(b']');
    Some(())
}

/// Whole numbers as such. Settings have no others, so of those it only matters that they are seen to be none.
fn write_number(number: f64, out: &mut Vec<u8>) -> Option<()> {
    const MOST: f64 = 9_007_199_254_740_992.0; // 2^53: all whole numbers up to it are exact
    if !(-MOST..=MOST).contains(&number) {
        return None;
    }
    let whole = number as i64;
    out.extend(whole.to_string().as_bytes());
    let thousandths = ((number - whole as f64).abs() * 1000.0) as i64;
    if number != whole as f64 {
        out.extend(format!(".{:03}", thousandths.max(1)).as_bytes());
    }
    Some(())
}

fn write_string(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let text = str::from_utf8(text).ok()?;
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            ..0x20 => out.extend(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protobuf::bytes;

    fn made(field: u8, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        bytes(&mut out, field, value);
        out
    }

    fn entry(name: &str, value: &[u8]) -> Vec<u8> {
        made(1, &[made(1, name.as_bytes()), made(2, value)].concat())
    }

    fn number(value: f64) -> Vec<u8> {
        [[0x11].as_slice(), &value.to_le_bytes()].concat()
    }

    #[test]
    fn a_struct_becomes_json() {
        let list = made(6, &[made(1, &made(3, b"a\"\\\n")), made(1, &[0x20, 1]), made(1, &[0x08, 0])].concat());
        let inner = made(5, &[entry("n", &number(300.0)), entry("h", &number(-0.5)), entry("", &[0x20, 0])].concat());
        let all = [entry("list", &list), entry("inner", &inner), entry("none", &[])].concat();
        let expected = r#"{"list":["a\"\\\u000a",true,null],"inner":{"n":300,"h":0.500,"":false},"none":null}"#;
        assert_eq!(String::from_utf8(as_json(all.clone())).expect("text"), expected);
        for length in 1..all.len() {
            let cut = all.get(..length).unwrap_or_default().to_vec();
            let whole = [entry("list", &list).len(), all.len() - entry("none", &[]).len()].contains(&length);
            assert_eq!(as_json(cut.clone()) == cut, !whole, "{length}");
        }
    }

    #[test]
    fn text_stays_text() {
        for text in ["", "{}", "\n{\n\"policy\":{}}", "[1]"] {
            assert_eq!(as_json(text.as_bytes().to_vec()), text.as_bytes(), "{text:?}");
        }
    }
}
