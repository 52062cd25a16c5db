//! The files that are open: whether their names still lead to them.
//!
//! A file that was deleted or replaced while it was open still takes writes and fsyncs, and loses all
//! of it when it is closed. So each transaction MUST be followed by [`OpenFiles::verify`] before
//! anybody hears that it succeeded.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::Error;

/// The database and its log, as they were when they were opened.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    database: OpenFile,
    log_path: PathBuf,
    /// SQLite creates the log when it first needs it.
    log: OnceLock<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    identity: FileIdentity,
}

/// What one file has and no other: its device and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    device: u64,
    number: u64,
}

impl FileIdentity {
    #[cfg(unix)]
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = path.metadata()?;
        Ok(Self { device: metadata.dev(), number: metadata.ino() })
    }

    /// Elsewhere an open file cannot be removed or replaced.
    #[cfg(not(unix))]
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|_| Self { device: 0, number: 0 })
    }
}

impl OpenFiles {
    /// The files of a database that was opened while its name led to `identity`.
    pub(crate) fn opened(database: &Path, identity: FileIdentity) -> Result<Self, Error> {
        let log_path = beside(database, "-wal");
        let database = OpenFile { path: database.to_owned(), identity };
        let files = Self { database, log_path, log: OnceLock::new() };
        files.verify()?;
        Ok(files)
    }

    pub(crate) fn database(&self) -> &Path {
        &self.database.path
    }

    /// Fails when a name leads to another file than the one that is open, or to none. Two calls of
    /// the system: cheap enough for each group of deliveries.
    pub(crate) fn verify(&self) -> Result<(), Error> {
        self.database.verify()?;
        match self.log.get() {
            Some(log) => log.verify(),
            None => {
                if let Ok(identity) = FileIdentity::of(&self.log_path) {
                    let path = self.log_path.clone();
                    self.log.get_or_init(|| OpenFile { path, identity });
                }
                Ok(())
            }
        }
    }
}

impl OpenFile {
    fn verify(&self) -> Result<(), Error> {
        match FileIdentity::of(&self.path) {
            Ok(identity) if identity == self.identity => Ok(()),
            Ok(_) => Err(Error::Replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Replaced),
            Err(error) => Err(Error::from(sqlx::Error::Io(error))),
        }
    }
}

/// The path without symbolic links, as SQLite resolves it for the files beside a database.
pub(crate) async fn resolved(path: PathBuf) -> Result<PathBuf, Error> {
    let resolved = tokio::task::spawn_blocking(move || match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path),
        resolved => resolved,
    });
    let resolved = resolved.await.map_err(io::Error::other).flatten();
    resolved.map_err(|error| Error::from(sqlx::Error::Io(error)))
}

/// The path with something added to its name, as SQLite names the files beside a database.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes a name free if something has it that is no file: a FIFO, a link to nothing, or a folder, which
/// stays under another name with what is in it. Returns whether there was such a thing.
pub(crate) fn make_way(path: &Path) -> io::Result<bool> {
    let Ok(found) = path.symlink_metadata() else { return Ok(false) };
    if path.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(false);
    }
    if !found.is_dir() {
        std::fs::remove_file(path)?;
    } else if std::fs::remove_dir(path).is_err() {
        let free = (0_u32..)
            .map(|n| beside(path, &format!(".displaced-{n}")))
            .find(|aside| aside.symlink_metadata().is_err());
        #[expect(clippy::disallowed_methods, reason = "moves a folder; nothing is written")]
        std::fs::rename(path, free.unwrap_or_default())?;
    }
    Ok(true)
}
