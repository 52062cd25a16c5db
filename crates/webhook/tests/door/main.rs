//! The door over real TCP: every answer, every limit, what the ledger holds afterwards, and how it
//! stops.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod answers;
mod callers;
mod limits;
mod log;
mod records;
mod stops;
mod talk;

use std::net::SocketAddr;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use http::{Listener, TrustedProxies};
use jira::time::{Clock, Instant};
use ledger::{Delivery, DeliveryFilter, Ledger};
use prometheus_client::registry::Registry;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use sha2::Sha256;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use webhook::{Debug, Door, Limits, Metrics, Secrets};

const SECRET: &str = "It's a Secret to Everybody";
const OLD_SECRET: &str = "the one before this one";
const ISSUE: &str =
    r#"{"webhookEvent":"jira:issue_updated","issue":{"id":"10021","key":"KAN-22"}}"#;

/// A door that is open, with all that stands behind it.
struct Open {
    address: SocketAddr,
    ledger: Ledger,
    registry: Registry,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    listening: JoinHandle<()>,
    _dir: TempDir,
}

async fn open() -> Open {
    open_with(Limits::default(), Debug::Off).await
}

async fn open_with(limits: Limits, debug: Debug) -> Open {
    open_within(limits, http::Limits::default(), debug, TrustedProxies::default()).await
}

/// A door with bounds for its connections.
async fn open_for(connections: http::Limits) -> Open {
    open_within(Limits::default(), connections, Debug::Off, TrustedProxies::default()).await
}

async fn open_within(
    limits: Limits,
    connections: http::Limits,
    debug: Debug,
    proxies: TrustedProxies,
) -> Open {
    log::keep();
    let clock = Clock::new(|| Instant::from_millis(1_770_000_000_000).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("ledger.sqlite"), clock.clone()).await.unwrap();
    let mut registry = Registry::default();
    let door = Door {
        ledger: ledger.clone(),
        secrets: Secrets::new(vec![SECRET.into(), OLD_SECRET.into()]).unwrap(),
        limits,
        clock,
        metrics: Metrics::new(&mut registry),
        jira_domain: "example.atlassian.net".into(),
        debug,
    };
    let socket = http::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let listener = Listener {
        socket,
        router: door.router(),
        limits: connections,
        proxies,
        metrics: http::Metrics::new(&mut registry),
        name: "door",
    };
    let listening = tokio::spawn(listener.run(async {
        stopped.await.unwrap();
    }));
    // The client is built without a TLS provider of its own; a second test finds this one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Open { address, ledger, registry, client, stop: Some(stop), listening, _dir: dir }
}

fn sign(secret: &str, body: &[u8]) -> String {
    let mut keyed = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    keyed.update(body);
    format!("sha256={}", hex::encode(keyed.finalize().into_bytes()))
}

impl Open {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A post without a signature.
    fn unsigned(&self, body: impl Into<Vec<u8>>) -> RequestBuilder {
        self.client.post(self.url("/webhooks/jira")).body(body.into())
    }

    /// A post as Jira makes it.
    fn signed(&self, body: impl Into<Vec<u8>>) -> RequestBuilder {
        let body = body.into();
        let signature = sign(SECRET, &body);
        self.unsigned(body).header("X-Hub-Signature", signature)
    }

    /// What was recorded, oldest first.
    async fn deliveries(&self) -> Vec<Delivery> {
        let mut found = self.ledger.deliveries(DeliveryFilter::default()).await.unwrap();
        found.reverse();
        found
    }

    async fn recorded(&self) -> usize {
        self.deliveries().await.len()
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }

    /// Asks the listener to stop; its task ends when it has.
    fn ask_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

/// Status and JSON of an answer.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.unwrap()).await
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers().contains_key("retry-after"), status == 503, "{status}");
    (status, response.json().await.unwrap())
}

fn refused(reason: &str) -> Value {
    serde_json::json!({"status": "error", "reason": reason})
}

/// Longer than anything here should take; a test that reaches it fails.
const TOO_LONG: Duration = Duration::from_secs(30);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(TOO_LONG, what).await.unwrap()
}
