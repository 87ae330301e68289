//! `countersign demo`: an issuer, a client and a thief in memory, and the outcome of their requests.

mod cases;
mod keys;
mod tokens;
mod world;

use std::time::{Duration, Instant};

use clap::Args;
use countersign::{CacheTier, Reason, TrustState, Worker};
use serde::Serialize;

use crate::failure::{Failure, Outcome, Verdict};
use crate::session;
use crate::style::{self, BAD, FAINT, GOOD, HEADING, styled};

use self::cases::{Case, Story};
use self::world::{Call, World};

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// How often each request is made; the times are medians.
const ROUNDS: usize = 25;

pub(crate) fn run(args: &DemoArgs) -> Outcome {
    let world = World::new()?;
    let cases = cases::all(&world)?;
    let rows = cases.iter().map(|case| Row::of(&world, case)).collect::<Result<Vec<Row>, _>>()?;
    if args.json {
        style::print_json(&rows)?;
    } else {
        style::print(&table(&rows))?;
    }
    Ok(Verdict::of(rows.iter().all(|row| row.as_expected)))
}

#[derive(Debug, Serialize)]
struct Row {
    request: &'static str,
    decision: &'static str,
    reason: Option<&'static str>,
    status: u16,
    expected: Option<&'static str>,
    as_expected: bool,
    /// By a worker that never saw the token.
    cold_microseconds: f64,
    /// By one that has verified it before; absent where the token is not cached.
    cached_microseconds: Option<f64>,
}

/// The outcome of one request.
struct Attempt {
    reason: Option<Reason>,
    cached: bool,
    took: Duration,
}

impl Row {
    fn of(world: &World, case: &Case) -> Result<Self, Failure> {
        let (mut cold, mut cached) = (Vec::new(), Vec::new());
        let mut unexpected = None;
        for _ in 0..ROUNDS {
            let (first, second) = round(world, case)?;
            for attempt in [&first, &second] {
                if attempt.reason != case.expected {
                    unexpected = Some(attempt.reason);
                }
            }
            cold.push(first.took);
            if second.cached {
                cached.push(second.took);
            }
        }
        let reason = unexpected.unwrap_or(case.expected);
        Ok(Self {
            request: case.name,
            decision: if reason.is_none() { "accept" } else { "refuse" },
            reason: reason.map(Reason::code),
            status: reason.map_or(200, Reason::status),
            expected: case.expected.map(Reason::code),
            as_expected: unexpected.is_none(),
            cold_microseconds: median(&mut cold).unwrap_or_default(),
            cached_microseconds: median(&mut cached),
        })
    }
}

/// The request to a worker that knows nothing, and to one that has seen the token.
fn round(world: &World, case: &Case) -> Result<(Attempt, Attempt), Failure> {
    let worker = || Ok::<_, Failure>(Worker::new(&world.engine, session::random_seed()?));
    let (earlier, now) = match case.story {
        Story::Plain | Story::Replayed => (&world.before, &world.before),
        Story::RotatedOut => (&world.before, &world.after),
        Story::RotatedIn => (&world.after, &world.after),
    };
    let first = case.call(world)?;
    if case.story == Story::Replayed {
        accepted(attempt(world, &mut worker()?, earlier, &first))?;
    }
    let cold = attempt(world, &mut worker()?, now, &first);

    let mut seasoned = worker()?;
    let mut second = case.call(world)?;
    let before = attempt(world, &mut seasoned, earlier, &second);
    match case.story {
        Story::Replayed => accepted(before)?,
        Story::RotatedOut => {
            accepted(before)?;
            second = case.call(world)?;
        }
        Story::Plain | Story::RotatedIn => second = case.call(world)?,
    }
    Ok((cold, attempt(world, &mut seasoned, now, &second)))
}

fn attempt(world: &World, worker: &mut Worker, trust_state: &TrustState, call: &Call) -> Attempt {
    let request = call.request();
    let start = Instant::now();
    let decision = worker.decide(&world.engine, trust_state, world.policy, &request);
    let took = start.elapsed();
    Attempt { reason: decision.reason(), cached: decision.cache_tier() == CacheTier::Hit, took }
}

fn accepted(attempt: Attempt) -> Result<(), Failure> {
    match attempt.reason {
        None => Ok(()),
        Some(reason) => {
            Err(Failure::unusable(format!("a request that prepares the demonstration was refused: {reason}")))
        }
    }
}

fn median(times: &mut [Duration]) -> Option<f64> {
    times.sort_unstable();
    times.get(times.len() / 2).map(|time| time.as_secs_f64() * 1e6)
}

fn table(rows: &[Row]) -> String {
    let heading = format!("{:<39} {:<8} {:<21} {:>8} {:>8}", "request", "decision", "reason", "cold µs", "cached");
    let mut text = format!("{}\n", styled(HEADING, heading));
    for row in rows {
        let style = if row.decision == "accept" { GOOD } else { BAD };
        let decision = styled(style, format!("{:<8}", row.decision));
        let cached = row.cached_microseconds.map_or_else(|| "-".to_owned(), |cached| format!("{cached:.1}"));
        let reason = row.reason.unwrap_or("-");
        text += &format!("{:<39} {decision} {reason:<21} {:>8.1} {cached:>8}", row.request, row.cold_microseconds);
        if !row.as_expected {
            let expected = row.expected.unwrap_or("accept");
            text += &format!(" {}", styled(BAD, format!("WRONG: expected {expected}")));
        }
        text.push('\n');
    }
    let right = rows.iter().filter(|row| row.as_expected).count();
    let note = format!("Times are medians of {ROUNDS}, signing left out; every proof but the replayed one is fresh.");
    text += &format!("\n{right} of {} decisions are as they must be.\n{}\n", rows.len(), styled(FAINT, note));
    text
}
