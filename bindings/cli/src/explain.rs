//! `countersign explain`: one request, check by check.

use std::cell::RefCell;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use countersign::internal::jose::base64url;
use countersign::{
    AuditRecord, Check, CheckResult, Decision, JsonString, Mode, NoTrace, Reason, TokenKind, Trace, UnixSeconds,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::cause::{Cause, Sources};
use crate::failure::{Failure, Outcome, Verdict};
use crate::files;
use crate::input::{self, RequestLine};
use crate::moment;
use crate::output;
use crate::printable::printable;
use crate::session::{self, Session, SessionArgs};
use crate::style::{self, BAD, CAUTION, FAINT, GOOD, HEADING, styled};

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    session: SessionArgs,

    /// The request, one JSON object as for `decide`; standard input if absent
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,

    /// Write JSON
    #[arg(long)]
    json: bool,

    /// Judge the same request once before, unseen: what is cached, and whether its proof can be used again
    #[arg(long)]
    again: bool,
}

/// The longest request.
const REQUEST_BYTES: usize = 4 * 1024 * 1024;

pub(crate) fn run(args: &ExplainArgs) -> Outcome {
    let mut session = Session::open(&args.session)?;
    let text = files::need_or_stdin(args.request.as_deref(), REQUEST_BYTES)?;
    let unusable = |fault: String| Failure::unusable(format!("the request: {fault}"));
    let request = input::read_request(&text).map_err(unusable)?;
    let policy = session.policy(request.policy.as_deref()).map_err(unusable)?;
    let certificate = session::certificate(&request).map_err(unusable)?;
    let now = session.time(request.now);
    if args.again {
        session.decide(policy, &request, certificate.as_deref(), now, &mut NoTrace, |_| ()).map_err(unusable)?;
    }
    let visited = Visited::default();
    let explain = |decision: &Decision<'_>| report(args, &request, decision, &visited.0.borrow(), now);
    session.decide(policy, &request, certificate.as_deref(), now, &mut &visited, explain).map_err(unusable)?
}

/// Writes what became of the request, check by check.
fn report(
    args: &ExplainArgs,
    request: &RequestLine,
    decision: &Decision<'_>,
    visited: &[Check],
    now: UnixSeconds,
) -> Outcome {
    let checks = Check::results(visited, decision.reason().is_some());
    let cause = match decision.reason() {
        Some(_) => {
            let path = &args.session.policy;
            let sources = Sources::new(session::read_policy(path)?, path.parent().unwrap_or(Path::new("")), now);
            sources.cause(request, decision, visited)
        }
        None => Cause::default(),
    };
    if args.json {
        style::print_json(&Explanation::new(request.id.as_deref(), decision, &checks, &cause)?)?;
    } else {
        // The query may hold a token, and no check but the first reads it.
        let uri = request.uri.split(['?', '#']).next().unwrap_or_default();
        let asked = format!("{} {}, at {}", printable(&request.method), printable(uri), moment::utc(now));
        style::print(&text_of(&asked, decision, &checks, &cause))?;
    }
    Ok(Verdict::of(decision.reason().is_none()))
}

/// The checks that a decision began.
#[derive(Debug, Default)]
struct Visited(RefCell<Vec<Check>>);

impl Trace for &Visited {
    fn enter(&mut self, check: Check) {
        self.0.borrow_mut().push(check);
    }
}

#[derive(Serialize)]
struct Explanation<'a> {
    id: Option<&'a str>,
    decision: &'static str,
    reason: Option<&'static str>,
    number: u16,
    status: u16,
    meaning: Option<&'static str>,
    /// Names of claims, limits, and what the policy expects.
    details: &'a [String],
    headers: Vec<(String, String)>,
    policy: &'a str,
    cache: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<&'a str>,
    checks: Vec<CheckLine>,
    /// The record that goes to logs.
    audit: Box<RawValue>,
}

#[derive(Serialize)]
struct CheckLine {
    check: &'static str,
    rule: &'static str,
    result: &'static str,
}

impl<'a> Explanation<'a> {
    fn new(
        id: Option<&'a str>,
        decision: &'a Decision<'_>,
        checks: &[(Check, CheckResult)],
        cause: &'a Cause,
    ) -> Result<Self, Failure> {
        let reason = decision.reason();
        let line = |(check, result): &(Check, CheckResult)| CheckLine {
            check: check.name(),
            rule: check.rule(),
            result: result.word(),
        };
        let audit = RawValue::from_string(decision.audit().to_string());
        Ok(Self {
            id,
            decision: output::word(decision),
            reason: reason.map(Reason::code),
            number: reason.map_or(0, Reason::number),
            status: decision.status(),
            meaning: reason.map(Reason::meaning),
            details: &cause.lines,
            headers: output::headers(decision),
            policy: decision.policy().map_or("", |policy| policy.name()),
            cache: decision.cache_tier().name(),
            mode: is_shadow(decision).then_some("shadow"),
            refresh: decision.wants_refresh().map(|(_, authority)| authority.name()),
            checks: checks.iter().map(line).collect(),
            audit: audit.map_err(|error| Failure::Io(format!("the audit record: {error}")))?,
        })
    }
}

fn is_shadow(decision: &Decision<'_>) -> bool {
    decision.policy().is_some_and(|policy| policy.mode() == Mode::Shadow)
}

fn text_of(asked: &str, decision: &Decision<'_>, checks: &[(Check, CheckResult)], cause: &Cause) -> String {
    let policy = decision.policy().map_or("", |policy| policy.name());
    let mut text = format!("{asked}, by policy {policy}\n\n");
    for (check, result) in checks {
        let (mark, style, word) = match result {
            CheckResult::Passed => ("✓", GOOD, "passed"),
            CheckResult::Failed => ("✗", BAD, "failed"),
            CheckResult::Cached => ("✓", FAINT, "passed before (cached)"),
            CheckResult::NotNeeded => ("·", FAINT, "not needed"),
            CheckResult::NotReached => ("·", FAINT, "not reached"),
        };
        let word = match (check, result) {
            (Check::TokenCache, CheckResult::Passed) => decision.cache_tier().name(),
            _ => word,
        };
        let result = styled(style, format!("{mark} {word:<22}"));
        let _infallible = writeln!(text, "  {result} {:<17} {}", check.name(), styled(FAINT, check.rule()));
    }
    text.push('\n');
    match decision.reason() {
        None => text += &format!("{}\n", styled(GOOD, "accept")),
        Some(reason) => {
            let line = format!("refuse {} {reason} ({})", decision.status(), reason.number());
            text += &format!("{}\n{}\n", styled(BAD, line), reason.meaning());
        }
    }
    for line in &cause.lines {
        text += &format!("{line}\n");
    }
    if is_shadow(decision) {
        text +=
            &format!("{}\n", styled(CAUTION, "The policy is in shadow mode: a refusal is counted and not enforced."));
    }
    if decision.observes_proof() {
        let line =
            "The proof is not used up: the policy only observes (`consume`), and the checker behind it must use it up.";
        text += &format!("{}\n", styled(CAUTION, line));
    }
    if let Some((_, authority)) = decision.wants_refresh().filter(|_| !cause.key_dropped) {
        text += &format!("A fresh document of the {} may know that key.\n", printable(&authority.to_string()));
    }
    let headers = output::headers(decision);
    if !headers.is_empty() {
        text += &format!("\n{}\n", styled(HEADING, "Answer"));
        for (name, value) in headers {
            text += &format!("  {name}: {value}\n");
        }
    }
    text + &facts(&decision.audit())
}

/// The audit record as text. It is empty until a signature was verified.
fn facts(audit: &AuditRecord<'_>) -> String {
    let hash = |hash: [u8; 32]| String::from_utf8_lossy(&base64url::encode_array_32(&hash)).into_owned();
    let scheme = audit.scheme.map(|scheme| scheme.name().to_owned());
    let actor = |name: Option<JsonString<'_>>| name.map(|name| printable(&name.to_owned_string()));
    let actors: Vec<String> = audit
        .actors()
        .map(|by| match (actor(by.subject), actor(by.issuer)) {
            (Some(subject), Some(issuer)) => format!("{subject} of {issuer}"),
            (one, other) => one.or(other).unwrap_or_else(|| "an unnamed actor".to_owned()),
        })
        .collect();
    let rows = [
        ("scheme", scheme),
        ("kind", audit.kind.map(TokenKind::name).map(str::to_owned)),
        ("issuer", audit.issuer.map(printable)),
        ("subject", audit.subject.map(printable)),
        ("client", audit.client_id.map(printable)),
        ("actors", (!actors.is_empty()).then(|| actors.join(", for "))),
        ("key id", audit.key_id.map(printable)),
        ("key thumbprint", audit.key_thumbprint.map(hash)),
        ("expires", audit.expires_at.map(moment::utc)),
        ("bound to key", audit.bound_to_key.map(hash)),
        ("bound to certificate", audit.bound_to_certificate.map(hash)),
        ("proof", audit.proof_id.map(hash)),
        ("proof use", audit.proof_observed.then(|| "observed".to_owned())),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        let Some(value) = value else { continue };
        if text.is_empty() {
            text = format!("\n{}\n", styled(HEADING, "Facts, as logs have them"));
        }
        let _infallible = writeln!(text, "  {name:<21} {value}");
    }
    text
}
