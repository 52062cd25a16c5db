//! A ledger in a folder of its own, with a clock that the test owns.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use jira::id::{IssueId, IssueKey, Subject};
use jira::time::{Clock, Instant, Month};
use ledger::{
    Commit, DeliveryFilter, Finished, IssueRecord, Ledger, NewDelivery, Outcome, Source, Work,
};
use tempfile::TempDir;

pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) ledger: Ledger,
    millis: Arc<AtomicI64>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let millis = Arc::new(AtomicI64::new(1_000));
        let ledger = Ledger::open(&folder.path().join("ledger.db"), clock(&millis)).await.unwrap();
        Self { folder, ledger, millis }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub(crate) fn clock(&self) -> Clock {
        clock(&self.millis)
    }

    /// Sets the clock.
    pub(crate) fn at(&self, millis: i64) {
        self.millis.store(millis, Ordering::SeqCst);
    }

    /// A second ledger over what a crash at this moment would leave behind.
    pub(crate) async fn after_crash(&self) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        for name in ["ledger.db", "ledger.db-wal"] {
            std::fs::copy(self.folder.path().join(name), folder.path().join(name)).unwrap();
        }
        let ledger = Ledger::open(&folder.path().join("ledger.db"), self.clock()).await.unwrap();
        Bench { folder, ledger, millis: Arc::clone(&self.millis) }
    }

    pub(crate) async fn record(&self, subjects: &[Subject]) -> i64 {
        self.ledger.record(self.delivery(subjects)).await.unwrap().seq
    }

    pub(crate) fn delivery(&self, subjects: &[Subject]) -> NewDelivery {
        NewDelivery {
            received_at: self.clock().now(),
            identifier: None,
            event: Some("jira:issue_updated".into()),
            retry: None,
            flow: None,
            subjects: subjects.to_vec(),
            deleted: false,
            body: Bytes::from_static(b"{}"),
        }
    }

    pub(crate) async fn hint(&self, subject: &Subject, source: Source) {
        let due = self.clock().now();
        self.ledger.hint(std::slice::from_ref(subject), source, due).await.unwrap();
    }

    /// Everything that can be leased, for ten seconds.
    pub(crate) async fn lease(&self) -> Vec<Work> {
        let until = instant(self.clock().now().millis() + 10_000);
        self.ledger.lease(1000, until).await.unwrap()
    }

    /// The one thing that can be leased.
    pub(crate) async fn lease_one(&self) -> Work {
        let [work]: [Work; 1] = self.lease().await.try_into().unwrap();
        work
    }

    /// What is leased of the suspects, for ten seconds.
    pub(crate) async fn lease_suspects(&self) -> Vec<Work> {
        let until = instant(self.clock().now().millis() + 10_000);
        self.ledger.lease_suspects(until).await.unwrap()
    }

    pub(crate) async fn finish(&self, work: &Work) {
        self.commit(vec![], vec![finished(work)]).await;
    }

    pub(crate) async fn commit(&self, issues: Vec<IssueRecord>, finished: Vec<Finished>) {
        let id = self.ledger.next_commit().await.unwrap();
        let (files, dropped, remade, lost) = Default::default();
        let commit = Commit { id, files, dropped, remade, issues, finished, lost };
        self.ledger.commit(commit).await.unwrap();
    }

    pub(crate) async fn outcome(&self, seq: i64) -> Outcome {
        self.ledger.delivery(seq).await.unwrap().unwrap().0.outcome
    }

    pub(crate) async fn outcomes(&self) -> Vec<Outcome> {
        let mut page = self.ledger.deliveries(DeliveryFilter::default()).await.unwrap();
        page.reverse();
        page.into_iter().map(|delivery| delivery.outcome).collect()
    }
}

fn clock(millis: &Arc<AtomicI64>) -> Clock {
    let millis = Arc::clone(millis);
    Clock::new(move || instant(millis.load(Ordering::SeqCst)))
}

pub(crate) fn finished(work: &Work) -> Finished {
    Finished { subject: work.subject.clone(), version: work.version, again: None }
}

pub(crate) fn instant(millis: i64) -> Instant {
    Instant::from_millis(millis).unwrap()
}

pub(crate) fn issue_id(id: i64) -> IssueId {
    IssueId::new(id).unwrap()
}

pub(crate) fn id(id: i64) -> Subject {
    Subject::Id(issue_id(id))
}

pub(crate) fn key(key: &str) -> Subject {
    Subject::Key(key.parse().unwrap())
}

pub(crate) fn issue(id: i64, key: &str, synced_at: i64) -> IssueRecord {
    let key: IssueKey = key.parse().unwrap();
    IssueRecord {
        id: issue_id(id),
        project: key.project().to_owned(),
        raw_file: format!("{key}.json"),
        key,
        month: Month::of(Some(instant(0))),
        updated: Some(instant(5)),
        status: Some("1".into()),
        status_category: Some("new".into()),
        has_sla: true,
        complete: true,
        synced_at: instant(synced_at),
        parts: serde_json::json!({"comments": {"complete": true, "total": 3}}),
        deleted_at: None,
        attachments: None,
        digests: None,
    }
}
