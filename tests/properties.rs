//! Fast paths against slow twins, on generated inputs.

use std::cmp::Ordering;

use countersign::internal::jose::json::{self, Budget, Fraction, NameTable};
use countersign::{Authority, JsonError, Reason, Revocations};
use countersign_tests::issuer::{ALGORITHMS, NOW, SERVER, access, jwk, plain, proof, q, svid};
use countersign_tests::request::{Doc, Req, bearer, domain, dpop, issuer, set_key, svid_key};
use countersign_tests::runner::{Answer, Runner};
use proptest::prelude::*;

/// JSON by RFC 8259 as one would write it for a reader: recursive, one function a rule, and names in a list.
mod naive {
    pub(super) enum Fault {
        Malformed,
        Limit,
    }

    pub(super) struct Parser<'a> {
        text: &'a [u8],
        at: usize,
        members: usize,
    }

    const DEPTH: usize = 16;
    const MEMBERS: usize = 256;
    const NUMBER: usize = 32;

    pub(super) fn check(text: &[u8]) -> Result<(), Fault> {
        std::str::from_utf8(text).map_err(|_| Fault::Malformed)?;
        let mut parser = Parser { text, at: 0, members: 0 };
        parser.space();
        parser.value(0)?;
        parser.space();
        if parser.at == text.len() { Ok(()) } else { Err(Fault::Malformed) }
    }

    impl Parser<'_> {
        fn peek(&self) -> Option<u8> {
            self.text.get(self.at).copied()
        }

        fn space(&mut self) {
            while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
                self.at += 1;
            }
        }

        fn expect(&mut self, byte: u8) -> Result<(), Fault> {
            if self.peek() == Some(byte) {
                self.at += 1;
                Ok(())
            } else {
                Err(Fault::Malformed)
            }
        }

        fn value(&mut self, depth: usize) -> Result<(), Fault> {
            match self.peek() {
                Some(b'{' | b'[') if depth == DEPTH => Err(Fault::Limit),
                Some(b'{') => self.object(depth),
                Some(b'[') => self.array(depth),
                Some(b'"') => self.string().map(|_| ()),
                Some(b't') => self.word(b"true"),
                Some(b'f') => self.word(b"false"),
                Some(b'n') => self.word(b"null"),
                _ => self.number(),
            }
        }

        fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
            word.iter().try_for_each(|byte| self.expect(*byte))
        }

        fn object(&mut self, depth: usize) -> Result<(), Fault> {
            self.expect(b'{')?;
            let mut names: Vec<String> = Vec::new();
            self.space();
            if self.peek() == Some(b'}') {
                self.at += 1;
                return Ok(());
            }
            loop {
                self.space();
                let name = self.string()?;
                self.members += 1;
                if self.members > MEMBERS {
                    return Err(Fault::Limit);
                }
                if names.contains(&name) {
                    return Err(Fault::Malformed);
                }
                names.push(name);
                self.space();
                self.expect(b':')?;
                self.space();
                self.value(depth + 1)?;
                self.space();
                if self.peek() == Some(b',') {
                    self.at += 1;
                } else {
                    return self.expect(b'}');
                }
            }
        }

        fn array(&mut self, depth: usize) -> Result<(), Fault> {
            self.expect(b'[')?;
            self.space();
            if self.peek() == Some(b']') {
                self.at += 1;
                return Ok(());
            }
            loop {
                self.space();
                self.value(depth + 1)?;
                self.space();
                if self.peek() == Some(b',') {
                    self.at += 1;
                } else {
                    return self.expect(b']');
                }
            }
        }

        fn string(&mut self) -> Result<String, Fault> {
            self.expect(b'"')?;
            let mut units: Vec<u16> = Vec::new();
            loop {
                let rest = std::str::from_utf8(&self.text[self.at..]).map_err(|_| Fault::Malformed)?;
                let c = rest.chars().next().ok_or(Fault::Malformed)?;
                self.at += c.len_utf8();
                match c {
                    '"' => break,
                    '\\' => {
                        let escape = self.peek().ok_or(Fault::Malformed)?;
                        self.at += 1;
                        match escape {
                            b'"' | b'\\' | b'/' => units.push(u16::from(escape)),
                            b'b' => units.push(8),
                            b'f' => units.push(12),
                            b'n' => units.push(10),
                            b'r' => units.push(13),
                            b't' => units.push(9),
                            b'u' => {
                                let digits = self.text.get(self.at..self.at + 4).ok_or(Fault::Malformed)?;
                                if !digits.iter().all(u8::is_ascii_hexdigit) {
                                    return Err(Fault::Malformed);
                                }
                                let digits = std::str::from_utf8(digits).map_err(|_| Fault::Malformed)?;
                                units.push(u16::from_str_radix(digits, 16).map_err(|_| Fault::Malformed)?);
                                self.at += 4;
                            }
                            _ => return Err(Fault::Malformed),
                        }
                    }
                    c if u32::from(c) < 0x20 => return Err(Fault::Malformed),
                    c => units.extend(c.encode_utf16(&mut [0; 2]).iter()),
                }
            }
            String::from_utf16(&units).map_err(|_| Fault::Malformed)
        }

        fn digits(&mut self) -> Result<(), Fault> {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                self.at += 1;
            }
            if self.at > start { Ok(()) } else { Err(Fault::Malformed) }
        }

        fn number(&mut self) -> Result<(), Fault> {
            let start = self.at;
            if self.peek() == Some(b'-') {
                self.at += 1;
            }
            if self.peek() == Some(b'0') {
                self.at += 1;
                if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                    return Err(Fault::Malformed);
                }
            } else {
                self.digits()?;
            }
            if self.peek() == Some(b'.') {
                self.at += 1;
                self.digits()?;
            }
            if matches!(self.peek(), Some(b'e' | b'E')) {
                self.at += 1;
                if matches!(self.peek(), Some(b'+' | b'-')) {
                    self.at += 1;
                }
                self.digits()?;
            }
            if self.at - start > NUMBER { Err(Fault::Limit) } else { Ok(()) }
        }
    }
}

fn agree(text: &[u8]) -> Result<(), TestCaseError> {
    let ours = json::scan(text, &mut NameTable::new(7), Budget::TOKEN, |_, _| Ok::<(), JsonError>(())).map(|_| ());
    let ours = ours.map_err(|fault| matches!(fault, JsonError::Limit { .. }));
    let slow = naive::check(text).map_err(|fault| matches!(fault, naive::Fault::Limit));
    prop_assert_eq!(ours, slow, "{}", String::from_utf8_lossy(text));
    // serde_json takes the last of repeated names, rounds numbers, and limits depth otherwise: it can only say no where
    // we say no, and yes where the slow twin has no other objection.
    if ours.is_ok() {
        let read = serde_json::from_slice::<serde_json::Value>(text);
        let out_of_range = read.as_ref().is_err_and(|fault| fault.to_string().contains("number out of range"));
        prop_assert!(read.is_ok() || out_of_range, "{}", String::from_utf8_lossy(text));
    } else if slow == Err(false) && serde_json::from_slice::<serde_json::Value>(text).is_ok() {
        prop_assert!(has_repeated_name(text), "{}", String::from_utf8_lossy(text));
    }
    Ok(())
}

/// Whether a text that serde_json takes has a name twice in one object: it then loses members when written again.
fn has_repeated_name(text: &[u8]) -> bool {
    fn count(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Object(members) => members.len() + members.values().map(count).sum::<usize>(),
            serde_json::Value::Array(elements) => elements.iter().map(count).sum(),
            _ => 0,
        }
    }
    let value: serde_json::Value = serde_json::from_slice(text).unwrap();
    let mut colons = 0;
    let (mut inside, mut escaped) = (false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b':' if !inside => colons += 1,
            _ => {}
        }
    }
    colons > count(&value)
}

fn json_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,8})?([eE][+-]?[0-9]{1,3})?",
        "[0-9]{30,35}",
        "\"([a-c]|\\\\u006[1-3]|\\\\n|\\\\\"|\\\\ud83d\\\\ude00|\\\\ud83d|é|😀){0,6}\"",
    ];
    word.prop_recursive(5, 60, 6, |inner| {
        let name = prop_oneof!["\"[a-c]{0,2}\"", "\"\\\\u006[1-3]\"", "\"[a-z]{3}\""];
        let space = prop_oneof![Just(""), Just(" "), Just("\n\t")];
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..6), space.clone())
                .prop_map(|(elements, space)| format!("[{space}{}{space}]", elements.join(&format!("{space},")))),
            (prop::collection::vec((name, inner), 0..6), space).prop_map(|(members, space)| {
                let members: Vec<String> =
                    members.into_iter().map(|(name, value)| format!("{name}{space}:{value}")).collect();
                format!("{{{space}{}{space}}}", members.join(&format!(",{space}")))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_scanner_equals_its_slow_twin_on_json(text in json_text()) {
        agree(text.as_bytes())?;
    }

    #[test]
    fn json_scanner_equals_its_slow_twin_on_broken_json(text in json_text(), at in any::<prop::sample::Index>(), byte in any::<u8>(), sort in 0..4u8) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        match sort {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => _ = bytes.remove(at),
            _ => bytes.truncate(at),
        }
        agree(&bytes)?;
    }

    #[test]
    fn json_scanner_equals_its_slow_twin_on_noise(bytes in prop::collection::vec(prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b':'), Just(b','), Just(b'\\'), Just(b'u'), Just(b'0'), Just(b'1'), Just(b'-'), Just(b'e'), Just(b'.'), Just(b' '), any::<u8>()], 0..40)) {
        agree(&bytes)?;
    }

    #[test]
    fn numeric_date_equals_exact_decimal(text in "(0|[1-9][0-9]{0,20})(\\.[0-9]{1,10})?([eE][+-]?[0-9]{1,3})?") {
        prop_assume!(text.len() <= 32);
        check_date(&text)?;
    }

    #[test]
    fn numeric_date_equals_exact_decimal_near_its_bounds(seconds in (1u64 << 53) - 3..(1 << 53) + 3, fraction in "(\\.[0-9]{1,6})?", shift in 0usize..8) {
        check_date(&format!("{seconds}{fraction}"))?;
        check_date(&format!("{seconds}{}e-{shift}", "0".repeat(shift)))?;
        check_date(&format!("0.{}{seconds}e{}", "0".repeat(shift), shift + 16))?;
    }
}

/// `numeric_date` on digits: the decimal point is moved in a string of digits, and nothing is ever rounded on the way.
fn check_date(text: &str) -> Result<(), TestCaseError> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i64>().unwrap()),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).unwrap() + exponent;
    let (before, after) = if point <= 0 {
        (String::new(), format!("{}{digits}", "0".repeat(usize::try_from(-point).unwrap())))
    } else {
        let point = usize::try_from(point).unwrap();
        let padded = format!("{digits:0<point$}");
        (padded[..point].to_owned(), padded[point..].to_owned())
    };
    let before = before.trim_start_matches('0');
    let has_fraction = after.bytes().any(|byte| byte != b'0');
    let limit = "9007199254740992"; // 2^53
    let compare = |digits: &str| digits.len().cmp(&limit.len()).then_with(|| digits.cmp(limit));
    let below = |digits: &str| compare(digits) == Ordering::Less;
    let value = |digits: &str| if digits.is_empty() { 0 } else { digits.parse::<u64>().unwrap() };
    let dropped = below(before).then(|| value(before));
    let rounded = dropped.map(|seconds| seconds + u64::from(has_fraction)).filter(|seconds| *seconds < 1 << 53);
    let scanned = json::parse(text.as_bytes(), Budget::TOKEN).unwrap();
    let json::Value::Number(number) = scanned else { panic!("{text} is no number") };
    prop_assert_eq!(number.numeric_date(Fraction::Drop), dropped, "{}", text);
    prop_assert_eq!(number.numeric_date(Fraction::RoundUp), rounded, "{}", text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// What a token says comes out of its record as it went in, from a hit as from a miss.
    #[test]
    fn facts_come_back_as_they_were(
        subject in "\\PC{0,40}",
        scope in "[!-~ ]{0,30}",
        client in "\\PC{1,20}",
        id in "\\PC{0,20}",
        audiences in prop::collection::vec("\\PC{1,15}", 0..10),
        nbf in prop::option::of(0..NOW),
        lifetime in 1..100_000u64,
        keyed in any::<bool>(),
        certified in any::<bool>(),
    ) {
        let json = |text: &str| serde_json::to_string(text).unwrap();
        let mut aud: Vec<String> = audiences.iter().map(|text| json(text)).collect();
        aud.push(q(countersign_tests::issuer::AUDIENCE));
        let mut token = access()
            .claim("sub", &json(&subject))
            .claim("scope", &json(&scope))
            .claim("client_id", &json(&client))
            .claim("jti", &json(&id))
            .claim("aud", &format!("[{}]", aud.join(",")))
            .claim("exp", &(NOW + lifetime).to_string());
        if let Some(nbf) = nbf {
            token = token.claim("nbf", &nbf.to_string());
        }
        token = match (keyed, certified) {
            (true, true) => token.bound_to_both("client-p256", "client"),
            (true, false) => token.bound_to_key("client-p256"),
            (false, true) => token.bound_to_certificate("client"),
            (false, false) => token,
        };
        let text = token.text();
        let request = if keyed { dpop(&text, &proof(&text).text()) } else { bearer(&text) }.certificate("client");
        let mut runner = Runner::new(&Doc::access().member("dpop", r#"{"replay":"danger_accept"}"#).text(), NOW);
        for tier in ["miss", "hit"] {
            let headers = request.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let asked = countersign::Request::new(b"GET", request.uri.as_bytes(), headers, countersign::UnixSeconds::new(NOW))
                .with_certificate(countersign::ClientCertificate::Der(request.client_cert.as_ref().unwrap()));
            let policy = runner.engine.document().policy("default").unwrap();
            let decision = runner.worker.decide(&runner.engine, &runner.trust_state, policy, &asked);
            prop_assert_eq!((decision.reason(), decision.cache_tier().name()), (None, tier));
            let facts = decision.verified_token().unwrap();
            prop_assert_eq!(facts.issuer(), Some(SERVER));
            prop_assert_eq!(facts.subject(), Some(subject.as_str()));
            prop_assert_eq!(facts.scope(), Some(scope.as_str()));
            prop_assert_eq!(facts.client_id(), Some(client.as_str()));
            prop_assert_eq!(facts.token_id(), Some(id.as_str()));
            prop_assert!(facts.audience().eq(audiences.iter().map(String::as_str).chain([countersign_tests::issuer::AUDIENCE])));
            prop_assert_eq!(facts.expires_at.as_u64(), NOW + lifetime);
            prop_assert_eq!(facts.not_before.map(|at| at.as_u64()), nbf);
            prop_assert_eq!(facts.issued_at.map(|at| at.as_u64()), Some(NOW));
            prop_assert_eq!(facts.confirmation.key_thumbprint.is_some(), keyed);
            prop_assert_eq!(facts.confirmation.certificate_thumbprint.is_some(), certified);
        }
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from((self.0 >> 33) % u64::try_from(bound).unwrap()).unwrap()
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A cache changes nothing but the time: over random tokens, policies, clocks, rotations and revocations, an engine with
/// caches and one without give the same answer at every step, headers and audit included.
#[test]
fn a_cached_engine_and_a_cacheless_one_agree_at_every_step() {
    const STEPS: usize = 12_000;
    let policies = [
        ("audience_b", r#"{"accept":["at+jwt","jwt-svid"],"audience":"https://b.example"}"#),
        ("svid_only", r#"{"accept":["jwt-svid"],"audience":"https://api.example"}"#),
        ("jwt_only", r#"{"accept":["jwt"],"audience":"https://api.example"}"#),
        ("scoped", r#"{"accept":[{"kind":"at+jwt","scope":["orders:read"]}],"audience":"https://api.example"}"#),
        ("narrow", r#"{"accept":[{"kind":"at+jwt","algorithms":["ES384","EdDSA"]}],"audience":"https://api.example"}"#),
        (
            "bound",
            r#"{"accept":["at+jwt","jwt-svid"],"audience":"https://api.example","binding":{"require":"any"},"dpop":{"replay":"danger_accept"}}"#,
        ),
        (
            "lenient",
            r#"{"accept":["jwt-svid"],"audience":"https://api.example","jwt_svid":{"ignore_unknown_headers":true,"single_candidate_key":true}}"#,
        ),
        (
            "claims",
            r#"{"accept":[{"kind":"at+jwt","conditions":[{"claim":"/use","equals":"access"},{"claim":"/roles","contains":"a"}]},{"kind":"at+jwt","scope":["b","c"],"scope_from":["/scope","/roles"],"scope_match":"any"}],"audience":"https://api.example"}"#,
        ),
        (
            "without",
            r#"{"accept":[{"kind":"at+jwt","absent":["client_id","jti"],"conditions":[{"claim":"/use","present":false}]},{"kind":"at+jwt","audience_from":"/azp","scope_from":"/scope"}],"audience":"https://api.example"}"#,
        ),
        (
            "short",
            r#"{"accept":["at+jwt","jwt-svid","jwt"],"audience":"https://api.example","max_lifetime_seconds":250,"leeway_seconds":0}"#,
        ),
    ];
    let trust = |svid_keys: &[&str], set_keys: &[&str]| {
        let svid_keys: Vec<String> = svid_keys.iter().map(|name| svid_key(name)).collect();
        let set_keys: Vec<String> = set_keys.iter().map(|name| set_key(name)).collect();
        (svid_keys, set_keys)
    };
    let (svid_keys, set_keys) =
        trust(&["domain-p256", "domain-next-p256"], &["server-p256", "server-p384", "server-ed25519"]);
    let mut doc = Doc::new(
        &[
            domain("example.org", &svid_keys),
            format!(r#"{{"issuer":"{SERVER}","max_stale_seconds":400,"jwks":{{"keys":[{}]}}}}"#, set_keys.join(",")),
            issuer(countersign_tests::issuer::PLAIN, &[set_key("plain-p256")]),
        ],
        r#"["jwt-svid","at+jwt",{"kind":"jwt","issuer":"https://plain.example"}]"#,
    )
    .member("dpop", r#"{"replay":"danger_accept"}"#);
    for (name, policy) in policies {
        doc = doc.also(name, policy);
    }
    // Small enough to be full now and then.
    let mut cached = Runner::new(&doc.clone().memory(r#"{"token_cache_bytes":32768}"#).text(), NOW);
    let mut cacheless = Runner::new(&doc.memory(r#"{"token_cache_bytes":0}"#).text(), NOW);
    let requests = tokens();
    let names: Vec<&str> = ["default"].into_iter().chain(policies.iter().map(|(name, _)| *name)).collect();
    let mut dice = Dice(0x0dd5_eed5);
    let (mut hits, mut refusals, mut acceptances, mut now) = (0, 0, 0, NOW);
    for step in 0..STEPS {
        match dice.below(150) {
            0 => {
                let authority = Authority::TrustDomain("example.org".to_owned());
                let sets: [&[&str]; 4] =
                    [&["domain-p256"], &["domain-next-p256"], &["domain-p256", "domain-next-p256"], &[]];
                let (keys, _) = trust(sets[dice.below(sets.len())], &[]);
                push(&mut cached, &mut cacheless, &authority, &keys, now);
            }
            1 => {
                let authority = Authority::Issuer(SERVER.to_owned());
                let sets: [&[&str]; 4] = [
                    &["server-p256"],
                    &["server-p256", "server-p384"],
                    &["server-ed25519", "server-p384", "server-p256"],
                    &[],
                ];
                let (_, keys) = trust(&[], sets[dice.below(sets.len())]);
                push(&mut cached, &mut cacheless, &authority, &keys, now);
            }
            2 => {
                // Another key under a known kid.
                let authority = Authority::Issuer(SERVER.to_owned());
                push(
                    &mut cached,
                    &mut cacheless,
                    &authority,
                    &[jwk("server-next-p256", r#""kid":"server-p256""#)],
                    now,
                );
            }
            3 => {
                for runner in [&mut cached, &mut cacheless] {
                    let mut builder = Revocations::builder();
                    match step % 5 {
                        0 => _ = builder.key(SERVER, "server-p256"),
                        1 => _ = builder.subject("example.org", countersign_tests::issuer::SUBJECT),
                        2 => _ = builder.token(SERVER, "at-1"),
                        3 => _ = builder.all_before(countersign::UnixSeconds::new(now)),
                        _ => {}
                    }
                    runner.revoke(builder.build());
                }
            }
            4 => now = NOW + u64::try_from(dice.below(500)).unwrap(),
            5..10 => {
                // All is well again.
                now = NOW;
                for (authority, svid_names, set_names) in [
                    (
                        Authority::TrustDomain("example.org".to_owned()),
                        &["domain-p256", "domain-next-p256"][..],
                        &[][..],
                    ),
                    (
                        Authority::Issuer(SERVER.to_owned()),
                        &[][..],
                        &["server-p256", "server-p384", "server-ed25519"][..],
                    ),
                ] {
                    let (mut keys, more) = trust(svid_names, set_names);
                    keys.extend(more);
                    push(&mut cached, &mut cacheless, &authority, &keys, now);
                }
                for runner in [&mut cached, &mut cacheless] {
                    runner.revoke(Revocations::default());
                }
            }
            _ => {}
        }
        let request = dice.of(&requests).clone().policy(names[dice.below(names.len())]).now(now);
        let (fast, slow) = (cached.ask(&request), cacheless.ask(&request));
        hits += usize::from(fast.cache == "hit");
        assert_ne!(slow.cache, "hit", "no cache, no hit");
        refusals += usize::from(fast.reason.is_some());
        acceptances += usize::from(fast.reason.is_none());
        assert_eq!(without_tier(fast), without_tier(slow), "step {step}: {request:?}");
    }
    println!("{STEPS} steps: {hits} hits, {acceptances} acceptances, {refusals} refusals");
    assert!(hits > STEPS / 20 && acceptances > STEPS / 20 && refusals > STEPS / 20);
}

/// A cached token remembers which rules for claims it met, of the last few entries: what it met of one says nothing of another, whatever
/// the order in which policies ask.
#[test]
fn a_cached_token_meets_the_rules_of_each_entry_by_itself() {
    const POLICIES: usize = 6;
    const TOKENS: usize = 24;
    const STEPS: usize = 6_000;
    let mut doc = Doc::access();
    for policy in 0..POLICIES {
        let conditions = [2 * policy, 2 * policy + 1].map(|claim| format!(r#"{{"claim":"/c{claim}","equals":true}}"#));
        let entries = conditions.map(|condition| format!(r#"{{"kind":"at+jwt","conditions":[{condition}]}}"#));
        doc = doc.also(
            &format!("p{policy}"),
            &format!(r#"{{"accept":[{}],"audience":"https://api.example"}}"#, entries.join(",")),
        );
    }
    let mut runner = Runner::new(&doc.text(), NOW);
    let mut dice = Dice(0x00c1_a145);
    let tokens: Vec<(usize, Req)> = (0..TOKENS)
        .map(|_| {
            let has = dice.below(1 << (2 * POLICIES));
            let token = (0..2 * POLICIES).fold(access(), |token, claim| {
                token.claim(&format!("c{claim}"), if has >> claim & 1 == 1 { "true" } else { "false" })
            });
            (has, bearer(&token.text()))
        })
        .collect();
    let (mut accepted, mut hits) = (0, 0);
    for step in 0..STEPS {
        let ((has, request), policy) = (dice.of(&tokens), dice.below(POLICIES));
        let meets = has >> (2 * policy) & 0b11 != 0;
        let answer = runner.ask(&request.clone().policy(&format!("p{policy}")));
        assert_eq!(answer.reason, (!meets).then_some(Reason::ClaimRefused), "step {step}, p{policy} of {has:b}");
        accepted += usize::from(meets);
        hits += usize::from(answer.cache == "hit");
    }
    assert!(hits >= STEPS - TOKENS && accepted > STEPS / 4 && accepted < STEPS - STEPS / 8, "{hits} {accepted}");
}

fn without_tier(mut answer: Answer) -> Answer {
    answer.audit = answer.audit.replace("\"cache\":\"hit\"", "\"cache\":\"miss\"");
    answer.cache = "";
    answer
}

fn push(a: &mut Runner, b: &mut Runner, authority: &Authority, keys: &[String], now: u64) {
    let document = format!("{{\"keys\":[{}]}}", keys.join(","));
    let first = a.push(authority, document.as_bytes(), now).unwrap();
    assert_eq!(first, b.push(authority, document.as_bytes(), now).unwrap());
}

fn tokens() -> Vec<Req> {
    let mut requests = Vec::new();
    let azp = "\"https://api.example\"";
    for token in [
        access().claim("use", "\"access\"").claim("roles", "[\"a\"]"),
        access().claim("use", "\"id\"").claim("roles", "\"b\""),
        access().no_claim("client_id"),
        access().no_claim("jti").no_claim("client_id"),
        access().claim("scope", "[\"b\"]"),
        access().claim("scope", "[\"x\"]").no_claim("client_id"),
        access().no_claim("aud").claim("azp", azp),
        access().no_claim("aud").claim("azp", azp).no_claim("jti"),
        access().claim("azp", "\"other\""),
    ] {
        requests.push(bearer(&token.text()));
    }
    for (algorithm, suffix) in ALGORITHMS {
        if matches!(suffix, "p384" | "ed25519" | "p256") {
            let token = access().by("server", algorithm);
            requests.push(bearer(&token.text()));
            let bound = token.clone().bound_to_key("client-p256").text();
            requests.push(dpop(&bound, &proof(&bound).text()));
            requests.push(bearer(&bound));
            let certified = token.bound_to_certificate("client").text();
            requests.push(bearer(&certified).certificate("client"));
            requests.push(bearer(&certified).certificate("client-other"));
        }
    }
    for key in ["domain-p256", "domain-next-p256"] {
        requests.push(bearer(&svid().key(key).text()));
        requests.push(bearer(&svid().key(key).claim("exp", &(NOW + 100).to_string()).text()));
        requests.push(bearer(&svid().key(key).no_claim("iat").text()));
        requests.push(bearer(&svid().key(key).header("x", "1").text()));
        requests.push(bearer(&svid().key(key).no_header("kid").text()));
    }
    requests.push(bearer(&plain().text()));
    requests.push(bearer(&plain().no_header("typ").claim("sub", "\"spiffe://example.org/x\"").text()));
    for (claim, value) in [
        ("aud", "[\"https://b.example\",\"https://api.example\"]"),
        ("aud", "\"https://b.example\""),
        ("scope", "\"none\""),
        ("nbf", "1800000200"),
        ("exp", "1800000050"),
        ("jti", "\"at-2\""),
        ("cnf", "{}"),
    ] {
        requests.push(bearer(&access().claim(claim, value).text()));
    }
    requests.push(bearer(&access().forged_by("client-p256").text()));
    requests.push(bearer(&access().header("kid", "\"strange\"").text()));
    requests.push(bearer("a.b.c"));
    requests
}
