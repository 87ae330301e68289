//! Colours, which are dropped where standard output is no terminal.

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::printable::json_text;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const CAUTION: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const HEADING: Style = Style::new().bold();

/// `text` in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes a whole answer, in colours where they are wanted.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a whole answer as it is.
pub(crate) fn print_plain(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}

/// Writes a whole answer as indented JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> io::Result<()> {
    let mut text = json_text(&serde_json::to_string_pretty(value)?);
    text.push('\n');
    print_plain(text.as_bytes())
}
