//! The JSON Schema of the policy document, for editors and for reviews before a rollout.

/// The published JSON Schema of the document (draft 2020-12).
pub const POLICY_SCHEMA: &str = include_str!("../../policy.schema.json");
