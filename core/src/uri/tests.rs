use super::UriError::{
    HostCharacter, HostEmpty, NonAscii, OriginQuery, PathCharacter, PercentEncoding, Port, RequestTarget, TooLong,
    Userinfo,
};
use super::*;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use proptest::prelude::*;

fn target(uri: &str) -> TargetUri<'_> {
    TargetUri::parse(uri.as_bytes()).unwrap()
}

fn fault(uri: impl AsRef<[u8]>) -> Option<UriError> {
    TargetUri::parse(uri.as_ref()).err()
}

fn normalised(uri: &TargetUri<'_>) -> String {
    let mut out = vec![0; NORMALISED_BYTES];
    str::from_utf8(uri.write_normalised(&mut out).unwrap()).unwrap().to_string()
}

#[track_caller]
fn assert_same(ours: &str, theirs: &str) {
    assert!(target(ours).same_target(&target(theirs)), "{ours} {theirs}");
    assert!(target(theirs).same_target(&target(ours)), "{theirs} {ours}");
    assert_eq!(normalised(&target(ours)), normalised(&target(theirs)));
}

#[track_caller]
fn assert_different(ours: &str, theirs: &str) {
    assert!(!target(ours).same_target(&target(theirs)), "{ours} {theirs}");
    assert!(!target(theirs).same_target(&target(ours)), "{theirs} {ours}");
    assert_ne!(normalised(&target(ours)), normalised(&target(theirs)));
}

#[test]
fn case_of_scheme_and_host_and_the_default_port_do_not_matter() {
    assert_same("HTTPS://EXAMPLE.com:443/a", "https://example.com/a");
    assert_same("http://h:80/a", "HTTP://H/a");
    assert_same("https://h:/a", "https://h/a");
    assert_same("https://h:0443/a", "https://h/a");
    assert_same("https://[::1]:443/a", "https://[::1]/a");
    assert_same("https://[FE80::A]/a", "https://[fe80::a]/a");
    assert_same("https://h:8443/a", "https://h:08443/a");
}

#[test]
fn an_empty_path_is_a_slash() {
    assert_same("https://h", "https://h/");
    assert_same("https://h?q", "https://h/#f");
    assert_same("https://h:443", "https://h/.");
}

#[test]
fn encoded_unreserved_characters_and_the_case_of_hex_do_not_matter() {
    assert_same("https://h/%7Euser", "https://h/~user");
    assert_same("https://h/%7euser", "https://h/%7Euser");
    assert_same("https://h/%41%2d%2E%5f", "https://h/A-._");
    assert_same("https://h/a%2fb", "https://h/a%2Fb");
}

#[test]
fn dot_segments_do_not_matter() {
    assert_same("https://h/a/./b/../c", "https://h/a/c");
    assert_same("https://h/a/.", "https://h/a/");
    assert_same("https://h/a/..", "https://h/");
    assert_same("https://h/..", "https://h/");
    assert_same("https://h/../../a", "https://h/a");
    assert_same("https://h/a/b/../../../c", "https://h/c");
    assert_same("https://h/a/%2e%2E/b", "https://h/b");
    assert_same("https://h/a/.%2e/b", "https://h/b");
    assert_same("https://h/a/%2e/b", "https://h/a/b");
    // An empty segment is a segment, so `..` takes it back.
    assert_same("https://h/a//../b", "https://h/a/b");
    // RFC 3986 §5.2.4.
    assert_same("https://h/a/b/c/./../../g", "https://h/a/g");
}

#[test]
fn query_and_fragment_do_not_matter() {
    assert_same("https://h/a?q=1", "https://h/a");
    assert_same("https://h/a#f", "https://h/a");
    assert_same("https://h/a?q#f", "https://h/a#f?q");
    assert_same("https://h/a?%zz \u{e9}\\", "https://h/a?/../b");
}

#[test]
fn different_targets_stay_different() {
    assert_different("https://h/a", "https://h/a/");
    assert_different("http://h/a", "https://h/a");
    assert_different("http://h:443/a", "https://h/a");
    assert_different("https://h:80/a", "http://h/a");
    assert_different("https://h:8443/a", "https://h/a");
    assert_different("https://h/a%2Fb", "https://h/a/b");
    assert_different("https://h//a", "https://h/a");
    assert_different("https://h/a//", "https://h/a/");
    assert_different("https://h/A", "https://h/a");
    assert_different("https://h/%61", "https://h/%41");
    assert_different("https://h/a", "https://h.evil/a");
    assert_different("https://h./a", "https://h/a");
    assert_different("https://h/a", "https://h/ab");
    assert_different("https://h/a", "https://h/a/b");
    assert_different("https://h/b/a", "https://h/a");
    assert_different("https://h/...", "https://h/");
    assert_different("https://h/a%3Fq", "https://h/a");
    assert_different("https://h/a%23f", "https://h/a");
    assert_different("https://h/%252e%252e/a", "https://h/a");
    assert_different("https://h/%252e", "https://h/%2e");
    assert_different("https://h/..%2Fa", "https://h/a");
    assert_different("https://h/a;p", "https://h/a");
    assert_different("https://h/a+b", "https://h/a%20b");
    assert_different("https://h/|", "https://h/%7C");
    assert_different("https://[::1]/a", "https://[::2]/a");
}

#[test]
fn empty_relative_and_foreign_uris_are_no_targets() {
    for uri in [
        "",
        "/",
        "/a",
        "a",
        "//h/a",
        "h/a",
        "https",
        "https:",
        "https:/",
        "https:/h",
        "https:h",
        "ftp://h/a",
        "wss://h/a",
        "httpsx://h",
        "https ://h",
        " https://h",
        "file:///a",
        "?q",
        "#",
    ] {
        assert_eq!(fault(uri), Some(UriError::Scheme), "{uri:?}");
    }
}

#[test]
fn authorities_are_checked() {
    for (uri, expected) in [
        ("https://", HostEmpty),
        ("https:///a", HostEmpty),
        ("https://:443/a", HostEmpty),
        ("https://?q", HostEmpty),
        ("https://u@h/a", Userinfo),
        ("https://u:p@h/a", Userinfo),
        ("https://@h/a", Userinfo),
        ("https://h@/a", Userinfo),
        ("https://\u{fc}.example/a", NonAscii),
        ("https://h\u{3002}example/a", NonAscii),
        ("https://h%2eexample/a", HostCharacter),
        ("https://h example/a", HostCharacter),
        ("https://h\\evil/a", HostCharacter),
        ("https://h\0/a", HostCharacter),
        ("https://h\r\n/a", HostCharacter),
        ("https://h\"/a", HostCharacter),
        ("https://::1/a", HostEmpty),
        ("https://[::1/a", HostCharacter),
        ("https://[]/a", HostCharacter),
        ("https://[h]/a", HostCharacter),
        ("https://[::1%25eth0]/a", HostCharacter),
        ("https://[v1.x]/a", HostCharacter),
        ("https://[1:2]/a", HostCharacter),
        ("https://::1]/a", HostEmpty),
        ("https://[::1]x/a", Port),
        ("https://[::1]]/a", Port),
        ("https://h:x/a", Port),
        ("https://h:+1/a", Port),
        ("https://h:-1/a", Port),
        ("https://h:65536/a", Port),
        ("https://h:99999999999999999999/a", Port),
        ("https://h:1:2/a", Port),
        ("https://h:443 /a", Port),
    ] {
        assert_eq!(fault(uri), Some(expected), "{uri:?}");
    }
    for uri in ["https://[::1]", "https://[::ffff:1.2.3.4]:1/a", "https://1.2.3.4:65535/a", "https://a_b~c!d/a"] {
        assert_eq!(fault(uri), None, "{uri:?}");
    }
}

#[test]
fn every_byte_value_in_host_and_path() {
    for byte in 0..=255_u8 {
        let with = |template: &[u8]| template.iter().map(|b| if *b == b'*' { byte } else { *b }).collect::<Vec<_>>();
        let name = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
        let ends = b"/?#".contains(&byte);
        // After the colon there is a port of no digits only if the authority ends there.
        assert_eq!(fault(with(b"https://h*x/a")).is_none(), name || ends, "{byte:#x}");
        let path = byte.is_ascii_graphic() && byte != b'\\' && byte != b'%';
        assert_eq!(fault(with(b"https://h/a*x")).is_none(), path, "{byte:#x}");
        assert_eq!(fault(with(b"https://h/a%*0")).is_none(), byte.is_ascii_hexdigit(), "{byte:#x}");
        assert_eq!(fault(with(b"https://h/a%0*")).is_none(), byte.is_ascii_hexdigit(), "{byte:#x}");
    }
}

#[test]
fn paths_are_checked() {
    for (uri, expected) in [
        ("https://h/%", PercentEncoding),
        ("https://h/%2", PercentEncoding),
        ("https://h/%zz", PercentEncoding),
        ("https://h/%2?f", PercentEncoding),
        ("https://h/%%32e", PercentEncoding),
        ("https://h/a b", PathCharacter),
        ("https://h/a\tb", PathCharacter),
        ("https://h/a\r\n", PathCharacter),
        ("https://h/a\0", PathCharacter),
        ("https://h/a\u{7f}", PathCharacter),
        ("https://h/a\\b", PathCharacter),
        ("https://h/\u{e9}", NonAscii),
        ("https://h/\u{ff0e}\u{ff0e}/a", NonAscii),
    ] {
        assert_eq!(fault(uri), Some(expected), "{uri:?}");
    }
}

#[test]
fn the_length_before_the_query_is_capped() {
    let longest = format!("https://h/{}", "a".repeat(MAX_URI_BYTES - 10));
    assert_eq!(fault(&longest), None);
    assert_eq!(fault(format!("{longest}?{longest}")), None);
    assert_eq!(fault(format!("{longest}a")), Some(TooLong));
    assert_eq!(fault(format!("{longest}a?")), Some(TooLong));
    let empty_path = format!("https://{}", "h".repeat(MAX_URI_BYTES - 8));
    let longest_origin = Origin::parse(empty_path.as_bytes()).unwrap();
    let longest_path = "/a".repeat(MAX_URI_BYTES / 2);
    let uri = TargetUri::with_origin(&longest_origin, longest_path.as_bytes()).unwrap();
    assert_eq!(normalised(&uri).len(), 2 * MAX_URI_BYTES);
}

fn with_origin(origin: &str, request_target: &str) -> Result<String, UriError> {
    let origin = OwnedOrigin::parse(origin.as_bytes()).unwrap();
    let origin = origin.borrow();
    let uri = TargetUri::with_origin(&origin, request_target.as_bytes())?;
    let text = normalised(&uri);
    assert!(uri.same_target(&target(&text)));
    assert!(target(&text).same_target(&uri));
    Ok(text)
}

#[test]
fn a_configured_origin_stands_in_front_of_the_request() {
    for (origin, request_target, expected) in [
        ("https://api.example", "/x?y", "https://api.example/x"),
        ("https://api.example/", "/x", "https://api.example/x"),
        ("HTTPS://API.example:443/base", "/x", "https://api.example/base/x"),
        ("https://api.example/base/", "/x", "https://api.example/base/x"),
        ("https://api.example/base/", "/", "https://api.example/base/"),
        ("https://api.example/base", "//x", "https://api.example/base//x"),
        ("https://api.example//", "/x", "https://api.example//x"),
        ("https://api.example:8443/a/b", "/../x", "https://api.example:8443/a/x"),
        ("https://api.example/a/./c/..", "/x", "https://api.example/a/x"),
        ("https://api.example/base", "/..", "https://api.example/"),
        // Absolute-form: neither the scheme nor the authority of the peer counts.
        ("https://api.example/base", "http://evil:1/x?y", "https://api.example/base/x"),
        ("https://api.example/base", "HTTP://evil", "https://api.example/base/"),
        ("https://api.example/base", "http:///x?y", "https://api.example/base/x"),
        ("https://api.example/base", "http://", "https://api.example/base/"),
    ] {
        assert_eq!(with_origin(origin, request_target), Ok(expected.to_string()), "{origin} {request_target}");
    }
}

#[test]
fn other_request_targets_are_refused() {
    for (request_target, expected) in [
        ("", RequestTarget),
        ("*", RequestTarget),
        ("x", RequestTarget),
        ("?q", RequestTarget),
        ("api.example:443", RequestTarget),
        ("ftp://api.example/", RequestTarget),
        ("https://u@api.example/", Userinfo),
        ("https://u@/", Userinfo),
        ("https://api.example:x/", Port),
        ("/a b", PathCharacter),
        ("/%", PercentEncoding),
    ] {
        assert_eq!(with_origin("https://api.example", request_target), Err(expected), "{request_target}");
    }
    let long = format!("/{}", "a".repeat(MAX_URI_BYTES));
    assert_eq!(with_origin("https://api.example", &long), Err(TooLong));
}

#[test]
fn an_origin_has_neither_query_nor_fragment_nor_userinfo() {
    for (origin, expected) in [
        ("https://h/?", OriginQuery),
        ("https://h#", OriginQuery),
        ("https://h/a?q", OriginQuery),
        ("https://u@h", Userinfo),
        ("h", UriError::Scheme),
        ("", UriError::Scheme),
        ("https://h/%", PercentEncoding),
    ] {
        assert_eq!(Origin::parse(origin.as_bytes()).err(), Some(expected), "{origin}");
        assert!(OwnedOrigin::parse(origin.as_bytes()).is_err());
    }
}

#[test]
fn the_parts_are_readable() {
    let uri = target("HTTPS://Example.com:8443/a");
    assert_eq!((uri.scheme(), uri.host(), uri.port()), (Scheme::Https, &b"Example.com"[..], Some(8443)));
    assert_eq!(target("https://h:443").port(), None);
}

#[test]
fn a_short_output_is_refused() {
    let uri = target("https://H:8443/a/../b");
    let expected = b"https://h:8443/b";
    for len in 0..expected.len() {
        assert_eq!(uri.write_normalised(&mut [0; 32][..len]), None);
    }
    assert_eq!(uri.write_normalised(&mut [0; 32]).unwrap(), expected);
}

#[test]
fn query_parameters_are_found_by_their_decoded_name() {
    for uri in [
        "/?access_token=x",
        "/a?b=c&access_token=x",
        "/?access_token",
        "/?access_token=",
        "/?access%5Ftoken=x",
        "/?%61ccess_token=x&b",
        "/?&&access_token=x",
        "https://h/?access_token=x#f",
        "/??&access_token=",
        "?access_token=x",
        "/?a=%&access_token=x",
    ] {
        assert!(has_query_parameter(uri.as_bytes(), b"access_token"), "{uri}");
    }
    for uri in [
        "",
        "/",
        "/?",
        "/access_token=x",
        "/?a=access_token",
        "/?access_token2=x",
        "/?xaccess_token=x",
        "/?Access_token=x",
        "/#?access_token=x",
        "/?a#&access_token=x",
        "/?access%5",
        "/?access%255Ftoken=x",
        "/?access+token=x",
        "/?a=b;access_token=x",
        "/?access_toke",
    ] {
        assert!(!has_query_parameter(uri.as_bytes(), b"access_token"), "{uri}");
    }
    assert!(has_query_parameter(b"/?a+b=1", b"a b"));
    assert!(has_query_parameter(b"/?a%20b=1", b"a b"));
    assert!(has_query_parameter(b"/?a%zz=1", b"a%zz"));
    assert!(has_query_parameter(b"/?a%2", b"a%2"));
    assert!(has_query_parameter(b"/?=x", b""));
    assert!(!has_query_parameter(b"/?&", b""));
}

/// RFC 3986 §5.2.4, in its own words, on a buffer and a `String`.
fn remove_dot_segments(path: &str) -> String {
    let mut input = path.to_string();
    let mut output = String::new();
    while !input.is_empty() {
        if input.starts_with("../") || input.starts_with("./") {
            let after = input.find('/').unwrap() + 1;
            input.replace_range(..after, "");
        } else if input.starts_with("/./") {
            input.replace_range(..3, "/");
        } else if input == "/." {
            input.replace_range(.., "/");
        } else if input.starts_with("/../") || input == "/.." {
            let end = input.len().min(4);
            input.replace_range(..end, "/");
            output.truncate(output.rfind('/').unwrap_or(0));
        } else if input == "." || input == ".." {
            input.clear();
        } else {
            let end = input[1..].find('/').map_or(input.len(), |slash| slash + 1);
            output.push_str(&input[..end]);
            input.replace_range(..end, "");
        }
    }
    output
}

/// RFC 3986 §6.2.2.1 and §6.2.2.2 for a path whose percent-encodings are whole.
fn decode_unreserved(path: &str) -> String {
    let mut pieces = path.split('%');
    let mut output = pieces.next().unwrap().to_string();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        let character = char::from(u8::from_str_radix(digits, 16).unwrap());
        if character.is_ascii_alphanumeric() || "-._~".contains(character) {
            output.push(character);
        } else {
            output.push('%');
            output.push_str(&digits.to_uppercase());
        }
        output.push_str(rest);
    }
    output
}

/// The slow twin of the whole: a `String` for each target.
fn normalise_slowly(uri: &str) -> String {
    let uri = uri.split(['?', '#']).next().unwrap();
    let (scheme, rest) = uri.split_once("://").unwrap();
    let scheme = scheme.to_lowercase();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let default_port = if scheme == "http" { ":80" } else { ":443" };
    let authority = authority.to_lowercase();
    let authority = authority.strip_suffix(default_port).unwrap_or(&authority);
    let authority = authority.strip_suffix(':').unwrap_or(authority);
    let path = remove_dot_segments(&decode_unreserved(if path.is_empty() { "/" } else { path }));
    format!("{scheme}://{authority}{path}")
}

#[test]
fn the_slow_twin_knows_the_examples_of_rfc_3986() {
    assert_eq!(remove_dot_segments("/a/b/c/./../../g"), "/a/g");
    assert_eq!(remove_dot_segments("mid/content=5/../6"), "mid/6");
    assert_eq!(remove_dot_segments("/a/b/.."), "/a/");
    assert_eq!(normalise_slowly("HTTP://a:80/b/%7ec/.?q"), "http://a/b/~c/");
}

/// Paths of few letters, so that generated ones are often equal after normalisation.
const PATH: &str = "(/(a|A|%61|%41|\\.|\\.\\.|%2e|%2E\\.|%2f|%2F|%7e|~|b|%252e|:|\\.\\.\\.|a\\.|)){0,6}";
const AUTHORITY: &str = "(http|https|HTTPS)://(h|H|g)(|:|:80|:443|:1)";

fn absolute_uri() -> impl Strategy<Value = String> {
    (AUTHORITY, PATH, "((\\?|#)[/.%a]{0,3}|)").prop_map(|(authority, path, end)| authority + &path + &end)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn comparing_and_writing_agree_with_the_slow_twin(
        ours in absolute_uri(), theirs in absolute_uri(),
    ) {
        let (a, b) = (target(&ours), target(&theirs));
        let (slow_a, slow_b) = (normalise_slowly(&ours), normalise_slowly(&theirs));
        prop_assert_eq!(normalised(&a), slow_a.clone());
        prop_assert_eq!(a.same_target(&b), slow_a == slow_b, "{} {}", ours, theirs);
        prop_assert!(a.same_target(&target(&slow_a)), "{}", ours);
        prop_assert!(target(&slow_a).same_target(&a), "{}", ours);
    }

    #[test]
    fn paths_alone_agree_with_the_slow_twin(ours in PATH, theirs in PATH) {
        let (ours, theirs) = (format!("https://h{ours}"), format!("https://h{theirs}"));
        let same = normalise_slowly(&ours) == normalise_slowly(&theirs);
        prop_assert_eq!(target(&ours).same_target(&target(&theirs)), same, "{} {}", ours, theirs);
    }

    #[test]
    fn base_and_path_agree_with_the_slow_twin(base in PATH, path in PATH, htu in PATH) {
        let path = format!("{path}/");
        let (origin, htu) = (format!("https://h{base}"), format!("https://h{htu}"));
        let whole = format!("{}{path}", origin.strip_suffix('/').unwrap_or(&origin));
        let origin = Origin::parse(origin.as_bytes()).unwrap();
        let uri = TargetUri::with_origin(&origin, path.as_bytes()).unwrap();
        prop_assert_eq!(normalised(&uri), normalise_slowly(&whole));
        prop_assert_eq!(uri.same_target(&target(&htu)), normalise_slowly(&whole) == normalise_slowly(&htu));
        prop_assert!(uri.same_target(&target(&whole)));
        prop_assert!(target(&whole).same_target(&uri));
    }

    #[test]
    fn adversarial_texts_parse_or_are_refused_and_accepted_ones_agree(
        ours in "https?://h[/.%2eEfF7~aA:?#\\\\@\\[ \u{e9}]{0,16}", theirs in "https?://h[/.%2eE~aA:]{0,16}",
    ) {
        if let Ok(a) = TargetUri::parse(ours.as_bytes()) {
            prop_assert_eq!(normalised(&a), normalise_slowly(&ours), "{}", ours);
            if let Ok(b) = TargetUri::parse(theirs.as_bytes()) {
                prop_assert_eq!(a.same_target(&b), normalised(&a) == normalised(&b), "{} {}", ours, theirs);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(uri in prop::collection::vec(any::<u8>(), 0..64), prefix in "(https://|http://h/|/|)") {
        let uri = [prefix.as_bytes(), &uri].concat();
        let origin = Origin::parse(b"https://h/b").unwrap();
        for uri in [TargetUri::parse(&uri), TargetUri::with_origin(&origin, &uri)].into_iter().flatten() {
            let text = normalised(&uri);
            prop_assert!(uri.same_target(&target(&text)));
            prop_assert_eq!(normalised(&target(&text)), text);
        }
        let _ = has_query_parameter(&uri, b"a");
    }
}
