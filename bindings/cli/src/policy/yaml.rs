//! YAML as a JSON value: what a proxy's configuration needs of YAML 1.2, in bounded memory.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// Values of one text, those of its aliases too: a text of some lines can name billions.
const MOST_VALUES: usize = 500_000;
const MOST_DEPTH: usize = 64;

/// Reads the documents of a text; each is one value.
pub(super) fn documents(text: &str) -> Result<Vec<Value>, String> {
    let mut reader = Reader { documents: Vec::new(), open: Vec::new(), anchors: BTreeMap::new(), values: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|fault| fault.to_string())?;
        reader.take(event).map_err(|fault| format!("line {}: {fault}", span.start.line()))?;
    }
    Ok(reader.documents)
}

/// An array or object that is not closed.
enum Open {
    Array(usize, Vec<Value>),
    Object(usize, Map<String, Value>, Option<String>),
}

struct Reader {
    documents: Vec<Value>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Value>,
    values: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                let value = if is_text { Value::String(text.into_owned()) } else { plain(&text) };
                self.close(anchor, value)
            }
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).ok_or("an alias of what is not closed yet")?;
                self.values += count(value);
                let value = value.clone();
                self.close(0, value)
            }
            Event::SequenceStart(anchor, _) => self.begin(Open::Array(anchor, Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(Open::Object(anchor, Map::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::Array(anchor, values)) => self.close(anchor, Value::Array(values)),
                Some(Open::Object(anchor, members, _)) => self.close(anchor, Value::Object(members)),
                None => Ok(()),
            },
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, open: Open) -> Result<(), String> {
        if self.open.len() == MOST_DEPTH {
            return Err(format!("more than {MOST_DEPTH} arrays and objects inside each other"));
        }
        self.open.push(open);
        Ok(())
    }

    /// A value is complete: an element, a name, a member, or a document.
    fn close(&mut self, anchor: usize, value: Value) -> Result<(), String> {
        self.values += 1;
        if anchor != 0 {
            self.values += count(&value);
            self.anchors.insert(anchor, value.clone());
        }
        if self.values > MOST_VALUES {
            return Err(format!("more than {MOST_VALUES} values, those of aliases counted"));
        }
        match self.open.last_mut() {
            None => self.documents.push(value),
            Some(Open::Array(_, values)) => values.push(value),
            Some(Open::Object(_, members, name)) => match name.take() {
                None => *name = Some(as_name(value)?),
                Some(name) => {
                    if members.contains_key(&name) {
                        return Err(format!("`{name}` a second time in one object"));
                    }
                    members.insert(name, value);
                }
            },
        }
        Ok(())
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(count).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

fn as_name(value: Value) -> Result<String, String> {
    match value {
        Value::String(name) => Ok(name),
        Value::Number(name) => Ok(name.to_string()),
        Value::Bool(name) => Ok(name.to_string()),
        _ => Err("a name that is no scalar".to_owned()),
    }
}

/// The core schema of YAML 1.2 (section 10.3), as far as JSON has its values.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+' || c == '.');
            let whole = text.strip_prefix('+').unwrap_or(text);
            let number = if is_number { whole.parse::<i64>().ok().map(Number::from) } else { None };
            let number = number.or_else(|| text.parse::<f64>().ok().filter(|_| is_number).and_then(Number::from_f64));
            number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_those_of_the_core_schema() {
        let text = "a: [1, -2, 1.5, true, null, ~, '1', \"true\", 1s, 0x]\nb:\n  ? c\n  : |\n    two\n    lines\n'@type': x\nd: >-\n  one\n  line\n1: n\ne:\n";
        let expected = json!({"a": [1, -2, 1.5, true, null, null, "1", "true", "1s", "0x"], "b": {"c": "two\nlines\n"}, "@type": "x",
            "d": "one line", "1": "n", "e": null});
        assert_eq!(documents(text).unwrap(), [expected]);
        assert_eq!(documents("{\"a\": [\"b\\n\"]}").unwrap(), [json!({"a": ["b\n"]})]);
        assert_eq!(documents("--- 1\n--- 2\n").unwrap(), [json!(1), json!(2)]);
        assert_eq!(documents("a: &x [1]\nb: *x\n").unwrap(), [json!({"a": [1], "b": [1]})]);
    }

    #[test]
    fn hostile_texts_end_soon() {
        let mut laughs = "a0: &a0 [l, l, l, l, l, l, l, l, l]\n".to_owned();
        for level in 1..30 {
            let before = format!("*a{}", level - 1);
            laughs += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 9].join(", "));
        }
        assert!(documents(&laughs).unwrap_err().contains("more than 500000 values"));
        assert!(documents(&"[".repeat(100)).unwrap_err().contains("inside each other"));
        assert!(documents("a: 1\na: 2\n").unwrap_err().contains("a second time"));
        assert!(documents("a: &x [*x]\n").is_err());
        assert!(documents("a: [1\nb: }").is_err());
        assert!(documents("[a]: 1").unwrap_err().contains("no scalar"));
    }
}
