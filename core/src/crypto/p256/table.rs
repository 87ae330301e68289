//! The tables of the generator and of a public key, and how their entries are computed.

use alloc::vec::Vec;

use super::super::fixed_base::{Entry, Rows, Table};
use super::super::words;
use super::Window;
use super::field::{Fe, P};
use super::point::Affine;

/// The table of the group's base point, the same for every key: build it once and share it.
#[derive(Debug)]
pub struct Generator(pub(crate) Table<Affine>);

/// The table of one public key.
#[derive(Debug)]
pub struct KeyTable(pub(crate) Table<Affine>);

/// Builds a [`KeyTable`] in steps of bounded length.
#[derive(Debug)]
pub struct TableBuilder(Rows<Affine>);

/// Builds a [`Generator`] in steps of bounded length.
#[derive(Debug)]
pub struct GeneratorBuilder(Rows<Affine>);

impl Generator {
    /// The window that [`GeneratorBuilder::new`] takes: 20 additions from 4.8 MiB.
    ///
    /// With the 32 of a key the 20 make 13 in each of four lanes; 22 would make one more. 11 bits take 0.19 of ring's time one by one,
    /// 12 bits 0.175, 13 bits 0.167.
    pub const WINDOW: Window = Window::known(13);

    /// The whole table at once.
    #[must_use]
    pub fn build() -> Self {
        Self::build_with(Self::WINDOW)
    }

    /// The whole table at once, with a window of the caller's choice.
    #[must_use]
    pub fn build_with(window: Window) -> Self {
        Self(Table::build(Affine::generator(), window))
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
    pub const WINDOW: Window = Window::known(8);

    /// The window for a few keys that may take more memory, 936 KiB each: 26 additions, where products are dear.
    ///
    /// In V8 these save 3 µs of 35 for a new token. With 64-bit products it is no other than [`WINDOW`](Self::WINDOW): between the requests
    /// of a proxy, 832 KiB are fetched from further away than 256, and nginx took 1.4 µs more with them.
    pub const WIDE_WINDOW: Window =
        Window::known(if cfg!(all(not(countersign_limbs = "32"), target_pointer_width = "64")) { 8 } else { 10 });

    /// The memory that a table with [`WINDOW`](Self::WINDOW) takes.
    pub const SIZE_BYTES: usize = Table::<Affine>::bytes_with(Self::WINDOW);

    /// The memory that a table with [`WIDE_WINDOW`](Self::WIDE_WINDOW) takes.
    pub const WIDE_SIZE_BYTES: usize = Table::<Affine>::bytes_with(Self::WIDE_WINDOW);

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
        let x = words::from_be_bytes(x.try_into().ok()?);
        let y = words::from_be_bytes(y.try_into().ok()?);
        if !words::less_than(&x, &P) || !words::less_than(&y, &P) {
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

impl Entry for Affine {
    /// A scalar or its negative modulo n is below 2^255.
    const SCALAR_BITS: u32 = 255;

    /// The product of the denominators before this one.
    type Partial = Fe;

    #[inline(always)]
    fn touch(&self) -> u64 {
        self.x.touch() ^ self.y.touch()
    }

    /// `c + t` and `c - t` stay far below n, so the sum is never infinity, and the two are equal only where `t = c`:
    /// the pivot itself, which is doubled; its y is not 0 because the order is odd. No denominator is ever 0.
    fn extend(entries: &mut Vec<Self>, prefixes: &mut Vec<Fe>, first: usize, pivot: usize, count: usize) {
        let Some(&p) = entries.get(pivot) else {
            return;
        };
        let denominator = |index: usize, q: &Affine| {
            if index == pivot { p.y.add(&p.y).carried() } else { q.x.sub(&p.x) }
        };
        let mut product = Fe::ONE;
        prefixes.clear();
        for (index, q) in entries.iter().enumerate().skip(first).take(count) {
            prefixes.push(product);
            product = product.mul(&denominator(index, q));
        }
        let mut inverse = product.inverse();
        let base = entries.len();
        entries.resize(base + count, p);
        for (i, prefix) in prefixes.iter().enumerate().rev() {
            let index = first + i;
            let Some(&q) = entries.get(index) else {
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
            if let Some(entry) = entries.get_mut(base + i) {
                *entry = Affine { x, y };
            }
        }
    }
}
