//! A group of deliveries in a few statements, however many they are: each statement costs a way to
//! the database's thread and back, and everybody who knocks waits for the group before.

use std::collections::HashMap;

use jira::id::Subject;
use serde_json::{Value, json};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{Entry, tally};
use crate::hint::{self, Hint};
use crate::{Error, Recorded, Source, issue};

/// A delivery that is not known yet.
struct Fresh<'a> {
    entry: &'a Entry,
    subjects: Vec<Subject>,
}

/// Where the answer to an entry comes from.
enum Answer {
    /// The n-th that is fresh.
    Fresh(usize),
    /// It repeats the n-th that is fresh.
    RepeatsFresh(usize),
    /// It repeats one that was recorded before.
    Repeats(i64),
}

/// Writes a group; the answers are in its order.
pub(super) async fn insert(
    tx: &mut SqliteConnection,
    group: &[Entry],
) -> Result<Vec<Recorded>, Error> {
    let (fresh, answers) = sorted(tx, group).await?;
    let numbers = deliveries(tx, &fresh).await?;
    bodies(tx, &fresh, &numbers).await?;
    subjects(tx, &fresh, &numbers).await?;
    tally(tx, "received", count(fresh.len())?).await?;
    let number = |n: usize| numbers.get(n).copied().ok_or(Error::unreadable("a new number"));
    let mut recorded = Vec::with_capacity(answers.len());
    for answer in answers {
        let (seq, duplicate) = match answer {
            Answer::Fresh(n) => (number(n)?, false),
            Answer::RepeatsFresh(n) => (number(n)?, true),
            Answer::Repeats(seq) => (seq, true),
        };
        if duplicate {
            repeat(tx, seq).await?;
        }
        recorded.push(Recorded { seq, duplicate });
    }
    Ok(recorded)
}

/// Which entries are fresh, and which repeat another one.
async fn sorted<'a>(
    tx: &mut SqliteConnection,
    group: &'a [Entry],
) -> Result<(Vec<Fresh<'a>>, Vec<Answer>), Error> {
    let names: Vec<&str> =
        group.iter().filter_map(|entry| entry.delivery.identifier.as_deref()).collect();
    let known: Vec<(String, i64)> = sqlx::query_as(
        "SELECT identifier, seq FROM deliveries
         WHERE identifier IN (SELECT value FROM json_each($1))",
    )
    .bind(json!(names).to_string())
    .fetch_all(&mut *tx)
    .await?;
    let known: HashMap<String, i64> = known.into_iter().collect();
    let (mut fresh, mut answers) = (Vec::new(), Vec::with_capacity(group.len()));
    let mut named: HashMap<&str, usize> = HashMap::new();
    for entry in group {
        if let Some(name) = entry.delivery.identifier.as_deref() {
            if let Some(seq) = known.get(name) {
                answers.push(Answer::Repeats(*seq));
                continue;
            }
            if let Some(first) = named.get(name) {
                answers.push(Answer::RepeatsFresh(*first));
                continue;
            }
            named.insert(name, fresh.len());
        }
        answers.push(Answer::Fresh(fresh.len()));
        fresh.push(Fresh { entry, subjects: known_subjects(tx, entry).await? });
    }
    Ok((fresh, answers))
}

/// What a delivery points at, each once, by id where the ledger knows it.
async fn known_subjects(tx: &mut SqliteConnection, entry: &Entry) -> Result<Vec<Subject>, Error> {
    let mut subjects = Vec::with_capacity(entry.delivery.subjects.len());
    for subject in &entry.delivery.subjects {
        let known = issue::known(tx, subject).await?;
        if !subjects.contains(&known) {
            subjects.push(known);
        }
    }
    Ok(subjects)
}

/// Writes the rows and answers their numbers, in the order of the entries.
async fn deliveries(tx: &mut SqliteConnection, fresh: &[Fresh<'_>]) -> Result<Vec<i64>, Error> {
    let mut rows = Vec::with_capacity(fresh.len());
    for Fresh { entry, subjects } in fresh {
        let delivery = &entry.delivery;
        let outcome = if subjects.is_empty() { "noted" } else { "pending" };
        rows.push(json!([
            delivery.received_at.millis(),
            delivery.identifier,
            delivery.event,
            delivery.retry,
            delivery.flow,
            i64::from(delivery.deleted),
            outcome,
            count(delivery.body.len())?,
        ]));
    }
    let mut numbers: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO deliveries
             (received_at, identifier, event, retry, flow, deleted, outcome, body_bytes)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
             value ->> 6, value ->> 7
         FROM json_each($1) ORDER BY key
         RETURNING seq",
    )
    .bind(json!(rows).to_string())
    .fetch_all(tx)
    .await?;
    // Numbers grow in the order of the insert; the order in which they come back is not promised.
    numbers.sort_unstable();
    Ok(numbers)
}

async fn bodies(
    tx: &mut SqliteConnection,
    fresh: &[Fresh<'_>],
    numbers: &[i64],
) -> Result<(), Error> {
    if fresh.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO bodies (seq, body) ");
    query.push_values(numbers.iter().zip(fresh), |mut row, (seq, fresh)| {
        row.push_bind(*seq).push_bind(fresh.entry.packed.as_slice());
    });
    query.build().execute(tx).await?;
    Ok(())
}

/// Raises the work that the deliveries point at, and writes down which hint is whose.
async fn subjects(
    tx: &mut SqliteConnection,
    fresh: &[Fresh<'_>],
    numbers: &[i64],
) -> Result<(), Error> {
    let mut hints = Vec::new();
    let mut of = Vec::new();
    for (seq, Fresh { entry, subjects }) in numbers.iter().zip(fresh) {
        let (at, deleted) = (entry.delivery.received_at, entry.delivery.deleted);
        for subject in subjects {
            of.push((*seq, subject.to_string()));
            let subject = subject.clone();
            hints.push(Hint { subject, source: Source::Webhook, at, due: at, deleted });
        }
    }
    if hints.is_empty() {
        return Ok(());
    }
    let first = hint::raise(tx, &hints).await?;
    let rows: Vec<Value> =
        (first..).zip(of).map(|(version, (seq, subject))| json!([seq, subject, version])).collect();
    sqlx::query(
        "INSERT INTO delivery_subjects (seq, subject, version, outcome)
         SELECT value ->> 0, value ->> 1, value ->> 2, 'pending' FROM json_each($1)",
    )
    .bind(json!(rows).to_string())
    .execute(tx)
    .await?;
    Ok(())
}

async fn repeat(tx: &mut SqliteConnection, seq: i64) -> Result<(), Error> {
    sqlx::query("UPDATE deliveries SET repeats = repeats + 1 WHERE seq = $1")
        .bind(seq)
        .execute(&mut *tx)
        .await?;
    tally(tx, "repeats", 1).await
}

fn count(n: usize) -> Result<i64, Error> {
    i64::try_from(n).map_err(|_| Error::Busy)
}
