//! The files of the catalog and the dimensions, against what was recorded of them.
//!
//! Another process may write meanwhile. A finding counts when two looks with fresh catalogs agree on
//! it: a file that was replaced between them has another name in the store.

use std::sync::Arc;

use lake::{FileFinding, FileState};
use serde::Serialize;

use super::{Check, SECOND_LOOK, Unseen};
use crate::Error;

/// A table file that is not as the catalog says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamagedFile {
    /// The file.
    pub path: String,
    /// The damage.
    pub what: &'static str,
}

/// The files of the lake, verified.
#[derive(Debug, Default)]
pub(super) struct FilesSeen {
    pub(super) damaged: Vec<DamagedFile>,
    pub(super) unread: Vec<Unseen>,
}

impl Check {
    /// Verifies every file. Two looks agree on each finding.
    pub(super) async fn files(&self) -> Result<FilesSeen, Error> {
        let first = self.verify().await?;
        if first.is_empty() {
            return Ok(FilesSeen::default());
        }
        tokio::time::sleep(SECOND_LOOK).await;
        let mut seen = FilesSeen::default();
        for found in self.verify().await? {
            if first.contains(&found) {
                seen.add(found);
            }
        }
        Ok(seen)
    }

    async fn verify(&self) -> Result<Vec<FileFinding>, Error> {
        let catalog = self.ledger.catalog().await?;
        let (layout, fields) = (self.layout.clone(), Arc::clone(&self.mapping.fields));
        let verified = tokio::task::spawn_blocking(move || layout.verify(&catalog, &fields)).await;
        Ok(verified.map_err(|source| lake::Error::CutOff { source })??)
    }
}

impl FilesSeen {
    fn add(&mut self, found: FileFinding) {
        let path = found.path.display().to_string();
        let what = match found.state {
            FileState::Missing => "missing",
            FileState::Damaged => "damaged",
            FileState::Unnamed => "no commit names it",
            FileState::Unread(reason) => {
                self.unread.push(Unseen { name: path, reason });
                return;
            }
        };
        self.damaged.push(DamagedFile { path, what });
    }
}
