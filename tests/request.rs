//! Requests and policy documents of the vectors, made by hand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::{ClientCertificate, Request, UnixSeconds};
use serde_json::{Value, json};

use crate::issuer::{self, AUDIENCE, DOMAIN, NOW, PLAIN, SERVER, URI};

/// One request, as an input line of `countersign decide` has it.
#[derive(Clone, Debug)]
pub struct Req {
    pub method: String,
    pub uri: String,
    pub headers: Vec<(String, String)>,
    pub client_cert: Option<Vec<u8>>,
    pub now: u64,
    pub policy: String,
    /// What the host answers to the engine's questions, in their order.
    pub answers: Vec<Value>,
}

/// A request without any credential.
#[must_use]
pub fn bare() -> Req {
    Req {
        method: "GET".to_owned(),
        uri: URI.to_owned(),
        headers: Vec::new(),
        client_cert: None,
        now: NOW,
        policy: "default".to_owned(),
        answers: Vec::new(),
    }
}

/// A request with this value of `Authorization`.
#[must_use]
pub fn authorization(value: &str) -> Req {
    bare().header("authorization", value)
}

#[must_use]
pub fn bearer(token: &str) -> Req {
    authorization(&format!("Bearer {token}"))
}

#[must_use]
pub fn dpop(token: &str, proof: &str) -> Req {
    authorization(&format!("DPoP {token}")).header("dpop", proof)
}

impl Req {
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    #[must_use]
    pub fn uri(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.uri);
        self
    }

    #[must_use]
    pub const fn now(mut self, now: u64) -> Self {
        self.now = now;
        self
    }

    /// Over a connection with this client certificate.
    #[must_use]
    pub fn certificate(mut self, name: &str) -> Self {
        self.client_cert = Some(issuer::certificate(name));
        self
    }

    #[must_use]
    pub fn policy(mut self, policy: &str) -> Self {
        policy.clone_into(&mut self.policy);
        self
    }

    /// The host answers this to the next question: `answer(json!({"use_once": "first"}))`.
    #[must_use]
    pub fn answer(mut self, answer: Value) -> Self {
        self.answers.push(answer);
        self
    }

    /// The body, for a policy that asks for it.
    #[must_use]
    pub fn body(self, text: &str) -> Self {
        self.answer(json!({ "body": text }))
    }

    /// Its header fields as bytes.
    #[must_use]
    pub fn fields(&self) -> Vec<(&[u8], &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
    }

    /// The request as the engine takes it, with all its `fields`.
    #[must_use]
    pub fn with_fields<'r>(&'r self, fields: &'r &'r [(&'r [u8], &'r [u8])]) -> Request<'r> {
        let now = UnixSeconds::new(self.now);
        let asked = Request::new(self.method.as_bytes(), self.uri.as_bytes(), fields.iter().copied(), now);
        let asked = asked.with_fields(fields);
        match &self.client_cert {
            Some(der) => asked.with_certificate(ClientCertificate::Der(der)),
            None => asked,
        }
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut line = json!({ "method": self.method, "uri": self.uri, "headers": self.headers, "now": self.now });
        if let Some(certificate) = &self.client_cert {
            line["client_cert"] = STANDARD.encode(certificate).into();
        }
        if self.policy != "default" {
            line["policy"] = self.policy.as_str().into();
        }
        if !self.answers.is_empty() {
            line["answers"] = self.answers.clone().into();
        }
        line
    }

    #[must_use]
    pub fn from_json(line: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            method: text(&line["method"]),
            uri: text(&line["uri"]),
            headers: line["headers"].as_array().unwrap().iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
            client_cert: line.get("client_cert").and_then(Value::as_str).map(|der| STANDARD.decode(der).unwrap()),
            now: line["now"].as_u64().unwrap(),
            policy: line.get("policy").and_then(Value::as_str).unwrap_or("default").to_owned(),
            answers: line.get("answers").and_then(Value::as_array).cloned().unwrap_or_default(),
        }
    }
}

/// A policy document in the making.
#[derive(Clone, Debug)]
pub struct Doc {
    trust: Vec<String>,
    /// `accept` or `credentials`, with its value.
    kinds: String,
    audience: String,
    members: String,
    others: String,
    memory: String,
}

/// The bundle of the trust domain with these keys, each a JWK.
#[must_use]
pub fn domain(name: &str, keys: &[String]) -> String {
    format!(r#"{{"trust_domain":"{name}","bundle":{{"keys":[{}]}}}}"#, keys.join(","))
}

/// The key set of an issuer with these keys, each a JWK.
#[must_use]
pub fn issuer(name: &str, keys: &[String]) -> String {
    format!(r#"{{"issuer":"{name}","jwks":{{"keys":[{}]}}}}"#, keys.join(","))
}

/// The same for an issuer that speaks for these trust domains.
#[must_use]
pub fn issuer_for(name: &str, keys: &[String], domains: &[&str]) -> String {
    let entry = issuer(name, keys);
    if domains.is_empty() {
        return entry;
    }
    let domains = Value::from(domains.to_vec());
    format!(r#"{},"spiffe_trust_domains":{domains}}}"#, &entry[..entry.len() - 1])
}

/// An issuer without keys that answers what its tokens say, with these further members of `introspection`.
#[must_use]
pub fn answering(name: &str, more: &str) -> String {
    format!(r#"{{"issuer":"{name}","jwks":{{"keys":[]}},"introspection":{{"uri":"{name}/introspect"{more}}}}}"#)
}

/// The same entry of `trust` whose keys may be used with these algorithms only.
#[must_use]
pub fn pinned(entry: &str, algorithms: &[&str]) -> String {
    format!(r#"{},"algorithms":{}}}"#, &entry[..entry.len() - 1], Value::from(algorithms.to_vec()))
}

/// The key of this name as an entry of a bundle.
#[must_use]
pub fn svid_key(name: &str) -> String {
    issuer::jwk(name, &format!(r#""kid":"{name}","use":"jwt-svid""#))
}

/// The key of this name as an entry of a key set.
#[must_use]
pub fn set_key(name: &str) -> String {
    issuer::jwk(name, &format!(r#""kid":"{name}","use":"sig""#))
}

impl Doc {
    /// A document with this trust and this list of kinds.
    #[must_use]
    pub fn new(trust: &[String], accept: &str) -> Self {
        Self {
            trust: trust.to_vec(),
            kinds: format!("\"accept\":{accept}"),
            audience: format!("\"{AUDIENCE}\""),
            members: String::new(),
            others: String::new(),
            memory: String::new(),
        }
    }

    /// Takes JWT-SVIDs of one domain with one key.
    #[must_use]
    pub fn svid() -> Self {
        Self::new(&[domain(DOMAIN, &[svid_key("domain-p256")])], r#"["jwt-svid"]"#)
    }

    /// Takes access tokens of one server with one key.
    #[must_use]
    pub fn access() -> Self {
        Self::new(&[issuer(SERVER, &[set_key("server-p256")])], r#"["at+jwt"]"#)
    }

    /// Takes plain JWTs of one issuer with one key.
    #[must_use]
    pub fn plain() -> Self {
        Self::new(&[issuer(PLAIN, &[set_key("plain-p256")])], r#"["jwt"]"#)
    }

    /// Takes all kinds.
    #[must_use]
    pub fn all() -> Self {
        let trust = [
            domain(DOMAIN, &[svid_key("domain-p256")]),
            issuer(SERVER, &[set_key("server-p256")]),
            issuer(PLAIN, &[set_key("plain-p256")]),
        ];
        Self::new(&trust, r#"["jwt-svid","at+jwt",{"kind":"jwt","issuer":"https://plain.example"}]"#)
    }

    /// The same with other trust.
    #[must_use]
    pub fn trust(mut self, trust: &[String]) -> Self {
        self.trust = trust.to_vec();
        self
    }

    #[must_use]
    pub fn accept(mut self, json: &str) -> Self {
        self.kinds = format!("\"accept\":{json}");
        self
    }

    /// The same with these credentials in place of the one in `Authorization`.
    #[must_use]
    pub fn credentials(mut self, json: &str) -> Self {
        self.kinds = format!("\"credentials\":{json}");
        self
    }

    #[must_use]
    pub fn audience(mut self, json: &str) -> Self {
        json.clone_into(&mut self.audience);
        self
    }

    /// One more member of the policy: `member("binding", r#"{"require":"dpop"}"#)`.
    #[must_use]
    pub fn member(mut self, name: &str, json: &str) -> Self {
        self.members.push_str(&format!(",\"{name}\":{json}"));
        self
    }

    /// One more policy.
    #[must_use]
    pub fn also(mut self, name: &str, json: &str) -> Self {
        self.others.push_str(&format!(",\"{name}\":{json}"));
        self
    }

    #[must_use]
    pub fn memory(mut self, json: &str) -> Self {
        self.memory = format!(",\"memory\":{json}");
        self
    }

    #[must_use]
    pub fn text(&self) -> String {
        format!(
            r#"{{"trust":[{}],"policies":{{"default":{{{},"audience":{}{}}}{}}}{}}}"#,
            self.trust.join(","),
            self.kinds,
            self.audience,
            self.members,
            self.others,
            self.memory
        )
    }
}
