//! Damage: what a start found wrong with the ledger, kept until jiralake has compared its copy with
//! Jira, and after that for people to read.

use jira::time::Instant;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use crate::{Error, Ledger};

const CURSOR: &str = "ledger.damage";

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DamageKind {
    /// The file was not there.
    Missing,
    /// The file held nothing.
    Empty,
    /// The file was no database, or a check found it malformed: it was moved aside.
    Malformed,
    /// The file was another ledger.
    Foreign,
    /// The end of the ledger was not there: an older copy, or a log that was cut off or removed.
    Behind,
    /// Rows that belong together were not all there.
    Inconsistent,
    /// The mark beside the ledger was not there or unreadable: nobody knows what else is missing.
    Unmarked,
}

impl DamageKind {
    /// What happened, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Missing => "the ledger's file was not there",
            Self::Empty => "the ledger's file was empty",
            Self::Malformed => "the ledger's file was malformed",
            Self::Foreign => "the ledger's file was another ledger",
            Self::Behind => "the end of the ledger was not there",
            Self::Inconsistent => "rows of the ledger were not there",
            Self::Unmarked => "the ledger's mark was not there",
        }
    }
}

/// What a start found wrong with the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerDamage {
    /// What was wrong.
    pub kind: DamageKind,
    /// When it was found, in epoch milliseconds.
    pub found_at: i64,
    /// The first number of a delivery that was acknowledged and may be missing.
    pub seq_missing_from: Option<i64>,
    /// The last such number.
    pub seq_missing_to: Option<i64>,
    /// When the last delivery was acknowledged, as far as the mark knows, in epoch milliseconds.
    pub acknowledged_at: Option<i64>,
    /// The name of the file that the damaged ledger was moved to.
    pub moved_to: Option<String>,
    /// When the copy was compared with Jira, in epoch milliseconds; `None`: that is still to come.
    pub reconciled_at: Option<i64>,
}

impl LedgerDamage {
    /// When it was found.
    pub fn found(&self) -> Option<Instant> {
        Instant::from_millis(self.found_at)
    }

    /// When the copy was compared with Jira.
    pub fn reconciled(&self) -> Option<Instant> {
        self.reconciled_at.and_then(Instant::from_millis)
    }
}

impl Ledger {
    /// Returns the last damage that a start found.
    pub async fn damage(&self) -> Result<Option<LedgerDamage>, Error> {
        let text = self.cursor(CURSOR).await?;
        let damage = text.map(|text| serde_json::from_str(&text)).transpose();
        damage.map_err(|_| Error::unreadable("the record of damage"))
    }

    /// Notes that everything which this damage may have lost was compared with Jira. Damage that was
    /// found since then stays open.
    pub async fn damage_reconciled(&self, damage: &LedgerDamage) -> Result<(), Error> {
        let now = self.store.clock.now().millis();
        let done = LedgerDamage { reconciled_at: Some(now), ..damage.clone() };
        let mut tx = self.store.begin().await?;
        sqlx::query("UPDATE cursors SET value = $3, set_at = $4 WHERE name = $1 AND value = $2")
            .bind(CURSOR)
            .bind(encode(damage)?)
            .bind(encode(&done)?)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        self.store.finish(tx).await
    }
}

/// Records damage in the caller's transaction.
pub(crate) async fn record(tx: &mut SqliteConnection, damage: &LedgerDamage) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO cursors (name, value, set_at) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, set_at = excluded.set_at",
    )
    .bind(CURSOR)
    .bind(encode(damage)?)
    .bind(damage.found_at)
    .execute(tx)
    .await?;
    Ok(())
}

fn encode(damage: &LedgerDamage) -> Result<String, Error> {
    serde_json::to_string(damage).map_err(|_| Error::unreadable("the record of damage"))
}
