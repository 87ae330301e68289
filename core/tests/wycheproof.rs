//! Runs the Wycheproof signature sets against the backend in charge.

use countersign::{Algorithm, Backend, Curve, KeyError, KeyMaterial, PublicKey};

#[path = "wycheproof/cases.rs"]
mod cases;

const BACKEND: &str = Backend::DEFAULT.name();

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Verified,
    Refused,
    KeyRefused(KeyError),
}

/// A case where we depart from the label, and why. One that no longer departs fails like any other surprise.
struct Exception {
    set: &'static str,
    id: usize,
    algorithm: Algorithm,
    expected: Outcome,
    actual: Outcome,
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        set: "Rsa2048Sha224",
        id: 219,
        algorithm: Algorithm::Rs256,
        expected: Outcome::Refused,
        actual: Outcome::Verified,
        reason: "made with SHA-256 on purpose: refused under the hash of the set, sound as RS256",
    },
    Exception {
        set: "Rsa2048Sha224",
        id: 221,
        algorithm: Algorithm::Rs384,
        expected: Outcome::Refused,
        actual: Outcome::Verified,
        reason: "made with SHA-384 on purpose: refused under the hash of the set, sound as RS384",
    },
    Exception {
        set: "Rsa2048Sha224",
        id: 223,
        algorithm: Algorithm::Rs512,
        expected: Outcome::Refused,
        actual: Outcome::Verified,
        reason: "made with SHA-512 on purpose: refused under the hash of the set, sound as RS512",
    },
    Exception {
        set: "Rsa2048Sha512_256",
        id: 221,
        algorithm: Algorithm::Rs256,
        expected: Outcome::Refused,
        actual: Outcome::Verified,
        reason: "made with SHA-256 on purpose: refused under the hash of the set, sound as RS256",
    },
    Exception {
        set: "Rsa2048Sha512_256",
        id: 223,
        algorithm: Algorithm::Rs384,
        expected: Outcome::Refused,
        actual: Outcome::Verified,
        reason: "made with SHA-384 on purpose: refused under the hash of the set, sound as RS384",
    },
    Exception {
        set: "Rsa2048Sha512_256",
        id: 225,
        algorithm: Algorithm::Rs512,
        expected: Outcome::Refused,
        actual: Outcome::Verified,
        reason: "made with SHA-512 on purpose: refused under the hash of the set, sound as RS512",
    },
    Exception {
        set: "Rsa2048Sha3_256",
        id: 221,
        algorithm: Algorithm::Rs256,
        expected: Outcome::Refused,
        actual: Outcome::Verified,
        reason: "made with SHA-256 on purpose: refused under the hash of the set, sound as RS256",
    },
    Exception {
        set: "Rsa2048Sha3_256",
        id: 223,
        algorithm: Algorithm::Rs384,
        expected: Outcome::Refused,
        actual: Outcome::Verified,
        reason: "made with SHA-384 on purpose: refused under the hash of the set, sound as RS384",
    },
    Exception {
        set: "Rsa2048Sha3_256",
        id: 225,
        algorithm: Algorithm::Rs512,
        expected: Outcome::Refused,
        actual: Outcome::Verified,
        reason: "made with SHA-512 on purpose: refused under the hash of the set, sound as RS512",
    },
    Exception {
        set: "RsaPss2048Sha256Mgf1SaltLen0",
        id: 69,
        algorithm: Algorithm::Ps256,
        expected: Outcome::Refused,
        actual: Outcome::Verified,
        reason: "made with a salt of 32 bytes on purpose: refused under the salt of the set, sound as PS256",
    },
];

struct Count {
    cases: usize,
    verified: usize,
    surprises: Vec<String>,
}

fn run(set: &cases::Set) -> Count {
    let mut count = Count { cases: 0, verified: 0, surprises: Vec::new() };
    let mut met = 0;
    for group in &set.groups {
        let key = PublicKey::new(&group.key.material());
        if let (Ok(key), Some(theirs)) = (&key, &group.spki) {
            let mut ours = Vec::new();
            key.spki_der(&mut ours);
            assert_eq!(&ours, theirs, "{}: SubjectPublicKeyInfo", set.name);
        }
        for case in &group.cases {
            let outcome = match &key {
                Err(fault) => Outcome::KeyRefused(*fault),
                Ok(key) => match key.verify(case.algorithm, &case.message, &case.signature) {
                    Ok(()) => Outcome::Verified,
                    Err(_) => Outcome::Refused,
                },
            };
            count.cases += 1;
            count.verified += usize::from(outcome == Outcome::Verified);
            let exception = EXCEPTIONS.iter().find(|exception| {
                exception.set == set.name && exception.id == case.id && exception.algorithm == case.algorithm
            });
            let as_labelled = (outcome == Outcome::Verified) == case.valid;
            let as_expected = match exception {
                None => as_labelled,
                Some(exception) => {
                    met += 1;
                    !as_labelled
                        && outcome == exception.actual
                        && case.valid == (exception.expected == Outcome::Verified)
                }
            };
            if !as_expected {
                let reason = exception.map_or("no exception", |exception| exception.reason);
                count.surprises.push(format!(
                    "{} {} {}: {outcome:?}, labelled valid: {} ({reason})",
                    set.name, case.id, case.algorithm, case.valid
                ));
            }
        }
    }
    let listed = EXCEPTIONS.iter().filter(|exception| exception.set == set.name).count();
    assert_eq!(met, listed, "{}: an exception names a case that does not exist", set.name);
    count
}

fn run_all(title: &str, sets: &[cases::Set]) -> (usize, usize) {
    let (mut cases, mut verified, mut surprises) = (0, 0, Vec::new());
    for set in sets {
        let count = run(set);
        println!("{BACKEND} {title} {}: {} cases, {} verified", set.name, count.cases, count.verified);
        assert!(count.cases >= set.minimum, "{} shrank to {} cases", set.name, count.cases);
        cases += count.cases;
        verified += count.verified;
        surprises.extend(count.surprises);
    }
    println!("{BACKEND} {title}: {cases} cases, {verified} verified");
    assert!(surprises.is_empty(), "{surprises:#?}");
    (cases, verified)
}

#[test]
fn cases_in_the_form_of_jose_are_answered_as_labelled() {
    let (cases, verified) = run_all("jose", &cases::jose());
    assert!(cases >= 4902);
    assert!(verified >= 1000);
}

#[test]
fn cases_in_other_forms_are_refused() {
    let (cases, _) = run_all("foreign", &cases::foreign());
    assert!(cases >= 3000);
}

#[test]
fn every_exception_has_a_set_and_a_reason() {
    let names: Vec<String> = cases::jose().into_iter().chain(cases::foreign()).map(|set| set.name).collect();
    for exception in EXCEPTIONS {
        assert!(names.iter().any(|name| name == exception.set), "{}", exception.set);
        assert!(!exception.reason.is_empty());
    }
}
