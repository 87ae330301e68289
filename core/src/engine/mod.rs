//! The whole API: a policy document makes an [`Engine`], each thread has a [`Worker`], a request becomes a [`Decision`].

mod audit;
mod challenge;
mod check;
mod decision;
mod replay;
mod request;
mod token;
mod worker;

pub use audit::AuditRecord;
pub use check::{Check, Silent, Trail};
pub use decision::{CacheTier, Decision};
pub use replay::{Replay, ReplayUnavailable};
pub use request::Request;
pub use worker::{Engine, Snapshot, Worker};

#[doc(no_inline)]
pub use crate::policy::{
    AcceptedKind, Binding, Mode, NonceMode, Policy, PolicyDocument, PolicyFault, PolicyIndex, SCHEMA, TrustDocument,
    TrustSource,
};
