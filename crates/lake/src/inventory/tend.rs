//! The lake's own work beside the loop: a rebuild that is held goes ahead when it may, replaced files
//! go after their grace, leftovers go, and snapshots are verified.

use std::sync::Arc;
use std::time::Duration;

use crate::dimension::Shrink;
use crate::error::{Error, asked};
use crate::open::{Lake, blocking};
use crate::raw::chain;

use super::recovery::{Recovery, RecoveryState};

/// Between two looks at whether a held rebuild may go ahead, and at replaced files.
const TICK: Duration = Duration::from_secs(2);

/// Between two sweeps of leftovers.
const SWEEP: Duration = Duration::from_secs(3600);

/// Between two verifications of all snapshots.
const VERIFY: Duration = Duration::from_secs(24 * 3600);

/// After a failure of one of these.
const RETRY: Duration = Duration::from_secs(60);

impl Lake {
    /// Tends the lake; without end. The caller drops it to stop.
    pub async fn tend(&self) {
        tokio::join!(self.verify_always(), self.sweep_always(), self.tick_always());
    }

    async fn verify_always(&self) {
        loop {
            let wait = match self.verify_snapshots().await {
                Ok(found) => {
                    tracing::debug!(found, "the raw snapshots were verified");
                    VERIFY
                }
                Err(error) => {
                    tracing::warn!("the raw snapshots could not be verified: {}", chain(&error));
                    RETRY
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn sweep_always(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let inner = Arc::clone(&self.inner);
            match blocking(move || inner.sweep_old()).await {
                Ok(0) => {}
                Ok(swept) => tracing::info!(swept, "removed {swept} old temporary files"),
                Err(error) => tracing::warn!("leftovers could not be swept: {}", chain(&error)),
            }
        }
    }

    async fn tick_always(&self) {
        loop {
            tokio::time::sleep(TICK).await;
            self.inner.writing.lock().await.retired.remove_old(self.inner.clock.now());
            if let Err(error) = self.progress().await {
                tracing::warn!("the recovery of the lake waits: {}", chain(&error));
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// Brings a recovery further: a held rebuild goes ahead, and a fetch that is done is noted.
    pub(crate) async fn progress(&self) -> Result<(), Error> {
        let recovery = Recovery::of(&self.inner.ledger).await.map_err(asked("read a report"))?;
        let Some(recovery) = recovery else { return Ok(()) };
        match recovery.state {
            RecoveryState::Ok | RecoveryState::Rebuilding => Ok(()),
            RecoveryState::Held => self.go_ahead(recovery).await,
            RecoveryState::Fetching => {
                let counts = self.inner.ledger.counts().await.map_err(asked("count the issues"))?;
                if counts.issues_lost > 0 {
                    return Ok(());
                }
                tracing::info!("what was lost is here again");
                self.keep(Recovery { state: RecoveryState::Ok, ..recovery }).await
            }
        }
    }

    async fn go_ahead(&self, recovery: Recovery) -> Result<(), Error> {
        let inner = Arc::clone(&self.inner);
        let there = blocking(move || inner.raw.files()).await?.len() as u64;
        if there.saturating_mul(2) < recovery.known {
            return Ok(());
        }
        match self.rebuild_with(|_| {}, Shrink::Refuse).await {
            Ok(rebuilt) => {
                tracing::info!(issues = rebuilt.issues, "the rebuild that was held is done");
                Ok(())
            }
            Err(Error::Shrinking { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
