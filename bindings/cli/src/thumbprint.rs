//! `countersign thumbprint`: the names of keys and certificates.

use std::path::PathBuf;

use clap::Args;
use countersign::internal::document::DocumentKind;
use countersign::internal::jose::base64url;
use countersign::internal::jose::json::{JsonObject, Value};
use countersign::internal::trust::jwk::{JwkBuffer, UnverifiedJwk};
use countersign::internal::trust::thumbprint::thumbprint;
use countersign::{JsonString, JwkError};

use crate::certificate;
use crate::failure::{Failure, Outcome, Verdict, complain};
use crate::files;
use crate::printable::printable;
use crate::style;

#[derive(Args, Debug)]
pub(crate) struct ThumbprintArgs {
    /// A JWK, a JWK set, or a certificate in PEM or DER; standard input if absent
    file: Option<PathBuf>,
}

pub(crate) fn run(args: &ThumbprintArgs) -> Outcome {
    let bytes = files::need_or_stdin(args.file.as_deref(), DocumentKind::JwkSet.bytes().most)?;
    if certificate::looks_like_one(&bytes) {
        let der = certificate::der(&bytes).map_err(Failure::unusable)?;
        certificate::parse(&der).map_err(Failure::unusable)?;
        style::print_plain(format!("{}\n", certificate::thumbprint(&der)).as_bytes())?;
        return Ok(Verdict::Good);
    }
    let unusable = || Failure::unusable("neither a JWK, nor a JWK set, nor a certificate in PEM or DER");
    let document = DocumentKind::JwkSet.parse(&bytes).ok().and_then(Value::as_object).ok_or_else(unusable)?;
    let Some(keys) = document.member("keys").and_then(Value::as_array) else {
        let hash = of_key(document).map_err(|fault| Failure::unusable(meaning(fault)))?;
        style::print_plain(format!("{hash}\n").as_bytes())?;
        return Ok(Verdict::Good);
    };
    let (mut text, mut good) = (String::new(), true);
    for (index, key) in keys.elements().enumerate() {
        let key_id = key.as_object().and_then(|key| key.member("kid")).and_then(Value::as_string);
        let key_id = key_id.map(JsonString::to_owned_string).map(|id| printable(&id)).unwrap_or_default();
        match key.as_object().ok_or(JwkError::Malformed).and_then(of_key) {
            Ok(hash) => text += format!("{hash} {key_id}").trim_end(),
            Err(fault) => {
                complain(&format!("key {index} {key_id}: {}", meaning(fault)));
                good = false;
                continue;
            }
        }
        text.push('\n');
    }
    style::print_plain(text.as_bytes())?;
    Ok(Verdict::of(good))
}

fn of_key(jwk: JsonObject<'_>) -> Result<String, JwkError> {
    let mut buffer = JwkBuffer::new();
    let hash = thumbprint(&UnverifiedJwk::parse(jwk)?.material(&mut buffer)?);
    Ok(String::from_utf8_lossy(&base64url::encode_array_32(&hash)).into_owned())
}

/// One sentence for a person.
pub(crate) const fn meaning(fault: JwkError) -> &'static str {
    match fault {
        JwkError::Malformed => "not a JSON object, or a member has the wrong JSON type",
        JwkError::TypeMissing => "kty is absent",
        JwkError::TypeUnknown => "kty is not EC, RSA or OKP, the only public keys for signatures",
        JwkError::CurveUnknown => "crv is absent, or not P-256, P-384, P-521 or Ed25519",
        JwkError::MemberMissing => "a member that the key type needs is absent",
        JwkError::Encoding => "a number is not in its one right form: base64url, exact length or no leading zero",
        JwkError::PrivatePart => "it holds a private or symmetric part: take that out, and take the key out of use",
        JwkError::Use => "use is absent where it must be there, or names another use",
        JwkError::Operations => "key_ops does not permit verify, repeats a value, or contradicts use",
        JwkError::Algorithm => "alg is no signature algorithm that is known here, or not one for this key",
        JwkError::AlgorithmUnsupported => "this build checks no signature by the algorithms of this key",
        JwkError::AlgorithmNotAllowed => "the trust entry's algorithms hold none of this key",
        JwkError::InvalidKey => "no valid public key: off the curve, a weak modulus or exponent, a small-order point",
        JwkError::CertificateMismatch => "x5c begins with the certificate of another key",
        JwkError::KeyIdMissing => "kid is absent where it must be there",
        JwkError::KeyIdRepeated => "another key has the same kid, so a token cannot say which it means",
        _ => "not usable",
    }
}
