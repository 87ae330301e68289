//! `tools`, `body_bytes` and `body_digest`: what a policy asks of the body of a request.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::limits;
use crate::policy::reader::{Members, Reader};
use crate::printable::{is_printable, quoted};

/// The conditions of a policy on the body of a request.
#[derive(Clone, Debug)]
pub struct BodyPolicy {
    /// The longest body, in bytes.
    pub(crate) most_bytes: usize,
    /// Whether the decision carries the SHA-256 of the body.
    pub(crate) digest: bool,
    /// The tools that may be called, by pattern; any body passes, if `None`.
    pub(crate) tools: Option<Vec<ToolPattern>>,
}

impl BodyPolicy {
    /// Reads the members of a policy; `None` where it asks nothing of the body.
    pub(super) fn read(reader: &mut Reader, policy: &Members<'_, '_>) -> Option<Self> {
        let digest = reader.flag(policy, "body_digest", false);
        let bytes = reader.number_of(Some(policy), &limits::BODY_BYTES_READ);
        let tools = policy.get("tools").map(|value| {
            let mut tools = Vec::new();
            reader.elements(&policy.at("tools"), value, "an array of tools", &mut |reader, at, value| {
                const EXPECTED: &str = "the name of a tool, where * is one whole segment between dots";
                let Some(own) = reader.members(at, value, &["name", "comment"]) else { return };
                let Some(name) = reader.needed_text(&own, "name", EXPECTED) else { return };
                match ToolPattern::parse(&name) {
                    Some(pattern) => tools.push(pattern),
                    None => reader.fault(&own.at("name"), quoted(&name), EXPECTED),
                }
            });
            tools
        });
        if tools.is_none() && !digest {
            if policy.has("body_bytes") {
                reader.fault(
                    &policy.at("body_bytes"),
                    "a limit of a body that is not read",
                    "`tools` or `body_digest`",
                );
            }
            return None;
        }
        Some(Self { most_bytes: usize::try_from(bytes).unwrap_or(limits::BODY_BYTES), digest, tools })
    }

    /// The longest body, in bytes.
    #[must_use]
    pub const fn most_bytes(&self) -> usize {
        self.most_bytes
    }
}

/// A pattern of tool names: segments with dots between them, of which `*` matches exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolPattern(Box<str>);

impl ToolPattern {
    /// A pattern of at least one segment and no empty one, where `*` is a whole segment; `None` for any other text, and for one that matches
    /// no name that a body may have.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = |segment: &str| !segment.is_empty() && (segment == "*" || !segment.contains('*'));
        let fits = text.len() <= limits::TOOL_NAME_BYTES && is_printable(text) && text.trim() == text;
        let fits = fits && text.split('.').all(good);
        fits.then(|| Self(text.into()))
    }

    /// Whether `name` is one of the tools.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (mut wanted, mut found) = (self.0.split('.'), name.split('.'));
        loop {
            match (wanted.next(), found.next()) {
                (None, None) => return true,
                (Some("*"), Some(segment)) if !segment.is_empty() => {}
                (Some(wanted), Some(found)) if wanted == found => {}
                _ => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_segments() {
        let pattern = |text| ToolPattern::parse(text).unwrap();
        assert!(pattern("search").matches("search") && !pattern("search").matches("search.web"));
        assert!(pattern("search.*").matches("search.web") && pattern("*").matches("a"));
        assert!(!pattern("search.*").matches("search") && !pattern("search.*").matches("search."));
        assert!(!pattern("search.*").matches("search.a.b") && !pattern("a").matches("A"));
        for bad in ["", ".", "a.", "a*", "**", "a..b", "a ", " *", "a\u{202e}", "a\nb"] {
            assert_eq!(ToolPattern::parse(bad), None, "{bad}");
        }
    }
}
