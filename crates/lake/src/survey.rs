//! The first pass of a rebuild: which snapshots there are, which month each belongs to, and which
//! of two files of one issue counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use jira::id::{IssueId, IssueKey};
use jira::time::{Instant, Month};

use crate::cores;
use crate::error::Error;
use crate::raw::{Raw, RawListing, chain};
use crate::rebuild::{Phase, Progress};
use crate::scan::{Entry, scan};

/// Files that a thread looks at before it takes the next ones.
const FILES_AT_ONCE: usize = 64;

/// What the raw folder says of all issues, for those who compare it with something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawIssues {
    /// Every issue that has a readable file, tombstones among them.
    pub issues: BTreeMap<IssueId, RawIssue>,
    /// Files that could not be read, with the reason: nothing is known of their issues.
    pub unreadable: Vec<(String, String)>,
}

/// What the newest snapshot of an issue says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawIssue {
    /// Its key.
    pub key: IssueKey,
    /// Its partition.
    pub month: Month,
    /// When it was created.
    pub created: Option<Instant>,
    /// When Jira says it changed.
    pub updated: Option<Instant>,
    /// When it was found to be gone.
    pub deleted_at: Option<Instant>,
}

impl Raw {
    /// Looks at every snapshot. No tree is built, so that a folder of any size can be looked at.
    pub fn outline(&self) -> Result<RawIssues, Error> {
        let Survey { months, unreadable, .. } = Survey::of(self, &|_| {})?;
        let issues = months.into_values().flatten().map(|entry| {
            let Entry { id, key, month, created, updated, deleted_at, .. } = entry;
            (id, RawIssue { key, month, created, updated, deleted_at })
        });
        Ok(RawIssues { issues: issues.collect(), unreadable })
    }
}

/// What the raw folder holds.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The issues of each month in the order of their ids, deleted ones included.
    pub(crate) months: BTreeMap<Month, Vec<Entry>>,
    /// Files that are no snapshots, with the reason.
    pub(crate) unreadable: Vec<(String, String)>,
    /// Files of issues of which there is a newer file.
    pub(crate) superseded: Vec<String>,
    /// Their issues.
    pub(crate) repeated: BTreeSet<IssueId>,
    /// Entries of the folder that are not named like snapshots.
    pub(crate) ignored: Vec<String>,
}

impl Survey {
    /// Looks at every file.
    pub(crate) fn of(raw: &Raw, progress: &(dyn Fn(Progress) + Sync)) -> Result<Self, Error> {
        let RawListing { snapshots: files, unreadable: odd, ignored } = raw.list()?;
        let (total, done) = (files.len() as u64, AtomicU64::new(0));
        let pieces = files.chunks(FILES_AT_ONCE).collect::<Vec<_>>();
        let looked = cores::map(pieces, cores::count(), |piece| {
            let looked = piece.iter().map(|file| (file, look(raw, file))).collect::<Vec<_>>();
            let length = piece.len() as u64;
            let done = done.fetch_add(length, Ordering::Relaxed) + length;
            progress(Progress { phase: Phase::Survey, done, total });
            looked
        });
        let looked = looked.into_iter().flatten();
        let looked = looked.map(|(file, looked)| looked.map_err(|reason| (file.clone(), reason)));
        let survey = Self::among(files.len(), looked.chain(odd.into_iter().map(Err)));
        Ok(Self { ignored, ..survey })
    }

    /// What follows from all files, `count` of them, each an entry or unreadable with the reason.
    pub(crate) fn among(
        count: usize,
        looked: impl Iterator<Item = Result<Entry, (String, String)>>,
    ) -> Self {
        // Lists that grow by and by would take several times the memory of all entries.
        let (mut survey, mut entries) = (Self::default(), Vec::with_capacity(count));
        for looked in looked {
            match looked {
                Ok(entry) => entries.push(entry),
                Err(unreadable) => survey.unreadable.push(unreadable),
            }
        }
        entries.sort_unstable_by(|one, other| {
            one.id.cmp(&other.id).then_with(|| one.rank().cmp(&other.rank()))
        });
        let mut of_months: BTreeMap<Month, usize> = BTreeMap::new();
        for entry in &entries {
            *of_months.entry(entry.month.clone()).or_default() += 1;
        }
        let months = of_months.into_iter().map(|(month, count)| (month, Vec::with_capacity(count)));
        survey.months = months.collect();
        let mut entries = entries.into_iter().peekable();
        while let Some(entry) = entries.next() {
            // Of each issue the last one counts.
            if entries.peek().is_some_and(|next| next.id == entry.id) {
                survey.repeated.insert(entry.id);
                survey.superseded.push(entry.file);
            } else {
                survey.months.entry(entry.month.clone()).or_default().push(entry);
            }
        }
        // Files of an older month of an issue.
        survey.months.retain(|_, entries| !entries.is_empty());
        survey.superseded.sort();
        survey.unreadable.sort();
        survey
    }

    /// Whether there is no snapshot at all, readable or not.
    pub(crate) fn is_empty(&self) -> bool {
        self.months.is_empty() && self.unreadable.is_empty()
    }

    /// The month of every issue that has a readable file, and how new the file is; a tombstone is as
    /// new as the deletion.
    pub(crate) fn by_issue(&self) -> HashMap<IssueId, (Month, Option<Instant>)> {
        let entries = self.months.iter().flat_map(|(month, entries)| {
            entries
                .iter()
                .map(move |entry| (entry.id, (month.clone(), entry.newness.max(entry.deleted_at))))
        });
        entries.collect()
    }

    /// The issues that have a readable file.
    pub(crate) fn issues(&self) -> BTreeSet<IssueId> {
        self.months.values().flatten().map(|entry| entry.id).collect()
    }

    /// How many issues have a readable file.
    pub(crate) fn count(&self) -> u64 {
        self.months.values().map(|entries| entries.len() as u64).sum()
    }
}

fn look(raw: &Raw, file: &str) -> Result<Entry, String> {
    match raw.bytes(file) {
        Ok(Some(bytes)) => scan(&bytes, file),
        Ok(None) => Err("it went away".to_owned()),
        Err(Error::Unreadable { reason, .. }) => Err(reason),
        Err(error) => Err(chain(&error)),
    }
}
