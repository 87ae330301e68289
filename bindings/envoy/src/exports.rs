//! The functions that Envoy calls, and Envoy as the rest of the module sees it.
//!
//! No panic crosses them: one in a hook of a request refuses that request. Envoy's promises that the SAFETY comments lean on:
//! what it passes to a hook is valid for the call; a configuration outlives its streams; the hooks of one stream never run at
//! the same time; buffers that it lends stay as they are until the hook returns or changes the headers.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::{mem, ptr};

use countersign::internal::crypto::sha256;
use countersign::internal::document::DocumentKind;
use countersign::internal::limits;
use countersign::{Answer, BodyReader, HeaderField, PolicyError, named_field};

use countersign_envoy_common::canonical::canonical;
use countersign_envoy_common::certificate;
use countersign_envoy_common::fetch::Callout;
use countersign_envoy_common::fields::JudgedBy;
use countersign_envoy_common::host::{Counter, Gauge, Level, RouteUnread, Stream};
use countersign_envoy_common::identity::IdentityHeaders;
use countersign_envoy_common::judge::{self, Waiting};
use countersign_envoy_common::question;
use countersign_envoy_common::settings::{Build, RouteSettings, Settings};
use countersign_reload::files;

use crate::abi::*;
use crate::filter::{self, Verdict};
use crate::host::{Main, Process, Wake};
use crate::module::{self, Attached, Module, Surroundings};
use crate::running::{self, Running};
use crate::watch::Watch;

/// The object that Envoy keeps for a filter configuration.
struct FilterConfig {
    /// Ends before Envoy's side of the configuration does: after that, nothing is scheduled through it.
    attached: Attached,
    counters: [usize; Counter::ALL.len()],
    gauges: [usize; Gauge::ALL.len()],
    /// Ended with the last configuration that has it.
    _running: Arc<Running>,
}

impl FilterConfig {
    fn module(&self) -> &Module {
        &self.attached.module
    }
}

/// The object that Envoy keeps for a stream.
struct Filter {
    /// Valid as long as the stream.
    config: *const FilterConfig,
    /// For the response.
    fields: Vec<(String, String)>,
    worker: usize,
    progress: Progress,
    /// Whether Envoy has given the whole request.
    has_ended: bool,
}

/// The state of a stream.
enum Progress {
    /// Not begun, passed or answered.
    Idle,
    /// It was answered; what still comes of the request goes nowhere.
    Answered,
    /// A server is asked.
    Asks { waiting: Box<Waiting>, callout: u64 },
    /// The body is read.
    Reads { waiting: Box<Waiting>, reader: Box<BodyReader> },
}

/// The state of a stream after a hook.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Passes,
    IsAnswered,
    /// Envoy buffers the body as it comes.
    Waits,
}

impl Header {
    const NONE: Self = Self { name: Buffer::NONE, value: Buffer::NONE };
}

impl Buffer {
    const NONE: Self = Self { data: ptr::null(), length: 0 };

    const fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), length: bytes.len() }
    }

    /// # Safety
    /// Unless `data` is NULL, it points to `length` bytes that stay as they are while `'a` lasts.
    pub(crate) const unsafe fn read<'a>(self) -> &'a [u8] {
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: not NULL; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }
}

/// As many `T` as Envoy says there are.
///
/// # Safety
/// Unless `first` is NULL, it points to `count` of them, valid while `'a` lasts.
const unsafe fn all<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: not NULL; the rest is the caller's promise.
    unsafe { std::slice::from_raw_parts(first, count) }
}

pub(crate) fn guarded<T>(otherwise: impl FnOnce() -> T, body: impl FnOnce() -> T) -> T {
    // What a panic leaves half done is dropped, or made anew before it is used again (`Module::state`).
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| otherwise())
}

pub(crate) fn log(level: Level, line: &str) {
    let level = match level {
        Level::Info => LOG_INFO,
        Level::Warn => LOG_WARN,
        Level::Error => LOG_ERROR,
    };
    let line = countersign::internal::printable::printable(line);
    // SAFETY: the line is valid for the call; Envoy's log takes lines from any thread.
    unsafe { envoy_dynamic_module_callback_log(level, Buffer::of(line.as_bytes())) };
}

/// Envoy's log.
struct EnvoyProcess;

impl Process for EnvoyProcess {
    fn log(&self, level: Level, line: &str) {
        log(level, line);
    }
}

/// The scheduler of a configuration; NULL where nothing is to be scheduled.
struct Scheduler {
    scheduler: *mut c_void,
}

// SAFETY: the callback may be used from any thread; the pointer is only ever handed to Envoy.
unsafe impl Send for Scheduler {}
// SAFETY: as above.
unsafe impl Sync for Scheduler {}

impl Wake for Scheduler {
    fn wake_main(&self) {
        if !self.scheduler.is_null() {
            // SAFETY: made by `scheduler_new`, deleted when this is dropped.
            unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_commit(self.scheduler, 0) };
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        if !self.scheduler.is_null() {
            // SAFETY: made by `scheduler_new`; no other owner is left.
            unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_delete(self.scheduler) };
        }
    }
}

/// A configuration on the main thread.
struct EnvoyMain<'c> {
    envoy: EnvoyPtr,
    config: &'c FilterConfig,
}

impl Main for EnvoyMain<'_> {
    fn count(&self, counter: Counter, labels: &[&str], by: u64) {
        let place = Counter::ALL.iter().position(|known| *known == counter);
        let Some(id) = place.and_then(|place| self.config.counters.get(place)) else { return };
        let labels: Vec<Buffer> = labels.iter().map(|label| Buffer::of(label.as_bytes())).collect();
        // SAFETY: `envoy` is the configuration that the counter was defined with; all else is valid for the call.
        unsafe {
            envoy_dynamic_module_callback_http_filter_config_increment_counter(
                self.envoy,
                *id,
                labels.as_ptr(),
                labels.len(),
                by,
            );
        }
    }

    fn set(&self, gauge: Gauge, store: &str, value: u64) {
        let place = Gauge::ALL.iter().position(|known| *known == gauge);
        let Some(id) = place.and_then(|place| self.config.gauges.get(place)) else { return };
        let label = Buffer::of(store.as_bytes());
        // SAFETY: `envoy` is the configuration that the gauge was defined with; the label is valid for the call.
        unsafe {
            envoy_dynamic_module_callback_http_filter_config_set_gauge(self.envoy, *id, &raw const label, 1, value)
        };
    }

    fn get(&self, cluster: &str, authority: &str, path: &str, timeout_milliseconds: u64) -> Result<u64, String> {
        let field = |(name, value): (&str, &str)| Header {
            name: Buffer::of(name.as_bytes()),
            value: Buffer::of(value.as_bytes()),
        };
        let headers = [
            (":method", "GET"),
            (":path", path),
            (":authority", authority),
            ("accept", "application/jwk-set+json, application/json"),
            ("user-agent", "countersign"),
        ]
        .map(field);
        let mut callout = 0;
        // SAFETY: `envoy` is valid in this hook, all else for the call; Envoy copies the bytes it keeps.
        let result = unsafe {
            envoy_dynamic_module_callback_http_filter_config_http_callout(
                self.envoy,
                &raw mut callout,
                Buffer::of(cluster.as_bytes()),
                headers.as_ptr(),
                headers.len(),
                Buffer::NONE,
                timeout_milliseconds,
            )
        };
        match result {
            SUCCESS => Ok(callout),
            2 => Err("Envoy knows no such cluster yet".to_owned()),
            other => Err(format!("Envoy does not begin a request (result {other})")),
        }
    }
}

/// A stream in one of its hooks.
struct EnvoyStream {
    envoy: EnvoyPtr,
    /// Header values that Envoy lends are valid until a header is set: then this is emptied.
    judged_by: Option<JudgedBy<Buffer>>,
}

/// How many fields of a request are read without memory of their own; few have more.
const FIELDS: usize = 64;

/// How the content type of a gRPC call begins.
const GRPC: &[u8] = b"application/grpc";

impl Stream for EnvoyStream {
    fn header(&self, name: &str) -> (Option<&[u8]>, usize) {
        if let Some((first, count)) = self.judged_by.as_ref().and_then(|found| found.get(name)) {
            // SAFETY: what Envoy lends lasts until a header is set, which takes `&mut self` and empties `judged_by`.
            return (first.map(|value| unsafe { value.read() }), count);
        }
        let (mut value, mut count) = (Buffer::NONE, 0);
        // SAFETY: the stream is in a hook; all else is valid for the call.
        let found = unsafe {
            envoy_dynamic_module_callback_http_get_header(
                self.envoy,
                REQUEST_HEADERS,
                Buffer::of(name.as_bytes()),
                &raw mut value,
                0,
                &raw mut count,
            )
        };
        // SAFETY: what Envoy lends lasts until a header is set, which takes `&mut self`.
        (found.then(|| unsafe { value.read() }), if found { count.max(1) } else { 0 })
    }

    fn set_header(&mut self, name: &str, value: Option<&str>) {
        self.judged_by = None;
        self.set(REQUEST_HEADERS, name.as_bytes(), value.map(str::as_bytes));
    }

    fn remove_spelled(&mut self, identity: &IdentityHeaders) {
        let removed = self.read(identity);
        if !removed.is_empty() {
            self.remove(REQUEST_HEADERS, &removed);
            self.clear_route_cache();
            self.read(identity);
        }
    }

    fn credential(&self, name: &str) -> HeaderField<'_> {
        let (mut few, mut many) = ([Header::NONE; FIELDS], Vec::new());
        let fields = self.all(REQUEST_HEADERS, &mut few, &mut many).unwrap_or_default();
        // SAFETY: what Envoy lends lasts until a header is set, which takes `&mut self`.
        named_field(fields.iter().map(|field| unsafe { (field.name.read(), field.value.read()) }), name)
    }

    fn remove_credentials(&mut self, credentials: &IdentityHeaders) {
        if credentials.is_empty() {
            return;
        }
        let (mut few, mut many) = ([Header::NONE; FIELDS], Vec::new());
        let fields = self.all(REQUEST_HEADERS, &mut few, &mut many).unwrap_or_default();
        // SAFETY: what Envoy lends lasts until a header is set.
        let removed = spelled(fields.iter().map(|field| unsafe { field.name.read() }), credentials);
        // SAFETY: as above.
        let rests = credentials.rests(fields.iter().map(|field| unsafe { (field.name.read(), field.value.read()) }));
        self.judged_by = None;
        self.remove(REQUEST_HEADERS, &removed);
        for (name, rest) in rests {
            self.set(REQUEST_HEADERS, name.as_bytes(), Some(&rest));
        }
    }

    fn route(&self) -> Result<Option<Arc<RouteSettings>>, RouteUnread> {
        // SAFETY: the stream is in a hook.
        let route = unsafe { envoy_dynamic_module_callback_get_most_specific_route_config(self.envoy) };
        let route = route.cast::<RouteSettings>();
        if route.is_null() {
            return Ok(None);
        }
        debug_assert!(route.is_aligned());
        // SAFETY: not NULL, so what `per_route_config_new` returned, by `Arc::into_raw`, and given back only when the route goes, which
        // outlives this call. The count that is added is this `Arc`'s, since the route may be another one when it is dropped.
        Ok(Some(unsafe {
            Arc::increment_strong_count(route);
            Arc::from_raw(route)
        }))
    }

    fn clear_route_cache(&mut self) {
        // SAFETY: the stream is in a hook.
        unsafe { envoy_dynamic_module_callback_http_clear_route_cache(self.envoy) };
    }

    fn peer_certificate(&self) -> Option<[u8; 32]> {
        let mut presented = false;
        // SAFETY: the stream is in a hook; the result is valid for the call.
        let known = unsafe {
            envoy_dynamic_module_callback_http_filter_get_attribute_bool(
                self.envoy,
                ATTRIBUTE_CONNECTION_MTLS,
                &raw mut presented,
            )
        };
        if !known || !presented {
            return None;
        }
        let mut value = Buffer::NONE;
        // SAFETY: as above.
        let found = unsafe {
            envoy_dynamic_module_callback_http_filter_get_attribute_string(
                self.envoy,
                ATTRIBUTE_PEER_CERTIFICATE_SHA256,
                &raw mut value,
            )
        };
        if !found {
            return None;
        }
        // SAFETY: it belongs to the connection, which outlives the hook.
        certificate::digest(unsafe { value.read() })
    }

    fn set_metadata(&mut self, namespace: &str, key: &str, value: &str) {
        let [namespace, key, value] = [namespace, key, value].map(|text| Buffer::of(text.as_bytes()));
        // SAFETY: the stream is in a hook; Envoy copies the texts.
        unsafe { envoy_dynamic_module_callback_http_set_dynamic_metadata_string(self.envoy, namespace, key, value) };
    }

    fn answer(&mut self, status: u16, headers: &[(String, String)], details: &str) {
        let field =
            |name: &str, value: &str| Header { name: Buffer::of(name.as_bytes()), value: Buffer::of(value.as_bytes()) };
        let mut fields: Vec<Header> = headers.iter().map(|(name, value)| field(name, value)).collect();
        let grpc_status = judge::grpc_status(status).to_string();
        // Envoy answers a gRPC call with status 200, and with the `grpc-status` that is given here, or OK. What it takes for one begins so.
        let kind = self.header("content-type").0.unwrap_or_default();
        if kind.get(..GRPC.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(GRPC)) {
            fields.push(field("grpc-status", &grpc_status));
        }
        // SAFETY: the stream is in the hook of its request headers; Envoy copies the texts.
        unsafe {
            envoy_dynamic_module_callback_http_send_response(
                self.envoy,
                status.into(),
                fields.as_ptr(),
                fields.len(),
                Buffer::NONE,
                Buffer::of(details.as_bytes()),
            );
        }
    }
}

impl EnvoyStream {
    const fn new(envoy: EnvoyPtr) -> Self {
        Self { envoy, judged_by: None }
    }

    /// All fields of the request by one call, which costs less than one for each that is asked for. Gives the names of those that `identity`
    /// removes.
    fn read(&mut self, identity: &IdentityHeaders) -> Vec<Vec<u8>> {
        let (mut few, mut many) = ([Header::NONE; FIELDS], Vec::new());
        let Some(headers) = self.all(REQUEST_HEADERS, &mut few, &mut many) else {
            self.judged_by = None;
            return Vec::new();
        };
        // SAFETY: what Envoy lends lasts until a header is set.
        let fields = headers.iter().map(|header| (unsafe { header.name.read() }, header.value));
        let (judged_by, removes) = JudgedBy::find(fields.clone(), identity);
        self.judged_by = Some(judged_by);
        if removes { spelled(fields.map(|(name, _)| name), identity) } else { Vec::new() }
    }

    /// All fields of a map, in `few` or in `many`; `None` if there is no such map.
    fn all<'h>(&self, map: u32, few: &'h mut [Header; FIELDS], many: &'h mut Vec<Header>) -> Option<&'h [Header]> {
        // SAFETY: the stream is in a hook.
        let count = unsafe { envoy_dynamic_module_callback_http_get_headers_size(self.envoy, map) };
        let headers = if let Some(few) = few.get_mut(..count) {
            few
        } else {
            many.resize(count, Header::NONE);
            many.as_mut_slice()
        };
        debug_assert_eq!(headers.len(), count);
        // SAFETY: as above; there is room for as many as Envoy has just returned, and nothing changed since.
        let read = unsafe { envoy_dynamic_module_callback_http_get_headers(self.envoy, map, headers.as_mut_ptr()) };
        read.then_some(&*headers)
    }

    /// The trailer fields that `identity` removes go: a recipient may merge them into the header fields (RFC 9110 §6.5.1).
    fn remove_spelled_trailers(&mut self, identity: &IdentityHeaders) {
        let (mut few, mut many) = ([Header::NONE; FIELDS], Vec::new());
        let trailers = self.all(REQUEST_TRAILERS, &mut few, &mut many).unwrap_or_default();
        // SAFETY: what Envoy lends lasts until a header is set.
        let removed = spelled(trailers.iter().map(|trailer| unsafe { trailer.name.read() }), identity);
        self.remove(REQUEST_TRAILERS, &removed);
    }

    fn remove(&self, map: u32, names: &[Vec<u8>]) {
        for name in names {
            self.set(map, name, None);
        }
    }

    /// Passes each chunk of a body to `feed`, until it returns false; returns whether it never did.
    fn feed(&self, body: u32, reader: &mut BodyReader) -> bool {
        // SAFETY: the stream is in a hook.
        let count = unsafe { envoy_dynamic_module_callback_http_get_body_chunks_size(self.envoy, body) };
        let mut chunks = vec![Buffer::NONE; count];
        // SAFETY: as above; there is room for as many as Envoy has just said, and nothing changed since.
        let read = count > 0
            && unsafe { envoy_dynamic_module_callback_http_get_body_chunks(self.envoy, body, chunks.as_mut_ptr()) };
        // SAFETY: what Envoy lends of a body lasts until the hook returns or changes it.
        !read || chunks.iter().all(|chunk| reader.feed(unsafe { chunk.read() }))
    }

    /// Asks a server; the number of the call, or `None` where Envoy does not begin it.
    fn ask(&self, call: &question::Call<'_>) -> Option<u64> {
        let field = |(name, value): &(&str, Cow<'_, str>)| Header {
            name: Buffer::of(name.as_bytes()),
            value: Buffer::of(value.as_bytes()),
        };
        let fields: Vec<Header> = call.fields.iter().map(field).collect();
        let mut callout = 0;
        // SAFETY: the stream is in a hook, all else is valid for the call; Envoy copies the bytes it keeps.
        let result = unsafe {
            envoy_dynamic_module_callback_http_filter_http_callout(
                self.envoy,
                &raw mut callout,
                Buffer::of(call.endpoint.cluster.as_bytes()),
                fields.as_ptr(),
                fields.len(),
                if call.body.is_empty() { Buffer::NONE } else { Buffer::of(&call.body) },
                call.endpoint.timeout_milliseconds,
            )
        };
        (result == SUCCESS).then_some(callout)
    }

    fn worker(&self) -> usize {
        // SAFETY: the stream is in a hook.
        let worker = unsafe { envoy_dynamic_module_callback_http_filter_get_worker_index(self.envoy) };
        usize::try_from(worker).unwrap_or(usize::MAX)
    }

    fn set_response_header(&mut self, name: &str, value: &str) {
        self.set(RESPONSE_HEADERS, name.as_bytes(), Some(value.as_bytes()));
    }

    fn set(&self, map: u32, name: &[u8], value: Option<&[u8]>) {
        let value = value.map_or(Buffer::NONE, Buffer::of);
        // SAFETY: the stream is in a hook; Envoy copies the texts. A value that is NULL removes the field.
        unsafe {
            envoy_dynamic_module_callback_http_set_header(self.envoy, map, Buffer::of(name), value);
        }
    }
}

/// The names that `identity` removes, which outlast the fields.
#[cold]
fn spelled<'n>(names: impl Iterator<Item = &'n [u8]>, identity: &IdentityHeaders) -> Vec<Vec<u8>> {
    names.filter(|name| identity.removes(name)).map(<[u8]>::to_vec).collect()
}

/// Returns the ABI version of this module.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    VERSION.as_ptr()
}

/// Takes in a filter configuration; NULL makes Envoy refuse it.
///
/// # Safety
/// Called by Envoy on its main thread.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    envoy: EnvoyPtr,
    _name: Buffer,
    settings: Buffer,
) -> *const c_void {
    guarded(ptr::null, || {
        // SAFETY: valid for the call.
        let text = unsafe { settings.read() };
        // The content of files, which belongs to the settings.
        let policy_file = RefCell::new(Vec::new());
        let read = |path: &str| {
            let bytes =
                files::read(Path::new(path), DocumentKind::Policy.bytes().most).map_err(|error| error.to_string())?;
            policy_file.borrow_mut().clone_from(&bytes);
            Ok(bytes)
        };
        let made =
            Settings::read(text, Build::Module { read: &read }).map_err(lines).and_then(|(settings, document)| {
                // SAFETY: called on the main thread while Envoy takes in a configuration.
                let (workers, only_validate) = unsafe {
                    (
                        envoy_dynamic_module_callback_get_concurrency(),
                        envoy_dynamic_module_callback_is_validation_mode(),
                    )
                };
                let scheduler = if only_validate {
                    ptr::null_mut()
                } else {
                    // SAFETY: `envoy` is the configuration that is being made.
                    unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_new(envoy) }
                };
                let scheduler = Scheduler { scheduler };
                let around = Surroundings {
                    workers: usize::try_from(workers).unwrap_or(1).max(1),
                    only_validate,
                    process: Box::new(EnvoyProcess),
                };
                let make = || {
                    let module = Module::new(settings, document, around)?;
                    let watch = if only_validate {
                        None
                    } else {
                        let started = Watch::start(Arc::clone(&module));
                        Some(started.map_err(|error| vec![format!("no thread to watch files: {error}")])?)
                    };
                    Ok::<_, Vec<String>>(Running { module, _watch: watch })
                };
                let running = running::share(same(text, &policy_file.borrow()), make)?;
                let mut counters = [0; Counter::ALL.len()];
                for (id, counter) in counters.iter_mut().zip(Counter::ALL) {
                    define(envoy, counter, id)?;
                }
                let mut gauges = [0; Gauge::ALL.len()];
                for (id, gauge) in gauges.iter_mut().zip(Gauge::ALL) {
                    define_gauge(envoy, gauge, id)?;
                }
                let attached = running.module.attach(Box::new(scheduler));
                Ok(FilterConfig { attached, counters, gauges, _running: running })
            });
        match made {
            Ok(config) => Box::into_raw(Box::new(config)).cast_const().cast(),
            Err(faults) => {
                tell(&faults);
                ptr::null()
            }
        }
    })
}

fn define(envoy: EnvoyPtr, counter: Counter, id: &mut usize) -> Result<(), Vec<String>> {
    let labels: Vec<Buffer> = counter.labels().iter().map(|label| Buffer::of(label.as_bytes())).collect();
    // SAFETY: `envoy` is the configuration that is being made, the only time at which counters can be defined.
    let result = unsafe {
        envoy_dynamic_module_callback_http_filter_config_define_counter(
            envoy,
            Buffer::of(counter.name().as_bytes()),
            labels.as_ptr(),
            labels.len(),
            id,
        )
    };
    if result == SUCCESS { Ok(()) } else { Err(vec![format!("Envoy does not define {}", counter.name())]) }
}

fn define_gauge(envoy: EnvoyPtr, gauge: Gauge, id: &mut usize) -> Result<(), Vec<String>> {
    let label = Buffer::of(Gauge::LABEL.as_bytes());
    let name = Buffer::of(gauge.name().as_bytes());
    // SAFETY: as in `define`.
    let result =
        unsafe { envoy_dynamic_module_callback_http_filter_config_define_gauge(envoy, name, &raw const label, 1, id) };
    if result == SUCCESS { Ok(()) } else { Err(vec![format!("Envoy does not define {}", gauge.name())]) }
}

/// The key of equal configurations: their settings in any order, and the bytes of the policy file.
fn same(settings: &[u8], policy_file: &[u8]) -> running::Same {
    let settings = canonical(settings).unwrap_or_default();
    let length = settings.len().to_le_bytes();
    sha256(&[length.as_slice(), settings.as_bytes(), policy_file].concat())
}

pub(crate) fn lines(faults: Vec<PolicyError>) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

pub(crate) fn tell(faults: &[String]) {
    for fault in faults {
        log(Level::Error, &format!("countersign: {fault}"));
    }
}

/// # Safety
/// `config` came from `config_new` and is not used again.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(config: *const c_void) {
    guarded(
        || (),
        || {
            debug_assert!(config.cast::<FilterConfig>().is_aligned());
            // SAFETY: the pointer of `Box::into_raw`, given back once.
            drop(unsafe { Box::from_raw(config.cast_mut().cast::<FilterConfig>()) });
        },
    );
}

/// # Safety
/// `config` was made by this module, and `envoy` is its other side.
unsafe fn on_main<'c>(envoy: EnvoyPtr, config: *const c_void) -> Option<EnvoyMain<'c>> {
    debug_assert!(config.cast::<FilterConfig>().is_aligned());
    // SAFETY: the caller's promise.
    unsafe { config.cast::<FilterConfig>().as_ref() }.map(|config| EnvoyMain { envoy, config })
}

/// The main thread was woken.
///
/// # Safety
/// `config` came from `config_new`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_scheduled(
    envoy: EnvoyPtr,
    config: *const c_void,
    _event: u64,
) {
    // SAFETY: the caller's promise.
    let Some(main) = (unsafe { on_main(envoy, config) }) else { return };
    let (module, number) = (main.config.module(), main.config.attached.number);
    guarded(|| module.fault("the main thread"), || module.on_main(number, &main));
}

/// A fetch has ended.
///
/// # Safety
/// `config` came from `config_new`; the rest is valid for the call.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_http_callout_done(
    envoy: EnvoyPtr,
    config: *const c_void,
    callout: u64,
    result: u32,
    headers: *const Header,
    header_count: usize,
    chunks: *const Buffer,
    chunk_count: usize,
) {
    // SAFETY: the caller's promise.
    let Some(main) = (unsafe { on_main(envoy, config) }) else { return };
    let module = main.config.module();
    guarded(
        || module.fault("a fetch"),
        || {
            // SAFETY: the caller's promise.
            let (headers, chunks) = unsafe { (all(headers, header_count), all(chunks, chunk_count)) };
            // SAFETY: as above.
            let is_status = |field: &&Header| unsafe { field.name.read() } == b":status";
            // SAFETY: as above.
            let status = headers.iter().find(is_status).map(|field| unsafe { field.value.read() });
            let answer = match (result, status) {
                (SUCCESS, Some(b"200")) => {
                    // SAFETY: as above.
                    let body = chunks.iter().map(|chunk| unsafe { chunk.read() });
                    let length: usize = body.clone().map(<[u8]>::len).sum();
                    if length > limits::TRUST_DOCUMENT_BYTES {
                        Err(format!("a body of {length} bytes, more than {}", limits::TRUST_DOCUMENT_BYTES))
                    } else {
                        Ok(body.collect::<Vec<_>>().concat())
                    }
                }
                (SUCCESS, status) => {
                    Err(format!("status {}", String::from_utf8_lossy(status.unwrap_or_default()).escape_debug()))
                }
                (1, _) => Err("the request was reset, or timed out".to_owned()),
                (2, _) => Err("the response is larger than Envoy buffers".to_owned()),
                (other, _) => Err(format!("no response (result {other})")),
            };
            let callout = Callout { asker: main.config.attached.number, number: callout };
            module.on_answer(callout, answer.as_deref().map_err(Clone::clone));
        },
    );
}

/// Takes in what a route says; NULL makes Envoy refuse it.
///
/// # Safety
/// Called by Envoy.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_per_route_config_new(
    _name: Buffer,
    settings: Buffer,
) -> *const c_void {
    // SAFETY: valid for the call.
    guarded(ptr::null, || match RouteSettings::read(unsafe { settings.read() }) {
        Ok(route) => Arc::into_raw(Arc::new(route)).cast(),
        Err(faults) => {
            tell(&lines(faults));
            ptr::null()
        }
    })
}

/// # Safety
/// `route` came from `per_route_config_new` and is not used again.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_per_route_config_destroy(route: *const c_void) {
    guarded(
        || (),
        || {
            debug_assert!(route.cast::<RouteSettings>().is_aligned());
            // SAFETY: the pointer of `Arc::into_raw`, given back once.
            drop(unsafe { Arc::from_raw(route.cast::<RouteSettings>()) });
        },
    );
}

/// A stream begins.
///
/// # Safety
/// `config` came from `config_new`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(
    config: *const c_void,
    _envoy: EnvoyPtr,
) -> *const c_void {
    guarded(ptr::null, || {
        let filter =
            Filter { config: config.cast(), fields: Vec::new(), worker: 0, progress: Progress::Idle, has_ended: false };
        Box::into_raw(Box::new(filter)).cast_const().cast()
    })
}

/// # Safety
/// `filter` came from `filter_new` and is not used again.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(filter: *const c_void) {
    guarded(
        || (),
        || {
            debug_assert!(filter.cast::<Filter>().is_aligned());
            // SAFETY: the pointer of `Box::into_raw`, given back once.
            let filter = unsafe { Box::from_raw(filter.cast_mut().cast::<Filter>()) };
            // SAFETY: the configuration outlives its streams.
            let config = unsafe { filter.config.as_ref() };
            if let Progress::Asks { waiting, .. } | Progress::Reads { waiting, .. } = filter.progress
                && let Some(config) = config
            {
                filter::abandon(config.module(), filter.worker, waiting);
            }
        },
    );
}

/// The head of a request has come: it is judged.
///
/// # Safety
/// `filter` came from `filter_new` and is in no other hook.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    envoy: EnvoyPtr,
    filter: *const c_void,
    end_of_stream: bool,
) -> u32 {
    debug_assert!(filter.cast::<Filter>().is_aligned());
    // SAFETY: the caller's promise.
    let Some(filter) = (unsafe { filter.cast_mut().cast::<Filter>().as_mut() }) else { return HEADERS_STOP };
    // SAFETY: the configuration outlives its streams.
    let Some(config) = (unsafe { filter.config.as_ref() }) else { return HEADERS_STOP };
    filter.has_ended = end_of_stream;
    let next = hook(filter, config, envoy, "a request", |filter, stream| {
        filter.worker = stream.worker();
        let judged = filter::begin(config.module(), filter.worker, stream, module::now());
        // What a filter before this one has buffered comes to the hook of the body yet.
        drive(filter, config, stream, judged, &[])
    });
    if next == Next::Passes { HEADERS_CONTINUE } else { HEADERS_STOP }
}

/// Runs what a hook does with its stream. A panic refuses the request.
fn hook(
    filter: &mut Filter,
    config: &FilterConfig,
    envoy: EnvoyPtr,
    what: &str,
    body: impl FnOnce(&mut Filter, &mut EnvoyStream) -> Next,
) -> Next {
    let next = guarded(|| None, || Some(body(&mut *filter, &mut EnvoyStream::new(envoy))));
    next.unwrap_or_else(|| {
        config.module().fault(what);
        filter.progress = Progress::Answered;
        filter::refuse(&mut EnvoyStream::new(envoy));
        Next::IsAnswered
    })
}

/// Follows a judgement until it is made or waits for Envoy. `bodies` are those that have the beginning of the body, in order.
fn drive(
    filter: &mut Filter,
    config: &FilterConfig,
    stream: &mut EnvoyStream,
    mut judged: judge::Progress,
    bodies: &[u32],
) -> Next {
    let module = config.module();
    loop {
        let waiting = match judged {
            judge::Progress::Done(Verdict::Pass(fields)) => {
                filter.fields = fields;
                return Next::Passes;
            }
            judge::Progress::Done(Verdict::Answered) => {
                filter.progress = Progress::Answered;
                return Next::IsAnswered;
            }
            judge::Progress::Waits(waiting) => waiting,
        };
        let go_on = |stream: &mut EnvoyStream, waiting, answer: Answer<'_>| {
            filter::resume(module, filter.worker, stream, module::now(), waiting, answer)
        };
        judged = match module.body_of(&waiting) {
            Some(mut reader) => {
                let fits = bodies.iter().all(|body| stream.feed(*body, &mut reader));
                if fits && !filter.has_ended {
                    filter.progress = Progress::Reads { waiting, reader };
                    return Next::Waits;
                }
                go_on(stream, waiting, Answer::Body(*reader))
            }
            None => {
                let call = question::call(&module.settings, waiting.question(), stream);
                if let Some(callout) = call.and_then(|call| stream.ask(&call)) {
                    filter.progress = Progress::Asks { waiting, callout };
                    return Next::Waits;
                }
                let answer = question::answer(waiting.question(), None);
                go_on(stream, waiting, answer)
            }
        };
    }
}

/// A part of the body of a request has come.
///
/// # Safety
/// `filter` came from `filter_new` and is in no other hook.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_body(
    envoy: EnvoyPtr,
    filter: *const c_void,
    end_of_stream: bool,
) -> u32 {
    debug_assert!(filter.cast::<Filter>().is_aligned());
    // SAFETY: the caller's promise.
    let Some(filter) = (unsafe { filter.cast_mut().cast::<Filter>().as_mut() }) else { return BODY_STOP_NO_BUFFER };
    // SAFETY: the configuration outlives its streams.
    let Some(config) = (unsafe { filter.config.as_ref() }) else { return BODY_STOP_NO_BUFFER };
    filter.has_ended |= end_of_stream;
    let next = match &filter.progress {
        Progress::Idle => Next::Passes,
        Progress::Answered => Next::IsAnswered,
        Progress::Asks { .. } => Next::Waits,
        Progress::Reads { .. } => hook(filter, config, envoy, "the body of a request", |filter, stream| {
            // SAFETY: the stream is in the hook of its body.
            let is_buffered = unsafe { envoy_dynamic_module_callback_http_received_buffered_request_body(envoy) };
            let all: &[u32] =
                if is_buffered { &[BUFFERED_REQUEST_BODY] } else { &[BUFFERED_REQUEST_BODY, RECEIVED_REQUEST_BODY] };
            read_body(filter, config, stream, &[RECEIVED_REQUEST_BODY], all)
        }),
    };
    match next {
        Next::Passes => CONTINUE,
        Next::IsAnswered => BODY_STOP_NO_BUFFER,
        Next::Waits => match &filter.progress {
            Progress::Asks { waiting, .. } if !config.module().may_read_body(waiting) => BODY_STOP_AND_WATERMARK,
            _ => BODY_STOP_AND_BUFFER,
        },
    }
}

/// Reads `new` of the body, and goes on where it is the end, or too long. `all` has the whole body so far.
fn read_body(filter: &mut Filter, config: &FilterConfig, stream: &mut EnvoyStream, new: &[u32], all: &[u32]) -> Next {
    let Progress::Reads { waiting, mut reader } = mem::replace(&mut filter.progress, Progress::Idle) else {
        return Next::Waits;
    };
    let fits = new.iter().all(|body| stream.feed(*body, &mut reader));
    if fits && !filter.has_ended {
        filter.progress = Progress::Reads { waiting, reader };
        return Next::Waits;
    }
    let (module, worker) = (config.module(), filter.worker);
    let judged = filter::resume(module, worker, stream, module::now(), waiting, Answer::Body(*reader));
    drive(filter, config, stream, judged, all)
}

/// A server has answered, or has not.
///
/// # Safety
/// `filter` came from `filter_new` and is in no other hook; the rest is valid for the call.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_http_callout_done(
    envoy: EnvoyPtr,
    filter: *const c_void,
    callout: u64,
    result: u32,
    headers: *const Header,
    header_count: usize,
    chunks: *const Buffer,
    chunk_count: usize,
) {
    debug_assert!(filter.cast::<Filter>().is_aligned());
    // The reference ends before Envoy goes on, which calls other hooks of this stream.
    let next = {
        // SAFETY: the caller's promise.
        let Some(filter) = (unsafe { filter.cast_mut().cast::<Filter>().as_mut() }) else { return };
        // SAFETY: the configuration outlives its streams.
        let Some(config) = (unsafe { filter.config.as_ref() }) else { return };
        hook(filter, config, envoy, "an answer", |filter, stream| {
            let waiting = match mem::replace(&mut filter.progress, Progress::Idle) {
                Progress::Asks { waiting, callout: asked } if asked == callout => waiting,
                other => {
                    filter.progress = other;
                    return Next::Waits;
                }
            };
            // SAFETY: the caller's promise.
            let (headers, chunks) = unsafe { (all(headers, header_count), all(chunks, chunk_count)) };
            // SAFETY: as above.
            let is_status = |field: &&Header| unsafe { field.name.read() } == b":status";
            // SAFETY: as above.
            let status = headers.iter().find(is_status).map(|field| unsafe { field.value.read() });
            let length: usize = chunks.iter().map(|chunk| chunk.length).sum();
            let body = if length > question::ANSWER_BYTES {
                None
            } else {
                // SAFETY: as above.
                Some(chunks.iter().map(|chunk| unsafe { chunk.read() }).collect::<Vec<_>>().concat())
            };
            let response = status.filter(|_| result == SUCCESS).zip(body.as_deref());
            let answer = question::answer(waiting.question(), response);
            let (module, worker) = (config.module(), filter.worker);
            let judged = filter::resume(module, worker, stream, module::now(), waiting, answer);
            drive(filter, config, stream, judged, &[BUFFERED_REQUEST_BODY])
        })
    };
    if next == Next::Passes {
        // SAFETY: the stream is in a hook, and waits.
        unsafe { envoy_dynamic_module_callback_http_filter_continue_decoding(envoy) };
    }
}

/// The head of a response goes out: a nonce that is due goes with it.
///
/// # Safety
/// `filter` came from `filter_new` and is in no other hook.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    envoy: EnvoyPtr,
    filter: *const c_void,
    _end_of_stream: bool,
) -> u32 {
    guarded(
        || HEADERS_CONTINUE,
        || {
            debug_assert!(filter.cast::<Filter>().is_aligned());
            // SAFETY: the caller's promise.
            if let Some(filter) = unsafe { filter.cast::<Filter>().as_ref() } {
                for (name, value) in &filter.fields {
                    EnvoyStream::new(envoy).set_response_header(name, value);
                }
            }
            HEADERS_CONTINUE
        },
    )
}

/// The trailers of a request have come.
///
/// # Safety
/// `filter` came from `filter_new` and is in no other hook.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_trailers(
    envoy: EnvoyPtr,
    filter: *const c_void,
) -> u32 {
    debug_assert!(filter.cast::<Filter>().is_aligned());
    // SAFETY: the caller's promise.
    let Some(filter) = (unsafe { filter.cast_mut().cast::<Filter>().as_mut() }) else { return TRAILERS_STOP };
    // SAFETY: the configuration outlives its streams.
    let Some(config) = (unsafe { filter.config.as_ref() }) else { return TRAILERS_STOP };
    filter.has_ended = true;
    let next = hook(filter, config, envoy, "the trailers of a request", |filter, stream| {
        stream.remove_spelled_trailers(&config.module().settings.identity_headers);
        stream.remove_spelled_trailers(config.module().policies.removed(None));
        match &filter.progress {
            Progress::Idle => Next::Passes,
            Progress::Answered => Next::IsAnswered,
            Progress::Asks { .. } => Next::Waits,
            Progress::Reads { .. } => read_body(filter, config, stream, &[], &[BUFFERED_REQUEST_BODY]),
        }
    });
    if next == Next::Passes { CONTINUE } else { TRAILERS_STOP }
}

/// Hooks that Envoy demands of every filter and that this one has no use for.
macro_rules! unused_hooks {
    ($($name:ident($($type:ty),*) $(-> $result:ident)?;)*) => {$(
        /// Nothing to do.
        #[unsafe(no_mangle)]
        pub(crate) extern "C" fn $name($(_: $type),*) $(-> hook_result!($result))? { $($result)? }
    )*};
}

macro_rules! hook_result {
    (CONTINUE) => {
        u32
    };
}

unused_hooks! {
    envoy_dynamic_module_on_http_filter_stream_complete(EnvoyPtr, *const c_void);
    envoy_dynamic_module_on_http_filter_response_body(EnvoyPtr, *const c_void, bool) -> CONTINUE;
    envoy_dynamic_module_on_http_filter_response_trailers(EnvoyPtr, *const c_void) -> CONTINUE;
    envoy_dynamic_module_on_http_filter_http_stream_headers(
        EnvoyPtr, *const c_void, u64, *const Header, usize, bool
    );
    envoy_dynamic_module_on_http_filter_http_stream_data(
        EnvoyPtr, *const c_void, u64, *const Buffer, usize, bool
    );
    envoy_dynamic_module_on_http_filter_http_stream_trailers(EnvoyPtr, *const c_void, u64, *const Header, usize);
    envoy_dynamic_module_on_http_filter_http_stream_complete(EnvoyPtr, *const c_void, u64);
    envoy_dynamic_module_on_http_filter_http_stream_reset(EnvoyPtr, *const c_void, u64, u32);
    envoy_dynamic_module_on_http_filter_scheduled(EnvoyPtr, *const c_void, u64);
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(EnvoyPtr, *const c_void);
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(EnvoyPtr, *const c_void);
}
