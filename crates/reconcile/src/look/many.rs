//! One look at many issues: a few bulk requests in the place of several for each.
//!
//! For issues that are simply due. What has failed before, is perhaps gone, or is known by its key
//! only is looked at alone, and so is what the bulk answer leaves out or what only a single look can
//! tell apart. Each issue comes out ready or settled, as from a look of its own.

use std::collections::HashMap;

use futures::StreamExt;
use jira::client::Error as JiraError;
use jira::id::{IssueId, Subject};
use ledger::{Source, Work};
use tracing::debug;

use super::{Looked, Looker, Ready, Seen, too_slow, urgency};
use crate::Error;
use crate::fetch::FetchedMany;

/// Issues of one bulk look that are looked at alone, side by side.
const ALONE: usize = 4;

/// What a look at one of many came to.
pub(crate) type Ended = (Work, Result<Seen, Error>);

impl Looker {
    /// Looks at up to 100 issues.
    pub(crate) async fn look_at_many(&self, works: Vec<Work>) -> Vec<Ended> {
        let (together, mut alone): (Vec<Work>, Vec<Work>) = works.into_iter().partition(suits_bulk);
        let mut ended = Vec::new();
        if !together.is_empty() {
            let (done, rest) = self.together(together).await;
            ended.extend(done);
            alone.extend(rest);
        }
        let looks = alone.into_iter().map(|work| async move {
            let seen = self.look(work.clone()).await;
            (work, seen)
        });
        let looks: Vec<Ended> =
            futures::stream::iter(looks).buffer_unordered(ALONE).collect().await;
        ended.extend(looks);
        ended
    }

    /// Looks at them together; answers what ended, and what is to be looked at alone.
    async fn together(&self, works: Vec<Work>) -> (Vec<Ended>, Vec<Work>) {
        let began = self.clock.now();
        let ids: Vec<IssueId> = works.iter().filter_map(|work| id_of(&work.subject)).collect();
        let source = works.iter().map(|work| work.source).min().unwrap_or(Source::Backfill);
        let fetcher = self.fetcher.at(urgency(source));
        let limit = self.limits.look_timeout;
        let fetched = tokio::time::timeout(limit, fetcher.fetch_many(&ids)).await;
        let fetched = fetched.unwrap_or_else(|_| Err(too_slow(limit)));
        let FetchedMany { found, .. } = match fetched {
            Ok(fetched) => fetched,
            Err(error) if is_about_one(&error) => {
                debug!("a bulk look did not work out, looking at each issue alone: {error}");
                return (Vec::new(), works);
            }
            Err(error) => return (self.settle_all(works, &error).await, Vec::new()),
        };
        let mut found: HashMap<IssueId, _> = found.into_iter().collect();
        let (mut ended, mut alone) = (Vec::new(), Vec::new());
        for work in works {
            let Some(fetched) = id_of(&work.subject).and_then(|id| found.remove(&id)) else {
                alone.push(work);
                continue;
            };
            let looked = match fetched {
                Ok(fetched) => self.take_in(&work, fetched).await,
                Err(error) => Err(error),
            };
            let took = self.clock.now().since(began);
            let seen = match looked {
                Ok(Looked { change, key, again }) => {
                    let (work, key) = (work.clone(), Some(key));
                    Ok(Seen::Ready(Box::new(Ready { work, change, again, key, took })))
                }
                Err(error) => self.settle(work.clone(), &error, took).await,
            };
            ended.push((work, seen));
        }
        (ended, alone)
    }

    async fn settle_all(&self, works: Vec<Work>, error: &Error) -> Vec<Ended> {
        let mut ended = Vec::new();
        for work in works {
            let seen = self.settle(work.clone(), error, std::time::Duration::ZERO).await;
            ended.push((work, seen));
        }
        ended
    }
}

fn id_of(subject: &Subject) -> Option<IssueId> {
    match subject {
        Subject::Id(id) => Some(*id),
        Subject::Key(_) => None,
    }
}

fn suits_bulk(work: &Work) -> bool {
    id_of(&work.subject).is_some()
        && work.attempts == 0
        && work.absences == 0
        && !work.deleted_hint
        && work.source != Source::Later
}

/// Whether an error of the bulk request may be the fault of one of its issues, so that the others
/// can still be fetched.
fn is_about_one(error: &Error) -> bool {
    match error {
        Error::Jira(error) => match error {
            JiraError::NotFound
            | JiraError::Forbidden
            | JiraError::Malformed { .. }
            | JiraError::TooLarge { .. }
            | JiraError::Rejected { .. } => true,
            JiraError::Throttled { .. }
            | JiraError::Unreachable { .. }
            | JiraError::Server { .. }
            | JiraError::Unauthorized
            | JiraError::Anonymous => false,
        },
        Error::NotTheIssue | Error::TooSlow { .. } => true,
        Error::EndlessSearch
        | Error::SearchBrokeOff
        | Error::DetailsForbidden
        | Error::RepairWaits { .. }
        | Error::LastUnreadable(_)
        | Error::Lake(_)
        | Error::Ledger(_) => false,
    }
}
