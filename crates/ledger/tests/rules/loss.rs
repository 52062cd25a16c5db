//! What the disk has lost becomes due in the transaction that records the loss.

use jira::id::IssueId;
use ledger::{Commit, IssueRecord, Loss, Source};
use proptest::prelude::*;

use crate::bench::{Bench, finished, id, instant, issue, issue_id};

async fn lost(bench: &Bench, n: i64) -> bool {
    bench.ledger.known(&[issue_id(n)]).await.unwrap()[&issue_id(n)].lost
}

#[tokio::test]
async fn a_lost_issue_is_due_and_incomplete_until_its_next_commit() {
    let bench = Bench::new().await;
    bench.commit(vec![issue(1, "A-1", 1), issue(2, "A-2", 1)], vec![]).await;
    let losses = [(issue_id(1), Loss::RawMissing), (issue_id(9), Loss::RawMissing)];
    assert_eq!(bench.ledger.record_loss(&losses).await.unwrap(), 1, "9 is not known");
    let known = bench.ledger.known(&[1, 2].map(issue_id)).await.unwrap();
    let one = &known[&issue_id(1)];
    assert_eq!((one.lost, one.complete, one.in_work), (true, false, true));
    let two = &known[&issue_id(2)];
    assert_eq!((two.lost, two.complete, two.in_work), (false, true, false));
    assert_eq!(bench.ledger.losses().await.unwrap(), [(Loss::RawMissing, 1)]);
    assert_eq!(bench.ledger.counts().await.unwrap().issues_lost, 1);
    let work = bench.lease_one().await;
    assert_eq!((work.subject.clone(), work.source), (id(1), Source::Sweep));
    bench.commit(vec![issue(1, "A-1", 2)], vec![finished(&work)]).await;
    assert!(!lost(&bench, 1).await);
    assert_eq!(bench.ledger.counts().await.unwrap().issues_lost, 0);
}

#[tokio::test]
async fn a_loss_that_is_seen_again_raises_nothing_unless_its_work_is_gone() {
    let bench = Bench::new().await;
    bench.commit(vec![issue(1, "A-1", 1)], vec![]).await;
    let loss = [(issue_id(1), Loss::RawOlder)];
    assert_eq!(bench.ledger.record_loss(&loss).await.unwrap(), 1);
    let work = bench.lease_one().await;
    assert_eq!(bench.ledger.record_loss(&loss).await.unwrap(), 0);
    // Had a newer hint come, the work would stay.
    bench.finish(&work).await;
    assert_eq!(bench.lease().await, [], "the second sight was no hint");
    assert!(lost(&bench, 1).await, "work without a record clears no loss");
    assert_eq!(bench.ledger.record_loss(&loss).await.unwrap(), 0);
    assert_eq!(bench.lease_one().await.subject, id(1), "lost, and nothing would have fetched it");
}

#[tokio::test]
async fn a_deleted_issue_is_never_lost() {
    let bench = Bench::new().await;
    let deleted = IssueRecord { deleted_at: Some(instant(9)), ..issue(1, "A-1", 1) };
    bench.commit(vec![deleted], vec![]).await;
    assert_eq!(bench.ledger.record_loss(&[(issue_id(1), Loss::RawMissing)]).await.unwrap(), 0);
    assert_eq!(bench.lease().await, []);
    assert!(!lost(&bench, 1).await);
}

#[tokio::test]
async fn a_commit_records_the_losses_that_it_finds_after_its_records() {
    let bench = Bench::new().await;
    let commit = Commit {
        id: bench.ledger.next_commit().await.unwrap(),
        files: vec![],
        dropped: vec![],
        remade: vec![],
        issues: vec![issue(1, "A-1", 1)],
        finished: vec![],
        lost: vec![(issue_id(1), Loss::RowsMissing)],
    };
    bench.ledger.commit(commit).await.unwrap();
    assert!(lost(&bench, 1).await);
    assert_eq!(bench.lease_one().await.subject, id(1));
}

#[tokio::test]
async fn an_adopted_issue_is_lost_and_a_known_one_is_not_adopted() {
    let bench = Bench::new().await;
    bench.commit(vec![issue(1, "A-1", 5)], vec![]).await;
    let adopted = [issue(1, "B-1", 1), issue(2, "A-2", 1)];
    assert_eq!(bench.ledger.adopt(&adopted).await.unwrap(), 1);
    assert_eq!(bench.ledger.issue(&id(1)).await.unwrap().unwrap().key.as_str(), "A-1");
    assert!(!lost(&bench, 1).await);
    assert!(lost(&bench, 2).await);
    assert_eq!(bench.lease_one().await.subject, id(2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Any losses in any batches, a kill after each: every live known issue among them is due.
    #[test]
    fn every_recorded_loss_is_due_after_a_crash(
        losses in proptest::collection::vec((1_i64..500, 0_usize..Loss::ALL.len()), 1..450),
        deleted in proptest::collection::btree_set(1_i64..400, 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            let known = (1..400).map(|n| IssueRecord {
                deleted_at: deleted.contains(&n).then(|| instant(3)),
                ..issue(n, &format!("A-{n}"), 1)
            });
            bench.commit(known.collect(), vec![]).await;
            let losses = losses.iter().map(|(n, loss)| (issue_id(*n), Loss::ALL[*loss]));
            let losses = losses.collect::<Vec<(IssueId, Loss)>>();
            let new = bench.ledger.record_loss(&losses).await.unwrap();
            let bench = bench.after_crash().await;
            let mut expected: Vec<i64> = losses.iter().map(|(id, _)| id.get()).collect();
            expected.retain(|n| *n < 400 && !deleted.contains(n));
            expected.sort_unstable();
            expected.dedup();
            let mut due: Vec<String> =
                bench.lease().await.iter().map(|work| work.subject.to_string()).collect();
            due.sort_by_key(|n| n.parse::<i64>().unwrap());
            assert_eq!(due, expected.iter().map(i64::to_string).collect::<Vec<_>>());
            assert_eq!(new, expected.len() as u64);
            assert_eq!(bench.ledger.counts().await.unwrap().issues_lost, new);
        });
    }
}
