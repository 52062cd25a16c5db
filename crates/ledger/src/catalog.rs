//! The catalog: which immutable files make up each table and month. It changes only in a commit.

use std::fmt;

use jira::time::Month;
use sqlx::{Row, SqliteConnection};

use crate::{Error, Ledger};

/// The number of a commit of the lake; grows, and is never given out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(i64);

impl CommitId {
    /// From its number.
    pub fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One immutable file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogFile {
    /// The table's name.
    pub table: String,
    /// The partition.
    pub month: Month,
    /// Which part of the partition it is, from 0.
    pub part: i64,
    /// Where it is, below the store.
    pub path: String,
    /// Its rows.
    pub rows: i64,
    /// Its length.
    pub bytes: i64,
    /// Checksum of its bytes, in hex.
    pub sha256: String,
    /// The commit that made it.
    pub commit: CommitId,
}

impl Ledger {
    /// Every file of the lake as of one commit, by table, month and part.
    pub async fn catalog(&self) -> Result<Vec<CatalogFile>, Error> {
        let rows = sqlx::query("SELECT * FROM catalog ORDER BY table_name, month, part")
            .fetch_all(&self.store.read)
            .await?;
        let files = rows.into_iter().map(|row| {
            let month: &str = row.try_get("month")?;
            Ok(CatalogFile {
                table: row.try_get("table_name")?,
                month: month.parse().map_err(|_| Error::unreadable("a month"))?,
                part: row.try_get("part")?,
                path: row.try_get("path")?,
                rows: row.try_get("rows")?,
                bytes: row.try_get("bytes")?,
                sha256: row.try_get("sha256")?,
                commit: CommitId(row.try_get("commit_id")?),
            })
        });
        files.collect()
    }
}

/// Takes the files of a table and month out of the catalog.
pub(crate) async fn clear(
    tx: &mut SqliteConnection,
    table: &str,
    month: &Month,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM catalog WHERE table_name = $1 AND month = $2")
        .bind(table)
        .bind(month.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

pub(crate) async fn add(tx: &mut SqliteConnection, file: &CatalogFile) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO catalog (table_name, month, part, path, rows, bytes, sha256, commit_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&file.table)
    .bind(file.month.to_string())
    .bind(file.part)
    .bind(&file.path)
    .bind(file.rows)
    .bind(file.bytes)
    .bind(&file.sha256)
    .bind(file.commit.get())
    .execute(tx)
    .await?;
    Ok(())
}
