//! The thread that looks at files: reading them may take time, which no worker and not the main thread should wait for.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::module::Module;

/// A running thread; it ends with this value.
pub(crate) struct Watch {
    module: Arc<Module>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(module: Arc<Module>) -> io::Result<Self> {
        let watched = Arc::clone(&module);
        let thread = thread::Builder::new().name("countersign".to_owned()).spawn(move || {
            while watched.wait() {
                if catch_unwind(AssertUnwindSafe(|| watched.look())).is_err() {
                    watched.fault("the watch of files");
                }
                watched.wake_main();
            }
        })?;
        Ok(Self { module, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.module.stop();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join(); // a panic was caught inside
        }
    }
}
