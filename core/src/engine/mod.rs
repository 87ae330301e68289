//! The whole API: a policy document makes an [`Engine`], each thread has a [`Worker`], a request becomes a [`Decision`].

mod audit;
mod body;
mod challenge;
mod counters;
mod decision;
mod document;
mod fault;
mod pending;
mod policy;
mod token;
mod worker;

pub use audit::AuditRecord;
pub use body::{BodyReader, ToolPattern};
pub use decision::{CacheTier, Decision};
pub use document::{Introspection, PolicyDocument, SCHEMA, TrustDocument, TrustSource};
pub use fault::PolicyFault;
pub use pending::{Answer, Pending, Question, Step, UseOnce};
pub use policy::{AcceptedKind, Binding, BodyPolicy, CredentialPolicy, From, Mode, Policy, PolicyIndex, SharedReplay};
pub use worker::{Engine, Snapshot, Worker};

pub use crate::memory::replay::{Replay, ReplayUnavailable};
pub use crate::request::{HeaderFields, Request};
pub use crate::specs::check::{Check, Silent, Trail};
pub use crate::specs::dpop::NonceMode;
