//! Tables of the multiples of one point, so that multiplying it by a scalar is a sum of entries without doublings.
//!
//! With windows of `w` bits, row `i` holds `j·2^(w·i)·B` for `j` in `1..=2^(w-1)`; a scalar cut into signed digits
//! takes at most one entry, or its negative, from each row.

use alloc::vec::Vec;

use super::field::{Fe, P};
use super::point::Affine;
use super::scalar::{Scalar, digit_count, less_than, words_from_be_bytes};

/// The table of the group's base point, the same for every key: build it once and share it.
#[derive(Debug)]
pub struct Generator(pub(crate) Table);

/// The table of one public key.
#[derive(Debug)]
pub struct KeyTable(pub(crate) Table);

/// Builds a [`KeyTable`] in steps of bounded length.
#[derive(Debug)]
pub struct TableBuilder(Rows);

/// Builds a [`Generator`] in steps of bounded length.
#[derive(Debug)]
pub struct GeneratorBuilder(Rows);

/// How many bits of a scalar one table entry serves: a wider window is faster to use, larger and slower to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(u32);

impl Window {
    /// A window of 4 to 14 bits; `None` for anything else.
    #[must_use]
    pub const fn bits(bits: u32) -> Option<Self> {
        if bits >= 4 && bits <= 14 { Some(Self(bits)) } else { None }
    }

    const fn row_length(self) -> usize {
        1 << (self.0 - 1)
    }

    /// The last row is as long as the bits left for it ask: its digits have no sign.
    const fn last_row_length(self) -> usize {
        let rows = digit_count(self.0);
        1 << (255 - self.0 as usize * (rows - 1))
    }

    const fn entries(self) -> usize {
        (digit_count(self.0) - 1) * self.row_length() + self.last_row_length()
    }
}

impl Generator {
    /// The window that [`GeneratorBuilder::new`] takes: 22 additions from 2.6 MiB.
    ///
    /// Measured beside ring in one run with a key window of 8, in parts of ring's time: 12 bits 0.175, 13 bits 0.167 for
    /// 4.8 MiB; 11 bits (1.4 MiB) 0.19 before the last tuning, when 12 bits took 0.187.
    pub const WINDOW: Window = Window(12);

    /// The whole table at once.
    #[must_use]
    pub fn build() -> Self {
        Self::build_with(Self::WINDOW)
    }

    /// The whole table at once, with a window of the caller's choice.
    #[must_use]
    pub fn build_with(window: Window) -> Self {
        let mut builder = GeneratorBuilder::with_window(window);
        loop {
            if let Some(generator) = builder.step(u32::MAX) {
                return generator;
            }
        }
    }

    /// The memory that the table takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.0.size_bytes()
    }
}

impl KeyTable {
    /// The window that [`TableBuilder::new`] takes: 32 additions from 256 KiB.
    ///
    /// 9 bits would save three additions of 54 for 448 KiB a key, 7 bits would save 112 KiB for five additions more.
    pub const WINDOW: Window = Window(8);

    /// The memory that the table takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.0.size_bytes()
    }
}

impl TableBuilder {
    /// A builder for the public key with these coordinates, big-endian `x` then `y` (RFC 7518 §6.2.1.2 and §6.2.1.3).
    ///
    /// `None` if a coordinate is not below p or the point is not on the curve (SP 800-56A §5.6.2.3.3; the group has
    /// prime order, so every point of the curve but infinity, which has no coordinates, generates it).
    #[must_use]
    pub fn new(public_key: &[u8; 64]) -> Option<Self> {
        Self::with_window(public_key, KeyTable::WINDOW)
    }

    /// As [`TableBuilder::new`], with a window of the caller's choice.
    #[must_use]
    pub fn with_window(public_key: &[u8; 64], window: Window) -> Option<Self> {
        let (x, y) = public_key.split_at(32);
        let x = words_from_be_bytes(x.try_into().ok()?);
        let y = words_from_be_bytes(y.try_into().ok()?);
        if !less_than(&x, &P) || !less_than(&y, &P) {
            return None;
        }
        Some(Self(Rows::new(Affine::on_curve(&x, &y)?, window)))
    }

    /// Works for about `budget` point additions and gives the table once it is complete.
    ///
    /// A step makes progress even with a budget of 0, and overruns its budget by at most one batch of
    /// 128 additions. Once the table was given, further steps give `None`.
    pub fn step(&mut self, budget: u32) -> Option<KeyTable> {
        self.0.step(budget).map(KeyTable)
    }
}

impl GeneratorBuilder {
    /// A builder with the default window.
    #[must_use]
    pub fn new() -> Self {
        Self::with_window(Generator::WINDOW)
    }

    /// A builder with a window of the caller's choice.
    #[must_use]
    pub fn with_window(window: Window) -> Self {
        Self(Rows::new(Affine::generator(), window))
    }

    /// As [`TableBuilder::step`].
    pub fn step(&mut self, budget: u32) -> Option<Generator> {
        self.0.step(budget).map(Generator)
    }
}

impl Default for GeneratorBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// A finished table: all rows one after the other.
#[derive(Debug)]
pub(crate) struct Table {
    window: Window,
    entries: Vec<Affine>,
}

impl Table {
    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.entries.capacity() * size_of::<Affine>()
    }

    /// Calls `add` with the entries whose sum is `scalar` times the table's point.
    #[inline(always)]
    pub(crate) fn for_each_term(&self, scalar: &Scalar, mut add: impl FnMut(&Affine)) {
        let (digits, count) = scalar.signed_digits(self.window.0);
        let row_length = self.window.row_length();
        for (row, digit) in digits.iter().enumerate().take(count) {
            if *digit == 0 {
                continue;
            }
            let index = row * row_length + digit.unsigned_abs() as usize - 1;
            if let Some(entry) = self.entries.get(index) {
                add(&Affine { x: entry.x, y: entry.y.negate_if(*digit < 0) });
            }
        }
    }
}

/// A table under construction.
#[derive(Debug)]
struct Rows {
    window: Window,
    entries: Vec<Affine>,
    /// Prefix products of one batch, kept between steps so that they are allocated once.
    prefixes: Vec<Fe>,
    done: bool,
}

/// The additions that share one inversion: 128 make its share small and still end within about 20 µs.
const BATCH: usize = 128;

/// What one inversion costs in additions, by measurement.
const INVERSION: u32 = 16;

impl Rows {
    fn new(base: Affine, window: Window) -> Self {
        let mut entries = Vec::with_capacity(window.entries());
        entries.push(base);
        Self { window, entries, prefixes: Vec::with_capacity(BATCH), done: false }
    }

    fn step(&mut self, mut budget: u32) -> Option<Table> {
        if self.done {
            return None;
        }
        let row_length = self.window.row_length();
        let last_start = (digit_count(self.window.0) - 1) * row_length;
        loop {
            let len = self.entries.len();
            if len == self.window.entries() {
                self.done = true;
                return Some(Table { window: self.window, entries: core::mem::take(&mut self.entries) });
            }
            // 2^(w·i)·B, the first entry of a row, is twice the last entry 2^(w-1)·2^(w·(i-1))·B of the row before.
            // In the last row, which may be longer than the others, no new row starts.
            let start = (len / row_length * row_length).min(last_start);
            let filled = len - start;
            let spent = if filled == 0 {
                self.extend(len - 1, len - 1, 1);
                1
            } else {
                let length = if start == last_start { self.window.last_row_length() } else { row_length };
                let count = filled.min(length - filled).min(BATCH);
                self.extend(start, len - 1, count);
                count
            };
            budget = budget.saturating_sub(spent as u32 + INVERSION);
            if budget == 0 && self.entries.len() < self.window.entries() {
                return None;
            }
        }
    }

    /// Appends `entries[pivot] + entries[first + i]` for `i` in `0..count`, all with one inversion.
    ///
    /// Within a row the pivot is the `c`-th multiple of the row's base, the others are multiples `t` with `1 <= t <= c`.
    /// `c + t` and `c - t` stay far below n, so the sum is never infinity, and the two are equal only where `t = c`:
    /// the pivot itself, which is doubled; its y is not 0 because the order is odd. No denominator is ever 0.
    fn extend(&mut self, first: usize, pivot: usize, count: usize) {
        let Some(&p) = self.entries.get(pivot) else {
            return;
        };
        let denominator = |index: usize, q: &Affine| {
            if index == pivot { p.y.add(&p.y).carried() } else { q.x.sub(&p.x) }
        };
        let mut product = Fe::ONE;
        self.prefixes.clear();
        for (index, q) in self.entries.iter().enumerate().skip(first).take(count) {
            self.prefixes.push(product);
            product = product.mul(&denominator(index, q));
        }
        let mut inverse = product.inverse();
        let base = self.entries.len();
        self.entries.resize(base + count, p);
        for (i, prefix) in self.prefixes.iter().enumerate().rev() {
            let index = first + i;
            let Some(&q) = self.entries.get(index) else {
                return;
            };
            let numerator = if index == pivot {
                let t = p.x.square().sub(&Fe::ONE).carried();
                t.add(&t).add(&t).carried()
            } else {
                q.y.sub(&p.y)
            };
            let slope = numerator.mul(&inverse.mul(prefix));
            inverse = inverse.mul(&denominator(index, &q));
            let x = slope.square().sub(&p.x).sub(&q.x).carried().normalized();
            let y = slope.mul(&p.x.sub(&x)).sub(&p.y).carried().normalized();
            if let Some(entry) = self.entries.get_mut(base + i) {
                *entry = Affine { x, y };
            }
        }
    }
}
