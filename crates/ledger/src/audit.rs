//! The audit log, read back: list, show, replay, prune.

use std::collections::HashMap;
use std::time::Duration;

use jira::id::Subject;
use jira::time::Instant;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::delivery::{self, DeliverySubject, Outcome};
use crate::open::{instant, unsigned};
use crate::{Delivery, Error, Ledger, Source, body, issue, recorder};

/// Most deliveries in one page.
const PAGE: u32 = 1000;
/// Deliveries that one transaction prunes, so that recording does not wait long.
const PRUNE: i64 = 500;
/// The span of the log that may be pruned in one pass, in milliseconds.
const PRUNED_SPAN: i64 = 24 * 3_600_000;

/// Which deliveries to list. What is `None` does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Exactly this event.
    pub event: Option<String>,
    /// Pointing at this issue, by id or by any key that the ledger knows.
    pub subject: Option<Subject>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Received at or after this.
    pub since: Option<Instant>,
    /// With a smaller number than this: the next page after one that ended there.
    pub before: Option<i64>,
    /// At most this many; 0 or more than 1,000 count as 1,000.
    pub limit: u32,
}

impl Ledger {
    /// One page of deliveries, newest first. It is the last if it is shorter than the limit.
    pub async fn deliveries(&self, filter: DeliveryFilter) -> Result<Vec<Delivery>, Error> {
        let mut reader = self.store.read.begin().await?;
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM deliveries WHERE 1 = 1");
        if let Some(event) = filter.event {
            query.push(" AND event = ").push_bind(event);
        }
        if let Some(outcome) = filter.outcome {
            query.push(" AND outcome = ").push_bind(outcome.name());
        }
        if let Some(since) = filter.since {
            query.push(" AND received_at >= ").push_bind(since.millis());
        }
        if let Some(before) = filter.before {
            query.push(" AND seq < ").push_bind(before);
        }
        if let Some(subject) = filter.subject {
            let known = issue::known(&mut reader, &subject).await?;
            query.push(" AND seq IN (SELECT seq FROM delivery_subjects WHERE subject IN (");
            query.push_bind(subject.to_string()).push(", ").push_bind(known.to_string());
            query.push("))");
        }
        let limit = if (1..=PAGE).contains(&filter.limit) { filter.limit } else { PAGE };
        query.push(" ORDER BY seq DESC LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *reader).await?;
        let mut page: Vec<Delivery> = rows.iter().map(stored).collect::<Result<_, _>>()?;
        add_subjects(&mut reader, &mut page).await?;
        Ok(page)
    }

    /// One delivery with its body.
    pub async fn delivery(&self, seq: i64) -> Result<Option<(Delivery, Vec<u8>)>, Error> {
        let mut reader = self.store.read.begin().await?;
        let row = sqlx::query("SELECT * FROM deliveries WHERE seq = $1")
            .bind(seq)
            .fetch_optional(&mut *reader)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let mut found = [stored(&row)?];
        add_subjects(&mut reader, &mut found).await?;
        let packed: Option<Vec<u8>> = sqlx::query_scalar("SELECT body FROM bodies WHERE seq = $1")
            .bind(seq)
            .fetch_optional(&mut *reader)
            .await?;
        let packed = packed.ok_or(Error::unreadable("a stored body"))?;
        let body = tokio::task::spawn_blocking(move || body::decompress(&packed))
            .await
            .map_err(|_| Error::unreadable("a stored body"))
            .flatten()?;
        let [delivery] = found;
        Ok(Some((delivery, body)))
    }

    /// Hints the subjects of a delivery again, as a person's wish, and answers them.
    pub async fn replay(&self, seq: i64) -> Result<Vec<Subject>, Error> {
        let mut reader = self.store.read.begin().await?;
        let row = sqlx::query("SELECT * FROM deliveries WHERE seq = $1")
            .bind(seq)
            .fetch_optional(&mut *reader)
            .await?;
        let mut found = [stored(&row.ok_or(Error::NoDelivery { seq })?)?];
        add_subjects(&mut reader, &mut found).await?;
        drop(reader);
        let [delivery] = found;
        let subjects: Vec<Subject> =
            delivery.subjects.into_iter().map(|pointed| pointed.subject).collect();
        self.hint(&subjects, Source::Person, self.store.clock.now()).await?;
        Ok(subjects)
    }

    /// Forgets settled deliveries that are older than `keep`, of the oldest day only: a clock that is
    /// years ahead for an hour costs a day of the log and not all of it. To be called hourly.
    pub async fn prune_older(&self, keep: Duration) -> Result<u64, Error> {
        let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let wanted = self.store.clock.now().millis().saturating_sub(keep);
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT MIN(oldest) FROM (
                 SELECT MIN(received_at) AS oldest FROM deliveries WHERE outcome = 'noted'
                 UNION ALL SELECT MIN(received_at) FROM deliveries WHERE outcome = 'applied'
                 UNION ALL SELECT MIN(received_at) FROM deliveries WHERE outcome = 'superseded')",
        )
        .fetch_one(&self.store.read)
        .await?;
        let before = oldest.map_or(wanted, |oldest| wanted.min(oldest.saturating_add(PRUNED_SPAN)));
        let Some(before) = Instant::from_millis(before) else { return Ok(0) };
        self.prune_deliveries(before).await
    }

    /// Forgets deliveries that were received before an instant and are settled; pending ones and
    /// those whose work is parked stay. Answers how many; the counts still know them.
    pub async fn prune_deliveries(&self, before: Instant) -> Result<u64, Error> {
        let mut pruned = 0;
        loop {
            let mut tx = self.store.begin().await?;
            let outcomes: Vec<String> = sqlx::query_scalar(
                "DELETE FROM deliveries WHERE seq IN (
                     SELECT seq FROM deliveries
                     WHERE received_at < $1 AND outcome <> 'pending' AND NOT EXISTS (
                         SELECT 1 FROM delivery_subjects
                         WHERE delivery_subjects.seq = deliveries.seq
                             AND delivery_subjects.outcome = 'parked')
                     ORDER BY received_at LIMIT $2)
                 RETURNING outcome",
            )
            .bind(before.millis())
            .bind(PRUNE)
            .fetch_all(&mut *tx)
            .await?;
            for outcome in &outcomes {
                recorder::tally(&mut tx, outcome, 1).await?;
            }
            self.store.finish(tx).await?;
            if outcomes.is_empty() {
                return Ok(pruned);
            }
            pruned += outcomes.len() as u64;
        }
    }
}

fn stored(row: &SqliteRow) -> Result<Delivery, Error> {
    let retry: Option<i64> = row.try_get("retry")?;
    Ok(Delivery {
        seq: row.try_get("seq")?,
        received_at: instant(row.try_get("received_at")?)?,
        identifier: row.try_get("identifier")?,
        event: row.try_get("event")?,
        retry: retry.map(unsigned).transpose()?,
        flow: row.try_get("flow")?,
        repeats: unsigned(row.try_get("repeats")?)?,
        outcome: Outcome::stored(row.try_get("outcome")?)?,
        body_bytes: unsigned(row.try_get("body_bytes")?)?,
        subjects: Vec::new(),
    })
}

/// Fills in what the deliveries point at.
async fn add_subjects(
    reader: &mut SqliteConnection,
    deliveries: &mut [Delivery],
) -> Result<(), Error> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM delivery_subjects WHERE seq IN (");
    let mut list = query.separated(", ");
    for delivery in deliveries.iter() {
        list.push_bind(delivery.seq);
    }
    query.push(") ORDER BY seq, version, subject");
    let mut subjects: HashMap<i64, Vec<DeliverySubject>> = HashMap::new();
    for row in query.build().fetch_all(reader).await? {
        subjects.entry(row.try_get("seq")?).or_default().push(DeliverySubject {
            subject: delivery::subject(row.try_get("subject")?)?,
            outcome: Outcome::stored(row.try_get("outcome")?)?,
            reason: row.try_get("reason")?,
        });
    }
    for delivery in deliveries {
        delivery.subjects = subjects.remove(&delivery.seq).unwrap_or_default();
    }
    Ok(())
}
