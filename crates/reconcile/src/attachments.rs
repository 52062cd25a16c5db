//! Attachments: their bytes are downloaded apart from looks, a bounded number side by side, and then
//! snapshots and rows are told, with one commit for many issues.
//!
//! Promises: a file has its name only when it is whole, as long as Jira says and durable; what was
//! not Jira's fault or the file's marks nothing; a pass that breaks off costs at most what it was
//! downloading. There is one at a time: the job's, or that of a command that has the lake.
//!
//! A file of an attachment that Jira does not list any more is removed when its issue is told next;
//! the files of a deleted issue stay with its snapshot.

mod download;
mod tell;

use futures::{FutureExt, StreamExt};
use jira::client::Client;
use jira::time::Clock;
use lake::Lake;
use ledger::{Attachment, Ledger};
use serde::Serialize;
use tracing::info;

use crate::Error;
use crate::policy::BackOff;

/// Attachments that are downloaded before their issues are told.
const TOGETHER: u32 = 100;

/// Downloads attachments. Cheap to clone.
#[derive(Clone)]
pub struct Downloads {
    /// The account that may read them, at the lowest priority.
    pub client: Client,
    /// What is to be downloaded.
    pub ledger: Ledger,
    /// Where it goes.
    pub lake: Lake,
    /// The time.
    pub clock: Clock,
    /// Waits after failures.
    pub back_off: BackOff,
    /// The bounds.
    pub bounds: Bounds,
}

/// How much is downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Downloads side by side.
    pub parallel: usize,
    /// A larger file is not downloaded.
    pub most_bytes: u64,
}

/// What a pass did, by attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Downloaded {
    /// The bytes are on disk.
    pub stored: u64,
    /// They are more than may be downloaded.
    pub too_large: u64,
    /// They are not to be had.
    pub failed: u64,
    /// They are tried again later.
    pub again: u64,
    /// Issues whose tables say it.
    pub told: u64,
}

/// How one download ended, for the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Stored,
    TooLarge,
    Failed,
    Again,
    /// Jira asks for a pause: nothing is marked, and the pass ends.
    Rest,
}

impl Downloads {
    /// Downloads all that is due, and tells.
    pub async fn pass(&self) -> Result<Downloaded, Error> {
        self.ledger.attachments_fit(self.bounds.most_bytes).await?;
        let mut done = Downloaded::default();
        let mut is_known = false;
        loop {
            let due = self.ledger.due_attachments(TOGETHER).await?;
            if !due.is_empty() && !is_known {
                // Without it an answer to an anonymous caller would look like a deletion.
                self.client.identify().await?;
                is_known = true;
            }
            let rests = self.download_all(&due, &mut done).await;
            // Also after trouble: what has come is told.
            done.told += self.tell_all().await?;
            if due.is_empty() || rests? {
                break;
            }
        }
        let Downloaded { stored, too_large, failed, again, told } = done;
        if stored + too_large + failed + again + told > 0 {
            info!(
                stored,
                too_large,
                failed,
                again,
                told,
                "attachments: {stored} stored, {too_large} too large, {failed} failed, {again} to be tried again"
            );
        }
        Ok(done)
    }

    /// Downloads side by side; answers whether Jira asked for a pause. Whatever ends it early, the
    /// downloads that are under way are dropped: they leave nothing.
    async fn download_all(&self, due: &[Attachment], done: &mut Downloaded) -> Result<bool, Error> {
        let downloads: Vec<_> = due.iter().map(|one| self.download(one).boxed()).collect();
        let mut ended = futures::stream::iter(downloads).buffer_unordered(self.bounds.parallel);
        while let Some(came) = ended.next().await {
            match came? {
                Came::Stored => done.stored += 1,
                Came::TooLarge => done.too_large += 1,
                Came::Failed => done.failed += 1,
                Came::Again => done.again += 1,
                Came::Rest => return Ok(true),
            }
        }
        Ok(false)
    }
}
