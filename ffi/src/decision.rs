//! The decision: what became of a request, read by getters.

use std::cell::{Cell, OnceCell};
use std::fmt::Write;

use countersign::internal::jose::base64url;
use countersign::{AuthScheme, Decision, NamedClaim, VerifiedToken};

use crate::boundary::{Output, borrow, checked, guarded};
use crate::bytes::countersign_bytes;
use crate::fields::countersign_attribute;
use crate::kinds::countersign_token_kind;
use crate::reasons::countersign_reason;
use crate::result::countersign_result;
use crate::text::countersign_str;
use crate::trust::countersign_authority_kind;

/// What became of a request. Valid until the next call with its worker, and only for that worker's thread; so are the texts that
/// the getters give. The getters of a NULL decision say that it is refused.
#[derive(Default)]
pub struct countersign_decision {
    made: Option<Decision<'static>>,
    headers: OnceCell<Headers>,
    /// Memory of the last decision's header fields, for the next ones.
    spare: Cell<Headers>,
    bound_key: OnceCell<Thumbprint>,
    bound_certificate: OnceCell<Thumbprint>,
    key_thumbprint: OnceCell<Thumbprint>,
}

/// In base64url.
type Thumbprint = [u8; 43];

/// The header fields of an answer, one after the other.
#[derive(Default)]
struct Headers {
    text: String,
    /// Where each name and each value ends.
    ends: Vec<(usize, usize)>,
}

impl countersign_decision {
    /// Ends the decision, and with it all that borrows from the worker.
    pub(crate) fn forget(&mut self) {
        self.made = None;
        if let Some(mut headers) = self.headers.take() {
            headers.text.clear();
            headers.ends.clear();
            self.spare.set(headers);
        }
        self.bound_key.take();
        self.bound_certificate.take();
        self.key_thumbprint.take();
    }

    pub(crate) fn keep(&mut self, decision: Decision<'static>) {
        self.made = Some(decision);
    }

    fn text(&self, field: u32) -> countersign_str<'_> {
        let verified = self.made.as_ref().and_then(Decision::verified_token);
        self.text_of(verified.as_ref(), field)
    }

    /// A text of this decision, whose attributes are `attributes`.
    fn text_of<'a>(&'a self, verified: Option<&VerifiedToken<'a>>, field: u32) -> countersign_str<'a> {
        let Some(decision) = &self.made else { return countersign_str::NONE };
        let wanted = |known: countersign_attribute| field == known as u32;
        let policy = decision.policy();
        let always = match field {
            _ if wanted(countersign_attribute::Policy) => policy.map(|policy| policy.name()),
            _ if wanted(countersign_attribute::Mode) => policy.map(|policy| policy.mode().name()),
            _ if wanted(countersign_attribute::Scheme) => decision.scheme().map(AuthScheme::name),
            _ if wanted(countersign_attribute::Cache) => Some(decision.cache_tier().name()),
            _ if wanted(countersign_attribute::RpcMethod) => decision.rpc_method(),
            _ if wanted(countersign_attribute::Tool) => decision.tool(),
            _ => None,
        };
        if always.is_some() {
            return countersign_str::or_none(always);
        }
        let Some(verified) = verified else { return countersign_str::NONE };
        let cnf = &verified.confirmation;
        countersign_str::or_none(match field {
            _ if wanted(countersign_attribute::BoundKey) => thumbprint(&self.bound_key, cnf.key_thumbprint),
            _ if wanted(countersign_attribute::BoundCertificate) => {
                thumbprint(&self.bound_certificate, cnf.certificate_thumbprint)
            }
            _ if wanted(countersign_attribute::KeyThumbprint) => {
                thumbprint(&self.key_thumbprint, decision.key_thumbprint())
            }
            _ => said(decision, verified, field),
        })
    }

    /// The answer's header fields, written when they are first asked for.
    fn headers(&self) -> &Headers {
        self.headers.get_or_init(|| {
            let mut headers = self.spare.take();
            let Headers { text, ends } = &mut headers;
            if let Some(decision) = &self.made {
                // Writing to a string never fails.
                let _written = decision.write_headers(&mut |name, value| {
                    text.push_str(name);
                    let middle = text.len();
                    write!(text, "{value}")?;
                    ends.push((middle, text.len()));
                    Ok(())
                });
            }
            headers
        })
    }
}

/// A text that each credential of a request has for itself.
fn said<'a>(decision: &'a Decision<'static>, verified: &VerifiedToken<'a>, field: u32) -> Option<&'a str> {
    let wanted = |known: countersign_attribute| field == known as u32;
    match field {
        _ if wanted(countersign_attribute::Kind) => Some(verified.kind.name()),
        _ if wanted(countersign_attribute::Issuer) => decision.issuer_of(verified).map(|authority| authority.name()),
        _ if wanted(countersign_attribute::Subject) => verified.subject(),
        _ if wanted(countersign_attribute::ClientId) => verified.client_id(),
        _ if wanted(countersign_attribute::Scope) => verified.scope(),
        _ if wanted(countersign_attribute::TokenId) => verified.token_id(),
        _ if wanted(countersign_attribute::KeyId) => decision.key_id_of(verified),
        _ if wanted(countersign_attribute::Actor) => verified.actor_json(),
        _ if wanted(countersign_attribute::Binding) => Some(verified.confirmation.binding_name()),
        _ if wanted(countersign_attribute::Transaction) => verified.transaction(),
        _ if wanted(countersign_attribute::RequestingWorkload) => verified.requesting_workload(),
        _ => None,
    }
}

/// A thumbprint as text, in a place where it stays until the decision ends.
fn thumbprint<'p>(place: &'p OnceCell<Thumbprint>, thumbprint: Option<&[u8; 32]>) -> Option<&'p str> {
    let thumbprint = thumbprint?;
    std::str::from_utf8(place.get_or_init(|| base64url::encode_array_32(thumbprint))).ok()
}

/// Why the request is refused, or `ACCEPTED`. In shadow mode too: whether to let it pass is `countersign_decision_lets_pass`.
///
/// # Safety
/// `decision` is NULL, or a decision that is still valid, here and in every getter below.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_reason(decision: *const countersign_decision) -> countersign_reason {
    guarded(countersign_reason::InternalError, || {
        // SAFETY: the caller's promise.
        let made = unsafe { borrow(decision) }.ok().and_then(|decision| decision.made.as_ref());
        made.map_or(countersign_reason::InternalError, |made| {
            made.reason().map_or(countersign_reason::Accepted, countersign_reason::from)
        })
    })
}

/// Whether the request may go on: it is accepted, or the policy is in shadow mode. False for NULL.
///
/// # Safety
/// As `countersign_decision_reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_lets_pass(decision: *const countersign_decision) -> bool {
    guarded(false, || {
        // SAFETY: the caller's promise.
        let made = unsafe { borrow(decision) }.ok().and_then(|decision| decision.made.as_ref());
        made.is_some_and(Decision::lets_pass)
    })
}

/// The HTTP status to answer with; 200 if the request is accepted, 500 for NULL.
///
/// # Safety
/// As `countersign_decision_reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_status(decision: *const countersign_decision) -> u16 {
    guarded(500, || {
        // SAFETY: the caller's promise.
        let made = unsafe { borrow(decision) }.ok().and_then(|decision| decision.made.as_ref());
        made.map_or(500, Decision::status)
    })
}

/// An attribute that is a text, by a `countersign_attribute`; none if there is no such attribute.
///
/// The attributes of the token exist only if the request was accepted, so that no host acts on a refused token by mistake; the audit
/// line has it for refused ones too.
///
/// # Safety
/// As `countersign_decision_reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_text<'a>(
    decision: *const countersign_decision,
    field: u32,
) -> countersign_str<'a> {
    guarded(countersign_str::NONE, || {
        // SAFETY: the caller's promise.
        unsafe { borrow(decision) }.map_or(countersign_str::NONE, |decision| decision.text(field))
    })
}

/// Many texts at once: `texts_out[field]` for each `field` below `count` whose bit `1 << field` is in `fields`; the others, and
/// those that the decision does not have, get `data` NULL. For hosts that copy several: one call costs less than each alone.
///
/// Returns `OK`, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH` (more than 32 places).
///
/// # Safety
/// As `countersign_decision_reason`; `texts_out` has room for `count` texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_texts<'a>(
    decision: *const countersign_decision,
    fields: u32,
    texts_out: *mut countersign_str<'a>,
    count: usize,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (decision, first) = unsafe { (borrow(decision)?, Output::at(texts_out)?) };
        let count = u32::try_from(count).ok().filter(|count| *count <= 32).ok_or(countersign_result::InvalidLength)?;
        let verified = decision.made.as_ref().and_then(Decision::verified_token);
        first.write_all((0..count).map(|field| {
            if fields >> field & 1 == 1 { decision.text_of(verified.as_ref(), field) } else { countersign_str::NONE }
        }));
        Ok(())
    })
}

/// The kind of the accepted token; `COUNTERSIGN_TOKEN_KIND_NONE` for a refused request and for NULL.
///
/// # Safety
/// As `countersign_decision_reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_kind(decision: *const countersign_decision) -> countersign_token_kind {
    guarded(countersign_token_kind::None, || {
        // SAFETY: the caller's promise.
        let verified = unsafe { borrow(decision) }.ok().and_then(|decision| decision.made.as_ref()?.verified_token());
        verified.map_or(countersign_token_kind::None, |verified| verified.kind.into())
    })
}

/// A text of the credential called `credential` in the policy: one of the fields `KIND`, `ISSUER`, `SUBJECT`, `CLIENT_ID`, `SCOPE`, `TOKEN_ID`,
/// `KEY_ID`, `ACTOR`, `BINDING`, `TRANSACTION`, `REQUESTING_WORKLOAD`. None for another field, for a refused request, where the policy has no such
/// credential, and where the request came without it.
///
/// The first credential of a policy says who the client is; `countersign_decision_text` gives its texts too. That of a policy without
/// `credentials` is called `access`.
///
/// # Safety
/// As `countersign_decision_reason`; `credential` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_credential_text<'a>(
    decision: *const countersign_decision,
    credential: countersign_bytes,
    field: u32,
) -> countersign_str<'a> {
    guarded(countersign_str::NONE, || {
        // SAFETY: the caller's promise.
        let (Ok(decision), Ok(name)) = (unsafe { (borrow(decision), credential.read_text()) }) else {
            return countersign_str::NONE;
        };
        let Some(made) = &decision.made else { return countersign_str::NONE };
        countersign_str::or_none(made.credential(name).and_then(|verified| said(made, &verified, field)))
    })
}

/// The claim that the policy hands to hosts as the attribute `name`: a string without its escapes, or other JSON as it is in the token,
/// and which of the two it is.
///
/// Returns `OK`; `NOT_FOUND` for a refused request, where the policy has no such attribute, and where the token has no such claim;
/// `NULL_PARAMETER`, `MISALIGNED`, `NOT_UTF8`, `INVALID_LENGTH`.
///
/// # Safety
/// As `countersign_decision_reason`; `name` and the outputs are valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_attribute<'a>(
    decision: *const countersign_decision,
    name: countersign_bytes,
    value_out: *mut countersign_str<'a>,
    is_json_out: *mut bool,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (decision, value, is_json) =
            unsafe { (borrow(decision)?, Output::at(value_out)?, Output::at(is_json_out)?) };
        // SAFETY: as above.
        let name = unsafe { name.read_text() }?;
        let claim = decision.made.as_ref().and_then(|made| made.attribute(name));
        let claim = claim.ok_or(countersign_result::NotFound)?;
        value.write(countersign_str::of_claim(claim));
        is_json.write(matches!(claim, NamedClaim::Json(_)));
        Ok(())
    })
}

/// Writes the SHA-256 of the body, 32 bytes, where the policy has `body_digest` and the decision was resumed with the body.
///
/// Returns `OK`, `NOT_FOUND` if there is none, `NULL_PARAMETER`, `MISALIGNED`.
///
/// # Safety
/// As `countersign_decision_reason`; `digest_out` has room for 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_body_digest(
    decision: *const countersign_decision,
    digest_out: *mut [u8; 32],
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (decision, output) = unsafe { (borrow(decision)?, Output::at(digest_out)?) };
        let digest = decision.made.as_ref().and_then(Decision::body_digest).ok_or(countersign_result::NotFound)?;
        output.write(*digest);
        Ok(())
    })
}

/// The value of `aud` at `index`, if the request was accepted; none past the last one.
///
/// # Safety
/// As `countersign_decision_reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_audience<'a>(
    decision: *const countersign_decision,
    index: usize,
) -> countersign_str<'a> {
    guarded(countersign_str::NONE, || {
        // SAFETY: the caller's promise.
        let Ok(decision) = (unsafe { borrow(decision) }) else { return countersign_str::NONE };
        let verified = decision.made.as_ref().and_then(|made| made.verified_token());
        countersign_str::or_none(verified.and_then(|verified| verified.audience().nth(index)))
    })
}

/// `exp`, in seconds since 1970, if the request was accepted; else 0.
///
/// # Safety
/// As `countersign_decision_reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_expires_at_seconds(decision: *const countersign_decision) -> u64 {
    guarded(0, || {
        // SAFETY: the caller's promise.
        let Ok(decision) = (unsafe { borrow(decision) }) else { return 0 };
        decision.made.as_ref().and_then(|made| made.verified_token()).map_or(0, |verified| verified.expires_at.as_u64())
    })
}

/// How many header fields the answer has: challenges of a refusal, and a nonce with its Cache-Control where there is one.
/// An accepted request may have some too.
///
/// # Safety
/// As `countersign_decision_reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_header_count(decision: *const countersign_decision) -> usize {
    guarded(0, || {
        // SAFETY: the caller's promise.
        unsafe { borrow(decision) }.map_or(0, |decision| decision.headers().ends.len())
    })
}

/// The header field of the answer at `index`: a name in lower case and its value, valid as they are.
///
/// Returns `OK`, `NOT_FOUND` past the last one, `NULL_PARAMETER`, `MISALIGNED`.
///
/// # Safety
/// As `countersign_decision_reason`; the outputs are valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_header<'a>(
    decision: *const countersign_decision,
    index: usize,
    name_out: *mut countersign_str<'a>,
    value_out: *mut countersign_str<'a>,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (decision, name, value) = unsafe { (borrow(decision)?, Output::at(name_out)?, Output::at(value_out)?) };
        let Headers { text, ends } = decision.headers();
        let (middle, end) = *ends.get(index).ok_or(countersign_result::NotFound)?;
        let start = index.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |(_, end)| *end);
        name.write(countersign_str::or_none(text.get(start..middle)));
        value.write(countersign_str::or_none(text.get(middle..end)));
        Ok(())
    })
}

/// Writes what the replay store knows this request's proof by since this decision, 32 bytes: for `countersign_request.used_proof`, if the
/// same client request is judged by another policy too, with the same replay store.
///
/// Returns `OK`, `NOT_FOUND` if no proof was recorded, `NULL_PARAMETER`, `MISALIGNED`.
///
/// # Safety
/// As `countersign_decision_reason`; `proof_out` has room for 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_used_proof(
    decision: *const countersign_decision,
    proof_out: *mut [u8; 32],
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (decision, proof) = unsafe { (borrow(decision)?, Output::at(proof_out)?) };
        let claimed = decision.made.as_ref().and_then(Decision::used_proof).ok_or(countersign_result::NotFound)?;
        proof.write(*claimed);
        Ok(())
    })
}

/// Writes the audit record, one line of JSON without a line feed, to `buffer`. It has no byte of a token's signature, and is
/// there for refused requests too.
///
/// Returns `OK` and writes the length; `BUFFER_TOO_SMALL` and writes the length that it needs, `buffer` then holds its beginning;
/// `NULL_PARAMETER`, `MISALIGNED`.
///
/// # Safety
/// As `countersign_decision_reason`; `buffer` has room for `capacity` bytes, `length_out` is valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_audit(
    decision: *const countersign_decision,
    buffer: *mut u8,
    capacity: usize,
    length_out: *mut usize,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (decision, output) = unsafe { (borrow(decision)?, Output::at(length_out)?) };
        let made = decision.made.as_ref().ok_or(countersign_result::NotFound)?;
        if isize::try_from(capacity).is_err() {
            return Err(countersign_result::InvalidLength);
        }
        let room: &mut [u8] = if capacity == 0 {
            &mut []
        } else if buffer.is_null() {
            return Err(countersign_result::NullParameter);
        } else {
            debug_assert!(!buffer.is_null());
            // SAFETY: not NULL, not longer than memory can be, and by the caller's promise so long. It may be uninitialised
            // in C's eyes; only bytes are ever written.
            unsafe { std::slice::from_raw_parts_mut(buffer, capacity) }
        };
        let mut line = Line { room, length: 0 };
        let _never_fails = write!(line, "{}", made.audit());
        let (length, fits) = (line.length, line.length <= line.room.len());
        output.write(length);
        if fits { Ok(()) } else { Err(countersign_result::BufferTooSmall) }
    })
}

/// Writes what fits and counts everything.
struct Line<'b> {
    room: &'b mut [u8],
    length: usize,
}

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let free = self.room.get_mut(self.length..).unwrap_or_default();
        let fitting = text.len().min(free.len());
        if let (Some(to), Some(from)) = (free.get_mut(..fitting), text.as_bytes().get(..fitting)) {
            to.copy_from_slice(from);
        }
        self.length = self.length.saturating_add(text.len());
        Ok(())
    }
}

/// The authority whose document the host should fetch now, because a token names a key that is not in it. At most once in
/// `min_refresh_seconds` of that authority, whatever the number of workers.
///
/// Returns `OK` and writes the kind (a `countersign_authority_kind`) and the name; `NOT_FOUND` if there is nothing to fetch;
/// `NULL_PARAMETER`, `MISALIGNED`.
///
/// # Safety
/// As `countersign_decision_reason`; the outputs are valid for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_decision_wants_refresh<'a>(
    decision: *const countersign_decision,
    kind_out: *mut countersign_authority_kind,
    name_out: *mut countersign_str<'a>,
) -> countersign_result {
    checked(|| {
        // SAFETY: the caller's promise.
        let (decision, kind, name) = unsafe { (borrow(decision)?, Output::at(kind_out)?, Output::at(name_out)?) };
        let wanted = decision.made.as_ref().and_then(|made| made.wants_refresh());
        let (_, authority) = wanted.ok_or(countersign_result::NotFound)?;
        kind.write(countersign_authority_kind::of(authority));
        name.write(countersign_str::of(authority.name()));
        Ok(())
    })
}
