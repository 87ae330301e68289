//! `dpop.shared_store`: several machines share the store of used proofs, which the host asks.

use countersign::Reason::{DecisionAbandoned, InternalError, ProofReplayed, ProofUriMismatch, ReplayStoreUnavailable};
use serde_json::json;

use super::{Corpus, accepted, ask, refused};
use crate::issuer::{access, proof, svid};
use crate::request::{Doc, Req, bearer, dpop};

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("shared_store");
    let rule = "RFC 9449 §11.1 (DP-13): use once in a store that several machines share";
    let doc = Doc::access().member("dpop", r#"{"shared_store":"required"}"#);
    let bound = access().bound_to_key("client-p256").text();
    let with = |jti: &str| dpop(&bound, &proof(&bound).claim("jti", &format!("\"{jti}\"")).text());
    let said = |request: Req, word: &str| request.answer(json!({ "use_once": word }));
    corpus.accept("first", rule, &doc, &said(with("a"), "first"));
    corpus.refuse("used", rule, &doc, &said(with("a"), "used"), ProofReplayed);
    corpus.answer("unavailable", rule, &doc, &said(with("a"), "unavailable"), ReplayStoreUnavailable, &[]);
    corpus.refuse("abandoned", rule, &doc, &with("a"), DecisionAbandoned);
    let other = with("a").answer(json!({ "introspection": "failed" }));
    corpus.refuse("answer_to_another_question", rule, &doc, &other, InternalError);
    corpus.steps(
        "used_here_before",
        rule,
        &doc,
        vec![ask(&said(with("a"), "first"), accepted()), ask(&with("a"), refused(ProofReplayed))],
    );
    // The proof is used up here before the shared store is asked: the same request again is a replay, whatever that store said.
    corpus.steps(
        "used_up_when_the_store_did_not_answer",
        rule,
        &doc,
        vec![
            ask(&said(with("a"), "unavailable"), refused(ReplayStoreUnavailable)),
            ask(&with("a"), refused(ProofReplayed)),
            ask(&said(with("b"), "first"), accepted()),
        ],
    );
    let elsewhere = dpop(&bound, &proof(&bound).claim("htu", "\"https://other.example/\"").text());
    corpus.refuse("not_asked_about_a_refused_proof", rule, &doc, &elsewhere, ProofUriMismatch);
    corpus.accept("not_asked_about_an_unbound_token", rule, &doc, &bearer(&access().text()));
    let svids = Doc::svid().member("dpop", r#"{"shared_store":"required"}"#);
    corpus.accept("not_asked_about_an_unbound_svid", rule, &svids, &bearer(&svid().text()));
    let own = Doc::access().member("dpop", r#"{"shared_store":"off"}"#);
    corpus.accept("off", rule, &own, &with("a"));
    let certified = bearer(&access().bound_to_certificate("client").text()).certificate("client");
    corpus.accept("not_asked_about_a_certificate", rule, &doc, &certified);
}
