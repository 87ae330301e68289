//! `countersign decide`: a stream of requests to a stream of decisions.

use std::io::{self, BufReader, Write};

use clap::{Args, ValueEnum};
use countersign::NoTrace;
use serde::Serialize;

use crate::failure::{Failure, Outcome, Verdict};
use crate::input::{self, Line, RequestLine};
use crate::lines::{self, Next};
use crate::output::{DecisionLine, ErrorLine, RevokeReport, RevokeReportLine, TrustReportLine};
use crate::printable::json_text;
use crate::session::{self, Session, SessionArgs};

#[derive(Args, Debug)]
pub(crate) struct DecideArgs {
    #[command(flatten)]
    session: SessionArgs,

    /// How the decisions are written
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,

    /// Look at the trust files before every line, not at most once a second
    #[arg(long)]
    trust_poll: bool,

    /// The longest line; a longer one is an error, and is skipped
    #[arg(long, value_name = "BYTES", default_value_t = 4 * 1024 * 1024)]
    line_limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line
    Json,
    /// One line for people
    Text,
}

pub(crate) fn run(args: &DecideArgs) -> Outcome {
    let mut session = Session::open(&args.session)?;
    let mut input = BufReader::with_capacity(64 * 1024, io::stdin().lock());
    let mut out = io::stdout().lock();
    let (mut line, mut answer) = (Vec::new(), Vec::new());
    let mut stream = Stream { format: args.format, every_line: args.trust_poll, refresh: false, number: 0 };
    loop {
        let next = lines::next_line(&mut input, &mut line, args.line_limit)
            .map_err(|error| Failure::Io(format!("standard input: {error}")))?;
        stream.number += 1;
        answer.clear();
        match next {
            Next::End => return Ok(Verdict::Good),
            Next::TooLong => {
                let error = format!("longer than {} bytes", args.line_limit);
                stream.write_error(&mut answer, None, &error)?;
            }
            Next::Line => stream.answer(&mut session, &line, &mut answer)?,
        }
        out.write_all(&answer)?;
        out.flush()?;
    }
}

/// The state that lasts from line to line besides the session.
struct Stream {
    format: Format,
    every_line: bool,
    /// The last request named a key that was not there: look at the files before the next one.
    refresh: bool,
    /// Of the line, counted from 1.
    number: u64,
}

impl Stream {
    fn answer(&mut self, session: &mut Session, line: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let (id, result) = match input::read_line(line) {
            Ok(Line::Request(request)) => {
                let result = self.judge(session, &request, out);
                (request.id, result)
            }
            Ok(Line::Trust(push)) => {
                let report = session.push(&push.trust, session.time(push.now));
                let result = report.map(|report| {
                    let line = TrustReportLine::new(push.id.as_deref(), &push.trust, &report);
                    self.write(out, &line, TrustReportLine::text)
                });
                (push.id, result)
            }
            Ok(Line::Revoke(revoke)) => {
                let result = session.revoke(revoke.revoke.get().as_bytes()).map(|unknown| {
                    let report = RevokeReport { names: session.revoked_names(), unknown };
                    let line = RevokeReportLine { id: revoke.id.as_deref(), revoke: report };
                    self.write(out, &line, RevokeReportLine::text)
                });
                (revoke.id, result)
            }
            Err(error) => (error.id, Err(error.message)),
        };
        match result {
            Ok(written) => written,
            Err(error) => self.write_error(out, id.as_deref(), &error),
        }
    }

    fn judge(
        &mut self,
        session: &mut Session,
        request: &RequestLine,
        out: &mut Vec<u8>,
    ) -> Result<io::Result<()>, String> {
        let policy = session.policy(request.policy.as_deref())?;
        let certificate = session::certificate(request)?;
        let now = session.time(request.now);
        session.look_at_files(now, self.every_line || self.refresh);
        session.decide(policy, request, certificate.as_deref(), now, &mut NoTrace, |decision| {
            self.refresh = decision.wants_refresh().is_some();
            self.write(out, &DecisionLine::new(request.id.as_deref(), decision), DecisionLine::text)
        })
    }

    fn write_error(&self, out: &mut Vec<u8>, id: Option<&str>, error: &str) -> io::Result<()> {
        self.write(out, &ErrorLine { id, line: self.number, error }, ErrorLine::text)
    }

    fn write<L: Serialize>(&self, out: &mut Vec<u8>, line: &L, text: fn(&L) -> String) -> io::Result<()> {
        match self.format {
            Format::Json => out.extend_from_slice(json_text(&serde_json::to_string(line)?).as_bytes()),
            Format::Text => out.extend_from_slice(text(line).as_bytes()),
        }
        out.push(b'\n');
        Ok(())
    }
}
