//! Cursors: how far something that walks has come, kept under its name in the walker's own form.

use crate::{Error, Ledger};

impl Ledger {
    /// The value that was last set under this name.
    pub async fn cursor(&self, name: &str) -> Result<Option<String>, Error> {
        let value = sqlx::query_scalar("SELECT value FROM cursors WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.store.read)
            .await?;
        Ok(value)
    }

    /// Sets the value, durably.
    pub async fn set_cursor(&self, name: &str, value: &str) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        sqlx::query(
            "INSERT INTO cursors (name, value, set_at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, set_at = excluded.set_at",
        )
        .bind(name)
        .bind(value)
        .bind(self.store.clock.now().millis())
        .execute(&mut *tx)
        .await?;
        self.store.finish(tx).await
    }
}
