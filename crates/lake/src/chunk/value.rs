//! How values of the types that tables have stand in pages, statistics and indexes.

use std::hash::Hash;

use parquet::basic::Type;
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// Bounds of longer texts are cut: they only have to be bounds.
const BOUND_BYTES: usize = 64;

/// A value of a column.
pub(super) trait Value: Copy + Ord + Hash {
    const TYPE: Type;
    /// Whether a dictionary can pay.
    const REPEATS: bool;

    /// Bytes that it takes in a page.
    fn length(self) -> usize;

    /// Puts values into a page as they are (`PLAIN`).
    fn put(values: &[Self], out: &mut Vec<u8>);

    /// A bound of values from below, as an index has it.
    fn floor(self) -> Vec<u8>;

    /// A bound from above.
    fn ceiling(self) -> Vec<u8>;

    /// Whether the bounds of a page are not above those of the next one, as an index has them.
    fn ascend(one: (Self, Self), next: (Self, Self)) -> bool {
        one.0 <= next.0 && one.1 <= next.1
    }

    /// What is known of some values.
    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics;
}

impl Value for &str {
    const TYPE: Type = Type::BYTE_ARRAY;
    const REPEATS: bool = true;

    fn length(self) -> usize {
        size_of::<u32>() + self.len()
    }

    fn put(values: &[Self], out: &mut Vec<u8>) {
        out.reserve(values.iter().map(|value| value.length()).sum());
        for value in values {
            // A column holds at most 2 GiB of text.
            let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(value.as_bytes());
        }
    }

    fn floor(self) -> Vec<u8> {
        let end = self.floor_char_boundary(BOUND_BYTES);
        self.get(..end).unwrap_or(self).as_bytes().to_vec()
    }

    fn ceiling(self) -> Vec<u8> {
        if self.len() <= BOUND_BYTES {
            return self.as_bytes().to_vec();
        }
        let start = self.get(..self.floor_char_boundary(BOUND_BYTES)).unwrap_or_default();
        // The next larger text of no more bytes: the last character that has a successor of the
        // same length, by that.
        let raised = start.char_indices().rev().find_map(|(at, last)| {
            let next = char::from_u32(u32::from(last) + 1)?;
            let before = start.get(..at).filter(|_| next.len_utf8() == last.len_utf8())?;
            Some(format!("{before}{next}").into_bytes())
        });
        raised.unwrap_or_else(|| self.as_bytes().to_vec())
    }

    /// Cutting texts may turn their order.
    fn ascend(one: (Self, Self), next: (Self, Self)) -> bool {
        one.0.floor() <= next.0.floor() && one.1.ceiling() <= next.1.ceiling()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics {
        let cut = bounds.map(|(least, most)| (least.floor(), most.ceiling()));
        let is_exact =
            |(least, most): (Self, Self)| (least.len() <= BOUND_BYTES, most.len() <= BOUND_BYTES);
        let (least_is_exact, most_is_exact) = bounds.map_or((false, false), is_exact);
        let (least, most) = cut.unzip();
        let of = |bytes: Option<Vec<u8>>| bytes.map(ByteArray::from);
        let statistics = ValueStatistics::new(of(least), of(most), None, Some(nulls), false);
        Statistics::ByteArray(
            statistics.with_min_is_exact(least_is_exact).with_max_is_exact(most_is_exact),
        )
    }
}

impl Value for i64 {
    const TYPE: Type = Type::INT64;
    const REPEATS: bool = true;

    fn length(self) -> usize {
        size_of::<Self>()
    }

    fn put(values: &[Self], out: &mut Vec<u8>) {
        out.reserve(size_of_val(values));
        values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
    }

    fn floor(self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }

    fn ceiling(self) -> Vec<u8> {
        self.floor()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics {
        let (least, most) = bounds.unzip();
        let statistics = ValueStatistics::new(least, most, None, Some(nulls), false);
        // Also for readers of old.
        Statistics::Int64(statistics.with_backwards_compatible_min_max(true))
    }
}

impl Value for bool {
    const TYPE: Type = Type::BOOLEAN;
    const REPEATS: bool = false;

    fn length(self) -> usize {
        1
    }

    fn put(values: &[Self], out: &mut Vec<u8>) {
        let byte =
            |eight: &[Self]| eight.iter().rev().fold(0, |byte, value| byte << 1 | u8::from(*value));
        out.extend(values.chunks(8).map(byte));
    }

    fn floor(self) -> Vec<u8> {
        vec![u8::from(self)]
    }

    fn ceiling(self) -> Vec<u8> {
        self.floor()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics {
        let (least, most) = bounds.unzip();
        Statistics::Boolean(ValueStatistics::new(least, most, None, Some(nulls), false))
    }
}
