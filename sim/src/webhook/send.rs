//! One delivery: attempts, retries and the signature.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt;
use rand::rngs::StdRng;
use sha2::Sha256;
use tokio::time::Instant;

use super::{Attempt, Destination, Flow, Inner, Outcome};
use crate::knobs::WebhookSettings;

/// What is needed to send one delivery.
pub(super) struct Sending {
    /// Its place in the log.
    pub(super) at: usize,
    pub(super) destination: Arc<Destination>,
    pub(super) identifier: String,
    pub(super) flow: Flow,
    pub(super) body: Bytes,
    /// How long it is held back before the first attempt.
    pub(super) wait: Duration,
    /// Whether a success is followed by a duplicate, as if its answer had been lost.
    pub(super) again: bool,
    pub(super) chance: StdRng,
}

/// The client that sends webhooks; connections are kept.
pub(super) fn client(knobs: &WebhookSettings) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_millis(knobs.connect_timeout_ms))
        .build()
}

impl Sending {
    pub(super) async fn run(mut self, inner: &Inner) {
        tokio::time::sleep(self.wait).await;
        let mut retry = None;
        let outcome = loop {
            let status = self.attempt(inner, retry).await;
            let knobs = inner.knobs.settings().webhook;
            let done = retry.unwrap_or(0);
            match verdict(status) {
                Verdict::Delivered => break Outcome::Delivered,
                Verdict::Refused => break Outcome::Refused,
                Verdict::Retry if done >= knobs.retries || self.hopeless(&knobs) => {
                    break Outcome::GivenUp;
                }
                Verdict::Retry => {}
            }
            let longest = knobs.retry_max_ms.max(knobs.retry_min_ms);
            let wait = self.chance.random_range(knobs.retry_min_ms..=longest);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            retry = Some(done + 1);
        };
        if self.again && outcome == Outcome::Delivered {
            self.attempt(inner, Some(retry.unwrap_or(0) + 1)).await;
        }
        inner.log.change(self.at, |delivery| delivery.outcome = outcome);
    }

    /// Sends once and answers the status, if one came.
    async fn attempt(&self, inner: &Inner, retry: Option<u32>) -> Option<u16> {
        let slots = match self.flow {
            Flow::Primary => &self.destination.primary,
            Flow::Secondary => &self.destination.secondary,
        };
        // Never closed; without a slot the delivery would still be right, only earlier.
        let slot = slots.acquire().await;
        let started = Instant::now();
        let sent = self.request(inner, retry).send().await;
        drop(slot);
        let status = sent.ok().map(|answer| answer.status().as_u16());
        self.note_health(status, started);
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let attempt = Attempt { retry, status, took_ms };
        inner.log.change(self.at, |delivery| delivery.attempts.push(attempt));
        status
    }

    fn request(&self, inner: &Inner, retry: Option<u32>) -> reqwest::RequestBuilder {
        let knobs = inner.knobs.settings().webhook;
        let mut request = inner
            .client
            .post(&self.destination.to.url)
            .timeout(Duration::from_millis(knobs.timeout_ms))
            .header("Content-Type", "application/json; charset=utf-8")
            .header("User-Agent", "Atlassian Webhook HTTP Client")
            .header("X-Atlassian-Webhook-Identifier", &self.identifier)
            .header("X-Atlassian-Webhook-Flow", self.flow.name())
            .body(self.body.clone());
        if let Some(retry) = retry {
            request = request.header("X-Atlassian-Webhook-Retry", retry);
        }
        let secret = self.destination.to.secret.as_deref();
        if let Some(signature) = secret.and_then(|secret| sign(secret, &self.body)) {
            request = request.header("X-Hub-Signature", signature);
        }
        request
    }

    /// Remembers since when the destination has been failing.
    fn note_health(&self, status: Option<u16>, at: Instant) {
        let since = &self.destination.failing_since;
        let mut since = since.lock().unwrap_or_else(PoisonError::into_inner);
        match verdict(status) {
            Verdict::Delivered => *since = None,
            Verdict::Refused | Verdict::Retry => *since = since.or(Some(at)),
        }
    }

    /// Whether the destination has failed for so long that it gets no retries.
    fn hopeless(&self, knobs: &WebhookSettings) -> bool {
        let since = &self.destination.failing_since;
        let since = since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|at| at.elapsed() >= Duration::from_millis(knobs.give_up_after_ms))
    }
}

enum Verdict {
    Delivered,
    Refused,
    Retry,
}

/// What Jira makes of an answer, or of none.
fn verdict(status: Option<u16>) -> Verdict {
    match status {
        Some(200..=299) => Verdict::Delivered,
        None | Some(408 | 409 | 425 | 429 | 500..=599) => Verdict::Retry,
        Some(_) => Verdict::Refused,
    }
}

/// `sha256=` and the HMAC of the raw bytes. `None` cannot happen: any key length is fine.
fn sign(secret: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    Some(format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn the_signature_matches_the_official_vector() {
        assert_eq!(
            sign("It's a Secret to Everybody", b"Hello World!").as_deref(),
            Some("sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9")
        );
    }
}
