//! Where one byte of a JSON text is: the pointer to it, its line and column.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::jose::json::{self, Budget, JsonString, Value};
use crate::policy::reader::pointer;

/// The arrays and objects that are open at one byte of a text that is JSON up to there, outermost first.
#[derive(Default)]
pub(super) struct Open<'a> {
    steps: Vec<Step<'a>>,
}

/// One open array or object.
struct Step<'a> {
    /// The place of the current element; `None` in an object.
    element: Option<usize>,
    /// The name of the current member, with its quotes; empty before the name.
    name: &'a [u8],
}

impl Step<'_> {
    fn name(&self) -> String {
        let name = json::parse(self.name, Budget::POLICY).ok().and_then(Value::as_string);
        name.map_or_else(String::new, JsonString::to_owned_string)
    }
}

impl<'a> Open<'a> {
    /// Those that are open after what begins before `end`.
    pub(super) fn at(text: &'a [u8], end: usize) -> Self {
        let mut open = Self::default();
        let mut rest = text;
        while text.len() - rest.len() < end {
            let Some(byte) = rest.first() else { break };
            let mut length = 1;
            match byte {
                b'{' | b'[' => open.steps.push(Step { element: (*byte == b'[').then_some(0), name: &[] }),
                b'}' | b']' => {
                    open.steps.pop();
                }
                b',' => {
                    if let Some(step) = open.steps.last_mut() {
                        step.element = step.element.map(|place| place + 1);
                        step.name = &[];
                    }
                }
                b'"' => {
                    length = string_length(rest);
                    let unnamed = |step: &&mut Step<'_>| step.element.is_none() && step.name.is_empty();
                    if let Some(step) = open.steps.last_mut().filter(unnamed) {
                        step.name = rest.get(..length).unwrap_or_default();
                    }
                }
                _ => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        open
    }

    /// The name of the current member of the innermost object.
    pub(super) fn name(&self) -> String {
        self.steps.last().map_or_else(String::new, Step::name)
    }

    /// The pointer to the current value.
    pub(super) fn pointer(&self) -> String {
        self.steps.iter().fold(String::new(), |pointer, step| match step.element {
            Some(place) => pointer::member(&pointer, &place.to_string()),
            None => pointer::member(&pointer, &step.name()),
        })
    }
}

/// How long the string at the start of `text` is, with its quotes.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    let end = text.iter().skip(1).position(|byte| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// Line and column of a byte, for people.
pub(super) fn place(text: &[u8], at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    format!("line {line}, column {column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pointer_of_every_value_of_a_text() {
        let text = br#" { "a" : [ 1 , {"b~/":[[],"],{"]} , "x" ] , "\u0063" : { "d" : 2 } } "#;
        let at = |needle: &[u8]| text.windows(needle.len()).position(|window| window == needle).unwrap();
        for (needle, pointer) in [
            (&b"1 ,"[..], "/a/0"),
            (b"[],", "/a/1/b~0~1/0"),
            (b"\"],{\"", "/a/1/b~0~1/1"),
            (b"\"x\"", "/a/2"),
            (b"2 }", "/c/d"),
        ] {
            assert_eq!(Open::at(text, at(needle)).pointer(), pointer);
        }
        assert_eq!(Open::at(text, text.len()).pointer(), "");
        assert_eq!(Open::at(text, at(b"\"d\"") + 1).name(), "d");
        // A text that ends early has no more.
        assert_eq!(Open::at(b"{\"a", usize::MAX).pointer(), "/");
        assert_eq!(place(b"ab\ncd", 4), "line 2, column 2");
    }
}
