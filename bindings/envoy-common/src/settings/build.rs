//! The two builds of the filter, and the members of the settings that each takes.

use alloc::string::String;
use alloc::vec::Vec;

/// Returns the bytes of a file, or the reason why it cannot be read.
pub type ReadFile<'r> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'r;

/// Which build of the filter reads its settings: each refuses what only the other can do, instead of leaving it undone.
#[derive(Clone, Copy)]
pub enum Build<'b> {
    /// The dynamic module, which reads files: `read` gives the bytes of one, or why not.
    Module {
        /// Reads a policy document.
        read: &'b ReadFile<'b>,
    },
    /// The proxy-wasm filter, which has no files.
    Wasm,
}

impl core::fmt::Debug for Build<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Module { .. } => "Module",
            Self::Wasm => "Wasm",
        })
    }
}

impl Build<'_> {
    /// The members that this build takes.
    pub(super) fn members(self) -> Vec<&'static str> {
        let own: &[(&str, &str)] = match self {
            Self::Module { .. } => &OF_MODULE,
            Self::Wasm => &OF_WASM,
        };
        OF_BOTH.iter().copied().chain(own.iter().map(|(name, _)| *name)).collect()
    }

    /// The members that only the other build takes, each with the fault it is in this build.
    pub(super) const fn of_the_other(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Module { .. } => &OF_WASM,
            Self::Wasm => &OF_MODULE,
        }
    }
}

const OF_BOTH: [&str; 17] = [
    "policy",
    "default_policy",
    "policy_rules",
    "origin",
    "mode",
    "poll_milliseconds",
    "fetch",
    "revocations",
    "revocations_fetch",
    "identity_headers",
    "metadata",
    "audit_log",
    "certificate",
    "replay_store",
    "proofs_before_start",
    "shared_store",
    "introspection",
];
const FILES: &str = "a setting that needs files, which a WebAssembly VM has none of";
const CLEARED: &str = "a setting of the dynamic module only: Envoy clears the route cache whenever a VM sets a field";
const OF_MODULE: [(&str, &str); 6] = [
    ("policy_file", FILES),
    ("trust_directory", FILES),
    ("revocations_file", FILES),
    ("nonce_keys_file", FILES),
    ("clear_route_cache", CLEARED),
    ("replay_file", FILES),
];
const VM: &str = "a setting of the proxy-wasm filter only";
const OF_WASM: [(&str, &str); 5] = [
    ("nonce_keys", VM),
    ("route_metadata", VM),
    ("routes_match_identity", VM),
    ("signatures", VM),
    ("allow_on_headers_stop_iteration", VM),
];
