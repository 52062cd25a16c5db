//! The comparison of ledger, raw, store and tree when a lake is opened, and what follows from it.
//!
//! Contract:
//! - It MUST NOT remove a visible row without a confirmed delete. A visible file that the catalog does
//!   not know is a source of rows: they are adopted before any name changes.
//! - It MUST make every known issue due whose snapshot or rows are lost, in the transaction that
//!   records the loss.
//! - A rebuild from fewer than half of the known issues MUST wait for a person or for the snapshots;
//!   meanwhile the lake is open and its tables stay.
//! - Opening a lake that lost nothing costs the listings of the folders, one read of the catalog and
//!   one read of the issues' records. Contents are read afterwards, at a bounded rate (`snapshots`).
//!
//! In the order of the steps: files that the store lost are linked back from the tree (`relink`);
//! rows that only the tree has are adopted (`sources`, `adopt`); the tables are rebuilt from raw where
//! the catalog does not describe them, or the rebuild is held (`rebuild`, `recovery`); visible names
//! follow the catalog; issues without a snapshot are recorded as lost (`listing`).

mod adopt;
mod leftovers;
mod listing;
mod presence;
mod recovery;
mod relink;
mod snapshots;
mod sources;
mod tend;

use std::collections::BTreeSet;
use std::sync::Arc;

use jira::id::IssueId;

pub use presence::Presence;
pub use recovery::{RECOVERY, Recovery, RecoveryState};

use crate::dimension::Shrink;
use crate::error::{Error, asked};
use crate::open::{Lake, blocking};
use crate::survey::Survey;
use crate::whole::Made;
use sources::Sources;

impl Lake {
    /// Compares everything, repairs what can be repaired from what is here, and records the rest as
    /// lost.
    pub(crate) async fn recover(&self) -> Result<(), Error> {
        let catalog = self.catalog().await?;
        let is_new = catalog.is_empty();
        let is_whole = self.is_whole().await?;
        let (inner, named) = (Arc::clone(&self.inner), catalog.clone());
        let (missing, sources) = blocking(move || {
            inner.clear_leftovers()?;
            let missing = inner.relink(&named)?;
            let sources = Sources::of(&inner, &named, &missing)?;
            Ok((missing, sources))
        })
        .await?;
        let has_to = is_new || !is_whole || !missing.is_empty();
        let mut survey = Survey::default();
        if has_to {
            let inner = Arc::clone(&self.inner);
            survey = blocking(move || Survey::of(&inner.raw, &|_| {})).await?;
        }
        let is_foreign = is_new && survey.is_empty() && sources.issues.is_empty();
        if is_foreign && !sources.is_empty() {
            return Err(Error::Foreign { folder: self.inner.visible.folder.clone() });
        }
        let mut recovery = Recovery::default();
        let (known, readable) = (self.known_issues(&sources).await?, survey.count());
        let is_held = has_to && readable.saturating_mul(2) < known;
        // What a rebuild makes of raw need not be adopted. Without one, all that is visible must be.
        let from_raw = if is_held { BTreeSet::new() } else { sources.left_to(&survey) };
        recovery.adopted = self.adopt(&sources, &catalog, from_raw).await?;
        if is_held {
            self.note(Made::Partly).await?;
            recovery.hold(known, readable);
        } else if has_to {
            recovery.rebuilt = self.make_from_raw(survey, is_new && known > 0).await?;
        }
        let dropped = self.names_follow().await?;
        recovery.lost = self.compare_snapshots().await?;
        self.retire_unnamed().await?;
        if dropped > 0 {
            tracing::warn!(dropped, "{dropped} visible files could not be read and were set aside");
        }
        self.report(recovery).await
    }

    /// How many issues the ledger or the tables know, deleted ones included, as raw has them as well.
    async fn known_issues(&self, sources: &Sources) -> Result<u64, Error> {
        let counts = self.inner.ledger.counts().await.map_err(asked("count the issues"))?;
        Ok((counts.issues + counts.issues_deleted).max(sources.issues.len() as u64))
    }

    /// Rebuilds all tables; returns how many issues raw has.
    async fn make_from_raw(&self, survey: Survey, of_lost_ledger: bool) -> Result<u64, Error> {
        if survey.is_empty() && self.catalog().await?.is_empty() {
            self.note(Made::Whole).await?;
            return Ok(0);
        }
        if of_lost_ledger {
            self.report_running(survey.count()).await?;
        }
        let snapshots = survey.count();
        tracing::info!(
            snapshots,
            "the tables are not whole, making them from {snapshots} raw snapshots"
        );
        let rebuilt = self.rebuild_of(survey, Arc::new(|_| {})).await?;
        for (file, reason) in &rebuilt.unreadable {
            tracing::warn!(file, reason, "a raw snapshot is not readable: {file}: {reason}");
        }
        tracing::info!(issues = rebuilt.issues, "the tables are made");
        Ok(if of_lost_ledger { rebuilt.issues } else { 0 })
    }

    /// Makes the visible names agree with the catalog; returns how many files were set aside.
    async fn names_follow(&self) -> Result<u64, Error> {
        let (catalog, inner) = (self.catalog().await?, Arc::clone(&self.inner));
        blocking(move || {
            let aside = inner.set_aside(&catalog)?;
            for (file, reason) in inner.make_dimensions()? {
                tracing::warn!(file, reason, "a dimension stays as it is: {file}: {reason}");
            }
            inner.show(&catalog).map(|()| aside)
        })
        .await
    }

    /// Rebuilds from raw unless fewer than half of the known issues are readable.
    pub(crate) fn may_rebuild(
        &self,
        survey: &Survey,
        known: u64,
        shrink: Shrink,
    ) -> Result<(), Error> {
        let readable = survey.count();
        if shrink == Shrink::Refuse && readable.saturating_mul(2) < known {
            let folder = self.inner.raw.folder().to_owned();
            return Err(Error::Shrinking { folder, known, readable });
        }
        Ok(())
    }
}

/// Issues, as a set.
pub(crate) type Issues = BTreeSet<IssueId>;
