//! The policies of a configuration, and by which of them a route is judged.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use countersign::engine::{Mode, PolicyDocument, PolicyIndex};

use crate::settings::{RouteSettings, Settings};

/// All policies of a document, in order of their names.
#[derive(Debug)]
pub struct Policies {
    known: Vec<Known>,
    /// The place of the policy for routes that name none.
    default: usize,
}

#[derive(Debug)]
struct Known {
    name: String,
    index: PolicyIndex,
    mode: Mode,
}

/// By which policy a request is judged, and how.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'m> {
    /// The place of the policy among all, by name.
    pub place: usize,
    /// The policy.
    pub policy: PolicyIndex,
    /// What happens to a refused request.
    pub mode: Mode,
    /// The external origin, for a policy that has none of its own.
    pub origin: Option<&'m str>,
}

impl Policies {
    /// The policies of `document`; `default` names the one for routes that name none.
    ///
    /// # Errors
    /// One line, if there is no such policy.
    pub fn new(document: &PolicyDocument, default: &str) -> Result<Self, String> {
        let known = document.policies().map(|(index, policy)| Known {
            name: policy.name().to_owned(),
            index,
            mode: policy.mode(),
        });
        let known: Vec<Known> = known.collect();
        let found = known.iter().position(|policy| policy.name == default);
        Ok(Self { default: found.ok_or_else(|| format!("there is no policy {default}"))?, known })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// The name of the policy at `place`.
    #[must_use]
    pub fn name(&self, place: usize) -> &str {
        self.known.get(place).map_or("", |policy| policy.name.as_str())
    }

    /// What holds for a route. `None` if it names a policy that does not exist: nobody is let in by a slip of the pen.
    #[must_use]
    pub fn rules<'m>(&self, settings: &'m Settings, route: Option<&'m RouteSettings>) -> Option<Rules<'m>> {
        let place = match route.and_then(|route| route.policy.as_deref()) {
            None => self.default,
            Some(name) => self.known.binary_search_by(|policy| policy.name.as_str().cmp(name)).ok()?,
        };
        let policy = self.known.get(place)?;
        let mode = route.and_then(|route| route.mode).or(settings.mode).unwrap_or(policy.mode);
        let origin = route.and_then(|route| route.origin.as_deref()).or(settings.origin.as_deref());
        Some(Rules { place, policy: policy.index, mode, origin })
    }
}
