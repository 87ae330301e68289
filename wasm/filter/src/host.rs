//! What the filter asks of its proxy: `abi` fulfils it with the real one, tests with one of their own.
//!
//! Everything is bytes. A header field may hold any of them, and one that is no text must not end the VM.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use countersign_envoy_common::host::Level;

/// The proxy, as one VM sees it.
pub(crate) trait Host: Clone + Send + Sync + 'static {
    /// Writes one line to its log.
    fn log(&self, level: Level, line: &str);
    /// Nanoseconds since 1970.
    fn nanoseconds(&self) -> u64;
    /// The configuration of the filter that is being configured.
    fn configuration(&self) -> Option<Vec<u8>>;
    /// Has the filter called every so often.
    fn tick_every(&self, period: Duration);
    /// All header fields of a map, see `headers`.
    fn header_pairs(&self, map: Map) -> Option<Vec<u8>>;
    /// Replaces all values of a header field, or removes them. For one of a request, Envoy chooses the route anew after that.
    fn set_header(&self, map: Map, name: &[u8], value: Option<&[u8]>);
    /// A property of the request or its connection; `path` is its parts.
    fn property(&self, path: &[&str]) -> Option<Vec<u8>>;
    /// Leaves a text with the stream, as filter state `wasm.<name>`.
    fn set_property(&self, name: &str, value: &str);
    /// A value that all VMs of the same id share, and its number, which each write changes.
    fn shared(&self, key: &str) -> Option<(Vec<u8>, u32)>;
    /// Stores a value if the current one still has the number `seen`; returns whether it had. A key that does not exist takes any
    /// value, whatever `seen` is.
    fn exchange(&self, key: &str, value: &[u8], seen: u32) -> Result<bool, Status>;
    /// Begins a request to a server; its number comes back with the answer.
    fn call(
        &self,
        cluster: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        timeout_milliseconds: u32,
    ) -> Result<u32, Status>;
    /// The body of the answer, up to `most` bytes.
    fn response_body(&self, most: usize) -> Option<Vec<u8>>;
    /// The received part of the body of a request that is held back, up to `most` bytes `from` there on.
    fn request_body(&self, from: usize, most: usize) -> Option<Vec<u8>>;
    /// Lets a request go on that was held back.
    fn let_go_on(&self);
    /// The number of the counter of this name.
    fn counter(&self, name: &str) -> Option<u32>;
    /// Adds to a counter.
    fn count(&self, counter: u32, by: u64);
    /// The number of the gauge of this name.
    fn gauge(&self, name: &str) -> Option<u32>;
    /// Sets a gauge.
    fn record(&self, gauge: u32, value: u64);
    /// The value of a counter. VMs of one proxy may share it or not.
    fn counted(&self, counter: u32) -> Option<u64>;
    /// Calls a function that the proxy has besides the ABI.
    fn foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status>;
    /// Answers the request, or the gRPC call with the status of its own that goes with `status`; it goes no further.
    fn answer(&self, status: u16, headers: &[(String, String)], details: &str);
    /// The next calls are for this context.
    fn speak_for(&self, context: u32);
}

/// A map of header fields that the filter accesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Map {
    Request,
    RequestTrailers,
    Response,
    /// The answer to a request of this filter's own.
    Fetched,
}

/// Why a call of the proxy failed: the status number of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u32);

impl Status {
    pub(crate) const BAD_ARGUMENT: Self = Self(2);
    pub(crate) const CAS_MISMATCH: Self = Self(8);
}
