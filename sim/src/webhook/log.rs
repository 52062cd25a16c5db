//! The log of deliveries: what was sent, how often, and what came of it.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::Flow;

/// One delivery to one destination.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// `X-Atlassian-Webhook-Identifier`, the same for every attempt.
    pub identifier: String,
    /// `webhookEvent`.
    pub event: String,
    /// `X-Atlassian-Webhook-Flow`.
    pub flow: Flow,
    /// The issue that it is about, even where the body does not say so.
    pub issue: Option<i64>,
    /// Where it goes.
    pub destination: String,
    /// When it was caused, by the simulator's clock.
    pub caused_at: i64,
    /// The bytes that are signed and sent.
    #[serde(serialize_with = "length")]
    pub body: Bytes,
    /// Every attempt, duplicates included.
    pub attempts: Vec<Attempt>,
    /// What came of it.
    pub outcome: Outcome,
}

fn length<S: Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(body.len()).unwrap_or(u64::MAX))
}

impl Delivery {
    /// Whether any attempt got a 2xx.
    pub fn was_acknowledged(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.status.is_some_and(|it| it / 100 == 2))
    }
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// `X-Atlassian-Webhook-Retry`; absent at the first attempt.
    pub retry: Option<u32>,
    /// The status of the answer; absent if there was none.
    pub status: Option<u16>,
    /// Real time until the answer or the failure.
    pub took_ms: u64,
}

/// What came of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// It waits, or is being sent.
    Pending,
    /// A 2xx.
    Delivered,
    /// A status that Jira does not retry.
    Refused,
    /// All retries failed.
    GivenUp,
    /// A knob decided that it is never sent.
    Dropped,
}

#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<Delivery>>);

impl Log {
    /// Adds a delivery and answers its place.
    pub(super) fn add(&self, delivery: Delivery) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(delivery);
        all.len().saturating_sub(1)
    }

    pub(super) fn change(&self, at: usize, change: impl FnOnce(&mut Delivery)) {
        if let Some(delivery) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at) {
            change(delivery);
        }
    }

    pub(super) fn all(&self) -> Vec<Delivery> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
