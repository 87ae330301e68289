use super::*;
use alloc::vec;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The slow twin: a row of bits, eight taken at a time. Refuses without a reason.
fn decode_slowly(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Vec::new();
    for byte in encoded {
        let value = CHARACTERS.iter().position(|character| character == byte)?;
        bits.extend((0..6).rev().map(|bit| value >> bit & 1));
    }
    let (octets, left) = bits.split_at(bits.len() / 8 * 8);
    if left.len() >= 6 || left.contains(&1) {
        return None;
    }
    Some(octets.chunks(8).map(|octet| octet.iter().fold(0, |byte, bit| byte << 1 | *bit as u8)).collect())
}

fn decode_to_vec(encoded: &[u8]) -> Result<Vec<u8>, Base64Error> {
    let mut out = vec![0xa5; decoded_len(encoded.len()).unwrap_or(0)];
    decode(encoded, &mut out).map(|decoded| decoded.to_vec())
}

fn decode_standard_to_vec(encoded: &[u8]) -> Result<Vec<u8>, Base64Error> {
    let mut out = vec![0xa5; encoded.len()];
    decode_standard_padded(encoded, &mut out).map(|decoded| decoded.to_vec())
}

fn assert_agree(encoded: &[u8]) {
    let ours = decode_to_vec(encoded);
    assert_eq!(ours.clone().ok(), decode_slowly(encoded), "{encoded:?}");
    assert_eq!(ours.ok(), URL_SAFE_NO_PAD.decode(encoded).ok(), "{encoded:?}");
}

#[test]
fn every_byte_in_every_position_of_a_text_that_uses_blocks_quads_and_tail() {
    // 32 is one block; the lengths around it end in nothing, a quad, two and three characters.
    for length in [2, 3, 4, 6, 7, 8, 30, 31, 32, 34, 35, 36, 63, 64, 66, 67, 68, 71] {
        for position in 0..length {
            for byte in 0..=255 {
                let mut encoded = vec![b'A'; length];
                encoded[position] = byte;
                assert_agree(&encoded);
                encoded.fill(b'_');
                encoded[position] = byte;
                assert_agree(&encoded);
            }
        }
    }
}

#[test]
fn every_two_character_text_is_judged_as_the_slow_twin_does() {
    for first in 0..=255 {
        for second in 0..=255 {
            assert_agree(&[first, second]);
        }
    }
}

#[test]
fn every_three_character_tail_of_the_alphabet_accepts_only_zero_trailing_bits() {
    for (i, first) in CHARACTERS.iter().enumerate() {
        for (j, second) in CHARACTERS.iter().enumerate() {
            for (k, third) in CHARACTERS.iter().enumerate() {
                let expected = if k % 4 == 0 {
                    Ok(vec![(i << 2 | j >> 4) as u8, (j << 4 | k >> 2) as u8])
                } else {
                    Err(Base64Error::TrailingBits)
                };
                assert_eq!(decode_to_vec(&[*first, *second, *third]), expected);
            }
        }
    }
}

#[test]
fn every_byte_as_third_of_a_three_character_tail() {
    for first in 0..=255 {
        for third in 0..=255 {
            assert_agree(&[first, b'Q', third]);
            assert_agree(&[b'Q', first, third]);
        }
    }
}

#[test]
fn the_reason_names_length_then_output_then_alphabet_then_trailing_bits() {
    let mut short = [0; 2];
    assert_eq!(decode(b"A", &mut short), Err(Base64Error::Length));
    assert_eq!(decode(b"*****", &mut short), Err(Base64Error::Length));
    assert_eq!(decode(b"****", &mut short), Err(Base64Error::OutputTooShort));
    assert_eq!(decode(b"*B", &mut short), Err(Base64Error::Alphabet));
    assert_eq!(decode(b"AB", &mut short), Err(Base64Error::TrailingBits));
    assert_eq!(decode(b"****AB", &mut [0; 4]), Err(Base64Error::Alphabet));
}

#[test]
fn padding_white_space_and_the_standard_alphabet_are_refused() {
    for encoded in [&b"QQ=="[..], b"QUI=", b"QQ\n\n", b"QU I", b" QQ", b"QUJ+", b"QUJ/", b"QQ%3", b"QQ\0\0", b"QUJD=="]
    {
        assert!(decode_to_vec(encoded).is_err(), "{encoded:?}");
    }
}

#[test]
fn rfc_7515_appendix_c_example() {
    assert_eq!(decode_to_vec(b"A-z_4ME"), Ok(vec![3, 236, 255, 224, 193]));
    assert_eq!(encode(&[3, 236, 255, 224, 193], &mut [0; 7]), Some("A-z_4ME"));
}

#[test]
fn empty_is_empty() {
    assert_eq!(decode_to_vec(b""), Ok(vec![]));
    assert_eq!(decode_standard_to_vec(b""), Ok(vec![]));
    assert_eq!(encode(b"", &mut []), Some(""));
    assert_eq!(decode_array::<0>(b""), Some([]));
}

#[test]
fn only_the_front_of_a_longer_output_is_written() {
    let mut out = [0xa5; 9];
    assert_eq!(decode(b"QUJDRA", &mut out).map(|decoded| decoded.len()), Ok(4));
    assert_eq!(&out, b"ABCD\xa5\xa5\xa5\xa5\xa5");
    let mut out = [0xa5; 8];
    assert_eq!(encode(b"ABCD", &mut out), Some("QUJDRA"));
    assert_eq!(&out, b"QUJDRA\xa5\xa5");
    assert_eq!(encode(b"ABCD", &mut [0; 5]), None);
}

#[test]
fn an_array_takes_exactly_its_length() {
    assert_eq!(decode_array::<4>(b"QUJDRA"), Some(*b"ABCD"));
    assert_eq!(decode_array::<3>(b"QUJDRA"), None);
    assert_eq!(decode_array::<5>(b"QUJDRA"), None);
    assert_eq!(decode_array::<4>(b"QUJDRB"), None);
    assert_eq!(decode_array::<4>(b"QUJDR"), None);
}

#[test]
fn lengths_agree_with_each_other_and_do_not_overflow() {
    for n in 0..1000 {
        assert_eq!(decoded_len(encoded_len(n)), Some(n));
        assert_eq!(decoded_len(4 * n + 1), None);
    }
    assert_eq!(encoded_len(usize::MAX), usize::MAX);
    assert_eq!(decoded_len(usize::MAX), Some(usize::MAX / 4 * 3 + 2));
}

#[test]
fn standard_form_demands_its_padding() {
    assert_eq!(decode_standard_to_vec(b"+/+/"), Ok(vec![0xfb, 0xff, 0xbf]));
    assert_eq!(decode_standard_to_vec(b"QQ=="), Ok(b"A".to_vec()));
    assert_eq!(decode_standard_to_vec(b"QUI="), Ok(b"AB".to_vec()));
    for (encoded, expected) in [
        (&b"QQ"[..], Base64Error::Length),
        (b"QUI", Base64Error::Length),
        (b"QQ=", Base64Error::Length),
        (b"====", Base64Error::Alphabet),
        (b"Q===", Base64Error::Alphabet),
        (b"QQ==QQ==", Base64Error::Alphabet),
        (b"QUJDQ===", Base64Error::Alphabet),
        (b"QR==", Base64Error::TrailingBits),
        (b"QUJ=", Base64Error::TrailingBits),
        (b"QUJ-", Base64Error::Alphabet),
        (b"QUJ_", Base64Error::Alphabet),
        (b"QU\nI", Base64Error::Alphabet),
    ] {
        assert_eq!(decode_standard_to_vec(encoded), Err(expected), "{encoded:?}");
    }
    assert_eq!(decode_standard_padded(b"QUI=", &mut [0; 1]), Err(Base64Error::OutputTooShort));
}

#[test]
fn every_byte_in_every_position_of_the_standard_form() {
    for template in [&b"QUJDQUJD"[..], b"QUJDQQ==", b"QUJDQUI="] {
        for position in 0..template.len() {
            for byte in 0..=255 {
                let mut encoded = template.to_vec();
                encoded[position] = byte;
                assert_eq!(decode_standard_to_vec(&encoded).ok(), STANDARD.decode(&encoded).ok(), "{encoded:?}");
            }
        }
    }
}

/// Spellings of random bytes with a few bytes overwritten, so that most are nearly right.
fn nearly_base64url() -> impl Strategy<Value = Vec<u8>> {
    let mutation = (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(CHARACTERS.to_vec())]);
    (prop::collection::vec(any::<u8>(), 0..400), prop::collection::vec(mutation, 0..3), 0_usize..3).prop_map(
        |(bytes, mutations, cut)| {
            let mut encoded = URL_SAFE_NO_PAD.encode(bytes).into_bytes();
            encoded.truncate(encoded.len().saturating_sub(cut));
            for (index, byte) in mutations {
                if !encoded.is_empty() {
                    let position = index.index(encoded.len());
                    encoded[position] = byte;
                }
            }
            encoded
        },
    )
}

proptest! {
    #[test]
    fn decoding_agrees_with_both_oracles(encoded in nearly_base64url()) {
        assert_agree(&encoded);
    }

    #[test]
    fn arbitrary_bytes_agree_with_both_oracles(encoded in prop::collection::vec(any::<u8>(), 0..80)) {
        assert_agree(&encoded);
    }

    #[test]
    fn encoding_agrees_and_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut out = vec![0; encoded_len(bytes.len())];
        let encoded = encode(&bytes, &mut out).unwrap();
        prop_assert_eq!(encoded, URL_SAFE_NO_PAD.encode(&bytes));
        prop_assert_eq!(decode_to_vec(encoded.as_bytes()), Ok(bytes));
    }

    #[test]
    fn thirty_two_bytes_agree(bytes in any::<[u8; 32]>()) {
        let encoded = encode_array_32(&bytes);
        prop_assert_eq!(encoded.to_vec(), URL_SAFE_NO_PAD.encode(bytes).into_bytes());
        prop_assert_eq!(decode_array(&encoded), Some(bytes));
    }

    #[test]
    fn standard_form_agrees(
        bytes in prop::collection::vec(any::<u8>(), 0..100), index in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut encoded = STANDARD.encode(&bytes).into_bytes();
        prop_assert_eq!(decode_standard_to_vec(&encoded), Ok(bytes));
        if !encoded.is_empty() {
            let position = index.index(encoded.len());
            encoded[position] = byte;
            prop_assert_eq!(decode_standard_to_vec(&encoded).ok(), STANDARD.decode(&encoded).ok());
        }
    }
}
