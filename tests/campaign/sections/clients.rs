//! Strangers by the thousand: slow, idle and flooding connections, while Jira delivers.
//!
//! They come from addresses of their own on the loopback, Jira from another one. The times in the gate
//! are those of a machine that does other work as well, so the promised one is judged in long runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::Section;
use crate::base::Base;
use crate::edits;
use crate::outcome::Outcome;
use crate::plan::GATE_CASES;
use crate::trial::{Start, Trial};
use crate::verdict::{Ledger, conclude};

pub(crate) const SECTION: Section = Section {
    name: "clients",
    attack: "5,000 slow, idle and flooding clients (2,000 in the gate) while Jira delivers",
    promises: &["G1", "G2", "G8", "G10"],
    size: |_| 1,
    case: boxed,
};

/// The promised 99th percentile of Jira's waiting time.
const PROMISED_MS: u64 = 250;
/// What is accepted on a machine that is busy with other tests.
const IN_THE_GATE_MS: u64 = 2_000;

fn boxed(base: Arc<Base>, n: u32) -> BoxFuture<'static, Outcome> {
    case(base, n).boxed()
}

async fn case(base: Arc<Base>, n: u32) -> Outcome {
    let is_long = base.plan.cases > GATE_CASES;
    let (strangers, seconds) = if is_long { (5_000, 60) } else { (2_000, 5) };
    let seed = base.plan.seed_of(SECTION.name, n);
    let mut chance = edits::chance(seed);
    let mut outcome = Outcome::new(format!("{strangers} strangers for {seconds} s"));
    let mut trial = Trial::new(&base, seed).await;
    let site = trial.sim.site().clone();
    trial.start(Start::Plain);
    trial.listens().await;
    let door = SocketAddr::from((Ipv4Addr::LOCALHOST, trial.port));
    let mut swarm = JoinSet::new();
    for number in 0..strangers {
        swarm.spawn(stranger(number, door));
    }
    // All have come before Jira is measured.
    sleep(Duration::from_secs(1)).await;
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        edits::burst(&site, &mut chance, 1);
        sleep(Duration::from_millis(60)).await;
    }
    if trial.sim.webhooks().settled(Duration::from_secs(20)).await.is_err() {
        outcome.failure("deliveries wait for as long as strangers are there");
    }
    swarm.shutdown().await;
    outcome.count("strangers", strangers as u64);
    let deliveries = trial.sim.webhooks().deliveries();
    let attempts: Vec<_> = deliveries.iter().flat_map(|delivery| &delivery.attempts).collect();
    let refused = attempts.iter().filter(|it| it.status.is_none_or(|status| status / 100 != 2));
    let refused = refused.count();
    if refused > 0 {
        outcome.failure(format!("{refused} of {} requests of Jira were refused", attempts.len()));
    }
    let mut times: Vec<u64> = attempts.iter().map(|it| it.took_ms).collect();
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or(0);
    outcome.count("jira_p99_ms", p99);
    let bound = if is_long { PROMISED_MS } else { IN_THE_GATE_MS };
    if p99 > bound {
        outcome.failure(format!("Jira's p99 is {p99} ms, {bound} ms are promised"));
    }
    conclude(&mut trial, Ledger::Whole, &mut outcome).await;
    outcome
}

/// Connects again and again and does one of five things that strangers do.
async fn stranger(number: usize, door: SocketAddr) {
    let from = Ipv4Addr::new(127, 0, 1, u8::try_from(number % 250 + 1).unwrap());
    let head = "POST /webhooks/jira HTTP/1.1\r\nHost: d\r\nContent-Length: 1000\r\n";
    let forged = format!("X-Hub-Signature: sha256={}\r\n", "0".repeat(64));
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        if let Ok(mut stream) = socket.connect(door).await {
            let text = match number % 5 {
                0 => String::new(),
                1 => "POST /webh".to_owned(),
                2 => format!("{head}\r\n{{"),
                3 => format!("{head}{forged}\r\n{{"),
                _ => format!(
                    "POST /webhooks/jira HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n{forged}\r\n{{}}"
                ),
            };
            // A stranger does not mind how it ends.
            drop(stream.write_all(text.as_bytes()).await);
            let patience = if number % 5 == 4 { 100 } else { 30_000 };
            drop(
                timeout(Duration::from_millis(patience), stream.read_to_end(&mut Vec::new())).await,
            );
        }
        sleep(Duration::from_millis(100)).await;
    }
}
