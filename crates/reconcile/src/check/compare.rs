//! The verdict about one issue, from what was read of it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jira::id::IssueId;
use jira::time::Month;
use lake::Row;
use serde_json::Value;
use transform::{Snapshot, Table};

use super::examine::MonthRows;
use super::here::{text, time};
use super::report::Kind;

/// What Jira says of an issue when it is asked for it by id.
#[derive(Debug)]
pub(super) enum InJira {
    /// It is there.
    There(Value),
    /// It is deleted or hidden.
    Absent,
    /// It is in a project that is not kept.
    Elsewhere,
    /// Jira could not say.
    NotGiven,
}

/// The raw snapshot of an issue.
#[derive(Debug)]
pub(super) enum Snapped {
    There(Box<Snapshot>),
    /// It says that the issue is gone.
    Tombstone,
    Absent,
    /// There is a file, and this is why it cannot be read.
    Unreadable(String),
}

/// The rows of an issue in the tables.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// Of `issues`.
    pub(super) rows: Vec<Row>,
    /// Where those are.
    pub(super) months: BTreeSet<Month>,
    /// Of the other tables, as far as they were read.
    pub(super) lists: BTreeMap<Table, Vec<Row>>,
    /// A file that could have more and cannot be read, and why.
    pub(super) unreadable: Option<Unread>,
}

/// What the tables must have by the snapshot.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) issue: Row,
    /// The rows of the other tables.
    pub(super) lists: BTreeMap<Table, Vec<Row>>,
    /// How many comments the writer of the snapshot counted.
    pub(super) comments_noted: Option<u64>,
}

/// An issue in all three places.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) jira: InJira,
    pub(super) raw: Snapped,
    pub(super) stored: Stored,
    /// For a look at the content.
    pub(super) expected: Option<Expected>,
    /// Fields in which Jira and the snapshot differ, as far as those were compared.
    pub(super) drift: Vec<String>,
    /// It waits for a person.
    pub(super) parked: bool,
    /// The ledger knows it.
    pub(super) in_ledger: bool,
}

/// What is said of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same everywhere.
    Equal,
    /// Not the same, but it is due or has changed a moment ago.
    InWork(Vec<String>),
    /// Not the same.
    Differs {
        kind: Kind,
        /// In what.
        what: Vec<String>,
        /// What to do.
        remedy: Remedy,
    },
    /// Nothing can be said.
    Unseen(Unread),
}

/// Why nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unread {
    /// The table's file, when that is the cause; it concerns all of its issues.
    pub(super) table: Option<String>,
    pub(super) reason: String,
}

/// How a difference is repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// A look at the issue.
    Look,
    /// It is parked: a person has to decide.
    Unpark,
    /// The ledger does not know it, so that a look would change nothing.
    Rebuild,
}

impl Verdict {
    /// The same, unless what differs is on its way.
    pub(super) fn unless(self, on_its_way: bool) -> Self {
        match self {
            Self::Differs { what, .. } if on_its_way => Self::InWork(what),
            other => other,
        }
    }
}

impl Stored {
    pub(super) fn add(&mut self, id: IssueId, month: &Month, file: &MonthRows) {
        let tables = match file {
            Ok(tables) => tables,
            Err(reason) => {
                self.unreadable = Some(reason.clone());
                return;
            }
        };
        let rows = |table| tables.get(&table).and_then(|rows| rows.get(&id));
        if let Some(rows) = rows(Table::Issues) {
            self.rows.extend(rows.iter().cloned());
            self.months.insert(month.clone());
        }
        for table in Table::ALL.iter().copied().filter(|table| *table != Table::Issues) {
            if let Some(rows) = rows(table) {
                self.lists.entry(table).or_default().extend(rows.iter().cloned());
            }
        }
    }
}

/// What is to be said of an issue.
pub(super) fn compare(seen: &Seen) -> Verdict {
    match (&seen.raw, &seen.stored.unreadable, &seen.jira) {
        (Snapped::Unreadable(reason), ..) => {
            return Verdict::Unseen(Unread { table: None, reason: reason.clone() });
        }
        (_, Some(file), _) => return Verdict::Unseen(file.clone()),
        (_, _, InJira::NotGiven) => {
            let reason = "jira could not give it now".to_owned();
            return Verdict::Unseen(Unread { table: None, reason });
        }
        (_, _, InJira::There(_) | InJira::Absent | InJira::Elsewhere) => {}
    }
    let (kind, what) = match &seen.jira {
        InJira::There(fresh) => match missing(seen) {
            missing if !missing.is_empty() => (Kind::MissingHere, missing),
            _ => (Kind::Stale, stale(seen, fresh)),
        },
        InJira::Absent | InJira::NotGiven => (Kind::GoneThere, left(seen, "Jira shows it no more")),
        InJira::Elsewhere => (Kind::GoneThere, left(seen, "its project is not kept")),
    };
    if what.is_empty() {
        return Verdict::Equal;
    }
    let remedy = match kind {
        _ if seen.parked => Remedy::Unpark,
        Kind::GoneThere if !seen.in_ledger => Remedy::Rebuild,
        Kind::GoneThere | Kind::MissingHere | Kind::Stale => Remedy::Look,
    };
    Verdict::Differs { kind, what, remedy }
}

fn missing(seen: &Seen) -> Vec<String> {
    let mut what = Vec::new();
    match seen.raw {
        Snapped::There(_) => {}
        Snapped::Tombstone => what.push("its snapshot says that it is gone".to_owned()),
        Snapped::Absent | Snapped::Unreadable(_) => what.push("no snapshot".to_owned()),
    }
    if seen.stored.rows.is_empty() {
        what.push("no row in issues".to_owned());
    }
    what
}

/// What is left here of an issue that is gone.
fn left(seen: &Seen, why: &str) -> Vec<String> {
    let mut what = Vec::new();
    if matches!(seen.raw, Snapped::There(_)) {
        what.push("a snapshot".to_owned());
    }
    if !seen.stored.rows.is_empty() {
        what.push(rows(seen.stored.rows.len()));
    }
    if !what.is_empty() {
        what.insert(0, why.to_owned());
    }
    what
}

fn stale(seen: &Seen, fresh: &Value) -> Vec<String> {
    let mut what = Vec::new();
    let (Snapped::There(known), Some(row)) = (&seen.raw, seen.stored.rows.first()) else {
        return what;
    };
    let key = fresh.get("key").and_then(Value::as_str).unwrap_or(known.key().as_str());
    if key != known.key().as_str() {
        what.push(format!("key: {key} in Jira, {} in the snapshot", known.key()));
    }
    if text(row, "issue_key") != Some(known.key().as_str()) {
        what.push(format!("key: {} in the snapshot, another in the row", known.key()));
    }
    let told = |at: Option<jira::time::Instant>| at.map_or("none".to_owned(), |at| at.iso());
    let (updated, stored) = (seen.jira.updated(), time(row, "updated_at"));
    if updated != known.updated() {
        let (there, here) = (told(updated), told(known.updated()));
        what.push(format!("updated: {there} in Jira, {here} in the snapshot"));
    } else if !seen.drift.is_empty() {
        what.push(format!("fields: {}", seen.drift.join(", ")));
    }
    if stored != known.updated() {
        let (there, here) = (told(known.updated()), told(stored));
        what.push(format!("updated: {there} in the snapshot, {here} in the row"));
    }
    if seen.stored.rows.len() != 1 {
        what.push(rows(seen.stored.rows.len()));
    }
    if seen.stored.months.first() != Some(&known.month()) {
        what.push(format!("month: its row is not in {}", known.month()));
    }
    if let Some(expected) = seen.expected.as_ref().filter(|_| stored == known.updated()) {
        what.extend(contents(expected, row, &seen.stored));
    }
    what
}

/// The row and the lists against what the snapshot gives.
fn contents<'r>(expected: &'r Expected, row: &Row, stored: &'r Stored) -> Vec<String> {
    const NONE: &[Row] = &[];
    let mut what = Vec::new();
    let names: BTreeSet<&String> = expected.issue.keys().chain(row.keys()).collect();
    let differ = names.into_iter().filter(|name| expected.issue.get(*name) != row.get(*name));
    let differ: Vec<&str> = differ.map(String::as_str).collect();
    if !differ.is_empty() {
        what.push(format!("columns against the snapshot: {}", differ.join(", ")));
    }
    let of =
        |lists: &'r BTreeMap<Table, Vec<Row>>, table| lists.get(&table).map_or(NONE, Vec::as_slice);
    for table in Table::ALL.iter().copied().filter(|table| *table != Table::Issues) {
        let (wanted, have) = (of(&expected.lists, table), of(&stored.lists, table));
        let (name, rows) = (table.name(), have.len());
        if wanted.len() != rows {
            let wanted = wanted.len();
            what.push(format!("{name}: {wanted} rows by the snapshot, {rows} in the table"));
        } else if wanted != have {
            what.push(format!("{name}: rows that are not those of the snapshot"));
        }
    }
    let comments = of(&stored.lists, Table::Comments).len() as u64;
    if let Some(noted) = expected.comments_noted.filter(|noted| *noted != comments) {
        what.push(format!("comments: {noted} by _parts, {comments} in the table"));
    }
    what
}

fn rows(count: usize) -> String {
    if count == 1 { "a row in issues".to_owned() } else { format!("{count} rows in issues") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOON: &str = "2026-02-03T12:00:00.000+0000";

    fn issue(updated: &str) -> Value {
        json!({"id": "7", "key": "A-7", "fields": {"updated": updated, "created": NOON}})
    }

    fn snapshot(updated: &str) -> Snapped {
        Snapped::There(Box::new(Snapshot::from_json(issue(updated), "A-7.json").unwrap()))
    }

    fn stored(updated: &str) -> Stored {
        let at = jira::time::Instant::parse(updated).unwrap().micros();
        let row = [("issue_key", json!("A-7")), ("updated_at", json!(at))];
        let row = row.map(|(column, value)| (column.to_owned(), value)).into_iter().collect();
        Stored { rows: vec![row], months: ["2026-02".parse().unwrap()].into(), ..Stored::default() }
    }

    fn seen(jira: InJira, raw: Snapped, stored: Stored) -> Seen {
        Seen { jira, raw, stored, expected: None, drift: vec![], parked: false, in_ledger: true }
    }

    fn check(seen: &Seen, wanted: Option<Kind>) {
        let kind = match compare(seen) {
            Verdict::Differs { kind, .. } => Some(kind),
            Verdict::Equal => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind, wanted, "{seen:?}");
    }

    #[test]
    fn each_difference_has_its_kind() {
        let there = || InJira::There(issue(NOON));
        let later = "2026-02-03T12:00:00.001+0000";
        check(&seen(there(), snapshot(NOON), stored(NOON)), None);
        check(&seen(InJira::Absent, Snapped::Tombstone, Stored::default()), None);
        check(&seen(there(), Snapped::Absent, stored(NOON)), Some(Kind::MissingHere));
        check(&seen(there(), Snapped::Tombstone, Stored::default()), Some(Kind::MissingHere));
        check(&seen(there(), snapshot(NOON), Stored::default()), Some(Kind::MissingHere));
        check(&seen(InJira::There(issue(later)), snapshot(NOON), stored(NOON)), Some(Kind::Stale));
        check(&seen(there(), snapshot(NOON), stored(later)), Some(Kind::Stale));
        check(&seen(InJira::Absent, snapshot(NOON), stored(NOON)), Some(Kind::GoneThere));
        check(&seen(InJira::Elsewhere, Snapped::Absent, stored(NOON)), Some(Kind::GoneThere));
        let drift = vec!["summary".to_owned()];
        check(&Seen { drift, ..seen(there(), snapshot(NOON), stored(NOON)) }, Some(Kind::Stale));
        let moved = Stored { months: ["2026-03".parse().unwrap()].into(), ..stored(NOON) };
        check(&seen(there(), snapshot(NOON), moved), Some(Kind::Stale));
        let twice =
            Stored { rows: [stored(NOON).rows, stored(NOON).rows].concat(), ..stored(NOON) };
        check(&seen(there(), snapshot(NOON), twice), Some(Kind::Stale));
    }

    #[test]
    fn what_could_not_be_read_is_never_a_difference() {
        let unseen = |seen: &Seen| matches!(compare(seen), Verdict::Unseen(_));
        let torn = || Snapped::Unreadable("torn".to_owned());
        assert!(unseen(&seen(InJira::There(issue(NOON)), torn(), Stored::default())));
        assert!(unseen(&seen(InJira::Absent, torn(), stored(NOON))));
        let file = Stored {
            unreadable: Some(Unread {
                table: Some("issues/2026-02".to_owned()),
                reason: "torn".to_owned(),
            }),
            ..Stored::default()
        };
        assert!(unseen(&seen(InJira::There(issue(NOON)), snapshot(NOON), file)));
        assert!(unseen(&seen(InJira::NotGiven, snapshot(NOON), stored(NOON))));
    }

    #[test]
    fn what_is_on_its_way_is_no_difference() {
        let missing = seen(InJira::There(issue(NOON)), Snapped::Absent, Stored::default());
        assert!(matches!(compare(&missing).unless(true), Verdict::InWork(_)));
        let equal = seen(InJira::There(issue(NOON)), snapshot(NOON), stored(NOON));
        assert_eq!(compare(&equal).unless(true), Verdict::Equal);
    }

    #[test]
    fn the_row_must_be_what_the_snapshot_gives() {
        let row = stored(NOON).rows.remove(0);
        let expected = |comments| {
            let comment = Row::from([("comment_id".to_owned(), json!("1"))]);
            let lists = BTreeMap::from([(Table::Comments, vec![comment; comments])]);
            Expected { issue: row.clone(), lists, comments_noted: None }
        };
        let with = |expected| Seen {
            expected: Some(expected),
            ..seen(InJira::There(issue(NOON)), snapshot(NOON), stored(NOON))
        };
        check(&with(expected(0)), None);
        check(&with(expected(2)), Some(Kind::Stale));
        let mut other = expected(0);
        other.issue.insert("summary".to_owned(), json!("another"));
        check(&with(other), Some(Kind::Stale));
        check(&with(Expected { comments_noted: Some(3), ..expected(0) }), Some(Kind::Stale));
    }
}
