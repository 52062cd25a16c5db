//! Files that dead processes left: temporary ones go at once under the lake's lock, files of the store
//! that no commit names go when no reader can be using them any more.
//!
//! A temporary file in a folder that only the lake's writer writes is a dead process's when the lock
//! has just been taken, whatever its time says: a clock that was ahead must not keep it for ever.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use ledger::CatalogFile;
use transform::Table;

use crate::durable;
use crate::error::{Error, disk};
use crate::layout::{Style, Visible};
use crate::open::{Inner, Lake, blocking};

/// The folder in the store for visible files that cannot be read and that nothing replaces.
const ASIDE: &str = "aside";

impl Inner {
    /// Removes the temporary files of dead processes. Nothing may have been written yet.
    pub(crate) fn clear_leftovers(&self) -> Result<(), Error> {
        let mut swept = 0;
        for folder in self.own_folders()? {
            let removed = durable::sweep_before(&folder, None);
            swept += removed.map_err(disk("sweep the folder", &folder))?;
        }
        let raw = self.raw.folder();
        let taken = self.lock.taken().map_err(disk("look at the lock of", &self.visible.folder))?;
        let removed = durable::sweep_before(raw, Some(taken));
        swept += removed.map_err(disk("sweep the folder", raw))?;
        if swept > 0 {
            tracing::info!(swept, "removed {swept} files that crashed writes left behind");
        }
        Ok(())
    }

    /// Removes temporary files that are old, while the lake is in use.
    pub(crate) fn sweep_old(&self) -> Result<u64, Error> {
        let (now, mut swept) = (self.clock.now(), 0);
        let mut folders = self.own_folders()?;
        folders.insert(self.raw.folder().to_owned());
        for folder in folders {
            let removed = durable::sweep(&folder, now);
            swept += removed.map_err(disk("sweep the folder", &folder))?;
        }
        Ok(swept)
    }

    /// The folders that only the holder of the lake's lock writes.
    fn own_folders(&self) -> Result<BTreeSet<PathBuf>, Error> {
        let mut folders: BTreeSet<_> = self.raw.written_folders()?.into_iter().collect();
        folders.insert(self.visible.folder.clone());
        for table in Table::ALL.iter().copied() {
            let visible = self.visible.folders(table);
            folders.extend(visible.map_err(disk("list", &self.visible.table(table)))?);
            folders.extend(self.stored_folders(table)?);
        }
        folders.remove(self.raw.folder());
        Ok(folders)
    }

    /// The folders of a table's months in the store.
    pub(crate) fn stored_folders(&self, table: Table) -> Result<Vec<PathBuf>, Error> {
        let stored = self.store.folder.join(table.name());
        if !stored.is_dir() {
            return Ok(Vec::new());
        }
        let mut folders = Vec::new();
        for entry in durable::list(&stored).map_err(disk("list", &stored))? {
            if entry.file_type().map_err(disk("list", &stored))?.is_dir() {
                folders.push(entry.path());
            }
        }
        Ok(folders)
    }

    /// Files of the store that no commit names. What is no regular file is named in the log and left.
    fn unnamed(&self, catalog: &[CatalogFile]) -> Result<Vec<PathBuf>, Error> {
        let named = catalog.iter().map(|file| self.store.folder.join(&file.path));
        let named = named.collect::<BTreeSet<_>>();
        let mut unnamed = Vec::new();
        for table in Table::ALL.iter().copied() {
            for folder in self.stored_folders(table)? {
                for entry in durable::list(&folder).map_err(disk("list", &folder))? {
                    let (path, kind) = (entry.path(), entry.file_type());
                    let kind = kind.map_err(disk("list", &folder))?;
                    if !kind.is_file() {
                        let kind = durable::kind_of(kind);
                        tracing::warn!(path = %path.display(), kind, "the store contains {kind}, which is not read: {}", path.display());
                    } else if path.extension().is_some_and(|e| e == "parquet")
                        && !named.contains(&path)
                    {
                        unnamed.push(path);
                    }
                }
            }
        }
        Ok(unnamed)
    }

    /// Moves visible files that no commit names and that cannot be read, or whose names say no month, out of the readers' way, not
    /// out of the world. Returns how many.
    pub(crate) fn set_aside(&self, catalog: &[CatalogFile]) -> Result<u64, Error> {
        let styles = [Style::Flat, Style::Hive];
        let styles = styles.map(|style| Visible { style, ..self.visible.clone() });
        let mut moved = 0;
        for path in crate::publish::strays(&self.visible, catalog)? {
            let table =
                Table::ALL.iter().find(|table| path.starts_with(self.visible.table(**table)));
            let Some(table) = table else { continue };
            let has_place = styles.iter().any(|style| style.named(*table, &path).is_some());
            if has_place && self.issues_of_file(*table, &path).is_ok() {
                continue;
            }
            let below = path.strip_prefix(&self.visible.folder).unwrap_or(&path);
            let target = self.store.folder.join(ASIDE).join(below);
            let made = durable::parent(&target).and_then(durable::create_folder);
            made.and_then(|()| durable::rename(&path, &target))
                .map_err(disk("set aside", &path))?;
            // The folder that it was alone in.
            self.visible.remove(&path).map_err(disk("remove", &path))?;
            tracing::warn!(path = %target.display(), "a visible file that no commit names has no readable rows of a month, it is kept as {}", target.display());
            moved += 1;
        }
        Ok(moved)
    }
}

impl Lake {
    /// Gives files of the store that no commit names the grace of replaced ones.
    pub(crate) async fn retire_unnamed(&self) -> Result<(), Error> {
        let mut writing = self.inner.writing.lock().await;
        let (catalog, inner) = (self.catalog().await?, Arc::clone(&self.inner));
        let unnamed = blocking(move || inner.unnamed(&catalog)).await?;
        writing.retired.add(unnamed.into_iter(), self.inner.clock.now());
        Ok(())
    }
}
