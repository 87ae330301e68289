//! What `checks::policy` holds of any input, on whatever libFuzzer makes.
#![no_main]

use countersign_fuzz::checks::policy::check;

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::seeds::write_where_asked("policy", check),
    |input: &[u8]| {
        check(input);
    }
);
