//! Transaction tokens (draft-ietf-oauth-transaction-tokens): what a call chain is for, handed from workload to workload.
//!
//! §12: a transaction token "is not an authentication credential": it comes in a header field of its own beside the credential of the
//! caller, and never in `Authorization`. Does not check: what `tctx` and `rctx` say, which is the application's; replay of `txn`, which
//! one call graph presents several times; and that outbound calls pass the token on.

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::header::Typ;
use crate::reason::Reason;
use crate::specs::claims::{Claim, ClaimSet, UnverifiedClaims};
use crate::specs::row::{Keys, Latitude, Place, Profile};

pub(crate) const PROFILE: Profile = Profile {
    name: "txntoken+jwt",
    title: "transaction token",
    // §9.1: "typ: […] MUST be txntoken+jwt" (specs: TT-1).
    types: &[Typ::TxntokenJwt],
    algorithms: AlgorithmSet::ALL,
    // §9.2: `iss` is optional; where it is absent, the policy names the one service that issues them in the trust domain.
    keys: Keys::PinnedIssuer,
    // §12, §13.12 (specs: TT-4, TT-6).
    place: Place::OwnHeader,
    // §9.2 (specs: TT-2). §12.2: `aud` "identifies the trust domain" of this workload: the policy's audience is compared with it.
    required: ClaimSet::of(&[
        Claim::IssuedAt,
        Claim::Audience,
        Claim::ExpiresAt,
        Claim::Transaction,
        Claim::Subject,
        Claim::Scope,
        Claim::RequestingWorkload,
    ]),
    may_lack: ClaimSet::of(&[]),
    scope_is_text: true,
    kept: ClaimSet::of(&[
        Claim::Issuer,
        Claim::Subject,
        Claim::Scope,
        Claim::TokenId,
        Claim::Actor,
        Claim::Transaction,
        Claim::RequestingWorkload,
        Claim::TransactionContext,
        Claim::RequesterContext,
    ]),
    check_header: |_, _| Ok(()),
    check_claims,
    latitude: |_| Latitude::JOSE,
    rules: "TT",
};

/// §9.2: `txn` is "a unique transaction identifier" and `req_wl` names a workload: an empty one names nothing.
fn check_claims(claims: &UnverifiedClaims<'_>) -> Result<(), Reason> {
    let is_empty = |text: Option<crate::jose::json::JsonString<'_>>| text.is_some_and(|text| text.is_empty());
    if is_empty(claims.transaction) || is_empty(claims.requesting_workload) {
        return Err(Reason::ClaimInvalid);
    }
    Ok(())
}
