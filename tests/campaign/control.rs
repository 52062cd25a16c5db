//! The control page: one small file that the shim of every process of a case maps into memory, so
//! that disks fill up and clocks jump while a process runs.
//!
//! Layout, little endian: bytes 0..8 the offset of the clock in seconds (signed), byte 8 the state of
//! the disk. `faults.c` has the same layout.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The state of the simulated disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    Healthy = 0,
    /// Writes and new names fail with ENOSPC; removals and truncations work.
    Full = 1,
    /// Everything fails with EIO.
    Dead = 2,
}

#[derive(Debug)]
pub(crate) struct Control {
    path: PathBuf,
    file: File,
}

impl Control {
    pub(crate) fn new(path: PathBuf) -> Self {
        let options = File::options().read(true).write(true).create(true).truncate(true).clone();
        let file = options.open(&path).unwrap();
        file.set_len(4096).unwrap();
        Self { path, file }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn disk(&self, disk: Disk) {
        self.file.write_all_at(&[disk as u8], 8).unwrap();
    }

    pub(crate) fn clock(&self, offset_s: i64) {
        self.file.write_all_at(&offset_s.to_le_bytes(), 0).unwrap();
    }
}
