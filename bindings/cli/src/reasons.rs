//! `countersign reasons`: every reason of a refusal, out of the engine's own table.

use std::fmt::Write;

use clap::Args;
use countersign::{ChallengeError, Reason};

use crate::failure::{Outcome, Verdict};
use crate::style::{self, FAINT, HEADING, styled};

#[derive(Args, Debug)]
pub(crate) struct ReasonsArgs {
    /// A Markdown table, as in docs/reasons.md
    #[arg(long, conflicts_with = "tsv")]
    markdown: bool,

    /// Tab-separated values with a heading
    #[arg(long)]
    tsv: bool,
}

pub(crate) fn run(args: &ReasonsArgs) -> Outcome {
    let mut text = String::new();
    if args.markdown {
        text += "| number | reason | status | challenge | meaning |\n|---|---|---|---|---|\n";
    } else if args.tsv {
        text += "number\tcode\tstatus\tchallenge\tmeaning\n";
    } else {
        let heading = format!("{:<6} {:<25} {:<6} {:<18} {}", "number", "reason", "status", "challenge", "meaning");
        text += &format!("{}\n", styled(HEADING, heading));
    }
    for reason in Reason::ALL {
        let (number, status, meaning) = (reason.number(), reason.status(), reason.meaning());
        let challenge = reason.answer().1.word().unwrap_or("");
        let _infallible = if args.markdown {
            let challenge = if challenge.is_empty() { String::new() } else { format!("`{challenge}`") };
            writeln!(text, "| {number} | `{reason}` | {status} | {challenge} | {meaning} |")
        } else if args.tsv {
            writeln!(text, "{number}\t{reason}\t{status}\t{challenge}\t{meaning}")
        } else {
            let challenge = if reason.answer().1 == ChallengeError::None { "-" } else { challenge };
            let meaning = styled(FAINT, meaning);
            writeln!(text, "{number:<6} {:<25} {status:<6} {challenge:<18} {meaning}", reason.code())
        };
    }
    style::print(&text)?;
    Ok(Verdict::Good)
}
