//! What becomes of deliveries, in one place: each subject of a delivery has an outcome, and the
//! delivery's own outcome is always what those make together.
//!
//! Every function changes subjects and then brings the deliveries they belong to up to date, in the
//! caller's transaction; so the counts add up for every reader at any moment (G2). What comes in
//! numbers is changed by one statement, with the rows as a JSON array: deliveries wait while a
//! transaction is open.

use serde_json::json;
use sqlx::SqliteConnection;

use crate::Error;

/// Looks are in the lake that started after these hints: of each subject the newest hint that its
/// look covers is applied, the older ones are superseded by it.
pub(crate) async fn applied(
    tx: &mut SqliteConnection,
    looks: &[(String, i64)],
) -> Result<(), Error> {
    let changed: Vec<i64> = sqlx::query_scalar(
        "WITH looks (subject, version) AS (
             SELECT value ->> 0, value ->> 1 FROM json_each($1)),
         newest (subject, version, covered) AS (
             SELECT looks.subject, MAX(open.version), looks.version
             FROM looks JOIN delivery_subjects AS open ON open.subject = looks.subject
                 AND open.version <= looks.version AND open.outcome IN ('pending', 'parked')
             GROUP BY looks.subject)
         UPDATE delivery_subjects SET reason = NULL,
             outcome = CASE WHEN delivery_subjects.version = newest.version
                 THEN 'applied' ELSE 'superseded' END
         FROM newest
         WHERE delivery_subjects.subject = newest.subject
             AND delivery_subjects.version <= newest.covered
             AND delivery_subjects.outcome IN ('pending', 'parked')
         RETURNING seq",
    )
    .bind(json!(looks).to_string())
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

/// The subjects' parked deliveries will be looked at after all.
pub(crate) async fn reopen(tx: &mut SqliteConnection, subjects: &[String]) -> Result<(), Error> {
    let changed: Vec<i64> = sqlx::query_scalar(
        "UPDATE delivery_subjects SET outcome = 'pending', reason = NULL
         WHERE outcome = 'parked' AND subject IN (SELECT value FROM json_each($1))
         RETURNING seq",
    )
    .bind(json!(subjects).to_string())
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
    if deliveries.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE deliveries SET outcome = (
             SELECT CASE
                 WHEN SUM(CASE WHEN outcome = 'pending' THEN 1 ELSE 0 END) > 0 THEN 'pending'
                 WHEN SUM(CASE WHEN outcome IN ('parked', 'dropped') THEN 1 ELSE 0 END) > 0
                     THEN 'parked'
                 WHEN SUM(CASE WHEN outcome = 'applied' THEN 1 ELSE 0 END) > 0 THEN 'applied'
                 ELSE 'superseded' END
             FROM delivery_subjects WHERE delivery_subjects.seq = deliveries.seq)
         WHERE seq IN (SELECT value FROM json_each($1))",
    )
    .bind(json!(deliveries).to_string())
    .execute(tx)
    .await?;
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
