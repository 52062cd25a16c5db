//! The bytes of attachments on disk: `attachments/KEY/ID_NAME`, and what a snapshot says of them.
//!
//! Promises: a file has its name only when it is whole and durable; a folder that moves to another
//! key and a file that comes into it do not miss each other as long as both ask for the present key;
//! a link is never followed. A file is known by the id that its name begins with, whoever wrote it.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs::DirEntry;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jira::id::{AttachmentId, IssueKey};
use ledger::{Bytes, Listed, State};
use sha2::{Digest, Sha256};
use transform::{Json, StoredFile, View, attachment_file_name};

use crate::durable;
use crate::error::{Error, disk};
use crate::incoming::{Arrived, Incoming};
use crate::open::{Lake, blocking};
use crate::raw::Raw;

/// More files than this in one issue's attachments folder are refused.
const ATTACHMENTS_PER_ISSUE: usize = 10_000;

/// A file is read in pieces of this many bytes.
const PIECE_BYTES: usize = 256 * 1024;

impl Lake {
    /// Begins to take in an attachment's bytes; nothing has the name before they are kept.
    pub async fn incoming(&self, name: &str) -> Result<Incoming, Error> {
        let target = self.inner.raw.attachments().join(name);
        blocking(move || Incoming::beside(&target)).await
    }

    /// Gives bytes that have arrived their name below the issue's folder, durably.
    pub async fn keep_attachment(
        &self,
        arrived: Arrived,
        (key, name): (&IssueKey, &str),
    ) -> Result<(), Error> {
        let (inner, target) = (Arc::clone(&self.inner), self.place(key, name));
        blocking(move || {
            let _moving = inner.raw.moving();
            let kept = durable::parent(&target).and_then(durable::create_folder);
            kept.and_then(|()| arrived.temp.publish(&target)).map_err(disk("keep", &target))
        })
        .await
    }

    /// The files of an issue's attachments, by attachment id.
    pub async fn attachment_files(
        &self,
        key: &IssueKey,
    ) -> Result<BTreeMap<AttachmentId, PathBuf>, Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        blocking(move || {
            let folder = inner.raw.attachments().join(key.as_str());
            let named = inner.raw.attachment_names(&key)?.into_iter();
            let parsed = named.filter_map(|(id, name)| Some((id.parse().ok()?, folder.join(name))));
            Ok(parsed.collect())
        })
        .await
    }

    /// Length and checksum of a file; `None` when its length is another one, or it is gone.
    pub async fn checksum(&self, file: &Path, length: u64) -> Result<Option<String>, Error> {
        let file = file.to_owned();
        blocking(move || checksum(&file, length).map_err(disk("read", &file))).await
    }

    /// Brings a file of this issue that is below another key into the issue's folder.
    pub async fn move_attachment(&self, file: &Path, key: &IssueKey) -> Result<(), Error> {
        let Some(name) = file.file_name() else { return Ok(()) };
        let target = self.inner.raw.attachments().join(key.as_str()).join(name);
        let (inner, file) = (Arc::clone(&self.inner), file.to_owned());
        blocking(move || {
            let _moving = inner.raw.moving();
            let made = durable::parent(&target).and_then(durable::create_folder);
            made.and_then(|()| durable::rename(&file, &target))
                .map_err(disk("move to", &target))?;
            // Others may still be in it; then it stays.
            if let Some(left) = file.parent() {
                drop(std::fs::remove_dir(left));
            }
            Ok(())
        })
        .await
    }

    /// Removes a file durably.
    pub async fn remove_attachment(&self, file: &Path) -> Result<(), Error> {
        let file = file.to_owned();
        let remove = move || durable::remove(&file).map(|_| ()).map_err(disk("remove", &file));
        blocking(remove).await
    }

    fn place(&self, key: &IssueKey, name: &str) -> PathBuf {
        self.inner.raw.attachments().join(key.as_str()).join(name)
    }
}

impl Raw {
    /// The attachments of an issue that are on disk, by attachment id.
    pub(crate) fn stored_files(
        &self,
        key: &IssueKey,
    ) -> Result<BTreeMap<String, StoredFile>, Error> {
        let stored = |(id, name): (String, String)| {
            let local_path = format!("attachments/{key}/{name}");
            (id, StoredFile { local_path, sha256: None })
        };
        Ok(self.attachment_names(key)?.into_iter().map(stored).collect())
    }

    /// The issues that may have attachments on disk, by the names of the folders there: asking for
    /// each issue of a large lake by itself takes longer.
    pub(crate) fn attachment_folders(&self) -> Result<HashSet<OsString>, Error> {
        let folders = durable::list(self.attachments());
        let folders = folders.map_err(disk("list", self.attachments()))?;
        Ok(folders.iter().map(DirEntry::file_name).collect())
    }

    /// The names of an issue's attachments that are on disk, by attachment id.
    fn attachment_names(&self, key: &IssueKey) -> Result<BTreeMap<String, String>, Error> {
        let folder = self.attachments().join(key.as_str());
        let failed = || disk("list", &folder);
        let mut names = BTreeMap::new();
        for entry in durable::list(&folder).map_err(failed())?.iter().take(ATTACHMENTS_PER_ISSUE) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Some((id, _)) = name.split_once('_') else { continue };
            let numbered = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
            // `file_type` does not follow links: a link could point outside the lake.
            if numbered && entry.file_type().map_err(failed())?.is_file() {
                names.entry(id.to_owned()).or_insert(name);
            }
        }
        Ok(names)
    }
}

/// The attachments that a snapshot lists, with what it says of their bytes; `None` when it does not
/// say which there are.
pub(crate) fn listed(snapshot: &View<'_>) -> Option<Vec<Listed>> {
    let (list, claims) = snapshot.attachments();
    let listed = list?.iter().filter_map(|entry| {
        let id = match entry.get("id")? {
            Json::Text(text) => text.parse().ok()?,
            other => AttachmentId::new(other.as_i64()?).ok()?,
        };
        let filename = entry.get("filename").and_then(Json::as_str).unwrap_or_default();
        let name = attachment_file_name(&id.to_string(), filename);
        let claim = claims.and_then(|claims| claims.get(&id.to_string()));
        let bytes = claim.and_then(claimed).unwrap_or(Bytes::UNTRIED);
        Some(Listed { id, name, size: entry.get("size").and_then(Json::as_u64), bytes })
    });
    Some(listed.collect())
}

fn claimed(claim: Json<'_>) -> Option<Bytes> {
    let text = |name| claim.get(name).and_then(Json::as_str);
    let owned = |name| text(name).map(str::to_owned);
    Some(Bytes {
        state: State::named(text("state")?)?,
        sha256: owned("sha256"),
        media_id: owned("media_id"),
        reason: owned("reason"),
    })
}

fn checksum(file: &Path, length: u64) -> std::io::Result<Option<String>> {
    let mut opened = match durable::open_regular(file) {
        Ok(opened) if opened.metadata()?.len() == length => opened,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let (mut sum, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
    loop {
        let read = opened.read(&mut piece)?;
        match piece.get(..read) {
            Some(bytes) if !bytes.is_empty() => sum.update(bytes),
            _ => return Ok(Some(hex::encode(sum.finalize()))),
        }
    }
}
