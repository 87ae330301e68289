//! Target URIs: one spelling for each target, which compares as the spellings do; and what the `url` crate says where RFC 3986 and
//! WHATWG's standard agree.

use countersign::internal::limits;
use countersign::internal::uri::{NORMALISED_BYTES, Origin, TargetUri};

/// Two URIs, with a line feed between them.
pub fn check(input: &[u8]) -> bool {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (read, other) = (TargetUri::parse(first), TargetUri::parse(second));
    for (text, uri) in [(first, &read), (second, &other)] {
        let Ok(uri) = uri else { continue };
        assert!(text.len() <= limits::URI_BYTES || text.iter().any(|byte| matches!(byte, b'?' | b'#')));
        let normal = normalised(uri);
        let again = TargetUri::parse(&normal).unwrap_or_else(|fault| panic!("{fault:?}: {}", normal.escape_ascii()));
        assert!(uri.same_target(&again) && again.same_target(uri) && uri.same_target(uri), "{}", text.escape_ascii());
        assert_eq!(normalised(&again), normal, "the normal form of a normal form is itself");
        // Query and fragment are not looked at.
        if !text.contains(&b'?') && !text.contains(&b'#') && text.len() + 8 < limits::URI_BYTES {
            let longer = [text, b"?q=/../x#f"].concat();
            assert!(TargetUri::parse(&longer).is_ok_and(|longer| longer.same_target(uri)), "{}", text.escape_ascii());
        }
        check_by_url(text, uri, &normal);
    }
    if let (Ok(one), Ok(other)) = (&read, &other) {
        assert_eq!(one.same_target(other), normalised(one) == normalised(other), "{}", input.escape_ascii());
    }
    if let Ok(origin) = Origin::parse(first)
        && let Ok(target) = TargetUri::with_origin(&origin, second)
    {
        assert!(target.same_target(&TargetUri::parse(&normalised(&target)).expect("a normal form is a URI")));
    }
    read.is_ok()
}

fn normalised(uri: &TargetUri<'_>) -> Vec<u8> {
    let mut out = vec![0; NORMALISED_BYTES];
    uri.write_normalised(&mut out).expect("room for any normal form").to_vec()
}

/// The characters that both standards leave as they are: no escapes, no backslash, no square brackets, and a host that is no number.
fn check_by_url(text: &[u8], uri: &TargetUri<'_>, normal: &[u8]) {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:/?#@&=+,;!$()*".contains(byte);
    let host = uri.host();
    let is_name = host.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    let last = host.rsplit(|byte| *byte == b'.').find(|label| !label.is_empty()).unwrap_or_default();
    let is_number = last.first().is_none_or(u8::is_ascii_digit);
    // Labels of IDNA are checked by `url` and are plain text here.
    let is_idna = host.split(|byte| *byte == b'.').any(|label| label.get(2..4) == Some(b"--") || label.is_empty());
    if !text.iter().all(is_plain) || !is_name || is_number || is_idna {
        return;
    }
    let text = core::str::from_utf8(text).expect("ASCII");
    let normal = core::str::from_utf8(normal).expect("ASCII");
    let path = text.split(['?', '#']).next().and_then(|text| text.split_once("://")).map_or("", |(_, rest)| rest);
    let path = path.find('/').map_or("/", |slash| &path[slash..]);
    assert!(normal.ends_with(&remove_dot_segments(path)), "{text}: {normal}");
    // `url` 2.5 lets `..` take back no segment such as `s:`, as if the path were one of Windows; RFC 3986 §5.2.4 knows no drives.
    let is_drive = |segment: &str| segment.len() == 2 && segment.ends_with(':');
    if path.contains("..") && path.split('/').any(is_drive) {
        return;
    }
    let theirs = url::Url::parse(text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
    let port = theirs.port().map(|port| format!(":{port}")).unwrap_or_default();
    let expected = format!("{}://{}{port}{}", theirs.scheme(), theirs.host_str().unwrap_or_default(), theirs.path());
    assert_eq!(normal, expected, "{text}");
}

/// RFC 3986 §5.2.4, step by step as it is written there.
fn remove_dot_segments(path: &str) -> String {
    let (mut input, mut output) = (path.to_owned(), String::new());
    let take_back = |output: &mut String| output.truncate(output.rfind('/').unwrap_or(0));
    while !input.is_empty() {
        if input.starts_with("../") {
            input.drain(..3); // A
        } else if input.starts_with("./") || input.starts_with("/./") {
            input.drain(..2); // A, B
        } else if input == "/." {
            input.truncate(1); // B
        } else if input.starts_with("/../") {
            input.drain(..3); // C
            take_back(&mut output);
        } else if input == "/.." {
            input.truncate(1); // C
            take_back(&mut output);
        } else if input == "." || input == ".." {
            input.clear(); // D
        } else {
            let end = input[1..].find('/').map_or(input.len(), |slash| slash + 1); // E
            output.extend(input.drain(..end));
        }
    }
    output
}
