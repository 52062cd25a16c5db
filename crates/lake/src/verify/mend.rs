//! The repair of damaged files of one month.
//!
//! The cheapest source that is proven is used: the store's file for a damaged name, the name's copy
//! for a damaged file of the store, else the raw snapshots and whatever row groups are still intact.
//! A rebuild is an ordinary commit: new files, one transaction, new names. Tables that cannot be
//! rebuilt yet stay as they are, and the issues that block them are returned.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use jira::id::IssueId;
use jira::time::Month;
use ledger::{CatalogFile, Loss};
use transform::Table;

use super::inspect::inspect;
use super::{FileState, is_one_file, regular};
use crate::durable;
use crate::error::{Error, disk};
use crate::open::{Inner, Lake, Writing, blocking};
use crate::publish;
use crate::raw::chain;
use crate::stage::{Base, Job, recorded};

/// The outcome of a repair.
#[derive(Debug, Default)]
pub(crate) struct MendOutcome {
    /// Files that are damaged, in the store or as they are visible.
    pub(crate) damaged: u64,
    /// Those of them that are whole again.
    pub(crate) repaired: u64,
    /// Files that could not be read, so that nothing is known about them.
    pub(crate) unread: u64,
    /// Issues without a readable snapshot that block a rebuild.
    pub(crate) blocking: BTreeMap<IssueId, Loss>,
    /// Damaged files that wait for them.
    pub(crate) waiting: Vec<CatalogFile>,
}

/// The damaged files of a month.
type DamagedTables = BTreeMap<Table, Vec<CatalogFile>>;

/// The repair that a file needs.
enum Remedy {
    None,
    /// The name shows something else than the store's file.
    Relink,
    /// The name's copy is whole and the store's file is not.
    Restore,
    /// Neither is whole.
    Rebuild,
    Unread,
}

impl Lake {
    /// Verifies suspected files of one month again while nobody writes, and repairs those that are
    /// damaged.
    pub(crate) async fn mend(
        &self,
        month: &Month,
        suspects: &[CatalogFile],
    ) -> Result<MendOutcome, Error> {
        let mut writing = self.inner.writing.lock().await;
        if writing.behind {
            self.catch_up(&mut writing).await?;
        }
        let current = self.files_of(&mut writing, &BTreeSet::from([month.clone()])).await?;
        let suspects = suspects.iter().map(|file| file.path.as_str()).collect::<BTreeSet<_>>();
        // A commit may have replaced a file since it was suspected.
        let named = current.iter().filter(|file| suspects.contains(file.path.as_str()));
        let named = named.cloned().collect::<Vec<_>>();
        let inner = Arc::clone(&self.inner);
        let (mut outcome, damaged) = blocking(move || inner.mend_names(named)).await?;
        if !damaged.is_empty() {
            self.rebuild_damaged((&mut writing, &current), damaged, &mut outcome).await?;
        }
        Ok(outcome)
    }

    /// Rebuilds the tables of damaged files, all together or, when some are blocked, one by one.
    async fn rebuild_damaged(
        &self,
        (writing, current): (&mut Writing, &[CatalogFile]),
        damaged: DamagedTables,
        outcome: &mut MendOutcome,
    ) -> Result<(), Error> {
        let all = damaged.keys().copied().collect::<Vec<_>>();
        match self.rebuild_tables(writing, current, &all).await {
            Ok(()) => {
                outcome.repaired += damaged.values().map(|files| files.len() as u64).sum::<u64>();
                return Ok(());
            }
            Err(Error::Blocked { issues, .. }) => outcome.blocking.extend(issues),
            Err(error) => return Err(error),
        }
        for (table, files) in damaged {
            if all.len() == 1 {
                outcome.waiting.extend(files);
                continue;
            }
            match self.rebuild_tables(writing, current, &[table]).await {
                Ok(()) => outcome.repaired += files.len() as u64,
                Err(Error::Blocked { .. }) => outcome.waiting.extend(files),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn rebuild_tables(
        &self,
        writing: &mut Writing,
        current: &[CatalogFile],
        tables: &[Table],
    ) -> Result<(), Error> {
        let mut jobs = Vec::new();
        for table in tables.iter().copied() {
            let files = current.iter().filter(|file| file.table == table.name());
            let files = files.cloned().collect::<Vec<_>>();
            let Some(month) = files.first().map(|file| file.month.clone()) else { continue };
            let (gone, told, new) = Default::default();
            jobs.push(Job { table, month, base: Base::Current(files), gone, told, new });
        }
        let id = self.number(writing).await?;
        let prepared = self.repair(jobs, &Arc::default(), id).await?;
        self.seal(writing, id, (prepared, Vec::new(), Vec::new()), current).await
    }
}

impl Inner {
    /// Repairs what links repair. Returns the files that need a rebuild.
    fn mend_names(
        &self,
        suspects: Vec<CatalogFile>,
    ) -> Result<(MendOutcome, DamagedTables), Error> {
        let (mut outcome, mut damaged) = (MendOutcome::default(), DamagedTables::new());
        let mut relink = Vec::new();
        for file in suspects {
            let Some(table) = Table::named(&file.table) else { continue };
            let remedy = self.remedy(table, &file);
            match remedy {
                Remedy::None => continue,
                Remedy::Unread => {
                    outcome.unread += 1;
                    continue;
                }
                Remedy::Relink => relink.push(file),
                Remedy::Restore => {
                    self.restore(table, &file)?;
                    outcome.repaired += 1;
                }
                Remedy::Rebuild => {
                    self.displace(&file)?;
                    damaged.entry(table).or_default().push(file);
                }
            }
            outcome.damaged += 1;
        }
        publish::publish(&self.visible, &self.store.folder, (&relink, &[]), &self.steps)?;
        outcome.repaired += relink.len() as u64;
        Ok((outcome, damaged))
    }

    fn remedy(&self, table: Table, file: &CatalogFile) -> Remedy {
        let stored = self.store.folder.join(&file.path);
        let name = self.visible.part(table, &file.month, file.part);
        let store = inspect(&stored, recorded(file));
        if store.is_ok() && is_one_file(&name, &stored) {
            return Remedy::None;
        }
        let shown = inspect(&name, recorded(file));
        let remedy = match (&store, &shown) {
            (Ok(()), Ok(())) => return Remedy::None,
            (Ok(()), Err(_)) => Remedy::Relink,
            // What could not be looked at may be whole.
            (Err(unfit), _) if matches!(FileState::of(unfit), FileState::Unread(_)) => {
                Remedy::Unread
            }
            (Err(_), Ok(())) => Remedy::Restore,
            (Err(_), Err(_)) => Remedy::Rebuild,
        };
        for (path, found) in [(&stored, &store), (&name, &shown)] {
            if let Err(unfit) = found {
                let why = chain(unfit);
                tracing::warn!(path = %path.display(), table = table.name(), month = %file.month, why, "a table file is damaged: {why}");
            }
        }
        remedy
    }

    /// Gives the store its file again from the copy that is visible.
    fn restore(&self, table: Table, file: &CatalogFile) -> Result<(), Error> {
        let stored = self.store.folder.join(&file.path);
        let name = self.visible.part(table, &file.month, file.part);
        regular::make_way(&stored)
            .and_then(|()| durable::link(&name, &stored))
            .and_then(|_| durable::sync_folder(durable::parent(&stored)?))
            .map_err(disk("restore the table file", &stored))?;
        self.store.footers.forget(&file.path);
        Ok(())
    }

    /// Frees the name of a file of the store from what is not a file: nothing can be salvaged of it,
    /// and a folder would be in the way of every sweep.
    fn displace(&self, file: &CatalogFile) -> Result<(), Error> {
        let stored = self.store.folder.join(&file.path);
        match fs::symlink_metadata(&stored) {
            Ok(seen) if !seen.is_file() => {
                regular::remove(&stored).map(drop).map_err(disk("displace", &stored))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
