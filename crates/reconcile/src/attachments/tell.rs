//! Tells snapshots and tables what became of attachments, and puts the files where they belong.
//!
//! An issue is claimed before it is read, so that no look comes in between; one that is in hand, or
//! about to be, is told by a later pass.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jira::id::{AttachmentId, IssueId, IssueKey, Subject};
use ledger::{Attachment, Finished, Source, State, Work};
use serde_json::{Map, Value, json};
use tracing::warn;
use transform::Snapshot;

use super::{Downloads, TOGETHER};
use crate::Error;
use crate::assemble::fill_attachments;
use crate::look::{chain, write};

/// Longer than telling may take.
const LEASE: Duration = Duration::from_secs(1800);

impl Downloads {
    /// Tells all that is untold and not in hand; answers how many issues.
    pub(super) async fn tell_all(&self) -> Result<u64, Error> {
        let (mut told, mut after) = (0, None);
        loop {
            let page = self.ledger.untold_attachments(after, TOGETHER).await?;
            let Some(last) = page.last() else { return Ok(told) };
            after = Some(*last);
            told += self.tell(&page).await?;
        }
    }

    /// Tells some issues in one commit. Whatever goes wrong, those that were claimed are looked at.
    async fn tell(&self, issues: &[IssueId]) -> Result<u64, Error> {
        let until = self.clock.now().plus(LEASE);
        let claimed = self.ledger.claim(issues, Source::Later, until).await?;
        let told = self.tell_claimed(&claimed).await;
        if told.is_err() {
            let now = self.clock.now();
            for work in &claimed {
                self.ledger.defer(work, now).await?;
            }
        }
        told
    }

    async fn tell_claimed(&self, claimed: &[Work]) -> Result<u64, Error> {
        let (mut changes, mut finished) = (Vec::new(), Vec::new());
        for work in claimed {
            let Subject::Id(id) = work.subject else { continue };
            match self.tell_one(id).await {
                Ok(change) => {
                    changes.extend(change);
                    let (subject, version) = (work.subject.clone(), work.version);
                    finished.push(Finished { subject, version, again: None });
                }
                // The snapshot is not there or not readable: a whole look makes a new one.
                Err(error @ (Error::NotTheIssue | Error::Lake(lake::Error::Unreadable { .. }))) => {
                    let cause = chain(&error);
                    warn!(issue.id = %id, "issue {id} cannot be told of its attachments: {cause}");
                    self.ledger.retry(work, self.clock.now(), &cause).await?;
                }
                Err(error) => return Err(error),
            }
        }
        let told = changes.len() as u64;
        if !finished.is_empty() {
            self.lake.commit(changes, finished).await?;
        }
        Ok(told)
    }

    /// `None`: there is no such issue any more.
    async fn tell_one(&self, id: IssueId) -> Result<Option<Arc<Snapshot>>, Error> {
        let record = self.ledger.issue(&Subject::Id(id)).await?;
        let Some(record) = record.filter(|record| record.deleted_at.is_none()) else {
            return Ok(None);
        };
        let known = self.lake.read_raw(&record.key).await?.filter(|known| known.id() == id);
        let mut json = known.map(Snapshot::into_json).ok_or(Error::NotTheIssue)?;
        self.put_in_place(id, &record.key).await?;
        let listed = self.ledger.attachments_of(id).await?;
        let became: Map<String, Value> = listed.iter().filter_map(said).collect();
        fill_attachments(&mut json, became, self.clock.now());
        write(&self.lake, (&record.key, None), json).await.map(Some)
    }

    /// Every stored file below the issue's present key; none of what is not listed any more.
    async fn put_in_place(&self, id: IssueId, key: &IssueKey) -> Result<(), Error> {
        let here = self.lake.attachment_files(key).await?;
        for gone in self.ledger.unlisted_attachments(id).await? {
            if let Some(file) = here.get(&gone) {
                self.lake.remove_attachment(file).await?;
            }
            self.ledger.attachment_removed(gone).await?;
        }
        let mut elsewhere = None;
        for one in self.ledger.attachments_of(id).await? {
            if one.bytes.state != State::Stored || here.contains_key(&one.id) {
                continue;
            }
            if elsewhere.is_none() {
                elsewhere = Some(self.below_former_keys(id).await?);
            }
            match elsewhere.as_ref().and_then(|files| files.get(&one.id)) {
                Some(file) => self.lake.move_attachment(file, key).await?,
                None => {
                    warn!(attachment.id = %one.id, issue.key = %key, "the file of attachment {} is not there: it is downloaded again", one.id);
                    self.ledger.attachment_lost(one.id).await?;
                }
            }
        }
        Ok(())
    }

    /// What came while the issue moved.
    async fn below_former_keys(
        &self,
        id: IssueId,
    ) -> Result<BTreeMap<AttachmentId, PathBuf>, Error> {
        let mut files = BTreeMap::new();
        for key in self.ledger.former_keys(id).await? {
            for (id, file) in self.lake.attachment_files(&key).await? {
                files.entry(id).or_insert(file);
            }
        }
        Ok(files)
    }
}

/// What a snapshot says of an attachment; nothing of one that nobody has tried.
fn said(one: &Attachment) -> Option<(String, Value)> {
    let bytes = &one.bytes;
    if *bytes == ledger::Bytes::UNTRIED {
        return None;
    }
    let said = json!({
        "state": bytes.state.as_str(), "sha256": bytes.sha256, "media_id": bytes.media_id,
        "reason": bytes.reason,
    });
    Some((one.id.to_string(), said))
}
