//! The `cnf` claim (RFC 7800 §3.1): which key the bearer of a token must prove to hold.

use crate::jose::base64url;
use crate::jose::json::{JsonObject, Value};
use crate::reason::Reason;

/// The key and the certificate that a token is bound to by its `cnf`; owned thumbprints, or borrowed where `T` is a reference.
///
/// Does not check any proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirmation<T = [u8; 32]> {
    /// `jkt`: the SHA-256 thumbprint of a DPoP key (RFC 9449 §6.1).
    pub key_thumbprint: Option<T>,
    /// `x5t#S256`: the SHA-256 of a client certificate in DER (RFC 8705 §3.1).
    pub certificate_thumbprint: Option<T>,
    /// Why `cnf` cannot be enforced; such a token is refused.
    pub(crate) unenforceable: Option<Unenforceable>,
}

/// Why a `cnf` cannot be enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unenforceable {
    /// It has no supported method: accepting it would treat the token as an unbound one.
    Unsupported,
    /// It has several key representations.
    Ambiguous,
}

impl<T> Confirmation<T> {
    /// What binds the token, in one word for logs and upstreams: `none`, `dpop`, `mtls` or `dpop+mtls`.
    #[must_use]
    pub const fn binding_name(&self) -> &'static str {
        match (self.key_thumbprint.is_some(), self.certificate_thumbprint.is_some()) {
            (false, false) => "none",
            (true, false) => "dpop",
            (false, true) => "mtls",
            (true, true) => "dpop+mtls",
        }
    }

    /// Whether the token is bound to anything.
    #[must_use]
    pub const fn is_bound(&self) -> bool {
        self.key_thumbprint.is_some() || self.certificate_thumbprint.is_some() || self.unenforceable.is_some()
    }
}

impl Confirmation {
    /// Reads `cnf`. It may have both methods; then both are required.
    ///
    /// # Errors
    /// [`Reason::ClaimInvalid`] for a thumbprint that is not 32 bytes in 43 characters of base64url: hexadecimal, padding and
    /// SHA-1 all end here (RFC 8705 §3.1: "omitting all trailing pad '=' characters").
    #[doc(hidden)]
    pub fn read(cnf: JsonObject<'_>) -> Result<Self, Reason> {
        let mut confirmation = Self::default();
        let mut other_keys = 0;
        for (name, value) in cnf.members() {
            if name.is("jkt") {
                confirmation.key_thumbprint = Some(thumbprint(value)?);
            } else if name.is("x5t#S256") {
                confirmation.certificate_thumbprint = Some(thumbprint(value)?);
            } else if ["jwk", "jwe", "jku", "kid"].into_iter().any(|key| name.is(key)) {
                // RFC 7800 §3.5: `kid` may be beside `jku`, to choose a key in that set.
                other_keys += usize::from(!name.is("kid"));
            }
            // RFC 7800 §3.1: "applications should require that all members that are not understood be ignored".
        }
        let ours = confirmation.key_thumbprint.is_some() || confirmation.certificate_thumbprint.is_some();
        confirmation.unenforceable = match (ours, other_keys) {
            (true, 0) => None,
            // RFC 7800 §3.1: "The 'cnf' claim value MUST represent only a single proof-of-possession key".
            (true, _) | (false, 2..) => Some(Unenforceable::Ambiguous),
            (false, _) => Some(Unenforceable::Unsupported),
        };
        Ok(confirmation)
    }
}

fn thumbprint(value: Value<'_>) -> Result<[u8; 32], Reason> {
    let text = value.as_string().ok_or(Reason::ClaimInvalid)?;
    let mut unescaped = [0; 43];
    let length = text.unescape(&mut unescaped).ok_or(Reason::ClaimInvalid)?;
    unescaped.get(..length).and_then(base64url::decode_array::<32>).ok_or(Reason::ClaimInvalid)
}
