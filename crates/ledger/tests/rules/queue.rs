//! The work queue at its edges: exactly now, exactly full, exactly one more.

use jira::id::Subject;
use ledger::{Again, Finished, NewDelivery, Resolved, Source, Work};
use proptest::prelude::{ProptestConfig, prop, prop_assert_eq, proptest};

use crate::bench::{Bench, finished, id, instant, issue, issue_id, key};

#[test]
fn sources_are_named_and_ordered_by_urgency() {
    let names = ["webhook", "person", "sla", "sweep", "backfill", "later"];
    assert_eq!(Source::ALL.map(Source::name), names);
    assert_eq!(Source::ALL.map(Source::priority), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn work_is_due_at_its_time_and_a_lease_lapses_at_its_end_neither_earlier() {
    let bench = Bench::new().await;
    let sweep = [Source::Sweep];
    let due = async || bench.ledger.due_of(&sweep, 9).await.unwrap();
    let next = async || bench.ledger.next_due_of(&sweep).await.unwrap();
    bench.ledger.hint(&[id(1)], Source::Sweep, instant(2_000)).await.unwrap();
    bench.at(1_999);
    assert_eq!((due().await, next().await), (0, Some(instant(2_000))));
    assert_eq!(bench.lease().await, []);
    bench.at(2_000);
    assert_eq!((due().await, next().await), (1, Some(instant(2_000))));
    let [first] = &bench.ledger.lease(9, instant(3_000)).await.unwrap()[..] else {
        panic!("it is due");
    };
    assert_eq!((due().await, next().await), (0, None), "somebody has it");
    assert_eq!(bench.ledger.next_due().await.unwrap(), Some(instant(3_000)), "the lapse");
    bench.at(2_999);
    assert_eq!((due().await, next().await), (0, None));
    assert_eq!(bench.lease().await, []);
    bench.at(3_000);
    assert_eq!((due().await, next().await), (1, Some(instant(2_000))));
    let second = bench.lease_one().await;
    assert_eq!(second.version, first.version + 1);
    assert_eq!(bench.lease().await, []);
}

#[tokio::test]
async fn what_is_due_is_counted_over_all_sources_up_to_the_bound() {
    let bench = Bench::new().await;
    for (n, source) in [(1, Source::Sweep), (2, Source::Sweep), (3, Source::Sweep)] {
        bench.hint(&id(n), source).await;
    }
    bench.hint(&id(4), Source::Backfill).await;
    bench.hint(&id(5), Source::Backfill).await;
    let both = [Source::Sweep, Source::Backfill];
    for (most, counted) in [(0, 0), (1, 1), (3, 3), (4, 4), (5, 5), (6, 5)] {
        assert_eq!(bench.ledger.due_of(&both, most).await.unwrap(), counted, "{most}");
    }
    assert_eq!(bench.ledger.due_of(&[Source::Backfill], 9).await.unwrap(), 2);
    assert_eq!(bench.ledger.due_of(&[Source::Webhook], 9).await.unwrap(), 0);
    bench.ledger.lease(4, instant(9_000)).await.unwrap();
    assert_eq!(bench.ledger.work_of(Source::Sweep).await.unwrap(), 3, "leased ones too");
    let [last] = &bench.lease().await[..] else { panic!("one was left") };
    bench.ledger.park(last, "why", "what").await.unwrap();
    assert_eq!(bench.ledger.work_of(Source::Backfill).await.unwrap(), 1, "parked ones not");
}

#[tokio::test]
async fn what_is_still_due_is_known_by_id_by_key_and_by_former_key() {
    let bench = Bench::new().await;
    bench.commit(vec![issue(1, "A-1", 1), issue(2, "A-2", 1), issue(3, "A-3", 1)], vec![]).await;
    bench.commit(vec![issue(1, "B-1", 2)], vec![]).await;
    for subject in [id(1), id(2), key("C-9")] {
        bench.hint(&subject, Source::Person).await;
    }
    let asked = [id(1), key("A-1"), key("B-1"), id(2), id(3), key("A-3"), key("C-9"), key("C-8")];
    let still = async || bench.ledger.still_due(&asked).await.unwrap();
    let waiting = [id(1), key("A-1"), key("B-1"), id(2), key("C-9")];
    assert_eq!(still().await, waiting);
    let work = bench.lease().await;
    assert_eq!(still().await, waiting, "somebody has it: it is not done yet");
    for work in work {
        match &work.subject {
            Subject::Id(id) if id.get() == 1 => bench.finish(&work).await,
            _ => bench.ledger.park(&work, "why", "what").await.unwrap(),
        }
    }
    assert_eq!(still().await, [], "neither what is done nor what is parked");
}

#[tokio::test]
async fn at_a_clean_stop_every_lease_ends_and_is_counted() {
    let bench = Bench::new().await;
    for n in 1..=3 {
        bench.hint(&id(n), Source::Sweep).await;
    }
    let leased = bench.ledger.lease(2, instant(9_000)).await.unwrap();
    // A hint during the lease is covered by the look that follows the start.
    bench.at(1_500);
    bench.ledger.hint(&[id(1)], Source::Sweep, instant(8_000)).await.unwrap();
    assert_eq!(bench.ledger.return_leases().await.unwrap(), 2);
    assert_eq!(bench.ledger.return_leases().await.unwrap(), 0);
    let again = bench.lease().await;
    assert_eq!(again.len(), 3);
    assert!(again[0].version > leased[0].version, "the hint counts");
    assert_eq!(again[1].version, leased[1].version, "no lease lapsed: the version stays");
    bench.ledger.retry(&leased[1], instant(0), "late").await.unwrap();
    bench.finish(&again[0]).await;
    assert_eq!(bench.ledger.work_of(Source::Sweep).await.unwrap(), 2);
}

#[tokio::test]
async fn any_number_is_claimed_but_for_what_is_in_work() {
    let bench = Bench::new().await;
    bench.hint(&id(200), Source::Later).await;
    bench.at(1_700);
    let ids: Vec<_> = (1..=401).map(issue_id).collect();
    let claimed = bench.ledger.claim(&ids, Source::Sla, instant(9_000)).await.unwrap();
    let expected: Vec<_> = (1..=401).filter(|n| *n != 200).map(id).collect();
    let subjects: Vec<_> = claimed.iter().map(|work| work.subject.clone()).collect();
    assert_eq!(subjects, expected);
    assert!(claimed.is_sorted_by(|a, b| a.version < b.version), "each has a version of its own");
    let first = &claimed[0];
    assert_eq!((first.source, first.hinted_at), (Source::Sla, instant(1_700)));
    assert_eq!(bench.lease_one().await.subject, id(200), "the others are this caller's alone");
    bench.at(9_000);
    assert_eq!(bench.lease().await.len(), 400, "until then");
}

#[tokio::test]
async fn a_later_hint_tells_whether_it_was_a_delete_whoever_gives_it() {
    let bench = Bench::new().await;
    let delete = NewDelivery { deleted: true, ..bench.delivery(&[id(1)]) };
    bench.ledger.record(delete.clone()).await.unwrap();
    bench.hint(&id(1), Source::Sweep).await;
    assert!(!bench.lease_one().await.deleted_hint, "the sweep saw it after the delete");
    bench.ledger.record(delete).await.unwrap();
    bench.at(20_000);
    assert!(bench.lease_one().await.deleted_hint);
}

/// Gives work back until `due` after hints that came during the lease, and says when it is due.
async fn due_after(hints: &[i64], due: i64) -> i64 {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    let work = bench.lease_one().await;
    for hint in hints {
        bench.ledger.hint(&[id(1)], Source::Sweep, instant(*hint)).await.unwrap();
    }
    bench.ledger.defer(&work, instant(due)).await.unwrap();
    bench.ledger.next_due().await.unwrap().unwrap().millis()
}

#[tokio::test]
async fn work_that_is_given_back_is_due_by_the_earliest_wish() {
    assert_eq!(due_after(&[], 5_000).await, 5_000);
    assert_eq!(due_after(&[4_999], 5_000).await, 4_999);
    assert_eq!(due_after(&[5_001], 5_000).await, 5_000);
    assert_eq!(due_after(&[7_000, 3_000, 6_000], 5_000).await, 3_000);
    assert_eq!(due_after(&[7_000, 6_000], 5_000).await, 5_000);
}

#[tokio::test]
async fn a_hint_before_the_lease_does_not_hasten_what_is_given_back() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    bench.hint(&id(1), Source::Webhook).await;
    let work = bench.lease_one().await;
    bench.ledger.retry(&work, instant(5_000), "x").await.unwrap();
    assert_eq!(bench.ledger.next_due().await.unwrap(), Some(instant(5_000)));
}

#[tokio::test]
async fn a_look_that_was_not_whole_comes_again_by_the_earliest_wish() {
    // (what was hinted during the look, what the look wants, what comes)
    for (hinted, wanted, expected) in
        [(None, 5_000, 5_000), (Some(4_999), 5_000, 4_999), (Some(5_001), 5_000, 5_000)]
    {
        let bench = Bench::new().await;
        bench.hint(&id(1), Source::Sweep).await;
        let work = bench.lease_one().await;
        if let Some(due) = hinted {
            bench.ledger.hint(&[id(1)], Source::Sweep, instant(due)).await.unwrap();
        }
        let again = Again { due: instant(wanted), reason: "links".into(), source: Source::Later };
        let incomplete = Finished { again: Some(again), ..finished(&work) };
        bench.commit(vec![], vec![incomplete]).await;
        assert_eq!(bench.ledger.next_due().await.unwrap(), Some(instant(expected)), "{hinted:?}");
    }
}

#[tokio::test]
async fn one_commit_retires_some_work_and_brings_other_work_back() {
    let bench = Bench::new().await;
    for n in 1..=3 {
        bench.hint(&id(n), Source::Sweep).await;
    }
    let work = bench.lease().await;
    bench.hint(&id(3), Source::Webhook).await;
    let again = Again { due: instant(6_000), reason: "links".into(), source: Source::Later };
    let some = vec![
        finished(&work[0]),
        Finished { again: Some(again), ..finished(&work[1]) },
        finished(&work[2]),
    ];
    bench.commit(vec![], some).await;
    let left = bench.lease_one().await;
    assert_eq!((left.subject, left.source), (id(3), Source::Webhook));
    bench.at(6_000);
    assert_eq!(bench.lease_one().await.subject, id(2));
}

#[tokio::test]
async fn work_that_was_hinted_during_a_park_starts_over_at_once() {
    let bench = Bench::new().await;
    bench.hint(&id(1), Source::Webhook).await;
    let work = bench.lease_one().await;
    bench.ledger.retry(&work, instant(1_000), "500").await.unwrap();
    let work = bench.lease_one().await;
    bench.ledger.hint(&[id(1)], Source::Sweep, instant(1_400)).await.unwrap();
    bench.ledger.park(&work, "403", "browse").await.unwrap();
    assert_eq!(bench.lease().await, []);
    bench.at(1_400);
    let work = bench.lease_one().await;
    assert_eq!((work.attempts, work.last_error.as_deref()), (0, Some("403")));
}

#[tokio::test]
async fn numbers_of_commits_are_given_out_once_each_and_in_order() {
    let bench = Bench::new().await;
    let first = bench.ledger.next_commit().await.unwrap().get();
    let some = bench.ledger.next_commits(5).await.unwrap();
    assert_eq!(some, first + 1..first + 6);
    assert_eq!(bench.ledger.next_commits(1).await.unwrap(), first + 6..first + 7);
    assert_eq!(bench.ledger.next_commits(0).await.unwrap(), first + 7..first + 7);
    bench.hint(&id(1), Source::Sweep).await;
    assert_eq!(bench.ledger.next_commit().await.unwrap().get(), first + 7, "hints count apart");
    assert_eq!(bench.lease_one().await.version, 1, "and so do commits");
}

async fn resolve(bench: &Bench, work: &Work) -> Resolved {
    bench.ledger.resolve(work, issue_id(5)).await.unwrap()
}

#[tokio::test]
async fn a_key_is_resolved_to_an_issue_whose_lease_has_just_lapsed_but_not_before() {
    for (now, mine) in [(3_999, false), (4_000, true)] {
        let bench = Bench::new().await;
        bench.hint(&id(5), Source::Sweep).await;
        bench.ledger.lease(1, instant(4_000)).await.unwrap();
        bench.hint(&key("A-1"), Source::Sweep).await;
        let work = bench.lease_one().await;
        bench.at(now);
        let resolved = resolve(&bench, &work).await;
        assert_eq!(matches!(resolved, Resolved::Yours(_)), mine, "{now}");
    }
}

#[tokio::test]
async fn two_subjects_that_become_one_are_as_urgent_as_the_more_urgent() {
    for (by_key, by_id, joined) in [
        (Source::Person, Source::Backfill, Source::Person),
        (Source::Backfill, Source::Person, Source::Person),
    ] {
        let bench = Bench::new().await;
        bench.hint(&key("A-1"), by_key).await;
        let work = bench.lease_one().await;
        bench.at(900);
        bench.ledger.hint(&[id(5)], by_id, instant(1_200)).await.unwrap();
        bench.at(1_100);
        let Resolved::Yours(work) = resolve(&bench, &work).await else {
            panic!("nobody else has it");
        };
        bench.finish(&work).await;
        assert_eq!(bench.lease().await, [], "the other wish is not due yet");
        bench.at(1_200);
        let again = bench.lease_one().await;
        assert_eq!((again.subject, again.source), (id(5), joined));
        assert_eq!(again.hinted_at, instant(900), "since the look does not cover it");
        assert!(again.version > work.version);
    }
}

#[tokio::test]
async fn what_asked_for_the_key_is_told_to_whoever_has_the_issue() {
    let bench = Bench::new().await;
    bench.at(2_000);
    bench.hint(&id(5), Source::Backfill).await;
    let theirs = bench.lease_one().await;
    let delete = NewDelivery { deleted: true, ..bench.delivery(&[key("A-1")]) };
    bench.ledger.record(delete).await.unwrap();
    let mine = bench.lease_one().await;
    bench.at(2_500);
    assert_eq!(resolve(&bench, &mine).await, Resolved::Elsewhere);
    bench.finish(&theirs).await;
    let again = bench.lease_one().await;
    assert_eq!((again.subject, again.source), (id(5), Source::Webhook));
    assert_eq!((again.hinted_at, again.deleted_hint), (instant(2_000), true));
}

/// A hint, as `(issue, source, due)`.
type Wish = (i64, usize, i64);

fn expected(wishes: &[Wish], sources: &[usize], now: i64) -> Vec<Subject> {
    let mut all = Vec::new();
    for source in sources {
        let due = wishes.iter().filter(|(_, of, due)| of == source && *due <= now);
        let mut due: Vec<_> = due.map(|(n, _, due)| (*due, id(*n).to_string(), id(*n))).collect();
        due.sort();
        all.extend(due.into_iter().map(|(_, _, subject)| subject));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_any_queue_the_most_urgent_and_longest_due_are_leased(
        wishes in prop::collection::vec((0..6_usize, 0..6_i64), 0..16),
        sources in prop::sample::subsequence((0..6_usize).collect::<Vec<_>>(), 0..=6),
        most in 0..12_u32,
    ) {
        let wishes: Vec<Wish> = (1..).zip(&wishes).map(|(n, (of, due))| (n, *of, due * 500)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            for (n, source, due) in &wishes {
                bench.ledger.hint(&[id(*n)], Source::ALL[*source], instant(*due)).await.unwrap();
            }
            let of: Vec<Source> = sources.iter().map(|source| Source::ALL[*source]).collect();
            let mut due = expected(&wishes, &sources, 1_000);
            let counted = bench.ledger.due_of(&of, most as usize).await.unwrap();
            prop_assert_eq!(counted, due.len().min(most as usize));
            let next = bench.ledger.next_due_of(&of).await.unwrap();
            let wanted = wishes.iter().filter(|(_, source, _)| sources.contains(source));
            prop_assert_eq!(next, wanted.map(|(_, _, due)| instant(*due)).min());
            let leased = bench.ledger.lease_of(&of, most, instant(9_000)).await.unwrap();
            let leased: Vec<_> = leased.into_iter().map(|work| work.subject).collect();
            let rest = due.split_off(due.len().min(most as usize));
            prop_assert_eq!(leased, due);
            let leased = bench.ledger.lease_of(&of, 99, instant(9_000)).await.unwrap();
            let leased: Vec<_> = leased.into_iter().map(|work| work.subject).collect();
            prop_assert_eq!(leased, rest, "nothing is leased twice");
            Ok(())
        })?;
    }
}
