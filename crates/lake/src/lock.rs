//! One writer at a time. The operating system holds the lock, so that a crash can never leave the
//! lake locked; the file's text only says who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use jira::time::Instant;

use crate::durable;
use crate::error::{Error, disk};

/// The lock's file, in the folder of the tables.
pub const LOCK_FILE: &str = ".jiralake.lock";

/// Longest text that is read from a lock file.
const HOLDER_BYTES: u64 = 200;

/// The right to write a lake; given back when it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of `folder` for `writer`, or names who has it.
    pub fn take(folder: &Path, writer: &str, now: Instant) -> Result<Self, Error> {
        durable::create_folder(folder).map_err(disk("create the folder", folder))?;
        let path = folder.join(LOCK_FILE);
        let failed = |doing| disk(doing, &path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed("open the lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { folder: folder.to_owned(), holder: holder(&file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let text = format!("{writer} (pid {}, since {})", std::process::id(), now.iso());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(failed("write the lock"))?;
        Ok(Self { _file: file })
    }
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

    #[test]
    fn a_second_writer_is_told_who_the_first_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = Instant::parse("2026-02-03T12:00:00Z").unwrap();
        let first = Lock::take(dir.path(), "serve", at).unwrap();
        let Err(Error::Locked { holder, .. }) = Lock::take(dir.path(), "transform", at) else {
            panic!("two writers");
        };
        let pid = std::process::id();
        assert_eq!(holder, format!("serve (pid {pid}, since 2026-02-03T12:00:00.000Z)"));
        drop(first);
        Lock::take(dir.path(), "transform", at).unwrap();
    }

    #[test]
    fn a_lock_file_that_a_crash_left_behind_locks_nothing() {
        let dir = tempfile::tempdir().unwrap();
        durable::write(&dir.path().join(LOCK_FILE), b"somebody who died, with a long name")
            .unwrap();
        let at = Instant::parse("2026-02-03T12:00:00Z").unwrap();
        let _held = Lock::take(dir.path(), "x", at).unwrap();
        let text = std::fs::read_to_string(dir.path().join(LOCK_FILE)).unwrap();
        assert!(text.starts_with("x (pid ") && text.ends_with("Z)"), "{text}");
    }
}
