//! The lines of the input stream: strict types, and errors that never repeat a byte of the input.

use countersign_reload::json_document::{self, describe, utf8};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// One line of the stream.
#[derive(Debug)]
pub(crate) enum Line<'a> {
    Request(Box<RequestLine>),
    Trust(TrustLine<'a>),
    Revoke(RevokeLine<'a>),
}

/// One request to judge.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestLine {
    pub(crate) id: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) method: String,
    pub(crate) uri: String,
    /// All fields in order, repeated ones too. Their bytes are those of the strings in UTF-8.
    pub(crate) headers: Vec<(String, String)>,
    /// Standard base64 of the certificate in DER.
    pub(crate) client_cert: Option<String>,
    pub(crate) now: Option<u64>,
    /// The host's answers to the engine's questions, in their order.
    #[serde(default)]
    pub(crate) answers: Vec<AnswerLine>,
}

/// The answer to one question of the engine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnswerLine {
    /// Of the shared store, about a proof.
    UseOnce(StoreWord),
    /// Of an introspection endpoint: JSON, or in a string the text of its response.
    Introspected(Box<RawValue>),
    /// The introspection endpoint did not answer.
    Introspection(FailedWord),
    /// The body of the request.
    Body(String),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoreWord {
    First,
    Used,
    Unavailable,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailedWord {
    Failed,
}

/// A new document for one trust domain or issuer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustLine<'a> {
    pub(crate) id: Option<String>,
    pub(crate) now: Option<u64>,
    #[serde(borrow)]
    pub(crate) trust: TrustPush<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustPush<'a> {
    pub(crate) trust_domain: Option<String>,
    pub(crate) issuer: Option<String>,
    #[serde(borrow)]
    pub(crate) document: &'a RawValue,
}

/// More revocations, in addition to the current ones.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeLine<'a> {
    pub(crate) id: Option<String>,
    /// Taken for symmetry with the other lines; revocations do not depend on the time at which they are read.
    #[serde(rename = "now")]
    pub(crate) _now: Option<u64>,
    #[serde(borrow)]
    pub(crate) revoke: &'a RawValue,
}

/// A line that cannot be used.
#[derive(Debug)]
pub(crate) struct InputError {
    /// Its `id`, where that could be read.
    pub(crate) id: Option<String>,
    pub(crate) message: String,
}

/// The members of a line that show its kind, and its `id` for an error.
#[derive(Debug, Default, Deserialize)]
struct Glimpse {
    id: Option<TextOrOther>,
    trust: Option<IgnoredAny>,
    revoke: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum TextOrOther {
    Text(String),
    Other(IgnoredAny),
}

/// Reads one line.
pub(crate) fn read_line(bytes: &[u8]) -> Result<Line<'_>, InputError> {
    let text = utf8(bytes).map_err(|message| InputError { id: None, message })?;
    let error = match serde_json::from_str(text) {
        Ok(request) => return Ok(Line::Request(Box::new(request))),
        Err(error) => error,
    };
    let glimpse: Glimpse = serde_json::from_str(text).unwrap_or_default();
    let line = if glimpse.trust.is_some() {
        serde_json::from_str(text).map(Line::Trust)
    } else if glimpse.revoke.is_some() {
        serde_json::from_str(text).map(Line::Revoke)
    } else {
        Err(error)
    };
    line.map_err(|error| {
        let id = match glimpse.id {
            Some(TextOrOther::Text(id)) => Some(id),
            Some(TextOrOther::Other(_)) | None => None,
        };
        InputError { id, message: describe(&error) }
    })
}

/// Reads one request alone, on any number of lines.
pub(crate) fn read_request(bytes: &[u8]) -> Result<RequestLine, String> {
    json_document::read(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "eyJzZWNyZXQi, expected eyJ";

    #[test]
    fn errors_repeat_no_byte_of_the_input() {
        let lines = [
            format!(r#"{{"{SECRET}":1}}"#),
            format!(r#"{{"method":"{SECRET}","uri":1,"headers":[]}}"#),
            format!(r#"{{"method":"GET","uri":"/","headers":"{SECRET}"}}"#),
            format!(r#"{{"method":"GET","uri":"/","headers":[["a","{SECRET}","c"]]}}"#),
            format!(r#"{{"method":"GET","uri":"/","headers":[["a"]],"now":"{SECRET}"}}"#),
            format!(r#"{{"revoke":{{}},"{SECRET}":1}}"#),
            format!(r#"{{"trust":{{"issuer":["{SECRET}"],"document":{{}}}}}}"#),
            format!(r#"{{"trust":"{SECRET}"}}"#),
            format!(r#""{SECRET}""#),
            SECRET.to_owned(),
        ];
        for line in lines {
            let error = read_line(line.as_bytes()).unwrap_err();
            assert!(!error.message.contains("eyJ"), "{line}: {}", error.message);
            assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn the_id_is_found_where_it_can_be() {
        let id = |line: &str| read_line(line.as_bytes()).unwrap_err().id;
        assert_eq!(id(r#"{"id":"a","method":1}"#).as_deref(), Some("a"));
        assert_eq!(id(r#"{"method":1,"id":"a"}"#).as_deref(), Some("a"));
        assert_eq!(id(r#"{"id":7}"#), None);
        assert_eq!(id(r#"{"id":"a","#), None);
        assert_eq!(id(r#"{"id":"a","id":"b"}"#), None);
    }
}
