//! The contents of the raw snapshots against the ledger's records, in the background and at a bounded
//! rate: torn, of another issue, older than the record, or unknown to the ledger.
//!
//! A finding is looked at twice, because the loop writes snapshots meanwhile. Issues with work are left
//! to the loop.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jira::id::IssueId;
use ledger::{IssueRecord, Loss, SnapshotRecord};
use transform::{Arena, Snapshot};

use crate::commit::record;
use crate::error::{Error, asked};
use crate::open::{Inner, Lake, blocking};
use crate::scan::scan;

/// Snapshots that are read together.
const SNAPSHOTS_AT_ONCE: u32 = 64;

/// The pause after them: at most some 600 snapshots a second, which leaves the disk to everything else.
const PAUSE: Duration = Duration::from_millis(100);

impl Lake {
    /// Reads every snapshot once. Returns how many issues were found to be lost or unknown.
    pub(crate) async fn verify_snapshots(&self) -> Result<u64, Error> {
        let (mut after, mut found): (Option<IssueId>, u64) = (None, 0);
        let mut known = HashSet::new();
        loop {
            let page = self.inner.ledger.snapshots_after(after, SNAPSHOTS_AT_ONCE).await;
            let page = page.map_err(asked("list the issues"))?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            known.extend(page.iter().map(|record| record.raw_file.clone()));
            found += self.verify_page(page).await?;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(found + self.adopt_unknown(known).await?)
    }

    async fn verify_page(&self, page: Vec<SnapshotRecord>) -> Result<u64, Error> {
        let inner = Arc::clone(&self.inner);
        let suspects = blocking(move || Ok(inner.lost_among(page))).await?;
        let Some((first, _)) = suspects.first() else { return Ok(0) };
        // Again, with records of now: a commit may have come in between.
        let ids: HashSet<IssueId> = suspects.iter().map(|(id, _)| *id).collect();
        let before = IssueId::new(first.get() - 1).ok();
        let page = self.inner.ledger.snapshots_after(before, SNAPSHOTS_AT_ONCE).await;
        let mut page = page.map_err(asked("list the issues"))?;
        page.retain(|record| ids.contains(&record.id));
        let inner = Arc::clone(&self.inner);
        let lost = blocking(move || Ok(inner.lost_among(page))).await?;
        for (id, loss) in &lost {
            tracing::warn!(issue.id = %id, %loss, "the snapshot of issue {id} is lost ({loss}), it is fetched again");
        }
        self.inner.ledger.record_loss(&lost).await.map_err(asked("record what is lost"))
    }

    /// Adopts issues whose snapshots are here and that the ledger does not know.
    async fn adopt_unknown(&self, known: HashSet<String>) -> Result<u64, Error> {
        let inner = Arc::clone(&self.inner);
        let files = blocking(move || inner.raw.files()).await?;
        let files = files.into_iter().filter(|file| !known.contains(file)).collect::<Vec<_>>();
        let mut found = 0;
        for some in files.chunks(SNAPSHOTS_AT_ONCE as usize) {
            let (inner, some) = (Arc::clone(&self.inner), some.to_vec());
            let records = blocking(move || Ok(inner.records_of(&some))).await?;
            let ids: Vec<_> = records.iter().map(|record| record.id).collect();
            let known = self.inner.ledger.known(&ids).await.map_err(asked("find issues"))?;
            let mut unknown = Vec::new();
            for record in records.into_iter().filter(|record| !known.contains_key(&record.id)) {
                // A new issue's snapshot is there before its first commit; its work is there as well.
                let subject = jira::id::Subject::Id(record.id);
                let due = self.inner.ledger.still_due(std::slice::from_ref(&subject)).await;
                if due.map_err(asked("list the work"))?.is_empty() {
                    unknown.push(record);
                }
            }
            found += self.inner.ledger.adopt(&unknown).await.map_err(asked("adopt issues"))?;
            tokio::time::sleep(PAUSE).await;
        }
        if found > 0 {
            tracing::warn!(
                found,
                "{found} issues have snapshots and no record, they are fetched again"
            );
        }
        Ok(found)
    }
}

impl Inner {
    /// The losses among some records, by what their files contain.
    fn lost_among(&self, records: Vec<SnapshotRecord>) -> Vec<(IssueId, Loss)> {
        let own =
            |record: &SnapshotRecord| !record.deleted && !record.in_work && !record.key_in_doubt;
        let lost = records.into_iter().filter(own);
        lost.filter_map(|record| Some((record.id, self.loss_of(&record)?))).collect()
    }

    fn loss_of(&self, record: &SnapshotRecord) -> Option<Loss> {
        let bytes = match self.raw.bytes(&record.raw_file) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Some(Loss::RawMissing),
            Err(_) => return Some(Loss::RawUnreadable),
        };
        let Ok(entry) = scan(&bytes, &record.raw_file) else { return Some(Loss::RawUnreadable) };
        if entry.id != record.id {
            return Some(Loss::RawForeign);
        }
        if entry.deleted_at.is_some() {
            // A deletion that the ledger does not know.
            return Some(Loss::RecordMissing);
        }
        // A snapshot that is newer than its record, and no work that would bring them together: the
        // ledger is an older one.
        match entry.newness {
            Some(newness) if newness < record.synced_at => Some(Loss::RawOlder),
            Some(newness) if newness > record.synced_at => Some(Loss::RecordMissing),
            _ => None,
        }
    }

    /// The records that readable snapshots give.
    fn records_of(&self, files: &[String]) -> Vec<IssueRecord> {
        let mut records = Vec::new();
        for file in files {
            let Ok(Some(bytes)) = self.raw.bytes(file) else { continue };
            if let Ok(snapshot) = Snapshot::parse(&bytes, file) {
                let arena = Arena::new();
                records.push(record(&snapshot.view(&arena), (&self.mapping, self.clock.now())));
            }
        }
        records
    }
}
