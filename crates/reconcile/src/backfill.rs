//! The backfill: hints every issue that a query finds, so that the loop copies it, many at a time.
//!
//! Promises: the cursor moves with the hints of each page, so that a kill anywhere costs at most a
//! page; a short page is not the last one; what the index does not show yet comes by webhook or sweep.
//! An issue is skipped only if the ledger knows it complete, as new as in Jira and not lost, its raw
//! snapshot is there as a regular file, and the files of its month are in the store.

use std::collections::HashMap;

use jira::client::{Client, Error as JiraError};
use jira::id::{IssueId, Subject};
use jira::payload::Found;
use lake::Presence;
use ledger::{Known, Ledger, Loss, Placed, Source};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::sweep::differs;
use crate::walk::{Ask, Walk};

/// Where a walk that was cut off goes on.
const CURSOR: &str = "backfill";

/// What is done with issues that are here already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Existing {
    /// They are left alone if they are complete and as new as in Jira.
    Skip,
    /// They are fetched again.
    Fetch,
}

/// Whether hints are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// They are.
    Real,
    /// It is only counted what would be hinted.
    Dry,
}

/// What a walk found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Walked {
    /// Issues that the query finds.
    pub issues: u64,
    /// Those that are hinted now.
    pub hinted: u64,
    /// Entries without a readable id: something that was not read.
    pub unreadable: u64,
}

/// Where a walk is.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    jql: String,
    existing: Existing,
    token: Option<String>,
    found: Walked,
    done: bool,
}

/// Walks a query. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Backfill {
    /// Asks with the backfill's urgency.
    pub client: Client,
    /// The memory.
    pub ledger: Ledger,
    /// A bounded query.
    pub jql: String,
    /// What is done with issues that are here already.
    pub existing: Existing,
    /// The files of the copy: only what is on disk is skipped. `None`: the ledger's word counts.
    pub presence: Option<Presence>,
}

impl Backfill {
    /// Hints all issues that the query finds, going on where a walk of the same query was cut off.
    /// `progress` is told the counts so far.
    pub async fn run(
        &self,
        run: Run,
        mut progress: impl FnMut(Walked) + Send,
    ) -> Result<Walked, Error> {
        let (mut token, mut found) = match run {
            Run::Real => self.resume().await?,
            Run::Dry => (None, Walked::default()),
        };
        let resumed = token.is_some();
        match self.walk(token.take(), run, (&mut found, &mut progress)).await {
            // A token lives seven days; a walk that was cut off longer ago starts over.
            Err(Error::Jira(JiraError::Rejected { status: 400 })) if resumed => {
                found = Walked::default();
                self.walk(None, run, (&mut found, &mut progress)).await?;
            }
            walked => walked?,
        }
        if run == Run::Real {
            self.remember(None, found, true).await?;
        }
        Ok(found)
    }

    async fn walk(
        &self,
        token: Option<String>,
        run: Run,
        (found, progress): (&mut Walked, &mut (impl FnMut(Walked) + Send)),
    ) -> Result<(), Error> {
        // Only who compares `updated` has to ask for it.
        let ask = match self.existing {
            Existing::Skip => Ask::Updated,
            Existing::Fetch => Ask::Keys,
        };
        let mut walk = Walk::new(self.client.clone(), self.jql.clone(), ask, token);
        while let Some(page) = walk.next().await? {
            let wanted = self.wanted(&page.found, run).await?;
            found.issues += page.found.len() as u64;
            found.unreadable += page.unreadable as u64;
            found.hinted += wanted.len() as u64;
            if run == Run::Real {
                let value = self.cursor(page.next, *found, false)?;
                let cursor = (CURSOR, value.as_str());
                self.ledger.hint_walked(&wanted, Source::Backfill, cursor).await?;
            }
            progress(*found);
        }
        Ok(())
    }

    async fn wanted(&self, found: &[Found], run: Run) -> Result<Vec<Subject>, Error> {
        let ids: Vec<_> = found.iter().map(|found| found.id).collect();
        let known = match self.existing {
            Existing::Fetch => HashMap::new(),
            Existing::Skip => self.ledger.known(&ids).await?,
        };
        let lost = match &self.presence {
            Some(presence) => self.lost(&known, presence.clone()).await?,
            None => HashMap::new(),
        };
        if run == Run::Real {
            let losses: Vec<_> = lost.iter().map(|(id, loss)| (*id, *loss)).collect();
            self.ledger.record_loss(&losses).await?;
        }
        let wanted = found.iter().filter(|found| {
            let known = known.get(&found.id);
            differs(found, known)
                || lost.contains_key(&found.id)
                || known.is_some_and(|known| (!known.complete || known.lost) && !known.in_work)
        });
        Ok(wanted.map(|found| Subject::Id(found.id)).collect())
    }

    /// Those of the known issues of whose copy a file is missing.
    async fn lost(
        &self,
        known: &HashMap<IssueId, Known>,
        presence: Presence,
    ) -> Result<HashMap<IssueId, Loss>, Error> {
        let live = known.values().filter(|known| known.deleted_at.is_none());
        let live: HashMap<_, _> = live.map(|known| (known.id, known.key.clone())).collect();
        let ids: Vec<_> = live.keys().copied().collect();
        let placed = self.ledger.placed(&ids).await?;
        let look = move || {
            let loss = |placed: &Placed| match live.get(&placed.id) {
                Some(key) if !presence.has_snapshot(key) => Some(Loss::RawMissing),
                _ if !presence.has_month(&placed.month) => Some(Loss::RowsMissing),
                _ => None,
            };
            placed.iter().filter_map(|placed| Some((placed.id, loss(placed)?))).collect()
        };
        tokio::task::spawn_blocking(look).await.map_err(|_| Error::SearchBrokeOff)
    }

    async fn resume(&self) -> Result<(Option<String>, Walked), Error> {
        let text = self.ledger.cursor(CURSOR).await?;
        let cursor = text.and_then(|text| serde_json::from_str::<Cursor>(&text).ok());
        let same = cursor.filter(|cursor| {
            !cursor.done && cursor.jql == self.jql && cursor.existing == self.existing
        });
        Ok(same.map_or((None, Walked::default()), |cursor| (cursor.token, cursor.found)))
    }

    async fn remember(
        &self,
        token: Option<String>,
        found: Walked,
        done: bool,
    ) -> Result<(), Error> {
        let value = self.cursor(token, found, done)?;
        Ok(self.ledger.set_cursor(CURSOR, &value).await?)
    }

    fn cursor(&self, token: Option<String>, found: Walked, done: bool) -> Result<String, Error> {
        let (jql, existing) = (self.jql.clone(), self.existing);
        let cursor = Cursor { jql, existing, token, found, done };
        serde_json::to_string(&cursor).map_err(|_| Error::SearchBrokeOff)
    }
}

#[cfg(test)]
mod tests;
