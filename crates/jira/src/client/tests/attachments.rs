//! Attachments: Jira says where the bytes are, and they are fetched from there without credentials.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;

use super::{JSON, Stub, TOKEN, account, response, short};
use crate::client::{Account, Client, Error, Limits, MediaHosts, Outage, Scope};
use crate::id::AttachmentId;

const ID: &str = "0b5c7a2e-1111-4222-8333-abcdefabcdef";
const SECRET: &str = "media-token";

fn attachment() -> AttachmentId {
    AttachmentId::new(56_340).unwrap()
}

/// A site that redirects to this address with this status, and its client.
async fn site(status: u16, location: String, hosts: &[&str], limits: Limits) -> (Stub, Client) {
    let stub =
        Stub::start(move |_| response(status, &[("location", location.as_str())], "moved")).await;
    let media = MediaHosts::new(hosts.iter().copied()).unwrap();
    let client = Client::new(Account { media, ..account(&stub.origin, limits) }).unwrap();
    (stub, client)
}

/// A media host with this answer, and a site that leads to it.
async fn media(
    limits: Limits,
    answer: impl Fn() -> Response + Send + Sync + 'static,
) -> (Stub, Client) {
    let media = Stub::start(move |_| answer()).await;
    let location = format!("{}/file/{ID}/binary?token={SECRET}&client=x", media.origin);
    let (_, client) = site(303, location, &[&media.origin], limits).await;
    (media, client)
}

/// The whole body.
async fn bytes(client: &Client, most_bytes: u64) -> Result<Vec<u8>, Error> {
    let place = client.attachment_place(attachment()).await?;
    let mut download = client.download(place, most_bytes).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = download.chunk().await? {
        assert!(chunk.len() < 1 << 20, "{}", chunk.len());
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[tokio::test]
async fn the_bytes_come_from_the_media_host_which_is_told_nothing() {
    let file: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let sent = file.clone();
    let (media, client) = media(Limits::default(), move || response(200, &[], sent.clone())).await;
    let place = client.attachment_place(attachment()).await.unwrap();
    assert_eq!(place.media_id().map(ToString::to_string).as_deref(), Some(ID));
    assert!(media.asked().is_empty());
    assert_eq!(bytes(&client, 3_000_000).await.unwrap(), file);
    let asked = media.last();
    assert_eq!(asked.target, format!("/file/{ID}/binary?token={SECRET}&client=x"));
    for name in ["authorization", "cookie", "referer", "accept-encoding"] {
        assert_eq!(asked.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn jira_is_asked_by_id_and_as_the_account() {
    for status in [302, 303, 307] {
        let hosts = ["https://api.media.atlassian.com"];
        let location = format!("{}/file/{ID}/binary", hosts[0]);
        let (site, client) = site(status, location, &hosts, Limits::default()).await;
        client.attachment_place(attachment()).await.unwrap();
        let asked = site.last();
        assert_eq!(asked.target, "/rest/api/3/attachment/content/56340");
        assert!(asked.header("authorization").is_some_and(|value| value.starts_with("Basic ")));
        assert_eq!(site.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_to_any_other_host_is_not_followed_and_not_shown() {
    let evil = Stub::always(200, &[], "evil").await;
    let evil_host = evil.origin.trim_start_matches("http://").to_owned();
    for location in [
        format!("{}/file/{ID}/binary?token={SECRET}", evil.origin),
        format!("https://api.media.atlassian.com@{evil_host}/file/{ID}/binary?token={SECRET}"),
        format!("http://{evil_host}#https://api.media.atlassian.com/{SECRET}"),
        format!("//{evil_host}/file/{ID}/binary?token={SECRET}"),
        format!("file:///etc/{SECRET}"),
    ] {
        let hosts = ["https://api.media.atlassian.com"];
        let (site, client) = site(303, location.clone(), &hosts, Limits::default()).await;
        let error = client.attachment_place(attachment()).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{location}: {error:?}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(SECRET) && !shown.contains("127.0.0.1"), "{shown}");
        assert_eq!(site.asked().len(), 1);
    }
    assert!(evil.asked().is_empty());
}

#[tokio::test]
async fn neither_places_nor_failures_show_the_address() {
    let (_media, client) = media(short(), || response(404, &[], SECRET)).await;
    let place = client.attachment_place(attachment()).await.unwrap();
    let shown = format!("{place:?}");
    assert!(shown.contains(ID) && !shown.contains(SECRET), "{shown}");
    let error = client.download(place, 9).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(SECRET));
    // Nobody listens there.
    let hosts = ["http://127.0.0.1:1"];
    let location = format!("{}/file/{ID}/binary?token={SECRET}", hosts[0]);
    let (_site, client) = site(303, location, &hosts, short()).await;
    let place = client.attachment_place(attachment()).await.unwrap();
    let error = client.download(place, 9).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { what: Outage::Connect, .. }), "{error:?}");
    let source = std::error::Error::source(&error).map(|source| format!("{source} {source:?}"));
    let shown = format!("{error} {error:?} {source:?}");
    assert!(!shown.contains(SECRET) && !shown.contains(TOKEN), "{shown}");
}

#[tokio::test]
async fn bytes_that_jira_sends_itself_are_the_attachment_too() {
    let site = Stub::always(200, &[("content-type", "image/png")], "png").await;
    let client = site.client();
    let place = client.attachment_place(attachment()).await.unwrap();
    assert_eq!(place.media_id(), None);
    let mut download = client.download(place, 3).await.unwrap();
    assert_eq!(download.announced(), Some(3));
    assert_eq!(download.chunk().await.unwrap().as_deref(), Some(&b"png"[..]));
    assert_eq!(download.chunk().await.unwrap(), None);
    assert_eq!(site.asked().len(), 1);
    let anonymous = [("x-seraph-loginreason", "AUTHENTICATED_FAILED")];
    let nobody = Stub::always(200, &anonymous, "png").await;
    let place = nobody.client().attachment_place(attachment()).await;
    assert!(matches!(place, Err(Error::Anonymous)), "{place:?}");
}

#[tokio::test]
async fn what_jira_refuses_is_the_usual_error() {
    let of = async |status| {
        let stub = Stub::always(status, &[JSON], "{}").await;
        stub.client().attachment_place(attachment()).await.unwrap_err()
    };
    assert!(matches!(of(404).await, Error::NotFound));
    assert!(matches!(of(403).await, Error::Forbidden));
    assert!(matches!(of(410).await, Error::Rejected { status: 410 }));
    assert!(matches!(of(401).await, Error::Unauthorized));
    assert!(matches!(of(301).await, Error::Rejected { status: 301 }));
    assert!(matches!(of(206).await, Error::Malformed { .. }));
    assert!(matches!(of(303).await, Error::Malformed { .. }), "no address");
}

#[tokio::test]
async fn the_media_host_cannot_refuse_jiras_credentials() {
    let of = async |status: u16, headers: &'static [(&'static str, &'static str)]| {
        let (_media, client) =
            media(Limits::default(), move || response(status, headers, "")).await;
        bytes(&client, 100).await.unwrap_err()
    };
    for status in [401, 403] {
        assert!(matches!(of(status, &[]).await, Error::Forbidden), "{status}");
    }
    assert!(matches!(of(404, &[]).await, Error::NotFound));
    for gone in [303, 410, 416] {
        let error = of(gone, &[("location", "http://127.0.0.1/")]).await;
        assert!(matches!(error, Error::Rejected { status } if status == gone), "{error:?}");
    }
    assert!(matches!(of(500, &[]).await, Error::Server { status: 500, .. }));
    assert!(matches!(of(206, &[]).await, Error::Malformed { .. }));
    assert!(matches!(of(200, &[("content-encoding", "gzip")]).await, Error::Malformed { .. }));
    for status in [429, 503] {
        let wait = Some(Duration::from_secs(7));
        let error = of(status, &[("retry-after", "7")]).await;
        let Error::Throttled { wait: said, scope } = error else { panic!("{error:?}") };
        assert_eq!((said, scope), (wait, Scope::Endpoint));
    }
}

#[tokio::test]
async fn no_more_comes_than_is_allowed() {
    let (_media, client) = media(Limits::default(), || response(200, &[], "12345")).await;
    assert_eq!(bytes(&client, 5).await.unwrap(), b"12345");
    let error = bytes(&client, 4).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit_bytes: 4 }), "{error:?}");
    let (_media, client) = media(Limits::default(), || {
        let endless = futures::stream::repeat_with(|| Ok::<_, Infallible>(vec![b' '; 1 << 16]));
        response(200, &[], Body::from_stream(endless))
    })
    .await;
    let error = bytes(&client, 1 << 20).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit_bytes: 1_048_576 }), "{error:?}");
}

/// A piece every 100 ms, this many times, then nothing more.
fn slow(pieces: usize) -> Body {
    let piece = move |n: usize| async move {
        let pause = if n < pieces { 100 } else { 20_000 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        (n < pieces).then(|| (Ok::<_, Infallible>(vec![b'x'; 10]), n + 1))
    };
    Body::from_stream(futures::stream::unfold(0, piece))
}

#[tokio::test]
async fn a_download_may_take_long_but_not_stand_still() {
    let limits = Limits {
        total_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let length = [("content-length", "100")];
    let (_media, client) = media(limits, move || response(200, &length, slow(10))).await;
    assert_eq!(bytes(&client, 100).await.unwrap().len(), 100);
    // One piece is missing.
    let began = Instant::now();
    let (_media, client) = media(limits, move || response(200, &length, slow(9))).await;
    let error = bytes(&client, 100).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { what: Outage::TimedOut, .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn bytes_that_break_off_are_an_error() {
    let (_media, client) = media(Limits::default(), || {
        let broken = futures::stream::unfold(0, |n: u8| async move {
            // The head has to be on its way before the body breaks.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let piece = if n == 0 { Ok(vec![b'x'; 10]) } else { Err("broken") };
            Some((piece, n + 1))
        });
        response(200, &[("content-length", "100")], Body::from_stream(broken))
    })
    .await;
    let place = client.attachment_place(attachment()).await.unwrap();
    let mut download = client.download(place, 100).await.unwrap();
    assert_eq!(download.chunk().await.unwrap().map(|chunk| chunk.len()), Some(10));
    let error = download.chunk().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { what: Outage::Cut, .. }), "{error:?}");
}
