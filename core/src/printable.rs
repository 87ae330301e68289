//! Texts of others on a terminal or in a log: nothing in them may move the cursor, hide, end the line or turn it around.

use alloc::string::String;

use crate::limits::QUOTED_CHARS;

/// Whether a character can do more than stand there: controls, separators, and the invisible ones that change direction.
#[must_use]
pub const fn is_tricky(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// `text` with every such character written as `\u{…}`.
#[must_use]
pub fn printable(text: &str) -> String {
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

/// The beginning of `text` in quotes, short enough for one line of a log.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars().take(QUOTED_CHARS) {
        if is_tricky(c) || matches!(c, '"' | '\\') {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_are_shown_and_not_obeyed() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(printable("übliche Wörter, 日本語"), "übliche Wörter, 日本語");
        assert_eq!(printable("\u{202e}gnp"), "\\u{202e}gnp");
    }

    #[test]
    fn quoted_texts_end_where_their_quotes_do() {
        assert_eq!(quoted("a \"b\"\\\n\u{202e}é"), r#""a \"b\"\\\n\u{202e}é""#);
        assert_eq!(quoted(&"é".repeat(QUOTED_CHARS + 1)).chars().count(), QUOTED_CHARS + 2);
    }
}
