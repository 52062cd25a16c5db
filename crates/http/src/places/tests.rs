use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use Standing::{Proven, Stranger};

use super::*;

const LIMITS: PlaceLimits = PlaceLimits {
    requests: 8,
    bytes: 800,
    requests_per_client: 3,
    bytes_per_client: 300,
    reserved_percent: 25,
};

fn client(number: u8) -> ClientNetwork {
    IpAddr::from(Ipv4Addr::new(10, 0, 0, number)).into()
}

async fn is_revoked(place: &Place) -> bool {
    tokio::time::timeout(Duration::ZERO, place.revoked()).await.is_ok()
}

/// The sums are those of the places.
fn check_sums(places: &Places) {
    let holders = places.lock();
    let sum = |which: &dyn Fn(&Holder) -> bool| {
        let found: Vec<_> = holders.places.values().filter(|holder| which(holder)).collect();
        (found.len(), found.iter().map(|holder| holder.bytes).sum::<usize>())
    };
    let pair = |usage: &Usage| (usage.requests, usage.bytes);
    assert_eq!(pair(&holders.all), sum(&|_| true));
    assert_eq!(pair(&holders.strangers), sum(&|holder| holder.standing == Stranger));
    for (client, usage) in &holders.clients {
        assert_eq!(pair(usage), sum(&|holder| holder.client == *client));
        assert!(usage.requests > 0);
    }
    assert!(holders.all.requests <= LIMITS.requests && holders.all.bytes <= LIMITS.bytes);
    assert!(holders.strangers.requests <= 6 && holders.strangers.bytes <= 600);
}

#[tokio::test]
async fn a_client_with_enough_gives_up_its_own_oldest() {
    let places = Places::new(LIMITS);
    let other = places.take_for(client(2), Stranger).unwrap();
    let own: Vec<_> = (0..3).map(|_| places.take_for(client(1), Stranger).unwrap()).collect();
    own[0].keep().unwrap();
    let fourth = places.take_for(client(1), Stranger).unwrap();
    assert!(!is_revoked(&own[0]).await && is_revoked(&own[1]).await && !is_revoked(&other).await);
    assert_eq!(own[1].keep(), Err(Full));
    assert_eq!(own[1].grow(1), Err(Full));
    for place in [&own[2], &fourth] {
        place.keep().unwrap();
    }
    assert_eq!(places.take_for(client(1), Stranger).unwrap_err(), Full);
    check_sums(&places);
}

#[tokio::test]
async fn strangers_leave_the_reserve_alone_and_give_way_to_the_proven() {
    let places = Places::new(LIMITS);
    let strangers: Vec<_> =
        (1..=6).map(|number| places.take_for(client(number), Stranger).unwrap()).collect();
    // The seventh stranger takes the place of the first.
    let seventh = places.take_for(client(7), Stranger).unwrap();
    assert!(is_revoked(&strangers[0]).await);
    let proven: Vec<_> = (0..2).map(|_| places.take_for(client(9), Proven).unwrap()).collect();
    assert!(!is_revoked(&strangers[1]).await, "two places were reserved");
    let third = places.take_for(client(9), Proven).unwrap();
    assert!(is_revoked(&strangers[1]).await);
    // A stranger takes nothing from the proven.
    for place in strangers[2..].iter().chain([&seventh]) {
        place.keep().unwrap();
    }
    let eighth = places.take_for(client(8), Stranger);
    assert_eq!(eighth.unwrap_err(), Full);
    // When all are proven, the oldest whose body still comes gives way.
    proven[0].keep().unwrap();
    let _fourth = places.take_for(client(9), Proven).unwrap();
    assert!(is_revoked(&proven[1]).await && !is_revoked(&third).await);
    check_sums(&places);
}

#[tokio::test]
async fn bytes_are_bounded_like_requests() {
    let places = Places::new(LIMITS);
    let first = places.take_for(client(1), Stranger).unwrap();
    first.grow(300).unwrap();
    assert_eq!(first.grow(1), Err(Full), "nobody else of this client holds bytes");
    let second = places.take_for(client(2), Stranger).unwrap();
    second.grow(250).unwrap();
    let empty = places.take_for(client(3), Stranger).unwrap();
    let third = places.take_for(client(3), Stranger).unwrap();
    third.grow(100).unwrap();
    assert!(is_revoked(&first).await && !is_revoked(&empty).await);
    let proven = places.take_for(client(9), Proven).unwrap();
    proven.grow(450).unwrap();
    assert!(!is_revoked(&second).await);
    proven.grow(300).unwrap();
    assert!(is_revoked(&second).await && is_revoked(&third).await && !is_revoked(&empty).await);
    assert_eq!(proven.grow(51), Err(Full), "more than there is");
    check_sums(&places);
    drop((first, second, third, empty, proven));
    check_sums(&places);
    assert!(places.lock().clients.is_empty());
}
