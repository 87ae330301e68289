//! The proxy's counters and gauges. They have no labels, so labels are encoded in the name, and `stats_tags` of the proxy make labels of them
//! again: `countersign_decisions.policy=orders.outcome=refused.reason=token_expired`.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use countersign_envoy_common::host::{Counter, Gauge};

use crate::host::Host;

/// The numbers of the counters and gauges that were used before.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    known: Vec<(String, u32)>,
}

impl Counters {
    pub(crate) fn count<H: Host>(&mut self, host: &H, counter: Counter, labels: &[&str], by: u64) {
        if let Some(number) = self.number(name(counter, labels), |name| host.counter(name)) {
            host.count(number, by);
        }
    }

    /// Sets the gauge of a replay store. All VMs set the same one, so it has the value that the last of them saw.
    pub(crate) fn set<H: Host>(&mut self, host: &H, gauge: Gauge, store: &str, value: u64) {
        let name = labelled(gauge.name(), &[Gauge::LABEL], &[store]);
        if let Some(number) = self.number(name, |name| host.gauge(name)) {
            host.record(number, value);
        }
    }

    fn number(&mut self, name: String, define: impl FnOnce(&str) -> Option<u32>) -> Option<u32> {
        if let Some((_, number)) = self.known.iter().find(|(known, _)| *known == name) {
            return Some(*number);
        }
        let number = define(&name)?;
        self.known.push((name, number));
        Some(number)
    }
}

fn name(counter: Counter, values: &[&str]) -> String {
    labelled(counter.name(), counter.labels(), values)
}

fn labelled(name: &str, labels: &[&str], values: &[&str]) -> String {
    let mut name = name.to_owned();
    for (label, value) in labels.iter().zip(values) {
        // What could be taken for the next label is not written.
        name.extend([".", label, "="]);
        name.extend(value.chars().map(|c| if matches!(c, '=' | '.') || c.is_control() { '_' } else { c }));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_in_the_name() {
        assert_eq!(
            name(Counter::Decisions, &["a.outcome=b", "refused", "token_expired"]),
            "countersign_decisions.policy=a_outcome_b.outcome=refused.reason=token_expired"
        );
        assert_eq!(name(Counter::Faults, &[]), "countersign_faults");
    }
}
