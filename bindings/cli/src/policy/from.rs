//! `countersign policy from`: a policy from the configuration of Envoy's jwt_authn filter.

use std::path::PathBuf;

use clap::Args;
use countersign::PolicyDocument;

use super::{jwt_authn, yaml};
use crate::failure::{self, Failure, Outcome, Verdict};
use crate::files;
use crate::printable::printable;
use crate::style;

/// A bootstrap of a large mesh has some megabytes.
const MOST_BYTES: usize = 8 * 1024 * 1024;

#[derive(Args, Debug)]
pub(crate) struct FromArgs {
    /// The configuration, YAML or JSON; standard input if absent
    file: Option<PathBuf>,

    /// The audience of providers that name none: jwt_authn then accepts tokens for any audience
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
}

pub(crate) fn run(args: &FromArgs) -> Outcome {
    let text = files::need_or_stdin(args.file.as_deref(), MOST_BYTES)?;
    let text = String::from_utf8(text).map_err(|_| Failure::unusable("the configuration is not UTF-8"))?;
    let documents = yaml::documents(&text).map_err(|fault| Failure::unusable(printable(&fault)))?;
    let translated = jwt_authn::translated(&documents, &args.audience).map_err(Failure::unusable)?;
    let mut policy =
        serde_json::to_string_pretty(&translated.policy).map_err(|fault| Failure::unusable(fault.to_string()))?;
    policy.push('\n');
    if let Err(faults) = PolicyDocument::parse(policy.as_bytes()) {
        return Err(Failure::Unusable(faults.iter().map(ToString::to_string).collect()));
    }
    style::print_plain(policy.as_bytes())?;
    for note in &translated.notes {
        failure::complain(&format!("{}: {}", note.at, note.text));
    }
    Ok(Verdict::of(translated.notes.iter().all(|note| note.is_advice)))
}
