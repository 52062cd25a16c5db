//! How the listener ends: what is in hand is answered, within a bound.

use std::time::Duration;

use http::TrustedProxies;
use tokio::net::TcpStream;
use webhook::{Debug, Limits};

use crate::talk::Talk;
use crate::{ISSUE, Open, answer, open_within, soon};

/// A door with limits that end nothing within the time of a test, but for the end itself.
async fn open(stop_wait: Duration) -> Open {
    let long = Duration::from_secs(600);
    let limits = Limits { body_wait: long, ..Limits::default() };
    let connections = http::Limits {
        stop_wait,
        header_wait: long,
        first_byte_wait: long,
        ..http::Limits::default()
    };
    open_within(limits, connections, Debug::Off, TrustedProxies::default()).await
}

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn a_request_in_hand_is_answered_and_then_nobody_listens() {
    let mut door = open(LONG).await;
    let mut talk = Talk::to(&door).await;
    talk.announce(ISSUE).await;
    door.ask_to_stop();
    talk.say(ISSUE).await;
    let told = talk.rest().await;
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    drop(talk);
    soon(&mut door.listening).await.unwrap();
    assert_eq!(door.recorded().await, 1);
    assert!(TcpStream::connect(door.address).await.is_err());
}

#[tokio::test]
async fn idle_connections_do_not_delay_the_end() {
    let mut door = open(LONG).await;
    let mut silent = Talk::to(&door).await;
    // Connections are accepted in order: after this answer the silent one is being served.
    assert_eq!(answer(door.signed(ISSUE)).await.0, 200);
    door.ask_to_stop();
    assert_eq!(silent.rest().await, "");
    drop(silent);
    soon(&mut door.listening).await.unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut() {
    let stop_wait = Duration::from_millis(100);
    let mut door = open(stop_wait).await;
    let mut talk = Talk::to(&door).await;
    talk.announce(ISSUE).await;
    door.ask_to_stop();
    soon(&mut door.listening).await.unwrap();
    assert_eq!(talk.rest().await, "", "no answer is no acknowledgement");
    assert_eq!(door.recorded().await, 0);
}
