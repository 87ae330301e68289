//! Origins of a host's configuration.

use countersign::uri::Origin;

use crate::boundary::guarded;
use crate::bytes::countersign_bytes;

/// Whether a text is an origin: `http://` or `https://`, host, perhaps port and base path, as in `https://api.example/base`. Neither user
/// information nor query nor fragment. Ask this of a configured origin that is to stand in front of a request's path in
/// `countersign_request.uri`: no proof is for a URI that begins with anything else.
///
/// Thread-safe.
///
/// # Safety
/// `text` points to as many bytes as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn countersign_is_origin(text: countersign_bytes) -> bool {
    guarded(false, || {
        // SAFETY: the caller's promise.
        unsafe { text.read() }.is_ok_and(|text| Origin::parse(text).is_ok())
    })
}
