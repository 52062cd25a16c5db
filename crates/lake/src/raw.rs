//! The raw snapshots: one JSON file per issue, named by its current key, and the attachments
//! beside them. Everything else in the lake can be made from these again.
//!
//! Promises: a snapshot is replaced whole and durably; absent, unreadable and present are three
//! answers. A folder that another program filled is read as it is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jira::id::IssueKey;
use serde_json::Value;
use serde_json::value::RawValue;
use transform::{Catalogue, Deletion, Dimension, Snapshot};

use crate::durable;
use crate::error::{Error, disk};
use crate::scan;
use crate::verify::regular;

/// Larger files are refused, so that one cannot take all memory.
const FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Room that a read has at least.
const READ_BYTES: usize = 64 * 1024;

/// The site's field catalogue, kept beside the snapshots.
const CATALOGUE: &str = "fields.json";

/// The folder of the entries of the dimensions.
const DIMENSIONS: &str = "dimensions";

/// The folder of the attachments' bytes.
const ATTACHMENTS: &str = "attachments";

/// The entries of the folder of the snapshots, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawListing {
    /// Regular files named like snapshots, in order.
    pub snapshots: Vec<String>,
    /// Entries named like snapshots that cannot be one, with the reason.
    pub unreadable: Vec<(String, String)>,
    /// Entries that are not named like snapshots.
    pub ignored: Vec<String>,
}

/// The folders of the raw data.
#[derive(Debug, Clone)]
pub struct Raw {
    folder: PathBuf,
    issues: PathBuf,
    attachments: PathBuf,
    /// Held while an attachment gets its name and while a folder of them moves.
    moving: Arc<Mutex<()>>,
}

impl Raw {
    /// The raw data below `folder`: snapshots in `issues/`, or directly in the folder when another
    /// program put them there and there is no `issues/`; attachments in `attachments/`.
    pub fn at(folder: &Path) -> Result<Self, Error> {
        let below = folder.join("issues");
        let direct = !below.is_dir() && holds_snapshots(folder)?;
        let issues = if direct { folder.to_owned() } else { below };
        let attachments = folder.join(ATTACHMENTS);
        Ok(Self { folder: folder.to_owned(), issues, attachments, moving: Arc::default() })
    }

    /// The same with the attachments elsewhere.
    #[must_use]
    pub fn with_attachments(self, attachments: PathBuf) -> Self {
        Self { attachments, ..self }
    }

    /// The folder of the attachments; below it one folder per issue, named by its key.
    pub fn attachments(&self) -> &Path {
        &self.attachments
    }

    /// The site's field catalogue, kept beside the snapshots so that a rebuild without network
    /// maps the same fields; `None` when none was kept.
    pub fn read_catalogue(&self) -> Result<Option<Catalogue>, Error> {
        let path = self.folder.join(CATALOGUE);
        let unreadable = |reason| Error::Unreadable { file: CATALOGUE.to_owned(), reason };
        match durable::open_regular(&path) {
            Ok(opened) => Catalogue::parse(&whole(opened, CATALOGUE)?, CATALOGUE)
                .map(Some)
                .map_err(|e| unreadable(chain(&e))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }

    /// Keeps the site's field catalogue.
    pub fn write_catalogue(&self, catalogue: &Catalogue) -> Result<(), Error> {
        let path = self.folder.join(CATALOGUE);
        let json = serde_json::to_vec(catalogue).map_err(io::Error::from);
        json.and_then(|json| regular::write(&path, &json)).map_err(disk("write", &path))
    }

    /// The entries of a dimension as Jira gave them; `None` when none were kept.
    pub(crate) fn read_dimension(&self, dimension: Dimension) -> Result<Option<Vec<Value>>, Error> {
        let file = dimension_file(dimension);
        let unreadable = |reason| Error::Unreadable { file: file.clone(), reason };
        let opened = match durable::open_regular(&self.folder.join(&file)) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let entries = serde_json::from_slice(&whole(opened, &file)?);
        entries.map(Some).map_err(|error| unreadable(error.to_string()))
    }

    /// Keeps the entries of a dimension, so that a rebuild without network has them.
    pub(crate) fn write_dimension(
        &self,
        dimension: Dimension,
        entries: &[Value],
    ) -> Result<(), Error> {
        let path = self.folder.join(dimension_file(dimension));
        let json = serde_json::to_vec(entries).map_err(io::Error::from);
        json.and_then(|json| regular::write(&path, &json)).map_err(disk("write", &path))
    }

    pub(crate) fn create(&self) -> Result<(), Error> {
        for folder in [&self.issues, &self.attachments] {
            durable::create_folder(folder).map_err(disk("create the folder", folder))?;
        }
        Ok(())
    }

    /// The names of all snapshot files, in order. A folder that is not there is an error: it may
    /// be a mount that is missing or a typing error.
    pub fn files(&self) -> Result<Vec<String>, Error> {
        Ok(self.list()?.snapshots)
    }

    /// Whether a snapshot is there as a regular file.
    pub(crate) fn has(&self, file: &str) -> bool {
        durable::is_regular(&self.issues.join(file))
    }

    /// Returns everything in the folder of the snapshots, without opening any of it.
    pub fn list(&self) -> Result<RawListing, Error> {
        let failed = || disk("list", &self.issues);
        fs::metadata(&self.issues).map_err(failed())?;
        let mut listing = RawListing::default();
        for entry in durable::list(&self.issues).map_err(failed())? {
            let kind = entry.file_type().map_err(failed())?;
            let bytes = entry.file_name();
            let name = bytes.to_string_lossy().into_owned();
            let is_ours = name.starts_with('.') || name == CATALOGUE;
            let is_known = kind.is_dir() && [DIMENSIONS, ATTACHMENTS].contains(&name.as_str());
            if is_ours || is_known {
                continue;
            }
            let odd = match (name.ends_with(".json"), bytes.to_str().is_some(), kind.is_file()) {
                (true, true, true) => {
                    listing.snapshots.push(name);
                    continue;
                }
                (true, false, true) => "its name is not UTF-8".to_owned(),
                (true, _, false) => format!("it is {}, not a regular file", durable::kind_of(kind)),
                (false, _, true) => {
                    listing.ignored.push(name);
                    continue;
                }
                (false, _, false) => {
                    listing.ignored.push(format!("{name} ({})", durable::kind_of(kind)));
                    continue;
                }
            };
            listing.unreadable.push((name, odd));
        }
        Ok(listing)
    }

    /// Fails when the folder of the snapshots is not there: then nothing is known of any of them.
    pub(crate) fn require(&self) -> Result<(), Error> {
        fs::metadata(&self.issues).map(drop).map_err(disk("list", &self.issues))
    }

    /// The bytes of one snapshot file; `None` when it is not there.
    pub(crate) fn bytes(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = Vec::new();
        let length = self.read_into(file, &mut bytes)?.map(<[u8]>::len);
        Ok(length.map(|length| {
            bytes.truncate(length);
            bytes.shrink_to_fit();
            bytes
        }))
    }

    /// The same, in a buffer that is used for one file after another.
    pub(crate) fn read_into<'b>(
        &self,
        file: &str,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<&'b [u8]>, Error> {
        let unreadable = |reason| Error::Unreadable { file: file.to_owned(), reason };
        let opened = match durable::open_regular(&self.issues.join(file)) {
            Ok(opened) => opened,
            // A folder that is gone (a mount, a typing error) says nothing about its files.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.issues.is_dir() => {
                return Ok(None);
            }
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let length = read_whole(opened, file, buffer)?;
        Ok(buffer.get(..length))
    }

    /// One snapshot by its file name; `None` when it is not there.
    pub(crate) fn load(&self, file: &str) -> Result<Option<Snapshot>, Error> {
        let Some(bytes) = self.bytes(file)? else { return Ok(None) };
        let unreadable = |error| Error::Unreadable { file: file.to_owned(), reason: chain(&error) };
        Snapshot::parse(&bytes, file).map(Some).map_err(unreadable)
    }

    /// The snapshot of the issue that has this key now; `None` when there is none.
    pub fn read(&self, key: &IssueKey) -> Result<Option<Snapshot>, Error> {
        self.load(&file_name(key))
    }

    /// Replaces the snapshot of an issue durably. When its key changed, `previous` names the old
    /// one: that file goes (if it is of the same issue) and the attachments move along.
    pub fn write(
        &self,
        key: &IssueKey,
        json: &[u8],
        previous: Option<&IssueKey>,
    ) -> Result<(), Error> {
        let path = self.issues.join(file_name(key));
        regular::write(&path, json).map_err(disk("write the raw snapshot", &path))?;
        match previous.filter(|previous| *previous != key) {
            Some(previous) => self.forget(previous, key, json),
            None => Ok(()),
        }
    }

    /// Gives the file of a snapshot a hidden name. One such file is kept for each key.
    pub(crate) fn set_aside(&self, key: &IssueKey) -> Result<(), Error> {
        let file = file_name(key);
        let (from, to) = (self.issues.join(&file), self.issues.join(format!(".{file}.unreadable")));
        durable::rename(&from, &to).map_err(disk("set aside the raw snapshot", &from))
    }

    /// Makes a snapshot a tombstone. Answers whether there was one. Everything else in the file
    /// stays as it is, to the byte.
    pub fn mark_deleted(&self, key: &IssueKey, deletion: &Deletion) -> Result<bool, Error> {
        let file = file_name(key);
        let Some(bytes) = self.bytes(&file)? else { return Ok(false) };
        let unreadable = |error: serde_json::Error| Error::Unreadable {
            file: file.clone(),
            reason: error.to_string(),
        };
        let mut members: BTreeMap<String, Cow<'_, RawValue>> =
            serde_json::from_slice::<BTreeMap<String, &RawValue>>(&bytes)
                .map_err(unreadable)?
                .into_iter()
                .map(|(name, value)| (name, Cow::Borrowed(value)))
                .collect();
        for (name, value) in deletion.members() {
            members.remove(name);
            if let Some(value) = value {
                let value = serde_json::value::to_raw_value(&value).map_err(unreadable)?;
                members.insert(name.to_owned(), Cow::Owned(value));
            }
        }
        self.write(key, &serde_json::to_vec(&members).map_err(unreadable)?, None)?;
        Ok(true)
    }

    /// The right to give attachments their names.
    pub(crate) fn moving(&self) -> MutexGuard<'_, ()> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, old: &IssueKey, new: &IssueKey, json: &[u8]) -> Result<(), Error> {
        let file = file_name(old);
        let path = self.issues.join(&file);
        if let Some(bytes) = self.bytes(&file)? {
            // Keys can be given back: what stands there may be another issue by now.
            if scan::id_of(&bytes) != scan::id_of(json) {
                return Ok(());
            }
            durable::remove(&path).map_err(disk("remove the raw snapshot", &path))?;
        }
        let from = self.attachments.join(old.as_str());
        let to = self.attachments.join(new.as_str());
        let _moving = self.moving();
        if !from.is_dir() {
            return Ok(());
        }
        durable::create_folder(&to).map_err(disk("create the folder", &to))?;
        for entry in durable::list(&from).map_err(disk("list", &from))? {
            let target = to.join(entry.file_name());
            durable::rename(&entry.path(), &target).map_err(disk("move the file to", &target))?;
        }
        fs::remove_dir(&from).map_err(disk("remove the folder", &from))
    }

    /// The folders in which writes of a lake's only writer leave temporary files.
    pub(crate) fn written_folders(&self) -> Result<Vec<PathBuf>, Error> {
        let mut folders = vec![self.issues.clone(), self.attachments.clone()];
        folders.push(self.folder.join(DIMENSIONS));
        for entry in durable::list(&self.attachments).map_err(disk("list", &self.attachments))? {
            if entry.file_type().map_err(disk("list", &self.attachments))?.is_dir() {
                folders.push(entry.path());
            }
        }
        Ok(folders)
    }

    /// The folder of everything. Programs without the lake's lock write the catalogue there.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The name of an issue's snapshot.
pub(crate) fn file_name(key: &IssueKey) -> String {
    format!("{key}.json")
}

fn dimension_file(dimension: Dimension) -> String {
    format!("{DIMENSIONS}/{}.json", dimension.name())
}

fn whole(opened: File, file: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let length = read_whole(opened, file, &mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// Reads a file to its end and answers how many of the buffer's bytes are the file's. Asking for much
/// at once is what makes it quick: most files are read by one call, and a second one finds their end.
fn read_whole(mut opened: File, file: &str, buffer: &mut Vec<u8>) -> Result<usize, Error> {
    let unreadable = |reason| Error::Unreadable { file: file.to_owned(), reason };
    let mut length = 0;
    loop {
        if length as u64 > FILE_BYTES {
            return Err(unreadable(format!("it is larger than {FILE_BYTES} bytes")));
        }
        if buffer.len() - length < READ_BYTES {
            let most = usize::try_from(FILE_BYTES).unwrap_or(usize::MAX - READ_BYTES);
            let more = length.max(2 * READ_BYTES).min(most.saturating_sub(length) + READ_BYTES);
            buffer.resize(length + more, 0);
        }
        match opened.read(buffer.get_mut(length..).unwrap_or_default()) {
            Ok(0) => return Ok(length),
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error.to_string())),
        }
    }
}

/// The error that an issue has no snapshot.
pub(crate) fn absent(key: &IssueKey) -> Error {
    Error::Unreadable { file: file_name(key), reason: "it is not there".to_owned() }
}

/// An error with its causes in one line, for reports.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn holds_snapshots(folder: &Path) -> Result<bool, Error> {
    let entries = durable::list(folder).map_err(disk("list", folder))?;
    Ok(entries.iter().any(|entry| {
        let name = entry.file_name();
        let key = name.to_str().and_then(|name| name.strip_suffix(".json"));
        key.is_some_and(|key| key.parse::<IssueKey>().is_ok())
    }))
}
