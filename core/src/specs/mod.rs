//! One file a specification, one row of a table each; in each file, the checks in the specification's order.
//!
//! | table | a row is | in |
//! |---|---|---|
//! | [`profile`] | a kind of token | one file here: [`jwt_svid`], [`access_token`], [`jwt`], [`txn_token`], [`introspection`] |
//! | [`proof`] | a method that proves possession | one file here: [`dpop`], [`mtls`] |
//! | [`claims`] | a claim that readers know, and whether the record keeps it | [`claims`] |
//! | [`check`] | a step of a decision | [`check`] |
//!
//! `common` holds what several rows share.

pub mod check;
pub mod claims;
pub mod common;
pub mod profile;
pub mod proof;
pub(crate) mod row;
pub(crate) mod settings;

pub mod access_token;
pub mod introspection;
pub mod jwt;
pub mod jwt_svid;
pub mod txn_token;

pub mod dpop;
pub mod mtls;
pub mod nonce;
