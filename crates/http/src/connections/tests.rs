use std::net::{IpAddr, Ipv4Addr};

use prometheus_client::registry::Registry;

use super::*;
use crate::metrics::Metrics;

const STRANGER: Owner = Owner::Client(Standing::Stranger);
const PROVEN: Owner = Owner::Client(Standing::Proven);

fn client(number: u8) -> ClientNetwork {
    IpAddr::from(Ipv4Addr::new(10, 0, 0, number)).into()
}

/// Returns a pool of `connections` that reserves a quarter of them.
fn pool(connections: usize, per_client: usize) -> Arc<Connections> {
    let limits = Limits { connections, connections_per_client: per_client, ..Limits::default() };
    Connections::new(limits, Metrics::new(&mut Registry::default()).of("test"))
}

fn is_leaving(connection: &Connection) -> bool {
    connection.pool.lock().entries[&connection.number].leaving
}

/// The table's counts are those of its entries.
fn check_counts(pool: &Connections) {
    let table = pool.lock();
    let staying: Vec<_> = table.entries.values().filter(|entry| !entry.leaving).collect();
    assert_eq!(table.open, staying.len());
    let strangers = staying.iter().filter(|entry| entry.owner == STRANGER).count();
    assert_eq!(table.strangers, strangers);
    for (client, count) in &table.clients {
        let own = staying
            .iter()
            .filter(|entry| entry.client == *client && entry.owner != Owner::TrustedProxy);
        assert_eq!(*count, own.count(), "{client:?}");
        assert!(*count > 0);
    }
}

#[test]
fn a_full_pool_closes_the_oldest_idle_connection_of_who_has_the_most() {
    let pool = pool(8, 100);
    let many: Vec<_> = (0..4).map(|_| pool.admit(client(1), STRANGER).unwrap()).collect();
    let few: Vec<_> = (0..2).map(|_| pool.admit(client(2), STRANGER).unwrap()).collect();
    let newcomer = pool.admit(client(3), STRANGER).unwrap();
    let leaving: Vec<_> = many.iter().chain(&few).map(is_leaving).collect();
    assert_eq!(leaving, [true, false, false, false, false, false]);
    assert!(!is_leaving(&newcomer));
    check_counts(&pool);
}

#[test]
fn idle_goes_before_answered_before_mid_header_and_a_request_stays() {
    let pool = pool(8, 100);
    let all: Vec<_> = (1..=6).map(|number| pool.admit(client(number), STRANGER).unwrap()).collect();
    let activities = [
        Activity::Request,
        Activity::Header,
        Activity::Closing,
        Activity::Idle,
        Activity::Request,
        Activity::Request,
    ];
    for (connection, activity) in all.iter().zip(activities) {
        connection.does(activity);
    }
    let mut newcomers = Vec::new();
    for expected in [3, 2, 1] {
        let newcomer = pool.admit(client(9), STRANGER).unwrap();
        newcomer.does(Activity::Request);
        newcomers.push(newcomer);
        assert!(is_leaving(&all[expected]), "{expected}");
        check_counts(&pool);
    }
    assert_eq!(pool.admit(client(9), STRANGER).unwrap_err(), RefusalReason::Full);
    assert!(![0, 4, 5].iter().any(|at| is_leaving(&all[*at])));
}

#[test]
fn a_quarter_is_reserved_for_the_proven_and_for_proxies() {
    let pool = pool(8, 100);
    let busy = |owner: Owner, number: u8| {
        let connection = pool.admit(client(number), owner)?;
        connection.does(Activity::Request);
        Ok::<_, RefusalReason>(connection)
    };
    let mut held: Vec<_> = (0..6).map(|_| busy(STRANGER, 1).unwrap()).collect();
    assert_eq!(busy(STRANGER, 2).unwrap_err(), RefusalReason::Full);
    held.push(busy(PROVEN, 3).unwrap());
    held.push(busy(Owner::TrustedProxy, 4).unwrap());
    assert_eq!(busy(PROVEN, 3).unwrap_err(), RefusalReason::Full);
    // Who is proven is not closed for a stranger, but for another who is.
    held[6].does(Activity::Idle);
    assert_eq!(busy(STRANGER, 2).unwrap_err(), RefusalReason::Full);
    held.push(busy(Owner::TrustedProxy, 4).unwrap());
    assert!(is_leaving(&held[6]));
    check_counts(&pool);
}

#[test]
fn a_client_that_has_enough_closes_its_own() {
    let pool = pool(100, 2);
    let first = pool.admit(client(1), STRANGER).unwrap();
    let second = pool.admit(client(1), STRANGER).unwrap();
    let other = pool.admit(client(2), STRANGER).unwrap();
    let third = pool.admit(client(1), STRANGER).unwrap();
    assert!(is_leaving(&first) && !is_leaving(&second) && !is_leaving(&other));
    second.does(Activity::Request);
    third.does(Activity::Request);
    assert_eq!(pool.admit(client(1), STRANGER).unwrap_err(), RefusalReason::Client);
    // Neither limit is a proxy's or a proven client's.
    let proxied: Vec<_> =
        (0..5).map(|_| pool.admit(client(3), Owner::TrustedProxy).unwrap()).collect();
    third.proved();
    let proven: Vec<_> = (0..5).map(|_| pool.admit(client(1), PROVEN).unwrap()).collect();
    check_counts(&pool);
    drop((first, second, third, other, proxied, proven));
    check_counts(&pool);
    assert!(pool.lock().entries.is_empty() && pool.lock().clients.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_has_its_share_of_a_full_pool_gets_more_at_a_bounded_rate_only() {
    tokio::time::advance(std::time::Duration::from_secs(10)).await;
    let pool = pool(40, 100);
    let mut open: Vec<_> = (0..30).map(|_| pool.admit(client(1), STRANGER).unwrap()).collect();
    let churn = usize::try_from(CHURN_PER_SECOND).unwrap();
    for _ in 0..churn {
        open.push(pool.admit(client(1), STRANGER).unwrap());
        open.retain(|connection| !is_leaving(connection));
    }
    assert_eq!(pool.admit(client(1), STRANGER).unwrap_err(), RefusalReason::Full);
    // Who has few is let in all the same, and so is who has proved itself.
    for _ in 0..FAIR_SHARE {
        open.push(pool.admit(client(2), STRANGER).unwrap());
    }
    assert_eq!(pool.admit(client(2), STRANGER).unwrap_err(), RefusalReason::Full);
    for _ in 0..40 {
        open.push(pool.admit(client(3), PROVEN).unwrap());
    }
    check_counts(&pool);
}

#[tokio::test]
async fn a_request_on_a_connection_that_was_told_to_close_is_served() {
    let pool = pool(1, 100);
    let old = pool.admit(client(1), PROVEN).unwrap();
    old.does(Activity::Idle);
    let _newcomer = pool.admit(client(2), PROVEN).unwrap();
    old.does(Activity::Request);
    assert!(!is_leaving(&old));
    let told = tokio::time::timeout(std::time::Duration::from_millis(20), old.told_to_close());
    assert!(told.await.is_err(), "the request is in flight");
    old.does(Activity::Idle);
    let _another = pool.admit(client(3), PROVEN).unwrap();
    assert_eq!(pool.shed(2), 2);
    old.told_to_close().await;
    check_counts(&pool);
}

#[test]
fn a_shortage_closes_what_it_can() {
    let pool = pool(8, 100);
    let all: Vec<_> = (1..=3).map(|number| pool.admit(client(number), STRANGER).unwrap()).collect();
    all[0].does(Activity::Request);
    assert_eq!((pool.shed(16), pool.shed(16)), (2, 0));
    assert_eq!(all.iter().map(is_leaving).collect::<Vec<_>>(), [false, true, true]);
    check_counts(&pool);
}

/// Any order of events leaves the counts right and the pool within its bounds.
#[test]
fn any_history_keeps_the_counts_and_the_bounds() {
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let pool = pool(16, 4);
    let mut open: Vec<Connection> = Vec::new();
    for _ in 0..20_000 {
        let at = usize::try_from(random(open.len().max(1) as u64)).unwrap();
        match random(4) {
            0 | 1 => {
                let owner = [STRANGER, STRANGER, PROVEN, Owner::TrustedProxy]
                    [usize::try_from(random(4)).unwrap()];
                let number = u8::try_from(random(6)).unwrap();
                open.extend(pool.admit(client(number), owner));
            }
            2 => {
                let activity = ACTIVITIES[usize::try_from(random(5)).unwrap()];
                // A request on one that was told to close would exceed the bound for its time.
                if let Some(connection) = open.get(at).filter(|found| !is_leaving(found)) {
                    connection.does(activity);
                    if random(8) == 0 {
                        connection.proved();
                    }
                }
            }
            _ => {
                if at < open.len() {
                    open.swap_remove(at);
                }
                // Connections that are closing do.
                open.retain(|connection| !is_leaving(connection));
            }
        }
        check_counts(&pool);
        let queued: usize = {
            let table = pool.lock();
            table.entries.values().filter(|entry| !entry.leaving && queue(entry).is_some()).count()
        };
        assert_eq!(pool.lock().queues.iter().map(EvictionQueue::len).sum::<usize>(), queued);
        assert!(pool.lock().open <= 16, "{}", pool.lock().open);
    }
}
