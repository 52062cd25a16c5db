//! The one transaction, issues and their keys, the catalog, cursors.

use jira::time::Month;
use ledger::{
    Again, CatalogFile, Commit, CommitId, Error, Finished, IssueRecord, Outcome, Placed, Source,
};

use crate::bench::{Bench, finished, id, instant, issue, issue_id, key};

fn file(table: &str, month: &str, part: i64, commit: CommitId) -> CatalogFile {
    CatalogFile {
        table: table.into(),
        month: month.parse().unwrap(),
        part,
        path: format!("{table}/{month}/{commit}-{part}.parquet"),
        rows: 3,
        bytes: 99,
        sha256: "00ff".into(),
        commit,
    }
}

#[tokio::test]
async fn new_files_replace_those_of_their_table_and_month() {
    let bench = Bench::new().await;
    let ledger = &bench.ledger;
    let one = ledger.next_commit().await.unwrap();
    let first = Commit {
        id: one,
        files: vec![
            file("issues", "2026-01", 0, one),
            file("issues", "2026-01", 1, one),
            file("issues", "unknown", 0, one),
            file("comments", "2026-01", 0, one),
        ],
        dropped: vec![],
        remade: vec![],
        issues: vec![],
        finished: vec![],
        lost: vec![],
    };
    ledger.commit(first.clone()).await.unwrap();
    let two = ledger.next_commit().await.unwrap();
    assert!(two > one);
    let second = Commit {
        id: two,
        files: vec![file("issues", "2026-01", 0, two)],
        dropped: vec![("comments".into(), "2026-01".parse().unwrap())],
        remade: vec![],
        issues: vec![],
        finished: vec![],
        lost: vec![],
    };
    ledger.commit(second).await.unwrap();
    let expected = [file("issues", "2026-01", 0, two), file("issues", "unknown", 0, one)];
    assert_eq!(ledger.catalog().await.unwrap(), expected);
    assert!(ledger.commit(first).await.is_err(), "a commit is made once");
    assert_eq!(ledger.catalog().await.unwrap(), expected);
}

#[tokio::test]
async fn a_commit_that_fails_changes_nothing() {
    let bench = Bench::new().await;
    let seq = bench.record(&[id(1)]).await;
    let work = bench.lease_one().await;
    let commit = bench.ledger.next_commit().await.unwrap();
    let twice = file("issues", "2026-01", 0, commit);
    let failed = bench
        .ledger
        .commit(Commit {
            id: commit,
            files: vec![twice.clone(), twice],
            dropped: vec![],
            remade: vec![],
            issues: vec![issue(1, "A-1", 1)],
            finished: vec![finished(&work)],
            lost: vec![],
        })
        .await;
    assert!(matches!(failed, Err(Error::Database(_))), "{failed:?}");
    assert_eq!(bench.ledger.catalog().await.unwrap(), []);
    assert_eq!(bench.ledger.issue(&id(1)).await.unwrap(), None);
    assert_eq!(bench.outcome(seq).await, Outcome::Pending);
    bench.finish(&work).await;
    assert_eq!(bench.outcome(seq).await, Outcome::Applied, "the lease is still good");
}

#[tokio::test]
async fn a_crash_after_the_commit_finds_all_of_it() {
    let bench = Bench::new().await;
    bench.record(&[id(1)]).await;
    let work = bench.lease_one().await;
    bench.commit(vec![issue(1, "A-1", 1)], vec![finished(&work)]).await;
    let crashed = bench.after_crash().await;
    crashed.ledger.return_leases().await.unwrap();
    assert_eq!(crashed.lease().await, []);
    assert_eq!(crashed.ledger.issue(&key("A-1")).await.unwrap(), Some(issue(1, "A-1", 1)));
    let next = crashed.ledger.next_commit().await.unwrap();
    assert!(next > CommitId::new(1), "a number is not given out again");
}

#[tokio::test]
async fn an_incomplete_part_brings_the_work_back() {
    let bench = Bench::new().await;
    let seq = bench.record(&[id(1)]).await;
    let work = bench.lease_one().await;
    let again = |due| {
        let reason = "remote links: forbidden".into();
        Some(Again { due: instant(due), reason, source: Source::Later })
    };
    let incomplete = Finished { again: again(8_000), ..finished(&work) };
    bench.commit(vec![], vec![incomplete]).await;
    assert_eq!(bench.outcome(seq).await, Outcome::Applied);
    assert_eq!(bench.ledger.next_due().await.unwrap(), Some(instant(8_000)));
    bench.at(8_000);
    let work = bench.lease_one().await;
    assert_eq!((work.attempts, work.hinted_at), (1, instant(8_000)));
    assert_eq!(work.source, Source::Later, "no hint came: it can wait");
    assert_eq!(work.last_error.as_deref(), Some("remote links: forbidden"));
    let newer = bench.record(&[id(1)]).await;
    let incomplete = Finished { again: again(90_000), ..finished(&work) };
    bench.commit(vec![], vec![incomplete]).await;
    assert_eq!(bench.outcome(newer).await, Outcome::Pending);
    let work = bench.lease_one().await;
    assert_eq!((work.attempts, work.hinted_at), (2, instant(8_000)), "due by the newer hint");
    assert_eq!(work.source, Source::Webhook, "as urgent as the newer hint");
}

#[tokio::test]
async fn a_moved_issue_is_found_under_every_key_it_had() {
    let bench = Bench::new().await;
    let ledger = &bench.ledger;
    for (key, at) in [("A-1", 1), ("B-7", 2), ("C-3", 3), ("A-1", 4)] {
        bench.commit(vec![issue(10, key, at)], vec![]).await;
    }
    for found in [id(10), key("A-1"), key("B-7"), key("C-3")] {
        let record = ledger.issue(&found).await.unwrap().unwrap();
        assert_eq!((record.id.get(), record.key.as_str()), (10, "A-1"), "{found}");
    }
    assert_eq!(ledger.issue(&key("A-2")).await.unwrap(), None);
    bench.commit(vec![issue(11, "B-7", 5)], vec![]).await;
    let record = ledger.issue(&key("B-7")).await.unwrap().unwrap();
    assert_eq!(record.id.get(), 11, "who has a key now comes before who had it");
    assert_eq!(bench.lease().await, [], "nobody's key is in doubt");
}

#[tokio::test]
async fn two_issues_with_one_key_put_the_older_evidence_in_doubt() {
    // (the order of the commits, who then has the key)
    for order in [[(1, 10), (2, 20)], [(2, 20), (1, 10)]] {
        let bench = Bench::new().await;
        for (id, synced_at) in order {
            bench.commit(vec![issue(id, "A-1", synced_at)], vec![]).await;
        }
        let found = bench.ledger.issue(&key("A-1")).await.unwrap().unwrap();
        assert_eq!(found.id.get(), 2, "{order:?}");
        let work = bench.lease_one().await;
        assert_eq!(work.subject, id(1), "{order:?}: the other is looked at");
        bench.commit(vec![issue(1, "B-1", 30)], vec![finished(&work)]).await;
        assert_eq!(bench.lease().await, []);
        assert_eq!(bench.ledger.issue(&key("B-1")).await.unwrap().unwrap().id.get(), 1);
    }
}

#[tokio::test]
async fn a_swap_of_keys_in_one_commit_leaves_no_doubt() {
    let bench = Bench::new().await;
    bench.commit(vec![issue(1, "A-1", 1), issue(2, "A-2", 1)], vec![]).await;
    bench.commit(vec![issue(1, "A-2", 2), issue(2, "A-1", 2)], vec![]).await;
    assert_eq!(bench.lease().await, []);
    assert_eq!(bench.ledger.issue(&key("A-1")).await.unwrap().unwrap().id.get(), 2);
    assert_eq!(bench.ledger.issue(&key("A-2")).await.unwrap().unwrap().id.get(), 1);
}

#[tokio::test]
async fn a_tombstone_yields_its_key_and_is_not_looked_at() {
    let bench = Bench::new().await;
    let mut gone = issue(1, "A-1", 50);
    gone.deleted_at = Some(instant(40));
    bench.commit(vec![issue(2, "A-1", 10)], vec![]).await;
    bench.commit(vec![gone.clone()], vec![]).await;
    assert_eq!(bench.ledger.issue(&key("A-1")).await.unwrap().unwrap().id.get(), 2);
    assert_eq!(bench.ledger.issue(&id(1)).await.unwrap(), Some(gone));
    assert_eq!(bench.lease().await, []);
    let counts = bench.ledger.counts().await.unwrap();
    assert_eq!((counts.issues, counts.issues_deleted), (1, 1));
}

#[tokio::test]
async fn issues_of_a_month_come_by_id() {
    let bench = Bench::new().await;
    let mut odd = issue(9, "A-9", 1);
    odd.month = Month::UNKNOWN;
    odd.updated = None;
    odd.status_category = None;
    let (two, ten) = (issue(2, "A-2", 1), issue(10, "A-10", 1));
    bench.commit(vec![ten.clone(), odd.clone(), two.clone()], vec![]).await;
    let january: Month = "1970-01".parse().unwrap();
    assert_eq!(bench.ledger.issues_in(&january).await.unwrap(), [two, ten]);
    assert_eq!(bench.ledger.issues_in(&Month::UNKNOWN).await.unwrap(), [odd]);
}

#[tokio::test]
async fn a_cursor_keeps_what_was_set_last() {
    let bench = Bench::new().await;
    assert_eq!(bench.ledger.cursor("sweep").await.unwrap(), None);
    for value in ["1", "", "page ü"] {
        bench.ledger.set_cursor("sweep", value).await.unwrap();
        assert_eq!(bench.ledger.cursor("sweep").await.unwrap().as_deref(), Some(value));
    }
    assert_eq!(bench.ledger.cursor("census").await.unwrap(), None);
    assert_eq!(
        bench.after_crash().await.ledger.cursor("sweep").await.unwrap().as_deref(),
        Some("page ü")
    );
}

#[tokio::test]
async fn what_tells_the_rows_of_an_issue_is_kept_until_its_month_is_made_anew() {
    let bench = Bench::new().await;
    let digests = |bytes: &[u8]| Some(bytes.to_vec());
    let first = IssueRecord { digests: digests(&[0, 255]), ..issue(1, "A-1", 1) };
    let february = "2026-02".parse().unwrap();
    let second = IssueRecord { digests: digests(&[1]), month: february, ..issue(2, "A-2", 1) };
    bench.commit(vec![first.clone(), second.clone(), issue(3, "A-3", 1)], vec![]).await;
    let placed = async || {
        let mut placed = bench.ledger.placed(&[1, 2, 3, 4].map(issue_id)).await.unwrap();
        placed.sort_by_key(|placed| placed.id);
        placed
    };
    let of = |record: &IssueRecord| Placed {
        id: record.id,
        month: record.month.clone(),
        digests: record.digests.clone(),
    };
    let third = issue(3, "A-3", 1);
    assert_eq!(placed().await, [of(&first), of(&second), of(&third)]);
    // Of an issue that the same commit writes, the new ones count.
    let id = bench.ledger.next_commit().await.unwrap();
    let third = IssueRecord { digests: digests(&[7]), ..third };
    let commit = Commit {
        id,
        files: vec![],
        dropped: vec![],
        remade: vec![first.month.clone()],
        issues: vec![third.clone()],
        finished: vec![],
        lost: vec![],
    };
    bench.ledger.commit(commit).await.unwrap();
    let first = IssueRecord { digests: None, ..first };
    assert_eq!(placed().await, [of(&first), of(&second), of(&third)]);
}
