//! The calls of JavaScript, without their ABI: what each reads and what it leaves behind.

use alloc::string::String;
use alloc::vec::Vec;

use countersign::internal::jose::base64url;
use countersign::internal::specs::common::presentation::Credential;
use countersign::{CacheTier, Question, RevocationsKnown, UseOnce};

use crate::decided::{self, place, short};
use crate::described;
use crate::request::{Parts, moment};
use crate::session::{Progress, Said, Session, Start, Visited};
use crate::signatures::{HostSignatures, Verify};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Ended {
    /// As asked; a decision is made.
    Done = 0,
    /// The input is refused; `output` says why.
    Refused = 1,
    /// The decision waits; `numbers` and `output` have its question.
    Waits = 2,
    /// The numbers fit no call: a fault of the JavaScript side.
    Misused = 3,
}

/// The question of a decision that waits, at [`place::REASON`].
mod question {
    pub(super) const USE_ONCE: u32 = 1;
    pub(super) const INTROSPECT: u32 = 2;
    pub(super) const BODY: u32 = 3;
}

/// The numbers of a question: which, its number, and seconds, trust source or bytes.
mod asked {
    pub(super) const QUESTION: usize = 0;
    pub(super) const NUMBER: usize = 1;
    pub(super) const OF: usize = 2;
}

/// What JavaScript writes and reads, and the session.
pub(crate) struct Calls {
    pub(crate) input: Vec<u8>,
    pub(crate) numbers: Vec<u32>,
    pub(crate) output: Vec<u8>,
    session: Option<Session>,
}

impl Calls {
    pub(crate) const fn new() -> Self {
        Self { input: Vec::new(), numbers: Vec::new(), output: Vec::new(), session: None }
    }

    /// Makes room for so many bytes of input and so many numbers.
    pub(crate) fn reserve(&mut self, bytes: usize, numbers: usize) {
        if self.input.len() < bytes {
            self.input.resize(bytes.next_power_of_two(), 0);
        }
        let numbers = numbers.max(place::COUNT);
        if self.numbers.len() < numbers {
            self.numbers.resize(numbers.next_power_of_two(), 0);
        }
    }

    /// Leaves a text for JavaScript.
    fn say(&mut self, text: String) {
        self.output = text.into_bytes();
        self.show_output();
    }

    /// Where the output is.
    fn show_output(&mut self) {
        let (at, length) = (self.output.as_ptr().addr(), self.output.len());
        self.set(place::OUTPUT, short(at));
        self.set(place::OUTPUT_LENGTH, short(length));
    }

    fn set(&mut self, place: usize, number: u32) {
        if let Some(known) = self.numbers.get_mut(place) {
            *known = number;
        }
    }

    fn ended(&mut self, result: Result<String, String>) -> Ended {
        let ended = if result.is_ok() { Ended::Done } else { Ended::Refused };
        let (Ok(text) | Err(text)) = result;
        self.say(text);
        ended
    }

    pub(crate) fn tables(&mut self) -> Ended {
        self.ended(Ok(described::tables()))
    }

    /// `input`: 64 random bytes, then a policy document of `length` bytes. `numbers`: the time; whether older proofs are refused; the
    /// algorithms that the host checks, a bit each.
    pub(crate) fn open(&mut self, length: usize, verify: Verify) -> Ended {
        let Some((random, rest)) = self.input.split_first_chunk::<64>() else { return Ended::Misused };
        let (Some(text), Some(now)) = (rest.get(..length), moment(&self.numbers, 0, 1)) else { return Ended::Misused };
        let [Some(refuses_before), Some(algorithms)] = [2, 3].map(|place| self.numbers.get(place).copied()) else {
            return Ended::Misused;
        };
        let signatures = (algorithms != 0).then(|| HostSignatures::new(verify, algorithms));
        let opened = Session::open(text, Start { random, now, refuses_before: refuses_before != 0, signatures });
        let said = opened.map(|(session, said)| {
            self.session = Some(session);
            said
        });
        self.ended(said)
    }

    /// One decision that asks nothing.
    pub(crate) fn decide(&mut self, with_audit: bool) -> Ended {
        let Self { input, numbers, output, session } = self;
        let (Some(session), Some(parts)) = (session, Parts::read(input, numbers)) else { return Ended::Misused };
        let Some(decision) = session.decide(&parts) else { return Ended::Misused };
        let is_miss = decision.cache_tier() == CacheTier::Miss;
        let written = decided::write(&decision, with_audit, output);
        if is_miss {
            session.grow();
        }
        self.decided(written)
    }

    fn decided(&mut self, written: [u32; place::OUTPUT]) -> Ended {
        if let Some(numbers) = self.numbers.first_chunk_mut() {
            *numbers = written;
        }
        self.show_output();
        Ended::Done
    }

    /// One decision, and then in `output` also the result of each check.
    pub(crate) fn explain(&mut self) -> Ended {
        let Self { input, numbers, output, session } = self;
        let (Some(session), Some(parts)) = (session, Parts::read(input, numbers)) else { return Ended::Misused };
        let mut visited = Visited::default();
        let Some(decision) = session.explain(&parts, &mut visited) else { return Ended::Misused };
        let refused = decision.reason().is_some();
        let written = decided::write(&decision, true, output);
        output.extend_from_slice(described::checks(&visited.0, refused).as_bytes());
        self.decided(written)
    }

    pub(crate) fn begin(&mut self, with_audit: bool) -> Ended {
        let Self { input, numbers, output, session } = self;
        let (Some(session), Some(parts)) = (session.as_mut(), Parts::read(input, numbers)) else {
            return Ended::Misused;
        };
        match session.begin(&parts) {
            None => Ended::Misused,
            Some(Progress::Decided(decision)) => {
                let written = decided::write(&decision, with_audit, output);
                session.grow();
                self.decided(written)
            }
            Some(Progress::Waits(number)) => {
                let written = ask(session, number, &parts, output);
                self.asked(written)
            }
        }
    }

    /// Goes on with the decision that waits by `number`. `said` is the answer: 0 to 2 of a store, as [`store_answer`] has them, 3 of an
    /// issuer, whose text of `length` bytes is in `input` before the request, 4 for none, 5 for a body that was fed.
    pub(crate) fn resume(&mut self, number: usize, said: u32, length: usize, with_audit: bool) -> Ended {
        let Self { input, numbers, output, session } = self;
        let (Some(session), Some((text, input))) = (session.as_mut(), input.split_at_checked(length)) else {
            return Ended::Misused;
        };
        let Some(parts) = Parts::read(input, numbers) else { return Ended::Misused };
        let said = match said {
            0 => Said::UseOnce(UseOnce::First),
            1 => Said::UseOnce(UseOnce::Used),
            2 => Said::UseOnce(UseOnce::Unavailable),
            3 => Said::Introspected(text),
            4 => Said::IntrospectionFailed,
            _ => Said::Body,
        };
        match session.resume(number, &parts, said) {
            None => Ended::Misused,
            Some(Progress::Decided(decision)) => {
                let written = decided::write(&decision, with_audit, output);
                session.grow();
                self.decided(written)
            }
            Some(Progress::Waits(number)) => {
                let written = ask(session, number, &parts, output);
                self.asked(written)
            }
        }
    }

    fn asked(&mut self, written: Option<[u32; 3]>) -> Ended {
        let Some(written) = written else { return Ended::Misused };
        if let Some(numbers) = self.numbers.first_chunk_mut() {
            *numbers = written;
        }
        self.show_output();
        Ended::Waits
    }

    pub(crate) fn abandon(&mut self, number: usize, with_audit: bool) -> Ended {
        let Self { output, session, .. } = self;
        let Some(decision) = session.as_mut().and_then(|session| session.abandon(number)) else {
            return Ended::Misused;
        };
        let written = decided::write(&decision, with_audit, output);
        self.decided(written)
    }

    /// A chunk of `length` bytes for the decision that waits by `number`; whether more may come.
    pub(crate) fn feed(&mut self, number: usize, length: usize) -> bool {
        let (Some(session), Some(chunk)) = (&mut self.session, self.input.get(..length)) else { return false };
        session.feed(number, chunk)
    }

    /// A document of `length` bytes for the trust source at `place`, or for the bundle map there.
    pub(crate) fn load(&mut self, at: usize, is_map: bool, length: usize) -> Ended {
        let now = moment(&self.numbers, 0, 1);
        let (Some(session), Some(text), Some(now)) = (&mut self.session, self.input.get(..length), now) else {
            return Ended::Misused;
        };
        let result = if is_map { session.load_map(at, text, now) } else { session.load(at, text, now) };
        self.ended(result)
    }

    pub(crate) fn withdraw(&mut self, at: usize) -> Ended {
        let is_known = self.session.as_mut().is_some_and(|session| session.withdraw(at));
        if is_known { Ended::Done } else { Ended::Misused }
    }

    pub(crate) fn revoke(&mut self, length: usize, replaces: bool) -> Ended {
        let (Some(session), Some(text)) = (&mut self.session, self.input.get(..length)) else { return Ended::Misused };
        let result = session.revoke(text, replaces);
        self.ended(result)
    }

    /// `known`: 0 for good, 1 until the time in `numbers`, 2 not yet.
    pub(crate) fn set_revocations_known(&mut self, known: u32) -> Ended {
        let (Some(session), Some(until)) = (&mut self.session, moment(&self.numbers, 0, 1)) else {
            return Ended::Misused;
        };
        session.set_revocations_known(match known {
            0 => RevocationsKnown::ForGood,
            1 => RevocationsKnown::Until(until),
            _ => RevocationsKnown::NotYet,
        });
        Ended::Done
    }

    /// One key of 32 bytes in `input`, or two.
    pub(crate) fn set_nonce_keys(&mut self, has_previous: bool) -> Ended {
        let (Some(session), Some((current, rest))) = (&mut self.session, self.input.split_first_chunk::<32>()) else {
            return Ended::Misused;
        };
        session.set_nonce_keys(current, rest.first_chunk::<32>().filter(|_| has_previous));
        // A secret is not left where the next request is written.
        self.input.iter_mut().take(64).for_each(|byte| *byte = 0);
        Ended::Done
    }

    pub(crate) fn counters(&mut self) -> Ended {
        let (Some(session), Some(now)) = (&self.session, moment(&self.numbers, 0, 1)) else { return Ended::Misused };
        let counters = session.counters(now);
        self.ended(Ok(counters))
    }

    pub(crate) fn build_tables(&mut self, additions: u32) -> bool {
        self.session.as_mut().is_some_and(|session| session.build_tables(additions))
    }
}

/// Writes the question of the decision that waits by `number`: what names a proof, or the token that its issuer is asked about.
fn ask(session: &Session, number: usize, parts: &Parts<'_>, output: &mut Vec<u8>) -> Option<[u32; 3]> {
    output.clear();
    let (question, of) = match session.pending(number)?.question() {
        Question::UseOnce { proof, seconds } => {
            output.extend(base64url::encode_array_32(proof));
            (question::USE_ONCE, u32::try_from(seconds).unwrap_or(u32::MAX))
        }
        Question::Introspect { authority } => {
            let credential = Credential::read(parts.authorization(), b"");
            output.extend_from_slice(credential.map_or(&[], |credential| credential.token));
            (question::INTROSPECT, short(authority.as_usize()))
        }
        Question::Body { most_bytes } => (question::BODY, short(most_bytes)),
    };
    let mut written = [0; 3];
    for (place, value) in [(asked::QUESTION, question), (asked::NUMBER, short(number)), (asked::OF, of)] {
        if let Some(place) = written.get_mut(place) {
            *place = value;
        }
    }
    Some(written)
}
