//! RFC 8259 §8.3: "Software implementations are typically required to test names of object members for equality", by
//! their characters and not by how those are written. However the JSON of a token or proof is spelled, the decision, its
//! reason, the attributes and what the caches do with it are the same.

use countersign::{ClientCertificate, NonceKeys, Request, UnixSeconds};
use countersign_tests::issuer::{
    AUDIENCE, NOW, PLAIN, SERVER, SUBJECT, Token, access, certificate, key, plain, proof, svid, unb64,
};
use countersign_tests::request::{Doc, bearer, domain, dpop, issuer, issuer_for, set_key, svid_key};
use countersign_tests::runner::Runner;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Writes JSON values: as `serde_json` does, or in any other way that RFC 8259 allows.
struct Scribe(Option<u64>);

impl Scribe {
    fn below(&mut self, bound: usize) -> usize {
        let Some(state) = &mut self.0 else { return 0 };
        *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from((*state >> 33) % u64::try_from(bound).unwrap()).unwrap()
    }

    fn space(&mut self) -> &'static str {
        ["", "", "", " ", "\n", "\t\r\n "][self.below(6)]
    }

    fn unit(&mut self, c: char) -> String {
        let mut units = [0; 2];
        let write = |unit: &u16| {
            let digits = format!("{unit:04x}");
            format!("\\u{}", if unit.is_multiple_of(2) { digits.to_uppercase() } else { digits })
        };
        c.encode_utf16(&mut units).iter().map(write).collect()
    }

    fn string(&mut self, text: &str) -> String {
        let rate = [1, 4, 1000][self.below(3)];
        let mut out = "\"".to_owned();
        for c in text.chars() {
            let plain = serde_json::to_string(&c.to_string()).unwrap();
            if self.0.is_some() && self.below(rate) == 0 {
                out += &if c == '/' && self.below(2) == 0 { "\\/".to_owned() } else { self.unit(c) };
            } else {
                out += &plain[1..plain.len() - 1];
            }
        }
        out + "\""
    }

    fn json(&mut self, value: &Value) -> String {
        match value {
            Value::String(text) => self.string(text),
            Value::Array(elements) => {
                let elements: Vec<String> = elements.iter().map(|element| self.spaced(element)).collect();
                format!("[{}{}]", self.space(), elements.join(","))
            }
            Value::Object(members) => {
                let mut members: Vec<(&String, &Value)> = members.iter().collect();
                for last in (1..members.len()).rev() {
                    let other = self.below(last + 1);
                    if self.0.is_some() {
                        members.swap(last, other);
                    }
                }
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(name, value)| {
                        format!("{}{}{}:{}", self.space(), self.string(name), self.space(), self.spaced(value))
                    })
                    .collect();
                format!("{{{}{}}}", self.space(), members.join(","))
            }
            // The same number, as RFC 7519 §2 has it: "a JSON numeric value".
            Value::Number(number) if number.as_u64().is_some_and(|number| number > 1_000_000) => {
                format!("{number}{}", ["", ".0", "e0", "E+0", ".00e0"][self.below(5)])
            }
            other => other.to_string(),
        }
    }

    fn spaced(&mut self, value: &Value) -> String {
        format!("{}{}{}", self.space(), self.json(value), self.space())
    }
}

/// One JWT as values; `signer` signs whatever text they are written in.
#[derive(Clone, Debug)]
struct Jwt {
    header: Value,
    claims: Value,
    signer: Token,
}

impl Jwt {
    fn of(token: &Token) -> Self {
        let read = |text: String| serde_json::from_str(&text).unwrap();
        Self { header: read(token.header_text()), claims: read(token.claims_text()), signer: token.clone() }
    }

    fn text(&self, scribe: &mut Scribe) -> String {
        let (header, claims) = (scribe.json(&self.header), scribe.json(&self.claims));
        self.signer.text_of(header.as_bytes(), claims.as_bytes())
    }
}

/// Members by name; `None` takes one away.
type Change = (&'static str, Option<Value>);

fn set(object: &mut Value, (name, value): Change) {
    let members = object.as_object_mut().unwrap();
    match value {
        Some(value) => _ = members.insert(name.to_owned(), value),
        None => _ = members.remove(name),
    }
}

fn header_changes() -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for typ in [
        "JWT",
        "jwt",
        "application/JWT",
        "application/jwt",
        "JOSE",
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "dpop+jwt",
        "application/dpop+jwt",
        "application/application/jwt",
        "text/jwt",
        "JWT ",
        "",
        "application/",
    ] {
        changes.push(("typ", Some(json!(typ))));
    }
    for kid in [
        "",
        "other",
        "domain-p256",
        "server-p256",
        "plain-p256",
        "k/\u{e9}\u{1f600}",
        "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
    ] {
        changes.push(("kid", Some(json!(kid))));
    }
    for alg in ["none", "HS256", "es256", "ES256", "ES384", "ES256ES256"] {
        changes.push(("alg", Some(json!(alg))));
    }
    for cty in ["JWT", "application/jwt", "json", "application/json"] {
        changes.push(("cty", Some(json!(cty))));
    }
    for name in ["typ", "kid", "alg", "cty", "iss", "sub", "aud", "jwk", "crit", "b64", "zip", "enc", "x5t#S256", "x/y"]
    {
        changes.push((name, None));
        changes.push((name, Some(json!(7))));
        changes.push((name, Some(json!(null))));
        changes.push((name, Some(json!(["a/b", {"c": "d"}]))));
    }
    for iss in [SERVER, PLAIN, "https://other.example"] {
        changes.push(("iss", Some(json!(iss))));
    }
    for sub in ["alice", SUBJECT] {
        changes.push(("sub", Some(json!(sub))));
    }
    for aud in [json!(AUDIENCE), json!([AUDIENCE]), json!(["", AUDIENCE]), json!([AUDIENCE, ""])] {
        changes.push(("aud", Some(aud)));
    }
    changes
}

fn claim_changes() -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for sub in [
        "alice",
        "",
        "spiffe:",
        "spiffe:evil",
        SUBJECT,
        "spiffe://example.org/ns/shop/sa/we/b",
        "spiffe://other.example/x",
        "spiffe://example.org",
        "SPIFFE://example.org/ns/shop/sa/web",
        " spiffe://example.org/ns/shop/sa/web",
        "\u{1f600}/\"\\",
    ] {
        changes.push(("sub", Some(json!(sub))));
        changes.push(("client_id", Some(json!(sub))));
        changes.push((
            "act",
            Some(json!({"sub": sub, "iss": SERVER, "act": {"sub": "spiffe://other.example/y", "x": 1}})),
        ));
        changes.push(("act", Some(json!({"act": {"sub": sub}}))));
    }
    for aud in [
        json!(AUDIENCE),
        json!([AUDIENCE]),
        json!(["", AUDIENCE]),
        json!([""]),
        json!([]),
        json!(""),
        json!("https://api.example/"),
        json!(vec!["a"; 64]),
        json!(vec![AUDIENCE; 65]),
        json!([AUDIENCE, 1]),
    ] {
        changes.push(("aud", Some(aud)));
    }
    for iss in [SERVER, PLAIN, "https://other.example", "https://as.example/"] {
        changes.push(("iss", Some(json!(iss))));
    }
    for scope in ["", "orders:read", "orders:read orders:write", "orders", "orders:re\u{e4}d"] {
        changes.push(("scope", Some(json!(scope))));
    }
    for at in [0, NOW - 31, NOW - 29, NOW, NOW + 29, NOW + 31, NOW + 100_000, 1 << 53] {
        for name in ["exp", "nbf", "iat"] {
            changes.push((name, Some(json!(at))));
        }
    }
    let jkt = key("client-p256").thumbprint();
    for cnf in [
        json!({}),
        json!({"jkt": jkt}),
        json!({"jkt": jkt, "x": "y"}),
        json!({"jkt": format!("{jkt}=")}),
        json!({"kid": "k"}),
        json!({"jkt": jkt, "jwk": {}}),
        json!({"jwk": {}, "jwe": ""}),
        json!({"x5t#S256": jkt}),
    ] {
        changes.push(("cnf", Some(cnf)));
    }
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "cnf", "act", "x/y"] {
        changes.push((name, None));
        changes.push((name, Some(json!(7))));
        changes.push((name, Some(json!(null))));
        changes.push((name, Some(json!({"sub": 7}))));
        changes.push((name, Some(json!([{"sub": "a/b"}]))));
    }
    changes
}

fn proof_header_changes() -> Vec<Change> {
    let mut changes = header_changes();
    let mut jwk: Value = serde_json::from_str(&countersign_tests::issuer::jwk("client-p256", "")).unwrap();
    for (name, values) in [
        ("alg", vec!["ES256", "ES384", "x"]),
        ("use", vec!["sig", "enc", "jwt-svid"]),
        ("kid", vec!["", "a/b"]),
        ("d", vec!["", "AAAA"]),
        ("kty", vec!["EC", "oct", "ec"]),
        ("crv", vec!["P-256", "P-384", "p-256"]),
        ("y", vec!["", "AAAA"]),
    ] {
        for value in values {
            let mut changed = jwk.clone();
            changed[name] = json!(value);
            changes.push(("jwk", Some(changed)));
        }
    }
    for operations in [json!(["verify"]), json!(["sign"]), json!(["verify", "verify"]), json!([])] {
        jwk["key_ops"] = operations;
        changes.push(("jwk", Some(jwk.clone())));
    }
    changes
}

fn proof_claim_changes() -> Vec<Change> {
    let jkt: [u8; 32] = unb64(&key("client-p256").thumbprint()).try_into().unwrap();
    let nonce = |secret: u8| {
        let nonce = NonceKeys::new(&[secret; 32], None).issue(UnixSeconds::new(NOW), &jkt);
        String::from_utf8(nonce.to_vec()).unwrap()
    };
    let mut changes: Vec<Change> = Vec::new();
    for (name, values) in [
        ("htm", vec!["GET", "get", "POST", "GE\u{17f}"]),
        (
            "htu",
            vec![
                "https://api.example/orders",
                "https://API.example:443/orders?x=/#y",
                "https://api.example/orders/",
                "https://api.example/%6frders",
                "/orders",
                "https://api.example/\u{f6}",
            ],
        ),
        ("jti", vec!["", "proof/1", "\u{1f600}", "a"]),
        ("ath", vec!["", "AAAA", "/"]),
    ] {
        for value in values {
            changes.push((name, Some(json!(value))));
        }
    }
    changes.push(("htu", Some(json!(format!("https://api.example/{}", "a/".repeat(150))))));
    for at in [NOW - 61, NOW - 60, NOW, NOW + 5, NOW + 6] {
        for name in ["iat", "exp", "nbf"] {
            changes.push((name, Some(json!(at))));
        }
    }
    for nonce in [nonce(1), nonce(2), format!("{}=", nonce(1)), String::new()] {
        changes.push(("nonce", Some(json!(nonce))));
        changes.push(("nonce", Some(json!(nonce))));
    }
    for name in ["htm", "htu", "jti", "ath", "iat", "nonce", "exp", "x/y"] {
        changes.push((name, None));
        changes.push((name, Some(json!(7))));
        changes.push((name, Some(json!({"a/b": ["c"]}))));
    }
    changes
}

fn policies() -> Vec<Doc> {
    let subjects = |accept: &str| Doc::all().accept(accept);
    let bare = |accept: &str| {
        let trust = [
            domain("example.org", &[svid_key("domain-p256")]),
            domain("other.example", &[svid_key("domain-next-p256")]),
            issuer(SERVER, &[set_key("server-p256")]),
            issuer(PLAIN, &[set_key("plain-p256")]),
        ];
        Doc::new(&trust, accept)
    };
    let given = |accept: &str| {
        let trust = [
            domain("example.org", &[svid_key("domain-p256")]),
            issuer_for(SERVER, &[set_key("server-p256")], &["example.org"]),
            issuer_for(PLAIN, &[set_key("plain-p256")], &["other.example", "example.org"]),
        ];
        Doc::new(&trust, accept)
    };
    vec![
        Doc::all(),
        given(r#"["jwt-svid","at+jwt","jwt"]"#),
        given(r#"["at+jwt","jwt"]"#),
        bare(r#"["jwt-svid","at+jwt","jwt"]"#),
        bare(r#"["jwt","jwt-svid"]"#),
        bare(r#"["at+jwt","jwt"]"#),
        subjects(
            r#"[{"kind":"jwt-svid","subjects":"spiffe://example.org/ns/*/sa/web"},{"kind":"jwt","subjects":["alice","spiffe://example.org/**"]},"at+jwt"]"#,
        ),
        Doc::svid(),
        Doc::svid().member("jwt_svid", r#"{"ignore_unknown_headers":true,"single_candidate_key":true}"#),
        Doc::access(),
        Doc::access().accept(r#"[{"kind":"at+jwt","scope":"orders:read"}]"#),
        Doc::plain(),
        Doc::all().member("dpop", r#"{"nonce":"required"}"#),
        Doc::all().member("binding", r#"{"require":"any"}"#),
    ]
}

/// What a host can see of two decisions on the same request, one after the other.
fn decisions(doc: &Doc, token: &Jwt, proof_of: Option<&Jwt>, mut scribe: Scribe) -> Vec<String> {
    let text = token.text(&mut scribe);
    let asked = match proof_of {
        Some(template) => {
            let mut with = template.clone();
            if with.claims["ath"] == "" {
                with.claims["ath"] = serde_json::from_str::<Value>(&proof(&text).claims_text()).unwrap()["ath"].clone();
            }
            dpop(&text, &with.text(&mut scribe))
        }
        None => bearer(&text),
    };
    // Small, since each case makes two engines.
    let small = r#"{"token_cache_bytes":65536,"replay_proofs":64,"hot_key_bytes":0}"#;
    let mut runner = Runner::new(&doc.clone().memory(small).text(), NOW);
    runner.nonces(&[1; 32], None);
    let certificate = certificate("client");
    let mut seen = Vec::new();
    for _ in 0..2 {
        let headers = asked.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let request = Request::new(b"GET", asked.uri.as_bytes(), headers, UnixSeconds::new(NOW))
            .with_certificate(ClientCertificate::Der(&certificate));
        let policy = runner.engine.document().policy("default").unwrap();
        let decision = runner.worker.decide(&runner.engine, &runner.trust_state, policy, &request);
        let mut answer = Vec::new();
        decision
            .write_headers(&mut |name, value| {
                answer.push(format!("{name}: {value}"));
                Ok(())
            })
            .unwrap();
        let facts = decision.verified_token().map(|facts| {
            format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                facts.kind,
                facts.algorithm,
                facts.issuer(),
                facts.subject(),
                facts.scope(),
                facts.client_id(),
                facts.token_id(),
                facts.audience().collect::<Vec<_>>(),
                (facts.expires_at, facts.not_before, facts.issued_at),
                facts.confirmation,
                facts.actor_json().map(|act| serde_json::from_str::<Value>(act).unwrap().to_string()),
            )
        });
        seen.push(format!(
            "{:?} {} {answer:?} {facts:?} {} {}",
            decision.reason(),
            decision.cache_tier().name(),
            decision.audit(),
            decision.wants_refresh().map(|(_, authority)| authority.name()).unwrap_or_default()
        ));
    }
    seen
}

fn changes(pool: Vec<Change>) -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(prop::sample::select(pool), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 700, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn how_a_token_is_spelled_changes_nothing(
        base in prop::sample::select(vec![svid(), access(), plain()]),
        header in changes(header_changes()),
        claims in changes(claim_changes()),
        doc in prop::sample::select(policies()),
        seed in any::<u64>(),
    ) {
        let mut token = Jwt::of(&base);
        header.into_iter().for_each(|change| set(&mut token.header, change));
        claims.into_iter().for_each(|change| set(&mut token.claims, change));
        let plainly = decisions(&doc, &token, None, Scribe(None));
        let otherwise = decisions(&doc, &token, None, Scribe(Some(seed)));
        prop_assert_eq!(plainly, otherwise, "{:?}", token);
    }

    #[test]
    fn how_a_proof_is_spelled_changes_nothing(
        base in prop::sample::select(vec![svid(), access(), plain()]),
        header in changes(proof_header_changes()),
        claims in changes(proof_claim_changes()),
        doc in prop::sample::select(policies()),
        seed in any::<u64>(),
    ) {
        let token = Jwt::of(&base.bound_to_key("client-p256"));
        let mut with = Jwt::of(&proof(""));
        with.claims["ath"] = json!("");
        header.into_iter().for_each(|change| set(&mut with.header, change));
        claims.into_iter().for_each(|change| set(&mut with.claims, change));
        let plainly = decisions(&doc, &token, Some(&with), Scribe(None));
        let otherwise = decisions(&doc, &token, Some(&with), Scribe(Some(seed)));
        prop_assert_eq!(plainly, otherwise, "{:?}", with);
    }
}

/// The values that decide most often, each in 64 spellings, so that none is left to chance.
#[test]
fn every_kind_is_accepted_and_cached_in_any_spelling() {
    for (doc, token) in [(Doc::all(), svid()), (Doc::all(), access()), (Doc::all(), plain())] {
        let bare = Jwt::of(&token);
        let bound = Jwt::of(&token.bound_to_key("client-p256"));
        let mut with = Jwt::of(&proof(""));
        with.claims["ath"] = json!("");
        for seed in 0..64 {
            let seen = decisions(&doc, &bare, None, Scribe(Some(seed)));
            assert!(seen[0].starts_with("None miss"), "{seen:?}");
            assert!(seen[1].starts_with("None hit"), "{seen:?}");
            let seen = decisions(&doc, &bound, Some(&with), Scribe(Some(seed)));
            assert!(seen[0].starts_with("None miss"), "{seen:?}");
            assert!(seen[1].starts_with("Some(ProofReplayed) hit"), "{seen:?}");
        }
    }
}
