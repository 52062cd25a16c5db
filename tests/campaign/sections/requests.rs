//! Forged, changed, huge and misdirected requests; none is accepted, and no answer shows a file.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::Method;
use serde_json::json;

use super::Section;
use crate::base::Base;
use crate::edits;
use crate::outcome::Outcome;
use crate::signing::sign;
use crate::trial::{SECRET, Start, Trial};
use crate::verdict::{Ledger, conclude};

pub(crate) const SECTION: Section = Section {
    name: "requests",
    attack: "forged, altered, repeated, huge and misdirected requests; writes and paths out of the lake",
    promises: &["G4", "G10", "G11"],
    size: |base| base.plan.scaled(4),
    case: boxed,
};

/// Hostile requests in one case.
const REQUESTS: u32 = 250;

fn boxed(base: Arc<Base>, n: u32) -> BoxFuture<'static, Outcome> {
    case(base, n).boxed()
}

async fn case(base: Arc<Base>, n: u32) -> Outcome {
    let seed = base.plan.seed_of(SECTION.name, n);
    let mut chance = edits::chance(seed);
    let mut outcome = Outcome::new(format!("{REQUESTS} hostile requests"));
    let mut trial = Trial::new(&base, seed).await;
    let site = trial.sim.site().clone();
    trial.watch();
    trial.start(Start::Plain);
    trial.listens().await;
    for n in 0..REQUESTS {
        if n.is_multiple_of(50) {
            edits::burst(&site, &mut chance, 1);
        }
        if n % 5 == 4 {
            misdirected(&trial, &mut chance, &mut outcome).await;
        } else {
            forged(&trial, &mut chance, &mut outcome).await;
        }
    }
    huge(&trial, &mut outcome).await;
    repeated(&trial, &mut outcome).await;
    conclude(&mut trial, Ledger::Whole, &mut outcome).await;
    outcome
}

/// Posts a body whose signature is absent or wrong.
async fn forged(trial: &Trial, chance: &mut StdRng, outcome: &mut Outcome) {
    let body = json!({"webhookEvent": "jira:issue_deleted", "n": chance.random::<u32>(),
        "issue": {"id": "1000001", "key": "SUPPORT-1"}})
    .to_string();
    let right = sign(SECRET, body.as_bytes());
    let signature = match chance.random_range(0..9) {
        0 => None,
        1 => Some(String::new()),
        2 => Some("sha256=".to_owned()),
        3 => Some(sign("another secret that is long enough", body.as_bytes())),
        4 => Some(sign(SECRET, format!("{body} ").as_bytes())),
        5 => Some(right.replace("sha256", "sha1")),
        6 => right.strip_suffix(|_: char| true).map(str::to_owned),
        7 => Some(format!("{right}, {right}")),
        _ => {
            let mut bytes = right.clone().into_bytes();
            let at = chance.random_range(7..bytes.len());
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            Some(String::from_utf8(bytes).unwrap())
        }
    };
    let mut request = trial.http.post(trial.url("/webhooks/jira")).body(body);
    if let Some(signature) = &signature {
        request = request.header("X-Hub-Signature", signature);
    }
    outcome.count("forged", 1);
    match request.send().await {
        Ok(answer) if answer.status().is_success() => {
            outcome.loss(format!("a forged delivery was accepted: signature {signature:?}"));
        }
        Ok(answer) if answer.status().is_server_error() => {
            outcome.failure(format!("a forged delivery was answered {}", answer.status()));
        }
        // It may be cut off before its end.
        Ok(_) | Err(_) => {}
    }
}

/// Asks for a path that leads nowhere, or tries to write.
async fn misdirected(trial: &Trial, chance: &mut StdRng, outcome: &mut Outcome) {
    let paths = [
        "/../../etc/passwd",
        "/data/ledger.db",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/raw/fields.json",
        "/webhooks/jira/../../data/ledger.db",
        "/metrics/../data",
        "/files//etc/passwd",
        "/healthz",
        "/readyz",
        "/metrics",
        "/webhooks/jira/test",
        "/webhooks/jira/health",
    ];
    let methods = [Method::GET, Method::PUT, Method::DELETE, Method::POST, Method::PATCH];
    let (path, method) = (*paths.choose(chance).unwrap(), methods.choose(chance).unwrap());
    outcome.count("misdirected", 1);
    let sent = trial.http.request(method.clone(), trial.url(path)).body("{}").send().await;
    let Ok(answer) = sent else { return };
    let status = answer.status();
    let text = answer.bytes().await.unwrap_or_default();
    let shows = |needle: &[u8]| text.windows(needle.len()).any(|it| it == needle);
    if shows(b"root:") || shows(b"SQLite format") || shows(SECRET.as_bytes()) {
        outcome.loss(format!("{method} {path} shows a file or a secret"));
    }
    if status.is_success() && *method != Method::GET {
        outcome.loss(format!("{method} {path} was answered {status}"));
    }
}

/// A body beyond every bound is refused and kills nothing.
async fn huge(trial: &Trial, outcome: &mut Outcome) {
    let body = vec![b' '; 27 * 1024 * 1024];
    let signature = sign(SECRET, &body);
    let request = trial.http.post(trial.url("/webhooks/jira")).header("X-Hub-Signature", signature);
    outcome.count("forged", 1);
    if let Ok(answer) = request.body(body).send().await
        && answer.status().is_success()
    {
        outcome.loss("a body beyond the bound was accepted");
    }
}

/// A delivery that is sent again under its identifier is recorded once; the verdict counts.
async fn repeated(trial: &Trial, outcome: &mut Outcome) {
    for delivery in trial.sim.webhooks().deliveries().iter().take(5) {
        let signature = sign(SECRET, &delivery.body);
        let request =
            trial.http.post(trial.url("/webhooks/jira")).header("X-Hub-Signature", signature);
        let request = request.header("X-Atlassian-Webhook-Identifier", &delivery.identifier);
        outcome.count("repeated", 1);
        drop(request.body(delivery.body.clone()).send().await);
    }
}
