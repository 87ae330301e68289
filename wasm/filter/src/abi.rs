//! The proxy-wasm ABI 0.2.1, declared here: the part that the filter uses, byte for byte. All unsafe code of the filter is here.
//!
//! The SAFETY comments rely on the ABI: the proxy reads arguments during the call, and no longer; it writes what it returns
//! to the addresses that are passed; bytes that it returns are in memory that `proxy_on_memory_allocate` gave it, which is
//! then the filter's. A VM has one thread.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ptr;
use core::time::Duration;

use countersign_envoy_common::host::Level;
use countersign_envoy_common::judge::grpc_status;

use crate::headers;
use crate::host::{Host, Map, Status};
use crate::vm::{Action, Vm, refuse};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, length: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, most: usize, bytes: *mut *mut u8, length: *mut usize) -> u32;
    fn proxy_get_header_map_pairs(map: u32, bytes: *mut *mut u8, length: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_length: usize,
        value: *const u8,
        value_length: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_length: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_length: usize, bytes: *mut *mut u8, length: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_length: usize, value: *const u8, value_length: usize) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_length: usize,
        bytes: *mut *mut u8,
        length: *mut usize,
        number: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_length: usize,
        value: *const u8,
        value_length: usize,
        number: u32,
    ) -> u32;
    fn proxy_http_call(
        upstream: *const u8,
        upstream_length: usize,
        headers: *const u8,
        headers_length: usize,
        body: *const u8,
        body_length: usize,
        trailers: *const u8,
        trailers_length: usize,
        timeout_milliseconds: u32,
        callout: *mut u32,
    ) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_length: usize,
        body: *const u8,
        body_length: usize,
        headers: *const u8,
        headers_length: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_length: usize, metric: *mut u32) -> u32;
    fn proxy_increment_metric(metric: u32, by: i64) -> u32;
    fn proxy_record_metric(metric: u32, value: u64) -> u32;
    fn proxy_get_metric(metric: u32, value: *mut u64) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_length: usize,
        argument: *const u8,
        argument_length: usize,
        bytes: *mut *mut u8,
        length: *mut usize,
    ) -> u32;
}

const OK: u32 = 0;
const BUFFER_HTTP_REQUEST_BODY: u32 = 0;
const BUFFER_HTTP_CALL_RESPONSE_BODY: u32 = 4;
const BUFFER_PLUGIN_CONFIGURATION: u32 = 7;
const STREAM_REQUEST: u32 = 0;
const METRIC_COUNTER: u32 = 0;
const METRIC_GAUGE: u32 = 1;

/// The proxy that this VM runs in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proxy;

/// Bytes that the proxy returns.
struct Returned {
    bytes: *mut u8,
    length: usize,
}

impl Returned {
    const NONE: Self = Self { bytes: ptr::null_mut(), length: 0 };

    /// # Safety
    /// Unless `bytes` is NULL, it came from `proxy_on_memory_allocate(length)` and has no other owner.
    unsafe fn take(self) -> Vec<u8> {
        if self.bytes.is_null() || self.length == 0 {
            // An address without bytes has no owner: `proxy_on_memory_allocate` gives none for no bytes.
            return Vec::new();
        }
        // SAFETY: the caller's promise; it was allocated as a boxed slice of this length, and the proxy has filled it.
        unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(self.bytes, self.length)) }.into_vec()
    }
}

/// What `call` returns through the two addresses that it is given.
///
/// # Safety
/// `call` passes them to the proxy, which leaves them alone unless it succeeds.
unsafe fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Status> {
    let mut returned = Returned::NONE;
    match call(&raw mut returned.bytes, &raw mut returned.length) {
        // SAFETY: as the ABI has it, see above.
        OK => Ok(unsafe { returned.take() }),
        status => Err(Status(status)),
    }
}

/// Bytes of a buffer of the proxy's, `most` at most, `from` there on.
fn buffer(buffer: u32, from: usize, most: usize) -> Option<Vec<u8>> {
    // SAFETY: the addresses go to the proxy.
    unsafe { returned(|bytes, length| proxy_get_buffer_bytes(buffer, from, most, bytes, length)) }.ok()
}

const fn number(map: Map) -> u32 {
    match map {
        Map::Request => 0,
        Map::RequestTrailers => 1,
        Map::Response => 2,
        Map::Fetched => 6,
    }
}

impl Host for Proxy {
    fn log(&self, level: Level, line: &str) {
        let level = match level {
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        let line = countersign::internal::printable::printable(line);
        // SAFETY: the line is valid for the call.
        unsafe { proxy_log(level, line.as_ptr(), line.len()) };
    }

    fn nanoseconds(&self) -> u64 {
        let mut time = 0;
        // SAFETY: the address is valid for the call. Without a time it is 1970, when no token is valid.
        unsafe { proxy_get_current_time_nanoseconds(&raw mut time) };
        time
    }

    fn configuration(&self) -> Option<Vec<u8>> {
        buffer(BUFFER_PLUGIN_CONFIGURATION, 0, usize::MAX)
    }

    fn tick_every(&self, period: Duration) {
        let period = u32::try_from(period.as_secs()).unwrap_or(u32::MAX).saturating_mul(1000) + period.subsec_millis();
        // SAFETY: a number only.
        unsafe { proxy_set_tick_period_milliseconds(period) };
    }

    fn header_pairs(&self, map: Map) -> Option<Vec<u8>> {
        // SAFETY: the addresses go to the proxy.
        unsafe { returned(|bytes, length| proxy_get_header_map_pairs(number(map), bytes, length)) }.ok()
    }

    fn set_header(&self, map: Map, name: &[u8], value: Option<&[u8]>) {
        // SAFETY: the texts are valid for the call.
        unsafe {
            match value {
                Some(value) => {
                    proxy_replace_header_map_value(number(map), name.as_ptr(), name.len(), value.as_ptr(), value.len())
                }
                None => proxy_remove_header_map_value(number(map), name.as_ptr(), name.len()),
            }
        };
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        let path = path.join("\0");
        // SAFETY: the path is valid for the call, and the addresses go to the proxy.
        unsafe { returned(|bytes, length| proxy_get_property(path.as_ptr(), path.len(), bytes, length)) }.ok()
    }

    fn set_property(&self, name: &str, value: &str) {
        // SAFETY: the texts are valid for the call.
        unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
    }

    fn shared(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        let mut seen = 0;
        // SAFETY: the key is valid for the call, and the addresses go to the proxy.
        let value = unsafe {
            returned(|bytes, length| proxy_get_shared_data(key.as_ptr(), key.len(), bytes, length, &raw mut seen))
        };
        value.ok().map(|value| (value, seen))
    }

    fn exchange(&self, key: &str, value: &[u8], seen: u32) -> Result<bool, Status> {
        // SAFETY: key and value are valid for the call.
        let status = unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), seen) };
        match Status(status) {
            Status(OK) => Ok(true),
            Status::CAS_MISMATCH => Ok(false),
            other => Err(other),
        }
    }

    fn call(
        &self,
        cluster: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        timeout_milliseconds: u32,
    ) -> Result<u32, Status> {
        let headers = headers::write(headers.iter().copied());
        let mut callout = 0;
        // SAFETY: the texts are valid for the call, and the address goes to the proxy.
        let status = unsafe {
            proxy_http_call(
                cluster.as_ptr(),
                cluster.len(),
                headers.as_ptr(),
                headers.len(),
                body.as_ptr(),
                body.len(),
                ptr::null(),
                0,
                timeout_milliseconds,
                &raw mut callout,
            )
        };
        if status == OK { Ok(callout) } else { Err(Status(status)) }
    }

    fn response_body(&self, most: usize) -> Option<Vec<u8>> {
        buffer(BUFFER_HTTP_CALL_RESPONSE_BODY, 0, most)
    }

    fn request_body(&self, from: usize, most: usize) -> Option<Vec<u8>> {
        buffer(BUFFER_HTTP_REQUEST_BODY, from, most)
    }

    fn let_go_on(&self) {
        // SAFETY: a number only.
        unsafe { proxy_continue_stream(STREAM_REQUEST) };
    }

    fn counter(&self, name: &str) -> Option<u32> {
        let mut metric = 0;
        // SAFETY: the name is valid for the call, and the address goes to the proxy.
        let status = unsafe { proxy_define_metric(METRIC_COUNTER, name.as_ptr(), name.len(), &raw mut metric) };
        (status == OK).then_some(metric)
    }

    fn gauge(&self, name: &str) -> Option<u32> {
        let mut metric = 0;
        // SAFETY: the name is valid for the call, and the address goes to the proxy.
        let status = unsafe { proxy_define_metric(METRIC_GAUGE, name.as_ptr(), name.len(), &raw mut metric) };
        (status == OK).then_some(metric)
    }

    fn record(&self, gauge: u32, value: u64) {
        // SAFETY: numbers only.
        unsafe { proxy_record_metric(gauge, value) };
    }

    fn count(&self, counter: u32, by: u64) {
        // SAFETY: numbers only.
        unsafe { proxy_increment_metric(counter, i64::try_from(by).unwrap_or(i64::MAX)) };
    }

    fn counted(&self, counter: u32) -> Option<u64> {
        let mut value = 0;
        // SAFETY: the address is valid for the call.
        let status = unsafe { proxy_get_metric(counter, &raw mut value) };
        (status == OK).then_some(value)
    }

    fn foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status> {
        // SAFETY: name and argument are valid for the call, and the addresses go to the proxy.
        unsafe {
            returned(|bytes, length| {
                proxy_call_foreign_function(name.as_ptr(), name.len(), argument.as_ptr(), argument.len(), bytes, length)
            })
        }
    }

    fn answer(&self, status: u16, headers: &[(String, String)], details: &str) {
        let headers = headers::write(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // SAFETY: the texts are valid for the call.
        unsafe {
            proxy_send_local_response(
                status.into(),
                details.as_ptr(),
                details.len(),
                ptr::null(),
                0,
                headers.as_ptr(),
                headers.len(),
                grpc_status(status).into(),
            )
        };
    }

    fn speak_for(&self, context: u32) {
        // SAFETY: a number only.
        unsafe { proxy_set_effective_context(context) };
    }
}

struct OneThread(RefCell<Vm<Proxy>>);

// SAFETY: a VM has one thread.
unsafe impl Sync for OneThread {}

static VM: OneThread = OneThread(RefCell::new(Vm::new(Proxy)));

#[global_allocator]
static MEMORY: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// Ends the VM: what the proxy does then, its failure policy says.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    Proxy.log(Level::Error, "countersign: internal fault");
    core::arch::wasm32::unreachable()
}

/// The VM; `otherwise` where it is in use already, as if the proxy called the filter from within a call of the filter.
fn vm<T>(otherwise: T, body: impl FnOnce(&mut Vm<Proxy>) -> T) -> T {
    match VM.0.try_borrow_mut() {
        Ok(mut vm) => body(&mut vm),
        Err(_) => otherwise,
    }
}

/// Marks the ABI version.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory for the results of the proxy; the filter owns it again when the call returns.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_memory_allocate(length: usize) -> *mut u8 {
    if length == 0 {
        return ptr::null_mut();
    }
    Box::into_raw(Box::<[u8]>::new_uninit_slice(length)).cast()
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    vm((), |vm| vm.create(context, parent));
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_vm_start(_context: u32, _length: usize) -> u32 {
    1
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_configure(context: u32, _length: usize) -> u32 {
    vm(false, |vm| vm.configure(context)).into()
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_tick(context: u32) {
    vm((), |vm| vm.tick(context));
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_http_call_response(
    context: u32,
    callout: u32,
    fields: usize,
    length: usize,
    _trailers: usize,
) {
    vm((), |vm| vm.answered(context, callout, fields, length));
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_request_headers(context: u32, _fields: usize, end_of_stream: u32) -> u32 {
    let action = match VM.0.try_borrow_mut() {
        Ok(mut vm) => vm.request(context, end_of_stream != 0),
        Err(_) => refuse(&Proxy),
    };
    match action {
        Action::Continue => 0,
        // `StopIteration`, which Envoy takes for the next one where the settings of its plugin do not say otherwise.
        Action::Pause => 1,
        // `StopAllIterationAndWatermark`: the body is read no further, and no hook is called for it.
        Action::PauseAll => 4,
    }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_request_body(context: u32, _length: usize, end_of_stream: u32) -> u32 {
    match vm(Action::PauseAll, |vm| vm.body(context, end_of_stream != 0)) {
        Action::Continue => 0,
        // `StopIterationAndBuffer`.
        Action::Pause => 1,
        // `StopIterationNoBuffer`.
        Action::PauseAll => 3,
    }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_request_trailers(context: u32, _fields: usize) -> u32 {
    match vm(Action::Pause, |vm| vm.trailers(context)) {
        Action::Continue => 0,
        Action::Pause | Action::PauseAll => 1,
    }
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_response_headers(context: u32, _fields: usize, _end_of_stream: u32) -> u32 {
    vm((), |vm| vm.response(context));
    0
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_delete(context: u32) {
    vm((), |vm| vm.delete(context));
}
