//! Chance that can be repeated: the same seed, number and purpose give the same rolls.
//!
//! The sequence is SplitMix64, written out here because corpora are compared byte by byte across
//! builds, and a library's generator is free to change its sequence between versions.

/// One stream of rolls.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// The stream for one purpose of one numbered thing, independent of every other stream.
    pub(crate) fn of(seed: u64, n: u32, purpose: &str) -> Self {
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for byte in purpose.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut dice = Self { state: state ^ seed.rotate_left(17) };
        // Mixed twice, so that neighbouring numbers and seeds have nothing in common.
        dice.state = dice.next() ^ u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        dice.state = dice.next();
        dice
    }

    /// The next 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to but not including `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let wide = u128::from(self.next()) * (bound as u128);
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number between the two, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
        let wide = (u128::from(self.next()) * u128::from(span)) >> 64;
        low.saturating_add(i64::try_from(wide).unwrap_or(0))
    }

    /// True in `permille` of a thousand cases.
    pub(crate) fn often(&mut self, permille: u32) -> bool {
        self.below(1000) < usize::try_from(permille).unwrap_or(usize::MAX)
    }

    /// One of the items; the default when there is none.
    pub(crate) fn pick<T: Copy + Default>(&mut self, items: &[T]) -> T {
        let at = self.below(items.len());
        items.get(at).copied().unwrap_or_default()
    }

    /// A number from one of the `(permille, low, high)` ranges: heavy tails, written as a table.
    pub(crate) fn tail(&mut self, ranges: &[(u32, i64, i64)]) -> i64 {
        let roll = i64::from(u32::try_from(self.below(1000)).unwrap_or(0));
        let mut passed = 0;
        for (permille, low, high) in ranges {
            passed += i64::from(*permille);
            if roll < passed {
                return self.between(*low, *high);
            }
        }
        ranges.last().map_or(0, |(_, low, high)| self.between(*low, *high))
    }

    /// Puts the items in a random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            let other = self.below(at + 1);
            items.swap(at, other);
        }
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        let (high, mid, low) = (a >> 32, (a >> 16) & 0xffff, a & 0x0fff);
        let (variant, node) = ((b >> 48) & 0x3fff | 0x8000, b & 0xffff_ffff_ffff);
        format!("{high:08x}-{mid:04x}-4{low:03x}-{variant:04x}-{node:012x}")
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn streams_of_neighbours_and_purposes_differ() {
        let first = |seed, n, purpose| Dice::of(seed, n, purpose).next();
        let all = [first(1, 1, "a"), first(1, 2, "a"), first(2, 1, "a"), first(1, 1, "b")];
        for (at, roll) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == roll), Some(at));
        }
    }

    #[test]
    fn rolls_stay_within_their_bounds() {
        let mut dice = Dice::of(7, 7, "bounds");
        for _ in 0..10_000 {
            assert!(dice.below(3) < 3);
            assert!((-5..=5).contains(&dice.between(-5, 5)));
            assert!((0..=9).contains(&dice.tail(&[(500, 0, 4), (500, 5, 9)])));
        }
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.uuid().len(), 36);
    }
}
