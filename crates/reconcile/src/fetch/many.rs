//! Fetches many issues with few requests: `/issue/bulkfetch`, then `/changelog/bulkfetch`; single
//! pages only for what their embed limits cut off.
//!
//! Promises the same as for one: every part is complete or says why not. Remote links, which have
//! no bulk call, are put off. What the answer leaves out (Jira leaves out silently what is gone,
//! hidden or failed) is named, to be looked at alone; it is never taken for gone.

use std::collections::{HashMap, HashSet};

use futures::StreamExt;
use jira::client::{Error as JiraError, Fields, History};
use jira::id::IssueId;
use serde_json::{Map, Value};

use super::{Fetched, Fetcher, Values, fields_of, identity, may_heal, not_read};
use crate::Error;
use crate::part::{Part, Retry};

/// Issues of one bulk answer whose cut-off pages are fetched side by side.
const SIDE_BY_SIDE: usize = 4;

/// Pages of one bulk history: a bound against a server that never ends.
const MOST_PAGES: u32 = 1_000;

/// Why remote links are not there yet.
const PUT_OFF: &str = "remote links: put off until nothing more urgent is left";

/// What came back for many issues.
#[derive(Debug)]
pub struct FetchedMany {
    /// The issues that came, each whole or failed on its own.
    pub found: Vec<(IssueId, Result<Fetched, Error>)>,
    /// Those that the answer left out.
    pub missing: Vec<IssueId>,
}

/// SLA values by issue, or why they could not be read.
type ValuesOfMany = Result<HashMap<IssueId, Map<String, Value>>, (String, Retry)>;

/// Histories by issue, or why there are none.
type Histories = Result<HashMap<IssueId, Vec<Value>>, JiraError>;

impl Fetcher {
    /// Up to 100 issues. An error is about all of them.
    pub async fn fetch_many(&self, ids: &[IssueId]) -> Result<FetchedMany, Error> {
        let early = self.refused.load(std::sync::atomic::Ordering::Relaxed);
        // First the issues: a history that was read before its issue could lack the change that the
        // issue's `updated` tells of, and no comparison by `updated` would ever find out.
        let issues = self.main.bulk_issues(ids, &Fields::All, History::Leave).await?;
        let (histories, overlay) = tokio::join!(self.histories(ids), async {
            if early { Some(self.overlays(ids).await) } else { None }
        },);
        let histories = match histories {
            Ok(histories) => Ok(histories),
            // The reason of each issue's incomplete history, or everybody's error.
            Err(error) => Err((super::blame("changelog", &error), may_heal(error)?)),
        };
        let asked: HashSet<IssueId> = ids.iter().copied().collect();
        let mut issues: HashMap<IssueId, Value> = issues
            .issues
            .into_iter()
            .filter_map(|issue| Some((identity(&issue).ok()?.0, issue)))
            .filter(|(id, _)| asked.contains(id))
            .collect();
        let missing = ids.iter().copied().filter(|id| !issues.contains_key(id)).collect();
        let overlay = match overlay {
            None if issues.values().any(|issue| self.refused_fields(issue).is_some()) => {
                Some(self.overlays(ids).await)
            }
            known => known,
        };
        let parts = ids.iter().filter_map(|id| {
            let history = match &histories {
                Ok(histories) => Part::Complete(histories.get(id).cloned().unwrap_or_default()),
                Err((reason, again)) => Part::failed(reason.clone(), *again),
            };
            Some((*id, issues.remove(id)?, history, values_of(overlay.as_ref(), *id)))
        });
        let found = futures::stream::iter(parts.collect::<Vec<_>>())
            .map(|(id, issue, history, values)| async move {
                (id, self.complete(id, issue, (history, values)).await)
            })
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        Ok(FetchedMany { found, missing })
    }

    /// Fetches what the bulk answer cut off.
    async fn complete(
        &self,
        id: IssueId,
        issue: Value,
        (changelog, values): (Part, Option<Values>),
    ) -> Result<Fetched, Error> {
        let (_, key) = identity(&issue)?;
        let (comments, worklogs, sla) = tokio::join!(
            self.comments(id, &issue),
            self.worklogs(id, &issue),
            self.sla(id, &issue, values),
        );
        let remote_links = Part::failed(PUT_OFF, Retry::Later);
        let (comments, worklogs, sla) = (comments?, worklogs?, sla?);
        Ok(Fetched { id, key, issue, comments, changelog, worklogs, remote_links, sla })
    }

    /// The whole histories of the issues: pages are by date over all of them, so one issue can be on
    /// several.
    async fn histories(&self, ids: &[IssueId]) -> Histories {
        let mut all: HashMap<IssueId, Vec<Value>> = HashMap::new();
        let mut seen: HashSet<(IssueId, String)> = HashSet::new();
        let mut token = None;
        for _ in 0..MOST_PAGES {
            let page = self.main.bulk_changelogs(ids, token.as_deref()).await?;
            if page.unreadable > 0 {
                return Err(JiraError::Malformed { what: "a history of no issue" });
            }
            for (id, histories) in page.histories {
                let fresh = histories.into_iter().filter(|history| {
                    let number = history.get("id").map(ToString::to_string).unwrap_or_default();
                    seen.insert((id, number))
                });
                all.entry(id).or_default().extend(fresh);
            }
            match page.next {
                None => return Ok(all),
                Some(next) if token.as_ref() == Some(&next) => break,
                Some(next) => token = Some(next),
            }
        }
        Err(JiraError::Malformed { what: "histories without an end" })
    }

    /// The SLA values of many issues, through the service account.
    async fn overlays(&self, ids: &[IssueId]) -> ValuesOfMany {
        let Some(service) = &self.service else { return Ok(HashMap::new()) };
        let answer = service.bulk_issues(ids, &self.sla_query(), History::Leave).await;
        let issues = answer.map_err(not_read)?.issues;
        Ok(issues
            .iter()
            .filter_map(|issue| Some((identity(issue).ok()?.0, fields_of(issue))))
            .collect())
    }
}

/// The values of one issue. One that the service account was not shown may come another time.
fn values_of(overlay: Option<&ValuesOfMany>, id: IssueId) -> Option<Values> {
    let unseen =
        || ("SLA values: the service account was not shown the issue".to_owned(), Retry::Never);
    Some(match overlay? {
        Ok(all) => all.get(&id).cloned().ok_or_else(unseen),
        Err(failure) => Err(failure.clone()),
    })
}
