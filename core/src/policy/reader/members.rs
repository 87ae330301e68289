//! The members of an object.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

#[cfg(feature = "presets")]
use crate::jose::json::JsonObject;
use crate::jose::json::Value;
use crate::limits::Number;
use crate::policy::reader::{NOTHING, Pointer, Reader};

/// The members of an object that are allowed there, and where the object is.
#[derive(Debug)]
pub struct Members<'a, 'p> {
    pointer: Pointer<'p>,
    names: &'p [&'p str],
    /// In the order of `names`.
    values: Vec<Option<Value<'a>>>,
}

impl<'a> Members<'a, '_> {
    /// The value of the member `name`, which is one of the names that the object was read with.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        let at = self.names.iter().position(|known| *known == name);
        debug_assert!(at.is_some(), "{name} is not in the table of members");
        self.values.get(at?).copied().flatten()
    }

    /// Takes the members of `object` that are absent here, and are of the names that this object was read with.
    #[cfg(feature = "presets")]
    pub(in crate::policy) fn take_absent(&mut self, object: JsonObject<'a>) {
        for (name, value) in object.members() {
            let place = self.names.iter().position(|known| name.is(known));
            if let Some(absent @ None) = place.and_then(|place| self.values.get_mut(place)) {
                *absent = Some(value);
            }
        }
    }

    /// Whether the member is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Where the member `name` is or would be.
    #[must_use]
    pub const fn at<'s>(&'s self, name: &'s str) -> Pointer<'s> {
        self.pointer.member(name)
    }

    /// Where the object is.
    #[must_use]
    pub const fn pointer(&self) -> &Pointer<'_> {
        &self.pointer
    }
}

impl Reader {
    /// The members of an object that has those of `names` and no others.
    pub fn members<'a, 'p>(
        &mut self,
        at: &Pointer<'p>,
        value: Value<'a>,
        names: &'p [&'p str],
    ) -> Option<Members<'a, 'p>> {
        self.members_and(at, value, names, &[])
    }

    /// The same, where members of `elsewhere` are known but not taken: each with what the fault says was found.
    pub fn members_and<'a, 'p>(
        &mut self,
        at: &Pointer<'p>,
        value: Value<'a>,
        names: &'p [&'p str],
        elsewhere: &[(&str, &str)],
    ) -> Option<Members<'a, 'p>> {
        let Some(object) = value.as_object() else {
            self.unexpected(at, value, "an object");
            return None;
        };
        let mut values = vec![None; names.len()];
        for (name, value) in object.members() {
            let place = names.iter().position(|known| name.is(known));
            if let Some(place) = place.and_then(|place| values.get_mut(place)) {
                *place = Some(value);
                continue;
            }
            let found = elsewhere.iter().find(|(known, _)| name.is(known));
            let found = found.map_or("an unknown member", |(_, found)| *found);
            let expected = format!("one of {}", names.join(", "));
            if self.quotes {
                self.fault(&at.member(&name.to_owned_string()), found, expected);
            } else {
                self.fault(at, found, expected);
            }
        }
        Some(Members { pointer: *at, names, values })
    }

    /// Records that a member is absent.
    pub fn missing(&mut self, members: &Members<'_, '_>, name: &str, expected: &str) {
        self.fault(&members.at(name), NOTHING.to_owned(), expected);
    }

    /// The text of a member, not empty; `None` where it is absent, or after a fault.
    pub fn text(&mut self, members: &Members<'_, '_>, name: &str, expected: &str) -> Option<String> {
        self.text_at(&members.at(name), members.get(name)?, expected)
    }

    /// The text of a member that must be there.
    pub fn needed_text(&mut self, members: &Members<'_, '_>, name: &str, expected: &str) -> Option<String> {
        if !members.has(name) {
            self.missing(members, name, expected);
        }
        self.text(members, name, expected)
    }

    /// A whole number from `least` to `most`; `default` where it is absent, or after a fault.
    pub fn number(&mut self, members: &Members<'_, '_>, name: &str, default: u64, bounds: (u64, u64)) -> u64 {
        let number = self.optional_number(members, name, bounds);
        number.unwrap_or(default)
    }

    /// A whole number from `least` to `most`; `None` where it is absent, or after a fault.
    pub fn optional_number(&mut self, members: &Members<'_, '_>, name: &str, bounds: (u64, u64)) -> Option<u64> {
        self.number_at(&members.at(name), members.get(name)?, bounds)
    }

    /// The number of a row; its default where the member is absent, or after a fault. Without `members`, the object is absent.
    pub fn number_of(&mut self, members: Option<&Members<'_, '_>>, row: &Number) -> u64 {
        let number = members.and_then(|members| self.optional_number_of(members, row));
        number.or(row.default).unwrap_or(row.most)
    }

    /// The number of a row; `None` where the member is absent, or after a fault.
    pub fn optional_number_of(&mut self, members: &Members<'_, '_>, row: &Number) -> Option<u64> {
        self.optional_number(members, row.name, (row.least, row.most))
    }

    /// The meaning of one of a few words; `None` where it is absent, or after a fault.
    pub fn word<T: Copy>(&mut self, members: &Members<'_, '_>, name: &str, words: &[(&str, T)]) -> Option<T> {
        let value = members.get(name)?;
        let found = value.as_string().and_then(|text| words.iter().find(|(word, _)| text.is(word)));
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.not_one_of(&members.at(name), value, &names);
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// `true` or `false`; `default` where it is absent, or after a fault.
    pub fn flag(&mut self, members: &Members<'_, '_>, name: &str, default: bool) -> bool {
        match members.get(name) {
            None => default,
            Some(Value::Bool(flag)) => flag,
            Some(other) => {
                self.unexpected(&members.at(name), other, "true or false");
                default
            }
        }
    }
}
