//! Where everything is. A path is made of configured folders, a [`Table`], a [`Month`] and ids and
//! keys that were parsed into their types; no text from a body is ever part of one.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jira::time::Month;
use transform::{Dimension, Table};

use crate::durable;
use crate::verify::regular;

/// The folders of a lake, and its ledger.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The ledger's database: only its lock is the lake's business.
    pub ledger: PathBuf,
    /// The raw snapshots and attachments.
    pub raw: PathBuf,
    /// The tables that people, rsync and DuckDB see.
    pub parquet: PathBuf,
    /// The immutable files that the catalog names; beside the tables, never inside.
    pub store: PathBuf,
    /// How the visible files are named.
    pub style: Style,
}

/// How the visible files of a table are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// `issues/2026-02.parquet`
    #[default]
    Flat,
    /// `issues/month=2026-02/data.parquet`
    Hive,
}

impl Layout {
    pub(crate) fn visible(&self) -> Visible {
        Visible { folder: self.parquet.clone(), style: self.style }
    }
}

/// The visible tables: a publication that can be made again at any time.
#[derive(Debug, Clone)]
pub(crate) struct Visible {
    pub(crate) folder: PathBuf,
    pub(crate) style: Style,
}

impl Visible {
    pub(crate) fn table(&self, table: Table) -> PathBuf {
        self.folder.join(table.name())
    }

    pub(crate) fn file(&self, table: Table, month: &Month) -> PathBuf {
        let folder = self.table(table);
        match self.style {
            Style::Flat => folder.join(format!("{month}.parquet")),
            Style::Hive => folder.join(format!("month={month}")).join("data.parquet"),
        }
    }

    /// One of the files of a month that has several; part 0 is [`Self::file`].
    pub(crate) fn part(&self, table: Table, month: &Month, part: i64) -> PathBuf {
        if part == 0 {
            return self.file(table, month);
        }
        let folder = self.table(table);
        match self.style {
            Style::Flat => folder.join(format!("{month}.{part}.parquet")),
            Style::Hive => {
                folder.join(format!("month={month}")).join(format!("data.{part}.parquet"))
            }
        }
    }

    /// The pattern below the folder that matches every file of a table, as DuckDB reads it.
    pub(crate) fn pattern(&self, table: Table) -> String {
        match self.style {
            Style::Flat => format!("/{}/*.parquet", table.name()),
            Style::Hive => format!("/{}/month=*/data*.parquet", table.name()),
        }
    }

    /// The one file of a dimension, the same in both styles.
    pub(crate) fn dimension(&self, dimension: Dimension) -> PathBuf {
        self.folder.join(format!("{}.parquet", dimension.name()))
    }

    /// The months of a table that are visible in this style.
    pub(crate) fn months(&self, table: Table) -> io::Result<BTreeSet<Month>> {
        let files = self.parquet_files(table)?;
        Ok(files
            .iter()
            .filter_map(|path| self.named(table, path))
            .map(|(month, _)| month)
            .collect())
    }

    /// The files of one month of a table that are visible in this style, by their numbers.
    pub(crate) fn parts(&self, table: Table, month: &Month) -> io::Result<Vec<PathBuf>> {
        let mut parts = Vec::new();
        let folder = match self.style {
            Style::Flat => self.table(table),
            Style::Hive => self.table(table).join(format!("month={month}")),
        };
        for entry in durable::list(&folder)? {
            let path = entry.path();
            if let Some((of, part)) = self.named(table, &path)
                && of == *month
                && entry.file_type()?.is_file()
            {
                parts.push((part, path));
            }
        }
        parts.sort();
        Ok(parts.into_iter().map(|(_, path)| path).collect())
    }

    /// Which month and part a visible file of this style is.
    pub(crate) fn named(&self, table: Table, path: &Path) -> Option<(Month, i64)> {
        let stem = path.file_stem()?.to_str()?;
        let (name, part) = match stem.split_once('.') {
            Some((name, part)) => (name, part.parse().ok()?),
            None => (stem, 0),
        };
        let month = match self.style {
            Style::Flat => name,
            Style::Hive => path.parent()?.file_name()?.to_str()?.strip_prefix("month=")?,
        };
        let month = month.parse::<Month>().ok()?;
        (self.part(table, &month, part) == path).then_some((month, part))
    }

    /// Removes one visible file, and its hive folder when that is empty then.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        regular::remove(path)?;
        let Some(folder) = path.parent() else { return Ok(()) };
        let is_hive = folder
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with("month="));
        if is_hive && durable::list(folder)?.is_empty() && folder.is_dir() {
            fs::remove_dir(folder)?;
        }
        Ok(())
    }

    /// Every Parquet file in a table's folder, in whichever style: what a reader's glob could find.
    pub(crate) fn parquet_files(&self, table: Table) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in durable::list(&self.table(table))? {
            let kind = entry.file_type()?;
            if kind.is_file() && is_parquet(&entry.path()) {
                files.push(entry.path());
            } else if kind.is_dir() && entry.file_name().to_string_lossy().starts_with("month=") {
                for inner in durable::list(&entry.path())? {
                    if inner.file_type()?.is_file() && is_parquet(&inner.path()) {
                        files.push(inner.path());
                    }
                }
            }
        }
        Ok(files)
    }

    /// The folders in which temporary files of a table can be.
    pub(crate) fn folders(&self, table: Table) -> io::Result<Vec<PathBuf>> {
        let folder = self.table(table);
        let mut folders = vec![folder.clone()];
        for entry in durable::list(&folder)? {
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
        Ok(folders)
    }
}

/// A hidden name is never a table's file: temporary files are hidden.
fn is_parquet(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|extension| extension == "parquet")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(style: Style, month: &str, file: &str) {
        let visible = Visible { folder: "p".into(), style };
        let month = month.parse().unwrap();
        assert_eq!(visible.file(Table::Issues, &month), Path::new(file));
    }

    #[test]
    fn names_follow_the_style() {
        check(Style::Flat, "2026-02", "p/issues/2026-02.parquet");
        check(Style::Flat, "unknown", "p/issues/unknown.parquet");
        check(Style::Hive, "2026-02", "p/issues/month=2026-02/data.parquet");
        check(Style::Hive, "unknown", "p/issues/month=unknown/data.parquet");
    }

    #[test]
    fn months_are_read_back_from_names_of_the_style_and_from_no_others() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "issues/2026-02.parquet",
            "issues/unknown.parquet",
            "issues/.2026-03.parquet.0.tmp",
            "issues/.2026-05.parquet",
            "issues/other.parquet",
            "issues/2026-04.csv",
            "issues/month=2026-06/data.parquet",
            "issues/month=2026-07/other.parquet",
        ] {
            durable::write(&dir.path().join(name), b"x").unwrap();
        }
        let months = |style| {
            let visible = Visible { folder: dir.path().into(), style };
            let months = visible.months(Table::Issues).unwrap();
            months.iter().map(Month::to_string).collect::<Vec<_>>()
        };
        assert_eq!(months(Style::Flat), ["unknown", "2026-02"]);
        assert_eq!(months(Style::Hive), ["2026-06"]);
        let visible = Visible { folder: dir.path().into(), style: Style::Flat };
        assert_eq!(visible.parquet_files(Table::Issues).unwrap().len(), 5);
        visible.remove(&dir.path().join("issues/month=2026-06/data.parquet")).unwrap();
        assert!(!dir.path().join("issues/month=2026-06").exists());
    }
}
