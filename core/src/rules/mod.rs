//! One file per specification; in each, the checks in the specification's order.

pub mod access_token;
pub mod actor;
pub mod dpop;
pub mod facts;
pub mod jws;
pub mod jwt;
pub mod jwt_svid;
pub mod mtls;
pub mod nonce;
pub mod presentation;
pub(crate) mod spiffe_ids;
pub mod validity;
