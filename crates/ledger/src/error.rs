//! What can go wrong in the ledger, sorted by what a caller does about it. Errors can be cloned:
//! one failed transaction answers every delivery that was in it.

use std::sync::Arc;

use sqlx::migrate::MigrateError;

/// A ledger operation failed. Nothing of it is in the database, unless the variant says otherwise.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Too much is waiting to be written; try again shortly.
    #[error("the ledger has too much waiting")]
    Busy,
    /// No space on the disk. The ledger works again as soon as there is some.
    #[error("no space left for the ledger")]
    Full(#[source] Arc<sqlx::Error>),
    /// The disk failed; the bytes may or may not be on it. No delivery is recorded any more until the
    /// ledger is opened anew.
    #[error("the disk failed under the ledger")]
    Io(#[source] Arc<sqlx::Error>),
    /// The name of the database or of its log leads to another file than the one that is open, or to
    /// none. No delivery is recorded any more until the ledger is opened anew.
    #[error("the ledger's file was removed or replaced while it was open")]
    Replaced,
    /// Another process holds the database.
    #[error("the ledger is locked by another process")]
    Locked(#[source] Arc<sqlx::Error>),
    /// What is stored cannot be read. Never to be taken for "nothing is stored".
    #[error("the ledger is not readable: {what}")]
    Unreadable {
        /// What was read.
        what: &'static str,
        /// What the database said, if it was the database that refused.
        source: Option<Arc<sqlx::Error>>,
    },
    /// The database was made by a newer version of the program.
    #[error("the ledger was made by a newer version (migration {migration})")]
    Newer {
        /// The first migration that this version does not know.
        migration: i64,
    },
    /// A body is larger than the ledger takes.
    #[error("a body of {bytes} bytes is too large for the ledger")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// No delivery has this number.
    #[error("no delivery has the number {seq}")]
    NoDelivery {
        /// The number that was asked for.
        seq: i64,
    },
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
    /// Anything else the database refuses: a defect of this program.
    #[error("the ledger refused a statement")]
    Database(#[source] Arc<sqlx::Error>),
}

impl Error {
    pub(crate) fn unreadable(what: &'static str) -> Self {
        Self::Unreadable { what, source: None }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Migrate(error) => Self::from(*error),
            sqlx::Error::Io(_) => Self::Io(Arc::new(error)),
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::Unreadable { what: "a column", source: Some(Arc::new(error)) }
            }
            sqlx::Error::Database(ref database) => {
                let code = database.code().and_then(|code| code.parse().ok()).unwrap_or(0);
                by_code(code, Arc::new(error))
            }
            _ => Self::Database(Arc::new(error)),
        }
    }
}

impl From<MigrateError> for Error {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            MigrateError::VersionMissing(migration) => Self::Newer { migration },
            other => {
                let source = Some(Arc::new(sqlx::Error::from(other)));
                Self::Unreadable { what: "its migrations", source }
            }
        }
    }
}

/// SQLite's extended result code; the low byte is the kind.
fn by_code(code: i32, source: Arc<sqlx::Error>) -> Error {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const IOERR: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const NOTADB: i32 = 26;
    // Growing the shared-memory file met a full disk; nothing was written, nothing to distrust.
    const IOERR_SHMSIZE: i32 = IOERR | (19 << 8);
    const READONLY_MOVED: i32 = 8 | (4 << 8);
    match (code, code & 0xff) {
        (READONLY_MOVED, _) => Error::Replaced,
        (IOERR_SHMSIZE, _) | (_, FULL) => Error::Full(source),
        (_, IOERR) => Error::Io(source),
        (_, BUSY | LOCKED) => Error::Locked(source),
        (_, CORRUPT | NOTADB) => {
            Error::Unreadable { what: "the database file", source: Some(source) }
        }
        _ => Error::Database(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_a_caller_does() {
        let sorted = |code| by_code(code, Arc::new(sqlx::Error::RowNotFound));
        assert!(matches!(sorted(13), Error::Full(_)));
        assert!(matches!(sorted(4874), Error::Full(_)), "shared memory cannot grow");
        assert!(matches!(sorted(1034), Error::Io(_)), "fsync failed");
        assert!(matches!(sorted(778), Error::Io(_)), "write failed");
        assert!(matches!(sorted(1032), Error::Replaced), "the file was moved");
        assert!(matches!(sorted(5), Error::Locked(_)));
        assert!(matches!(sorted(517), Error::Locked(_)), "busy snapshot");
        assert!(matches!(sorted(267), Error::Unreadable { .. }));
        assert!(matches!(sorted(26), Error::Unreadable { .. }));
        assert!(matches!(sorted(2067), Error::Database(_)), "unique constraint");
    }
}
