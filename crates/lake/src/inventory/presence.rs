//! Whether an issue's copy is on disk: its snapshot and the files of its month. For programs that claim
//! to have seen an issue and do not hold the lake's lock.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jira::id::IssueKey;
use jira::time::Month;
use ledger::Ledger;

use crate::durable;
use crate::error::{Error, asked};
use crate::layout::Layout;
use crate::open::blocking;
use crate::raw::{Raw, file_name};

/// The files that a copy consists of, as of one moment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Presence {
    raw: Raw,
    broken: BTreeSet<Month>,
}

impl Presence {
    /// Looks at the files that the catalog names.
    pub async fn of(layout: &Layout, ledger: &Ledger) -> Result<Self, Error> {
        let catalog = ledger.catalog().await.map_err(asked("list the catalog"))?;
        let (folder, store) = (layout.raw.clone(), layout.store.clone());
        blocking(move || {
            let lacks = |path: &PathBuf| !durable::is_regular(path);
            let files = catalog.into_iter().map(|file| (store.join(&file.path), file.month));
            let broken = files.filter(|(path, _)| lacks(path)).map(|(_, month)| month).collect();
            Ok(Self { raw: Raw::at(&folder)?, broken })
        })
        .await
    }

    /// Whether an issue's snapshot is there as a regular file.
    pub fn has_snapshot(&self, key: &IssueKey) -> bool {
        self.raw.has(&file_name(key))
    }

    /// Whether all files of a month are in the store.
    pub fn has_month(&self, month: &Month) -> bool {
        !self.broken.contains(month)
    }
}
