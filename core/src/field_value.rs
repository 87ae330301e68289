//! Which texts may be the name or the value of an HTTP header field.

/// Whether `text` can be sent as the value of a header field and is read by its receiver as it was sent.
///
/// RFC 9110 §5.5: a value holds no CR, LF or NUL, and whitespace at its ends is no part of it ("a recipient MUST exclude any such
/// whitespace prior to evaluating the field value"). So no control character, not even a tab, no space at either end, and not
/// empty: `"root "` would be read as `root`, and what follows a line feed as a field of the token's own. Bytes from 0x80 on pass as
/// the `obs-text` that they are.
#[must_use]
pub fn is_field_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    // Over all bytes, so that many are looked at in one step.
    let control = bytes.iter().fold(false, |found, byte| found | (*byte < b' ') | (*byte == 0x7f));
    *first != b' ' && *last != b' ' && !control
}

/// Whether `name` can be the name of a header field: RFC 9110 §5.1, a token (§5.6.2).
#[must_use]
pub fn is_field_name(name: &[u8]) -> bool {
    let is_token_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.iter().all(is_token_byte)
}

/// Whether two names are read as one by a server that makes variables of header fields: equal but for the case of letters, where every character
/// that is no letter and no digit is like any other.
#[must_use]
pub fn spells_alike(one: &[u8], other: &[u8]) -> bool {
    let spelled = |byte: &u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    one.len() == other.len() && one.iter().map(spelled).eq(other.iter().map(spelled))
}

/// Fields that HTTP, a proxy or this engine reads in a way of its own: a credential in one of them would be read twice, or not at all, and a
/// claim that is written to one frames the message, selects its route or is taken for a credential (RFC 9110 §5.5, RFC 9112 §6).
const READ_OTHERWISE: [&str; 21] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "dpop",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "sec-websocket-protocol",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-client-cert",
];

/// Whether a field of this name, in any spelling, is neither one for a credential of a policy nor one for an attribute.
#[must_use]
pub fn is_read_otherwise(name: &[u8]) -> bool {
    READ_OTHERWISE.iter().any(|known| spells_alike(known.as_bytes(), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_would_read_otherwise_is_no_value() {
        for text in ["alice", "spiffe://example.org/web", "a b", "Zoë", "~", "root\u{a0}"] {
            assert!(is_field_value(text), "{text:?}");
        }
        for text in ["", " ", "a\r\nx-user: root", "a\n", "\0", "tab\t", "a\tb", "\ta", " a", "a ", "\u{7f}", "\u{1f}"]
        {
            assert!(!is_field_value(text), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_a_token() {
        for name in ["txn-token", "X_y", "~"] {
            assert!(is_field_name(name.as_bytes()), "{name}");
        }
        for name in ["", "a b", "a:", "a/b", "é", "a\n"] {
            assert!(!is_field_name(name.as_bytes()), "{name:?}");
        }
    }

    #[test]
    fn a_control_character_is_found_wherever_it_is() {
        for length in 1..40 {
            for at in 0..length {
                let text: std::string::String =
                    (0..length).map(|index| if index == at { '\u{1f}' } else { 'x' }).collect();
                assert!(!is_field_value(&text), "{length} {at}");
            }
        }
    }
}
