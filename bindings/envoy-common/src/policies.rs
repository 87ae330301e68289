//! The policies of a configuration, and by which of them a request is judged.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use countersign::internal::uri::AllowedOrigins;
use countersign::{Mode, Policy, PolicyDocument, PolicyIndex};

use crate::host::Stream;
use crate::identity::{IdentityHeaders, removed_credentials};
use crate::settings::{RouteSettings, Settings};

/// All policies of a document, in order of their names.
#[derive(Debug)]
pub struct Policies {
    known: Vec<Known>,
    /// The place of the policy where neither route nor header name one.
    default: usize,
    /// The fields of credentials that any policy has removed.
    removed: IdentityHeaders,
}

#[derive(Debug)]
struct Known {
    name: String,
    index: PolicyIndex,
    mode: Mode,
    has_origin: bool,
    /// Whether it may ask what the request does not say.
    asks: bool,
    /// The fields of credentials that it has removed.
    removed: IdentityHeaders,
}

/// By which policy a request is judged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules<'m> {
    /// The place of the policy among all, by name.
    pub place: usize,
    /// The policy.
    pub policy: PolicyIndex,
    /// The treatment of a refused request.
    pub mode: Mode,
    /// The external origins, for a policy that has none of its own.
    pub origin: Option<&'m AllowedOrigins>,
}

/// Why there are no rules for a request, which is then refused: a typing error opens no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRules {
    /// Its route names a policy that does not exist.
    PolicyUnknown,
    /// A field that selects a policy is there more than once: this filter and the upstream could each take another one.
    HeaderRepeated {
        /// Whether the request passes all the same, without an identity.
        shadowed: bool,
    },
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
            has_origin: policy.has_origin(),
            asks: policy.body().is_some() || policy.asks_shared_store() || policy.introspects(),
            removed: IdentityHeaders::of_credentials(removed_credentials(policy).collect()),
        });
        let known: Vec<Known> = known.collect();
        let found = known.iter().position(|policy| policy.name == default);
        let default = found.ok_or_else(|| format!("there is no policy {default}"))?;
        let removed = document.policies().flat_map(|(_, policy)| removed_credentials(policy)).collect();
        Ok(Self { default, known, removed: IdentityHeaders::of_credentials(removed) })
    }

    /// Whether the policy at `place` may ask what the request does not say.
    #[must_use]
    pub fn asks(&self, place: usize) -> bool {
        self.known.get(place).is_some_and(|policy| policy.asks)
    }

    /// The fields of credentials that the policy at `place` has removed; those of all policies for no place.
    #[must_use]
    pub fn removed(&self, place: Option<usize>) -> &IdentityHeaders {
        place.and_then(|place| self.known.get(place)).map_or(&self.removed, |policy| &policy.removed)
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

    /// The place of the policy where neither route nor header name one.
    #[must_use]
    pub const fn default(&self) -> usize {
        self.default
    }

    /// The policy of a request: that of its route, else the one that its header fields select.
    ///
    /// # Errors
    /// Why nothing does.
    pub fn rules<'m>(
        &self,
        settings: &'m Settings,
        route: Option<&'m RouteSettings>,
        stream: &impl Stream,
    ) -> Result<Rules<'m>, NoRules> {
        let named = match route.and_then(|route| route.policy.as_deref()) {
            None => selected(settings, stream).map_err(|Repeated| {
                let mode = route.and_then(|route| route.mode).or(settings.mode);
                NoRules::HeaderRepeated { shadowed: mode == Some(Mode::Shadow) }
            })?,
            named => named,
        };
        let place = match named {
            None => Some(self.default),
            Some(name) => self.known.binary_search_by(|policy| policy.name.as_str().cmp(name)).ok(),
        };
        let known = place.and_then(|place| Some((place, self.known.get(place)?)));
        let (place, policy) = known.ok_or(NoRules::PolicyUnknown)?;
        let mode = route.and_then(|route| route.mode).or(settings.mode).unwrap_or(policy.mode);
        // One origin counts, whole: the base path of another one must not be put in front of the target.
        let origin = route.and_then(|route| route.origin.as_ref()).or(settings.origin.as_ref());
        let origin = origin.filter(|_| !policy.has_origin);
        Ok(Rules { place, policy: policy.index, mode, origin })
    }
}

/// Warnings about the origins of a configuration, one line each.
#[must_use]
pub fn origin_notices(document: &PolicyDocument, settings: &Settings) -> Vec<String> {
    let notice = |policy: &Policy| match (&settings.origin, policy.has_origin()) {
        (Some(_), true) => Some(format!("origin is not used for the policy {}, which has its own", policy.name())),
        (None, false) if policy.takes_proofs() => Some(format!(
            "the policy {} takes DPoP proofs, and neither it nor the settings have an origin: what a proof is compared with is then the \
             :authority that the client sends, and a :scheme that its X-Forwarded-Proto may change, on every route without an origin",
            policy.name()
        )),
        _ => None,
    };
    document.policies().filter_map(|(_, policy)| notice(policy)).collect()
}

/// A field that selects a policy is there more than once.
struct Repeated;

/// The policy that the header fields of a request select, if they do.
fn selected<'m>(settings: &'m Settings, stream: &impl Stream) -> Result<Option<&'m str>, Repeated> {
    for selection in &settings.selections {
        match stream.header(&selection.header) {
            (_, 2..) => return Err(Repeated),
            (Some(value), _) if selection.matches(value) => return Ok(Some(&selection.policy)),
            _ => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;
    use std::vec;

    use alloc::sync::Arc;

    use countersign::HeaderField;

    use super::*;
    use crate::host::RouteUnread;
    use crate::settings::Build;

    /// Header fields, and nothing else.
    struct Fields(Vec<(&'static str, &'static str)>);

    impl Stream for Fields {
        fn header(&self, name: &str) -> (Option<&[u8]>, usize) {
            let mut found = self.0.iter().filter(|(known, _)| *known == name);
            let first = found.next().map(|(_, value)| value.as_bytes());
            (first, usize::from(first.is_some()) + found.count())
        }
        fn set_header(&mut self, _: &str, _: Option<&str>) {}
        fn remove_spelled(&mut self, _: &IdentityHeaders) {}
        fn credential(&self, _: &str) -> HeaderField<'_> {
            HeaderField::Absent
        }
        fn remove_credentials(&mut self, _: &IdentityHeaders) {}
        fn route(&self) -> Result<Option<Arc<RouteSettings>>, RouteUnread> {
            Ok(None)
        }
        fn clear_route_cache(&mut self) {}
        fn peer_certificate(&self) -> Option<[u8; 32]> {
            None
        }
        fn set_metadata(&mut self, _: &str, _: &str, _: &str) {}
        fn answer(&mut self, _: u16, _: &[(String, String)], _: &str) {}
    }

    #[test]
    fn a_route_goes_before_a_header_and_the_first_match_before_the_next() -> Result<(), Box<dyn std::error::Error>> {
        let policy = r#"{"accept":["at+jwt"],"audience":["a"]}"#;
        let text = format!(
            r#"{{"policy":{{"trust":[{{"issuer":"https://as.example"}}],"policies":{{"a":{policy},"b":{policy},"c":{policy}}}}},
            "default_policy":"a","policy_rules":[{{"header":":path","prefix":"/b","policy":"b"}},{{"header":"x-tenant","exact":"blue","policy":"c"}}]}}"#
        );
        let (settings, document) =
            Settings::read(text.as_bytes(), Build::Wasm).map_err(|faults| format!("{faults:?}"))?;
        let policies = Policies::new(&document, &settings.policy)?;
        let chosen = |route: Option<&str>, fields: &[(&'static str, &'static str)]| {
            let route = route.map(|name| RouteSettings { policy: Some(name.to_owned()), ..RouteSettings::default() });
            let rules = policies.rules(&settings, route.as_ref(), &Fields(fields.to_vec()));
            rules.map(|rules| policies.name(rules.place).to_owned())
        };
        let (path, tenant) = ((":path", "/b"), ("x-tenant", "blue"));
        let name = |name: &str| Ok(name.to_owned());
        let repeated = Err(NoRules::HeaderRepeated { shadowed: false });
        for (route, fields, expected) in [
            (None, vec![], name("a")),
            (None, vec![(":path", "/a"), ("x-tenant", "green")], name("a")),
            (None, vec![path, tenant], name("b")),
            (None, vec![(":path", "/a"), tenant], name("c")),
            (None, vec![(":path", "/a"), tenant, tenant], repeated.clone()),
            (None, vec![("x-tenant", "green"), ("x-tenant", "red")], repeated),
            // The first match is enough; later ones are not read.
            (None, vec![path, tenant, tenant], name("b")),
            (Some("c"), vec![path, tenant, tenant], name("c")),
            (Some("none"), vec![path], Err(NoRules::PolicyUnknown)),
        ] {
            assert_eq!(chosen(route, &fields), expected, "{route:?} {fields:?}");
        }
        assert_eq!(policies.name(policies.default()), "a");
        Ok(())
    }
}
