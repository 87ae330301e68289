//! What a decision may have to ask beside the request.

use std::future::Future;
use std::pin::Pin;

use countersign::UseOnce;

/// A future that answers a question.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Answers what a policy asks beside the request: a store of used proofs that several machines share, and issuers that introspect tokens.
///
/// An answer that takes longer than [`Builder::question_time`](crate::Builder::question_time) is none, and without an answer the request is
/// refused. The future is dropped when the client disconnects.
pub trait Questions: Send + Sync {
    /// Looks whether `proof` is used for the first time, and has it remembered in the same atomic step for at least `seconds` (in Valkey or
    /// Redis: `SET proof 1 NX EX seconds`).
    fn use_once<'a>(&'a self, proof: &'a [u8; 32], seconds: u64) -> Asked<'a, UseOnce>;

    /// Asks `issuer` at `uri` about `token` by RFC 7662 §2.1, over TLS: the body of a response with status 200, `None` for anything else.
    ///
    /// `token` is what the client sent, and not yet a valid token: send it in no other place, and write it to no log.
    fn introspect<'a>(&'a self, issuer: &'a str, uri: &'a str, token: &'a [u8]) -> Asked<'a, Option<Vec<u8>>>;
}
