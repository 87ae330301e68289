//! The body of a request, read in the chunks in which a host has it: its digest, and which tool a JSON-RPC call names.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::crypto::Sha256;
use crate::document::DocumentKind;
use crate::jose::json::{self, JsonError, JsonString, NameTable, Value};
use crate::limits;
use crate::policy::BodyPolicy;
use crate::printable::is_printable;
use crate::reason::Reason;

/// Takes a body in chunks and never stores more of it than the policy's `body_bytes`.
///
/// Keeps no byte of it where only the digest is asked for. Does not check `Content-Length` or `Content-Type`: the body that is validated is the one that the
/// upstream receives, so the host must pass on exactly these bytes.
pub struct BodyReader {
    most_bytes: usize,
    seen: usize,
    /// For a policy with tools.
    text: Option<Vec<u8>>,
    hash: Option<Sha256>,
}

impl core::fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("BodyReader").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl BodyReader {
    /// A reader for what `policy` asks.
    #[must_use]
    pub fn new(policy: &BodyPolicy) -> Self {
        Self {
            most_bytes: policy.most_bytes,
            seen: 0,
            text: policy.tools.is_some().then(Vec::new),
            hash: policy.digest.then(Sha256::new),
        }
    }

    /// Takes the next chunk; returns false once the body is longer than the policy allows: the host may stop reading it then.
    #[must_use]
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        self.seen = self.seen.saturating_add(chunk.len());
        if self.is_too_long() {
            self.text = self.text.take().map(|_| Vec::new());
            return false;
        }
        if let Some(hash) = &mut self.hash {
            hash.update(chunk);
        }
        if let Some(text) = &mut self.text {
            text.extend_from_slice(chunk);
        }
        true
    }

    const fn is_too_long(&self) -> bool {
        self.seen > self.most_bytes
    }

    /// The facts of the whole body.
    ///
    /// # Errors
    /// [`Reason::BodyTooLarge`], [`Reason::BodyMalformed`], [`Reason::LimitExceeded`]
    pub(crate) fn finish(self) -> Result<BodyFacts, Reason> {
        if self.is_too_long() {
            return Err(Reason::BodyTooLarge);
        }
        let call = self.text.as_deref().map(Call::read).transpose()?.flatten();
        Ok(BodyFacts { digest: self.hash.map(Sha256::finish), call })
    }
}

/// The facts of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BodyFacts {
    pub(crate) digest: Option<[u8; 32]>,
    pub(crate) call: Option<Call>,
}

/// A JSON-RPC 2.0 request or notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: Box<str>,
    /// `params.name` of `tools/call`.
    pub(crate) tool: Option<Box<str>>,
}

impl Call {
    /// The request or notification that a body is; `None` for a response, and for an empty body, which calls nothing.
    ///
    /// JSON-RPC 2.0 §6: a batch is an array, which is refused here: one decision is about one call.
    fn read(text: &[u8]) -> Result<Option<Self>, Reason> {
        if text.is_empty() {
            return Ok(None);
        }
        let message = Message::scan(text)?;
        // §4, §5: "MUST be exactly "2.0"".
        if !message.version.and_then(Value::as_string).is_some_and(|version| version.is("2.0")) {
            return Err(Reason::BodyMalformed);
        }
        match message {
            Message { method: Some(method), result: None, error: None, .. } => message.call(method).map(Some),
            Message { method: None, params: None, .. } if message.is_response() => Ok(None),
            _ => Err(Reason::BodyMalformed),
        }
    }
}

/// The members of a JSON-RPC 2.0 message.
#[derive(Default)]
struct Message<'a> {
    version: Option<Value<'a>>,
    id: Option<Value<'a>>,
    method: Option<Value<'a>>,
    params: Option<Value<'a>>,
    result: Option<Value<'a>>,
    error: Option<Value<'a>>,
}

impl<'a> Message<'a> {
    /// A repeated name is refused, and so is one that only differs in case: two readers could take two methods.
    fn scan(text: &'a [u8]) -> Result<Self, Reason> {
        let mut message = Self::default();
        let mut is_plain = true;
        let root = json::scan(text, &mut NameTable::new(0), DocumentKind::Body.budget(), |name, value| {
            let members = [
                ("jsonrpc", &mut message.version),
                ("id", &mut message.id),
                ("method", &mut message.method),
                ("params", &mut message.params),
                ("result", &mut message.result),
                ("error", &mut message.error),
            ];
            for (known, member) in members {
                if name.is(known) {
                    *member = Some(value);
                }
                is_plain &= is_spelled(name, &[known]);
            }
            Ok::<(), JsonError>(())
        });
        let root = root.map_err(|fault| match fault {
            JsonError::Limit { .. } => Reason::LimitExceeded,
            JsonError::Malformed { .. } => Reason::BodyMalformed,
        })?;
        if is_plain && root.as_object().is_some() { Ok(message) } else { Err(Reason::BodyMalformed) }
    }

    /// §4: a request object has `method`, a string, and, unless it is a notification, an `id`; `params` "MUST be a structured value" (§4.2).
    fn call(&self, method: Value<'_>) -> Result<Call, Reason> {
        let method = method.as_string().ok_or(Reason::BodyMalformed)?;
        let is_structured = |value: Value<'_>| value.as_object().is_some() || value.as_array().is_some();
        if !self.id.is_none_or(is_id) || !self.params.is_none_or(is_structured) {
            return Err(Reason::BodyMalformed);
        }
        // A server that folds case or takes white space away would call a tool by another method.
        let is_call = folded(method.chars()).filter(|c| !c.is_whitespace() && !c.is_control()).eq(CALL.chars());
        if method.is_empty() || (is_call && !method.is(CALL)) {
            return Err(Reason::BodyMalformed);
        }
        let tool = if is_call { Some(self.tool()?) } else { None };
        Ok(Call { method: method.to_owned_string().into_boxed_str(), tool })
    }

    /// `params.name` of `tools/call`.
    fn tool(&self) -> Result<Box<str>, Reason> {
        let params = self.params.and_then(Value::as_object).ok_or(Reason::BodyMalformed)?;
        if !params.members().all(|(name, _)| is_spelled(name, &["name", "arguments"])) {
            return Err(Reason::BodyMalformed);
        }
        let name = params.member("name").and_then(Value::as_string).ok_or(Reason::BodyMalformed)?.to_owned_string();
        // It goes into logs, and into header fields.
        let fits = (1..=limits::TOOL_NAME_BYTES).contains(&name.len());
        if !fits || !is_printable(&name) || name.trim() != name {
            return Err(Reason::BodyMalformed);
        }
        Ok(name.into_boxed_str())
    }

    /// §5: "Either the result member or error member MUST be included, but both members MUST NOT be included." MCP: the result is an object,
    /// and an error has no id only where that of the request could not be read (§5: it "MUST be Null").
    fn is_response(&self) -> bool {
        match (self.result, self.error) {
            (Some(result), None) => result.as_object().is_some() && self.id.is_some_and(is_id),
            (None, Some(error)) => is_error(error) && self.id.is_none_or(|id| matches!(id, Value::Null) || is_id(id)),
            _ => false,
        }
    }
}

/// MCP: "Requests MUST include a string or integer ID. Unlike base JSON-RPC, the ID MUST NOT be null."
fn is_id(value: Value<'_>) -> bool {
    value.as_string().is_some() || is_integer(value)
}

/// §5.1: `code` "MUST be an integer", and `message` is a string.
fn is_error(value: Value<'_>) -> bool {
    value.as_object().is_some_and(|error| {
        error.member("code").is_some_and(is_integer) && error.member("message").and_then(Value::as_string).is_some()
    })
}

fn is_integer(value: Value<'_>) -> bool {
    matches!(value, Value::Number(number) if number.text().bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()))
}

/// The method that calls a tool (MCP, `tools/call`).
const CALL: &str = "tools/call";

/// Whether a name is none of `names` in another case: readers that fold case, as Go's `encoding/json` does, would take it for that one.
fn is_spelled(name: JsonString<'_>, names: &[&str]) -> bool {
    names.iter().all(|known| name.is(known) || !folded(name.chars()).eq(known.chars()))
}

/// Characters without their case, the two beyond ASCII that fold to an ASCII letter included.
fn folded(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<(alloc::string::String, Option<alloc::string::String>)>, Reason> {
        let call = Call::read(text.as_bytes())?;
        Ok(call.map(|call| (call.method.into_string(), call.tool.map(str::into_string))))
    }

    #[test]
    fn a_call_names_its_tool() {
        let call =
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search.web","arguments":{"name":"x"}}}"#;
        assert_eq!(read(call), Ok(Some(("tools/call".into(), Some("search.web".into())))));
        let escaped = r#"{"jsonrpc":"2.0","id":1,"\u006dethod":"tools\/call","params":{"n\u0061me":"a"}}"#;
        assert_eq!(read(escaped), Ok(Some(("tools/call".into(), Some("a".into())))));
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#), Ok(Some(("tools/list".into(), None))));
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok(None));
        assert_eq!(read(""), Ok(None));
        for bad in [
            "[]",
            r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call"}]"#,
            "1",
            "{",
            "{}",
            // No JSON-RPC 2.0.
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.00","id":1,"method":"ping"}"#,
            // A request and a response at once, or neither.
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","error":null}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"a"}}"#,
            // Not the id of MCP.
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":""}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["a"]}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"x","params":{"name":"a"}}"#,
            // A reader that folds case would read another call.
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"a"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"a"}}"#,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a\"},\"param\u{17f}\":{\"name\":\"b\"}}",
            r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"a"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call ","params":{"name":"a"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call\u0000","params":{"name":"a"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"","params":{"name":"a"}}"#,
            // Not the name of a tool.
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search.\u202e"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search.\n"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search. "}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        ] {
            assert_eq!(read(bad), Err(Reason::BodyMalformed), "{bad}");
        }
    }

    #[test]
    fn a_name_is_as_long_as_a_pattern_at_most() {
        let call = |length| {
            alloc::format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{}"}}}}"#,
                "a".repeat(length)
            )
        };
        assert!(read(&call(limits::TOOL_NAME_BYTES)).is_ok());
        assert_eq!(read(&call(limits::TOOL_NAME_BYTES + 1)), Err(Reason::BodyMalformed));
    }

    #[test]
    fn a_body_is_read_in_any_chunks_up_to_its_limit() {
        let policy = BodyPolicy { most_bytes: 60, digest: true, tools: Some(Vec::new()) };
        let text = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        for size in 1..=text.len() {
            let mut reader = BodyReader::new(&policy);
            assert!(text.chunks(size).all(|chunk| reader.feed(chunk)));
            let facts = reader.finish().unwrap();
            assert_eq!(facts.digest, Some(crate::crypto::sha256(text)));
            assert_eq!(facts.call.unwrap().method.as_ref(), "tools/list");
        }
        let mut reader = BodyReader::new(&policy);
        assert!(reader.feed(&[b' '; 60]) && !reader.feed(b" "));
        assert_eq!(reader.finish(), Err(Reason::BodyTooLarge));
    }
}
