//! Shortages that pass: a full disk, a used-up quota, no file descriptors left.
//!
//! This is the one place that distinguishes them from other failures. A shortage MUST be waited for.
//! Every other failure of a start ends it with a reason.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

/// `ENFILE` and `EMFILE`, which the standard library does not name; they are the same on all Unix systems.
const NO_DESCRIPTORS: [i32; 2] = [23, 24];

/// Bytes that a folder with space takes: more than SQLite asks for at once.
const PROBE_BYTES: usize = 256 * 1024;

/// A lack of something that comes back by itself or by somebody's help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// No space on a disk, or in a quota.
    Space,
    /// No file descriptors.
    Descriptors,
}

impl Shortage {
    /// Returns the shortage that caused an error, if one did.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Self::of_io(error);
        }
        if let Some(ledger::Error::Full(_)) = error.downcast_ref() {
            return Some(Self::Space);
        }
        error.source().and_then(Self::of)
    }

    fn of_io(error: &io::Error) -> Option<Self> {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        match error.raw_os_error() {
            Some(code) if NO_DESCRIPTORS.contains(&code) => return Some(Self::Descriptors),
            _ => {}
        }
        match error.kind() {
            StorageFull | QuotaExceeded => Some(Self::Space),
            // What an I/O error wraps is not its source.
            _ => error.get_ref().and_then(|inner| Self::of(inner)),
        }
    }

    /// Returns the shortage that a folder has now. SQLite does not always report why it could not open
    /// or grow a file.
    pub(crate) fn in_folder(folder: &Path) -> Option<Self> {
        let probe = || {
            let mut file = tempfile::tempfile_in(folder)?;
            io::Write::write_all(&mut file, &vec![b'x'; PROBE_BYTES])?;
            file.sync_all()
        };
        probe().err().and_then(|error| Self::of_io(&error))
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Space => "no space left on the disk",
            Self::Descriptors => "no file descriptors left",
        })
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    fn check(error: io::Error, shortage: Option<Shortage>) {
        let disk = |source| lake::Error::Disk { doing: "write", path: "x".into(), source };
        let again = || io::Error::new(error.kind(), "a copy");
        let copy = || error.raw_os_error().map_or_else(again, io::Error::from_raw_os_error);
        let wrapped = [
            anyhow!(copy()),
            anyhow!(copy()).context("cannot open the lake"),
            anyhow!(disk(copy())),
            anyhow!(lake::Error::Behind { source: Box::new(disk(copy())) }).context("the loop"),
            anyhow!(disk(io::Error::other(disk(copy())))),
        ];
        for error in wrapped {
            assert_eq!(Shortage::of(error.as_ref()), shortage, "{error:?}");
        }
    }

    #[test]
    fn shortages_are_told_from_other_failures_however_they_are_wrapped() {
        // ENOSPC, EDQUOT, EMFILE, ENFILE, EIO, EROFS, EACCES, ENOENT, as Linux numbers them.
        let cases = [(28, 1), (122, 1), (24, 2), (23, 2), (5, 0), (30, 0), (13, 0), (2, 0)];
        for (code, wanted) in cases {
            let wanted = [None, Some(Shortage::Space), Some(Shortage::Descriptors)][wanted];
            check(io::Error::from_raw_os_error(code), wanted);
        }
        check(io::ErrorKind::StorageFull.into(), Some(Shortage::Space));
    }

    #[test]
    fn a_folder_with_space_has_no_shortage_and_one_that_is_not_there_has_none_either() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Shortage::in_folder(dir.path()), None);
        assert_eq!(Shortage::in_folder(&dir.path().join("absent")), None);
        let failed: anyhow::Result<()> = Err(anyhow!("another failure")).context("the start");
        assert_eq!(Shortage::of(failed.unwrap_err().as_ref()), None);
    }
}
