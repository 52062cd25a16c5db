//! What the catalog says against what is on disk. Reads only; three answers for each file: equal,
//! differs, could not be compared.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ledger::CatalogFile;
use transform::Table;

use crate::decode::prove;
use crate::error::Error;
use crate::layout::Visible;
use crate::publish;
use crate::stage::recorded;

/// Something that is not as the catalog says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: What,
}

/// How a file differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The catalog names it and it is not there.
    Missing,
    /// Its size or checksum is not the recorded one.
    Changed,
    /// It could not be read, so nothing is known about it.
    NotCompared(String),
    /// It is visible and no commit names it.
    Unnamed,
}

/// Compares every file that the catalog names, in the store and as it is visible.
pub(crate) fn compare(
    visible: &Visible,
    store: &Path,
    catalog: &[CatalogFile],
) -> Result<Vec<Difference>, Error> {
    let mut found = Vec::new();
    for file in catalog {
        let seen =
            Table::named(&file.table).map(|table| visible.part(table, &file.month, file.part));
        for path in [Some(store.join(&file.path)), seen].into_iter().flatten() {
            let what = match fs::read(&path).map(Bytes::from) {
                Ok(bytes) if prove(&bytes, Some(recorded(file))).is_ok() => continue,
                Ok(_) => What::Changed,
                Err(error) if error.kind() == io::ErrorKind::NotFound => What::Missing,
                Err(error) => What::NotCompared(error.to_string()),
            };
            found.push(Difference { path, what });
        }
    }
    let strays = publish::strays(visible, catalog)?.into_iter();
    found.extend(strays.map(|path| Difference { path, what: What::Unnamed }));
    Ok(found)
}
