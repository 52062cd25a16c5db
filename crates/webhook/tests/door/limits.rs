//! How much, how long, how many. Short limits are set, and the tests wait for the door to act.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use webhook::{Debug, Limits};

use crate::talk::Talk;
use crate::{ISSUE, SECRET, answer, open, open_for, open_with, refused, sign, soon};

const SHORT: Duration = Duration::from_millis(200);

/// A valid body of this many bytes.
fn padded(bytes: usize) -> Vec<u8> {
    let mut body = ISSUE.as_bytes().to_vec();
    body.resize(bytes, b' ');
    body
}

#[tokio::test]
async fn a_body_of_the_full_size_is_taken_and_one_byte_more_is_not() {
    let door = open().await;
    let most = Limits::default().body_bytes;
    assert_eq!(most, 25 * 1024 * 1024);
    assert_eq!(answer(door.signed(padded(most))).await.0, 200);
    assert_eq!(answer(door.signed(padded(most + 1))).await, (413, refused("too_large")));
    assert_eq!(answer(door.signed(padded(26_000_000 + 1_000_000))).await.0, 413);
    assert_eq!(door.recorded().await, 1);
}

#[tokio::test]
async fn a_size_that_is_only_announced_is_refused_before_it_comes() {
    let door = open().await;
    for length in ["26214401", "99999999999999999"] {
        let mut talk = Talk::to(&door).await;
        talk.say(format!(
            "POST /webhooks/jira HTTP/1.1\r\nHost: d\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
        let told = talk.hear().await;
        assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
        assert!(told.contains("connection: close"), "{told}");
    }
}

#[tokio::test]
async fn a_sender_who_reads_only_after_sending_hears_the_answer() {
    // More than the kernel buffers: without the door's patience this breaks off in the middle.
    let door = open().await;
    let mut talk = Talk::to(&door).await;
    let body = vec![b' '; Limits::default().body_bytes + 1];
    let length = body.len();
    talk.say(format!(
        "POST /webhooks/jira HTTP/1.1\r\nHost: d\r\nContent-Length: {length}\r\n\r\n"
    ))
    .await;
    talk.say(body).await;
    assert!(talk.rest().await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_chunked_body_is_counted_while_it_comes() {
    let door = open().await;
    let talk = Talk::to(&door).await;
    let (mut ear, mut mouth) = talk.0.into_split();
    let talking = tokio::spawn(async move {
        let header = "POST /webhooks/jira HTTP/1.1\r\nHost: d\r\nX-Hub-Signature: sha256=?\r\n\
                      Transfer-Encoding: chunked\r\n\r\n";
        mouth.write_all(header.as_bytes()).await?;
        let chunk = [b"100000\r\n", &vec![b' '; 1 << 20][..], b"\r\n"].concat();
        for _ in 0..26 {
            mouth.write_all(&chunk).await?;
        }
        mouth.write_all(b"0\r\n\r\n").await
    });
    let mut told = Vec::new();
    soon(ear.read_to_end(&mut told)).await.unwrap();
    assert!(told.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&told));
    soon(talking).await.unwrap().unwrap();
    assert_eq!(door.recorded().await, 0);
}

#[tokio::test]
async fn a_chunked_body_within_the_limit_is_taken() {
    let door = open().await;
    let mut talk = Talk::to(&door).await;
    let signature = sign(SECRET, ISSUE.as_bytes());
    talk.say(format!(
        "POST /webhooks/jira HTTP/1.1\r\nHost: d\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
         X-Hub-Signature: {signature}\r\n\r\n"
    ))
    .await;
    for byte in ISSUE.chars() {
        talk.say(format!("1\r\n{byte}\r\n")).await;
    }
    talk.say("0\r\nTrailer: 1\r\n\r\n").await;
    assert!(talk.rest().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_timed_out() {
    let limits = Limits { body_wait: SHORT, ..Limits::default() };
    let door = open_with(limits, Debug::Off).await;
    let mut talk = Talk::to(&door).await;
    talk.announce(ISSUE).await;
    talk.say(ISSUE.get(..10).unwrap()).await;
    let told = talk.rest().await;
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    assert!(told.ends_with(r#"{"status":"error","reason":"timeout"}"#), "{told}");
    assert!(door.metrics().contains(r#"requests_total{outcome="timeout"} 1"#));
}

#[tokio::test]
async fn a_body_that_drips_is_timed_out_as_a_whole() {
    let limits = Limits { body_wait: SHORT, ..Limits::default() };
    let door = open_with(limits, Debug::Off).await;
    let mut talk = Talk::to(&door).await;
    talk.announce(&"x".repeat(10_000)).await;
    let (mut ear, mut mouth) = talk.0.into_split();
    // Each byte comes well within the limit.
    let dripping = tokio::spawn(async move {
        let mut drips = tokio::time::interval(SHORT / 20);
        while mouth.write_all(b"x").await.is_ok() {
            drips.tick().await;
        }
    });
    let mut told = [0; 13];
    soon(ear.read_exact(&mut told)).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 408 ");
    dripping.abort();
}

#[tokio::test]
async fn a_header_that_does_not_come_ends_the_connection() {
    let limits = http::Limits { header_wait: SHORT, first_byte_wait: SHORT, ..Default::default() };
    let door = open_for(limits).await;
    for start in ["", "POST /webhooks/jira HTTP/1.1\r\nHost: d\r\n"] {
        let mut talk = Talk::to(&door).await;
        talk.say(start).await;
        assert_eq!(talk.rest().await, "", "after {start:?}");
    }
    // One that drips, too.
    let (mut ear, mut mouth) = Talk::to(&door).await.0.into_split();
    let dripping = tokio::spawn(async move {
        let mut drips = tokio::time::interval(SHORT / 20);
        mouth.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        while mouth.write_all(b"x").await.is_ok() {
            drips.tick().await;
        }
    });
    // A reset is an end as well.
    let mut told = [0; 1];
    assert!(matches!(soon(ear.read(&mut told)).await, Ok(0) | Err(_)));
    dripping.abort();
}

#[tokio::test]
async fn a_header_without_end_is_refused() {
    let door = open().await;
    let mut talk = Talk::to(&door).await;
    talk.say("POST /webhooks/jira HTTP/1.1\r\nX: ").await;
    talk.say("x".repeat(70_000)).await;
    let told = talk.hear().await;
    assert!(told.starts_with("HTTP/1.1 431 "), "{told}");
}

#[tokio::test]
async fn the_oldest_request_whose_body_still_comes_gives_way() {
    let door = open_with(Limits { in_flight: 1, ..Limits::default() }, Debug::Off).await;
    let mut talk = Talk::to(&door).await;
    talk.announce(ISSUE).await;
    assert_eq!(answer(door.client.get(door.url("/webhooks/jira/health"))).await.0, 200);
    assert_eq!(answer(door.signed(ISSUE)).await.0, 200);
    let told = talk.rest().await;
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    assert!(told.contains("retry-after: "), "{told}");
    assert!(told.ends_with(r#"{"status":"error","reason":"busy"}"#), "{told}");

    // A sender who hangs up gives the place back, too.
    let mut talk = Talk::to(&door).await;
    talk.announce(ISSUE).await;
    drop(talk);
    assert_eq!(answer(door.signed(ISSUE)).await.0, 200);
    assert_eq!(door.recorded().await, 2);
}

#[tokio::test]
async fn one_request_too_many_is_told_to_come_again() {
    // Not even one place is for those whose deliveries were not signed yet.
    let limits = Limits { in_flight: 1, reserved_percent: 100, ..Limits::default() };
    let door = open_with(limits, Debug::Off).await;
    assert_eq!(answer(door.signed(ISSUE)).await, (503, refused("busy")));
    assert_eq!(door.recorded().await, 0);
}

#[tokio::test]
async fn a_body_without_a_signature_is_refused_before_it_comes() {
    let door = open().await;
    for framing in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let mut talk = Talk::to(&door).await;
        talk.say(format!("POST /webhooks/jira HTTP/1.1\r\nHost: d\r\n{framing}\r\n\r\n")).await;
        // The answer and the end come although the body never does.
        let told = talk.rest().await;
        assert!(told.starts_with("HTTP/1.1 401 "), "{told}");
        assert!(told.contains("connection: close"), "{told}");
        assert!(told.ends_with(r#"{"status":"error","reason":"unsigned"}"#), "{told}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_slow_ends_before_its_time() {
    let body_rate = http::MinimumRate { grace: SHORT, bytes_per_second: 1_000_000 };
    let door = open_with(Limits { body_rate, ..Limits::default() }, Debug::Off).await;
    let mut talk = Talk::to(&door).await;
    talk.announce(ISSUE).await;
    talk.say(ISSUE.get(..10).unwrap()).await;
    let told = talk.rest().await;
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    assert!(door.metrics().contains(r#"requests_total{outcome="timeout"} 1"#));
}

#[tokio::test]
async fn slow_forgers_do_not_keep_a_stranger_out_nor_who_has_proved_itself() {
    let limits = Limits { in_flight: 8, in_flight_per_client: 100, ..Limits::default() };
    let door = open_with(limits, Debug::Off).await;
    for _ in 0..3 {
        let mut forgers = Vec::new();
        for _ in 0..8 {
            let mut talk = Talk::to(&door).await;
            talk.announce(ISSUE).await;
            forgers.push(talk);
        }
        // At first the sender is a stranger like them; then it has the reserve.
        assert_eq!(answer(door.signed(ISSUE)).await.0, 200);
    }
    assert_eq!(door.recorded().await, 3);
}

#[tokio::test]
async fn bodies_share_a_bounded_buffer() {
    let limits =
        Limits { body_bytes: 2_000, buffer_bytes: 1_000, reserved_percent: 0, ..Limits::default() };
    let door = open_with(limits, Debug::Off).await;
    for _ in 0..3 {
        assert_eq!(answer(door.signed(padded(1_001))).await, (503, refused("busy")));
        assert_eq!(answer(door.signed(padded(1_000))).await.0, 200, "the buffer is free again");
    }
    // It is the sum that counts, not the piece.
    let mut talk = Talk::to(&door).await;
    talk.say(
        "POST /webhooks/jira HTTP/1.1\r\nHost: d\r\nX-Hub-Signature: sha256=?\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
    )
    .await;
    talk.say(format!("1f4\r\n{0:500}\r\n1f4\r\n{0:500}\r\n1\r\n \r\n0\r\n\r\n", "")).await;
    assert!(talk.rest().await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn a_full_pool_closes_the_oldest_idle_connection() {
    let first_byte_wait = Duration::from_secs(600);
    let limits =
        http::Limits { connections: 4, reserved_percent: 0, first_byte_wait, ..Default::default() };
    let door = open_for(limits).await;
    let mut busy = Talk::to(&door).await;
    busy.announce(ISSUE).await;
    let mut idle = [Talk::to(&door).await, Talk::to(&door).await, Talk::to(&door).await];
    let mut newcomers = Vec::new();
    for closed in &mut idle {
        newcomers.push(Talk::to(&door).await);
        assert_eq!(closed.rest().await, "");
    }
    busy.say(ISSUE).await;
    let told = busy.hear().await;
    assert!(told.starts_with("HTTP/1.1 200 "), "a request in flight is not cut: {told}");
    let evicted = r#"jiralake_http_evictions_total{listener="door",reason="full"} 3"#;
    assert!(door.metrics().contains(evicted), "{}", door.metrics());
}

#[tokio::test]
async fn a_pool_of_requests_in_flight_refuses_and_counts() {
    let limits = http::Limits { connections: 1, reserved_percent: 0, ..Default::default() };
    let door = open_for(limits).await;
    let mut first = Talk::to(&door).await;
    first.announce(ISSUE).await;
    let mut second = Talk::to(&door).await;
    assert_eq!(second.rest().await, "");
    let refused = r#"jiralake_http_refusals_total{listener="door",reason="full"} 1"#;
    assert!(door.metrics().contains(refused), "{}", door.metrics());
    first.say(ISSUE).await;
    assert!(first.hear().await.starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_large_body_is_checked_aside_and_holds_up_nobody() {
    // One thread for the door, and one aside, which is kept busy: whoever is answered now was
    // checked in place.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().max_blocking_threads(1).build().unwrap().block_on(async {
        let door = open().await;
        let (free, freed) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || freed.recv());
        let mut large =
            Box::pin(answer(door.unsigned(padded(1 << 20)).header("X-Hub-Signature", "?")));
        assert!(tokio::time::timeout(SHORT, &mut large).await.is_err());
        // The largest that is still checked in place, too.
        for body in [ISSUE.as_bytes().to_vec(), padded(256 * 1024)] {
            assert_eq!(answer(door.unsigned(body).header("X-Hub-Signature", "?")).await.0, 401);
        }
        free.send(()).unwrap();
        assert_eq!(soon(large).await, (401, refused("wrong_signature")));
        busy.await.unwrap().unwrap();
    });
}
