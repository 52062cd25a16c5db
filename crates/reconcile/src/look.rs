//! One look at one issue: fetch, assemble, write the raw snapshot; or, after a failure, what
//! `policy` says.
//!
//! Promises: what comes out is either ready to be committed or settled in the ledger; a raw snapshot
//! that is unreadable is only ever replaced by a complete one; an issue is held to be gone after two
//! 404s with a pause between them, each with the credentials proven to be in order.

use std::sync::Arc;
use std::time::Duration;

use jira::id::{IssueId, IssueKey, Subject};
use jira::time::{Clock, Instant};
use lake::Lake;
use ledger::{Again, Finished, IssueRecord, Ledger, Resolved, Work};
use serde_json::{Value, json};
use tracing::{info, warn};
use transform::{Deletion, Reason, Snapshot};

use crate::Error;
use crate::assemble::{Assembled, assemble};
use crate::fetch::Fetcher;
use crate::policy::{BackOff, Last, Next, Past, after_failure};

/// The loop's bounds, from the settings.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Issues that are looked at side by side.
    pub workers: usize,
    /// Issues in one commit.
    pub commit_issues: usize,
    /// One look takes at most this long.
    pub look_timeout: Duration,
    /// Between the two 404s that prove that an issue is gone.
    pub confirm_pause: Duration,
    /// Between two questions after refused credentials.
    pub pause: Duration,
    /// After failures.
    pub back_off: BackOff,
    /// Projects to keep; empty means all.
    pub projects: Vec<String>,
}

/// Proven 404s in a row after which an issue is gone.
const PROOFS: u32 = 2;

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
}

impl Looker {
    /// Looks once, and settles what did not work out.
    pub(crate) async fn look(&self, mut work: Work) -> Result<Seen, Error> {
        let began = self.clock.now();
        let looked = tokio::time::timeout(self.limits.look_timeout, self.attempt(&mut work)).await;
        let looked = looked.unwrap_or_else(|_| {
            let limit_ms = u64::try_from(self.limits.look_timeout.as_millis()).unwrap_or(u64::MAX);
            Err(Error::TooSlow { limit_ms })
        });
        let took = self.clock.now().since(began);
        match looked {
            Ok(Some(Looked { change, key, again })) => {
                Ok(Seen::Ready(Box::new(Ready { work, change, again, key: Some(key), took })))
            }
            Ok(None) => Ok(Seen::Settled),
            Err(error) => self.settle(work, error, took).await,
        }
    }

    /// `None`: the work was for a key, and the issue behind it is in hand elsewhere.
    async fn attempt(&self, work: &mut Work) -> Result<Option<Looked>, Error> {
        let id = match &work.subject {
            Subject::Id(id) => *id,
            Subject::Key(key) => {
                let id = self.fetcher.id_of(key).await?;
                match self.ledger.resolve(work, id).await? {
                    Resolved::Yours(resolved) => *work = resolved,
                    Resolved::Elsewhere => return Ok(None),
                }
                id
            }
        };
        let fetched = self.fetcher.fetch(id).await?;
        let record = self.ledger.issue(&Subject::Id(id)).await?;
        let known_key = record.as_ref().map_or_else(|| fetched.key.clone(), |r| r.key.clone());
        let mut known = self.known(id, &known_key).await;
        if matches!(known, Ok(None)) && known_key != fetched.key {
            // It moved, and the run that renamed the snapshot died before its commit.
            known = self.known(id, &fetched.key).await;
        }
        let now = self.clock.now();
        let made = assemble(fetched, known.as_ref().ok().and_then(Option::as_ref), now)?;
        if let (Err(unreadable), true) = (known, made.leans_on_known) {
            return Err(Error::LastUnreadable(unreadable));
        }
        let again = self.again(work, &made, now);
        let key = made.key.clone();
        let change = self.keep(made, record.as_ref(), now).await?;
        Ok(Some(Looked { change, key, again }))
    }

    /// Writes the snapshot and says what is to become of the rows.
    async fn keep(
        &self,
        made: Assembled,
        record: Option<&IssueRecord>,
        now: Instant,
    ) -> Result<Option<Arc<Snapshot>>, Error> {
        let projects = &self.limits.projects;
        let wanted = projects.is_empty() || projects.iter().any(|p| p == made.key.project());
        if !wanted {
            // Of a project that is not kept nothing is written; an issue that moved there leaves.
            return match record.filter(|record| record.deleted_at.is_none()) {
                Some(record) => self.bury(record, now).await.map(Some),
                None => Ok(None),
            };
        }
        let previous = record.map(|record| record.key.clone());
        self.write(&made.key, made.json, previous.as_ref()).await.map(Some)
    }

    async fn write(
        &self,
        key: &IssueKey,
        json: Value,
        previous: Option<&IssueKey>,
    ) -> Result<Arc<Snapshot>, Error> {
        let bytes = serde_json::to_vec(&json).map_err(|_| Error::NotTheIssue)?;
        let snapshot = Arc::new(parsed(key, json)?);
        self.lake.write_raw(key, bytes, previous).await?;
        Ok(snapshot)
    }

    /// The last snapshot of this very issue, if there is one.
    async fn known(&self, id: IssueId, key: &IssueKey) -> Result<Option<Value>, lake::Error> {
        let known = self.lake.read_raw(key).await?;
        Ok(known.filter(|known| known.id() == id).map(Snapshot::into_json))
    }

    /// Another look for the parts that may still come.
    fn again(&self, work: &Work, made: &Assembled, now: Instant) -> Option<Again> {
        let reasons: Vec<&str> = made.again.iter().map(|(_, reason)| reason.as_str()).collect();
        if reasons.is_empty() {
            return None;
        }
        let reason = reasons.join("; ");
        warn!(issue.id = %made.id, issue.key = %made.key, "{} is incomplete: {reason}", made.key);
        let wait = self.limits.back_off.after(work.attempts, rand::random());
        Some(Again { due: now.plus(wait), reason })
    }

    /// What `policy` says after a failure.
    async fn settle(&self, work: Work, error: Error, took: Duration) -> Result<Seen, Error> {
        let back_off = self.limits.back_off;
        let cause = chain(&error);
        let same = work.last_error.as_deref() == Some(cause.as_str());
        let last = if same { Last::Same } else { Last::Other };
        let past = Past { failures: work.attempts, last };
        let next = after_failure(&error, past, back_off, rand::random());
        let subject = &work.subject;
        warn!(issue = %subject, attempt = work.attempts, ?next, "{subject} did not work out: {cause}");
        let now = self.clock.now();
        match next {
            Next::Retry(wait) => {
                self.ledger.retry(&work, now.plus(wait), &cause).await?;
                Ok(Seen::Settled)
            }
            Next::Hold(wait) => {
                self.ledger.retry(&work, now.plus(wait), &cause).await?;
                Ok(Seen::Hold(wait))
            }
            Next::Pause => self.prove(work, &cause, now).await,
            Next::Park { reason, remedy } => {
                self.ledger.park(&work, reason, remedy).await?;
                Ok(Seen::Settled)
            }
            Next::Confirm => self.confirm(work, took).await,
        }
    }

    /// Refused: are we, or is it this issue or one resource of it?
    async fn prove(&self, work: Work, cause: &str, now: Instant) -> Result<Seen, Error> {
        if self.fetcher.main().identify().await.is_err() {
            self.ledger.defer(&work, now).await?;
            return Ok(Seen::Pause);
        }
        let wait = self.limits.back_off.after(work.attempts, rand::random());
        self.ledger.retry(&work, now.plus(wait), cause).await?;
        Ok(Seen::Settled)
    }

    /// A 404: who are we, and is it the second one in a row, with the pause between them?
    async fn confirm(&self, work: Work, took: Duration) -> Result<Seen, Error> {
        let now = self.clock.now();
        // A hint that came meanwhile brings the look forward, but not the proof.
        let ripe = work.absent_since.map(|since| since.plus(self.limits.confirm_pause));
        if let Some(ripe) = ripe.filter(|ripe| now < *ripe) {
            self.ledger.defer(&work, ripe).await?;
            return Ok(Seen::Settled);
        }
        if let Err(error) = self.fetcher.main().identify().await {
            // Never `Confirm` again from here: a 404 from `/myself` is no answer either.
            let pause =
                matches!(error, jira::client::Error::Unauthorized | jira::client::Error::Anonymous);
            let wait = self.limits.back_off.after(work.attempts, rand::random());
            self.ledger.retry(&work, now.plus(wait), &chain(&error)).await?;
            return Ok(if pause { Seen::Pause } else { Seen::Settled });
        }
        if work.absences + 1 < PROOFS {
            self.ledger.absent(&work, now.plus(self.limits.confirm_pause)).await?;
            return Ok(Seen::Settled);
        }
        let Subject::Id(id) = work.subject else {
            let reason = "Jira knows no issue under this key, or the account may not see it";
            self.ledger.park(&work, reason, "check the key; then retry it").await?;
            return Ok(Seen::Settled);
        };
        let record = self.ledger.issue(&Subject::Id(id)).await?;
        let record = record.filter(|record| record.deleted_at.is_none());
        let change = match &record {
            None => None,
            Some(record) => match self.bury(record, now).await {
                Ok(change) => Some(change),
                Err(Error::Lake(unreadable @ lake::Error::Unreadable { .. })) => {
                    let reason = format!("gone from Jira, but {}", chain(&unreadable));
                    let remedy = "look at the file; move it away, then `jiralake events replay`";
                    self.ledger.park(&work, &reason, remedy).await?;
                    return Ok(Seen::Settled);
                }
                Err(error) => return Err(error),
            },
        };
        let key = record.map(|record| record.key);
        if let Some(key) = &key {
            info!(issue.id = %id, issue.key = %key, "{key} is gone from Jira: its rows leave");
        }
        Ok(Seen::Ready(Box::new(Ready { work, change, again: None, key, took })))
    }

    /// The raw snapshot becomes a tombstone; the rows leave.
    async fn bury(&self, record: &IssueRecord, now: Instant) -> Result<Arc<Snapshot>, Error> {
        let there = self.lake.read_raw(&record.key).await?;
        let foreign = there.as_ref().is_some_and(|there| there.id() != record.id);
        // Without a snapshot the tombstone still says whose it is.
        let bare = || {
            let json = json!({"id": record.id, "key": record.key, "fields": {}});
            parsed(&record.key, json)
        };
        let known = there.filter(|_| !foreign).map_or_else(bare, Ok)?;
        let tombstone = known.buried(&Deletion { at: now, evidence: None, reason: Reason::Gone });
        if foreign {
            // The key belongs to another issue by now, and so does the file.
            return Ok(Arc::new(tombstone));
        }
        self.write(&record.key, tombstone.into_json(), None).await
    }
}

fn parsed(key: &IssueKey, json: Value) -> Result<Snapshot, Error> {
    Snapshot::from_json(json, &format!("{key}.json")).map_err(|_| Error::NotTheIssue)
}

/// An error with its causes in one line; all of our errors' texts are constant or typed.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
