//! JSON as RFC 8259 has it, and no more: one pass over the bytes, no recursion, no allocation.
//!
//! [`scan`] checks the whole text (UTF-8, grammar, depth, member count, no repeated name at any depth, no lone
//! surrogate) and hands each member of the top object to the caller on the way. Values borrow the text; a nested
//! array or object can be walked again without any check, because the scan already made it.
//!
//! RFC 7515 §4: "The Header Parameter names within the JOSE Header MUST be unique"; RFC 7519 §4 lets a parser take the
//! last of repeated claims instead. We refuse repeated names everywhere, compared after unescaping (specs: D10).

use crate::limits::{self, Limit, row};

/// Why a text is not JSON, or beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// Not JSON, not UTF-8, or a name is repeated; `at` is the byte where that was seen.
    Malformed {
        /// Offset in bytes.
        at: usize,
        /// The token that was expected there.
        expected: &'static str,
    },
    /// Deeper, wider or longer than the budget.
    Limit {
        /// Where, as an offset in bytes: a bracket, the opening quote of a name, or the first character of a number.
        at: usize,
        /// The limit that the text exceeds.
        of: JsonLimit,
        /// The limit that it exceeds.
        limit: &'static Limit,
    },
}

/// A limit of a [`Budget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonLimit {
    /// [`Budget::depth`], and [`MAX_DEPTH`].
    Depth,
    /// [`Budget::members`].
    Members,
    /// The members of an object and of those around it, [`limits::JSON_OPEN_MEMBERS`].
    OpenMembers,
    /// [`Budget::number_bytes`].
    NumberBytes,
    /// The bytes of a text, which names are remembered by.
    TextBytes,
}

impl core::fmt::Display for JsonError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("found ")?;
        self.write_found(f)?;
        f.write_str(", expected ")?;
        self.write_expected(f)
    }
}

impl core::error::Error for JsonError {}

impl JsonError {
    /// The offset in bytes where it was seen.
    #[must_use]
    pub const fn at(&self) -> usize {
        match self {
            Self::Malformed { at, .. } | Self::Limit { at, .. } => *at,
        }
    }

    /// Writes the value that was found; bytes are counted from 1, as lines and columns are.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_found(&self, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        match *self {
            Self::Malformed { at, .. } => write!(out, "text that is not JSON at byte {}", at + 1),
            Self::Limit { of, limit: Limit { most, .. }, .. } => {
                let next = most.saturating_add(1);
                match of {
                    JsonLimit::Depth => write!(out, "a value at level {next}"),
                    JsonLimit::Members => write!(out, "member {next} of the document"),
                    JsonLimit::OpenMembers => write!(out, "member {next} of this object and those around it"),
                    JsonLimit::NumberBytes => write!(out, "a number of more than {most} bytes"),
                    JsonLimit::TextBytes => write!(out, "a text of more than {most} bytes"),
                }
            }
        }
    }

    /// Writes the value that was expected.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_expected(&self, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
        match *self {
            Self::Malformed { expected, .. } => out.write_str(expected),
            Self::Limit { of, limit, .. } => {
                let what = match of {
                    JsonLimit::Depth => "levels",
                    JsonLimit::Members => "members in the document",
                    JsonLimit::OpenMembers => "members in an object and those around it",
                    JsonLimit::NumberBytes => "bytes in a number",
                    JsonLimit::TextBytes => "bytes",
                };
                write!(out, "{}", limit.of(what))
            }
        }
    }
}

/// How much of a text a scan may look at.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Open arrays and objects; at most [`MAX_DEPTH`].
    pub depth: &'static Limit,
    /// Members of all objects together.
    pub members: &'static Limit,
    /// Bytes in one number.
    pub number_bytes: &'static Limit,
}

impl Budget {
    /// The budget of one part of a token or proof.
    pub const TOKEN: Self =
        Self { depth: &row::JSON_DEPTH, members: &row::JSON_MEMBERS, number_bytes: &row::JSON_NUMBER_BYTES };
    /// The budget of a trust document: many small objects.
    pub const TRUST: Self = Self { members: &row::TRUST_DOCUMENT_MEMBERS, ..Self::TOKEN };
    /// The budget of a request's body.
    pub const BODY: Self = Self { depth: &row::DOCUMENT_DEPTH, members: &row::BODY_MEMBERS, ..Self::TOKEN };
    /// The budget of a policy document, which may hold trust documents inline.
    pub const POLICY: Self =
        Self { depth: &row::DOCUMENT_DEPTH, members: &row::POLICY_DOCUMENT_MEMBERS, ..Self::TOKEN };
    /// The budget of a list of revocations: it may name a million tokens, so only its bytes bound it.
    pub const REVOCATIONS: Self = Self { members: &row::POLICY_DOCUMENT_BYTES, ..Self::POLICY };
}

/// The text that [`JsonError::Malformed`] expects at the second of two equal names of one object.
pub(crate) const NAME_NOT_REPEATED: &str = "a name that is not repeated";

/// The deepest nesting any budget can allow.
pub const MAX_DEPTH: usize = limits::DOCUMENT_DEPTH;

/// How many members can be open at once: the members of an object, of the object around it, and so on outwards.
pub(crate) const OPEN_MEMBERS: usize = limits::JSON_OPEN_MEMBERS;

/// Room to remember the names of the open objects, and the seed that keeps attackers from choosing names that collide.
pub struct NameTable {
    seed: u64,
    names: [Name; OPEN_MEMBERS],
}

#[derive(Clone, Copy)]
struct Name {
    hash: u32,
    start: u32,
    end: u32,
    escaped: bool,
}

impl NameTable {
    /// An empty table. `seed` should be unknown to clients; any value is correct, a secret one is fast
    /// on hostile texts too.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, names: [Name { hash: 0, start: 0, end: 0, escaped: false }; OPEN_MEMBERS] }
    }
}

impl core::fmt::Debug for NameTable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("NameTable")
    }
}

/// A value of a scanned text.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// `"…"`
    String(JsonString<'a>),
    /// A number, as written.
    Number(JsonNumber<'a>),
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
    /// `[…]`
    Array(JsonArray<'a>),
    /// `{…}`
    Object(JsonObject<'a>),
}

impl<'a> Value<'a> {
    /// The string, if it is one.
    #[must_use]
    pub const fn as_string(self) -> Option<JsonString<'a>> {
        if let Self::String(string) = self { Some(string) } else { None }
    }

    /// The object, if it is one.
    #[must_use]
    pub const fn as_object(self) -> Option<JsonObject<'a>> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// The text of anything but a string, as written.
    #[must_use]
    pub const fn json(self) -> Option<&'a str> {
        match self {
            Self::String(_) => None,
            Self::Number(number) => Some(number.text()),
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Null => Some("null"),
            Self::Array(array) => Some(array.raw()),
            Self::Object(object) => Some(object.raw()),
        }
    }

    /// The array, if it is one.
    #[must_use]
    pub const fn as_array(self) -> Option<JsonArray<'a>> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }

    /// The kind of the value, in the words of RFC 8259.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Number(_) => "number",
            Self::Bool(_) => "boolean",
            Self::Null => "null",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

/// A string between its quotes, still escaped. Two are equal if their characters are, however those are written.
///
/// RFC 8259 §8.3: implementations that compare strings without unescaping them "will incorrectly find that strings with
/// escaped characters are not equal". So the written form is private to this module: every reader sees the characters,
/// by [`JsonString::text`], [`JsonString::is`] or [`JsonString::chars`].
#[derive(Clone, Copy, Debug)]
pub struct JsonString<'a> {
    raw: &'a str,
    escaped: bool,
}

impl PartialEq for JsonString<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.escaped, other.escaped) {
            (false, false) => self.raw == other.raw,
            _ => self.has_characters_of(*other),
        }
    }
}

impl Eq for JsonString<'_> {}

impl<'a> JsonString<'a> {
    /// The unescaped text, or `None` if it is longer than `scratch`, which is where a text with escapes goes.
    #[must_use]
    #[inline]
    pub fn text<'s>(self, scratch: &'s mut [u8]) -> Option<&'s str>
    where
        'a: 's,
    {
        if self.escaped { self.unescaped(scratch) } else { Some(self.raw).filter(|raw| raw.len() <= scratch.len()) }
    }

    // Escapes are rare: what reads them is in one place, and not at every reader of a text.
    #[cold]
    #[inline(never)]
    fn unescaped(self, scratch: &mut [u8]) -> Option<&str> {
        let length = self.unescape(scratch)?;
        core::str::from_utf8(scratch.get(..length)?).ok()
    }

    #[cold]
    #[inline(never)]
    fn has_characters_of(self, other: Self) -> bool {
        self.chars().eq(other.chars())
    }

    /// Whether the unescaped text starts with `prefix`.
    #[must_use]
    #[inline(never)]
    pub fn starts_with(self, prefix: &str) -> bool {
        let mut chars = self.chars();
        prefix.chars().all(|wanted| chars.next() == Some(wanted))
    }

    /// Whether the text has no characters; an escape is always a character.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    /// The characters, unescaped.
    pub fn chars(self) -> impl Iterator<Item = char> + 'a {
        let mut rest = self.raw;
        core::iter::from_fn(move || {
            let mut chars = rest.chars();
            let first = chars.next()?;
            if first != '\\' || !self.escaped {
                rest = chars.as_str();
                return Some(first);
            }
            let (escaped, length) = escaped_char(rest.as_bytes())?;
            rest = rest.get(length..)?;
            Some(escaped)
        })
    }

    /// Whether the unescaped text is `text`.
    #[must_use]
    pub fn is(self, text: &str) -> bool {
        self == JsonString { raw: text, escaped: false }
    }

    /// Writes the unescaped text into `out` and returns its length in bytes, or `None` if `out` is too short.
    pub fn unescape(self, out: &mut [u8]) -> Option<usize> {
        if !self.escaped {
            out.get_mut(..self.raw.len())?.copy_from_slice(self.raw.as_bytes());
            return Some(self.raw.len());
        }
        let (mut at, mut rest) = (0, self.raw.as_bytes());
        loop {
            // A client chooses how much of a text is escapes: neither these nor the text between them is read character by character.
            if let Some(b'\\') = rest.first() {
                let (c, length) = escaped_char(rest)?;
                rest = rest.get(length..)?;
                let end = at + c.len_utf8();
                c.encode_utf8(out.get_mut(at..end)?);
                at = end;
                continue;
            }
            let (plain, escapes) = rest.split_at_checked(plain_end(rest, 0))?;
            let end = at + plain.len();
            out.get_mut(at..end)?.copy_from_slice(plain);
            at = end;
            if escapes.is_empty() {
                return Some(at);
            }
            rest = escapes;
        }
    }

    /// The unescaped text as an owned string, for configuration.
    #[must_use]
    pub fn to_owned_string(self) -> alloc::string::String {
        if self.escaped { self.chars().collect() } else { self.raw.into() }
    }
}

/// A number as written: JSON has no other.
#[derive(Clone, Copy, Debug)]
pub struct JsonNumber<'a> {
    text: &'a str,
}

/// Which way a fraction of a second is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fraction {
    /// Towards earlier: for `exp`.
    Drop,
    /// Towards later: for `nbf` and `iat`.
    RoundUp,
}

impl<'a> JsonNumber<'a> {
    /// The digits as written.
    #[must_use]
    pub const fn text(self) -> &'a str {
        self.text
    }

    /// The number as an unsigned integer, if it is written as one.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        self.text.parse().ok()
    }

    /// The number as a `NumericDate` (RFC 7519 §2) in whole seconds.
    ///
    /// Accepts 0 to 2^53 - 1 (the integers that every JSON peer holds exactly); fractions and exponents are legal JSON
    /// and are taken exactly. Anything else is `None`, which callers must treat as an error and never as absent
    /// (CVE-2026-25537).
    #[must_use]
    pub fn numeric_date(self, fraction: Fraction) -> Option<u64> {
        let bytes = self.text.as_bytes();
        let mut digits: u128 = 0;
        let mut scale: i32 = 0;
        let mut position = 0;
        let mut after_point = false;
        while let Some(&byte) = bytes.get(position) {
            match byte {
                b'0'..=b'9' => {
                    digits = digits.checked_mul(10)?.checked_add(u128::from(byte - b'0'))?;
                    scale -= i32::from(after_point);
                }
                b'.' => after_point = true,
                b'e' | b'E' => break,
                _ => return None, // a sign: no date is negative
            }
            position += 1;
        }
        if let Some(exponent) = self.text.get(position + 1..) {
            // At most 32 bytes of text, so an exponent that does not fit is far outside the range either way.
            let exponent: i32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
            scale = scale.saturating_add(exponent);
        }
        if digits == 0 {
            return Some(0);
        }
        let whole = if scale >= 0 {
            let factor = 10u128.checked_pow(scale.unsigned_abs())?;
            digits.checked_mul(factor)?
        } else {
            match 10u128.checked_pow(scale.unsigned_abs()) {
                Some(divisor) => {
                    let up = fraction == Fraction::RoundUp && !digits.is_multiple_of(divisor);
                    digits / divisor + u128::from(up)
                }
                None => u128::from(fraction == Fraction::RoundUp),
            }
        };
        u64::try_from(whole).ok().filter(|whole| *whole < limits::NUMERIC_DATE)
    }
}

/// An array that a scan has checked.
#[derive(Clone, Copy, Debug)]
pub struct JsonArray<'a> {
    raw: &'a str,
}

impl<'a> JsonArray<'a> {
    /// The elements in order.
    pub fn elements(self) -> impl Iterator<Item = Value<'a>> {
        let mut walk = Walk { text: self.raw, at: 1 };
        core::iter::from_fn(move || {
            walk.separator();
            walk.value()
        })
    }

    /// The text from bracket to bracket.
    #[must_use]
    pub const fn raw(self) -> &'a str {
        self.raw
    }

    /// The array that starts and ends `text`, as [`JsonObject::from_checked`]; `None` for another value.
    #[must_use]
    pub(crate) fn from_checked(text: &'a str) -> Option<Self> {
        text.starts_with('[').then_some(Self { raw: text })
    }
}

/// Whether one of the strings of the array `raw`, which a scan has checked, has these bytes; `None` where strings have escapes, or
/// elements are arrays or objects: only [`JsonArray::elements`] answers then.
pub(crate) fn plain_array_has(raw: &[u8], wanted: &[u8]) -> Option<bool> {
    let mut rest = raw.get(1..)?;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'"' => {
                let length = behind.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
                let (text, behind) = behind.split_at_checked(length)?;
                let (b'"', behind) = behind.split_first()? else { return None };
                if text == wanted {
                    return Some(true);
                }
                rest = behind;
            }
            b'[' | b'{' => return None,
            _ => {}
        }
    }
    Some(false)
}

/// An object that a scan has checked: its names are unique.
#[derive(Clone, Copy, Debug)]
pub struct JsonObject<'a> {
    raw: &'a str,
}

impl<'a> JsonObject<'a> {
    /// The members in order.
    pub fn members(self) -> impl Iterator<Item = (JsonString<'a>, Value<'a>)> {
        let mut walk = Walk { text: self.raw, at: 1 };
        core::iter::from_fn(move || {
            walk.separator();
            let name = walk.value()?.as_string()?;
            walk.separator();
            Some((name, walk.value()?))
        })
    }

    /// The value of the member called `name`.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Value<'a>> {
        self.members().find(|(n, _)| n.is(name)).map(|(_, value)| value)
    }

    /// The text from brace to brace.
    #[must_use]
    pub const fn raw(self) -> &'a str {
        self.raw
    }

    /// The object that starts and ends `text`, which a scan has already checked.
    ///
    /// Only for text that this module handed out before, such as one kept in a cache: any other text gives members that
    /// make no sense, though never a panic.
    #[must_use]
    pub(crate) const fn from_checked(text: &'a str) -> Self {
        Self { raw: text }
    }
}

/// Steps over the elements of a checked text.
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    fn separator(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
    }

    /// The value at this place, or `None` at the closing bracket.
    fn value(&mut self) -> Option<Value<'a>> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        match *bytes.get(start)? {
            b'"' => {
                let (end, escaped) = checked_string_end(bytes, start + 1)?;
                self.at = end + 1;
                Some(Value::String(JsonString { raw: self.text.get(start + 1..end)?, escaped }))
            }
            open @ (b'{' | b'[') => {
                let mut depth = 0usize;
                let mut at = start;
                loop {
                    match *bytes.get(at)? {
                        b'"' => at = checked_string_end(bytes, at + 1)?.0,
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    at += 1;
                    if depth == 0 {
                        break;
                    }
                }
                self.at = at;
                let raw = self.text.get(start..at)?;
                Some(if open == b'{' { Value::Object(JsonObject { raw }) } else { Value::Array(JsonArray { raw }) })
            }
            b'}' | b']' => None,
            _ => {
                let length = bytes[start..].iter().position(|b| b" \t\n\r,:]}".contains(b));
                let end = length.map_or(bytes.len(), |length| start + length);
                self.at = end;
                Some(match self.text.get(start..end)? {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    "null" => Value::Null,
                    text => Value::Number(JsonNumber { text }),
                })
            }
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Frame {
    is_object: bool,
    start: usize,
    first_name: usize,
}

/// Checks all of `bytes` and gives the value it holds; `member` sees each member of the top object as it ends.
///
/// Does not check what the members mean. Costs time linear in `bytes` (names of one object are compared by hash first,
/// and `budget.members` bounds how many).
///
/// # Errors
/// `E::from` a [`JsonError`], or what `member` returned first.
pub fn scan<'a, E: From<JsonError>>(
    bytes: &'a [u8],
    names: &mut NameTable,
    budget: Budget,
    mut member: impl FnMut(JsonString<'a>, Value<'a>) -> Result<(), E>,
) -> Result<Value<'a>, E> {
    let malformed = |at: usize, expected: &'static str| E::from(JsonError::Malformed { at, expected });
    let text = core::str::from_utf8(bytes).map_err(|error| malformed(error.valid_up_to(), "UTF-8"))?;

    let mut frames = [Frame::default(); MAX_DEPTH];
    let mut depth = 0;
    let mut open_names = 0;
    let mut members_left = budget.members.most;
    let mut top_name = JsonString { raw: "", escaped: false };
    let mut at = skip_space(bytes, 0);

    loop {
        // A value starts at `at`.
        let start = at;
        let mut value = match bytes.get(start) {
            Some(b'"') => {
                let (end, escaped) = string_end(bytes, start + 1)?;
                at = end + 1;
                Some(Value::String(JsonString { raw: &text[start + 1..end], escaped }))
            }
            Some(open @ (b'{' | b'[')) => {
                if depth >= budget.depth.most.min(MAX_DEPTH) {
                    let limit = if depth < budget.depth.most { &row::DOCUMENT_DEPTH } else { budget.depth };
                    return Err(JsonError::Limit { at: start, of: JsonLimit::Depth, limit }.into());
                }
                frames[depth] = Frame { is_object: *open == b'{', start, first_name: open_names };
                depth += 1;
                at = skip_space(bytes, start + 1);
                None
            }
            Some(b'-' | b'0'..=b'9') => {
                at = number_end(bytes, start)?;
                if at - start > budget.number_bytes.most {
                    let limit = budget.number_bytes;
                    return Err(JsonError::Limit { at: start, of: JsonLimit::NumberBytes, limit }.into());
                }
                Some(Value::Number(JsonNumber { text: &text[start..at] }))
            }
            Some(_) => {
                let (length, value) = match &bytes[start..] {
                    [b't', b'r', b'u', b'e', ..] => (4, Value::Bool(true)),
                    [b'f', b'a', b'l', b's', b'e', ..] => (5, Value::Bool(false)),
                    [b'n', b'u', b'l', b'l', ..] => (4, Value::Null),
                    _ => return Err(malformed(start, "a value")),
                };
                at += length;
                Some(value)
            }
            None => return Err(malformed(start, "a value")),
        };
        let mut opened = value.is_none();

        // After a value or an opening bracket: close what ends here, and find where the next value starts.
        loop {
            if let Some(ended) = value {
                let Some(frame) = depth.checked_sub(1).map(|top| frames[top]) else {
                    let end = skip_space(bytes, at);
                    return if end == bytes.len() { Ok(ended) } else { Err(malformed(end, "the end of the text")) };
                };
                if depth == 1 && frame.is_object {
                    member(top_name, ended)?;
                }
                at = skip_space(bytes, at);
            }
            let frame = frames[depth - 1];
            let close = if frame.is_object { b'}' } else { b']' };
            match bytes.get(at) {
                Some(byte) if *byte == close => {
                    at += 1;
                    depth -= 1;
                    open_names = frame.first_name;
                    let raw = &text[frame.start..at];
                    value = Some(if frame.is_object {
                        Value::Object(JsonObject { raw })
                    } else {
                        Value::Array(JsonArray { raw })
                    });
                    opened = false;
                    continue;
                }
                Some(b',') if !opened => at = skip_space(bytes, at + 1),
                Some(_) if opened => {}
                _ => return Err(malformed(at, "a comma or the closing bracket")),
            }
            if frame.is_object {
                if bytes.get(at) != Some(&b'"') {
                    return Err(malformed(at, "a member name"));
                }
                let (end, escaped) = string_end(bytes, at + 1)?;
                let name = JsonString { raw: &text[at + 1..end], escaped };
                let over = || JsonError::Limit { at, of: JsonLimit::Members, limit: budget.members };
                members_left = members_left.checked_sub(1).ok_or_else(over)?;
                if is_repeated(text, names, frame.first_name, open_names, at + 1, name)? {
                    return Err(malformed(at, NAME_NOT_REPEATED));
                }
                open_names += 1;
                if depth == 1 {
                    top_name = name;
                }
                at = skip_space(bytes, end + 1);
                if bytes.get(at) != Some(&b':') {
                    return Err(malformed(at, "a colon"));
                }
                at = skip_space(bytes, at + 1);
            }
            break;
        }
    }
}

/// Checks all of `bytes` and gives the value it holds.
///
/// # Errors
/// See [`scan`].
pub fn parse(bytes: &[u8], budget: Budget) -> Result<Value<'_>, JsonError> {
    scan(bytes, &mut NameTable::new(0), budget, |_, _| Ok::<(), JsonError>(()))
}

/// Looks for `name` among the open names of its object and remembers it there.
fn is_repeated(
    text: &str,
    table: &mut NameTable,
    first: usize,
    next: usize,
    start: usize,
    name: JsonString<'_>,
) -> Result<bool, JsonError> {
    let hash = if name.escaped {
        let mut hash = Hash::new(table.seed);
        for c in name.chars() {
            hash.bytes(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        hash.finish()
    } else {
        let mut hash = Hash::new(table.seed);
        hash.bytes(name.raw.as_bytes());
        hash.finish()
    };
    let (Ok(first_byte), Ok(length)) = (u32::try_from(start), u32::try_from(name.raw.len())) else {
        return Err(JsonError::Limit { at: start, of: JsonLimit::TextBytes, limit: &row::JSON_TEXT_BYTES });
    };
    // The quote is before the name.
    let quote = start.saturating_sub(1);
    let over = || JsonError::Limit { at: quote, of: JsonLimit::OpenMembers, limit: &row::JSON_OPEN_MEMBERS };
    let known = table.names.get(first..next).ok_or_else(over)?;
    let same = |known: &Name| {
        known.hash == hash && {
            let raw = text.get(known.start as usize..known.end as usize).unwrap_or_default();
            JsonString { raw, escaped: known.escaped } == name
        }
    };
    if known.iter().any(same) {
        return Ok(true);
    }
    *table.names.get_mut(next).ok_or_else(over)? =
        Name { hash, start: first_byte, end: first_byte + length, escaped: name.escaped };
    Ok(false)
}

/// A seeded hash over bytes; fed byte-wise so that it does not depend on how a text was cut by escapes.
struct Hash(u64);

impl Hash {
    const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x2545_F491_4F6C_DD1D).rotate_left(29);
        }
    }

    #[allow(clippy::as_conversions, clippy::cast_possible_truncation)] // the high half is the mixed one
    const fn finish(&self) -> u32 {
        (self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
    }
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The index of the closing quote of the string that started before `at`, and whether it has escapes.
fn string_end(bytes: &[u8], mut at: usize) -> Result<(usize, bool), JsonError> {
    let mut escaped = false;
    loop {
        at = plain_end(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok((at, escaped)),
            Some(b'\\') => {
                escaped = true;
                at = escape_end(bytes, at)?;
                while let Some(b'\\') = bytes.get(at) {
                    at = escape_end(bytes, at)?;
                }
            }
            Some(_) => return Err(JsonError::Malformed { at, expected: "no control character in a string" }),
            None => return Err(JsonError::Malformed { at, expected: "a closing quote" }),
        }
    }
}

/// As [`string_end`], for a string that a scan has checked: what follows a backslash is no end.
fn checked_string_end(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    loop {
        at = plain_end(bytes, at);
        match bytes.get(at)? {
            b'"' => return Some((at, escaped)),
            // `\u0041`: the digits are plain.
            b'\\' => at += if bytes.get(at + 1) == Some(&b'u') { 6 } else { 2 },
            _ => return None,
        }
        escaped = true;
    }
}

/// The first quote, backslash or control character from `at` on, eight bytes at a step.
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let found = found & HIGHS;
        if found != 0 {
            // A borrow can mark bytes after the first true one, never before it.
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
        at += 1;
    }
    at
}

/// The end of the escape that starts at `at`. A surrogate must be a pair: a lone one is not a character.
fn escape_end(bytes: &[u8], at: usize) -> Result<usize, JsonError> {
    let fault = JsonError::Malformed { at, expected: "an escape of RFC 8259" };
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match bytes.get(at + 2..).and_then(hex4).ok_or(fault)? {
            0xD800..0xDC00 => {
                let low = bytes.get(at + 6..).filter(|rest| rest.starts_with(b"\\u"));
                match low.and_then(|rest| hex4(&rest[2..])) {
                    Some(0xDC00..0xE000) => Ok(at + 12),
                    _ => Err(fault),
                }
            }
            0xDC00..0xE000 => Err(fault),
            _ => Ok(at + 6),
        },
        _ => Err(fault),
    }
}

/// The character of the escape at the front of a checked text, and how many bytes it is written with.
fn escaped_char(bytes: &[u8]) -> Option<(char, usize)> {
    Some(match *bytes.get(1)? {
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'u' => match hex4(bytes.get(2..)?)? {
            high @ 0xD800..0xDC00 => {
                let low = hex4(bytes.get(8..)?)?;
                (char::from_u32(0x10000 + ((high - 0xD800) << 10) + low.wrapping_sub(0xDC00))?, 12)
            }
            code => (char::from_u32(code)?, 6),
        },
        other => (char::from(other), 2),
    })
}

/// The value of each byte that is a hexadecimal digit; a high bit is set for any other.
const HEX_DIGITS: [u8; 256] = {
    let mut digits = [0x80; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        digits[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

fn hex4(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.first_chunk::<4>()?.map(|byte| HEX_DIGITS[usize::from(byte)]);
    let value = digits.iter().fold(0, |value, digit| value << 4 | u32::from(*digit));
    digits.iter().all(|digit| *digit < 16).then_some(value)
}

/// The end of the number that starts at `at`: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn number_end(bytes: &[u8], start: usize) -> Result<usize, JsonError> {
    let digits = |from: usize| {
        let mut at = from;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at > from { Ok(at) } else { Err(JsonError::Malformed { at, expected: "a digit" }) }
    };
    let mut at = if bytes.get(start) == Some(&b'-') { start + 1 } else { start };
    let whole = digits(at)?;
    if bytes.get(at) == Some(&b'0') && whole > at + 1 {
        return Err(JsonError::Malformed { at, expected: "no leading zero" });
    }
    at = whole;
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        at = digits(at + 1 + usize::from(signed))?;
    }
    Ok(at)
}

#[cfg(test)]
mod tests;
