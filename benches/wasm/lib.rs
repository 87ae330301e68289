//! What `run` calls: the same signatures checked by a key's table and by the `p256` crate.

use std::sync::LazyLock;

use countersign::crypto::p256::{Generator, KeyTable, TableBuilder, verify_prehashed};
use p256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};

const CASES: usize = 64;

struct Case {
    hash: [u8; 32],
    signature: [u8; 64],
    is_good: bool,
}

struct Bench {
    generator: Generator,
    point: [u8; 64],
    table: KeyTable,
    key: VerifyingKey,
    /// Good ones, then as many whose hash was altered.
    cases: Vec<Case>,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let signer = SigningKey::from_slice(&[7; 32]).expect("a scalar below the order");
    let key = *signer.verifying_key();
    let point = key.to_sec1_point(false).as_bytes()[1..].try_into().expect("two coordinates");
    let cases = (0..2 * CASES).map(|number| {
        let mut hash = [number as u8; 32];
        hash[0] = (number % CASES) as u8;
        let signature: Signature = signer.sign_prehash(&hash).expect("a signature");
        let is_good = number < CASES;
        hash[31] ^= u8::from(!is_good);
        Case { hash, signature: signature.to_bytes().into(), is_good }
    });
    Bench { generator: Generator::build(), point, table: table(&point), key, cases: cases.collect() }
});

fn table(point: &[u8; 64]) -> KeyTable {
    let mut builder = TableBuilder::new(point).expect("a point of the curve");
    loop {
        if let Some(table) = builder.step(u32::MAX) {
            return table;
        }
    }
}

/// How many of all cases, good and bad, `check` answers rightly, out of twice [`CASES`].
fn right_answers(check: impl Fn(&Case) -> bool) -> u32 {
    BENCH.cases.iter().map(|case| u32::from(check(case) == case.is_good)).sum()
}

fn by_table(case: &Case) -> bool {
    verify_prehashed(&BENCH.generator, &BENCH.table, &case.hash, &case.signature)
}

fn by_crate(case: &Case) -> bool {
    let Ok(signature) = Signature::from_slice(&case.signature) else { return false };
    BENCH.key.verify_prehash(&case.hash, &signature).is_ok()
}

/// How many checks one call of `table_answers` or `crate_answers` makes.
#[unsafe(no_mangle)]
pub extern "C" fn cases() -> u32 {
    BENCH.cases.len() as u32
}

#[unsafe(no_mangle)]
pub extern "C" fn table_answers() -> u32 {
    right_answers(by_table)
}

#[unsafe(no_mangle)]
pub extern "C" fn crate_answers() -> u32 {
    right_answers(by_crate)
}

/// Builds the key's table; its size in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn build_table() -> u32 {
    table(&BENCH.point).size_bytes() as u32
}
