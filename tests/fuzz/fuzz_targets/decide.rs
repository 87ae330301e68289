//! What `checks::decide` holds of any input, on whatever libFuzzer makes.
#![no_main]

use countersign_fuzz::checks::decide::check;

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::seeds::write_where_asked("decide", check),
    |input: &[u8]| {
        check(input);
    }
);
