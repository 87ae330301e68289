//! JSON pointers (RFC 6901) that cost nothing until a fault needs one.

use alloc::format;
use alloc::string::String;
use core::fmt::{self, Write};

/// Where a value is in its document: a chain of steps on the stack, written as a JSON pointer by `Display`.
#[derive(Clone, Copy, Debug)]
pub enum Pointer<'p> {
    /// The document itself.
    Root,
    /// The member of an object.
    Member(&'p Pointer<'p>, &'p str),
    /// The element of an array, from 0.
    Element(&'p Pointer<'p>, usize),
}

impl<'p> Pointer<'p> {
    /// The pointer to the member `name` of the object here.
    #[must_use]
    pub const fn member(&'p self, name: &'p str) -> Self {
        Self::Member(self, name)
    }

    /// The pointer to the element `index` of the array here.
    #[must_use]
    pub const fn element(&'p self, index: usize) -> Self {
        Self::Element(self, index)
    }
}

/// A chain is as long as the reader's code is deep, not as the document.
impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(outer, name) => {
                outer.fmt(f)?;
                f.write_char('/')?;
                escape(f, name)
            }
            Self::Element(outer, index) => write!(f, "{outer}/{index}"),
        }
    }
}

/// The pointer to the member `name` of the object at `pointer`.
pub(super) fn member(pointer: &str, name: &str) -> String {
    let mut member = format!("{pointer}/");
    // A string takes whatever is written.
    let _ = escape(&mut member, name);
    member
}

/// RFC 6901 §3: `~` is written `~0` and `/` is written `~1`.
fn escape(out: &mut impl Write, name: &str) -> fmt::Result {
    for c in name.chars() {
        match c {
            '~' => out.write_str("~0")?,
            '/' => out.write_str("~1")?,
            c => out.write_char(c)?,
        }
    }
    Ok(())
}
