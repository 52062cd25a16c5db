//! The simulator's clock: real time, shifted or stopped.
//!
//! Everything that Jira stamps (`created`, `updated`, the `Date` header, SLA values, the search
//! index) reads this clock, so that a test can let a week pass. Latencies and retry delays are
//! real time and do not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A shared clock; clones tell the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<Hands>>);

#[derive(Debug, Default)]
struct Hands {
    /// Where the clock stands still, if it does.
    fixed_ms: Option<i64>,
    /// How far it is from real time while it runs.
    offset_ms: i64,
}

impl Clock {
    /// Epoch milliseconds.
    pub fn now(&self) -> i64 {
        let hands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hands.fixed_ms.unwrap_or_else(|| real_ms().saturating_add(hands.offset_ms))
    }

    /// Stops the clock at this instant.
    pub fn stop_at(&self, ms: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fixed_ms = Some(ms);
    }

    /// Lets the clock run, this far from real time.
    pub fn run_with_offset(&self, offset_ms: i64) {
        let mut hands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hands.fixed_ms = None;
        hands.offset_ms = offset_ms;
    }

    /// Moves the clock forward, whether it runs or stands still.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let mut hands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut hands.fixed_ms {
            Some(at) => *at = at.saturating_add(by),
            None => hands.offset_ms = hands.offset_ms.saturating_add(by),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that the simulator passes on")]
fn real_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
