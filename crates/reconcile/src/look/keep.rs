//! From what was fetched to a raw snapshot on disk and a change for the commit.

use std::sync::Arc;

use jira::id::{IssueId, IssueKey, Subject};
use jira::time::Instant;
use lake::Lake;
use ledger::{Again, IssueRecord, Source, Work};
use serde_json::Value;
use tracing::warn;
use transform::Snapshot;

use super::{Looked, Looker};
use crate::Error;
use crate::assemble::{Assembled, Origin, assemble};
use crate::fetch::Fetched;
use crate::part::Retry;

impl Looker {
    /// Completes what was fetched with what is known, and writes it.
    pub(super) async fn take_in(&self, work: &Work, fetched: Fetched) -> Result<Looked, Error> {
        let id = fetched.id;
        self.unknown.look_at(id, &fetched.issue);
        let record = self.ledger.issue(&Subject::Id(id)).await?;
        let known_key = record.as_ref().map_or_else(|| fetched.key.clone(), |r| r.key.clone());
        let mut known = self.known(id, &known_key).await;
        if matches!(known, Ok(None)) && known_key != fetched.key {
            // It moved, and the run that renamed the snapshot died before its commit.
            known = self.known(id, &fetched.key).await;
        }
        let origin = Origin { now: self.clock.now(), source: work.source.name() };
        let made = assemble(fetched, known.as_ref().ok().and_then(Option::as_ref), origin)?;
        if let (Err(unreadable), true) = (known, made.leans_on_known) {
            return Err(Error::LastUnreadable(unreadable));
        }
        let again = self.again(work, &made, origin.now);
        let key = made.key.clone();
        let change = self.keep(made, record.as_ref(), origin.now).await?;
        Ok(Looked { change, key, again })
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
                Some(record) => self.bury(record, now, None).await.map(Some),
                None => Ok(None),
            };
        }
        let previous = record.map(|record| record.key.clone());
        let moved = (&made.key, previous.as_ref());
        write(&self.lake, moved, made.json).await.map(Some)
    }

    /// The last snapshot of this very issue, if there is one.
    pub(super) async fn known(
        &self,
        id: IssueId,
        key: &IssueKey,
    ) -> Result<Option<Value>, lake::Error> {
        let known = self.lake.read_raw(key).await?;
        Ok(known.filter(|known| known.id() == id).map(Snapshot::into_json))
    }

    /// Another look for the parts that may still come.
    fn again(&self, work: &Work, made: &Assembled, now: Instant) -> Option<Again> {
        let reasons: Vec<&str> = made.again.iter().map(|(_, reason, _)| reason.as_str()).collect();
        if reasons.is_empty() {
            return None;
        }
        let reason = reasons.join("; ");
        if made.again.iter().all(|(_, _, retry)| *retry == Retry::Later) {
            return Some(Again { due: now, reason, source: Source::Later });
        }
        warn!(issue.id = %made.id, issue.key = %made.key, "{} is incomplete: {reason}", made.key);
        let wait = self.limits.back_off.after(work.attempts, rand::random());
        Some(Again { due: now.plus(wait), reason, source: work.source })
    }
}

/// Writes a snapshot under its key, in the place of the one under its previous key.
pub(crate) async fn write(
    lake: &Lake,
    (key, previous): (&IssueKey, Option<&IssueKey>),
    json: Value,
) -> Result<Arc<Snapshot>, Error> {
    let bytes = serde_json::to_vec(&json).map_err(|_| Error::NotTheIssue)?;
    let snapshot = Arc::new(parsed(key, json)?);
    lake.write_raw(key, bytes, previous).await?;
    Ok(snapshot)
}

pub(super) fn parsed(key: &IssueKey, json: Value) -> Result<Snapshot, Error> {
    Snapshot::from_json(json, &format!("{key}.json")).map_err(|_| Error::NotTheIssue)
}
