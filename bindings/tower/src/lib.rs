//! A [`tower`](https://docs.rs/tower) layer that decides each request with the engine of the crate [`countersign`]: for servers of axum, tonic
//! and any other [`Service`](tower_service::Service) of `http` requests.
//!
//! A request that the policy accepts reaches the inner service with an [`Identity`] among its extensions. A refused one is answered with the
//! status and the challenges of the decision, a gRPC call with a gRPC status. The policy document is the same as for every other host.
//!
//! ```no_run
//! use std::path::Path;
//! use std::time::Duration;
//!
//! use countersign_tower::{CountersignLayer, EngineHandle, PolicyDocument};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log = |line: &str| eprintln!("{line}");
//! let document = PolicyDocument::parse(&std::fs::read("policy.json")?).map_err(|faults| faults[0].to_string())?;
//! // Keys and bundles are read from files beside the policy, and again when they change.
//! let engine = EngineHandle::start(document, Path::new("."), &mut { log })?;
//! engine.look_every(Duration::from_secs(1), log)?;
//! let layer = CountersignLayer::builder(engine, "default").origin("https://api.example").build()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It terminates no TLS: the server puts a [`ClientCertificate`] among the extensions of each request of the connection, see there. It fetches
//! no document and asks no server: [`Builder::on_refresh`] reports which keys to fetch, and [`Questions`] is where a program asks a shared store
//! or an issuer. It reads no forwarding header.
//!
//! Put it outermost, around the whole router: what runs before it sees the identity headers that the client sent, and a router that strips a
//! prefix changes the URI ([`Builder::original_uri`]).
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod builder;
mod certificate;
mod decider;
mod engine;
mod future;
mod grpc;
mod identity;
mod identity_headers;
mod layer;
mod questions;
mod workers;

pub use body::RequestBody;
pub use builder::{Builder, SettingsError, SettingsFault};
pub use certificate::ClientCertificate;
pub use engine::{EngineHandle, StartError};
pub use future::ResponseFuture;
pub use identity::{CredentialIdentity, Identity};
pub use layer::{CountersignLayer, CountersignService};
pub use questions::{Asked, Questions};

#[doc(no_inline)]
pub use countersign::{Attribute, Decision, PolicyDocument, UseOnce};
#[doc(no_inline)]
pub use countersign_reload::{RevocationDocument, SharedEngine};
