//! `docs/policy.md`: every member of the policy document, from the schema that the reader is held to (`bindings/cli/tests/cli/schema.rs`).
//!
//! Which kinds of token a member is for is asked of the reader: a kind is listed if the reader takes a policy of that kind with the member.

use countersign::internal::jose::json::{self, Budget, JsonObject, Value};
use countersign::internal::policy::preset::PRESETS;
use countersign::{JsonString, POLICY_SCHEMA, PolicyDocument, TokenKind};

use crate::{cell, hold};

/// An object of the document: its pointers, and where the schema defines it.
struct Object {
    pointers: &'static [&'static str],
    schema: &'static str,
    /// Whose members are for some kinds only.
    part: Option<Part>,
}

/// A part of a policy whose members the reader takes for some kinds only.
#[derive(Clone, Copy)]
enum Part {
    Policy,
    Entry,
}

const fn object(pointers: &'static [&'static str], schema: &'static str) -> Object {
    Object { pointers, schema, part: None }
}

/// Every object of the document, outermost first; a test finds any that the schema has beside them.
const OBJECTS: &[Object] = &[
    object(&[""], ""),
    object(&["/trust/N"], "/$defs/trustDomain"),
    object(&["/trust/N"], "/$defs/bundleMap"),
    object(&["/trust/N"], "/$defs/issuer"),
    object(&["/trust/N/introspection"], "/$defs/introspection"),
    Object { pointers: &["/policies/NAME"], schema: "/$defs/policy", part: Some(Part::Policy) },
    Object {
        pointers: &["/policies/NAME/accept/N", "/policies/NAME/credentials/N/accept/N"],
        schema: "/$defs/svidEntry",
        part: None,
    },
    Object {
        pointers: &["/policies/NAME/accept/N", "/policies/NAME/credentials/N/accept/N"],
        schema: "/$defs/issuedEntry",
        part: Some(Part::Entry),
    },
    object(
        &[
            "/policies/NAME/conditions/N",
            "/policies/NAME/accept/N/conditions/N",
            "/policies/NAME/credentials/N/accept/N/conditions/N",
        ],
        "/$defs/condition",
    ),
    object(&["/policies/NAME/credentials/N"], "/$defs/credential"),
    object(&["/policies/NAME/credentials/N/from"], "/$defs/ownHeader"),
    object(&["/policies/NAME/credentials/N/from"], "/$defs/ownCookie"),
    object(&["/policies/NAME/credentials/N/from"], "/$defs/ownProtocol"),
    object(&["/policies/NAME/tie/N"], "/$defs/policy/properties/tie/items"),
    object(&["/policies/NAME/tools/N"], "/$defs/policy/properties/tools/items"),
    object(&["/policies/NAME/binding"], "/$defs/policy/properties/binding"),
    object(&["/policies/NAME/dpop"], "/$defs/policy/properties/dpop"),
    object(&["/policies/NAME/jwt_svid"], "/$defs/policy/properties/jwt_svid"),
    object(&["/policies/NAME/challenge"], "/$defs/policy/properties/challenge"),
    object(&["/memory"], "/properties/memory"),
];

/// A value of each member of a policy and of an entry of `accept` that some policy takes.
const SAMPLES: &[(&str, &str)] = &[
    ("tie", r#"[{"left": "first:/sub", "is": "equal", "right": "second:/sub"}]"#),
    ("attributes", r#"{"tenant": "/tenant"}"#),
    ("tools", r#"[{"name": "search.*"}]"#),
    ("body_digest", "true"),
    ("leeway_seconds", "30"),
    ("max_lifetime_seconds", "3600"),
    ("subjects", r#""spiffe://example.org/**""#),
    ("scope", r#""orders:read""#),
    ("scope_from", r#""/scp""#),
    ("scope_match", r#""any", "scope": ["a", "b"]"#),
    ("conditions", r#"[{"claim": "/tenant", "present": true}]"#),
    ("subject_separator", r#"":", "subjects": "system:*""#),
    ("audience_from", r#""/client_id""#),
    ("absent", r#""client_id""#),
    ("algorithms", r#""ES256""#),
    ("binding", r#"{"require": "any"}"#),
    ("dpop", r#"{"nonce": "required"}"#),
    ("jwt_svid", r#"{"single_candidate_key": true}"#),
    ("origin", r#""https://api.example""#),
    ("mode", r#""shadow""#),
    ("challenge", r#"{"realm": "api"}"#),
    ("comment", r#""of any type""#),
    ("issuer", r#""https://as.example""#),
    ("trust_domain", r#""example.org""#),
];

fn root() -> Value<'static> {
    json::parse(POLICY_SCHEMA.as_bytes(), Budget::POLICY).unwrap()
}

/// The value at a JSON Pointer without escapes.
fn at(pointer: &str) -> Value<'static> {
    let mut value = root();
    for name in pointer.split('/').skip(1) {
        value = value.as_object().and_then(|object| object.member(name)).unwrap_or_else(|| panic!("no {pointer}"));
    }
    value
}

fn text(object: JsonObject<'_>, name: &str) -> Option<String> {
    object.member(name).and_then(Value::as_string).map(JsonString::to_owned_string)
}

/// A schema and those that it refers to, one after the other.
fn chain(schema: Value<'static>) -> Vec<JsonObject<'static>> {
    let mut all: Vec<JsonObject<'static>> = schema.as_object().into_iter().collect();
    while let Some(reference) = all.last().and_then(|last| text(*last, "$ref")) {
        all.extend(at(reference.strip_prefix('#').unwrap()).as_object());
    }
    all
}

fn find(schema: Value<'static>, name: &str) -> Option<Value<'static>> {
    chain(schema).into_iter().find_map(|object| object.member(name))
}

/// A word or another value, as code.
fn written(value: Value<'_>) -> String {
    let text = value.as_string().map(JsonString::to_owned_string);
    text.unwrap_or_else(|| value.json().unwrap_or_default().to_owned())
}

/// The values that a schema allows, in words.
fn values(schema: Value<'static>) -> String {
    if let Some(words) = find(schema, "enum").and_then(Value::as_array) {
        let words: Vec<String> = words.elements().map(|word| format!("`{}`", written(word))).collect();
        return words.join(", ");
    }
    if let Some(only) = find(schema, "const") {
        return format!("`{}`", written(only));
    }
    if let Some(choices) = find(schema, "oneOf").and_then(Value::as_array) {
        let mut words: Vec<String> = choices.elements().map(values).collect();
        words.dedup();
        return match words.as_slice() {
            [one, many] if many.starts_with("array") && many.ends_with(one) => {
                format!("{one}, or an {} of them", many.split_once(':').map_or("array", |(array, _)| array))
            }
            _ => words.join(", or "),
        };
    }
    let number = |name| find(schema, name).map(written);
    match find(schema, "type").and_then(Value::as_string).map(JsonString::to_owned_string).as_deref() {
        Some("integer") => {
            format!("whole number from {} to {}", number("minimum").unwrap(), number("maximum").unwrap())
        }
        Some("array") => {
            // A member may narrow the elements of the definition that it refers to.
            let items = chain(schema).into_iter().filter_map(|object| object.member("items")).next_back();
            let most = number("maxItems").map(|most| format!(" of at most {most}")).unwrap_or_default();
            format!("array{most}: {}", items.map_or_else(|| "any".to_owned(), values))
        }
        Some("string") => {
            let most = number("maxLength").map(|most| format!(" of at most {most} characters")).unwrap_or_default();
            let pattern = number("pattern").filter(|pattern| pattern.len() < 30 && !pattern.contains('|'));
            format!("string{most}{}", pattern.map(|pattern| format!(" `{pattern}`")).unwrap_or_default())
        }
        Some("boolean") => "`true`, `false`".to_owned(),
        Some(other) => other.to_owned(),
        None if find(schema, "allOf").is_some() => "object".to_owned(),
        None => "any".to_owned(),
    }
}

/// What a member is: its own words, then those of what it is made of.
fn meaning(schema: Value<'static>) -> String {
    let mut sentences: Vec<String> =
        chain(schema).into_iter().filter_map(|object| text(object, "description")).collect();
    let first = find(schema, "oneOf").and_then(Value::as_array).and_then(|choices| choices.elements().next());
    sentences.extend(first.filter(|_| find(schema, "items").is_none()).map(meaning));
    sentences.retain(|sentence| !sentence.is_empty());
    sentences.dedup();
    sentences.join(" ")
}

/// Whether the reader takes a policy document with these policies.
fn is_taken(policy: &str) -> bool {
    let trust = r#"[{"trust_domain": "example.org"},
        {"issuer": "https://as.example", "introspection": {"uri": "https://as.example/introspect"}}]"#;
    PolicyDocument::parse(format!(r#"{{"trust": {trust}, "policies": {{"default": {policy}}}}}"#).as_bytes()).is_ok()
}

/// The kinds for which the reader takes the member in `part` of some policy: alone, in a field of its own, or as one of two credentials.
fn kinds(part: Part, member: &str) -> Vec<TokenKind> {
    if member == "preset" {
        // It stands for `accept`: those of the table's entries.
        let named =
            |kind: &TokenKind| PRESETS.iter().any(|preset| preset.members.contains(&format!("\"{}\"", kind.name())));
        return TokenKind::ALL.into_iter().filter(named).collect();
    }
    let sample = SAMPLES.iter().find(|(name, _)| *name == member).map(|(_, sample)| *sample);
    let addition = match sample {
        Some(sample) => format!(r#", "{member}": {sample}"#),
        // Those of the policies below.
        None if ["accept", "credentials", "audience", "kind"].contains(&member) => String::new(),
        None if member == "subject_separator" => r#", "subjects": "a:*", "subject_separator": ":""#.to_owned(),
        None if member == "scope_match" => r#", "scope": "a", "scope_match": "any""#.to_owned(),
        None if member == "body_bytes" => r#", "body_digest": true, "body_bytes": 1024"#.to_owned(),
        None => panic!("SAMPLES has no value of the member {member}"),
    };
    let takes = |kind: &TokenKind| {
        let issuer = match kind {
            TokenKind::Introspected if member != "issuer" => r#", "issuer": "https://as.example""#,
            _ => "",
        };
        let (in_entry, in_policy) = match part {
            Part::Policy => ("", addition.as_str()),
            Part::Entry => (addition.as_str(), ""),
        };
        let accept = format!(r#""accept": [{{"kind": "{}"{issuer}{in_entry}}}]"#, kind.name());
        let other = |kind: TokenKind| format!(r#""accept": ["{}"]"#, kind.name());
        let credential = |name: &str, header: Option<&str>, accept: &str| {
            let from =
                header.map_or_else(|| "\"authorization\"".to_owned(), |header| format!(r#"{{"header": "{header}"}}"#));
            format!(r#"{{"name": "{name}", "from": {from}, {accept}}}"#)
        };
        let listed = |credentials: &[String]| {
            format!(r#"{{"audience": "a", "credentials": [{}]{in_policy}}}"#, credentials.join(", "))
        };
        let alone = format!(r#"{{"audience": "a", {accept}{in_policy}}}"#);
        let beside = |kind: TokenKind, header| {
            let (first, second) = (other(kind), other(kind));
            [
                listed(&[credential("first", None, &accept), credential("second", Some(header), &second)]),
                listed(&[credential("first", None, &first), credential("second", Some(header), &accept)]),
            ]
        };
        let by_header = listed(&[credential("first", Some("x-token"), &accept)]);
        let by_field = listed(&[credential("first", None, &accept)]);
        match member {
            "accept" => is_taken(&alone),
            "credentials" => is_taken(&by_header) || is_taken(&by_field),
            "tie" => beside(TokenKind::AccessToken, "x-token").iter().any(|policy| is_taken(policy)),
            _ => is_taken(&alone) || is_taken(&by_header),
        }
    };
    TokenKind::ALL.into_iter().filter(takes).collect()
}

/// The kinds of a member in a cell.
fn kinds_cell(part: Part, member: &str, all: &[TokenKind]) -> String {
    let mut found = kinds(part, member);
    found.retain(|kind| all.contains(kind));
    assert!(!found.is_empty(), "the reader takes `{member}` for no kind");
    if found == all {
        return "all".to_owned();
    }
    let names: Vec<String> = found.iter().map(|kind| format!("`{}`", kind.name())).collect();
    names.join(", ")
}

fn section(object: &Object) -> String {
    let schema = at(object.schema);
    let definition = schema.as_object().unwrap();
    let members = definition.member("properties").and_then(Value::as_object).unwrap();
    let required: Vec<String> = definition
        .member("required")
        .and_then(Value::as_array)
        .map(|names| names.elements().filter_map(Value::as_string).map(JsonString::to_owned_string).collect())
        .unwrap_or_default();
    let pointers: Vec<String> = object.pointers.iter().map(|pointer| format!("`{pointer}`")).collect();
    let title = match (object.schema, text(definition, "title")) {
        ("", _) => "The document".to_owned(),
        (_, Some(title)) => format!("{}: {title}", pointers.join(", ")),
        (_, None) => pointers.join(", "),
    };
    let mut page = format!("\n## {title}\n\n");
    if let Some(description) = text(definition, "description") {
        page += &format!("{description}\n\n");
    }
    let all: Vec<TokenKind> = match members.member("kind").and_then(|kind| find(kind, "enum")).and_then(Value::as_array)
    {
        Some(words) => words.elements().map(|word| TokenKind::from_name(&written(word)).unwrap()).collect(),
        None => TokenKind::ALL.to_vec(),
    };
    let of_kind = object.part.is_some();
    page += if of_kind {
        "| member | value | default | kinds | what |\n|---|---|---|---|---|\n"
    } else {
        "| member | value | default | what |\n|---|---|---|---|\n"
    };
    for (name, member) in members.members() {
        let name = name.to_owned_string();
        let default = match find(member, "default") {
            Some(default) => format!("`{}`", written(default)),
            None if required.contains(&name) => "required".to_owned(),
            None => String::new(),
        };
        let (values, meaning) = (cell(&values(member)), cell(&meaning(member)));
        let kinds = object.part.map(|part| format!(" {} |", kinds_cell(part, &name, &all))).unwrap_or_default();
        page += &format!("| `{name}` | {values} | {default} |{kinds} {meaning} |\n");
    }
    page
}

#[test]
fn the_members_of_the_policy_document_are_those_of_the_schema() {
    let mut page = String::from(
        "# The policy document

<!-- Written by `make generate` from core/policy.schema.json and the reader; do not edit. -->

One JSON text, the same for every host. The reader reports every fault at once, each with its JSON Pointer; an unknown member is a fault.
`countersign lint` checks a document, and editors do by the schema that `countersign schema` prints. Bounds of numbers and their
sources are in [limits](limits.md).

In pointers, `NAME` is any name and `N` the index of an element. *Kinds* are the kinds of token for which the reader takes the member.
",
    );
    for object in OBJECTS {
        page += &section(object);
    }
    hold("docs/policy.md", &page);
}

/// An object that the schema gains has a section on the page.
#[test]
fn every_object_of_the_schema_has_a_section() {
    fn walk(pointer: &str, value: Value<'_>, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                if object.member("additionalProperties").is_some_and(|more| more.json() == Some("false")) {
                    found.push(pointer.to_owned());
                }
                for (name, value) in object.members() {
                    walk(&format!("{pointer}/{}", name.to_owned_string()), value, found);
                }
            }
            Value::Array(array) => {
                for (place, value) in array.elements().enumerate() {
                    walk(&format!("{pointer}/{place}"), value, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk("", root(), &mut found);
    let mut listed: Vec<&str> = OBJECTS.iter().map(|object| object.schema).collect();
    listed.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, listed);
}
