//! The close look: Jira by id, the snapshot and the rows of some issues, all read anew.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use jira::client::{BULK_ISSUES, FieldId, Fields, History};
use jira::id::{IssueId, IssueKey, Subject};
use jira::time::{Instant, Month};
use lake::{Error as LakeError, Row, Select};
use serde_json::Value;
use transform::{Snapshot, Table};

use super::compare::{Expected, InJira, Seen, Snapped, Stored, Unread, Verdict, compare};
use super::here::OUTLINE;
use super::scope::Sight;
use super::{Check, content, is_recent};
use crate::Error;

/// Bulk requests side by side.
const SIDE_BY_SIDE: usize = 3;

/// Asked of Jira for an outline.
const FEW: [&str; 3] = ["created", "updated", "project"];

/// How closely an issue is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// Whether it is there, its key and its time of change.
    Outline,
    /// Its content, too.
    Whole,
}

/// What a close look found.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) key: Option<IssueKey>,
    pub(super) month: Month,
    pub(super) jira: bool,
    pub(super) raw: bool,
    pub(super) lake: bool,
    pub(super) verdict: Verdict,
}

/// Where an issue is to be looked for here.
#[derive(Debug, Clone)]
struct Where {
    id: IssueId,
    key: Option<IssueKey>,
    months: BTreeSet<Month>,
    /// The ledger knows it: what is hinted of it can be repaired.
    in_ledger: bool,
}

/// What is here of an issue.
struct Found {
    raw: Snapped,
    stored: Stored,
    expected: Option<Expected>,
}

impl Check {
    /// Looks at issues, as closely as is said.
    pub(super) async fn examine(
        &self,
        sight: &Sight,
        asked: BTreeMap<IssueId, Depth>,
    ) -> Result<BTreeMap<IssueId, Examined>, Error> {
        let mut some = Vec::new();
        for depth in [Depth::Outline, Depth::Whole] {
            let mut ids: Vec<IssueId> =
                asked.iter().filter(|(_, wanted)| **wanted == depth).map(|(id, _)| *id).collect();
            // Issues of one month are in the same files.
            ids.sort_by_key(|id| {
                (sight.places.get(id).and_then(|place| place.month()).cloned(), *id)
            });
            some.extend(ids.chunks(BULK_ISSUES).map(|ids| (depth, ids.to_vec())));
        }
        let looks = futures::stream::iter(some)
            .map(|(depth, ids)| self.examine_some(sight, ids, depth))
            .buffer_unordered(SIDE_BY_SIDE);
        let examined: Vec<_> = looks.try_collect().await?;
        Ok(examined.into_iter().flatten().collect())
    }

    /// Jira first, then what is here, then what is due: whatever comes in between makes the copy
    /// look newer or in work, never stale.
    async fn examine_some(
        &self,
        sight: &Sight,
        ids: Vec<IssueId>,
        depth: Depth,
    ) -> Result<Vec<(IssueId, Examined)>, Error> {
        let mut shown = self.ask(&ids, depth).await?;
        let places = self.places(sight, &shown, &ids).await?;
        let mut found = self.find(places.clone(), depth).await?;
        let subjects: Vec<Subject> = ids.iter().map(|id| Subject::Id(*id)).collect();
        let due: HashSet<Subject> = self.ledger.still_due(&subjects).await?.into_iter().collect();
        let known = self.ledger.known(&ids).await?;
        let mut examined = Vec::with_capacity(ids.len());
        for place in places {
            let id = place.id;
            let Some(Found { raw, stored, expected }) = found.remove(&id) else { continue };
            let jira = shown.remove(&id).unwrap_or(InJira::Absent);
            let is_due = due.contains(&Subject::Id(id));
            let changed = jira.updated();
            let drift = match (&jira, &raw, depth) {
                (InJira::There(fresh), Snapped::There(known), Depth::Whole) => {
                    content::differences(fresh, known.json(), &self.mapping.fields)
                }
                _ => Vec::new(),
            };
            let parked = known.get(&id).is_some_and(|known| known.in_work) && !is_due;
            let seen =
                Seen { jira, raw, stored, expected, drift, parked, in_ledger: place.in_ledger };
            let recent = is_recent(changed, self.clock.now(), self.grace);
            let verdict = compare(&seen).unless(is_due || recent);
            examined.push((id, seen.examined(place.key, verdict)));
        }
        Ok(examined)
    }

    /// What Jira says by id, which is as new as the last change.
    async fn ask(&self, ids: &[IssueId], depth: Depth) -> Result<HashMap<IssueId, InJira>, Error> {
        let few = || FEW.iter().filter_map(|name| name.parse::<FieldId>().ok()).collect();
        let fields = match depth {
            Depth::Outline => Fields::These(few()),
            Depth::Whole => Fields::All,
        };
        let answer = self.client.bulk_issues(ids, &fields, History::Leave).await?;
        // Some of those that did not come could not be given: it is not said which.
        let rest = if answer.errors == 0 { || InJira::Absent } else { || InJira::NotGiven };
        let mut shown: HashMap<IssueId, InJira> = ids.iter().map(|id| (*id, rest())).collect();
        for issue in answer.issues {
            let id = issue.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
            let Some(id) = id.filter(|id| shown.contains_key(id)) else { continue };
            let there = InJira::There(issue);
            let kept = there.key().is_none_or(|key| self.keeps(key.project()));
            shown.insert(id, if kept { there } else { InJira::Elsewhere });
        }
        Ok(shown)
    }

    fn keeps(&self, project: &str) -> bool {
        self.projects.is_empty() || self.projects.iter().any(|kept| kept == project)
    }

    /// Where each issue is looked for: where it was seen, and where the ledger says.
    async fn places(
        &self,
        sight: &Sight,
        shown: &HashMap<IssueId, InJira>,
        ids: &[IssueId],
    ) -> Result<Vec<Where>, Error> {
        let mut places = Vec::with_capacity(ids.len());
        for id in ids {
            let record = self.ledger.issue(&Subject::Id(*id)).await?;
            let place = sight.places.get(id);
            let mut months: BTreeSet<Month> = place
                .and_then(|place| place.lake.as_ref())
                .map(|lake| lake.months.clone())
                .unwrap_or_default();
            months.extend(place.and_then(|place| place.raw.as_ref()).map(|raw| raw.month.clone()));
            months.extend(record.as_ref().map(|record| record.month.clone()));
            months.extend(shown.get(id).and_then(InJira::month));
            let in_ledger = record.is_some();
            let key = record.map(|record| record.key);
            let key = key.or_else(|| place.and_then(|place| place.key()).cloned());
            let key = key.or_else(|| shown.get(id).and_then(InJira::key));
            places.push(Where { id: *id, key, months, in_ledger });
        }
        Ok(places)
    }

    async fn find(
        &self,
        places: Vec<Where>,
        depth: Depth,
    ) -> Result<HashMap<IssueId, Found>, Error> {
        let check = Arc::new(self.clone());
        let read = tokio::task::spawn_blocking(move || check.find_here(&places, depth)).await;
        Ok(read.map_err(|source| LakeError::CutOff { source })??)
    }

    fn find_here(
        &self,
        places: &[Where],
        depth: Depth,
    ) -> Result<HashMap<IssueId, Found>, LakeError> {
        let ids: BTreeSet<IssueId> = places.iter().map(|place| place.id).collect();
        let months: BTreeSet<&Month> = places.iter().flat_map(|place| &place.months).collect();
        let mut files = BTreeMap::new();
        for month in months {
            files.insert(month, self.month(month, &ids, depth)?);
        }
        let mut found = HashMap::new();
        for place in places {
            let raw = self.snapshot(place)?;
            let expected = match (&raw, depth) {
                (Snapped::There(snapshot), Depth::Whole) => {
                    Some(Expected::of(snapshot, self.mapping.rows_of(&self.raw, snapshot)?))
                }
                _ => None,
            };
            let mut stored = Stored::default();
            for month in &place.months {
                if let Some(file) = files.get(month) {
                    stored.add(place.id, month, file);
                }
            }
            found.insert(place.id, Found { raw, stored, expected });
        }
        Ok(found)
    }

    /// The rows of a month by table, or why they cannot be read.
    fn month(
        &self,
        month: &Month,
        ids: &BTreeSet<IssueId>,
        depth: Depth,
    ) -> Result<MonthRows, LakeError> {
        let (tables, columns) = match depth {
            Depth::Outline => ([Table::Issues].as_slice(), Some(OUTLINE)),
            Depth::Whole => (Table::ALL, None),
        };
        let mut all = BTreeMap::new();
        for table in tables {
            let select = Select { columns, issues: Some(ids) };
            match self.tables.read(*table, month, select) {
                Ok(rows) => all.insert(*table, rows),
                Err(LakeError::Table { file, reason }) => {
                    return Ok(Err(Unread { table: Some(file), reason }));
                }
                Err(error) => return Err(error),
            };
        }
        Ok(Ok(all))
    }

    fn snapshot(&self, place: &Where) -> Result<Snapped, LakeError> {
        let Some(key) = &place.key else { return Ok(Snapped::Absent) };
        match self.raw.read(key) {
            Ok(Some(known)) if known.id() != place.id => Ok(Snapped::Absent),
            Ok(Some(known)) if known.deleted_at().is_some() => Ok(Snapped::Tombstone),
            Ok(Some(known)) => Ok(Snapped::There(Box::new(known))),
            Ok(None) => Ok(Snapped::Absent),
            Err(unreadable @ LakeError::Unreadable { .. }) => {
                Ok(Snapped::Unreadable(unreadable.to_string()))
            }
            Err(error) => Err(error),
        }
    }
}

/// The rows of some issues in one month by table and issue, or why a file cannot be read.
pub(super) type MonthRows = Result<BTreeMap<Table, BTreeMap<IssueId, Vec<Row>>>, Unread>;

impl Seen {
    fn examined(self, known: Option<IssueKey>, verdict: Verdict) -> Examined {
        let month = match &self.raw {
            Snapped::There(snapshot) => Some(snapshot.month()),
            Snapped::Tombstone | Snapped::Absent | Snapped::Unreadable(_) => None,
        };
        let month = month.or_else(|| self.stored.months.first().cloned());
        Examined {
            key: self.jira.key().or(known),
            month: month.or_else(|| self.jira.month()).unwrap_or(Month::UNKNOWN),
            jira: matches!(self.jira, InJira::There(_)),
            raw: matches!(self.raw, Snapped::There(_)),
            lake: !self.stored.rows.is_empty(),
            verdict,
        }
    }
}

impl InJira {
    pub(super) fn key(&self) -> Option<IssueKey> {
        match self {
            Self::There(issue) => issue.get("key")?.as_str()?.parse().ok(),
            Self::Absent | Self::Elsewhere | Self::NotGiven => None,
        }
    }

    pub(super) fn updated(&self) -> Option<Instant> {
        self.time("/fields/updated")
    }

    fn month(&self) -> Option<Month> {
        self.time("/fields/created").map(|created| Month::of(Some(created)))
    }

    fn time(&self, path: &str) -> Option<Instant> {
        match self {
            Self::There(issue) => Instant::parse(issue.pointer(path)?.as_str()?),
            Self::Absent | Self::Elsewhere | Self::NotGiven => None,
        }
    }
}

/// A snapshot's tables, for the comparison with those that are stored.
impl Expected {
    fn of(snapshot: &Snapshot, mut rows: BTreeMap<Table, Vec<Row>>) -> Self {
        let issue = rows.remove(&Table::Issues).and_then(|rows| rows.into_iter().next());
        let have = |part: &str| snapshot.parts()?.get(part)?.get("have")?.as_u64();
        Self { issue: issue.unwrap_or_default(), lists: rows, comments_noted: have("comments") }
    }
}
