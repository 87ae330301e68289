//! A vector of the corpus with one request, as the tests of both builds of the filter read it.

use countersign::internal::jose::json::{self, Budget, Value};

const TEXT: &str = include_str!("../../../../tests/vectors/accept/access_token_es256_bearer.json");

/// The JSON of the vector, and its request.
pub(crate) struct Vector {
    pub(crate) policy: &'static str,
    /// The policies of the policy document.
    pub(crate) policies: &'static str,
    /// Its one issuer, with its keys.
    pub(crate) source: &'static str,
    pub(crate) jwks: &'static str,
    /// The fields of the vector, those that proxies add, and an identity that the client made up.
    pub(crate) request: Vec<(String, String)>,
    pub(crate) now: u64,
}

/// Reads the vector: a request that is accepted.
pub(crate) fn accepted() -> Result<Vector, &'static str> {
    let vector = json::parse(TEXT.as_bytes(), Budget::POLICY).map_err(|_| "no vector")?;
    let member = |value: Value<'static>, name: &str| value.as_object().and_then(|object| object.member(name));
    let first = |value: Value<'static>, name: &str| member(value, name)?.as_array()?.elements().next();
    let raw = |value: Option<Value<'static>>| value.and_then(Value::as_object).map(|object| object.raw());
    let policy = member(vector, "policy").ok_or("no policy")?;
    let source = first(policy, "trust").ok_or("no trust")?;
    let request = first(vector, "steps").and_then(|step| member(step, "request")).ok_or("no request")?;
    let Some(Value::Number(now)) = member(request, "now") else { return Err("no time") };
    let mut texts = Vec::new();
    for field in member(request, "headers").and_then(Value::as_array).ok_or("no headers")?.elements() {
        let pair = field.as_array().ok_or("no field")?;
        texts.extend(pair.elements().filter_map(Value::as_string).map(|text| text.to_owned_string()));
    }
    let [name, token] = texts.try_into().map_err(|_| "more than one field")?;
    let own = [(":path", "/orders"), (":method", "GET"), ("x-user", "root")];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Vector {
        policy: raw(Some(policy)).ok_or("no policy")?,
        policies: raw(member(policy, "policies")).ok_or("no policies")?,
        source: raw(Some(source)).ok_or("no trust")?,
        jwks: raw(member(source, "jwks")).ok_or("no keys")?,
        request: [(name.to_ascii_lowercase(), token)].into_iter().chain(own).collect(),
        now: now.as_u64().ok_or("no time")?,
    })
}
