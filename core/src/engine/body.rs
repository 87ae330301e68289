//! The body of a request, read in the chunks in which a host has it: its digest, and which tool a JSON-RPC call names.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::crypto::Sha256;
use crate::document::DocumentKind;
use crate::jose::json::{self, JsonFault, JsonString, NameTable, Value};
use crate::limits;
use crate::policy::BodyPolicy;
use crate::printable::is_printable;
use crate::reason::Reason;

/// Takes a body in chunks and never holds more of it than the policy's `body_bytes`.
///
/// Keeps no byte of it where only the digest is asked for. Does not check `Content-Length` or `Content-Type`: what is judged is what the
/// upstream gets, so the host must pass on these very bytes.
pub struct BodyReader {
    most_bytes: usize,
    seen: usize,
    /// Where a tool is asked for.
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

    /// What the whole body says.
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

/// What a body says.
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
    /// JSON-RPC 2.0 §4: a request object has `method`, a string; a response (§5) has none. §6: a batch is an array, which is refused
    /// here: one decision is about one call. An empty body calls nothing.
    fn read(text: &[u8]) -> Result<Option<Self>, Reason> {
        if text.is_empty() {
            return Ok(None);
        }
        let (mut method, mut params, mut is_plain) = (None, None, true);
        // A repeated name is refused, and so is one that only differs in case: two readers could take two methods.
        let root = json::scan(text, &mut NameTable::new(0), DocumentKind::Body.budget(), |name, value| {
            is_plain &= is_spelled(name, &["jsonrpc", "id", "method", "params", "result", "error"]);
            if name.is("method") {
                method = Some(value);
            } else if name.is("params") {
                params = Some(value);
            }
            Ok::<(), JsonFault>(())
        });
        root.map_err(|fault| match fault {
            JsonFault::Limit { .. } => Reason::LimitExceeded,
            JsonFault::Malformed { .. } => Reason::BodyMalformed,
        })?
        .as_object()
        .ok_or(Reason::BodyMalformed)?;
        if !is_plain {
            return Err(Reason::BodyMalformed);
        }
        let Some(method) = method else { return Ok(None) };
        let method = method.as_string().ok_or(Reason::BodyMalformed)?;
        // A server that folds case or takes white space away would call a tool by another method.
        let is_call = folded(method.chars()).filter(|c| !c.is_whitespace() && !c.is_control()).eq(CALL.chars());
        if method.is_empty() || (is_call && !method.is(CALL)) {
            return Err(Reason::BodyMalformed);
        }
        let tool = if is_call {
            let params = params.and_then(Value::as_object).ok_or(Reason::BodyMalformed)?;
            if !params.members().all(|(name, _)| is_spelled(name, &["name", "arguments"])) {
                return Err(Reason::BodyMalformed);
            }
            let name = params.member("name").and_then(Value::as_string).ok_or(Reason::BodyMalformed)?.to_owned_string();
            // It goes into logs, and into header fields.
            let fits = (1..=limits::TOOL_NAME_BYTES).contains(&name.len());
            if !fits || !is_printable(&name) || name.trim() != name {
                return Err(Reason::BodyMalformed);
            }
            Some(name.into_boxed_str())
        } else {
            None
        };
        let method = method.to_owned_string();
        Ok(Some(Self { method: method.into_boxed_str(), tool }))
    }
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
        let escaped = r#"{"\u006dethod":"tools\/call","params":{"n\u0061me":"a"}}"#;
        assert_eq!(read(escaped), Ok(Some(("tools/call".into(), Some("a".into())))));
        assert_eq!(read(r#"{"method":"tools/list"}"#), Ok(Some(("tools/list".into(), None))));
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok(None));
        assert_eq!(read(""), Ok(None));
        for bad in [
            "[]",
            r#"[{"method":"tools/call"}]"#,
            "1",
            "{",
            r#"{"method":1}"#,
            r#"{"method":"tools/call"}"#,
            r#"{"method":"tools/call","params":{"name":""}}"#,
            r#"{"method":"tools/call","params":["a"]}"#,
            r#"{"method":"tools/call","method":"x","params":{"name":"a"}}"#,
            // A reader that folds case would read another call.
            r#"{"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
            r#"{"METHOD":"tools/call","params":{"name":"a"}}"#,
            r#"{"method":"ping","Method":"tools/call","params":{"name":"a"}}"#,
            "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\"},\"param\u{17f}\":{\"name\":\"b\"}}",
            r#"{"method":"Tools/Call","params":{"name":"a"}}"#,
            r#"{"method":"tools/call ","params":{"name":"a"}}"#,
            r#"{"method":"tools/call\u0000","params":{"name":"a"}}"#,
            r#"{"method":"","params":{"name":"a"}}"#,
            // Not the name of a tool.
            r#"{"method":"tools/call","params":{"name":"search.\u202e"}}"#,
            r#"{"method":"tools/call","params":{"name":"search.\n"}}"#,
            r#"{"method":"tools/call","params":{"name":"search. "}}"#,
            r#"{"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        ] {
            assert_eq!(read(bad), Err(Reason::BodyMalformed), "{bad}");
        }
    }

    #[test]
    fn a_name_is_as_long_as_a_pattern_at_most() {
        let call = |length| alloc::format!(r#"{{"method":"tools/call","params":{{"name":"{}"}}}}"#, "a".repeat(length));
        assert!(read(&call(limits::TOOL_NAME_BYTES)).is_ok());
        assert_eq!(read(&call(limits::TOOL_NAME_BYTES + 1)), Err(Reason::BodyMalformed));
    }

    #[test]
    fn a_body_is_read_in_any_chunks_up_to_its_limit() {
        let policy = BodyPolicy { most_bytes: 40, digest: true, tools: Some(Vec::new()) };
        let text = br#"{"method":"tools/list"}"#;
        for size in 1..=text.len() {
            let mut reader = BodyReader::new(&policy);
            assert!(text.chunks(size).all(|chunk| reader.feed(chunk)));
            let facts = reader.finish().unwrap();
            assert_eq!(facts.digest, Some(crate::crypto::sha256(text)));
            assert_eq!(facts.call.unwrap().method.as_ref(), "tools/list");
        }
        let mut reader = BodyReader::new(&policy);
        assert!(reader.feed(&[b' '; 40]) && !reader.feed(b" "));
        assert_eq!(reader.finish(), Err(Reason::BodyTooLarge));
    }
}
