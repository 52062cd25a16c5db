//! A small lake with its ledger, and the issues that the tests put into it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jira::id::{IssueId, IssueKey, Subject};
use jira::time::{Clock, Instant, Month};
use ledger::{Finished, Ledger, Source};
use serde_json::{Value, json};
use tempfile::TempDir;
use transform::{Deletion, FieldMap, Reason, Site, Snapshot, Table};

use crate::commit::Committed;
use crate::decode::decode;
use crate::error::Error;
use crate::layout::{Layout, Style};
use crate::mapping::{Mapping, Tables};
use crate::open::Lake;
use crate::raw::{Raw, file_name};
use crate::splice::Sorted;
use crate::steps::{Step, Steps};

/// An issue as the tests speak of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issue {
    pub(super) id: i64,
    pub(super) key: String,
    pub(super) created: Option<&'static str>,
    pub(super) summary: String,
    pub(super) comments: usize,
    pub(super) deleted: Option<&'static str>,
    /// Whether it has rows in every table.
    pub(super) rich: bool,
    /// When it last changed and was fetched.
    pub(super) changed: &'static str,
}

pub(super) const JANUARY: Option<&str> = Some("2026-01-15T12:00:00.000+0100");
/// When the tests delete.
pub(super) const GONE: &str = "2026-06-01T00:00:00.000Z";
pub(super) const FEBRUARY: Option<&str> = Some("2026-02-15T12:00:00.000+0100");

/// A month by turns, the unknown one among them.
pub(super) fn by_turns(id: i64) -> Option<&'static str> {
    match id % 3 {
        0 => JANUARY,
        1 => FEBRUARY,
        _ => None,
    }
}

impl Issue {
    pub(super) fn new(id: i64, created: Option<&'static str>) -> Self {
        let (key, summary) = (format!("A-{id}"), format!("first of {id}"));
        Self {
            id,
            key,
            created,
            summary,
            comments: 2,
            deleted: None,
            rich: false,
            changed: "2026-05-01T00:00:00.000Z",
        }
    }

    /// The same with rows in every table.
    pub(super) fn rich(self) -> Self {
        Self { rich: true, ..self }
    }

    /// The same, gone.
    pub(super) fn gone(&self) -> Self {
        Self { deleted: Some(GONE), ..self.clone() }
    }

    pub(super) fn key(&self) -> IssueKey {
        self.key.parse().unwrap()
    }

    pub(super) fn json(&self) -> Value {
        let comment = |n: usize| {
            let at = format!("2026-03-{:02}T10:00:00.000+0000", n % 28 + 1);
            json!({"id": (self.id * 1000 + n as i64).to_string(), "body": format!("comment {n} 日本語"),
                "created": at, "updated": at, "author": {"displayName": "Ada"}})
        };
        let comments = (0..self.comments).map(comment).collect::<Vec<_>>();
        let mut json = json!({
            "id": self.id.to_string(), "key": self.key, "_synced_at": self.changed,
            "_parts": {"comments": {"complete": true}},
            "fields": {
                "summary": self.summary, "created": self.created,
                "updated": self.changed, "project": {"key": "A", "name": "Alpha"},
                "status": {"name": "Open", "statusCategory": {"key": "new", "name": "To Do"}},
                "labels": ["x"], "comment": {"total": self.comments, "comments": comments},
                "issuelinks": [{"id": "5", "type": {"name": "Blocks", "outward": "blocks"},
                    "outwardIssue": {"id": "9", "key": "A-9", "fields": {}}}],
            },
        });
        if self.rich {
            self.enrich(&mut json);
        }
        if let Some(at) = self.deleted {
            json["_deleted_at"] = at.into();
            json["_deleted_reason"] = "gone".into();
        }
        json
    }

    fn enrich(&self, json: &mut Value) {
        let id = |n: i64| (self.id * 1000 + n).to_string();
        let at = "2026-03-02T10:00:00.000+0000";
        json["_former_keys"] = json!([{"key": format!("OLD-{}", self.id), "moved_at": at}]);
        json["_worklogs"] = json!([{"id": id(1), "timeSpentSeconds": 60, "started": at}]);
        json["_remote_links"] = json!([{"id": id(2), "object": {"url": "https://x.example/"}}]);
        json["changelog"] = json!({"histories": [{"id": id(3), "created": at,
            "items": [{"field": "status", "fromString": "New", "toString": "Open"}]}]});
        json["_attachments"] = json!({id(4): {"media_id": format!("m-{}", self.id)}});
        let media = json!({"type": "media", "attrs": {"id": format!("m-{}", self.id)}});
        let fields = &mut json["fields"];
        fields["attachment"] = json!([{"id": id(4), "filename": "a.png", "created": at}]);
        fields["description"] = json!({"type": "doc", "version": 1,
            "content": [{"type": "mediaSingle", "content": [media]}]});
        fields["customfield_1"] = json!("a value");
        fields["customfield_2"] = json!({"id": "2", "name": "Time to resolution",
            "completedCycles": [{"breached": false, "goalDuration": {"millis": 1000}}]});
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.json()).unwrap()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot::parse(&self.bytes(), &file_name(&self.key())).unwrap()
    }

    pub(super) fn id(&self) -> IssueId {
        IssueId::new(self.id).unwrap()
    }
}

pub(super) struct World {
    pub(super) dir: TempDir,
    pub(super) style: Style,
    pub(super) ledger: Ledger,
    pub(super) steps: Steps,
    now: Arc<AtomicI64>,
}

impl World {
    pub(super) async fn new(style: Style) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(Clock::system().now().millis()));
        let ledger = Ledger::open(&dir.path().join("ledger.db"), clock(&now)).await.unwrap();
        Self { dir, style, ledger, steps: Steps::default(), now }
    }

    /// A world over folders and a ledger that are there, or not.
    pub(super) async fn over(dir: TempDir, style: Style) -> Self {
        let now = Arc::new(AtomicI64::new(Clock::system().now().millis()));
        let ledger = Ledger::open(&dir.path().join("ledger.db"), clock(&now)).await.unwrap();
        Self { dir, style, ledger, steps: Steps::default(), now }
    }

    /// The lake, in the name of "test".
    pub(super) async fn open(&self) -> Lake {
        self.try_open().await.unwrap()
    }

    pub(super) async fn try_open(&self) -> Result<Lake, Error> {
        let (ledger, clock) = (self.ledger.clone(), self.clock());
        Lake::open_with(self.layout(), ledger, mapping(), ("test", clock), self.steps.clone()).await
    }

    pub(super) fn clock(&self) -> Clock {
        clock(&self.now)
    }

    pub(super) fn pass_time(&self, by: Duration) {
        self.now.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(super) fn layout(&self) -> Layout {
        let [raw, parquet, store] = ["raw", "parquet", "store"].map(|name| self.path(name));
        Layout { ledger: self.path("ledger.db"), raw, parquet, store, style: self.style }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn crash_at(&self, step: Option<Step>) {
        *self.steps.crash.lock().unwrap() = step;
    }

    /// Work as a webhook would have made it, leased as the loop would have.
    pub(super) async fn work(&self, issue: &Issue) -> Finished {
        let subject = Subject::Id(issue.id());
        let now = self.clock().now();
        self.ledger.hint(std::slice::from_ref(&subject), Source::Webhook, now).await.unwrap();
        let until = now.plus(Duration::from_secs(60));
        let work = self.ledger.lease(100, until).await.unwrap();
        let work = work.into_iter().find(|work| work.subject == subject).unwrap();
        Finished { subject, version: work.version, again: None }
    }

    pub(super) async fn work_left(&self) -> bool {
        self.ledger.return_leases().await.unwrap();
        self.ledger.next_due().await.unwrap().is_some()
    }

    /// What the files in the visible folder hold.
    pub(super) fn visible_rows(&self) -> BTreeMap<(Table, Month), Sorted> {
        visible_rows(&self.layout())
    }

    /// Asserts that tables, catalog and visible names are what these issues give, and nothing else.
    pub(super) async fn assert_holds(&self, lake: &Lake, issues: &[Issue]) {
        assert_rows(&self.visible_rows(), issues, lake.raw());
        assert_eq!(lake.verify().await.unwrap(), []);
        let known = self.ledger.catalog().await.unwrap();
        let known = known.into_iter().map(|file| (Table::named(&file.table).unwrap(), file.month));
        let visible = self.visible_rows().into_keys().collect::<BTreeSet<_>>();
        assert_eq!(known.collect::<BTreeSet<_>>(), visible);
    }
}

fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Clock::new(move || Instant::from_millis(now.load(Ordering::SeqCst)).unwrap())
}

pub(super) fn mapping() -> Mapping {
    let site = Site { domain: "example.atlassian.net".to_owned() };
    Mapping { site, fields: Arc::new(FieldMap::new(&BTreeMap::new(), None).unwrap()) }
}

/// Writes the snapshots and commits their rows.
pub(super) async fn put(lake: &Lake, issues: &[Issue]) -> Committed {
    let mut changes = Vec::new();
    for issue in issues {
        lake.write_raw(&issue.key(), issue.bytes(), None).await.unwrap();
        changes.push(Arc::new(issue.snapshot()));
    }
    lake.commit(changes, Vec::new()).await.unwrap()
}

pub(super) async fn delete(lake: &Lake, issue: &Issue) -> Committed {
    assert!(lake.mark_deleted(&issue.key(), &deletion()).await.unwrap());
    let snapshot = lake.read_raw(&issue.key()).await.unwrap().unwrap();
    lake.commit(vec![Arc::new(snapshot)], Vec::new()).await.unwrap()
}

pub(super) fn deletion() -> Deletion {
    Deletion { at: Instant::parse(GONE).unwrap(), evidence: None, reason: Reason::Gone }
}

pub(super) fn visible_rows(layout: &Layout) -> BTreeMap<(Table, Month), Sorted> {
    let mut found = BTreeMap::new();
    for table in Table::ALL.iter().copied() {
        let schema = table.schema(&mapping().fields);
        let mut files = 0;
        for month in layout.visible().months(table).unwrap() {
            let mut all = Sorted::default();
            for path in layout.visible().parts(table, &month).unwrap() {
                let rows = Sorted::of(decode(&path, None, &schema).unwrap()).unwrap();
                assert!(rows.rows() > 0, "an empty file is visible: {}", path.display());
                assert!(all.issues().is_disjoint(&rows.issues()), "an issue in two files");
                all.add(rows);
                files += 1;
            }
            found.insert((table, month), all);
        }
        assert_eq!(files, layout.visible().parquet_files(table).unwrap().len(), "unknown files");
    }
    found
}

/// The rows that issues give when they are mapped at once.
pub(super) fn expected(issues: &[Issue], raw: &Raw) -> BTreeMap<(Table, Month), Sorted> {
    let mut by_month: BTreeMap<Month, Vec<Snapshot>> = BTreeMap::new();
    for issue in issues {
        let snapshot = issue.snapshot();
        by_month.entry(snapshot.month()).or_default().push(snapshot);
    }
    let mut all = BTreeMap::new();
    for (month, mut snapshots) in by_month {
        snapshots.sort_by_key(Snapshot::id);
        let mapping = mapping();
        let mut rows = mapping.collector(raw);
        snapshots.iter().for_each(|snapshot| rows.append(snapshot).unwrap());
        let tables: Tables = rows.finish().unwrap().0;
        all.extend(tables.into_iter().map(|(table, rows)| ((table, month.clone()), rows)));
    }
    all
}

pub(super) fn assert_rows(found: &BTreeMap<(Table, Month), Sorted>, issues: &[Issue], raw: &Raw) {
    let wanted = expected(issues, raw);
    let places = |rows: &BTreeMap<(Table, Month), Sorted>| {
        rows.iter().map(|(place, rows)| (place.clone(), rows.rows())).collect::<Vec<_>>()
    };
    assert_eq!(places(found), places(&wanted));
    for (place, rows) in found {
        assert!(rows.same_rows(&wanted[place]).unwrap(), "{place:?} differs");
    }
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = crate::durable::list(folder).unwrap();
    entries.iter().map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// Makes a file look as if it was written some minutes ago.
pub(super) fn make_old(path: &Path, clock: &Clock, minutes: u64) {
    let now = u64::try_from(clock.now().millis()).unwrap();
    let written = std::time::UNIX_EPOCH + Duration::from_millis(now - minutes * 60_000);
    let times = std::fs::FileTimes::new().set_modified(written);
    std::fs::File::options().write(true).open(path).unwrap().set_times(times).unwrap();
}
