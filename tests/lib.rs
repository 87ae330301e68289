//! What the conformance tests share: an issuer with fixed keys, the decision corpus, and a runner that drives the engine.

pub mod corpus;
pub mod issuer;
pub mod request;
pub mod runner;
pub mod vector;
