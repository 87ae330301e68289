//! The whole API: a policy document makes an [`Engine`], each thread has a [`Worker`], a request becomes a [`Decision`].

mod audit;
mod challenge;
mod check;
mod decision;
mod document;
mod fault;
mod policy;
mod replay;
mod request;
mod token;
mod worker;

pub use audit::AuditRecord;
pub use check::{Check, Silent, Trail};
pub use decision::{CacheTier, Decision};
pub use document::{PolicyDocument, SCHEMA, TrustDocument, TrustSource};
pub use fault::PolicyFault;
pub use policy::{AcceptedKind, Binding, Mode, NonceMode, Policy, PolicyIndex};
pub use replay::{Replay, ReplayNotice, ReplayUnavailable};
pub use request::Request;
pub use worker::{Engine, Snapshot, Worker};
