//! What the copy holds, page by page and by given ids.

use ledger::{Clocks, IssueRecord, Source};

use crate::bench::{Bench, finished, id, instant, issue, issue_id};

#[tokio::test]
async fn known_issues_are_found_by_id_and_in_pages() {
    let bench = Bench::new().await;
    let deleted = IssueRecord { deleted_at: Some(instant(9)), ..issue(3, "A-3", 1) };
    let partial = IssueRecord { complete: false, ..issue(2, "A-2", 1) };
    bench.commit(vec![issue(1, "A-1", 1), partial, deleted], vec![]).await;
    bench.hint(&id(2), Source::Sweep).await;
    let known = bench.ledger.known(&[1, 2, 3, 4].map(issue_id)).await.unwrap();
    let seen = |n| known.get(&issue_id(n)).map(|k| (k.complete, k.in_work, k.deleted_at.is_some()));
    assert_eq!(seen(1), Some((true, false, false)));
    assert_eq!(seen(2), Some((false, true, false)));
    assert_eq!(seen(3), Some((true, false, true)));
    assert_eq!(seen(4), None);
    let first = bench.ledger.known_after(None, 2).await.unwrap();
    assert_eq!(first.iter().map(|k| k.id.get()).collect::<Vec<_>>(), [1, 2]);
    let rest = bench.ledger.known_after(Some(first[1].id), 2).await.unwrap();
    assert_eq!(rest.iter().map(|k| k.id.get()).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn clocks_run_on_open_issues_with_sla_fields() {
    let bench = Bench::new().await;
    let done = IssueRecord { status_category: Some("done".into()), ..issue(2, "A-2", 1) };
    let none = IssueRecord { has_sla: false, ..issue(3, "A-3", 1) };
    let gone = IssueRecord { deleted_at: Some(instant(9)), ..issue(4, "A-4", 1) };
    let unknown = IssueRecord { status_category: None, ..issue(5, "A-5", 1) };
    bench.commit(vec![issue(1, "A-1", 1), done, none, gone, unknown], vec![]).await;
    let clocked = bench.ledger.clocked_after(Clocks::Running, None, 10).await.unwrap();
    assert_eq!(clocked.iter().map(|c| c.id.get()).collect::<Vec<_>>(), [1, 5]);
    assert_eq!(clocked[0].status.as_deref(), Some("1"));
    let all = bench.ledger.clocked_after(Clocks::All, None, 10).await.unwrap();
    assert_eq!(all.iter().map(|c| c.id.get()).collect::<Vec<_>>(), [1, 2, 5]);
}

#[tokio::test]
async fn only_what_nobody_has_or_wants_can_be_claimed() {
    let bench = Bench::new().await;
    let claim = async |n| {
        bench.ledger.claim(&[issue_id(n)], Source::Sla, instant(9_000)).await.unwrap().pop()
    };
    bench.hint(&id(1), Source::Sweep).await;
    assert_eq!(claim(1).await, None, "it is due: a whole look comes");
    let work = claim(2).await.unwrap();
    assert_eq!(claim(2).await, None, "claimed already");
    bench.record(&[id(2)]).await;
    bench.commit(vec![], vec![finished(&work)]).await;
    let again: Vec<_> = bench.lease().await.into_iter().map(|work| work.subject).collect();
    assert_eq!(again, [id(2), id(1)], "what was hinted during the claim is looked at");
}

#[tokio::test]
async fn a_walk_moves_its_cursor_with_its_hints() {
    let bench = Bench::new().await;
    let subjects: Vec<_> = (1..=450).map(id).collect();
    bench.ledger.hint_walked(&subjects, Source::Backfill, ("backfill", "t2")).await.unwrap();
    assert_eq!(bench.ledger.cursor("backfill").await.unwrap().as_deref(), Some("t2"));
    assert_eq!(bench.ledger.work_of(Source::Backfill).await.unwrap(), 450);
    let urgent = [Source::Webhook, Source::Person];
    assert_eq!(bench.ledger.next_due_of(&urgent).await.unwrap(), None);
    assert_eq!(bench.ledger.lease_of(&urgent, 9, instant(9_000)).await.unwrap(), []);
    assert_eq!(bench.ledger.next_due_of(&[Source::Backfill]).await.unwrap(), Some(instant(1_000)));
}
