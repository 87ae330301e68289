//! The boundary with JavaScript: the functions that it calls, and the one that it gives. All unsafe code of the module is here.
//!
//! JavaScript writes into `input` and `numbers` between calls only, where [`input_at`] and [`numbers_at`] say, and within what [`reserve`] made
//! room for. It reads `output` before the next call. A function that is called while another one runs, as by the check of signatures that
//! JavaScript gives, ends as misused.

use core::cell::RefCell;

use crate::calls::{Calls, Ended};

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Checks a signature; 1 if it holds.
    fn verify(
        algorithm: u32,
        key: *const u8,
        key_length: usize,
        message: *const u8,
        message_length: usize,
        signature: *const u8,
        signature_length: usize,
    ) -> u32;
}

struct OneThread(RefCell<Calls>);

// SAFETY: an instance of this module has a memory of its own and one thread.
unsafe impl Sync for OneThread {}

static CALLS: OneThread = OneThread(RefCell::new(Calls::new()));

#[global_allocator]
static MEMORY: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// Traps: JavaScript sees a `RuntimeError` and uses the instance no more.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

fn host_verify(algorithm: u32, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    // SAFETY: JavaScript reads these bytes during the call, and writes none.
    let answer = unsafe {
        verify(algorithm, key.as_ptr(), key.len(), message.as_ptr(), message.len(), signature.as_ptr(), signature.len())
    };
    answer == 1
}

fn call(body: impl FnOnce(&mut Calls) -> Ended) -> u32 {
    CALLS.0.try_borrow_mut().map_or(Ended::Misused, |mut calls| body(&mut calls)) as u32
}

fn ask<T: Default>(body: impl FnOnce(&mut Calls) -> T) -> T {
    CALLS.0.try_borrow_mut().map_or_else(|_| T::default(), |mut calls| body(&mut calls))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn reserve(bytes: usize, numbers: usize) {
    ask(|calls| calls.reserve(bytes, numbers));
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn input_at() -> usize {
    ask(|calls| calls.input.as_ptr().addr())
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn input_length() -> usize {
    ask(|calls| calls.input.len())
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn numbers_at() -> usize {
    ask(|calls| calls.numbers.as_ptr().addr())
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn numbers_length() -> usize {
    ask(|calls| calls.numbers.len())
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn tables() -> u32 {
    call(Calls::tables)
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn open(length: usize) -> u32 {
    call(|calls| calls.open(length, host_verify))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn decide(with_audit: u32) -> u32 {
    call(|calls| calls.decide(with_audit != 0))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn explain() -> u32 {
    call(Calls::explain)
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn begin(with_audit: u32) -> u32 {
    call(|calls| calls.begin(with_audit != 0))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn resume(number: usize, said: u32, length: usize, with_audit: u32) -> u32 {
    call(|calls| calls.resume(number, said, length, with_audit != 0))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn abandon(number: usize, with_audit: u32) -> u32 {
    call(|calls| calls.abandon(number, with_audit != 0))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn feed(number: usize, length: usize) -> u32 {
    ask(|calls| calls.feed(number, length)).into()
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn load(place: usize, is_map: u32, length: usize) -> u32 {
    call(|calls| calls.load(place, is_map != 0, length))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn withdraw(place: usize) -> u32 {
    call(|calls| calls.withdraw(place))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn revoke(length: usize, replaces: u32) -> u32 {
    call(|calls| calls.revoke(length, replaces != 0))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn set_revocations_known(known: u32) -> u32 {
    call(|calls| calls.set_revocations_known(known))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn set_nonce_keys(has_previous: u32) -> u32 {
    call(|calls| calls.set_nonce_keys(has_previous != 0))
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn counters() -> u32 {
    call(Calls::counters)
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn build_tables(additions: u32) -> u32 {
    ask(|calls| calls.build_tables(additions)).into()
}
