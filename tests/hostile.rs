//! Bad input: always a refusal with a reason, never a panic, in bounded time.

use std::time::{Duration, Instant};

use countersign::internal::limits;
use countersign::{Authority, Reason, Request, TrustError, UnixSeconds};
use countersign_tests::issuer::{DOMAIN, NOW, SERVER, URI, access, b64, jwk, proof, svid};
use countersign_tests::request::{Doc, bearer, domain, dpop, issuer, set_key, svid_key};
use countersign_tests::runner::{Answer, Runner};
use countersign_tests::vector;

/// A generous bound for one hostile request in an unoptimised build on a busy machine.
const BOUND: Duration = Duration::from_secs(2);

fn judge(runner: &mut Runner, headers: &[(&[u8], &[u8])]) -> Answer {
    let started = Instant::now();
    let request = Request::new(b"GET", URI.as_bytes(), headers.iter().copied(), UnixSeconds::new(NOW));
    let answer = runner.judge("default", &request);
    assert!(started.elapsed() < BOUND, "{:?} took {:?}", answer.reason, started.elapsed());
    answer
}

fn refusal(runner: &mut Runner, scheme: &str, token: &[u8]) -> Reason {
    let value = [scheme.as_bytes(), b" ", token].concat();
    judge(runner, &[(b"authorization", &value)]).reason.expect("a refusal")
}

#[test]
fn tokens_and_headers_of_a_mebibyte() {
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    let bound = access().bound_to_key("client-p256").text();
    for filler in [b'a', b'.', b'{', b'"', b'=', 0, 0xff] {
        let huge = vec![filler; 1 << 20];
        assert_eq!(refusal(&mut runner, "Bearer", &huge), Reason::CredentialTooLarge);
        assert_eq!(refusal(&mut runner, "DPoP", &huge), Reason::CredentialTooLarge);
        assert_eq!(judge(&mut runner, &[(b"authorization", &huge)]).reason, Some(Reason::SchemeUnsupported));
        let answer = judge(&mut runner, &[(b"authorization", format!("DPoP {bound}").as_bytes()), (b"dpop", &huge)]);
        assert_eq!(answer.reason, Some(Reason::ProofTooLarge));
    }
    let blank = vec![b' '; 1 << 20];
    assert_eq!(judge(&mut runner, &[(b"authorization", &blank)]).reason, Some(Reason::CredentialMissing));
    let name = vec![b'x'; 1 << 20];
    assert_eq!(judge(&mut runner, &[(&name, b"y")]).reason, Some(Reason::CredentialMissing));
    let method = vec![b'G'; 1 << 20];
    let headers = [(&b"authorization"[..], format!("DPoP {bound}")), (b"dpop", proof(&bound).text())];
    let headers: Vec<(&[u8], &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let request = Request::new(&method, URI.as_bytes(), headers.clone(), UnixSeconds::new(NOW));
    assert_eq!(runner.judge("default", &request).reason, Some(Reason::ProofMethodMismatch));
    let uri = [URI.as_bytes(), &vec![b'/'; 1 << 20]].concat();
    let request = Request::new(b"GET", &uri, headers, UnixSeconds::new(NOW));
    assert_eq!(runner.judge("default", &request).reason, Some(Reason::ProofUriMismatch));
}

#[test]
fn a_hundred_thousand_header_fields() {
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    let fields = vec![(&b"authorization"[..], &b"Bearer a.b.c"[..]); 100_000];
    assert_eq!(judge(&mut runner, &fields).reason, Some(Reason::CredentialRepeated));
}

/// CVE-2025-27144, CVE-2025-30204: a token of periods is one look at it.
#[test]
fn one_million_periods() {
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    assert_eq!(refusal(&mut runner, "Bearer", &vec![b'.'; 1_000_000]), Reason::CredentialTooLarge);
    for count in [1, 2, 3, 100, limits::TOKEN_BYTES] {
        assert_eq!(refusal(&mut runner, "Bearer", &vec![b'.'; count]), Reason::TokenMalformed, "{count}");
    }
}

fn with_claims(claims: &str) -> String {
    let token = access();
    token.text_of(token.header_text().as_bytes(), claims.as_bytes())
}

fn with_header(header: &str) -> String {
    let token = access();
    token.text_of(header.as_bytes(), token.claims_text().as_bytes())
}

#[test]
fn json_ten_thousand_deep() {
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    for depth in [17, 100, 1000, 10_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let half = open.repeat(depth);
            for text in [&deep, &half] {
                let claims = with_claims(&format!("{{\"x\":{text}"));
                let expected =
                    if claims.len() > limits::TOKEN_BYTES { Reason::CredentialTooLarge } else { Reason::LimitExceeded };
                assert_eq!(refusal(&mut runner, "Bearer", claims.as_bytes()), expected);
            }
        }
    }
    // The trust document has room for more text, and the same depth.
    for depth in [17, 10_000, 1_000_000] {
        let document = format!("{{\"keys\":[],\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let fault = runner.push(&Authority::Issuer(SERVER.to_owned()), document.as_bytes(), NOW).unwrap_err();
        assert!(matches!(fault, TrustError::Json(_)), "{fault}");
    }
}

#[test]
fn audiences_members_numbers_and_strings_without_end() {
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    let right = access().claims_text();
    let grown = |more: &str| right.replace('}', &format!(",{more}}}"));
    let many = |count: usize| format!("\"aud2\":[{}]", vec!["\"a\""; count].join(","));
    // 10^5 elements do not fit into a token; what fits is counted.
    assert_eq!(
        refusal(&mut runner, "Bearer", with_claims(&grown(&many(100_000))).as_bytes()),
        Reason::CredentialTooLarge
    );
    let audiences = access().claim("aud", &format!("[{}]", vec!["\"a\""; 2_000].join(","))).text();
    assert_eq!(refusal(&mut runner, "Bearer", audiences.as_bytes()), Reason::LimitExceeded);
    let members: Vec<String> = (0..1_200).map(|n| format!("\"{n}\":0")).collect();
    assert_eq!(
        refusal(&mut runner, "Bearer", with_claims(&grown(&members.join(","))).as_bytes()),
        Reason::LimitExceeded
    );
    for digits in [33, 1000, 10_000] {
        let number = "9".repeat(digits);
        for member in [
            format!("\"x\":{number}"),
            format!("\"x\":-{number}"),
            format!("\"x\":1.{number}"),
            format!("\"x\":1e{number}"),
        ] {
            assert_eq!(refusal(&mut runner, "Bearer", with_claims(&grown(&member)).as_bytes()), Reason::LimitExceeded);
        }
    }
    for text in ["\\n".repeat(4000), "\\u0041".repeat(1500), "\\ud83d\\ude00".repeat(700), "\u{1F600}".repeat(2000)] {
        let token = with_claims(&grown(&format!("\"x\":\"{text}\"")));
        assert!(token.len() <= limits::TOKEN_BYTES);
        let value = format!("Bearer {token}");
        assert_eq!(judge(&mut runner, &[(b"authorization", value.as_bytes())]).reason, None, "long strings are legal");
    }
    let scope = access().claim("scope", &format!("\"{}\"", " ".repeat(9000)));
    let value = format!("Bearer {}", scope.text());
    assert_eq!(judge(&mut runner, &[(b"authorization", value.as_bytes())]).reason, None);
}

#[test]
fn every_byte_and_every_half_of_a_character() {
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    for byte in 0..=255u8 {
        let right = access();
        let header = right.header_text();
        let middle = header.len() / 2;
        let broken = [&header.as_bytes()[..middle], &[byte], &header.as_bytes()[middle..]].concat();
        let token = right.text_of(&broken, right.claims_text().as_bytes());
        let in_token = refusal_or_none(&mut runner, token.as_bytes());
        assert!(in_token.is_some() || byte.is_ascii(), "{byte}");
        // The raw byte in the credential itself.
        let text = right.text();
        let raw = [&text.as_bytes()[..50], &[byte], &text.as_bytes()[50..]].concat();
        assert!(refusal_or_none(&mut runner, &raw).is_some(), "{byte}");
    }
    for text in [
        "\\ud800",
        "\\udfff",
        "\\ud800\\u0041",
        "\\ud800\\ud800",
        "\\ude00\\ud83d",
        "\\u",
        "\\u12",
        "\\uzzzz",
        "\\x41",
        "\\",
    ] {
        for claims in [format!("{{\"iss\":\"{text}\"}}"), format!("{{\"{text}\":1}}")] {
            assert_eq!(refusal(&mut runner, "Bearer", with_claims(&claims).as_bytes()), Reason::TokenJson, "{text}");
            assert_eq!(refusal(&mut runner, "Bearer", with_header(&claims).as_bytes()), Reason::TokenJson, "{text}");
        }
    }
}

fn refusal_or_none(runner: &mut Runner, token: &[u8]) -> Option<Reason> {
    judge(runner, &[(b"authorization", &[b"Bearer ", token].concat())]).reason
}

/// GHSA-gv94-wp4h-vv8p: every byte, and every byte after a space, between scheme and token.
#[test]
fn only_spaces_stand_between_scheme_and_token() {
    let token = access().text();
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    for byte in 0..=255u8 {
        for between in [vec![byte], vec![b' ', byte], vec![byte, b' ']] {
            let value = [b"Bearer", &between[..], token.as_bytes()].concat();
            let reason = judge(&mut runner, &[(b"authorization", &value)]).reason;
            assert_eq!(reason.is_none(), byte == b' ', "{between:?}: {reason:?}");
        }
    }
}

#[test]
fn key_sets_of_a_hundred_thousand() {
    let mut runner = Runner::new(&Doc::all().text(), NOW);
    let authority = Authority::Issuer(SERVER.to_owned());
    let set = |entry: &str, count: usize| format!("{{\"keys\":[{}]}}", vec![entry; count].join(","));
    let fault = runner.push(&authority, set("{}", 100_000).as_bytes(), NOW).unwrap_err();
    assert_eq!(fault, TrustError::TooManyKeys);
    let fault = runner.push(&authority, set(&set_key("server-p256"), 100_000).as_bytes(), NOW).unwrap_err();
    assert_eq!(fault, TrustError::TooLarge);
    let report = runner.push(&authority, set("{}", limits::KEYS_PER_SET).as_bytes(), NOW).unwrap();
    assert_eq!(report.dropped_count, limits::KEYS_PER_SET);
    assert!(report.dropped.len() <= 100, "the report is bounded");
    // The failures above did not change the set; the last one emptied it.
    assert_eq!(refusal(&mut runner, "Bearer", access().text().as_bytes()), Reason::KeyUnknown);
    // Distinct keys, each under its kid: the set still loads, and the right key is found.
    let keys: Vec<String> = (0..4_000).map(|n| jwk("server-p256", &format!("\"kid\":\"{n}\""))).collect();
    let report = runner.push(&authority, format!("{{\"keys\":[{}]}}", keys.join(",")).as_bytes(), NOW).unwrap();
    assert_eq!(report.added, 4_000);
    assert_eq!(refusal_or_none(&mut runner, access().header("kid", "\"3999\"").text().as_bytes()), None);
}

#[test]
fn odd_keys_of_every_kind_and_type_never_panic() {
    let values = ["null", "true", "7", "-1", "1e400", "\"\"", "\"AA\"", "\"!\"", "[]", "[1]", "{}", "{\"a\":1}"];
    let members = ["kty", "crv", "x", "y", "n", "e", "kid", "use", "alg", "key_ops", "d", "k", "x5c", "oth"];
    let mut loaded = 0;
    for base in ["server-p256", "server-rsa2048", "server-ed25519", "server-p521"] {
        for kty in ["EC", "RSA", "OKP", "oct", "AKP", ""] {
            for member in members {
                for value in values {
                    let mut runner =
                        Runner::new(&Doc::access().trust(&[format!("{{\"issuer\":\"{SERVER}\"}}")]).text(), NOW);
                    let mut key: serde_json::Value = serde_json::from_str(&set_key(base)).unwrap();
                    key["kty"] = kty.into();
                    let key = key.to_string().replace(&format!("\"{member}\":"), "\"was\":");
                    let key = format!("{},\"{member}\":{value}}}", key.trim_end_matches('}'));
                    let key = if key.matches("\"was\":").count() > 1 {
                        key.replacen("\"was\":", "\"was2\":", 1)
                    } else {
                        key
                    };
                    let document = format!("{{\"keys\":[{key},{}]}}", set_key("server-p384"));
                    let report = runner.push(&Authority::Issuer(SERVER.to_owned()), document.as_bytes(), NOW).unwrap();
                    assert!(report.added >= 1, "the good key stays beside {key}");
                    loaded += report.added - 1;
                }
            }
        }
    }
    assert!(loaded > 0, "some of them are harmless");
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// One random change: a bit, a byte, a byte gone, a byte more, two swapped, a cut, a piece doubled.
fn mutate(text: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = text.to_vec();
    let at = dice.below(out.len());
    match dice.below(7) {
        0 => out[at] ^= 1 << dice.below(8),
        1 => out[at] = u8::try_from(dice.below(256)).unwrap(),
        2 => _ = out.remove(at),
        3 => out.insert(at, u8::try_from(dice.below(256)).unwrap()),
        4 => {
            let other = dice.below(out.len());
            out.swap(at, other);
        }
        5 => out.truncate(at),
        _ => {
            let end = (at + 1 + dice.below(40)).min(out.len());
            let piece = out[at..end].to_vec();
            out.splice(at..at, piece);
        }
    }
    out
}

/// Every acceptance of the corpus, a thousand times changed: a change of the token or the proof always refuses.
#[test]
fn a_thousand_mutations_of_each_valid_token() {
    let mut dice = Dice(0x1234_5678_9abc_def1);
    let kinds = [("jwt-svid", Doc::svid(), svid().text()), ("at+jwt", Doc::access(), access().text())];
    let mut tried = 0;
    for (kind, doc, token) in kinds {
        // No cache, so that every mutation is looked at afresh.
        let mut runner = Runner::new(&doc.memory(r#"{"token_cache_bytes":0}"#).text(), NOW);
        while tried % 1000 != 999 {
            let changed = mutate(token.as_bytes(), &mut dice);
            // White space around a field value is not part of it (RFC 9110 §5.5).
            if changed.trim_ascii() == token.as_bytes() {
                continue;
            }
            let value = [b"Bearer ", &changed[..]].concat();
            let reason = judge(&mut runner, &[(b"authorization", &value)]).reason;
            assert!(reason.is_some(), "{kind}: {}", String::from_utf8_lossy(&changed));
            tried += 1;
        }
        tried += 1;
    }
    for (algorithm, suffix) in countersign_tests::issuer::ALGORITHMS {
        let key = format!("server-{suffix}");
        let doc = Doc::access().trust(&[issuer(SERVER, &[set_key(&key)])]);
        let token = access().by("server", algorithm).text();
        let mut runner = Runner::new(&doc.text(), NOW);
        assert_eq!(runner.ask(&bearer(&token)).reason, None, "{algorithm}");
        for _ in 0..300 {
            let changed = mutate(token.as_bytes(), &mut dice);
            if changed.trim_ascii() == token.as_bytes() {
                continue;
            }
            let value = [b"Bearer ", &changed[..]].concat();
            assert!(judge(&mut runner, &[(b"authorization", &value)]).reason.is_some(), "{algorithm}, warm");
        }
    }
}

#[test]
fn every_single_bit_of_a_token_counts() {
    let token = access().text();
    let mut runner = Runner::new(&Doc::access().text(), NOW);
    assert_eq!(runner.ask(&bearer(&token)).reason, None);
    for at in 0..token.len() {
        for bit in 0..8 {
            let mut changed = token.clone().into_bytes();
            changed[at] ^= 1 << bit;
            let value = [b"Bearer ", &changed[..]].concat();
            assert!(judge(&mut runner, &[(b"authorization", &value)]).reason.is_some(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_thousand_mutations_of_a_valid_proof() {
    let mut dice = Dice(0x0fed_cba9_8765_4321);
    let bound = access().bound_to_key("client-p256").text();
    let right = proof(&bound).text();
    let authorization = format!("DPoP {bound}");
    let mut runner = Runner::new(&Doc::access().member("dpop", r#"{"replay":"danger_accept"}"#).text(), NOW);
    assert_eq!(runner.ask(&dpop(&bound, &right)).reason, None);
    for _ in 0..1000 {
        let changed = mutate(right.as_bytes(), &mut dice);
        if changed.trim_ascii() == right.as_bytes() {
            continue;
        }
        let headers = [(&b"authorization"[..], authorization.as_bytes()), (b"dpop", &changed)];
        assert!(judge(&mut runner, &headers).reason.is_some(), "{}", String::from_utf8_lossy(&changed));
    }
}

/// The whole corpus, each credential once changed at random: no panic, bounded time, and a status of our list.
#[test]
fn the_corpus_mutated() {
    let mut dice = Dice(0x5151_5151_0001_0001);
    for vector in vector::all() {
        let mut runner = vector.runner();
        for (request, _) in vector.requests() {
            let headers: Vec<(Vec<u8>, Vec<u8>)> = request
                .headers
                .iter()
                .map(|(name, value)| {
                    let value = if value.is_empty() { Vec::new() } else { mutate(value.as_bytes(), &mut dice) };
                    (name.clone().into_bytes(), value)
                })
                .collect();
            let headers: Vec<(&[u8], &[u8])> = headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            let answer = judge_policy(&mut runner, &request.policy, &headers);
            assert!(matches!(answer.status, 200 | 400 | 401 | 403 | 413 | 429 | 500 | 503), "{}", vector.path);
        }
    }
}

fn judge_policy(runner: &mut Runner, policy: &str, headers: &[(&[u8], &[u8])]) -> Answer {
    let request = Request::new(b"GET", URI.as_bytes(), headers.iter().copied(), UnixSeconds::new(NOW));
    runner.judge(policy, &request)
}

#[test]
fn memory_of_caches_stays_bounded_under_a_flood() {
    let mut runner = Runner::new(
        &Doc::svid()
            .trust(&[domain(DOMAIN, &[svid_key("domain-p256")])])
            .memory(r#"{"token_cache_bytes":65536}"#)
            .text(),
        NOW,
    );
    for n in 0..1500 {
        let token = svid().claim("n", &n.to_string()).text();
        assert_eq!(runner.ask(&bearer(&token)).reason, None);
        assert!(runner.worker.cached_tokens() <= 65_536 / b64(token).len(), "{n}");
    }
    assert!(runner.worker.cached_tokens() > 10);
}
