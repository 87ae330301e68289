//! Texts of others on a terminal: nothing in them may move the cursor, hide, or turn the line around.

use std::fmt::Write;

/// Whether a character can do more than stand there: controls, separators, and the invisible ones that change direction.
const fn is_tricky(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// `text` with every such character written as `\u{…}`.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_tricky(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// `text` as a JSON string that is also fit for a terminal.
pub(crate) fn json_string(out: &mut String, text: impl Iterator<Item = char>) {
    out.push('"');
    for c in text {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            _ if is_tricky(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _infallible = write!(out, "\\u{unit:04x}");
                }
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// `1 key`, `2 keys`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_are_shown_and_not_obeyed() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(printable("übliche Wörter, 日本語"), "übliche Wörter, 日本語");
        assert_eq!(printable("\u{202e}gnp"), "\\u{202e}gnp");
        let mut out = String::new();
        json_string(&mut out, "\"\\\n\u{e0001}é".chars());
        assert_eq!(out, r#""\"\\\u000a\udb40\udc01é""#);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), "\"\\\n\u{e0001}é");
    }
}
