//! What a check found, as it is printed and kept; `docs/check.md` is the contract of its JSON.

use std::collections::BTreeMap;

use jira::id::{IssueId, IssueKey};
use jira::time::{Instant, Month};
use serde::{Serialize, Serializer};

use super::compare::{Remedy, Unread, Verdict};
use super::examine::Examined;
use super::files::{DamagedFile, FilesSeen};
use super::scope::{MaxAge, Scope, Sight};

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// When it began.
    #[serde(serialize_with = "iso")]
    pub at: Instant,
    /// Which issues it covers.
    pub max_age: MaxAge,
    /// Of how many the content was compared.
    pub sampled: usize,
    /// What chose them.
    pub seed: u64,
    /// By project and month.
    pub months: Vec<MonthCounts>,
    /// What differs, by issue.
    pub differences: Vec<Difference>,
    /// What may differ and is on its way.
    pub in_work: Vec<InWork>,
    /// What could not be compared.
    pub not_seen: Vec<Unseen>,
    /// Table files that are not as they were written.
    pub damaged_files: Vec<DamagedFile>,
}

/// Issues of one project created in one month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MonthCounts {
    /// The project's key.
    pub project: String,
    /// `2026-02`, or `unknown`.
    pub month: String,
    /// Issues that Jira shows.
    pub jira: u64,
    /// Those that have a snapshot.
    pub raw: u64,
    /// Those that have a row in `issues`.
    pub lake: u64,
    /// Those that Jira shows and that are not here whole.
    pub missing_here: u64,
    /// Those that are here and that Jira does not show.
    pub gone_there: u64,
    /// Those that are here in another state than in Jira.
    pub stale: u64,
    /// Those that may differ and are on their way.
    pub in_work: u64,
    /// Those that could not be compared.
    pub not_seen: u64,
}

/// How an issue differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Jira shows it; snapshot or rows are missing.
    MissingHere,
    /// It is here, and Jira does not show it.
    GoneThere,
    /// It is here in another state.
    Stale,
}

/// An issue that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its id.
    #[serde(serialize_with = "shown")]
    pub issue: IssueId,
    /// Its key; the id where none is known.
    pub key: String,
    /// How it differs.
    pub kind: Kind,
    /// In what.
    pub what: Vec<String>,
    /// What to do.
    pub remedy: String,
}

/// An issue that may differ and is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InWork {
    /// Its id.
    #[serde(serialize_with = "shown")]
    pub issue: IssueId,
    /// Its key; the id where none is known.
    pub key: String,
    /// In what it differs now.
    pub what: Vec<String>,
}

/// Something that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// An issue's key or id, or a file.
    pub name: String,
    /// Why not.
    pub reason: String,
}

impl Report {
    /// From the first glance and, where there is one, the close look.
    pub(super) fn new(
        sight: &Sight,
        examined: BTreeMap<IssueId, Examined>,
        (scope, at, sampled): (Scope, Instant, usize),
    ) -> Self {
        let mut report = Self {
            at,
            max_age: scope.max_age,
            sampled,
            seed: scope.seed,
            months: Vec::new(),
            differences: Vec::new(),
            in_work: Vec::new(),
            not_seen: Vec::new(),
            damaged_files: Vec::new(),
        };
        let mut months = BTreeMap::new();
        for (id, place) in sight.places.iter().filter(|(id, _)| !examined.contains_key(id)) {
            let (key, month) = (place.key(), place.month().unwrap_or(&Month::UNKNOWN));
            let counts = counts(&mut months, (*id, key), month);
            counts.jira += u64::from(place.shown.is_some());
            counts.raw += u64::from(place.raw.is_some());
            counts.lake += u64::from(place.lake.is_some());
        }
        for (id, one) in examined {
            let counts = counts(&mut months, (id, one.key.as_ref()), &one.month);
            counts.jira += u64::from(one.jira);
            counts.raw += u64::from(one.raw);
            counts.lake += u64::from(one.lake);
            report.add((id, one.key.as_ref()), one.verdict, counts);
        }
        report.months = months.into_values().collect();
        // Of a file that was named for its issue it is not said again.
        let named = |file: &str| {
            let reason = format!("`{file}`");
            report.not_seen.iter().any(|it| it.name == file || it.reason.contains(&reason))
        };
        let files = sight.unreadable.iter().filter(|(file, _)| !named(file));
        let files =
            files.map(|(file, reason)| Unseen { name: file.clone(), reason: reason.clone() });
        let files: Vec<Unseen> = files.collect();
        report.not_seen.extend(files);
        report
    }

    /// Adds what was found of the files.
    pub(super) fn add_files(&mut self, files: FilesSeen) {
        self.damaged_files.extend(files.damaged);
        self.not_seen.extend(files.unread);
    }

    fn add(
        &mut self,
        (issue, key): (IssueId, Option<&IssueKey>),
        verdict: Verdict,
        counts: &mut MonthCounts,
    ) {
        let key = key.map_or_else(|| issue.to_string(), ToString::to_string);
        match verdict {
            Verdict::Equal => {}
            Verdict::InWork(what) => {
                counts.in_work += 1;
                self.in_work.push(InWork { issue, key, what });
            }
            Verdict::Unseen(Unread { table, reason }) => {
                counts.not_seen += 1;
                let unseen = Unseen { name: table.unwrap_or(key), reason };
                // One file of a table concerns many issues.
                if !self.not_seen.contains(&unseen) {
                    self.not_seen.push(unseen);
                }
            }
            Verdict::Differs { kind, what, remedy } => {
                match kind {
                    Kind::MissingHere => counts.missing_here += 1,
                    Kind::GoneThere => counts.gone_there += 1,
                    Kind::Stale => counts.stale += 1,
                }
                let remedy = remedy.told(&key);
                self.differences.push(Difference { issue, key, kind, what, remedy });
            }
        }
    }
}

fn counts<'m>(
    months: &'m mut BTreeMap<(String, String), MonthCounts>,
    (issue, key): (IssueId, Option<&IssueKey>),
    month: &Month,
) -> &'m mut MonthCounts {
    let project = key.map_or_else(|| format!("of {issue}"), |key| key.project().to_owned());
    let month = month.to_string();
    let empty =
        MonthCounts { project: project.clone(), month: month.clone(), ..Default::default() };
    months.entry((project, month)).or_insert(empty)
}

impl Remedy {
    fn told(self, key: &str) -> String {
        match self {
            Self::Look => format!("`jiralake sync {key}`, or `jiralake check --fix`"),
            Self::Unpark => format!("it is parked: `jiralake parked list` says why, then `jiralake parked retry {key}`"),
            Self::Rebuild => "the ledger does not know it: move its snapshot away, if it has one, and make the tables anew with `jiralake transform`".to_owned(),
        }
    }
}

impl Kind {
    /// The kind in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingHere => "missing here",
            Self::GoneThere => "gone there",
            Self::Stale => "stale",
        }
    }
}

fn iso<S: Serializer>(at: &Instant, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&at.iso())
}

fn shown<S: Serializer>(id: &IssueId, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(id)
}
