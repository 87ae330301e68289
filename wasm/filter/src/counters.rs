//! The proxy's counters. They have no labels, so labels are encoded in the name, and `stats_tags` of the proxy make labels of them
//! again: `countersign_decisions.policy=orders.outcome=refused.reason=token_expired`.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use countersign_filter::host::Counter;

use crate::host::Host;

/// The numbers of the counters that were used before.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    known: Vec<(String, u32)>,
}

impl Counters {
    pub(crate) fn count<H: Host>(&mut self, host: &H, counter: Counter, labels: &[&str], by: u64) {
        let name = name(counter, labels);
        let number = match self.known.iter().find(|(known, _)| *known == name) {
            Some((_, number)) => *number,
            None => {
                let Some(number) = host.counter(&name) else { return };
                self.known.push((name, number));
                number
            }
        };
        host.count(number, by);
    }
}

fn name(counter: Counter, values: &[&str]) -> String {
    let mut name = counter.name().to_owned();
    for (label, value) in counter.labels().iter().zip(values) {
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
