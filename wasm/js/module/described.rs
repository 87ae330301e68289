//! A policy document, its faults, and the tables of the core, as JSON for JavaScript.

use alloc::string::{String, ToString};

use countersign::{
    Algorithm, AlgorithmSet, Attribute, Check, Engine, LoadReport, PolicyError, Reason, ReplayState, TrustDocument,
};
use countersign_reload::ReloadError;

use crate::json::Json;

/// Reasons, attributes, checks and algorithms: what numbers of this module stand for.
pub(crate) fn tables() -> String {
    let mut json = Json::new();
    json.object(|json| {
        json.name("reasons");
        json.array(|json| {
            for reason in Reason::ALL {
                json.object(|json| {
                    json.text_member("reason", reason.code());
                    json.number_member("number", reason.number().into());
                    json.number_member("status", reason.status().into());
                    json.text_member("meaning", reason.meaning());
                });
            }
        });
        json.texts_member("attributes", Attribute::ALL.into_iter().map(Attribute::word));
        json.name("checks");
        json.array(|json| {
            for check in Check::ALL {
                json.object(|json| {
                    json.text_member("check", check.name());
                    json.text_member("rule", check.rule());
                });
            }
        });
        json.name("algorithms");
        json.object(|json| {
            AlgorithmSet::ALL.iter().for_each(|known| json.number_member(Algorithm::name(known), known.index().into()));
        });
    });
    json.finish()
}

/// The faults of a document, in the words of every host.
pub(crate) fn faults(faults: &[PolicyError]) -> String {
    let mut json = Json::new();
    json.array(|json| {
        for fault in faults {
            json.object(|json| {
                json.text_member("pointer", &fault.pointer);
                json.text_member("found", &fault.found);
                json.text_member("expected", &fault.expected);
                json.text_member("message", &fault.to_string());
            });
        }
    });
    json.finish()
}

/// Faults that are found after a document was read: in its inline documents, in the memory that it asks for.
pub(crate) fn document_faults(faults: &[ReloadError]) -> String {
    let mut json = Json::new();
    json.array(|json| {
        for fault in faults {
            json.object(|json| {
                json.text_member("pointer", &fault.place);
                json.text_member("found", &fault.fault);
                json.text_member("expected", "one that can be used here");
                json.text_member("message", &fault.to_string());
            });
        }
    });
    json.finish()
}

/// What a host must know of the policies and of the trust sources.
pub(crate) fn engine(engine: &Engine, warnings: &[String]) -> String {
    let document = engine.document();
    let mut json = Json::new();
    json.object(|json| {
        json.name("policies");
        json.array(|json| {
            for (_, policy) in document.policies() {
                json.object(|json| {
                    json.text_member("name", policy.name());
                    json.text_member("mode", policy.mode().name());
                    json.flag_member("has_origin", policy.has_origin());
                    json.flag_member("takes_proofs", policy.takes_proofs());
                    json.flag_member("asks_store", policy.asks_shared_store());
                    json.flag_member("introspects", policy.introspects());
                    json.number_member("body_bytes", policy.body().map_or(0, |body| body.most_bytes() as u64));
                    json.texts_member("fields", policy.header_fields());
                    let removed = policy.credentials().filter(|credential| credential.is_removed());
                    json.texts_member("removed", removed.map(|credential| credential.from().field()));
                });
            }
        });
        json.name("trust");
        json.array(|json| {
            for (_, source) in document.trust() {
                json.object(|json| {
                    let authority = source.authority();
                    let kind = if authority.is_trust_domain() { "trust_domain" } else { "issuer" };
                    json.text_member(kind, authority.name());
                    place(json, source.document());
                    json.text_member("member", source.form().inline_member());
                    json.number_member("min_refresh_seconds", source.min_refresh_seconds());
                    if let Some(seconds) = source.max_stale_seconds() {
                        json.number_member("max_stale_seconds", seconds);
                    }
                    if let Some(endpoint) = source.introspection() {
                        json.name("introspection");
                        json.object(|json| {
                            json.text_member("uri", endpoint.uri());
                            json.number_member("cache_seconds", endpoint.cache_seconds());
                        });
                    }
                });
            }
        });
        json.name("maps");
        json.array(|json| {
            for (_, map) in document.bundle_maps() {
                json.object(|json| {
                    place(json, map.document());
                    let names = map.authorities().filter_map(|index| document.source(index.as_usize()));
                    json.texts_member("trust_domains", names.map(|source| source.authority().name()));
                });
            }
        });
        json.texts_member("warnings", warnings.iter().map(String::as_str));
    });
    json.finish()
}

/// Where a document is.
fn place(json: &mut Json, document: &TrustDocument) {
    let (form, at) = match document {
        TrustDocument::Inline(_) => ("inline", None),
        TrustDocument::File(path) => ("file", Some(path)),
        TrustDocument::Uri(uri) => ("uri", Some(uri)),
        TrustDocument::Pushed => ("pushed", None),
        TrustDocument::Map(_) => ("map", None),
    };
    json.text_member("document", form);
    if let Some(at) = at {
        json.text_member("at", at);
    }
}

/// What a new document changed.
pub(crate) fn loaded(report: &LoadReport, refresh_hint: Option<u64>, warnings: &[String]) -> String {
    let mut json = Json::new();
    json.object(|json| {
        for (name, count) in [("kept", report.kept), ("added", report.added), ("removed", report.removed)] {
            json.number_member(name, count as u64);
        }
        json.number_member("dropped", report.dropped_count as u64);
        if let Some(seconds) = refresh_hint {
            json.number_member("refresh_hint_seconds", seconds);
        }
        json.texts_member("warnings", warnings.iter().map(String::as_str));
    });
    json.finish()
}

/// Lines for a log.
pub(crate) fn warnings(warnings: &[String]) -> String {
    let mut json = Json::new();
    json.object(|json| json.texts_member("warnings", warnings.iter().map(String::as_str)));
    json.finish()
}

/// What was counted, and how full the memories are.
pub(crate) fn counters(engine: &Engine, replay: Option<ReplayState>, cached_tokens: usize, waiting: usize) -> String {
    let mut json = Json::new();
    json.object(|json| {
        json.number_member("accepted", engine.accepted());
        json.name("refused");
        json.object(|json| {
            for reason in Reason::ALL {
                let count = engine.refused(reason);
                if count > 0 {
                    json.number_member(reason.code(), count);
                }
            }
        });
        json.number_member("cached_tokens", cached_tokens as u64);
        json.number_member("waiting", waiting as u64);
        if let Some(state) = replay {
            json.name("replay");
            json.object(|json| {
                json.number_member("slots", state.slots as u64);
                json.number_member("live_proofs", state.live_proofs as u64);
                json.number_member("refusing_permille", state.refusing_permille.into());
                json.number_member("refusing_until", state.refusing_until.as_u64());
            });
        }
    });
    json.finish()
}

/// The result of each check, in their public order.
pub(crate) fn checks(visited: &[Check], refused: bool) -> String {
    let mut json = Json::new();
    json.array(|json| {
        for (check, result) in Check::results(visited, refused) {
            json.object(|json| {
                json.text_member("check", check.name());
                json.text_member("rule", check.rule());
                json.text_member("result", result.word());
            });
        }
    });
    json.finish()
}
