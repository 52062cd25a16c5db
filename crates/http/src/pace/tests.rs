use std::net::{IpAddr, Ipv4Addr};

use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{advance, sleep};

use super::*;
use crate::connections::{Connections, Owner};
use crate::metrics::Metrics;
use crate::proven::Standing;

const SECOND: Duration = Duration::from_secs(1);

const LIMITS: fn() -> Limits = || Limits {
    first_byte_wait: SECOND * 5,
    header_wait: SECOND * 10,
    header_rate: MinimumRate { grace: SECOND * 3, bytes_per_second: 100 },
    write_wait: SECOND * 4,
    ..Limits::default()
};

/// A peer, its paced stream, and the connection that both belong to.
fn open() -> (DuplexStream, PacedStream<DuplexStream>, Arc<Connection>) {
    let metrics = Metrics::new(&mut Registry::default()).of("test");
    let client = IpAddr::from(Ipv4Addr::LOCALHOST).into();
    let pool = Connections::new(LIMITS(), metrics.clone());
    let connection = pool.admit(client, Owner::Client(Standing::Stranger)).unwrap();
    let connection = Arc::new(connection);
    let (peer, own) = duplex(1024);
    (peer, PacedStream::new(own, Arc::clone(&connection), LIMITS(), metrics), connection)
}

/// Reads until the stream fails; the time it took.
async fn until_failure(stream: &mut PacedStream<DuplexStream>) -> Duration {
    let began = Instant::now();
    let mut bytes = [0; 64];
    loop {
        match stream.read(&mut bytes).await {
            Ok(read) => assert!(read > 0, "the peer hung up"),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                return began.elapsed();
            }
        }
    }
}

/// Sends `bytes` one by one, in equal steps.
fn drip(mut peer: DuplexStream, bytes: usize, step: Duration) {
    tokio::spawn(async move {
        for _ in 0..bytes {
            if peer.write_all(b"x").await.is_err() {
                return;
            }
            sleep(step).await;
        }
        std::future::pending::<()>().await;
    });
}

fn check(found: Duration, expected: Duration) {
    // Timers of tokio are exact to a millisecond.
    let off = found.abs_diff(expected);
    assert!(off <= Duration::from_millis(5), "{found:?} instead of {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_first_byte_ends_early() {
    let (_peer, mut stream, _connection) = open();
    check(until_failure(&mut stream).await, SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn a_header_that_drips_ends_once_it_is_too_slow() {
    // 2 bytes a second: after 3 s and some there are 7, which give 70 ms more.
    let (peer, mut stream, connection) = open();
    drip(peer, 100, SECOND / 2);
    check(until_failure(&mut stream).await, SECOND * 3 + Duration::from_millis(70));
    assert_eq!(connection.activity(), Activity::Header);
}

#[tokio::test(start_paused = true)]
async fn a_header_that_comes_fast_enough_but_without_end_ends_in_the_end() {
    let (peer, mut stream, _connection) = open();
    drip(peer, 10_000, SECOND / 200);
    check(until_failure(&mut stream).await, SECOND * 10);
}

#[tokio::test(start_paused = true)]
async fn a_request_in_flight_has_its_own_limits_and_the_next_begins_anew() {
    let (mut peer, mut stream, connection) = open();
    peer.write_all(b"GET").await.unwrap();
    let mut bytes = [0; 64];
    assert_eq!(stream.read(&mut bytes).await.unwrap(), 3);
    connection.does(Activity::Request);
    let silent = tokio::time::timeout(SECOND * 3600, stream.read(&mut bytes)).await;
    assert!(silent.is_err(), "a request in flight is not timed here");
    connection.does(Activity::Idle);
    check(until_failure(&mut stream).await, SECOND * 10);
}

#[tokio::test(start_paused = true)]
async fn the_time_between_requests_does_not_count_as_the_next_headers() {
    let (mut peer, mut stream, connection) = open();
    connection.does(Activity::Idle);
    let mut bytes = [0; 64];
    let idle = tokio::time::timeout(SECOND * 9, stream.read(&mut bytes)).await;
    assert!(idle.is_err());
    peer.write_all(b"GET").await.unwrap();
    check(until_failure(&mut stream).await, SECOND * 3 + Duration::from_millis(30));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_given_up() {
    let (mut peer, mut stream, _connection) = open();
    let answer = vec![b'x'; 5_000];
    let began = Instant::now();
    let reading = tokio::spawn(async move {
        // It takes a little, so the time starts again.
        sleep(SECOND * 3).await;
        let mut some = [0; 1024];
        peer.read_exact(&mut some).await.unwrap();
        peer
    });
    let error = stream.write_all(&answer).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    check(began.elapsed(), SECOND * 7);
    drop(reading.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_rate_gives_each_byte_its_time_after_a_grace() {
    let rate = MinimumRate { grace: SECOND, bytes_per_second: 1000 };
    assert_eq!(rate.time_for(0), SECOND);
    assert_eq!(rate.time_for(500), SECOND + SECOND / 2);
    assert!(rate.time_for(usize::MAX) > SECOND * 1_000_000);
    let none = MinimumRate { grace: SECOND, bytes_per_second: 0 };
    assert_eq!(none.time_for(2), SECOND * 3);
    advance(SECOND).await;
}
