//! The questions of a decision that waits.

/// What a decision waits for.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_question {
    /// Nothing: there is no such decision.
    None = 0,
    /// Whether a proof is used for the first time, which a store that several machines share knows.
    UseOnce = 1,
    /// What the issuer of a token that only it can read answers about it (RFC 7662).
    Introspect = 2,
    /// The body of the request.
    Body = 3,
}
