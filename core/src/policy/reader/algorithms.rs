//! Lists of signature algorithms.

use alloc::format;
use alloc::vec::Vec;

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::json::Value;
use crate::policy::reader::{Pointer, Reader};
use crate::printable::quoted;

impl Reader {
    /// The algorithms that a list names, each of which must be one of `allowed`; `what` says whose these are.
    pub(in crate::policy) fn algorithms(
        &mut self,
        at: &Pointer<'_>,
        value: Value<'_>,
        allowed: AlgorithmSet,
        what: &str,
    ) -> AlgorithmSet {
        let mut set = AlgorithmSet::default();
        self.texts(at, value, "an algorithm", &mut |reader, at, name| match Algorithm::from_name(name.as_bytes())
            .filter(|algorithm| allowed.contains(*algorithm))
        {
            Some(algorithm) => set = set.with(algorithm),
            None => {
                let names: Vec<&str> = allowed.iter().map(Algorithm::name).collect();
                reader.fault(at, quoted(&name), format!("an algorithm that {what} allows: {}", names.join(", ")));
            }
        });
        set
    }
}
