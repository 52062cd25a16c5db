//! Opening the ledger as its owner: damage is found before the ledger is trusted.
//!
//! Only the owner of the lake may call it: a ledger that cannot be read is moved aside, and a new one
//! takes its place. It MUST NOT delete the damaged ledger that it found, and it MUST NOT give a number
//! of a delivery or a commit again. Damage is recorded in the ledger before the mark forgets it, so a
//! death in between costs nothing.

use std::io;
use std::path::Path;
use std::sync::Arc;

use jira::time::{Clock, Instant};
use sqlx::sqlite::SqlitePool;
use sqlx::{Row, SqliteConnection};

use crate::damage::{self, DamageKind, LedgerDamage};
use crate::files::{self, beside};
use crate::hint::{self, Hint};
use crate::mark::{FileStamp, FoundMark, Mark, MarkFile};
use crate::open;
use crate::{Error, Ledger, Source, delivery, recorder};

/// The ledger's identity, under its name among the cursors.
const IDENTITY: &str = "ledger.id";
/// Numbers of commits that a lost ledger may have given out without a commit that came of them.
const COMMIT_MARGIN: i64 = 1_000_000;
/// Damaged ledgers that are kept.
const KEPT: usize = 5;
/// SQLite's files.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];
const HEADER: &[u8] = b"SQLite format 3\0";

/// What a start found before it changed anything.
struct Findings {
    kind: Option<DamageKind>,
    moved_to: Option<String>,
}

/// How far a readable ledger came.
struct Extent {
    identity: Option<String>,
    seq: i64,
    commit: i64,
}

impl Ledger {
    /// Opens the ledger as its owner: as [`Ledger::open`], after its damage was found, recorded and
    /// replaced by a new ledger where it cannot be read. See [`Ledger::damage`]. Fails with
    /// [`Error::Locked`] when another process owns it.
    pub async fn open_owned(path: &Path, clock: Clock) -> Result<Self, Error> {
        let path = files::resolved(path.to_owned()).await?;
        let (mark_file, mark) = MarkFile::take(&path)?;
        let known = match &mark {
            FoundMark::Read(mark) => Some(mark),
            FoundMark::Absent | FoundMark::Unreadable => None,
        };
        for suffix in ["-wal", "-shm"] {
            let name = beside(&path, suffix);
            if files::make_way(&name).map_err(disk)? {
                tracing::error!("the ledger's {suffix} was no file: {}", name.display());
            }
        }
        let now = clock.now();
        let mut findings = Findings { kind: None, moved_to: None };
        if let Some(kind) = absent(&path, known)? {
            findings = Findings { kind: Some(kind), moved_to: set_aside(&path, now)? };
        }
        let ledger = match checked(&path, &clock, known).await {
            Err(error @ Error::Unreadable { .. }) if is_ours(&path, known) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the ledger is malformed"
                );
                let moved_to = set_aside(&path, now)?;
                findings = Findings { kind: Some(DamageKind::Malformed), moved_to };
                Ledger::open(&path, clock).await?
            }
            opened => opened?,
        };
        ledger.take_over(findings, &mark, mark_file).await
    }

    /// Gives up the ownership: another process may own the ledger from now on. This handle and its
    /// clones can be used as those of [`Ledger::open`]. Without effect on a ledger that is not owned.
    pub fn disown(&self) -> Result<(), Error> {
        self.store.mark.get().map_or(Ok(()), |mark| mark.release())
    }

    /// Compares the ledger with its mark, records damage, and marks it from here on.
    async fn take_over(
        self,
        findings: Findings,
        found: &FoundMark,
        file: MarkFile,
    ) -> Result<Self, Error> {
        let now = self.store.clock.now();
        let mut tx = self.store.begin().await?;
        let extent = extent(&mut tx).await?;
        let orphans = orphans(&mut tx, found).await?;
        let kind = findings.kind.or_else(|| compare(&extent, found, !orphans.is_empty()));
        let known = match found {
            FoundMark::Read(mark) => Some(mark.clone()),
            FoundMark::Absent | FoundMark::Unreadable => None,
        };
        let found_damage = kind.map(|kind| {
            let lost =
                known.as_ref().filter(|mark| kind == DamageKind::Foreign || mark.seq > extent.seq);
            let from = if kind == DamageKind::Foreign { 1 } else { extent.seq.saturating_add(1) };
            LedgerDamage {
                kind,
                found_at: now.millis(),
                seq_missing_from: lost.map(|_| from),
                seq_missing_to: lost.map(|mark| mark.seq),
                acknowledged_at: known.as_ref().map(|mark| mark.acknowledged_at),
                moved_to: findings.moved_to,
                reconciled_at: None,
            }
        });
        if let Some(damage) = &found_damage {
            damage::record(&mut tx, damage).await?;
            if let Some(mark) = &known {
                skip_numbers(&mut tx, mark).await?;
            }
            raise_again(&mut tx, &orphans, now).await?;
        }
        let identity = match extent.identity {
            Some(identity) => identity,
            None => new_identity(&mut tx, now).await?,
        };
        self.store.finish(tx).await?;
        if let Some(damage) = &found_damage {
            report(damage);
        }
        let seq = known.as_ref().map_or(extent.seq, |mark| mark.seq.max(extent.seq));
        let acknowledged_at = known.as_ref().map_or(0, |mark| mark.acknowledged_at);
        let commit = extent.commit;
        file.set(Mark { ledger: identity, seq, commit, acknowledged_at, clean: None })?;
        // Nobody else has this store yet, so it is set once.
        drop(self.store.mark.set(Arc::new(file)));
        Ok(self)
    }
}

/// A ledger that should be there and is not.
fn absent(path: &Path, known: Option<&Mark>) -> Result<Option<DamageKind>, Error> {
    let kind = match path.metadata() {
        // A folder or a FIFO in its place: the ledger itself is nowhere.
        Ok(metadata) if !metadata.is_file() => return Ok(Some(DamageKind::Missing)),
        Ok(metadata) if metadata.len() > 0 => return Ok(None),
        Ok(_) => DamageKind::Empty,
        Err(error) if error.kind() == io::ErrorKind::NotFound => DamageKind::Missing,
        Err(error) => return Err(disk(error)),
    };
    // A mark without numbers is one of a ledger that died while it was made.
    let had_content = known.is_some_and(|mark| mark.seq > 0 || mark.commit > 0);
    Ok((had_content || has_log(path)).then_some(kind))
}

/// A clean stop leaves no log: one that is there may be of another time, and SQLite would use it.
fn has_log(path: &Path) -> bool {
    beside(path, "-wal").metadata().is_ok_and(|log| log.len() > 0)
}

/// Whether the file is a ledger, or was one: any other file at that path is left alone.
fn is_ours(path: &Path, known: Option<&Mark>) -> bool {
    let starts_like_one = || -> io::Result<bool> {
        let mut header = [0; 16];
        io::Read::read_exact(&mut std::fs::File::open(path)?, &mut header)?;
        Ok(header == *HEADER)
    };
    known.is_some() || starts_like_one().unwrap_or(false)
}

/// Opens the ledger after checking it, unless nothing can have changed it since a clean stop.
async fn checked(path: &Path, clock: &Clock, known: Option<&Mark>) -> Result<Ledger, Error> {
    let is_untouched = known
        .is_some_and(|mark| mark.clean.is_some() && mark.clean == FileStamp::of(path).ok())
        && !has_log(path);
    let has_content = path.metadata().is_ok_and(|metadata| metadata.len() > 0);
    let is_in_doubt = has_content && !is_untouched;
    if is_in_doubt {
        check(path, clock).await?;
    }
    let ledger = Ledger::open(path, clock.clone()).await?;
    if is_in_doubt && let Err(error) = check_schema(&ledger).await {
        ledger.close().await;
        return Err(error);
    }
    Ok(ledger)
}

/// Fails when the tables are not those that this program makes, or refuse its rows. The text of the
/// schema is content to SQLite: its own check does not notice a flipped byte in a name or a rule.
async fn check_schema(ledger: &Ledger) -> Result<(), Error> {
    if columns(&ledger.store.write).await? != expected_columns().await? {
        return Err(Error::unreadable("the columns of the tables"));
    }
    recorder::rehearse(&ledger.store).await.map_err(|error| match error {
        Error::Database(_) => Error::unreadable("the rules of the tables"),
        error => error,
    })
}

/// Returns every table's columns with their types.
async fn columns(pool: &SqlitePool) -> Result<Vec<(String, String, String)>, Error> {
    let columns = sqlx::query_as(
        "SELECT tables.name, columns.name, columns.type
         FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
         WHERE tables.type = 'table' ORDER BY tables.name, columns.cid",
    );
    Ok(columns.fetch_all(pool).await?)
}

/// Returns the columns of a ledger that was made a moment ago.
async fn expected_columns() -> Result<Vec<(String, String, String)>, Error> {
    let fresh = open::pool(1).connect_with("sqlite::memory:".parse()?).await?;
    sqlx::migrate!().run(&fresh).await?;
    let columns = columns(&fresh).await;
    fresh.close().await;
    columns
}

/// Reads the whole database once and fails when something in it contradicts itself.
async fn check(path: &Path, clock: &Clock) -> Result<(), Error> {
    let began = clock.now();
    let pool: SqlitePool = open::pool(1).connect_with(open::options(path)).await?;
    let result = sqlx::query_scalar::<_, String>("PRAGMA quick_check(1)").fetch_one(&pool).await;
    pool.close().await;
    let result = result?;
    let took_ms = clock.now().since(began).as_millis();
    if result != "ok" {
        // What it says contains names of tables and numbers of pages only.
        tracing::error!("the check of the ledger found damage: {result}");
        return Err(Error::unreadable("the database file"));
    }
    tracing::info!(
        "the last stop was not clean: the ledger was checked in {took_ms} ms and is in order"
    );
    Ok(())
}

async fn extent(tx: &mut SqliteConnection) -> Result<Extent, Error> {
    let identity = sqlx::query_scalar("SELECT value FROM cursors WHERE name = $1")
        .bind(IDENTITY)
        .fetch_optional(&mut *tx)
        .await?;
    let row = sqlx::query(
        "SELECT
             COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'deliveries'), 0) AS seq,
             COALESCE((SELECT MAX(id) FROM commits), 0) AS last",
    )
    .fetch_one(tx)
    .await?;
    Ok(Extent { identity, seq: row.try_get("seq")?, commit: row.try_get("last")? })
}

fn compare(extent: &Extent, found: &FoundMark, has_orphans: bool) -> Option<DamageKind> {
    let mark = match (found, &extent.identity) {
        (FoundMark::Read(mark), _) => mark,
        // A ledger that never had an owner has no mark.
        (FoundMark::Absent | FoundMark::Unreadable, None) => return None,
        // One that died while it was made has nothing to lose.
        (FoundMark::Absent, Some(_)) if extent.seq == 0 && extent.commit == 0 => return None,
        (FoundMark::Absent | FoundMark::Unreadable, Some(_)) => return Some(DamageKind::Unmarked),
    };
    let had_content = mark.seq > 0 || mark.commit > 0;
    if extent.identity.as_ref() != Some(&mark.ledger) && had_content {
        return Some(DamageKind::Foreign);
    }
    if extent.seq < mark.seq || extent.commit < mark.commit {
        return Some(DamageKind::Behind);
    }
    has_orphans.then_some(DamageKind::Inconsistent)
}

/// Subjects of pending deliveries for which there is no work: some row was lost or changed. Looked
/// for after a stop that was not clean.
async fn orphans(tx: &mut SqliteConnection, found: &FoundMark) -> Result<Vec<String>, Error> {
    if matches!(found, FoundMark::Read(mark) if mark.clean.is_some()) {
        return Ok(Vec::new());
    }
    let orphans = sqlx::query_scalar(
        "SELECT DISTINCT open.subject
         FROM deliveries CROSS JOIN delivery_subjects AS open ON open.seq = deliveries.seq
         WHERE deliveries.outcome = 'pending' AND open.outcome = 'pending' AND NOT EXISTS (
             SELECT 1 FROM work WHERE work.subject = open.subject)",
    )
    .fetch_all(tx)
    .await?;
    Ok(orphans)
}

/// Makes those of them due that can be read; the comparison with Jira finds the others.
async fn raise_again(
    tx: &mut SqliteConnection,
    orphans: &[String],
    now: Instant,
) -> Result<(), Error> {
    let mut hints = Vec::with_capacity(orphans.len());
    for subject in orphans.iter().filter_map(|orphan| delivery::subject(orphan).ok()) {
        hints.push(Hint { subject, source: Source::Sweep, at: now, due: now, deleted: false });
    }
    if hints.is_empty() { Ok(()) } else { hint::raise(tx, &hints).await.map(drop) }
}

/// Goes on above all numbers that the lost part may have given out.
async fn skip_numbers(tx: &mut SqliteConnection, mark: &Mark) -> Result<(), Error> {
    let raised =
        sqlx::query("UPDATE sqlite_sequence SET seq = MAX(seq, $1) WHERE name = 'deliveries'")
            .bind(mark.seq)
            .execute(&mut *tx)
            .await?;
    if raised.rows_affected() == 0 {
        sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES ('deliveries', $1)")
            .bind(mark.seq)
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query("UPDATE sequences SET value = MAX(value, $1) WHERE name = 'commit'")
        .bind(mark.commit.saturating_add(COMMIT_MARGIN))
        .execute(tx)
        .await?;
    Ok(())
}

async fn new_identity(tx: &mut SqliteConnection, now: Instant) -> Result<String, Error> {
    let identity: String = sqlx::query_scalar(
        "INSERT INTO cursors (name, value, set_at) VALUES ($1, lower(hex(randomblob(16))), $2)
         RETURNING value",
    )
    .bind(IDENTITY)
    .bind(now.millis())
    .fetch_one(tx)
    .await?;
    Ok(identity)
}

fn report(damage: &LedgerDamage) {
    let (from, to) = (damage.seq_missing_from.unwrap_or(0), damage.seq_missing_to.unwrap_or(0));
    tracing::error!(
        seq_missing_from = from,
        seq_missing_to = to,
        moved_to = damage.moved_to.as_deref().unwrap_or("-"),
        "{}: acknowledged deliveries may be missing, so jiralake compares its copy with Jira",
        damage.kind.describe()
    );
}

/// Moves what is left of a ledger aside, durably; returns the new name of the database.
fn set_aside(path: &Path, now: Instant) -> Result<Option<String>, Error> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Err(Error::unreadable("the ledger's file name"));
    };
    let aside = (0..)
        .map(|more| format!("{name}.damaged-{}", now.millis().saturating_add(more)))
        .find(|aside| {
            SUFFIXES.iter().all(|end| !path.with_file_name(format!("{aside}{end}")).exists())
        });
    let Some(aside) = aside else { return Ok(None) };
    let mut is_moved = false;
    // The database last: what is beside it belongs to it until it is moved.
    for suffix in SUFFIXES.into_iter().rev() {
        let target = path.with_file_name(format!("{aside}{suffix}"));
        #[expect(clippy::disallowed_methods, reason = "moves a file; nothing is written")]
        match std::fs::rename(beside(path, suffix), target) {
            Ok(()) => is_moved = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(disk(error)),
        }
    }
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    keep_few(folder, &format!("{name}.damaged-")).map_err(disk)?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk)?;
    Ok(is_moved.then_some(aside))
}

/// Damaged ledgers MUST NOT fill the disk: the oldest of many are removed.
fn keep_few(folder: &Path, prefix: &str) -> io::Result<()> {
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let millis = name.strip_prefix(prefix).and_then(|millis| millis.parse::<i64>().ok());
        kept.extend(millis.map(|millis| (millis, entry.path())));
    }
    kept.sort_unstable();
    let surplus = kept.len().saturating_sub(KEPT);
    for (_, path) in kept.into_iter().take(surplus) {
        for suffix in SUFFIXES {
            match std::fs::remove_file(beside(&path, suffix)) {
                Ok(()) => {}
                // What is in a folder is not ours to remove.
                Err(error)
                    if [io::ErrorKind::NotFound, io::ErrorKind::IsADirectory]
                        .contains(&error.kind()) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn disk(error: io::Error) -> Error {
    Error::from(sqlx::Error::Io(error))
}
