use alloc::vec::Vec;

use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer;

use super::*;
use crate::crypto::{Curve, KeyMaterial};
use crate::trust::thumbprint::thumbprint;

struct Client {
    signer: SigningKey,
    public: PublicKey,
    thumbprint: [u8; 32],
}

impl Client {
    fn new(seed: u8) -> Self {
        let signer = SigningKey::from_slice(&[seed; 32]).unwrap();
        let point = signer.verifying_key().to_sec1_point(false);
        let material = KeyMaterial::Ec { curve: Curve::P256, x: &point.as_bytes()[1..33], y: &point.as_bytes()[33..] };
        Self { public: PublicKey::new(&material).unwrap(), thumbprint: thumbprint(&material), signer }
    }

    fn check(&self, hot: &mut HotKeys, message: &[u8]) -> bool {
        let signature: p256::ecdsa::Signature = self.signer.sign(message);
        let (valid, mut forged) = (signature.to_bytes(), signature.to_bytes());
        forged[40] ^= 1;
        let mut ask =
            |signature: &[u8]| hot.verify(&self.public, &self.thumbprint, Algorithm::Es256, message, signature).is_ok();
        assert!(!ask(&forged), "a forged signature passed");
        assert!(!ask(&valid[..63]), "a short signature passed");
        ask(&valid)
    }
}

fn promote(client: &Client, hot: &mut HotKeys) {
    for round in 0..10_000u32 {
        assert!(client.check(hot, &round.to_be_bytes()));
        if matches!(hot.find(&client.thumbprint), Some(HotKey { table: Table::Proven(_), .. })) {
            return;
        }
        hot.build(20_000); // what a host does in an idle moment
    }
    panic!("never promoted");
}

#[test]
fn a_key_is_promoted_after_some_uses_and_answers_the_same() {
    let client = Client::new(7);
    let mut hot = HotKeys::new(1 << 20);
    for round in 0..PROMOTE_AFTER - 1 {
        assert!(client.check(&mut hot, &round.to_be_bytes()));
    }
    assert_eq!(hot.counts(), HotKeyCounts::default());
    promote(&client, &mut hot);
    assert_eq!(hot.counts().table_bytes, TABLE_BYTES, "the constant is the size of a table");
    for round in 0..100u32 {
        assert!(client.check(&mut hot, &round.to_le_bytes()));
    }
    // Valid, forged and short signatures all went by the table.
    assert_eq!(hot.counts().table_checks, 300);
    assert_eq!(hot.counts().banned, 0);
}

#[test]
fn requests_alone_complete_a_table() {
    let client = Client::new(9);
    let mut hot = HotKeys::new(1 << 20);
    let promoted = (0..2_000u32).any(|round| {
        assert!(client.check(&mut hot, &round.to_be_bytes()));
        hot.counts().promoted == 1
    });
    assert!(promoted);
}

#[test]
fn memory_is_bounded_and_the_least_used_key_makes_room() {
    let mut hot = HotKeys::new(2 * TABLE_BYTES);
    let clients: Vec<Client> = (1..=3).map(Client::new).collect();
    promote(&clients[0], &mut hot);
    promote(&clients[1], &mut hot);
    for round in 0..200u32 {
        assert!(clients[1].check(&mut hot, &round.to_be_bytes()));
    }
    promote(&clients[2], &mut hot);
    let counts = hot.counts();
    assert_eq!((counts.promoted, counts.evicted, counts.table_bytes), (2, 1, 2 * TABLE_BYTES));
    // The evicted key still verifies, by the library.
    assert!(clients[0].check(&mut hot, b"again"));
}

#[test]
fn forged_signatures_earn_no_table() {
    let client = Client::new(11);
    let mut hot = HotKeys::new(1 << 20);
    for round in 0..200u32 {
        let forged = [0x55; 64];
        let message = round.to_be_bytes();
        assert!(hot.verify(&client.public, &client.thumbprint, Algorithm::Es256, &message, &forged).is_err());
    }
    assert!(!hot.build(u32::MAX));
    assert_eq!(hot.counts(), HotKeyCounts::default());
}

#[test]
fn without_room_nothing_is_counted() {
    let client = Client::new(13);
    let mut hot = HotKeys::new(0);
    for round in 0..200u32 {
        assert!(client.check(&mut hot, &round.to_be_bytes()));
    }
    assert_eq!(hot.counts(), HotKeyCounts::default());
}

#[test]
fn a_table_that_disagrees_is_banned() {
    let (client, other) = (Client::new(15), Client::new(16));
    let mut hot = HotKeys::new(1 << 20);
    promote(&client, &mut hot);
    // The wrong table under the right name: what a fault in our arithmetic would look like.
    let point: Vec<u8> = other.signer.verifying_key().to_sec1_point(false).as_bytes()[1..].to_vec();
    let mut builder = TableBuilder::new(point.as_slice().try_into().unwrap()).unwrap();
    let wrong = core::iter::from_fn(|| Some(builder.step(u32::MAX))).find_map(|table| table).unwrap();
    hot.find(&client.thumbprint).unwrap().table = Table::Unproven(Prepared::P256(wrong), 0);
    hot.counts.promoted = 0;
    assert!(client.check(&mut hot, b"once"), "the library's answer stands");
    assert_eq!(hot.counts().banned, 1);
    assert!(client.check(&mut hot, b"twice"));
    assert_eq!(hot.counts().promoted, 0);
}
