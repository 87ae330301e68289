//! Certificates, for people: the engine hashes them and reads nothing in them.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use countersign::ClientCertificate;
use countersign::internal::jose::base64url;
use serde::Serialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

/// The names and dates of a certificate.
#[derive(Debug, Serialize)]
pub(crate) struct Described {
    /// Always false: neither chain nor dates are checked.
    pub(crate) verified: bool,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) serial: String,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) key: String,
    pub(crate) ca: bool,
    /// The subject alternative names.
    pub(crate) names: Vec<Name>,
    #[serde(rename = "x5t#S256")]
    pub(crate) thumbprint: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Name {
    pub(crate) sort: String,
    pub(crate) value: String,
}

/// Whether a text looks like a certificate in PEM or DER, and not like JSON.
pub(crate) fn looks_like_one(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x30) || bytes.windows(PEM.len()).any(|window| window == PEM)
}

const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The bytes of the first certificate of a file in PEM, or of one in DER.
pub(crate) fn der(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    if !bytes.windows(PEM.len()).any(|window| window == PEM) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut rest = bytes;
    while let Ok((behind, block)) = parse_x509_pem(rest) {
        if block.label == "CERTIFICATE" {
            return Ok(Cow::Owned(block.contents));
        }
        if behind.len() >= rest.len() {
            break;
        }
        rest = behind;
    }
    Err("no certificate that can be read among the PEM blocks".to_owned())
}

/// `x5t#S256` (RFC 8705 §3.1).
pub(crate) fn thumbprint(der: &[u8]) -> String {
    String::from_utf8_lossy(&base64url::encode_array_32(&ClientCertificate::Der(der).thumbprint())).into_owned()
}

/// The certificate that `der` holds and nothing else.
pub(crate) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, String> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok((behind, _)) => Err(format!("{} bytes behind the certificate", behind.len())),
        Err(_) => Err("not a certificate in PEM or DER".to_owned()),
    }
}

/// Reads a certificate in DER.
pub(crate) fn describe(der: &[u8]) -> Result<Described, String> {
    let certificate = parse(der)?;
    let names = match certificate.subject_alternative_name() {
        Ok(Some(names)) => names.value.general_names.iter().map(name).collect(),
        Ok(None) => Vec::new(),
        Err(_) => return Err("the subject alternative names cannot be read".to_owned()),
    };
    Ok(Described {
        verified: false,
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        serial: certificate.raw_serial_as_string(),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
        key: match certificate.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => format!("RSA, {} bits", key.key_size()),
            Ok(PublicKey::EC(key)) => format!("EC, {} bits", key.key_size()),
            _ => format!("of algorithm {}", certificate.public_key().algorithm.algorithm),
        },
        ca: certificate.is_ca(),
        names,
        thumbprint: thumbprint(der),
    })
}

fn name(name: &GeneralName<'_>) -> Name {
    let (sort, value) = match name {
        GeneralName::URI(uri) => (if uri.starts_with("spiffe://") { "SPIFFE ID" } else { "URI" }, (*uri).to_owned()),
        GeneralName::DNSName(name) => ("DNS", (*name).to_owned()),
        GeneralName::RFC822Name(name) => ("mail", (*name).to_owned()),
        GeneralName::IPAddress(bytes) => ("IP", address(bytes)),
        GeneralName::DirectoryName(name) => ("directory", name.to_string()),
        GeneralName::RegisteredID(oid) => ("registered id", oid.to_string()),
        _ => ("other", "of a form that is not shown".to_owned()),
    };
    Name { sort: sort.to_owned(), value }
}

fn address(bytes: &[u8]) -> String {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        Ipv4Addr::from(bytes).to_string()
    } else if let Ok(bytes) = <[u8; 16]>::try_from(bytes) {
        Ipv6Addr::from(bytes).to_string()
    } else {
        format!("an address of {} bytes", bytes.len())
    }
}
