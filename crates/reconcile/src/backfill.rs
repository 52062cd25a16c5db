//! The backfill: hints every issue that a query finds, so that the loop copies it, many at a time.
//!
//! Promises: the cursor moves with the hints of each page, so that a kill anywhere costs at most a
//! page; a short page is not the last one; what the index does not show yet comes by webhook or sweep.
//! Issues that are here, complete and as new as in Jira are skipped.

use jira::client::{Client, Error as JiraError, Found};
use jira::id::Subject;
use ledger::{Ledger, Source};
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

/// Hints all issues that `jql` finds. `progress` is told the count so far.
pub async fn hint_all(
    client: &Client,
    ledger: &Ledger,
    clock: &Clock,
    jql: &str,
    mut progress: impl FnMut(u64),
) -> Result<Found, Error> {
    let mut token = None;
    let mut found = Found::default();
    for _ in 0..MOST_PAGES {
        let page = client.search_keys(jql, token.as_deref()).await?;
        let subjects: Vec<Subject> = page.found.iter().map(|found| Subject::Id(found.id)).collect();
        for some in subjects.chunks(HINTS_TOGETHER) {
            ledger.hint(some, Source::Backfill, clock.now()).await?;
        }
        found.issues += subjects.len() as u64;
        found.unreadable += page.unreadable as u64;
        progress(found.issues);
        match page.next {
            // A server that hands out the same token for ever would be walked for ever.
            Some(next) if token.as_ref() == Some(&next) => return Err(Error::EndlessSearch),
            Some(next) => token = Some(next),
            None if page.is_last == Some(false) => return Err(Error::SearchBrokeOff),
            None => return Ok(found),
        }
    }
    Err(Error::EndlessSearch)
}
