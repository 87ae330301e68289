//! `countersign policy`: policies that are written by the command.

mod expand;
mod from;
mod jwt_authn;
mod yaml;

use clap::Subcommand;

use crate::failure::Outcome;

pub(crate) use expand::expanded;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Write out the presets of a policy
    ///
    /// Prints the document with the settings that each preset stands for in its place; everything else stays byte for byte. A policy that
    /// is written out is the same in every version, and in the proxy-wasm filter, which has no presets.
    #[command(after_help = EXPAND_EXAMPLES)]
    Expand(expand::ExpandArgs),

    /// Write a policy from the configuration of Envoy's jwt_authn filter
    ///
    /// Reads YAML or JSON: the filter's configuration, or anything that has it inside, such as a bootstrap or what Istio and Envoy Gateway
    /// give to Envoy. The policy goes to standard output. What it could not carry over goes to standard error, a line for each, with its
    /// path in the configuration and what to do.
    #[command(after_help = FROM_EXAMPLES)]
    From(from::FromArgs),
}

const EXPAND_EXAMPLES: &str = "\
Examples:
  countersign policy expand policy.json > expanded.json

Exit codes: 0; 2 for a bad policy; 3 for a file that cannot be read";

const FROM_EXAMPLES: &str = "\
Examples:
  countersign policy from envoy.yaml > policy.json
  countersign policy from --audience https://api.example jwt_authn.yaml

Exit codes: 0 if everything was carried over; 1 if something was not; 2 for what is no such configuration; 3 for a file
that cannot be read";

pub(crate) fn run(command: &PolicyCommand) -> Outcome {
    match command {
        PolicyCommand::Expand(args) => expand::run(args),
        PolicyCommand::From(args) => from::run(args),
    }
}
