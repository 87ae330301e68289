//! The document of revocations: never a panic, each fault by a pointer that means something, and the same content however strings are
//! spelled.

use countersign_reload::RevocationDocument;

use super::document::{check_faults, pointers, respelled};

pub fn check(text: &[u8]) -> bool {
    let read = RevocationDocument::read(text);
    match &read {
        Ok(document) => {
            let doubled = document.clone().with(document.clone());
            assert_eq!(document.build().names(), doubled.build().names(), "a name that is revoked twice counts once");
        }
        Err(faults) => check_faults(text, faults),
    }
    if let Some(spelled) = respelled(text) {
        match (&read, &RevocationDocument::read(&spelled)) {
            (Ok(first), Ok(second)) => assert_eq!(first, second),
            (Err(first), Err(second)) => assert_eq!(pointers(first), pointers(second)),
            (first, second) => panic!("{first:?} but, spelled otherwise, {second:?}"),
        }
    }
    read.is_ok()
}
