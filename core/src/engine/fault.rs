//! What is wrong with a policy document, or with the settings of a host around one.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::jose::json::{self, Budget, JsonFault, JsonString, MAX_DEPTH, NAME_NOT_REPEATED, OPEN_MEMBERS, Value};
use crate::printable::{quoted, write_printable};

/// One fault of a policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFault {
    /// Where: a JSON pointer, empty for the document itself.
    pub pointer: String,
    /// What stands there.
    pub found: String,
    /// What should.
    pub expected: String,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str("the document")?;
        }
        // Names come from the document: a line feed or a terminal sequence in one must not reach the log.
        for part in [&self.pointer, ": found ", &self.found, ", expected ", &self.expected] {
            write_printable(f, part)?;
        }
        Ok(())
    }
}

impl core::error::Error for PolicyFault {}

impl PolicyFault {
    /// A text that is not JSON, or more of it than [`Budget::POLICY`] allows.
    #[must_use]
    pub fn of_json(text: &[u8], fault: JsonFault) -> Self {
        Self::of_json_within(text, fault, Budget::POLICY)
    }

    /// A text that is not JSON, or more of it than `budget` allows; `fault` is that of a scan with this budget.
    #[must_use]
    pub fn of_json_within(text: &[u8], fault: JsonFault, budget: Budget) -> Self {
        let (pointer, found, expected) = match fault {
            JsonFault::Malformed { at, expected } if expected == NAME_NOT_REPEATED => {
                let mut walk = Walk::default();
                walk.run(text, at, budget);
                let name = walk.open.last().map_or_else(String::new, Step::name);
                let found = format!("a second member {} ({})", quoted(&name), place(text, at));
                (walk.pointer(), found, "each member once".to_owned())
            }
            JsonFault::Malformed { at, expected } => {
                let found = format!("text that is not JSON at byte {at} ({})", place(text, at));
                (String::new(), found, expected.to_owned())
            }
            JsonFault::Limit => {
                let mut walk = Walk::default();
                let (found, expected) = match walk.run(text, text.len(), budget) {
                    Some(Limit::Depth) => (
                        format!("a value at level {}", walk.open.len() + 1),
                        format!("at most {} levels", budget.depth),
                    ),
                    Some(Limit::NumberBytes(length)) => {
                        let most = budget.number_bytes;
                        (format!("a number of {length} bytes"), format!("at most {most} bytes in a number"))
                    }
                    Some(Limit::OpenMembers) => (
                        format!("member {} of this object and those around it", OPEN_MEMBERS + 1),
                        format!("at most {OPEN_MEMBERS} members in an object and those around it"),
                    ),
                    Some(Limit::Members) | None => {
                        let most = budget.members;
                        (
                            format!("member {} of the document", most + 1),
                            format!("at most {most} members in the document"),
                        )
                    }
                };
                (walk.pointer(), found, expected)
            }
        };
        Self { pointer, found, expected }
    }

    /// The pointer to the member `name` of what `pointer` points to. RFC 6901 §3: `~` is written `~0` and `/` is written `~1`.
    #[must_use]
    pub fn member(pointer: &str, name: &str) -> String {
        let mut member = format!("{pointer}/");
        for c in name.chars() {
            match c {
                '~' => member.push_str("~0"),
                '/' => member.push_str("~1"),
                c => member.push(c),
            }
        }
        member
    }

    /// What a value is, short enough for one line of a log.
    #[must_use]
    pub fn describe(value: Value<'_>) -> String {
        match value {
            Value::String(text) => quoted(&text.to_owned_string()),
            Value::Number(number) => number.text().to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null => "null".to_owned(),
            Value::Array(array) if array.elements().next().is_none() => "an empty array".to_owned(),
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        }
    }
}

/// Which limit of a budget a text exceeds.
enum Limit {
    Depth,
    Members,
    OpenMembers,
    NumberBytes(usize),
}

/// The way to one byte of a text that is JSON up to there: the arrays and objects that are open at it, outermost first.
#[derive(Default)]
struct Walk<'a> {
    open: Vec<Step<'a>>,
    members: usize,
}

/// One open array or object.
struct Step<'a> {
    /// The place of the current element; `None` in an object.
    element: Option<usize>,
    /// The name of the current member, with its quotes; empty before the name.
    name: &'a [u8],
    /// How many names the object has had.
    members: usize,
}

impl Step<'_> {
    fn name(&self) -> String {
        let name = json::parse(self.name, Budget::POLICY).ok().and_then(Value::as_string);
        name.map_or_else(String::new, JsonString::to_owned_string)
    }
}

impl<'a> Walk<'a> {
    /// Goes on to the byte at `end`, or to what exceeds a limit.
    fn run(&mut self, text: &'a [u8], end: usize, budget: Budget) -> Option<Limit> {
        let mut rest = text;
        while text.len() - rest.len() <= end {
            let byte = *rest.first()?;
            let mut length = 1;
            match byte {
                b'{' | b'[' => {
                    if self.open.len() == budget.depth.min(MAX_DEPTH) {
                        return Some(Limit::Depth);
                    }
                    self.open.push(Step { element: (byte == b'[').then_some(0), name: &[], members: 0 });
                }
                b'}' | b']' => {
                    self.open.pop();
                }
                b',' => {
                    if let Some(step) = self.open.last_mut() {
                        step.element = step.element.map(|place| place + 1);
                        step.name = &[];
                    }
                }
                b'"' => {
                    length = string_length(rest);
                    if let Some(step) =
                        self.open.last_mut().filter(|step| step.element.is_none() && step.name.is_empty())
                    {
                        step.name = rest.get(..length)?;
                        step.members += 1;
                        self.members += 1;
                        if self.members > budget.members {
                            return Some(Limit::Members);
                        }
                        if self.open.iter().map(|step| step.members).sum::<usize>() > OPEN_MEMBERS {
                            return Some(Limit::OpenMembers);
                        }
                    }
                }
                b'-' | b'0'..=b'9' => {
                    let is_number = |byte: &&u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                    length = rest.iter().take_while(is_number).count();
                    if length > budget.number_bytes {
                        return Some(Limit::NumberBytes(length));
                    }
                }
                _ => {}
            }
            rest = rest.get(length..)?;
        }
        None
    }

    fn pointer(&self) -> String {
        self.open.iter().fold(String::new(), |pointer, step| match step.element {
            Some(place) => PolicyFault::member(&pointer, &place.to_string()),
            None => PolicyFault::member(&pointer, &step.name()),
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
fn place(text: &[u8], at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    format!("line {line}, column {column}")
}
