//! What `checks::uri` holds of any input, on whatever libFuzzer makes.
#![no_main]

use countersign_fuzz::checks::uri::check;

libfuzzer_sys::fuzz_target!(
    init: countersign_fuzz::seeds::write_where_asked("uri", check),
    |input: &[u8]| {
        check(input);
    }
);
