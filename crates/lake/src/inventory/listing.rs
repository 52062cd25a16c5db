//! The names in the raw folder against the ledger's records: one listing, one read of the records.

use std::collections::HashSet;
use std::sync::Arc;

use jira::id::IssueId;
use ledger::Loss;

use crate::error::{Error, asked};
use crate::open::{Lake, blocking};

/// Records in one question.
const RECORDS_AT_ONCE: u32 = 5000;

impl Lake {
    /// Records every issue as lost whose snapshot is not there as a regular file. Returns how many
    /// were not lost before.
    pub(crate) async fn compare_snapshots(&self) -> Result<u64, Error> {
        let inner = Arc::clone(&self.inner);
        let listing = blocking(move || inner.raw.list()).await?;
        let there: HashSet<&str> = listing.snapshots.iter().map(String::as_str).collect();
        let odd: HashSet<&str> = listing.unreadable.iter().map(|(name, _)| name.as_str()).collect();
        for (name, reason) in &listing.unreadable {
            tracing::warn!(
                name,
                reason,
                "the raw folder contains what cannot be a snapshot: {name}: {reason}"
            );
        }
        let (mut after, mut new): (Option<IssueId>, u64) = (None, 0);
        loop {
            let page = self.inner.ledger.snapshots_after(after, RECORDS_AT_ONCE).await;
            let page = page.map_err(asked("list the issues"))?;
            let Some(last) = page.last() else { return Ok(new) };
            after = Some(last.id);
            let is_lost = |name: &str| match (there.contains(name), odd.contains(name)) {
                (true, _) => None,
                (false, true) => Some(Loss::RawUnreadable),
                (false, false) => Some(Loss::RawMissing),
            };
            // A key in doubt is another issue's by now, and its own issue is due already.
            let own = page.iter().filter(|record| !record.deleted && !record.key_in_doubt);
            let losses = own.filter_map(|record| Some((record.id, is_lost(&record.raw_file)?)));
            let losses = losses.collect::<Vec<_>>();
            let recorded = self.inner.ledger.record_loss(&losses).await;
            new += recorded.map_err(asked("record what is lost"))?;
        }
    }
}
