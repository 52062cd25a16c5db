//! Whether the tables are whole: made to the end, in the shape of this version.
//!
//! A month that a table has no file for has no rows in it, so nothing on disk tells a lake from
//! before a table existed, or a rebuild that was cut off, from a whole one. The ledger remembers it
//! in one cursor: the shape of the last rebuild that got to its end. Whatever else stands there,
//! an older shape, a newer one, a rebuild that is running or nothing, the tables are made anew at
//! the next start.

use crate::error::{Error, asked};
use crate::open::Lake;

/// Raised whenever the same snapshots give other tables, columns or values than before.
const SHAPE: &str = "2";

const CURSOR: &str = "lake.rebuild";

/// How far the tables are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// A rebuild is running; what it did not reach is old or missing.
    Partly,
    /// All of them.
    Whole,
}

impl Lake {
    pub(crate) async fn note(&self, made: Made) -> Result<(), Error> {
        let text = match made {
            Made::Partly => "running",
            Made::Whole => SHAPE,
        };
        self.inner.ledger.set_cursor(CURSOR, text).await.map_err(asked("note a rebuild"))
    }

    pub(crate) async fn is_whole(&self) -> Result<bool, Error> {
        let noted = self.inner.ledger.cursor(CURSOR).await.map_err(asked("read a cursor"))?;
        Ok(noted.as_deref() == Some(SHAPE))
    }
}
