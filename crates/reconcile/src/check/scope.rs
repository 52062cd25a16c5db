//! What a check covers, and which issues it has to look at more closely. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use jira::id::{IssueId, IssueKey};
use jira::time::{Instant, Month};
use lake::{RawIssue, RawIssues};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use super::examine::Depth;
use super::here::{Here, LakeIssue};
use crate::sweep::earlier;

/// What a check covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Which issues.
    pub max_age: MaxAge,
    /// Of how many of them the whole content.
    pub sample: Sample,
    /// What the choice comes from: the same seed and the same issues give the same sample.
    pub seed: u64,
}

/// How long ago an issue may have been created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxAge {
    /// So many days.
    Days(u32),
    /// As long as you like.
    All,
}

/// How many issues are compared whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// So many, by chance.
    Some(usize),
    /// All of them.
    All,
}

impl MaxAge {
    /// As a restriction for a search, which is relative, so that no zone plays a part.
    pub(super) fn jql(self) -> String {
        match self {
            Self::Days(days) => format!("created >= \"-{days}d\""),
            Self::All => "created >= \"1971-01-01 00:00\"".to_owned(),
        }
    }

    /// The same as an instant. Issues around it are settled by asking Jira for them by id.
    pub(super) fn since(self, now: Instant) -> Option<Instant> {
        match self {
            Self::Days(days) => {
                Some(earlier(now, Duration::from_secs(u64::from(days) * 24 * 3600)))
            }
            Self::All => None,
        }
    }
}

/// An issue as the search shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) key: Option<IssueKey>,
    pub(super) updated: Option<Instant>,
}

/// One issue in all three places, at a first glance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) shown: Option<Shown>,
    /// Of a live snapshot.
    pub(super) raw: Option<RawIssue>,
    pub(super) lake: Option<LakeIssue>,
}

/// All issues that the check covers, at a first glance.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub(super) places: BTreeMap<IssueId, Place>,
    /// Files that could not be read, with the reason.
    pub(super) unreadable: Vec<(String, String)>,
}

impl Sight {
    pub(super) fn new(
        shown: BTreeMap<IssueId, Shown>,
        here: Here,
        (since, projects): (Option<Instant>, &[String]),
    ) -> Self {
        let Here { raw: RawIssues { issues, mut unreadable }, lake, unreadable_tables } = here;
        let mut places: BTreeMap<IssueId, Place> = BTreeMap::new();
        for (id, shown) in shown {
            places.entry(id).or_default().shown = Some(shown);
        }
        // What was found to be gone and is gone everywhere is nothing to compare.
        for (id, raw) in issues.into_iter().filter(|(_, raw)| raw.deleted_at.is_none()) {
            places.entry(id).or_default().raw = Some(raw);
        }
        for (id, lake) in lake {
            places.entry(id).or_default().lake = Some(lake);
        }
        let kept = |place: &Place| place.is_within(since) && place.is_of(projects);
        // The key names the file: of an older issue it is not this check's.
        let older = |file: &str| {
            let mut issues = places.values().filter(|place| !kept(place));
            issues.any(|place| place.key().is_some_and(|key| *file == format!("{key}.json")))
        };
        unreadable.retain(|(file, _)| !older(file));
        unreadable.extend(unreadable_tables);
        places.retain(|_, place| kept(place));
        Self { places, unreadable }
    }

    /// Those that do not look the same everywhere, and the sample.
    pub(super) fn to_examine(&self, scope: &Scope) -> BTreeMap<IssueId, Depth> {
        let suspects = self.places.iter().filter(|(_, place)| !place.looks_equal());
        let mut asked: BTreeMap<IssueId, Depth> =
            suspects.map(|(id, _)| (*id, Depth::Outline)).collect();
        let shown: Vec<IssueId> = self
            .places
            .iter()
            .filter(|(_, place)| place.shown.is_some())
            .map(|(id, _)| *id)
            .collect();
        match scope.sample {
            Sample::All => asked.extend(shown.iter().map(|id| (*id, Depth::Whole))),
            Sample::Some(most) => {
                let mut chance = StdRng::seed_from_u64(scope.seed);
                let count = most.min(shown.len());
                let chosen = rand::seq::index::sample(&mut chance, shown.len(), count);
                let chosen = chosen.into_iter().filter_map(|at| shown.get(at));
                asked.extend(chosen.map(|id| (*id, Depth::Whole)));
            }
        }
        asked
    }
}

impl Place {
    /// The key by which people know it.
    pub(super) fn key(&self) -> Option<&IssueKey> {
        let shown = self.shown.as_ref().and_then(|shown| shown.key.as_ref());
        let raw = self.raw.as_ref().map(|raw| &raw.key);
        shown.or(raw).or(self.lake.as_ref().and_then(|lake| lake.key.as_ref()))
    }

    /// Its partition, where that is known.
    pub(super) fn month(&self) -> Option<&Month> {
        let lake = self.lake.as_ref().and_then(|lake| lake.months.first());
        self.raw.as_ref().map(|raw| &raw.month).or(lake)
    }

    fn is_within(&self, since: Option<Instant>) -> bool {
        let created = self.raw.as_ref().map(|raw| raw.created);
        let created = created.or_else(|| self.lake.as_ref().map(|lake| lake.created)).flatten();
        self.shown.is_some() || since.is_none_or(|since| created.is_none_or(|at| at >= since))
    }

    fn is_of(&self, projects: &[String]) -> bool {
        let project = self.key().map(IssueKey::project);
        projects.is_empty() || project.is_none_or(|key| projects.iter().any(|one| one == key))
    }

    fn looks_equal(&self) -> bool {
        let (Some(shown), Some(raw), Some(lake)) = (&self.shown, &self.raw, &self.lake) else {
            return false;
        };
        let told = |key: &Option<IssueKey>| key.as_ref().is_none_or(|key| *key == raw.key);
        told(&shown.key)
            && lake.key.as_ref() == Some(&raw.key)
            && shown.updated == raw.updated
            && lake.updated == raw.updated
            && lake.rows == 1
            && lake.months.first() == Some(&raw.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(updated: [Option<i64>; 3]) -> Place {
        let [shown, raw, lake] = updated.map(|at| at.map(Instant::from_millis));
        let key: IssueKey = "A-7".parse().unwrap();
        let (created, month) = (Instant::from_millis(0), Month::of(Instant::from_millis(0)));
        let months = [month.clone()].into();
        Place {
            shown: shown.map(|updated| Shown { key: Some(key.clone()), updated }),
            raw: raw.map(|updated| RawIssue {
                key: key.clone(),
                month,
                created,
                updated,
                deleted_at: None,
            }),
            lake: lake.map(|updated| LakeIssue {
                key: Some(key.clone()),
                months,
                created,
                updated,
                rows: 1,
            }),
        }
    }

    fn sight(places: Vec<Place>) -> Sight {
        let ids = (1..).map(|id| IssueId::new(id).unwrap());
        Sight { places: ids.zip(places).collect(), unreadable: Vec::new() }
    }

    #[test]
    fn what_does_not_look_the_same_everywhere_is_examined() {
        let equal = place([Some(5), Some(5), Some(5)]);
        let others = [
            [Some(6), Some(5), Some(5)],
            [Some(5), Some(5), Some(4)],
            [None, Some(5), Some(5)],
            [Some(5), None, Some(5)],
            [Some(5), Some(5), None],
        ];
        let places = [equal].into_iter().chain(others.map(place)).collect();
        let none = Scope { max_age: MaxAge::All, sample: Sample::Some(0), seed: 1 };
        let asked: Vec<i64> = sight(places).to_examine(&none).keys().map(|id| id.get()).collect();
        assert_eq!(asked, [2, 3, 4, 5, 6]);
    }

    #[test]
    fn the_same_seed_gives_the_same_sample() {
        let chosen = |seed| {
            let places = vec![place([Some(5), Some(5), Some(5)]); 200];
            let scope = Scope { max_age: MaxAge::All, sample: Sample::Some(10), seed };
            sight(places).to_examine(&scope)
        };
        assert_eq!(chosen(1).len(), 10);
        assert_eq!(chosen(1), chosen(1));
        assert_ne!(chosen(1), chosen(2));
    }
}
