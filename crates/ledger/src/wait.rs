//! The longest waits: an instant further ahead than anybody may wait comes from a clock that was
//! wrong, and counts as past.
//!
//! Times are bounded when they are read and never when they are written: what is stored was believed
//! then, and the clock that is wrong may be today's.

use std::time::Duration;

use jira::time::Instant;

use crate::Ledger;

/// How far ahead times in the ledger may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitBounds {
    /// The longest wait for work and attachments.
    pub wait: Duration,
    /// The longest lease.
    pub lease: Duration,
}

impl Default for WaitBounds {
    /// Longer than what Jira may ask for, which is two hours.
    fn default() -> Self {
        let hours = Duration::from_secs(3 * 3600);
        Self { wait: hours, lease: hours }
    }
}

impl Ledger {
    /// This ledger with other bounds: whoever sets longer waits MUST say so here.
    #[must_use]
    pub fn bounded_by(mut self, bounds: WaitBounds) -> Self {
        self.store.bounds = bounds;
        self
    }
}

/// The present, and how far ahead of it times are believed; in epoch milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Horizon {
    pub(crate) now: i64,
    /// The last instant for which work may have to wait.
    pub(crate) wait: i64,
    /// The last instant until which a lease may last.
    pub(crate) lease: i64,
}

impl WaitBounds {
    pub(crate) fn from(self, now: Instant) -> Horizon {
        let (wait, lease) = (now.plus(self.wait).millis(), now.plus(self.lease).millis());
        Horizon { now: now.millis(), wait, lease }
    }
}

impl Horizon {
    /// The instant at which work becomes due that is stored with `due`.
    pub(crate) fn due(self, due: i64) -> i64 {
        if due > self.wait { self.now } else { due }
    }

    /// The instant at which a lease lapses that is stored with `until`.
    pub(crate) fn lapse(self, until: i64) -> i64 {
        if until > self.lease { self.now } else { until }
    }
}
