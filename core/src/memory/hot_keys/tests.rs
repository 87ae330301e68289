use ::p256::ecdsa::SigningKey;
use ::p256::ecdsa::signature::Signer as _;

use super::*;
use crate::crypto::{Curve, KeyMaterial, p256};
#[cfg(feature = "fast")]
use crate::crypto::{HashAlgorithm, ed25519};
use crate::trust::thumbprint::thumbprint;

const SEED: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    P256,
    Ed25519,
}

enum Signer {
    P256(SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

struct Client {
    signer: Signer,
    public: PublicKey,
    thumbprint: [u8; 32],
}

impl Client {
    fn new(kind: Kind, seed: u8) -> Self {
        let made = |signer, material: &KeyMaterial<'_>| Self {
            public: PublicKey::new(material).unwrap(),
            thumbprint: thumbprint(material),
            signer,
        };
        match kind {
            Kind::P256 => {
                let signer = SigningKey::from_slice(&[seed; 32]).unwrap();
                let point = signer.verifying_key().to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(32);
                made(Signer::P256(signer), &KeyMaterial::Ec { curve: Curve::P256, x, y })
            }
            Kind::Ed25519 => {
                let signer = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
                let x = signer.verifying_key().to_bytes();
                made(Signer::Ed25519(signer), &KeyMaterial::Ed25519 { x: &x })
            }
        }
    }

    fn algorithm(&self) -> Algorithm {
        match self.signer {
            Signer::P256(_) => Algorithm::Es256,
            Signer::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        match &self.signer {
            Signer::P256(signer) => {
                let signature: ::p256::ecdsa::Signature = signer.sign(message);
                signature.to_bytes().into()
            }
            Signer::Ed25519(signer) => signer.sign(message).to_bytes(),
        }
    }

    fn check(&self, hot: &mut HotKeys, message: &[u8]) -> bool {
        let valid = self.sign(message);
        let mut forged = valid;
        forged[40] ^= 1;
        let mut ask =
            |signature: &[u8]| hot.verify(&self.public, &self.thumbprint, self.algorithm(), message, signature).is_ok();
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

/// The kinds of keys that have tables in this build.
const TABLED: &[Kind] = if cfg!(feature = "fast") { &[Kind::P256, Kind::Ed25519] } else { &[Kind::P256] };

#[cfg(feature = "fast")]
#[test]
fn a_key_is_promoted_after_some_uses_and_answers_the_same() {
    for (kind, size) in [(Kind::P256, p256::KeyTable::SIZE_BYTES), (Kind::Ed25519, ed25519::KeyTable::SIZE_BYTES)] {
        let client = Client::new(kind, 7);
        let mut hot = HotKeys::new(1 << 20, SEED);
        for round in 0..PROMOTE_AFTER - 1 {
            assert!(client.check(&mut hot, &round.to_be_bytes()));
        }
        assert_eq!(hot.counts(), HotKeyCounts::default());
        promote(&client, &mut hot);
        assert_eq!(hot.counts().table_bytes, size, "the constant is the size of a table");
        for round in 0..100u32 {
            assert!(client.check(&mut hot, &round.to_le_bytes()));
        }
        // Valid and forged signatures went by the table; short ones were refused by their form.
        assert_eq!(hot.counts().table_checks, 200);
        assert_eq!(hot.counts().banned, 0);
    }
}

#[test]
fn requests_alone_complete_a_table() {
    for &kind in TABLED {
        let client = Client::new(kind, 9);
        let mut hot = HotKeys::new(1 << 20, SEED);
        let promoted = (0..2_000u32).any(|round| {
            assert!(client.check(&mut hot, &round.to_be_bytes()));
            hot.counts().promoted == 1
        });
        assert!(promoted, "{kind:?}");
    }
}

#[cfg(feature = "fast")]
#[test]
fn memory_is_bounded_and_the_least_used_key_makes_room() {
    let room = p256::KeyTable::SIZE_BYTES + ed25519::KeyTable::SIZE_BYTES;
    let mut hot = HotKeys::new(room, SEED);
    let clients = [Client::new(Kind::P256, 1), Client::new(Kind::Ed25519, 2), Client::new(Kind::P256, 3)];
    promote(&clients[0], &mut hot);
    promote(&clients[1], &mut hot);
    for round in 0..200u32 {
        assert!(clients[1].check(&mut hot, &round.to_be_bytes()));
    }
    promote(&clients[2], &mut hot);
    let counts = hot.counts();
    assert_eq!((counts.promoted, counts.evicted, counts.table_bytes), (2, 1, room));
    // The evicted key still verifies, by the library.
    assert!(clients[0].check(&mut hot, b"again"));
}

/// Keys that a client chose by the first byte of their thumbprints, which costs it 64 tries for each.
#[test]
fn keys_ground_by_a_client_do_not_keep_another_unprepared() {
    let clients: Vec<Client> = (1..=254).map(|seed| Client::new(Kind::P256, seed)).collect();
    let begin_alike = |byte: u8| clients.iter().filter(move |client| client.thumbprint[0] % 64 == byte);
    let byte = (0..64).find(|byte| begin_alike(*byte).count() >= 5).unwrap();
    let mut hot = HotKeys::new(1 << 24, SEED);
    for (place, client) in begin_alike(byte).take(5).enumerate() {
        promote(client, &mut hot);
        assert_eq!(hot.counts().promoted, place + 1);
    }
}

/// Whatever a client does to the first or to the last bytes of thumbprints, its keys spread as those of others do.
#[test]
fn thumbprints_that_are_alike_spread_over_the_sets() {
    for seed in 1..=64_u64 {
        let hot = HotKeys::new(1, [seed, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)]);
        for place in [0, 8, 31] {
            let alike = |count: u8| {
                let mut thumbprint = [0x5a; 32];
                thumbprint[(place + 1) % 32] = count;
                thumbprint
            };
            let sets: std::collections::BTreeSet<usize> = (0..=255).map(|count| hot.set_of(&alike(count))).collect();
            // Of 64 sets, 256 random places leave one or two out.
            assert!(sets.len() > 48, "seed {seed}: {} sets", sets.len());
        }
    }
}

/// The keys among these clients that the seed puts into one set, most of them first.
fn of_one_set<'c>(clients: &'c [Client], hot: &HotKeys) -> Vec<&'c Client> {
    let in_set = |set: usize| clients.iter().filter(move |client| hot.set_of(&client.thumbprint) == set);
    (0..SETS).map(|set| in_set(set).collect::<Vec<_>>()).max_by_key(Vec::len).unwrap()
}

#[test]
fn the_coldest_table_of_a_full_set_gives_way() {
    let clients: Vec<Client> = (1..=254).map(|seed| Client::new(Kind::P256, seed)).collect();
    let mut hot = HotKeys::new(1 << 24, SEED);
    let full = of_one_set(&clients, &hot);
    let (old, [next, ..]) = full.split_at(WAYS) else { panic!("five keys of 254 share one of 64 sets") };
    for client in old {
        promote(client, &mut hot);
    }
    // Three go on being used, at half the rate of the next key; the first is not used any more.
    for round in 0..2 * (GIVE_WAY_AFTER + PROMOTE_AFTER) {
        assert!(next.check(&mut hot, &round.to_be_bytes()));
        if round % 2 == 0 {
            for client in &old[1..] {
                assert!(client.check(&mut hot, &round.to_be_bytes()));
            }
        }
        while hot.build(20_000) {}
    }
    assert!(matches!(hot.find(&next.thumbprint), Some(HotKey { table: Table::Proven(_), .. })));
    assert!(hot.find(&old[0].thumbprint).is_none());
    for client in &old[1..] {
        assert!(matches!(hot.find(&client.thumbprint), Some(HotKey { table: Table::Proven(_), .. })));
    }
    assert_eq!((hot.counts().promoted, hot.counts().evicted, hot.counts().banned), (WAYS, 1, 0));
    let bytes = hot.sets.iter().flatten().flatten().map(|hot| match &hot.table {
        Table::Proven(table) | Table::Unproven(table, _) => table.size_bytes(),
        Table::None | Table::Banned => 0,
    });
    assert_eq!(hot.counts().table_bytes, bytes.sum::<usize>());
}

proptest::proptest! {
    /// Keys that come by once, fewer of them than uses of the coldest table of their set, take no table.
    #[test]
    fn a_table_in_use_outlasts_keys_that_come_by_once(
        seed in proptest::prelude::any::<[u64; 2]>(), uses in proptest::collection::vec(1_u32..4, 100..400),
    ) {
        let mut hot = HotKeys::new(1, seed);
        for way in &mut hot.sets[0] {
            *way = Some(HotKey { thumbprint: [0; 32], uses: GIVE_WAY_AFTER, table: Table::Banned });
        }
        let mut knocks = 0;
        let mut next = (0_u64..).map(|number| {
            let mut thumbprint = [1; 32];
            thumbprint[..8].copy_from_slice(&number.to_le_bytes());
            thumbprint
        });
        for used in uses {
            for hot in hot.sets[0].iter_mut().flatten() {
                hot.uses += used;
            }
            // As many newcomers to the set as one of its keys has uses.
            for _ in 0..used {
                let newcomer = next.by_ref().find(|thumbprint| hot.set_of(thumbprint) == 0).unwrap();
                proptest::prop_assert!(hot.remember(&newcomer).is_none());
                knocks += 1;
            }
        }
        proptest::prop_assert!(knocks >= 100);
        proptest::prop_assert!(hot.sets[0].iter().flatten().all(|hot| hot.thumbprint == [0; 32] && hot.uses > 0));
    }
}

/// The first keys get wide tables, up to half of the memory, and the next ones share the rest.
#[test]
fn half_of_the_memory_is_for_wide_tables() {
    let (wide, usual) = (p256::KeyTable::WIDE_SIZE_BYTES, p256::KeyTable::SIZE_BYTES);
    let mut hot = HotKeys::new(4 * wide + usual, SEED);
    let mut expected = 0;
    for (seed, size) in (1..).zip([wide, wide, usual, usual, usual]) {
        promote(&Client::new(Kind::P256, seed), &mut hot);
        expected += size;
        assert_eq!(hot.counts().table_bytes, expected);
    }
    let just_too_little = &mut HotKeys::new(2 * wide - 1, SEED);
    promote(&Client::new(Kind::P256, 6), just_too_little);
    assert_eq!(just_too_little.counts().table_bytes, usual);
}

#[test]
fn forged_signatures_earn_no_table() {
    let client = Client::new(Kind::P256, 11);
    let mut hot = HotKeys::new(1 << 20, SEED);
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
    let client = Client::new(Kind::P256, 13);
    let mut hot = HotKeys::new(0, SEED);
    for round in 0..200u32 {
        assert!(client.check(&mut hot, &round.to_be_bytes()));
    }
    assert_eq!(hot.counts(), HotKeyCounts::default());
}

/// Signatures that are valid by the equation alone: S·B = k·A with the neutral element as R. The rules on form refuse it, by table or not.
#[cfg(feature = "fast")]
#[test]
fn an_r_of_small_order_is_refused_and_bans_nothing() {
    let client = Client::new(Kind::Ed25519, 14);
    let Signer::Ed25519(signer) = &client.signer else { panic!("an Ed25519 key") };
    let mut r = [0; 32];
    r[0] = 1;
    let mut hot = HotKeys::new(1 << 20, SEED);
    for round in 0..400u32 {
        let message = round.to_be_bytes();
        assert!(client.check(&mut hot, &message));
        hot.build(20_000);
        let hash = HashAlgorithm::Sha512.digest(&[&r, signer.verifying_key().as_bytes(), &message]);
        let k = curve25519_dalek::Scalar::from_bytes_mod_order_wide(hash.as_ref().try_into().unwrap());
        let s = k * signer.to_scalar();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(s.as_bytes());
        assert!(hot.verify(&client.public, &client.thumbprint, Algorithm::EdDsa, &message, &signature).is_err());
    }
    assert_eq!((hot.counts().promoted, hot.counts().banned), (1, 0));
}

#[test]
fn a_table_that_disagrees_is_banned() {
    for &kind in TABLED {
        let (client, other) = (Client::new(kind, 15), Client::new(kind, 16));
        let mut hot = HotKeys::new(1 << 20, SEED);
        promote(&client, &mut hot);
        // The wrong table under the right name: what a fault in our arithmetic would look like.
        let mut builder = Builder::new(&other.public, Width::Usual).unwrap();
        let wrong = core::iter::from_fn(|| Some(builder.step(u32::MAX))).find_map(|table| table).unwrap();
        hot.find(&client.thumbprint).unwrap().table = Table::Unproven(wrong, 0);
        hot.counts.promoted = 0;
        assert!(client.check(&mut hot, b"once"), "the library's answer is final");
        assert_eq!(hot.counts().banned, 1);
        assert!(client.check(&mut hot, b"twice"));
        assert_eq!(hot.counts().promoted, 0);
    }
}

/// A host that takes RSA and P-256, and records each call; it always answers `holds`.
struct Host {
    asked: alloc::sync::Arc<core::sync::atomic::AtomicUsize>,
    holds: bool,
}

impl crate::crypto::SignatureVerifier for Host {
    fn takes(&self, kind: crate::crypto::KeyKind, _: Algorithm) -> bool {
        kind == crate::crypto::KeyKind::P256
    }

    fn verify(&mut self, _: &PublicKey, _: Algorithm, _: &[u8], _: &[u8]) -> bool {
        self.asked.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        self.holds
    }
}

#[test]
fn a_host_has_the_last_word_on_what_it_takes() {
    let asked = alloc::sync::Arc::new(core::sync::atomic::AtomicUsize::new(0));
    let times = || asked.load(core::sync::atomic::Ordering::Relaxed);
    let (taken, left) = (Client::new(Kind::P256, 5), Client::new(Kind::Ed25519, 6));
    for most in [0, 1 << 20] {
        for holds in [false, true] {
            let mut hot = HotKeys::new(most, SEED);
            hot.ask(Verifiers::with_host(Box::new(Host { asked: asked.clone(), holds })));
            let before = times();
            let signature = taken.sign(b"a");
            let mut ask = |client: &Client, message: &[u8], signature: &[u8]| {
                hot.verify(&client.public, &client.thumbprint, client.algorithm(), message, signature).is_ok()
            };
            assert_eq!([ask(&taken, b"a", &signature), ask(&taken, b"b", &signature)], [holds; 2]);
            assert_eq!(times(), before + 2);
            // What has not the form of a signature is not worth the host's time.
            assert!(!ask(&taken, b"a", &signature[..63]) && !ask(&taken, b"a", &[0; 64]));
            assert!(ask(&left, b"a", &left.sign(b"a")) && !ask(&left, b"b", &left.sign(b"a")));
            assert_eq!(times(), before + 2);
        }
    }
}

#[test]
fn a_table_that_disagrees_with_the_host_is_banned() {
    let client = Client::new(Kind::P256, 5);
    let mut hot = HotKeys::new(1 << 20, SEED);
    promote(&client, &mut hot);
    let mut other = HotKeys::new(1 << 20, SEED);
    let asked = alloc::sync::Arc::default();
    other.ask(Verifiers::with_host(Box::new(Host { asked, holds: true })));
    for round in 0..PROMOTE_AFTER {
        let signature = client.sign(&round.to_be_bytes());
        assert!(other.verify(&client.public, &client.thumbprint, client.algorithm(), b"another", &signature).is_ok());
    }
    while other.build(100_000) {}
    // The host accepts a signature of another message; the table refuses it, so one of them is wrong.
    let _said = other.verify(&client.public, &client.thumbprint, client.algorithm(), b"another", &client.sign(b"x"));
    assert_eq!((other.counts().banned, other.counts().promoted), (1, 0));
}
