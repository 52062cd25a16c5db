//! One look at one issue: fetch, keep, hand over for the commit; or, after a failure, what `policy`
//! says.
//!
//! Promises: what comes out is either ready to be committed or settled in the ledger; a raw snapshot
//! that is unreadable is only ever replaced by a complete one; an issue is held to be gone after two
//! 404s with a pause between them, each with the credentials proven to be in order.

mod keep;
mod later;
mod many;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use jira::id::{IssueKey, Subject};
use jira::pace::Priority;
use jira::time::Clock;
use lake::Lake;
use ledger::{Again, Finished, Ledger, Resolved, Source, Work};

use crate::Error;
use crate::fetch::Fetcher;
use crate::policy::BackOff;
use crate::unknown::UnknownFields;
use transform::Snapshot;

pub(crate) use keep::write;
pub(crate) use many::Ended;
pub(crate) use settle::chain;

/// The loop's bounds, from the settings.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Issues that are looked at side by side.
    pub workers: usize,
    /// Bulk requests side by side.
    pub parallel: usize,
    /// Issues in one commit.
    pub commit_issues: usize,
    /// One look takes at most this long.
    pub look_timeout: Duration,
    /// Between the two 404s that prove that an issue is gone.
    pub confirm_pause: Duration,
    /// Between two questions after refused credentials.
    pub pause: Duration,
    /// How long a process lives before it takes what was in flight when the last one died.
    pub suspect_wait: Duration,
    /// After failures.
    pub back_off: BackOff,
    /// Projects to keep; empty means all.
    pub projects: Vec<String>,
}

/// What a look came to.
#[derive(Debug)]
pub(crate) enum Seen {
    /// To be committed.
    Ready(Box<Ready>),
    /// Nothing to commit: the ledger knows what comes next.
    Settled,
    /// As `Settled`, and no other look would fare better for a while.
    Hold(Duration),
    /// As `Settled`, and the credentials are refused.
    Pause,
}

/// A look's result on its way into a commit.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) work: Work,
    /// `None`: there is nothing to change, only work to retire.
    pub(crate) change: Option<Arc<Snapshot>>,
    pub(crate) again: Option<Again>,
    pub(crate) key: Option<IssueKey>,
    pub(crate) took: Duration,
}

impl Ready {
    pub(crate) fn finished(&self) -> Finished {
        Finished {
            subject: self.work.subject.clone(),
            version: self.work.version,
            again: self.again.clone(),
        }
    }
}

/// What one attempt brought.
struct Looked {
    /// `None`: nothing of this issue is kept.
    change: Option<Arc<Snapshot>>,
    key: IssueKey,
    again: Option<Again>,
}

/// Looks at issues. Cheap to clone.
#[derive(Clone)]
pub struct Looker {
    /// The memory.
    pub ledger: Ledger,
    /// The store.
    pub lake: Lake,
    /// The way to Jira.
    pub fetcher: Fetcher,
    /// The time.
    pub clock: Clock,
    /// The bounds.
    pub limits: Arc<Limits>,
    /// Fields that issues have and nobody knows.
    pub unknown: UnknownFields,
}

/// How urgent the requests of a look are.
pub(crate) fn urgency(source: Source) -> Priority {
    match source {
        Source::Webhook => Priority::Webhook,
        Source::Person => Priority::Person,
        Source::Sla => Priority::Sla,
        Source::Sweep => Priority::Sweep,
        Source::Backfill | Source::Later => Priority::Backfill,
    }
}

impl Looker {
    /// Looks once, and settles what did not work out.
    pub(crate) async fn look(&self, mut work: Work) -> Result<Seen, Error> {
        let began = self.clock.now();
        let limit = self.limits.look_timeout;
        let looked = tokio::time::timeout(limit, self.attempt(&mut work)).await;
        let looked = looked.unwrap_or_else(|_| Err(too_slow(limit)));
        let took = self.clock.now().since(began);
        match looked {
            Ok(Some(Looked { change, key, again })) => {
                Ok(Seen::Ready(Box::new(Ready { work, change, again, key: Some(key), took })))
            }
            Ok(None) => Ok(Seen::Settled),
            Err(error) => self.settle(work, &error, took).await,
        }
    }

    /// `None`: the work was for a key, and the issue behind it is in hand elsewhere.
    async fn attempt(&self, work: &mut Work) -> Result<Option<Looked>, Error> {
        let fetcher = self.fetcher.at(urgency(work.source));
        let id = match &work.subject {
            Subject::Id(id) => *id,
            Subject::Key(key) => {
                let id = fetcher.id_of(key).await?;
                match self.ledger.resolve(work, id).await? {
                    Resolved::Yours(resolved) => *work = resolved,
                    Resolved::Elsewhere => return Ok(None),
                }
                id
            }
        };
        if work.source == Source::Later
            && let Some(looked) = self.fill(&fetcher, work, id).await?
        {
            return Ok(Some(looked));
        }
        let fetched = fetcher.fetch(id).await?;
        self.take_in(work, fetched).await.map(Some)
    }
}

fn too_slow(limit: Duration) -> Error {
    Error::TooSlow { limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) }
}
