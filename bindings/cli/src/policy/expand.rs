//! `countersign policy expand`: presets, written out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use countersign::PolicyDocument;
use countersign::internal::document::DocumentKind;
use countersign::internal::policy::preset::Preset;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::{Failure, Outcome, Verdict};
use crate::files;
use crate::style;

#[derive(Args, Debug)]
pub(crate) struct ExpandArgs {
    /// The policy; standard input if absent
    file: Option<PathBuf>,
}

/// A policy document without presets.
#[derive(Debug)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// The policies that have a preset, by name.
    pub(crate) presets: Vec<(String, &'static Preset)>,
}

pub(crate) fn run(args: &ExpandArgs) -> Outcome {
    let text = files::need_or_stdin(args.file.as_deref(), DocumentKind::Policy.bytes().most)?;
    if let Err(faults) = PolicyDocument::parse(&text) {
        return Err(Failure::Unusable(faults.iter().map(ToString::to_string).collect()));
    }
    let expanded = expanded(&text).ok_or_else(|| Failure::unusable("the document is no policy"))?;
    style::print_plain(expanded.text.as_bytes())?;
    Ok(Verdict::Good)
}

/// A document that the reader has taken, with the members of each preset in its place; `None` for what is no such document.
pub(crate) fn expanded(text: &[u8]) -> Option<Expanded> {
    #[derive(Deserialize)]
    struct Document<'a> {
        #[serde(borrow)]
        policies: BTreeMap<String, BTreeMap<String, &'a RawValue>>,
    }
    let text = std::str::from_utf8(text).ok()?;
    let document: Document<'_> = serde_json::from_str(text).ok()?;
    let mut presets = Vec::new();
    let mut parts = Vec::new();
    for (name, policy) in &document.policies {
        let Some(raw) = policy.get("preset") else { continue };
        let preset = Preset::of_name(&serde_json::from_str::<String>(raw.get()).ok()?)?;
        let value = raw.get().as_ptr().addr() - text.as_ptr().addr();
        let start = name_before(text, value)?;
        let members = members(preset.members)?;
        let missing = members.iter().filter(|(member, _)| !policy.contains_key(member));
        let indent = indent_at(text, start);
        let separator = indent.map_or_else(|| ", ".to_owned(), |indent| format!(",\n{indent}"));
        let missing: Vec<String> = missing
            .map(|(member, value)| {
                format!("\"{member}\": {}", indent.map_or(value.clone(), |indent| indented(value, indent)))
            })
            .collect();
        parts.push((start, value + raw.get().len(), missing.join(&separator)));
        presets.push((name.clone(), preset));
    }
    parts.sort();
    let (mut out, mut at) = (String::new(), 0);
    for (start, end, members) in parts {
        out += text.get(at..start)?;
        out += &members;
        at = end;
    }
    out += text.get(at..)?;
    Some(Expanded { text: out, presets })
}

/// Where the name of the member begins whose value begins at `value`.
fn name_before(text: &str, value: usize) -> Option<usize> {
    let before = text.get(..value)?.trim_end().strip_suffix(':')?.trim_end().strip_suffix('"')?;
    // The name is `preset` in any spelling: none has a quote in it.
    before.rfind('"')
}

/// The members of an object, in their order, each with its text.
fn members(object: &str) -> Option<Vec<(String, String)>> {
    let of: BTreeMap<String, &RawValue> = serde_json::from_str(object).ok()?;
    let mut members: Vec<(&String, &&RawValue)> = of.iter().collect();
    members.sort_by_key(|(_, raw)| raw.get().as_ptr().addr());
    Some(members.into_iter().map(|(name, raw)| (name.clone(), raw.get().to_owned())).collect())
}

/// The white space before the member at `start`, if it is the first thing on its line.
fn indent_at(text: &str, start: usize) -> Option<&str> {
    let before = text.get(..start)?;
    let line = before.get(before.rfind('\n')? + 1..)?;
    line.chars().all(char::is_whitespace).then_some(line)
}

/// A value without white space, over several lines: what has another array or object inside is opened.
pub(crate) fn indented(value: &str, indent: &str) -> String {
    let (mut out, mut depth, mut in_string, mut rest) = (String::new(), 0, false, value);
    let mut opened: Vec<bool> = Vec::new();
    while let Some(c) = rest.chars().next() {
        let line = |depth: usize| format!("\n{indent}{}", "  ".repeat(depth));
        match c {
            '"' => in_string = !in_string,
            '[' | '{' if !in_string => {
                let opens = has_inner(rest);
                opened.push(opens);
                depth += usize::from(opens);
                out.push(c);
                out += &if opens { line(depth) } else { " ".to_owned() };
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            ']' | '}' if !in_string => {
                let opens = opened.pop().unwrap_or_default();
                depth -= usize::from(opens);
                out += &if opens { line(depth) } else { " ".to_owned() };
            }
            ',' if !in_string => {
                out.push(c);
                out += &if opened.last() == Some(&true) { line(depth) } else { " ".to_owned() };
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            _ => {}
        }
        out.push(c);
        if c == ':' && !in_string {
            out.push(' ');
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out
}

/// Whether the array or object at the front of `text` has another one inside. The texts of presets have no escapes.
fn has_inner(text: &str) -> bool {
    let mut in_string = false;
    for c in text.chars().skip(1) {
        match c {
            '"' => in_string = !in_string,
            '[' | '{' if !in_string => return true,
            ']' | '}' if !in_string => return false,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign::internal::policy::preset::PRESETS;

    #[test]
    fn an_expanded_document_reads_as_the_one_with_presets() {
        for preset in PRESETS {
            let subjects = if preset.members.contains("subject_separator") { r#","subjects":"a:*""# } else { "" };
            for (before, after) in [("{", "}"), ("{\n      ", "\n    }"), ("{ \"leeway_seconds\": 5,\n\t", "}")] {
                let policy = format!(r#"{before}"pre\u0073et" : "{}","audience":"a"{subjects}{after}"#, preset.name);
                let text = format!(
                    r#"{{"trust":[{{"issuer":"i"}}],"policies":{{"p":{policy},"q":{{"accept":["jwt"],"audience":"a"}}}}}}"#
                );
                let expanded = expanded(text.as_bytes()).unwrap();
                assert_eq!(expanded.presets.len(), 1);
                assert!(!expanded.text.contains("u0073"), "{}", expanded.text);
                let read = |text: &str| {
                    let document = PolicyDocument::parse(text.as_bytes()).unwrap();
                    format!("{:?}", document.policies().collect::<Vec<_>>())
                };
                assert_eq!(read(&expanded.text), read(&text), "{}", expanded.text);
            }
        }
    }

    #[test]
    fn a_member_of_the_policy_stays_and_the_rest_is_untouched() {
        let text = "{\"trust\":[{\"issuer\":\"i\"}],\n \"policies\":{\"p\":{\n  \"preset\": \"mcp\",\n  \"dpop\": {\"max_age_seconds\": 30},\n  \"audience\": \"a\"}}}";
        let expanded = expanded(text.as_bytes()).unwrap().text;
        assert_eq!(expanded, text.replace("\"preset\": \"mcp\"", "\"accept\": [ \"at+jwt\", \"jwt\" ]"));
    }

    #[test]
    fn a_document_without_presets_is_the_same() {
        let text = r#"{"trust":[{"issuer":"i"}],"policies":{"p":{"accept":["jwt"],"audience":"a","comment":{"preset":"mcp"}}}}"#;
        assert_eq!(expanded(text.as_bytes()).unwrap().text, text);
    }
}
