//! What happens after a failure, decided once, purely and without `_`, so that a new kind of error
//! has to be thought about here.
//!
//! Nothing below this module retries. Waits are bounded: at least what Jira asks for, at most two
//! hours for it and [`BackOff::max`] for ours.

mod download;

use std::time::Duration;

use jira::client::{Error as Jira, Scope};

use crate::Error;

pub use download::{After, Stage, after_download, after_wrong_size};

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Look at this issue again after the wait; the others go on.
    Retry(Duration),
    /// Every look would fail: stop leasing for the wait, then go on. The issue is due again then.
    Hold(Duration),
    /// The credentials are refused: stop everything until `/myself` is in order again.
    Pause,
    /// A 404 can be a deletion or a lost permission: confirm who we are, then look once more.
    Confirm,
    /// A person is needed.
    Park {
        /// What is wrong.
        reason: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
}

/// Exponential back-off with jitter.
#[derive(Debug, Clone, Copy)]
pub struct BackOff {
    /// The first wait.
    pub min: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl BackOff {
    /// The wait before attempt `attempt + 1`; `jitter` in `0.0..1.0` spreads it over 0.7 to 1.3 of
    /// the doubled minimum (facts: Jira's rate-limit page asks for that spread).
    pub fn after(&self, attempt: u32, jitter: f64) -> Duration {
        let doubled = self.min.saturating_mul(2_u32.saturating_pow(attempt.min(20)));
        doubled.min(self.max).mul_f64(0.7 + 0.6 * jitter.clamp(0.0, 1.0))
    }
}

/// Failures after which one that is always the same is put before a person.
const SENSELESS_FAILURES: u32 = 8;

/// What went before a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// Failures before this one, since the issue was last applied.
    pub failures: u32,
    /// How the last of them compares with this one.
    pub last: Last,
}

/// Whether the last failure was like this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// The same.
    Same,
    /// Another, or there was none.
    Other,
}

impl Past {
    /// An outage is no reason to give an issue up, nor is the first odd answer after one.
    fn is_senseless(self) -> bool {
        self.failures >= SENSELESS_FAILURES && self.last == Last::Same
    }
}

/// The decision.
pub fn after_failure(error: &Error, past: Past, back_off: BackOff, jitter: f64) -> Next {
    let later = Next::Retry(back_off.after(past.failures, jitter));
    let senseless = past.is_senseless();
    match error {
        Error::Jira(error) => after_jira(error, senseless, later),
        Error::NotTheIssue if !senseless => later,
        Error::NotTheIssue => Next::Park {
            reason: "Jira's answer is not the issue that was asked for",
            remedy: "open the issue's URL below /rest/api/3/issue/ and compare its id; then `jiralake events replay`",
        },
        Error::TooSlow { .. } if senseless => Next::Park {
            reason: "looking at this issue always takes longer than reconcile.look-timeout-ms",
            remedy: "raise reconcile.look-timeout-ms; then `jiralake events replay`",
        },
        Error::LastUnreadable(_) if senseless => Next::Park {
            reason: "the last raw snapshot is unreadable, and no fetch was complete enough to replace it",
            remedy: "look at the snapshot's file; move it away to give up what only it knows",
        },
        Error::TooSlow { .. }
        | Error::LastUnreadable(_)
        | Error::EndlessSearch
        | Error::SearchBrokeOff
        | Error::DetailsForbidden
        | Error::RepairWaits { .. } => later,
        Error::Lake(error) => after_lake(error, senseless, later),
        // The database: no issue would fare better.
        Error::Ledger(_) => Next::Hold(back_off.after(past.failures, jitter)),
    }
}

/// Trouble with one file concerns one issue; trouble with the disk concerns all.
fn after_lake(error: &lake::Error, senseless: bool, later: Next) -> Next {
    match error {
        lake::Error::Unreadable { .. } if senseless => Next::Park {
            reason: "a raw snapshot that is needed is unreadable",
            remedy: "run `jiralake transform --dry-run` and look at the file that it names",
        },
        lake::Error::Unreadable { .. }
        | lake::Error::Table { .. }
        // Other issues' snapshots are lost: this one is never parked for them.
        | lake::Error::Blocked { .. }
        | lake::Error::Encode { .. }
        | lake::Error::Rows { .. }
        | lake::Error::CutOff { .. }
        | lake::Error::Shrunk { .. } => later,
        lake::Error::Locked { .. }
        | lake::Error::Disk { .. }
        | lake::Error::Ledger { .. }
        | lake::Error::Behind { .. }
        | lake::Error::Foreign { .. }
        | lake::Error::Shrinking { .. } => match later {
            Next::Retry(wait) => Next::Hold(wait),
            other => other,
        },
    }
}

fn after_jira(error: &Jira, senseless: bool, later: Next) -> Next {
    match error {
        Jira::Throttled { wait, scope } => {
            let wait = throttle(*wait, &later);
            match scope {
                Scope::Everything | Scope::Endpoint => Next::Hold(wait),
                Scope::Issue => Next::Retry(wait),
            }
        }
        Jira::Server { wait: Some(wait), .. } => Next::Retry(throttle(Some(*wait), &later)),
        Jira::Unreachable { .. } | Jira::Server { wait: None, .. } => later,
        Jira::Unauthorized | Jira::Anonymous => Next::Pause,
        Jira::NotFound => Next::Confirm,
        // Site-wide for a while (an allow-list, a firewall) more often than for one issue.
        Jira::Forbidden if !senseless => later,
        Jira::Forbidden => Next::Park {
            reason: "Jira forbids the account to read this issue (403)",
            remedy: "give the account the Browse Projects permission and the issue's security level",
        },
        Jira::Malformed { .. } if !senseless => later,
        Jira::Malformed { .. } => Next::Park {
            reason: "Jira's answer for this issue is not readable JSON, many times in a row",
            remedy: "look for a proxy that changes answers; then `jiralake events replay`",
        },
        Jira::TooLarge { .. } => Next::Park {
            reason: "Jira's answer for this issue is larger than jira.body-bytes",
            remedy: "raise jira.body-bytes",
        },
        Jira::Rejected { .. } if !senseless => later,
        Jira::Rejected { .. } => Next::Park {
            reason: "Jira rejects the request for this issue, many times in a row",
            remedy: "run `jiralake doctor`; Jira's API may have changed",
        },
    }
}

/// Jira's wait is a minimum; without one, our own back-off.
fn throttle(wait: Option<Duration>, later: &Next) -> Duration {
    let own = match later {
        Next::Retry(wait) => *wait,
        Next::Hold(_) | Next::Pause | Next::Confirm | Next::Park { .. } => Duration::ZERO,
    };
    wait.map_or(own, |wait| wait.max(Duration::from_millis(100)))
}

#[cfg(test)]
mod tests;
