//! Powers against big integers, on numbers of all lengths with digits at the edges.

use super::*;
use crate::crypto::rsa::montgomery::Modulus;

/// The digits of a number of so many bits that are all 0, all ones or random, the top bit and the lowest set.
fn modulus() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![Just(2048usize), Just(2049), Just(3072), Just(4096), 1100..=8192usize];
    let bytes = proptest::collection::vec(prop_oneof![Just(0u8), Just(0xff), any::<u8>()], 1024);
    let kind = 0..4;
    (length, bytes, kind).prop_map(|(bits, mut bytes, kind)| {
        match kind {
            0 => bytes.fill(0xff),
            1 => bytes.fill(0),
            _ => {}
        }
        bytes.truncate(bits.div_ceil(8));
        let top = 7 - (8 * bytes.len() - bits);
        bytes[0] = bytes[0] & ((1 << top) - 1) | 1 << top;
        *bytes.last_mut().unwrap() |= 1;
        bytes
    })
}

fn power<D: Digit, const B: usize>(n: &[u8], base: &[u8], exponent: u64) -> Vec<u8> {
    let modulus = Modulus::<D, B>::new(n).unwrap();
    let length = modulus.length();
    let (mut s, mut out) = (vec![D::ZERO; length], vec![D::ZERO; length]);
    let (mut t, mut space) = (vec![D::ZERO; 2 * length], vec![D::ZERO; 2 * length]);
    read(base, &mut s);
    // The base times R, and the power times R again without it.
    modulus.multiply(&mut s, &modulus.r_squared, &mut t);
    modulus.power(&s, exponent, &mut out, &mut t, &mut space);
    let mut one = vec![D::ZERO; length];
    one[0] = D::power_of_two(0);
    modulus.multiply(&mut out, &one, &mut t);
    modulus.canonical(&mut out);
    let mut bytes = vec![0; n.len()];
    write(&out, &mut bytes);
    bytes
}

fn agree(n: &[u8], base: &BigUint, exponent: u64) {
    let modulus = big(n);
    let base = base % &modulus;
    let expected = bytes(&base.modpow(&BigUint::from(exponent), &modulus), n.len());
    let base = bytes(&base, n.len());
    assert_eq!(power::<u64, 17>(n, &base, exponent), expected, "64 bits");
    assert_eq!(power::<u32, 18>(n, &base, exponent), expected, "32 bits");
    let mut out = vec![0; n.len()];
    assert!(unprepared::write_power::<u64, 135>(n, exponent, &base, &mut out));
    assert_eq!(out, expected, "64 bits, unprepared");
    out.fill(0);
    assert!(unprepared::write_power::<u32, 283>(n, exponent, &base, &mut out));
    assert_eq!(out, expected, "32 bits, unprepared");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn powers_are_those_of_big_integers(
        n in modulus(),
        base in proptest::collection::vec(prop_oneof![Just(0u8), Just(0xff), any::<u8>()], 1024),
        near in 0u32..4,
        exponent in prop_oneof![Just(3u64), Just(5), Just(65537), Just((1 << 33) - 1), 1u64..1 << 32],
    ) {
        agree(&n, &big(&base), exponent | 3);
        agree(&n, &BigUint::from(near), exponent | 3);
        agree(&n, &(big(&n) - near), exponent | 3);
    }

    #[test]
    fn bytes_survive_the_digits(number in proptest::collection::vec(any::<u8>(), 1..1024)) {
        let mut wide = vec![0u64; 136];
        read(&number, &mut wide);
        prop_assert!(wide.iter().all(|digit| digit >> 61 == 0));
        let mut back = vec![0; number.len()];
        write(&wide, &mut back);
        prop_assert_eq!(&back, &number);
        let mut narrow = vec![0u32; 288];
        read(&number, &mut narrow);
        prop_assert!(narrow.iter().all(|digit| digit >> 29 == 0));
        back.fill(0);
        write(&narrow, &mut back);
        prop_assert_eq!(&back, &number);
        // As few digits as hold the number.
        let bits = bits_of(&number);
        back.fill(0);
        write(&wide[..bits.div_ceil(61)], &mut back);
        prop_assert_eq!(&back, &number);
        back.fill(0);
        write(&narrow[..bits.div_ceil(29)], &mut back);
        prop_assert_eq!(&back, &number);
    }
}

#[test]
fn all_ones_of_every_length_modulo_eight_and_digits() {
    // Digits that end within the last byte of the modulus: 3 blocks and 6 of 61 bits, 7 of 29.
    let uneven = [3105..3108usize, 6217..6219, 3649..3651].into_iter().flatten();
    for bits in (2040..2120usize).chain([3072, 4096, 4148, 8191, 8192]).chain(uneven) {
        // 2^bits - 1, and 2^(bits-1) + 1.
        for n in [(BigUint::from(1u8) << bits) - 1u8, (BigUint::from(1u8) << (bits - 1)) + 1u8] as [BigUint; 2] {
            let n = n.to_bytes_be();
            agree(&n, &(big(&n) - 2u8), 3);
            agree(&n, &((BigUint::from(1u8) << (bits - 1)) - 1u8), 65537);
        }
    }
}

#[test]
fn a_modulus_is_odd_and_long_enough() {
    assert!(Modulus::<u64, 17>::new(&[]).is_none());
    assert!(Modulus::<u64, 17>::new(&[1; 64]).is_none());
    let mut n = [0xff; 256];
    assert!(Modulus::<u64, 17>::new(&n).is_some());
    n[255] = 0xfe;
    assert!(Modulus::<u64, 17>::new(&n).is_none());
}
