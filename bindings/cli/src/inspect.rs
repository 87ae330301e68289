//! `countersign inspect`: what a token or certificate says, without believing a word of it.

use std::path::PathBuf;

use clap::Args;
use countersign::internal::jose::base64url;
use countersign::internal::jose::compact::CompactJws;
use countersign::internal::jose::header::{Typ, UnverifiedHeader};
use countersign::internal::jose::json::{self, Budget, Fraction, JsonObject, NameTable, Value};
use countersign::internal::specs::claims::UnverifiedClaims;
use countersign::internal::specs::profile::TokenKinds;
use countersign::internal::trust::jwk::{JwkBuffer, UnverifiedJwk};
use countersign::internal::trust::thumbprint::thumbprint;
use countersign::internal::{limits, spiffe_id};
use countersign::{PolicyError, Reason, TokenKind, UnixSeconds};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::certificate::{self, Described};
use crate::failure::{Failure, Outcome, Verdict};
use crate::files;
use crate::moment;
use crate::printable::{json_string, printable};
use crate::style::{self, BAD, CAUTION, FAINT, HEADING, styled};

#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// The token or proof, with or without its scheme; standard input if absent
    #[arg(conflicts_with = "certificate")]
    token: Option<String>,

    /// A certificate in PEM or DER, instead of a token
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,

    /// The time that distances count from; the system clock's if absent
    #[arg(long, value_name = "UNIX_SECONDS")]
    now: Option<u64>,

    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// The longest input: a token past the engine's limit can still be looked at.
const INPUT_BYTES: usize = 1024 * 1024;

pub(crate) fn run(args: &InspectArgs) -> Outcome {
    let now = moment::now(args.now);
    if let Some(path) = &args.certificate {
        let bytes = files::need(path, INPUT_BYTES)?;
        let der = certificate::der(&bytes);
        let described = der.as_deref().map_err(Clone::clone).and_then(certificate::describe);
        let described = described.map_err(|fault| Failure::unusable(format!("{}: {fault}", path.display())))?;
        if args.json {
            style::print_json(&described)?;
        } else {
            style::print(&text_of_certificate(&described, now))?;
        }
        return Ok(Verdict::Good);
    }
    let text = match &args.token {
        Some(token) => token.clone().into_bytes(),
        None => files::need_or_stdin(None, INPUT_BYTES)?,
    };
    let token = Token::read(without_scheme(text.trim_ascii())).map_err(Failure::unusable)?;
    if args.json {
        style::print_json(&token.report()?)?;
    } else {
        style::print(&token.text(now))?;
    }
    Ok(Verdict::of(token.faults.is_empty()))
}

/// A token as it is copied from a header field.
fn without_scheme(text: &[u8]) -> &[u8] {
    let Some(space) = text.iter().position(|byte| *byte == b' ') else { return text };
    let (scheme, rest) = text.split_at_checked(space).unwrap_or_default();
    let known = scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"dpop");
    if known { rest.trim_ascii() } else { text }
}

/// A token that was decoded, and nothing more.
struct Token {
    what: String,
    header: String,
    claims: String,
    times: Vec<(&'static str, UnixSeconds)>,
    /// Of the key in a proof's header.
    key_thumbprint: Option<String>,
    signature_bytes: usize,
    /// The fault of its form for which the engine would refuse it.
    faults: Vec<Reason>,
}

#[derive(Serialize)]
struct Report<'a> {
    /// Always false: no signature is checked here.
    verified: bool,
    what: &'a str,
    header: Box<RawValue>,
    claims: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_thumbprint: Option<&'a str>,
    times: Vec<TimeLine>,
    signature_bytes: usize,
    faults: Vec<FaultLine>,
}

#[derive(Serialize)]
struct TimeLine {
    claim: &'static str,
    at: String,
}

#[derive(Serialize)]
struct FaultLine {
    reason: &'static str,
    meaning: &'static str,
}

impl Token {
    fn read(text: &[u8]) -> Result<Self, String> {
        let jws = CompactJws::parse(text).map_err(|_| match text.iter().filter(|byte| **byte == b'.').count() {
            4 => "five parts: an encrypted token (JWE), which nothing here reads".to_owned(),
            periods => format!("not a token: {} parts between periods, not three", periods + 1),
        })?;
        let header = decode("header", jws.header())?;
        let claims = decode("payload", jws.payload())?;
        let signature = decode("signature", jws.signature())?;

        let mut faults = Vec::new();
        let mut names = NameTable::new(0);
        let parsed = UnverifiedHeader::parse(&header, &mut names).map_err(|reason| faults.push(reason)).ok();
        let typ = parsed.map_or(Typ::Other, |header| header.typ);
        if text.len() > limits::TOKEN_BYTES {
            faults.push(Reason::CredentialTooLarge);
        }
        if parsed.is_some_and(|header| header.critical) {
            faults.push(Reason::HeaderCritical);
        }
        if parsed.is_some_and(|header| header.algorithm.is_none()) {
            faults.push(Reason::AlgorithmRefused);
        }
        let claim_fault = UnverifiedClaims::parse(&claims, &mut names).err();
        faults.extend(claim_fault.filter(|_| typ != Typ::DpopJwt));

        let (header, claims) = (object("header", &header)?, object("payload", &claims)?);
        let subject = claims.member("sub").and_then(Value::as_string);
        let is_svid = subject.is_some_and(|subject| subject.starts_with(spiffe_id::PREFIX));
        let kinds = TokenKind::ALL.into_iter().fold(TokenKinds::default(), TokenKinds::with);
        let time = |name: &'static str| match claims.member(name) {
            Some(Value::Number(number)) => {
                number.numeric_date(Fraction::Drop).map(|seconds| (name, UnixSeconds::new(seconds)))
            }
            _ => None,
        };
        Ok(Self {
            what: match (typ, kinds.resolve(typ, is_svid)) {
                (Typ::DpopJwt, _) => "DPoP proof".to_owned(),
                (_, Some(TokenKind::JwtSvid)) => format!("{}, by its subject", TokenKind::JwtSvid.title()),
                (_, Some(kind)) => kind.title().to_owned(),
                (_, None) => "token of an unknown type".to_owned(),
            },
            header: pretty(Value::Object(header)),
            claims: pretty(Value::Object(claims)),
            times: ["iat", "nbf", "exp", "auth_time"].into_iter().filter_map(time).collect(),
            key_thumbprint: parsed.and_then(|header| header.jwk).and_then(thumbprint_of),
            signature_bytes: signature.len(),
            faults,
        })
    }

    fn report(&self) -> Result<Report<'_>, Failure> {
        let raw = |text: &str| {
            RawValue::from_string(text.to_owned()).map_err(|error| Failure::Io(format!("the token: {error}")))
        };
        let time = |(claim, at): &(&'static str, UnixSeconds)| TimeLine { claim, at: moment::utc(*at) };
        let fault = |reason: &Reason| FaultLine { reason: reason.code(), meaning: reason.meaning() };
        Ok(Report {
            verified: false,
            what: &self.what,
            header: raw(&self.header)?,
            claims: raw(&self.claims)?,
            key_thumbprint: self.key_thumbprint.as_deref(),
            times: self.times.iter().map(time).collect(),
            signature_bytes: self.signature_bytes,
            faults: self.faults.iter().map(fault).collect(),
        })
    }

    fn text(&self, now: UnixSeconds) -> String {
        let mut text = format!("{}\n\n", styled(CAUTION, "NOT VERIFIED: any client can write this text."));
        text += &format!("{}\n\n{}\n{}\n\n", self.what, styled(HEADING, "Header"), self.header);
        text += &format!("{}\n{}\n", styled(HEADING, "Claims"), self.claims);
        if !self.times.is_empty() {
            text += &format!("\n{}\n", styled(HEADING, "Times"));
        }
        for (claim, at) in &self.times {
            let distance = styled(FAINT, moment::relative(*at, now));
            text += &format!("  {claim:<10} {} {distance}\n", moment::utc(*at));
        }
        if let Some(thumbprint) = &self.key_thumbprint {
            text += &format!("\nThumbprint of the key in the header: {thumbprint}\n");
        }
        text += &format!("\nSignature: {} bytes, not checked\n", self.signature_bytes);
        for reason in &self.faults {
            text += &format!("{}\n", styled(BAD, format!("The engine refuses it: {reason}. {}", reason.meaning())));
        }
        text
    }
}

fn decode(part: &str, encoded: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; encoded.len()];
    let length = match base64url::decode(encoded, &mut bytes) {
        Ok(decoded) => decoded.len(),
        Err(fault) => return Err(format!("the {part} is not unpadded base64url: {fault}")),
    };
    bytes.truncate(length);
    Ok(bytes)
}

fn object<'a>(part: &str, text: &'a [u8]) -> Result<JsonObject<'a>, String> {
    match json::parse(text, Budget::TOKEN) {
        Ok(value) => value.as_object().ok_or_else(|| format!("the {part} is no JSON object")),
        Err(fault) => {
            let PolicyError { pointer, found, expected } = PolicyError::of_json(text, fault);
            let at = if pointer.is_empty() { String::new() } else { format!(" at {}", printable(&pointer)) };
            Err(format!("the {part} cannot be read{at}: found {found}, expected {expected}"))
        }
    }
}

fn thumbprint_of(jwk: JsonObject<'_>) -> Option<String> {
    let mut buffer = JwkBuffer::new();
    let hash = thumbprint(&UnverifiedJwk::parse(jwk).ok()?.material(&mut buffer).ok()?);
    Some(String::from_utf8_lossy(&base64url::encode_array_32(&hash)).into_owned())
}

/// The value as indented JSON that is fit for a terminal; private parts of keys are left out.
fn pretty(value: Value<'_>) -> String {
    let mut out = String::new();
    write_value(&mut out, value, 0);
    out
}

/// Recursion is bounded by the depth that the scan allowed.
fn write_value(out: &mut String, value: Value<'_>, depth: usize) {
    const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    let mut empty = true;
    match value {
        Value::String(text) => json_string(out, text.chars()),
        Value::Number(number) => out.push_str(number.text()),
        Value::Bool(flag) => out.push_str(if flag { "true" } else { "false" }),
        Value::Null => out.push_str("null"),
        Value::Array(array) => {
            out.push('[');
            for element in array.elements() {
                out.push_str(if empty { "" } else { "," });
                line(out, depth + 1);
                write_value(out, element, depth + 1);
                empty = false;
            }
            if !empty {
                line(out, depth);
            }
            out.push(']');
        }
        Value::Object(object) => {
            let is_key = object.member("kty").is_some();
            out.push('{');
            for (name, value) in object.members() {
                out.push_str(if empty { "" } else { "," });
                line(out, depth + 1);
                json_string(out, name.chars());
                out.push_str(": ");
                if is_key && PRIVATE.into_iter().any(|private| name.is(private)) {
                    out.push_str("\"(a private part, not shown)\"");
                } else {
                    write_value(out, value, depth + 1);
                }
                empty = false;
            }
            if !empty {
                line(out, depth);
            }
            out.push('}');
        }
    }
}

fn text_of_certificate(certificate: &Described, now: UnixSeconds) -> String {
    let mut text = format!("{}\n\n", styled(CAUTION, "NOT VERIFIED: neither the chain nor the dates are checked."));
    let until = |at: i64| {
        let Ok(at) = u64::try_from(at).map(UnixSeconds::new) else { return format!("{at} seconds after 1970") };
        format!("{} {}", moment::utc(at), styled(FAINT, moment::relative(at, now)))
    };
    let mut row = |name: &str, value: &str| text += &format!("{name:<16} {value}\n");
    row("subject", &printable(&certificate.subject));
    row("issuer", &printable(&certificate.issuer));
    row("serial", &certificate.serial);
    row("not before", &until(certificate.not_before));
    row("not after", &until(certificate.not_after));
    row("key", &certificate.key);
    row("CA", if certificate.ca { "yes" } else { "no" });
    for name in &certificate.names {
        row(&name.sort, &printable(&name.value));
    }
    row("x5t#S256", &certificate.thumbprint);
    text
}
