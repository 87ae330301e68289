//! Delegation chains (RFC 8693 §4.1): who acts for the subject.
//!
//! §4.1: "the consumer of a token MUST only consider the token's top-level claims and the party identified as the current
//! actor"; prior actors are history. Does not authorize anybody, and `exp`, `nbf`, `aud` inside `act` have no effect.

use crate::jose::json::{JsonObject, JsonString, Value};
use crate::limits;
use crate::reason::Reason;

/// One actor of a chain, as the token names it.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// `sub`
    pub subject: Option<JsonString<'a>>,
    /// `iss`
    pub issuer: Option<JsonString<'a>>,
}

/// The actors from the current one (outermost) to the first.
pub fn chain<'a>(act: JsonObject<'a>) -> impl Iterator<Item = Actor<'a>> {
    let mut next = Some(act);
    core::iter::from_fn(move || {
        let act = next.take()?;
        next = act.member("act").and_then(Value::as_object);
        let text = |name| act.member(name).and_then(Value::as_string);
        Some(Actor { subject: text("sub"), issuer: text("iss") })
    })
}

/// The actors in the text of an `act` claim that a token carried.
pub fn chain_in(act: &str) -> impl Iterator<Item = Actor<'_>> {
    chain(JsonObject::from_checked(act))
}

/// Every `act` is an object (§4.1) whose `sub` and `iss`, where present, are strings, and the chain is at most
/// [`limits::ACTORS`] long.
///
/// # Errors
/// [`Reason::ClaimType`], [`Reason::LimitExceeded`]
pub fn check(act: JsonObject<'_>) -> Result<(), Reason> {
    let mut next = Some(act);
    let mut actors = 0;
    while let Some(act) = next {
        actors += 1;
        if actors > limits::ACTORS {
            return Err(Reason::LimitExceeded);
        }
        let is_text = |name| act.member(name).is_none_or(|value: Value<'_>| value.as_string().is_some());
        if !is_text("sub") || !is_text("iss") {
            return Err(Reason::ClaimType);
        }
        next = match act.member("act") {
            None => None,
            Some(Value::Object(inner)) => Some(inner),
            Some(_) => return Err(Reason::ClaimType),
        };
    }
    Ok(())
}
