//! Delegation chains (RFC 8693 §4.1): who acts for the subject.
//!
//! §4.1: "the consumer of a token MUST only consider the token's top-level claims and the party identified as the current
//! actor"; prior actors are history. Does not authorize any actor, and `exp`, `nbf`, `aud` inside `act` have no effect.

use crate::jose::json::{JsonObject, JsonString, Value};
use crate::limits;
use crate::reason::Reason;
use crate::specs::claims::string;

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
/// [`limits::ACTORS`] long. Gives the current actor's `sub`.
///
/// Walks over each level once: a client pays for a chain with no more than its bytes.
///
/// # Errors
/// [`Reason::ClaimInvalid`], [`Reason::LimitExceeded`]
pub fn check(act: JsonObject<'_>) -> Result<Option<JsonString<'_>>, Reason> {
    let mut current = None;
    let mut next = Some(act);
    let mut actors = 0;
    while let Some(act) = next.take() {
        actors += 1;
        if actors > limits::ACTORS {
            return Err(Reason::LimitExceeded);
        }
        for (name, value) in act.members() {
            match name.text(&mut [0; 3]).unwrap_or_default() {
                "sub" if actors == 1 => current = Some(string(value)?),
                "sub" | "iss" => _ = string(value)?,
                "act" => next = Some(value.as_object().ok_or(Reason::ClaimInvalid)?),
                _ => {}
            }
        }
    }
    Ok(current)
}
