//! The one rule of printable text for every line that is written: logs, audit records, faults, what the command prints. Nothing in
//! a text of a token, a document or a client moves the cursor, hides, ends the line or turns it around.

use alloc::string::String;
use core::fmt::{self, Write};

use crate::limits::QUOTED_CHARS;

/// Whether a character is invisible, or changes the text around it: controls (C0, DEL, C1), formats, line and paragraph
/// separators, spaces other than U+0020, whatever is ignorable by default, such as bidirectional overrides and zero widths, and
/// noncharacters, which "are not recommended for use in open interchange of Unicode text data" (Unicode §23.7).
///
/// That is `[\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}--\x20]` of the Unicode character database; a test compares the two.
#[must_use]
pub const fn is_tricky(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    // The last two code points of each plane.
    if c as u32 & 0xfffe == 0xfffe {
        return true;
    }
    matches!(c,
        '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{1680}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
        | '\u{3000}' | '\u{3164}' | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether `text` can be written as it is.
#[must_use]
pub fn is_printable(text: &str) -> bool {
    !text.chars().any(is_tricky)
}

/// `text` with every such character written as `\u{…}`.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let _infallible = write_printable(&mut out, text);
    out
}

/// Writes `text` as [`printable`] gives it.
///
/// # Errors
/// Those of `out`.
pub fn write_printable(out: &mut impl Write, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| if is_tricky(c) { write!(out, "{}", c.escape_unicode()) } else { out.write_char(c) })
}

/// Writes a JSON string in which every such character is escaped (RFC 8259 §7): what reads it gets the text back, and a terminal
/// shows all of it.
///
/// # Errors
/// Those of `out`.
pub fn write_json_string(out: &mut impl Write, text: impl Iterator<Item = char>) -> fmt::Result {
    out.write_char('"')?;
    for c in text {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            _ if is_tricky(c) => write_json_escape(out, c)?,
            _ => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

/// Writes a JSON text on which every such character is escaped but the line feeds between values. In JSON they are in strings only.
///
/// # Errors
/// Those of `out`.
pub fn write_json(out: &mut impl Write, json: &str) -> fmt::Result {
    json.chars().try_for_each(|c| match c {
        '\n' => out.write_char(c),
        _ if is_tricky(c) => write_json_escape(out, c),
        _ => out.write_char(c),
    })
}

/// RFC 8259 §7: a character beyond the basic plane is "a 12-character sequence, encoding the UTF-16 surrogate pair".
fn write_json_escape(out: &mut impl Write, c: char) -> fmt::Result {
    c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))
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
    fn json_stays_json() {
        let (mut string, mut document) = (String::new(), String::new());
        write_json_string(&mut string, "\"\\\n\u{e0001}é".chars()).unwrap();
        assert_eq!(string, r#""\"\\\u000a\udb40\udc01é""#);
        write_json(&mut document, "{\n\"a\":\"\u{9b}\u{202e}\"}").unwrap();
        assert_eq!(document, "{\n\"a\":\"\\u009b\\u202e\"}");
    }

    #[test]
    fn quoted_texts_end_where_their_quotes_do() {
        assert_eq!(quoted("a \"b\"\\\n\u{202e}é"), r#""a \"b\"\\\n\u{202e}é""#);
        assert_eq!(quoted(&"é".repeat(QUOTED_CHARS + 1)).chars().count(), QUOTED_CHARS + 2);
    }
}
