//! The visible names: hard links (or copies) of the files that the catalog names.
//!
//! Promises: a name always shows a whole file; children first, `issues` last, so that a row of
//! `issues` never points at rows that are not there yet; making the names again changes nothing.
//! What the names show is durable before they are made; the names themselves are not waited for,
//! because every start makes them again from the catalog, which is.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ledger::CatalogFile;
use transform::Table;

use crate::decode::prove;
use crate::durable;
use crate::error::{Error, disk};
use crate::layout::Visible;
use crate::stage::recorded;
use crate::steps::{Step, Steps};
use crate::verify::regular;

/// All tables, children first, `issues` last.
pub(crate) fn in_order() -> impl Iterator<Item = Table> {
    let children = Table::ALL.iter().copied().filter(|table| *table != Table::Issues);
    children.chain([Table::Issues])
}

/// Shows new files and takes away the names of those that are gone.
pub(crate) fn publish(
    visible: &Visible,
    store: &Path,
    (files, gone): (&[CatalogFile], &[CatalogFile]),
    steps: &Steps,
) -> Result<(), Error> {
    for table in in_order() {
        if table == Table::Issues {
            steps.pass(Step::ChildrenVisible)?;
        }
        // Where a file's issues go to another one, they are in both for a moment and never in none:
        // new names come before new files under old names, and names go last.
        let of_table = files.iter().filter(|file| file.table == table.name());
        let (there, new) = of_table
            .map(|file| (file, visible.part(table, &file.month, file.part)))
            .partition::<Vec<_>, _>(|(_, name)| name.exists());
        for (file, name) in new.into_iter().chain(there) {
            regular::make_way(&name)
                .and_then(|()| durable::link(&store.join(&file.path), &name))
                .map_err(disk("show the table as", &name))?;
        }
        for file in gone.iter().filter(|file| file.table == table.name()) {
            let name = visible.part(table, &file.month, file.part);
            visible.remove(&name).map_err(disk("remove", &name))?;
        }
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
        let name = visible.part(table, &file.month, file.part);
        let source = store.join(&file.path);
        // A file that is missing in the store is left to the next commit of its month, which makes
        // it from raw; what is visible stays until then.
        if durable::is_regular(&source)
            && !shows(&name, &source, file).map_err(disk("compare", &name))?
        {
            stale.push(file.clone());
        }
    }
    Ok(stale)
}

/// Visible Parquet files of known tables that the catalog does not name.
pub(crate) fn strays(visible: &Visible, catalog: &[CatalogFile]) -> Result<Vec<PathBuf>, Error> {
    let named = catalog
        .iter()
        .filter_map(|file| Some(visible.part(Table::named(&file.table)?, &file.month, file.part)));
    let named = named.collect::<BTreeSet<_>>();
    let mut strays = Vec::new();
    for table in Table::ALL.iter().copied() {
        let files = visible.parquet_files(table).map_err(disk("list", &visible.table(table)))?;
        strays.extend(files.into_iter().filter(|path| !named.contains(path)));
    }
    Ok(strays)
}

/// Whether a visible name shows this file: the same file, or one of the same content.
pub(crate) fn shows(name: &Path, source: &Path, file: &CatalogFile) -> io::Result<bool> {
    let seen = match fs::symlink_metadata(name) {
        Ok(seen) if seen.is_file() => seen,
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match fs::symlink_metadata(source) {
        Ok(stored) if same_file(&seen, &stored) => return Ok(true),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if i64::try_from(seen.len()) != Ok(file.bytes) {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    durable::open_regular(name)?.read_to_end(&mut bytes)?;
    Ok(prove(&bytes.into(), Some(recorded(file))).is_ok())
}

#[cfg(unix)]
pub(crate) fn same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
pub(crate) fn same_file(_: &Metadata, _: &Metadata) -> bool {
    false
}
