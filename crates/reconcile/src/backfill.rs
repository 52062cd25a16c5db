//! Hints every issue that a JQL query finds, so that the loop copies it.
//!
//! Walks `/search/jql` by its tokens: a short page is not the last one, and the walk is bounded. The
//! index lags behind Jira; what it does not show yet comes by webhook.

use jira::client::Client;
use jira::id::Subject;
use jira::time::Clock;
use ledger::{Ledger, Source};

use crate::Error;

/// Pages of up to 5,000 ids: 50 million issues, more than a site can hold.
const MOST_PAGES: u32 = 10_000;

/// Hints in one transaction: deliveries wait for it.
const HINTS_TOGETHER: usize = 200;

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// Issues that are hinted now.
    pub issues: u64,
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
