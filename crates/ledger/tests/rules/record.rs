//! Recording: durable before the answer, in groups, once per identifier.

use std::time::Duration;

use bytes::Bytes;
use ledger::{DeliveryFilter, Error, NewDelivery, Outcome, Recorded};
use tokio::task::JoinSet;

use crate::bench::{Bench, finished, id, instant, issue, key};

#[tokio::test]
async fn a_delivery_is_read_back_as_it_came() {
    let bench = Bench::new().await;
    let body: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.to_le_bytes()).collect();
    let delivery = NewDelivery {
        received_at: instant(77),
        identifier: Some("abc-1".into()),
        event: Some("issuelink_created".into()),
        retry: Some(2),
        flow: Some("Secondary".into()),
        subjects: vec![id(1), key("A-2"), id(1)],
        deleted: false,
        body: Bytes::from(body.clone()),
    };
    let seq = bench.ledger.record(delivery).await.unwrap().seq;
    let (read, read_body) = bench.ledger.delivery(seq).await.unwrap().unwrap();
    assert!(read_body == body, "the body is the same, byte by byte");
    assert_eq!(read.body_bytes, 12_000_000);
    assert_eq!((read.seq, read.received_at, read.retry), (seq, instant(77), Some(2)));
    assert_eq!(read.identifier.as_deref(), Some("abc-1"));
    assert_eq!(read.event.as_deref(), Some("issuelink_created"));
    assert_eq!(read.flow.as_deref(), Some("Secondary"));
    assert_eq!((read.repeats, read.outcome), (0, Outcome::Pending));
    let subjects: Vec<_> = read.subjects.into_iter().map(|pointed| pointed.subject).collect();
    assert_eq!(subjects, [id(1), key("A-2")], "a subject named twice counts once");
    assert!(bench.ledger.delivery(seq + 1).await.unwrap().is_none());
}

#[tokio::test]
async fn a_known_identifier_is_recorded_once_and_raises_nothing() {
    let bench = Bench::new().await;
    let named =
        |name: &str| NewDelivery { identifier: Some(name.into()), ..bench.delivery(&[id(1)]) };
    // Both in one group: nothing runs in between.
    let (first, second) =
        tokio::join!(bench.ledger.record(named("x")), bench.ledger.record(named("x")));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first, Recorded { seq: first.seq, duplicate: false });
    assert_eq!(second, Recorded { seq: first.seq, duplicate: true });
    let work = bench.lease_one().await;
    bench.finish(&work).await;
    let third = bench.ledger.record(named("x")).await.unwrap();
    assert_eq!(third, Recorded { seq: first.seq, duplicate: true });
    assert_eq!(bench.lease().await, [], "the duplicate asked for nothing");
    let (delivery, _) = bench.ledger.delivery(first.seq).await.unwrap().unwrap();
    assert_eq!((delivery.repeats, delivery.outcome), (2, Outcome::Applied));
    let counts = bench.ledger.counts().await.unwrap();
    assert_eq!((counts.received, counts.repeats, counts.applied), (1, 2, 1));
    assert!(!bench.ledger.record(named("y")).await.unwrap().duplicate);
}

#[tokio::test]
async fn without_a_usable_identifier_nothing_is_a_duplicate() {
    let bench = Bench::new().await;
    for identifier in [None, Some(String::new()), Some("x".repeat(256))] {
        for _ in 0..2 {
            let delivery =
                NewDelivery { identifier: identifier.clone(), ..bench.delivery(&[id(1)]) };
            assert!(!bench.ledger.record(delivery).await.unwrap().duplicate, "{identifier:?}");
        }
    }
    assert_eq!(bench.ledger.counts().await.unwrap().received, 6);
}

#[tokio::test]
async fn hostile_texts_are_bounded_and_bodies_too() {
    let bench = Bench::new().await;
    let event = Some("ü\0'\"; DROP TABLE work; --".repeat(1_000_000));
    let delivery = NewDelivery { event, ..bench.delivery(&[]) };
    let seq = bench.ledger.record(delivery).await.unwrap().seq;
    let (read, _) = bench.ledger.delivery(seq).await.unwrap().unwrap();
    assert_eq!(read.event.unwrap().chars().count(), 255);
    let body = Bytes::from(vec![0; 40 << 20]);
    let refused = bench.ledger.record(NewDelivery { body, ..bench.delivery(&[]) }).await;
    assert!(matches!(refused, Err(Error::TooLarge { bytes }) if bytes == 40 << 20));
    assert_eq!(bench.ledger.counts().await.unwrap().received, 1);
}

#[tokio::test]
async fn deliveries_that_wait_share_a_transaction() {
    let bench = Bench::new().await;
    let groups = bench.ledger.wakeups();
    let before = *groups.borrow();
    let mut all = JoinSet::new();
    for n in 0..200 {
        let ledger = bench.ledger.clone();
        let delivery = bench.delivery(&[id(n % 7 + 1)]);
        all.spawn(async move { ledger.record(delivery).await.unwrap().seq });
    }
    let mut seqs = all.join_all().await;
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), 200);
    // One wake-up per transaction that recorded something.
    let transactions = *groups.borrow() - before;
    assert!((1..=40).contains(&transactions), "{transactions} transactions for 200 deliveries");
    assert_eq!(bench.lease().await.len(), 7);
}

#[tokio::test]
async fn when_too_much_waits_the_door_is_told_at_once() {
    let bench = Bench::new().await;
    let other = sqlx::sqlite::SqlitePool::connect_with(
        sqlx::sqlite::SqliteConnectOptions::new().filename(bench.path()),
    )
    .await
    .unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut all = JoinSet::new();
    for _ in 0..5_000 {
        let ledger = bench.ledger.clone();
        let delivery = bench.delivery(&[]);
        all.spawn(async move { ledger.record(delivery).await });
    }
    let first = tokio::time::timeout(Duration::from_secs(4), all.join_next()).await;
    assert!(matches!(first, Ok(Some(Ok(Err(Error::Busy))))), "{first:?}");
    lock.rollback().await.unwrap();
    let answers = all.join_all().await;
    let recorded = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(recorded >= 4096, "{recorded}");
    assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(Error::Busy))));
    assert_eq!(bench.ledger.counts().await.unwrap().received, recorded as u64);
}

#[tokio::test]
async fn what_was_answered_survives_a_crash() {
    let bench = Bench::new().await;
    let mut all = JoinSet::new();
    for n in 1..=300 {
        let ledger = bench.ledger.clone();
        let delivery =
            NewDelivery { identifier: Some(format!("d{n}")), ..bench.delivery(&[id(n)]) };
        all.spawn(async move { ledger.record(delivery).await.map(|recorded| recorded.seq) });
        if n == 150 {
            // Some are answered, some are on their way.
            while all.len() > 60 {
                all.join_next().await.unwrap().unwrap().unwrap();
            }
        }
    }
    let crashed = bench.after_crash().await;
    let survived = crashed.ledger.counts().await.unwrap();
    assert!(survived.received >= 90, "{survived:?}");
    assert!(survived.add_up(), "{survived:?}");
    assert_eq!(survived.work_waiting, survived.received, "no delivery without its work");
    let seqs = all.join_all().await;
    let crashed = bench.after_crash().await;
    for seq in seqs {
        let (delivery, body) = crashed.ledger.delivery(seq.unwrap()).await.unwrap().unwrap();
        assert_eq!((delivery.outcome, body.as_slice()), (Outcome::Pending, &b"{}"[..]));
    }
    assert_eq!(crashed.lease().await.len(), 300);
    let again = NewDelivery { identifier: Some("d7".into()), ..bench.delivery(&[id(7)]) };
    assert!(crashed.ledger.record(again).await.unwrap().duplicate, "Jira's retry is recognised");
}

#[tokio::test]
async fn a_sender_that_goes_away_takes_nobody_with_it() {
    let bench = Bench::new().await;
    for _ in 0..20 {
        let (gone, kept) = (
            bench.ledger.record(bench.delivery(&[id(1)])),
            bench.ledger.record(bench.delivery(&[id(2)])),
        );
        tokio::select! {
            biased;
            () = async { tokio::task::yield_now().await; } => {}
            _ = gone => {}
        }
        kept.await.unwrap();
    }
    let counts = bench.ledger.counts().await.unwrap();
    assert!(counts.add_up() && counts.received >= 20, "{counts:?}");
}

#[tokio::test]
async fn a_delivery_that_points_at_nothing_is_noted() {
    let bench = Bench::new().await;
    let seq = bench.record(&[]).await;
    assert_eq!(bench.outcome(seq).await, Outcome::Noted);
    assert_eq!(bench.lease().await, []);
    assert_eq!(bench.ledger.counts().await.unwrap().noted, 1);
    assert_eq!(bench.ledger.replay(seq).await.unwrap(), []);
}

#[tokio::test]
async fn a_delivery_of_two_issues_is_open_until_both_are_settled() {
    let bench = Bench::new().await;
    let link = bench.record(&[id(1), id(2)]).await;
    let [one, two]: [_; 2] = bench.lease().await.try_into().unwrap();
    bench.finish(&one).await;
    assert_eq!(bench.outcome(link).await, Outcome::Pending);
    bench.ledger.park(&two, "may not be seen", "give the account access").await.unwrap();
    assert_eq!(bench.outcome(link).await, Outcome::Parked);
    let newer = bench.record(&[id(2)]).await;
    assert_eq!(bench.outcome(link).await, Outcome::Pending, "the newer hint un-parked it");
    bench.finish(&bench.lease_one().await).await;
    assert_eq!(bench.outcome(newer).await, Outcome::Applied);
    assert_eq!(bench.outcome(link).await, Outcome::Applied, "the first issue applied it");
    let (link, _) = bench.ledger.delivery(link).await.unwrap().unwrap();
    let outcomes: Vec<_> = link.subjects.iter().map(|pointed| pointed.outcome).collect();
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Superseded]);
}

#[tokio::test]
async fn a_key_that_the_ledger_knows_is_stored_as_the_id() {
    let bench = Bench::new().await;
    bench.commit(vec![issue(10, "A-1", 1)], vec![]).await;
    bench.commit(vec![issue(10, "B-1", 2)], vec![]).await;
    bench.record(&[key("A-1"), key("B-1"), id(10), key("C-1")]).await;
    let mut subjects: Vec<_> = bench.lease().await.into_iter().map(|work| work.subject).collect();
    subjects.sort();
    assert_eq!(subjects, [id(10), key("C-1")]);
}

#[tokio::test]
async fn lists_are_filtered_newest_first_and_paged() {
    let bench = Bench::new().await;
    bench.commit(vec![issue(1, "A-1", 1)], vec![]).await;
    for n in 0..6 {
        bench.at(2_000 + n);
        let event = Some(if n % 2 == 0 { "even" } else { "odd" }.to_owned());
        let subjects = if n < 4 { vec![id(1)] } else { vec![] };
        let delivery = NewDelivery { event, ..bench.delivery(&subjects) };
        bench.ledger.record(delivery).await.unwrap();
    }
    let list = async |filter: DeliveryFilter| {
        let page = bench.ledger.deliveries(filter).await.unwrap();
        page.into_iter().map(|delivery| delivery.seq).collect::<Vec<_>>()
    };
    let all = DeliveryFilter::default;
    assert_eq!(list(all()).await, [6, 5, 4, 3, 2, 1]);
    assert_eq!(list(DeliveryFilter { limit: 2, ..all() }).await, [6, 5]);
    assert_eq!(list(DeliveryFilter { limit: 2, before: Some(5), ..all() }).await, [4, 3]);
    assert_eq!(list(DeliveryFilter { event: Some("odd".into()), ..all() }).await, [6, 4, 2]);
    assert_eq!(list(DeliveryFilter { subject: Some(id(1)), ..all() }).await, [4, 3, 2, 1]);
    assert_eq!(list(DeliveryFilter { subject: Some(key("A-1")), ..all() }).await, [4, 3, 2, 1]);
    assert_eq!(list(DeliveryFilter { subject: Some(id(9)), ..all() }).await, [] as [i64; 0]);
    assert_eq!(list(DeliveryFilter { outcome: Some(Outcome::Noted), ..all() }).await, [6, 5]);
    assert_eq!(list(DeliveryFilter { since: Some(instant(2_004)), ..all() }).await, [6, 5]);
    assert_eq!(
        list(DeliveryFilter { event: Some("odd' OR 1=1 --".into()), ..all() }).await,
        [] as [i64; 0]
    );
}

#[tokio::test]
async fn replay_asks_again_and_an_unknown_number_is_an_error() {
    let bench = Bench::new().await;
    let seq = bench.record(&[id(1), id(2)]).await;
    for work in bench.lease().await {
        bench.finish(&work).await;
    }
    assert_eq!(bench.ledger.replay(seq).await.unwrap(), [id(1), id(2)]);
    assert_eq!(bench.lease().await.len(), 2);
    assert_eq!(bench.outcome(seq).await, Outcome::Applied, "what was applied stays so");
    assert!(matches!(bench.ledger.replay(99).await, Err(Error::NoDelivery { seq: 99 })));
}

#[tokio::test]
async fn only_settled_deliveries_are_pruned_and_the_counts_remember() {
    let bench = Bench::new().await;
    let applied = bench.record(&[id(1)]).await;
    bench.finish(&bench.lease_one().await).await;
    let parked = bench.record(&[id(2)]).await;
    bench.ledger.park(&bench.lease_one().await, "why", "what").await.unwrap();
    let pending = bench.record(&[id(3)]).await;
    let noted = bench.record(&[]).await;
    bench.at(5_000);
    let young = bench.record(&[]).await;
    let before = bench.ledger.counts().await.unwrap();
    assert_eq!(bench.ledger.prune_deliveries(instant(5_000)).await.unwrap(), 2);
    assert_eq!(bench.ledger.counts().await.unwrap(), before);
    for (seq, stays) in
        [(applied, false), (parked, true), (pending, true), (noted, false), (young, true)]
    {
        assert_eq!(bench.ledger.delivery(seq).await.unwrap().is_some(), stays, "{seq}");
    }
    assert!(bench.ledger.drop_parked(&id(2), "gone").await.unwrap());
    assert_eq!(bench.ledger.prune_deliveries(instant(5_000)).await.unwrap(), 1);
    assert!(bench.record(&[]).await > young, "a number is never used twice");
    assert!(bench.ledger.counts().await.unwrap().add_up());
}

#[tokio::test]
async fn counts_add_up_while_everything_is_written() {
    let bench = Bench::new().await;
    let writer = {
        let ledger = bench.ledger.clone();
        let delivery = bench.delivery(&[id(1), id(2)]);
        tokio::spawn(async move {
            for _ in 0..150 {
                ledger.record(delivery.clone()).await.unwrap();
            }
        })
    };
    let mut seen = 0;
    while !writer.is_finished() {
        for work in bench.lease().await {
            bench.commit(vec![], vec![finished(&work)]).await;
            let counts = bench.ledger.counts().await.unwrap();
            assert!(counts.add_up(), "{counts:?}");
            assert!(counts.received >= seen, "a reader never goes back");
            seen = counts.received;
        }
    }
    writer.await.unwrap();
    for work in bench.lease().await {
        bench.finish(&work).await;
    }
    let counts = bench.ledger.counts().await.unwrap();
    assert!(counts.add_up() && counts.pending == 0 && counts.received == 150, "{counts:?}");
}
