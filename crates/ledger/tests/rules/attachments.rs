//! Which attachments there are, what became of them, and what snapshots say of it.

use jira::id::AttachmentId;
use ledger::{AttachmentCounts, Bytes, Ended, IssueRecord, Listed, State};

use crate::bench::{Bench, instant, issue, issue_id};

const DAY: i64 = 24 * 3600 * 1000;

fn attachment(id: i64) -> AttachmentId {
    AttachmentId::new(id).unwrap()
}

fn listed(id: i64) -> Listed {
    Listed { id: attachment(id), name: format!("{id}_a.txt"), size: Some(9), bytes: Bytes::UNTRIED }
}

fn lists(id: i64, attachments: &[Listed]) -> IssueRecord {
    let attachments = Some(attachments.to_vec());
    IssueRecord { attachments, ..issue(id, &format!("A-{id}"), 1) }
}

fn stored() -> Ended {
    Ended::Stored { sha256: "00ff".into() }
}

async fn due(bench: &Bench) -> Vec<i64> {
    let due = bench.ledger.due_attachments(10).await.unwrap();
    due.iter().map(|one| one.id.get()).collect()
}

async fn untold(bench: &Bench) -> Vec<i64> {
    let untold = bench.ledger.untold_attachments(None, 10).await.unwrap();
    untold.iter().map(|issue| issue.get()).collect()
}

async fn state(bench: &Bench, issue: i64, id: i64) -> Option<State> {
    let of = bench.ledger.attachments_of(issue_id(issue)).await.unwrap();
    of.iter().find(|one| one.id.get() == id).map(|one| one.bytes.state)
}

#[tokio::test]
async fn what_a_snapshot_lists_is_downloaded_and_told_once() {
    let bench = Bench::new().await;
    bench.commit(vec![lists(1, &[listed(11), listed(12)]), issue(2, "A-2", 1)], vec![]).await;
    assert_eq!((due(&bench).await, untold(&bench).await), (vec![11, 12], vec![]));
    let media = "0b5c7a2e-1111-4222-8333-abcdefabcdef".parse().unwrap();
    assert!(bench.ledger.attachment_ended(attachment(11), &stored(), Some(&media)).await.unwrap());
    assert_eq!((due(&bench).await, untold(&bench).await), (vec![12], vec![1]));
    // A look that does not know it yet changes nothing; the one that says it does.
    bench.commit(vec![lists(1, &[listed(11), listed(12)])], vec![]).await;
    assert_eq!((due(&bench).await, untold(&bench).await), (vec![12], vec![1]));
    let bytes = bench.ledger.attachments_of(issue_id(1)).await.unwrap()[0].bytes.clone();
    assert_eq!(bytes.media_id.as_deref(), Some(media.as_str()));
    bench.commit(vec![lists(1, &[Listed { bytes, ..listed(11) }, listed(12)])], vec![]).await;
    assert_eq!((due(&bench).await, untold(&bench).await), (vec![12], vec![]));
    let counts = bench.ledger.attachment_counts(None).await.unwrap();
    assert_eq!(counts, AttachmentCounts { pending: 1, stored: 1, ..AttachmentCounts::default() });
}

#[tokio::test]
async fn a_snapshot_that_does_not_say_changes_nothing_and_an_empty_list_removes() {
    let bench = Bench::new().await;
    bench.commit(vec![lists(1, &[listed(11), listed(12)])], vec![]).await;
    bench.ledger.attachment_ended(attachment(11), &stored(), None).await.unwrap();
    bench.commit(vec![issue(1, "A-1", 2)], vec![]).await;
    assert_eq!(due(&bench).await, [12]);
    bench.commit(vec![lists(1, &[])], vec![]).await;
    assert_eq!(due(&bench).await, [0_i64; 0]);
    assert_eq!(bench.ledger.attachments_of(issue_id(1)).await.unwrap(), []);
    let unlisted = bench.ledger.unlisted_attachments(issue_id(1)).await.unwrap();
    assert_eq!((unlisted, untold(&bench).await), (vec![attachment(11)], vec![1]));
    bench.ledger.attachment_removed(attachment(11)).await.unwrap();
    assert_eq!(untold(&bench).await, [0_i64; 0]);
    let late = bench.ledger.attachment_ended(attachment(12), &stored(), None).await.unwrap();
    assert!(!late, "it is not listed any more: its file must not stay");
}

#[tokio::test]
async fn a_deleted_issue_has_no_attachments() {
    let bench = Bench::new().await;
    bench.commit(vec![lists(1, &[listed(11)]), lists(2, &[listed(21)])], vec![]).await;
    let gone = IssueRecord { deleted_at: Some(instant(9)), ..issue(1, "A-1", 2) };
    bench.commit(vec![gone], vec![]).await;
    assert_eq!(due(&bench).await, [21]);
}

#[tokio::test]
async fn failures_wait_and_what_failed_for_good_is_tried_once_a_day() {
    let bench = Bench::new().await;
    bench.commit(vec![lists(1, &[listed(11)])], vec![]).await;
    let again = |due| Ended::Again { due: instant(due), reason: "cut".into() };
    bench.ledger.attachment_ended(attachment(11), &again(5_000), None).await.unwrap();
    assert_eq!(due(&bench).await, [0_i64; 0]);
    bench.at(5_000);
    let one = bench.ledger.due_attachments(10).await.unwrap().remove(0);
    assert_eq!((one.attempts, one.bytes.reason.as_deref()), (1, Some("cut")));
    let failed = Ended::Failed { reason: "gone".into() };
    bench.ledger.attachment_ended(attachment(11), &failed, None).await.unwrap();
    bench.at(5_000 + DAY - 1);
    bench.commit(vec![lists(1, &[listed(11)])], vec![]).await;
    assert_eq!(state(&bench, 1, 11).await, Some(State::Failed));
    bench.at(5_000 + DAY);
    bench.commit(vec![lists(1, &[listed(11)])], vec![]).await;
    assert_eq!((state(&bench, 1, 11).await, due(&bench).await), (Some(State::Pending), vec![11]));
}

#[tokio::test]
async fn what_a_person_wants_comes_first_and_what_failed_comes_again() {
    let bench = Bench::new().await;
    let issues = [lists(1, &[listed(11)]), lists(2, &[listed(21)]), lists(3, &[listed(31)])];
    bench.commit(issues.into(), vec![]).await;
    let failed = Ended::Failed { reason: "gone".into() };
    bench.ledger.attachment_ended(attachment(31), &failed, None).await.unwrap();
    bench.ledger.want_attachments(Some(issue_id(3))).await.unwrap();
    assert_eq!(due(&bench).await, [31, 11, 21]);
}

#[tokio::test]
async fn a_raised_limit_brings_what_was_too_large() {
    let bench = Bench::new().await;
    bench.commit(vec![lists(1, &[listed(11)])], vec![]).await;
    let too_large = Ended::TooLarge { reason: "9 bytes".into() };
    bench.ledger.attachment_ended(attachment(11), &too_large, None).await.unwrap();
    assert_eq!(bench.ledger.attachments_fit(8).await.unwrap(), 0);
    assert_eq!(bench.ledger.attachments_fit(9).await.unwrap(), 1);
    assert_eq!(due(&bench).await, [11]);
    bench.ledger.attachment_ended(attachment(11), &stored(), None).await.unwrap();
    bench.ledger.attachment_lost(attachment(11)).await.unwrap();
    assert_eq!((due(&bench).await, untold(&bench).await), (vec![11], vec![1]));
}

#[tokio::test]
async fn a_snapshot_that_knows_is_believed_by_a_new_ledger() {
    let bench = Bench::new().await;
    let bytes = Bytes {
        state: State::Stored,
        sha256: Some("00ff".into()),
        media_id: Some("m".into()),
        reason: None,
    };
    let known = Listed { bytes: bytes.clone(), ..listed(11) };
    bench.commit(vec![lists(1, &[known])], vec![]).await;
    assert_eq!((due(&bench).await, untold(&bench).await), (vec![], vec![]));
    assert_eq!(bench.ledger.attachments_of(issue_id(1)).await.unwrap()[0].bytes, bytes);
}
