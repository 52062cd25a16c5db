//! Too many disappearances within an hour stop the deleting until a person has looked.

use ledger::{Ledger, Verdict};

use crate::bench::{Bench, id, instant, issue, issue_id};

async fn gone(bench: &Bench, ids: std::ops::Range<i64>) -> usize {
    let mut left = 0;
    for id in ids {
        let verdict = bench.ledger.may_disappear(issue_id(id)).await.unwrap();
        left += usize::from(verdict == Verdict::Leave);
    }
    left
}

#[tokio::test]
async fn the_fifty_first_within_an_hour_stays_and_so_do_all_after_it() {
    let bench = Bench::new().await;
    assert_eq!(gone(&bench, 1..51).await, 50);
    assert_eq!(bench.ledger.breaker().await.unwrap().stopped_at, None);
    assert_eq!(gone(&bench, 1..51).await, 50, "asking again for the same counts once");
    assert_eq!(gone(&bench, 51..60).await, 0);
    let crashed = bench.after_crash().await;
    assert_eq!(crashed.ledger.breaker().await.unwrap().stopped_at, Some(instant(1_000)));
    bench.at(2 * 3_600_000);
    assert_eq!(gone(&bench, 51..60).await, 0, "time alone releases nothing");
}

#[tokio::test]
async fn slow_disappearances_never_stop_the_deleting() {
    let bench = Bench::new().await;
    for hour in 0..5 {
        bench.at(1_000 + hour * 3_600_001);
        assert_eq!(gone(&bench, hour * 50 + 1..hour * 50 + 51).await, 50, "hour {hour}");
    }
}

#[tokio::test]
async fn of_a_large_site_one_in_a_hundred_may_disappear() {
    let bench = Bench::new().await;
    let issues = (1..=6_000).map(|n| issue(n, &format!("A-{n}"), 1)).collect();
    bench.commit(issues, vec![]).await;
    assert_eq!(gone(&bench, 1..100).await, 60);
}

#[tokio::test]
async fn a_release_lasts_an_hour_and_makes_due_what_was_held() {
    let bench = Bench::new().await;
    gone(&bench, 1..52).await;
    let seq = bench.record(&[id(51)]).await;
    let work = bench.lease_one().await;
    let (reason, remedy) = Ledger::held_by_breaker();
    bench.ledger.park(&work, reason, remedy).await.unwrap();
    assert_eq!(bench.outcome(seq).await, ledger::Outcome::Parked);
    assert_eq!(bench.ledger.release_breaker().await.unwrap(), 1);
    assert_eq!(bench.outcome(seq).await, ledger::Outcome::Pending);
    assert_eq!(bench.lease_one().await.subject, id(51));
    assert_eq!(gone(&bench, 51..300).await, 249);
    bench.at(1_000 + 3_600_000);
    assert_eq!(gone(&bench, 300..301).await, 0, "the hour is over, and 249 are counted");
    assert!(bench.ledger.breaker().await.unwrap().stopped_at.is_some());
}
