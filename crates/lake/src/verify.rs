//! Verification: is each file that the catalog names, in the store and as readers see it, what was
//! written?
//!
//! Verifying reads only; a repair is a separate step ([`mend`]) that holds the right to write. A file
//! MUST NOT be called damaged when it could not be looked at. A name and the store's file are often
//! one inode: it is read once, and damage in place hits both.

pub(crate) mod regular;
pub(crate) mod inspect;
pub(crate) mod salvage;
mod mend;
mod pass;

use std::fs;
use std::path::{Path, PathBuf};

use ledger::CatalogFile;
use transform::{FieldMap, Table};

use crate::decode::Unfit;
use crate::dimension;
use crate::error::Error;
use crate::layout::{Layout, Visible};
use crate::publish;
use crate::raw::{Raw, chain};
use crate::stage::recorded;
use inspect::inspect;

pub use pass::{VerifyEvent, VerifyReport, VerifyTempo};

/// The number of a read error of the device on Unix: the bytes are lost.
const EIO: i32 = 5;

/// A file that is not as the catalog says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFinding {
    /// The file.
    pub path: PathBuf,
    /// The finding.
    pub state: FileState,
}

/// How a file differs from the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// The catalog names it and it is not there.
    Missing,
    /// Its length or a checksum is not the recorded one, or it is not a regular file.
    Damaged,
    /// It could not be read, so nothing is known about it.
    Unread(String),
    /// It is visible and no commit names it.
    Unnamed,
}

impl FileState {
    pub(crate) fn of(unfit: &Unfit) -> Self {
        match unfit {
            Unfit::Missing => Self::Missing,
            Unfit::Disk(error) if error.raw_os_error() != Some(EIO) => Self::Unread(chain(unfit)),
            Unfit::Disk(_)
            | Unfit::NotRegular
            | Unfit::Changed
            | Unfit::Torn(_)
            | Unfit::Damaged(_)
            | Unfit::Column { .. } => Self::Damaged,
        }
    }
}

impl Layout {
    /// Returns what differs from the catalog. Needs no lock and writes nothing. Beside a writer, a
    /// finding counts only if a second call with a newer catalog returns it too.
    pub fn verify(
        &self,
        catalog: &[CatalogFile],
        fields: &FieldMap,
    ) -> Result<Vec<FileFinding>, Error> {
        let mut found = compare(&self.visible(), &self.store, catalog)?;
        let dimensions = dimension::verify(&Raw::at(&self.raw)?, &self.visible(), fields)?;
        found.extend(dimensions.into_iter().map(|(_, finding)| finding));
        Ok(found)
    }
}

/// Compares every file that the catalog names, in the store and as it is visible.
pub(crate) fn compare(
    visible: &Visible,
    store: &Path,
    catalog: &[CatalogFile],
) -> Result<Vec<FileFinding>, Error> {
    let mut found = Vec::new();
    for file in catalog {
        let stored = store.join(&file.path);
        let state = inspect(&stored, recorded(file)).err().map(|unfit| FileState::of(&unfit));
        found.extend(state.clone().map(|state| FileFinding { path: stored.clone(), state }));
        let Some(table) = Table::named(&file.table) else { continue };
        let name = visible.part(table, &file.month, file.part);
        let state = if is_one_file(&name, &stored) {
            state
        } else {
            inspect(&name, recorded(file)).err().map(|unfit| FileState::of(&unfit))
        };
        found.extend(state.map(|state| FileFinding { path: name, state }));
    }
    let strays = publish::strays(visible, catalog)?.into_iter();
    found.extend(strays.map(|path| FileFinding { path, state: FileState::Unnamed }));
    Ok(found)
}

/// Whether both names are one regular file.
pub(crate) fn is_one_file(name: &Path, stored: &Path) -> bool {
    let seen = [name, stored].map(|path| fs::symlink_metadata(path).ok());
    let [Some(name), Some(stored)] = seen else { return false };
    name.is_file() && publish::same_file(&name, &stored)
}
