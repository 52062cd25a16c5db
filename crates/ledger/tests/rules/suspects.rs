//! Work that was in flight when the process died: alone from then on, and parked at the second death.

use ledger::{Outcome, Source};

use crate::bench::{Bench, finished, id, instant, issue};

const HOUR: i64 = 3_600_000;

/// The next process after a death.
async fn after_death(bench: &Bench) -> (Bench, ledger::ReleasedLeases) {
    let next = bench.after_crash().await;
    let released = next.ledger.release_leases().await.unwrap();
    (next, released)
}

#[tokio::test]
async fn work_with_which_the_process_died_twice_is_parked_and_the_rest_goes_on() {
    let bench = Bench::new().await;
    let lethal = bench.record(&[id(1)]).await;
    let other = bench.record(&[id(2)]).await;
    assert_eq!(bench.lease().await.len(), 2);
    let (bench, released) = after_death(&bench).await;
    assert_eq!((released.suspects, released.parked.len()), (2, 0));
    assert_eq!(bench.lease().await, [], "none is leased with others");
    assert!(bench.ledger.has_due_suspects().await.unwrap());
    let [work] = bench.lease_suspects().await.try_into().unwrap();
    assert_eq!(work.subject, id(1));
    let (bench, released) = after_death(&bench).await;
    assert_eq!((released.suspects, released.parked), (0, vec![id(1)]));
    let parked = bench.ledger.parked().await.unwrap();
    assert_eq!(parked.len(), 1);
    assert!(parked[0].reason.contains("died twice"), "{}", parked[0].reason);
    assert!(parked[0].remedy.contains("parked retry"), "{}", parked[0].remedy);
    assert_eq!(bench.outcome(lethal).await, Outcome::Parked);
    let [work] = bench.lease_suspects().await.try_into().unwrap();
    bench.finish(&work).await;
    assert_eq!(bench.outcome(other).await, Outcome::Applied);
    assert!(!bench.ledger.has_due_suspects().await.unwrap());
}

#[tokio::test]
async fn who_is_killed_before_suspects_begin_parks_nothing() {
    let mut bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    assert_eq!(bench.lease().await.len(), 1);
    for _ in 0..5 {
        bench = after_death(&bench).await.0;
    }
    assert_eq!(bench.ledger.parked().await.unwrap(), []);
    assert_eq!(bench.lease_suspects().await.len(), 1);
}

#[tokio::test]
async fn a_clean_stop_makes_no_suspects() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    let work = bench.lease_one().await;
    assert_eq!(bench.ledger.return_leases().await.unwrap(), 1);
    let (bench, released) = after_death(&bench).await;
    assert_eq!(released, ledger::ReleasedLeases::default());
    assert_eq!(bench.lease_one().await.version, work.version);
}

#[tokio::test]
async fn a_stop_while_a_suspect_is_alone_keeps_it_a_suspect_and_parks_nothing() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    bench.lease_one().await;
    let (bench, _) = after_death(&bench).await;
    assert_eq!(bench.lease_suspects().await.len(), 1);
    assert_eq!(bench.ledger.return_leases().await.unwrap(), 1);
    let (bench, released) = after_death(&bench).await;
    assert_eq!(released, ledger::ReleasedLeases::default());
    assert_eq!((bench.lease().await.len(), bench.lease_suspects().await.len()), (0, 1));
}

#[tokio::test]
async fn a_retry_keeps_the_suspicion_and_a_commit_ends_it() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    bench.lease_one().await;
    let (bench, _) = after_death(&bench).await;
    let [work] = bench.lease_suspects().await.try_into().unwrap();
    bench.ledger.retry(&work, instant(1_000), "unreachable").await.unwrap();
    // It is not in flight any more: a death now is not its doing.
    let (bench, released) = after_death(&bench).await;
    assert_eq!(released, ledger::ReleasedLeases::default());
    assert_eq!(bench.lease().await, []);
    let [work] = bench.lease_suspects().await.try_into().unwrap();
    bench.hint(&id(1), Source::Webhook).await;
    bench.commit(vec![issue(1, "A-1", 1)], vec![finished(&work)]).await;
    assert_eq!(bench.lease().await.len(), 1, "as good as any other");
}

#[tokio::test]
async fn a_person_can_retry_it_at_once_and_a_hint_only_an_hour_later() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    bench.lease_one().await;
    let (bench, _) = after_death(&bench).await;
    bench.lease_suspects().await;
    let (bench, released) = after_death(&bench).await;
    assert_eq!(released.parked, [id(1)]);
    bench.hint(&id(1), Source::Person).await;
    bench.at(1_000 + HOUR - 1);
    bench.hint(&id(1), Source::Webhook).await;
    assert_eq!((bench.lease().await.len(), bench.lease_suspects().await.len()), (0, 0));
    bench.at(1_000 + HOUR);
    let [work] = bench.lease_suspects().await.try_into().unwrap();
    let (bench, released) = after_death(&bench).await;
    assert_eq!(released.parked, [work.subject]);
    assert!(bench.ledger.unpark(&id(1)).await.unwrap());
    assert_eq!(bench.lease().await.len(), 1, "a person knows");
}

#[tokio::test]
async fn of_a_crowd_of_suspects_many_are_taken_together_and_of_few_each_alone() {
    for (suspects, together) in [(1, 1), (64, 1), (65, 32), (200, 32)] {
        let bench = Bench::new().await;
        for n in 1..=suspects {
            bench.hint(&id(n), Source::Backfill).await;
        }
        assert_eq!(bench.lease().await.len() as i64, suspects);
        let (bench, _) = after_death(&bench).await;
        assert_eq!(bench.lease_suspects().await.len(), together, "{suspects}");
        let (bench, released) = after_death(&bench).await;
        assert_eq!(released.parked.len(), usize::from(together == 1), "a group proves nothing");
        let left = if together == 1 { 0 } else { together };
        assert_eq!(usize::try_from(released.suspects), Ok(left));
        drop(bench);
    }
}
