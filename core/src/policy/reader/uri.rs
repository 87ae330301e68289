//! URIs that a host connects to or names to clients.

use alloc::string::String;

use crate::jose::json::Value;
use crate::policy::reader::{Pointer, Reader};
use crate::uri::TargetUri;

impl Reader {
    /// SPIFFE Federation §5.2.1.1: https, no user information. Also what `resource_metadata` must be (RFC 9728 §5.1).
    pub(in crate::policy) fn https_uri(&mut self, at: &Pointer<'_>, value: Value<'_>) -> Option<String> {
        let uri = self.text_at(at, value, "an https URI")?;
        let is_https = TargetUri::parse(uri.as_bytes()).is_ok_and(|uri| uri.is_https());
        // It goes into a quoted string of a header field: nothing in it may end the one or the other.
        let is_quotable = uri.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        if is_https && is_quotable {
            return Some(uri);
        }
        self.unexpected(at, value, "an https URI without user information");
        None
    }
}
