//! The report of a recovery: what the comparison found and did, kept in the ledger for `/readyz` and
//! `doctor`.

use ledger::Ledger;
use serde::{Deserialize, Serialize};

use crate::error::{Error, asked};
use crate::open::Lake;

/// The cursor with the report of the last recovery, as JSON.
pub const RECOVERY: &str = "lake.recovery";

/// How far a recovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryState {
    /// Nothing was lost, or all of it is back.
    #[default]
    Ok,
    /// The ledger was lost and is being rebuilt from the raw snapshots.
    Rebuilding,
    /// Fewer than half of the known issues have a readable snapshot: the rebuild waits for them, or
    /// for `jiralake transform --may-shrink`.
    Held,
    /// Lost parts are being fetched from Jira.
    Fetching,
}

/// What the last comparison of ledger, raw, store and tree found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recovery {
    /// How far it is.
    pub state: RecoveryState,
    /// Issues that the ledger or the tables have; 0 unless a rebuild is held.
    pub known: u64,
    /// Those of them with a readable snapshot; 0 unless a rebuild is held.
    pub readable: u64,
    /// Issues that the ledger had lost and that were adopted from the visible tables.
    pub adopted: u64,
    /// Issues whose snapshots were found to be lost.
    pub lost: u64,
    /// Issues whose records were rebuilt from raw because the ledger had none.
    pub rebuilt: u64,
    /// When it was noted, in milliseconds since 1970.
    pub at: i64,
}

impl Recovery {
    /// Returns the report of the last comparison; `None` when there was none.
    pub async fn of(ledger: &Ledger) -> Result<Option<Self>, ledger::Error> {
        let text = ledger.cursor(RECOVERY).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub(super) fn hold(&mut self, known: u64, readable: u64) {
        (self.state, self.known, self.readable) = (RecoveryState::Held, known, readable);
        tracing::error!(
            known,
            readable,
            "the rebuild is held: only {readable} of {known} known issues have a readable snapshot. \
             The tables stay as they are, the snapshots are fetched again, and the rebuild goes ahead \
             when half of them are back; `jiralake transform --may-shrink` makes it go ahead now"
        );
    }
}

impl Lake {
    /// Keeps the report of a comparison.
    pub(super) async fn report(&self, mut recovery: Recovery) -> Result<(), Error> {
        let Recovery { adopted, lost, rebuilt, .. } = recovery;
        if adopted + lost + rebuilt > 0 {
            tracing::warn!(
                adopted,
                lost,
                rebuilt,
                "data was lost: {lost} issues lack a snapshot, {adopted} were adopted from the visible tables, the records of {rebuilt} were rebuilt from raw; what is lost is fetched again"
            );
            if recovery.state == RecoveryState::Ok {
                recovery.state = RecoveryState::Fetching;
            }
        }
        let before = Recovery::of(&self.inner.ledger).await.map_err(asked("read a report"))?;
        if recovery == Recovery::default() && before.is_none() {
            return Ok(());
        }
        self.keep(recovery).await
    }

    /// Notes that the ledger is being rebuilt.
    pub(super) async fn report_running(&self, known: u64) -> Result<(), Error> {
        let state = RecoveryState::Rebuilding;
        self.keep(Recovery { state, known, ..Recovery::default() }).await
    }

    /// Notes that a rebuild was made, whatever held it.
    pub(crate) async fn release_hold(&self) -> Result<(), Error> {
        let recovery = Recovery::of(&self.inner.ledger).await.map_err(asked("read a report"))?;
        match recovery.filter(|recovery| recovery.state == RecoveryState::Held) {
            Some(held) => self.keep(Recovery { state: RecoveryState::Fetching, ..held }).await,
            None => Ok(()),
        }
    }

    pub(super) async fn keep(&self, recovery: Recovery) -> Result<(), Error> {
        let recovery = Recovery { at: self.inner.clock.now().millis(), ..recovery };
        let text = serde_json::to_string(&recovery).unwrap_or_default();
        self.inner.ledger.set_cursor(RECOVERY, &text).await.map_err(asked("note a recovery"))
    }
}
