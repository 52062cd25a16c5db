//! The members of a large object by a hash of their names, for who asks for many of them: finding
//! one by halving takes some ten comparisons.

use super::lanes::is_same;
use super::{Json, Member};

/// Places that are looked at before a member counts as one without a place: those are found by
/// halving, so that names made to collide cost no more than before.
const PROBES: usize = 8;

const FREE: u16 = u16::MAX;

/// See the module.
pub(crate) struct Indexed<'a> {
    members: &'a [Member<'a>],
    /// Of members in `members`; at least half of them are free, and there is a power of two.
    places: Vec<u16>,
}

impl<'a> Indexed<'a> {
    pub(crate) fn of(members: &'a [Member<'a>]) -> Self {
        let mut places = vec![FREE; (members.len() * 2).next_power_of_two()];
        // Members beyond these have no place.
        for (number, (name, _)) in (0..FREE).zip(members) {
            let probed = probes(name, places.len());
            let free = probed.into_iter().find(|at| places.get(*at) == Some(&FREE));
            if let Some(place) = free.and_then(|at| places.get_mut(at)) {
                *place = number;
            }
        }
        Self { members, places }
    }

    /// The member of that name.
    pub(crate) fn get(&self, name: &str) -> Option<Json<'a>> {
        for at in probes(name, self.places.len()) {
            let number = self.places.get(at).copied().unwrap_or(FREE);
            let Some((known, json)) = self.members.get(usize::from(number)) else {
                if number == FREE && self.members.len() < usize::from(FREE) {
                    return None;
                }
                break;
            };
            if is_same(known, name) {
                return Some(*json);
            }
        }
        Json::Object(self.members).get(name)
    }
}

/// Where a name may have its place, among a power of two of them.
fn probes(name: &str, places: usize) -> impl Iterator<Item = usize> {
    let bytes = name.as_bytes();
    // Names begin alike more often than they end alike.
    let end = match bytes.last_chunk::<8>() {
        Some(end) => u64::from_le_bytes(*end),
        None => bytes.iter().fold(0, |end, byte| end << 8 | u64::from(*byte)),
    };
    let mixed = (end ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The upper half is the one that all bits come to.
    let first = usize::try_from(mixed >> 32).unwrap_or_default();
    (0..PROBES).map(move |n| (first + n) & (places - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::proptest;

    use super::*;
    use crate::json::Number;

    fn check(names: &[String]) {
        let mut names = names.to_vec();
        names.sort();
        names.dedup();
        let number = |n: usize| Json::Number(Number::Whole(n as u64));
        let members = names.iter().enumerate().map(|(n, name)| (name.as_str(), number(n)));
        let members = members.collect::<Vec<_>>();
        let indexed = Indexed::of(&members);
        for (n, name) in names.iter().enumerate() {
            assert_eq!(indexed.get(name).and_then(Json::as_u64), Some(n as u64), "{name}");
            for other in [format!("{name}x"), format!("x{name}")] {
                let known = names.binary_search(&other).ok().map(|n| n as u64);
                assert_eq!(indexed.get(&other).and_then(Json::as_u64), known, "{other}");
            }
        }
        assert!(indexed.get("none of them").is_none());
    }

    proptest! {
        #[test]
        fn every_member_is_found_and_no_other(
            names in prop::collection::vec("[a-c]{0,3}|customfield_[0-9]{1,5}|\\PC{0,20}", 0..200),
        ) {
            check(&names);
        }
    }

    #[test]
    fn names_that_collide_and_more_than_have_places_are_found_too() {
        check(&(0..100).map(|n| format!("{n:03}the same end")).collect::<Vec<_>>());
        check(&(0..70_000).map(|n| format!("customfield_{n}")).collect::<Vec<_>>());
    }
}
