//! The functions that `run` calls: the same signatures checked by a key's table and by the `p256` crate, and by our code for RSA and by the `rsa` crate.

use std::sync::LazyLock;

use countersign::internal::crypto::p256::{Generator, KeyTable, TableBuilder, verify_prehashed};
use countersign::internal::jose::base64url;
use countersign::{Algorithm, KeyMaterial, PublicKey};
use p256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use rsa::{BoxedUint, Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest as _, Sha256};

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

/// The example of RFC 7515 appendix A.2: RS256 by a key of 2048 bits with the exponent 65537.
struct Rs256 {
    ours: PublicKey,
    theirs: RsaPublicKey,
    /// The good one, and the same with its last bit flipped.
    signatures: [Vec<u8>; 2],
}

static RS256: LazyLock<Rs256> = LazyLock::new(|| {
    let (n, good) = (decode(MODULUS), decode(SIGNATURE));
    let mut bad = good.clone();
    *bad.last_mut().expect("256 bytes") ^= 1;
    Rs256 {
        ours: PublicKey::new(&KeyMaterial::Rsa { n: &n, e: &[1, 0, 1] }).expect("a key"),
        theirs: RsaPublicKey::new(BoxedUint::from_be_slice_vartime(&n), BoxedUint::from(65537_u32)).expect("a key"),
        signatures: [good, bad],
    }
});

fn decode(text: &str) -> Vec<u8> {
    let mut out = vec![0; text.len()];
    base64url::decode(text.as_bytes(), &mut out).expect("base64url").to_vec()
}

/// As [`right_answers`], for the signatures of RSA.
fn right_rsa_answers(check: impl Fn(&[u8]) -> bool) -> u32 {
    let [good, bad] = &RS256.signatures;
    (0..CASES).map(|_| u32::from(check(good)) + u32::from(!check(bad))).sum()
}

#[unsafe(no_mangle)]
pub extern "C" fn rsa_answers() -> u32 {
    right_rsa_answers(|signature| RS256.ours.verify(Algorithm::Rs256, MESSAGE, signature).is_ok())
}

#[unsafe(no_mangle)]
pub extern "C" fn rsa_crate_answers() -> u32 {
    right_rsa_answers(|signature| {
        RS256.theirs.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(MESSAGE), signature).is_ok()
    })
}

const MODULUS: &str = "\
    ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs\
    D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV\
    MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const SIGNATURE: &str = "\
    cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ\
    cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e\
    OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const MESSAGE: &[u8] = b"\
    eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
