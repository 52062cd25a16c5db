//! The one idiom for durable writes: a temporary file beside the target, filled, fsynced, renamed
//! over the target, and the folder fsynced.
//!
//! Promises: a reader sees the old file or the new one, never a part; after the call returned, a
//! crash forgets nothing. Temporary names are unique, so that two writers of one target never
//! share bytes; what a crash leaves behind is swept by age, because a young one may be in use.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jira::time::Instant;

/// Leftovers younger than this may belong to a write in progress.
pub const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// Mode of every file, before the process's mask takes from it: others never have any right.
pub(crate) const FILE_MODE: u32 = 0o660;

/// Mode of every folder, before the process's mask takes from it.
#[cfg(unix)]
const FOLDER_MODE: u32 = 0o770;

/// How much of the target's name a temporary name repeats: both have to fit into 255 bytes.
const NAME_CHARS: usize = 60;

/// A file being written under a temporary name. Dropped without [`Temp::publish`], it is removed.
#[derive(Debug)]
pub struct Temp {
    path: PathBuf,
    /// Whether the name still exists; false once it was renamed away.
    pending: bool,
}

impl Temp {
    /// Creates `.NAME.<random>.tmp` in the target's folder (which is made when it is missing).
    pub fn beside(target: &Path) -> io::Result<(Self, File)> {
        let folder = parent(target)?;
        create_folder(folder)?;
        let path = folder.join(temporary_name(target));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, FILE_MODE);
        let file = options.open(&path)?;
        Ok((Self { path, pending: true }, file))
    }

    /// Where the bytes are now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the (already fsynced) file its name and makes the name durable.
    pub fn publish(self, target: &Path) -> io::Result<()> {
        self.rename(target)?;
        sync_folder(parent(target)?)
    }

    /// Gives the file its name; the caller syncs the folder.
    pub fn rename(mut self, target: &Path) -> io::Result<()> {
        #[expect(clippy::disallowed_methods, reason = "the one place that renames")]
        fs::rename(&self.path, target)?;
        self.pending = false;
        Ok(())
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if self.pending
            && let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a temporary file, leaving it to the sweep");
        }
    }
}

/// Writes a whole file durably.
pub fn write(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let (temp, mut file) = Temp::beside(target)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    temp.publish(target)
}

/// Moves a file or folder to another name in the same file system and makes both folders durable.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the one place that renames")]
    fs::rename(from, to)?;
    let (old, new) = (parent(from)?, parent(to)?);
    sync_folder(new)?;
    if old == new { Ok(()) } else { sync_folder(old) }
}

/// Removes a file durably; one that is not there is removed already.
pub fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(parent(path)?).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// How [`link`] made the second name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// Both names are one file.
    Hard,
    /// The file system has no (more) links, so the bytes were copied.
    Copied,
}

/// Gives `target` the content of the immutable file `source`: a hard link made under a temporary
/// name and renamed over the target, a copy where links are not possible. The caller syncs the
/// folder.
pub fn link(source: &Path, target: &Path) -> io::Result<Linked> {
    link_with(source, target, |from, to| fs::hard_link(from, to))
}

fn link_with(
    source: &Path,
    target: &Path,
    hard_link: fn(&Path, &Path) -> io::Result<()>,
) -> io::Result<Linked> {
    let folder = parent(target)?;
    create_folder(folder)?;
    let temp = Temp { path: folder.join(temporary_name(target)), pending: true };
    match hard_link(source, temp.path()) {
        Ok(()) => temp.rename(target).map(|()| Linked::Hard),
        Err(error) if links_are_impossible(&error) => {
            drop(temp);
            copy(source, target).map(|()| Linked::Copied)
        }
        Err(error) => Err(error),
    }
}

fn copy(source: &Path, target: &Path) -> io::Result<()> {
    let mut from = open_regular(source)?;
    let (temp, mut file) = Temp::beside(target)?;
    io::copy(&mut from, &mut file)?;
    file.sync_all()?;
    drop(file);
    temp.rename(target)
}

/// Another file system, a file system without links, one that forbids them, or too many of them.
fn links_are_impossible(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks | Unsupported)
}

/// Makes names in a folder durable: without it a crash can forget a rename.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Takes from a file that an earlier version or another program created what [`FILE_MODE`] does not give.
#[cfg(unix)]
pub(crate) fn tighten(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & !FILE_MODE == 0 {
        return Ok(());
    }
    file.set_permissions(fs::Permissions::from_mode(mode & FILE_MODE))
}

#[cfg(not(unix))]
pub(crate) fn tighten(_: &File) -> io::Result<()> {
    Ok(())
}

fn create_one(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, FOLDER_MODE);
    builder.create(folder)
}

/// Creates a folder with its parents; every new name is durable before this returns.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = match parent(folder) {
        Ok(above) if above != Path::new("") => above,
        _ => Path::new("."),
    };
    create_folder(above)?;
    match create_one(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        // It may have been created by another thread a moment ago, and not be durable yet.
        _ => sync_folder(above),
    }
}

/// Removes the temporary files that crashed writes left in `folder` (not below it), when they are
/// older than [`LEFTOVER_AGE`]. Returns how many.
pub fn sweep(folder: &Path, now: Instant) -> io::Result<u64> {
    let old = now.millis().checked_sub(i64::try_from(LEFTOVER_AGE.as_millis()).unwrap_or(i64::MAX));
    let old = old.and_then(|old| u64::try_from(old).ok()).unwrap_or(0);
    sweep_before(folder, Some(UNIX_EPOCH + Duration::from_millis(old)))
}

/// Removes the temporary files in `folder` that were last written at or before an instant of the file
/// system's own clock, or all of them: those from before the lock was taken are a dead process's.
pub fn sweep_before(folder: &Path, before: Option<SystemTime>) -> io::Result<u64> {
    let mut swept = 0;
    for entry in list(folder)? {
        let name = entry.file_name();
        let is_temporary = name.to_str().is_some_and(|name| {
            name.starts_with('.') && Path::new(name).extension() == Some(OsStr::new("tmp"))
        });
        if is_temporary && entry.file_type()?.is_file() {
            // Another sweep may have removed it meanwhile.
            let written = match entry.metadata().and_then(|found| found.modified()) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if before.is_none_or(|before| written <= before) {
                swept += u64::from(remove_if_there(&entry.path())?);
            }
        }
    }
    Ok(swept)
}

/// Opens a file for reading if it is a regular one. A symbolic link is not followed, and opening a
/// FIFO or a device neither waits nor reads: its error names what is there.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NOFOLLOW | libc::O_NONBLOCK,
    );
    let opened = match options.open(path) {
        Ok(opened) => opened,
        Err(error) => {
            // What is there says more than the error of opening it.
            return match fs::symlink_metadata(path) {
                Ok(found) if !found.is_file() => Err(irregular(kind_of(found.file_type()))),
                _ => Err(error),
            };
        }
    };
    // The opened file is checked, not the name: the name may be another file's by now.
    let kind = opened.metadata()?.file_type();
    if kind.is_file() { Ok(opened) } else { Err(irregular(kind_of(kind))) }
}

/// Whether a name is a regular file, without following a link.
pub fn is_regular(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// Names the kind of a directory entry.
pub fn kind_of(kind: fs::FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a FIFO";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "a device";
        }
    }
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_file() {
        "a regular file"
    } else {
        "of an unknown kind"
    }
}

fn irregular(kind: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is {kind}, not a regular file"))
}

/// The entries of a folder in order of their names; a folder that is not there has none.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    entries.sort_by_cached_key(fs::DirEntry::file_name);
    Ok(entries)
}

/// Removes a file whose absence need not be durable (it would be removed again).
pub(crate) fn remove_if_there(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) fn parent(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

fn temporary_name(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let name: String = name.chars().filter(char::is_ascii).take(NAME_CHARS).collect();
    format!(".{name}.{:016x}.tmp", rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        list(folder).unwrap().iter().map(|e| e.file_name().into_string().unwrap()).collect()
    }

    fn now() -> Instant {
        jira::time::Clock::system().now()
    }

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("deep/er/A-1.json");
        write(&target, b"first, and longer").unwrap();
        write(&target, b"second").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"second");
        assert_eq!(names(target.parent().unwrap()), ["A-1.json"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&target) & !0o660, 0);
            assert_eq!(mode(target.parent().unwrap()) & !0o770, 0);
            assert_eq!(mode(&dir.path().join("deep")) & !0o770, 0);
        }
    }

    #[test]
    fn an_abandoned_temporary_file_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        drop(Temp::beside(&dir.path().join("x.json")).unwrap());
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn two_writers_of_one_target_never_share_a_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("x.json");
        let one = Temp::beside(&target).unwrap();
        let two = Temp::beside(&target).unwrap();
        assert_ne!(one.0.path(), two.0.path());
    }

    #[test]
    fn leftovers_are_swept_by_age_and_only_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        for (name, minutes) in
            [(".a.1.tmp", 61), (".b.1.tmp", 59), ("c.tmp", 600), (".d", 600), ("e.json", 600)]
        {
            let file = File::create(dir.path().join(name)).unwrap();
            #[expect(clippy::disallowed_methods, reason = "a file's time is the machine's time")]
            let written = SystemTime::now() - Duration::from_secs(minutes * 60);
            file.set_times(FileTimes::new().set_modified(written)).unwrap();
        }
        assert_eq!(sweep(dir.path(), now()).unwrap(), 1);
        assert_eq!(names(dir.path()), [".b.1.tmp", ".d", "c.tmp", "e.json"]);
    }

    #[test]
    fn a_link_replaces_the_target_without_touching_what_it_was_linked_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        write(&path("one"), b"1").unwrap();
        write(&path("two"), b"2").unwrap();
        assert_eq!(link(&path("one"), &path("seen/x")).unwrap(), Linked::Hard);
        assert_eq!(link(&path("two"), &path("seen/x")).unwrap(), Linked::Hard);
        assert_eq!(fs::read(path("seen/x")).unwrap(), b"2");
        assert_eq!(fs::read(path("one")).unwrap(), b"1");
        assert_eq!(names(&path("seen")), ["x"]);
    }

    #[test]
    fn a_copy_stands_in_where_links_are_not_possible_and_other_errors_stay_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        write(&path("one"), b"1").unwrap();
        #[cfg(unix)]
        {
            // EXDEV, EPERM, EOPNOTSUPP, EMLINK, as the kernel numbers them.
            for code in [18, 1, 95, 31] {
                let kind = io::Error::from_raw_os_error(code);
                assert!(links_are_impossible(&kind), "{kind}");
            }
            assert!(!links_are_impossible(&io::Error::from_raw_os_error(28)), "a full disk");
        }
        let no_links = |_: &Path, _: &Path| Err(io::ErrorKind::CrossesDevices.into());
        assert_eq!(link_with(&path("one"), &path("x"), no_links).unwrap(), Linked::Copied);
        assert_eq!(fs::read(path("x")).unwrap(), b"1");
        let full = |_: &Path, _: &Path| Err(io::ErrorKind::StorageFull.into());
        assert!(link_with(&path("one"), &path("x"), full).is_err());
        assert!(link(&path("absent"), &path("x")).is_err());
        assert_eq!(names(dir.path()), ["one", "x"]);
    }
}
