//! What several specifications share.

pub mod actor;
pub mod confirmation;
pub mod jws;
pub mod pointer;
pub mod presentation;
pub(crate) mod spiffe_ids;
pub mod validity;
