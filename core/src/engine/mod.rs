//! The engine: a policy document makes an [`Engine`], each thread has a [`Worker`], a request becomes a [`Decision`].

mod attribute;
mod audit;
mod body;
mod challenge;
mod counters;
mod decide;
mod decision;
#[allow(clippy::module_inception)] // the engine is the subject of this folder
mod engine;
mod judge;
mod outcome;
mod pending;
mod replay;
mod state;
mod token;
mod worker;

pub use attribute::{Attribute, AttributeValue};
pub use audit::AuditRecord;
pub use body::BodyReader;
pub use decision::Decision;
pub use engine::Engine;
pub use outcome::CacheTier;
pub use pending::{Answer, Pending, Question, Step, UseOnce};
pub use replay::ReplayNotice;
pub use state::TrustState;
pub use worker::Worker;
