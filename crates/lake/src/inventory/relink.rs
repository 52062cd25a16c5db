//! Files that the store lost and the tree still has: the visible name is the same immutable file.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use ledger::CatalogFile;
use transform::Table;

use crate::decode::prove;
use crate::durable;
use crate::error::{Error, disk};
use crate::open::Inner;
use crate::stage::recorded;

impl Inner {
    /// Links files that the store does not have, or not in their length, back from their visible
    /// names. Returns the files that are in neither.
    pub(crate) fn relink(&self, catalog: &[CatalogFile]) -> Result<Vec<CatalogFile>, Error> {
        let mut missing = Vec::new();
        for file in catalog {
            let Some(table) = Table::named(&file.table) else { continue };
            let stored = self.store.folder.join(&file.path);
            if has_length(&stored, file.bytes).map_err(disk("look at", &stored))? {
                continue;
            }
            let name = self.visible.part(table, &file.month, file.part);
            if is_whole(&name, file).map_err(disk("read", &name))? {
                let linked = durable::link(&name, &stored);
                let linked = linked.and_then(|_| durable::sync_folder(durable::parent(&stored)?));
                match linked {
                    Ok(()) => {
                        tracing::info!(path = %stored.display(), "linked a file of the store back from its visible name");
                        continue;
                    }
                    // A folder under the file's name, for one: the file is made again under another.
                    Err(error) => {
                        tracing::warn!(path = %stored.display(), %error, "cannot link a lost file of the store back");
                    }
                }
            }
            if !durable::is_regular(&stored) {
                missing.push(file.clone());
            }
        }
        Ok(missing)
    }
}

/// Whether a name is a regular file of this length.
fn has_length(path: &Path, bytes: i64) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(found.is_file() && i64::try_from(found.len()) == Ok(bytes)),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a name is this file, by its length and checksums.
fn is_whole(path: &Path, file: &CatalogFile) -> io::Result<bool> {
    if !has_length(path, file.bytes)? {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    durable::open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(prove(&bytes.into(), Some(recorded(file))).is_ok())
}

/// A name below something that is no folder is as absent as one in an empty folder.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
