//! What `checks::jwk` holds of any input, on whatever libFuzzer makes.
#![no_main]

use countersign_fuzz::checks::jwk::check;

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::seeds::write_where_asked("jwk", check),
    |input: &[u8]| {
        check(input);
    }
);
