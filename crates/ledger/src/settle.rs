//! What becomes of deliveries, in one place: each subject of a delivery has an outcome, and the
//! delivery's own outcome is always what those make together.
//!
//! Every function changes subjects and then brings the deliveries they belong to up to date, in the
//! caller's transaction; so the counts add up for every reader at any moment (G2).

use sqlx::SqliteConnection;

use crate::Error;

/// A look that started after hint `version` is in the lake: the newest hint it covers is applied,
/// the older ones are superseded by it.
pub(crate) async fn applied(
    tx: &mut SqliteConnection,
    subject: &str,
    version: i64,
) -> Result<(), Error> {
    let newest: Option<i64> = sqlx::query_scalar(
        "SELECT MAX(version) FROM delivery_subjects
         WHERE subject = $1 AND version <= $2 AND outcome IN ('pending', 'parked')",
    )
    .bind(subject)
    .bind(version)
    .fetch_one(&mut *tx)
    .await?;
    let Some(newest) = newest else { return Ok(()) };
    let changed = sqlx::query_scalar(
        "UPDATE delivery_subjects SET reason = NULL,
             outcome = CASE WHEN version = $3 THEN 'applied' ELSE 'superseded' END
         WHERE subject = $1 AND version <= $2 AND outcome IN ('pending', 'parked')
         RETURNING seq",
    )
    .bind(subject)
    .bind(version)
    .bind(newest)
    .fetch_all(&mut *tx)
    .await?;
    refresh(tx, &changed).await
}

/// The subject's open deliveries wait for a person.
pub(crate) async fn parked(
    tx: &mut SqliteConnection,
    subject: &str,
    reason: &str,
) -> Result<(), Error> {
    let changed = sqlx::query_scalar(
        "UPDATE delivery_subjects SET outcome = 'parked', reason = $2
         WHERE subject = $1 AND outcome = 'pending' RETURNING seq",
    )
    .bind(subject)
    .bind(reason)
    .fetch_all(&mut *tx)
    .await?;
    refresh(tx, &changed).await
}

/// The subject's parked deliveries will be looked at after all.
pub(crate) async fn reopen(tx: &mut SqliteConnection, subject: &str) -> Result<(), Error> {
    let changed = sqlx::query_scalar(
        "UPDATE delivery_subjects SET outcome = 'pending', reason = NULL
         WHERE subject = $1 AND outcome = 'parked' RETURNING seq",
    )
    .bind(subject)
    .fetch_all(&mut *tx)
    .await?;
    refresh(tx, &changed).await
}

/// A person took the subject out of the work: its parked deliveries stay parked for good.
pub(crate) async fn dropped(
    tx: &mut SqliteConnection,
    subject: &str,
    reason: &str,
) -> Result<(), Error> {
    let changed = sqlx::query_scalar(
        "UPDATE delivery_subjects SET outcome = 'dropped', reason = $2
         WHERE subject = $1 AND outcome IN ('pending', 'parked') RETURNING seq",
    )
    .bind(subject)
    .bind(reason)
    .fetch_all(&mut *tx)
    .await?;
    refresh(tx, &changed).await
}

/// Brings the outcome of deliveries up to date with their subjects'.
pub(crate) async fn refresh(tx: &mut SqliteConnection, deliveries: &[i64]) -> Result<(), Error> {
    for seq in deliveries {
        sqlx::query(
            "UPDATE deliveries SET outcome = (
                 SELECT CASE
                     WHEN SUM(CASE WHEN outcome = 'pending' THEN 1 ELSE 0 END) > 0 THEN 'pending'
                     WHEN SUM(CASE WHEN outcome IN ('parked', 'dropped') THEN 1 ELSE 0 END) > 0
                         THEN 'parked'
                     WHEN SUM(CASE WHEN outcome = 'applied' THEN 1 ELSE 0 END) > 0 THEN 'applied'
                     ELSE 'superseded' END
                 FROM delivery_subjects WHERE delivery_subjects.seq = $1)
             WHERE seq = $1",
        )
        .bind(seq)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// A key's deliveries become the id's. A delivery that names both keeps the one that is still open.
pub(crate) async fn rename(tx: &mut SqliteConnection, key: &str, id: &str) -> Result<(), Error> {
    let mut changed: Vec<i64> = sqlx::query_scalar(
        "DELETE FROM delivery_subjects WHERE subject = $2 AND seq IN (
             SELECT seq FROM delivery_subjects WHERE subject = $1 AND outcome = 'pending')
         RETURNING seq",
    )
    .bind(key)
    .bind(id)
    .fetch_all(&mut *tx)
    .await?;
    let settled: Vec<i64> = sqlx::query_scalar(
        "DELETE FROM delivery_subjects WHERE subject = $1 AND seq IN (
             SELECT seq FROM delivery_subjects WHERE subject = $2)
         RETURNING seq",
    )
    .bind(key)
    .bind(id)
    .fetch_all(&mut *tx)
    .await?;
    changed.extend(settled);
    sqlx::query("UPDATE delivery_subjects SET subject = $2 WHERE subject = $1")
        .bind(key)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    refresh(tx, &changed).await
}
