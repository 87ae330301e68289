//! The documents that the engine and its hosts read: one row of `documents!` each, with its limits.
//!
//! The row of a document gives every reader its longest length and its deepest nesting. `docs/documents.md` is generated from the rows.

use core::fmt;

use crate::jose::json::{self, Budget, JsonError, Value};
use crate::limits::{Limit, row};

/// Why a text is not read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentFault {
    /// It is longer than its kind may be.
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The limit.
        most: &'static Limit,
    },
    /// It is not JSON, or repeats a name, or exceeds a limit of its kind.
    Json(JsonError),
}

impl fmt::Display for DocumentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, most } => write!(f, "found {bytes} bytes, expected {}", most.of("bytes")),
            Self::Json(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for DocumentFault {}

/// One row a kind: `Name "word" "title", bytes, budget, "media type", "page", "source";`.
macro_rules! documents {
    ($($kind:ident $word:literal $title:literal, $bytes:ident, $budget:expr, $media_type:literal, $page:literal, $source:literal;)+) => {
        /// A kind of document.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DocumentKind {
            $(#[doc = $title] $kind,)+
        }

        impl DocumentKind {
            /// Every kind, in the order of the table.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$kind),+];

            /// The word in file names and reports.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)+
                }
            }

            /// The title of a document of the kind.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$kind => $title,)+
                }
            }

            /// How long it may be.
            #[must_use]
            pub const fn bytes(self) -> &'static Limit {
                match self {
                    $(Self::$kind => &row::$bytes,)+
                }
            }

            /// How much of its JSON a reader looks at.
            #[must_use]
            pub const fn budget(self) -> Budget {
                match self {
                    $(Self::$kind => $budget,)+
                }
            }

            /// Its media type.
            #[must_use]
            pub const fn media_type(self) -> &'static str {
                match self {
                    $(Self::$kind => $media_type,)+
                }
            }

            /// The page about it, from the root of the repository.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$kind => $page,)+
                }
            }

            /// The specification that it follows.
            #[must_use]
            pub const fn source(self) -> &'static str {
                match self {
                    $(Self::$kind => $source,)+
                }
            }
        }
    };
}

documents! {
    Policy "policy" "policy document", POLICY_DOCUMENT_BYTES, Budget::POLICY, "application/json", "docs/policy.md", "core/policy.schema.json";
    Settings "settings" "settings of a host", POLICY_DOCUMENT_BYTES, Budget::POLICY, "application/json", "docs/hosts/envoy-settings.md", "the page of the host";
    Revocations "revocations" "list of revocations", POLICY_DOCUMENT_BYTES, Budget::REVOCATIONS, "application/json", "docs/revocations.md", "the page";
    Bundle "bundle" "SPIFFE bundle", TRUST_DOCUMENT_BYTES, Budget::TRUST, "application/json", "docs/specs/jwt_svid.md", "SPIFFE Trust Domain and Bundle §4";
    JwkSet "jwk_set" "JWK set", TRUST_DOCUMENT_BYTES, Budget::TRUST, "application/jwk-set+json", "docs/specs/access_token.md", "RFC 7517 §5";
    BundleMap "bundle_map" "SPIFFE bundle map", TRUST_DOCUMENT_BYTES, Budget::TRUST, "application/json", "docs/specs/jwt_svid.md", "SPIFFE Trust Domain and Bundle §5";
    HelperMap "helper_map" "bundle map of spiffe-helper", TRUST_DOCUMENT_BYTES, Budget::TRUST, "application/json", "docs/specs/jwt_svid.md", "`jwt_bundle_file_name` of spiffe-helper";
    Introspection "introspection" "introspection answer", INTROSPECTION_ANSWER_BYTES, Budget::TOKEN, "application/json", "docs/specs/introspection.md", "RFC 7662 §2.2";
    Body "body" "body of a request", BODY_BYTES, Budget::BODY, "application/json", "docs/policy.md", "JSON-RPC 2.0 §4";
}

impl DocumentKind {
    /// The value of a text of the kind.
    ///
    /// # Errors
    /// [`DocumentFault`]
    pub fn parse(self, text: &[u8]) -> Result<Value<'_>, DocumentFault> {
        if text.len() > self.bytes().most {
            return Err(DocumentFault::TooLong { bytes: text.len(), most: self.bytes() });
        }
        json::parse(text, self.budget()).map_err(DocumentFault::Json)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    #[test]
    fn rows_have_words_and_titles_of_their_own() {
        let words: BTreeSet<&str> = DocumentKind::ALL.into_iter().map(DocumentKind::word).collect();
        let titles: BTreeSet<&str> = DocumentKind::ALL.into_iter().map(DocumentKind::title).collect();
        assert_eq!((words.len(), titles.len()), (DocumentKind::ALL.len(), DocumentKind::ALL.len()));
    }

    #[test]
    fn each_kind_is_read_up_to_its_limits_and_not_beyond() {
        for kind in DocumentKind::ALL {
            let most = kind.bytes().most;
            let mut text = vec![b' '; most + 1];
            text[..2].copy_from_slice(b"{}");
            assert!(kind.parse(&text[..most]).is_ok(), "{kind:?}");
            let fault = kind.parse(&text).err().map(|fault| fault.to_string());
            let expected =
                format!("found {} bytes, expected at most {most} bytes (limit {})", most + 1, kind.bytes().name);
            assert_eq!(fault, Some(expected), "{kind:?}");

            let depth = kind.budget().depth.most;
            let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            assert!(kind.parse(nested(depth).as_bytes()).is_ok(), "{kind:?}");
            assert!(matches!(kind.parse(nested(depth + 1).as_bytes()), Err(DocumentFault::Json(_))), "{kind:?}");
            assert!(most <= crate::limits::JSON_TEXT_BYTES, "{kind:?} may be longer than any JSON text");
        }
    }
}
