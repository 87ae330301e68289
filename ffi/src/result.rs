//! What a call came to. How a request came out is another matter: `reason.rs`.

use crate::text::countersign_str;

/// What a call came to. 0 is none of them, so zeroed memory never reads as success.
///
/// A refused request is no failed call: the decision says that.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_result {
    /// Done.
    Ok = 2000,
    /// A pointer that must not be NULL is.
    NullParameter = 2001,
    /// A pointer does not have the alignment of its type.
    Misaligned = 2002,
    /// `size` is not that of a version of this structure that the library knows.
    WrongSize = 2003,
    /// A length that no memory can have.
    InvalidLength = 2004,
    /// A text is not UTF-8.
    NotUtf8 = 2005,
    /// An enumerator has a value that does not exist.
    InvalidValue = 2006,
    /// A fault of the library was caught. A worker that returned this returns nothing else any more.
    Panic = 2007,
    /// The worker is deciding already, on another thread or further up this one's stack.
    WorkerBusy = 2008,
    /// There is no such policy in the document.
    PolicyUnknown = 2009,
    /// There is no such trust domain or issuer in the policy document.
    AuthorityUnknown = 2010,
    /// There is nothing at this index.
    NotFound = 2011,
    /// The text does not fit; the length that it needs is written.
    BufferTooSmall = 2012,
    /// The system gives no randomness.
    NoRandomness = 2013,
    /// The process cannot have as much memory as the policy document asks for.
    OutOfMemory = 2014,
    /// The policy document has faults; the notice was given each.
    PolicyFaulty = 2020,
    /// A trust document cannot be used; the notice has the reason. The last good one stays in use.
    TrustFaulty = 2021,
    /// A document of revocations cannot be used; the notice was given why.
    RevocationsFaulty = 2022,
    /// The memory is too small for a replay store.
    ReplayTooSmall = 2030,
    /// The memory holds no replay store, or one whose initialisation did not end.
    ReplayNotInitialised = 2031,
    /// The replay store has the layout of another version.
    ReplayOtherVersion = 2032,
    /// The replay store was initialised with another size.
    ReplayOtherSize = 2033,
    /// The replay store forgets proofs while a policy still accepts them.
    ReplayWindowTooNarrow = 2034,
    /// A text is no origin.
    OriginInvalid = 2040,
    /// A `*` in an origin that is not one whole label at the front of a longer name.
    OriginWildcard = 2041,
    /// Two origins of a list are for the same host.
    OriginRepeated = 2042,
}

/// The result in words, for logs. Valid for ever.
///
/// Thread-safe. A number that is no result gives a text that says so.
#[unsafe(no_mangle)]
pub extern "C" fn countersign_result_text(result: u32) -> countersign_str<'static> {
    use countersign_result as R;
    const ALL: [(countersign_result, &str); 26] = [
        (R::Ok, "done"),
        (R::NullParameter, "a pointer that must not be NULL is"),
        (R::Misaligned, "a pointer is not aligned"),
        (R::WrongSize, "the size of a structure is that of no known version"),
        (R::InvalidLength, "a length that no memory can have"),
        (R::NotUtf8, "a text is not UTF-8"),
        (R::InvalidValue, "an enumerator has a value that does not exist"),
        (R::Panic, "a fault of the library was caught"),
        (R::WorkerBusy, "the worker is deciding already"),
        (R::PolicyUnknown, "there is no such policy"),
        (R::AuthorityUnknown, "there is no such trust domain or issuer in the policy document"),
        (R::NotFound, "there is nothing at this index"),
        (R::BufferTooSmall, "the text does not fit"),
        (R::NoRandomness, "the system gives no randomness"),
        (R::OutOfMemory, "the process cannot have as much memory as the policy document asks for"),
        (R::PolicyFaulty, "the policy document has faults"),
        (R::TrustFaulty, "a trust document cannot be used"),
        (R::RevocationsFaulty, "a document of revocations cannot be used"),
        (R::ReplayTooSmall, "the memory is too small for a replay store"),
        (R::ReplayNotInitialised, "the memory holds no replay store"),
        (R::ReplayOtherVersion, "the replay store has the layout of another version"),
        (R::ReplayOtherSize, "the replay store was initialised with another size"),
        (R::ReplayWindowTooNarrow, "the replay store forgets proofs while a policy still accepts them"),
        (R::OriginInvalid, "a text is no origin such as https://api.example"),
        (R::OriginWildcard, "* matches one whole label at the front of a name, as in https://*.example.com"),
        (R::OriginRepeated, "two origins are for the same host"),
    ];
    let found = ALL.iter().find(|(known, _)| *known as u32 == result);
    countersign_str::of(found.map_or("no result of this library", |(_, text)| text))
}
