//! `countersign lint`: faults of a policy, a bundle or a JWK set, and warnings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::{Args, ValueEnum};
use countersign::internal::document::DocumentKind;
use countersign::internal::jose::base64url;
use countersign::internal::policy::preset::Preset;
use countersign::internal::trust::documents_in_map;
use countersign::{
    Authority, Engine, JwkError, KeySelection, KeySet, LoadReport, Policy, PolicyDocument, PolicyError, TrustDocument,
    TrustError, TrustForm,
};
use serde::Serialize;
use serde_json::Value;

use crate::failure::{Failure, Outcome, Verdict};
use crate::files;
use crate::jwk_member;
use crate::moment;
use crate::policy::expanded;
use crate::printable::{counted, printable};
use crate::style::{self, BAD, CAUTION, GOOD, styled};
use crate::thumbprint::meaning;

#[derive(Args, Debug)]
pub(crate) struct LintArgs {
    /// The document; standard input if absent
    file: Option<PathBuf>,

    /// The kind of the document; recognised by its members if absent
    #[arg(long, value_enum)]
    kind: Option<Kind>,

    /// Write JSON
    #[arg(long)]
    json: bool,

    /// Warnings give exit code 1 too
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// A policy document, and the trust documents that it names
    Policy,
    /// A SPIFFE bundle
    Bundle,
    /// A JWK set
    Jwks,
    /// A SPIFFE bundle map
    #[value(name = "bundle-map")]
    #[serde(rename = "bundle-map")]
    BundleMap,
    /// The bundle file of spiffe-helper
    #[value(name = "spiffe-helper")]
    #[serde(rename = "spiffe-helper")]
    HelperMap,
}

pub(crate) fn run(args: &LintArgs) -> Outcome {
    let text = files::need_or_stdin(args.file.as_deref(), DocumentKind::Policy.bytes().most)?;
    let name = args.file.as_deref().unwrap_or(Path::new("standard input"));
    let kind = args.kind.or_else(|| guess(&text)).ok_or_else(|| {
        let name = name.display();
        Failure::unusable(format!("{name}: neither a policy, nor a bundle, nor a JWK set; specify it by --kind"))
    })?;
    let mut lint = Lint { kind, findings: Vec::new(), sets: Vec::new(), presets: Vec::new() };
    match kind {
        Kind::Policy => lint.policy(&text, name.parent().unwrap_or(Path::new("")))?,
        Kind::Bundle => lint.key_set("", None, TrustForm::SpiffeBundle, &text),
        Kind::Jwks => lint.key_set("", None, TrustForm::JwkSet, &text),
        Kind::BundleMap => lint.map(TrustForm::BundleMap, &text),
        Kind::HelperMap => lint.map(TrustForm::HelperMap, &text),
    }
    if args.json {
        style::print_json(&lint)?;
    } else {
        style::print(&lint.text(name))?;
    }
    Ok(Verdict::of(!lint.findings.iter().any(|finding| args.strict || finding.severity == Severity::Fault)))
}

/// A document that is not JSON is taken for a policy: that reader reports the position.
fn guess(text: &[u8]) -> Option<Kind> {
    let Ok(document) = serde_json::from_slice::<Value>(text) else { return Some(Kind::Policy) };
    let document = document.as_object()?;
    if document.contains_key("policies") || document.contains_key("trust") {
        return Some(Kind::Policy);
    }
    Some(match TrustForm::resembled_by_document(text) {
        Some(TrustForm::SpiffeBundle) => Kind::Bundle,
        Some(TrustForm::BundleMap) => Kind::BundleMap,
        Some(TrustForm::HelperMap) => Kind::HelperMap,
        Some(TrustForm::JwkSet) => Kind::Jwks,
        None => document.get("keys")?.as_array().map(|_| Kind::Jwks)?,
    })
}

#[derive(Debug, Serialize)]
struct Lint {
    kind: Kind,
    findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sets: Vec<SetLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    presets: Vec<PresetLine>,
}

/// A preset of a policy, written out.
#[derive(Debug, Serialize)]
struct PresetLine {
    at: String,
    preset: &'static str,
    /// The members that it expands to, where the policy has none of its own.
    members: serde_json::Map<String, Value>,
    gives_up: &'static str,
    /// What it is tested with.
    example: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// Something does not work as written.
    Fault,
    /// It works, and may not be intended.
    Warning,
}

#[derive(Debug, Serialize)]
struct Finding {
    severity: Severity,
    /// A JSON pointer into the document, or a file and, behind `#`, a pointer into that.
    at: String,
    text: String,
}

/// One key set that could be read.
#[derive(Debug, Serialize)]
struct SetLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<String>,
    keys: Vec<KeyLine>,
    other_use: usize,
    dropped: usize,
    sequence: Option<u64>,
    refresh_hint_seconds: Option<u64>,
}

#[derive(Debug, Serialize)]
struct KeyLine {
    key_id: Option<String>,
    algorithms: Vec<&'static str>,
    thumbprint: String,
}

impl Lint {
    fn add(&mut self, severity: Severity, at: impl Into<String>, text: impl Into<String>) {
        self.findings.push(Finding { severity, at: at.into(), text: text.into() });
    }

    /// A bundle or JWK set alone, or that of a trust domain in a map: loaded by an engine of its own.
    fn key_set(&mut self, at: &str, trust_domain: Option<&str>, form: TrustForm, text: &[u8]) {
        const BUNDLE: &str = r#"{"trust":[{"trust_domain":"lint"}],
            "policies":{"lint":{"accept":["jwt-svid"],"audience":"lint"}}}"#;
        const AUTHORITIES: &str = r#"{"trust":[{"trust_domain":"lint","format":"jwks"}],
            "policies":{"lint":{"accept":["jwt-svid"],"audience":"lint"}}}"#;
        const JWKS: &str = r#"{"trust":[{"issuer":"lint"}],"policies":{"lint":{"accept":["jwt"],"audience":"lint"}}}"#;
        let policy = match (form, trust_domain) {
            (TrustForm::SpiffeBundle, _) => BUNDLE,
            (_, Some(_)) => AUTHORITIES,
            (_, None) => JWKS,
        };
        let Ok(document) = PolicyDocument::parse(policy.as_bytes()) else { return };
        let engine = Engine::new(document, [0; 2]);
        let mut trust_state = engine.empty_trust_state();
        let Some((index, _)) = engine.document().trust().next() else { return };
        match engine.load(&mut trust_state, index, text, moment::now(None)) {
            Ok(report) => {
                let Some(set) = trust_state.bundles.set(index) else { return };
                self.dropped(at, text, &report);
                let authority = trust_domain.map(|name| format!("trust domain {name}"));
                self.set(at, authority, set, &report, form);
            }
            Err(fault) => self.unreadable(at, text, &fault),
        }
    }

    /// A bundle map alone: each of its documents.
    fn map(&mut self, form: TrustForm, text: &[u8]) {
        match documents_in_map(form, text) {
            Ok(documents) => {
                for (name, document) in documents {
                    let at = in_map("", form, &name);
                    match document {
                        Ok(document) => self.key_set(&at, Some(&name), form.of_one(), &document),
                        Err(fault) => self.unreadable(&at, &[], &fault),
                    }
                }
            }
            Err(fault) => self.unreadable("", text, &fault),
        }
    }

    /// A document that is refused whole.
    fn unreadable(&mut self, at: &str, document: &[u8], fault: &TrustError) {
        match fault {
            TrustError::Json(fault) => {
                let PolicyError { pointer, found, expected } = PolicyError::of_json(document, *fault);
                self.add(Severity::Fault, format!("{at}{pointer}"), format!("found {found}, expected {expected}"));
            }
            fault => self.add(Severity::Fault, at, fault.to_string()),
        }
    }

    /// The keys of a document that cannot be used.
    fn dropped(&mut self, at: &str, document: &[u8], report: &LoadReport) {
        if report.dropped.is_empty() {
            return;
        }
        let document: Value = serde_json::from_slice(document).unwrap_or_default();
        for dropped in &report.dropped {
            let key_id = dropped.key_id.as_deref().map(|id| format!(" ({})", printable(id))).unwrap_or_default();
            // A key that this build cannot use may be right; all other faults are mistakes of the author.
            let severity = match dropped.fault {
                JwkError::TypeUnknown
                | JwkError::CurveUnknown
                | JwkError::Use
                | JwkError::Algorithm
                | JwkError::AlgorithmUnsupported
                | JwkError::AlgorithmNotAllowed => Severity::Warning,
                _ => Severity::Fault,
            };
            let key = &document["keys"][dropped.index];
            let member = jwk_member::at_fault(key, dropped.fault);
            let what = match (dropped.fault, member) {
                (JwkError::Malformed, None) => "not a JSON object".to_owned(),
                (JwkError::Malformed, Some("key_ops")) => "key_ops is not an array of strings".to_owned(),
                (JwkError::Malformed, Some(member)) => format!("{member} is not a string"),
                (JwkError::MemberMissing, Some(member)) => format!("{member} is absent, which the key type needs"),
                (JwkError::Encoding, Some(member)) => {
                    format!("{member} is not in its one right form: base64url, exact length or no leading zero")
                }
                (fault, _) => meaning(fault).to_owned(),
            };
            let member = member.map(|member| format!("/{member}")).unwrap_or_default();
            let at = format!("{at}/keys/{}{member}", dropped.index);
            self.add(severity, at, format!("dropped{key_id}: {}: {what}", dropped.fault.code()));
        }
        if report.dropped_count > report.dropped.len() {
            let more = report.dropped_count - report.dropped.len();
            self.add(Severity::Fault, at, format!("{more} more keys are dropped"));
        }
    }

    fn set(&mut self, at: &str, authority: Option<String>, set: &KeySet, report: &LoadReport, form: TrustForm) {
        let bundle = form == TrustForm::SpiffeBundle;
        if set.is_empty() {
            self.add(Severity::Fault, at, "no usable key: every token of this authority is refused");
        }
        if let Some(found) = report.resembles {
            let text = format!(
                "it looks like {found}, and is read as {form}; a trust entry names that by {}",
                found.setting()
            );
            self.add(Severity::Warning, at, text);
        }
        if set.len() > 1 && set.keys().any(|key| key.key_id().is_none()) {
            self.add(
                Severity::Warning,
                at,
                "a key without kid beside others: a token cannot say that it means this one",
            );
        }
        if bundle && set.sequence().is_none() {
            self.add(
                Severity::Warning,
                at,
                "no spiffe_sequence: an older bundle cannot be distinguished from a newer one",
            );
        }
        if bundle && set.refresh_hint_seconds().is_none() {
            self.add(Severity::Warning, at, "no usable spiffe_refresh_hint: hosts have no interval for fetching it");
        }
        self.sets.push(SetLine {
            authority,
            keys: set
                .keys()
                .map(|key| KeyLine {
                    key_id: key.key_id().map(str::to_owned),
                    algorithms: key.algorithms().iter().map(|algorithm| algorithm.name()).collect(),
                    thumbprint: thumbprint_text(key.thumbprint()),
                })
                .collect(),
            other_use: report.other_use,
            dropped: report.dropped_count,
            sequence: set.sequence(),
            refresh_hint_seconds: set.refresh_hint_seconds(),
        });
    }

    fn policy(&mut self, text: &[u8], directory: &Path) -> Result<(), Failure> {
        let document = match PolicyDocument::parse(text) {
            Ok(document) => document,
            Err(faults) => {
                for fault in faults {
                    let text = format!("found {}, expected {}", fault.found, fault.expected);
                    self.add(Severity::Fault, fault.pointer, text);
                }
                return Ok(());
            }
        };
        // What the reader has accepted can be looked at as plain JSON too.
        let expanded = expanded(text);
        let text = expanded.as_ref().map_or(text, |expanded| expanded.text.as_bytes());
        let json: Value = serde_json::from_slice(text).unwrap_or_default();
        let issuers = document.trust().filter(|(_, source)| matches!(source.authority(), Authority::Issuer(_))).count();
        self.presets(expanded.iter().flat_map(|expanded| &expanded.presets), &json["policies"], issuers);
        let needs_origin = |policy: &Policy| policy.takes_proofs() && !policy.has_origin();
        let without_origin = document.policies().filter(|(_, policy)| needs_origin(policy));
        let without_origin: Vec<String> = without_origin.map(|(_, policy)| policy.name().to_owned()).collect();
        self.documents(document, directory);
        let signers = Signers::of(&json["trust"]);
        for (name, policy) in json["policies"].as_object().into_iter().flatten() {
            let at = pointer("/policies", name);
            if without_origin.contains(name) {
                let text = "DPoP proofs are accepted and `origin` is absent: where the host has no origin either, the Host that a \
                            client sends decides which URI a proof must be for";
                self.add(Severity::Warning, &at, text);
            }
            self.one_policy(&at, policy, &signers);
            self.accepted_in_vain(&at, policy, &signers);
            self.algorithms_in_vain(&at, policy, &json["trust"]);
        }
        self.expiring_documents(&json["trust"]);
        self.shared_audiences(&json["policies"]);
        Ok(())
    }

    /// The members that each preset expands to, and what may not be intended by it.
    fn presets<'a>(
        &mut self,
        used: impl Iterator<Item = &'a (String, &'static Preset)>,
        policies: &Value,
        issuers: usize,
    ) {
        for (name, preset) in used {
            let at = format!("{}/preset", pointer("/policies", name));
            let own = |(member, _): &(&String, &Value)| preset.members.contains(&format!("\"{member}\":"));
            let members = policies[name.as_str()].as_object().into_iter().flatten().filter(own);
            let members = members.map(|(member, value)| (member.clone(), value.clone())).collect();
            if preset.example.is_none() {
                self.add(Severity::Warning, &at, "unverified preset: no example of such tokens is among its tests");
            }
            if issuers > 1 {
                let text = format!(
                    "tokens of each of the {issuers} issuers in /trust are accepted: write the preset out (`countersign policy \
                     expand`) and name its `issuer`"
                );
                self.add(Severity::Warning, &at, text);
            }
            let (preset, gives_up, example) = (preset.name, preset.gives_up, preset.example);
            self.presets.push(PresetLine { at, preset, members, gives_up, example });
        }
    }

    /// The text of a document of the trust entry at `pointer`, and where it is; `None` where it is neither in the policy nor in a file that can
    /// be read, which is a fault.
    fn document(
        &mut self,
        pointer: &str,
        document: &TrustDocument,
        form: TrustForm,
        directory: &Path,
    ) -> Option<(String, Vec<u8>)> {
        match document {
            TrustDocument::Inline(text) => {
                Some((format!("{pointer}/{}", form.inline_member()), text.clone().into_bytes()))
            }
            TrustDocument::File(name) => {
                let path = directory.join(name);
                match files::read(&path, form.document_kind().bytes().most) {
                    Ok(bytes) => Some((format!("{}#", path.display()), bytes)),
                    Err(error) => {
                        self.add(Severity::Fault, pointer, format!("{}: {error}", path.display()));
                        None
                    }
                }
            }
            TrustDocument::Uri(_) | TrustDocument::Pushed | TrustDocument::Map(_) => None,
        }
    }

    /// The trust documents of a policy, inline ones and files.
    fn documents(&mut self, document: PolicyDocument, directory: &Path) {
        let engine = Engine::new(document, [0; 2]);
        let mut trust_state = engine.empty_trust_state();
        let now = moment::now(None);
        let mut owners: BTreeMap<[u8; 32], Vec<String>> = BTreeMap::new();
        for (index, source) in engine.document().trust() {
            let authority = source.authority();
            let pointer = format!("/trust/{}", source.entry());
            let domains: Vec<&str> = source.spiffe_trust_domains().collect();
            if !domains.is_empty() {
                let text = format!(
                    "tokens of the {authority} may name every workload of {} as subject, client or actor: \
                     its keys are as good as theirs",
                    domains.join(", ")
                );
                self.add(Severity::Warning, format!("{pointer}/spiffe_trust_domains"), text);
            }
            self.selection(&pointer, source.selection());
            if source.has_name() {
                let text = format!(
                    "tokens of the issuer {} are checked with the keys of each of its names; a subject is the same text in all of them, so let an \
                     entry of accept name the one that it means by `issuer`",
                    printable(source.identifier())
                );
                self.add(Severity::Warning, format!("{pointer}/name"), text);
            }
            let Some((at, bytes)) = self.document(&pointer, source.document(), source.form(), directory) else {
                continue;
            };
            match engine.load(&mut trust_state, index, &bytes, now) {
                Ok(report) => {
                    let Some(set) = trust_state.bundles.set(index) else { continue };
                    add_owner(&mut owners, set, authority);
                    self.dropped(&at, &bytes, &report);
                    self.set(&at, Some(authority.to_string()), set, &report, source.form());
                }
                Err(fault) => self.unreadable(&at, &bytes, &fault),
            }
        }
        for (index, map) in engine.document().bundle_maps() {
            let pointer = format!("/trust/{}", map.entry());
            let Some((at, bytes)) = self.document(&pointer, map.document(), map.form(), directory) else { continue };
            let report = match engine.load_map(&mut trust_state, index, &bytes, now) {
                Ok(report) => report,
                Err(fault) => {
                    self.unreadable(&at, &bytes, &fault);
                    continue;
                }
            };
            let documents = documents_in_map(map.form(), &bytes).unwrap_or_default().into_iter();
            let documents: BTreeMap<String, Vec<u8>> =
                documents.filter_map(|(name, document)| Some((name, document.ok()?))).collect();
            for (index, fault) in &report.refused {
                let Some(source) = engine.document().source(index.as_usize()) else { continue };
                let name = source.authority().name();
                let document = documents.get(name).map_or(&[][..], Vec::as_slice);
                self.unreadable(&in_map(&at, map.form(), name), document, fault);
            }
            for (index, loaded) in &report.loaded {
                let Some(source) = engine.document().source(index.as_usize()) else { continue };
                let (Some(set), authority) = (trust_state.bundles.set(*index), source.authority()) else { continue };
                let at = in_map(&at, map.form(), authority.name());
                add_owner(&mut owners, set, authority);
                self.dropped(&at, documents.get(authority.name()).map_or(&[][..], Vec::as_slice), loaded);
                self.set(&at, Some(authority.to_string()), set, loaded, source.form());
            }
            for index in &report.absent {
                let Some(source) = engine.document().source(index.as_usize()) else { continue };
                self.add(Severity::Fault, &at, format!("no {}: its tokens are refused", source.authority()));
            }
        }
        for (thumbprint, owners) in owners {
            if owners.len() > 1 {
                let owners: Vec<String> = owners.iter().map(|owner| printable(owner)).collect();
                let text =
                    format!("the key {} is that of the {}", thumbprint_text(&thumbprint), owners.join(" and the "));
                self.add(Severity::Warning, "/trust", format!("{text}: each can speak for the other"));
            }
        }
    }

    /// How tokens of an issuer select a key, where that is looser than by a `kid`.
    fn selection(&mut self, at: &str, selection: KeySelection) {
        if let Some(most) = selection.try_keys() {
            let text = format!(
                "a token that does not name its key is checked with up to {most} keys, each a signature check; meant for issuers that \
                 cannot be mended"
            );
            self.add(Severity::Warning, format!("{at}/try_keys"), text);
        }
        if selection.matches_x5t() {
            let text = "a token without kid names its key by the hash of a certificate, which for x5t is SHA-1; meant for issuers that \
                        cannot be mended";
            self.add(Severity::Warning, format!("{at}/match_x5t"), text);
        }
        if selection.eddsa_is_ed25519() {
            self.add(Severity::Warning, format!("{at}/eddsa_is_ed25519"), EDDSA_IS_ED25519);
        }
    }

    fn one_policy(&mut self, at: &str, policy: &Value, signers: &Signers<'_>) {
        /// Half a minute of clock skew, and a proof that lives longer is worth stealing.
        const LONG_WINDOW_SECONDS: u64 = 120;
        let dpop = &policy["dpop"];
        if dpop["consume"] == "observe" {
            let text = "observe: proofs that this policy accepts are not used up; the checker behind it must do that, or a stolen proof can be \
                        used again while its window is open";
            self.add(Severity::Warning, format!("{at}/dpop/consume"), text);
        }
        if dpop["eddsa_is_ed25519"] == true {
            self.add(Severity::Warning, format!("{at}/dpop/eddsa_is_ed25519"), EDDSA_IS_ED25519);
        }
        if let Some(replay) = dpop["replay"].as_str().filter(|replay| replay.starts_with("danger_")) {
            let lost = "a stolen proof can be used again while its window is open";
            self.add(Severity::Warning, format!("{at}/dpop/replay"), format!("{replay}: {lost}"));
        }
        let window = dpop["max_age_seconds"].as_u64().unwrap_or(60) + dpop["future_seconds"].as_u64().unwrap_or(5);
        if window > LONG_WINDOW_SECONDS && dpop["nonce"].as_str().unwrap_or("off") == "off" {
            let text =
                format!("proofs are good for {window} seconds, and nonces are off: made early, they are used late");
            self.add(Severity::Warning, format!("{at}/dpop"), text);
        }
        if !dpop["nonce_lifetime_seconds"].is_null() && dpop["nonce"].as_str().unwrap_or("off") == "off" {
            let text = "nonces are off, so none has this lifetime: \"nonce\": \"required\" demands them";
            self.add(Severity::Warning, format!("{at}/dpop/nonce_lifetime_seconds"), text);
        }
        if !dpop["max_age_seconds"].is_null() && dpop["nonce"] == "required" {
            let text = "nonces are required, so a proof is as old as its nonce and may be nonce_lifetime_seconds old";
            self.add(Severity::Warning, format!("{at}/dpop/max_age_seconds"), text);
        }
        let is_http = |uri: &str| uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
        if policy["origin"].as_str().is_some_and(is_http) {
            self.add(Severity::Warning, format!("{at}/origin"), "an http origin: tokens travel in the clear");
        }
        if policy["mode"] == "shadow" {
            self.add(Severity::Warning, format!("{at}/mode"), "shadow: nothing is refused");
        }
        for switch in ["single_candidate_key", "ignore_unknown_headers"] {
            if policy["jwt_svid"][switch] == true {
                let text = "looser than the specification; meant for issuers that cannot be mended";
                self.add(Severity::Warning, format!("{at}/jwt_svid/{switch}"), text);
            }
        }
        if policy["tools"].as_array().is_some_and(Vec::is_empty) {
            self.add(Severity::Warning, format!("{at}/tools"), "every call of a tool is refused: no tool is named");
        }
        if policy["binding"]["require"] == "dpop" && policy["credentials"][0]["from"].is_object() {
            let text = "every request is refused: a DPoP-bound token comes under the scheme DPoP in Authorization (RFC 9449 §7.1), and the \
                        first credential is read from another place";
            self.add(Severity::Warning, format!("{at}/binding/require"), text);
        }
        self.transaction_tokens(at, policy);
        self.optional_ties(at, policy);
        self.places(at, policy);
        for (holder, holder_at) in holders(at, policy) {
            for (place, entry) in entries(holder).iter().enumerate() {
                let kind = kind(entry);
                let open = |name: &str| entry[name].is_null() && policy[name].is_null();
                let at = format!("{holder_at}/accept/{place}");
                if let Some(claim) = entry["audience_from"].as_str() {
                    let text =
                        format!("tokens without aud pass: {} must name the audience in its place", printable(claim));
                    self.add(Severity::Warning, format!("{at}/audience_from"), text);
                }
                let absent: Vec<String> = texts(&entry["absent"]).map(printable).collect();
                if !absent.is_empty() {
                    let text = format!(
                        "tokens without {} pass, which RFC 9068 §2.2 requires; meant for issuers that cannot be mended",
                        absent.join(", ")
                    );
                    self.add(Severity::Warning, format!("{at}/absent"), text);
                }
                let is_open = open("subjects") && open("conditions");
                if kind == "jwt-svid" && signers.has(true) && is_open {
                    let text = "any workload of every trust domain is let in: no subjects are named";
                    self.add(Severity::Warning, at, text);
                } else if kind == "jwt" && signers.has(false) && open("scope") && is_open && open("audience_from") {
                    let text = "a plain JWT without a condition: ID tokens for the same audience pass too";
                    self.add(Severity::Warning, at, text);
                }
            }
        }
    }

    /// Transaction tokens that authenticate the client, or have nothing to do with the credential that does.
    fn transaction_tokens(&mut self, at: &str, policy: &Value) {
        let ties = policy["tie"].as_array().map_or(&[][..], Vec::as_slice);
        let is_tied = |name: &str| {
            let sides = ties.iter().flat_map(|tie| [tie["left"].as_str(), tie["right"].as_str()]);
            sides.flatten().any(|side| side.split(':').next() == Some(name))
        };
        let credentials = policy["credentials"].as_array().map_or(&[][..], Vec::as_slice);
        for (place, credential) in credentials.iter().enumerate() {
            let takes = |entry: &Value| kind(entry) == "txntoken+jwt";
            if !entries(credential).iter().any(takes) {
                continue;
            }
            let text = match place {
                0 => {
                    "a transaction token is no credential of a client (Transaction Tokens §13.12): put the client's \
                     credential first"
                }
                _ if is_tied(credential["name"].as_str().unwrap_or_default()) => continue,
                _ => {
                    "no `tie` compares this transaction token with the credential of the client: one that was issued \
                     for another client passes too"
                }
            };
            self.add(Severity::Warning, format!("{at}/credentials/{place}"), text);
        }
    }

    /// What a place where a credential is presented brings with it, and requests without a client.
    fn places(&mut self, at: &str, policy: &Value) {
        let credentials = policy["credentials"].as_array().map_or(&[][..], Vec::as_slice);
        for (place, credential) in credentials.iter().enumerate() {
            let at = format!("{at}/credentials/{place}");
            if place == 0 && credential["required"] == false {
                let text = "a request without this credential passes, as that of an anonymous client, whatever `binding` requires";
                self.add(Severity::Warning, format!("{at}/required"), text);
            }
            if credential["from"]["cookie"].is_string() {
                let text = "browsers send a cookie with requests that pages of others make: give it SameSite=Strict or Lax, and have the \
                            application check Origin (RFC 6265 §8.2)";
                self.add(Severity::Warning, format!("{at}/from"), text);
            }
            if credential["from"]["websocket_protocol"].is_string() && credential["remove"] != true {
                let text = "an upstream that chooses the subprotocol with the token sends the token back; \"remove\": true keeps it from it";
                self.add(Severity::Warning, format!("{at}/remove"), text);
            }
        }
    }

    /// Ties that compare nothing where a request comes without an optional credential.
    fn optional_ties(&mut self, at: &str, policy: &Value) {
        let credentials = policy["credentials"].as_array().map_or(&[][..], Vec::as_slice);
        let is_optional = |name: &str| credentials.iter().any(|own| own["name"] == name && own["required"] == false);
        for (place, tie) in policy["tie"].as_array().into_iter().flatten().enumerate() {
            let sides = [&tie["left"], &tie["right"]].into_iter().filter_map(Value::as_str);
            for name in sides.filter_map(|side| side.split(':').next()).filter(|name| is_optional(name)) {
                let text = format!(
                    "the credential {name} is optional: a request without it is accepted and compared with nothing; \
                     \"required\": true demands it"
                );
                self.add(Severity::Warning, format!("{at}/tie/{place}"), text);
            }
        }
    }

    /// Entries and subjects by which no token is accepted.
    fn accepted_in_vain(&mut self, at: &str, policy: &Value, signers: &Signers<'_>) {
        let mut domains_of_all = Vec::new();
        for (holder, holder_at) in holders(at, policy) {
            for (place, entry) in entries(holder).iter().enumerate() {
                let kind = kind(entry);
                let at = format!("{holder_at}/accept/{place}");
                let earlier = || entries(holder).iter().take(place).enumerate();
                if let Some((first, _)) = earlier().find(|(_, earlier)| accepts_all_of(earlier, entry)) {
                    let text = format!("entry {first} accepts all that this one does, so this one never decides");
                    self.add(Severity::Warning, &at, text);
                } else if let Some((first, _)) = earlier().find(|(_, earlier)| accepts_all_of(entry, earlier)) {
                    let text = format!(
                        "this entry accepts all that entry {first} does, so the conditions of entry {first} refuse no token"
                    );
                    self.add(Severity::Warning, &at, text);
                }
                let is_svid = kind == "jwt-svid";
                if !signers.has(is_svid) {
                    let signer = if is_svid { "trust domain" } else { "issuer" };
                    let text = format!(
                        "every {kind} is refused: /trust has no {signer}, and only {} signs that kind",
                        if is_svid { "a trust domain" } else { "an issuer" }
                    );
                    self.add(Severity::Warning, &at, text);
                    continue;
                }
                let domains = signers.domains(is_svid, entry);
                self.subjects_in_vain(&at, &entry["subjects"], std::slice::from_ref(&domains));
                domains_of_all.push(domains);
            }
        }
        self.subjects_in_vain(at, &policy["subjects"], &domains_of_all);
    }

    /// Entries whose algorithms no key can have: neither one that was read, nor one that its source may have by its own `algorithms`.
    fn algorithms_in_vain(&mut self, at: &str, policy: &Value, trust: &Value) {
        let sources = trust.as_array().map_or(&[][..], Vec::as_slice);
        for (holder, holder_at) in holders(at, policy) {
            for (place, entry) in entries(holder).iter().enumerate() {
                let narrowing =
                    [&policy["algorithms"], &entry["algorithms"]].into_iter().filter(|member| !member.is_null());
                let allowed = narrowing.map(algorithms).reduce(|one, other| &one & &other);
                let Some(allowed) = allowed.filter(|_| kind(entry) != "introspected") else { continue };
                let member = if kind(entry) == "jwt-svid" { "trust_domain" } else { "issuer" };
                let is_named = |source: &Value| {
                    let names: Vec<&str> = texts(&source["name"]).chain(texts(&source[member])).collect();
                    !names.is_empty()
                        && (entry[member].is_null() || texts(&entry[member]).any(|name| names.contains(&name)))
                };
                let signers: Vec<&Value> = sources
                    .iter()
                    .filter(|source| source[member].is_string())
                    .filter(|source| is_named(source))
                    .collect();
                let signs: Option<Vec<BTreeSet<&str>>> = signers.iter().map(|source| self.signs(source)).collect();
                if signs.is_some_and(|signs| !signs.is_empty() && signs.iter().all(|signs| signs.is_disjoint(&allowed)))
                {
                    let text = "no key that may sign this kind has one of the algorithms that are allowed: every token is refused";
                    self.add(Severity::Warning, format!("{holder_at}/accept/{place}"), text);
                }
            }
        }
    }

    /// The algorithms of the keys of a source, if they are known.
    fn signs<'s>(&'s self, source: &'s Value) -> Option<BTreeSet<&'s str>> {
        let authority = match (source["trust_domain"].as_str(), source["issuer"].as_str()) {
            (Some(name), _) => Authority::TrustDomain(name.to_owned()),
            (None, Some(name)) => Authority::Issuer(name.to_owned()),
            (None, None) => return None,
        };
        let authority = authority.to_string();
        let read = self.sets.iter().filter(|set| set.authority.as_ref() == Some(&authority)).flat_map(|set| &set.keys);
        let read: BTreeSet<&str> =
            read.flat_map(|key| &key.algorithms).map(|algorithm| without_alias(algorithm)).collect();
        if read.is_empty() {
            return (!source["algorithms"].is_null()).then(|| algorithms(&source["algorithms"]));
        }
        Some(read)
    }

    /// Documents that are loaded once and expire.
    fn expiring_documents(&mut self, trust: &Value) {
        for (place, source) in trust.as_array().into_iter().flatten().enumerate() {
            let inline = ["jwks", "bundle", "bundle_map"].into_iter().find(|member| !source[member].is_null());
            if let (Some(member), Some(seconds)) = (inline, source["max_stale_seconds"].as_u64()) {
                let text = format!(
                    "`{member}` is loaded once, at the start: {seconds} seconds later every token is refused with keys_stale. Leave \
                     max_stale_seconds out, or name a file or URI"
                );
                self.add(Severity::Warning, format!("/trust/{place}/max_stale_seconds"), text);
            }
        }
    }

    /// Subjects whose trust domain is in none of `domains`, which are those of the entries that they are a condition of.
    fn subjects_in_vain(&mut self, at: &str, subjects: &Value, domains: &[Domains<'_>]) {
        for (place, pattern) in texts(subjects).enumerate() {
            let Some(id) = pattern.strip_prefix("spiffe://") else { continue };
            let domain = id.split('/').next().unwrap_or_default();
            if !domains.is_empty() && !domains.iter().any(|domains| domains.contains(domain)) {
                let at = if subjects.is_string() { format!("{at}/subjects") } else { format!("{at}/subjects/{place}") };
                let text = format!(
                    "no token that this policy accepts has such a subject: no entry of /trust may name a workload of \
                     {domain}"
                );
                self.add(Severity::Warning, at, text);
            }
        }
    }

    /// A token for one policy is good for the other too, although they are for different origins.
    fn shared_audiences(&mut self, policies: &Value) {
        let mut by_audience: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (name, policy) in policies.as_object().into_iter().flatten() {
            let Some(origin) = policy["origin"].as_str() else { continue };
            let audiences: BTreeSet<&str> = holders("", policy)
                .iter()
                .flat_map(|(holder, _)| {
                    if holder["audience"].is_null() { texts(&policy["audience"]) } else { texts(&holder["audience"]) }
                })
                .collect();
            for audience in audiences {
                by_audience.entry(audience).or_default().push((name, origin));
            }
        }
        for (audience, users) in by_audience {
            if let Some((first, rest)) = users.split_first()
                && rest.iter().any(|(_, origin)| *origin != first.1)
            {
                let names: Vec<&str> = users.iter().map(|(name, _)| *name).collect();
                let text = format!(
                    "the policies {} have different origins and share the audience {}: a token for one is good for all",
                    names.join(", "),
                    printable(audience)
                );
                self.add(Severity::Warning, "/policies", text);
            }
        }
    }

    fn text(&self, name: &Path) -> String {
        let (name, mut text) = (printable(&name.display().to_string()), String::new());
        for set in &self.sets {
            let whose =
                set.authority.as_deref().map(|authority| format!("{}: ", printable(authority))).unwrap_or_default();
            let number = |number: Option<u64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
            text += &format!(
                "{whose}{}, {} for another use, {} dropped; sequence {}, refresh hint {}\n",
                counted(set.keys.len(), "usable key"),
                set.other_use,
                set.dropped,
                number(set.sequence),
                number(set.refresh_hint_seconds)
            );
            for key in &set.keys {
                let key_id = key.key_id.as_deref().map_or_else(|| "(no kid)".to_owned(), printable);
                text += &format!("  {key_id} {} {}\n", key.thumbprint, key.algorithms.join(" "));
            }
        }
        for preset in &self.presets {
            let members: Vec<String> = preset
                .members
                .iter()
                .map(|(name, value)| format!("\"{name}\": {}", printable(&value.to_string())))
                .collect();
            text += &format!("{}: {} stands for {}\n", printable(&preset.at), preset.preset, members.join(", "));
            text += &format!("  gives up: {}\n", preset.gives_up);
            text += &format!("  tested with: {}\n", preset.example.unwrap_or("nothing"));
        }
        for finding in &self.findings {
            let severity = match finding.severity {
                Severity::Fault => styled(BAD, "fault"),
                Severity::Warning => styled(CAUTION, "warning"),
            };
            let at = if finding.at.is_empty() { "the document" } else { &finding.at };
            text += &format!("{name}: {severity}: {}: {}\n", printable(at), printable(&finding.text));
        }
        if self.findings.is_empty() {
            text += &format!("{name}: {}\n", styled(GOOD, "nothing to complain of"));
        }
        text
    }
}

const EDDSA_IS_ED25519: &str =
    "alg of a key need not be the word in the header: RFC 9864 §2.2 has EdDSA with this key as another name of Ed25519";

/// The objects that have `accept`, with their pointers: the policy, or each of its credentials.
fn holders<'a>(at: &str, policy: &'a Value) -> Vec<(&'a Value, String)> {
    match policy["credentials"].as_array() {
        Some(all) => all.iter().enumerate().map(|(place, own)| (own, format!("{at}/credentials/{place}"))).collect(),
        None => vec![(policy, at.to_owned())],
    }
}

/// The entries of `accept`.
fn entries(holder: &Value) -> &[Value] {
    holder["accept"].as_array().map_or(&[], Vec::as_slice)
}

/// Remembers whose keys these are; each authority comes once, with all its keys.
fn add_owner(owners: &mut BTreeMap<[u8; 32], Vec<String>>, set: &KeySet, authority: &Authority) {
    for key in set.keys() {
        let owners = owners.entry(*key.thumbprint()).or_default();
        if owners.last() != Some(&authority.to_string()) {
            owners.push(authority.to_string());
        }
    }
}

/// The pointer to the document of a trust domain in a map.
fn in_map(at: &str, form: TrustForm, trust_domain: &str) -> String {
    match form {
        TrustForm::HelperMap => format!("{at}/{trust_domain}"),
        _ => format!("{at}/trust_domains/{trust_domain}"),
    }
}

/// The trust domains whose workloads the tokens of one entry may name.
type Domains<'a> = Rc<BTreeSet<&'a str>>;

/// Those who sign tokens, by kind, and the trust domains that they may name.
struct Signers<'a> {
    trust_domains: Domains<'a>,
    issuers: BTreeMap<&'a str, &'a Value>,
    /// Those of all issuers together.
    of_issuers: Domains<'a>,
}

impl<'a> Signers<'a> {
    fn of(trust: &'a Value) -> Self {
        let sources = trust.as_array().map_or(&[][..], Vec::as_slice);
        let issuers: BTreeMap<&str, &Value> = sources
            .iter()
            .filter(|source| source["issuer"].is_string())
            .filter_map(|source| {
                Some((source["name"].as_str().or(source["issuer"].as_str())?, &source["spiffe_trust_domains"]))
            })
            .collect();
        Self {
            trust_domains: Rc::new(
                sources
                    .iter()
                    .flat_map(|source| texts(&source["trust_domain"]).chain(texts(&source["trust_domains"])))
                    .collect(),
            ),
            of_issuers: Rc::new(issuers.values().flat_map(|domains| texts(domains)).collect()),
            issuers,
        }
    }

    fn has(&self, trust_domain: bool) -> bool {
        if trust_domain { !self.trust_domains.is_empty() } else { !self.issuers.is_empty() }
    }

    fn domains(&self, is_svid: bool, entry: &'a Value) -> Domains<'a> {
        match (is_svid, &entry["trust_domain"], &entry["issuer"]) {
            (true, Value::Null, _) => Rc::clone(&self.trust_domains),
            (true, named, _) => Rc::new(texts(named).collect()),
            (false, _, Value::Null) => Rc::clone(&self.of_issuers),
            (false, _, named) => {
                let domains = texts(named).filter_map(|issuer| self.issuers.get(issuer));
                Rc::new(domains.flat_map(|domains| texts(domains)).collect())
            }
        }
    }
}

/// The texts of a member that is one string or an array of them.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let many = value.as_array().map_or(&[][..], Vec::as_slice);
    value.as_str().into_iter().chain(many.iter().filter_map(Value::as_str))
}

/// The algorithms that a member names, `EdDSA` by the name that says which (RFC 9864).
fn algorithms(member: &Value) -> BTreeSet<&str> {
    texts(member).map(without_alias).collect()
}

fn without_alias(algorithm: &str) -> &str {
    if algorithm == "EdDSA" { "Ed25519" } else { algorithm }
}

/// The kind of token that an entry of `accept` names.
fn kind(entry: &Value) -> &str {
    entry.as_str().or(entry["kind"].as_str()).unwrap_or_default()
}

/// The members of an entry that say where a claim is read, or which may be absent: entries that differ in one accept different tokens.
const READINGS: [&str; 5] = ["audience_from", "absent", "scope_from", "scope_match", "subject_separator"];

/// Whether each token that `narrow` accepts is one that `wide` accepts, as far as the texts of their conditions say so.
fn accepts_all_of(wide: &Value, narrow: &Value) -> bool {
    let holds = |(name, value): (&String, &Value)| {
        let of_narrow = &narrow[name.as_str()];
        match name.as_str() {
            "kind" | "comment" => true,
            // Every one of them is demanded.
            "scope" => texts(value).all(|word| texts(of_narrow).any(|other| other == word)),
            "max_lifetime_seconds" => of_narrow.as_u64().is_some_and(|most| Some(most) <= value.as_u64()),
            "conditions" => {
                let of_narrow = of_narrow.as_array().map_or(&[][..], Vec::as_slice);
                value.as_array().into_iter().flatten().all(|condition| of_narrow.contains(condition))
            }
            // Compared below.
            _ if READINGS.contains(&name.as_str()) => true,
            // One of them is demanded.
            _ => !of_narrow.is_null() && texts(of_narrow).all(|text| texts(value).any(|other| other == text)),
        }
    };
    let is_read_alike = READINGS.iter().all(|name| wide[*name] == narrow[*name]);
    kind(wide) == kind(narrow) && is_read_alike && wide.as_object().into_iter().flatten().all(holds)
}

fn thumbprint_text(thumbprint: &[u8; 32]) -> String {
    String::from_utf8_lossy(&base64url::encode_array_32(thumbprint)).into_owned()
}

/// RFC 6901 §3.
fn pointer(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}
