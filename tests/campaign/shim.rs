//! The shim of faults: compiled at the beginning of a run, loaded into the processes of cases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The bytes of one entry of the record: a name of 36 bytes and a count of 4.
const ENTRY: usize = 40;
const NAME: usize = 36;

/// Compiles the shim into a folder. A C compiler is needed, as for the program's own libraries.
pub(crate) fn compile(folder: &Path) -> PathBuf {
    let source = folder.join("faults.c");
    crate::files::put(&source, include_bytes!("faults.c"));
    let library = folder.join("faults.so");
    let mut cc = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    cc.args(["-O1", "-fno-delete-null-pointer-checks", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl");
    let compiled = cc.status().expect("a C compiler is needed: set CC or install cc");
    assert!(compiled.success(), "the shim of faults does not compile");
    library
}

/// A place where a process touches a file: an operation and a kind of file, `write ledger-wal`.
pub(crate) type FaultSite = String;

/// The record in which a process counts the calls of its sites.
#[derive(Debug)]
pub(crate) struct Record(PathBuf);

impl Record {
    pub(crate) fn new(path: PathBuf) -> Self {
        crate::files::put(&path, &vec![0; ENTRY * 1024]);
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the sites with the number of calls.
    pub(crate) fn counts(&self) -> BTreeMap<FaultSite, u32> {
        let bytes = std::fs::read(&self.0).unwrap();
        let entries = bytes.chunks_exact(ENTRY).filter(|entry| entry[0] != 0);
        entries
            .map(|entry| {
                let name = entry[..NAME].split(|byte| *byte == 0).next().unwrap();
                let count = u32::from_le_bytes(entry[NAME..].try_into().unwrap());
                (String::from_utf8(name.to_vec()).unwrap(), count)
            })
            .collect()
    }
}
