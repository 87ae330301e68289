//! Lines of a stream, in memory that does not grow with a hostile line.

use std::io::{self, BufRead};

/// The kind of the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is in the buffer, without its line feed.
    Line,
    /// It was longer than the limit, and skipped to its end.
    TooLong,
    /// There is none.
    End,
}

/// Reads the next line of `source` into `line`, of which it keeps at most `limit` bytes.
pub(crate) fn next_line(source: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> io::Result<Next> {
    line.clear();
    let mut too_long = false;
    let mut seen_any = false;
    loop {
        let available = match source.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(match (seen_any, too_long) {
                (false, _) => Next::End,
                (true, true) => Next::TooLong,
                (true, false) => Next::Line,
            });
        }
        seen_any = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        too_long |= line.len() + part.len() > limit;
        if !too_long {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        source.consume(used);
        if end.is_some() {
            return Ok(if too_long { Next::TooLong } else { Next::Line });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn lines_are_cut_at_line_feeds_and_long_ones_skipped() {
        // A buffer of three bytes makes every line span several reads.
        let mut source = BufReader::with_capacity(3, &b"abc\n\nlonger than that\nlast"[..]);
        let mut line = Vec::new();
        let mut next = || (next_line(&mut source, &mut line, 5).unwrap(), line.clone());
        assert_eq!(next(), (Next::Line, b"abc".to_vec()));
        assert_eq!(next(), (Next::Line, Vec::new()));
        assert_eq!(next().0, Next::TooLong);
        assert_eq!(next(), (Next::Line, b"last".to_vec()));
        assert_eq!(next().0, Next::End);
    }

    #[test]
    fn the_limit_is_what_still_passes() {
        let mut line = Vec::new();
        assert_eq!(next_line(&mut &b"12345\n"[..], &mut line, 5).unwrap(), Next::Line);
        assert_eq!(next_line(&mut &b"123456\n"[..], &mut line, 5).unwrap(), Next::TooLong);
        assert!(line.len() <= 5);
    }
}
