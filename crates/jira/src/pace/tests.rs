//! The pace with a clock that only moves when everybody waits.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use tokio::task::JoinHandle;
use tokio::time::{advance, sleep};

use super::*;
use crate::client::Scope;

const ISSUE: Kind = ("issue", Method::GET);
const LINKS: Kind = ("remote_links", Method::GET);

/// Ten requests per second, two at once, two in flight.
fn slow() -> Rates {
    let rate = Rate { per_second: 10, burst: 2 };
    Rates { percent: 100, get: rate, issue: rate, in_flight: 2, ..Rates::default() }
}

/// As many as one likes, as long as not too many are in flight.
fn wide() -> Rates {
    let rate = Rate { per_second: 1_000_000, burst: 1_000_000 };
    Rates { get: rate, issue: rate, in_flight: 8, ..slow() }
}

fn pace(rates: Rates) -> Pace {
    Pace::with_jitter(rates, || 0.5)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Pace {
    fn ask(&self, kind: Kind, account: &str, priority: Priority) -> Ask {
        Ask { kind, account: self.account(account), priority }
    }

    /// As the main account, with the most urgent priority.
    async fn one(&self, kind: Kind) -> Result<Permit, Error> {
        self.admit(self.ask(kind, "main", Priority::Webhook)).await
    }

    /// Throttles a request that is sent now.
    async fn throttle(&self, kind: Kind, scope: Scope, wait: Option<u64>) {
        let permit = self.one(kind).await.unwrap();
        permit.tell(&Err(Error::Throttled { wait: wait.map(seconds), scope }));
    }
}

/// What the error says about waiting.
fn refused(answer: Result<Permit, Error>) -> Option<(u64, Scope)> {
    match answer {
        Err(Error::Throttled { wait, scope }) => Some((wait.unwrap().as_secs(), scope)),
        Ok(_) => None,
        Err(other) => panic!("{other:?}"),
    }
}

/// Who was admitted, in this order.
type Order = Arc<Mutex<Vec<&'static str>>>;

/// Asks in a task of its own, notes when its turn has come, and is done after this time.
fn asks(
    pace: &Pace,
    ask: Ask,
    name: &'static str,
    order: &Order,
    takes: Duration,
) -> JoinHandle<()> {
    let (pace, order) = (pace.clone(), Arc::clone(order));
    tokio::spawn(async move {
        let _permit = pace.admit(ask).await.unwrap();
        order.lock().unwrap().push(name);
        sleep(takes).await;
    })
}

/// Lets all tasks come to where they wait.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn requests_come_at_once_up_to_the_burst_and_then_at_the_rate() {
    let pace = pace(slow());
    let began = Instant::now();
    let mut at = Vec::new();
    for _ in 0..5 {
        drop(pace.one(ISSUE).await.unwrap());
        at.push(began.elapsed().as_millis());
    }
    assert_eq!(at, [0, 0, 100, 200, 300]);
    // Another endpoint has a bucket of its own; another account has not: the limit is the site's.
    drop(pace.one(LINKS).await.unwrap());
    assert_eq!(began.elapsed().as_millis(), 300);
    let other = pace.ask(ISSUE, "service", Priority::Webhook);
    drop(pace.admit(other).await.unwrap());
    assert_eq!(began.elapsed().as_millis(), 400);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_more_urgent_gets_the_next_token() {
    let pace = pace(slow());
    for _ in 0..2 {
        drop(pace.one(ISSUE).await.unwrap());
    }
    let order = Order::default();
    let mut tasks = Vec::new();
    for (name, priority) in [
        ("backfill 1", Priority::Backfill),
        ("sweep", Priority::Sweep),
        ("backfill 2", Priority::Backfill),
        ("webhook 1", Priority::Webhook),
        ("sla", Priority::Sla),
        ("person", Priority::Person),
        ("webhook 2", Priority::Webhook),
    ] {
        let ask = pace.ask(ISSUE, "main", priority);
        tasks.push(asks(&pace, ask, name, &order, Duration::ZERO));
        settle().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    let expected = ["webhook 1", "webhook 2", "person", "sla", "sweep", "backfill 1", "backfill 2"];
    assert_eq!(*order.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_more_urgent_gets_the_next_place() {
    let pace = pace(Rates { in_flight: 1, ..wide() });
    let order = Order::default();
    let first = pace.one(LINKS).await.unwrap();
    let mut tasks = Vec::new();
    for (name, priority) in [
        ("backfill", Priority::Backfill),
        ("sweep", Priority::Sweep),
        ("webhook", Priority::Webhook),
    ] {
        let ask = pace.ask(ISSUE, "main", priority);
        tasks.push(asks(&pace, ask, name, &order, seconds(1)));
        settle().await;
    }
    assert_eq!(pace.state().waiting, 3);
    // The places of another account are its own.
    let other = pace.ask(ISSUE, "service", Priority::Backfill);
    asks(&pace, other, "service", &order, Duration::ZERO).await.unwrap();
    drop(first);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), ["service", "webhook", "sweep", "backfill"]);
}

#[tokio::test(start_paused = true)]
async fn the_backfill_never_has_all_places() {
    let pace = pace(wide());
    let order = Order::default();
    let backfill = pace.ask(ISSUE, "main", Priority::Backfill);
    for _ in 0..20 {
        asks(&pace, backfill.clone(), "backfill", &order, seconds(5));
    }
    settle().await;
    let state = pace.state();
    assert_eq!((state.in_flight, state.waiting), (6, 14));
    let began = Instant::now();
    let two = [pace.one(ISSUE).await.unwrap(), pace.one(LINKS).await.unwrap()];
    assert_eq!(began.elapsed(), Duration::ZERO);
    // The places that the backfill gives back are open to it, the others stay closed.
    drop(two);
    sleep(seconds(6)).await;
    assert_eq!(pace.state().in_flight, 6);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_for_a_more_urgent_request_that_waits_for_a_place() {
    let pace = pace(Rates { in_flight: 1, ..slow() });
    let order = Order::default();
    let place = pace.one(LINKS).await.unwrap();
    drop(pace.admit(pace.ask(ISSUE, "service", Priority::Webhook)).await.unwrap());
    // One token is left. The webhook cannot be sent yet, and the backfill could.
    let webhook = pace.ask(ISSUE, "main", Priority::Webhook);
    let webhook = asks(&pace, webhook, "webhook", &order, Duration::ZERO);
    settle().await;
    let backfill = pace.ask(ISSUE, "service", Priority::Backfill);
    let backfill = asks(&pace, backfill, "backfill", &order, Duration::ZERO);
    settle().await;
    assert!(order.lock().unwrap().is_empty());
    drop(place);
    webhook.await.unwrap();
    backfill.await.unwrap();
    assert_eq!(*order.lock().unwrap(), ["webhook", "backfill"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_behind_one_that_was_held_up_goes_as_soon_as_its_token_is_there() {
    let rate = Rate { per_second: 10, burst: 1 };
    let pace = pace(Rates { issue: rate, in_flight: 1, ..wide() });
    let order = Order::default();
    let place = pace.one(LINKS).await.unwrap();
    let first = pace.ask(ISSUE, "main", Priority::Webhook);
    let second = pace.ask(ISSUE, "service", Priority::Webhook);
    asks(&pace, first, "first", &order, Duration::ZERO);
    settle().await;
    let began = Instant::now();
    let second = asks(&pace, second, "second", &order, Duration::ZERO);
    sleep(seconds(5)).await;
    drop(place);
    second.await.unwrap();
    assert_eq!(began.elapsed().as_millis(), 5100);
    assert_eq!(*order.lock().unwrap(), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_quota_pauses_everything_and_a_burst_one_endpoint() {
    let pace = pace(wide());
    pace.throttle(ISSUE, Scope::Endpoint, Some(60)).await;
    assert_eq!(refused(pace.one(ISSUE).await), Some((60, Scope::Endpoint)));
    let other = pace.ask(ISSUE, "service", Priority::Webhook);
    assert_eq!(refused(pace.admit(other).await), Some((60, Scope::Endpoint)));
    assert_eq!(refused(pace.one(("issue", Method::POST)).await), None);
    assert_eq!(refused(pace.one(LINKS).await), None);
    pace.throttle(LINKS, Scope::Everything, Some(1800)).await;
    assert_eq!(refused(pace.one(LINKS).await), Some((1800, Scope::Everything)));
    assert_eq!(refused(pace.one(ISSUE).await), Some((1800, Scope::Everything)));
    let other = pace.ask(LINKS, "service", Priority::Webhook);
    assert_eq!(refused(pace.admit(other).await), Some((1800, Scope::Everything)));
    assert_eq!(pace.state().held_back, 5);
    advance(seconds(1800)).await;
    assert_eq!(refused(pace.one(ISSUE).await), None);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_one_issue_pauses_nothing() {
    let pace = pace(wide());
    pace.throttle(ISSUE, Scope::Issue, Some(60)).await;
    let began = Instant::now();
    assert_eq!(refused(pace.one(ISSUE).await), None);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(pace.state().endpoints[0].throttled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_short_pause_is_waited_for_and_a_long_one_is_not() {
    for (pause, waited) in [(1, true), (10, true), (11, false), (7200, false)] {
        let pace = pace(wide());
        pace.throttle(ISSUE, Scope::Endpoint, Some(pause)).await;
        let began = Instant::now();
        let answer = refused(pace.one(ISSUE).await);
        assert_eq!(answer, (!waited).then_some((pause, Scope::Endpoint)));
        assert_eq!(began.elapsed().as_secs(), if waited { pause } else { 0 });
    }
}

#[tokio::test(start_paused = true)]
async fn patience_is_for_all_pauses_together() {
    let pace = pace(wide());
    let in_flight = pace.one(LINKS).await.unwrap();
    pace.throttle(ISSUE, Scope::Endpoint, Some(8)).await;
    let waiting = tokio::spawn({
        let pace = pace.clone();
        async move { refused(pace.one(ISSUE).await) }
    });
    sleep(seconds(5)).await;
    in_flight.tell(&Err(Error::Throttled { wait: Some(seconds(6)), scope: Scope::Everything }));
    // Until eleven seconds after it came: it learns that at once, and not after eight.
    assert_eq!(waiting.await.unwrap(), Some((6, Scope::Everything)));
    assert_eq!(pace.state().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_came_just_before_a_pause_is_not_used_in_it() {
    let pace = pace(Rates { in_flight: 1, ..wide() });
    let service = pace.ask(LINKS, "service", Priority::Webhook);
    let other = pace.admit(service).await.unwrap();
    let first = pace.one(ISSUE).await.unwrap();
    let began = Instant::now();
    let second = tokio::spawn({
        let pace = pace.clone();
        async move {
            drop(pace.one(ISSUE).await.unwrap());
            began.elapsed().as_secs()
        }
    });
    settle().await;
    // Its turn has come, and before it runs, the pause begins.
    drop(first);
    other.tell(&Err(Error::Throttled { wait: Some(seconds(4)), scope: Scope::Everything }));
    settle().await;
    assert_eq!(pace.state().endpoints[0].sent, 1);
    assert_eq!(second.await.unwrap(), 4);
    drop(other);
    assert_eq!((pace.state().in_flight, pace.state().waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn without_a_wait_pauses_double_until_a_request_gets_through() {
    let pace = pace(wide());
    let mut pauses = Vec::new();
    for _ in 0..4 {
        pace.throttle(ISSUE, Scope::Endpoint, None).await;
        pauses.push(pace.state().endpoints[0].paused.as_secs());
        sleep(seconds(60)).await;
    }
    assert_eq!(pauses, [2, 4, 8, 16]);
    // Neither an outage nor another endpoint's success ends the row.
    let outage = Error::Server { status: 500, wait: None };
    pace.one(ISSUE).await.unwrap().tell(&Err(outage));
    pace.one(LINKS).await.unwrap().tell(&Ok(()));
    pace.throttle(ISSUE, Scope::Endpoint, None).await;
    assert_eq!(pace.state().endpoints[0].paused.as_secs(), 30);
    sleep(seconds(60)).await;
    pace.one(ISSUE).await.unwrap().tell(&Err(Error::NotFound));
    pace.throttle(ISSUE, Scope::Endpoint, None).await;
    assert_eq!(pace.state().endpoints[0].paused.as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_an_endpoint_begins_slowly() {
    let pace = pace(slow());
    pace.throttle(ISSUE, Scope::Endpoint, Some(5)).await;
    let began = Instant::now();
    for millis in [5000, 5100, 5200] {
        drop(pace.one(ISSUE).await.unwrap());
        assert_eq!(began.elapsed().as_millis(), millis);
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_takes_nothing_along() {
    let pace = pace(Rates { in_flight: 1, ..slow() });
    let first = pace.one(ISSUE).await.unwrap();
    let order = Order::default();
    let ask = pace.ask(ISSUE, "main", Priority::Webhook);
    let gives_up = asks(&pace, ask.clone(), "gives up", &order, Duration::ZERO);
    settle().await;
    let stays = asks(&pace, ask, "stays", &order, Duration::ZERO);
    settle().await;
    // The place and the second token are granted to one that is gone before it notices.
    drop(first);
    gives_up.abort();
    let began = Instant::now();
    stays.await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(*order.lock().unwrap(), ["stays"]);
    assert_eq!((pace.state().in_flight, pace.state().waiting), (0, 0));
    assert_eq!(pace.state().endpoints[0].sent, 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let pace = pace(Rates { in_flight: 1, ..wide() });
    let _kept = pace.one(ISSUE).await.unwrap();
    let began = Instant::now();
    assert_eq!(refused(pace.one(ISSUE).await), Some((5, Scope::Issue)));
    assert_eq!(began.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn the_numbers_add_up() {
    let pace = pace(wide());
    let permits = [pace.one(ISSUE).await.unwrap(), pace.one(LINKS).await.unwrap()];
    pace.throttle(ISSUE, Scope::Endpoint, Some(20)).await;
    pace.throttle(LINKS, Scope::Everything, Some(40)).await;
    assert!(pace.one(ISSUE).await.is_err());
    let state = pace.state();
    assert_eq!((state.paused, state.in_flight, state.held_back), (seconds(40), 2, 1));
    let endpoint = |name, paused| EndpointState {
        name,
        method: "GET".to_owned(),
        paused: seconds(paused),
        sent: 2,
        throttled: 1,
    };
    assert_eq!(state.endpoints, [endpoint("issue", 20), endpoint("remote_links", 0)]);
    drop(permits);
    assert_eq!(pace.state().in_flight, 0);
}

/// One request of a random crowd.
#[derive(Debug, Clone)]
struct Person {
    comes_ms: u64,
    takes_ms: u64,
    gives_up_ms: Option<u64>,
    kind: Kind,
    account: &'static str,
    priority: Priority,
    /// What its answer says.
    throttle: Option<(Scope, Option<u64>)>,
}

fn person() -> impl Strategy<Value = Person> {
    let priority = prop_oneof![
        Just(Priority::Webhook),
        Just(Priority::Person),
        Just(Priority::Sweep),
        Just(Priority::Backfill)
    ];
    let scope = prop_oneof![Just(Scope::Endpoint), Just(Scope::Everything)];
    let throttle = proptest::option::weighted(0.1, (scope, proptest::option::of(1..15_u64)));
    let kind = prop_oneof![Just(ISSUE), Just(LINKS)];
    let account = prop_oneof![Just("main"), Just("service")];
    let gives_up = proptest::option::weighted(0.2, 0..3000_u64);
    let times = (0..5000_u64, 0..2000_u64, gives_up);
    (times, kind, account, priority, throttle).prop_map(
        |(times, kind, account, priority, throttle)| {
            let (comes_ms, takes_ms, gives_up_ms) = times;
            Person { comes_ms, takes_ms, gives_up_ms, kind, account, priority, throttle }
        },
    )
}

/// When somebody was sent, and the pauses that were told.
#[derive(Default)]
struct Seen {
    sent: Vec<(Duration, Kind)>,
    pauses: Vec<(Duration, Duration, Option<Kind>)>,
}

async fn comes(pace: Pace, person: Person, seen: Arc<Mutex<Seen>>) {
    sleep(Duration::from_millis(person.comes_ms)).await;
    let ask = pace.ask(person.kind.clone(), person.account, person.priority);
    let patience = person.gives_up_ms.map_or(seconds(1000), Duration::from_millis);
    let Ok(answer) = tokio::time::timeout(patience, pace.admit(ask)).await else { return };
    let permit = match answer {
        Ok(permit) => permit,
        // Sent away by a pause; never because it was forgotten.
        Err(Error::Throttled { scope: Scope::Endpoint | Scope::Everything, .. }) => return,
        Err(other) => panic!("{other:?}"),
    };
    seen.lock().unwrap().sent.push((pace.now(), person.kind.clone()));
    assert!(pace.state().in_flight <= 4, "two accounts with two places each");
    sleep(Duration::from_millis(person.takes_ms)).await;
    match person.throttle {
        Some((scope, wait)) => {
            let (wait, now) = (wait.map(seconds), pace.now());
            permit.tell(&Err(Error::Throttled { wait, scope }));
            if let Some(wait) = wait {
                let of = (scope == Scope::Endpoint).then(|| person.kind.clone());
                seen.lock().unwrap().pauses.push((now, now + wait, of));
            }
        }
        None => permit.tell(&Ok(())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// In any crowd: nobody is forgotten, no bucket gives more than it holds, no request is sent
    /// inside a pause, and in the end nothing is left over.
    #[test]
    fn any_crowd_gets_through(crowd in proptest::collection::vec(person(), 1..40)) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let rates = Rates { longest_wait: seconds(1000), ..slow() };
            let (pace, seen) = (pace(rates), Arc::new(Mutex::new(Seen::default())));
            let tasks = crowd.into_iter().map(|person| comes(pace.clone(), person, Arc::clone(&seen)));
            for task in tasks.map(tokio::spawn).collect::<Vec<_>>() {
                task.await.unwrap();
            }
            let state = pace.state();
            assert_eq!((state.in_flight, state.waiting), (0, 0));
            let seen = seen.lock().unwrap();
            for kind in [ISSUE, LINKS] {
                let at: Vec<_> = seen.sent.iter().filter(|(_, of)| *of == kind).map(|(at, _)| *at).collect();
                for three in at.windows(3) {
                    assert!(three[2] - three[0] >= Duration::from_millis(99), "{at:?}");
                }
            }
            for (begins, ends, of) in &seen.pauses {
                for (at, kind) in &seen.sent {
                    let concerned = of.as_ref().is_none_or(|of| of == kind);
                    assert!(!concerned || at <= begins || at >= ends, "{kind:?} at {at:?}");
                }
            }
        });
    }
}
