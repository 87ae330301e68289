//! The module as a bootstrap extension of Envoy, which waits for a signal of each before it takes traffic. Hooks as in `exports`, with the
//! same promises of Envoy; all of them run on its main thread.

use std::ffi::c_void;
use std::ptr;

use countersign_envoy_common::host::Level;

use crate::abi::*;
use crate::exports::{guarded, lines, log, tell};
use crate::host::Wake;
use crate::readiness::{self, WaitSettings};
use crate::running;

/// The object that Envoy keeps for the extension.
struct Extension {
    envoy: EnvoyPtr,
    settings: WaitSettings,
    /// Fires once the time is up; NULL where Envoy only looks at its configuration.
    timer: *mut c_void,
}

impl Extension {
    fn signal(&self) {
        // SAFETY: the configuration outlives the extension's side of it.
        unsafe { envoy_dynamic_module_callback_bootstrap_extension_config_signal_init_complete(self.envoy) };
    }
}

impl Drop for Extension {
    fn drop(&mut self) {
        let _waited = readiness::end();
        if !self.timer.is_null() {
            // SAFETY: made by `timer_new`, and deleted once.
            unsafe { envoy_dynamic_module_callback_bootstrap_extension_timer_delete(self.timer) };
        }
    }
}

/// The scheduler of the extension.
struct Scheduler(*mut c_void);

// SAFETY: the callback may be used from any thread; the pointer is only ever handed to Envoy.
unsafe impl Send for Scheduler {}
// SAFETY: as above.
unsafe impl Sync for Scheduler {}

impl Wake for Scheduler {
    fn wake_main(&self) {
        // SAFETY: made by `scheduler_new`, deleted when this is dropped.
        unsafe { envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_commit(self.0, 0) };
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        // SAFETY: made by `scheduler_new`, and deleted once.
        unsafe { envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_delete(self.0) };
    }
}

/// Takes in the extension's configuration; NULL makes Envoy refuse it. Envoy waits from here on.
///
/// # Safety
/// Called by Envoy on its main thread.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_config_new(
    envoy: EnvoyPtr,
    _name: Buffer,
    settings: Buffer,
) -> *const c_void {
    guarded(ptr::null, || {
        // SAFETY: valid for the call.
        let settings = match WaitSettings::read(unsafe { settings.read() }) {
            Ok(settings) => settings,
            Err(faults) => {
                tell(&lines(faults));
                return ptr::null();
            }
        };
        // SAFETY: called on the main thread while Envoy takes in its configuration.
        let only_validate = unsafe { envoy_dynamic_module_callback_is_validation_mode() };
        let mut timer = ptr::null_mut();
        if !only_validate {
            // SAFETY: `envoy` is the configuration that is being made.
            unsafe {
                timer = envoy_dynamic_module_callback_bootstrap_extension_timer_new(envoy);
                let scheduler = envoy_dynamic_module_callback_bootstrap_extension_config_scheduler_new(envoy);
                readiness::begin(Box::new(Scheduler(scheduler)), running::have_documents);
            }
        }
        Box::into_raw(Box::new(Extension { envoy, settings, timer })).cast_const().cast()
    })
}

/// # Safety
/// `extension` came from `config_new` and is not used again.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_config_destroy(extension: *const c_void) {
    guarded(
        || (),
        || {
            debug_assert!(extension.cast::<Extension>().is_aligned());
            // SAFETY: the pointer of `Box::into_raw`, given back once.
            drop(unsafe { Box::from_raw(extension.cast_mut().cast::<Extension>()) });
        },
    );
}

/// The extension itself is its configuration.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_bootstrap_extension_new(
    extension: *const c_void,
    _envoy: EnvoyPtr,
) -> *const c_void {
    extension
}

/// Envoy has read its configuration, and begins to serve it: the time runs from here on.
///
/// # Safety
/// `extension` came from `config_new`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_server_initialized(
    _envoy: EnvoyPtr,
    extension: *const c_void,
) {
    debug_assert!(extension.cast::<Extension>().is_aligned());
    // SAFETY: the caller's promise.
    let Some(extension) = (unsafe { extension.cast::<Extension>().as_ref() }) else { return };
    guarded(
        || extension.signal(),
        || {
            if running::have_documents() {
                finish(extension);
            } else if !extension.timer.is_null() {
                let milliseconds = extension.settings.wait_seconds.saturating_mul(1000);
                // SAFETY: made by `timer_new`, and not deleted yet.
                unsafe {
                    envoy_dynamic_module_callback_bootstrap_extension_timer_enable(extension.timer, milliseconds)
                };
            }
        },
    );
}

/// The last document was loaded, unless another configuration came in between.
///
/// # Safety
/// `extension` came from `config_new`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_config_scheduled(
    _envoy: EnvoyPtr,
    extension: *const c_void,
    _event: u64,
) {
    debug_assert!(extension.cast::<Extension>().is_aligned());
    // SAFETY: the caller's promise.
    let Some(extension) = (unsafe { extension.cast::<Extension>().as_ref() }) else { return };
    guarded(
        || extension.signal(),
        || {
            if running::have_documents() {
                finish(extension);
            }
        },
    );
}

/// The time is up.
///
/// # Safety
/// `extension` came from `config_new`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_timer_fired(
    _envoy: EnvoyPtr,
    extension: *const c_void,
    _timer: *const c_void,
) {
    debug_assert!(extension.cast::<Extension>().is_aligned());
    // SAFETY: the caller's promise.
    let Some(extension) = (unsafe { extension.cast::<Extension>().as_ref() }) else { return };
    guarded(
        || extension.signal(),
        || {
            if finish(extension) {
                let seconds = extension.settings.wait_seconds;
                log(
                    Level::Warn,
                    &format!(
                        "countersign: ready without the documents of some trust domain or issuer, after {seconds} s: its tokens are \
                         refused with keys_stale until they come"
                    ),
                );
            }
        },
    );
}

/// Lets Envoy take traffic; whether it was waiting until now.
fn finish(extension: &Extension) -> bool {
    let waited = readiness::end();
    if waited {
        extension.signal();
    }
    waited
}

/// Envoy ends: there is nothing to finish, and it waits for the completion callback.
///
/// # Safety
/// `completed` takes `context`, by Envoy's promise.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_shutdown(
    _envoy: EnvoyPtr,
    _extension: *const c_void,
    completed: Option<unsafe extern "C" fn(*mut c_void)>,
    context: *mut c_void,
) {
    if let Some(completed) = completed {
        // SAFETY: the caller's promise.
        unsafe { completed(context) };
    }
}

/// No page of Envoy's administration is this module's.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn envoy_dynamic_module_on_bootstrap_extension_admin_request(
    _envoy: EnvoyPtr,
    _extension: *const c_void,
    _method: Buffer,
    _path: Buffer,
    _body: Buffer,
) -> u32 {
    404
}

/// Hooks that Envoy demands of every bootstrap extension and that this one has no use for.
macro_rules! unused_hooks {
    ($($name:ident($($type:ty),*);)*) => {$(
        /// Nothing to do.
        #[unsafe(no_mangle)]
        pub(crate) extern "C" fn $name($(_: $type),*) {}
    )*};
}

unused_hooks! {
    envoy_dynamic_module_on_bootstrap_extension_worker_thread_initialized(EnvoyPtr, *const c_void);
    envoy_dynamic_module_on_bootstrap_extension_drain_started(EnvoyPtr, *const c_void);
    envoy_dynamic_module_on_bootstrap_extension_destroy(*const c_void);
    envoy_dynamic_module_on_bootstrap_extension_http_callout_done(
        EnvoyPtr, *const c_void, u64, u32, *const Header, usize, *const Buffer, usize
    );
    envoy_dynamic_module_on_bootstrap_extension_file_changed(EnvoyPtr, *const c_void, Buffer, u32);
    envoy_dynamic_module_on_bootstrap_extension_cluster_add_or_update(EnvoyPtr, *const c_void, Buffer);
    envoy_dynamic_module_on_bootstrap_extension_cluster_removal(EnvoyPtr, *const c_void, Buffer);
    envoy_dynamic_module_on_bootstrap_extension_listener_add_or_update(EnvoyPtr, *const c_void, Buffer);
    envoy_dynamic_module_on_bootstrap_extension_listener_removal(EnvoyPtr, *const c_void, Buffer);
}
