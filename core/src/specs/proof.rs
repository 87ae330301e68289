//! The methods that prove possession of the key or certificate of a token: one row of `proofs!` each, which names the file of its specification.

#[cfg(not(all(feature = "dpop", feature = "mtls")))]
use crate::reason::Reason;
use crate::specs::common::presentation::AuthScheme;
use crate::specs::row::ProofMethod;
use crate::specs::{dpop, mtls};

/// One row a method: `Name, feature, row of its specification, "meaning";`.
macro_rules! proofs {
    ($($method:ident, $feature:literal, $row:expr, $meaning:literal;)+) => {
        /// A method that proves possession.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProofKind {
            $(#[doc = $meaning] $method,)+
        }

        impl ProofKind {
            /// Every method, in the order in which they are checked.
            pub const ALL: [Self; [$($feature),+].len()] = [$(Self::$method),+];

            /// The cargo feature that the method needs.
            #[must_use]
            pub const fn feature(self) -> &'static str {
                match self {
                    $(Self::$method => $feature,)+
                }
            }

            /// Whether this build checks the method: a token that is bound by another is refused.
            #[must_use]
            pub const fn is_built(self) -> bool {
                match self {
                    $(Self::$method => cfg!(feature = $feature),)+
                }
            }

            pub(crate) fn method(self) -> &'static ProofMethod {
                match self {
                    $(Self::$method => {
                        #[cfg(feature = $feature)]
                        static ROW: ProofMethod = $row;
                        #[cfg(not(feature = $feature))]
                        static ROW: ProofMethod = ProofMethod { check: |_| Err(Reason::BindingUnsupported), ..$row };
                        &ROW
                    })+
                }
            }
        }
    };
}

proofs! {
    Mtls, "mtls", mtls::METHOD, "The client certificate of the connection (RFC 8705).";
    Dpop, "dpop", dpop::METHOD, "A DPoP proof (RFC 9449).";
}

impl ProofKind {
    /// The word in policies, decisions and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.method().name
    }

    /// The member of `cnf` that demands it.
    #[must_use]
    pub fn confirmation(self) -> &'static str {
        self.method().confirmation
    }

    /// The header fields that a host must pass on for it, in small letters.
    #[must_use]
    pub fn header_fields(self) -> &'static [&'static str] {
        self.method().header_fields
    }

    /// The scheme of its own that a token may come under.
    #[must_use]
    pub fn scheme(self) -> Option<AuthScheme> {
        self.method().scheme
    }

    /// The prefix of the ids of its rules.
    #[must_use]
    pub fn rules(self) -> &'static str {
        self.method().rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_share_no_name_no_member_and_no_scheme() {
        for method in ProofKind::ALL {
            let alike =
                |same: &dyn Fn(ProofKind) -> bool| ProofKind::ALL.into_iter().filter(|other| same(*other)).count();
            assert_eq!(alike(&|other| other.name() == method.name()), 1);
            assert_eq!(alike(&|other| other.confirmation() == method.confirmation()), 1);
            assert_eq!(alike(&|other| other.rules() == method.rules()), 1);
            assert!(method.scheme().is_none() || alike(&|other| other.scheme() == method.scheme()) == 1);
        }
    }
}
