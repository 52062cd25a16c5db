//! Bodies: unreadable, cut, endless, late and too large ones are errors, and never an empty answer.

use std::convert::Infallible;
use std::io::Write;
use std::time::{Duration, Instant};

use axum::body::Body;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{JSON, Stub, client, response, short};
use crate::client::{Answer, Client, Error, Fields, History, IssueQuery, Limits, Outage};
use crate::id::{IssueId, Subject};

const ISSUE: &str = r#"{"id":"7","key":"A-1","fields":{}}"#;

async fn ask(client: &Client) -> Result<Answer, Error> {
    let query = IssueQuery { fields: Fields::All, history: History::Leave };
    client.issue(&Subject::Id(IssueId::new(7).unwrap()), query).await
}

/// A server that reads a request, writes these bytes, and then closes the connection or keeps it.
async fn raw(bytes: &'static [u8], keep: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                stream.write_all(bytes).await.unwrap();
                stream.flush().await.unwrap();
                tokio::time::sleep(keep).await;
            });
        }
    });
    origin
}

async fn outage(bytes: &'static [u8], keep: Duration) -> Outage {
    let origin = raw(bytes, keep).await;
    match ask(&client(&origin, short())).await {
        Err(Error::Unreachable { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_not_json_is_malformed() {
    let check = async |headers: &[(&'static str, &'static str)], body: &str| {
        let stub = Stub::always(200, headers, body).await;
        let answer = ask(&stub.client()).await;
        assert!(matches!(answer, Err(Error::Malformed { .. })), "{headers:?} {body}: {answer:?}");
    };
    check(&[("content-type", "text/html")], ISSUE).await;
    check(&[("content-type", "application/jsonx")], ISSUE).await;
    check(&[], ISSUE).await;
    check(&[JSON], "").await;
    check(&[JSON], "<html>").await;
    check(&[JSON], r#"{"id":"7","#).await;
    check(&[JSON], r#"{"id":"7"} {"id":"8"}"#).await;
    check(&[JSON], "[]").await;
    check(&[JSON], "null").await;
    check(&[JSON], &"[".repeat(100_000)).await;
}

#[tokio::test]
async fn json_comes_under_several_content_types() {
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/hal+json"] {
        let stub = Stub::always(200, &[("content-type", kind)], ISSUE).await;
        assert!(ask(&stub.client()).await.is_ok(), "{kind}");
    }
}

#[tokio::test]
async fn a_cut_answer_is_an_outage() {
    let none = Duration::ZERO;
    for cut in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-ty",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"id\":\"7\"}",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nA\r\n{\"id\":\"7\"}\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00",
    ] {
        assert_eq!(outage(cut, none).await, Outage::Cut, "{}", String::from_utf8_lossy(cut));
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_an_outage() {
    let long = Duration::from_secs(20);
    let began = Instant::now();
    assert_eq!(outage(b"", long).await, Outage::TimedOut);
    let half = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    assert_eq!(outage(half, long).await, Outage::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_closed_port_is_an_outage() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = ask(&client(&origin, short())).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { what: Outage::Connect, .. }), "{error:?}");
}

fn bounded(body_bytes: usize) -> Limits {
    Limits { body_bytes, ..Limits::default() }
}

#[tokio::test]
async fn the_bound_is_exact() {
    let stub = Stub::always(200, &[JSON], ISSUE).await;
    assert!(ask(&client(&stub.origin, bounded(ISSUE.len()))).await.is_ok());
    let answer = ask(&client(&stub.origin, bounded(ISSUE.len() - 1))).await;
    assert!(matches!(answer, Err(Error::TooLarge { limit_bytes: 33 })), "{answer:?}");
}

#[tokio::test]
async fn a_body_without_a_length_is_counted_as_it_comes() {
    let stub = Stub::start(|_| {
        let endless = futures::stream::repeat_with(|| Ok::<_, Infallible>(vec![b' '; 1 << 16]));
        response(200, &[JSON], Body::from_stream(endless))
    })
    .await;
    let began = Instant::now();
    let answer = ask(&client(&stub.origin, bounded(1 << 20))).await;
    assert!(matches!(answer, Err(Error::TooLarge { .. })), "{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn the_bound_counts_what_comes_out_of_the_compression() {
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let zipped = [JSON, ("content-encoding", "gzip")];
    let (small, bomb) = (gzip(ISSUE.as_bytes()), gzip(&vec![b' '; 32 << 20]));
    assert!(bomb.len() < 100_000);
    let stub = Stub::start(move |_| response(200, &zipped, small.clone())).await;
    assert_eq!(ask(&stub.client()).await.unwrap().json["key"], "A-1");
    assert!(stub.last().header("accept-encoding").unwrap().contains("gzip"));
    let stub = Stub::start(move |_| response(200, &zipped, bomb.clone())).await;
    let answer = ask(&client(&stub.origin, bounded(1 << 20))).await;
    assert!(matches!(answer, Err(Error::TooLarge { .. })), "{answer:?}");
}
