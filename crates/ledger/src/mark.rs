//! The watermark: a small file beside the ledger that says how far the ledger had come, so that a
//! start can tell a ledger that lost its end from one that is whole.
//!
//! It MUST be written after the transaction whose numbers it carries: then it is never ahead of an
//! undamaged ledger, and an old one causes no false alarm. It MUST be written before a delivery is
//! answered: then what was acknowledged is in it, whatever happens to the ledger after that. A write
//! is not waited for by the disk: it outlives the process, and the machine by the next fsync.
//!
//! Who has the file locked owns the ledger. Nobody else may write it, or move a ledger aside.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use crate::Error;
use crate::files;

/// The file has this length, always: a write in place never needs space.
const BYTES: usize = 256;
const FORM: &str = "jiralake-ledger-mark-1";
/// A write reaches the disk after this at the latest, while there are others.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// How far a ledger had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The ledger's identity.
    pub(crate) ledger: String,
    /// The highest number of an acknowledged delivery.
    pub(crate) seq: i64,
    /// The last commit of the lake.
    pub(crate) commit: i64,
    /// When the last delivery was acknowledged, in epoch milliseconds.
    pub(crate) acknowledged_at: i64,
    /// The database file as a clean stop left it; `None`: a process runs, or died.
    pub(crate) clean: Option<FileStamp>,
}

/// What a write to a file changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    bytes: u64,
    modified_ns: u64,
}

/// The mark as a start found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoundMark {
    /// There was none.
    Absent,
    /// There is a file, and it is not a mark.
    Unreadable,
    /// A mark.
    Read(Mark),
}

/// The mark's file, locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct MarkFile {
    inner: Mutex<Inner>,
    /// The same file, so that an fsync keeps nobody from writing.
    disk: File,
    is_syncing: AtomicBool,
    /// A write failed, and the log says so.
    is_stale: AtomicBool,
    /// The ledger has another owner, or none: this handle writes nothing more.
    is_released: AtomicBool,
}

#[derive(Debug)]
struct Inner {
    file: File,
    mark: Mark,
    synced: std::time::Instant,
}

impl FileStamp {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = path.metadata()?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified_ns = u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX);
        Ok(Self { bytes: metadata.len(), modified_ns })
    }
}

impl Mark {
    fn encode(&self) -> [u8; BYTES] {
        let Self { ledger, seq, commit, acknowledged_at, clean } = self;
        let state = match clean {
            None => "running - -".to_owned(),
            Some(FileStamp { bytes, modified_ns }) => format!("clean {bytes} {modified_ns}"),
        };
        let text = format!("{FORM} {ledger} {seq} {commit} {acknowledged_at} {state}");
        let line = format!("{text} {:08x}", crc32fast::hash(text.as_bytes()));
        let mut encoded = [b' '; BYTES];
        for (place, byte) in encoded.iter_mut().zip(line.bytes().chain([b'\n'])) {
            *place = byte;
        }
        encoded
    }

    fn decode(encoded: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(encoded).ok()?.trim_end();
        let (text, checksum) = line.rsplit_once(' ')?;
        if checksum != format!("{:08x}", crc32fast::hash(text.as_bytes())) {
            return None;
        }
        let words: Vec<&str> = text.split(' ').collect();
        let [FORM, ledger, seq, commit, at, state, bytes, modified] = words.as_slice() else {
            return None;
        };
        let clean = match *state {
            "running" => None,
            "clean" => {
                Some(FileStamp { bytes: bytes.parse().ok()?, modified_ns: modified.parse().ok()? })
            }
            _ => return None,
        };
        Some(Self {
            ledger: (*ledger).to_owned(),
            seq: seq.parse().ok()?,
            commit: commit.parse().ok()?,
            acknowledged_at: at.parse().ok()?,
            clean,
        })
    }
}

impl MarkFile {
    /// Where the mark of a database is.
    pub(crate) fn path(database: &Path) -> PathBuf {
        database.with_extension("mark")
    }

    /// Takes the mark's file for this process alone, and reads it. Nothing is changed yet.
    pub(crate) fn take(database: &Path) -> Result<(Self, FoundMark), Error> {
        let path = Self::path(database);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o660);
        let was_irregular = files::make_way(&path).map_err(disk)?;
        let mut file = options.open(path).map_err(disk)?;
        file.try_lock().map_err(|refused| match refused {
            TryLockError::WouldBlock => {
                Error::Locked(Arc::new(sqlx::Error::Io(io::ErrorKind::WouldBlock.into())))
            }
            TryLockError::Error(error) => disk(error),
        })?;
        let mut encoded = Vec::with_capacity(BYTES);
        (&mut file).take(BYTES as u64 + 1).read_to_end(&mut encoded).map_err(disk)?;
        let found = match Mark::decode(&encoded) {
            Some(mark) => FoundMark::Read(mark),
            None if encoded.is_empty() && !was_irregular => FoundMark::Absent,
            None => FoundMark::Unreadable,
        };
        let mark = match &found {
            FoundMark::Read(mark) => mark.clone(),
            FoundMark::Absent | FoundMark::Unreadable => {
                Mark { ledger: String::new(), seq: 0, commit: 0, acknowledged_at: 0, clean: None }
            }
        };
        let disk_file = file.try_clone().map_err(disk)?;
        let inner = Inner { file, mark, synced: std::time::Instant::now() };
        let (is_syncing, is_stale) = (AtomicBool::new(false), AtomicBool::new(false));
        let (inner, is_released) = (Mutex::new(inner), AtomicBool::new(false));
        Ok((Self { inner, disk: disk_file, is_syncing, is_stale, is_released }, found))
    }

    /// Replaces the mark, durably.
    pub(crate) fn set(&self, mark: Mark) -> Result<(), Error> {
        self.change(|now| *now = mark).map_err(disk)?;
        self.disk.sync_all().map_err(disk)
    }

    /// Says that the ledger was closed in order, durably, and lets another process own it.
    pub(crate) fn close(&self, database: &Path) -> Result<(), Error> {
        if self.is_released.load(Ordering::Acquire) {
            return Ok(());
        }
        let stamp = FileStamp::of(database).map_err(disk)?;
        self.change(|mark| mark.clean = Some(stamp)).map_err(disk)?;
        self.disk.sync_all().map_err(disk)?;
        self.release()
    }

    /// Lets another process own the ledger; the mark stays as it is.
    pub(crate) fn release(&self) -> Result<(), Error> {
        self.is_released.store(true, Ordering::Release);
        // A write that began before is part of what the next owner reads.
        let _inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        self.disk.unlock().map_err(disk)
    }

    /// Notes that deliveries up to a number are about to be acknowledged.
    pub(crate) fn acknowledge(self: &Arc<Self>, seq: i64, at: i64) {
        self.note(|mark| {
            mark.seq = mark.seq.max(seq);
            mark.acknowledged_at = at;
        });
    }

    /// Notes a commit of the lake.
    pub(crate) fn committed(self: &Arc<Self>, commit: i64) {
        self.note(|mark| mark.commit = mark.commit.max(commit));
    }

    /// A mark that cannot be written is an old one, which is safe: less is noticed, nothing is lost.
    fn note(self: &Arc<Self>, change: impl FnOnce(&mut Mark)) {
        match self.change(change) {
            Ok(is_due) => {
                self.is_stale.store(false, Ordering::Relaxed);
                if is_due && !self.is_syncing.swap(true, Ordering::AcqRel) {
                    let mark = Arc::clone(self);
                    tokio::task::spawn_blocking(move || mark.sync());
                }
            }
            Err(error) if !self.is_stale.swap(true, Ordering::Relaxed) => {
                tracing::warn!("cannot write the ledger's mark, damage may go unnoticed: {error}");
            }
            Err(_) => {}
        }
    }

    fn sync(&self) {
        if let Err(error) = self.disk.sync_data() {
            tracing::warn!("cannot sync the ledger's mark: {error}");
        }
        self.is_syncing.store(false, Ordering::Release);
    }

    /// Writes the changed mark in place; returns whether an fsync is due.
    fn change(&self, change: impl FnOnce(&mut Mark)) -> io::Result<bool> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_released.load(Ordering::Acquire) {
            return Ok(false);
        }
        change(&mut inner.mark);
        let encoded = inner.mark.encode();
        inner.file.seek(SeekFrom::Start(0))?;
        inner.file.write_all(&encoded)?;
        let is_due = inner.synced.elapsed() >= SYNC_EVERY;
        if is_due {
            inner.synced = std::time::Instant::now();
        }
        Ok(is_due)
    }
}

fn disk(error: io::Error) -> Error {
    Error::from(sqlx::Error::Io(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let clean = Some(FileStamp { bytes: u64::MAX, modified_ns: u64::MAX });
        let ledger = "0123456789abcdef0123456789abcdef".to_owned();
        Mark { ledger, seq: i64::MAX, commit: i64::MAX, acknowledged_at: i64::MIN, clean }
    }

    #[test]
    fn the_longest_mark_fits_and_is_read_back() {
        for mark in [mark(), Mark { clean: None, seq: 0, ..mark() }] {
            assert_eq!(Mark::decode(&mark.encode()), Some(mark));
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_in_the_place_of_the_mark_is_a_mark_that_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("ledger.db");
        let path = MarkFile::path(&database);
        let make_fifo = || {
            let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
        };
        let make_folder = || std::fs::create_dir_all(path.join("not ours")).unwrap();
        let make_link = || std::os::unix::fs::symlink("/nowhere/at/all", &path).unwrap();
        for make in [&make_fifo as &dyn Fn(), &make_folder, &make_link] {
            make();
            let (file, found) = MarkFile::take(&database).unwrap();
            assert_eq!(found, FoundMark::Unreadable);
            file.set(mark()).unwrap();
            drop(file);
            assert_eq!(MarkFile::take(&database).unwrap().1, FoundMark::Read(mark()));
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_mark_with_any_byte_flipped_or_cut_is_no_mark() {
        let whole = mark().encode();
        let line = whole.iter().position(|byte| *byte == b'\n').unwrap();
        for at in 0..line {
            let mut flipped = whole;
            flipped[at] ^= 1;
            assert_eq!(Mark::decode(&flipped), None, "byte {at}");
            assert_eq!(Mark::decode(&whole[..at]), None, "cut at {at}");
        }
    }
}
