//! How many questions about their tokens clients can have a server ask its issuers (RFC 7662 §2.1): each costs the issuer a look-up.

use countersign::{Answer, NoTrace, Question, Reason, Request, Step, UnixSeconds, Worker};
use countersign_tests::issuer::{NOW, PLAIN, SERVER, URI};
use countersign_tests::request::{Doc, answering};
use countersign_tests::runner::Runner;

/// What `policy` makes of an opaque token: `None` for a question, which the issuer answers with `answer`, where there is one.
fn ask(
    runner: &Runner,
    worker: &mut Worker,
    policy: &str,
    token: &str,
    now: u64,
    answer: Option<&str>,
) -> (bool, Option<Reason>) {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization".as_bytes(), authorization.as_bytes())];
    let request = Request::new(b"GET", URI.as_bytes(), headers, UnixSeconds::new(now));
    let policy = runner.engine.document().policy(policy).unwrap();
    match worker.begin(&runner.engine, &runner.trust_state, policy, &request, &mut NoTrace) {
        Step::Decided(decision) => (false, decision.reason()),
        Step::Waits(pending) => {
            assert!(matches!(pending.question(), Question::Introspect { .. }));
            let answer = answer.map_or(Answer::IntrospectionFailed, |answer| Answer::Introspected(answer.as_bytes()));
            match worker.resume(&runner.engine, &runner.trust_state, pending, &request, answer, &mut NoTrace) {
                Step::Decided(decision) => (true, decision.reason()),
                Step::Waits(_) => panic!("a second question"),
            }
        }
    }
}

const INACTIVE: &str = r#"{"active":false}"#;

fn runner() -> Runner {
    let entry = format!(r#"[{{"kind":"introspected","issuer":"{SERVER}"}}]"#);
    let other =
        format!(r#"{{"accept":[{{"kind":"introspected","issuer":"{PLAIN}"}}],"audience":"https://api.example"}}"#);
    Runner::new(&Doc::new(&[answering(SERVER, ""), answering(PLAIN, "")], &entry).also("other", &other).text(), NOW)
}

/// What a policy document that says nothing about it lets clients ask for in a second.
const BY_DEFAULT: usize = 100;

#[test]
fn ten_thousand_tokens_ask_a_bounded_number_of_questions() {
    let runner = runner();
    let mut workers = [1, 2].map(|seed| Worker::new(&runner.engine, [seed, seed]));
    let mut questions = 0;
    for number in 0..10_000 {
        let (asked, reason) = ask(&runner, &mut workers[number % 2], "default", &format!("token{number}"), NOW, None);
        questions += usize::from(asked);
        assert!(
            reason.is_some_and(|reason| reason.status() != 200 && (!asked || reason.status() == 503)),
            "{reason:?}"
        );
    }
    assert_eq!(questions, BY_DEFAULT / 2, "one issuer is asked so often in a second, by however many threads");
    // Another issuer is asked nothing by them, and this one is asked again in the next second.
    assert!(ask(&runner, &mut workers[0], "other", "token", NOW, None).0);
    assert!(ask(&runner, &mut workers[0], "default", "token", NOW + 1, None).0);
}

/// A token is known where its issuer answered this worker that it is active: it keeps half of the questions of a second for its next answer.
#[test]
fn made_up_tokens_leave_half_of_the_questions_to_tokens_that_were_active() {
    let runner = runner();
    let mut worker = Worker::new(&runner.engine, [1, 2]);
    let active = format!(r#"{{"active":true,"sub":"alice","aud":"https://api.example","exp":{}}}"#, NOW + 3600);
    let clients = BY_DEFAULT / 2;
    for number in 0..clients {
        let asked = ask(&runner, &mut worker, "default", &format!("client{number}"), NOW, Some(&active));
        assert_eq!(asked, (true, None));
    }
    // Their answers have lapsed, and a stranger is first in the second.
    let later = NOW + 60;
    let mut strangers = 0;
    for number in 0..10_000 {
        strangers += usize::from(ask(&runner, &mut worker, "default", &format!("made-up{number}"), later, None).0);
    }
    assert_eq!(strangers, BY_DEFAULT / 2);
    for number in 0..clients {
        let asked = ask(&runner, &mut worker, "default", &format!("client{number}"), later, Some(&active));
        assert_eq!(asked, (true, None), "client {number}");
    }
    assert_eq!(
        ask(&runner, &mut worker, "default", "made-up", later, None),
        (false, Some(Reason::IntrospectionRateExceeded))
    );

    // Tokens that were active have all of them where no other is asked about; then there is none for a stranger.
    let last = later + 60;
    for number in 0..clients {
        assert!(ask(&runner, &mut worker, "default", &format!("client{number}"), last, Some(&active)).0);
        assert!(ask(&runner, &mut worker, "default", &format!("client{number}"), last + 31, Some(&active)).0);
    }
    // One that its issuer no longer calls active is a stranger's again.
    let ended = last + 120;
    assert_eq!(
        ask(&runner, &mut worker, "default", "client0", ended, Some(INACTIVE)),
        (true, Some(Reason::TokenInactive))
    );
    for number in 0..10_000 {
        ask(&runner, &mut worker, "default", &format!("made-up{number}"), ended + 60, None);
    }
    assert!(!ask(&runner, &mut worker, "default", "client0", ended + 60, None).0);
    assert!(ask(&runner, &mut worker, "default", "client1", ended + 60, Some(&active)).0);
}

#[test]
fn one_question_a_second_is_one_for_any_token() {
    let entry = format!(r#"[{{"kind":"introspected","issuer":"{SERVER}"}}]"#);
    let source = answering(SERVER, r#","questions_per_second":1"#);
    let runner = Runner::new(&Doc::new(&[source], &entry).text(), NOW);
    let mut worker = Worker::new(&runner.engine, [1, 2]);
    assert!(ask(&runner, &mut worker, "default", "one", NOW, None).0);
    assert!(!ask(&runner, &mut worker, "default", "two", NOW, None).0);
}

#[test]
fn threads_whose_clocks_differ_by_a_second_ask_no_more() {
    let runner = runner();
    let mut worker = Worker::new(&runner.engine, [1, 2]);
    let mut questions = 0;
    for number in 0..10_000 {
        let now = NOW + number % 2;
        questions += usize::from(ask(&runner, &mut worker, "default", &format!("token{number}"), now, None).0);
    }
    assert!(questions <= 2 * BY_DEFAULT, "{questions} questions");
}

#[test]
fn a_clock_that_was_ahead_keeps_no_issuer_from_being_asked() {
    let runner = runner();
    let mut worker = Worker::new(&runner.engine, [1, 2]);
    for number in 0..1000 {
        ask(&runner, &mut worker, "default", &format!("token{number}"), NOW + 7200, None);
    }
    assert!(ask(&runner, &mut worker, "default", "token", NOW, None).0);
}

#[test]
fn a_token_that_is_not_active_is_asked_about_once_in_a_while() {
    let runner = runner();
    let mut worker = Worker::new(&runner.engine, [1, 2]);
    let mut questions = 0;
    for _ in 0..10_000 {
        let (asked, reason) = ask(&runner, &mut worker, "default", "token", NOW, Some(INACTIVE));
        questions += usize::from(asked);
        assert_eq!(reason, Some(Reason::TokenInactive));
    }
    assert_eq!(questions, 1);
    // What one issuer answers says nothing about another's token of the same text.
    assert!(ask(&runner, &mut worker, "other", "token", NOW, Some(INACTIVE)).0);
    // Not for ever, and not past a clock that was wrong.
    assert!(ask(&runner, &mut worker, "default", "token", NOW + 10, Some(INACTIVE)).0);
    assert!(ask(&runner, &mut worker, "default", "token", NOW - 3600, Some(INACTIVE)).0);
}
