//! Work: one row per subject, one live lease at a time, nothing lost.

use ledger::{NewDelivery, Outcome, Source};

use crate::bench::{Bench, id, instant, issue, key};

#[tokio::test]
async fn due_work_is_leased_by_urgency_and_then_by_age() {
    let bench = Bench::new().await;
    for (n, source) in [(1, Source::Backfill), (2, Source::Sweep), (3, Source::Webhook)] {
        bench.hint(&id(n), source).await;
    }
    bench.at(900);
    bench.hint(&id(4), Source::Webhook).await;
    bench.at(2_000);
    bench.hint(&id(5), Source::Person).await;
    bench.hint(&id(6), Source::Sla).await;
    bench.ledger.hint(&[id(7)], Source::Webhook, instant(2_001)).await.unwrap();
    let two = bench.ledger.lease(2, instant(3_000)).await.unwrap();
    let order = |work: Vec<ledger::Work>| -> Vec<_> {
        work.into_iter().map(|work| (work.subject, work.source)).collect()
    };
    assert_eq!(order(two), [(id(4), Source::Webhook), (id(3), Source::Webhook)]);
    let rest = [
        (id(5), Source::Person),
        (id(6), Source::Sla),
        (id(2), Source::Sweep),
        (id(1), Source::Backfill),
    ];
    assert_eq!(order(bench.lease().await), rest);
    assert_eq!(bench.lease().await, [], "what is due later waits");
    bench.at(2_001);
    assert_eq!(order(bench.lease().await), [(id(7), Source::Webhook)]);
}

#[tokio::test]
async fn hints_for_one_subject_make_one_piece_of_work() {
    let bench = Bench::new().await;
    bench.ledger.hint(&[id(1)], Source::Backfill, instant(9_000)).await.unwrap();
    bench.at(2_000);
    bench.hint(&id(1), Source::Webhook).await;
    bench.at(3_000);
    bench.ledger.hint(&[id(1)], Source::Sweep, instant(9_000)).await.unwrap();
    let work = bench.lease_one().await;
    assert_eq!((work.source, work.priority), (Source::Webhook, 0), "the most urgent counts");
    assert_eq!(work.hinted_at, instant(1_000), "the oldest counts");
    assert_eq!((work.version, work.attempts, work.absences), (3, 0, 0));
    bench.finish(&work).await;
    assert_eq!(bench.ledger.next_due().await.unwrap(), None, "one look covers them all");
}

#[tokio::test]
async fn a_leased_subject_is_nobody_elses_until_the_lease_lapses() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Sweep).await;
    let first = bench.lease_one().await;
    bench.hint(&id(1), Source::Webhook).await;
    assert_eq!(bench.lease().await, []);
    bench.at(10_999);
    assert_eq!(bench.lease().await, []);
    bench.at(11_000);
    let second = bench.lease_one().await;
    assert!(second.version > first.version);
}

#[tokio::test]
async fn the_holder_of_a_lapsed_lease_cannot_disturb_the_next() {
    for act in 0..5 {
        let bench = Bench::new().await;
        let seq = bench.record(&[id(1)]).await;
        let first = bench.lease_one().await;
        bench.at(20_000);
        let second = bench.lease_one().await;
        match act {
            0 => bench.finish(&first).await,
            1 => bench.ledger.retry(&first, instant(0), "late").await.unwrap(),
            2 => bench.ledger.defer(&first, instant(0)).await.unwrap(),
            3 => assert_eq!(bench.ledger.absent(&first, instant(0)).await.unwrap(), 0),
            _ => bench.ledger.park(&first, "late", "none").await.unwrap(),
        }
        assert_eq!(bench.lease().await, [], "act {act}: the second lease is still live");
        bench.ledger.retry(&second, instant(20_000), "try again").await.unwrap();
        let third = bench.lease_one().await;
        assert_eq!((third.attempts, third.absences), (1, 0), "act {act}");
        bench.finish(&third).await;
        assert_eq!(bench.outcome(seq).await, Outcome::Applied);
        assert_eq!(bench.lease().await, []);
    }
}

#[tokio::test]
async fn a_hint_during_the_look_keeps_the_work_and_makes_it_due_at_once() {
    let bench = Bench::new().await;
    let first = bench.record(&[id(1)]).await;
    let work = bench.lease_one().await;
    bench.at(1_500);
    let second = bench.record(&[id(1)]).await;
    bench.at(1_600);
    bench.ledger.hint(&[id(1)], Source::Sweep, instant(60_000)).await.unwrap();
    bench.at(1_700);
    bench.finish(&work).await;
    assert_eq!(bench.outcomes().await, [Outcome::Applied, Outcome::Pending]);
    assert_eq!(bench.ledger.next_due().await.unwrap(), Some(instant(1_500)));
    let again = bench.lease_one().await;
    assert_eq!(again.hinted_at, instant(1_500), "the first hint that the look did not cover");
    bench.finish(&again).await;
    assert_eq!(bench.outcome(first).await, Outcome::Applied);
    assert_eq!(bench.outcome(second).await, Outcome::Applied);
    assert_eq!(bench.ledger.next_due().await.unwrap(), None);
}

#[tokio::test]
async fn one_look_applies_the_newest_delivery_and_supersedes_the_older() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        bench.record(&[id(1)]).await;
    }
    bench.finish(&bench.lease_one().await).await;
    let expected = [Outcome::Superseded, Outcome::Superseded, Outcome::Applied];
    assert_eq!(bench.outcomes().await, expected);
}

#[tokio::test]
async fn a_retry_counts_and_a_pause_does_not() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    let work = bench.lease_one().await;
    bench.ledger.retry(&work, instant(4_000), "unreachable").await.unwrap();
    assert_eq!(bench.lease().await, []);
    assert_eq!(bench.ledger.next_due().await.unwrap(), Some(instant(4_000)));
    bench.at(4_000);
    let work = bench.lease_one().await;
    assert_eq!((work.attempts, work.last_error.as_deref()), (1, Some("unreachable")));
    bench.ledger.defer(&work, instant(5_000)).await.unwrap();
    bench.at(5_000);
    let work = bench.lease_one().await;
    assert_eq!((work.attempts, work.last_error.as_deref()), (1, Some("unreachable")));
    bench.at(6_000);
    bench.hint(&id(1), Source::Webhook).await;
    bench.ledger.retry(&work, instant(90_000), "unreachable").await.unwrap();
    let work = bench.lease_one().await;
    assert_eq!(work.attempts, 2, "the hint that came meanwhile made it due");
    bench.finish(&work).await;
    bench.hint(&id(1), Source::Webhook).await;
    assert_eq!(bench.lease_one().await.attempts, 0, "a commit starts anew");
}

#[tokio::test]
async fn absences_are_counted_in_a_row_and_dated() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    let work = bench.lease_one().await;
    assert_eq!((work.absences, work.absent_since), (0, None));
    assert_eq!(bench.ledger.absent(&work, instant(2_000)).await.unwrap(), 1);
    bench.at(2_000);
    let work = bench.lease_one().await;
    assert_eq!((work.absences, work.absent_since), (1, Some(instant(1_000))));
    bench.hint(&id(1), Source::Webhook).await;
    assert_eq!(bench.ledger.absent(&work, instant(3_000)).await.unwrap(), 2);
    assert_eq!(bench.lease().await, [], "the confirmation is not hastened");
    bench.at(3_000);
    let work = bench.lease_one().await;
    bench.hint(&id(1), Source::Webhook).await;
    bench.finish(&work).await;
    let work = bench.lease_one().await;
    assert_eq!((work.absences, work.absent_since), (0, None), "it was there: the row is broken");
}

#[tokio::test]
async fn the_newest_hint_tells_whether_it_was_a_delete() {
    let bench = Bench::new().await;
    for (deleted, told) in [(false, false), (true, true), (false, false)] {
        let delivery = NewDelivery { deleted, ..bench.delivery(&[id(1)]) };
        bench.ledger.record(delivery).await.unwrap();
        let work = bench.lease_one().await;
        assert_eq!(work.deleted_hint, told);
        bench.ledger.defer(&work, instant(0)).await.unwrap();
    }
}

#[tokio::test]
async fn at_start_the_leases_of_the_dead_process_end() {
    let bench = Bench::new().await;
    bench.record(&[id(1)]).await;
    bench.record(&[id(2)]).await;
    assert_eq!(bench.lease().await.len(), 2);
    let crashed = bench.after_crash().await;
    assert_eq!(crashed.lease().await, []);
    assert_eq!(crashed.ledger.release_leases().await.unwrap().suspects, 2);
    assert_eq!(crashed.lease().await, [], "suspects are not leased with others");
    for _ in 0..2 {
        assert_eq!(crashed.lease_suspects().await.len(), 1);
    }
}

#[tokio::test]
async fn waiting_is_told_when_work_comes_and_when_it_is_due() {
    let bench = Bench::new().await;
    let mut wakeups = bench.ledger.wakeups();
    bench.ledger.hint(&[], Source::Sweep, instant(0)).await.unwrap();
    bench.record(&[id(1)]).await;
    assert!(wakeups.has_changed().unwrap());
    wakeups.mark_unchanged();
    bench.ledger.hint(&[id(2)], Source::Sweep, instant(7_000)).await.unwrap();
    assert!(wakeups.has_changed().unwrap());
    assert_eq!(bench.ledger.next_due().await.unwrap(), Some(instant(1_000)));
    let work = bench.lease_one().await;
    assert_eq!(bench.ledger.next_due().await.unwrap(), Some(instant(7_000)));
    bench.at(6_999);
    bench.ledger.retry(&work, instant(50_000), "x").await.unwrap();
    let counts = bench.ledger.counts().await.unwrap();
    assert_eq!((counts.work_waiting, counts.oldest_due), (2, Some(instant(7_000))));
    bench.at(7_000);
    assert_eq!(bench.lease_one().await.subject, id(2));
    assert_eq!(
        bench.ledger.next_due().await.unwrap(),
        Some(instant(17_000)),
        "the lease lapses before the other is due"
    );
}

#[tokio::test]
async fn parked_work_keeps_its_reason_until_a_hint_makes_it_due_again() {
    let bench = Bench::new().await;
    let seq = bench.record(&[id(1)]).await;
    let work = bench.lease_one().await;
    bench.ledger.retry(&work, instant(0), "403").await.unwrap();
    let work = bench.lease_one().await;
    bench.at(1_234);
    bench.ledger.park(&work, "forbidden", "let the account browse the project").await.unwrap();
    let [parked]: [_; 1] = bench.ledger.parked().await.unwrap().try_into().unwrap();
    assert_eq!((parked.subject, parked.parked_at, parked.attempts), (id(1), instant(1_234), 1));
    assert_eq!(parked.reason, "forbidden");
    assert_eq!(parked.remedy, "let the account browse the project");
    let (delivery, _) = bench.ledger.delivery(seq).await.unwrap().unwrap();
    assert_eq!(delivery.outcome, Outcome::Parked);
    assert_eq!(delivery.subjects[0].reason.as_deref(), Some("forbidden"));
    assert_eq!((bench.lease().await, bench.ledger.next_due().await.unwrap()), (vec![], None));
    bench.at(50_000);
    bench.record(&[id(1)]).await;
    assert_eq!(bench.ledger.parked().await.unwrap(), []);
    assert_eq!(bench.outcomes().await, [Outcome::Pending, Outcome::Pending]);
    let work = bench.lease_one().await;
    assert_eq!((work.attempts, work.hinted_at), (0, instant(50_000)));
    bench.finish(&work).await;
    assert_eq!(bench.outcomes().await, [Outcome::Superseded, Outcome::Applied]);
}

#[tokio::test]
async fn what_was_hinted_during_the_look_is_not_parked() {
    let bench = Bench::new().await;
    bench.record(&[id(1)]).await;
    let work = bench.lease_one().await;
    bench.record(&[id(1)]).await;
    bench.ledger.park(&work, "forbidden", "").await.unwrap();
    assert_eq!(bench.ledger.parked().await.unwrap(), []);
    bench.ledger.park(&bench.lease_one().await, "forbidden", "").await.unwrap();
    assert_eq!(bench.outcomes().await, [Outcome::Parked, Outcome::Parked]);
}

#[tokio::test]
async fn a_person_can_unpark_and_drop() {
    let bench = Bench::new().await;
    bench.commit(vec![issue(1, "A-1", 1)], vec![]).await;
    let seq = bench.record(&[id(1)]).await;
    assert!(!bench.ledger.unpark(&id(1)).await.unwrap(), "it is not parked");
    assert!(!bench.ledger.drop_parked(&id(1), "").await.unwrap(), "it is not parked");
    bench.ledger.park(&bench.lease_one().await, "why", "what").await.unwrap();
    assert!(bench.ledger.unpark(&key("A-1")).await.unwrap());
    let work = bench.lease_one().await;
    assert_eq!((work.source, bench.outcome(seq).await), (Source::Person, Outcome::Pending));
    bench.ledger.park(&work, "why", "what").await.unwrap();
    assert!(bench.ledger.drop_parked(&key("A-1"), "not ours").await.unwrap());
    assert_eq!(bench.ledger.parked().await.unwrap(), []);
    bench.record(&[id(1)]).await;
    bench.finish(&bench.lease_one().await).await;
    assert_eq!(bench.outcomes().await, [Outcome::Parked, Outcome::Applied], "dropped for good");
    let (delivery, _) = bench.ledger.delivery(seq).await.unwrap().unwrap();
    assert_eq!(delivery.subjects[0].reason.as_deref(), Some("not ours"));
    assert!(bench.ledger.counts().await.unwrap().add_up());
}
