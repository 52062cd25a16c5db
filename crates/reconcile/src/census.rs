//! The census: all ids that Jira shows against all that are known. It finds what is missing here and
//! what is gone there.
//!
//! Promises: nothing is held to be missing in Jira unless the whole walk came to its end and every
//! entry was readable; and even then it is only hinted, for the loop to prove. If far more is missing
//! than can be right, only enough is hinted for the breaker to notice.

use std::collections::HashSet;

use jira::client::Client;
use jira::id::{IssueId, Subject};
use jira::payload::Found;
use jira::time::Clock;
use ledger::{Ledger, Source};
use serde::Serialize;
use tracing::{error, info};

use crate::Error;
use crate::sweep::differs;
use crate::walk::{Ask, Walk, within};

/// Known issues that are compared at a time.
const PAGE: u32 = 2_000;

/// The fewest missing issues that are too many on any site; see the breaker.
const SUSPICIOUS: usize = 100;

/// When the last census succeeded, in epoch milliseconds.
const CURSOR: &str = "census";

/// Counts issues. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Census {
    /// Asks with the sweep's urgency.
    pub client: Client,
    /// What is known.
    pub ledger: Ledger,
    /// The time.
    pub clock: Clock,
    /// Projects to keep; empty means all.
    pub projects: Vec<String>,
}

/// What a census found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counted {
    /// Issues that Jira shows.
    pub in_jira: u64,
    /// Issues that are known here and exist.
    pub here: u64,
    /// Those that Jira shows and that are unknown, moved or deleted here.
    pub missing_here: u64,
    /// Those that are known here and that Jira does not show.
    pub missing_there: u64,
    /// Entries that could not be read: then nothing was held to be missing in Jira.
    pub unreadable: u64,
}

impl Census {
    /// Counts once, and hints what differs.
    pub async fn pass(&self) -> Result<Counted, Error> {
        let began = self.clock.now();
        let bounded = within(&self.projects, "created >= \"1971-01-01 00:00\"");
        let jql = format!("{bounded} ORDER BY created ASC, id ASC");
        let (mut counted, mut shown) = (Counted::default(), HashSet::new());
        let mut walk = Walk::new(self.client.clone(), jql, Ask::Keys, None);
        while let Some(page) = walk.next().await? {
            shown.extend(page.found.iter().map(|found| found.id));
            counted.unreadable += page.unreadable as u64;
            counted.missing_here += self.missing_here(&page.found).await?;
        }
        counted.in_jira = shown.len() as u64;
        if counted.unreadable == 0 {
            self.missing_there(&shown, &mut counted).await?;
            self.ledger.set_cursor(CURSOR, &began.millis().to_string()).await?;
        }
        info!(
            in_jira = counted.in_jira,
            here = counted.here,
            missing_here = counted.missing_here,
            missing_there = counted.missing_there,
            unreadable = counted.unreadable,
            "census: {} in Jira, {} here",
            counted.in_jira,
            counted.here
        );
        Ok(counted)
    }

    async fn missing_here(&self, found: &[Found]) -> Result<u64, Error> {
        let ids: Vec<IssueId> = found.iter().map(|found| found.id).collect();
        let known = self.ledger.known(&ids).await?;
        let missing = found.iter().filter(|found| differs(found, known.get(&found.id)));
        let subjects: Vec<Subject> = missing.map(|found| Subject::Id(found.id)).collect();
        for some in subjects.chunks(200) {
            self.ledger.hint(some, Source::Sweep, self.clock.now()).await?;
        }
        Ok(subjects.len() as u64)
    }

    /// An answer to nobody in particular shows nothing: who we are comes first.
    async fn missing_there(
        &self,
        shown: &HashSet<IssueId>,
        counted: &mut Counted,
    ) -> Result<(), Error> {
        self.client.identify().await?;
        let mut gone = Vec::new();
        let mut after = None;
        loop {
            let page = self.ledger.known_after(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for known in page.iter().filter(|known| known.deleted_at.is_none()) {
                counted.here += 1;
                // An issue that is in work is looked at anyway.
                if !shown.contains(&known.id) && !known.in_work {
                    gone.push(Subject::Id(known.id));
                }
            }
        }
        counted.missing_there = gone.len() as u64;
        let bound = SUSPICIOUS.max(usize::try_from(counted.here / 50).unwrap_or(SUSPICIOUS));
        if gone.len() > bound {
            error!(
                missing = gone.len(),
                "{} issues are not shown by Jira any more: looking at {bound} of them only; check \
                 the account's permissions",
                gone.len()
            );
            gone.truncate(bound);
        }
        for some in gone.chunks(200) {
            self.ledger.hint(some, Source::Sweep, self.clock.now()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
