//! A Rust library for a program that holds two of them: a standard library, a panic handler and unwind tables of its own, and panics
//! that it catches. Built twice, under two names.

use std::panic::catch_unwind;

/// Panics in this thread and in another one, and catches both; the number of those that were caught as they were thrown.
#[cfg_attr(other, unsafe(export_name = "other_catches"))]
#[cfg_attr(not(other), unsafe(export_name = "countersign_catches"))]
pub extern "C" fn catches(number: u32) -> u32 {
    let panics = move || std::panic::panic_any(number);
    let thrown = [catch_unwind(panics), std::thread::spawn(panics).join()];
    thrown.iter().filter(|result| result.as_ref().is_err_and(|thrown| thrown.downcast_ref() == Some(&number))).count()
        as u32
}
