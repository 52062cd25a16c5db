//! After a failure: `policy` decides, this carries it out. Also how an issue is found to be gone.

use std::sync::Arc;
use std::time::Duration;

use jira::id::{IssueId, Subject};
use jira::time::Instant;
use ledger::{IssueRecord, Ledger, Verdict, Work};
use serde_json::json;
use tracing::{info, warn};
use transform::{Deletion, Evidence, Reason, Snapshot};

use super::keep::{parsed, write};
use super::{Looker, Ready, Seen};
use crate::Error;
use crate::policy::{Last, Next, Past, after_failure};

/// Proven 404s in a row after which an issue is gone.
const PROOFS: u32 = 2;

impl Looker {
    /// What `policy` says after a failure.
    pub(super) async fn settle(
        &self,
        work: Work,
        error: &Error,
        took: Duration,
    ) -> Result<Seen, Error> {
        let back_off = self.limits.back_off;
        let cause = chain(error);
        let same = work.last_error.as_deref() == Some(cause.as_str());
        let last = if same { Last::Same } else { Last::Other };
        let past = Past { failures: work.attempts, last };
        let next = after_failure(error, past, back_off, rand::random());
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
        match record.filter(|record| record.deleted_at.is_none()) {
            Some(record) => self.gone(work, &record, took).await,
            None => Ok(Seen::Ready(Box::new(Ready {
                work,
                change: None,
                again: None,
                key: None,
                took,
            }))),
        }
    }

    /// Proven to be gone: its rows leave, unless too many have left.
    async fn gone(&self, work: Work, record: &IssueRecord, took: Duration) -> Result<Seen, Error> {
        if self.ledger.may_disappear(record.id).await? == Verdict::Stay {
            let (reason, remedy) = Ledger::held_by_breaker();
            self.ledger.park(&work, reason, remedy).await?;
            return Ok(Seen::Settled);
        }
        let evidence = if work.deleted_hint { Evidence::Webhook } else { Evidence::Census };
        let change = match self.bury(record, self.clock.now(), Some(evidence)).await {
            Ok(change) => Some(change),
            Err(Error::Lake(unreadable @ lake::Error::Unreadable { .. })) => {
                // Jira has proven the deletion and can give the snapshot no more. Left in its place,
                // the file would block every rebuild of its month for good.
                let (key, cause) = (&record.key, chain(&unreadable));
                warn!(issue.id = %record.id, issue.key = %key, "{key} is gone from Jira, keeping its unreadable snapshot under a hidden name: {cause}");
                self.lake.set_raw_aside(key).await?;
                Some(self.bury(record, self.clock.now(), Some(evidence)).await?)
            }
            Err(error) => return Err(error),
        };
        let key = record.key.clone();
        told_gone(record.id, &key);
        Ok(Seen::Ready(Box::new(Ready { work, change, again: None, key: Some(key), took })))
    }

    /// The raw snapshot becomes a tombstone; the rows leave. Without evidence it is not known to be
    /// deleted: it only is not kept any more.
    pub(super) async fn bury(
        &self,
        record: &IssueRecord,
        now: Instant,
        evidence: Option<Evidence>,
    ) -> Result<Arc<Snapshot>, Error> {
        let there = self.lake.read_raw(&record.key).await?;
        let foreign = there.as_ref().is_some_and(|there| there.id() != record.id);
        // Without a snapshot the tombstone still says whose it is.
        let bare = || {
            let json = json!({"id": record.id, "key": record.key, "fields": {}});
            parsed(&record.key, json)
        };
        let known = there.filter(|_| !foreign).map_or_else(bare, Ok)?;
        let reason = match evidence {
            Some(Evidence::Webhook) => Reason::Deleted,
            Some(Evidence::Census) | None => Reason::Gone,
        };
        let tombstone = known.buried(&Deletion { at: now, evidence, reason });
        if foreign {
            // The key belongs to another issue by now, and so does the file.
            return Ok(Arc::new(tombstone));
        }
        write(&self.lake, (&record.key, None), tombstone.into_json()).await
    }
}

fn told_gone(id: IssueId, key: &jira::id::IssueKey) {
    info!(issue.id = %id, issue.key = %key, "{key} is gone from Jira: its rows leave");
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
