//! Written by `make generate` from the table of token kinds in the core; do not edit.

use countersign::TokenKind;

/// The kind of a token. Numbers are append-only, and the core's own. A newer library may give numbers that are not here.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_token_kind {
    /// No token was accepted.
    None = 0,
    /// A JWT-SVID: `jwt-svid`.
    JwtSvid = 1,
    /// A access token (RFC 9068): `at+jwt`.
    AccessToken = 2,
    /// A JWT: `jwt`.
    Jwt = 3,
    /// A transaction token: `txntoken+jwt`.
    TxnToken = 4,
    /// A introspected token: `introspected`.
    Introspected = 5,
}

impl From<TokenKind> for countersign_token_kind {
    fn from(kind: TokenKind) -> Self {
        match kind {
            TokenKind::JwtSvid => Self::JwtSvid,
            TokenKind::AccessToken => Self::AccessToken,
            TokenKind::Jwt => Self::Jwt,
            TokenKind::TxnToken => Self::TxnToken,
            TokenKind::Introspected => Self::Introspected,
        }
    }
}
