//! What `checks::revocations` holds of any input, on whatever libFuzzer makes.
#![no_main]

use countersign_fuzz::checks::revocations::check;

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::seeds::write_where_asked("revocations", check),
    |input: &[u8]| {
        check(input);
    }
);
