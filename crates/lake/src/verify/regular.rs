//! Opening table files. A name of a table file MUST be a regular file: opening a FIFO would wait
//! for a writer without end, and a link can lead anywhere.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::decode::Unfit;
use crate::durable;

/// Opens a regular file for reading.
pub(crate) fn open(path: &Path) -> Result<File, Unfit> {
    let seen = fs::symlink_metadata(path).map_err(Unfit::unread)?;
    if !seen.is_file() {
        return Err(Unfit::NotRegular);
    }
    File::open(path).map_err(Unfit::unread)
}

/// Makes the name of a table file free for a rename over it. A file, link or FIFO can be renamed
/// over. A folder cannot: an empty one is removed, another one gets a hidden name beside, because
/// what is in it is not ours to remove.
pub(crate) fn make_way(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        // It fails for a folder that is not empty.
        Ok(seen) if seen.is_dir() && fs::remove_dir(path).is_ok() => Ok(()),
        Ok(seen) if seen.is_dir() => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let aside = format!(".{name}.{:016x}.displaced", rand::random::<u64>());
            tracing::warn!(path = %path.display(), aside, "a folder has the name of a table file, renaming it to {aside}");
            durable::rename(path, &path.with_file_name(aside))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes a whole file durably at a name of ours, whatever has the name now.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    make_way(path)?;
    durable::write(path, bytes)
}

/// Removes what has the name of a table file that nothing names any more.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    make_way(path)?;
    durable::remove_if_there(path)
}
