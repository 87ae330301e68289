//! Values wherever they are.

use alloc::format;
use alloc::string::String;

use crate::jose::json::{JsonString, Value};
use crate::policy::reader::{Pointer, Reader};

/// Whether the name of a policy or of a credential may have this byte.
pub(in crate::policy) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

impl Reader {
    /// A text that is not empty; `None` after a fault.
    pub fn text_at(&mut self, at: &Pointer<'_>, value: Value<'_>, expected: &str) -> Option<String> {
        let text = value.as_string().map(JsonString::to_owned_string).filter(|text| !text.is_empty());
        if text.is_none() {
            self.unexpected(at, value, expected);
        }
        text
    }

    /// A whole number from `least` to `most`; `None` after a fault.
    pub fn number_at(&mut self, at: &Pointer<'_>, value: Value<'_>, (least, most): (u64, u64)) -> Option<u64> {
        let number = match value {
            Value::Number(number) => number.as_u64().filter(|number| (least..=most).contains(number)),
            _ => None,
        };
        if number.is_none() {
            self.unexpected(at, value, &format!("a whole number from {least} to {most}"));
        }
        number
    }

    /// Hands each text of a string or of an array of strings to `read`, with where it is. Each must be non-empty, and there must be one.
    pub fn texts(
        &mut self,
        at: &Pointer<'_>,
        value: Value<'_>,
        expected: &str,
        read: &mut dyn FnMut(&mut Self, &Pointer<'_>, String),
    ) {
        let mut one = |reader: &mut Self, at: &Pointer<'_>, value| {
            if let Some(text) = reader.text_at(at, value, expected) {
                read(reader, at, text);
            }
        };
        match value {
            Value::String(_) => one(self, at, value),
            Value::Array(array) => {
                for (index, element) in array.elements().enumerate() {
                    one(self, &at.element(index), element);
                }
                if array.elements().next().is_none() {
                    self.unexpected(at, value, &format!("at least one of: {expected}"));
                }
            }
            other => self.unexpected(at, other, &format!("{expected}, or an array of them")),
        }
    }

    /// Hands each element of an array to `read`, with where it is.
    pub fn elements<'a>(
        &mut self,
        at: &Pointer<'_>,
        value: Value<'a>,
        expected: &str,
        read: &mut dyn FnMut(&mut Self, &Pointer<'_>, Value<'a>),
    ) {
        let Some(array) = value.as_array() else { return self.unexpected(at, value, expected) };
        for (index, element) in array.elements().enumerate() {
            read(self, &at.element(index), element);
        }
    }

    /// Records that a value is none of a few words.
    pub fn not_one_of(&mut self, at: &Pointer<'_>, value: Value<'_>, words: &[&str]) {
        self.unexpected(at, value, &format!("one of {}", words.join(", ")));
    }
}
