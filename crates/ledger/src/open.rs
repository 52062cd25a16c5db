//! Opening and closing, the connections and the two ends of a write transaction.
//!
//! One connection writes, shared fairly by everyone who waits for it; several read, and see what is
//! committed. What is SQLite's own about connections is here and nowhere else.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jira::time::{Clock, Instant};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Sqlite, Transaction};
use tokio::sync::watch;

use crate::Error;
use crate::files::{self, FileIdentity, OpenFiles};
use crate::full::FullDisk;
use crate::mark::MarkFile;
use crate::recorder::Recorder;
use crate::wait::WaitBounds;

/// A write transaction. Dropped without [`Store::finish`], nothing of it happened.
pub(crate) type Write = Transaction<'static, Sqlite>;

/// How long a statement waits for another process that has the database (a backup, a shell).
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection before it is told [`Error::Busy`].
const QUEUE_WAIT: Duration = Duration::from_secs(30);
const READERS: u32 = 4;
/// A log that a long reader made grow is cut back to this when it is next reset.
const WAL_BYTES: &str = "67108864";

/// The memory of one lake. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) store: Store,
    pub(crate) recorder: Recorder,
}

/// The connections and what belongs to them.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) write: SqlitePool,
    pub(crate) read: SqlitePool,
    pub(crate) clock: Clock,
    /// Keeps the log open, whatever becomes of the other connections: SQLite removes it with the last
    /// one, and [`OpenFiles::verify`] would take that for damage.
    anchor: SqlitePool,
    files: Arc<OpenFiles>,
    /// Of the owner only; see `own.rs`.
    pub(crate) mark: Arc<OnceLock<Arc<MarkFile>>>,
    pub(crate) full: Arc<FullDisk>,
    /// How far ahead times in it are believed.
    pub(crate) bounds: WaitBounds,
    /// Raised whenever work may have become due.
    wake: Arc<watch::Sender<u64>>,
    /// The first disk failure, or that the file was removed or replaced. After it nothing more is acknowledged: a later fsync that succeeds
    /// says nothing about the bytes of the one that failed.
    failed: Arc<OnceLock<Error>>,
}

impl Ledger {
    /// Opens the database, creating it if there is none, and brings it to this version's form. The
    /// folder must exist. Must be called within a tokio runtime, which then writes the deliveries.
    pub async fn open(path: &Path, clock: Clock) -> Result<Self, Error> {
        create(path.to_owned()).await?;
        let path = files::resolved(path.to_owned()).await?;
        let identity = FileIdentity::of(&path).map_err(sqlx::Error::Io)?;
        let options = options(&path);
        let write = pool(1).connect_with(options.clone()).await?;
        match Self::over(&path, (write.clone(), options), identity, clock).await {
            Ok(ledger) => Ok(ledger),
            Err(error) => {
                // What is closed later would still touch the files, which may be others by then.
                write.close().await;
                Err(error)
            }
        }
    }

    async fn over(
        path: &Path,
        (write, options): (SqlitePool, SqliteConnectOptions),
        identity: FileIdentity,
        clock: Clock,
    ) -> Result<Self, Error> {
        sqlx::migrate!().run(&write).await?;
        let options = options.read_only(true);
        let read = pool(READERS).connect_with(options.clone()).await?;
        let anchor = pool(1).connect_with(options).await?;
        sqlx::query("SELECT COUNT(*) FROM cursors").fetch_one(&anchor).await?;
        let store = Store {
            write,
            read,
            anchor,
            files: Arc::new(OpenFiles::opened(path, identity)?),
            mark: Arc::default(),
            full: Arc::default(),
            clock,
            bounds: WaitBounds::default(),
            wake: Arc::new(watch::Sender::new(0)),
            failed: Arc::default(),
        };
        let recorder = Recorder::start(store.clone());
        Ok(Self { store, recorder })
    }

    /// Writes what is still waiting, then closes the connections; the log is folded into the
    /// database. Other clones get [`Error::Closed`] from then on.
    pub async fn close(&self) {
        self.recorder.close().await;
        self.store.read.close().await;
        self.store.anchor.close().await;
        self.store.write.close().await;
        if let (Some(mark), None) = (self.store.mark.get(), self.store.failed())
            && let Err(error) = mark.close(self.store.files.database())
        {
            tracing::warn!("the next start checks the ledger: its mark cannot be written: {error}");
        }
    }

    /// A receiver whose value changes whenever work may have become due. Time passing is not told:
    /// see [`Ledger::next_due`].
    pub fn wakeups(&self) -> watch::Receiver<u64> {
        self.store.wake.subscribe()
    }

    /// The failure of the disk or of the file after which no delivery is recorded any more, if there was one.
    pub fn failed(&self) -> Option<Error> {
        self.store.failed.get().cloned()
    }
}

impl Store {
    /// Waits for its turn, then begins. The lock is taken at once, so that a transaction that reads
    /// before it writes cannot be overtaken in between.
    pub(crate) async fn begin(&self) -> Result<Write, Error> {
        Ok(self.write.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Commits; durable when it returns `Ok`.
    pub(crate) async fn finish(&self, write: Write) -> Result<(), Error> {
        write.commit().await.map_err(|error| self.note(error.into()))?;
        // What was committed into a file that has no name any more is lost.
        self.files.verify().map_err(|error| self.note(error))?;
        self.full.ends();
        Ok(())
    }

    /// Remembers a failure of the disk or of the file, and that there is no space.
    pub(crate) fn note(&self, error: Error) -> Error {
        match &error {
            Error::Io(_) | Error::Replaced if self.failed.set(error.clone()).is_ok() => {
                tracing::error!("{error}, nothing more is acknowledged");
            }
            Error::Full(_) => self.full.begins(self.clock.now()),
            _ => {}
        }
        error
    }

    pub(crate) fn failed(&self) -> Option<&Error> {
        self.failed.get()
    }

    pub(crate) fn wake(&self) {
        self.wake.send_modify(|count| *count = count.wrapping_add(1));
    }
}

pub(crate) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_WAIT)
        .pragma("journal_size_limit", WAL_BYTES)
        .disable_statement_logging()
}

pub(crate) fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(QUEUE_WAIT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| {
            Box::pin(async move {
                // SQLite ends a transaction by itself when the disk is full or fails, and the
                // driver then counts one that is no more: every later BEGIN would be refused. The
                // ping lets a pending rollback finish first.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
}

/// Creates an empty file that only owner and group may read, bodies are confidential, and makes the
/// folder remember it.
async fn create(path: PathBuf) -> Result<(), Error> {
    let made = tokio::task::spawn_blocking(move || -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o660);
        match options.open(&path) {
            // The log beside it gets the same mode.
            Ok(file) => file.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(error),
        }
        match path.parent() {
            Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    });
    let made = made.await.map_err(io::Error::other).flatten();
    made.map_err(|error| Error::Io(Arc::new(sqlx::Error::Io(error))))
}

/// An instant as it is stored; out of range is unreadable.
pub(crate) fn instant(millis: i64) -> Result<Instant, Error> {
    Instant::from_millis(millis).ok_or(Error::unreadable("an instant"))
}

/// A count as it is stored.
pub(crate) fn unsigned<T: TryFrom<i64>>(n: i64) -> Result<T, Error> {
    T::try_from(n).map_err(|_| Error::unreadable("a count"))
}
