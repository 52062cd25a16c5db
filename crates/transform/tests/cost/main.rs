//! The size of a value bounds its cost: memory that is asked for, and bytes that come out.
//!
//! Every shape is made at a size and at eight times that size. The cost MUST NOT grow by more than
//! 2.6 with each doubling, and neither may cost more than [`Bound`] says for each byte of its JSON.
//! One doubling alone would tell nothing: buffers that double ask for twice as much at some sizes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, also the functions that they share"
)]

mod shapes;
mod issues;
mod rows;
mod texts;

/// How much larger the second size is.
pub(crate) const TIMES: usize = 8;

/// How much more the second size may cost: 2.6 times for each of its three doublings.
const GROWTH: f64 = 2.6 * 2.6 * 2.6;

/// Cost that is there whatever the size: builders, the least capacity of a buffer.
pub(crate) const FIXED: u64 = 256 * 1024;

/// The most that an input may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    /// For each of its bytes: bytes asked for from the allocator in all, also those given back.
    pub(crate) allocated: u64,
    /// For each of its bytes: bytes of what comes out.
    pub(crate) output: u64,
    /// Bytes whatever the size.
    pub(crate) fixed: u64,
}

/// Sizes of what went in and what it cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) input: u64,
    pub(crate) allocated: u64,
    pub(crate) output: u64,
}

impl Cost {
    /// What `work` costs for an input of so many bytes; it returns the size of its output.
    pub(crate) fn of(input: usize, work: impl FnOnce() -> usize) -> Self {
        let mut output = 0;
        let allocated = allocation_counter::measure(|| output = work() as u64).bytes_total;
        Self { input: input as u64, allocated, output }
    }

    /// Panics when the cost is beyond the bound.
    pub(crate) fn check(self, bound: Bound, what: &str) {
        let allocated = bound.allocated * self.input + bound.fixed;
        assert!(self.allocated <= allocated, "{what}: {self:?} asks for too much memory");
        let output = bound.output * self.input + bound.fixed;
        assert!(self.output <= output, "{what}: {self:?} makes too much text");
    }

    /// Panics when this cost, of an input [`TIMES`] as large as the other's, is out of proportion.
    pub(crate) fn check_growth(self, small: Self, bound: Bound, what: &str) {
        let is_linear =
            |small: u64, large: u64| large as f64 <= GROWTH * small as f64 + bound.fixed as f64;
        assert!(is_linear(small.allocated, self.allocated), "{what}: memory {small:?} → {self:?}");
        assert!(is_linear(small.output, self.output), "{what}: output {small:?} → {self:?}");
    }
}

/// Measures a shape at `size` and at [`TIMES`] that, and holds both to the bound. `cost` returns the
/// costs of all ways that do the same.
pub(crate) fn check_linear<const N: usize>(
    what: &str,
    size: usize,
    bound: Bound,
    cost: impl Fn(usize) -> [Cost; N],
) {
    // The first time also pays for what is made once.
    cost(1);
    for (way, (small, large)) in cost(size).into_iter().zip(cost(TIMES * size)).enumerate() {
        let what = format!("{what}, way {way}");
        small.check(bound, &what);
        large.check(bound, &what);
        large.check_growth(small, bound, &what);
    }
}
