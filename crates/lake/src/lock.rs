//! One writer at a time, over everything that a writer writes: the ledger, the raw snapshots, the store
//! and the tables. The operating system holds the locks, so that a crash can never leave the lake
//! locked. The text of a lock file only says who holds it.
//!
//! A lock MUST cover all of its places or none of them. Places MUST be taken in one order. A lock whose
//! text cannot be written (the disk is full) is held all the same.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use jira::time::Instant;

use crate::durable;
use crate::error::{Error, disk};
use crate::layout::Layout;
use crate::verify::regular;

/// The lock's file in each folder that a writer owns.
pub const LOCK_FILE: &str = ".jiralake.lock";

/// Longest text that is read from a lock file.
const HOLDER_BYTES: u64 = 200;

/// The right to write a lake; given back when it is dropped.
#[derive(Debug)]
pub struct Lock {
    files: Vec<File>,
}

impl Lock {
    /// Takes the lock of `folder` for `writer`, or names who has it.
    pub fn take(folder: &Path, writer: &str, now: Instant) -> Result<Self, Error> {
        Self::take_places([(folder.to_owned(), folder.join(LOCK_FILE))], writer, now)
    }

    /// Takes the locks of everything that a writer of this lake writes, or of nothing, and names who
    /// has the first one that is taken.
    pub fn take_all(layout: &Layout, writer: &str, now: Instant) -> Result<Self, Error> {
        let folders = [&layout.raw, &layout.store, &layout.parquet];
        let folders = folders.map(|folder| (folder.clone(), folder.join(LOCK_FILE)));
        let ledger = (layout.ledger.clone(), beside(&layout.ledger));
        Self::take_places([ledger].into_iter().chain(folders), writer, now)
    }

    /// Takes the lock files of places (what is locked, and its file) in this order.
    fn take_places(
        places: impl IntoIterator<Item = (PathBuf, PathBuf)>,
        writer: &str,
        now: Instant,
    ) -> Result<Self, Error> {
        let text = format!("{writer} (pid {}, since {})", std::process::id(), now.iso());
        let (mut files, mut taken) = (Vec::new(), BTreeSet::new());
        for (place, path) in places {
            let folder = durable::parent(&path).map_err(disk("lock", &path))?;
            durable::create_folder(folder).map_err(disk("create the folder", folder))?;
            // Two places may be one folder: its lock would refuse its own holder.
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            if !taken.contains(&real) {
                files.push(lock(&place, &path, &text)?);
                taken.insert(path.canonicalize().unwrap_or(path));
            }
        }
        Ok(Self { files })
    }

    /// Returns when it was taken, by the file system's clock: every file that a dead process wrote is
    /// older, however wrong the machine's clock is.
    pub(crate) fn taken(&self) -> std::io::Result<std::time::SystemTime> {
        let file = self.files.first().ok_or_else(|| std::io::Error::other("no lock is held"))?;
        file.metadata()?.modified()
    }
}

/// The lock file of a ledger, named after its database: several may share a folder.
fn beside(ledger: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(ledger.file_name().unwrap_or_default());
    name.push(".lock");
    ledger.with_file_name(name)
}

fn lock(place: &Path, path: &Path, text: &str) -> Result<File, Error> {
    let failed = |doing| disk(doing, path);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, durable::FILE_MODE);
    clear_place(path).map_err(failed("open the lock"))?;
    let mut file = options.open(path).map_err(failed("open the lock"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Locked { folder: place.to_owned(), holder: holder(&file) });
        }
        Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
    }
    let written = durable::tighten(&file)
        .and_then(|()| file.set_len(0))
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        let path = path.display();
        tracing::warn!("the lock {path} is held, but does not say by whom: {error}");
    }
    Ok(file)
}

/// Makes the name of a lock free if something has it that cannot be locked: a folder, a FIFO, a link
/// to nothing. No writer holds such a lock, and every writer holds those of the other places as well.
fn clear_place(path: &Path) -> std::io::Result<()> {
    let Ok(found) = path.symlink_metadata() else { return Ok(()) };
    if path.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    let kind = durable::kind_of(found.file_type());
    tracing::warn!("the lock {} is {kind}: a file takes its place", path.display());
    regular::remove(path).map(drop)
}

/// What the holder wrote about itself, made safe for one line of a log.
fn holder(file: &File) -> String {
    let mut bytes = Vec::new();
    match file.take(HOLDER_BYTES).read_to_end(&mut bytes) {
        Ok(0) | Err(_) => "another program that has not said its name".to_owned(),
        Ok(_) => {
            String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_control()).collect::<String>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Style;

    fn at() -> Instant {
        Instant::parse("2026-02-03T12:00:00Z").unwrap()
    }

    #[test]
    fn a_second_writer_is_told_who_the_first_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path(), "serve", at()).unwrap();
        let Err(Error::Locked { holder, .. }) = Lock::take(dir.path(), "transform", at()) else {
            panic!("two writers");
        };
        let pid = std::process::id();
        assert_eq!(holder, format!("serve (pid {pid}, since 2026-02-03T12:00:00.000Z)"));
        drop(first);
        Lock::take(dir.path(), "transform", at()).unwrap();
    }

    #[test]
    fn a_lock_file_that_a_crash_left_behind_locks_nothing() {
        let dir = tempfile::tempdir().unwrap();
        durable::write(&dir.path().join(LOCK_FILE), b"somebody who died, with a long name")
            .unwrap();
        let _held = Lock::take(dir.path(), "x", at()).unwrap();
        let text = std::fs::read_to_string(dir.path().join(LOCK_FILE)).unwrap();
        assert!(text.starts_with("x (pid ") && text.ends_with("Z)"), "{text}");
    }

    /// The layout of a lake whose parts are in folders with these names.
    fn layout(root: &Path, [ledger, raw, store, parquet]: [&str; 4]) -> Layout {
        Layout {
            ledger: root.join(ledger).join("ledger.db"),
            raw: root.join(raw),
            store: root.join(store),
            parquet: root.join(parquet),
            style: Style::Flat,
        }
    }

    #[test]
    fn two_lakes_that_share_any_place_are_not_written_side_by_side() {
        for shared in 1..16_u8 {
            let dir = tempfile::tempdir().unwrap();
            let is_shared = |place: u8| shared & (1 << place) != 0;
            let name = |place: u8, own: &'static str, other: &'static str| {
                if is_shared(place) { own } else { other }
            };
            let first = layout(dir.path(), ["a0", "a1", "a2", "a3"]);
            let names = [
                name(0, "a0", "b0"),
                name(1, "a1", "b1"),
                name(2, "a2", "b2"),
                name(3, "a3", "b3"),
            ];
            let second = layout(dir.path(), names);
            let held = Lock::take_all(&first, "first", at()).unwrap();
            let Err(Error::Locked { folder, holder }) = Lock::take_all(&second, "second", at())
            else {
                panic!("two writers share {names:?}");
            };
            assert!(holder.starts_with("first (pid "), "{holder}");
            let places = [&first.ledger, &first.raw, &first.store, &first.parquet];
            let wanted = (0_u8..4).find(|place| is_shared(*place)).map(usize::from).unwrap();
            assert_eq!(&folder, places[wanted], "the first place that is shared is named");
            // What was refused holds nothing: each place of its own is free.
            for (place, folder) in [(1, &second.raw), (2, &second.store), (3, &second.parquet)] {
                if !is_shared(place) {
                    drop(Lock::take(folder, "third", at()).unwrap());
                }
            }
            drop(held);
            Lock::take_all(&second, "second", at()).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_locked_in_the_place_of_a_lock_keeps_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOCK_FILE);
        let make_fifo = || {
            let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
        };
        let make_folder = || {
            durable::create_folder(&path).unwrap();
            durable::write(&path.join("file"), b"somebody's").unwrap();
        };
        let make_link = || std::os::unix::fs::symlink("/nowhere/at/all", &path).unwrap();
        for make in [&make_fifo as &dyn Fn(), &make_folder, &make_link] {
            make();
            let held = Lock::take(dir.path(), "first", at()).unwrap();
            let Err(Error::Locked { holder, .. }) = Lock::take(dir.path(), "second", at()) else {
                panic!("two writers");
            };
            assert!(holder.starts_with("first (pid "), "{holder}");
            drop(held);
            std::fs::remove_file(&path).unwrap();
        }
        // What was in the folder is somebody's, and stays.
        let kept = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(kept, 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_file_that_others_may_write_is_closed_to_them() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOCK_FILE);
        let file = File::create(&path).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o646)).unwrap();
        let _held = Lock::take(dir.path(), "x", at()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn two_ledgers_in_one_folder_and_one_folder_for_several_places_are_fine() {
        let dir = tempfile::tempdir().unwrap();
        let one = layout(dir.path(), ["", "one", "one", "one"]);
        let mut other = layout(dir.path(), ["", "two", "two", "two"]);
        other.ledger = dir.path().join("other.db");
        let _one = Lock::take_all(&one, "one", at()).unwrap();
        let _other = Lock::take_all(&other, "other", at()).unwrap();
    }
}
