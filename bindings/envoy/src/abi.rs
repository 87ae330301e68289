//! The parts of Envoy's dynamic module ABI v0.2.0 that the module uses, declared here: Envoy's own crate is not on crates.io.
//!
//! Numbers and signatures are those of `source/extensions/dynamic_modules/abi/abi.h`; each was tried on Envoy 1.40.0.

use std::ffi::c_void;

/// The version that these declarations are of.
pub(crate) const VERSION: &std::ffi::CStr = c"v0.2.0";

/// Envoy's side of a filter configuration, or of a stream.
pub(crate) type EnvoyPtr = *mut c_void;

/// Bytes of the module that Envoy reads, or of Envoy that the module reads: the ABI has two names for this one layout.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    pub(crate) data: *const u8,
    pub(crate) length: usize,
}

/// A header field: its name, then its value.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) name: Buffer,
    pub(crate) value: Buffer,
}

/// `envoy_dynamic_module_type_http_header_type`
pub(crate) const REQUEST_HEADERS: u32 = 0;
pub(crate) const REQUEST_TRAILERS: u32 = 1;
pub(crate) const RESPONSE_HEADERS: u32 = 2;

/// The result of a hook for headers.
pub(crate) const HEADERS_CONTINUE: u32 = 0;
pub(crate) const HEADERS_STOP: u32 = 1;
/// The result of a hook for a body or for trailers.
pub(crate) const CONTINUE: u32 = 0;
/// Envoy keeps the body, and refuses one that is longer than it buffers.
pub(crate) const BODY_STOP_AND_BUFFER: u32 = 1;
/// Envoy keeps the body, and reads no more of it than it buffers.
pub(crate) const BODY_STOP_AND_WATERMARK: u32 = 2;
pub(crate) const BODY_STOP_NO_BUFFER: u32 = 3;
pub(crate) const TRAILERS_STOP: u32 = 1;

/// `envoy_dynamic_module_type_http_body_type`
pub(crate) const RECEIVED_REQUEST_BODY: u32 = 0;
pub(crate) const BUFFERED_REQUEST_BODY: u32 = 1;

/// `envoy_dynamic_module_type_attribute_id`
pub(crate) const ATTRIBUTE_CONNECTION_MTLS: u32 = 29;
pub(crate) const ATTRIBUTE_PEER_CERTIFICATE_SHA256: u32 = 38;

/// `envoy_dynamic_module_type_http_callout_init_result` and `…_http_callout_result`, and that of metrics.
pub(crate) const SUCCESS: u32 = 0;

/// `envoy_dynamic_module_type_log_level`
pub(crate) const LOG_INFO: u32 = 2;
pub(crate) const LOG_WARN: u32 = 3;
pub(crate) const LOG_ERROR: u32 = 4;

unsafe extern "C" {
    pub(crate) fn envoy_dynamic_module_callback_log(level: u32, message: Buffer);
    pub(crate) fn envoy_dynamic_module_callback_get_concurrency() -> u32;
    pub(crate) fn envoy_dynamic_module_callback_is_validation_mode() -> bool;

    pub(crate) fn envoy_dynamic_module_callback_http_filter_config_define_counter(
        config: EnvoyPtr,
        name: Buffer,
        labels: *const Buffer,
        label_count: usize,
        id_out: *mut usize,
    ) -> u32;
    pub(crate) fn envoy_dynamic_module_callback_http_filter_config_increment_counter(
        config: EnvoyPtr,
        id: usize,
        labels: *const Buffer,
        label_count: usize,
        by: u64,
    ) -> u32;
    pub(crate) fn envoy_dynamic_module_callback_http_filter_config_define_gauge(
        config: EnvoyPtr,
        name: Buffer,
        labels: *const Buffer,
        label_count: usize,
        id_out: *mut usize,
    ) -> u32;
    pub(crate) fn envoy_dynamic_module_callback_http_filter_config_set_gauge(
        config: EnvoyPtr,
        id: usize,
        labels: *const Buffer,
        label_count: usize,
        value: u64,
    ) -> u32;
    pub(crate) fn envoy_dynamic_module_callback_http_filter_config_scheduler_new(config: EnvoyPtr) -> *mut c_void;
    pub(crate) fn envoy_dynamic_module_callback_http_filter_config_scheduler_commit(scheduler: *mut c_void, event: u64);
    pub(crate) fn envoy_dynamic_module_callback_http_filter_config_scheduler_delete(scheduler: *mut c_void);
    pub(crate) fn envoy_dynamic_module_callback_http_filter_config_http_callout(
        config: EnvoyPtr,
        id_out: *mut u64,
        cluster: Buffer,
        headers: *const Header,
        header_count: usize,
        body: Buffer,
        timeout_milliseconds: u64,
    ) -> u32;

    pub(crate) fn envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_new(
        config: EnvoyPtr,
    ) -> *mut c_void;
    pub(crate) fn envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_commit(
        scheduler: *mut c_void,
        event: u64,
    );
    pub(crate) fn envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_delete(scheduler: *mut c_void);
    pub(crate) fn envoy_dynamic_module_callback_bootstrap_extension_config_signal_init_complete(config: EnvoyPtr);
    pub(crate) fn envoy_dynamic_module_callback_bootstrap_extension_timer_new(config: EnvoyPtr) -> *mut c_void;
    pub(crate) fn envoy_dynamic_module_callback_bootstrap_extension_timer_enable(timer: *mut c_void, milliseconds: u64);
    pub(crate) fn envoy_dynamic_module_callback_bootstrap_extension_timer_delete(timer: *mut c_void);

    pub(crate) fn envoy_dynamic_module_callback_http_get_header(
        stream: EnvoyPtr,
        map: u32,
        name: Buffer,
        value_out: *mut Buffer,
        index: usize,
        count_out: *mut usize,
    ) -> bool;
    pub(crate) fn envoy_dynamic_module_callback_http_get_headers_size(stream: EnvoyPtr, map: u32) -> usize;
    /// Writes as many as `…_get_headers_size` returns.
    pub(crate) fn envoy_dynamic_module_callback_http_get_headers(
        stream: EnvoyPtr,
        map: u32,
        headers_out: *mut Header,
    ) -> bool;
    pub(crate) fn envoy_dynamic_module_callback_http_set_header(
        stream: EnvoyPtr,
        map: u32,
        name: Buffer,
        value: Buffer,
    ) -> bool;
    /// The route is chosen when it is asked for next.
    pub(crate) fn envoy_dynamic_module_callback_http_clear_route_cache(stream: EnvoyPtr);
    pub(crate) fn envoy_dynamic_module_callback_http_send_response(
        stream: EnvoyPtr,
        status: u32,
        headers: *const Header,
        header_count: usize,
        body: Buffer,
        details: Buffer,
    );
    pub(crate) fn envoy_dynamic_module_callback_http_get_body_chunks_size(stream: EnvoyPtr, body: u32) -> usize;
    /// Writes as many as `…_get_body_chunks_size` returns.
    pub(crate) fn envoy_dynamic_module_callback_http_get_body_chunks(
        stream: EnvoyPtr,
        body: u32,
        chunks_out: *mut Buffer,
    ) -> bool;
    /// Whether the body that a hook received is the buffered part, and not the next part.
    pub(crate) fn envoy_dynamic_module_callback_http_received_buffered_request_body(stream: EnvoyPtr) -> bool;
    pub(crate) fn envoy_dynamic_module_callback_http_filter_http_callout(
        stream: EnvoyPtr,
        id_out: *mut u64,
        cluster: Buffer,
        headers: *const Header,
        header_count: usize,
        body: Buffer,
        timeout_milliseconds: u64,
    ) -> u32;
    /// The request goes on to the next filter, in this very call.
    pub(crate) fn envoy_dynamic_module_callback_http_filter_continue_decoding(stream: EnvoyPtr);
    pub(crate) fn envoy_dynamic_module_callback_http_set_dynamic_metadata_string(
        stream: EnvoyPtr,
        namespace: Buffer,
        key: Buffer,
        value: Buffer,
    );
    pub(crate) fn envoy_dynamic_module_callback_http_filter_get_attribute_string(
        stream: EnvoyPtr,
        attribute: u32,
        value_out: *mut Buffer,
    ) -> bool;
    pub(crate) fn envoy_dynamic_module_callback_http_filter_get_attribute_bool(
        stream: EnvoyPtr,
        attribute: u32,
        value_out: *mut bool,
    ) -> bool;
    pub(crate) fn envoy_dynamic_module_callback_http_filter_get_worker_index(stream: EnvoyPtr) -> u32;
    pub(crate) fn envoy_dynamic_module_callback_get_most_specific_route_config(stream: EnvoyPtr) -> *const c_void;
}
