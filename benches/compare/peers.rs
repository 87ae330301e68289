//! Answers the run's questions, one JSON object a line: issues tokens, loads the Rust peers for a row, measures one.

mod issue;
mod ours;
mod scenario;
mod theirs;

use std::io::{BufRead, Write};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::scenario::{Item, Probe, Scenario};

/// One line of the table: a peer as it is configured for a row.
pub struct Peer {
    /// Its name in the table.
    pub name: String,
    /// Its package, by which the run finds the version.
    pub package: &'static str,
    /// The requests it is measured on.
    pub items: Rc<[Item]>,
    /// Whether a request may come again.
    pub again: bool,
    /// The checks it lacks.
    pub unchecked: Vec<String>,
    pub note: String,
    accepts: Box<dyn FnMut(&Item) -> bool>,
    next: usize,
    batch: usize,
}

impl Peer {
    pub fn new(
        name: &str,
        package: &'static str,
        items: &Rc<[Item]>,
        probes: Vec<Probe>,
        accepts: impl FnMut(&Item) -> bool + 'static,
    ) -> Self {
        let mut peer = Self {
            name: name.to_owned(),
            package,
            items: Rc::clone(items),
            again: items[0].proof.is_none(),
            unchecked: Vec::new(),
            note: String::new(),
            accepts: Box::new(accepts),
            next: 0,
            batch: 1,
        };
        for probe in probes {
            let first = (peer.accepts)(&probe.item);
            assert!(first || !probe.twice, "{name}: the request to repeat is refused");
            if if probe.twice { (peer.accepts)(&probe.item) } else { first } {
                peer.unchecked.push(probe.check);
            }
        }
        peer
    }

    pub fn note(mut self, note: &str) -> Self {
        note.clone_into(&mut self.note);
        self
    }

    /// Begins with a later request, because the first ones are used up.
    pub fn from(mut self, next: usize) -> Self {
        self.next = next;
        self
    }

    fn take(&mut self) -> usize {
        if self.next == self.items.len() {
            assert!(self.again, "{}: the proofs are used up", self.name);
            self.next = 0;
        }
        self.next += 1;
        self.next - 1
    }

    fn one(&mut self) {
        let place = self.take();
        assert!((self.accepts)(&self.items[place]), "{}: refuses a good request", self.name);
    }

    /// Good requests for about `span`; a corrupted one before and after. How many, and the nanoseconds they took.
    fn measure(&mut self, span: Duration) -> (u64, u64) {
        self.refuse();
        self.one();
        let (mut count, start) = (0, Instant::now());
        let taken = loop {
            for _ in 0..self.batch {
                self.one();
            }
            count += self.batch as u64;
            let taken = start.elapsed();
            if taken >= span {
                break taken;
            }
        };
        // The clock is read often enough to stop in time, and seldom enough not to count.
        let each = taken.as_nanos() as u64 / count;
        self.batch = (20_000 / each.max(1)).clamp(1, 64) as usize;
        self.refuse();
        (count, taken.as_nanos() as u64)
    }

    fn refuse(&mut self) {
        let corrupted = self.items[self.next % self.items.len()].corrupted();
        assert!(!(self.accepts)(&corrupted), "{}: accepts a corrupted signature", self.name);
    }
}

fn answer(question: &Value, peers: &mut Vec<Peer>) -> Value {
    let folder = Path::new(question["folder"].as_str().unwrap_or_default());
    match question["do"].as_str() {
        Some("issue") => {
            let row = question["row"].as_str().expect("a row");
            issue::issue(row, folder, ours::now().as_u64());
            json!({})
        }
        Some("load") => {
            peers.clear();
            *peers = theirs::all(&Scenario::read(folder));
            let list = peers.iter().map(|peer| {
                json!({ "name": peer.name, "package": peer.package, "unchecked": peer.unchecked, "note": peer.note })
            });
            json!({ "peers": list.collect::<Vec<_>>(), "absent": theirs::absent(&Scenario::read(folder)) })
        }
        Some("measure") => {
            let place = question["peer"].as_u64().expect("a number") as usize;
            let span = Duration::from_millis(question["ms"].as_u64().expect("a number"));
            let (count, nanoseconds) = peers[place].measure(span);
            json!({ "count": count, "ns": nanoseconds })
        }
        _ => panic!("unknown question {question}"),
    }
}

fn main() {
    let mut peers = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let question = serde_json::from_str(&line.expect("a line")).expect("JSON");
        println!("{}", answer(&question, &mut peers));
        std::io::stdout().flush().expect("a reader of stdout");
    }
}
