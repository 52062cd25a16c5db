//! The lake: its folders, the ledger that names its files, and the right to write it.
//!
//! Opening takes the lock, removes what crashed writes left behind, compares ledger, raw, store and
//! tree (`inventory`), and rebuilds a lake whose catalog is empty although there are snapshots:
//! without that, a first commit would put one issue in the place of a whole month. A lake that an
//! older version made is rebuilt as well (`whole`).

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jira::id::IssueKey;
use jira::time::Clock;
use ledger::{CatalogFile, Ledger};
use tokio::sync::Mutex;
use transform::{Deletion, Snapshot, Table};

use crate::dimension;
use crate::divide::Bounds;
use crate::durable;
use crate::error::{Error, asked, disk};
use crate::layout::{Layout, Visible};
use crate::lock::Lock;
use crate::mapping::Mapping;
use crate::publish;
use crate::raw::Raw;
use crate::retired::Retired;
use crate::shelf::Shelf;
use crate::stage::Store;
use crate::steps::Steps;
use crate::verify::{self, FileFinding};
use crate::views;

/// The store of one Jira site. Cheap to clone; the lake stays locked until the last clone is gone.
#[derive(Clone)]
pub struct Lake {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) raw: Raw,
    pub(crate) visible: Visible,
    pub(crate) store: Store,
    pub(crate) ledger: Ledger,
    pub(crate) mapping: Mapping,
    pub(crate) clock: Clock,
    pub(crate) steps: Steps,
    /// Odd values that were met and are not yet told.
    pub(crate) odd_values: AtomicU64,
    /// Held through a commit: commits come one after the other.
    pub(crate) writing: Mutex<Writing>,
    /// Declared last: dropped after everything that writes.
    pub(crate) lock: Lock,
}

/// What one commit leaves to the next.
#[derive(Default)]
pub(crate) struct Writing {
    /// The last commit could not bring the visible names up to date.
    pub(crate) behind: bool,
    /// What the catalog names; `None` when it is to be asked.
    pub(crate) shelf: Option<Shelf>,
    /// Numbers for commits that are not given out yet.
    pub(crate) numbers: Range<i64>,
    /// Files of the store that no commit names any more, kept for readers who still use them.
    pub(crate) retired: Retired,
}

impl Lake {
    /// Opens a lake for writing in the name of `writer`.
    pub async fn open(
        layout: Layout,
        ledger: Ledger,
        mapping: Mapping,
        writer: &str,
        clock: Clock,
    ) -> Result<Self, Error> {
        Self::open_with(layout, ledger, mapping, (writer, clock), Steps::default()).await
    }

    pub(crate) async fn open_with(
        layout: Layout,
        ledger: Ledger,
        mapping: Mapping,
        (writer, clock): (&str, Clock),
        steps: Steps,
    ) -> Result<Self, Error> {
        let writer = writer.to_owned();
        let lake = blocking(move || {
            let lock = Lock::take_all(&layout, &writer, clock.now())?;
            let raw = Raw::at(&layout.raw)?;
            raw.create()?;
            let (folder, fields) = (layout.store.clone(), Arc::clone(&mapping.fields));
            durable::create_folder(&folder).map_err(disk("create the folder", &folder))?;
            let (footers, bounds) = (Arc::default(), Bounds::default());
            let schemas = Table::ALL.iter().map(|table| (*table, table.schema(&fields)));
            let schemas = Arc::new(schemas.collect());
            let store = Store { folder, fields, steps: steps.clone(), footers, bounds, schemas };
            let (visible, writing) = (layout.visible(), Mutex::default());
            let odd_values = AtomicU64::new(0);
            let inner = Inner {
                raw,
                visible,
                store,
                ledger,
                mapping,
                clock,
                steps,
                odd_values,
                writing,
                lock,
            };
            Ok(Self { inner: Arc::new(inner) })
        })
        .await?;
        lake.recover().await?;
        Ok(lake)
    }

    /// The raw snapshots, for callers that are on a blocking thread already.
    pub fn raw(&self) -> &Raw {
        &self.inner.raw
    }

    /// Replaces the snapshot of an issue durably; `previous` is its former key when it moved.
    pub async fn write_raw(
        &self,
        key: &IssueKey,
        json: Vec<u8>,
        previous: Option<&IssueKey>,
    ) -> Result<(), Error> {
        let (inner, key, previous) = (Arc::clone(&self.inner), key.clone(), previous.cloned());
        blocking(move || inner.raw.write(&key, &json, previous.as_ref())).await
    }

    /// The snapshot of the issue that has this key: `None` when there is none, an error when there
    /// is one that cannot be read.
    pub async fn read_raw(&self, key: &IssueKey) -> Result<Option<Snapshot>, Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        blocking(move || inner.raw.read(&key)).await
    }

    /// Keeps the unreadable snapshot file of an issue under a hidden name, so that its name is free.
    pub async fn set_raw_aside(&self, key: &IssueKey) -> Result<(), Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        blocking(move || inner.raw.set_aside(&key)).await
    }

    /// Makes a snapshot a tombstone; answers whether there was one.
    pub async fn mark_deleted(&self, key: &IssueKey, deletion: &Deletion) -> Result<bool, Error> {
        let (inner, key, deletion) = (Arc::clone(&self.inner), key.clone(), *deletion);
        blocking(move || inner.raw.mark_deleted(&key, &deletion)).await
    }

    /// Compares the catalog with the files.
    pub async fn verify(&self) -> Result<Vec<FileFinding>, Error> {
        let _writing = self.inner.writing.lock().await;
        let (catalog, inner) = (self.catalog().await?, Arc::clone(&self.inner));
        blocking(move || verify::compare(&inner.visible, &inner.store.folder, &catalog)).await
    }

    pub(crate) async fn catalog(&self) -> Result<Vec<CatalogFile>, Error> {
        self.inner.ledger.catalog().await.map_err(asked("list the catalog"))
    }
}

impl Inner {
    /// Makes every visible name show what the catalog says, and removes those it does not name.
    pub(crate) fn show(&self, catalog: &[CatalogFile]) -> Result<(), Error> {
        let stale = publish::stale(&self.visible, &self.store.folder, catalog)?;
        publish::publish(&self.visible, &self.store.folder, (&stale, &[]), &self.steps)?;
        for stray in publish::strays(&self.visible, catalog)? {
            // Its rows are in the catalog's files, or left by a confirmed delete or a move: the start
            // adopted all others.
            tracing::info!(path = %stray.display(), "removing a table file that no commit names");
            self.visible.remove(&stray).map_err(disk("remove", &stray))?;
        }
        views::refresh(&self.visible, &self.mapping.fields)
    }

    /// Makes the dimensions from their entries; answers those that cannot be read.
    pub(crate) fn make_dimensions(&self) -> Result<Vec<(String, String)>, Error> {
        dimension::make_all(&self.raw, &self.visible, &self.mapping.fields)
    }
}

/// Runs disk and CPU work where it holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|source| Error::CutOff { source })?
}
