//! The different values of a column chunk, and for each value which of them it is.

use hashbrown::hash_table::{Entry, HashTable};
use std::hash::{BuildHasher, Hash};

/// A reader holds a dictionary in memory while it reads the pages of a chunk.
const MAX_BYTES: usize = 1024 * 1024;

/// So many values tell whether those of a column repeat: if hardly one of them did, a dictionary of all
/// would hardly be shorter.
const TELLING: usize = 512;
const REPEATS_OF_TELLING: usize = 16;

/// See the module.
pub(super) struct Dictionary<T> {
    /// In the order in which they come first.
    pub(super) values: Vec<T>,
    /// For each value of the chunk its place among these.
    pub(super) indices: Vec<u32>,
    /// Bits of an index.
    pub(super) width: u32,
}

impl<T: Copy + Eq + Hash> Dictionary<T> {
    /// The dictionary, if a chunk is shorter with it; `bytes` is how many a value takes.
    pub(super) fn of(values: &[T], bytes: impl Fn(T) -> usize) -> Option<Self> {
        let hasher = hashbrown::DefaultHashBuilder::default();
        let mut places: HashTable<u32> = HashTable::with_capacity(values.len().min(TELLING));
        let (mut distinct, mut indices) = (Vec::new(), Vec::with_capacity(values.len()));
        let (mut held, mut all, mut last) = (0, 0, None);
        for (number, value) in values.iter().copied().enumerate() {
            if number == TELLING && distinct.len() > TELLING - REPEATS_OF_TELLING {
                return None;
            }
            all += bytes(value);
            // The rows of an issue stand together: most repeat the value before them.
            if let Some((same, place)) = last
                && same == value
            {
                indices.push(place);
                continue;
            }
            let is_it = |place: &u32| distinct.get(*place as usize) == Some(&value);
            let again =
                |place: &u32| distinct.get(*place as usize).map_or(0, |v| hasher.hash_one(v));
            let place = match places.entry(hasher.hash_one(value), is_it, again) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    let place = u32::try_from(distinct.len()).ok()?;
                    new.insert(place);
                    held += bytes(value);
                    if held > MAX_BYTES {
                        return None;
                    }
                    distinct.push(value);
                    place
                }
            };
            indices.push(place);
            last = Some((value, place));
        }
        let largest = distinct.len().checked_sub(1)?;
        let width = usize::BITS - largest.leading_zeros();
        let with = held + (indices.len() * width as usize).div_ceil(8);
        (with < all).then_some(Self { values: distinct, indices, width })
    }
}
