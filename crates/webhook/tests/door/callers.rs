//! Who asks: this machine, who knows the secret, strangers, and all of them through proxies.

use http::TrustedProxies;
use serde_json::{Value, json};
use webhook::{Debug, Limits};

use crate::{ISSUE, OLD_SECRET, Open, SECRET, answer, open, open_within, refused};

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

#[tokio::test]
async fn limits_go_by_the_address_that_a_named_proxy_gives() {
    let limits = Limits { in_flight: 8, in_flight_per_client: 0, ..Limits::default() };
    let door = behind_a_proxy(limits).await;
    let from = |address: &str| door.signed(ISSUE).header("X-Forwarded-For", address);
    // No stranger gets in here, so each answer says who is one.
    assert_eq!(answer(from("203.0.113.9")).await, (503, refused("busy")));
    assert_eq!(answer(door.signed(ISSUE)).await, (503, refused("busy")));
    assert_eq!(door.recorded().await, 0);
}
