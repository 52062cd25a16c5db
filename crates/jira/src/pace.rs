//! The governor of all traffic to Jira: who may ask, and when.
//!
//! One [`Pace`] is shared by all clients of a process, because Jira's limits are the site's and not
//! an account's: each endpoint and method has a token bucket below Jira's published rate, each
//! account a bounded number of requests in flight, and an answer that throttles pauses what it
//! concerns. Promises:
//!
//! - no request is sent inside a pause: a caller waits for the end of a short one and is sent away
//!   from a long one at once;
//! - a request never takes what a more urgent one waits for, and [`Priority::Backfill`] never has all
//!   places of an account;
//! - every wait ends at a time that can be computed (a token, the end of a pause, the longest wait)
//!   or with a request in flight, which has a time-out of its own.
//!
//! Must not retry: a throttled answer goes to the caller like any other.

mod bucket;
mod line;
mod pause;
mod rates;
mod state;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Method;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::client::Error;
use line::{Line, Standing, Turn};

pub use rates::{Rate, Rates};
pub use state::{EndpointState, State};

/// Whose request goes first; the first one is the most urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Something has changed.
    Webhook,
    /// A person waits.
    Person,
    /// SLA values, which go by the clock.
    Sla,
    /// Looking for what webhooks have missed.
    Sweep,
    /// Copying what is old.
    Backfill,
}

/// Shared by all that ask; cheap to clone.
#[derive(Clone)]
pub struct Pace {
    inner: Arc<Inner>,
}

struct Inner {
    line: Mutex<Line>,
    /// All times are counted from here.
    began: Instant,
    /// `0.0..1.0`, for back-offs.
    jitter: Box<dyn Fn() -> f64 + Send + Sync>,
}

/// One kind of request: Jira limits each endpoint and method by itself.
pub(crate) type Kind = (&'static str, Method);

/// An account that asks, as the pace counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccountId(usize);

/// What a request asks for.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) kind: Kind,
    pub(crate) account: AccountId,
    pub(crate) priority: Priority,
}

impl Pace {
    /// A pace with these rates.
    pub fn new(rates: Rates) -> Self {
        Self::with_jitter(rates, rand::random)
    }

    pub(crate) fn with_jitter(
        rates: Rates,
        jitter: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        let (line, began) = (Mutex::new(Line::new(rates)), Instant::now());
        Self { inner: Arc::new(Inner { line, began, jitter: Box::new(jitter) }) }
    }

    /// The numbers of this moment.
    pub fn state(&self) -> State {
        self.line().state(self.now())
    }

    /// The account of this name; the same name is the same account.
    pub(crate) fn account(&self, name: &str) -> AccountId {
        self.line().account(name)
    }

    /// Waits for a turn. What comes back has to be kept until the answer is read. A request that may
    /// not be sent for long is [`Error::Throttled`], with the time that is left.
    pub(crate) async fn admit(&self, ask: Ask) -> Result<Permit, Error> {
        let entered = self.now();
        let wake = Arc::new(Notify::new());
        let turn = self.line().enter(ask.clone(), Arc::clone(&wake), entered);
        // From here on its end, also by being dropped, leaves the line.
        let mut permit = Permit { pace: self.clone(), ask, turn, sent_at: None };
        loop {
            let now = self.now();
            let standing = self.line().standing(&permit.ask, turn, now);
            match standing {
                Standing::Granted => {
                    permit.sent_at = Some(now);
                    return Ok(permit);
                }
                Standing::Refused { wait, scope } => {
                    return Err(Error::Throttled { wait: Some(wait), scope });
                }
                Standing::Waits { until } => tokio::select! {
                    () = wake.notified() => {}
                    () = sleep_until(self.inner.began + until) => {
                        let now = self.now();
                        self.line().grant(now);
                    }
                },
            }
        }
    }

    fn now(&self) -> Duration {
        self.inner.began.elapsed()
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.inner.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Jira's published rates, with a margin.
impl Default for Pace {
    fn default() -> Self {
        Self::new(Rates::default())
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pace").field(&self.state()).finish()
    }
}

/// A place in the line, and after its turn a place among the requests in flight.
pub(crate) struct Permit {
    pace: Pace,
    ask: Ask,
    turn: Turn,
    /// When its turn came; nothing while it waits.
    sent_at: Option<Duration>,
}

impl Permit {
    /// Says what the request was answered.
    pub(crate) fn tell(&self, answer: &Result<(), Error>) {
        let (Some(sent_at), now) = (self.sent_at, self.pace.now()) else { return };
        match answer {
            Err(Error::Throttled { wait, scope }) => {
                let jitter = (self.pace.inner.jitter)();
                let told = pause::Throttle { sent_at, now, wait: *wait, jitter };
                self.pace.line().throttled(&self.ask.kind, *scope, told);
            }
            // Neither says anything about limits.
            Err(Error::Unreachable { .. } | Error::Server { .. }) => {}
            Ok(())
            | Err(
                Error::Unauthorized
                | Error::Anonymous
                | Error::Forbidden
                | Error::NotFound
                | Error::Rejected { .. }
                | Error::Malformed { .. }
                | Error::TooLarge { .. },
            ) => self.pace.line().answered(&self.ask.kind, sent_at),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.pace.now();
        let mut line = self.pace.line();
        match self.sent_at {
            Some(_) => line.release(&self.ask, now),
            None => line.leave(&self.ask, self.turn, now),
        }
    }
}

#[cfg(test)]
mod tests;
