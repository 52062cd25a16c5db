//! Clocks that were wrong: what they left in the ledger delays nothing for longer than the longest
//! wait, and destroys nothing.

use jira::time::Instant;
use ledger::{Source, Verdict};
use proptest::prelude::{Just, ProptestConfig, Strategy, prop, prop_oneof, proptest};

use crate::bench::{Bench, id, instant, issue, issue_id, key};

const HOUR: i64 = 3_600_000;
const YEAR: i64 = 365 * 24 * HOUR;
/// The longest wait and the longest lease of a ledger whose owner sets no other bounds.
const LONGEST: i64 = 3 * HOUR;

#[tokio::test]
async fn work_that_a_clock_ahead_put_off_is_due_when_the_clock_is_right_again() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    bench.at(YEAR);
    let work = bench.lease_one().await;
    bench.ledger.retry(&work, instant(YEAR + 60_000), "unreachable").await.unwrap();
    bench.at(2_000);
    assert_eq!(bench.ledger.due_of(&[Source::Webhook], 9).await.unwrap(), 1);
    let due = bench.ledger.next_due_of(&[Source::Webhook]).await.unwrap();
    assert_eq!(due, Some(instant(2_000)), "now");
    assert_eq!(bench.ledger.next_due().await.unwrap(), Some(instant(2_000)), "now");
    assert_eq!(bench.lease_one().await.attempts, 1);
}

#[tokio::test]
async fn an_absence_of_a_clock_ahead_is_as_old_as_its_first_look_under_the_right_clock() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    bench.at(YEAR);
    let work = bench.lease_one().await;
    bench.ledger.absent(&work, instant(YEAR)).await.unwrap();
    // Put off until the pause is over, as the loop does: the pause must come to its end.
    for now in [2_000, 3_000, 4_000] {
        bench.at(now);
        let work = bench.lease_one().await;
        assert_eq!(work.absent_since, Some(instant(2_000)), "at {now}");
        bench.ledger.defer(&work, instant(now)).await.unwrap();
    }
}

#[tokio::test]
async fn a_wait_is_kept_up_to_the_longest_and_not_believed_beyond_it() {
    for (wait, leased) in [(0, 1), (1, 0), (LONGEST, 0), (LONGEST + 1, 1)] {
        let bench = Bench::new().await;
        bench.ledger.hint(&[id(1)], Source::Sweep, instant(1_000 + wait)).await.unwrap();
        assert_eq!(bench.ledger.due_of(&[Source::Sweep], 9).await.unwrap(), leased, "{wait}");
        let due = instant(if leased == 1 { 1_000 } else { 1_000 + wait });
        let next = bench.ledger.next_due_of(&[Source::Sweep]).await.unwrap();
        assert_eq!(next, Some(due), "{wait}");
        assert_eq!(bench.ledger.next_due().await.unwrap(), Some(due), "{wait}");
        assert_eq!(bench.lease().await.len(), leased, "{wait}");
    }
}

#[tokio::test]
async fn a_lease_from_a_clock_ahead_lapses() {
    for (length, leased) in [(1, 0), (LONGEST, 0), (LONGEST + 1, 1), (YEAR, 1)] {
        let bench = Bench::new().await;
        bench.hint(&id(1), Source::Webhook).await;
        assert_eq!(bench.ledger.lease(9, instant(1_000 + length)).await.unwrap().len(), 1);
        assert_eq!(bench.ledger.due_of(&[Source::Webhook], 9).await.unwrap(), leased, "{length}");
        let due = bench.ledger.next_due_of(&[Source::Webhook]).await.unwrap();
        assert_eq!(due.is_some(), leased == 1, "{length}");
        assert_eq!(bench.lease().await.len(), leased, "{length}");
    }
}

#[tokio::test]
async fn a_404_that_was_seen_in_the_future_counts_from_now_on() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    bench.at(YEAR);
    let work = bench.lease_one().await;
    bench.ledger.absent(&work, instant(YEAR)).await.unwrap();
    bench.at(5_000);
    let work = bench.lease_one().await;
    assert_eq!(work.absent_since, Some(instant(5_000)));
    bench.ledger.absent(&work, instant(5_000)).await.unwrap();
    bench.at(9_000);
    assert_eq!(bench.lease_one().await.absent_since, Some(instant(5_000)), "the first is kept");
}

async fn disappear(bench: &Bench, ids: std::ops::Range<i64>) -> usize {
    let mut left = 0;
    for id in ids {
        let verdict = bench.ledger.may_disappear(issue_id(id)).await.unwrap();
        left += usize::from(verdict == Verdict::Leave);
    }
    left
}

#[tokio::test]
async fn a_release_by_a_clock_ahead_lasts_no_longer_than_an_hour() {
    let bench = Bench::new().await;
    bench.at(YEAR);
    bench.ledger.release_breaker().await.unwrap();
    bench.at(1_000);
    assert_eq!(disappear(&bench, 1..101).await, 50, "the release is not believed");
}

#[tokio::test]
async fn disappearances_in_the_future_count_for_an_hour_and_not_for_a_year() {
    let bench = Bench::new().await;
    bench.at(YEAR);
    assert_eq!(disappear(&bench, 1..51).await, 50);
    bench.at(1_000);
    assert_eq!(disappear(&bench, 1..51).await, 50, "they are counted already");
    bench.at(1_000 + HOUR + 1);
    assert_eq!(disappear(&bench, 101..151).await, 50, "the hour is over");
}

#[tokio::test]
async fn a_snapshot_from_the_future_does_not_keep_a_key_from_the_issue_that_has_it_now() {
    let bench = Bench::new().await;
    bench.at(YEAR);
    bench.commit(vec![issue(1, "K-1", YEAR)], vec![]).await;
    bench.at(2_000);
    bench.commit(vec![issue(2, "K-1", 2_000)], vec![]).await;
    let found = bench.ledger.issue(&key("K-1")).await.unwrap().unwrap();
    assert_eq!(found.id, issue_id(2), "the newer evidence");
    assert_eq!(bench.lease_one().await.subject, id(1), "the older one is looked at again");
}

#[tokio::test]
async fn a_clock_years_ahead_prunes_a_day_of_the_log_and_not_all_of_it() {
    const DAY: i64 = 24 * HOUR;
    let keep = std::time::Duration::from_secs(30 * 24 * 3600);
    let bench = Bench::new().await;
    for day in 0..60 {
        bench.at(day * DAY);
        bench.record(&[]).await;
    }
    bench.at(10 * YEAR);
    assert_eq!(bench.ledger.prune_older(keep).await.unwrap(), 1, "the oldest day");
    bench.at(60 * DAY);
    let mut pruned = 0;
    loop {
        match bench.ledger.prune_older(keep).await.unwrap() {
            0 => break,
            more => pruned += more,
        }
    }
    assert_eq!(pruned, 29, "a clock that is right prunes all that is old, a day at a time");
}

#[derive(Debug, Clone)]
enum Step {
    Jump(i64),
    Hint(i64),
    Lease,
    Retry(i64),
    Absent,
}

fn step() -> impl Strategy<Value = Step> {
    let jump = prop_oneof![-YEAR..YEAR, -HOUR..HOUR, Just(-1), Just(i64::from(i32::MIN))];
    prop_oneof![
        jump.prop_map(Step::Jump),
        (1..4_i64).prop_map(Step::Hint),
        Just(Step::Lease),
        (0..=LONGEST).prop_map(Step::Retry),
        Just(Step::Absent),
    ]
}

/// However the clock jumped: once it is right, all that is open can be leased within the longest
/// wait.
async fn live(steps: Vec<Step>) {
    let bench = Bench::new().await;
    let (mut now, mut held) = (1_000_i64, Vec::new());
    let mut open = std::collections::BTreeSet::new();
    for step in steps {
        match step {
            Step::Jump(by) => {
                now += by;
                bench.at(now);
            }
            Step::Hint(n) => {
                bench.hint(&id(n), Source::Webhook).await;
                open.insert(id(n));
            }
            Step::Lease => {
                let until = Instant::from_millis(now + LONGEST).unwrap();
                held.extend(bench.ledger.lease(9, until).await.unwrap());
            }
            Step::Retry(wait) => {
                if let Some(work) = held.pop() {
                    bench.ledger.retry(&work, instant(now + wait), "unreachable").await.unwrap();
                }
            }
            Step::Absent => {
                if let Some(work) = held.pop() {
                    bench.ledger.absent(&work, instant(now + LONGEST)).await.unwrap();
                }
            }
        }
    }
    // The clock is right from here on, at any time before or after those that it showed.
    let mut leased = std::collections::BTreeSet::new();
    for passed in [0, LONGEST, LONGEST] {
        now += passed;
        bench.at(now);
        let works = bench.ledger.lease(9, instant(now + LONGEST)).await.unwrap();
        leased.extend(works.into_iter().map(|work| work.subject));
    }
    assert_eq!(leased, open);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_jumps_of_the_clock_work_waits_no_longer_than_the_longest_wait(
        steps in prop::collection::vec(step(), 1..25)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live(steps));
    }
}
