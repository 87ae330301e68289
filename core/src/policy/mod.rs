//! The policy document: one JSON text, the same for every host, becomes the policies that the engine enforces.
//!
//! [`PolicyDocument::parse`] reports every fault of a document at once, each with its JSON pointer, the value found and the value expected.
//! [`reader`] is the JSON reader behind it; hosts read their settings and revocations with it, so all report faults in one form.

mod accept;
mod body;
mod challenge;
mod condition;
mod credential;
mod document;
mod dpop;
mod memory;
mod pointer;
#[cfg(feature = "presets")]
pub mod preset;
mod read;
pub mod reader;
mod route;
mod schema;
mod svid;
mod trust;

pub use body::{BodyPolicy, ToolPattern};
pub use condition::Condition;
pub use document::PolicyDocument;
pub use reader::PolicyError;
pub use route::{AcceptedKind, Binding, CredentialLocation, CredentialPolicy, Mode, Policy, PolicyIndex, SharedReplay};
pub use schema::POLICY_SCHEMA;
pub use trust::{BundleMap, BundleMapIndex, Introspection, KeySources, TrustDocument, TrustSource};
