use super::*;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The limit that a scan met, whose value and place are in the fault.
fn exceeded<T>(result: Result<T, JsonError>) -> Option<JsonLimit> {
    match result.err()? {
        JsonError::Limit { of, .. } => Some(of),
        other => panic!("{other}"),
    }
}

fn check(text: &[u8]) -> Result<(), JsonError> {
    scan(text, &mut NameTable::new(3), Budget::TOKEN, |_, _| Ok::<(), JsonError>(())).map(|_| ())
}

fn is_malformed(text: &[u8]) -> bool {
    matches!(check(text), Err(JsonError::Malformed { .. }))
}

/// Texts that every parser must take (the `y_` cases of JSONTestSuite, those within our budget).
const TAKEN: &[&str] = &[
    "[[]   ]",
    "[\"\"]",
    "[]",
    "[\"a\"]",
    "[false]",
    "[null, 1, \"1\", {}]",
    "[null]",
    "[1\n]",
    " [1]",
    "[1,null,null,null,2]",
    "[2] ",
    "[123e65]",
    "[0e+1]",
    "[0e1]",
    "[ 4]",
    "[-0.00000000000000000000000001]",
    "[20e1]",
    "[-0]",
    "[-123]",
    "[-1]",
    "[1E22]",
    "[1E-2]",
    "[1E+2]",
    "[123e45]",
    "[123.456e78]",
    "[1e-2]",
    "[1e+2]",
    "[123]",
    "[123.456789]",
    "{\"asd\":\"sdf\", \"dfg\":\"fgh\"}",
    "{\"asd\":\"sdf\"}",
    "{}",
    "{\"\":0}",
    "{\"foo\\u0000bar\": 42}",
    "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }",
    "{\"a\":[]}",
    "{\"title\":\"\\u041f\\u043e\" }",
    "{\n\"a\": \"b\"\n}",
    "[\"\\u0060\\u012a\\u12AB\"]",
    "[\"\\uD801\\udc37\"]",
    "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
    "[\"\\\\u0000\"]",
    "[\"\\\"\"]",
    "[\"a/*b*/c/*d//e\"]",
    "[\"\\\\a\"]",
    "[\"\\\\n\"]",
    "[\"\\u0012\"]",
    "[\"\\uFFFF\"]",
    "[ \"asd\"]",
    "[\"\\uDBFF\\uDFFF\"]",
    "[\"new\\u00A0line\"]",
    "[\"\u{10ffff}\"]",
    "[\"\u{ffff}\"]",
    "[\"\\u0000\"]",
    "[\"\\u002c\"]",
    "[\"π\"]",
    "[\"asd \"]",
    "\" \"",
    "[\"\\u0821\"]",
    "[\"\\u0123\"]",
    "[\"\u{2028}\"]",
    "[\"\u{2029}\"]",
    "[\"\\u0061\\u30af\\u30EA\\u30b9\"]",
    "[\"\u{7f}\"]",
    "[\"\\uA66D\"]",
    "[\"\\u005C\"]",
    "[\"⍂㈴⍂\"]",
    "[\"\\u200B\"]",
    "[\"\\u2064\"]",
    "[\"\\uFDD0\"]",
    "[\"\\uFFFE\"]",
    "[\"\\u0022\"]",
    "[\"a\u{7f}a\"]",
    "false",
    "42",
    "-0.1",
    "null",
    "\"asd\"",
    "true",
    "\"\"",
    "[\"a\"]\n",
    "[true]",
    " [] ",
];

/// Texts that no parser may take (the `n_` cases), and those of undefined outcome that we refuse.
const REFUSED: &[&str] = &[
    "",
    " ",
    "[1 true]",
    "[\"\": 1]",
    "[\"\"],",
    "[,1]",
    "[1,,2]",
    "[\"x\",,]",
    "[\"x\"]]",
    "[\"\",]",
    "[\"x\"",
    "[x",
    "[3[4]]",
    "[1:2]",
    "[,]",
    "[-]",
    "[   , \"\"]",
    "[\"a\",\n4\n,1,",
    "[1,]",
    "[1,,]",
    "[*]",
    "[\"\"",
    "[1,",
    "[1,\n1\n,1",
    "[{}",
    "[fals]",
    "[nul]",
    "[tru]",
    "123\0",
    "[++1234]",
    "[+1]",
    "[+Inf]",
    "[-01]",
    "[-1.0.]",
    "[-2.]",
    "[-NaN]",
    "[.-1]",
    "[.2e-3]",
    "[0.1.2]",
    "[0.3e+]",
    "[0.3e]",
    "[0.e1]",
    "[0E+]",
    "[0E]",
    "[0e+]",
    "[0e]",
    "[1.0e+]",
    "[1.0e-]",
    "[1.0e]",
    "[1 000.0]",
    "[1eE2]",
    "[2.e+3]",
    "[2.e-3]",
    "[2.e3]",
    "[9.e+]",
    "[Inf]",
    "[NaN]",
    "[\u{ff11}]",
    "[1+2]",
    "[0x1]",
    "[0x42]",
    "[Infinity]",
    "[0e+-1]",
    "[-123.123foo]",
    "[-Infinity]",
    "[-foo]",
    "[- 1]",
    "[-012]",
    "[-.123]",
    "[-1x]",
    "[1ea]",
    "[1.]",
    "[.123]",
    "[1.2a-3]",
    "[1.8011670033376514H-308]",
    "[012]",
    "[\"x\", truth]",
    "{[: \"x\"}",
    "{\"x\", null}",
    "{\"x\"::\"b\"}",
    "{\"a\":\"a\" 123}",
    "{key: 'value'}",
    "{\"a\" b}",
    "{:\"b\"}",
    "{\"a\" \"b\"}",
    "{\"a\":",
    "{\"a\"",
    "{1:1}",
    "{9999E9999:1}",
    "{null:null,null:null}",
    "{\"id\":0,,,,,}",
    "{'a':0}",
    "{\"id\":0,}",
    "{\"a\":\"b\"}/**/",
    "{\"a\":\"b\"}/**//",
    "{\"a\":\"b\"}//",
    "{\"a\":\"b\"}/",
    "{\"a\":\"b\",,\"c\":\"d\"}",
    "{a: \"b\"}",
    "{\"a\":\"a",
    "{ \"foo\" : \"bar\", \"a\" }",
    "{\"a\":\"b\"}#",
    "[\"\\uD800\\\"]",
    "[\"\\uD800\\u\"]",
    "[\"\\uD800\\u1\"]",
    "[\"\\uD800\\u1x\"]",
    "[é]",
    "[\"\\x00\"]",
    "[\"\\\\\\\"]",
    "[\"\\\t\"]",
    "[\"\\🌀\"]",
    "[\"\\\"]",
    "[\"\\u00A\"]",
    "[\"\\uD834\\uDd\"]",
    "[\"\\uD800\\uD800\\x\"]",
    "[\"\\a\"]",
    "[\"\\uqqqq\"]",
    "[\\u0020\"asd\"]",
    "[\\n]",
    "\"",
    "['single quote']",
    "abc",
    "[\"\\",
    "[\"a\u{0}a\"]",
    "[\"new\nline\"]",
    "[\"\t\"]",
    "\"\\UA66D\"",
    "\"\"x",
    "<.>",
    "[<null>]",
    "[1]x",
    "[1]]",
    "[\"asd]",
    "aå",
    "[True]",
    "1]",
    "{\"x\": true,",
    "[][]",
    "]",
    "\u{feff}{}",
    "[",
    "{",
    "[\"a",
    "{\"",
    "[\u{c}]",
    "[\u{2060}]",
    "{\"asd\":\"asd\"",
    "å",
    "[1\u{a0}]",
    "[\"\\u\"]",
    "nulll",
    "truefalse",
    "--1",
    "1 2",
    "/**/1",
    // Undefined in the suite; lone surrogates are no characters.
    "[\"\\uDADA\"]",
    "[\"\\uD888\\u1234\"]",
    "[\"\\uD800\\n\"]",
    "[\"\\uDd1ea\"]",
    "[\"\\uD800\\uD800\\n\"]",
    "[\"\\ud800\"]",
    "[\"\\ud800abc\"]",
    "[\"\\uDd1e\\uD834\"]",
    "[\"\\uDFAA\"]",
];

#[test]
fn json_is_taken() {
    for text in TAKEN {
        assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
    }
}

#[test]
fn what_is_not_json_is_malformed() {
    for text in REFUSED {
        assert!(is_malformed(text.as_bytes()), "{text}: {:?}", check(text.as_bytes()));
    }
}

#[test]
fn what_is_not_utf8_is_malformed_wherever_it_stands() {
    for bytes in [
        &b"[\"\xff\"]"[..],
        b"[\"\xe9\"]",
        b"[\"\x81\"]",
        b"[\"\xf4\xbf\xbf\xbf\"]",
        b"[\"\xc0\xaf\"]",
        b"[\"\xfc\x83\xbf\xbf\xbf\xbf\"]",
        b"[\"\xe0\xff\"]",
        b"[\"\xed\xa0\x80\"]",
        b"[\"\xf0\x80\x80\x80\"]",
        b"\xff\xfe[\x00\"\x00\xe9\x00\"\x00]\x00",
        b"\x00[\x00\"\x00\xe9\x00\"\x00]",
        b"[\xff]",
        b"[1\xe5]",
        b"{\"\xb9\":\"0\",}",
        b"[] \xff",
        b"\xff",
    ] {
        assert!(is_malformed(bytes), "{bytes:?}");
    }
}

#[test]
fn names_are_unique_after_unescaping_in_each_object() {
    for text in [
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":1}",
        "{\"\\u0061\":1,\"a\":1}",
        "{\"\\u0061\":1,\"\\u0061\":1}",
        "{\"\":1,\"\":2}",
        "{\"/\":1,\"\\/\":2}",
        "{\"\u{1F600}\":1,\"\\ud83d\\ude00\":2}",
        "{\"\\u00e9\":1,\"\\u00E9\":2}",
        "{\"x\":{\"a\":1,\"b\":2,\"a\":3}}",
        "[[[{\"a\":1,\"a\":1}]]]",
        "{\"a\":{\"a\":{}},\"b\":1,\"a\":2}",
        "{\"alg\":\"RS256\",\"x\":{},\"\\u0061lg\":\"none\"}",
    ] {
        assert!(is_malformed(text.as_bytes()), "{text}");
    }
    for text in [
        "{\"a\":1,\"A\":1}",
        "{\"a\":{\"a\":{\"a\":1}}}",
        "[{\"a\":1},{\"a\":1}]",
        "{\"a\":[{\"b\":1},{\"b\":1}],\"b\":1}",
        "{\"é\":1,\"e\\u0301\":2}",
        "{\"a\\u0000\":1,\"a\":2}",
        "{\"a\":1,\"a \":2,\" a\":3}",
    ] {
        assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
    }
}

/// Names that collide in the hash are still two names, and equal ones are found whatever the seed.
#[test]
fn any_seed_gives_the_same_answer() {
    for seed in [0, 1, u64::MAX, 0x9E37_79B9_7F4A_7C15, 0xdead_beef] {
        for (text, taken) in [("{\"a\":1,\"b\":2,\"c\":{\"a\":1}}", true), ("{\"a\":1,\"b\":2,\"\\u0061\":1}", false)] {
            let names = &mut NameTable::new(seed);
            let result = scan(text.as_bytes(), names, Budget::TOKEN, |_, _| Ok::<(), JsonError>(()));
            assert_eq!(result.is_ok(), taken, "{seed} {text}");
        }
    }
}

#[test]
fn depth_is_bounded_and_never_recursed() {
    let nest = |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
    for (open, close) in [("[", "]"), ("{\"a\":[", "]}")] {
        let levels = if open.len() == 1 { 1 } else { 2 };
        assert_eq!(check(nest(open, close, limits::JSON_DEPTH / levels).as_bytes()), Ok(()));
        for depth in [limits::JSON_DEPTH / levels + 1, 1000, 1_000_000] {
            assert_eq!(exceeded(check(nest(open, close, depth).as_bytes())), Some(JsonLimit::Depth));
            assert_eq!(exceeded(check(open.repeat(depth).as_bytes())), Some(JsonLimit::Depth));
        }
    }
    // Width is not depth.
    assert_eq!(check(format!("[{}[]]", "[[[]]],".repeat(5000)).as_bytes()), Ok(()));
    // No budget goes past the fixed stack.
    const ANY: Limit = Limit { most: usize::MAX, ..row::JSON_DEPTH };
    let any = Budget { depth: &ANY, members: &ANY, number_bytes: &ANY };
    assert_eq!(parse(nest("[", "]", MAX_DEPTH).as_bytes(), any).map(|_| ()), Ok(()));
    assert_eq!(exceeded(parse(nest("[", "]", MAX_DEPTH + 1).as_bytes(), any)), Some(JsonLimit::Depth));
}

#[test]
fn members_are_counted_over_all_objects() {
    let flat = |count: usize| {
        let members: Vec<String> = (0..count).map(|n| format!("\"{n}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    let many = |count: usize| format!("[{}]", alloc::vec!["{\"a\":1}"; count].join(","));
    for (text, taken) in [
        (flat(limits::JSON_MEMBERS), true),
        (flat(limits::JSON_MEMBERS + 1), false),
        (many(limits::JSON_MEMBERS), true),
        (many(limits::JSON_MEMBERS + 1), false),
    ] {
        assert_eq!(exceeded(check(text.as_bytes())), (!taken).then_some(JsonLimit::Members));
    }
    // However wide the budget, open names need room in the table; closed objects give theirs back.
    assert_eq!(exceeded(parse(flat(OPEN_MEMBERS + 1).as_bytes(), Budget::TRUST)), Some(JsonLimit::OpenMembers));
    assert_eq!(parse(many(100_000).as_bytes(), Budget::TRUST).map(|_| ()), Ok(()));
}

#[test]
fn numbers_are_bounded_by_their_text() {
    let long = "1".repeat(limits::JSON_NUMBER_BYTES);
    assert_eq!(check(long.as_bytes()), Ok(()));
    for text in
        [format!("{long}1"), format!("-{long}"), format!("1.{long}"), format!("1e{long}"), "9".repeat(1_000_000)]
    {
        assert_eq!(exceeded(check(text.as_bytes())), Some(JsonLimit::NumberBytes));
    }
}

#[test]
fn a_fault_says_where_it_is() {
    for (text, at) in
        [("", 0), ("{\"a\":1,}", 7), ("[1 2]", 3), ("{\"a\":1,\"a\":2}", 7), ("[\"\\x\"]", 2), ("[01]", 1), ("nul", 0)]
    {
        match check(text.as_bytes()) {
            Err(JsonError::Malformed { at: found, .. }) => assert_eq!(found, at, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(matches!(check(b"[\"abc\xff\"]"), Err(JsonError::Malformed { at: 5, expected: "UTF-8" })));
}

#[test]
fn members_of_the_top_object_are_seen_in_order_as_they_end() {
    let mut seen = Vec::new();
    let text = "{\"a\":1,\"b\":{\"c\":2},\"\\u0064\":[{\"e\":3}]}";
    let value = scan(text.as_bytes(), &mut NameTable::new(0), Budget::TOKEN, |name, value| {
        seen.push((name.to_owned_string(), value.kind()));
        Ok::<(), JsonError>(())
    });
    assert!(value.is_ok_and(|value| value.as_object().is_some_and(|object| object.raw() == text)));
    assert_eq!(seen, [("a".to_string(), "number"), ("b".to_string(), "object"), ("d".to_string(), "array")]);
    let own = JsonError::Malformed { at: 0, expected: "another member" };
    let stopped = scan(b"{\"a\":1,\"b\":2,,}", &mut NameTable::new(0), Budget::TOKEN, |_, _| Err(own));
    assert_eq!(stopped.map(|_| ()), Err(own), "the caller's fault comes first");
}

/// Walking a checked text again gives what the scan gave, at every depth.
#[test]
fn the_walker_equals_the_scanner() {
    let text = " { \"a\" : [ 1 , -2.5e3 , \"x\\\"]}\" , [ ] , { } , true , false , null , [[\"[\"],{\"}\":\"{\"}] ] , \"b\" : \"\\ud83d\\ude00\" ,\"c\":{\"d\":{\"e\":0}} } ";
    let mut scanned = Vec::new();
    let root = scan(text.as_bytes(), &mut NameTable::new(0), Budget::TOKEN, |name, value| {
        scanned.push((name, value));
        Ok::<(), JsonError>(())
    })
    .unwrap();
    let object = root.as_object().unwrap();
    assert_eq!(format!("{:?}", object.members().collect::<Vec<_>>()), format!("{scanned:?}"));
    let array = object.member("a").unwrap().as_array().unwrap();
    let kinds: Vec<&str> = array.elements().map(Value::kind).collect();
    assert_eq!(kinds, ["number", "number", "string", "array", "object", "boolean", "boolean", "null", "array"]);
    assert!(array.elements().nth(2).unwrap().as_string().unwrap().is("x\"]}"));
    let inner: Vec<&str> = array.elements().nth(8).unwrap().as_array().unwrap().elements().map(Value::kind).collect();
    assert_eq!(inner, ["array", "object"]);
    assert!(object.member("b").unwrap().as_string().unwrap().is("\u{1F600}"));
    let deepest = object.member("c").and_then(Value::as_object).and_then(|c| c.member("d")).and_then(Value::as_object);
    let e = deepest.and_then(|d| d.member("e"));
    assert!(matches!(e, Some(Value::Number(number)) if number.text() == "0"), "{e:?}");
    assert!(object.member("e").is_none(), "only the object's own members");
    for text in TAKEN {
        let Ok(Value::Array(array)) = parse(text.as_bytes(), Budget::TOKEN) else { continue };
        for element in array.elements() {
            let raw = match element {
                Value::String(string) => format!("\"{}\"", string.raw),
                Value::Number(number) => number.text().to_string(),
                Value::Bool(flag) => flag.to_string(),
                Value::Null => "null".to_string(),
                Value::Array(array) => array.raw().to_string(),
                Value::Object(object) => object.raw().to_string(),
            };
            assert_eq!(parse(raw.as_bytes(), Budget::TOKEN).map(Value::kind), Ok(element.kind()), "{text}");
        }
    }
}

#[test]
fn strings_unescape() {
    let text = |json: &str| -> String {
        let json = format!("\"{json}\"");
        parse(json.as_bytes(), Budget::TOKEN).unwrap().as_string().unwrap().to_owned_string()
    };
    for (json, expected) in [
        ("", ""),
        ("abc", "abc"),
        ("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\u{8}\u{c}\n\r\t"),
        ("\\u0041\\u00e9\\u20AC", "Aé€"),
        ("\\uD83D\\uDE00", "😀"),
        ("\\uDBFF\\uDFFF", "\u{10ffff}"),
        ("\\u0000", "\0"),
        ("a\\\\u0041", "a\\u0041"),
        ("é\\u0301", "é\u{301}"),
        ("01234567\\n89abcdef", "01234567\n89abcdef"),
    ] {
        assert_eq!(text(json), expected, "{json}");
        let json = format!("\"{json}\"");
        let string = parse(json.as_bytes(), Budget::TOKEN).unwrap().as_string().unwrap();
        assert!(string.is(expected));
        assert!(!string.is(&format!("{expected}x")));
        assert_eq!(string.escaped, string.raw.contains('\\'));
        assert!(string.raw.len() >= expected.len());
        let mut out = [0xaa; 64];
        assert_eq!(string.unescape(&mut out), Some(expected.len()));
        assert_eq!(&out[..expected.len()], expected.as_bytes());
        if !expected.is_empty() {
            assert_eq!(string.unescape(&mut out[..expected.len() - 1]), None);
        }
    }
}

/// Every byte, at every place of the eight that are looked at in one step.
#[test]
fn every_byte_at_every_place_of_a_string() {
    for place in 0..20 {
        for byte in 0..0x80u8 {
            let mut text = alloc::vec![b'a'; 22];
            text[0] = b'"';
            text[21] = b'"';
            text[1 + place] = byte;
            let taken = check(&text).is_ok();
            // A quote or backslash changes where the string ends; only the last place of a backslash escapes the quote.
            let expected = match byte {
                0..0x20 => false,
                b'"' => false,
                b'\\' => false, // `\a` is no escape, and `\"` leaves the string open
                _ => true,
            };
            assert_eq!(taken, expected, "{byte:#x} at {place}");
        }
    }
}

#[test]
fn numeric_dates() {
    let date = |text: &str, fraction| match parse(text.as_bytes(), Budget::TOKEN) {
        Ok(Value::Number(number)) => number.numeric_date(fraction),
        other => panic!("{text}: {other:?}"),
    };
    for (text, dropped, rounded) in [
        ("0", Some(0), Some(0)),
        ("-0", None, None),
        ("1", Some(1), Some(1)),
        ("1800000000", Some(1_800_000_000), Some(1_800_000_000)),
        ("1800000000.0", Some(1_800_000_000), Some(1_800_000_000)),
        ("1800000000.5", Some(1_800_000_000), Some(1_800_000_001)),
        ("1800000000.0000000001", Some(1_800_000_000), Some(1_800_000_001)),
        ("1.8e9", Some(1_800_000_000), Some(1_800_000_000)),
        ("18E+8", Some(1_800_000_000), Some(1_800_000_000)),
        ("18000000000e-1", Some(1_800_000_000), Some(1_800_000_000)),
        ("18000000005e-1", Some(1_800_000_000), Some(1_800_000_001)),
        ("0.1", Some(0), Some(1)),
        ("1e-30", Some(0), Some(1)),
        ("1e-400", Some(0), Some(1)),
        ("0e400", Some(0), Some(0)),
        ("0.000e99999999999", None, None),
        ("9007199254740991", Some((1 << 53) - 1), Some((1 << 53) - 1)),
        ("9007199254740991.5", Some((1 << 53) - 1), None),
        ("9007199254740992", None, None),
        ("18446744073709551616", None, None),
        ("1e16", None, None),
        ("1e400", None, None),
        ("1e99999999999", None, None),
        ("1e-99999999999", None, None),
        ("-1", None, None),
        ("-0.5", None, None),
        ("-1e-400", None, None),
        ("99999999999999999999999999999999", None, None),
    ] {
        assert_eq!(date(text, Fraction::Drop), dropped, "{text}");
        assert_eq!(date(text, Fraction::RoundUp), rounded, "{text}");
    }
}

#[test]
fn whole_numbers() {
    for (text, value) in [
        ("0", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("-1", None),
        ("-0", None),
        ("1.0", None),
        ("1e3", None),
    ] {
        let Ok(Value::Number(number)) = parse(text.as_bytes(), Budget::TOKEN) else { panic!("{text}") };
        assert_eq!(number.as_u64(), value, "{text}");
    }
}

#[test]
fn a_string_is_its_characters() {
    let scanned = |text: &'static str| parse(text.as_bytes(), Budget::TOKEN).unwrap().as_string().unwrap();
    let (plain, escaped) = (scanned("\"a/b\""), scanned("\"\\u0061\\/b\""));
    assert_eq!(plain, escaped);
    assert!(escaped.is("a/b") && plain.is("a/b"));
    assert!(escaped.starts_with("a/") && plain.starts_with("a/") && escaped.starts_with(""));
    assert!(!escaped.starts_with("a/bc") && !plain.starts_with("a/bc") && !escaped.starts_with("\\u0061"));
    // The other text is characters too, and never read as escapes.
    assert!(!escaped.is("\\u0061/b") && !plain.is("\\u0061/b"));
    assert!(scanned("\"\\\\u0061\"").is("\\u0061"));
    for string in [plain, escaped] {
        assert_eq!(string.text(&mut [0; 3]), Some("a/b"));
        assert_eq!(string.text(&mut [0; 9]), Some("a/b"));
        assert_eq!(string.text(&mut [0; 2]), None);
    }
}

#[test]
fn a_plain_array_has_what_its_elements_say() {
    for raw in [
        r#"["a","b"]"#,
        "[]",
        "[ ]",
        r#"[ "a" , "," , "b" ]"#,
        r#"["]","a"]"#,
        r#"["\u0061"]"#,
        r#"["x","\"a\""]"#,
        r#"[["a"]]"#,
        r#"[{"a":"a"},"a"]"#,
        r#"["a",["b"]]"#,
        r#"[1,true,null,"b"]"#,
        r#"["a,","b"]"#,
        r#"["é","a"]"#,
    ] {
        let array = parse(raw.as_bytes(), Budget::TOKEN).unwrap().as_array().unwrap();
        for wanted in ["a", "b", ",", "]", "\"a\"", "é", "1", "true", "", "a,"] {
            let slow = array.elements().filter_map(Value::as_string).any(|element| element.is(wanted));
            let fast = plain_array_has(raw.as_bytes(), wanted.as_bytes());
            assert!(fast.is_none_or(|fast| fast == slow), "{wanted} in {raw}");
            let is_plain = !raw.contains(['\\', '{']) && !raw[1..].contains('[');
            assert!(!is_plain || fast.is_some(), "{wanted} in {raw}");
        }
    }
}
