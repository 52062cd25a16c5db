//! The visible names: hard links (or copies) of the files that the catalog names.
//!
//! Promises: a name always shows a whole file; children first, `issues` last, so that a row of
//! `issues` never points at rows that are not there yet; making the names again changes nothing.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use jira::time::Month;
use ledger::CatalogFile;
use transform::Table;

use crate::decode::Recorded;
use crate::durable;
use crate::error::{Error, disk};
use crate::layout::Visible;
use crate::steps::{Step, Steps};

/// All tables, children first, `issues` last.
pub(crate) fn in_order() -> impl Iterator<Item = Table> {
    let children = Table::ALL.iter().copied().filter(|table| *table != Table::Issues);
    children.chain([Table::Issues])
}

/// Shows new files and takes away the names of those that are gone.
pub(crate) fn publish(
    visible: &Visible,
    store: &Path,
    files: &[CatalogFile],
    gone: &[(Table, Month)],
    steps: &Steps,
) -> Result<(), Error> {
    let mut changed = BTreeSet::new();
    for table in in_order() {
        if table == Table::Issues {
            steps.pass(Step::ChildrenVisible)?;
        }
        for (_, month) in gone.iter().filter(|(of, _)| *of == table) {
            let name = visible.file(table, month);
            visible.remove(&name).map_err(disk("remove", &name))?;
            changed.insert(visible.table(table));
        }
        for file in files.iter().filter(|file| file.table == table.name()) {
            let name = visible.file(table, &file.month);
            durable::link(&store.join(&file.path), &name)
                .map_err(disk("show the table as", &name))?;
            changed.extend(name.parent().map(Path::to_path_buf));
        }
    }
    for folder in changed.iter().filter(|folder| folder.is_dir()) {
        durable::sync_folder(folder).map_err(disk("sync the folder", folder))?;
    }
    steps.pass(Step::Visible)
}

/// Which of the catalog's files are not what their visible names show.
pub(crate) fn stale(
    visible: &Visible,
    store: &Path,
    catalog: &[CatalogFile],
) -> Result<Vec<CatalogFile>, Error> {
    let mut stale = Vec::new();
    for file in catalog {
        let Some(table) = Table::named(&file.table) else { continue };
        let name = visible.file(table, &file.month);
        let source = store.join(&file.path);
        // A file that is missing in the store is left to the next commit of its month, which makes
        // it from raw; what is visible stays until then.
        if source.is_file() && !shows(&name, &source, file).map_err(disk("compare", &name))? {
            stale.push(file.clone());
        }
    }
    Ok(stale)
}

/// Visible Parquet files of known tables that the catalog does not name.
pub(crate) fn strays(visible: &Visible, catalog: &[CatalogFile]) -> Result<Vec<PathBuf>, Error> {
    let named = catalog
        .iter()
        .filter_map(|file| Some(visible.file(Table::named(&file.table)?, &file.month)));
    let named = named.collect::<BTreeSet<_>>();
    let mut strays = Vec::new();
    for table in Table::ALL.iter().copied() {
        let files = visible.parquet_files(table).map_err(disk("list", &visible.table(table)))?;
        strays.extend(files.into_iter().filter(|path| !named.contains(path)));
    }
    Ok(strays)
}

/// Whether a visible name shows this file: the same file, or one of the same content.
fn shows(name: &Path, source: &Path, file: &CatalogFile) -> io::Result<bool> {
    let seen = match fs::symlink_metadata(name) {
        Ok(seen) if seen.is_file() => seen,
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if same_file(&seen, &fs::metadata(source)?) {
        return Ok(true);
    }
    if i64::try_from(seen.len()) != Ok(file.bytes) {
        return Ok(false);
    }
    let recorded = Recorded { bytes: file.bytes, sha256: &file.sha256 };
    Ok(recorded.matches(&fs::read(name)?))
}

#[cfg(unix)]
fn same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same_file(_: &Metadata, _: &Metadata) -> bool {
    false
}
