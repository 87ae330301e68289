//! `countersign report`: what audit records say of a migration, and which keys, bundles and certificates expire next.
//!
//! Memory is bounded: a line is at most 64 KiB, and of groups of clients the first 10,000 are kept; the rest are counted together.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use countersign::internal::document::DocumentKind;
use countersign::{PolicyDocument, TrustDocument, TrustSource, UnixSeconds};
use serde::Serialize;
use serde_json::Value;

use crate::failure::{Failure, Outcome, Verdict};
use crate::files;
use crate::lines::{Next, next_line};
use crate::moment;
use crate::printable::{counted, printable};
use crate::style;

const LINE_BYTES: usize = 64 * 1024;
/// Groups of issuer, client and policy. A client chooses neither its issuer nor its client_id, but an issuer may have any number of them.
const MOST_GROUPS: usize = 10_000;
/// Keys that verified a token.
const MOST_KEYS: usize = 10_000;
/// A name in a group or a key is kept up to this many characters.
const NAME_CHARACTERS: usize = 256;
const CERTIFICATE_BYTES: usize = 1024 * 1024;

#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// Audit records, one a line, alone or as a member `audit` of a log line; standard input if absent
    file: Option<PathBuf>,

    /// A policy, whose trust documents are searched for what expires
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// A certificate or a chain in PEM that is to be watched as well; may be given several times
    #[arg(long, value_name = "FILE")]
    certificate: Vec<PathBuf>,

    /// How many groups and expiries are printed
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    most: usize,

    /// The time, in seconds since 1970; the system's clock if absent
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,

    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Who sends tokens under a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Group {
    issuer: String,
    /// `client_id`, or the subject where a token has none.
    client: String,
    policy: String,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Count {
    /// Requests with a token that its issuer bound to a key or certificate.
    bound: u64,
    /// Requests with a token that it did not.
    unbound: u64,
    /// Those of `unbound` that the policy refused, in shadow mode too.
    unbound_refused: u64,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    records: u64,
    accepted: u64,
    refused: u64,
    /// Records without a token that could be verified.
    without_token: u64,
    /// Lines that are no audit records.
    other_lines: u64,
    unbound: Vec<GroupLine>,
    /// Requests with unbound tokens of groups that are not listed.
    more_unbound: u64,
    expires: Vec<Expiry>,
    more_expires: usize,
    /// Authorities of the policy whose keys verified none of the tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    unused: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct GroupLine {
    #[serde(flatten)]
    group: Group,
    #[serde(flatten)]
    count: Count,
}

/// Something that stops working at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Expiry {
    at: i64,
    /// Seconds from now; negative: it is past.
    in_seconds: i64,
    what: String,
}

pub(crate) fn run(args: &ReportArgs) -> Outcome {
    let now = moment::now(args.now);
    let mut reader = Reader::default();
    match args.file.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let file = std::fs::File::open(path).map_err(|error| Failure::file(path, &error))?;
            reader.read(BufReader::new(file)).map_err(|error| Failure::file(path, &error))?;
        }
        None => reader.read(io::stdin().lock()).map_err(|error| Failure::Io(format!("standard input: {error}")))?,
    }
    let mut expiries = BTreeSet::new();
    let mut authorities = BTreeSet::new();
    if let Some(path) = &args.policy {
        of_policy(path, &mut expiries, &mut authorities)?;
    }
    for path in &args.certificate {
        let text = files::need(path, CERTIFICATE_BYTES)?;
        of_pem(&path.display().to_string(), &text, &mut expiries)?;
    }
    let seen = std::mem::take(&mut reader.authorities);
    let unused = args.policy.as_ref().map(|_| authorities.difference(&seen).cloned().collect());
    let report = reader.report(expiries, unused, now, args.most);
    if args.json {
        style::print_json(&report)?;
    } else {
        style::print(&report.text())?;
    }
    Ok(Verdict::Good)
}

/// What the lines come to.
#[derive(Debug, Default)]
struct Reader {
    totals: Report,
    groups: BTreeMap<Group, Count>,
    authorities: BTreeSet<String>,
}

impl Reader {
    fn read(&mut self, mut source: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            match next_line(&mut source, &mut line, LINE_BYTES)? {
                Next::End => return Ok(()),
                Next::TooLong => self.totals.other_lines += 1,
                Next::Line if line.iter().all(u8::is_ascii_whitespace) => {}
                Next::Line => match record(&line) {
                    Some(record) => self.take(&record),
                    None => self.totals.other_lines += 1,
                },
            }
        }
    }

    fn take(&mut self, record: &Value) {
        let is_accepted = record["decision"] == "accept";
        self.totals.records += 1;
        *(if is_accepted { &mut self.totals.accepted } else { &mut self.totals.refused }) += 1;
        // A decision of `countersign decide` has what is said of the token in an object of its own.
        let token = if record["token"].is_object() { &record["token"] } else { record };
        let name = |member: &str| shortened(&token[member]);
        let Some(issuer) = name("issuer") else {
            self.totals.without_token += 1;
            return;
        };
        if self.authorities.len() < MOST_KEYS {
            self.authorities.insert(issuer.clone());
        }
        let client = name("client_id").or_else(|| name("subject")).unwrap_or_default();
        let group = Group { issuer, client, policy: shortened(&record["policy"]).unwrap_or_default() };
        let is_bound = ["bound_to_key", "bound_to_certificate"].iter().any(|member| token[*member].is_string())
            || token["binding"].as_str().is_some_and(|binding| binding != "none");
        if !self.groups.contains_key(&group) && self.groups.len() >= MOST_GROUPS {
            self.totals.more_unbound += u64::from(!is_bound);
            return;
        }
        let count = self.groups.entry(group).or_default();
        if is_bound {
            count.bound += 1;
        } else {
            count.unbound += 1;
            count.unbound_refused += u64::from(!is_accepted);
        }
    }

    fn report(
        self,
        expiries: BTreeSet<(i64, String)>,
        unused: Option<Vec<String>>,
        now: UnixSeconds,
        most: usize,
    ) -> Report {
        let mut report = self.totals;
        let mut unbound: Vec<GroupLine> = self
            .groups
            .into_iter()
            .filter(|(_, count)| count.unbound > 0)
            .map(|(group, count)| GroupLine { group, count })
            .collect();
        unbound.sort_by(|one, other| {
            other.count.unbound.cmp(&one.count.unbound).then_with(|| one.group.cmp(&other.group))
        });
        for line in unbound.get(most..).unwrap_or_default() {
            report.more_unbound += line.count.unbound;
        }
        unbound.truncate(most);
        let now = i64::try_from(now.as_u64()).unwrap_or(i64::MAX);
        report.unbound = unbound;
        report.more_expires = expiries.len().saturating_sub(most);
        report.expires = expiries
            .into_iter()
            .take(most)
            .map(|(at, what)| Expiry { at, in_seconds: at.saturating_sub(now), what })
            .collect();
        report.unused = unused;
        report
    }
}

/// The text of a name, as far as it is kept.
fn shortened(name: &Value) -> Option<String> {
    name.as_str().map(|text| text.chars().take(NAME_CHARACTERS).collect())
}

/// The audit record of a line: the line itself, or its member `audit`, as an object or as a text.
fn record(line: &[u8]) -> Option<Value> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let inner = match &line["audit"] {
        Value::String(text) => serde_json::from_str(text).ok()?,
        Value::Object(members) => Value::Object(members.clone()),
        _ => line,
    };
    let is_record = (inner["decision"] == "accept" || inner["decision"] == "refuse") && inner["policy"].is_string();
    is_record.then_some(inner)
}

/// What the trust documents of a policy say of their own end.
fn of_policy(
    path: &Path,
    expiries: &mut BTreeSet<(i64, String)>,
    authorities: &mut BTreeSet<String>,
) -> Result<(), Failure> {
    let text = files::need(path, DocumentKind::Policy.bytes().most)?;
    let document = PolicyDocument::parse(&text)
        .map_err(|faults| Failure::Unusable(faults.iter().map(ToString::to_string).collect()))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    for (_, source) in document.trust() {
        authorities.insert(source.authority().name().to_owned());
        let bytes = match source.document() {
            TrustDocument::Inline(text) => text.clone().into_bytes(),
            TrustDocument::File(name) => {
                let path = directory.join(name);
                of_age(source, &path, expiries);
                files::need(&path, source.form().document_kind().bytes().most)?
            }
            // A map is read once below; the others are with the host.
            TrustDocument::Map(_) | TrustDocument::Uri(_) | TrustDocument::Pushed => continue,
        };
        of_keys(&source.authority().to_string(), &serde_json::from_slice(&bytes).unwrap_or_default(), expiries);
    }
    for (_, map) in document.bundle_maps() {
        let bytes = match map.document() {
            TrustDocument::Inline(text) => text.clone().into_bytes(),
            TrustDocument::File(name) => files::need(&directory.join(name), map.form().document_kind().bytes().most)?,
            _ => continue,
        };
        for (name, document) in countersign::internal::trust::documents_in_map(map.form(), &bytes).unwrap_or_default() {
            of_keys(
                &format!("trust domain {name}"),
                &serde_json::from_slice(&document.unwrap_or_default()).unwrap_or_default(),
                expiries,
            );
        }
    }
    Ok(())
}

/// A file that is not replaced expires `max_stale_seconds` after its date.
fn of_age(source: &TrustSource, path: &Path, expiries: &mut BTreeSet<(i64, String)>) {
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    let modified = modified.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    if let (Some(modified), Some(seconds)) = (modified, source.max_stale_seconds()) {
        let at = modified.as_secs().saturating_add(seconds);
        let what =
            format!("{} of the {}, if it is not replaced (max_stale_seconds)", path.display(), source.authority());
        expiries.insert((i64::try_from(at).unwrap_or(i64::MAX), what));
    }
}

/// The certificates of keys (`x5c`), those of X.509-SVIDs in a bundle too.
fn of_keys(authority: &str, document: &Value, expiries: &mut BTreeSet<(i64, String)>) {
    for (place, key) in document["keys"].as_array().into_iter().flatten().enumerate() {
        let name = key["kid"].as_str().map_or_else(|| format!("key {place}"), |kid| format!("key {kid}"));
        for certificate in key["x5c"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let der = STANDARD.decode(certificate).unwrap_or_default();
            if let Ok((_, certificate)) = x509_parser::parse_x509_certificate(&der) {
                let what = format!("certificate {} of {name} of the {authority}", certificate.subject());
                expiries.insert((certificate.validity().not_after.timestamp(), what));
            }
        }
    }
}

fn of_pem(name: &str, text: &[u8], expiries: &mut BTreeSet<(i64, String)>) -> Result<(), Failure> {
    let mut any = false;
    for pem in x509_parser::pem::Pem::iter_from_buffer(text).flatten().filter(|pem| pem.label == "CERTIFICATE") {
        let certificate = pem.parse_x509().map_err(|fault| Failure::unusable(format!("{name}: {fault}")))?;
        expiries.insert((
            certificate.validity().not_after.timestamp(),
            format!("certificate {} in {name}", certificate.subject()),
        ));
        any = true;
    }
    if any { Ok(()) } else { Err(Failure::unusable(format!("{name}: no certificate in PEM is in it"))) }
}

impl Report {
    fn text(&self) -> String {
        let mut text = format!(
            "{}: {} accepted, {} refused, {} without a token that could be verified; {}\n",
            counted(usize::try_from(self.records).unwrap_or(usize::MAX), "record"),
            self.accepted,
            self.refused,
            self.without_token,
            counted(usize::try_from(self.other_lines).unwrap_or(usize::MAX), "other line"),
        );
        text += if self.unbound.is_empty() {
            "\nno unbound tokens\n"
        } else {
            "\nunbound tokens (refused), bound tokens: issuer, client, policy\n"
        };
        for GroupLine { group, count } in &self.unbound {
            text += &format!(
                "  {} ({}), {}: {}, {}, {}\n",
                count.unbound,
                count.unbound_refused,
                count.bound,
                printable(&group.issuer),
                printable(&group.client),
                printable(&group.policy)
            );
        }
        if self.more_unbound > 0 {
            text += &format!("  and {} of others\n", self.more_unbound);
        }
        if !self.expires.is_empty() {
            text += "\nexpires next\n";
        }
        for expiry in &self.expires {
            text += &format!("  {} {}\n", when(expiry.in_seconds), printable(&expiry.what));
        }
        if self.more_expires > 0 {
            text += &format!("  and {} more\n", self.more_expires);
        }
        for name in self.unused.iter().flatten() {
            text += &format!("\nno token of {}\n", printable(name));
        }
        text
    }
}

/// A distance in time, in the largest unit of which there is one.
fn when(seconds: i64) -> String {
    let (amount, unit) = match seconds.unsigned_abs() {
        seconds if seconds >= 86_400 => (seconds / 86_400, "d"),
        seconds if seconds >= 3_600 => (seconds / 3_600, "h"),
        seconds => (seconds, "s"),
    };
    if seconds < 0 { format!("{amount} {unit} ago:") } else { format!("in {amount} {unit}:") }
}
