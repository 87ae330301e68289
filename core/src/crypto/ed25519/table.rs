//! The tables of the base point and of a public key, and how their entries are computed.

use alloc::vec::Vec;

use super::super::curve::is_small_order;
use super::super::fixed_base::{Entry, Rows, Table};
use super::Window;
use super::field::Fe;
use super::point::{Affine, Niels};

/// The table of the base point, the same for every key: build it once and share it.
#[derive(Debug)]
pub struct Generator(pub(crate) Table<Niels>);

/// The table of one public key.
#[derive(Debug)]
pub struct KeyTable {
    /// The multiples of -A.
    pub(crate) table: Table<Niels>,
    /// A as it was encoded, which is hashed.
    pub(crate) encoded: [u8; 32],
}

/// Builds a [`KeyTable`] in steps of bounded length.
#[derive(Debug)]
pub struct TableBuilder {
    rows: Rows<Niels>,
    encoded: [u8; 32],
}

/// Builds a [`Generator`] in steps of bounded length.
#[derive(Debug)]
pub struct GeneratorBuilder(Rows<Niels>);

impl Generator {
    /// The window that [`GeneratorBuilder::new`] takes: 23 additions from 2.3 MiB.
    ///
    /// Measured beside ring in one run on a busy machine with a key window of 9, in parts of ring's time: 11 bits 0.167, 12 bits
    /// 0.166 for 3.9 MiB, 13 bits 0.161 for 7.1 MiB. 11 divides the 253 bits of a scalar.
    pub const WINDOW: Window = Window::known(11);

    /// The whole table at once.
    #[must_use]
    pub fn build() -> Self {
        Self::build_with(Self::WINDOW)
    }

    /// The whole table at once, with a window of the caller's choice.
    #[must_use]
    pub fn build_with(window: Window) -> Self {
        Self(Table::build(Affine::generator().entry(), window))
    }

    /// The memory that the table takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.0.size_bytes()
    }
}

impl KeyTable {
    /// The window that [`TableBuilder::new`] takes: 32 additions from 375 KiB.
    ///
    /// In the same run with a generator window of 13: 7 bits 0.182 for 216 KiB, 8 bits 0.172, 9 bits 0.161 for 672 KiB a key,
    /// 10 bits 0.162 for 1.2 MiB.
    pub const WINDOW: Window = Window::known(8);

    /// The memory that a table with this window takes.
    pub const SIZE_BYTES: usize =
        size_of::<Self>() - size_of::<Table<Niels>>() + Table::<Niels>::bytes_with(Self::WINDOW);

    /// The memory that the table takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() - size_of_val(&self.table) + self.table.size_bytes()
    }
}

impl TableBuilder {
    /// A builder for the public key with this encoding (RFC 8032 §5.1.5).
    ///
    /// `None` for what libraries disagree about or should not take: an encoding that is not canonical, and a point whose order
    /// divides 8. Also `None` if the bytes are not a point. A point of mixed order is accepted: the equation without cofactor is the same for all.
    #[must_use]
    pub fn new(public_key: &[u8; 32]) -> Option<Self> {
        Self::with_window(public_key, KeyTable::WINDOW)
    }

    /// As [`TableBuilder::new`], with a window of the caller's choice.
    #[must_use]
    pub fn with_window(public_key: &[u8; 32], window: Window) -> Option<Self> {
        if is_small_order(public_key) {
            return None;
        }
        let minus_a = Affine::decode(public_key)?.negated();
        Some(Self { rows: Rows::new(minus_a.entry(), window), encoded: *public_key })
    }

    /// Works for about `budget` point additions and gives the table once it is complete.
    ///
    /// A step makes progress even with a budget of 0, and overruns its budget by at most one batch of
    /// 128 additions. Once the table was given, further steps give `None`.
    pub fn step(&mut self, budget: u32) -> Option<KeyTable> {
        self.rows.step(budget).map(|table| KeyTable { table, encoded: self.encoded })
    }
}

impl GeneratorBuilder {
    /// A builder with the default window.
    #[must_use]
    pub fn new() -> Self {
        Self(Rows::new(Affine::generator().entry(), Generator::WINDOW))
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

/// A sum that still has its denominator.
#[derive(Debug)]
pub(crate) struct Partial {
    x: Fe,
    y: Fe,
    twice_z: Fe,
    /// The product of the denominators before this one.
    prefix: Fe,
}

impl Entry for Niels {
    /// L is below 2^253.
    const SCALAR_BITS: u32 = 253;

    type Partial = Partial;

    #[inline(always)]
    fn touch(&self) -> u64 {
        self.touch_both_lines()
    }

    fn extend(entries: &mut Vec<Self>, partials: &mut Vec<Partial>, first: usize, pivot: usize, count: usize) {
        let Some(&pivot) = entries.get(pivot) else {
            return;
        };
        let mut product = Fe::ONE;
        partials.clear();
        for entry in entries.iter().skip(first).take(count) {
            let mut sum = pivot.sum();
            sum.add_entry(entry, false);
            let twice_z = sum.z.add(&sum.z).carried();
            partials.push(Partial { x: sum.x, y: sum.y, twice_z, prefix: product });
            product = product.loose().mul(&twice_z.loose());
        }
        let mut inverse = product.inverse();
        let start = entries.len();
        entries.resize(start + count, pivot);
        for (entry, partial) in entries.iter_mut().skip(start).zip(partials.iter()).rev() {
            let half = inverse.loose().mul(&partial.prefix.loose()).loose();
            inverse = inverse.loose().mul(&partial.twice_z.loose());
            *entry = Self::from_halves(&partial.x.loose().mul(&half), &partial.y.loose().mul(&half));
        }
    }
}
