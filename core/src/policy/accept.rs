//! `accept`: the kinds of tokens that a policy takes, each with its conditions and those of its policy.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::json::Value;
use crate::limits;
use crate::policy::condition::{ClaimRules, read_separator};
use crate::policy::reader::{Members, Pointer, Reader};
use crate::policy::route::{AcceptedKind, CredentialLocation};
use crate::policy::trust::TrustNames;
use crate::printable::quoted;
use crate::specs::common::pointer::NamedClaims;
use crate::specs::profile::TokenKind;
use crate::subject_pattern::SubjectPattern;

const MEMBERS: &[&str] = &[
    "kind",
    "issuer",
    "trust_domain",
    "subjects",
    "subject_separator",
    "scope",
    "scope_from",
    "scope_match",
    "conditions",
    "audience_from",
    "absent",
    "algorithms",
    "max_lifetime_seconds",
    "comment",
];

impl AcceptedKind {
    /// Reads `accept` of a policy: the entries that could be read, and whether those are all.
    ///
    /// `holder` is the policy, or the credential in it that has `accept`; `from` is where the credential is presented.
    pub(super) fn read_all(
        reader: &mut Reader,
        holder: &Members<'_, '_>,
        policy: &Members<'_, '_>,
        from: &CredentialLocation,
        trust: &TrustNames,
        claims: &mut NamedClaims,
    ) -> (Vec<Self>, bool) {
        let (mut accepted, mut count) = (Vec::new(), 0usize);
        match holder.get("accept") {
            Some(value) => {
                let at = holder.at("accept");
                reader.elements(&at, value, "an array of token kinds", &mut |reader, at, entry| {
                    count += 1;
                    accepted.extend(Self::read(reader, at, entry, policy, from, trust, claims));
                });
                if count == 0 && value.as_array().is_some() {
                    reader.unexpected(&at, value, "at least one token kind");
                }
            }
            None => {
                reader.missing(holder, "accept", "an array of token kinds: nothing means nothing is accepted");
            }
        }
        if accepted.is_empty() {
            // No kind is known that the conditions of the policy must suit.
            Self::read_conditions(reader, None, None, Some(policy), trust, claims);
        }
        let all_read = count > 0 && accepted.len() == count;
        (accepted, all_read)
    }

    /// An entry: an object, or the name of a kind without conditions of its own.
    fn read(
        reader: &mut Reader,
        at: &Pointer<'_>,
        entry: Value<'_>,
        policy: &Members<'_, '_>,
        from: &CredentialLocation,
        trust: &TrustNames,
        claims: &mut NamedClaims,
    ) -> Option<Self> {
        let own = match entry {
            Value::String(_) => None,
            _ => Some(reader.members(at, entry, MEMBERS)?),
        };
        let named = own.as_ref().map_or(Some(entry), |own| own.get("kind"));
        let known = named.and_then(Value::as_string).and_then(|name| TokenKind::from_name(&name.to_owned_string()));
        if known.is_none() {
            let names = TokenKind::ALL.map(TokenKind::name).join(", ");
            let expected = format!("a token kind: {names}");
            match (&own, named) {
                (Some(own), None) => reader.missing(own, "kind", &expected),
                (Some(own), Some(value)) => reader.unexpected(&own.at("kind"), value, &expected),
                (None, _) => reader.unexpected(at, entry, &expected),
            }
        }
        let accepted = Self::read_conditions(reader, known, own.as_ref(), known.map(|_| policy), trust, claims);
        if let Some(kind) = known {
            check_place(reader, at, kind, from);
        }
        if let Some(accepted) = accepted.as_ref().filter(|accepted| accepted.kind == TokenKind::Introspected) {
            check_introspection(reader, own.as_ref(), at, accepted, trust);
        }
        accepted
    }

    /// The conditions of an entry and of its policy. Where the kind is not known, they are only what every kind takes.
    fn read_conditions(
        reader: &mut Reader,
        kind: Option<TokenKind>,
        own: Option<&Members<'_, '_>>,
        policy: Option<&Members<'_, '_>>,
        trust: &TrustNames,
        claims: &mut NamedClaims,
    ) -> Option<Self> {
        let what = kind.map_or("a token", TokenKind::name);
        let allowed = kind.map_or(AlgorithmSet::ALL, TokenKind::algorithms);
        let (mut authorities, mut subjects, mut scope) = (None, Vec::new(), Vec::new());
        let (mut algorithms, mut max_lifetime_seconds) = (allowed, None);
        if let Some(own) = own {
            for (member, is_domain) in [("trust_domain", true), ("issuer", false)] {
                let Some(value) = own.get(member) else { continue };
                if kind.is_some_and(|kind| kind.is_keyed_by_trust_domain() != is_domain) {
                    let other = if is_domain { "`issuer`" } else { "`trust_domain`" };
                    reader.fault(&own.at(member), format!("a condition that {what} cannot carry"), other);
                } else {
                    authorities = Some(trust.places(reader, &own.at(member), value, is_domain));
                }
            }
        }
        // A condition on the policy holds for every kind in it, beside those of the entry.
        let both = |name: &'static str| {
            [own, policy].into_iter().flatten().filter_map(move |members| Some((members, members.get(name)?)))
        };
        for (members, _) in both("subject_separator") {
            let at = members.at("subject_separator");
            if kind == Some(TokenKind::JwtSvid) {
                reader.fault(&at, format!("a condition that {what} cannot carry"), "no subject_separator: a slash");
            }
            if !members.has("subjects") {
                reader.missing(members, "subjects", "the subjects that subject_separator is about");
            }
        }
        for (members, value) in both("subjects") {
            let at = members.at("subjects");
            let separator = read_separator(reader, members, "subject_separator");
            let patterns = read_subjects(reader, &at, value, kind, separator);
            if subjects.is_empty() {
                subjects = patterns;
            } else {
                reader.fault(&at, "subjects on the policy and on an entry", "one of the two");
            }
        }
        for (members, value) in both("scope") {
            read_scope(reader, &members.at("scope"), value, kind, &mut scope);
        }
        let faults = reader.fault_count();
        for (members, value) in both("algorithms") {
            let at = members.at("algorithms");
            if kind == Some(TokenKind::Introspected) {
                reader.fault(
                    &at,
                    "a condition that introspected cannot carry",
                    "no algorithms: its issuer answers for it",
                );
                continue;
            }
            let narrowed = algorithms.intersection(reader.algorithms(&at, value, allowed, what));
            // A name with a fault may be that of the common algorithm.
            if narrowed.is_empty() && reader.fault_count() == faults {
                reader.fault(&at, "algorithms of which the entry allows none", "a common algorithm");
            }
            algorithms = narrowed;
        }
        for (members, _) in both("max_lifetime_seconds") {
            let most = reader.optional_number_of(members, &limits::MAX_LIFETIME_SECONDS);
            max_lifetime_seconds = match (max_lifetime_seconds, most) {
                (Some(known), Some(most)) => Some(most.min(known)),
                (known, most) => known.or(most),
            };
        }
        if kind == Some(TokenKind::Introspected) {
            algorithms = AlgorithmSet::ALL; // its issuer answers for it, by no signature
        }
        let claims = ClaimRules::read(reader, kind, own, policy, claims);
        Some(Self { kind: kind?, authorities, subjects, scope, algorithms, max_lifetime_seconds, claims })
    }
}

/// Whether the kind is in this build, and may be presented there.
fn check_place(reader: &mut Reader, at: &Pointer<'_>, kind: TokenKind, from: &CredentialLocation) {
    if !kind.is_built() {
        let expected = format!("a build with the feature `{}`", kind.feature());
        reader.fault(at, format!("{}, which this build leaves out", kind.name()), expected);
    }
    match from {
        CredentialLocation::Authorization if !kind.comes_in_authorization() => {
            let expected = "a credential `from` a header field of its own (policy: credentials)";
            reader.fault(at, format!("{} in Authorization", kind.name()), expected);
        }
        CredentialLocation::Authorization => {}
        _ if kind == TokenKind::Introspected => {
            let found = format!("introspected in {}", from.field());
            reader.fault(at, found, "introspection of the credential in Authorization");
        }
        _ => {}
    }
}

/// A token that its issuer must be asked about names no issuer: the entry does.
fn check_introspection(
    reader: &mut Reader,
    own: Option<&Members<'_, '_>>,
    at: &Pointer<'_>,
    accepted: &AcceptedKind,
    trust: &TrustNames,
) {
    const EXPECTED: &str = "one `issuer`, whose entry in /trust has `introspection`";
    let answers = match accepted.authorities() {
        Some([only]) => trust.answers(*only),
        // A name with a fault in it was reported.
        Some([]) => true,
        _ => false,
    };
    match own {
        _ if answers => {}
        Some(own) if own.has("issuer") => {
            reader.fault(&own.at("issuer"), "an issuer that answers no introspection, or several", EXPECTED);
        }
        Some(own) => reader.missing(own, "issuer", EXPECTED),
        None => reader.fault(at, "introspected without an issuer", EXPECTED),
    }
}

fn read_subjects(
    reader: &mut Reader,
    at: &Pointer<'_>,
    value: Value<'_>,
    kind: Option<TokenKind>,
    separator: char,
) -> Vec<SubjectPattern> {
    let mut patterns = Vec::new();
    reader.texts(at, value, "a subject pattern", &mut |reader, at, text| match SubjectPattern::parse_with(
        &text, separator,
    ) {
        Ok(_) if kind == Some(TokenKind::JwtSvid) && !text.starts_with("spiffe://") => {
            reader.fault(at, quoted(&text), "a SPIFFE ID pattern: the subject of a jwt-svid is a SPIFFE ID");
        }
        Ok(pattern) => patterns.push(pattern),
        Err(fault) => reader.fault(at, quoted(&text), fault.to_string()),
    });
    patterns
}

fn read_scope(
    reader: &mut Reader,
    at: &Pointer<'_>,
    value: Value<'_>,
    kind: Option<TokenKind>,
    scope: &mut Vec<Box<str>>,
) {
    if let Some(kind) = kind.filter(|kind| !kind.has_scope()) {
        reader.fault(at, format!("a condition that {} cannot carry", kind.name()), "no scope");
    }
    reader.texts(at, value, "a scope", &mut |reader, at, word| {
        // RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
        if word.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
            scope.push(word.into_boxed_str());
        } else {
            reader.fault(at, quoted(&word), "one scope, without spaces, quotes or backslashes (RFC 6749 §3.3)");
        }
    });
}
