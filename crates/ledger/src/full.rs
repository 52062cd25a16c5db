//! A full disk is a state: it begins with a write that found no space and ends with one that
//! succeeded. While it lasts a write is tried again and again, so that it ends without traffic.

use std::time::Duration;

use jira::time::Instant;
use tokio::sync::watch;

use crate::open::Store;
use crate::{Error, Ledger};

/// Between two tries.
pub(crate) const TRY_EVERY: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 2_000 });
/// The row that the tries write, among the cursors.
const ROW: &str = "ledger.space";

/// Since when there is no space.
#[derive(Debug)]
pub(crate) struct FullDisk(watch::Sender<Option<Instant>>);

impl Default for FullDisk {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl FullDisk {
    /// A write found no space.
    pub(crate) fn begins(&self, now: Instant) {
        let has_begun = self.0.send_if_modified(|since| {
            let begins = since.is_none();
            since.get_or_insert(now);
            begins
        });
        if has_begun {
            tracing::error!(
                "no space left for the ledger: deliveries are refused until there is some"
            );
        }
    }

    /// A write succeeded.
    pub(crate) fn ends(&self) {
        // The usual case takes no lock for writing.
        if self.0.borrow().is_some() && self.0.send_replace(None).is_some() {
            tracing::info!("there is space for the ledger again");
        }
    }

    /// A receiver of the state, which changes when it begins and ends.
    pub(crate) fn changes(&self) -> watch::Receiver<Option<Instant>> {
        self.0.subscribe()
    }

    fn since(&self) -> Option<Instant> {
        *self.0.borrow()
    }
}

impl Ledger {
    /// Since when the ledger has no space; deliveries get [`Error::Full`] meanwhile.
    pub fn full_since(&self) -> Option<Instant> {
        self.store.full.since()
    }
}

/// Tries a write.
pub(crate) async fn probe(store: &Store) {
    match write(store).await.map_err(|error| store.note(error)) {
        Ok(()) | Err(Error::Full(_)) => {}
        Err(error) => tracing::warn!("the space for the ledger cannot be tried: {error}"),
    }
}

/// As much as a delivery needs, and then nothing: less might find space where a delivery finds none.
async fn write(store: &Store) -> Result<(), Error> {
    for kib in [64_i64, 0] {
        if store.failed().is_some() {
            return Ok(());
        }
        let mut tx = store.begin().await?;
        sqlx::query(
            "INSERT INTO cursors (name, value, set_at) VALUES ($1, hex(zeroblob(512 * $2)), $3)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, set_at = excluded.set_at",
        )
        .bind(ROW)
        .bind(kib)
        .bind(store.clock.now().millis())
        .execute(&mut *tx)
        .await?;
        store.finish(tx).await?;
    }
    Ok(())
}
