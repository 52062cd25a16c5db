//! The sweep: what changed lately, asked of the search index and compared with what is known. It
//! finds what no webhook told.
//!
//! Promises: a stop of any length is covered, since a pass looks back to the start of the last one
//! that succeeded, with an overlap; bounds are relative, so that no zone and no clock but Jira's
//! plays a part, and there is no upper one; the index lags, so a longer look back repeats what the
//! passes may have been too early for. What differs is only hinted: the loop finds out.

use std::time::Duration;

use jira::client::Client;
use jira::id::Subject;
use jira::payload::Found;
use jira::time::{Clock, Instant};
use ledger::{Known, Ledger, Source};
use serde::Serialize;
use tracing::info;

use crate::Error;
use crate::walk::{Ask, Walk, within};

/// Where the last pass that succeeded began, in epoch milliseconds.
const CURSOR: &str = "sweep";

/// JQL knows minutes, clocks differ, and the index needs a moment.
const OVERLAP: Duration = Duration::from_secs(5 * 60);

/// What a first pass looks back.
const FIRST: Duration = Duration::from_secs(3600);

/// Looks for changes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// Asks with the sweep's urgency.
    pub client: Client,
    /// What is known.
    pub ledger: Ledger,
    /// The time.
    pub clock: Clock,
    /// Projects to keep; empty means all.
    pub projects: Vec<String>,
}

/// What a pass found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Swept {
    /// Issues that changed within the look back.
    pub found: u64,
    /// Those that differ from what is known: they are hinted.
    pub hinted: u64,
    /// Entries that could not be read; the pass does not count as a success.
    pub unreadable: u64,
}

impl Sweep {
    /// One pass, back to the start of the last that succeeded.
    pub async fn pass(&self) -> Result<Swept, Error> {
        let began = self.clock.now();
        let swept = match look_back(self.last_success().await?, began) {
            LookBack::Span(span) => self.look_back(span).await?,
            LookBack::Whole => self.whole().await?,
        };
        if swept.unreadable == 0 {
            self.ledger.set_cursor(CURSOR, &began.millis().to_string()).await?;
        }
        Ok(swept)
    }

    /// Compares everything that changed within `span`; says nothing about the next pass.
    pub async fn look_back(&self, span: Duration) -> Result<Swept, Error> {
        let minutes = span.as_secs().div_ceil(60).max(1);
        let changed = within(&self.projects, &format!("updated >= \"-{minutes}m\""));
        self.walk(format!("{changed} ORDER BY updated ASC, id ASC"), Wanted::Changed).await
    }

    /// Compares every issue that Jira shows, whenever it changed: for when nobody knows since when
    /// changes may have been missed.
    pub async fn whole(&self) -> Result<Swept, Error> {
        let all = within(&self.projects, "created >= \"1971-01-01 00:00\"");
        self.walk(format!("{all} ORDER BY created ASC, id ASC"), Wanted::ChangedOrIncomplete).await
    }

    async fn walk(&self, jql: String, wanted: Wanted) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        let mut walk = Walk::new(self.client.clone(), jql, Ask::Updated, None);
        while let Some(page) = walk.next().await? {
            swept.found += page.found.len() as u64;
            swept.unreadable += page.unreadable as u64;
            swept.hinted += self.compare(&page.found, wanted).await?;
        }
        if swept.hinted > 0 {
            let hinted = swept.hinted;
            info!(hinted, "the sweep found {hinted} issues that differ from the copy");
        }
        Ok(swept)
    }

    async fn compare(&self, found: &[Found], wanted: Wanted) -> Result<u64, Error> {
        let ids: Vec<_> = found.iter().map(|found| found.id).collect();
        let known = self.ledger.known(&ids).await?;
        let incomplete = |known: Option<&Known>| {
            wanted == Wanted::ChangedOrIncomplete
                && known.is_some_and(|known| !known.complete && !known.in_work)
        };
        let wanted = found.iter().filter(|found| {
            let known = known.get(&found.id);
            differs(found, known) || incomplete(known)
        });
        let subjects: Vec<Subject> = wanted.map(|found| Subject::Id(found.id)).collect();
        for some in subjects.chunks(200) {
            self.ledger.hint(some, Source::Sweep, self.clock.now()).await?;
        }
        Ok(subjects.len() as u64)
    }

    async fn last_success(&self) -> Result<Option<Instant>, Error> {
        let value = self.ledger.cursor(CURSOR).await?;
        // An unreadable cursor is as good as none: a first pass and the census cover it.
        Ok(value.and_then(|text| text.parse().ok()).and_then(Instant::from_millis))
    }
}

/// Which of the issues that are found are hinted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Those that differ from what is known.
    Changed,
    /// Those too of which a part is missing and that nobody will look at.
    ChangedOrIncomplete,
}

/// How far a pass looks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LookBack {
    /// So far.
    Span(Duration),
    /// Over everything.
    Whole,
}

/// A last success that lies in the future was noted by a clock that was ahead. It says nothing about
/// when it was, so all that may have changed since is everything. A clock may be set back by less
/// than the overlap without that.
fn look_back(last: Option<Instant>, now: Instant) -> LookBack {
    let since = match last {
        None => earlier(now, FIRST),
        Some(last) if last > now.plus(OVERLAP) => return LookBack::Whole,
        Some(last) => last.min(now),
    };
    let ahead = last.map_or(Duration::ZERO, |last| last.since(now));
    LookBack::Span(now.since(since).saturating_add(OVERLAP).saturating_add(ahead))
}

/// Whether Jira shows something else than what is known. A site that was restored to an older state
/// shows an older `updated`, so older counts too.
pub(crate) fn differs(found: &Found, known: Option<&Known>) -> bool {
    let Some(known) = known else { return true };
    known.deleted_at.is_some()
        || found.updated.is_some() && found.updated != known.updated
        || found.key.as_ref().is_some_and(|key| *key != known.key)
}

pub(crate) fn earlier(now: Instant, span: Duration) -> Instant {
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Instant::from_millis(now.millis().saturating_sub(millis)).unwrap_or(now)
}

#[cfg(test)]
mod tests;
