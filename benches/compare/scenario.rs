//! The material of one row as the peers need it.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use countersign_tests::issuer::unb64;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::Value;

/// One row: what its tokens hold, and the tokens.
pub struct Scenario {
    /// `scenario.json`.
    pub facts: Value,
    /// Access tokens, each with its own proof in the DPoP row.
    pub access: Rc<[Item]>,
    /// JWT-SVIDs; none where their specification forbids the algorithm.
    pub svid: Rc<[Item]>,
}

/// One request, in every form that a peer takes it.
#[derive(Clone)]
pub struct Item {
    pub token: String,
    pub proof: Option<String>,
    /// The value of `Authorization`.
    pub authorization: String,
    /// The same as typed headers.
    pub headers: HeaderMap,
    /// The signatures, decoded, for the check alone.
    pub signature: Vec<u8>,
    pub proof_signature: Vec<u8>,
}

/// A request with one fault, and the check that must find it.
pub struct Probe {
    pub check: String,
    pub item: Item,
    /// The fault is the repetition.
    pub twice: bool,
}

impl Item {
    pub fn new(token: &str, proof: Option<&str>) -> Self {
        let scheme = if proof.is_some() { "DPoP" } else { "Bearer" };
        let authorization = format!("{scheme} {token}");
        let header = |text: &str| HeaderValue::from_str(text).expect("a token fits a header");
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header(&authorization));
        if let Some(proof) = proof {
            headers.insert("dpop", header(proof));
        }
        Self {
            signature: unb64(split(token).1),
            proof_signature: proof.map(|proof| unb64(split(proof).1)).unwrap_or_default(),
            token: token.to_owned(),
            proof: proof.map(str::to_owned),
            authorization,
            headers,
        }
    }

    /// The same with one bit of the last signature flipped.
    pub fn corrupted(&self) -> Self {
        match &self.proof {
            Some(proof) => Self::new(&self.token, Some(&corrupt(proof))),
            None => Self::new(&corrupt(&self.token), None),
        }
    }
}

/// The signed bytes, and the signature.
pub fn split(token: &str) -> (&str, &str) {
    token.rsplit_once('.').expect("a token has periods")
}

fn corrupt(token: &str) -> String {
    let place = split(token).0.len() + 20;
    let other = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &token[..place], &token[place + 1..])
}

impl Scenario {
    pub fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("scenario.json")).expect("a scenario");
        let lines = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let (tokens, proofs) = (lines("at.txt"), lines("proofs.txt"));
        let access = match tokens.lines().next() {
            Some(token) if !proofs.is_empty() => proofs.lines().map(|proof| Item::new(token, Some(proof))).collect(),
            _ => tokens.lines().map(|token| Item::new(token, None)).collect(),
        };
        let svid = lines("svid.txt").lines().map(|token| Item::new(token, None)).collect();
        Self { facts: serde_json::from_str(&text).expect("JSON"), access, svid }
    }

    pub fn text(&self, name: &str) -> &str {
        self.facts[name].as_str().expect("a text in the scenario")
    }

    /// The first key of `set`: the one that signs.
    pub fn key(&self, set: &str) -> &Value {
        &self.facts[set]["keys"][0]
    }

    pub fn probes(&self, kind: &str) -> Vec<Probe> {
        let probes = self.facts["probes"][kind].as_array().cloned().unwrap_or_default().into_iter();
        probes
            .map(|probe| Probe {
                check: probe["check"].as_str().expect("a name").to_owned(),
                item: Item::new(probe["token"].as_str().expect("a token"), probe["proof"].as_str()),
                twice: probe["twice"] == true,
            })
            .collect()
    }
}
