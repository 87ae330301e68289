//! The command `countersign`: decide, explain, inspect, lint, and what helps with them.
#![forbid(unsafe_code)]

mod cause;
mod certificate;
mod decide;
mod demo;
mod explain;
mod failure;
mod files;
mod input;
mod inspect;
mod jwk_member;
mod lines;
mod lint;
mod moment;
mod output;
mod policy;
mod printable;
mod reasons;
mod report;
mod session;
mod style;
mod thumbprint;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::{Outcome, Verdict};

/// Validates JWT-SVIDs, OAuth access tokens, DPoP proofs and certificate-bound tokens.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, after_help = EXIT_CODES, subcommand_required = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done; for explain: accepted
  1  refused, or something was found
  2  wrong usage, a bad policy, or input that cannot be what the command needs
  3  a file or stream could not be read or written";

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge a stream of requests: one JSON object a line in, one out
    ///
    /// A request:
    ///   {"id":"1","policy":"default","method":"GET","uri":"https://api.example/orders",
    ///    "headers":[["authorization","DPoP eyJ..."],["dpop","eyJ..."]],"client_cert":null,"now":1800000000}
    /// id, policy, client_cert (base64 of DER) and now may be absent. Without policy, the one called default judges, or
    /// the only one.
    ///
    /// Lines that change keys or revocations between requests:
    ///   {"trust":{"trust_domain":"example.org","document":{"keys":[...]}}}    or "issuer"
    ///   {"revoke":{"authorities":[{"issuer":"https://as.example","tokens":["jti"]}]}}
    /// A revocation adds to those in use. Files of the policy's trust sources, and of --revocations, are read again
    /// when they change; one that is faulty leaves the last good one in use.
    ///
    /// A line that cannot be used is answered by {"id","line","error"}, and the stream goes on.
    #[command(verbatim_doc_comment, after_help = DECIDE_EXAMPLES)]
    Decide(decide::DecideArgs),

    /// Judge one request and show every check with the rule that it comes from
    ///
    /// Never shows a byte of a token or proof: its output may be logged.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(explain::ExplainArgs),

    /// Show what a token or certificate says, without verifying it
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(inspect::InspectArgs),

    /// Find faults in a policy, a SPIFFE bundle or a JWK set
    ///
    /// For key sets it lists the keys that are dropped, with the reasons. Faults give exit code 1; warnings do not, but for --strict.
    #[command(after_help = LINT_EXAMPLES)]
    Lint(lint::LintArgs),

    /// Write policies: presets written out, and what another filter had
    #[command(subcommand)]
    Policy(policy::PolicyCommand),

    /// Make an issuer, a client and their keys in memory, and try every classic attack
    ///
    /// Each decision is compared with the one that is right; if one differs, the exit code is 1.
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(demo::DemoArgs),

    /// Print the JSON Schema of the policy document
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,

    /// Sum up audit records: who still comes unbound, and what expires next
    ///
    /// Counts requests with tokens that are not bound to a key or certificate, by issuer, client and policy, and lists the certificates and
    /// documents that expire next.
    #[command(after_help = REPORT_EXAMPLES)]
    Report(report::ReportArgs),

    /// Print the thumbprint of a JWK (RFC 7638), of each key of a set, or of a certificate (x5t#S256)
    #[command(after_help = THUMBPRINT_EXAMPLES)]
    Thumbprint(thumbprint::ThumbprintArgs),

    /// Print every reason of a refusal
    #[command(after_help = REASONS_EXAMPLES)]
    Reasons(reasons::ReasonsArgs),

    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

const DECIDE_EXAMPLES: &str = "\
Examples:
  countersign decide --policy policy.json < requests.ndjson > decisions.ndjson
  countersign decide --policy policy.json --now 1800000000 --format text < requests.ndjson

Exit codes: 0 at the end of the stream, whatever was decided; 2 for a bad policy; 3 for a file that cannot be read";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  countersign explain --policy policy.json < request.json
  countersign explain --policy policy.json --request request.json --again --json

Exit codes: 0 accepted; 1 refused; 2 for a bad policy or request; 3 for a file that cannot be read";

const INSPECT_EXAMPLES: &str = "\
Examples:
  countersign inspect eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln
  pbpaste | countersign inspect --json
  countersign inspect --certificate client.pem

Exit codes: 0 readable; 1 for a token whose form would be refused; 2 for what is no token or certificate; 3 for a file
that cannot be read";

const LINT_EXAMPLES: &str = "\
Examples:
  countersign lint policy.json
  countersign lint --kind bundle trust/example.org.json
  curl -s https://as.example/jwks | countersign lint --json

Exit codes: 0 without faults; 1 with some; 2 for a document of no kind; 3 for a file that cannot be read";

const DEMO_EXAMPLES: &str = "\
Examples:
  countersign demo
  countersign demo --json

Exit codes: 0 if every decision is the right one; 1 if not";

const REPORT_EXAMPLES: &str = "\
Examples:
  countersign report --policy policy.json < audit.ndjson
  countersign report --certificate /etc/ssl/server.pem --json access.log

Exit codes: 0; 2 for a bad policy or certificate; 3 for a file that cannot be read";

const SCHEMA_EXAMPLES: &str = "\
Example:
  countersign schema > policy.schema.json

Exit code: 0";

const THUMBPRINT_EXAMPLES: &str = "\
Examples:
  countersign thumbprint key.jwk
  countersign thumbprint client.pem
  curl -s https://as.example/jwks | countersign thumbprint

Exit codes: 0; 1 if some key of a set has none; 2 for what is neither key nor certificate; 3 for a file that cannot be
read";

const REASONS_EXAMPLES: &str = "\
Examples:
  countersign reasons
  countersign reasons --markdown

Exit code: 0";

const COMPLETIONS_EXAMPLES: &str = "\
Example:
  countersign completions bash > /etc/bash_completion.d/countersign

Exit code: 0";

fn main() -> ExitCode {
    failure::finish(run(&Cli::parse().command))
}

fn run(command: &Command) -> Outcome {
    match command {
        Command::Decide(args) => decide::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Lint(args) => lint::run(args),
        Command::Policy(command) => policy::run(command),
        Command::Demo(args) => demo::run(args),
        Command::Report(args) => report::run(args),
        Command::Thumbprint(args) => thumbprint::run(args),
        Command::Reasons(args) => reasons::run(args),
        Command::Schema => {
            style::print_plain(countersign::POLICY_SCHEMA.as_bytes())?;
            Ok(Verdict::Good)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "countersign", &mut script);
            style::print_plain(&script)?;
            Ok(Verdict::Good)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
