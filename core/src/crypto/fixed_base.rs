//! Tables of the multiples of one point, so that multiplying it by a scalar is a sum of entries without doublings.
//!
//! With windows of `w` bits, row `i` holds `j·2^(w·i)·B` for `j` in `1..=2^(w-1)`; a scalar cut into signed digits
//! takes at most one entry, or its negative, from each row. What an entry is and how two are added is the curve's [`Entry`].

use alloc::vec::Vec;
use core::fmt::Debug;
use core::hint::black_box;

use super::words::bits_at;

/// A point of a curve, as a table keeps it.
pub(crate) trait Entry: Copy + Debug {
    /// The scalars of this curve lie below two to this power.
    const SCALAR_BITS: u32;

    /// The products of one batch until their common inversion is done.
    type Partial: Debug;

    /// Appends `entries[pivot] + entries[first + i]` for `i` in `0..count`, all with one inversion; `partials` is memory to use.
    ///
    /// Within a row the pivot is the `c`-th multiple of the row's base, the others are multiples `t` with `1 <= t <= c`, the
    /// pivot itself among them. [`BATCH`] bounds `count`.
    fn extend(entries: &mut Vec<Self>, partials: &mut Vec<Self::Partial>, first: usize, pivot: usize, count: usize);

    /// A part of every cache line that the entry covers.
    fn touch(&self) -> u64;
}

/// How many bits of a scalar one table entry serves: a wider window is faster to use, larger and slower to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(u32);

impl Window {
    /// A window of 4 to 14 bits; `None` for anything else.
    #[must_use]
    pub const fn bits(bits: u32) -> Option<Self> {
        if bits >= 4 && bits <= 14 { Some(Self(bits)) } else { None }
    }

    /// For the constants of the curves, which are in range.
    pub(crate) const fn known(bits: u32) -> Self {
        Self(bits)
    }

    /// How many windows cover a scalar.
    const fn rows(self, scalar_bits: u32) -> usize {
        scalar_bits.div_ceil(self.0) as usize
    }

    const fn row_length(self) -> usize {
        1 << (self.0 - 1)
    }

    /// The last row is as long as the bits left for it ask: its digits have no sign.
    const fn last_row_length(self, scalar_bits: u32) -> usize {
        1 << (scalar_bits - self.0 * (self.rows(scalar_bits) as u32 - 1))
    }

    const fn entries(self, scalar_bits: u32) -> usize {
        (self.rows(scalar_bits) - 1) * self.row_length() + self.last_row_length(scalar_bits)
    }

    /// The words as `Σ digit_i·2^(window·i)`: the digits, lowest first.
    ///
    /// The words must be below `2^scalar_bits`. Every digit but the last is in `-2^(window-1)+1 ..= 2^(window-1)`; the last is
    /// not negative, and at most two to the power of the bits left for it.
    #[inline(always)]
    pub(crate) fn signed_digits(self, words: &[u64; 4], scalar_bits: u32) -> impl Iterator<Item = i32> {
        let last = self.rows(scalar_bits) - 1;
        let mut carry = 0;
        (0..=last).map(move |row| {
            let raw = bits_at(words, row as u32 * self.0, self.0) as i32 + carry;
            // Without branches: which way a digit goes is a coin toss.
            carry = i32::from(row < last) & i32::from(raw > 1 << (self.0 - 1));
            raw - (carry << self.0)
        })
    }
}

/// A finished table: all rows one after the other.
#[derive(Debug)]
pub(crate) struct Table<E> {
    window: Window,
    entries: Vec<E>,
}

impl<E: Entry> Table<E> {
    /// The whole table at once.
    pub(crate) fn build(base: E, window: Window) -> Self {
        let mut rows = Rows::new(base, window);
        loop {
            if let Some(table) = rows.step(u32::MAX) {
                return table;
            }
        }
    }

    /// The memory that a table with this window takes.
    pub(crate) const fn bytes_with(window: Window) -> usize {
        size_of::<Self>() + window.entries(E::SCALAR_BITS) * size_of::<E>()
    }

    /// The memory that the table takes.
    pub(crate) fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.entries.capacity() * size_of::<E>()
    }
}

/// The most digits a scalar can have: 256 bits in windows of four.
const MAX_DIGITS: usize = 64;

/// The terms of a sum: entries of two tables, and whether the negative of each is meant.
#[derive(Debug)]
pub(crate) struct Terms<'t, E> {
    terms: [Term<'t, E>; 2 * MAX_DIGITS],
    count: usize,
}

/// An entry of a table, and whether its negative is meant.
pub(crate) type Term<'t, E> = (&'t E, bool);

impl<'t, E: Entry> Terms<'t, E> {
    /// The terms of the sum of two products: each of a table's point and of a scalar, or of its negative.
    ///
    /// Reads each entry once. Between two requests of a server other work has pushed most of a table out of the processor's
    /// caches: here all its reads wait for memory at the same time, in additions one would wait after the other.
    #[inline(always)]
    pub(crate) fn of(products: [(&'t Table<E>, &[u64; 4], bool); 2]) -> Option<Self> {
        let [(Table { entries, .. }, ..), _] = products;
        let mut terms = Self { terms: [(entries.first()?, false); 2 * MAX_DIGITS], count: 0 };
        for (table, scalar, negative) in products {
            let mut touched = 0;
            let mut row = table.entries.as_slice();
            for digit in table.window.signed_digits(scalar, E::SCALAR_BITS) {
                let entry = (digit.unsigned_abs() as usize).checked_sub(1).and_then(|place| row.get(place));
                if let (Some(entry), Some(term)) = (entry, terms.terms.get_mut(terms.count)) {
                    *term = (entry, (digit < 0) != negative);
                    terms.count += 1;
                    touched ^= entry.touch();
                }
                row = row.get(table.window.row_length()..).unwrap_or_default();
            }
            black_box(touched);
        }
        Some(terms)
    }

    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[Term<'t, E>] {
        self.terms.get(..self.count).unwrap_or_default()
    }
}

/// A table under construction.
#[derive(Debug)]
pub(crate) struct Rows<E: Entry> {
    window: Window,
    entries: Vec<E>,
    /// Kept between steps so that it is allocated once.
    partials: Vec<E::Partial>,
    done: bool,
}

/// The additions that share one inversion: 128 make its share small and still end within about 20 µs.
pub(crate) const BATCH: usize = 128;

/// The cost of one inversion in additions, by measurement.
const INVERSION: u32 = 16;

impl<E: Entry> Rows<E> {
    pub(crate) fn new(base: E, window: Window) -> Self {
        let mut entries = Vec::with_capacity(window.entries(E::SCALAR_BITS));
        entries.push(base);
        Self { window, entries, partials: Vec::with_capacity(BATCH), done: false }
    }

    /// Works for about `budget` point additions and gives the table once it is complete.
    ///
    /// A step makes progress even with a budget of 0, and overruns its budget by at most one batch of
    /// 128 additions. Once the table was given, further steps give `None`.
    pub(crate) fn step(&mut self, mut budget: u32) -> Option<Table<E>> {
        if self.done {
            return None;
        }
        let row_length = self.window.row_length();
        let last_start = (self.window.rows(E::SCALAR_BITS) - 1) * row_length;
        let entries = self.window.entries(E::SCALAR_BITS);
        loop {
            let len = self.entries.len();
            if len == entries {
                self.done = true;
                return Some(Table { window: self.window, entries: core::mem::take(&mut self.entries) });
            }
            // 2^(w·i)·B, the first entry of a row, is twice the last entry 2^(w-1)·2^(w·(i-1))·B of the row before.
            // In the last row, which may be longer than the others, no new row starts.
            let start = (len / row_length * row_length).min(last_start);
            let filled = len - start;
            let (first, count) = if filled == 0 {
                (len - 1, 1)
            } else {
                let length = if start == last_start { self.window.last_row_length(E::SCALAR_BITS) } else { row_length };
                (start, filled.min(length - filled).min(BATCH))
            };
            E::extend(&mut self.entries, &mut self.partials, first, len - 1, count);
            budget = budget.saturating_sub(count as u32 + INVERSION);
            if budget == 0 && self.entries.len() < entries {
                return None;
            }
        }
    }
}
