//! Key work becomes id work.

use ledger::{Outcome, Resolved, Source};

use crate::bench::{Bench, id, instant, issue_id, key};

#[tokio::test]
async fn key_work_moves_to_the_id_with_its_deliveries() {
    let bench = Bench::new().await;
    let seq = bench.record(&[key("A-1")]).await;
    let work = bench.lease_one().await;
    let Resolved::Yours(work) = bench.ledger.resolve(&work, issue_id(5)).await.unwrap() else {
        panic!("nobody else has it");
    };
    assert_eq!(work.subject, id(5));
    assert_eq!(bench.lease().await, [], "it is still leased");
    bench.finish(&work).await;
    assert_eq!(bench.lease().await, []);
    let (delivery, _) = bench.ledger.delivery(seq).await.unwrap().unwrap();
    assert_eq!((delivery.outcome, &delivery.subjects[0].subject), (Outcome::Applied, &id(5)));
}

#[tokio::test]
async fn id_work_resolves_to_itself() {
    let bench = Bench::new().await;
    bench.record(&[id(5)]).await;
    let work = bench.lease_one().await;
    let resolved = bench.ledger.resolve(&work, issue_id(5)).await.unwrap();
    assert_eq!(resolved, Resolved::Yours(work));
}

#[tokio::test]
async fn waiting_work_of_the_id_is_joined_and_looked_at_again() {
    let bench = Bench::new().await;
    bench.record(&[key("A-1")]).await;
    let work = bench.lease_one().await;
    bench.record(&[id(5)]).await;
    let Resolved::Yours(work) = bench.ledger.resolve(&work, issue_id(5)).await.unwrap() else {
        panic!("nobody else has it");
    };
    assert_eq!(bench.lease().await, [], "one subject, one lease");
    bench.finish(&work).await;
    assert_eq!(bench.outcomes().await, [Outcome::Applied, Outcome::Pending]);
    bench.finish(&bench.lease_one().await).await;
    assert_eq!(bench.outcomes().await, [Outcome::Applied, Outcome::Applied]);
    assert_eq!(bench.lease().await, []);
}

#[tokio::test]
async fn parked_work_of_the_id_is_taken_up_again() {
    let bench = Bench::new().await;
    bench.record(&[id(5)]).await;
    bench.ledger.park(&bench.lease_one().await, "why", "what").await.unwrap();
    bench.record(&[key("A-1")]).await;
    let work = bench.lease_one().await;
    let Resolved::Yours(work) = bench.ledger.resolve(&work, issue_id(5)).await.unwrap() else {
        panic!("nobody else has it");
    };
    assert_eq!(bench.ledger.parked().await.unwrap(), []);
    bench.finish(&work).await;
    assert_eq!(bench.outcomes().await, [Outcome::Superseded, Outcome::Applied]);
}

#[tokio::test]
async fn work_that_another_has_in_hand_is_left_to_it() {
    let bench = Bench::new().await;
    bench.record(&[id(5)]).await;
    let theirs = bench.lease_one().await;
    bench.record(&[key("A-1")]).await;
    let mine = bench.lease_one().await;
    let resolved = bench.ledger.resolve(&mine, issue_id(5)).await.unwrap();
    assert_eq!(resolved, Resolved::Elsewhere);
    assert_eq!(bench.lease().await, []);
    bench.finish(&theirs).await;
    assert_eq!(bench.outcomes().await, [Outcome::Applied, Outcome::Pending]);
    bench.finish(&bench.lease_one().await).await;
    assert_eq!(bench.outcomes().await, [Outcome::Applied, Outcome::Applied]);
}

#[tokio::test]
async fn a_lapsed_lease_resolves_nothing() {
    let bench = Bench::new().await;
    bench.hint(&key("A-1"), Source::Person).await;
    let first = bench.lease_one().await;
    bench.at(20_000);
    let second = bench.lease_one().await;
    let resolved = bench.ledger.resolve(&first, issue_id(5)).await.unwrap();
    assert_eq!(resolved, Resolved::Elsewhere);
    assert!(matches!(
        bench.ledger.resolve(&second, issue_id(5)).await.unwrap(),
        Resolved::Yours(_)
    ));
}

#[tokio::test]
async fn a_delivery_that_names_key_and_id_stays_one() {
    let bench = Bench::new().await;
    let seq = bench.record(&[key("A-1"), id(5)]).await;
    let works = bench.lease().await;
    let by_key = works.iter().find(|work| work.subject == key("A-1")).unwrap();
    let by_id = works.iter().find(|work| work.subject == id(5)).unwrap();
    bench.finish(by_id).await;
    assert_eq!(bench.outcome(seq).await, Outcome::Pending);
    let Resolved::Yours(work) = bench.ledger.resolve(by_key, issue_id(5)).await.unwrap() else {
        panic!("nobody else has it");
    };
    bench.ledger.retry(&work, instant(0), "x").await.unwrap();
    assert_eq!(bench.outcome(seq).await, Outcome::Pending);
    bench.finish(&bench.lease_one().await).await;
    let (delivery, _) = bench.ledger.delivery(seq).await.unwrap().unwrap();
    assert_eq!((delivery.outcome, delivery.subjects.len()), (Outcome::Applied, 1));
    assert!(bench.ledger.counts().await.unwrap().add_up());
}
