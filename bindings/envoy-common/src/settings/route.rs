//! The settings of one route over the filter's settings, and those that both have.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use countersign::internal::document::DocumentKind;
use countersign::internal::policy::reader::{Members, Pointer, Reader};
use countersign::internal::printable::quoted;
use countersign::internal::uri::AllowedOrigins;
use countersign::{Mode, PolicyError};

/// The settings of one route over the filter's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteSettings {
    /// The name of its policy.
    pub policy: Option<String>,
    /// Its external origins.
    pub origin: Option<AllowedOrigins>,
    /// The treatment of refused requests.
    pub mode: Option<Mode>,
}

impl RouteSettings {
    /// Reads what a route says.
    ///
    /// # Errors
    /// Every fault; never an empty list.
    pub fn read(text: &[u8]) -> Result<Self, Vec<PolicyError>> {
        let mut reader = Reader::new();
        let root = reader.parse(text, DocumentKind::Settings);
        let read = root.and_then(|root| {
            let members = reader.members(&Pointer::Root, root, &["policy", "origin", "mode"])?;
            Some(Self {
                policy: reader.text(&members, "policy", "the name of a policy"),
                origin: read_origin(&mut reader, &members),
                mode: read_mode(&mut reader, &members),
            })
        });
        reader.finish(read)
    }

    /// Reads the same from names and values of a route's metadata. `None` if a name or value is unknown.
    #[must_use]
    pub fn from_pairs<'p>(pairs: impl IntoIterator<Item = (&'p [u8], &'p [u8])>) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in pairs {
            let value = str::from_utf8(value).ok()?;
            match name {
                b"policy" => read.policy = Some(value.to_owned()),
                b"origin" => read.origin = Some(AllowedOrigins::parse([value]).ok()?),
                b"mode" => {
                    let known = [Mode::Enforce, Mode::Shadow].into_iter().find(|mode| mode.name() == value);
                    read.mode = Some(known?);
                }
                _ => return None,
            }
        }
        Some(read)
    }
}

/// The external origin, or several of which the host of a request chooses one.
pub(super) fn read_origin(reader: &mut Reader, members: &Members<'_, '_>) -> Option<AllowedOrigins> {
    let (value, at) = (members.get("origin")?, members.at("origin"));
    let expected = "an origin such as https://api.example";
    let mut texts = Vec::new();
    reader.texts(&at, value, expected, &mut |_, _, text| texts.push(text));
    let listed = value.as_array().map_or(1, |array| array.elements().count());
    if texts.is_empty() || texts.len() < listed {
        // The others are faults already.
        return None;
    }
    let read = AllowedOrigins::parse(texts.iter().map(String::as_str));
    read.map_err(|fault| {
        let found = texts.get(fault.place).map_or_else(String::new, |text| quoted(text));
        let at = if value.as_array().is_some() { at.element(fault.place) } else { at };
        reader.fault(&at, found, format!("{expected}: {}", fault.kind));
    })
    .ok()
}

/// The treatment of refused requests.
pub(super) fn read_mode(reader: &mut Reader, members: &Members<'_, '_>) -> Option<Mode> {
    reader.word(members, "mode", &[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)])
}
