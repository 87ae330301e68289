//! The policy document: never a panic, each fault by a pointer that means something, and the same result however strings are spelled.

use countersign::PolicyDocument;

use super::document::{check_faults, pointers, respelled};

pub fn check(text: &[u8]) -> bool {
    let read = PolicyDocument::parse(text);
    if let Err(faults) = &read {
        check_faults(text, faults);
    }
    if let Some(spelled) = respelled(text) {
        match (&read, &PolicyDocument::parse(&spelled)) {
            (Ok(first), Ok(second)) => {
                assert_eq!(first.trust().count(), second.trust().count());
                assert!(
                    first
                        .policies()
                        .map(|(_, policy)| policy.name())
                        .eq(second.policies().map(|(_, policy)| policy.name()))
                );
            }
            (Err(first), Err(second)) => assert_eq!(pointers(first), pointers(second)),
            (first, second) => panic!("{first:?} but, spelled otherwise, {second:?}"),
        }
    }
    read.is_ok()
}
