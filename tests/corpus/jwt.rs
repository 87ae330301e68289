//! Plain JWTs of a pinned issuer, and which kind a token is where several are accepted.

use countersign::Reason::{
    AudienceMismatch, ClaimInvalid, ClaimMissing, KeyUnknown, SignatureInvalid, SubjectMalformed, SubjectRefused,
    TrustDomainUnknown, TypNotAccepted,
};

use super::Corpus;
use crate::issuer::{SUBJECT, access, plain, q, svid};
use crate::request::{Doc, bearer};

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("jwt");
    let doc = Doc::plain();
    let token = plain();
    for claim in ["iss", "aud", "exp"] {
        corpus.refuse(
            &format!("{claim}_absent"),
            "RFC 7519 §4.1, RFC 8725 §3.8, §3.9 (AT-10)",
            &doc,
            &bearer(&token.clone().no_claim(claim).text()),
            ClaimMissing,
        );
    }
    for claim in ["sub", "iat"] {
        corpus.accept(
            &format!("{claim}_absent"),
            "RFC 7519 §4.1",
            &doc,
            &bearer(&token.clone().no_claim(claim).text()),
        );
    }
    for (name, typ) in [
        ("lower_case", "jwt"),
        ("application_jwt", "application/jwt"),
        ("application_in_capitals", "Application/JWT"),
        ("escaped", "J\\u0057T"),
        ("application_escaped", "application\\/jwt"),
    ] {
        corpus.accept(
            &format!("typ_{name}"),
            "RFC 7515 §4.1.9, 8725bis §3.11 (D6)",
            &doc,
            &bearer(&token.clone().header("typ", &q(typ)).text()),
        );
    }
    corpus.accept("typ_absent", "RFC 7519 §5.1", &doc, &bearer(&token.clone().no_header("typ").text()));
    for (name, typ) in [
        ("jose", "JOSE"),
        ("at_jwt", "at+jwt"),
        ("at_jwt_escaped", "application\\/at+jwt"),
        ("dpop_jwt", "dpop+jwt"),
        ("secevent", "secevent+jwt"),
        ("application_twice", "application/application/jwt"),
        ("text_tree", "text/jwt"),
        ("slash_inside", "j/wt"),
        ("empty", ""),
    ] {
        corpus.refuse(
            &format!("typ_{name}"),
            "RFC 8725 §3.11 (BCP-10)",
            &doc,
            &bearer(&token.clone().header("typ", &q(typ)).text()),
            TypNotAccepted,
        );
    }
    corpus.refuse(
        "aud_other",
        "RFC 7519 §4.1.3",
        &doc,
        &bearer(&token.clone().claim("aud", "\"client\"").text()),
        AudienceMismatch,
    );

    let rule = "RFC 7519 §4.1.3 (D6)";
    let audience = |json: &str| bearer(&plain().claim("aud", json).text());
    corpus.accept("aud_with_an_empty_string", rule, &doc, &audience("[\"\",\"https://api.example\"]"));
    corpus.accept("aud_twice", rule, &doc, &audience(r#"["https://api.example","https://api.example"]"#));
    corpus.refuse("aud_of_empty_strings", rule, &doc, &audience(r#"["",""]"#), ClaimInvalid);
    corpus.refuse("aud_of_an_empty_string", rule, &doc, &audience("[\"\"]"), ClaimInvalid);
    corpus.refuse("aud_empty_and_other", rule, &doc, &audience("[\"\",\"https://other.example\"]"), AudienceMismatch);

    corpus.area("kind");
    let all = Doc::all();
    let rule = "RFC 8725 §3.12 (BCP-11, A24)";
    corpus.accept("svid_among_all", rule, &all, &bearer(&svid().text()));
    corpus.accept("access_token_among_all", rule, &all, &bearer(&access().text()));
    corpus.accept("jwt_among_all", rule, &all, &bearer(&plain().text()));
    // An ID token whose subject looks like a SPIFFE ID never passes by its issuer's key.
    corpus.refuse(
        "jwt_with_a_spiffe_subject",
        "spiffe-client-auth §8.1",
        &all,
        &bearer(&plain().claim("sub", &q(SUBJECT)).text()),
        KeyUnknown,
    );
    corpus.refuse(
        "jwt_with_a_spiffe_subject_and_a_stolen_kid",
        "spiffe-client-auth §8.1",
        &all,
        &bearer(&plain().claim("sub", &q(SUBJECT)).header("kid", "\"domain-p256\"").text()),
        SignatureInvalid,
    );
    corpus.refuse(
        "jwt_with_a_subject_of_a_strange_domain",
        "spiffe-client-auth §8.1",
        &all,
        &bearer(&plain().claim("sub", "\"spiffe://evil.example/a\"").text()),
        TrustDomainUnknown,
    );
    corpus.refuse(
        "jwt_with_half_a_spiffe_subject",
        "spiffe-client-auth §8.1",
        &all,
        &bearer(&plain().claim("sub", "\"spiffe:evil\"").text()),
        SubjectMalformed,
    );
    // Neither the spelling of `typ` nor that of the subject decides whose keys count.
    let rule = "RFC 7515 §4.1.9, RFC 8259 §8.3, RFC 8725 §3.12 (A1)";
    let spellings = [
        ("plain", SUBJECT.to_owned()),
        ("first_letter", format!("\\u0073{}", &SUBJECT[1..])),
        ("colon", SUBJECT.replacen(':', "\\u003A", 1)),
        ("slashes", SUBJECT.replace('/', "\\/")),
    ];
    for (typ_name, typ) in [
        ("absent", None),
        ("jwt", Some("JWT")),
        ("jose", Some("JOSE")),
        ("lower_case", Some("jwt")),
        ("mixed_case", Some("jWT")),
        ("escaped", Some("\\u004AWT")),
        ("long", Some("application/JWT")),
        ("long_lower_case", Some("application\\/jwt")),
    ] {
        for (name, subject) in &spellings {
            let token = plain().claim("sub", &q(subject));
            let token = match typ {
                Some(typ) => token.header("typ", &q(typ)),
                None => token.no_header("typ"),
            };
            let name = format!("issuer_names_a_workload_typ_{typ_name}_sub_{name}");
            corpus.refuse(&name, rule, &all, &bearer(&token.text()), KeyUnknown);
        }
    }
    let pattern =
        |subjects: &str| all.clone().accept(&format!(r#"["jwt-svid",{{"kind":"jwt","subjects":{subjects}}}]"#));
    for (name, subject) in [("capitals", "SPIFFE://example.org/ns/shop/sa/web"), ("space", " spiffe://example.org/a")] {
        let request = bearer(&plain().claim("sub", &q(subject)).text());
        let rule = "SPIFFE-ID §2 (SID-1, A1)";
        let spiffe = pattern(r#"["spiffe://example.org/**"]"#);
        corpus.refuse(&format!("subject_in_{name}_is_no_spiffe_id"), rule, &spiffe, &request, SubjectRefused);
    }
    let rule = "RFC 8725 §3.12 (BCP-11, A24)";
    corpus.refuse("svid_where_only_jwt_is_taken", rule, &Doc::plain(), &bearer(&svid().text()), ClaimMissing);
    corpus.refuse(
        "svid_where_only_access_tokens_are_taken",
        rule,
        &Doc::access(),
        &bearer(&svid().text()),
        TypNotAccepted,
    );
    corpus.refuse(
        "access_token_where_only_svids_are_taken",
        rule,
        &Doc::svid(),
        &bearer(&access().text()),
        TypNotAccepted,
    );
    corpus.refuse(
        "access_token_where_only_jwt_is_taken",
        rule,
        &Doc::plain(),
        &bearer(&access().text()),
        TypNotAccepted,
    );
    corpus.refuse("jwt_where_only_svids_are_taken", rule, &Doc::svid(), &bearer(&plain().text()), SubjectMalformed);
    corpus.refuse(
        "jwt_where_only_access_tokens_are_taken",
        rule,
        &Doc::access(),
        &bearer(&plain().text()),
        TypNotAccepted,
    );
    let retyped = svid()
        .header("typ", "\"at+jwt\"")
        .claim("iss", "\"https://as.example\"")
        .claim("client_id", "\"c\"")
        .claim("jti", "\"j\"");
    corpus.refuse("svid_key_signs_an_access_token", "RFC 8725 §3.8", &all, &bearer(&retyped.text()), KeyUnknown);
}
