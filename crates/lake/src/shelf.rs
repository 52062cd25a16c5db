//! What the catalog names, kept in memory between commits: nobody else changes it while the lake is
//! open.

use std::collections::{BTreeMap, BTreeSet};

use jira::time::Month;
use ledger::CatalogFile;
use transform::Table;

/// The files of each table and month.
#[derive(Debug, Default)]
pub(crate) struct Shelf(BTreeMap<(String, Month), Vec<CatalogFile>>);

impl Shelf {
    /// From the whole catalog.
    pub(crate) fn of(catalog: Vec<CatalogFile>) -> Self {
        let mut shelf = Self::default();
        for file in catalog {
            let place = (file.table.clone(), file.month.clone());
            shelf.0.entry(place).or_default().push(file);
        }
        shelf
    }

    /// All files of some months.
    pub(crate) fn of_months(&self, months: &BTreeSet<Month>) -> Vec<CatalogFile> {
        let mut files = Vec::new();
        for month in months {
            for table in Table::ALL {
                let of_table = self.0.get(&(table.name().to_owned(), month.clone()));
                files.extend(of_table.into_iter().flatten().cloned());
            }
        }
        files
    }

    /// Which tables have files at all.
    pub(crate) fn tables(&self) -> BTreeSet<String> {
        self.0.keys().map(|(table, _)| table.clone()).collect()
    }

    /// Replaces the files of some tables and months.
    pub(crate) fn replace(&mut self, places: &BTreeSet<(String, Month)>, files: &[CatalogFile]) {
        for place in places {
            self.0.remove(place);
        }
        for file in files {
            let place = (file.table.clone(), file.month.clone());
            self.0.entry(place).or_default().push(file.clone());
        }
    }
}
