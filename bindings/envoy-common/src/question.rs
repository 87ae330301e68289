//! How a question of a decision is asked over HTTP, and what an answer says.
//!
//! The store that several proxies share is asked by `POST` with the fields `countersign-proof` (base64url) and `countersign-seconds`. It
//! remembers the proof for at least that long, in the step in which it looks, and answers 201 for one that it did not know, 409 for one that
//! it knew. An issuer is asked as RFC 7662 §2.1 says. Any other answer is none.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use countersign::internal::jose::base64url;
use countersign::internal::specs::common::presentation::Credential;
use countersign::{Answer, HeaderField, Question, UseOnce};

use crate::host::Stream;
use crate::settings::{Endpoint, Settings};

/// The longest answer of an issuer, in bytes.
pub const ANSWER_BYTES: usize = 64 * 1024;

/// A request to a server.
#[derive(Debug)]
pub struct Call<'s> {
    /// Through which cluster, and for how long.
    pub endpoint: &'s Endpoint,
    /// Its header fields, the pseudo-header fields first.
    pub fields: Vec<(&'s str, Cow<'s, str>)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// The call that `question` about the request of `stream` is asked by; `None` for one that no server is asked.
#[must_use]
pub fn call<'s>(settings: &'s Settings, question: Question<'_>, stream: &impl Stream) -> Option<Call<'s>> {
    let (endpoint, own, body) = match question {
        Question::UseOnce { proof, seconds } => {
            let proof = String::from_utf8_lossy(&base64url::encode_array_32(proof)).into_owned();
            let own =
                [("countersign-proof", Cow::Owned(proof)), ("countersign-seconds", Cow::Owned(seconds.to_string()))];
            (settings.questions.store.as_ref()?, own, Vec::new())
        }
        Question::Introspect { .. } => {
            let (Some(value), 1) = stream.header("authorization") else { return None };
            let credential = Credential::read(HeaderField::One(value), b"").ok()?;
            let own = [
                ("content-type", Cow::Borrowed("application/x-www-form-urlencoded")),
                ("accept", Cow::Borrowed("application/json")),
            ];
            (settings.questions.introspection.as_ref()?, own, form(credential.token))
        }
        Question::Body { .. } => return None,
    };
    let mut fields = Vec::with_capacity(8);
    fields.push((":method", Cow::Borrowed("POST")));
    fields.push((":path", Cow::Borrowed(endpoint.path.as_str())));
    fields.push((":authority", Cow::Borrowed(endpoint.authority.as_str())));
    fields.extend(own);
    fields.push(("content-length", Cow::Owned(body.len().to_string())));
    fields.extend(endpoint.fields.iter().map(|(name, value)| (name.as_str(), Cow::Borrowed(value.as_str()))));
    Some(Call { endpoint, fields, body })
}

/// The answer to `question` by a response with this status and body, or by none.
#[must_use]
pub fn answer<'a>(question: Question<'_>, response: Option<(&[u8], &'a [u8])>) -> Answer<'a> {
    match question {
        Question::UseOnce { .. } => Answer::UseOnce(match response {
            Some((b"201", _)) => UseOnce::First,
            Some((b"409", _)) => UseOnce::Used,
            _ => UseOnce::Unavailable,
        }),
        Question::Introspect { .. } | Question::Body { .. } => match response {
            Some((b"200", body)) if body.len() <= ANSWER_BYTES => Answer::Introspected(body),
            _ => Answer::IntrospectionFailed,
        },
    }
}

/// `token=` and the token, percent-encoded as a form is.
fn form(token: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |four: u8| DIGITS.get(usize::from(four)).copied().unwrap_or_default();
    let mut form = b"token=".to_vec();
    for byte in token {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            form.push(*byte);
        } else {
            form.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_value_of_a_form() {
        assert_eq!(form(b"aZ9-._~"), b"token=aZ9-._~");
        assert_eq!(form(b"a+b/c=&d e\xff"), b"token=a%2Bb%2Fc%3D%26d%20e%FF");
    }

    #[test]
    fn an_answer_is_one_of_the_protocol() {
        let proof = [7; 32];
        let question = Question::UseOnce { proof: &proof, seconds: 5 };
        let said = |status: Option<&'static [u8]>| match answer(question, status.map(|status| (status, &b""[..]))) {
            Answer::UseOnce(said) => said,
            other => panic!("{other:?}"),
        };
        assert_eq!((said(Some(b"201")), said(Some(b"409"))), (UseOnce::First, UseOnce::Used));
        for status in [None, Some(&b"200"[..]), Some(b"204"), Some(b"404"), Some(b"503"), Some(b"2011"), Some(b"")] {
            assert_eq!(said(status), UseOnce::Unavailable, "{status:?}");
        }
    }
}
