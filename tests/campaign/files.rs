//! Folders and files of a case: copies that keep hard links, and a walk.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Copies a folder. Names that are one file in the original are one file in the copy.
pub(crate) fn copy(from: &Path, to: &Path) {
    let mut copied = HashMap::new();
    copy_into(from, to, &mut copied);
}

fn copy_into(from: &Path, to: &Path, copied: &mut HashMap<u64, PathBuf>) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let data = fs::symlink_metadata(&source).unwrap();
        if data.is_dir() {
            copy_into(&source, &target, copied);
        } else if let Some(first) = copied.get(&data.ino()) {
            fs::hard_link(first, &target).unwrap();
        } else {
            fs::copy(&source, &target).unwrap();
            copied.insert(data.ino(), target);
        }
    }
}

/// Returns all files below a folder, sorted, without following links.
pub(crate) fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => found.push(entry.path()),
            }
        }
    }
    found.sort();
    found
}

/// Removes a file or a folder with its content; one that is not there is removed already.
pub(crate) fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Writes a file of the campaign's own making.
#[expect(clippy::disallowed_methods, reason = "what the campaign writes need not be durable")]
pub(crate) fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}
