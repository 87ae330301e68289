//! JOSE and JWT: bytes in, borrowed views out. No keys, no policy, no time.

pub mod algorithm;
pub mod base64url;
pub mod compact;
pub mod header;
pub mod json;
