//! Work: what to look at, when, and who has it.
//!
//! Promises: a subject has at most one live lease. A lease is named by the version it was given at;
//! one that follows a lapsed lease takes a new version, so what the first holder still does with its
//! own is without effect on the second's. What is done with a lease that is gone changes nothing.

use jira::id::{IssueId, Subject};
use jira::time::Instant;
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::open::{instant, unsigned};
use crate::wait::Horizon;
use crate::{Error, Ledger, delivery, hint, issue};

/// Claims in one transaction: deliveries wait for it.
const CLAIMS_TOGETHER: usize = 200;

/// Who asked for a look; also the order in which work is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Jira told us.
    Webhook,
    /// A person asked.
    Person,
    /// Its SLA clocks are running.
    Sla,
    /// It was found by looking for changes.
    Sweep,
    /// It is part of the first copy.
    Backfill,
    /// What the tables need is there; parts that can wait are still missing.
    Later,
}

impl Source {
    /// Every source, most urgent first.
    pub const ALL: [Self; 6] =
        [Self::Webhook, Self::Person, Self::Sla, Self::Sweep, Self::Backfill, Self::Later];

    /// The lower, the more urgent.
    pub fn priority(self) -> u8 {
        match self {
            Self::Webhook => 0,
            Self::Person => 1,
            Self::Sla => 2,
            Self::Sweep => 3,
            Self::Backfill => 4,
            Self::Later => 5,
        }
    }

    /// The source's name, as logs and metrics show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Person => "person",
            Self::Sla => "sla",
            Self::Sweep => "sweep",
            Self::Backfill => "backfill",
            Self::Later => "later",
        }
    }

    pub(crate) fn stored(priority: i64) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|source| i64::from(source.priority()) == priority)
            .ok_or(Error::unreadable("a priority"))
    }
}

/// One subject, leased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// What to look at.
    pub subject: Subject,
    /// The newest hint when it was leased; names the lease.
    pub version: i64,
    /// The most urgent source among its hints.
    pub source: Source,
    /// That source's priority.
    pub priority: u8,
    /// Failures since it was last applied.
    pub attempts: u32,
    /// Proven 404s in a row.
    pub absences: u32,
    /// Time of the first of those.
    pub absent_since: Option<Instant>,
    /// Whether the newest hint came from a delete event.
    pub deleted_hint: bool,
    /// Time of the oldest hint that is not yet applied.
    pub hinted_at: Instant,
    /// The last failure.
    pub last_error: Option<String>,
}

impl Ledger {
    /// Takes up to `most` subjects that are due and not leased, most urgent and longest due first.
    /// Suspects are not among them: see [`Ledger::lease_suspects`].
    /// They are nobody else's until `until`; then they come back.
    pub async fn lease(&self, most: u32, until: Instant) -> Result<Vec<Work>, Error> {
        self.lease_of(&Source::ALL, most, until).await
    }

    /// The same of some sources only.
    pub async fn lease_of(
        &self,
        sources: &[Source],
        most: u32,
        until: Instant,
    ) -> Result<Vec<Work>, Error> {
        let now = self.store.clock.now();
        let mut tx = self.store.begin().await?;
        let rows = due(&mut tx, sources, self.store.bounds.from(now), most).await?;
        let leased = grant(&mut tx, &rows, now, until).await?;
        self.store.finish(tx).await?;
        Ok(leased)
    }

    /// Takes issues for a change that is already known, those of them that nobody has and nobody
    /// wants looked at. They are this caller's alone until `until`; then they become due.
    pub async fn claim(
        &self,
        ids: &[IssueId],
        source: Source,
        until: Instant,
    ) -> Result<Vec<Work>, Error> {
        let mut claimed = Vec::new();
        for some in ids.chunks(CLAIMS_TOGETHER) {
            let now = self.store.clock.now();
            let mut tx = self.store.begin().await?;
            for id in some {
                let version = hint::next(&mut tx, "version").await?;
                let row = sqlx::query(
                    "INSERT INTO work (subject, version, state, priority, due_at, hinted_at,
                         deleted_hint, lease_until, leased_version)
                     VALUES ($1, $2, 'due', $3, $4, $4, 0, $5, $2)
                     ON CONFLICT (subject) DO NOTHING RETURNING *",
                )
                .bind(Subject::Id(*id).to_string())
                .bind(version)
                .bind(source.priority())
                .bind(now.millis())
                .bind(until.millis())
                .fetch_optional(&mut *tx)
                .await?;
                claimed.extend(row.map(|row| Work::stored(&row, now)).transpose()?);
            }
            self.store.finish(tx).await?;
        }
        Ok(claimed)
    }

    /// When the next subject becomes due or the next lease lapses; it may be past already.
    pub async fn next_due(&self) -> Result<Option<Instant>, Error> {
        let horizon = self.store.bounds.from(self.store.clock.now());
        // Each is the first or last entry of an index.
        let ends: [Option<i64>; 4] = {
            let row = sqlx::query(
                "SELECT
                     (SELECT MIN(due_at) FROM work WHERE state = 'due' AND lease_until IS NULL),
                     (SELECT MAX(due_at) FROM work WHERE state = 'due' AND lease_until IS NULL),
                     (SELECT MIN(lease_until) FROM work), (SELECT MAX(lease_until) FROM work)",
            )
            .fetch_one(&self.store.read)
            .await?;
            [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?]
        };
        let [first_due, last_due, first_lapse, last_lapse] = ends;
        let due = [first_due, last_due].into_iter().flatten().map(|due| horizon.due(due));
        let lapse = [first_lapse, last_lapse].into_iter().flatten();
        let lapse = lapse.map(|until| horizon.lapse(until));
        due.chain(lapse).min().map(instant).transpose()
    }

    /// When the next subject of these sources becomes due that nobody has, or had until a lease
    /// lapsed; it may be past already. Only reads, unlike a lease.
    pub async fn next_due_of(&self, sources: &[Source]) -> Result<Option<Instant>, Error> {
        let horizon = self.store.bounds.from(self.store.clock.now());
        let mut next: Option<i64> = None;
        for source in sources {
            let due: (Option<i64>, Option<i64>) = sqlx::query_as(
                "SELECT
                     (SELECT due_at FROM work
                      WHERE state = 'due' AND deaths = 0 AND priority = $1
                          AND (lease_until IS NULL OR lease_until <= $2 OR lease_until > $3)
                      ORDER BY due_at LIMIT 1),
                     (SELECT due_at FROM work
                      WHERE state = 'due' AND deaths = 0 AND priority = $1 AND due_at > $4
                          AND (lease_until IS NULL OR lease_until <= $2 OR lease_until > $3)
                      LIMIT 1)",
            )
            .bind(source.priority())
            .bind(horizon.now)
            .bind(horizon.lease)
            .bind(horizon.wait)
            .fetch_one(&self.store.read)
            .await?;
            let due = [due.0, due.1].into_iter().flatten().map(|due| horizon.due(due));
            next = due.chain(next).min();
        }
        next.map(instant).transpose()
    }

    /// How many subjects of these sources could be leased now; counted up to `most`.
    pub async fn due_of(&self, sources: &[Source], most: usize) -> Result<usize, Error> {
        let horizon = self.store.bounds.from(self.store.clock.now());
        let mut due = 0_usize;
        for source in sources {
            let room = i64::try_from(most.saturating_sub(due)).unwrap_or(i64::MAX);
            let of_source: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM (
                     SELECT 1 FROM work
                     WHERE state = 'due' AND deaths = 0 AND priority = $1 AND (due_at <= $2 OR due_at > $4)
                         AND (lease_until IS NULL OR lease_until <= $2 OR lease_until > $5)
                     LIMIT $3)",
            )
            .bind(source.priority())
            .bind(horizon.now)
            .bind(room)
            .bind(horizon.wait)
            .bind(horizon.lease)
            .fetch_one(&self.store.read)
            .await?;
            due = due.saturating_add(unsigned(of_source)?);
        }
        Ok(due)
    }

    /// How many subjects of a source wait or are leased.
    pub async fn work_of(&self, source: Source) -> Result<u64, Error> {
        let count: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM work WHERE state = 'due' AND priority = $1")
                .bind(source.priority())
                .fetch_one(&self.store.read)
                .await?;
        unsigned(count)
    }

    /// Which of the subjects are still to be looked at, parked ones not among them.
    pub async fn still_due(&self, subjects: &[Subject]) -> Result<Vec<Subject>, Error> {
        let mut left = Vec::new();
        let mut reader = self.store.read.begin().await?;
        for subject in subjects {
            let known = issue::known(&mut reader, subject).await?;
            let due = sqlx::query("SELECT 1 FROM work WHERE subject = $1 AND state = 'due'")
                .bind(known.to_string())
                .fetch_optional(&mut *reader)
                .await?;
            if due.is_some() {
                left.push(subject.clone());
            }
        }
        Ok(left)
    }

    /// Gives work back after a failure, to be tried again from `due` on, or as soon as a hint that
    /// came meanwhile wants.
    pub async fn retry(&self, work: &Work, due: Instant, error: &str) -> Result<(), Error> {
        self.give_back(work, due, Some(error)).await
    }

    /// Gives work back that could not be tried: everything is paused, nothing is wrong with it.
    pub async fn defer(&self, work: &Work, due: Instant) -> Result<(), Error> {
        self.give_back(work, due, None).await
    }

    async fn give_back(&self, work: &Work, due: Instant, error: Option<&str>) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        sqlx::query(
            "UPDATE work SET attempts = attempts + $4, last_error = COALESCE($5, last_error),
                 due_at = CASE WHEN again_at < $3 THEN again_at ELSE $3 END, alone = 0,
                 lease_until = NULL, leased_version = NULL,
                 again_at = NULL, again_hinted_at = NULL
             WHERE subject = $1 AND leased_version = $2",
        )
        .bind(work.subject.to_string())
        .bind(work.version)
        .bind(due.millis())
        .bind(i64::from(error.is_some()))
        .bind(error)
        .execute(&mut *tx)
        .await?;
        self.store.finish(tx).await?;
        self.store.wake();
        Ok(())
    }

    /// Gives work back after one more proven 404, to be confirmed from `due` on; answers how many
    /// there were in a row. A hint that came meanwhile does not hasten the confirmation.
    pub async fn absent(&self, work: &Work, due: Instant) -> Result<u32, Error> {
        let now = self.store.clock.now().millis();
        let mut tx = self.store.begin().await?;
        let absences: Option<i64> = sqlx::query_scalar(
            "UPDATE work SET absences = absences + 1, 
                 absent_since = CASE WHEN absent_since <= $4 THEN absent_since ELSE $4 END,
                 due_at = $3, alone = 0, lease_until = NULL, leased_version = NULL,
                 again_at = NULL, again_hinted_at = NULL
             WHERE subject = $1 AND leased_version = $2
             RETURNING absences",
        )
        .bind(work.subject.to_string())
        .bind(work.version)
        .bind(due.millis())
        .bind(now)
        .fetch_optional(&mut *tx)
        .await?;
        self.store.finish(tx).await?;
        self.store.wake();
        // A lease that is gone proves nothing more than was known.
        absences.map_or(Ok(work.absences), unsigned)
    }
}

/// Leases rows to the caller. An absence of a clock that was ahead begins now, and stays: were it now at
/// each look, the pause between two absences would never end.
pub(crate) async fn grant(
    tx: &mut SqliteConnection,
    rows: &[SqliteRow],
    now: Instant,
    until: Instant,
) -> Result<Vec<Work>, Error> {
    let mut leased = Vec::with_capacity(rows.len());
    for row in rows {
        let mut work = Work::stored(row, now)?;
        let lapsed: Option<i64> = row.try_get("leased_version")?;
        if lapsed.is_some() {
            work.version = hint::next(tx, "version").await?;
        }
        leased.push(work);
    }
    let leases: Vec<(String, i64)> =
        leased.iter().map(|work| (work.subject.to_string(), work.version)).collect();
    sqlx::query(
        "WITH leases (subject, version) AS (
             SELECT value ->> 0, value ->> 1 FROM json_each($1))
         UPDATE work SET version = leases.version, leased_version = leases.version,
             lease_until = $2, alone = 0, again_at = NULL, again_hinted_at = NULL,
             absent_since = CASE WHEN absent_since > $3 THEN $3 ELSE absent_since END
         FROM leases WHERE work.subject = leases.subject",
    )
    .bind(json!(leases).to_string())
    .bind(until.millis())
    .bind(now.millis())
    .execute(tx)
    .await?;
    Ok(leased)
}

/// What can be leased, in order. One look per priority: each walks its own stretch of the index, so
/// that a long backfill costs the webhooks nothing.
async fn due(
    tx: &mut SqliteConnection,
    sources: &[Source],
    horizon: Horizon,
    most: u32,
) -> Result<Vec<SqliteRow>, Error> {
    let mut rows = Vec::new();
    let mut room = i64::from(most);
    for source in sources {
        let found = sqlx::query(
            "SELECT * FROM (
                 SELECT * FROM work
                 WHERE state = 'due' AND deaths = 0 AND priority = $1 AND due_at <= $2
                     AND (lease_until IS NULL OR lease_until <= $2 OR lease_until > $5)
                 ORDER BY due_at, subject LIMIT $3)
             UNION ALL
             SELECT * FROM (
                 SELECT * FROM work
                 WHERE state = 'due' AND deaths = 0 AND priority = $1 AND due_at > $4
                     AND (lease_until IS NULL OR lease_until <= $2 OR lease_until > $5)
                 ORDER BY due_at, subject LIMIT $3)
             ORDER BY due_at, subject LIMIT $3",
        )
        .bind(source.priority())
        .bind(horizon.now)
        .bind(room)
        .bind(horizon.wait)
        .bind(horizon.lease)
        .fetch_all(&mut *tx)
        .await?;
        room -= i64::try_from(found.len()).unwrap_or(room);
        rows.extend(found);
        if room <= 0 {
            break;
        }
    }
    Ok(rows)
}

impl Work {
    /// As it is stored; what lies in the future of `now` is taken for now.
    pub(crate) fn stored(row: &SqliteRow, now: Instant) -> Result<Self, Error> {
        let source = Source::stored(row.try_get("priority")?)?;
        let absent_since: Option<i64> = row.try_get("absent_since")?;
        Ok(Self {
            subject: delivery::subject(row.try_get("subject")?)?,
            version: row.try_get("version")?,
            source,
            priority: source.priority(),
            attempts: unsigned(row.try_get("attempts")?)?,
            absences: unsigned(row.try_get("absences")?)?,
            absent_since: absent_since.map(instant).transpose()?.map(|since| since.min(now)),
            deleted_hint: row.try_get::<i64, _>("deleted_hint")? != 0,
            hinted_at: instant(row.try_get("hinted_at")?)?,
            last_error: row.try_get("last_error")?,
        })
    }
}
