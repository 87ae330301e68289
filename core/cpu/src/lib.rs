//! Which way of checking signatures suits the processor that the program runs on.
//!
//! The core has no unsafe code, and to call a function for processors with AVX2 is unsafe where the compiler does not know that there is one.
//! So the question is asked here, once for each worker:
//!
//! ```
//! # use countersign::{Engine, PolicyDocument, Worker};
//! # let document = br#"{"trust":[{"trust_domain":"example.org"}],"policies":{"default":{"accept":["jwt-svid"],"audience":["a"]}}}"#;
//! let engine = Engine::new(PolicyDocument::parse(document).unwrap(), [3, 5]);
//! let mut worker = Worker::new(&engine, [7, 11]);
//! worker.check_p256_by(countersign_cpu::p256());
//! ```

use countersign::internal::crypto::p256::{Verify, verify_prehashed};

/// The fastest check of ES256 signatures by tables that this processor can do.
#[must_use]
pub fn p256() -> Verify {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return |generator, key, hash, signature| {
            debug_assert!(std::arch::is_x86_feature_detected!("avx2"));
            // SAFETY: a processor with AVX2 is all that the function asks for, and it was asked before this closure was given away.
            unsafe { countersign::internal::crypto::p256::verify_in_lanes(generator, key, hash, signature) }
        };
    }
    verify_prehashed
}
