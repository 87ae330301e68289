use std::borrow::ToOwned;
use std::vec;

use countersign::{Authority, Engine};

use super::*;

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn callout(number: u64) -> Callout {
    Callout { asker: 1, number }
}

fn plan() -> Option<(Plan, AuthorityIndex)> {
    let issuer = Authority::Issuer("https://as.example".to_owned());
    let text = br#"{"trust":[{"issuer":"https://as.example"}],"policies":{"p":{"accept":["jwt"],"audience":["a"]}}}"#;
    let engine = Engine::new(PolicyDocument::parse(text).ok()?, [1, 2]);
    let index = engine.document().authority(&issuer)?;
    let mut plan = Plan::default();
    let (cluster, authority, path) = ("c".to_owned(), "a".to_owned(), "/".to_owned());
    let document = Document::Trust(issuer);
    let fetch = Fetch { document, cluster, authority, path, timeout_milliseconds: 1, refresh_seconds: None };
    plan.add(fetch, Some(index));
    Some((plan, index))
}

#[test]
fn a_document_is_fetched_once_and_then_as_it_wants() -> Result<(), &'static str> {
    let (mut plan, _) = plan().ok_or("no plan")?;
    assert_eq!(plan.due(at(0)), [0]);
    plan.began(0, callout(7));
    assert_eq!(plan.due(at(100)), [0; 0]);
    assert_eq!((plan.answered(callout(8)), plan.answered(callout(7))), (None, Some(0)));
    assert!(!plan.is_complete());
    plan.succeeded(0, at(1), Some(20));
    assert!(plan.is_complete());
    assert_eq!((plan.due(at(20)), plan.due(at(21))), (vec![], vec![0]));
    plan.succeeded(0, at(21), None);
    assert_eq!((plan.due(at(320)), plan.due(at(321))), (vec![], vec![0]));
    Ok(())
}

#[test]
fn what_a_configuration_asked_for_is_due_again_when_it_ends() -> Result<(), &'static str> {
    let (mut plan, _) = plan().ok_or("no plan")?;
    plan.began(0, callout(7));
    plan.abandoned(2, at(3));
    assert_eq!((plan.due(at(9)), plan.answered(callout(7))), (vec![], Some(0)));
    plan.abandoned(1, at(3));
    assert_eq!((plan.due(at(3)), plan.answered(callout(7))), (vec![0], None));
    Ok(())
}

/// Many documents, each found by its fetch and by its origin: what a plan in a plain list would do, it does.
#[test]
fn many_documents_keep_their_own_state() -> Result<(), &'static str> {
    const COUNT: usize = 300;
    let trust: Vec<String> = (0..COUNT).map(|number| format!(r#"{{"issuer":"https://{number}.example"}}"#)).collect();
    let text = format!(r#"{{"trust":[{}],"policies":{{"p":{{"accept":["jwt"],"audience":["a"]}}}}}}"#, trust.join(","));
    let document = PolicyDocument::parse(text.as_bytes()).map_err(|_| "no policy")?;
    let mut plan = Plan::default();
    let indexes: Vec<AuthorityIndex> = document.trust().map(|(index, _)| index).collect();
    for (index, source) in document.trust() {
        let (cluster, authority, path) = ("c".to_owned(), "a".to_owned(), "/".to_owned());
        let document = Document::Trust(source.authority().clone());
        let fetch = Fetch { document, cluster, authority, path, timeout_milliseconds: 1, refresh_seconds: None };
        plan.add(fetch, Some(index));
    }
    // The twin: until when each waits, or the number of its fetch.
    let mut twin: Vec<Result<Duration, u64>> = vec![Ok(Duration::ZERO); COUNT];
    let (mut lottery, mut callouts) = (1_u64, 0_u64);
    let mut next = |limit: usize| {
        lottery = lottery.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(lottery >> 33).unwrap_or(0) % limit
    };
    for step in 0..5_000 {
        let (now, place) = (at(step), next(COUNT));
        match (next(3), twin[place]) {
            (0, Ok(_)) => {
                callouts += 1;
                plan.began(place, callout(callouts));
                twin[place] = Err(callouts);
            }
            (1, Ok(_)) => {
                plan.want(indexes[place], now);
                twin[place] = Ok(now);
            }
            (1, Err(_)) => plan.want(indexes[place], now),
            (_, Err(number)) => {
                assert_eq!(plan.answered(callout(number)), Some(place));
                plan.succeeded(place, now, Some(20));
                assert_eq!(plan.answered(callout(number)), None);
                twin[place] = Ok(now + at(20));
            }
            _ => {}
        }
        let mut due: Vec<(Duration, usize)> = twin
            .iter()
            .enumerate()
            .filter_map(|(place, state)| state.ok().filter(|until| *until <= now).map(|until| (until, place)))
            .collect();
        due.sort_unstable();
        assert_eq!(plan.due(now), due.iter().map(|(_, place)| *place).collect::<Vec<_>>());
    }
    Ok(())
}

#[test]
fn an_unknown_key_does_not_wait_but_failures_do() -> Result<(), &'static str> {
    let (mut plan, index) = plan().ok_or("no plan")?;
    plan.succeeded(0, at(0), None);
    plan.want(index, at(3));
    assert_eq!(plan.due(at(3)), [0]);
    let mut waits = Vec::new();
    for turn in 0..12 {
        assert_eq!(plan.failed(0, at(3), 0), turn + 1);
        plan.want(index, at(3));
        let wait = (0..100_000).find(|wait| plan.due(at(3) + Duration::from_millis(*wait)) == [0]);
        waits.push(wait.unwrap_or(u64::MAX));
    }
    assert_eq!(waits[..4], [250, 500, 1000, 2000]);
    assert_eq!(waits[11], 60_000);
    Ok(())
}
