//! The rules of a policy for claims that it names by JSON Pointer: conditions, scope, and the claim in place of `aud`.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::jose::json::{JsonArray, Value, plain_array_has};
use crate::policy::pointer::read_pointer;
use crate::policy::reader::{Members, Pointer, Reader};
use crate::printable::quoted;
use crate::reason::Reason;
use crate::record::{NamedClaim, RulesNumber, VerifiedToken, text};
use crate::specs::claims::{Claim, ClaimSet};
use crate::specs::common::pointer::NamedClaims;
use crate::specs::common::validity;
use crate::specs::profile::TokenKind;
use crate::subject_pattern::{self, SubjectPattern};

const MEMBERS: &[&str] = &["claim", "equals", "one_of", "contains", "present", "pattern", "separator", "comment"];
const DEMANDS: [&str; 5] = ["equals", "one_of", "contains", "present", "pattern"];
const POINTER: &str = "a JSON pointer to a claim (RFC 6901), such as /tenant";
const SCALAR: &str = "a string, a whole number, true or false";

/// The rules of an entry for claims that it names by JSON Pointer, and the claims that its tokens may lack.
#[derive(Debug, Default)]
pub(crate) struct ClaimRules {
    /// By which a cached token remembers that it met them; `None` for those that are asked each time.
    pub(crate) number: Option<RulesNumber>,
    /// Those of the entry and of its policy.
    pub(crate) conditions: Vec<Condition>,
    /// The claims whose words are the scope, each with its slot; `scope` alone, if empty.
    pub(crate) scope_from: Vec<(Box<str>, u8)>,
    /// Whether any word of the scope is enough.
    pub(crate) any_scope: bool,
    /// Whether `scope` may be an array, where the kind has a string.
    pub(crate) takes_listed_scope: bool,
    /// The claim that names the audience, in place of an `aud` that may be absent.
    pub(crate) audience_from: Option<(Box<str>, u8)>,
    /// The claims that the kind requires and a token of this entry may lack.
    pub(crate) absent: ClaimSet,
}

impl ClaimRules {
    /// Reads them from an entry and its policy; `None` where there are none.
    pub(super) fn read(
        reader: &mut Reader,
        kind: Option<TokenKind>,
        own: Option<&Members<'_, '_>>,
        policy: Option<&Members<'_, '_>>,
        claims: &mut NamedClaims,
    ) -> Option<Box<Self>> {
        let mut rules = Self::default();
        let both = || [own, policy].into_iter().flatten();
        for members in both() {
            if let Some(value) = members.get("conditions") {
                let at = members.at("conditions");
                reader.elements(&at, value, "an array of conditions", &mut |reader, at, value| {
                    rules.conditions.extend(Condition::read(reader, at, value, claims));
                });
            }
            rules.read_scope(reader, kind, members, claims);
        }
        if rules.any_scope && both().filter(|members| members.has("scope")).count() > 1 {
            let at = own.into_iter().chain(policy).next();
            if let Some(members) = at {
                reader.fault(&members.at("scope"), "scope on the policy and on an entry, any of it", "one of the two");
            }
        }
        if let Some(own) = own {
            rules.read_audience(reader, kind, own, claims);
            rules.read_absent(reader, kind, own);
        }
        let asks = !rules.conditions.is_empty()
            || !rules.scope_from.is_empty()
            || rules.any_scope
            || rules.absent != ClaimSet::default();
        if asks {
            rules.number = claims.next_rules();
        }
        asks.then(|| Box::new(rules))
    }

    /// `scope_from` and `scope_match`, on the entry or on the policy.
    fn read_scope(
        &mut self,
        reader: &mut Reader,
        kind: Option<TokenKind>,
        members: &Members<'_, '_>,
        claims: &mut NamedClaims,
    ) {
        for name in ["scope_from", "scope_match"] {
            if let Some(kind) = kind.filter(|kind| members.has(name) && !kind.has_scope()) {
                reader.fault(&members.at(name), format!("a condition that {} cannot carry", kind.name()), "no scope");
            }
        }
        if let Some(value) = members.get("scope_from") {
            let at = members.at("scope_from");
            if !self.scope_from.is_empty() {
                reader.fault(&at, "scope_from on the policy and on an entry", "one of the two");
            }
            reader.texts(&at, value, POINTER, &mut |reader, at, text| {
                self.takes_listed_scope |= text == "/scope";
                if let Some(slot) = read_pointer(reader, at, &text, claims) {
                    self.scope_from.push((text.into_boxed_str(), slot));
                }
            });
        }
        if let Some(any) = reader.word(members, "scope_match", &[("all", false), ("any", true)]) {
            self.any_scope |= any;
            if !members.has("scope") {
                reader.missing(members, "scope", "the scope that scope_match is about");
            }
        }
    }

    /// `audience_from`: the claim that is compared with the audience of the policy where `aud` is absent, and beside it where it is not.
    fn read_audience(
        &mut self,
        reader: &mut Reader,
        kind: Option<TokenKind>,
        own: &Members<'_, '_>,
        claims: &mut NamedClaims,
    ) {
        let Some(text) = reader.text(own, "audience_from", POINTER) else { return };
        let at = own.at("audience_from");
        if let Some(kind) = kind.filter(|kind| !kind.profile().may_lack.contains(Claim::Audience)) {
            let found = format!("a condition that {} cannot carry", kind.name());
            reader.fault(&at, found, "no audience_from: its specification requires `aud`");
        }
        if text == "/aud" || text.starts_with("/aud/") {
            reader.fault(&at, quoted(&text), "another claim than aud, which is compared in any case");
        }
        if let Some(slot) = read_pointer(reader, &at, &text, claims) {
            self.audience_from = Some((text.into_boxed_str(), slot));
            self.absent = self.absent.with(Claim::Audience);
        }
    }

    /// `absent`: claims that the kind requires and this issuer leaves out.
    fn read_absent(&mut self, reader: &mut Reader, kind: Option<TokenKind>, own: &Members<'_, '_>) {
        let (Some(value), Some(kind)) = (own.get("absent"), kind) else { return };
        let at = own.at("absent");
        let allowed = || kind.profile().may_lack.iter().filter(|claim| *claim != Claim::Audience);
        reader.texts(&at, value, "the name of a claim", &mut |reader, at, name| match allowed()
            .find(|claim| claim.name() == name)
        {
            Some(claim) => self.absent = self.absent.with(claim),
            None if name == "aud" => {
                reader.fault(at, quoted(&name), "audience_from, which names the claim in place of aud");
            }
            None => {
                let names: Vec<&str> = allowed().map(Claim::name).collect();
                let expected = match names.as_slice() {
                    [] => format!("no absent: {} may lack nothing that it requires", kind.name()),
                    names => format!("a claim that {} may lack: {}", kind.name(), names.join(", ")),
                };
                reader.fault(at, quoted(&name), expected);
            }
        });
    }

    /// RFC 6750 §3.1: "The request requires higher privileges than provided by the access token." The words are those of every claim that
    /// `scope_from` names: those of a string between its spaces, and each string of an array as one word.
    ///
    /// # Errors
    /// [`Reason::ScopeInsufficient`]
    pub(crate) fn check_scope(&self, verified: &VerifiedToken<'_>, demanded: &[Box<str>]) -> Result<(), Reason> {
        if demanded.is_empty() {
            return Ok(());
        }
        let is_granted = |word: &str| {
            if self.scope_from.is_empty() {
                validity::grants(verified.scope_bytes(), word)
            } else {
                self.scope_from.iter().any(|(_, slot)| names_word(verified, *slot, word))
            }
        };
        let mut words = demanded.iter().map(AsRef::as_ref);
        let holds = if self.any_scope { words.any(is_granted) } else { words.all(is_granted) };
        if holds { Ok(()) } else { Err(Reason::ScopeInsufficient) }
    }
}

/// Whether `word` is among the words of a claim.
fn names_word(verified: &VerifiedToken<'_>, slot: u8, word: &str) -> bool {
    match verified.named(slot) {
        Some(NamedClaim::Text(text)) => validity::grants(text, word),
        Some(NamedClaim::Json(json)) => has_word(json, word),
        None => false,
    }
}

/// Whether `word` is a string in the array `json`; in no other value.
fn has_word(json: &[u8], word: &str) -> bool {
    #[cold]
    fn among_elements(json: &[u8], word: &str) -> bool {
        let array = JsonArray::from_checked(text(json));
        array.is_some_and(|array| array.elements().filter_map(Value::as_string).any(|element| element.is(word)))
    }
    if !json.starts_with(b"[") {
        return false;
    }
    plain_array_has(json, word.as_bytes()).unwrap_or_else(|| among_elements(json, word))
}

/// A condition on a claim that a policy names by JSON Pointer. Asked on every request, whether the token is cached or not.
///
/// A claim that is absent meets no condition but `present: false`. Values are compared by meaning: a string by its characters, a
/// number by its digits, so `1.0` is not `1`.
#[derive(Debug)]
pub struct Condition {
    pointer: Box<str>,
    slot: u8,
    demand: Demand,
}

#[derive(Debug)]
enum Demand {
    /// The claim is one of these.
    OneOf(Vec<Scalar>),
    /// The claim is an array with this element, or this value alone.
    Contains(Scalar),
    /// The claim is there and not `null`, or it is not there at all.
    Present(bool),
    /// The claim is a string that the pattern matches.
    Pattern(SubjectPattern),
}

#[derive(Debug)]
enum Scalar {
    Text(Box<str>),
    /// A whole number or a boolean, in its only spelling.
    Json(Box<str>),
}

impl Scalar {
    fn read(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> Option<Self> {
        let is_whole = |text: &str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            digits.bytes().all(|byte| byte.is_ascii_digit()) && text != "-0"
        };
        match value {
            Value::String(text) => Some(Self::Text(text.to_owned_string().into_boxed_str())),
            Value::Bool(flag) => Some(Self::Json(flag.to_string().into_boxed_str())),
            Value::Number(number) if is_whole(number.text()) => Some(Self::Json(number.text().into())),
            other => {
                reader.unexpected(at, other, SCALAR);
                None
            }
        }
    }

    fn is(&self, claim: NamedClaim<'_>) -> bool {
        match (self, claim) {
            (Self::Text(own), NamedClaim::Text(text)) => own.as_bytes() == text,
            (Self::Json(own), NamedClaim::Json(json)) => own.as_bytes() == json,
            _ => false,
        }
    }

    /// Whether it is an element of the array `json`; of no other value.
    fn is_in(&self, json: &[u8]) -> bool {
        let elements = || JsonArray::from_checked(text(json)).into_iter().flat_map(JsonArray::elements);
        match self {
            Self::Text(own) => has_word(json, own),
            Self::Json(own) => elements().any(|element| element.json() == Some(own)),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Json(json) => f.write_str(json),
        }
    }
}

impl fmt::Display for Condition {
    /// A phrase for people, such as `/token_use "access"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pointer)?;
        match &self.demand {
            Demand::OneOf(values) => {
                f.write_str(if values.len() == 1 { " equal to " } else { " one of " })?;
                for (place, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if place == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Demand::Contains(value) => write!(f, " containing {value}"),
            Demand::Present(true) => f.write_str(" present"),
            Demand::Present(false) => f.write_str(" absent"),
            Demand::Pattern(pattern) => write!(f, " matching {}", quoted(pattern.as_str())),
        }
    }
}

impl Condition {
    fn read(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>, claims: &mut NamedClaims) -> Option<Self> {
        let own = reader.members(at, value, MEMBERS)?;
        let pointer: Option<String> = reader.needed_text(&own, "claim", POINTER);
        let slot = pointer.as_ref().and_then(|text| read_pointer(reader, &own.at("claim"), text, claims));
        let demand = Demand::read(reader, &own);
        Some(Self { pointer: pointer?.into_boxed_str(), slot: slot?, demand: demand? })
    }

    /// Whether the token meets it.
    pub(crate) fn holds(&self, verified: &VerifiedToken<'_>) -> bool {
        let claim = verified.named(self.slot);
        match (&self.demand, claim) {
            (Demand::Present(wanted), None) => !wanted,
            (_, None) => false,
            // `null` says nothing of what should be there, and is not nothing either.
            (Demand::Present(wanted), Some(claim)) => *wanted && claim != NamedClaim::Json(b"null"),
            (Demand::OneOf(values), Some(claim)) => values.iter().any(|value| value.is(claim)),
            (Demand::Contains(value), Some(claim)) => {
                value.is(claim) || matches!(claim, NamedClaim::Json(json) if value.is_in(json))
            }
            (Demand::Pattern(pattern), Some(NamedClaim::Text(text))) => pattern.matches_bytes(text),
            (Demand::Pattern(_), Some(NamedClaim::Json(_))) => false,
        }
    }
}

impl Demand {
    fn read(reader: &mut Reader, own: &Members<'_, '_>) -> Option<Self> {
        let named: Vec<&str> = DEMANDS.into_iter().filter(|name| own.has(name)).collect();
        let [name] = named.as_slice() else {
            let found = if named.is_empty() { "no demand".to_owned() } else { named.join(" and ") };
            reader.fault(own.pointer(), found, format!("one of {}", DEMANDS.join(", ")));
            return None;
        };
        if own.has("separator") && *name != "pattern" {
            reader.fault(&own.at("separator"), format!("a separator beside {name}"), "a separator beside pattern");
        }
        let (at, value) = (own.at(name), own.get(name)?);
        match *name {
            "equals" => Some(Self::OneOf(Scalar::read(reader, &at, value).into_iter().collect())),
            "contains" => Scalar::read(reader, &at, value).map(Self::Contains),
            "present" => Some(Self::Present(reader.flag(own, "present", true))),
            "pattern" => {
                let separator = read_separator(reader, own, "separator");
                let text = reader.text(own, "pattern", "a pattern of whole segments, such as refs/heads/*")?;
                match SubjectPattern::parse_with(&text, separator) {
                    Ok(pattern) => Some(Self::Pattern(pattern)),
                    Err(fault) => {
                        reader.fault(&at, quoted(&text), fault.to_string());
                        None
                    }
                }
            }
            _ => {
                let mut values = Vec::new();
                reader.elements(&at, value, "an array of values", &mut |reader, at, value| {
                    values.extend(Scalar::read(reader, at, value));
                });
                if value.as_array().is_some_and(|array| array.elements().next().is_none()) {
                    reader.unexpected(&at, value, "at least one value");
                }
                Some(Self::OneOf(values))
            }
        }
    }
}

/// The separator of segments that a member names; a slash where it is absent, or after a fault.
pub(super) fn read_separator(reader: &mut Reader, members: &Members<'_, '_>, name: &str) -> char {
    const EXPECTED: &str = "one ASCII punctuation character that is not *";
    let slash = subject_pattern::SLASH;
    let Some(text) = reader.text(members, name, EXPECTED) else { return slash };
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) if subject_pattern::is_separator(one) => one,
        _ => {
            reader.fault(&members.at(name), quoted(&text), EXPECTED);
            slash
        }
    }
}
