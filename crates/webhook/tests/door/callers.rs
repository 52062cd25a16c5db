//! Who asks: this machine, who knows the secret, strangers, and all of them through proxies.

use http::TrustedProxies;
use serde_json::{Value, json};
use webhook::{Debug, Limits};

use crate::talk::Talk;
use crate::{OLD_SECRET, Open, SECRET, answer, open, open_within};

fn whole() -> Value {
    json!({"status": "ok", "configured": true, "webhook_secret_set": true,
        "jira_domain": "example.atlassian.net"})
}

fn status_alone() -> Value {
    json!({"status": "ok"})
}

async fn behind_a_proxy(limits: Limits) -> Open {
    let proxies = TrustedProxies::new("X-Forwarded-For", &["127.0.0.1".to_owned()]).unwrap();
    open_within(limits, http::Limits::default(), Debug::Off, proxies).await
}

async fn health(door: &Open, headers: &[(&str, &str)]) -> Value {
    let mut request = door.client.get(door.url("/webhooks/jira/health"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (status, body) = answer(request).await;
    assert_eq!(status, 200);
    body
}

#[tokio::test]
async fn the_health_route_names_the_site_to_this_machine() {
    assert_eq!(health(&open().await, &[]).await, whole());
}

#[tokio::test]
async fn through_any_proxy_only_the_secret_learns_the_site() {
    let (unnamed, named) = (open().await, behind_a_proxy(Limits::default()).await);
    for door in [&unnamed, &named] {
        for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Proto"] {
            for value in ["203.0.113.9", "127.0.0.1", "", "for=127.0.0.1"] {
                assert_eq!(health(door, &[(name, value)]).await, status_alone(), "{name}: {value}");
            }
        }
        let proxied = ("X-Forwarded-For", "203.0.113.9");
        for secret in [SECRET, OLD_SECRET] {
            assert_eq!(health(door, &[proxied, ("X-Jiralake-Secret", secret)]).await, whole());
        }
        for wrong in ["", "It's a Secret to Everybody!", "x"] {
            let sent = [proxied, ("X-Jiralake-Secret", wrong)];
            assert_eq!(health(door, &sent).await, status_alone(), "{wrong}");
        }
    }
    // Who names a proxy says that everything from there is somebody else's.
    assert_eq!(health(&named, &[]).await, status_alone());
}

/// A delivery whose body does not come, forwarded for `client`.
async fn half_a_delivery(door: &Open, client: &str) -> Talk {
    let mut talk = Talk::to(door).await;
    talk.say(format!(
        "POST /webhooks/jira HTTP/1.1\r\nHost: d\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\
         X-Hub-Signature: sha256=?\r\nX-Forwarded-For: {client}\r\n\r\n"
    ))
    .await;
    assert_eq!(talk.hear().await, "HTTP/1.1 100 Continue\r\n\r\n");
    talk
}

#[tokio::test]
async fn limits_go_by_the_address_that_a_named_proxy_gives() {
    let limits = Limits { in_flight: 8, in_flight_per_client: 1, ..Limits::default() };
    let door = behind_a_proxy(limits).await;
    let mut one = half_a_delivery(&door, "203.0.113.1").await;
    let mut other = half_a_delivery(&door, "6.6.6.6, 203.0.113.2").await;
    // A second one of the same client takes the place of its first, and of nobody else's.
    let mut second = half_a_delivery(&door, "6.6.6.7, 203.0.113.1").await;
    let told = one.rest().await;
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    for talk in [&mut second, &mut other] {
        talk.say(" ".repeat(10)).await;
        let told = talk.hear().await;
        assert!(told.starts_with("HTTP/1.1 401 "), "{told}");
    }
}
