//! Maps of bundles by trust domain: the SPIFFE bundle map (Trust Domain and Bundle §5) and the file that spiffe-helper writes.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::jose::base64url;
use crate::jose::json::{JsonObject, Value};
use crate::spiffe_id::TrustDomain;
use crate::trust::authority::AuthorityIndex;
use crate::trust::form::TrustForm;
use crate::trust::parse::{LoadReport, TrustError};

/// What became of a bundle map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapReport {
    /// What became of the document of each trust domain of the policy that is in the map.
    pub loaded: Vec<(AuthorityIndex, LoadReport)>,
    /// The trust domains of the policy whose documents cannot be used, with the faults: each keeps the document before, or has no keys yet.
    pub refused: Vec<(AuthorityIndex, TrustError)>,
    /// The trust domains of the policy that the map does not have: they have no keys from now on.
    pub absent: Vec<AuthorityIndex>,
    /// How many trust domains of the map the policy does not name: their keys are not used.
    pub unlisted: usize,
}

/// The document of a trust domain as bytes of its own, or why its value in the map holds none.
type DocumentInMap = (String, Result<Vec<u8>, TrustError>);

/// The document of each trust domain of a map; none of them is read.
///
/// # Errors
/// A [`TrustError`] of the map.
pub fn documents_in_map(form: TrustForm, map: &[u8]) -> Result<Vec<DocumentInMap>, TrustError> {
    let mut documents = Vec::new();
    each_in_map(form, map, &mut |name, value| documents.push((name.to_owned(), document_of(form, value))))?;
    Ok(documents)
}

/// Hands each trust domain of a map with its value to `take`.
pub(super) fn each_in_map(
    form: TrustForm,
    map: &[u8],
    take: &mut dyn FnMut(&str, Value<'_>),
) -> Result<(), TrustError> {
    // §5.1.1, §6.3: a trust domain that occurs twice makes the map invalid; the JSON reader compares unescaped names (specs: BND-12).
    let root = form.document_kind().parse(map)?;
    let domains = root.as_object().and_then(|root| match form {
        TrustForm::HelperMap => {
            Some(root).filter(|_| TrustForm::resembled_by(root).is_none_or(|form| form == TrustForm::HelperMap))
        }
        _ => root.member("trust_domains")?.as_object(),
    });
    let Some(domains) = domains else {
        let found = root.as_object().and_then(TrustForm::resembled_by).filter(|found| *found != form);
        return Err(
            found.map_or(TrustError::TrustDomainsMissing, |found| TrustError::OtherForm { found, expected: form })
        );
    };
    each_domain(domains, take)
}

fn each_domain(domains: JsonObject<'_>, take: &mut dyn FnMut(&str, Value<'_>)) -> Result<(), TrustError> {
    for (name, value) in domains.members() {
        let name = name.to_owned_string();
        // §5.1.1: each name is that of a trust domain (specs: BND-11).
        if TrustDomain::parse(&name).is_err() {
            return Err(TrustError::TrustDomainMalformed { name });
        }
        take(&name, value);
    }
    Ok(())
}

/// The document that a value of a map holds: an object as it is, in spiffe-helper's form the base64 of one.
pub(super) fn document_of(form: TrustForm, value: Value<'_>) -> Result<Vec<u8>, TrustError> {
    if form != TrustForm::HelperMap {
        return value.as_object().map(|object| object.raw().as_bytes().to_vec()).ok_or(TrustError::KeysMissing);
    }
    let text = value.as_string().ok_or(TrustError::Base64)?.to_owned_string();
    let mut document = vec![0; text.len()];
    let length =
        base64url::decode_standard_padded(text.as_bytes(), &mut document).map_err(|_| TrustError::Base64)?.len();
    document.truncate(length);
    Ok(document)
}
