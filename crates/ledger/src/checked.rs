//! What the last check came to, for the metrics: kept under a cursor, so that the process that
//! serves them need not be the one that checked.

use jira::time::Instant;
use serde::{Deserialize, Serialize};

use crate::{Error, Ledger};

const CURSOR: &str = "told.check";

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// When it began.
    pub at: Instant,
    /// Issues that differ.
    pub differences: u64,
    /// Issues and files that could not be compared.
    pub not_seen: u64,
}

/// The same in the cursor.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    at: i64,
    differences: u64,
    not_seen: u64,
}

impl Ledger {
    /// Keeps what a check came to.
    pub async fn note_check(&self, checked: Checked) -> Result<(), Error> {
        let Checked { at, differences, not_seen } = checked;
        let told = Told { at: at.millis(), differences, not_seen };
        let text = serde_json::to_string(&told).map_err(|_| Error::unreadable("a check"))?;
        self.set_cursor(CURSOR, &text).await
    }

    /// What the last check came to; `None` when there was none.
    pub async fn last_check(&self) -> Result<Option<Checked>, Error> {
        let text = self.cursor(CURSOR).await?;
        let told = text.and_then(|text| serde_json::from_str::<Told>(&text).ok());
        Ok(told.and_then(|Told { at, differences, not_seen }| {
            Some(Checked { at: Instant::from_millis(at)?, differences, not_seen })
        }))
    }
}
