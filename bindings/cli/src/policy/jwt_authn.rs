//! Envoy's `JwtAuthentication` (envoy.extensions.filters.http.jwt_authn.v3) as a policy document.
//!
//! What has no counterpart is reported and left out, and what is left out never lets a request pass that jwt_authn would refuse: a
//! requirement that cannot be written has no policy.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::PolicyDocument;
use serde_json::{Map, Value, json};

/// In place of an audience that is not known: no token is for it, so all are refused.
const AUDIENCE_MISSING: &str = "urn:countersign:write-the-audience-of-this-service-here";

/// jwt_authn's clock_skew_seconds where it is absent, and the most that a policy takes.
const CLOCK_SKEW_SECONDS: u64 = 60;
const MOST_LEEWAY_SECONDS: u64 = 300;

/// What was not carried over, and where it is.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) at: String,
    pub(super) text: String,
    /// Nothing was left out: it says where something belongs.
    pub(super) is_advice: bool,
}

#[derive(Debug)]
pub(super) struct Translated {
    pub(super) policy: Value,
    pub(super) notes: Vec<Note>,
}

/// What is said of a member of a provider that a policy has no setting for.
const PROVIDER_MEMBERS: &[(&str, &str)] = &[
    ("from_params", "a token in the query is not read: it reaches logs and histories (RFC 9700 section 4.3.2)"),
    (
        "forward_payload_header",
        "the payload is not passed on as a whole: name its claims under `attributes`, and these in `identity_headers` of the filter",
    ),
    ("pad_forward_payload_header", "there is no payload header"),
    ("payload_in_metadata", "name the claims under `attributes`: the filter's setting `metadata` writes them"),
    ("normalize_payload_in_metadata", "`scope` is read as words in any case; other claims are written as they are"),
    ("header_in_metadata", "the header of a token is not passed on; the attribute `key_id` is"),
    ("failed_status_in_metadata", "the attribute `reason` is written by the filter's setting `metadata`"),
    ("jwt_cache_config", "verified tokens are cached in any case: `memory.token_cache_bytes`"),
    ("clear_route_cache", "a setting of the filter: see the page of the host"),
];

const REMOTE_MEMBERS: &[(&str, &str)] = &[
    ("cache_duration", "keys are fetched by the host's own settings, and at once when a token names an unknown one"),
    ("async_fetch", "keys are always fetched in the background"),
    ("retry_policy", "a fetch that fails is repeated by the host's own settings"),
];

const FILTER_MEMBERS: &[(&str, &str)] = &[
    ("filter_state_rules", "no policy is chosen by filter state: name policies by route"),
    (
        "bypass_cors_preflight",
        "a preflight is answered by a route of its own without the filter: see the recipe of the host",
    ),
    ("stat_prefix", "counters have the names of the filter"),
];

/// Translates each configuration in `documents`; `audience` is for providers without one.
pub(super) fn translated(documents: &[Value], audience: &[String]) -> Result<Translated, String> {
    let mut found = Vec::new();
    for (place, document) in documents.iter().enumerate() {
        let at = if documents.len() == 1 { String::new() } else { format!("[{place}]") };
        find(&at, &snake_cased(document), &mut found);
    }
    if found.is_empty() {
        return Err("no configuration of jwt_authn is in it: an object with `providers`".to_owned());
    }
    let mut translator = Translator { audience, trust: Vec::new(), policies: Map::new(), notes: Vec::new() };
    for (at, filter) in &found {
        translator.filter(at, filter);
    }
    if translator.policies.is_empty() {
        let notes: Vec<String> = translator.notes.iter().map(|note| format!("{}: {}", note.at, note.text)).collect();
        return Err(format!("nothing of it can be written as a policy\n{}", notes.join("\n")));
    }
    let policy = json!({"trust": translator.trust, "policies": translator.policies});
    Ok(Translated { policy, notes: translator.notes })
}

/// protobuf's JSON has each name in two forms; here they are as in the .proto file. Names of maps (providers) are left alone below.
fn snake_cased(value: &Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.iter().map(snake_cased).collect()),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| {
                    let name = snake(name);
                    let is_map = name == "providers" || name == "requirement_map";
                    let value = match value.as_object().filter(|_| is_map) {
                        Some(map) => map.iter().map(|(name, value)| (name.clone(), snake_cased(value))).collect(),
                        None => snake_cased(value),
                    };
                    (name, value)
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() && !name.contains('_') && !name.starts_with('@') {
            out.push('_');
        }
        out.push(if name.starts_with('@') { c } else { c.to_ascii_lowercase() });
    }
    out
}

/// Each jwt_authn configuration, and where it is.
fn find(at: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    let is_filter = value["@type"].as_str().is_some_and(|name| name.ends_with("jwt_authn.v3.JwtAuthentication"));
    if is_filter || (value["@type"].is_null() && value["providers"].is_object()) {
        found.push((at.to_owned(), value.clone()));
        return;
    }
    match value {
        Value::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                find(&format!("{at}[{place}]"), value, found);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                find(&member(at, name), value, found);
            }
        }
        _ => {}
    }
}

fn member(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// What a provider accepts, and how.
#[derive(Clone, Debug)]
struct Provider {
    name: String,
    at: String,
    /// The entries of `accept`.
    accept: Vec<Value>,
    audience: Vec<String>,
    leeway_seconds: u64,
    from: Value,
    remove: bool,
    attributes: Map<String, Value>,
}

struct Translator<'a> {
    audience: &'a [String],
    trust: Vec<Value>,
    policies: Map<String, Value>,
    notes: Vec<Note>,
}

impl Translator<'_> {
    fn note(&mut self, at: impl Into<String>, text: impl Into<String>) {
        self.notes.push(Note { at: at.into(), text: text.into(), is_advice: false });
    }

    /// Notes what is there and has no counterpart.
    fn without_counterpart(&mut self, at: &str, value: &Value, table: &[(&str, &str)]) {
        for (name, text) in table {
            if is_set(&value[*name]) {
                self.note(member(at, name), *text);
            }
        }
    }

    fn filter(&mut self, at: &str, filter: &Value) {
        self.without_counterpart(at, filter, FILTER_MEMBERS);
        let mut providers = BTreeMap::new();
        for (name, provider) in filter["providers"].as_object().into_iter().flatten() {
            let at = member(&member(at, "providers"), name);
            if let Some(provider) = self.provider(&at, name, provider) {
                providers.insert(name.clone(), provider);
            }
        }
        let hide = filter["strip_failure_response"] == true;
        let mut named = BTreeSet::new();
        for (place, rule) in array(&filter["rules"]).iter().enumerate() {
            let at = format!("{}[{place}]", member(at, "rules"));
            let routes = matched(&rule["match"]);
            let name = rule["requirement_name"].as_str();
            let requires = match name {
                Some(name) => {
                    named.insert(name);
                    &filter["requirement_map"][name]
                }
                None => &rule["requires"],
            };
            if !is_set(requires) {
                self.note(&at, format!("no token is required for {routes}: leave the filter off there"));
                continue;
            }
            if let Some(policy) = self.requirement(&member(&at, "requires"), requires, &providers) {
                self.policy(&at, name, policy, &routes, hide);
            }
        }
        for (name, requires) in filter["requirement_map"].as_object().into_iter().flatten() {
            if named.contains(name.as_str()) {
                continue;
            }
            let at = member(&member(at, "requirement_map"), name);
            if let Some(policy) = self.requirement(&at, requires, &providers) {
                self.policy(&at, Some(name), policy, &format!("routes with requirement_name {name}"), hide);
            }
        }
        if array(&filter["rules"]).is_empty() && !is_set(&filter["requirement_map"]) {
            let at = member(at, "rules");
            self.note(&at, "no rule requires a token, so jwt_authn lets every request pass; the policies that are written require one");
            for provider in providers.values() {
                if let Some(policy) = self.of_providers(&provider.at, &[provider]) {
                    self.policy(&provider.at, None, policy, "no route", hide);
                }
            }
        }
    }

    /// Adds a policy, and says where it belongs.
    fn policy(
        &mut self,
        at: &str,
        name: Option<&str>,
        (own, mut policy): (String, Map<String, Value>),
        routes: &str,
        hide: bool,
    ) {
        let name = policy_name(name.unwrap_or(&own));
        if hide {
            policy.insert("challenge".to_owned(), json!({"hide_description": true}));
        }
        let known = self.policies.iter().find(|(other, known)| {
            other.starts_with(&name)
                && known
                    .as_object()
                    .is_some_and(|known| policy.iter().all(|(name, value)| known.get(name) == Some(value)))
        });
        let name = known.map(|(name, _)| name.clone()).unwrap_or_else(|| {
            let free = |number: &usize| !self.policies.contains_key(&numbered(&name, *number));
            numbered(&name, (1..).find(free).unwrap_or_default())
        });
        let comment = |before: Option<&Value>| match before.and_then(|policy| policy["comment"].as_str()) {
            Some(text) => format!("{text}; {routes}"),
            None => format!("for {routes}"),
        };
        let text = comment(self.policies.get(&name));
        policy.insert("comment".to_owned(), json!(text));
        self.policies.insert(name.clone(), Value::Object(policy));
        let text = format!("`{name}` is the policy for {routes}: name it where the host chooses its routes");
        self.notes.push(Note { at: at.to_owned(), text, is_advice: true });
    }

    /// What a requirement accepts, with a name for it; `None`, and a note, for one that cannot be written.
    fn requirement(
        &mut self,
        at: &str,
        requires: &Value,
        providers: &BTreeMap<String, Provider>,
    ) -> Option<(String, Map<String, Value>)> {
        let known = |translator: &mut Self, at: &str, name: &Value| {
            let provider = name.as_str().and_then(|name| providers.get(name)).cloned();
            if provider.is_none() {
                translator.note(at, format!("there is no provider {name} that could be written: no policy is"));
            }
            provider
        };
        if is_set(&requires["provider_name"]) {
            let provider = known(self, at, &requires["provider_name"])?;
            return self.of_providers(at, &[&provider]);
        }
        let both = &requires["provider_and_audiences"];
        if is_set(both) {
            let mut provider = known(self, at, &both["provider_name"])?;
            provider.audience = texts(&both["audiences"]);
            return self.of_providers(at, &[&provider]);
        }
        if is_set(&requires["requires_any"]) {
            return self.any(at, &requires["requires_any"]["requirements"], providers);
        }
        if is_set(&requires["requires_all"]) {
            return self.all(at, &requires["requires_all"]["requirements"], providers);
        }
        let text = if !requires["allow_missing_or_failed"].is_null() {
            "every request passes: leave the filter off there"
        } else if !requires["allow_missing"].is_null() {
            "a request without a token passes: see the recipe for optional tokens of the host"
        } else if !requires["extract_only_without_validation"].is_null() {
            "tokens are not verified: this engine passes on nothing of such a token"
        } else {
            "the requirement is not known here"
        };
        self.note(at, text);
        None
    }

    fn any(
        &mut self,
        at: &str,
        requirements: &Value,
        providers: &BTreeMap<String, Provider>,
    ) -> Option<(String, Map<String, Value>)> {
        let mut chosen = Vec::new();
        let mut passes_failed = false;
        for (place, requirement) in array(requirements).iter().enumerate() {
            let at = format!("{}[{place}]", member(at, "requires_any.requirements"));
            let both = &requirement["provider_and_audiences"];
            let name = if is_set(both) { &both["provider_name"] } else { &requirement["provider_name"] };
            if !requirement["allow_missing_or_failed"].is_null() {
                passes_failed = true;
            } else if !requirement["allow_missing"].is_null() {
                self.note(&at, "a request without a token passes there, and is refused by the policy: see the recipe for optional tokens of the host");
            } else if let Some(provider) = name.as_str().and_then(|name| providers.get(name)) {
                let mut provider = provider.clone();
                if is_set(both) {
                    provider.audience = texts(&both["audiences"]);
                }
                chosen.push(provider);
            } else {
                self.note(&at, "left out: it names no provider that could be written");
            }
        }
        if chosen.is_empty() {
            self.note(at, "no policy is written: it names no provider");
            return None;
        }
        let (name, mut policy) = self.of_providers(at, &chosen.iter().collect::<Vec<_>>())?;
        if passes_failed {
            // Every request passes, with an identity if its token is valid.
            policy.insert("mode".to_owned(), json!("shadow"));
        }
        Some((name, policy))
    }

    /// Several tokens of one request: each needs a place of its own.
    fn all(
        &mut self,
        at: &str,
        requirements: &Value,
        providers: &BTreeMap<String, Provider>,
    ) -> Option<(String, Map<String, Value>)> {
        let mut credentials: Vec<Value> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let mut attributes = Map::new();
        let mut leeway_seconds = MOST_LEEWAY_SECONDS;
        for requirement in array(requirements) {
            let Some(provider) = requirement["provider_name"].as_str().and_then(|name| providers.get(name)) else {
                self.note(
                    at,
                    "no policy is written: a requirement of requires_all is no provider that could be written",
                );
                return None;
            };
            let is_first = credentials.is_empty();
            if credentials.iter().any(|other| other["from"] == provider.from)
                || (!is_first && provider.from == "authorization")
            {
                self.note(
                    at,
                    "no policy is written: requires_all needs a header field for each token, and only the first can be in Authorization",
                );
                return None;
            }
            let mut credential = json!({"name": policy_name(&provider.name), "from": provider.from, "accept": provider.accept,
                "audience": provider.audience});
            if provider.remove {
                credential["remove"] = json!(true);
            }
            credentials.push(credential);
            names.push(provider.name.clone());
            leeway_seconds = leeway_seconds.min(provider.leeway_seconds);
            if is_first {
                attributes = provider.attributes.clone();
            } else if !provider.attributes.is_empty() {
                self.note(&provider.at, "claim_to_headers: attributes are those of the first credential");
            }
        }
        let mut policy = Map::new();
        policy.insert("credentials".to_owned(), Value::Array(credentials));
        policy.insert("leeway_seconds".to_owned(), json!(leeway_seconds));
        if !attributes.is_empty() {
            policy.insert("attributes".to_owned(), Value::Object(attributes));
        }
        Some((names.join("-and-"), policy))
    }

    /// One token of any of these providers.
    fn of_providers(&mut self, at: &str, providers: &[&Provider]) -> Option<(String, Map<String, Value>)> {
        let (first, others) = providers.split_first()?;
        let mut providers = providers.to_vec();
        for other in others {
            if other.from != first.from {
                self.note(
                    at,
                    format!(
                        "{}: left out, its token is presented in another place than that of {}",
                        other.name, first.name
                    ),
                );
                providers.retain(|provider| provider.name != other.name || provider.from == first.from);
            }
        }
        let audience: BTreeSet<&String> = providers.iter().flat_map(|provider| &provider.audience).collect();
        let mut accept = Vec::new();
        for provider in &providers {
            // One list of audiences is for all entries; where those of a provider are fewer, its entries say so.
            let own: BTreeSet<&String> = provider.audience.iter().collect();
            for entry in &provider.accept {
                let mut entry = entry.clone();
                if own != audience {
                    let [only] = provider.audience.as_slice() else {
                        self.note(&provider.at, "left out: its several audiences differ from those of the other providers; write a policy of its own");
                        continue;
                    };
                    entry["conditions"] = json!([{"claim": "/aud", "contains": only}]);
                }
                accept.push(entry);
            }
        }
        let mut policy = Map::new();
        if first.from == "authorization" && !first.remove {
            policy.insert("accept".to_owned(), Value::Array(accept));
            policy.insert("audience".to_owned(), json!(audience));
        } else {
            let mut credential = json!({"name": "access", "from": first.from, "accept": accept, "audience": audience});
            if first.remove {
                credential["remove"] = json!(true);
            }
            policy.insert("credentials".to_owned(), json!([credential]));
        }
        let leeway = providers.iter().map(|provider| provider.leeway_seconds).min().unwrap_or(CLOCK_SKEW_SECONDS);
        if providers.iter().any(|provider| provider.leeway_seconds != leeway) {
            self.note(at, format!("clock_skew_seconds differ: the least, {leeway}, holds for all"));
        }
        policy.insert("leeway_seconds".to_owned(), json!(leeway));
        let mut attributes = Map::new();
        for provider in &providers {
            for (name, pointer) in &provider.attributes {
                if attributes.get(name).is_some_and(|known| known != pointer) {
                    self.note(
                        &provider.at,
                        format!("claim_to_headers: {name} has another claim in another provider, and is left out"),
                    );
                } else {
                    attributes.insert(name.clone(), pointer.clone());
                }
            }
        }
        if !attributes.is_empty() {
            policy.insert("attributes".to_owned(), Value::Object(attributes));
        }
        let names: Vec<&str> = providers.iter().map(|provider| provider.name.as_str()).collect();
        Some((names.join("-or-"), policy))
    }

    fn provider(&mut self, at: &str, name: &str, provider: &Value) -> Option<Provider> {
        self.without_counterpart(at, provider, PROVIDER_MEMBERS);
        let subjects = self.subjects(&member(at, "subjects"), &provider["subjects"]);
        if subjects.is_none() && is_set(&provider["subjects"]) {
            return None;
        }
        let trust_domain = subjects.as_deref().and_then(trust_domain_of).map(str::to_owned);
        let issuer = provider["issuer"].as_str().filter(|issuer| !issuer.is_empty());
        let (authority, kinds) = match (&trust_domain, issuer) {
            (Some(domain), _) => (("trust_domain", domain.clone()), vec!["jwt-svid"]),
            (None, Some(issuer)) => (("issuer", issuer.to_owned()), vec!["at+jwt", "jwt"]),
            (None, None) => {
                self.note(
                    member(at, "issuer"),
                    "left out: without an issuer, its keys sign for every `iss`; name the issuer",
                );
                return None;
            }
        };
        let from = self.from(at, provider)?;
        if !self.trust(at, &authority, provider) {
            return None;
        }
        let max_lifetime = self.seconds(&member(at, "max_lifetime"), &provider["max_lifetime"]);
        let accept = kinds
            .into_iter()
            .map(|kind| {
                let mut entry = json!({"kind": kind});
                entry[authority.0] = json!(authority.1);
                if let Some(subjects) = &subjects {
                    entry["subjects"] = json!(subjects);
                }
                if let Some(seconds) = max_lifetime {
                    entry["max_lifetime_seconds"] = json!(seconds);
                }
                entry
            })
            .collect();
        let mut audience = texts(&provider["audiences"]);
        if audience.is_empty() {
            if self.audience.is_empty() {
                self.note(member(at, "audiences"), "absent: jwt_authn takes tokens for anybody. Write the audience of this service, or give --audience");
                audience.push(AUDIENCE_MISSING.to_owned());
            } else {
                audience.extend(self.audience.iter().cloned());
            }
        }
        let skew = provider["clock_skew_seconds"].as_u64().unwrap_or(CLOCK_SKEW_SECONDS);
        if skew > MOST_LEEWAY_SECONDS {
            self.note(
                member(at, "clock_skew_seconds"),
                format!("{skew} is more than a policy takes: {MOST_LEEWAY_SECONDS} is written"),
            );
        }
        let attributes = self.attributes(&member(at, "claim_to_headers"), &provider["claim_to_headers"]);
        let leeway_seconds = skew.min(MOST_LEEWAY_SECONDS);
        Some(Provider {
            name: name.to_owned(),
            at: at.to_owned(),
            accept,
            audience,
            leeway_seconds,
            from,
            remove: provider["forward"] != true,
            attributes,
        })
    }

    /// The trust entry of a provider; `false`, and a note, if its keys cannot be had.
    fn trust(&mut self, at: &str, (kind, name): &(&str, String), provider: &Value) -> bool {
        let mut entry = json!({});
        entry[*kind] = json!(name);
        let (local, remote) = (&provider["local_jwks"], &provider["remote_jwks"]);
        if is_set(remote) {
            let remote_at = member(at, "remote_jwks");
            self.without_counterpart(&remote_at, remote, REMOTE_MEMBERS);
            let uri = remote["http_uri"]["uri"].as_str().unwrap_or_default();
            if uri.starts_with("https://") {
                entry["jwks_uri"] = json!(uri);
            } else {
                self.note(
                    member(&remote_at, "http_uri.uri"),
                    "keys are fetched by https alone: the entry has no source, and the host must push its keys",
                );
            }
            if is_set(&remote["http_uri"]["cluster"]) {
                self.note(
                    member(&remote_at, "http_uri.cluster"),
                    "a setting of the filter: the cluster that keys are fetched by",
                );
            }
        } else if is_set(&local["filename"]) {
            entry["jwks_file"] = local["filename"].clone();
        } else {
            let inline = match (local["inline_string"].as_str(), local["inline_bytes"].as_str()) {
                (Some(text), _) => Some(text.as_bytes().to_vec()),
                (None, Some(bytes)) => STANDARD.decode(bytes).ok(),
                _ => None,
            };
            let at = member(at, "local_jwks");
            let keys = inline
                .and_then(|text| serde_json::from_slice::<Value>(&text).ok())
                .filter(|keys| keys["keys"].is_array());
            let Some(keys) = keys else {
                self.note(&at, "left out: it is no JWK set, or in an environment variable; write it to a file and name that in jwks_file");
                return false;
            };
            entry["jwks"] = keys;
        }
        let is_same = |known: &Value| known[*kind] == entry[*kind];
        match self.trust.iter().find(|known| is_same(known)) {
            None => self.trust.push(entry),
            Some(known) if *known == entry => {}
            Some(_) => {
                self.note(at, format!("left out: {kind} {name} has another source of keys in another provider, and an authority has one"));
                return false;
            }
        }
        true
    }

    /// Subject patterns; `None` if there are none, or, with a note, if they cannot be written.
    fn subjects(&mut self, at: &str, matcher: &Value) -> Option<Vec<String>> {
        if !is_set(matcher) {
            return None;
        }
        let plain = |text: &str| !text.contains('*') && matcher["ignore_case"] != true;
        let pattern = match (matcher["exact"].as_str(), matcher["prefix"].as_str()) {
            (Some(exact), _) if plain(exact) => Some(exact.to_owned()),
            (None, Some(prefix)) if plain(prefix) && prefix.ends_with('/') => Some(format!("{prefix}**")),
            _ => None,
        };
        if pattern.is_none() {
            self.note(
                at,
                "the provider is left out: a pattern is a subject, or a prefix that ends at a slash; write `subjects`",
            );
        }
        pattern.map(|pattern| vec![pattern])
    }

    /// A duration: "3600s", or an object with `seconds`.
    fn seconds(&mut self, at: &str, duration: &Value) -> Option<u64> {
        if !is_set(duration) {
            return None;
        }
        let text = duration.as_str().and_then(|text| text.strip_suffix('s')).and_then(|text| text.parse().ok());
        let seconds =
            text.or_else(|| duration["seconds"].as_u64()).or_else(|| duration["seconds"].as_str()?.parse().ok());
        match seconds.filter(|seconds| (1..=31_622_400).contains(seconds)) {
            Some(seconds) => Some(seconds),
            None => {
                self.note(at, "left out: it is no whole number of seconds from 1 to a year");
                None
            }
        }
    }

    /// Where the token of a provider is presented.
    fn from(&mut self, at: &str, provider: &Value) -> Option<Value> {
        let headers = array(&provider["from_headers"]);
        let cookies = texts(&provider["from_cookies"]);
        let mut places = Vec::new();
        for (place, header) in headers.iter().enumerate() {
            let at = format!("{}[{place}]", member(at, "from_headers"));
            let name = header["name"].as_str().unwrap_or_default().to_ascii_lowercase();
            let prefix = header["value_prefix"].as_str().unwrap_or_default();
            if name == "authorization" && prefix.trim_end() == "Bearer" {
                places.push((at, json!("authorization")));
            } else if prefix.is_empty() {
                places.push((at, json!({"header": name})));
            } else {
                places.push((at, json!({"header": name, "scheme": prefix.trim_end()})));
            }
        }
        for (place, name) in cookies.iter().enumerate() {
            places.push((format!("{}[{place}]", member(at, "from_cookies")), json!({"cookie": name})));
        }
        if headers.is_empty() && cookies.is_empty() {
            if !is_set(&provider["from_params"]) {
                return Some(json!("authorization"));
            }
            self.note(at, "left out: its token is in the query alone");
            return None;
        }
        let mut chosen = None;
        for (at, from) in places {
            if !is_taken(&from) {
                self.note(at, "left out: this engine reads no token there");
            } else if chosen.is_some() {
                self.note(at, "left out: a credential is presented in one place");
            } else {
                chosen = Some(from);
            }
        }
        if chosen.is_none() {
            self.note(at, "left out: its token is presented nowhere that this engine reads");
        }
        chosen
    }

    /// Claims that are passed on, by the names that attributes get.
    fn attributes(&mut self, at: &str, claims: &Value) -> Map<String, Value> {
        let mut attributes = Map::new();
        for (place, claim) in array(claims).iter().enumerate() {
            let at = format!("{at}[{place}]");
            let (Some(header), Some(claim)) = (claim["header_name"].as_str(), claim["claim_name"].as_str()) else {
                continue;
            };
            let pointer: String =
                claim.split('.').map(|segment| format!("/{}", segment.replace('~', "~0").replace('/', "~1"))).collect();
            let name: String =
                claim.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
            self.note(
                at,
                format!(
                    "the filter's setting for header fields: \"identity_headers\": {{\"{}\": \"attributes.{name}\"}}",
                    header.to_ascii_lowercase()
                ),
            );
            attributes.insert(name, json!(pointer));
        }
        attributes
    }
}

/// Whether the reader takes a credential from there.
fn is_taken(from: &Value) -> bool {
    let probe = json!({"trust": [{"issuer": "i"}], "policies": {"p": {"audience": "a",
        "credentials": [{"name": "c", "from": from, "accept": ["jwt"]}]}}});
    PolicyDocument::parse(probe.to_string().as_bytes()).is_ok()
}

/// The trust domain that all of these subjects are in.
fn trust_domain_of(subjects: &[String]) -> Option<&str> {
    let [only] = subjects else { return None };
    only.strip_prefix("spiffe://")?.split('/').next()
}

/// Whether a member is there and says something.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A repeated text; one alone is what YAML makes of a list without its dashes.
fn texts(value: &Value) -> Vec<String> {
    let all = value.as_str().into_iter().chain(array(value).iter().filter_map(Value::as_str));
    all.map(str::to_owned).collect()
}

/// Which requests a rule is for, in words.
fn matched(route: &Value) -> String {
    for (name, word) in
        [("prefix", "prefix"), ("path", "path"), ("path_separated_prefix", "prefix"), ("connect_matcher", "CONNECT")]
    {
        if let Some(text) = route[name].as_str() {
            return format!("{word} {text}");
        }
    }
    match route["safe_regex"]["regex"].as_str() {
        Some(regex) => format!("paths like {regex}"),
        None => "its match".to_owned(),
    }
}

/// A name as policies and credentials have it: at most 64 letters, digits, dots, dashes and underscores.
fn policy_name(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' }).collect();
    let name: String = name.trim_matches('-').chars().take(60).collect();
    if name.is_empty() { "policy".to_owned() } else { name }
}

fn numbered(name: &str, number: usize) -> String {
    if number <= 1 { name.to_owned() } else { format!("{name}-{number}") }
}
