//! `cnf` (RFC 7800), certificate-bound tokens (RFC 8705) and downgrades.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::Reason::{
    BindingAmbiguous, BindingRequired, BindingUnsupported, CertificateMismatch, CertificateMissing, ClaimInvalid,
    ProofMissing, SchemeMismatch,
};

use super::Corpus;
use crate::issuer::{access, b64, certificate, jwk, key, proof, sha256, svid};
use crate::request::{Doc, authorization, bearer, dpop};

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("mtls");
    let doc = Doc::access();
    let bound = access().bound_to_certificate("client").text();
    corpus.refuse("no_certificate", "RFC 8705 §3 (MT-6, MT-10)", &doc, &bearer(&bound), CertificateMissing);
    corpus.refuse(
        "other_certificate",
        "RFC 8705 §3 (MT-6)",
        &doc,
        &bearer(&bound).certificate("client-other"),
        CertificateMismatch,
    );
    corpus.refuse(
        "certificate_with_a_byte_more",
        "RFC 8705 §3.1 (A32)",
        &doc,
        &{
            let mut request = bearer(&bound).certificate("client");
            request.client_cert.as_mut().unwrap().push(0);
            request
        },
        CertificateMismatch,
    );
    corpus.refuse(
        "certificate_in_a_header",
        "MT-13, CVE-2026-46579",
        &doc,
        &bearer(&bound)
            .header("client-cert", &format!(":{}:", STANDARD.encode(certificate("client"))))
            .header("x-forwarded-client-cert", "Hash=0"),
        CertificateMissing,
    );
    corpus.accept(
        "certificate_beside_an_unbound_token",
        "RFC 8705 §3",
        &doc,
        &bearer(&access().text()).certificate("client"),
    );
    let thumbprint = sha256(&certificate("client"));
    let hex: String = thumbprint.iter().map(|byte| format!("{byte:02x}")).collect();
    let rule = "RFC 8705 §3.1 (MT-7)";
    for (name, value) in [
        ("padded", format!("\"{}=\"", b64(&thumbprint))),
        ("hexadecimal", format!("\"{hex}\"")),
        (
            "standard_alphabet",
            format!("\"{}\"", STANDARD.encode(&thumbprint).trim_end_matches('=').replace('_', "/") + "+"),
        ),
        ("of_sha1_length", format!("\"{}\"", b64(&thumbprint[..20]))),
        ("one_byte_short", format!("\"{}\"", b64(&thumbprint[..31]))),
        ("one_byte_long", format!("\"{}\"", b64([&thumbprint[..], &[0]].concat()))),
        ("empty", "\"\"".to_owned()),
        ("null", "null".to_owned()),
        ("array", format!("[\"{}\"]", b64(&thumbprint))),
        ("with_space", format!("\" {}\"", b64(&thumbprint))),
    ] {
        let token = access().claim("cnf", &format!("{{\"x5t#S256\":{value}}}"));
        corpus.refuse(
            &format!("thumbprint_{name}"),
            rule,
            &doc,
            &bearer(&token.text()).certificate("client"),
            ClaimInvalid,
        );
    }
    let escaped = access().claim("cnf", &format!("{{\"x5t\\u0023S256\":\"{}\"}}", b64(&thumbprint)));
    corpus.accept("escaped_member_name", "RFC 8259 §7", &doc, &bearer(&escaped.text()).certificate("client"));
    corpus.refuse(
        "escaped_member_name_without_certificate",
        "RFC 8259 §7",
        &doc,
        &bearer(&escaped.text()),
        CertificateMissing,
    );
    corpus.refuse(
        "bound_svid_without_certificate",
        "RFC 8705 §3",
        &Doc::svid(),
        &bearer(&svid().bound_to_certificate("client").text()),
        CertificateMissing,
    );

    corpus.area("confirmation");
    let rule = "RFC 7800 §3.1 (CNF-1, A26)";
    let cnf = |json: &str| bearer(&access().claim("cnf", json).text());
    for (name, value) in [("string", "\"x\""), ("null", "null"), ("array", "[]"), ("true", "true"), ("number", "0")] {
        corpus.refuse(name, rule, &doc, &cnf(value), ClaimInvalid);
    }
    let client = jwk("client-p256", "");
    for (name, value) in [
        ("empty", "{}".to_owned()),
        ("unknown_method", "{\"x\":\"y\"}".to_owned()),
        ("kid_only", "{\"kid\":\"k\"}".to_owned()),
        ("jwk", format!("{{\"jwk\":{client}}}")),
        ("jwe", "{\"jwe\":\"a.b.c.d.e\"}".to_owned()),
        ("jku", "{\"jku\":\"https://evil.example\"}".to_owned()),
        ("sha1_thumbprint", "{\"x5t\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAA\"}".to_owned()),
        ("jkt_in_capitals", format!("{{\"JKT\":\"{}\"}}", key("client-p256").thumbprint())),
        ("x5t_s256_in_small_letters", format!("{{\"x5t#s256\":\"{}\"}}", b64(&thumbprint))),
    ] {
        corpus.refuse(name, rule, &doc, &cnf(&value), BindingUnsupported);
    }
    let jkt = key("client-p256").thumbprint();
    for (name, value) in [
        ("jkt_and_jwk", format!("{{\"jkt\":\"{jkt}\",\"jwk\":{client}}}")),
        ("x5t_and_jku", format!("{{\"x5t#S256\":\"{}\",\"jku\":\"https://evil.example\"}}", b64(&thumbprint))),
        ("jwk_and_jwe", format!("{{\"jwk\":{client},\"jwe\":\"x\"}}")),
    ] {
        corpus.refuse(name, "RFC 7800 §3.1 (CNF-1)", &doc, &cnf(&value), BindingAmbiguous);
    }
    for (name, value) in [
        ("jkt_short", format!("\"{}\"", &jkt[..42])),
        ("jkt_long", format!("\"{jkt}A\"")),
        ("jkt_padded", format!("\"{jkt}=\"")),
        ("jkt_empty", "\"\"".to_owned()),
        ("jkt_number", "7".to_owned()),
        ("jkt_null", "null".to_owned()),
        ("jkt_array", format!("[\"{jkt}\"]")),
        ("jkt_other_alphabet", format!("\"{}+\"", &jkt[..42])),
    ] {
        corpus.refuse(name, "RFC 9449 §6.1 (TP-4)", &doc, &cnf(&format!("{{\"jkt\":{value}}}")), ClaimInvalid);
    }
    let known = access().claim("cnf", &format!("{{\"jkt\":\"{jkt}\",\"future\":[1]}}")).text();
    corpus.accept("unknown_member_beside_jkt", rule, &doc, &dpop(&known, &proof(&known).text()));

    corpus.area("downgrade");
    let token = access().text();
    let keyed = access().bound_to_key("client-p256").text();
    let certified = bound;
    let both = access().bound_to_both("client-p256", "client").text();
    let rule = "RFC 9449 §7.2 (DP-16, A26)";
    corpus.refuse("bound_token_as_bearer", rule, &doc, &bearer(&keyed), ProofMissing);
    corpus.refuse(
        "bound_token_as_bearer_with_a_valid_proof",
        rule,
        &doc,
        &bearer(&keyed).header("dpop", &proof(&keyed).text()),
        SchemeMismatch,
    );
    corpus.refuse(
        "bound_token_as_dpop_without_proof",
        "RFC 9449 §7.1 (DP-15)",
        &doc,
        &authorization(&format!("DPoP {keyed}")),
        ProofMissing,
    );
    corpus.refuse(
        "unbound_token_as_dpop",
        "RFC 9449 §6, §7.1 (DP-17)",
        &doc,
        &dpop(&token, &proof(&token).text()),
        BindingRequired,
    );
    corpus.refuse(
        "unbound_token_as_dpop_without_proof",
        "RFC 9449 §7.1 (DP-17)",
        &doc,
        &authorization(&format!("DPoP {token}")),
        BindingRequired,
    );
    corpus.refuse(
        "certificate_bound_token_as_dpop",
        "RFC 9449 §7.1 (DP-17)",
        &doc,
        &dpop(&certified, &proof(&certified).text()).certificate("client"),
        BindingRequired,
    );
    corpus.refuse(
        "bound_svid_as_bearer",
        rule,
        &Doc::svid(),
        &bearer(&svid().bound_to_key("client-p256").text()),
        ProofMissing,
    );
    let needs = |what: &str| doc.clone().member("binding", &format!("{{\"require\":\"{what}\"}}"));
    let rule = "policy: binding.require (MT-10)";
    let proven = dpop(&keyed, &proof(&keyed).text());
    let by_certificate = bearer(&certified).certificate("client");
    for (name, what, unbound, keyed, certified) in [
        ("any", "any", false, true, true),
        ("dpop", "dpop", false, true, false),
        ("mtls", "mtls", false, false, true),
        ("none", "none", true, true, true),
    ] {
        let doc = needs(what);
        for (sort, request, passes) in [
            ("unbound", &bearer(&token), unbound),
            ("key_bound", &proven, keyed),
            ("certificate_bound", &by_certificate, certified),
        ] {
            let name = format!("require_{name}_with_{sort}");
            if passes {
                corpus.accept(&name, rule, &doc, request);
            } else {
                corpus.refuse(&name, rule, &doc, request, BindingRequired);
            }
        }
    }
    let rule = "RFC 9449 §7.1, RFC 8705 §3: both confirmations (CNF-1)";
    let both_proven = dpop(&both, &proof(&both).text());
    corpus.refuse("both_without_certificate", rule, &doc, &both_proven, CertificateMissing);
    corpus.refuse(
        "both_with_another_certificate",
        rule,
        &doc,
        &both_proven.clone().certificate("client-other"),
        CertificateMismatch,
    );
    corpus.refuse("both_without_proof", rule, &doc, &bearer(&both).certificate("client"), ProofMissing);
    corpus.refuse(
        "both_with_the_proof_of_another",
        rule,
        &doc,
        &dpop(&both, &proof(&both).key("client-other-p256").text()).certificate("client"),
        countersign::Reason::ProofKeyMismatch,
    );
}
