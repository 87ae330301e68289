//! The calls of the module to Envoy besides those of every filter (`countersign_envoy_common::host`): `exports` implements them with the real one,
//! tests with one of their own.

use countersign_envoy_common::host::{Counter, Gauge, Level};

/// Lines for Envoy's log, from any thread.
pub(crate) trait Process: Send + Sync {
    /// Writes one line.
    fn log(&self, level: Level, line: &str);
}

/// The way to Envoy's main thread through one configuration, from any thread.
pub(crate) trait Wake: Send + Sync {
    /// Calls the module on the main thread, soon.
    fn wake_main(&self);
}

/// The calls that only the main thread may make.
pub(crate) trait Main {
    /// Adds to a counter.
    fn count(&self, counter: Counter, labels: &[&str], by: u64);
    /// Sets a gauge of the replay store of this name.
    fn set(&self, gauge: Gauge, store: &str, value: u64);
    /// Begins a GET request; its number comes back with the answer. An error says why it did not begin.
    fn get(&self, cluster: &str, authority: &str, path: &str, timeout_milliseconds: u64) -> Result<u64, String>;
}
